/* signal_stdio: JSON lines on stdin and stdout, for scripts. Nothing else is ever written to stdout. The end of stdin ends it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/secret.h"
#include "tools/signalling.h"

struct by_stdio {
	ev_io io;
	char *in; /* SIGNAL_MAX bytes */
	size_t len, line;
};

static bool take_lines(struct signalling *s) {
	struct by_stdio *p = s->own;
	char *start = p->in, *end;
	while (!s->ended && (end = memchr(start, '\n', p->len - (size_t)(start - p->in)))) {
		size_t len = (size_t)(end - start);
		p->line++;
		const char *wrong = strspn(start, " \t\r") >= len ? NULL : signalling_deliver(s, start, len);
		if (wrong)
			return signalling_fail(s, "line %zu of standard input: %s", p->line, wrong);
		start = end + 1;
	}
	p->len -= (size_t)(start - p->in);
	memmove(p->in, start, p->len);
	return p->len < SIGNAL_MAX ||
	       signalling_fail(s, "line %zu of standard input is longer than %d bytes", p->line + 1, SIGNAL_MAX);
}

static void ended(struct signalling *s) {
	struct by_stdio *p = s->own;
	if (p->len) { /* a last line without its end; there is room for one, since the buffer is never full here */
		p->in[p->len++] = '\n';
		if (!take_lines(s))
			return;
	}
	s->ended = true;
	s->events.on_end(s->events.ctx, NULL);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
	(void)events;
	struct signalling *s = w->data;
	struct by_stdio *p = s->own;
	ssize_t n = read(STDIN_FILENO, p->in + p->len, SIGNAL_MAX - p->len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		signalling_fail(s, "cannot read standard input: %s", strerror(errno));
	else if (n == 0)
		ended(s);
	p->len += n > 0 ? (size_t)n : 0;
	if (n <= 0 || !take_lines(s))
		ev_io_stop(ev, w);
}

static bool stdio_start(struct signalling *s) {
	struct by_stdio *p = s->own;
	p->in = malloc(SIGNAL_MAX);
	if (!p->in)
		return signalling_fail(s, "no memory");
	signalling_wait_for(s, "a description on standard input");
	ev_io_init(&p->io, on_readable, STDIN_FILENO, EV_READ);
	p->io.data = s;
	ev_io_start(s->ev, &p->io);
	s->events.on_role(s->events.ctx, s->options->role == LINK_OFFER);
	return true;
}

static void stdio_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	char *json = signal_encode(kind, text, mid);
	if (!json || printf("%s\n", json) < 0 || fflush(stdout))
		signalling_fail(s, "cannot write to standard output: %s", json ? strerror(errno) : "no memory");
	secret_free(json);
}

static void stdio_stop(struct signalling *s) {
	struct by_stdio *p = s->own;
	ev_io_stop(s->ev, &p->io);
	secret_free(p->in);
}

const struct carrier carrier_stdio = {
	.stays = true, .size = sizeof(struct by_stdio), .start = stdio_start, .send = stdio_send, .stop = stdio_stop};
