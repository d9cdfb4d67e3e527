/* replay: runs a fuzz target over files, so that `make check` tests the whole corpus with any compiler.
 *
 * It is main() for a fuzz_*.c that is built without libFuzzer. Its arguments are files and folders of files. Without any input it
 * fails, so that a corpus that moved is noticed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/target.h"

/* A target that needs no set-up does not define it. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv) {
	(void)argc;
	(void)argv;
	return 0;
}

static size_t inputs;

static void fail(const char *what, const char *path) {
	fprintf(stderr, "%s: ", path);
	perror(what);
	exit(1);
}

/* Prints the name first, so that a crash shows which file caused it. The bytes are in a block of exactly their size, so that a
 * sanitizer finds each read beyond them. */
static void replay_file(const char *path, size_t size) {
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	if (!f || !data || fread(data, 1, size, f) != size)
		fail("read", path);
	fclose(f);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	inputs++;
}

static void replay(const char *path) {
	struct stat st;
	struct dirent **entries;
	if (stat(path, &st) != 0)
		fail("stat", path);
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path, (size_t)st.st_size);
		return;
	}
	int count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		fail("scandir", path);
	for (int i = 0; i < count; i++) {
		char child[4096];
		if (entries[i]->d_name[0] != '.') {
			snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name);
			replay(child);
		}
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv) {
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%zu inputs\n", inputs);
	return inputs ? 0 : 1;
}
