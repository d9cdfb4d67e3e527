#include "sctp/cookie.h"

#define COOKIE_MAGIC 0x736c7531u /* "slu1": the layout's version */
#define COOKIE_BODY (COOKIE_SIZE - CRYPTO_SHA256_SIZE)

static uint8_t *add16(uint8_t *p, uint16_t v) {
	put_be16(p, v);
	return p + 2;
}

static uint8_t *add32(uint8_t *p, uint32_t v) {
	put_be32(p, v);
	return p + 4;
}

static uint8_t *add64(uint8_t *p, uint64_t v) {
	put_be64(p, v);
	return p + 8;
}

bool cookie_write(const struct cookie *c, const uint8_t secret[COOKIE_SECRET_SIZE], uint8_t *out) {
	uint8_t *p = add32(out, COOKIE_MAGIC);
	p = add64(p, c->created);
	p = add64(p, c->lifetime);
	p = add32(p, c->local_tag);
	p = add32(p, c->peer_tag);
	p = add32(p, c->local_tsn);
	p = add32(p, c->peer_tsn);
	p = add64(p, c->tie);
	p = add32(p, c->peer_a_rwnd);
	p = add64(p, c->peer_addresses);
	p = add16(p, c->peer_outbound);
	p = add16(p, c->peer_inbound);
	p = add16(p, c->local_port);
	p = add16(p, c->peer_port);
	p = add32(p, c->can);
	return crypto_hmac_sha256(secret, COOKIE_SECRET_SIZE, out, (size_t)(p - out), p);
}

bool cookie_read(const uint8_t *data, size_t len, const uint8_t secret[COOKIE_SECRET_SIZE], struct cookie *c) {
	uint8_t mac[CRYPTO_SHA256_SIZE];
	if (len != COOKIE_SIZE || get_be32(data) != COOKIE_MAGIC)
		return false;
	if (!crypto_hmac_sha256(secret, COOKIE_SECRET_SIZE, data, COOKIE_BODY, mac) ||
	    !crypto_equal(mac, data + COOKIE_BODY, sizeof mac))
		return false;
	struct reader r = reader_of(data + 4, COOKIE_BODY - 4);
	c->created = read_be64(&r);
	c->lifetime = read_be64(&r);
	c->local_tag = read_be32(&r);
	c->peer_tag = read_be32(&r);
	c->local_tsn = read_be32(&r);
	c->peer_tsn = read_be32(&r);
	c->tie = read_be64(&r);
	c->peer_a_rwnd = read_be32(&r);
	c->peer_addresses = read_be64(&r);
	c->peer_outbound = read_be16(&r);
	c->peer_inbound = read_be16(&r);
	c->local_port = read_be16(&r);
	c->peer_port = read_be16(&r);
	c->can = read_be32(&r);
	return !r.failed;
}
