#include "rtp/bwe/feedback.h"

#include "base/arith.h"
#include "base/serial.h"

#define REFERENCE_NS ((uint64_t)RTCP_TWCC_REFERENCE_TICKS * RTCP_TWCC_TICK_NS)

static uint64_t reference_of(struct feedback *f, const struct rtcp_twcc *t) {
	f->reference = f->started ? serial_unwrap24(t->reference, f->reference) : SERIAL_ORIGIN + t->reference;
	f->started = true;
	return f->reference * REFERENCE_NS;
}

/* True when this is news about the packet. */
static bool is_news(const struct sent_packet *p, bool received) {
	return p->fate == SENT_UNKNOWN || (received && p->fate == SENT_LOST);
}

size_t feedback_read(struct feedback *f, struct sent *s, const struct rtcp_twcc *t, struct feedback_packet *out) {
	uint64_t reference = reference_of(f, t), sequence = serial_unwrap16(t->base, s->next);
	struct rtcp_twcc_iterator it = rtcp_twcc_begin(t);
	struct rtcp_arrival a;
	size_t n = 0;
	f->gap = sequence > f->heard && f->heard > 0;
	for (; sequence < s->next && rtcp_twcc_next(&it, &a); sequence++) {
		struct sent_packet *p = sent_find(s, sequence);
		if (!p || !is_news(p, a.received))
			continue;
		out[n++] = (struct feedback_packet){
			.sent = p->at,
			.arrived = reference + (uint64_t)a.ticks * RTCP_TWCC_TICK_NS,
			.size = p->size,
			.probe = p->probe,
			.lost = !a.received,
			.late = p->fate == SENT_LOST,
		};
		p->fate = a.received ? SENT_ARRIVED : SENT_LOST;
	}
	f->heard = max64(f->heard, sequence);
	return n;
}
