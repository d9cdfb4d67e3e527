/* stun: the codec. A message is one header, then attributes of type, length, value and padding to four bytes. */
#include "ice/stun.h"

#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/crc32.h"
#include "base/packet_kind.h"
#include "base/wipe.h"
#include "crypto/crypto.h"
#include "sluice/error.h"

#define ATTRIBUTE_HEADER 4
#define FINGERPRINT_XOR UINT32_C(0x5354554e) /* RFC 8489, 14.7 */
#define OPTIONAL_FROM 0x8000                 /* 14: types below are comprehension-required */

enum { FAMILY_IPV4 = 1, FAMILY_IPV6 = 2 }; /* 14.1 */

/* RFC 8489, 5: M11..M7 C1 M6..M4 C0 M3..M0. */
static uint16_t type_of(enum stun_class class, uint16_t method) {
	return (uint16_t)((method & 0xf80) << 2 | (method & 0x70) << 1 | (method & 0xf) | (class & 2) << 7 | (class & 1) << 4);
}

static enum stun_class class_of(uint16_t type) {
	return (enum stun_class)((type >> 7 & 2) | (type >> 4 & 1));
}

static uint16_t method_of(uint16_t type) {
	return (uint16_t)((type >> 2 & 0xf80) | (type >> 1 & 0x70) | (type & 0xf));
}

bool stun_looks_like(const uint8_t *data, size_t len) {
	return len >= STUN_HEADER && packet_kind_of(data, len) == PACKET_STUN && len % 4 == 0 &&
	       get_be16(data + 2) == len - STUN_HEADER && get_be32(data + 4) == STUN_MAGIC;
}

/* ---- addresses ---- */

/* RFC 8489, 14.2: the port is XORed with the upper half of the magic cookie, the address with the cookie and, where it is longer,
 * with the transaction id behind it; in the header the two lie side by side. Its own inverse. */
static void xor_address(uint8_t *value, size_t address_len, const uint8_t *header) {
	const uint8_t *mask = header + 4;
	for (size_t i = 0; i < 2; i++)
		value[2 + i] ^= mask[i];
	for (size_t i = 0; i < address_len; i++)
		value[4 + i] ^= mask[i];
}

static bool is_xored(uint16_t attribute) {
	return attribute == STUN_ATTR_XOR_MAPPED_ADDRESS || attribute == STUN_ATTR_XOR_PEER_ADDRESS ||
	       attribute == STUN_ATTR_XOR_RELAYED_ADDRESS;
}

static bool read_address(const struct stun_message *m, uint16_t attribute, struct stun_slice v, struct sockaddr_storage *to) {
	uint8_t value[20];
	size_t address_len = v.len == 8 ? 4 : 16;
	if ((v.len != 8 && v.len != 20) || v.data[1] != (v.len == 8 ? FAMILY_IPV4 : FAMILY_IPV6))
		return false;
	memcpy(value, v.data, v.len);
	if (is_xored(attribute))
		xor_address(value, address_len, m->bytes);
	*to = address_from_bytes(value + 4, address_len, get_be16(value + 2));
	return true;
}

/* ---- reading ---- */

static bool take_slice(struct stun_slice *to, struct stun_slice v) {
	*to = v;
	return true;
}

static bool take32(uint32_t *to, bool *has, struct stun_slice v) {
	if (v.len != 4)
		return false;
	*to = get_be32(v.data);
	*has = true;
	return true;
}

static bool take_tie_breaker(struct stun_message *m, bool *role, struct stun_slice v) {
	if (v.len != 8)
		return false;
	if (!m->is_controlling && !m->is_controlled)
		m->tie_breaker = get_be64(v.data);
	*role = true;
	return true;
}

/* RFC 8656, 18.1: the number and two reserved bytes. */
static bool take_channel(struct stun_message *m, struct stun_slice v) {
	if (v.len != 4)
		return false;
	m->channel = get_be16(v.data);
	m->has_channel = true;
	return true;
}

/* RFC 8489, 14.8: the class of 3..6 in three bits, the number of 0..99 in a byte, and a reason for people. */
static bool take_error(struct stun_message *m, struct stun_slice v) {
	if (v.len < 4)
		return false;
	unsigned hundreds = v.data[2] & 7, number = v.data[3];
	if (hundreds < 3 || hundreds > 6 || number > 99)
		return false;
	m->error_code = (uint16_t)(100 * hundreds + number);
	m->reason = (struct stun_slice){v.data + 4, v.len - 4};
	return true;
}

/* The XORed address wins over the plain one. */
static bool take_mapped(struct stun_message *m, uint16_t attribute, struct stun_slice v, bool *xored) {
	if (*xored)
		return true;
	*xored = attribute == STUN_ATTR_XOR_MAPPED_ADDRESS;
	return read_address(m, attribute, v, &m->mapped);
}

static void note_unknown(struct stun_message *m, uint16_t attribute) {
	if (attribute < OPTIONAL_FROM && m->unknown_count < sizeof m->unknown / sizeof *m->unknown)
		m->unknown[m->unknown_count++] = attribute;
}

/* Attributes that we know and ignore: they concern only a server, or are looked at only when the integrity is verified. */
static bool is_known(uint16_t attribute) {
	switch (attribute) {
	case STUN_ATTR_UNKNOWN_ATTRIBUTES:
	case STUN_ATTR_REQUESTED_ADDRESS_FAMILY:
	case STUN_ATTR_EVEN_PORT:
	case STUN_ATTR_REQUESTED_TRANSPORT:
	case STUN_ATTR_DONT_FRAGMENT:
	case STUN_ATTR_PASSWORD_ALGORITHM:
	case STUN_ATTR_USERHASH:
		return true;
	default:
		return false;
	}
}

/* Attributes of which the first counts. False: the value has the wrong size. */
static bool take_attribute(struct stun_message *m, uint16_t attribute, struct stun_slice v, bool *mapped_xored) {
	switch (attribute) {
	case STUN_ATTR_USERNAME:
		return m->username.data || take_slice(&m->username, v);
	case STUN_ATTR_REALM:
		return m->realm.data || take_slice(&m->realm, v);
	case STUN_ATTR_NONCE:
		return m->nonce.data || take_slice(&m->nonce, v);
	case STUN_ATTR_SOFTWARE:
		return m->software.data || take_slice(&m->software, v);
	case STUN_ATTR_DATA:
		return m->data.data || take_slice(&m->data, v);
	case STUN_ATTR_DTLS_IN_STUN:
		return m->dtls.data || take_slice(&m->dtls, v);
	case STUN_ATTR_DTLS_IN_STUN_ACK:
		return m->dtls_ack.data || take_slice(&m->dtls_ack, v);
	case STUN_ATTR_PRIORITY:
		return m->has_priority || take32(&m->priority, &m->has_priority, v);
	case STUN_ATTR_LIFETIME:
		return m->has_lifetime || take32(&m->lifetime, &m->has_lifetime, v);
	case STUN_ATTR_CHANNEL_NUMBER:
		return m->has_channel || take_channel(m, v);
	case STUN_ATTR_USE_CANDIDATE:
		m->use_candidate = true;
		return v.len == 0;
	case STUN_ATTR_ICE_CONTROLLING:
		return m->is_controlling || take_tie_breaker(m, &m->is_controlling, v);
	case STUN_ATTR_ICE_CONTROLLED:
		return m->is_controlled || take_tie_breaker(m, &m->is_controlled, v);
	case STUN_ATTR_ERROR_CODE:
		return m->error_code || take_error(m, v);
	case STUN_ATTR_MAPPED_ADDRESS:
		return m->mapped.ss_family || take_mapped(m, attribute, v, mapped_xored);
	case STUN_ATTR_XOR_MAPPED_ADDRESS:
		return take_mapped(m, attribute, v, mapped_xored);
	case STUN_ATTR_XOR_RELAYED_ADDRESS:
		return m->relayed.ss_family || read_address(m, attribute, v, &m->relayed);
	case STUN_ATTR_XOR_PEER_ADDRESS:
		return m->peer.ss_family || read_address(m, attribute, v, &m->peer);
	case STUN_ATTR_ALTERNATE_SERVER:
		return m->alternate.ss_family || read_address(m, attribute, v, &m->alternate);
	default:
		if (!is_known(attribute))
			note_unknown(m, attribute);
		return true;
	}
}

/* RFC 8489, 14.7: the CRC-32 of everything before the attribute, XORed. "When present, the FINGERPRINT attribute MUST be the last
 * attribute in the message". */
static bool take_fingerprint(struct stun_message *m, size_t at, struct stun_slice v) {
	m->has_fingerprint = true;
	return v.len == 4 && at + ATTRIBUTE_HEADER + 4 == m->len &&
	       get_be32(v.data) == (crc32_ieee(m->bytes, at) ^ FINGERPRINT_XOR);
}

/* 14.6: the SHA-256 HMAC may be cut to 16 bytes where a usage allows that. Neither ICE nor TURN does. */
static bool take_integrity(size_t *offset, size_t at, struct stun_slice v, size_t size) {
	*offset = at;
	return v.len == size;
}

int stun_parse(const uint8_t *bytes, size_t len, struct stun_message *m) {
	if (!stun_looks_like(bytes, len))
		return SLUICE_MALFORMED;
	uint16_t type = get_be16(bytes);
	memset(m, 0, sizeof *m);
	m->bytes = bytes;
	m->len = len;
	m->class = class_of(type);
	m->method = method_of(type);
	m->id = bytes + 8;

	bool mapped_xored = false;
	struct reader r = reader_of(bytes + STUN_HEADER, len - STUN_HEADER);
	while (reader_left(&r) > 0) {
		size_t at = (size_t)(r.at - bytes);
		uint16_t attribute = read_be16(&r);
		struct stun_slice v = {.len = read_be16(&r)};
		v.data = read_bytes(&r, v.len);
		read_bytes(&r, pad4(v.len) - v.len);
		if (r.failed)
			return SLUICE_MALFORMED;

		/* 14.5: "With the exception of the MESSAGE-INTEGRITY-SHA256 and FINGERPRINT attributes, which appear after
		 * MESSAGE-INTEGRITY, agents MUST ignore all other attributes that follow MESSAGE-INTEGRITY." Nobody signed
		 * them. */
		bool fine = true;
		if (attribute == STUN_ATTR_FINGERPRINT)
			fine = take_fingerprint(m, at, v);
		else if (m->integrity_sha256)
			continue;
		else if (attribute == STUN_ATTR_MESSAGE_INTEGRITY_SHA256)
			fine = take_integrity(&m->integrity_sha256, at, v, CRYPTO_SHA256_SIZE);
		else if (m->integrity)
			continue;
		else if (attribute == STUN_ATTR_MESSAGE_INTEGRITY)
			fine = take_integrity(&m->integrity, at, v, CRYPTO_SHA1_SIZE);
		else
			fine = take_attribute(m, attribute, v, &mapped_xored);
		if (!fine)
			return SLUICE_MALFORMED;
	}
	return 0;
}

/* ---- integrity ---- */

/* RFC 8489, 14.5: the HMAC covers the message up to the attribute at `offset`, with a length in the header as though that
 * attribute were the last. */
static bool integrity_of(const uint8_t *bytes, size_t offset, enum crypto_hash hash, const void *key, size_t key_len,
                         uint8_t *mac) {
	uint8_t header[STUN_HEADER];
	size_t size = crypto_hash_size(hash);
	memcpy(header, bytes, sizeof header);
	put_be16(header + 2, (uint16_t)(offset + ATTRIBUTE_HEADER + size - STUN_HEADER));
	const struct iovec parts[] = {{header, sizeof header}, {(void *)(bytes + STUN_HEADER), offset - STUN_HEADER}};
	return crypto_hmac(hash, key, key_len, parts, 2, mac);
}

bool stun_verify(const struct stun_message *m, const void *key, size_t key_len) {
	uint8_t mac[CRYPTO_SHA256_SIZE];
	enum crypto_hash hash = m->integrity_sha256 ? CRYPTO_SHA256 : CRYPTO_SHA1;
	size_t offset = m->integrity_sha256 ? m->integrity_sha256 : m->integrity;
	if (offset == 0 || !integrity_of(m->bytes, offset, hash, key, key_len, mac))
		return false;
	return crypto_equal(mac, m->bytes + offset + ATTRIBUTE_HEADER, crypto_hash_size(hash));
}

/* RFC 8489, 14.3 and 14.9 bound a username by 508 and a realm by 763 bytes; passwords are bounded here. */
#define LONG_TERM_MAX 2048

bool stun_long_term_key(const char *username, const char *realm, size_t realm_len, const char *password, uint8_t key[16]) {
	uint8_t text[LONG_TERM_MAX];
	struct writer w = writer_of(text, sizeof text);
	write_bytes(&w, username, strlen(username));
	write_u8(&w, ':');
	write_bytes(&w, realm, realm_len);
	write_u8(&w, ':');
	write_bytes(&w, password, strlen(password));
	bool done = !w.failed && crypto_md5(text, writer_len(&w), key);
	wipe(text, sizeof text);
	return done;
}

/* ---- writing ---- */

void stun_begin(struct stun_writer *w, void *space, size_t capacity, enum stun_class class, uint16_t method, const uint8_t *id) {
	*w = (struct stun_writer){.data = space, .capacity = capacity, .failed = capacity < STUN_HEADER};
	if (w->failed)
		return;
	put_be16(w->data, type_of(class, method));
	put_be16(w->data + 2, 0);
	put_be32(w->data + 4, STUN_MAGIC);
	memcpy(w->data + 8, id, STUN_ID_SIZE);
	w->len = STUN_HEADER;
}

/* Room for a value of len bytes, its padding zeroed; NULL when it does not fit. */
static uint8_t *attribute_space(struct stun_writer *w, uint16_t attribute, size_t len) {
	size_t whole = ATTRIBUTE_HEADER + pad4(len);
	if (w->failed || len > UINT16_MAX || w->capacity - w->len < whole || w->len + whole - STUN_HEADER > UINT16_MAX) {
		w->failed = true;
		return NULL;
	}
	uint8_t *p = w->data + w->len;
	put_be16(p, attribute);
	put_be16(p + 2, (uint16_t)len);
	memset(p + ATTRIBUTE_HEADER + len, 0, pad4(len) - len);
	w->len += whole;
	return p + ATTRIBUTE_HEADER;
}

void stun_put(struct stun_writer *w, uint16_t attribute, const void *value, size_t len) {
	uint8_t *p = attribute_space(w, attribute, len);
	if (p && len)
		memcpy(p, value, len);
}

void stun_put32(struct stun_writer *w, uint16_t attribute, uint32_t value) {
	uint8_t *p = attribute_space(w, attribute, 4);
	if (p)
		put_be32(p, value);
}

void stun_put64(struct stun_writer *w, uint16_t attribute, uint64_t value) {
	uint8_t *p = attribute_space(w, attribute, 8);
	if (p)
		put_be64(p, value);
}

void stun_put_address(struct stun_writer *w, uint16_t attribute, const struct sockaddr_storage *addr) {
	size_t size = address_size(addr);
	uint8_t *p = size ? attribute_space(w, attribute, 4 + size) : NULL;
	if (!p) {
		w->failed = true;
		return;
	}
	p[0] = 0;
	p[1] = size == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	put_be16(p + 2, address_port(addr));
	memcpy(p + 4, address_bytes(addr), size);
	if (is_xored(attribute))
		xor_address(p, size, w->data);
}

void stun_put_error(struct stun_writer *w, uint16_t code, const char *reason) {
	size_t len = strlen(reason);
	uint8_t *p = attribute_space(w, STUN_ATTR_ERROR_CODE, 4 + len);
	if (!p)
		return;
	put_be32(p, (uint32_t)(code / 100) << 8 | code % 100);
	memcpy(p + 4, reason, len);
}

size_t stun_end(struct stun_writer *w, const void *key, size_t key_len, bool fingerprint) {
	if (key) {
		size_t offset = w->len;
		uint8_t *mac = attribute_space(w, STUN_ATTR_MESSAGE_INTEGRITY, CRYPTO_SHA1_SIZE);
		if (!mac || !integrity_of(w->data, offset, CRYPTO_SHA1, key, key_len, mac))
			w->failed = true;
	}
	if (fingerprint) {
		size_t offset = w->len;
		uint8_t *crc = attribute_space(w, STUN_ATTR_FINGERPRINT, 4);
		if (crc) {
			put_be16(w->data + 2, (uint16_t)(w->len - STUN_HEADER));
			put_be32(crc, crc32_ieee(w->data, offset) ^ FINGERPRINT_XOR);
		}
	}
	if (w->failed)
		return 0;
	put_be16(w->data + 2, (uint16_t)(w->len - STUN_HEADER));
	return w->len;
}
