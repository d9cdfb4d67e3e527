/* public_keys.c: the operations, in the order of the handshake. */
#include "public_keys.h"

#include <openssl/ec.h>
#include <string.h>

#include "harness.h"

/* What a ServerKeyExchange signs: two randoms of 32 bytes, the curve, and a point of 32 bytes. */
#define SIGNED 100
#define SHARE 32
#define SIGNATURE_MAX 80

enum { CLIENT, SERVER };

void public_keys_open(struct public_keys *p) {
	for (int end = 0; end < 2; end++)
		BENCH_MUST((p->certificate[end] = EVP_EC_gen("P-256")) != NULL);
}

void public_keys_close(struct public_keys *p) {
	for (int end = 0; end < 2; end++)
		EVP_PKEY_free(p->certificate[end]);
}

/* ---- the operations ---------------------------------------------------------------------------------------------- */

/* Makes the key of one handshake; its public half is what the other end gets. */
static EVP_PKEY *make_share(uint8_t *share) {
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
	EVP_PKEY *key = NULL;
	size_t len = SHARE;
	BENCH_MUST(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_keygen(ctx, &key) == 1);
	BENCH_MUST(EVP_PKEY_get_raw_public_key(key, share, &len) == 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void derive(EVP_PKEY *key, const uint8_t *share) {
	uint8_t secret[SHARE];
	size_t len = sizeof secret;
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, share, SHARE);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	BENCH_MUST(peer && ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1);
	BENCH_MUST(EVP_PKEY_derive(ctx, secret, &len) == 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
}

static size_t sign(EVP_PKEY *key, const uint8_t *text, uint8_t *signature) {
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = SIGNATURE_MAX;
	BENCH_MUST(ctx && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
	BENCH_MUST(EVP_DigestSign(ctx, signature, &len, text, SIGNED) == 1);
	EVP_MD_CTX_free(ctx);
	return len;
}

static void verify(EVP_PKEY *key, const uint8_t *text, const uint8_t *signature, size_t len) {
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	BENCH_MUST(ctx && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
	BENCH_MUST(EVP_DigestVerify(ctx, signature, len, text, SIGNED) == 1);
	EVP_MD_CTX_free(ctx);
}

/* ---- a handshake ------------------------------------------------------------------------------------------------- */

void public_keys_work(const struct public_keys *p) {
	static const uint8_t text[SIGNED];
	uint8_t share[2][SHARE], signature[SIGNATURE_MAX];
	/* ServerKeyExchange. */
	EVP_PKEY *server = make_share(share[SERVER]);
	verify(p->certificate[SERVER], text, signature, sign(p->certificate[SERVER], text, signature));
	/* ClientKeyExchange, CertificateVerify. */
	EVP_PKEY *client = make_share(share[CLIENT]);
	derive(client, share[SERVER]);
	derive(server, share[CLIENT]);
	verify(p->certificate[CLIENT], text, signature, sign(p->certificate[CLIENT], text, signature));
	EVP_PKEY_free(client);
	EVP_PKEY_free(server);
}
