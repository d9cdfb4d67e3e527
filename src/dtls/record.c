/* record.c: the bounds and the plausibility of bytes that claim to be a record. It decrypts nothing and remembers nothing. */
#include "dtls/record.h"

/* No handshake message of ours or of a browser comes near this; OpenSSL's own bound is 100 KiB. */
#define MESSAGE_MAX 65535

/* HandshakeType values that a DTLS 1.2 client or server sends before its ChangeCipherSpec; RFC 5246, 7.4, RFC 6347, 4.3.2,
 * RFC 6066, 8 (certificate_status). Finished is always encrypted. */
#define BIT(type) (UINT32_C(1) << (type))
#define FROM_CLIENT (BIT(1) | BIT(11) | BIT(15) | BIT(16))
#define FROM_SERVER (BIT(0) | BIT(2) | BIT(3) | BIT(4) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(22))

/* RFC 6347, 4.2.2: msg_type 8 | length 24 | message_seq 16 | fragment_offset 24 | fragment_length 24 | fragment. A record
 * may hold several. */
static bool fragments_fit(const uint8_t *data, size_t len, uint32_t types) {
	struct reader r = reader_of(data, len);
	do {
		uint8_t type = read_u8(&r);
		uint32_t length = read_be24(&r);
		read_be16(&r);
		uint32_t offset = read_be24(&r);
		uint32_t fragment = read_be24(&r);
		read_bytes(&r, fragment);
		if (r.failed || type > 31 || !(types & BIT(type)) || length > MESSAGE_MAX || offset + fragment > length)
			return false;
	} while (reader_left(&r) > 0);
	return true;
}

/* Fatal, or close_notify. No other warning has a meaning for a handshake, and OpenSSL 3.0 reads the same one again until it has
 * had too many. */
static bool alert_ends(const uint8_t *fragment) {
	return fragment[0] == ALERT_FATAL || (fragment[0] == ALERT_WARNING && fragment[1] == ALERT_CLOSE_NOTIFY);
}

bool record_is_plausible(const uint8_t *record, size_t len, bool from_client) {
	const uint8_t *fragment = record + RECORD_HEADER;
	size_t n = len - RECORD_HEADER;
	switch (record_type(record)) {
	case RECORD_CHANGE_CIPHER_SPEC:
		return n == 1 && fragment[0] == 1;
	case RECORD_ALERT:
		return n == 2 && alert_ends(fragment);
	case RECORD_HANDSHAKE:
		return fragments_fit(fragment, n, from_client ? FROM_CLIENT : FROM_SERVER);
	default:
		return false;
	}
}
