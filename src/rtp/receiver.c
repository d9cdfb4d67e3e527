#include "rtp/receiver.h"

#include <string.h>

#include "rtp/ntp.h"

void rtp_receiver_init(struct rtp_receiver *r, uint32_t ssrc, uint32_t clock_rate, unsigned probation) {
	memset(r, 0, sizeof *r);
	r->ssrc = ssrc;
	r->clock_rate = clock_rate;
	r->ticks_per_ns = ((uint64_t)clock_rate << 32) / SLUICE_S;
	r->sequential = r->probation = (uint8_t)probation;
	r->highest = SERIAL_ORIGIN;
	r->due = SLUICE_NEVER;
	r->interval = RTP_REPORT_INTERVAL;
}

bool rtp_receiver_check(const struct rtp_receiver *r) {
	bool ok = !r->started || (r->first <= r->highest && r->highest - r->first < UINT64_C(1) << 63);
	ok = ok && r->reported_expected <= rtp_receiver_expected(r) && r->reported_received <= r->received;
	return ok && (r->started || r->received == 0) && (r->probation == 0) == r->started;
}

/* The counters begin anew, as RFC 3550's init_seq() does. */
static void begin(struct rtp_receiver *r, uint64_t number) {
	r->highest = r->first = number;
	r->received = 0;
	r->restart = 0;
	r->reported_expected = r->reported_received = 0;
	r->arrival = 0;
}

/* RFC 3550, A.1: "a source is declared valid only after MIN_SEQUENTIAL packets have been received in sequence." */
static bool try_source(struct rtp_receiver *r, uint16_t sequence, uint64_t *number) {
	if (sequence != (uint16_t)(r->highest + 1))
		r->probation = r->sequential;
	r->highest = SERIAL_ORIGIN + sequence;
	if (--r->probation > 0) {
		r->refused++;
		return false;
	}
	r->started = true;
	begin(r, SERIAL_ORIGIN + sequence);
	*number = r->highest;
	return true;
}

/* RFC 3550, A.1: "Two sequential packets -- assume that the other side restarted without telling us so just re-sync (i.e.,
 * pretend this was the first packet)." The number nearest to 2^15 ahead lies above every number that was handed out. */
static void restart(struct rtp_receiver *r, uint16_t sequence) {
	begin(r, serial_unwrap16(sequence, r->highest + 0x8000));
	r->restarts++;
}

bool rtp_receiver_take_other(struct rtp_receiver *r, uint16_t sequence, uint64_t *number) {
	if (!r->started)
		return try_source(r, sequence, number);
	uint64_t n = serial_unwrap16(sequence, r->highest);
	if (n <= r->highest + RTP_MAX_DROPOUT && n + RTP_MAX_MISORDER >= r->highest) {
		r->restart = 0;
		/* A packet from before the first one: it was overtaken on the way. The stream began with it. */
		if (n < r->first)
			r->first = n;
		if (n > r->highest)
			r->highest = n;
		*number = n;
		return true;
	}
	if (r->restart && n == r->restart) {
		restart(r, sequence);
		*number = r->highest;
		return true;
	}
	r->restart = serial_unwrap16((uint16_t)(sequence + 1), r->highest);
	r->refused++;
	return false;
}

void rtp_receiver_sender_report(struct rtp_receiver *r, const struct rtcp_sender_info *info, uint64_t now) {
	r->sender = *info;
	r->sender_reports++;
	r->last_sr = ntp_middle(info->ntp);
	r->last_sr_at = now;
}

/* RFC 3550, A.3. */
bool rtp_receiver_block(struct rtp_receiver *r, uint64_t interval, uint64_t now, struct rtcp_report_block *out) {
	if (!r->started)
		return false;
	uint64_t expected = rtp_receiver_expected(r);
	int64_t lost = (int64_t)(expected - r->received);
	uint64_t expected_now = expected - r->reported_expected;
	/* Below expected_now when that is above 0: what raised it came. */
	int64_t lost_now = (int64_t)(expected_now - (r->received - r->reported_received));
	r->reported_expected = expected;
	r->reported_received = r->received;
	r->due = SLUICE_NEVER;
	r->interval = interval;
	uint64_t held = now > r->last_sr_at ? now - r->last_sr_at : 0;
	*out = (struct rtcp_report_block){
		.ssrc = r->ssrc,
		.fraction_lost = lost_now > 0 ? (uint8_t)(((uint64_t)lost_now << 8) / expected_now) : 0,
		.lost = (int32_t)(lost > 0x7FFFFF    ? 0x7FFFFF
	                          : lost < -0x800000 ? -0x800000
	                                             : lost),
		.highest = (uint32_t)r->highest,
		.jitter = r->jitter >> 4,
		.last_sr = r->last_sr,
		.delay_since_sr = r->last_sr ? ntp_short_of(held) : 0,
	};
	return true;
}
