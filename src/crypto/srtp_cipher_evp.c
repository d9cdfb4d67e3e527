/* srtp_cipher_evp: the CM profiles of SRTP by OpenSSL's EVP, on every CPU.
 *
 * The cipher and the hash are fetched once in a process, and each object sets its keys once. HMAC is the hash of a first block
 * made of the key and of the text, hashed again behind a second block made of the key (RFC 2104). The states behind those blocks
 * are kept, and each packet begins with a copy of them. For 200 bytes that takes 260 ns; an EVP_MAC that is begun anew takes 300,
 * because it looks at its parameters each time. */
#include "crypto/srtp_cipher_ops.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/wipe.h"
#include "crypto/crypto.h"
#include "pool/env.h"

#define SHA1_BLOCK 64

struct evp_cipher {
	struct srtp_cipher base;
	size_t tag;
	/* OpenSSL's own memory, which holds the keys. Their free functions wipe it. */
	EVP_CIPHER_CTX *aes;
	EVP_MD_CTX *inner, *outer, *work;
};

/* ---- making one ------------------------------------------------------------------------------------------------- */

/* Kept for the life of the process, for any thread. NULL: the library refused, so each object looks them up again. */
static EVP_CIPHER *fetched_aes;
static EVP_MD *fetched_sha1;

static void fetch_all(void) {
	fetched_aes = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	fetched_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
}

static bool fetched(void) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	return CRYPTO_THREAD_run_once(&once, fetch_all) == 1;
}

static EVP_CIPHER_CTX *aes_new(const uint8_t *key) {
	bool kept = fetched() && fetched_aes && EVP_CIPHER_up_ref(fetched_aes);
	EVP_CIPHER *cipher = kept ? fetched_aes : EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
	EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
	bool keyed = ctx && EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL);
	EVP_CIPHER_free(cipher);
	if (keyed)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/* The state behind a block that is the key XOR `pad`. `block` is NULL for one that is only written to. */
static EVP_MD_CTX *state_new(const uint8_t *block) {
	bool kept = fetched() && fetched_sha1 && EVP_MD_up_ref(fetched_sha1);
	EVP_MD *sha1 = kept ? fetched_sha1 : EVP_MD_fetch(NULL, "SHA1", NULL);
	EVP_MD_CTX *ctx = sha1 ? EVP_MD_CTX_new() : NULL;
	bool good = ctx && EVP_DigestInit_ex2(ctx, sha1, NULL) && (!block || EVP_DigestUpdate(ctx, block, SHA1_BLOCK));
	EVP_MD_free(sha1);
	if (good)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

static EVP_MD_CTX *keyed_state_new(const uint8_t *key, size_t len, uint8_t pad) {
	uint8_t block[SHA1_BLOCK];
	for (size_t i = 0; i < sizeof block; i++)
		block[i] = i < len ? key[i] ^ pad : pad;
	EVP_MD_CTX *ctx = state_new(block);
	wipe(block, sizeof block);
	return ctx;
}

static void evp_free(struct srtp_cipher *base) {
	struct evp_cipher *c = (struct evp_cipher *)base;
	EVP_CIPHER_CTX_free(c->aes);
	EVP_MD_CTX_free(c->inner);
	EVP_MD_CTX_free(c->outer);
	EVP_MD_CTX_free(c->work);
	env_free(base->env, base);
}

static struct srtp_cipher *evp_make(sluice_env *env, struct srtp_cipher_args args) {
	struct evp_cipher *c = env_alloc(env, sizeof *c);
	if (!c)
		return NULL;
	ERR_set_mark();
	*c = (struct evp_cipher){
		.base = {.ops = &srtp_cipher_cm_evp, .env = env},
		.tag = args.tag,
		.aes = aes_new(args.key),
		.inner = keyed_state_new(args.auth_key, args.profile->auth_key, 0x36),
		.outer = keyed_state_new(args.auth_key, args.profile->auth_key, 0x5c),
		.work = state_new(NULL),
	};
	ERR_pop_to_mark();
	if (c->aes && c->inner && c->outer && c->work)
		return &c->base;
	evp_free(&c->base);
	return NULL;
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static bool crypt(EVP_CIPHER_CTX *aes, const struct srtp_cm_job *j) {
	int n;
	return j->len == 0 ||
	       (EVP_EncryptInit_ex2(aes, NULL, NULL, j->iv, NULL) && EVP_EncryptUpdate(aes, j->text, &n, j->text, (int)j->len));
}

static bool hmac(const struct evp_cipher *c, const struct srtp_cm_job *j, uint8_t out[CRYPTO_SHA1_SIZE]) {
	return EVP_MD_CTX_copy_ex(c->work, c->inner) && EVP_DigestUpdate(c->work, j->auth, j->auth_len) &&
	       EVP_DigestFinal_ex(c->work, out, NULL) && EVP_MD_CTX_copy_ex(c->work, c->outer) &&
	       EVP_DigestUpdate(c->work, out, CRYPTO_SHA1_SIZE) && EVP_DigestFinal_ex(c->work, out, NULL);
}

static bool evp_seal(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	const struct evp_cipher *c = (const struct evp_cipher *)base;
	uint8_t mac[CRYPTO_SHA1_SIZE];
	size_t i = 0;
	for (; i < count && crypt(c->aes, &run->cm[i]) && hmac(c, &run->cm[i], mac); i++)
		memcpy(run->cm[i].tag, mac, c->tag);
	return i == count;
}

/* The right tag of a forged packet must stay unknown to its author, so it is wiped. */
static size_t evp_open(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	const struct evp_cipher *c = (const struct evp_cipher *)base;
	uint8_t mac[CRYPTO_SHA1_SIZE];
	size_t failed = 0;
	for (size_t i = 0; i < count; i++) {
		struct srtp_cm_job *j = &run->cm[i];
		failed += j->failed = !hmac(c, j, mac) || !crypto_equal(mac, j->tag, c->tag) || !crypt(c->aes, j);
	}
	wipe(mac, sizeof mac);
	return failed;
}

const struct srtp_cipher_ops srtp_cipher_cm_evp = {
	.name = "EVP", .make = evp_make, .free = evp_free, .seal = evp_seal, .open = evp_open};
