/* netns: a network namespace for the test, in which it may send anything. */
#ifndef TESTS_NETNS_H
#define TESTS_NETNS_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void netns_write(const char *path, const char *text) {
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, text, strlen(text));
	close(fd);
}

/* Puts the process into a fresh namespace, in which every interface is down. Returns false when that is not possible: it needs
 * root or user namespaces, and ip(8). */
static inline bool netns_enter(void) {
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();
	if (system("command -v ip >/dev/null") != 0)
		return false;
	if (unshare(CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	netns_write("/proc/self/setgroups", "deny");
	snprintf(map, sizeof map, "0 %u 1", uid);
	netns_write("/proc/self/uid_map", map);
	snprintf(map, sizeof map, "0 %u 1", gid);
	netns_write("/proc/self/gid_map", map);
	return true;
}

#endif
