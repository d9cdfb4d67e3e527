/* packet: an RTP packet on the wire <-> a plain struct. RFC 3550, section 5.1.
 *
 * Reading gives a view: CSRCs, header extension and payload are pointers into the datagram. Nothing is copied. Writing puts the
 * header before a payload that is already in its slot, or writes the whole packet into a buffer. It knows no streams, no
 * extension elements (extensions.h) and no time.
 *
 *   header_len == RTP_HEADER + 4 * csrc_count + (extension ? RTP_EXTENSION_HEADER + extension_len : 0)
 *   header_len + payload_len + padding == length of the datagram
 *   extension_len is a multiple of 4; padding is 0 when the P bit is not set
 *
 * The numbers are those of the wire. A stream unwraps them where it takes the packet: serial_unwrap16() and serial_unwrap() of
 * base/serial.h give the 64-bit sequence number and timestamp nearest to the last ones; the first is SERIAL_ORIGIN + wire. */
#ifndef RTP_PACKET_H
#define RTP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define RTP_HEADER 12
#define RTP_EXTENSION_HEADER 4
#define RTP_MAX_CSRCS 15
#define RTP_VERSION 2

/* RTP and RTCP share a port. RFC 5761, 4 keeps the payload types 64 to 95 free for that: with the marker bit, they are the packet
 * types 192 to 223 of RTCP. The first byte has been looked at before (base/packet_kind.h). True for RTCP and SRTCP. */
static inline bool rtp_packet_is_rtcp(const uint8_t *data, size_t len) {
	return len >= 2 && data[1] >= 192 && data[1] <= 223;
}

struct rtp_packet {
	uint8_t payload_type; /* 7 bits */
	bool marker;
	uint16_t sequence;
	uint32_t timestamp, ssrc;

	uint8_t csrc_count;   /* 0..RTP_MAX_CSRCS */
	uint8_t padding;      /* bytes behind the payload, the count byte included; 0: none */
	const uint8_t *csrcs; /* 4 * csrc_count bytes as on the wire; see rtp_packet_csrc() */

	uint16_t extension_profile; /* 0xBEDE, 0x1000..0x100F, or another profile's */
	const uint8_t *extension;   /* the bytes behind the extension's header; NULL: the X bit is not set */
	size_t extension_len;

	uint8_t *payload; /* may be empty; decryption and RTX work in place */
	size_t payload_len;
	size_t header_len;
};

/* data must outlive out. Returns 0, or
 *   SLUICE_MALFORMED  not version 2, CSRCs or extension run past the end, padding of 0 bytes or more than there are */
int rtp_packet_parse(uint8_t *data, size_t len, struct rtp_packet *out);

/* The length of the header that the fields describe: CSRCs and extension included, header_len is not read. */
static inline size_t rtp_packet_header_size(const struct rtp_packet *p) {
	return RTP_HEADER + 4 * (size_t)p->csrc_count + (p->extension ? RTP_EXTENSION_HEADER + p->extension_len : 0);
}

/* Writes the header alone, to put it before a payload that is in place. Returns its length, or
 *   SLUICE_NO_SPACE  it is longer than size */
int rtp_packet_write_header(const struct rtp_packet *p, uint8_t *space, size_t size);

/* Writes header, payload and padding. Returns the length of the packet, or
 *   SLUICE_NO_SPACE  it is longer than size */
int rtp_packet_write(const struct rtp_packet *p, uint8_t *space, size_t size);

static inline uint32_t rtp_packet_csrc(const struct rtp_packet *p, size_t i) {
	return get_be32(p->csrcs + 4 * i);
}

#endif
