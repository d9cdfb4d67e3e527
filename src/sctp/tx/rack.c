#include "sctp/tx/rack.h"

#define PERSIST 16 /* RFC 8985, 6.2, step 4: the wider window stays for 16 recoveries */

void rack_init(struct rack *r) {
	*r = (struct rack){.steps = 1};
}

void rack_ack(struct rack *r, const struct outstanding *o, const struct ack *ack, uint64_t min_rtt, uint64_t now) {
	if (ack->reordered)
		r->reordering_seen = true;
	if (ack->newest == 0)
		return;
	const struct tx_packet *p = txlog_record(&o->log, ack->newest);
	uint64_t rtt = now - p->sent_at;
	/* RFC 8985, 6.2, step 2: when a retransmission is acknowledged sooner than any round trip takes, the original arrived,
	 * and nothing is learnt. */
	if (p->retransmission && min_rtt != UINT64_MAX && rtt < min_rtt)
		return;
	r->rtt = rtt;
	if (ack->newest > r->number) {
		r->number = ack->newest;
		r->sent_at = p->sent_at;
	}
}

void rack_duplicate(struct rack *r, const struct outstanding *o) {
	if (o->log.delivered < r->duplicate_round)
		return;
	r->duplicate_round = o->log.delivered + o->flight;
	if (r->steps < 255)
		r->steps++;
	r->persist = PERSIST;
	r->reordering_seen = true;
}

void rack_recovery_exit(struct rack *r) {
	if (r->persist > 0 && --r->persist == 0)
		r->steps = 1;
}

/* Were at least three packets above the cumulative point acknowledged? Packets, not chunks, as a packet may hold dozens. On a
 * path without reordering that is the classic sign of loss, and nothing is waited for. */
#define DUP_THRESH 3

static bool many_sacked(struct outstanding *o) {
	unsigned packets = 0;
	uint32_t last = 0;
	for (uint32_t i = 0; i < o->gap_count; i++)
		for (uint64_t t = o->gaps[i].start; t <= o->gaps[i].end && o->looks > 0; t++, o->looks--) {
			uint32_t packet = outstanding_at(o, t)->packet;
			packets += packet != last;
			last = packet;
			if (packets >= DUP_THRESH)
				return true;
		}
	return false;
}

/* RFC 8985, 6.2, step 4: "RACK.reo_wnd SHOULD be set to 0" when no reordering was seen and either a recovery is under way or the
 * classic number of packets was acknowledged. Otherwise the window is `steps` quarters of the least round trip, at most SRTT. */
static uint64_t reordering_window(const struct rack *r, struct outstanding *o, uint64_t min_rtt, uint64_t srtt,
                                  bool in_recovery) {
	if (!r->reordering_seen && (in_recovery || many_sacked(o)))
		return 0;
	uint64_t window = min_rtt == UINT64_MAX ? srtt / 4 : r->steps * (min_rtt / 4);
	return window < srtt ? window : srtt;
}

uint64_t rack_detect(struct rack *r, struct outstanding *o, uint64_t min_rtt, uint64_t srtt, bool in_recovery, uint64_t now,
                     uint64_t *next) {
	uint64_t chunks = 0, after;
	*next = SLUICE_NEVER;
	if (o->log.head == 0 || o->log.head > r->number)
		return 0;
	uint64_t wait = r->rtt + reordering_window(r, o, min_rtt, srtt, in_recovery);
	for (uint64_t n = o->log.head; n && n < r->number; n = after) {
		const struct tx_packet *p = txlog_record(&o->log, n);
		after = p->after;
		/* Packets that left in the same instant, in one batch, are in order by their numbers. */
		if (p->sent_at > r->sent_at)
			break;
		if (p->sent_at + wait > now) {
			*next = p->sent_at + wait;
			break;
		}
		chunks += outstanding_packet_lost(o, n);
	}
	return chunks;
}

uint64_t rack_timeout(struct rack *r, struct outstanding *o, uint64_t rto, uint64_t now) {
	uint64_t chunks = outstanding_unknown_lost(o), after;
	uint64_t wait = r->rtt > 0 && r->rtt < rto ? r->rtt : rto;
	for (uint64_t n = o->log.head; n; n = after) {
		const struct tx_packet *p = txlog_record(&o->log, n);
		after = p->after;
		if (p->sent_at + wait > now)
			break;
		chunks += outstanding_packet_lost(o, n);
	}
	return chunks;
}

void rack_walk(struct rack *r, struct walk *w) {
	WALK(w, r->sent_at), WALK(w, r->number), WALK(w, r->rtt), WALK(w, r->steps), WALK(w, r->persist);
	WALK(w, r->duplicate_round), WALK(w, r->reordering_seen);
}
