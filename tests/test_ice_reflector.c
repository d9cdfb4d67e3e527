/* Whose description may it be? One that names other people's addresses makes this side send to them: how much, and whom does it
 * ask for names? And is an honest description with many candidates none the slower for the answer? RFC 8445, 14 and 19.5.1. */
#include <stdio.h>

#include "base/address.h"
#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define RTT (100 * SLUICE_MS)

struct scene {
	struct ice_world w;
	struct ice_agent *a, *b;
	uint64_t start;
	uint64_t astray; /* datagrams to where nobody lives */
};

static bool count_astray(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
                         void *ctx) {
	struct scene *s = ctx;
	(void)from, (void)data, (void)len;
	for (int i = 0; i < w->iface_count; i++)
		if (address_equal(&w->ifaces[i].addr, to))
			return true;
	s->astray++;
	return false;
}

static void scene_init(struct scene *s, const struct ice_config *config) {
	const struct ice_config controlling = {.controlling = true};
	struct memory memory = {0};
	memset(s, 0, sizeof *s);
	ice_world_init(&s->w, 1, RTT / 2);
	s->w.filter = count_astray;
	s->w.filter_ctx = s;
	s->start = s->w.now;
	s->a = ice_world_agent(&s->w, "a", config, memory);
	s->b = ice_world_agent(&s->w, "b", &controlling, memory);
}

static struct candidate victim(int n, uint32_t priority) {
	struct candidate c = {.type = CANDIDATE_HOST, .priority = priority, .component = 1, .port = (uint16_t)(1000 + n)};
	c.addr = ice_world_address("203.0.113.7", c.port);
	snprintf(c.foundation, sizeof c.foundation, "%d", n);
	return c;
}

static void add_victims(struct scene *s, int count) {
	for (int n = 0; n < count; n++) {
		struct candidate c = victim(n, UINT32_MAX - (uint32_t)n);
		ck_assert_int_eq(ice_add_remote(s->a->ice, &c), 0);
	}
}

static void set_stranger(struct scene *s) {
	ck_assert_int_eq(ice_set_remote(s->a->ice, "some", "thing-that-nobody-answers", false), 0);
	ice_remote_done(s->a->ice);
}

/* 6 KB of description hold as many. */
START_TEST(test_a_description_of_135_addresses_that_never_answer_draws_no_more_than_270_checks) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, &config);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_gather(s.a->ice, s.w.now);
	add_victims(&s, 135);
	set_stranger(&s);
	ice_world_run(&s.w, s.start + 120 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ck_assert_uint_ge(s.astray, 135 + 64);
	ck_assert_uint_le(s.astray, 270);
	ice_world_close(&s.w);
}
END_TEST

/* As many pairs as there can be, of 16 sockets, and never more at once than the pacing lets out. */
START_TEST(test_many_sockets_do_not_multiply_it_beyond_the_pairs_that_are_kept) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, &config);
	for (int i = 0; i < 16; i++) {
		char text[32];
		snprintf(text, sizeof text, "10.0.0.%d", i + 1);
		ice_world_socket(&s.w, s.a, text, 5000, -1, (uint16_t)(65535 - i), NULL);
	}
	ice_gather(s.a->ice, s.w.now);
	add_victims(&s, 200);
	set_stranger(&s);
	ice_world_run(&s.w, s.start + SLUICE_S);
	ck_assert_uint_le(s.astray, 5 + 20 + 64 + 4);
	ice_world_run(&s.w, s.start + 120 * SLUICE_S);
	ck_assert_uint_le(s.astray, 256 + 64 + 4 * 30);
	ice_world_close(&s.w);
}
END_TEST

/* Whoever answers from one address vouches for none of the others. */
START_TEST(test_an_address_that_answers_does_not_open_the_way_to_the_others) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, &config);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, NULL);
	ice_gather(s.a->ice, s.w.now);
	add_victims(&s, 135);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + 120 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_uint_le(s.astray, 270);
	ice_world_close(&s.w);
}
END_TEST

/* Ten pairs are tried as if there were no bound: eight times each. */
START_TEST(test_ten_pairs_are_tried_as_long_as_one) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, &config);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_gather(s.a->ice, s.w.now);
	add_victims(&s, 10);
	set_stranger(&s);
	ice_world_run(&s.w, s.start + 9 * SLUICE_S);
	ck_assert_uint_eq(s.astray, 80);
	ice_world_close(&s.w);
}
END_TEST

/* Machines with many interfaces, of which the last ones alone reach each other. a's checks alone have to find the way. */
START_TEST(test_an_honest_description_of_two_hundred_pairs_opens_by_its_last_one) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, &config);
	s.w.loss = 0.1;
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, NULL);
	ice_gather(s.a->ice, s.w.now);
	ice_gather(s.b->ice, s.w.now);
	ice_world_settle(&s.w);
	add_victims(&s, 199);
	s.b->told[0].priority = 1;
	ice_world_give(s.b, s.a);
	ice_set_remote(s.b->ice, ice_ufrag(s.a->ice), ice_pwd(s.a->ice), false);
	ck_assert(ICE_UNTIL(&s.w, s.start + 11 * SLUICE_S, s.a->route_at != SLUICE_NEVER));
	ice_world_close(&s.w);
}
END_TEST

/* ---- names ---- */

static struct candidate named(const char *name, enum candidate_transport transport) {
	struct candidate c = {.type = CANDIDATE_HOST, .transport = transport, .priority = 1, .component = 1, .port = 5000};
	snprintf(c.name, sizeof c.name, "%s", name);
	snprintf(c.foundation, sizeof c.foundation, "1");
	return c;
}

static unsigned look_ups(struct scene *s) {
	struct ice_request r;
	unsigned n = 0;
	for (; ice_poll_request(s->a->ice, &r); n++) {
		ck_assert_int_eq(r.kind, ICE_REQUEST_RESOLVE);
		ice_resolved(s->a->ice, r.id, NULL, 0, s->w.now);
	}
	return n;
}

static unsigned look_ups_of(const char *format, int count, enum candidate_transport transport, bool resolve_hosts) {
	struct scene s;
	char name[64];
	struct ice_config config = {.resolve_hosts = resolve_hosts};
	scene_init(&s, &config);
	ice_gather(s.a->ice, s.w.now);
	for (int n = 0; n < count; n++) {
		snprintf(name, sizeof name, format, n);
		struct candidate c = named(name, transport);
		ck_assert_int_eq(ice_add_remote(s.a->ice, &c), 0);
	}
	unsigned asked = look_ups(&s);
	ice_world_close(&s.w);
	return asked;
}

START_TEST(test_local_names_are_looked_up_and_host_names_where_the_app_wants_it) {
	static const struct {
		const char *format;
		enum candidate_transport transport;
		bool resolve_hosts;
		int count;
		unsigned look_ups;
	} table[] = {
		{"host-%d.local", CANDIDATE_UDP, false, 20, 20},       {"host-%d.LOCAL", CANDIDATE_UDP, false, 1, 1},
		{"host-%d.example.org", CANDIDATE_UDP, false, 20, 0},  {"host-%d.local.example.org", CANDIDATE_UDP, false, 20, 0},
		{"host-%d.example.org", CANDIDATE_UDP, true, 20, 20},  {"host-%d.local", CANDIDATE_UDP, false, 100, 32},
		{"host-%d.example.org", CANDIDATE_UDP, true, 100, 32}, {"host-%d.local", CANDIDATE_TCP_PASSIVE, false, 1, 1},
		{"host-%d.local", CANDIDATE_TCP_ACTIVE, false, 20, 0}, /* nobody calls those */
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		ck_assert_uint_eq(look_ups_of(table[i].format, table[i].count, table[i].transport, table[i].resolve_hosts),
		                  table[i].look_ups);
}
END_TEST

START_TEST(test_a_restart_may_bring_names_of_its_own) {
	struct scene s;
	struct ice_config config = {0};
	char name[64];
	scene_init(&s, &config);
	ice_gather(s.a->ice, s.w.now);
	for (int i = 0; i < 3; i++) {
		ice_set_remote(s.a->ice, i & 1 ? "some" : "other", "thing-that-nobody-answers", false);
		for (int n = 0; n < 40; n++) {
			snprintf(name, sizeof name, "%d.local", n);
			struct candidate c = named(name, CANDIDATE_UDP);
			ice_add_remote(s.a->ice, &c);
		}
		ck_assert_uint_eq(look_ups(&s), 32);
	}
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice_reflector", test_a_description_of_135_addresses_that_never_answer_draws_no_more_than_270_checks,
      test_many_sockets_do_not_multiply_it_beyond_the_pairs_that_are_kept,
      test_an_address_that_answers_does_not_open_the_way_to_the_others, test_ten_pairs_are_tried_as_long_as_one,
      test_an_honest_description_of_two_hundred_pairs_opens_by_its_last_one,
      test_local_names_are_looked_up_and_host_names_where_the_app_wants_it, test_a_restart_may_bring_names_of_its_own)
