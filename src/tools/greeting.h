/* greeting: do two ends that meet over TCP speak the same language, and know the same secret? It knows no sockets.
 *
 * JSON lines. The end that connects begins, so a port scanner learns nothing:
 *
 *   connects -> {"type":"hello","nonce":"<32 hex digits>","secret":true|false}
 *   listens  -> the same
 * and with a secret
 *   connects -> {"type":"proof","proof":"<HMAC-SHA-256 of the secret over "connects", its nonce and the other one>"}
 *   listens  -> the same over "listens" and the two nonces
 *
 * Neither end ever sends the secret, and neither sends anything else before the other one has proved that it knows the secret.
 * Whoever sees a proof can try secrets against it, so the secret should be long. */
#ifndef TOOLS_GREETING_H
#define TOOLS_GREETING_H

#include <stdbool.h>
#include <stddef.h>

#define GREETING_LINE_MAX 256 /* any line of it, with its end */
#define GREETING_NONCE 33

struct greeting {
	const char *secret; /* NULL: none */
	bool connects;      /* the end that begins */
	bool heard;         /* the other one's hello */
	char nonce[GREETING_NONCE], other[GREETING_NONCE];
};

enum greeting_result { GREETING_GOES_ON, GREETING_DONE, GREETING_WRONG };

/* Writes the first line of the end that connects; nothing for the one that listens. False: no memory, or no random bytes. */
bool greeting_begin(struct greeting *g, const char *secret, bool connects, char line[GREETING_LINE_MAX]);
/* A line came, without its end. The reply, with an end, or "" is to be sent in any case. WRONG: *why says what is wrong. */
enum greeting_result greeting_take(struct greeting *g, const char *text, size_t len, char reply[GREETING_LINE_MAX],
                                   const char **why);

#endif
