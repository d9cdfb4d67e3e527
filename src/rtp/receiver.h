/* receiver: which packets of one SSRC came, and what do report blocks say of them? RFC 3550, 6.4.1 and A.1, A.3, A.8.
 *
 * It unwraps the sequence number: everybody behind it sees 64-bit numbers that never wrap. It counts, measures jitter, and writes
 * the stream's report block. It knows no payload, no NACK and no clock.
 *
 * A source is valid after `probation` packets in sequence (A.1). A session sets 1 for an SSRC that was announced, or whose
 * packets are authenticated: RFC 3550 guards against a stray packet of somebody else, and SRTP has done so before.
 *
 * A jump of more than RTP_MAX_DROPOUT forwards, or RTP_MAX_MISORDER backwards, is refused once. When the next packet follows on
 * it, the source has restarted. The numbers then go on above all earlier ones, so that no two packets have the same number.
 *
 *   first <= highest, and highest - first < 2^63
 *   expected == highest - first + 1; received counts duplicates, so lost may be below zero
 *   reported_expected <= expected, reported_received <= received
 *   started == (probation == 0); received == 0 before */
#ifndef RTP_RECEIVER_H
#define RTP_RECEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/serial.h"
#include "rtp/rtcp.h"
#include "sluice/env.h"

#define RTP_MAX_DROPOUT 3000
#define RTP_MAX_MISORDER 1024 /* RFC 3550 has 100; retransmissions by plain RTP come as late as their NACK window is long */
#define RTP_MIN_SEQUENTIAL 2
#define RTP_REPORT_INTERVAL SLUICE_S /* on the average; see report.h */

struct rtp_receiver {
	uint64_t highest, first;
	uint64_t received;
	uint64_t restart; /* a number that would mean a restart; 0: none is suspected */
	uint32_t ssrc;
	uint32_t clock_rate;
	uint8_t sequential; /* packets in sequence that make a source valid */
	uint8_t probation;  /* of these, still to come */
	bool started;

	/* Jitter. Times are of the packet that advanced `highest` last. */
	uint32_t timestamp;
	uint32_t jitter; /* 28.4 fixed point, in units of the timestamp */
	uint64_t arrival;
	uint64_t ticks_per_ns; /* 32.32 */

	uint64_t due;      /* of the next report block; SLUICE_NEVER: nothing came since the last one */
	uint64_t interval; /* from the first packet behind a block to the next block */
	/* What the last report block counted to. */
	uint64_t reported_expected, reported_received;
	uint32_t last_sr;
	uint64_t last_sr_at;

	/* The newest SR's pair of times, for synchronising streams. */
	struct rtcp_sender_info sender;
	uint64_t sender_reports;

	uint64_t refused; /* packets of a jump or in probation */
	uint64_t restarts;
};

/* clock_rate is in Hz, 1 or more. probation is 1 or more packets. */
void rtp_receiver_init(struct rtp_receiver *r, uint32_t ssrc, uint32_t clock_rate, unsigned probation);
bool rtp_receiver_check(const struct rtp_receiver *r);

/* The part of rtp_receiver_take() for packets that are not next in sequence. */
bool rtp_receiver_take_other(struct rtp_receiver *r, uint16_t sequence, uint64_t *number);

/* RFC 3550, 6.2: the first report comes after half of the interval. */
static inline void rtp_receiver_schedule(struct rtp_receiver *r, uint64_t now) {
	r->due = now + (r->reported_expected ? r->interval : r->interval / 2);
}

/* RFC 3550, A.8, for a packet that advanced the sequence. A late or retransmitted packet says nothing about the path's jitter. */
static inline void rtp_receiver_jitter(struct rtp_receiver *r, uint32_t timestamp, uint64_t now) {
	uint64_t passed = now > r->arrival ? now - r->arrival : 0;
	if (r->arrival && passed < UINT64_C(1) << 34) {
		int64_t d = (int64_t)(passed * r->ticks_per_ns >> 32) - (int32_t)(timestamp - r->timestamp);
		d = d < 0 ? -d : d;
		if (d < 1 << 24)
			r->jitter += (uint32_t)d - ((r->jitter + 8) >> 4);
	}
	r->timestamp = timestamp;
	r->arrival = now;
}

/* Counts one packet. Returns true and its number when the packet is the stream's; false when it must not be used. */
static inline bool rtp_receiver_take(struct rtp_receiver *r, uint16_t sequence, uint32_t timestamp, uint64_t now,
                                     uint64_t *number) {
	if (__builtin_expect(sequence == (uint16_t)(r->highest + 1) && r->started && r->restart == 0, 1)) {
		*number = ++r->highest;
	} else {
		uint64_t before = r->highest;
		if (!rtp_receiver_take_other(r, sequence, number))
			return false;
		if (*number < before || (*number == before && r->received > 0)) {
			r->received++;
			return true;
		}
	}
	r->received++;
	if (__builtin_expect(r->due == SLUICE_NEVER, 0))
		rtp_receiver_schedule(r, now);
	rtp_receiver_jitter(r, timestamp, now);
	return true;
}

/* An SR of this source came. */
void rtp_receiver_sender_report(struct rtp_receiver *r, const struct rtcp_sender_info *info, uint64_t now);

/* The report block for what came since the last call; the next one is due after `interval`. False when nothing ever came. */
bool rtp_receiver_block(struct rtp_receiver *r, uint64_t interval, uint64_t now, struct rtcp_report_block *out);

static inline uint64_t rtp_receiver_expected(const struct rtp_receiver *r) {
	return r->started ? r->highest - r->first + 1 : 0;
}

#endif
