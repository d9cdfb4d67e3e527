/* server_url: which server does a "stun:", "turn:" or "turns:" URL name? RFC 7064, RFC 7065.
 *
 * Strict: a URL is taken whole or refused. Refused are also URLs that the grammar allows and that nothing here could serve:
 * "stuns:" (nothing answers to it in practice, and no browser asks), a transport that is neither UDP nor TCP, TLS over UDP, an
 * empty port, port 0, percent-encoding and IPvFuture. The words of the grammar are read in capitals as well (RFC 5234, 2.3). */
#ifndef BASE_SERVER_URL_H
#define BASE_SERVER_URL_H

#include <stdbool.h>
#include <stdint.h>

#define SERVER_URL_HOST_MAX 256 /* a DNS name with its NUL */

enum server_transport { SERVER_UDP, SERVER_TCP, SERVER_TLS };

struct server_url {
	bool turn;
	bool has_transport; /* the URL names one; else the scheme's default stands here */
	enum server_transport transport;
	uint16_t port;                  /* the scheme's, where the URL names none: 3478, or 5349 for TLS */
	char host[SERVER_URL_HOST_MAX]; /* a name or a numeric address, without brackets */
};

/* Returns NULL, or what is wrong with the URL, in words for whoever wrote it. url NULL: wrong too. */
const char *server_url_parse(const char *url, struct server_url *out);

#endif
