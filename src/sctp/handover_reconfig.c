/* handover_reconfig: the part of a hand-over that RE-CONFIG has: requests under way and in line, both sides' numbers. */
#include "sctp/handover.h"

static uint16_t *ids(struct walk *b, sluice_sctp *a, uint16_t *list, uint64_t count) {
	if (b->reading) {
		list = b->failed || count == 0 || count > 65535 ? NULL : env_alloc(a->env, count * sizeof *list);
		walk_refuse(b, count > 65535);
		if (b->failed || count == 0 || !walk_have(b, list)) {
			env_free(a->env, list);
			return NULL;
		}
	}
	if (count)
		walk_bytes(b, list, count * sizeof *list);
	return list;
}

/* Streams whose reset is wanted, or asked for: those in this state. */
static void resets(struct walk *b, sluice_sctp *a, struct tx_list *l, uint8_t state) {
	struct tx_stream *s = b->reading ? NULL : l->head;
	for (;; s = s->next_reset) {
		bool more = s != NULL;
		uint16_t id = s ? s->id : 0;
		FLAG(more);
		if (!more || b->failed)
			return;
		FIELD(id);
		if (!b->reading)
			continue;
		s = outgoing_find(&a->tx.out, id);
		walk_refuse(b, !s || s->reset != state || s->next_reset || s == l->tail);
		if (b->failed)
			return;
		if (l->tail)
			l->tail->next_reset = s;
		else
			l->head = s;
		l->tail = s;
		l->count++;
	}
}

void handover_reconfig(struct walk *b, sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	uint64_t deferred = r->deferred ? r->deferred_count : 0;
	uint32_t requests = r->request_count;
	FIELD(r->next_seq), FIELD(r->type), FIELD(r->count), FIELD(r->last_tsn), FIELD(r->retries);
	FIELD(r->busy), FIELD(r->list_max), FIELD(r->all), FIELD(r->request_asked);
	FLAG(r->request_all);
	FIELD(r->add_outgoing), FIELD(r->add_incoming), FIELD(r->peer_seq);
	for (int i = 0; i < 2; i++) {
		FIELD(r->answers[i].seq), FIELD(r->answers[i].result);
		FLAG(r->answers[i].due), FLAG(r->answers[i].tsns);
	}
	FLAG(r->outstanding), FLAG(r->deferred);
	FIELD(r->renumber), FIELD(r->renumber_seq), FIELD(r->renumbered_at), FIELD(r->renumber_nonce);
	FIELD(r->deferred_seq), FIELD(r->deferred_tsn), FIELD(deferred), FIELD(requests);
	r->deferred_streams = ids(b, a, r->deferred_streams, deferred);
	if (b->reading)
		r->deferred_count = b->failed ? 0 : (size_t)deferred;
	r->requests = ids(b, a, r->requests, requests);
	if (b->reading)
		r->request_capacity = r->request_count = b->failed ? 0 : requests;
	resets(b, a, &r->wanted, TX_RESET_WANTED);
	resets(b, a, &r->asked, TX_RESET_SENT);
	bool reset = r->outstanding && r->type == WIRE_PARAM_OUTGOING_RESET;
	walk_refuse(b, r->renumber > RENUMBER_ANSWERED || r->all > TX_RESET_SENT || r->request_asked > requests ||
	                       (reset && !r->asked.count && r->all != TX_RESET_SENT) || 2 * r->asked.count > PMTU_LEAST ||
	                       2 * r->request_asked > PMTU_LEAST);
}
