/* A check comes from an address of one kind to a socket of another: loopback, link-local, private, public, IPv4-mapped. Which
 * pairs do we try by ourselves, and is each check that is answered the beginning of a pair that works? */
#include <netinet/in.h>
#include <stdio.h>

#include "base/address.h"
#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define UFRAG "remote"
#define PWD "the-password-of-the-remote"
#define PORT 7000

static const char *const kinds[] = {"127.0.0.1", "169.254.1.1", "10.99.0.1",   "198.51.100.1",     "::1",
                                    "fe80::1",   "fd00::1",     "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.99.0.1"};
#define KINDS (sizeof kinds / sizeof *kinds)

/* Row: our socket, column: where the other side is. x: we check it by ourselves. */
static const char *const tried[KINDS] = {
	"x.........", /* 127.0.0.1 */
	".xxx......", /* 169.254.1.1: RFC 3927 lets it speak with any IPv4 address on the link */
	".xxx......", /* 10.99.0.1 */
	".xxx......", /* 198.51.100.1 */
	"....x.....", /* ::1 */
	".....x....", /* fe80::1 */
	"......xx..", /* fd00::1 */
	"......xx..", /* 2001:db8::1 */
	"........x.", /* ::ffff:127.0.0.1 */
	".........x", /* ::ffff:10.99.0.1 */
};

/* An agent with one socket, and what it sent to the one address that the test plays. */
struct scene {
	struct ice_world w;
	struct ice_agent *us;
	uint32_t socket;
	struct sockaddr_storage there;
	unsigned requests, successes, elsewhere;
	uint8_t id[STUN_ID_SIZE]; /* of the last request */
};

static bool note(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len, void *ctx) {
	struct scene *s = ctx;
	struct stun_message m;
	(void)w, (void)from;
	ck_assert_int_eq(stun_parse(data, *len, &m), 0);
	if (!address_equal(to, &s->there)) {
		s->elsewhere++;
		return false;
	}
	s->successes += m.class == STUN_SUCCESS;
	if (m.class == STUN_REQUEST) {
		s->requests++;
		memcpy(s->id, m.id, sizeof s->id);
	}
	return false;
}

static void scene_init(struct scene *s, const char *here, const char *there, const struct ice_config *config) {
	struct memory memory = {0};
	memset(s, 0, sizeof *s);
	ice_world_init(&s->w, 1, SLUICE_MS);
	s->w.filter = note;
	s->w.filter_ctx = s;
	s->us = ice_world_agent(&s->w, "us", config, memory);
	s->socket = ice_world_socket(&s->w, s->us, here, 5000, -1, 65535, NULL);
	s->there = ice_world_address(there, PORT);
	ice_gather(s->us->ice, s->w.now);
	ck_assert_int_eq(ice_set_remote(s->us->ice, UFRAG, PWD, false), 0);
	ice_remote_done(s->us->ice);
}

static void hear(struct scene *s, const uint8_t *data, size_t len) {
	ice_world_inject(&s->w, 0, &s->there, data, len);
	ice_world_settle(&s->w);
}

/* A good check of the other side. */
static void check_us(struct scene *s, bool nominate) {
	uint8_t space[512], id[STUN_ID_SIZE] = {9};
	char username[2 * ICE_UFRAG_MAX];
	struct stun_writer w;
	snprintf(username, sizeof username, "%s:%s", ice_ufrag(s->us->ice), UFRAG);
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, STUN_ATTR_USERNAME, username, strlen(username));
	stun_put32(&w, STUN_ATTR_PRIORITY, 1853824767);
	stun_put64(&w, ice_is_controlling(s->us->ice) ? STUN_ATTR_ICE_CONTROLLED : STUN_ATTR_ICE_CONTROLLING, 1);
	if (nominate)
		stun_put(&w, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	hear(s, space, stun_end(&w, ice_pwd(s->us->ice), strlen(ice_pwd(s->us->ice)), true));
}

/* Its answer to our last check. */
static void answer_us(struct scene *s) {
	uint8_t space[512];
	struct stun_writer w;
	stun_begin(&w, space, sizeof space, STUN_SUCCESS, STUN_BINDING, s->id);
	stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &s->w.ifaces[0].addr);
	hear(s, space, stun_end(&w, PWD, strlen(PWD), true));
}

static bool same_family(const struct scene *s) {
	return s->w.ifaces[0].addr.ss_family == s->there.ss_family;
}

static void tell(struct scene *s) {
	struct candidate c = {.type = CANDIDATE_HOST, .priority = 2130706431, .component = 1, .port = PORT, .foundation = "1"};
	c.addr = s->there;
	ck_assert_int_eq(ice_add_remote(s->us->ice, &c), 0);
}

/* `told`: signalling brought the address too. */
static void heard_over(const char *here, const char *there, bool controlling, bool told) {
	struct scene s;
	struct ice_config config = {.controlling = controlling};
	scene_init(&s, here, there, &config);
	if (told)
		tell(&s);
	check_us(&s, !controlling);
	if (!same_family(&s)) { /* no socket gets such a thing: nothing comes of it, so nothing is promised */
		ck_assert_uint_eq(s.successes + s.requests, 0);
		ice_world_close(&s.w);
		return;
	}
	ck_assert_msg(s.successes == 1 && s.requests >= 1, "%s from %s: %u answers, %u checks", here, there, s.successes,
	              s.requests);
	answer_us(&s);
	if (controlling) /* our nomination */
		answer_us(&s);
	struct ice_pair_stats p;
	ck_assert_msg(ice_selected(s.us->ice, &p) && p.nominated, "%s from %s is not nominated", here, there);
	ck_assert(address_equal(&p.remote.addr, &s.there));
	ck_assert_uint_eq(s.us->route.socket, s.socket);
	ck_assert_uint_eq(s.elsewhere, 0);
	ice_world_close(&s.w);
}

START_TEST(test_a_check_that_is_answered_makes_a_pair_whatever_kinds_its_addresses_are_of) {
	for (size_t here = 0; here < KINDS; here++)
		for (size_t there = 0; there < KINDS; there++)
			for (int i = 0; i < 4; i++)
				heard_over(kinds[here], kinds[there], i & 1, i & 2);
}
END_TEST

START_TEST(test_our_own_checks_go_where_they_can_arrive) {
	for (size_t here = 0; here < KINDS; here++) {
		for (size_t there = 0; there < KINDS; there++) {
			struct scene s;
			struct ice_config config = {0};
			scene_init(&s, kinds[here], kinds[there], &config);
			tell(&s);
			ice_world_settle(&s.w);
			ck_assert_msg((s.requests == 1) == (tried[here][there] == 'x'), "%s to %s: %u", kinds[here], kinds[there],
			              s.requests);
			ice_world_close(&s.w);
		}
	}
}
END_TEST

/* The scope of a link-local address is the one that the check came with, also where our socket has another kind of address. */
START_TEST(test_a_pair_speaks_over_the_very_path_that_its_check_came_by) {
	struct scene s;
	struct ice_config config = {0};
	scene_init(&s, "fd00::1", "fe80::1", &config);
	tell(&s);
	((struct sockaddr_in6 *)&s.there)->sin6_scope_id = 3;
	check_us(&s, true);
	answer_us(&s);
	ck_assert_uint_eq(((struct sockaddr_in6 *)&s.us->route.remote)->sin6_scope_id, 3);
	ice_world_close(&s.w);
}
END_TEST

static bool refuse_remote(void *ctx, const struct candidate *c, bool local) {
	(void)ctx, (void)c;
	return local;
}

START_TEST(test_a_check_that_makes_no_pair_is_not_answered) {
	struct scene s;
	struct ice_config config = {.filter = refuse_remote};
	for (int lite = 0; lite < 2; lite++) {
		config.lite = lite;
		scene_init(&s, "10.99.0.1", "10.99.0.2", &config);
		check_us(&s, true);
		ck_assert_uint_eq(s.successes + s.requests, 0);
		ck_assert_uint_eq(s.us->ice->stats.discarded, 1);
		ice_world_close(&s.w);
	}
}
END_TEST

START_TEST(test_a_lite_agent_uses_the_pair_over_which_it_was_checked) {
	struct scene s;
	struct ice_config config = {.lite = true};
	scene_init(&s, "198.51.100.1", "127.0.0.1", &config);
	check_us(&s, true);
	ck_assert_uint_eq(s.successes, 1);
	ck_assert(address_equal(&s.us->route.remote, &s.there));
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice_kinds", test_a_check_that_is_answered_makes_a_pair_whatever_kinds_its_addresses_are_of,
      test_our_own_checks_go_where_they_can_arrive, test_a_pair_speaks_over_the_very_path_that_its_check_came_by,
      test_a_check_that_makes_no_pair_is_not_answered, test_a_lite_agent_uses_the_pair_over_which_it_was_checked)
