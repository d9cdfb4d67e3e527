/* http: what a request gets. http.c describes the URLs. */
#ifndef TOOLS_SERVE_HTTP_H
#define TOOLS_SERVE_HTTP_H

#include "tools/serve/serve.h"

/* Listens, or complains and returns NULL. */
struct http *http_new(struct serve *s);
void http_free(struct http *h);
uint16_t http_port(const struct http *h);
/* Once a second. */
void http_tick(struct http *h);

#endif
