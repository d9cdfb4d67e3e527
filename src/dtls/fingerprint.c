/* fingerprint.c: the digest, its text and its bytes; what they are for stands in the header. */
#include "dtls/fingerprint.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	size_t size;
} hashes[] = {
	[SLUICE_SHA256] = {"sha-256", 32},
	[SLUICE_SHA384] = {"sha-384", 48},
	[SLUICE_SHA512] = {"sha-512", 64},
};

/* ---- text ------------------------------------------------------------------------------------------------------------ */

size_t fingerprint_size(enum sluice_hash hash) {
	return hash >= SLUICE_SHA256 && hash <= SLUICE_SHA512 ? hashes[hash].size : 0;
}

int sluice_fingerprint_format(const sluice_fingerprint *f, char *text, size_t size) {
	size_t digest = fingerprint_size(f->hash);
	if (digest == 0)
		return SLUICE_INVALID;
	size_t name = strlen(hashes[f->hash].name);
	size_t len = name + 3 * digest; /* a space or a colon before each pair of digits */
	if (size <= len)
		return SLUICE_NO_SPACE;
	memcpy(text, hashes[f->hash].name, name);
	/* RFC 8122, 5: "The hash value is represented as a sequence of uppercase hexadecimal bytes, separated by colons." */
	for (size_t i = 0; i < digest; i++)
		snprintf(text + name + 3 * i, 4, "%c%02X", i == 0 ? ' ' : ':', f->digest[i]);
	return (int)len;
}

static enum sluice_hash hash_named(const char *name, size_t len) {
	for (int hash = SLUICE_SHA256; hash <= SLUICE_SHA512; hash++)
		if (strlen(hashes[hash].name) == len && strncasecmp(hashes[hash].name, name, len) == 0)
			return (enum sluice_hash)hash;
	return 0;
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads "AB:CD:..." of exactly `size` bytes; returns where it ends, or NULL. */
static const char *read_digest(const char *s, uint8_t *digest, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (i > 0 && *s++ != ':')
			return NULL;
		int high = hex_digit(s[0]);
		int low = high < 0 ? -1 : hex_digit(s[1]);
		if (low < 0)
			return NULL;
		digest[i] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	return s;
}

int sluice_fingerprint_parse(const char *text, sluice_fingerprint *out) {
	size_t name = strcspn(text, " ");
	if (name == 0 || text[name] == 0)
		return SLUICE_MALFORMED;
	sluice_fingerprint f = {.hash = hash_named(text, name)};
	if (!f.hash)
		return SLUICE_UNSUPPORTED;
	const char *end = read_digest(text + name + strspn(text + name, " "), f.digest, fingerprint_size(f.hash));
	/* What follows may only be the end of the line that the text was cut from. */
	if (!end || end[strspn(end, " \r\n")] != 0)
		return SLUICE_MALFORMED;
	*out = f;
	return 0;
}

/* ---- the digest ------------------------------------------------------------------------------------------------------ */

static const EVP_MD *digest_of(enum sluice_hash hash) {
	switch (hash) {
	case SLUICE_SHA256:
		return EVP_sha256();
	case SLUICE_SHA384:
		return EVP_sha384();
	case SLUICE_SHA512:
		return EVP_sha512();
	}
	return NULL;
}

int fingerprint_of(const X509 *x509, enum sluice_hash hash, sluice_fingerprint *out) {
	const EVP_MD *md = digest_of(hash);
	if (!md)
		return SLUICE_INVALID;
	sluice_fingerprint f = {.hash = hash};
	if (X509_digest(x509, md, f.digest, NULL) != 1)
		return SLUICE_CRYPTO;
	*out = f;
	return 0;
}

int fingerprint_of_der(const uint8_t *der, size_t len, enum sluice_hash hash, sluice_fingerprint *out) {
	const EVP_MD *md = digest_of(hash);
	if (!md)
		return SLUICE_INVALID;
	sluice_fingerprint f = {.hash = hash};
	if (EVP_Digest(der, len, f.digest, NULL, md, NULL) != 1)
		return SLUICE_CRYPTO;
	*out = f;
	return 0;
}
