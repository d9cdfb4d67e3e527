/* http_client: see its header. Answers are bounded; what is larger counts as no answer. */
#include "tools/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/secret.h"
#include "tools/signalling.h"

#define ANSWER_MAX (SIGNAL_MAX + 8192)

struct http_request {
	struct ev_loop *ev;
	ev_io io;
	ev_timer soon; /* brings an error that is known at once from the loop, never from inside http_start */
	int fd;
	char *out;
	size_t out_len, out_at;
	char *in; /* ANSWER_MAX + 1 bytes */
	size_t in_len;
	char error[200];
	http_done done;
	void *ctx;
};

void http_cancel(struct http_request *r) {
	if (!r)
		return;
	ev_io_stop(r->ev, &r->io);
	ev_timer_stop(r->ev, &r->soon);
	if (r->fd >= 0)
		close(r->fd);
	secret_free(r->out);
	secret_free(r->in);
	free(r);
}

static void finish(struct http_request *r, int status, const char *body, size_t len) {
	struct http_request copy = *r;
	r->in = NULL; /* body stands in it */
	http_cancel(r);
	copy.done(copy.ctx, status, body, len);
	secret_free(copy.in);
}

static void fail(struct http_request *r, const char *why) {
	char text[200];
	snprintf(text, sizeof text, "%s", why);
	finish(r, 0, text, strlen(text));
}

/* The value of a header, as a number; -1 without it. */
static long number_header(const char *head, const char *end, const char *name) {
	size_t len = strlen(name);
	for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			return strtol(line + 3 + len, NULL, 10);
	return -1;
}

/* True when it is all there and was handed over: with `over`, at the end of the connection, or when its announced length has
 * come, since a server may take its time to hang up. A 204 has no body (RFC 9110, 15.3.5). */
static bool read_answer(struct http_request *r, bool over) {
	int status = 0;
	r->in[r->in_len] = 0;
	char *body = strstr(r->in, "\r\n\r\n");
	if (!body && !over)
		return false;
	if (!body || sscanf(r->in, "HTTP/%*d.%*d %d", &status) != 1 || status < 100 || status > 599) {
		fail(r, r->in_len ? "the answer is not HTTP" : "the connection was closed without an answer");
		return true;
	}
	body += 4;
	size_t len = r->in_len - (size_t)(body - r->in);
	long announced = status == 204 ? 0 : number_header(r->in, body, "Content-Length");
	if (announced >= 0 && (size_t)announced <= len) {
		body[announced] = 0; /* what stands behind it is none of the answer */
		finish(r, status, body, (size_t)announced);
	} else if (over && announced >= 0) {
		fail(r, "the answer was cut");
	} else if (over) {
		finish(r, status, body, len);
	} else {
		return false;
	}
	return true;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	struct http_request *r = w->data;
	if ((events & EV_WRITE) && r->out_at < r->out_len) {
		ssize_t n = send(r->fd, r->out + r->out_at, r->out_len - r->out_at, MSG_NOSIGNAL);
		if (n > 0)
			r->out_at += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR) {
			fail(r, strerror(errno));
			return;
		}
		if (r->out_at == r->out_len) {
			ev_io_stop(ev, w);
			ev_io_set(w, r->fd, EV_READ);
			ev_io_start(ev, w);
		}
		return;
	}
	ssize_t n = recv(r->fd, r->in + r->in_len, ANSWER_MAX - r->in_len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(r, strerror(errno));
	} else {
		r->in_len += (size_t)n;
		if (!read_answer(r, n == 0) && r->in_len == ANSWER_MAX)
			fail(r, "the answer is too long");
	}
}

static void on_soon(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct http_request *r = w->data;
	fail(r, r->error);
}

static void open_connection(struct http_request *r, const char *where) {
	char text[300];
	bool has_port = strrchr(where, ':') && !strchr(strrchr(where, ':'), ']');
	snprintf(text, sizeof text, "%s%s", where, has_port ? "" : ":80");
	struct addrinfo *found;
	const char *wrong = signalling_resolve(text, false, &found);
	if (wrong) {
		snprintf(r->error, sizeof r->error, "%s", wrong);
		return;
	}
	r->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0 || (connect(r->fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS))
		snprintf(r->error, sizeof r->error, "%s", strerror(errno));
	freeaddrinfo(found);
}

static bool write_request(struct http_request *r, const char *where, const char *method, const char *path, const char *headers,
                          const char *body) {
	char length[96] = "";
	if (body)
		snprintf(length, sizeof length, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
	int len = asprintf(&r->out, "%s %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: sluice\r\n%s%s\r\n%s", method, path, where, length,
	                   headers, body ? body : "");
	r->out_len = len > 0 ? (size_t)len : 0;
	return len > 0;
}

struct http_request *http_start(struct ev_loop *ev, const char *where, const char *method, const char *path, const char *headers,
                                const char *body, http_done done, void *ctx) {
	struct http_request *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	*r = (struct http_request){.ev = ev, .fd = -1, .done = done, .ctx = ctx};
	ev_init(&r->io, on_io);
	ev_timer_init(&r->soon, on_soon, 0., 0.);
	r->io.data = r->soon.data = r;
	r->in = malloc(ANSWER_MAX + 1);
	if (!r->in || !write_request(r, where, method, path, headers, body)) {
		r->out = r->out_len ? r->out : NULL;
		http_cancel(r);
		return NULL;
	}
	open_connection(r, where);
	if (r->error[0]) {
		ev_timer_start(ev, &r->soon);
	} else {
		ev_io_set(&r->io, r->fd, EV_WRITE);
		ev_io_start(ev, &r->io);
	}
	return r;
}
