/* suite: which cipher suites make records of ours, and how are these laid out?
 *
 * One row for each AEAD of TLS 1.2 that we have. A nonce is `fixed` bytes of the keys, followed by `explicit` bytes that stand in
 * the record (RFC 5288, 3). Where all of it is fixed, the record's number is added to its end (RFC 7905, 2). */
#ifndef DTLS_SUITE_H
#define DTLS_SUITE_H

#include "crypto/aead.h"
#include "crypto/crypto.h"
#include "dtls/record.h"

struct suite {
	int nid; /* OpenSSL's number of the cipher */
	enum aead_suite aead;
	enum crypto_hash hash; /* of the PRF: RFC 5289, 3.2 */
	uint8_t fixed, explicit;
};

/* NULL: none of ours. */
const struct suite *suite_with(int cipher_nid);

/* What each record has before and behind its plaintext. */
static inline size_t suite_headroom(const struct suite *s) {
	return RECORD_HEADER + (size_t)s->explicit;
}
#define SUITE_TAILROOM AEAD_TAG_SIZE
static inline size_t suite_rooms(const struct suite *s) {
	return suite_headroom(s) + SUITE_TAILROOM;
}

#endif
