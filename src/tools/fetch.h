/* fetch: one HTTP request and its answer, by libcurl on a libev loop, without blocking.
 *
 * Only http and https; https with the certificates that the system trusts. No redirect is followed and no proxy is used,
 * whatever the environment says: the answer is a description with a password in it, and it is to come from where the URL says.
 * An answer is bounded; a longer one counts as none. Everything that libcurl frees is wiped. */
#ifndef TOOLS_FETCH_H
#define TOOLS_FETCH_H

#include <stddef.h>

struct ev_loop;
struct fetch;

struct fetch_request {
	const char *method, *url;
	const char *header; /* "Name: value"; NULL: none beside the usual ones */
	const char *body;   /* JSON; NULL: none */
};

/* status 0: there is no answer, and body is the reason. Else body is the answer's. A NUL stands behind it. The fetch is gone when
 * this is called. */
typedef void (*fetch_done)(void *ctx, int status, const char *body, size_t len);

/* Copies the request. NULL when there is no memory; else done is called once, from the loop, unless the fetch is cancelled. */
struct fetch *fetch_start(struct ev_loop *ev, const struct fetch_request *request, fetch_done done, void *ctx);
/* NULL is allowed. */
void fetch_cancel(struct fetch *f);

#endif
