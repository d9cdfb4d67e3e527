#include "sctp/tx/txlog.h"

#include "base/arith.h"

#include <string.h>

#define FIRST_CAPACITY 2u

void txlog_init(struct txlog *l, sluice_env *env) {
	*l = (struct txlog){.env = env, .next = 1};
}

void txlog_free(struct txlog *l) {
	env_free(l->env, l->ring);
	l->ring = NULL;
	l->capacity = 0;
	l->head = l->tail = l->open = 0;
}

void txlog_rest(struct txlog *l) {
	if (!l->head && !l->open)
		txlog_free(l);
}

static uint64_t oldest(const struct txlog *l) {
	return l->head ? l->head : l->next;
}

static bool grow(struct txlog *l) {
	struct txlog bigger = *l;
	bigger.capacity = l->capacity ? 2 * l->capacity : FIRST_CAPACITY;
	if (bigger.capacity > TXLOG_MAX)
		return false;
	bigger.ring = env_zalloc(l->env, bigger.capacity * sizeof *bigger.ring);
	if (!bigger.ring)
		return false;
	for (uint64_t n = oldest(l); n < l->next; n++)
		*txlog_record(&bigger, n) = *txlog_record(l, n);
	env_free_at_once(l->env, l->ring);
	*l = bigger;
	return true;
}

bool txlog_make_room(struct txlog *l) {
	if (grow(l))
		return true;
	if (l->capacity == 0)
		return false;
	while (l->next - oldest(l) >= l->capacity) {
		txlog_record(l, l->head)->in_flight = 0;
		txlog_unlink(l, l->head);
	}
	return true;
}

void txlog_unlink(struct txlog *l, uint64_t number) {
	const struct tx_packet *p = txlog_record(l, number);
	if (p->before)
		txlog_record(l, p->before)->after = p->after;
	else
		l->head = p->after;
	if (p->after)
		txlog_record(l, p->after)->before = p->before;
	else
		l->tail = p->before;
	if (l->open == number)
		l->open = 0;
}

void txlog_begin(struct txlog *l, uint64_t tsn, uint64_t flight, bool retransmission, uint64_t now) {
	txlog_append(l, tsn, flight, now)->retransmission = retransmission;
}

void txlog_sample(struct txlog *l, const struct tx_packet *p, uint64_t min_rtt, uint64_t now, struct tx_rate *rate) {
	*rate = (struct tx_rate){
		.prior_delivered = p->delivered,
		.tx_in_flight = p->flight,
		.lost_since = l->lost - p->lost,
		.app_limited = p->app_limited,
	};
	/* draft-ietf-ccwg-bbr, 4.1.1: the rate is measured over the longer of the two, the time that sending took and the time
	 * that the acknowledgements took, for either may have come in a bunch. */
	uint64_t send_elapsed = p->sent_at - p->first_sent_at, ack_elapsed = now - p->delivered_at;
	uint64_t interval = send_elapsed > ack_elapsed ? send_elapsed : ack_elapsed;
	uint64_t bytes = l->delivered - p->delivered;
	/* An interval shorter than any round trip ever seen is a mistake of the clock or of the peer. */
	if (interval > 0 && (min_rtt == UINT64_MAX || interval >= min_rtt))
		rate->rate = mul_div64(bytes, SLUICE_S, interval);
	l->first_sent_at = p->sent_at;
	l->delivered_at = now;
	if (l->app_limited && l->delivered > l->app_limited)
		l->app_limited = 0;
}

/* ---- hand-over ---- */

static void record_walk(struct tx_packet *p, struct walk *w) {
	WALK(w, p->sent_at), WALK(w, p->delivered), WALK(w, p->delivered_at), WALK(w, p->first_sent_at), WALK(w, p->lost);
	WALK(w, p->first_tsn), WALK(w, p->span), WALK(w, p->flight), WALK(w, p->len);
	WALK(w, p->retransmission), WALK(w, p->app_limited);
}

static uint32_t power_of_two(uint64_t least) {
	uint32_t n = 64;
	while (n < least)
		n *= 2;
	return n;
}

static void ring_make(struct txlog *l, uint64_t records, struct walk *w) {
	l->capacity = power_of_two(records + 1 > TXLOG_MAX ? TXLOG_MAX : records + 1);
	l->ring = env_zalloc(l->env, l->capacity * sizeof *l->ring);
	if (!walk_have(w, l->ring))
		l->capacity = 0;
}

uint64_t txlog_walk(struct txlog *l, struct walk *w) {
	uint64_t first = oldest(l);
	WALK(w, first), WALK(w, l->next), WALK(w, l->delivered), WALK(w, l->delivered_at), WALK(w, l->first_sent_at);
	WALK(w, l->lost), WALK(w, l->app_limited);
	walk_refuse(w, first == 0 || first > l->next || l->next - first > TXLOG_MAX || l->next > UINT64_MAX / 2);
	if (w->reading && !w->failed)
		ring_make(l, l->next - first, w);
	for (uint64_t n = first; n < l->next && !w->failed; n++)
		record_walk(txlog_record(l, n), w);
	return first;
}

void txlog_relink(struct txlog *l, uint64_t oldest) {
	for (uint64_t n = oldest; n < l->next; n++) {
		struct tx_packet *p = txlog_record(l, n);
		if (p->in_flight == 0)
			continue;
		p->before = l->tail;
		if (l->tail)
			txlog_record(l, l->tail)->after = n;
		else
			l->head = n;
		l->tail = n;
	}
}

bool txlog_check(const struct txlog *l) {
	uint64_t before = 0, count = 0;
	for (uint64_t n = l->head; n; n = txlog_record(l, n)->after) {
		const struct tx_packet *p = txlog_record(l, n);
		if (p->before != before || p->in_flight == 0 || n <= before || n >= l->next || ++count > l->capacity)
			return false;
		before = n;
	}
	return before == l->tail && l->next - oldest(l) <= l->capacity;
}
