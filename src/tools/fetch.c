/* fetch: see its header. libcurl says which sockets it waits for and until when (its multi_socket interface); the loop watches
 * them and tells libcurl what happened. */
#include "tools/fetch.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "loop/ev.h"
#include "tools/secret.h"
#include "tools/signalling.h"

/* Of the head as well as of the body. */
#define ANSWER_MAX (SIGNAL_MAX + 8192)
/* As long as the kernel takes to give up a connection that nobody answers. */
#define CONNECT_SECONDS 120L

/* A socket that libcurl waits for: two while it tries both address families, and one while a name is looked up. */
struct fetch_socket {
	struct fetch *fetch;
	ev_io io;
	struct fetch_socket *next;
};

struct fetch {
	struct ev_loop *ev;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	struct fetch_socket *sockets;
	ev_timer timer;
	char *body, *head; /* ANSWER_MAX + 1 bytes each */
	size_t len, head_len;
	bool head_ended, too_long;
	char error[CURL_ERROR_SIZE];
	fetch_done done;
	void *ctx;
};

/* ---- libcurl's memory: what it frees may have held a description -------------------------------------------------- */

static void *secret_realloc(void *p, size_t size) {
	void *bigger = malloc(size);
	size_t before = p ? malloc_usable_size(p) : 0;
	if (!bigger)
		return NULL;
	if (p)
		memcpy(bigger, p, before < size ? before : size);
	secret_free(p);
	return bigger;
}

static bool set_up_libcurl(void) {
	static bool done;
	if (!done)
		done = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, secret_free, secret_realloc, strdup, calloc) == CURLE_OK;
	return done;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

void fetch_cancel(struct fetch *f) {
	if (!f)
		return;
	ev_timer_stop(f->ev, &f->timer);
	if (f->multi && f->easy)
		curl_multi_remove_handle(f->multi, f->easy);
	curl_easy_cleanup(f->easy);
	for (struct fetch_socket *s = f->sockets; s; s = s->next)
		ev_io_stop(f->ev, &s->io);
	curl_multi_cleanup(f->multi); /* which may still name a socket that it closes */
	for (struct fetch_socket *s = f->sockets, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	curl_slist_free_all(f->headers);
	secret_free(f->body);
	secret_free(f->head);
	secret_free(f);
}

/* What libcurl says in general, in the words that fit here; NULL: its own are good. */
static const char *reason_of(const struct fetch *f, CURLcode result) {
	long number = 0;
	if (f->too_long)
		return "the answer is too long";
	switch (result) {
	case CURLE_FILESIZE_EXCEEDED:
		return "the answer is too long";
#if LIBCURL_VERSION_NUM >= 0x080600
	case CURLE_TOO_LARGE:
		return "a line of the answer is too long";
#endif
	case CURLE_OUT_OF_MEMORY: /* libcurl before 8.6 says this for a line above 100 KB too */
		return f->head_ended ? NULL : "no memory, or a line of the answer is too long";
	case CURLE_UNSUPPORTED_PROTOCOL: /* of the URL; or the answer is HTTP/0.9, which is any bytes at all */
		curl_easy_getinfo(f->easy, CURLINFO_NUM_CONNECTS, &number);
		return number ? "the answer is not HTTP" : NULL;
	case CURLE_WEIRD_SERVER_REPLY:
		return "the answer is not HTTP";
	case CURLE_LOGIN_DENIED:
		return "an address with a name or a password in it is not taken";
	case CURLE_GOT_NOTHING:
		return "the connection was closed without an answer";
	case CURLE_PARTIAL_FILE:
		return "the answer was cut";
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &number);
		return number ? strerror((int)number) : NULL;
	default:
		return NULL;
	}
}

static void finish(struct fetch *f, CURLcode result) {
	long status = 0;
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	fetch_done done = f->done;
	void *ctx = f->ctx;
	char *body = f->body, *head = f->head;
	size_t len = f->len;
	if (result == CURLE_OK && !f->head_ended)
		result = CURLE_PARTIAL_FILE; /* libcurl takes the end of the connection for the end of the head */
	else if (result == CURLE_OK && status < 100)
		result = CURLE_WEIRD_SERVER_REPLY;
	if (result != CURLE_OK) {
		const char *reason = reason_of(f, result);
		if (!reason)
			reason = f->error[0] ? f->error : curl_easy_strerror(result);
		len = strlen(reason);
		memcpy(body, reason, len);
		status = 0;
	}
	body[len] = 0;
	head[f->head_len] = 0;
	f->body = f->head = NULL;
	fetch_cancel(f);
	done(ctx, &(struct fetch_answer){(int)status, body, len, head});
	secret_free(body);
	secret_free(head);
}

/* ---- libcurl and the loop ------------------------------------------------------------------------------------------ */

/* Tells libcurl what happened. The fetch may be gone behind it. */
static void drive(struct fetch *f, curl_socket_t socket, int events) {
	int running, left;
	curl_multi_socket_action(f->multi, socket, events, &running);
	const CURLMsg *m = curl_multi_info_read(f->multi, &left);
	if (m && m->msg == CURLMSG_DONE)
		finish(f, m->data.result);
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	const struct fetch_socket *s = w->data;
	drive(s->fetch, w->fd, (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	drive(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_wanted(CURLM *multi, long ms, void *user) {
	(void)multi;
	struct fetch *f = user;
	ev_timer_stop(f->ev, &f->timer);
	if (ms < 0)
		return 0;
	ev_timer_set(&f->timer, (double)ms / 1e3, 0.);
	ev_timer_start(f->ev, &f->timer);
	return 0;
}

static struct fetch_socket *find_or_add_socket(struct fetch *f, curl_socket_t fd) {
	struct fetch_socket *s = f->sockets;
	while (s && s->io.fd != fd)
		s = s->next;
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->fetch = f;
	ev_io_init(&s->io, on_io, fd, 0);
	s->io.data = s;
	s->next = f->sockets;
	f->sockets = s;
	return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
	(void)easy;
	(void)socket_user;
	struct fetch *f = user;
	struct fetch_socket *s = find_or_add_socket(f, fd);
	if (!s)
		return -1;
	ev_io_stop(f->ev, &s->io);
	if (what == CURL_POLL_REMOVE)
		return 0;
	ev_io_set(&s->io, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
	ev_io_start(f->ev, &s->io);
	return 0;
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */

/* Takes fewer bytes than there are to end the request. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
	struct fetch *f = user;
	size_t len = size * count;
	f->too_long |= len > ANSWER_MAX - f->len;
	if (f->too_long)
		return 0;
	memcpy(f->body + f->len, bytes, len);
	f->len += len;
	return len;
}

/* Comes once for each line, the empty one at the end included. */
static size_t on_head(char *bytes, size_t size, size_t count, void *user) {
	struct fetch *f = user;
	size_t len = size * count;
	if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		f->head_ended = false; /* another one after a "100 Continue" */
	f->head_ended |= len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
	f->too_long |= len > ANSWER_MAX - f->head_len;
	if (f->too_long)
		return 0;
	memcpy(f->head + f->head_len, bytes, len);
	f->head_len += len;
	return len;
}

bool fetch_header(const struct fetch_answer *answer, const char *name, char *value, size_t size) {
	size_t name_len = strlen(name);
	for (const char *line = answer->head; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncasecmp(line, name, name_len) || line[name_len] != ':')
			continue;
		const char *at = line + name_len + 1;
		at += strspn(at, " \t");
		size_t len = strcspn(at, "\r\n");
		while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		if (len >= size)
			return false;
		memcpy(value, at, len);
		value[len] = 0;
		return true;
	}
	return false;
}

bool fetch_resolve(const char *base, const char *reference, char *url, size_t size) {
	char *whole = NULL;
	CURLU *u = curl_url();
	bool good = u && !curl_url_set(u, CURLUPART_URL, base, 0) && !curl_url_set(u, CURLUPART_URL, reference, 0) &&
	            !curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) && !curl_url_get(u, CURLUPART_URL, &whole, 0) &&
	            strlen(whole) < size;
	if (good)
		strcpy(url, whole);
	curl_free(whole);
	curl_url_cleanup(u);
	return good;
}

/* ---- the request --------------------------------------------------------------------------------------------------- */

static CURLcode limit_protocols(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

static bool add_header(struct fetch *f, const char *line) {
	struct curl_slist *more = curl_slist_append(f->headers, line);
	if (more)
		f->headers = more;
	return more != NULL;
}

/* libcurl would wait for a "100 Continue" before some bodies. */
static bool add_headers(struct fetch *f, const struct fetch_request *r) {
	char type[80];
	snprintf(type, sizeof type, "Content-Type: %s", r->type ? r->type : "application/json");
	bool added = add_header(f, "Expect:") && (!r->body || add_header(f, type));
	for (size_t i = 0; i < FETCH_HEADERS_MAX && added; i++)
		added = !r->headers[i] || add_header(f, r->headers[i]);
	return added;
}

static bool set_request(struct fetch *f, const struct fetch_request *r) {
	CURL *e = f->easy;
	if (r->body && (curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(r->body)) ||
	                curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, r->body)))
		return false;
	return add_headers(f, r) && !curl_easy_setopt(e, CURLOPT_URL, r->url) &&
	       !curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) && !curl_easy_setopt(e, CURLOPT_HTTPHEADER, f->headers) &&
	       !curl_easy_setopt(e, CURLOPT_USERAGENT, "sluice") && !curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
}

/* A lookup that is under way cannot be ended. libcurl has a thread do it, and would wait for that thread in fetch_cancel():
 * Ctrl-C would take as long as the name servers do. With this, the thread frees what it has when the lookup ends, or goes with
 * the process. From 8.20 on the threads belong to the multi handle. */
static bool leave_lookups_behind(struct fetch *f) {
#if LIBCURL_VERSION_NUM >= 0x081400
	if (curl_multi_setopt(f->multi, CURLMOPT_QUICK_EXIT, 1L))
		return false;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	return !curl_easy_setopt(f->easy, CURLOPT_QUICK_EXIT, 1L);
#else
	(void)f;
	return true;
#endif
}

static bool set_limits(CURL *e) {
	return !limit_protocols(e) && !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) && !curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_MAXFILESIZE, (long)ANSWER_MAX) &&
	       !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) && !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
	       !curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
}

static bool set_callbacks(struct fetch *f) {
	CURL *e = f->easy;
	return !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) && !curl_easy_setopt(e, CURLOPT_WRITEDATA, f) &&
	       !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head) && !curl_easy_setopt(e, CURLOPT_HEADERDATA, f) &&
	       !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->error) &&
	       !curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) &&
	       !curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) &&
	       !curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted) &&
	       !curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
}

struct fetch *fetch_start(struct ev_loop *ev, const struct fetch_request *request, fetch_done done, void *ctx) {
	struct fetch *f = set_up_libcurl() ? calloc(1, sizeof *f) : NULL;
	if (!f)
		return NULL;
	f->ev = ev;
	f->done = done;
	f->ctx = ctx;
	ev_timer_init(&f->timer, on_timer, 0., 0.);
	f->timer.data = f;
	f->body = malloc(ANSWER_MAX + 1);
	f->head = malloc(ANSWER_MAX + 1);
	f->easy = curl_easy_init();
	f->multi = curl_multi_init();
	if (f->body && f->head && f->easy && f->multi && set_callbacks(f) && leave_lookups_behind(f) && set_limits(f->easy) &&
	    set_request(f, request) &&
	    !curl_multi_add_handle(f->multi, f->easy)) /* which wants a timer of 0 s: the loop does the rest */
		return f;
	fetch_cancel(f);
	return NULL;
}

/* ---- the last request ---------------------------------------------------------------------------------------------- */

static void on_last_answer(void *ctx, const struct fetch_answer *answer) {
	(void)answer;
	ev_break(ctx, EVBREAK_ALL);
}

static void on_last_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)w;
	(void)events;
	ev_break(ev, EVBREAK_ALL);
}

void fetch_last(const struct fetch_request *request, double seconds) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	struct fetch *f = ev ? fetch_start(ev, request, on_last_answer, ev) : NULL;
	if (f) {
		ev_timer limit;
		ev_timer_init(&limit, on_last_limit, seconds, 0.);
		ev_timer_start(ev, &limit);
		ev_run(ev, 0);
		if (ev_is_active(&limit))
			ev_timer_stop(ev, &limit); /* it was answered, so the request is gone */
		else
			fetch_cancel(f);
	}
	if (ev)
		ev_loop_destroy(ev);
}
