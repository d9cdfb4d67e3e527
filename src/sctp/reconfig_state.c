/* reconfig_state: which requests of RFC 6525 are wanted, under way or remembered? The lists and the memory of reconfig.c, which
 * has the protocol. */
#include "sctp/association.h"

void reconfig_list_add(struct tx_list *l, struct tx_stream *s) {
	s->next_reset = NULL;
	if (l->tail)
		l->tail->next_reset = s;
	else
		l->head = s;
	l->tail = s;
	l->count++;
}

struct tx_stream *reconfig_list_take(struct tx_list *l) {
	struct tx_stream *s = l->head;
	if (!s)
		return NULL;
	l->head = s->next_reset;
	if (!l->head)
		l->tail = NULL;
	l->count--;
	return s;
}

void reconfig_list_put_first(struct tx_list *to, struct tx_list *from) {
	if (!from->head)
		return;
	from->tail->next_reset = to->head;
	to->head = from->head;
	if (!to->tail)
		to->tail = from->tail;
	to->count += from->count;
	*from = (struct tx_list){0};
}

void reconfig_clear(sluice_sctp *a) {
	struct reconfig *r = &a->reconfig;
	env_free(a->env, r->requests);
	env_free(a->env, r->deferred_streams);
	reconfig_list_put_first(&r->wanted, &r->asked);
	for (struct tx_stream *s; (s = reconfig_list_take(&r->wanted));)
		s->reset = TX_RESET_NONE;
	a->tx.out.drained = 0;
	*r = (struct reconfig){.next_seq = r->next_seq, .peer_seq = r->peer_seq};
}

struct reconfig_answer *reconfig_answer_find(struct reconfig *r, uint32_t seq) {
	return seq == r->answers[0].seq ? &r->answers[0] : seq == r->answers[1].seq ? &r->answers[1] : NULL;
}

/* ---- hand-over ---- */

static uint16_t *ids(struct walk *w, sluice_sctp *a, uint16_t *list, uint64_t count) {
	if (w->reading) {
		list = w->failed || count == 0 || count > 65535 ? NULL : env_alloc(a->env, count * sizeof *list);
		walk_refuse(w, count > 65535);
		if (w->failed || count == 0 || !walk_have(w, list)) {
			env_free(a->env, list);
			return NULL;
		}
	}
	if (count)
		walk_bytes(w, list, count * sizeof *list);
	return list;
}

/* Streams whose reset is wanted, or asked for: those in this state. */
static void resets(struct walk *w, sluice_sctp *a, struct tx_list *l, uint8_t state) {
	struct tx_stream *s = w->reading ? NULL : l->head;
	for (;; s = s->next_reset) {
		uint16_t id = s ? s->id : 0;
		if (!walk_more(w, s != NULL))
			return;
		WALK(w, id);
		if (!w->reading)
			continue;
		s = outgoing_find(&a->tx.out, id);
		walk_refuse(w, !s || s->reset != state || s->next_reset || s == l->tail);
		if (w->failed)
			return;
		reconfig_list_add(l, s);
	}
}

void reconfig_walk(sluice_sctp *a, struct walk *w) {
	struct reconfig *r = &a->reconfig;
	uint64_t deferred = r->deferred ? r->deferred_count : 0;
	uint32_t requests = r->request_count;
	WALK(w, r->next_seq), WALK(w, r->type), WALK(w, r->count), WALK(w, r->last_tsn), WALK(w, r->retries);
	WALK(w, r->busy), WALK(w, r->list_max), WALK(w, r->all), WALK(w, r->request_asked);
	WALK(w, r->request_all);
	WALK(w, r->add_outgoing), WALK(w, r->add_incoming), WALK(w, r->peer_seq);
	for (int i = 0; i < 2; i++) {
		WALK(w, r->answers[i].seq), WALK(w, r->answers[i].result);
		WALK(w, r->answers[i].due), WALK(w, r->answers[i].tsns);
	}
	WALK(w, r->outstanding), WALK(w, r->deferred);
	WALK(w, r->renumber), WALK(w, r->renumber_seq), WALK(w, r->renumbered_at), WALK(w, r->renumber_nonce);
	WALK(w, r->deferred_seq), WALK(w, r->deferred_tsn), WALK(w, deferred), WALK(w, requests);
	r->deferred_streams = ids(w, a, r->deferred_streams, deferred);
	if (w->reading)
		r->deferred_count = w->failed ? 0 : (size_t)deferred;
	r->requests = ids(w, a, r->requests, requests);
	if (w->reading)
		r->request_capacity = r->request_count = w->failed ? 0 : requests;
	resets(w, a, &r->wanted, TX_RESET_WANTED);
	resets(w, a, &r->asked, TX_RESET_SENT);
	bool reset = r->outstanding && r->type == WIRE_PARAM_OUTGOING_RESET;
	walk_refuse(w, r->renumber > RENUMBER_ANSWERED || r->all > TX_RESET_SENT || r->request_asked > requests ||
	                       (reset && !r->asked.count && r->all != TX_RESET_SENT) || 2 * r->asked.count > PMTU_LEAST ||
	                       2 * r->request_asked > PMTU_LEAST);
}
