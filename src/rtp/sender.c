#include "rtp/sender.h"

#include <string.h>

#include "base/arith.h"
#include "base/serial.h"
#include "rtp/ntp.h"

void rtp_sender_init(struct rtp_sender *s, uint32_t ssrc, uint32_t clock_rate, uint16_t first) {
	memset(s, 0, sizeof *s);
	s->ssrc = ssrc;
	s->clock_rate = clock_rate;
	s->next = SERIAL_ORIGIN + first;
	s->due = SLUICE_NEVER;
}

bool rtp_sender_check(const struct rtp_sender *s) {
	return s->next >= SERIAL_ORIGIN && (s->due == SLUICE_NEVER) == (s->packets == 0) && (s->packets > 0 || s->octets == 0);
}

void rtp_sender_report(struct rtp_sender *s, uint64_t interval, uint64_t now, uint64_t ntp_offset, struct rtcp_sender_info *out) {
	uint64_t since = now > s->captured ? now - s->captured : 0;
	*out = (struct rtcp_sender_info){
		.ntp = ntp_of(now + ntp_offset),
		.timestamp = s->timestamp + (uint32_t)mul_div64(since, s->clock_rate, SLUICE_S),
		.packets = (uint32_t)s->packets,
		.octets = (uint32_t)s->octets,
	};
	s->due = now + interval;
}

void rtp_sender_block(struct rtp_sender *s, const struct rtcp_report_block *block, uint64_t now, uint64_t ntp_offset) {
	uint64_t round_trip = ntp_round_trip(ntp_of(now + ntp_offset), block->last_sr, block->delay_since_sr);
	s->round_trips += round_trip > 0;
	s->round_trip_sum += round_trip;
	if (round_trip)
		s->round_trip = s->round_trip ? (7 * s->round_trip + round_trip) / 8 : round_trip;
	s->block = *block;
	s->blocks++;
}
