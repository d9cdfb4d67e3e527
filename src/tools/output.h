/* output: writes to a descriptor that is not ours alone (stdout) without ever waiting for its reader. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct output {
	int fd;
	bool own;       /* opened anew, so that O_NONBLOCK is ours alone */
	bool is_socket; /* asked for each write */
	int flags;      /* to be restored; -1: unchanged */
};

void output_open(struct output *o, int fd);
/* As write(2): -1 and EAGAIN when the reader does not keep up. */
ssize_t output_write(const struct output *o, const void *data, size_t len);
void output_close(struct output *o);

#endif
