#include "loop_kit.h"

#include <check.h>
#include <string.h>

#include "pool/env.h"

/* True when it was the callback to free the peer in: then there is nothing more to do. */
static bool count(struct kit_end *e) {
	if (++e->callbacks != e->free_at_callback)
		return false;
	sluice_peer_free(e->peer);
	e->peer = NULL;
	return true;
}

static void on_open(sluice_channel *ch, void *user) {
	struct kit_end *e = user;
	(void)ch;
	e->opened++;
	count(e);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct kit_end *e = user;
	(void)text;
	e->messages++;
	e->bytes += m->len;
	if (count(e))
		return;
	if (e->echo)
		ck_assert_int_eq(sluice_channel_send(ch, sluice_message_data(m), m->len), 0);
	if (e->free_at_message) {
		sluice_peer_free(e->peer);
		e->peer = NULL;
	}
}

static void on_buffered_low(sluice_channel *ch, void *user) {
	(void)ch;
	count(user);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)error;
	(void)lost;
	count(user);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open, .on_message = on_message, .on_buffered_low = on_buffered_low, .on_closed = on_closed};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct kit_end *e = user;
	(void)p;
	e->ch = ch;
	e->opened++;
	sluice_channel_set_callbacks(ch, &callbacks, e);
	count(e);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct kit_end *e = user;
	bool over = state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED;
	e->state = state;
	e->connected += state == SLUICE_PEER_CONNECTED;
	e->over += over;
	if (!count(e) && over && e->free_when_over) {
		sluice_peer_free(p);
		e->peer = NULL;
	}
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	struct kit_end *e = user;
	(void)p;
	e->ice_state = state;
	count(e);
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	(void)state;
	count(user);
}

static void on_signaling_state(sluice_peer *p, enum sluice_signaling_state state, void *user) {
	(void)p;
	(void)state;
	count(user);
}

static void on_negotiation_needed(sluice_peer *p, void *user) {
	(void)p;
	count(user);
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	struct kit_end *e = user;
	(void)p;
	(void)mid;
	if (candidate) {
		e->candidates++;
		strncpy(e->last_candidate, candidate, sizeof e->last_candidate - 1);
	} else {
		e->end_of_candidates++;
	}
	bool kept = candidate && e->keep_candidate && !e->keep_candidate(candidate);
	if (!kept && e->other && e->other->peer && e->other->described)
		ck_assert_int_eq(sluice_peer_add_remote_candidate(e->other->peer, candidate), 0);
	count(e);
}

void kit_end_init(struct kit_end *e, sluice_env *env, sluice_loop *loop, const sluice_peer_config *config) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	if (config)
		c = *config;
	*e = (struct kit_end){.env = env, .loop = loop};
	c.on_state = on_state;
	c.on_channel = on_channel;
	c.on_ice_state = on_ice_state;
	c.on_gathering_state = on_gathering_state;
	c.on_signaling_state = on_signaling_state;
	c.on_negotiation_needed = on_negotiation_needed;
	c.on_candidate = on_candidate;
	c.user = e;
	ck_assert_int_eq(sluice_peer_new(env, &c, &e->peer), 0);
}

void kit_end_free(struct kit_end *e) {
	sluice_peer_free(e->peer);
	e->peer = NULL;
}

void kit_world_init(struct kit_world *w, const sluice_peer_config *config) {
	*w = (struct kit_world){0};
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
	kit_end_init(&w->a, w->env, w->loop, config);
	kit_end_init(&w->b, w->env, w->loop, config);
}

void kit_world_free(struct kit_world *w) {
	kit_end_free(&w->a);
	kit_end_free(&w->b);
	ck_assert(loop_check(w->loop));
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	ck_assert_uint_eq(w->env->slabs_live, 0);
	sluice_env_free(w->env);
}

/* What `from` describes now becomes what `to` knows of it. */
static void hand_over(struct kit_end *from, struct kit_end *to, enum sluice_sdp_type type) {
	static char sdp[SLUICE_SDP_MAX];
	int len = sluice_peer_local_description(from->peer, NULL, sdp, sizeof sdp);
	ck_assert_int_gt(len, 0);
	int error = sluice_peer_set_remote_description(to->peer, type, sdp, (size_t)len);
	ck_assert_msg(error == 0, "%s for\n%s", sluice_error_name(error), sdp);
	to->described = true;
}

static void offer_and_answer(struct kit_end *a, struct kit_end *b) {
	a->described = b->described = false;
	ck_assert_int_eq(sluice_peer_set_local_description(a->peer, SLUICE_SDP_OFFER, NULL), 0);
	hand_over(a, b, SLUICE_SDP_OFFER);
	ck_assert_int_eq(sluice_peer_set_local_description(b->peer, SLUICE_SDP_ANSWER, NULL), 0);
	hand_over(b, a, SLUICE_SDP_ANSWER);
}

void kit_open_channel(struct kit_end *e) {
	const sluice_channel_config channel = {.label = "kit", .id = -1, .callbacks = callbacks, .user = e};
	ck_assert_int_eq(sluice_peer_open_channel(e->peer, &channel, &e->ch), 0);
}

void kit_negotiate(struct kit_end *a, struct kit_end *b) {
	a->other = b;
	b->other = a;
	kit_open_channel(a);
	offer_and_answer(a, b);
}

void kit_restart(struct kit_end *a, struct kit_end *b) {
	ck_assert_int_eq(sluice_peer_restart_ice(a->peer), 0);
	offer_and_answer(a, b);
}

void kit_send(struct kit_end *e, size_t count, size_t size) {
	static uint8_t bytes[65536];
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(sluice_channel_send(e->ch, bytes, size), 0);
}

void kit_live(struct kit_end *a, struct kit_end *b, struct kit_end *victim) {
	struct kit_end *other = victim == a ? b : a;
	kit_negotiate(a, b);
	KIT_RUN_UNTIL(a->loop, !victim->peer || kit_is_open(a, b));
	if (victim->peer) {
		kit_send(a, 3, 5000);
		kit_send(b, 3, 5000);
	}
	KIT_RUN_UNTIL(a->loop, !victim->peer || (a->messages == 3 && b->messages == 3));
	if (victim->peer)
		sluice_peer_close(other->peer);
	KIT_RUN_UNTIL(a->loop, !victim->peer || victim->over);
	for (int i = 0; i < 5; i++)
		ev_run(sluice_loop_ev(a->loop), EVRUN_NOWAIT);
}
