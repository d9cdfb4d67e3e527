/* peer_exec: starts this program anew as the answering end, in the place that PEER_EXEC names.
 *
 * PEER_EXEC holds words with which the command of that process begins: "nsenter --net=..." puts it into another network
 * namespace. Without PEER_EXEC it runs where we run. Files stay open over the exec. */
#ifndef BENCH_PEER_EXEC_H
#define BENCH_PEER_EXEC_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEER_EXEC_WORDS 64

/* Becomes that process; `arguments` end with NULL. */
__attribute__((noreturn)) static inline void peer_exec(char *const *arguments) {
	static char program[4096], prefix[1024];
	char *words[PEER_EXEC_WORDS + 1] = {NULL};
	int n = 0;
	snprintf(prefix, sizeof prefix, "%s", getenv("PEER_EXEC") ? getenv("PEER_EXEC") : "");
	for (char *word = strtok(prefix, " "); word && n < PEER_EXEC_WORDS / 2; word = strtok(NULL, " "))
		words[n++] = word;
	if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		_exit(127);
	words[n++] = program;
	while (*arguments && n < PEER_EXEC_WORDS)
		words[n++] = *arguments++;
	execvp(words[0], words);
	perror(words[0]);
	_exit(127);
}

#endif
