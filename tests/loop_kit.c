#include "loop_kit.h"

#include <check.h>
#include <string.h>

static void on_open(sluice_channel *ch, void *user) {
	struct kit_end *e = user;
	(void)ch;
	e->opened++;
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct kit_end *e = user;
	(void)text;
	e->messages++;
	e->bytes += m->len;
	if (e->echo)
		ck_assert_int_eq(sluice_channel_send(ch, sluice_message_data(m), m->len), 0);
	if (e->free_at_message) {
		sluice_peer_free(e->peer);
		e->peer = NULL;
	}
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct kit_end *e = user;
	(void)p;
	e->ch = ch;
	e->opened++;
	sluice_channel_set_callbacks(ch, &callbacks, e);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct kit_end *e = user;
	e->state = state;
	if (state == SLUICE_PEER_CONNECTED)
		e->connected++;
	if (state != SLUICE_PEER_CLOSED && state != SLUICE_PEER_FAILED)
		return;
	e->over++;
	if (e->free_when_over) {
		sluice_peer_free(p);
		e->peer = NULL;
	}
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	struct kit_end *e = user;
	(void)p;
	e->ice_state = state;
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
	if (candidate && e->keep_candidate && !e->keep_candidate(candidate))
		return;
	if (e->other && e->other->peer && e->other->described)
		ck_assert_int_eq(sluice_peer_add_remote_candidate(e->other->peer, candidate), 0);
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
	c.on_candidate = on_candidate;
	c.user = e;
	ck_assert_int_eq(sluice_peer_new(env, &c, &e->peer), 0);
}

void kit_end_free(struct kit_end *e) {
	sluice_peer_free(e->peer);
	e->peer = NULL;
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

void kit_negotiate(struct kit_end *a, struct kit_end *b) {
	sluice_channel_config channel = {.label = "kit", .id = -1, .callbacks = callbacks, .user = a};
	a->other = b;
	b->other = a;
	ck_assert_int_eq(sluice_peer_open_channel(a->peer, &channel, &a->ch), 0);
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
