/* fetch: one HTTP request and its answer, by libcurl on a libev loop, without blocking.
 *
 * Only http and https; https with the certificates that the system trusts. No redirect is followed and no proxy is used,
 * whatever the environment says: the answer is a description with a password in it, and it is to come from where the URL says.
 * An answer is bounded; a longer one counts as none. Everything that libcurl frees is wiped. */
#ifndef TOOLS_FETCH_H
#define TOOLS_FETCH_H

#include <stdbool.h>
#include <stddef.h>

struct ev_loop;
struct fetch;

#define FETCH_HEADERS_MAX 2

struct fetch_request {
	const char *method, *url;
	const char *headers[FETCH_HEADERS_MAX]; /* "Name: value", beside the usual ones; NULL: none */
	const char *body;                       /* NULL: none */
	const char *type;                       /* of the body; NULL: application/json */
};

struct fetch_answer {
	int status;       /* 0: there is no answer, and body is the reason */
	const char *body; /* a NUL stands behind it */
	size_t len;
	const char *head; /* the lines of the answer's head, for fetch_header() */
};

/* The fetch is gone when this is called. */
typedef void (*fetch_done)(void *ctx, const struct fetch_answer *answer);

/* Copies the request. NULL when there is no memory; else done is called once, from the loop, unless the fetch is cancelled. */
struct fetch *fetch_start(struct ev_loop *ev, const struct fetch_request *request, fetch_done done, void *ctx);
/* NULL is allowed. */
void fetch_cancel(struct fetch *f);
/* The last thing that a program asks: on a loop of its own, for at most so many seconds, and whatever the answer is. */
void fetch_last(const struct fetch_request *request, double seconds);

/* The value of the first header of that name, without blanks around it. False when there is none, or it is longer than that. */
bool fetch_header(const struct fetch_answer *answer, const char *name, char *value, size_t size);
/* The URL that a reference in an answer from `base` stands for (RFC 3986, 5), without a fragment. False: it is none, or too
 * long. */
bool fetch_resolve(const char *base, const char *reference, char *url, size_t size);

#endif
