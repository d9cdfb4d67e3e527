/* More candidates come than an agent remembers: who is thrown out, and does the one that works stay? */
#include <stdio.h>

#include "ice_kit.h"

#include "ice/agent.h"

#define CROWD 300

static void begin(struct scene *s) {
	scene_init(s, (struct ice_config){.controlling = true}, (struct ice_config){0});
	scene_side_by_side(s);
}

/* The nth of a crowd: an IPv6 address, a name or an IPv4 address where nobody lives. */
enum crowd { CROWD_IPV6, CROWD_NAMES, CROWD_IPV4 };

static struct candidate one_of(enum crowd kind, int n, uint32_t priority) {
	struct candidate c = {.type = CANDIDATE_HOST, .priority = priority, .component = 1, .port = 7000};
	char text[64];
	if (kind == CROWD_NAMES)
		snprintf(c.name, sizeof c.name, "%d.local", n);
	if (kind == CROWD_IPV6)
		snprintf(text, sizeof text, "fd00::%x", (unsigned)n);
	else
		snprintf(text, sizeof text, "10.1.%d.%d", n / 200, n % 200);
	if (kind != CROWD_NAMES)
		c.addr = ice_world_address(text, c.port);
	snprintf(c.foundation, sizeof c.foundation, "%d", n);
	return c;
}

static void add_crowd(struct ice_agent *to, enum crowd kind, uint32_t priority) {
	for (int n = 0; n < CROWD; n++) {
		struct candidate c = one_of(kind, n, priority);
		int rc = ice_add_remote(to->ice, &c);
		ck_assert(rc == 0 || rc == SLUICE_LIMIT);
		ck_assert(ice_check(to->ice));
	}
}

/* b knows a's password and none of its candidates: only a can begin. */
static void let_a_begin(struct scene *s) {
	ice_world_give(s->b, s->a);
	ice_set_remote(s->b->ice, ice_ufrag(s->a->ice), ice_pwd(s->a->ice), false);
}

/* `first`: they come before a has a candidate of its own, when none of them can make a pair yet. */
static void usable_behind(enum crowd kind, bool first) {
	struct scene s;
	begin(&s);
	s.a->names_unknown = true;
	ice_gather(s.b->ice, s.w.now);
	ice_world_settle(&s.w);
	if (!first)
		ice_gather(s.a->ice, s.w.now);
	add_crowd(s.a, kind, UINT32_MAX);
	s.b->told[0].priority = 1;
	let_a_begin(&s);
	ice_gather(s.a->ice, s.w.now);
	ck_assert(ICE_UNTIL(&s.w, s.start + SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_le(ice_remote_count(s.a->ice), ICE_REMOTE_MAX);
	ice_world_close(&s.w);
}

START_TEST(test_candidates_that_can_make_no_pair_keep_no_other_out) {
	for (int first = 0; first < 2; first++) {
		usable_behind(CROWD_IPV6, first);
		usable_behind(CROWD_NAMES, first);
	}
}
END_TEST

START_TEST(test_a_better_candidate_that_comes_last_takes_the_place_of_the_worst) {
	struct scene s;
	begin(&s);
	ice_gather(s.a->ice, s.w.now);
	ice_gather(s.b->ice, s.w.now);
	ice_world_settle(&s.w);
	add_crowd(s.a, CROWD_IPV4, 1000);
	struct candidate worse = one_of(CROWD_IPV4, CROWD, 999);
	ck_assert_int_eq(ice_add_remote(s.a->ice, &worse), SLUICE_LIMIT);
	let_a_begin(&s);
	ck_assert(ICE_UNTIL(&s.w, s.start + SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(ice_remote_count(s.a->ice), ICE_REMOTE_MAX);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_pairs_that_failed_keep_no_later_candidate_out) {
	struct scene s;
	begin(&s);
	s.a->ice->config.pacing = 5 * SLUICE_MS;
	s.a->ice->config.max_pairs = 40;
	s.a->ice->config.check_timeout = 100 * SLUICE_S;
	ice_gather(s.a->ice, s.w.now);
	ice_gather(s.b->ice, s.w.now);
	ice_world_settle(&s.w);
	add_crowd(s.a, CROWD_IPV4, UINT32_MAX);
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false);
	ice_world_run(&s.w, s.start + 20 * SLUICE_S);
	s.b->told[0].priority = 1;
	let_a_begin(&s);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + SLUICE_S, scene_is_routed(&s)));
	ice_world_close(&s.w);
}
END_TEST

/* ---- a NAT that rebinds ---- */

static void rebind(struct ice_world *w, int nat) {
	w->nats[nat].mapping_count = 0;
}

static void rebindings(bool lite) {
	struct scene s;
	scene_init(&s, (struct ice_config){.controlling = true}, (struct ice_config){0});
	s.b->ice->config.lite = lite;
	int nat = ice_world_nat(&s.w, NAT_PORT_RESTRICTED, "198.51.100.1", false);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, nat, 65535, NULL);
	ice_world_socket(&s.w, s.b, "198.51.100.7", 6000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "198.51.100.8", 6001, -1, 60000, NULL);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + SLUICE_S);
	for (uint64_t n = 1; n <= CROWD; n++) {
		rebind(&s.w, nat);
		uint64_t heard = s.a->data_received;
		ck_assert(ice_world_send(&s.w, s.a));
		ice_world_run(&s.w, s.w.now + 12 * SLUICE_S);
		ck_assert(ice_world_send(&s.w, s.b));
		ice_world_run(&s.w, s.w.now + RTT);
		ck_assert_msg(s.a->data_received == heard + 1, "lost behind rebinding %u", (unsigned)n);
	}
	ck_assert_uint_eq(s.a->state_at[ICE_FAILED], SLUICE_NEVER);
	ck_assert_uint_eq(s.b->state_at[ICE_FAILED], SLUICE_NEVER);
	/* The ports of the past are not tried again when the path is lost. */
	ck_assert_uint_le(ice_remote_count(s.b->ice), lite ? ICE_REMOTE_MAX : 16);
	/* And what the other side saw us as leaves room for what we have to tell. */
	size_t told = s.a->told_count;
	ice_world_socket(&s.w, s.a, "10.0.0.3", 5003, -1, 60000, NULL);
	ice_world_settle(&s.w);
	ck_assert_uint_eq(s.a->told_count, told + 1);
	ice_world_close(&s.w);
}

START_TEST(test_three_hundred_rebindings_of_a_nat_do_not_end_a_session) {
	rebindings(false);
}
END_TEST

START_TEST(test_an_agent_that_never_checks_survives_them_too) {
	rebindings(true);
}
END_TEST

SUITE("ice crowd", test_candidates_that_can_make_no_pair_keep_no_other_out,
      test_a_better_candidate_that_comes_last_takes_the_place_of_the_worst, test_pairs_that_failed_keep_no_later_candidate_out,
      test_three_hundred_rebindings_of_a_nat_do_not_end_a_session, test_an_agent_that_never_checks_survives_them_too)
