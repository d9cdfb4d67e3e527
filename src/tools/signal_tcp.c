/* signal_tcp: JSON lines over one TCP connection. The first end listens and answers, the second connects and offers, unless
 * told otherwise; which end is first shows itself by whose bind(2) succeeds. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/signalling.h"

/* How long a refused connection is tried again: the other end may stand between bind(2) and listen(2). */
#define PATIENCE 1.0
#define RETRY 0.05

struct by_tcp {
	const char *where;
	int listener, fd;
	bool connecting, met; /* met: a description came over fd */
	ev_io listen_io, io;
	ev_timer retry;
	double gave_up_at;
	char *in; /* SIGNAL_MAX + 1 bytes */
	size_t in_len;
	char *out; /* what the socket did not take yet */
	size_t out_len;
};

static void open_connection(struct signalling *s);

static void watch(struct signalling *s) {
	struct by_tcp *t = s->own;
	int events = EV_READ | (t->out_len || t->connecting ? EV_WRITE : 0);
	ev_io_stop(s->ev, &t->io);
	ev_io_set(&t->io, t->fd, events);
	ev_io_start(s->ev, &t->io);
}

static void stop_listening(struct signalling *s) {
	struct by_tcp *t = s->own;
	ev_io_stop(s->ev, &t->listen_io);
	if (t->listener >= 0)
		close(t->listener);
	t->listener = -1;
}

static void hang_up(struct signalling *s) {
	struct by_tcp *t = s->own;
	ev_io_stop(s->ev, &t->io);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->connecting = false;
	t->in_len = t->out_len = 0;
}

/* A listener that got no description forgives: it was a stranger, the other end comes yet. */
static void lost(struct signalling *s, const char *why) {
	struct by_tcp *t = s->own;
	bool met = t->met;
	hang_up(s);
	if (met)
		return; /* what had to be said was said, or the time limit tells */
	if (t->listener < 0)
		signalling_fail(s, "the other side at %s hung up before it described itself: %s", t->where, why);
	else
		ev_io_start(s->ev, &t->listen_io);
}

/* ---- lines out ----------------------------------------------------------------------------------------------------- */

static void write_out(struct signalling *s) {
	struct by_tcp *t = s->own;
	ssize_t n = t->out_len ? send(t->fd, t->out, t->out_len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (n > 0) {
		t->out_len -= (size_t)n;
		memmove(t->out, t->out + n, t->out_len);
	}
	watch(s); /* what is wrong with the connection, reading tells */
}

static void tcp_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	struct by_tcp *t = s->own;
	if (t->fd < 0)
		return;
	char *json = signal_encode(kind, text, mid);
	size_t len = json ? strlen(json) : 0;
	char *out = json ? realloc(t->out, t->out_len + len + 1) : NULL;
	if (!out) {
		free(json);
		signalling_fail(s, "no memory");
		return;
	}
	memcpy(out + t->out_len, json, len);
	out[t->out_len + len] = '\n';
	t->out = out;
	t->out_len += len + 1;
	free(json);
	if (!t->connecting)
		write_out(s);
}

/* ---- lines in ------------------------------------------------------------------------------------------------------ */

/* False when the connection is of no use any more. */
static bool take_lines(struct signalling *s) {
	struct by_tcp *t = s->own;
	char *start = t->in, *end;
	while (!s->ended && (end = memchr(start, '\n', t->in_len - (size_t)(start - t->in)))) {
		const char *wrong = signalling_deliver(s, start, (size_t)(end - start));
		if (wrong && options_say(s->options, 1))
			complain("a line that came to %s cannot be used: %s", t->where, wrong);
		if (wrong)
			return false;
		t->met = true;
		stop_listening(s); /* who comes now is for somebody else */
		start = end + 1;
	}
	t->in_len -= (size_t)(start - t->in);
	memmove(t->in, start, t->in_len);
	return t->in_len < SIGNAL_MAX;
}

static void read_in(struct signalling *s) {
	struct by_tcp *t = s->own;
	ssize_t n = recv(t->fd, t->in + t->in_len, SIGNAL_MAX - t->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lost(s, n ? strerror(errno) : "end of the connection");
		return;
	}
	t->in_len += (size_t)n;
	if (!take_lines(s) && !s->ended)
		lost(s, "it does not speak our language");
}

/* ---- connecting ---------------------------------------------------------------------------------------------------- */

static void refused(struct signalling *s, int error) {
	struct by_tcp *t = s->own;
	hang_up(s);
	if (error == ECONNREFUSED && ev_now(s->ev) < t->gave_up_at) {
		ev_timer_again(s->ev, &t->retry);
		return;
	}
	ev_timer_stop(s->ev, &t->retry);
	signalling_fail(s, "cannot reach %s: %s%s", t->where, strerror(error),
	                error == ECONNREFUSED ? " (the other end, which listens there, has to be started first)" : "");
}

static void on_connected(struct signalling *s) {
	struct by_tcp *t = s->own;
	int error = 0;
	socklen_t len = sizeof error;
	getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		refused(s, error);
		return;
	}
	t->connecting = false;
	signalling_wait_for(s, "the other side's description over %s", t->where);
	s->events.on_role(s->events.ctx, s->options->role != LINK_ANSWER);
	if (t->fd >= 0)
		write_out(s);
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	struct signalling *s = w->data;
	struct by_tcp *t = s->own;
	if (t->connecting) {
		on_connected(s);
		return;
	}
	if (events & EV_WRITE)
		write_out(s);
	if (t->fd >= 0 && (events & EV_READ))
		read_in(s);
}

static void on_retry(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	ev_timer_stop(ev, w);
	open_connection(w->data);
}

static void open_connection(struct signalling *s) {
	struct by_tcp *t = s->own;
	struct addrinfo *found;
	const char *wrong = signalling_resolve(t->where, false, &found);
	if (wrong) {
		signalling_fail(s, "%s: %s", t->where, wrong);
		return;
	}
	t->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = t->fd < 0 || connect(t->fd, found->ai_addr, found->ai_addrlen) ? errno : 0;
	freeaddrinfo(found);
	if (error && error != EINPROGRESS) {
		refused(s, error);
		return;
	}
	t->connecting = true;
	signalling_wait_for(s, "a TCP connection to %s", t->where);
	watch(s);
}

/* ---- listening ----------------------------------------------------------------------------------------------------- */

static void on_caller(struct ev_loop *ev, ev_io *w, int events) {
	(void)events;
	struct signalling *s = w->data;
	struct by_tcp *t = s->own;
	t->fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (t->fd < 0)
		return;
	ev_io_stop(ev, w); /* one at a time */
	watch(s);
	if (s->options->role == LINK_OFFER) {
		stop_listening(s); /* our offer is made once */
		s->events.on_role(s->events.ctx, true);
	}
}

/* 0, or errno. */
static int open_listener(struct by_tcp *t, const struct addrinfo *where) {
	int on = 1;
	t->listener = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->listener < 0)
		return errno;
	setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(t->listener, where->ai_addr, where->ai_addrlen) == 0 && listen(t->listener, 4) == 0)
		return 0;
	int error = errno;
	close(t->listener);
	t->listener = -1;
	return error;
}

static bool listen_or_connect(struct signalling *s, const struct addrinfo *where) {
	struct by_tcp *t = s->own;
	int error = open_listener(t, where);
	if (error && !s->options->listen && (error == EADDRINUSE || error == EADDRNOTAVAIL)) {
		t->gave_up_at = ev_now(s->ev) + PATIENCE;
		open_connection(s);
		return !s->ended;
	}
	if (error)
		return signalling_fail(s, "cannot listen at %s: %s", t->where, strerror(error));
	ev_io_init(&t->listen_io, on_caller, t->listener, EV_READ);
	t->listen_io.data = s;
	ev_io_start(s->ev, &t->listen_io);
	signalling_wait_for(s, "the other side to connect to %s", t->where);
	if (options_say(s->options, 1))
		complain("listening at %s", t->where);
	if (s->options->role != LINK_OFFER)
		s->events.on_role(s->events.ctx, false);
	return true;
}

static bool tcp_start(struct signalling *s) {
	struct by_tcp *t = s->own;
	struct addrinfo *found;
	t->listener = t->fd = -1;
	t->where = s->options->signal + strlen("tcp:");
	ev_init(&t->io, on_io);
	ev_init(&t->listen_io, on_caller);
	ev_timer_init(&t->retry, on_retry, RETRY, RETRY);
	t->io.data = t->retry.data = s;
	t->in = malloc(SIGNAL_MAX + 1);
	if (!t->in)
		return signalling_fail(s, "no memory");
	const char *wrong = signalling_resolve(t->where, true, &found);
	if (wrong)
		return signalling_fail(s, "%s: %s", t->where, wrong);
	bool ok = listen_or_connect(s, found);
	freeaddrinfo(found);
	return ok;
}

static void tcp_stop(struct signalling *s) {
	struct by_tcp *t = s->own;
	if (t->fd >= 0 && t->out_len && !t->connecting) /* a last candidate */
		write_out(s);
	hang_up(s);
	stop_listening(s);
	ev_timer_stop(s->ev, &t->retry);
	free(t->in);
	free(t->out);
}

const struct carrier carrier_tcp = {
	.trickles = true, .size = sizeof(struct by_tcp), .start = tcp_start, .send = tcp_send, .stop = tcp_stop};
