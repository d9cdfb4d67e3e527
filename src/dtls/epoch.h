/* epoch: how do the records of epoch 1 become ciphertext, and plaintext again?
 *
 * The keys that a handshake of DTLS 1.2 ends with (RFC 5246, 6.3), the numbers of the records that we seal, and the window over
 * the numbers that we opened. Both work in place on runs of records. It knows no SSL, no states, no flights and no time.
 *
 * Why no nonce is used twice. With each suite the nonce of a record is made of the record's number and of bytes that are secret
 * and fixed (RFC 5288, 3; RFC 7905, 2). Who listens must never see two records with one key and one nonce. Here
 *   - `next` is the only source of numbers, it only grows, and it never passes RECORD_SEQUENCE_MAX;
 *   - a repetition of a flight is sealed anew, under new numbers;
 *   - OpenSSL has the same keys during the handshake and seals its Finished, and perhaps an alert, under numbers and nonces of
 *     its own choice. That ciphertext never leaves the process: epoch_reveal turns it back into plaintext, which is sealed
 *     here;
 *   - where OpenSSL goes on with these keys after the handshake (records_openssl.c), it is first made to use up all numbers below
 *     `next`, and each repetition of a flight takes a number from it.
 * The other direction has another key. tests/dtls_pair.h asserts for every record that leaves that its number is new.
 *
 *   suite == NULL exactly while there are no keys; then sealer, opener and revealer are NULL too
 *   next <= RECORD_SEQUENCE_MAX + 1 */
#ifndef DTLS_EPOCH_H
#define DTLS_EPOCH_H

#include "base/replay.h"
#include "crypto/aead.h"
#include "dtls/record.h"
#include "dtls/suite.h"
#include "pool/env.h"

/* What the handshake agreed on, and all keys come from (RFC 5246, 8.1). */
#define SECRETS_MASTER 48
#define SECRETS_RANDOM 32
struct secrets {
	const struct suite *suite;
	uint8_t master[SECRETS_MASTER];
	uint8_t client_random[SECRETS_RANDOM], server_random[SECRETS_RANDOM];
};

struct epoch {
	const struct suite *suite;
	struct aead *sealer, *opener;
	struct aead *revealer; /* opens with the sealing key; only during the handshake */
	uint8_t seal_iv[AEAD_NONCE_SIZE], open_iv[AEAD_NONCE_SIZE];
	uint64_t next; /* the sequence of the next record that is sealed */
	struct replay replay;
};

/* Keying material for others (RFC 5705, 4, without a context). False: the library refuses. */
bool epoch_export(const struct secrets *s, const char *label, void *out, size_t len);

/* Derives the keys. False: no memory, or the library refuses; nothing is left then. */
bool epoch_begin(struct epoch *e, sluice_env *env, const struct secrets *s, bool client);
/* The handshake is over: nothing has to be revealed any more. */
void epoch_settle(struct epoch *e);
void epoch_end(struct epoch *e);

/* Seals `count` slots in place, each `stride` bytes long, the last one `last`. The plaintext stands at slot + headroom. False:
 * the library refuses, or the numbers do not suffice; nothing of the run may leave. */
bool epoch_seal(struct epoch *e, uint8_t type, uint8_t *slots, size_t count, size_t stride, size_t last);
/* Are there numbers for `count` more records, and for the alert that says that there are none? */
static inline bool epoch_has_numbers(const struct epoch *e, size_t count) {
	return e->next + count < RECORD_SEQUENCE_MAX;
}

/* A record to open. `text` is NULL afterwards when the record is too short, too long, a replay or not authentic. */
struct epoch_record {
	uint8_t *record;
	size_t len;
	uint8_t *text;
	size_t text_len;
};
/* Few enough that their jobs stay in the first-level cache beside the records. */
#define EPOCH_RUN 16
/* Opens up to EPOCH_RUN records in place. Those that are authentic are marked as received. */
void epoch_open(struct epoch *e, struct epoch_record *records, size_t count);
/* Turns a record that OpenSSL sealed with our keys back into plaintext, in place. False: it is none. */
bool epoch_reveal(struct epoch *e, struct epoch_record *r);

bool epoch_check(const struct epoch *e);

#endif
