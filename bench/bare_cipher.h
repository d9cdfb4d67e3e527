/* bare_cipher: the cipher calls themselves, with as little around them as the two libraries allow.
 *
 * It uses nothing of src/, so that it stays a reference for crypto/aead.h and for a pipe of records. A key is for one direction.
 * The program ends with BENCH_MUST when a library refuses anything. */
#ifndef BENCH_BARE_CIPHER_H
#define BENCH_BARE_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_TAG 16
#define BARE_NONCE 12

enum bare_library { BARE_EVP, BARE_IPSEC_MB };

struct bare_key;

/* cipher: OpenSSL's name for it. ipsec-mb has the two AES-GCMs. NULL: the library does not have it, or is not built in. */
struct bare_key *bare_key_new(enum bare_library library, const char *cipher, bool seal, const uint8_t *key);
/* k may be NULL. */
void bare_key_free(struct bare_key *k);

/* Each text is a record of TLS 1.2 with an explicit nonce (RFC 5288, 3) from here on: bare_seal() writes that into the 8 bytes
 * before the text, counting from `first`, and bare_open() reads it there. Their `nonce`, and the length at the end of `aad`, are
 * not looked at. EVP has fewer calls for it; ipsec-mb, and a version of OpenSSL that refuses, go on as before. */
void bare_expect_records(struct bare_key *k, const uint8_t first[BARE_NONCE]);

/* In place; the tag stands behind the text. open returns false when the tag is wrong. */
void bare_seal(struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len, const uint8_t *nonce);
bool bare_open(struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len, const uint8_t *nonce);

#endif
