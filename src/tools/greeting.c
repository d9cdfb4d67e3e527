#include "tools/greeting.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/wipe.h"
#include "crypto/crypto.h"

#define PROOF_HEX (2 * CRYPTO_SHA256_SIZE + 1)

static void to_hex(const uint8_t *bytes, size_t len, char *hex) {
	for (size_t i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

/* Drops the object. False when there is no memory; the line is empty then. */
static bool write_line(json_t *object, char line[GREETING_LINE_MAX]) {
	size_t len = object ? json_dumpb(object, line, GREETING_LINE_MAX - 2, JSON_COMPACT) : 0;
	bool written = len > 0 && len <= GREETING_LINE_MAX - 2;
	json_decref(object);
	strcpy(line + (written ? len : 0), written ? "\n" : "");
	return written;
}

static bool write_hello(const struct greeting *g, char line[GREETING_LINE_MAX]) {
	return write_line(json_pack("{s:s, s:s, s:b}", "type", "hello", "nonce", g->nonce, "secret", g->secret != NULL), line);
}

bool greeting_begin(struct greeting *g, const char *secret, bool connects, char line[GREETING_LINE_MAX]) {
	uint8_t random[(GREETING_NONCE - 1) / 2];
	*g = (struct greeting){.secret = secret, .connects = connects};
	line[0] = 0;
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	to_hex(random, sizeof random, g->nonce);
	return !connects || write_hello(g, line);
}

/* The nonce of the end that connects stands first. The name of the end is in the text, so that a proof cannot be sent back as the
 * other end's. */
static bool make_proof(const struct greeting *g, bool connects, char proof[PROOF_HEX]) {
	char text[16 + 2 * GREETING_NONCE];
	uint8_t digest[CRYPTO_SHA256_SIZE];
	int len = snprintf(text, sizeof text, "%s %s %s", connects ? "connects" : "listens", g->connects ? g->nonce : g->other,
	                   g->connects ? g->other : g->nonce);
	bool made = crypto_hmac_sha256(g->secret, strlen(g->secret), text, (size_t)len, digest);
	if (made)
		to_hex(digest, sizeof digest, proof);
	wipe(digest, sizeof digest);
	return made;
}

static bool write_proof(const struct greeting *g, char line[GREETING_LINE_MAX]) {
	char proof[PROOF_HEX];
	bool written = make_proof(g, g->connects, proof) &&
	               write_line(json_pack("{s:s, s:s}", "type", "proof", "proof", proof), line);
	wipe(proof, sizeof proof);
	return written;
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
	if (!g->connects && !write_hello(g, reply)) /* also to one that will be turned away: it learns why */
		return wrong(why, "no memory");
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
	bool right = proof && strlen(proof) == sizeof expected - 1 && crypto_equal(proof, expected, sizeof expected - 1);
	wipe(expected, sizeof expected);
	if (!right)
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
