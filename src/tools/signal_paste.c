/* signal_paste: people carry the lines. On a terminal they read what to do. A script gets the bare line on stderr and gives
 * the other line on stdin; the command's own data may follow behind it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tools/secret.h"
#include "tools/signalling.h"

struct paste {
	int fd;
	bool own_fd, is_tty;
	ev_io io;
	struct termios before;
	bool changed;
	char *line;
	size_t len;
};

/* A terminal hands over lines of at most 4095 bytes in its canonical mode; a description with many candidates is longer. */
static void leave_canonical_mode(struct paste *p) {
	struct termios now;
	if (!p->is_tty || tcgetattr(p->fd, &p->before))
		return;
	now = p->before;
	now.c_lflag &= ~(tcflag_t)(ICANON | ECHOCTL); /* without the latter, so that Enter is not shown as ^J */
	now.c_cc[VMIN] = 1;
	now.c_cc[VTIME] = 0;
	p->changed = tcsetattr(p->fd, TCSANOW, &now) == 0;
}

static void stop_reading(struct signalling *s) {
	struct paste *p = s->own;
	ev_io_stop(s->ev, &p->io);
	if (p->changed)
		tcsetattr(p->fd, TCSANOW, &p->before);
	p->changed = false;
}

static void take_line(struct signalling *s) {
	struct paste *p = s->own;
	size_t len = p->len;
	p->len = 0;
	if (strspn(p->line, " \t\r") >= len)
		return;
	struct signal_message m;
	const char *wrong = signal_decode(p->line, len, &m);
	if (wrong && p->is_tty)
		fprintf(stderr, "This cannot be used: %s. Paste the other side's line again:\n", wrong);
	else if (wrong)
		signalling_fail(s, "the line on standard input cannot be used: %s", wrong);
	else if (m.kind != SIGNAL_CANDIDATE) {
		stop_reading(s); /* what follows is not ours */
		s->events.on_message(s->events.ctx, &m);
	}
	if (!wrong)
		secret_free(m.text);
}

/* One byte at a time: what follows the line belongs to the command. False when there is nothing more for now. */
static bool read_byte(struct signalling *s) {
	struct paste *p = s->own;
	char c;
	ssize_t n = read(p->fd, &c, 1);
	if (n < 0)
		return errno == EINTR ||
		       (errno != EAGAIN && signalling_fail(s, "cannot read the other side's line: %s", strerror(errno)));
	if (n == 0 || c == 4) /* Ctrl-D, which only the canonical mode turns into an end */
		return signalling_fail(s, "the input ended before the other side's line came");
	if (c == '\n' || c == '\r') {
		p->line[p->len] = 0;
		take_line(s);
	} else if (c == 8 || c == 127) {
		p->len -= p->len > 0;
	} else if (p->len == SIGNAL_MAX) {
		return signalling_fail(s, "the other side's line is longer than %d bytes", SIGNAL_MAX);
	} else {
		p->line[p->len++] = c;
	}
	return true;
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct signalling *s = w->data;
	struct paste *p = s->own;
	struct pollfd ready = {.fd = p->fd, .events = POLLIN};
	while (!s->ended && ev_is_active(&p->io) && read_byte(s) && poll(&ready, 1, 0) > 0)
		;
	if (s->ended)
		stop_reading(s);
}

static void find_terminal(struct signalling *s) {
	struct paste *p = s->own;
	p->fd = STDIN_FILENO;
	p->is_tty = isatty(p->fd);
	if (p->is_tty || s->options->signal)
		return;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return;
	p->fd = fd;
	p->own_fd = p->is_tty = true;
}

static bool paste_start(struct signalling *s) {
	struct paste *p = s->own;
	p->line = malloc(SIGNAL_MAX + 1);
	if (!p->line)
		return signalling_fail(s, "no memory");
	find_terminal(s);
	bool offer = s->options->role != LINK_ANSWER;
	signalling_wait_for(s, "the other side's line");
	if (!offer && p->is_tty)
		fprintf(stderr, "Paste the line of the other side (the one that offers) here:\n");
	leave_canonical_mode(p);
	ev_io_init(&p->io, on_readable, p->fd, EV_READ);
	p->io.data = s;
	ev_io_start(s->ev, &p->io);
	s->events.on_role(s->events.ctx, offer);
	return true;
}

static void paste_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	(void)mid;
	struct paste *p = s->own;
	char *line = signal_encode_line(kind, text);
	if (!line) {
		signalling_fail(s, "no memory");
		return;
	}
	if (p->is_tty)
		fprintf(stderr, "Give this line to the other side:\n\n%s\n\n", line);
	else
		fprintf(stderr, "%s\n", line);
	secret_free(line);
	if (p->is_tty && kind == SIGNAL_OFFER)
		fprintf(stderr, "Paste its line here:\n");
}

static void paste_stop(struct signalling *s) {
	struct paste *p = s->own;
	stop_reading(s);
	if (p->own_fd)
		close(p->fd);
	secret_free(p->line);
}

const struct carrier carrier_paste = {
	.by_hand = true, .size = sizeof(struct paste), .start = paste_start, .send = paste_send, .stop = paste_stop};
