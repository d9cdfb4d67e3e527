#include "sctp/tx/pace.h"

#include "base/arith.h"

#define SECOND UINT64_C(1000000000)
#define LATE_MS 3 /* a timer may be this late without the rate suffering */

/* RFC 9002, 7.7: "Senders SHOULD limit bursts to the initial congestion window". An initial window may go at once after a
 * silence, as at the start. Otherwise an answer of ten packets would take longer than the round trip. */
#define START_PACKETS 10u

static uint64_t depth(uint64_t rate, uint32_t mtu) {
	uint64_t late = pace_quantum(rate, mtu) + rate / 1000 * LATE_MS, start = START_PACKETS * (uint64_t)mtu;
	return late > start ? late : start;
}

void pace_refill(struct pace *p, uint64_t rate, uint32_t mtu, uint64_t now) {
	if (rate == 0) {
		p->rate = 0;
		return;
	}
	int64_t most = (int64_t)depth(rate, mtu);
	if (p->rate == 0) { /* it begins */
		p->tokens = (int64_t)pace_quantum(rate, mtu);
	} else {
		uint64_t passed = now - p->stamp < SECOND ? now - p->stamp : SECOND;
		p->tokens += (int64_t)mul_div64(passed, p->rate, SECOND);
	}
	if (p->tokens > most)
		p->tokens = most;
	p->rate = rate;
	p->stamp = now;
	if (p->tokens >= (int64_t)pace_quantum(rate, mtu))
		p->blocked = false;
}

uint64_t pace_release(const struct pace *p, uint32_t mtu) {
	int64_t missing = (int64_t)pace_quantum(p->rate, mtu) - p->tokens;
	return missing <= 0 ? p->stamp : p->stamp + mul_div64((uint64_t)missing, SECOND, p->rate) + 1;
}

void pace_walk(struct pace *p, struct walk *w) {
	WALK(w, p->rate), walk_bytes(w, &p->tokens, sizeof p->tokens), WALK(w, p->stamp), WALK(w, p->blocked);
}
