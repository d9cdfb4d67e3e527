/* signal_tcp: JSON lines over one TCP connection. The first end listens and answers, the second connects and offers, unless the
 * command line says otherwise; which end is first shows itself by whose bind(2) succeeds.
 *
 * Anybody can connect to the end that listens. It greets several callers at once (greeting.h), each for GREETING_SECONDS, and
 * takes the first one that greets correctly for the other end. When no description comes from that one, the next caller is
 * heard, and gets all lines that the one before got. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wipe.h"
#include "tools/greeting.h"
#include "tools/secret.h"
#include "tools/signalling.h"

#define CALLERS_MAX 8
#define GREETING_SECONDS 5.
#define DESCRIPTION_SECONDS 20. /* from the greeting to the other side's description, where it needs no person */

/* How long a refused connection is tried again: the other end may stand between bind(2) and listen(2). */
#define PATIENCE 1.0
#define RETRY 0.05

/* A connection that is greeted: one that was accepted, or the one that we opened. */
struct caller {
	struct caller *next; /* the newest first */
	struct signalling *s;
	int fd;
	ev_io io;
	ev_timer limit;
	struct greeting greeting;
	char in[2 * GREETING_LINE_MAX];
	size_t in_len;
};

struct by_tcp {
	char where[SIGNAL_ADDRESS_MAX];
	const char *secret;           /* NULL: none */
	int listener, fd;             /* fd: where the greeting is over; or that is connecting */
	bool connecting, met, chosen; /* met: a description came over fd; chosen: on_role was called */
	bool warned;                  /* of a caller with another secret */
	ev_io listen_io, io;
	ev_timer retry, patience;
	double gave_up_at;
	struct caller *callers;
	unsigned caller_count;
	char *in; /* SIGNAL_MAX + 1 bytes */
	size_t in_len;
	char *out; /* what the socket did not take yet */
	size_t out_len;
	char *said; /* all lines so far, for the next caller */
	size_t said_len;
};

static void open_connection(struct signalling *s);

static void watch_socket(struct signalling *s) {
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
	ev_timer_stop(s->ev, &t->patience);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->connecting = false;
	t->in_len = t->out_len = 0;
}

static void listen_on(struct signalling *s) {
	struct by_tcp *t = s->own;
	ev_io_start(s->ev, &t->listen_io);
	signalling_wait_for(s, "the other side to connect to %s", t->where);
}

/* No description came to the one that listens: it was a stranger, and the other end may come yet. */
static void lost(struct signalling *s, const char *why) {
	struct by_tcp *t = s->own;
	bool met = t->met;
	hang_up(s);
	if (met)
		return; /* the descriptions are there; if the connection fails, the time limit says so */
	if (t->listener < 0)
		signalling_fail(s, "the other side at %s hung up before it described itself: %s", t->where, why);
	else
		listen_on(s);
}

/* ---- lines out ----------------------------------------------------------------------------------------------------- */

static void write_out(struct signalling *s) {
	struct by_tcp *t = s->own;
	ssize_t n = t->out_len ? send(t->fd, t->out, t->out_len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (n > 0) {
		t->out_len -= (size_t)n;
		memmove(t->out, t->out + n, t->out_len);
	}
	watch_socket(s); /* errors of the connection show when it is read */
}

static bool append(char **text, size_t *at, const char *more, size_t len) {
	char *bigger = malloc(*at + len); /* realloc would leave what it moves behind */
	if (!bigger)
		return false;
	if (*at)
		memcpy(bigger, *text, *at);
	memcpy(bigger + *at, more, len);
	secret_free(*text);
	*text = bigger;
	*at += len;
	return true;
}

static void tcp_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	struct by_tcp *t = s->own;
	char *json = signal_encode(kind, text, mid);
	size_t len = json ? strlen(json) : 0, before = t->said_len;
	bool kept = json && append(&t->said, &t->said_len, json, len) && append(&t->said, &t->said_len, "\n", 1);
	secret_free(json);
	if (!kept || (t->fd >= 0 && !append(&t->out, &t->out_len, t->said + before, len + 1))) {
		signalling_fail(s, "no memory");
		return;
	}
	if (t->fd >= 0)
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
		ev_timer_stop(s->ev, &t->patience);
		stop_listening(s); /* the place may be used by another pair */
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

static void on_patience(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	lost(w->data, "no description came");
}

/* ---- greeting ------------------------------------------------------------------------------------------------------ */

static void drop_caller(struct caller *c, bool keep_open) {
	struct by_tcp *t = c->s->own;
	struct caller **link = &t->callers;
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	t->caller_count--;
	ev_io_stop(c->s->ev, &c->io);
	ev_timer_stop(c->s->ev, &c->limit);
	if (!keep_open)
		close(c->fd);
	secret_free(c); /* the beginning of a description may stand in its buffer */
}

static void drop_callers(struct signalling *s) {
	struct by_tcp *t = s->own;
	while (t->callers)
		drop_caller(t->callers, false);
}

/* If we connected, that is the end of it. If the caller did, it was a stranger, and we go on listening. */
static void turn_away(struct caller *c, const char *why) {
	struct signalling *s = c->s;
	struct by_tcp *t = s->own;
	bool connects = c->greeting.connects;
	bool other_secret = c->greeting.heard;
	drop_caller(c, false);
	if (connects) {
		signalling_fail(s, "the other side at %s is not the right one: %s", t->where, why);
		return;
	}
	if ((other_secret && !t->warned) || options_say(s->options, 1))
		complain("a caller at %s is turned away: %s", t->where, why);
	t->warned |= other_secret;
}

/* The greeting is over: from here on this is the other end, and what came behind the greeting is its first line. */
static void take_for_other_end(struct caller *c, size_t used) {
	struct signalling *s = c->s;
	struct by_tcp *t = s->own;
	bool offers = c->greeting.connects ? s->options->role != LINK_ANSWER : s->options->role == LINK_OFFER;
	t->fd = c->fd;
	t->in_len = c->in_len - used;
	memcpy(t->in, c->in + used, t->in_len);
	drop_caller(c, true);
	drop_callers(s);
	ev_io_stop(s->ev, &t->listen_io);
	signalling_wait_for(s, "the other side's description over %s", t->where);
	if (t->listener >= 0)
		ev_timer_again(s->ev, &t->patience);
	if (t->said_len && !append(&t->out, &t->out_len, t->said, t->said_len)) {
		signalling_fail(s, "no memory");
		return;
	}
	write_out(s);
	if (!t->chosen) {
		t->chosen = true;
		s->events.on_role(s->events.ctx, offers);
	}
	if (t->fd >= 0 && t->in_len && !s->ended && !take_lines(s) && !s->ended)
		lost(s, "it does not speak our language");
}

/* A greeting fits into the buffer of any socket. */
static bool say_to_caller(const struct caller *c, const char *line) {
	size_t len = strlen(line);
	return len == 0 || send(c->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len;
}

/* Handles one line, if it is whole. False when there is none, or the caller is gone or has become the other end. */
static bool greet_line(struct caller *c) {
	char reply[GREETING_LINE_MAX];
	const char *why = "it does not greet as it should", *end = memchr(c->in, '\n', c->in_len);
	if (!end && c->in_len < sizeof c->in)
		return false;
	size_t len = end ? (size_t)(end - c->in) : 0;
	reply[0] = 0;
	enum greeting_result result = end ? greeting_take(&c->greeting, c->in, len, reply, &why) : GREETING_WRONG;
	if (!say_to_caller(c, reply) && result != GREETING_WRONG) {
		result = GREETING_WRONG;
		why = "it does not listen";
	}
	wipe(reply, sizeof reply);
	if (result == GREETING_WRONG) {
		turn_away(c, why);
		return false;
	}
	if (result == GREETING_DONE) {
		take_for_other_end(c, len + 1);
		return false;
	}
	c->in_len -= len + 1;
	memmove(c->in, c->in + len + 1, c->in_len);
	return true;
}

static void on_caller_says(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct caller *c = w->data;
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		turn_away(c, c->greeting.heard && c->greeting.secret ? "it hung up; is the secret the same?" : "it hung up");
		return;
	}
	c->in_len += (size_t)n;
	while (greet_line(c))
		;
}

static void on_caller_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	turn_away(w->data, "it does not greet");
}

/* Begins to greet; takes fd. */
static void greet(struct signalling *s, int fd, bool connects) {
	struct by_tcp *t = s->own;
	char line[GREETING_LINE_MAX];
	struct caller *c = calloc(1, sizeof *c);
	if (!c || !greeting_begin(&c->greeting, t->secret, connects, line)) {
		free(c);
		close(fd);
		signalling_fail(s, "no memory");
		return;
	}
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a candidate does not wait for what is under way */
	c->s = s;
	c->fd = fd;
	c->next = t->callers;
	t->callers = c;
	t->caller_count++;
	ev_io_init(&c->io, on_caller_says, fd, EV_READ);
	ev_timer_init(&c->limit, on_caller_limit, connects ? 2 * GREETING_SECONDS : GREETING_SECONDS, 0.);
	c->io.data = c->limit.data = c;
	ev_io_start(s->ev, &c->io);
	ev_timer_start(s->ev, &c->limit);
	if (!say_to_caller(c, line))
		turn_away(c, "it does not listen");
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
	int fd = t->fd;
	ev_io_stop(s->ev, &t->io);
	t->connecting = false;
	t->fd = -1;
	signalling_wait_for(s, "the greeting of the other side at %s", t->where);
	greet(s, fd, true);
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
	watch_socket(s);
}

/* ---- listening ----------------------------------------------------------------------------------------------------- */

/* Where there are too many callers, the oldest one goes, so that strangers do not keep the other end out. */
static void on_caller(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct signalling *s = w->data;
	struct by_tcp *t = s->own;
	int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (t->caller_count >= CALLERS_MAX) {
		struct caller *oldest = t->callers;
		while (oldest->next)
			oldest = oldest->next;
		turn_away(oldest, "it does not greet");
	}
	greet(s, fd, false);
}

/* 0, or errno. */
static int open_listener(struct by_tcp *t, const struct addrinfo *where) {
	int on = 1;
	t->listener = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (t->listener < 0)
		return errno;
	setsockopt(t->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(t->listener, where->ai_addr, where->ai_addrlen) == 0 && listen(t->listener, CALLERS_MAX) == 0)
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
	listen_on(s);
	if (options_say(s->options, 1))
		complain("listening at %s", t->where);
	t->chosen = s->options->role != LINK_OFFER;
	if (t->chosen)
		s->events.on_role(s->events.ctx, false);
	return true;
}

/* HOST:PORT, and behind # the secret, as carriers.c has checked them. */
static void read_where(struct by_tcp *t, const char *text) {
	size_t len = strcspn(text, "#");
	snprintf(t->where, sizeof t->where, "%.*s", (int)len, text);
	t->secret = text[len] ? text + len + 1 : NULL;
}

static bool tcp_start(struct signalling *s) {
	struct by_tcp *t = s->own;
	struct addrinfo *found;
	t->listener = t->fd = -1;
	ev_init(&t->io, on_io);
	ev_init(&t->listen_io, on_caller);
	ev_timer_init(&t->retry, on_retry, RETRY, RETRY);
	ev_init(&t->patience, on_patience);
	t->patience.repeat = DESCRIPTION_SECONDS;
	t->io.data = t->retry.data = t->patience.data = s;
	read_where(t, s->options->signal + strlen("tcp:"));
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
	drop_callers(s);
	stop_listening(s);
	ev_timer_stop(s->ev, &t->retry);
	secret_free(t->in);
	secret_free(t->said);
	secret_free(t->out);
}

const struct carrier carrier_tcp = {
	.trickles = true, .size = sizeof(struct by_tcp), .start = tcp_start, .send = tcp_send, .stop = tcp_stop};
