/* rtx: retransmissions in a stream of their own. RFC 4588.
 *
 * The packet that is sent again gets the RTX stream's SSRC, payload type and next sequence number. The number that it had at
 * first (OSN) stands in two bytes between header and payload. Loss statistics so stay those of the path, and SRTP sees a fresh
 * index.
 *
 * Unwrapping happens in place: the fields of the packet change, its bytes do not move.
 *
 * Extension elements are those of the first sending. The session overwrites the times and numbers in place; a RID becomes a
 * repaired RID (RFC 8852), by its id alone. */
#ifndef RTP_RTX_H
#define RTP_RTX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/packet.h"

#define RTX_OSN 2
#define RTX_NO_TYPE 0xFF

/* Which payload type does an RTX payload type carry? The apt parameter of RFC 4588, 8.6, both ways. */
struct rtx_types {
	uint8_t media_of[128]; /* RTX_NO_TYPE: it is no RTX type */
	uint8_t rtx_of[128];   /* RTX_NO_TYPE: no RTX type was negotiated */
};
void rtx_types_init(struct rtx_types *t);
/* Returns 0, or
 *   SLUICE_INVALID  above 127, or the same
 *   SLUICE_EXISTS   either has another partner */
int rtx_types_add(struct rtx_types *t, unsigned rtx, unsigned media);
bool rtx_types_check(const struct rtx_types *t);

/* Makes an RTX packet the packet that it repairs. Returns 0, or
 *   SLUICE_NOT_FOUND  it has no payload: padding, sent to probe the path
 *   SLUICE_MALFORMED  one byte of payload, or a payload type that is no RTX type */
int rtx_unwrap(struct rtp_packet *p, const struct rtx_types *t, uint32_t media_ssrc);

/* The sending side's RTX stream. */
struct rtx_sender {
	uint32_t ssrc; /* 0: there is none */
	uint64_t next; /* number of the next packet, unwrapped */
	/* Where a RID's id stands in the packet, and what to write there: ids of the one-byte form are in the upper half. 0: no
	 * RID. */
	uint8_t rid_at, rid_id;
	bool rid_is_two_byte;
};

/* Makes a packet in space an RTX packet: header_len bytes of header, then RTX_OSN bytes that are free. */
void rtx_wrap(struct rtx_sender *s, const struct rtx_types *t, uint8_t *space, size_t header_len);
/* Makes its RID a repaired RID. The packet was written with the block that rid_at is of. */
void rtx_name_rid(const struct rtx_sender *s, uint8_t *space, size_t header_len);

#endif
