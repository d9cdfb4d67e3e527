/* origin: is a request meant for this server, and does it come from a page of its own? It knows no HTTP library and no
 * sockets.
 *
 * A web page of somebody else can make a browser send requests here, in two ways:
 *   DNS rebinding: a name of the page points to our address. Then Host is that name.
 *   A request to another origin. Then Origin is the page's, or Sec-Fetch-Site says that the site is another one.
 * Programs that are no browsers send neither Origin nor Sec-Fetch-Site. */
#ifndef TOOLS_SERVE_ORIGIN_H
#define TOOLS_SERVE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* The value of Host, with or without a port: a numeric address, which no rebound name can be, or one of the names; letters of
 * either case, a dot at the end allowed. */
bool origin_is_own_host(const char *host, const char *const *names, size_t count);

/* Is the value of Origin a page that came from that Host, by http or https? "null" is not. RFC 6454. */
bool origin_is_same(const char *origin, const char *host);

/* The value of Sec-Fetch-Site: it names another site's page, or a sibling's. "" and what is not known do not. */
bool origin_site_is_foreign(const char *site);

#endif
