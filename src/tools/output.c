/* output: see its header. */
#include "tools/output.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK belongs to the open file, which a shell and the next command of a pipeline share with us. A pipe or terminal is
 * opened once more; where that is not allowed the flag is set, and taken back at the end. A file or /dev/null never waits. */
void output_open(struct output *o, int fd) {
	struct stat st;
	*o = (struct output){.fd = fd, .flags = -1};
	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd)))
		return;
	o->is_socket = S_ISSOCK(st.st_mode);
	if (o->is_socket)
		return;
	char path[32] = "/proc/self/fd/";
	path[14] = (char)('0' + fd); /* a standard stream */
	path[15] = 0;
	int again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again >= 0) {
		o->fd = again;
		o->own = true;
		return;
	}
	o->flags = fcntl(fd, F_GETFL);
	if (o->flags >= 0)
		fcntl(fd, F_SETFL, o->flags | O_NONBLOCK);
}

ssize_t output_write(const struct output *o, const void *data, size_t len) {
	return o->is_socket ? send(o->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(o->fd, data, len);
}

void output_close(struct output *o) {
	if (o->own)
		close(o->fd);
	else if (o->flags >= 0)
		fcntl(o->fd, F_SETFL, o->flags);
}
