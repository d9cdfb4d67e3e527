/* http_client: one HTTP request and its answer, without blocking. HTTP/1.0, so that no answer comes in chunks. */
#ifndef TOOLS_HTTP_CLIENT_H
#define TOOLS_HTTP_CLIENT_H

#include <stddef.h>

struct ev_loop;
struct http_request;

/* status 0: there is no answer, and body is the reason. Else body has a NUL behind it. The request is gone when this is called. */
typedef void (*http_done)(void *ctx, int status, const char *body, size_t len);

/* where: "HOST:PORT" or "HOST"; headers: whole lines with CR LF, or ""; body NULL: none. NULL when there is no memory; otherwise done
 * is called later, once, unless it is cancelled. */
struct http_request *http_start(struct ev_loop *ev, const char *where, const char *method, const char *path, const char *headers,
                                const char *body, http_done done, void *ctx);
void http_cancel(struct http_request *r);

#endif
