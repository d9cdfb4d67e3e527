/* What an INIT or an INIT-ACK is refused for, and what the refusal says: RFC 9260, 3.3.2, 3.3.3, 3.3.10, 5.1.1, 5.2.1 and
 * 5.2.2. */
#include "suite.h"

#include "sim/packets.h"
#include "sim/script.h"

#define NEXT_TAG 0x55667788u

static const uint8_t here[4] = {192, 0, 2, 1}, there[4] = {192, 0, 2, 2}, host[] = "peer.example";
static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, 1};

struct param {
	uint16_t type, len;
	const void *value;
};

/* An INIT or INIT-ACK with these parameters behind those that it always has. */
static void give_init(struct script *s, uint8_t type, uint32_t header_tag, bool cookie, const struct param *params,
                      size_t count) {
	struct script sender = *s;
	uint8_t space[1500];
	sender.remote_tag = header_tag;
	struct writer w = script_begin(&sender, space, sizeof space);
	uint8_t *c = wire_chunk_begin(&w, type, 0);
	write_be32(&w, s->tag);
	write_be32(&w, 65536);
	write_be16(&w, s->streams);
	write_be16(&w, s->streams);
	write_be32(&w, s->tsn);
	if (cookie)
		wire_param_write(&w, WIRE_PARAM_STATE_COOKIE, "cookie--", 8);
	for (size_t i = 0; i < count; i++)
		wire_param_write(&w, params[i].type, params[i].value, params[i].len);
	wire_chunk_end(&w, c);
	script_give(s, &w);
}

/* The one cause of the ABORT that went out, under the tag of the INIT that it answers. */
static struct wire_param refusal(struct script *s) {
	struct wire_chunk c;
	struct wire_param cause = {0};
	const struct script_packet *p = script_expect(s, WIRE_ABORT, &c);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(get_be32(p->bytes + 4), s->tag);
	ck_assert_uint_eq(c.flags & WIRE_FLAG_T, 0);
	struct reader r = reader_of(c.value, c.len);
	ck_assert_int_eq(wire_param_next(&r, &cause), 1);
	ck_assert_uint_eq(reader_left(&r), 0);
	return cause;
}

/* ---- causes and what they hold ---- */

START_TEST(test_a_missing_cookie_is_named) {
	/* RFC 9260, 3.3.10.2: the number of missing parameters, then the type of each. */
	static const uint8_t list[] = {0, 0, 0, 1, 0, WIRE_PARAM_STATE_COOKIE};
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_until_init(&s));
	give_init(&s, WIRE_INIT_ACK, s.remote_tag, false, NULL, 0);
	struct wire_param cause = refusal(&s);
	ck_assert_uint_eq(cause.type, WIRE_CAUSE_MISSING_PARAM);
	ck_assert_uint_eq(cause.len, sizeof list);
	ck_assert_mem_eq(cause.value, list, sizeof list);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, &(const char *){0}), SLUICE_PROTOCOL);
	script_free(&s);
}
END_TEST

START_TEST(test_a_host_name_is_given_back_whole) {
	/* RFC 9260, 3.3.10.5: "The Unresolvable Address field contains the complete Type, Length, and Value of the address
	 * parameter". */
	static const struct param name = {WIRE_PARAM_HOST_NAME, sizeof host, host};
	for (int active = 0; active < 2; active++) {
		struct script s;
		script_init(&s, NULL);
		if (active)
			ck_assert(script_open_until_init(&s));
		give_init(&s, active ? WIRE_INIT_ACK : WIRE_INIT, active ? s.remote_tag : 0, active, &name, 1);
		struct wire_param cause = refusal(&s);
		ck_assert_uint_eq(cause.type, WIRE_CAUSE_UNRESOLVABLE_ADDRESS);
		ck_assert_uint_eq(cause.len, 4 + sizeof host);
		ck_assert_uint_eq(get_be16(cause.value), WIRE_PARAM_HOST_NAME);
		ck_assert_uint_eq(get_be16(cause.value + 2), 4 + sizeof host);
		ck_assert_mem_eq(cause.value + 4, host, sizeof host);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_no_streams_are_an_invalid_parameter) {
	/* RFC 9260, 3.3.10.7: a cause without contents. */
	for (int active = 0; active < 2; active++) {
		struct script s;
		script_init(&s, NULL);
		if (active)
			ck_assert(script_open_until_init(&s));
		s.streams = 0;
		give_init(&s, active ? WIRE_INIT_ACK : WIRE_INIT, active ? s.remote_tag : 0, active, NULL, 0);
		struct wire_param cause = refusal(&s);
		ck_assert_uint_eq(cause.type, WIRE_CAUSE_INVALID_PARAM);
		ck_assert_uint_eq(cause.len, 0);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_who_refuses_says_out_of_resource) {
	struct script s;
	script_init(&s, NULL);
	sluice_sctp_refuse(s.sctp, true);
	give_init(&s, WIRE_INIT, 0, false, NULL, 0);
	struct wire_param cause = refusal(&s);
	ck_assert_uint_eq(cause.type, WIRE_CAUSE_OUT_OF_RESOURCE);
	ck_assert_uint_eq(cause.len, 0);
	script_free(&s);
}
END_TEST

/* ---- streams: RFC 9260, 3.3.3 and 5.1.1 ---- */

static struct wire_init answer(struct script *s) {
	struct wire_chunk c;
	struct wire_init ack;
	ck_assert_ptr_nonnull(script_expect(s, WIRE_INIT_ACK, &c));
	ck_assert_int_eq(wire_init_read(&c, &ack), 0);
	return ack;
}

START_TEST(test_an_init_ack_asks_for_no_more_streams_than_the_init_takes) {
	static const struct {
		uint16_t takes, wanted, asked;
	} cases[] = {{10, 65535, 10}, {10, 10, 10}, {10, 3, 3}, {65535, 65535, 65535}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sluice_sctp_config config;
		struct script s;
		sluice_sctp_config_init(&config);
		config.outbound_streams = cases[i].wanted;
		script_init(&s, &config);
		s.streams = cases[i].takes;
		give_init(&s, WIRE_INIT, 0, false, NULL, 0);
		ck_assert_uint_eq(answer(&s).outbound_streams, cases[i].asked);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_when_openings_cross_the_init_ack_says_what_the_init_said) {
	/* RFC 9260, 5.2.1: "using the same parameters it sent in its original INIT chunk". */
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_until_init(&s));
	s.streams = 10;
	give_init(&s, WIRE_INIT, 0, false, NULL, 0);
	ck_assert_uint_eq(answer(&s).outbound_streams, 65535);
	script_free(&s);
}
END_TEST

/* ---- a restart with new addresses ---- */

static const struct param four_here = {WIRE_PARAM_IPV4, 4, here}, four_there = {WIRE_PARAM_IPV4, 4, there},
			  six_here = {WIRE_PARAM_IPV6, 16, six};

/* Opens under addresses that the peer names: in its INIT, or in its INIT-ACK. */
static void open_with(struct script *s, bool active, const struct param *params, size_t count) {
	uint8_t space[1500];
	script_init(s, NULL);
	if (active) {
		ck_assert(script_open_until_init(s));
		give_init(s, WIRE_INIT_ACK, s->remote_tag, true, params, count);
		struct writer w = script_begin(s, space, sizeof space);
		wire_chunk_write(&w, WIRE_COOKIE_ACK, 0, NULL, 0);
		script_give(s, &w);
	} else {
		give_init(s, WIRE_INIT, 0, false, params, count);
		struct wire_init ack = answer(s);
		s->remote_tag = ack.tag;
		script_echo_cookie(s, ack.cookie, ack.cookie_len);
	}
	ck_assert_int_eq(sluice_sctp_state(s->sctp), SLUICE_SCTP_ESTABLISHED);
	script_skip(s);
	s->tag = NEXT_TAG;
}

static void expect_added(struct script *s, const struct param *const *added, size_t count) {
	struct wire_param cause = refusal(s), listed;
	ck_assert_uint_eq(cause.type, WIRE_CAUSE_RESTART_NEW_ADDRESS);
	struct reader r = reader_of(cause.value, cause.len);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(wire_param_next(&r, &listed), 1);
		ck_assert_uint_eq(listed.type, added[i]->type);
		ck_assert_uint_eq(listed.len, added[i]->len);
		ck_assert_mem_eq(listed.value, added[i]->value, added[i]->len);
	}
	ck_assert_uint_eq(reader_left(&r), 0);
	ck_assert_int_eq(sluice_sctp_state(s->sctp), SLUICE_SCTP_ESTABLISHED);
}

START_TEST(test_a_restart_that_brings_new_addresses_is_refused_and_they_are_listed) {
	/* RFC 9260, 5.2.2: "If new addresses are added to the association, the endpoint MUST respond with an ABORT chunk". */
	for (int active = 0; active < 2; active++) {
		const struct param known[] = {four_here}, more[] = {four_here, six_here, four_there};
		struct script s;
		open_with(&s, active, NULL, 0);
		give_init(&s, WIRE_INIT, 0, false, known, 1);
		expect_added(&s, (const struct param *[]){&four_here}, 1);
		script_free(&s);
		open_with(&s, active, known, 1);
		give_init(&s, WIRE_INIT, 0, false, more, 3);
		expect_added(&s, (const struct param *[]){&six_here, &four_there}, 2);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_restart_with_the_addresses_of_before_or_fewer_is_taken) {
	for (int active = 0; active < 2; active++) {
		for (size_t count = 0; count <= 3; count++) {
			const struct param known[] = {four_here, six_here, four_there},
					   turned[] = {four_there, four_here, six_here};
			struct script s;
			open_with(&s, active, known, 3);
			give_init(&s, WIRE_INIT, 0, false, turned, count);
			ck_assert_ptr_nonnull(answer(&s).cookie);
			script_free(&s);
		}
	}
}
END_TEST

START_TEST(test_addresses_in_an_init_that_crosses_ours_are_new_only_once_the_peers_are_known) {
	/* RFC 9260, 5.2.1: in COOKIE-ECHOED, and not in COOKIE-WAIT, where nothing is known of the peer yet. */
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_until_init(&s));
	give_init(&s, WIRE_INIT, 0, false, &four_here, 1);
	answer(&s);
	give_init(&s, WIRE_INIT_ACK, s.remote_tag, true, &four_here, 1);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_COOKIE_ECHOED);
	give_init(&s, WIRE_INIT, 0, false, &four_here, 1);
	answer(&s);
	give_init(&s, WIRE_INIT, 0, false, &four_there, 1);
	ck_assert_uint_eq(refusal(&s).type, WIRE_CAUSE_RESTART_NEW_ADDRESS);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_COOKIE_ECHOED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_list_of_addresses_without_end_is_cut) {
	struct param many[60];
	uint8_t addresses[60][4];
	struct script s;
	for (size_t i = 0; i < 60; i++) {
		memcpy(addresses[i], (uint8_t[]){10, 0, (uint8_t)(7 * i), (uint8_t)i}, 4);
		many[i] = (struct param){WIRE_PARAM_IPV4, 4, addresses[i]};
	}
	open_with(&s, false, NULL, 0);
	give_init(&s, WIRE_INIT, 0, false, many, 60);
	struct wire_param cause = refusal(&s), listed;
	ck_assert_uint_le(cause.len, 256);
	ck_assert_uint_ge(cause.len, 240);
	struct reader r = reader_of(cause.value, cause.len);
	while (reader_left(&r)) {
		ck_assert_int_eq(wire_param_next(&r, &listed), 1);
		ck_assert_uint_eq(listed.len, 4);
	}
	script_free(&s);
}
END_TEST

SUITE("sctp refusals", test_a_missing_cookie_is_named, test_a_host_name_is_given_back_whole,
      test_no_streams_are_an_invalid_parameter, test_who_refuses_says_out_of_resource,
      test_an_init_ack_asks_for_no_more_streams_than_the_init_takes,
      test_when_openings_cross_the_init_ack_says_what_the_init_said,
      test_a_restart_that_brings_new_addresses_is_refused_and_they_are_listed,
      test_a_restart_with_the_addresses_of_before_or_fewer_is_taken,
      test_addresses_in_an_init_that_crosses_ours_are_new_only_once_the_peers_are_known,
      test_a_list_of_addresses_without_end_is_cut)
