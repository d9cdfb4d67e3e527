/* sender: what did one SSRC send, and when is its next sender report due? RFC 3550, 6.4.1.
 *
 * The report pairs a calendar time with a timestamp, so that the receiver can play several streams in time with each other. Its
 * NTP time is that of the report, because the round trip is measured with it. Its timestamp belongs to a picture or sample that
 * would be captured just then: it is counted on from the last packet's time of capture, not from when that packet was sent. Time
 * in an encoder or pacer so does not shift the picture against the sound.
 *
 * The first packet's report is due at once, then about one each second. Audio is no exception: a receiver that waits five
 * seconds for it plays five seconds without synchronisation.
 *
 *   packets == calls of rtp_sender_sent(); octets == sum of their payloads, without headers and padding
 *   due == SLUICE_NEVER while packets == 0 */
#ifndef RTP_SENDER_H
#define RTP_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "rtp/rtcp.h"
#include "sluice/env.h"

struct rtp_sender {
	uint64_t next; /* number of the next packet, unwrapped */
	uint64_t packets, octets;
	uint32_t ssrc, clock_rate;
	uint32_t timestamp; /* of the last packet */
	uint64_t captured;  /* and its time of capture */
	uint64_t due;
	/* What the peer reported last. */
	uint64_t round_trip; /* ns; 0: not known */
	struct rtcp_report_block block;
	uint64_t blocks;
	uint64_t round_trips, round_trip_sum; /* each as it was measured, before it is smoothed */
};

/* first: the first packet's sequence number; it should be random (RFC 3550, 5.1). */
void rtp_sender_init(struct rtp_sender *s, uint32_t ssrc, uint32_t clock_rate, uint16_t first);
bool rtp_sender_check(const struct rtp_sender *s);

static inline void rtp_sender_sent(struct rtp_sender *s, size_t payload_len, uint32_t timestamp, uint64_t captured,
                                   uint64_t now) {
	if (s->packets == 0)
		s->due = now;
	s->packets++;
	s->octets += payload_len;
	s->timestamp = timestamp;
	s->captured = captured;
}

/* What an SR sent now says; the next one is due after `interval`. ntp_offset: see ntp.h. */
void rtp_sender_report(struct rtp_sender *s, uint64_t interval, uint64_t now, uint64_t ntp_offset, struct rtcp_sender_info *out);

/* The peer's report block about this SSRC. */
void rtp_sender_block(struct rtp_sender *s, const struct rtcp_report_block *block, uint64_t now, uint64_t ntp_offset);

#endif
