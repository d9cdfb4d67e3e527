/* When is a path called silent? Not for a moment without answers, not while data comes, and not late either. */
#include "ice_kit.h"
#include "sim/caller.h"

#include "ice/agent.h"

static void connected(struct scene *s, bool lite) {
	scene_init(s, (struct ice_config){.controlling = true}, (struct ice_config){.lite = lite});
	scene_side_by_side(s);
	scene_gather(s);
	ice_world_give(s->a, s->b);
	ice_set_remote(s->a->ice, ice_ufrag(s->b->ice), ice_pwd(s->b->ice), lite);
	ice_world_trickle(s->b, s->a);
	ice_world_run(&s->w, s->w.now + 20 * SLUICE_S);
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
}

/* At whatever moment between two checks it begins. A check is repeated once a second, so that its end is noticed that much
 * later. */
START_TEST(test_an_outage_of_less_than_four_seconds_is_not_told) {
	static const uint64_t outages[] = {900 * SLUICE_MS, 1500 * SLUICE_MS, 3 * SLUICE_S, 3800 * SLUICE_MS};
	for (size_t i = 0; i < sizeof outages / sizeof *outages; i++) {
		struct scene s;
		connected(&s, false);
		for (uint64_t n = 0; n < 60; n++) {
			s.w.loss = 1;
			ice_world_run(&s.w, s.w.now + outages[i]);
			s.w.loss = 0;
			ice_world_run(&s.w, s.w.now + 7 * SLUICE_S + n * 100 * SLUICE_MS);
		}
		ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
		ck_assert_uint_eq(s.b->state_at[ICE_DISCONNECTED], NEVER);
		ice_world_close(&s.w);
	}
}
END_TEST

START_TEST(test_silence_is_told_five_seconds_after_the_first_check_without_answer) {
	for (uint64_t n = 0; n < 30; n++) {
		struct scene s;
		connected(&s, false);
		ice_world_run(&s.w, s.w.now + n * 200 * SLUICE_MS);
		uint64_t requests = s.a->requests;
		s.w.loss = 1;
		ck_assert(ICE_UNTIL(&s.w, s.w.now + 7 * SLUICE_S, s.a->requests > requests));
		/* That one may have been the first without answer, or the last with one was on its way. */
		uint64_t check = s.w.now;
		ck_assert(ICE_UNTIL(&s.w, check + 12 * SLUICE_S, s.a->state_at[ICE_DISCONNECTED] != NEVER));
		ck_assert_uint_ge(s.w.now, check + 5 * SLUICE_S - RTT);
		ck_assert_uint_le(s.w.now, check + 5 * SLUICE_S);
		ice_world_close(&s.w);
	}
}
END_TEST

/* Data passes and no check does. */
static bool checks_are_lost(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
                            void *ctx) {
	(void)w, (void)from, (void)to, (void)ctx;
	return !stun_looks_like(data, *len);
}

static void hear_data(struct scene *s, struct ice_agent *a) {
	ice_note_data(a->ice, &a->ice->selected->path, s->w.now);
}

START_TEST(test_while_authentic_data_comes_a_path_is_not_silent_but_consent_expires) {
	struct scene s;
	connected(&s, false);
	uint64_t cut = s.w.now;
	s.w.filter = checks_are_lost;
	for (; s.w.now < cut + 12 * SLUICE_S; hear_data(&s, s.a))
		ice_world_run(&s.w, s.w.now + 2 * SLUICE_S);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ck_assert_uint_ne(s.b->state_at[ICE_DISCONNECTED], NEVER);
	/* It falls silent, and speaks again. */
	uint64_t last = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, last + 20 * SLUICE_S, s.a->state_at[ICE_DISCONNECTED] != NEVER));
	ck_assert_uint_eq(s.w.now, last + 5 * SLUICE_S);
	hear_data(&s, s.a);
	ice_world_run(&s.w, s.w.now);
	ice_advance(s.a->ice, s.w.now);
	ice_world_settle(&s.w);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	/* RFC 7675, 5.1: consent is an answer to a check, not data. */
	while (s.w.now < cut + 31 * SLUICE_S && ice_state(s.a->ice) != ICE_FAILED) {
		ice_world_run(&s.w, s.w.now + 500 * SLUICE_MS);
		if (s.a->ice->selected)
			hear_data(&s, s.a);
	}
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_lite_agent_hears_data_too) {
	struct scene s;
	connected(&s, true);
	uint64_t cut = s.w.now;
	s.w.filter = checks_are_lost;
	for (; s.w.now < cut + 20 * SLUICE_S; hear_data(&s, s.b))
		ice_world_run(&s.w, s.w.now + 2 * SLUICE_S);
	ck_assert_uint_eq(s.b->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_an_agent_that_is_to_wait_for_ever_waits) {
	const struct ice_config ever = {.disconnected_after = NEVER, .failed_after = NEVER, .check_timeout = NEVER};
	struct memory memory = {0};
	for (int meet = 0; meet < 2; meet++) {
		struct scene s;
		ice_world_init(&s.w, 1, RTT / 2);
		s.a = ice_world_agent(&s.w, "a", &ever, memory);
		s.b = ice_world_agent(&s.w, "b", &ever, memory);
		ice_set_controlling(s.a->ice, true);
		ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
		ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, NULL);
		s.w.loss = !meet;
		ice_world_introduce(&s.w, s.a, s.b);
		s.a->ice->current->remote_done = meet; /* else more may come */
		if (meet)
			ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
		s.w.loss = 1;
		ice_world_run(&s.w, s.w.now + 600 * SLUICE_S);
		ck_assert_uint_eq(s.a->state_at[ICE_FAILED], NEVER);
		ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
		ice_world_close(&s.w);
	}
}
END_TEST

/* ---- the whole peer ---- */

static enum link_verdict drop_stun(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)ctx, (void)link, (void)now;
	return stun_looks_like(packet, *len) ? LINK_DROP : LINK_PASS;
}

START_TEST(test_a_peer_whose_checks_are_lost_is_connected_while_data_comes) {
	struct sim sim;
	sim_init(&sim, sim_seed(3));
	struct caller *a = caller_new(&sim, "a", NULL), *b = caller_new(&sim, "b", NULL);
	caller_join(a, b, &(struct link_config){.delay = 20 * SLUICE_MS}, 5 * SLUICE_MS);
	b->echo = true;
	caller_open(a, "hello");
	ck_assert(SIM_UNTIL(&sim, sim.now + 10 * SLUICE_S, a->received == 1));
	sim_run(&sim, sim.now + 20 * SLUICE_S);
	link_filter(sim_link(&sim, a->host, b->host), drop_stun, NULL);
	link_filter(sim_link(&sim, b->host, a->host), drop_stun, NULL);
	(void)caller_log(a), (void)caller_log(b);
	for (int i = 0; i < 12; i++) { /* 24 s: consent, of which the last answer may be 6 s old, still holds */
		ck_assert_int_eq(sluice_channel_send_text(a->channel, "hello", 5), 0);
		sim_run(&sim, sim.now + 2 * SLUICE_S);
	}
	ck_assert_uint_eq(a->received, 13);
	ck_assert_ptr_null(strstr(caller_log(a), "disconnected"));
	ck_assert_ptr_null(strstr(caller_log(b), "disconnected"));
	sim_close(&sim);
}
END_TEST

SUITE("ice silence", test_an_agent_that_is_to_wait_for_ever_waits, test_an_outage_of_less_than_four_seconds_is_not_told,
      test_silence_is_told_five_seconds_after_the_first_check_without_answer,
      test_while_authentic_data_comes_a_path_is_not_silent_but_consent_expires, test_a_lite_agent_hears_data_too,
      test_a_peer_whose_checks_are_lost_is_connected_while_data_comes)
