/* listener: where can others connect to by TCP (a passive candidate), and where do our own connections start (an active one)?
 * What becomes of a connection is stream.c's. RFC 6544, 5.1. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/list.h"
#include "loop/stream.h"
#include "pool/env.h"

#define BACKLOG 16
#define ACCEPTS_PER_TURN 8
#define PAUSE_S 1.

static void on_pause(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	struct listener *l = w->data;
	ev_io_start(ev, &l->io);
}

/* No file descriptor is left. The connection stays in the queue, and the listening socket stays readable: without a pause the
 * loop would do nothing else. */
static void take_pause(struct listener *l) {
	struct ev_loop *ev = l->streams->loop->ev;
	env_log(l->streams->loop->env, SLUICE_LOG_ERROR, "loop: cannot accept: %s", strerror(errno));
	ev_io_stop(ev, &l->io);
	ev_timer_set(&l->pause, PAUSE_S, 0.);
	ev_timer_start(ev, &l->pause);
}

/* False when there is nothing to accept for now. */
static bool accept_one(struct listener *l) {
	struct sockaddr_storage remote = {0};
	socklen_t len = sizeof remote;
	int fd = accept4(l->fd, (struct sockaddr *)&remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			take_pause(l);
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (!stream_accept(l, fd, &remote, len))
		close(fd);
	return true;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++)
		if (!accept_one(w->data))
			return;
}

static int open_passive(const struct sockaddr_storage *addr) {
	int on = 1, fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	bool ok = addr->ss_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0;
	if (ok && bind(fd, (const struct sockaddr *)addr, address_len(addr)) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

int listener_open(struct streams *t, bool passive, const struct sockaddr_storage *addr, struct listener **out) {
	sluice_loop *loop = t->loop;
	int fd = passive ? open_passive(addr) : -1;
	if (passive && fd < 0)
		return SLUICE_IO;
	struct listener *l = env_zalloc(loop->env, sizeof *l);
	if (!l || !outlets_add(loop->env, &loop->outlets, &l->outlet, passive ? OUTLET_LISTENER : OUTLET_ACTIVE)) {
		env_free(loop->env, l);
		if (fd >= 0)
			close(fd);
		return SLUICE_NO_MEMORY;
	}
	l->streams = t;
	l->fd = fd;
	l->host = *addr;
	address_set_port(&l->host, 0);
	ev_io_init(&l->io, on_io, fd, EV_READ);
	l->io.data = l;
	ev_init(&l->pause, on_pause);
	l->pause.data = l;
	LIST_PUSH(t->listeners, l, next, back);
	if (passive)
		ev_io_start(loop->ev, &l->io);
	*out = l;
	return 0;
}

/* RFC 6544, 4.5: "For active candidates, the value of 9 (Discard) is used as the port". */
#define DISCARD_PORT 9

void listener_address(const struct listener *l, struct sockaddr_storage *addr) {
	socklen_t len = sizeof *addr;
	*addr = l->host;
	if (l->fd < 0)
		address_set_port(addr, DISCARD_PORT);
	else
		(void)getsockname(l->fd, (struct sockaddr *)addr, &len);
}

void listener_close(struct listener *l) {
	sluice_loop *loop = l->streams->loop;
	/* Its connections lose their number with it. */
	for (struct stream *s = l->streams->first, *next; s; s = next) {
		next = s->next;
		if (s->listener == l)
			stream_abandon(s);
	}
	ev_io_stop(loop->ev, &l->io);
	ev_timer_stop(loop->ev, &l->pause);
	if (l->fd >= 0)
		close(l->fd);
	outlets_remove(&loop->outlets, &l->outlet);
	LIST_REMOVE(l, next, back);
	env_free(loop->env, l);
}
