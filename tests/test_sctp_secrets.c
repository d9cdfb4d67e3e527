/* What a stranger, and the peer, can read in what an association sends: not the tags of the association that stands, not the
 * host's clock. */
#include "suite.h"

#include "sim/packets.h"
#include "sim/script.h"

/* A host that is up for 40 days. */
#define UPTIME (40 * 86400 * SLUICE_S)
#define HOUR (3600 * SLUICE_S)
#define STRANGERS_TAG 0x77777777u

static bool holds32(const uint8_t *bytes, size_t len, uint32_t value) {
	for (size_t i = 0; i + 4 <= len; i++)
		if (get_be32(bytes + i) == value)
			return true;
	return false;
}

/* A time within an hour of now, in ns, us or ms, at any place. */
static bool holds_time(const uint8_t *bytes, size_t len, uint64_t now) {
	static const uint64_t units[] = {1, SLUICE_US, SLUICE_MS};
	for (size_t i = 0; i + 8 <= len; i++)
		for (size_t u = 0; u < sizeof units / sizeof *units; u++)
			if (get_be64(bytes + i) - (now - HOUR) / units[u] <= 2 * HOUR / units[u])
				return true;
	return false;
}

static void begin(struct script *s, const sluice_sctp_config *config) {
	script_init(s, config);
	s->now = UPTIME;
}

/* An INIT under the tag 0 from somebody whose own tag is `tag`. */
static void give_init(struct script *s, uint32_t tag) {
	struct script stranger = *s;
	uint8_t space[1500];
	stranger.remote_tag = 0;
	stranger.tag = tag;
	struct writer w = script_begin(&stranger, space, sizeof space);
	script_init_chunk(&stranger, &w, WIRE_INIT, NULL, 0);
	script_give(s, &w);
}

static void echo(struct script *s, const struct wire_init *ack) {
	s->remote_tag = ack->tag;
	script_echo_cookie(s, ack->cookie, ack->cookie_len);
}

/* ---- tags ---- */

START_TEST(test_an_init_to_an_association_that_stands_does_not_learn_its_tags) {
	struct script s;
	begin(&s, NULL);
	ck_assert(script_open_passive(&s));
	for (int shut = 0; shut < 2; shut++) {
		give_init(&s, STRANGERS_TAG);
		const struct script_packet *p = script_expect(&s, WIRE_INIT_ACK, NULL);
		ck_assert_ptr_nonnull(p);
		ck_assert(!holds32(p->bytes, p->len, s.tag));
		ck_assert(!holds32(p->bytes, p->len, s.remote_tag));
		ck_assert_int_eq(sluice_sctp_shutdown(s.sctp), 0);
		script_collect(&s);
		script_skip(&s);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_while_a_cookie_is_out_does_not_learn_the_peers_tag) {
	struct script s;
	uint8_t space[1500];
	begin(&s, NULL);
	ck_assert(script_open_until_init(&s));
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT_ACK, (const uint8_t *)"cookie--", 8);
	script_give(&s, &w);
	give_init(&s, STRANGERS_TAG);
	const struct script_packet *p = script_expect(&s, WIRE_INIT_ACK, NULL);
	ck_assert_ptr_nonnull(p);
	ck_assert(!holds32(p->bytes, p->len, s.tag));
	script_free(&s);
}
END_TEST

START_TEST(test_a_cookie_from_before_a_restart_does_not_restart_again) {
	struct script s;
	struct wire_chunk c;
	struct wire_init first, second;
	begin(&s, NULL);
	ck_assert(script_open_passive(&s));
	give_init(&s, STRANGERS_TAG);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_INIT_ACK, &c));
	ck_assert_int_eq(wire_init_read(&c, &first), 0);
	give_init(&s, STRANGERS_TAG + 1);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_INIT_ACK, &c));
	ck_assert_int_eq(wire_init_read(&c, &second), 0);
	echo(&s, &second);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_PEER_RESTARTED), 1);
	echo(&s, &first);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_PEER_RESTARTED), 1);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_cookie_from_before_a_hand_over_is_as_good_behind_it) {
	static uint8_t bytes[1 << 20];
	struct script s;
	struct wire_chunk c;
	struct wire_init ack;
	size_t len;
	sluice_sctp *there;
	begin(&s, NULL);
	ck_assert(script_open_passive(&s));
	give_init(&s, STRANGERS_TAG);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_INIT_ACK, &c));
	ck_assert_int_eq(wire_init_read(&c, &ack), 0);
	ck_assert_int_eq(sluice_sctp_export(s.sctp, bytes, sizeof bytes, &len), 0);
	s.now = 5 * SLUICE_S; /* of another host's clock */
	ck_assert_int_eq(sluice_sctp_import(s.env, bytes, len, s.now, &there), 0);
	sluice_sctp_free(s.sctp);
	s.sctp = there;
	s.now += 59 * SLUICE_S;
	echo(&s, &ack);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_PEER_RESTARTED), 1);
	script_free(&s);
}
END_TEST

/* ---- the clock ---- */

START_TEST(test_no_cookie_heartbeat_or_probe_shows_the_hosts_clock) {
	sluice_sctp_config config;
	unsigned heartbeats = 0;
	struct script s;
	const struct script_packet *p;
	sluice_sctp_config_init(&config);
	config.heartbeat_interval = 100 * SLUICE_MS;
	config.mtu_max = 1400;
	begin(&s, &config);
	s.pad = true;
	give_init(&s, STRANGERS_TAG);
	p = script_expect(&s, WIRE_INIT_ACK, NULL);
	ck_assert_ptr_nonnull(p);
	ck_assert(!holds_time(p->bytes, p->len, s.now));
	ck_assert(script_open_passive(&s));
	script_run(&s, s.now + 3 * SLUICE_S);
	while ((p = script_next(&s))) {
		ck_assert(!holds_time(p->bytes, p->len, s.now));
		heartbeats += packet_has(p->bytes, p->len, WIRE_HEARTBEAT);
	}
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_gt(st.mtu_probes_sent, 0);
	ck_assert_uint_gt(heartbeats, st.mtu_probes_sent);
	script_free(&s);
}
END_TEST

START_TEST(test_deadlines_are_by_the_hosts_clock) {
	struct script s;
	begin(&s, NULL);
	ck_assert_int_eq(sluice_sctp_connect(s.sctp), 0);
	script_collect(&s);
	ck_assert_uint_eq(sluice_sctp_deadline(s.sctp), UPTIME + 500 * SLUICE_MS);
	script_free(&s);
}
END_TEST

SUITE("sctp secrets", test_an_init_to_an_association_that_stands_does_not_learn_its_tags,
      test_an_init_while_a_cookie_is_out_does_not_learn_the_peers_tag, test_a_cookie_from_before_a_restart_does_not_restart_again,
      test_a_cookie_from_before_a_hand_over_is_as_good_behind_it, test_no_cookie_heartbeat_or_probe_shows_the_hosts_clock,
      test_deadlines_are_by_the_hosts_clock)
