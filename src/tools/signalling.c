/* signalling: what all carriers share: the events to their user, the word about a long wait, files and addresses. */
#include "tools/signalling.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/secret.h"

/* Seconds without the other side, before we say that we wait. */
#define SILENCE 1.0

static void on_silence(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct signalling *s = w->data;
	complain("%s: waiting for %s", s->options->command, s->waiting_for);
	s->said = true;
}

struct signalling *signalling_new(const struct carrier *carrier, const struct link_options *options, struct ev_loop *ev,
                                  const struct signalling_events *events) {
	secret_watch_json();
	struct signalling *s = calloc(1, sizeof *s);
	void *own = calloc(1, carrier->size ? carrier->size : 1);
	if (!s || !own) {
		free(s);
		free(own);
		return NULL;
	}
	*s = (struct signalling){
		.carrier = carrier, .options = options, .ev = ev, .events = *events, .trickles = carrier->trickles, .own = own};
	ev_timer_init(&s->word, on_silence, SILENCE, 0.);
	s->word.data = s;
	return s;
}

void signalling_free(struct signalling *s) {
	if (!s)
		return;
	s->ended = true;
	ev_timer_stop(s->ev, &s->word);
	s->carrier->stop(s);
	free(s->own);
	free(s);
}

void signalling_wait_for(struct signalling *s, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(s->waiting_for, sizeof s->waiting_for, format, args);
	va_end(args);
	if (!s->said && !s->carrier->by_hand && !s->carrier->stays && !ev_is_active(&s->word))
		ev_timer_start(s->ev, &s->word);
}

bool signalling_fail(struct signalling *s, const char *format, ...) {
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ev_timer_stop(s->ev, &s->word);
	if (!s->ended) {
		s->ended = true;
		s->events.on_end(s->events.ctx, text);
	}
	return false;
}

void signalling_hand_over(struct signalling *s, const struct signal_message *m) {
	ev_timer_stop(s->ev, &s->word);
	s->said = true; /* from now on, the connection says what it waits for */
	s->events.on_message(s->events.ctx, m);
}

const char *signalling_deliver(struct signalling *s, const char *text, size_t len) {
	struct signal_message m;
	const char *wrong = signal_decode(text, len, &m);
	if (!wrong)
		signalling_hand_over(s, &m);
	secret_free(m.text);
	return wrong;
}

#define HOST_MAX 256

/* HOST:PORT or [HOST]:PORT. NULL, or what is wrong with it. */
static const char *read_address(const char *host_port, char host[HOST_MAX], const char **port) {
	const char *colon = strrchr(host_port, ':');
	uint64_t number;
	if (!colon || colon == host_port || colon - host_port >= HOST_MAX)
		return "expected HOST:PORT";
	if (!parse_unsigned(colon + 1, 1, 65535, &number))
		return "the port is a number from 1 to 65535";
	bool brackets = host_port[0] == '[' && colon[-1] == ']';
	snprintf(host, HOST_MAX, "%.*s", (int)(colon - host_port) - 2 * brackets, host_port + brackets);
	*port = colon + 1;
	return *host ? NULL : "expected HOST:PORT";
}

const char *signalling_check_address(const char *host_port) {
	char host[HOST_MAX];
	const char *port;
	return read_address(host_port, host, &port);
}

const char *signalling_resolve(const char *host_port, bool passive, struct addrinfo **found) {
	char host[HOST_MAX];
	const char *port, *wrong = read_address(host_port, host, &port);
	if (wrong)
		return wrong;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
	int error = getaddrinfo(host, port, &hints, found);
	return error ? gai_strerror(error) : NULL;
}

char *signalling_read_file(const char *path, size_t *len) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = EINVAL;
	} else if (st.st_size > SIGNAL_MAX) {
		errno = EFBIG;
	} else if ((text = malloc((size_t)st.st_size + 1))) {
		ssize_t n = read(fd, text, (size_t)st.st_size);
		*len = n > 0 ? (size_t)n : 0;
		text[*len] = 0;
	}
	int error = errno;
	close(fd);
	errno = error;
	return text;
}
