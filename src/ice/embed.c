/* embed.c: a new flight, and the checks that carry it. */
#include "ice/embed.h"

#include "base/clock.h"
#include "ice/pair.h"

#define PAIRS_TRIED 2 /* over how many pairs a new flight goes while none is valid */

void ice_sped_start(struct ice *ice) {
	sped_start(&ice->sped);
}

void ice_sped_stop(struct ice *ice) {
	sped_stop(&ice->sped);
	ice->flight_left = 0;
}

bool ice_sped_active(const struct ice *ice) {
	return sped_active(&ice->sped);
}

/* The best pair whose check may still be answered, and does not wait to leave anyway. */
static struct pair *best_hope(const struct session *s) {
	struct pair *best = NULL;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		bool open = p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_WAITING;
		if (open && !p->triggered &&
		    (!best || p->checked > best->checked || (p->checked == best->checked && p->priority > best->priority)))
			best = p;
	}
	return best;
}

int ice_sped_flight(struct ice *ice, const sluice_datagram *datagrams, size_t count, uint64_t now) {
	clock_forward(&ice->latest, now);
	int rc = sped_flight(&ice->sped, datagrams, count);
	ice->flight_left = sped_active(&ice->sped) ? ice->sped.count : 0;
	/* Each answer that waits carries a datagram. Over a valid pair the datagrams go plainly. */
	if (ice->selected || ice->flight_left <= ice->answer_count)
		return rc;
	for (int i = 0; i < PAIRS_TRIED; i++) {
		struct pair *p = best_hope(ice->current);
		if (p)
			pair_trigger(ice, p);
	}
	return rc;
}

void embed_compose(struct ice *ice, struct stun_writer *w, enum stun_class class, const uint8_t *id) {
	sped_compose(&ice->sped, w, class, id);
	if (ice->flight_left)
		ice->flight_left--;
}

void embed_follow(struct ice *ice, struct pair *p) {
	if (ice->flight_left && !ice->selected && p->state == ICE_PAIR_IN_PROGRESS)
		pair_trigger(ice, p);
}

enum ice_verdict embed_input(struct ice *ice, const struct stun_message *m, sluice_datagram *d) {
	struct stun_slice dtls = sped_input(&ice->sped, m);
	if (!dtls.data || dtls.len == 0)
		return ICE_TAKEN;
	d->data += dtls.data - m->bytes;
	d->len = dtls.len;
	return ICE_DTLS;
}

void ice_sped_received(struct ice *ice, const void *data, size_t len) {
	sped_received(&ice->sped, data, len);
}

void ice_sped_handshake_done(struct ice *ice, bool client) {
	sped_handshake_done(&ice->sped, client);
}
