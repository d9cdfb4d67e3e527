/* packet_kind: which protocol does a UDP payload belong to? The range of its first byte decides (RFC 7983, section 7).
 *
 * This is only the first look. STUN messages and DTLS records are examined by their own parsers. RFC 9443 gives the ranges that
 * are UNKNOWN here to QUIC and ZRTP. */
#ifndef BASE_PACKET_KIND_H
#define BASE_PACKET_KIND_H

#include <stddef.h>
#include <stdint.h>

enum packet_kind {
	PACKET_UNKNOWN,
	PACKET_STUN,
	PACKET_DTLS,
	/* ChannelData of TURN. Only a TURN server's address sends it. */
	PACKET_CHANNEL,
	/* RTP and RTCP, in the clear or as SRTP. RFC 5761, section 4, tells the two apart. */
	PACKET_RTP,
};

/* DTLS is asked first, because nearly every datagram of an established peer is DTLS. */
static inline enum packet_kind packet_kind_of(const uint8_t *data, size_t len) {
	if (len == 0)
		return PACKET_UNKNOWN;
	uint8_t first = data[0];
	if (first >= 20 && first <= 63)
		return PACKET_DTLS;
	if (first <= 3)
		return PACKET_STUN;
	if (first >= 64 && first <= 79)
		return PACKET_CHANNEL;
	return first >= 128 && first <= 191 ? PACKET_RTP : PACKET_UNKNOWN;
}

#endif
