/* record: what does a DTLS 1.2 record look like from outside (RFC 6347, 4.1), as far as we look before OpenSSL does?
 *
 *    type 8 | version 16 | epoch 16 | sequence 48 | length 16 | fragment
 *
 * Stateless: whether a record is plausible depends on the role and the epoch alone. */
#ifndef DTLS_RECORD_H
#define DTLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER 13
/* RFC 5246, 6.2.3: "The length MUST NOT exceed 2^14 + 2048." */
#define RECORD_MAX (RECORD_HEADER + (1 << 14) + 2048)

enum record_type {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION = 23,
};

/* The length of the record that data begins with, header included. 0: data begins with none, or the record ends behind len. */
size_t record_parse(const uint8_t *data, size_t len);

static inline uint8_t record_type(const uint8_t *record) {
	return record[0];
}
static inline unsigned record_epoch(const uint8_t *record) {
	return (unsigned)record[3] << 8 | record[4];
}

/* May an unencrypted record (epoch 0) be shown to the handshake? OpenSSL ends the connection for a plaintext record that makes no
 * sense, and anybody can send one. So a record that no peer of this role would ever send is dropped before OpenSSL sees it. */
bool record_is_plausible(const uint8_t *record, size_t len, bool from_client);

#endif
