#include "tools/greeting.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/crypto.h"

#define PROOF_HEX (2 * CRYPTO_SHA256_SIZE + 1)

static void to_hex(const uint8_t *bytes, size_t len, char *hex) {
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

static void write_hello(const struct greeting *g, char line[GREETING_LINE_MAX]) {
	snprintf(line, GREETING_LINE_MAX, "{\"type\":\"hello\",\"nonce\":\"%s\",\"secret\":%s}\n", g->nonce,
	         g->secret ? "true" : "false");
}

bool greeting_begin(struct greeting *g, const char *secret, bool connects, char line[GREETING_LINE_MAX]) {
	uint8_t random[(GREETING_NONCE - 1) / 2];
	*g = (struct greeting){.secret = secret, .connects = connects};
	line[0] = 0;
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	to_hex(random, sizeof random, g->nonce);
	if (connects)
		write_hello(g, line);
	return true;
}

/* What an end proves with: the nonces stand in the order of who connects and who listens. The name of the end keeps a proof from
 * being sent back as the other one's. */
static bool make_proof(const struct greeting *g, bool connects, char proof[PROOF_HEX]) {
	char text[16 + 2 * GREETING_NONCE];
	uint8_t digest[CRYPTO_SHA256_SIZE];
	int len = snprintf(text, sizeof text, "%s %s %s", connects ? "connects" : "listens", g->connects ? g->nonce : g->other,
	                   g->connects ? g->other : g->nonce);
	if (!crypto_hmac_sha256(g->secret, strlen(g->secret), text, (size_t)len, digest))
		return false;
	to_hex(digest, sizeof digest, proof);
	return true;
}

static bool write_proof(const struct greeting *g, char line[GREETING_LINE_MAX]) {
	char proof[PROOF_HEX];
	if (!make_proof(g, g->connects, proof))
		return false;
	snprintf(line, GREETING_LINE_MAX, "{\"type\":\"proof\",\"proof\":\"%s\"}\n", proof);
	return true;
}

static enum greeting_result wrong(const char **why, const char *text) {
	*why = text;
	return GREETING_WRONG;
}

static enum greeting_result take_hello(struct greeting *g, const json_t *o, char reply[GREETING_LINE_MAX], const char **why) {
	const char *nonce = json_string_value(json_object_get(o, "nonce"));
	bool secret = json_is_true(json_object_get(o, "secret"));
	if (!nonce || strlen(nonce) != GREETING_NONCE - 1 || strcmp(nonce, g->nonce) == 0)
		return wrong(why, "it does not greet as it should");
	strcpy(g->other, nonce);
	g->heard = true;
	if (!g->connects)
		write_hello(g, reply); /* also to one that will be turned away: it learns why */
	if (secret && !g->secret)
		return wrong(why, "it wants a secret, tcp:HOST:PORT#SECRET at both ends");
	if (!secret && g->secret)
		return wrong(why, "it has no secret, tcp:HOST:PORT#SECRET at both ends");
	if (g->connects && g->secret && !write_proof(g, reply))
		return wrong(why, "no memory");
	return g->secret ? GREETING_GOES_ON : GREETING_DONE;
}

static enum greeting_result take_proof(struct greeting *g, const json_t *o, char reply[GREETING_LINE_MAX], const char **why) {
	char expected[PROOF_HEX];
	const char *proof = json_string_value(json_object_get(o, "proof"));
	if (!make_proof(g, !g->connects, expected))
		return wrong(why, "no memory");
	if (!proof || strlen(proof) != sizeof expected - 1 || !crypto_equal(proof, expected, sizeof expected - 1))
		return wrong(why, "it has another secret");
	if (!g->connects && !write_proof(g, reply))
		return wrong(why, "no memory");
	return GREETING_DONE;
}

enum greeting_result greeting_take(struct greeting *g, const char *text, size_t len, char reply[GREETING_LINE_MAX],
                                   const char **why) {
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	const char *type = json_string_value(json_object_get(o, "type"));
	enum greeting_result result;
	reply[0] = 0;
	if (type && !g->heard && strcmp(type, "hello") == 0)
		result = take_hello(g, o, reply, why);
	else if (type && g->heard && strcmp(type, "proof") == 0)
		result = take_proof(g, o, reply, why);
	else
		result = wrong(why, "it does not greet as it should");
	json_decref(o);
	return result;
}
