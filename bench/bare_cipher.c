/* bare_cipher.c: EVP with the key set once, and the direct calls of intel-ipsec-mb. */
#include "bare_cipher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "harness.h"

#ifdef SLUICE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

struct bare_key {
	EVP_CIPHER_CTX *ctx; /* NULL: a key of ipsec-mb */
	bool records;        /* one EVP_Cipher() does a record */
#ifdef SLUICE_IPSEC_MB
	aes_gcm_enc_dec_t crypt;
	_Alignas(64) uint8_t data[(sizeof(struct gcm_key_data) + 63) / 64 * 64];
#endif
};

static bool set_evp_key(struct bare_key *k, const char *name, bool seal, const uint8_t *key) {
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	k->ctx = EVP_CIPHER_CTX_new();
	BENCH_MUST(cipher && k->ctx && EVP_CipherInit_ex2(k->ctx, cipher, key, NULL, seal, NULL));
	EVP_CIPHER_free(cipher);
	return true;
}

#ifdef SLUICE_IPSEC_MB

static IMB_MGR *manager(void) {
	static IMB_MGR *m;
	if (!m) {
		m = alloc_mb_mgr(0);
		BENCH_MUST(m);
		init_mb_mgr_auto(m, NULL);
		BENCH_MUST(imb_get_errno(m) == 0);
	}
	return m;
}

static bool set_mb_key(struct bare_key *k, const char *name, bool seal, const uint8_t *key) {
	bool is_128 = strcmp(name, "AES-128-GCM") == 0;
	if (!is_128 && strcmp(name, "AES-256-GCM") != 0)
		return false;
	const IMB_MGR *m = manager();
	if (is_128) {
		k->crypt = seal ? m->gcm128_enc : m->gcm128_dec;
		IMB_AES128_GCM_PRE(m, key, (struct gcm_key_data *)k->data);
	} else {
		k->crypt = seal ? m->gcm256_enc : m->gcm256_dec;
		IMB_AES256_GCM_PRE(m, key, (struct gcm_key_data *)k->data);
	}
	return true;
}

static void crypt_with_mb(const struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len,
                          const uint8_t *nonce, uint8_t *tag) {
	struct gcm_context_data state;
	k->crypt((const struct gcm_key_data *)k->data, &state, text, text, len, nonce, aad, aad_len, tag, BARE_TAG);
}

#else

static bool set_mb_key(struct bare_key *k, const char *name, bool seal, const uint8_t *key) {
	(void)k, (void)name, (void)seal, (void)key;
	return false;
}

static void crypt_with_mb(const struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len,
                          const uint8_t *nonce, uint8_t *tag) {
	(void)k, (void)text, (void)len, (void)aad, (void)aad_len, (void)nonce, (void)tag;
	BENCH_MUST(!"there is no such key");
}

#endif

struct bare_key *bare_key_new(enum bare_library library, const char *cipher, bool seal, const uint8_t *key) {
	struct bare_key *k = aligned_alloc(64, (sizeof *k + 63) / 64 * 64);
	BENCH_MUST(k);
	k->ctx = NULL;
	k->records = false;
	if (library == BARE_EVP ? set_evp_key(k, cipher, seal, key) : set_mb_key(k, cipher, seal, key))
		return k;
	free(k);
	return NULL;
}

void bare_key_free(struct bare_key *k) {
	if (!k)
		return;
	EVP_CIPHER_CTX_free(k->ctx);
	free(k);
}

/* ---- records by EVP ---- */

#define FIXED 4
#define EXPLICIT 8
#define RECORD_AAD 13

void bare_expect_records(struct bare_key *k, const uint8_t first[BARE_NONCE]) {
	uint8_t fixed[FIXED];
	memcpy(fixed, first, FIXED);
	OSSL_PARAM params[] = {{OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, OSSL_PARAM_OCTET_STRING, fixed, FIXED, 0}, OSSL_PARAM_END};
	k->records = k->ctx && EVP_CIPHER_CTX_set_params(k->ctx, params) &&
	             EVP_CipherInit_ex2(k->ctx, NULL, NULL, first, -1, NULL);
}

/* around: what OpenSSL takes from the length in the AAD, to have that of the text. */
static bool crypt_record(struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t around) {
	uint8_t own[RECORD_AAD];
	size_t in_aad = len + around, whole = EXPLICIT + len + BARE_TAG;
	OSSL_PARAM params[] = {{OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, OSSL_PARAM_OCTET_STRING, own, sizeof own, 0}, OSSL_PARAM_END};
	memcpy(own, aad, RECORD_AAD - 2);
	own[RECORD_AAD - 2] = (uint8_t)(in_aad >> 8);
	own[RECORD_AAD - 1] = (uint8_t)in_aad;
	return EVP_CIPHER_CTX_set_params(k->ctx, params) &&
	       EVP_Cipher(k->ctx, text - EXPLICIT, text - EXPLICIT, (unsigned)whole) == (int)whole;
}

/* ---- any text ---- */

static OSSL_PARAM tag_param(uint8_t *tag) {
	return (OSSL_PARAM){OSSL_CIPHER_PARAM_AEAD_TAG, OSSL_PARAM_OCTET_STRING, tag, BARE_TAG, 0};
}

void bare_seal(struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len, const uint8_t *nonce) {
	int n;
	if (!k->ctx) {
		crypt_with_mb(k, text, len, aad, aad_len, nonce, text + len);
		return;
	}
	if (k->records) {
		BENCH_MUST(crypt_record(k, text, len, aad, EXPLICIT));
		return;
	}
	OSSL_PARAM tag[] = {tag_param(text + len), OSSL_PARAM_END};
	BENCH_MUST(EVP_EncryptInit_ex2(k->ctx, NULL, NULL, nonce, NULL) &&
	           EVP_EncryptUpdate(k->ctx, NULL, &n, aad, (int)aad_len) &&
	           EVP_EncryptUpdate(k->ctx, text, &n, text, (int)len) && EVP_EncryptFinal_ex(k->ctx, text + len, &n) &&
	           EVP_CIPHER_CTX_get_params(k->ctx, tag));
}

bool bare_open(struct bare_key *k, uint8_t *text, size_t len, const uint8_t *aad, size_t aad_len, const uint8_t *nonce) {
	int n;
	if (!k->ctx) {
		uint8_t right[BARE_TAG];
		crypt_with_mb(k, text, len, aad, aad_len, nonce, right);
		return CRYPTO_memcmp(right, text + len, sizeof right) == 0;
	}
	if (k->records)
		return crypt_record(k, text, len, aad, EXPLICIT + BARE_TAG);
	OSSL_PARAM tag[] = {tag_param(text + len), OSSL_PARAM_END};
	return EVP_DecryptInit_ex2(k->ctx, NULL, NULL, nonce, NULL) && EVP_CIPHER_CTX_set_params(k->ctx, tag) &&
	       EVP_DecryptUpdate(k->ctx, NULL, &n, aad, (int)aad_len) && EVP_DecryptUpdate(k->ctx, text, &n, text, (int)len) &&
	       EVP_DecryptFinal_ex(k->ctx, text + len, &n);
}
