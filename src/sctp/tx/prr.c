#include "sctp/tx/prr.h"

void prr_begin(struct prr *p, uint64_t flight) {
	*p = (struct prr){.flight = flight > 0 ? flight : 1};
}

static uint64_t over(uint64_t a, uint64_t b) {
	return a > b ? a - b : 0;
}

void prr_ack(struct prr *p, uint64_t delivered, uint64_t flight, uint64_t ssthresh, uint32_t mtu) {
	p->delivered += delivered;
	if (flight > ssthresh) {
		/* "sndcnt = CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out" */
		unsigned __int128 share = (unsigned __int128)p->delivered * ssthresh + p->flight - 1;
		p->allowed = over((uint64_t)(share / p->flight), p->out);
		return;
	}
	/* PRR-SSRB: "limit = MAX(prr_delivered - prr_out, DeliveredData) + MSS; sndcnt = MIN(ssthresh - pipe, limit)" */
	uint64_t limit = over(p->delivered, p->out);
	limit = (limit > delivered ? limit : delivered) + mtu;
	p->allowed = ssthresh - flight < limit ? ssthresh - flight : limit;
}

void prr_walk(struct prr *p, struct walk *w) {
	WALK(w, p->delivered), WALK(w, p->out), WALK(w, p->flight), WALK(w, p->allowed);
}
