/* stun: how is a STUN message read and written? RFC 8489, with the attributes of ICE (RFC 8445), TURN (RFC 8656) and of DTLS
 * embedded in STUN (draft-hancke-webrtc-sped).
 *
 * Reading gives a view: slices point into the datagram, nothing is copied or allocated. Writing fills a buffer of the caller
 * and cannot run over it. It knows no transactions, no candidates and no time. */
#ifndef ICE_STUN_H
#define ICE_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define STUN_HEADER 20
#define STUN_MAGIC UINT32_C(0x2112A442)
#define STUN_ID_SIZE 12

/* RFC 8489, 5: the two class bits. */
enum stun_class { STUN_REQUEST = 0, STUN_INDICATION = 1, STUN_SUCCESS = 2, STUN_ERROR = 3 };

enum stun_method {
	STUN_BINDING = 0x001,
	STUN_ALLOCATE = 0x003,
	STUN_REFRESH = 0x004,
	STUN_SEND = 0x006,
	STUN_DATA = 0x007,
	STUN_CREATE_PERMISSION = 0x008,
	STUN_CHANNEL_BIND = 0x009,
};

enum stun_attribute {
	STUN_ATTR_MAPPED_ADDRESS = 0x0001,
	STUN_ATTR_USERNAME = 0x0006,
	STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
	STUN_ATTR_ERROR_CODE = 0x0009,
	STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000A,
	STUN_ATTR_CHANNEL_NUMBER = 0x000C,
	STUN_ATTR_LIFETIME = 0x000D,
	STUN_ATTR_XOR_PEER_ADDRESS = 0x0012,
	STUN_ATTR_DATA = 0x0013,
	STUN_ATTR_REALM = 0x0014,
	STUN_ATTR_NONCE = 0x0015,
	STUN_ATTR_XOR_RELAYED_ADDRESS = 0x0016,
	STUN_ATTR_REQUESTED_ADDRESS_FAMILY = 0x0017,
	STUN_ATTR_EVEN_PORT = 0x0018,
	STUN_ATTR_REQUESTED_TRANSPORT = 0x0019,
	STUN_ATTR_DONT_FRAGMENT = 0x001A,
	STUN_ATTR_MESSAGE_INTEGRITY_SHA256 = 0x001C,
	STUN_ATTR_PASSWORD_ALGORITHM = 0x001D,
	STUN_ATTR_USERHASH = 0x001E,
	STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_ATTR_PRIORITY = 0x0024,
	STUN_ATTR_USE_CANDIDATE = 0x0025,
	STUN_ATTR_PASSWORD_ALGORITHMS = 0x8002,
	STUN_ATTR_SOFTWARE = 0x8022,
	STUN_ATTR_ALTERNATE_SERVER = 0x8023,
	STUN_ATTR_FINGERPRINT = 0x8028,
	STUN_ATTR_ICE_CONTROLLED = 0x8029,
	STUN_ATTR_ICE_CONTROLLING = 0x802A,
	STUN_ATTR_DTLS_IN_STUN = 0xC070,
	STUN_ATTR_DTLS_IN_STUN_ACK = 0xC071,
};

struct stun_slice {
	const uint8_t *data; /* NULL: the attribute is absent. An empty attribute has len 0 and a pointer */
	size_t len;
};

/* What one message says. When an attribute comes twice, the first counts (RFC 8489, 14). Attributes behind the integrity, except
 * the fingerprint, are ignored (14.5). */
struct stun_message {
	const uint8_t *bytes;
	size_t len;
	enum stun_class class;
	uint16_t method;
	const uint8_t *id; /* STUN_ID_SIZE bytes */

	struct stun_slice username, realm, nonce, software, data, reason;
	struct stun_slice dtls, dtls_ack;
	bool has_priority, use_candidate, is_controlling, is_controlled, has_lifetime, has_channel, has_fingerprint;
	uint32_t priority, lifetime; /* lifetime in s */
	uint64_t tie_breaker;        /* of ICE-CONTROLLING or ICE-CONTROLLED */
	uint16_t channel;
	uint16_t error_code;                                      /* 300..699, 0 without ERROR-CODE */
	struct sockaddr_storage mapped, relayed, peer, alternate; /* ss_family 0: absent. mapped: the XOR one wins */
	uint16_t unknown[8];                                      /* comprehension-required attributes that we do not know */
	size_t unknown_count;                                     /* as many as fit in unknown */
	size_t integrity, integrity_sha256;                       /* offset of the attribute in bytes; 0: absent */
};

/* Is it a STUN message at all? RFC 8489, 5: the first byte of STUN (packet_kind.h), a length that is a multiple of four and says
 * just what is there, the magic cookie. Cheap: for demultiplexing. */
bool stun_looks_like(const uint8_t *data, size_t len);

/* bytes must outlive m. Returns 0, or
 *   SLUICE_MALFORMED  not STUN, an attribute that runs over the end or has the wrong size, or a FINGERPRINT that does not match
 *   */
int stun_parse(const uint8_t *bytes, size_t len, struct stun_message *m);

/* Does the MESSAGE-INTEGRITY match, or the SHA-256 one when it is there? False when there is none. The short-term key is the
 * password, the long-term key is made by stun_long_term_key. */
bool stun_verify(const struct stun_message *m, const void *key, size_t key_len);

/* RFC 8489, 9.2.2: MD5(username ":" realm ":" password). False when the crypto library refuses. */
bool stun_long_term_key(const char *username, const char *realm, size_t realm_len, const char *password, uint8_t key[16]);

/* ---- writing ---- */

struct stun_writer {
	uint8_t *data;
	size_t len, capacity;
	bool failed; /* something did not fit, and stun_end will return 0 */
};

void stun_begin(struct stun_writer *w, void *space, size_t capacity, enum stun_class class, uint16_t method, const uint8_t *id);
void stun_put(struct stun_writer *w, uint16_t attribute, const void *value, size_t len); /* padded with zeros */
void stun_put32(struct stun_writer *w, uint16_t attribute, uint32_t value);
void stun_put64(struct stun_writer *w, uint16_t attribute, uint64_t value);
void stun_put_address(struct stun_writer *w, uint16_t attribute,
                      const struct sockaddr_storage *addr); /* XORed where its name says so */
void stun_put_error(struct stun_writer *w, uint16_t code, const char *reason);
/* Closes the message with MESSAGE-INTEGRITY when key is not NULL, and with FINGERPRINT when wanted. Returns the length, 0 when
 * the message did not fit or the crypto library refused. */
size_t stun_end(struct stun_writer *w, const void *key, size_t key_len, bool fingerprint);

#endif
