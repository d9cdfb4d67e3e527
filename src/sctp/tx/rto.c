#include "sctp/tx/rto.h"

static uint64_t clamp(const struct rto *r, uint64_t v) {
	/* C6 and C7: below RTO.Min it "is rounded up", above RTO.Max it may be held. */
	return v < r->min ? r->min : v > r->max ? r->max : v;
}

void rto_init(struct rto *r, uint64_t initial, uint64_t min, uint64_t max) {
	*r = (struct rto){.initial = initial, .min = min, .max = max, .rto = initial, .min_rtt = UINT64_MAX};
}

void rto_least(struct rto *r, uint64_t rtt) {
	if (rtt < r->min_rtt)
		r->min_rtt = rtt > 0 ? rtt : 1;
}

void rto_measure(struct rto *r, uint64_t rtt) {
	if (rtt == 0)
		rtt = 1; /* not 0: the clock granularity G of 6.3.1, here a nanosecond */
	rto_least(r, rtt);
	if (r->srtt == 0) {
		/* C2: SRTT <- R, RTTVAR <- R/2, RTO <- SRTT + 4 * RTTVAR */
		r->srtt = rtt;
		r->rttvar = rtt / 2;
	} else {
		/* C3: RTTVAR <- (1 - RTO.Beta) * RTTVAR + RTO.Beta * |SRTT - R'|, then SRTT; beta 1/4, alpha 1/8 */
		uint64_t delta = r->srtt > rtt ? r->srtt - rtt : rtt - r->srtt;
		r->rttvar = (3 * r->rttvar + delta) / 4;
		r->srtt = (7 * r->srtt + rtt) / 8;
	}
	r->rto = clamp(r, r->srtt + 4 * r->rttvar);
}

void rto_back_off(struct rto *r) {
	/* RFC 9260, 6.3.3, E2: the RTO is doubled ("back off the timer"), up to RTO.Max. */
	r->rto = 2 * r->rto > r->max ? r->max : 2 * r->rto;
}

uint64_t rto_plain(const struct rto *r) {
	return r->srtt ? clamp(r, r->srtt + 4 * r->rttvar) : r->initial;
}

void rto_restore(struct rto *r) {
	if (r->srtt)
		r->rto = rto_plain(r);
}

void rto_walk(struct rto *r, struct walk *w) {
	WALK(w, r->srtt), WALK(w, r->rttvar), WALK(w, r->rto), WALK(w, r->min_rtt);
}
