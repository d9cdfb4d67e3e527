/* cookie: everything an association needs to know of an INIT, kept by the peer instead of by us.
 *
 * RFC 9260, 5.1.3: a MAC, "a timestamp on when the State Cookie is created, and the lifespan of the State Cookie, along with all
 * the information necessary for it to establish the association". A cookie is authentic when its HMAC-SHA-256 under our secret is
 * right. The caller checks its age.
 *
 * It is not encrypted, because it contains no secret: the INIT is the peer's own, and our tag and TSN are in the INIT-ACK around
 * the cookie. An INIT may come from a stranger while an association exists. So the cookie names that association by a random
 * number (for the Tie-Tags of RFC 9260, 2.3) and not by its tags. `created` is a time of the association's clock, which begins at
 * a random time. */
#ifndef SCTP_COOKIE_H
#define SCTP_COOKIE_H

#include "crypto/crypto.h"
#include "wire/wire.h"

#define COOKIE_SECRET_SIZE 32
#define COOKIE_SIZE (68 + CRYPTO_SHA256_SIZE)

struct cookie {
	uint64_t created; /* ns */
	uint32_t local_tag, peer_tag;
	uint32_t local_tsn, peer_tsn; /* initial ones */
	uint64_t tie;                 /* of the association that existed when the INIT came; 0: none */
	uint32_t peer_a_rwnd;
	uint64_t peer_addresses;              /* see addresses.h */
	uint16_t peer_outbound, peer_inbound; /* streams as the peer's INIT named them */
	uint16_t local_port, peer_port;
	uint64_t lifetime; /* ns */
	uint32_t can;      /* what the INIT declared: bits of enum capability */
};

/* Writes COOKIE_SIZE bytes. Returns false when OpenSSL refuses. */
bool cookie_write(const struct cookie *c, const uint8_t secret[COOKIE_SECRET_SIZE], uint8_t *out);
/* Reads a cookie. Returns false when it is not one of ours. */
bool cookie_read(const uint8_t *data, size_t len, const uint8_t secret[COOKIE_SECRET_SIZE], struct cookie *c);

#endif
