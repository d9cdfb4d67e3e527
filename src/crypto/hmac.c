/* hmac: the HMACs that sign state cookies and STUN messages, the comparison that goes with them, and MD5 for STUN's keys. */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA1_Init and its kin: see below */
#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/wipe.h"

static const struct {
	const char *name;
	size_t size, block;
} hashes[] = {
	[CRYPTO_SHA1] = {"SHA1", CRYPTO_SHA1_SIZE, 64},
	[CRYPTO_SHA256] = {"SHA256", CRYPTO_SHA256_SIZE, 64},
	[CRYPTO_SHA384] = {"SHA384", CRYPTO_SHA384_SIZE, 128},
};

#define HASHES (sizeof hashes / sizeof *hashes)
#define BLOCK_MAX 128
#define HASH_MAX CRYPTO_SHA384_SIZE

size_t crypto_hash_size(enum crypto_hash hash) {
	return hashes[hash].size;
}

const char *crypto_hash_name(enum crypto_hash hash) {
	return hashes[hash].name;
}

/* The algorithms are looked up once: the lookup takes longer than hashing a STUN message. Kept for the life of the process, for
 * any thread. NULL: the library refused, so each HMAC looks them up again. */
static EVP_MD *digests[HASHES];

static void fetch_digests(void) {
	for (size_t i = 0; i < HASHES; i++)
		digests[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
}

/* A reference. NULL: the library refuses. */
static EVP_MD *digest_for(enum crypto_hash hash) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	if (CRYPTO_THREAD_run_once(&once, fetch_digests) == 1 && digests[hash] && EVP_MD_up_ref(digests[hash]))
		return digests[hash];
	return EVP_MD_fetch(NULL, hashes[hash].name, NULL);
}

/* What an HMAC is made with. `pad` is the key, filled up with zeros to a block of the hash, XOR a byte. */
struct hmac {
	EVP_MD_CTX *ctx;
	EVP_MD *digest;
	size_t size, block;
	uint8_t pad[BLOCK_MAX];
};

static bool hash_begin(const struct hmac *h) {
	return EVP_DigestInit_ex2(h->ctx, h->digest, NULL) && EVP_DigestUpdate(h->ctx, h->pad, h->block);
}

static bool hash_end(const struct hmac *h, uint8_t *out) {
	unsigned written = 0;
	return EVP_DigestFinal_ex(h->ctx, out, &written) && written == h->size;
}

/* RFC 2104, 2: "Applications that use keys longer than B bytes will first hash the key using H". */
static bool take_key(struct hmac *h, const void *key, size_t len) {
	unsigned written = 0;
	if (len > h->block)
		return EVP_Digest(key, len, h->pad, &written, h->digest, NULL);
	if (len)
		memcpy(h->pad, key, len);
	return true;
}

static void pad_xor(struct hmac *h, uint8_t with) {
	for (size_t i = 0; i < h->block; i++)
		h->pad[i] ^= with;
}

/* RFC 2104, 2: H(K XOR opad, H(K XOR ipad, text)), with ipad 0x36 and opad 0x5c. */
static bool hmac_run(struct hmac *h, const struct iovec *parts, size_t count, uint8_t *out) {
	uint8_t inner[HASH_MAX];
	pad_xor(h, 0x36);
	if (!hash_begin(h))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!EVP_DigestUpdate(h->ctx, parts[i].iov_base, parts[i].iov_len))
			return false;
	if (!hash_end(h, inner))
		return false;
	pad_xor(h, 0x36 ^ 0x5c);
	return hash_begin(h) && EVP_DigestUpdate(h->ctx, inner, h->size) && hash_end(h, out);
}

/* By the hash. OpenSSL's own HMAC makes 15 allocations where this makes 2, and takes twice as long for a STUN message. The
 * cookies of a handshake are on its critical path. */
static bool hmac_by_evp(enum crypto_hash hash, const void *key, size_t key_len, const struct iovec *parts, size_t count,
                        uint8_t *out) {
	struct hmac h = {.digest = digest_for(hash), .size = hashes[hash].size, .block = hashes[hash].block};
	h.ctx = h.digest ? EVP_MD_CTX_new() : NULL;
	bool done = h.ctx && take_key(&h, key, key_len) && hmac_run(&h, parts, count, out);
	EVP_MD_CTX_free(h.ctx);
	EVP_MD_free(h.digest);
	wipe(h.pad, sizeof h.pad);
	return done;
}

/* ---- HMAC-SHA1 ---- */

/* Ten thousand idle peers need 8,000 a second for STUN. EVP takes 870 ns for the one of a check, 650 with a context that is kept,
 * and half of that goes into looking after the context. The calls below it take 360, and allocate nothing. OpenSSL calls them
 * deprecated; one that is built without them has EVP do it. */
#ifndef OPENSSL_NO_DEPRECATED_3_0

#define SHA1_BLOCK 64

static bool sha1_begin(SHA_CTX *c, const uint8_t key[SHA1_BLOCK], uint8_t with) {
	uint8_t pad[SHA1_BLOCK];
	for (size_t i = 0; i < SHA1_BLOCK; i++)
		pad[i] = key[i] ^ with;
	bool done = SHA1_Init(c) && SHA1_Update(c, pad, sizeof pad);
	wipe(pad, sizeof pad);
	return done;
}

static bool hmac_sha1(const uint8_t key[SHA1_BLOCK], const struct iovec *parts, size_t count, uint8_t *out) {
	SHA_CTX c;
	bool done = sha1_begin(&c, key, 0x36);
	for (size_t i = 0; done && i < count; i++)
		done = SHA1_Update(&c, parts[i].iov_base, parts[i].iov_len);
	done = done && SHA1_Final(out, &c) && sha1_begin(&c, key, 0x5c);
	done = done && SHA1_Update(&c, out, CRYPTO_SHA1_SIZE) && SHA1_Final(out, &c);
	wipe(&c, sizeof c);
	return done;
}

bool crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const struct iovec *parts, size_t count, uint8_t *out) {
	uint8_t block[SHA1_BLOCK] = {0};
	if (hash != CRYPTO_SHA1 || key_len > sizeof block)
		return hmac_by_evp(hash, key, key_len, parts, count, out);
	if (key_len)
		memcpy(block, key, key_len);
	bool done = hmac_sha1(block, parts, count, out);
	wipe(block, sizeof block);
	return done;
}

#else

bool crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const struct iovec *parts, size_t count, uint8_t *out) {
	return hmac_by_evp(hash, key, key_len, parts, count, out);
}

#endif

bool crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[CRYPTO_SHA256_SIZE]) {
	struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	return crypto_hmac(CRYPTO_SHA256, key, key_len, &part, 1, out);
}

bool crypto_md5(const void *data, size_t len, uint8_t out[CRYPTO_MD5_SIZE]) {
	size_t written = 0;
	return EVP_Q_digest(NULL, "MD5", NULL, data, len, out, &written) && written == CRYPTO_MD5_SIZE;
}

bool crypto_equal(const void *a, const void *b, size_t len) {
	return CRYPTO_memcmp(a, b, len) == 0;
}
