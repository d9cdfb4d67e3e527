/* record: what does a DTLS 1.2 record look like from outside (RFC 6347, 4.1)?
 *
 *    type 8 | version 16 | epoch 16 | sequence 48 | length 16 | fragment
 *
 * Stateless: whether a record is plausible depends on the role and the epoch alone. */
#ifndef DTLS_RECORD_H
#define DTLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define RECORD_HEADER 13
/* RFC 5246, 6.2.1: "The length MUST NOT exceed 2^14." That is the plaintext. */
#define RECORD_TEXT_MAX ((size_t)1 << 14)
/* RFC 5246, 6.2.3: "The length MUST NOT exceed 2^14 + 2048." */
#define RECORD_MAX (RECORD_HEADER + (1 << 14) + 2048)

enum record_type {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_APPLICATION = 23,
};

#define RECORD_VERSION_MAJOR 0xfe /* DTLS 1.x: the ones' complement of 1 */

/* The length of the record that data begins with, header included. 0: data begins with none, or the record ends behind len. */
static inline size_t record_parse(const uint8_t *data, size_t len) {
	if (len < RECORD_HEADER || data[0] < RECORD_CHANGE_CIPHER_SPEC || data[0] > RECORD_APPLICATION ||
	    data[1] != RECORD_VERSION_MAJOR)
		return 0;
	size_t record = RECORD_HEADER + (size_t)get_be16(data + 11);
	return record <= len && record <= RECORD_MAX ? record : 0;
}

static inline uint8_t record_type(const uint8_t *record) {
	return record[0];
}
static inline unsigned record_epoch(const uint8_t *record) {
	return get_be16(record + 3);
}
/* Epoch and sequence as the one number of 64 bits that enters nonce and tag; RECORD_NUMBER makes it. */
static inline uint64_t record_number(const uint8_t *record) {
	return get_be64(record + 3);
}
#define RECORD_SEQUENCE_BITS 48
#define RECORD_SEQUENCE_MAX ((UINT64_C(1) << RECORD_SEQUENCE_BITS) - 1)
#define RECORD_NUMBER(epoch, sequence) ((uint64_t)(epoch) << RECORD_SEQUENCE_BITS | (sequence))

#define RECORD_VERSION 0xfefd /* DTLS 1.2; a ClientHello alone may say 1.0, for servers that know nothing else */

/* Writes the header of a record whose fragment has `len` bytes. */
static inline void record_put_header(uint8_t *record, uint8_t type, uint16_t version, uint64_t number, size_t len) {
	record[0] = type;
	put_be16(record + 1, version);
	put_be64(record + 3, number);
	put_be16(record + 11, (uint16_t)len);
}

/* Alerts: level 8 | description 8 (RFC 5246, 7.2). */
enum { ALERT_WARNING = 1, ALERT_FATAL = 2 };
enum { ALERT_CLOSE_NOTIFY = 0, ALERT_BAD_CERTIFICATE = 42, ALERT_NO_RENEGOTIATION = 100 };

/* The header of a handshake message's fragment: type 8 | length 24 | message_seq 16 | offset 24 | fragment length 24. */
#define HANDSHAKE_HEADER 12

/* May an unencrypted record (epoch 0) be shown to the handshake? OpenSSL ends the connection for a plaintext record that makes no
 * sense, and anybody can send one. So a record that no peer of this role would ever send is dropped before OpenSSL sees it. */
bool record_is_plausible(const uint8_t *record, size_t len, bool from_client);

#endif
