/* dtls_peers.c: the cases; what they are for stands in the header. Each case runs with us as server and as client. */
#include "dtls_peers.h"

#include <stdio.h>

#include "dtls_wire.h"
#include "suite.h"

static const struct dtls_stack *stack;
static struct wire w; /* a test runs in a process of its own */

/* Returns how long it took until both were up; then data went both ways. */
static uint64_t bring_up(struct wire_config c, uint64_t limit, const char *what) {
	wire_init(&w, stack, &c);
	wire_open(&w);
	uint64_t took = wire_connect(&w, limit);
	ck_assert_msg(took != SLUICE_NEVER, "%s: %s", what, wire_describe(&w));
	wire_talk(&w);
	return took;
}

/* The rounds of each case: our role, and who seals our records. */
#define ROUNDS 4
#define CLIENT ((_i & 1) != 0)
#define OPENSSL_RECORDS ((_i & 2) != 0)
#define OUR_END .client = CLIENT, .openssl_records = OPENSSL_RECORDS

/* ---- a good network ---------------------------------------------------------------------------------------------- */

START_TEST(test_it_connects_talks_and_closes_from_either_end) {
	for (int we_close = 0; we_close < 2; we_close++) {
		bring_up((struct wire_config){OUR_END, .delay = 10 * SLUICE_MS}, 50 * SLUICE_MS, "no loss");
		if (we_close)
			dtls_close(w.ours);
		else
			stack->close(w.other);
		wire_run(&w, w.now + SLUICE_S);
		ck_assert_int_eq(dtls_state(w.ours), DTLS_CLOSED);
		ck_assert_int_eq(dtls_error(w.ours, NULL), we_close ? 0 : SLUICE_CLOSED);
		ck_assert_msg(w.other->state == OTHER_CLOSED, "%s", wire_describe(&w));
		wire_free(&w);
	}
}
END_TEST

static void use_suite(struct wire_config c, enum other_cipher cipher, enum other_key key) {
	static const char *const names[OTHER_CIPHERS] = {"AES128-GCM", "AES256-GCM", "CHACHA20-POLY1305"};
	c.cipher = cipher;
	c.our_key = c.other_key = key;
	bring_up(c, SLUICE_S, names[cipher]);
	ck_assert_ptr_nonnull(strstr(dtls_cipher(w.ours), names[cipher]));
	ck_assert_ptr_nonnull(strstr(dtls_cipher(w.ours), key == RSA_2048 ? "RSA" : "ECDSA"));
	wire_free(&w);
}

START_TEST(test_each_suite_connects_with_and_without_extended_master_secret) {
	for (int cipher = 0; cipher < OTHER_CIPHERS; cipher++)
		for (int without = 0; without < 2; without++) {
			struct wire_config c = {OUR_END, .no_master_secret = without};
			use_suite(c, (enum other_cipher)cipher, P_256);
			use_suite(c, (enum other_cipher)cipher, RSA_2048);
		}
}
END_TEST

START_TEST(test_each_kind_of_certificate_connects_with_each) {
	char what[60];
	for (int i = 0; i < OTHER_KEYS * OTHER_KEYS; i++) {
		struct wire_config c = {OUR_END};
		c.our_key = (enum other_key)(i / OTHER_KEYS);
		c.other_key = (enum other_key)(i % OTHER_KEYS);
		snprintf(what, sizeof what, "kinds of keys: ours %d, other %d", (int)c.our_key, (int)c.other_key);
		bring_up(c, SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

START_TEST(test_small_datagrams_cut_every_message) {
	char what[60];
	for (size_t mtu = 256; mtu < 700; mtu += 71) {
		struct wire_config c = {OUR_END, .mtu = mtu, .our_key = RSA_2048, .other_key = RSA_2048};
		c.twice = mtu & 1;
		snprintf(what, sizeof what, "mtu %zu", mtu);
		bring_up(c, SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

/* ---- a bad network ----------------------------------------------------------------------------------------------- */

#define FIRST_DATAGRAMS 10

static void lose_each(struct wire_config c) {
	char what[60];
	for (unsigned i = 0; i < FIRST_DATAGRAMS; i++) {
		snprintf(what, sizeof what, "datagram %u lost", i);
		c.lost = UINT64_C(1) << i;
		bring_up(c, 2 * SLUICE_S, what);
		wire_free(&w);
	}
}

START_TEST(test_each_lost_datagram_is_repaired) {
	lose_each((struct wire_config){OUR_END, .delay = 5 * SLUICE_MS});
}
END_TEST

START_TEST(test_each_lost_fragment_is_repaired) {
	lose_each((struct wire_config){OUR_END, .delay = 5 * SLUICE_MS, .mtu = 400});
}
END_TEST

/* Each bit of the seed is something else that the network or the other stack does. A copy of a ClientHello with its cookie that
 * comes when all is up makes mbedTLS begin anew, so the two do not meet. */
static struct wire_config bad_network(struct wire_config c, uint64_t seed) {
	c.seed = seed;
	c.delay = 20 * SLUICE_MS;
	c.loss = seed % 5 == 0 ? 0.35 : 0.2;
	c.mtu = seed & 1 ? 500 : 1200;
	c.twice = seed & 2;
	c.backwards = seed & 4;
	c.merged = seed & 8;
	c.apart = seed & 16;
	c.forged = seed & 32;
	c.again = seed & 64 ? 333 * SLUICE_MS : 0;
	c.empties = seed & 128;
	c.cookies = c.client && !c.again && seed % 3 == 0;
	return c;
}

START_TEST(test_a_fifth_of_all_datagrams_may_be_lost_whatever_else_happens) {
	char what[60];
	for (uint64_t seed = 0; seed < 256; seed += 7) {
		snprintf(what, sizeof what, "seed %u", (unsigned)seed);
		bring_up(bad_network((struct wire_config){OUR_END}, seed), 60 * SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

START_TEST(test_datagrams_in_reverse_order_and_twice_are_put_right) {
	char what[60];
	for (unsigned i = 0; i < 6; i++) {
		struct wire_config c = {OUR_END, .delay = 10 * SLUICE_MS, .backwards = true, .twice = i & 1};
		c.mtu = 300 + 450 * (i / 2);
		snprintf(what, sizeof what, "backwards, mtu %zu, twice %d", c.mtu, c.twice);
		bring_up(c, 5 * SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

START_TEST(test_copies_that_come_late_change_nothing) {
	static const uint64_t late[] = {7 * SLUICE_MS, 150 * SLUICE_MS, 4 * SLUICE_S};
	char what[60];
	for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
		struct wire_config c = {OUR_END, .delay = 5 * SLUICE_MS, .again = late[i]};
		snprintf(what, sizeof what, "copies after %u ms", (unsigned)(late[i] / SLUICE_MS));
		bring_up(c, SLUICE_S, what);
		wire_run(&w, w.now + 10 * SLUICE_S);
		wire_talk(&w);
		wire_free(&w);
	}
}
END_TEST

/* ---- what the RFC leaves to each stack --------------------------------------------------------------------------- */

START_TEST(test_a_server_may_ask_for_a_cookie) {
	char what[60];
	for (unsigned lost = 0; lost <= FIRST_DATAGRAMS && CLIENT; lost++) {
		struct wire_config c = {OUR_END, .cookies = true, .delay = 5 * SLUICE_MS, .twice = lost & 1};
		c.lost = lost < FIRST_DATAGRAMS ? UINT64_C(1) << lost : 0;
		snprintf(what, sizeof what, "cookie, datagram %u lost", lost);
		bring_up(c, 5 * SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

START_TEST(test_records_may_be_packed_in_any_way) {
	static const struct wire_config ways[] = {
		{.apart = true},
		{.merged = true},
		{.old_version = true},
		{.empties = true},
		{.apart = true, .backwards = true},
		{.merged = true, .backwards = true, .mtu = 400},
		{.merged = true, .twice = true},
		{.forged = true},
		{.forged = true, .apart = true, .backwards = true},
	};
	char what[60];
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct wire_config c = ways[i];
		c.client = CLIENT;
		c.openssl_records = OPENSSL_RECORDS;
		c.delay = 10 * SLUICE_MS;
		snprintf(what, sizeof what, "way %zu", i);
		bring_up(c, 3 * SLUICE_S, what);
		wire_free(&w);
	}
}
END_TEST

/* Our end is up, and gets what the other sends. */
static void assert_we_hear(const char *what) {
	static const uint8_t words[50] = {7};
	size_t before = w.data_len;
	ck_assert_msg(stack->send(w.other, words, sizeof words), "%s: %s", what, wire_describe(&w));
	wire_run(&w, w.now + SLUICE_S);
	ck_assert_msg(w.data_len == before + sizeof words, "%s: %s", what, wire_describe(&w));
	ck_assert_int_eq(dtls_state(w.ours), DTLS_CONNECTED);
}

START_TEST(test_empty_records_end_nothing) {
	bring_up((struct wire_config){OUR_END}, SLUICE_S, "no loss");
	unsigned before = w.sent;
	for (int i = 0; i < 40 && stack->send_empty; i++)
		stack->send_empty(w.other);
	assert_we_hear("empty records");
	ck_assert(!stack->send_empty || w.sent >= before + 40);
	wire_talk(&w);
	wire_free(&w);
}
END_TEST

/* RFC 5246, 7.2: "if an alert with a level of warning is received, generally the connection can continue normally". */
START_TEST(test_warnings_end_neither_a_handshake_nor_a_connection) {
	bring_up((struct wire_config){OUR_END, .delay = 10 * SLUICE_MS, .warnings = true}, SLUICE_S, "warnings in the clear");
	w.config.warnings = false;
	for (int i = 1; i <= 20 && stack->warn; i += 19) {
		for (int k = 0; k < i; k++)
			stack->warn(w.other);
		assert_we_hear("sealed warnings");
	}
	wire_talk(&w);
	wire_free(&w);
}
END_TEST

/* The last flight and what follows it are under way together; in reverse order the data comes before the keys are in use. */
START_TEST(test_data_at_the_heels_of_the_finished_is_not_lost) {
	for (int backwards = 0; backwards < 2; backwards++) {
		struct wire_config c = {OUR_END, .delay = 10 * SLUICE_MS, .backwards = backwards};
		wire_init(&w, stack, &c);
		wire_open(&w);
		while (w.other->state != OTHER_UP)
			ck_assert_msg(wire_step(&w, SLUICE_S), "%s", wire_describe(&w));
		assert_we_hear("data at once");
		wire_free(&w);
	}
}
END_TEST

/* A server that wants it (HelloRequest) goes on with the keys that there are. A client has sent a ClientHello; what it makes of
 * the refusal is its own affair: RFC 5246, 7.2.2 lets it close, and OpenSSL sends a fatal alert then. */
START_TEST(test_a_wish_to_negotiate_again_is_refused_and_does_not_end_our_connection) {
	bring_up((struct wire_config){OUR_END, .delay = SLUICE_MS}, SLUICE_S, "no loss");
	unsigned before = w.sent;
	stack->renegotiate(w.other);
	wire_run(&w, w.now + 5 * SLUICE_S);
	ck_assert_uint_gt(w.sent, before);
	if (w.other->state == OTHER_UP) {
		ck_assert_msg(dtls_state(w.ours) == DTLS_CONNECTED, "%s", wire_describe(&w));
		if (CLIENT)
			assert_we_hear("after a HelloRequest");
		wire_run(&w, w.now + 200 * SLUICE_S);
	}
	bool gave_up = w.other->state == OTHER_FAILED || w.other->state == OTHER_CLOSED;
	ck_assert_msg(dtls_state(w.ours) == DTLS_CONNECTED || gave_up, "%s", wire_describe(&w));
	wire_free(&w);
}
END_TEST

/* RFC 6347, 4.2.8: an association must not end because somebody else speaks from the same address. */
START_TEST(test_a_client_that_begins_anew_from_the_same_address_disturbs_nothing) {
	uint8_t hello[MAIL_BYTES];
	bring_up((struct wire_config){OUR_END}, SLUICE_S, "no loss");
	struct other *stranger = stack->open(&(struct other_config){.client = true, .pem = other_pem(P_256, false), .mtu = 1200});
	stack->drive(stranger);
	for (size_t len; (len = mail_take(&stranger->out, hello, sizeof hello)) > 0;)
		for (int i = 0; i < 3; i++)
			wire_inject(&w, hello, len);
	wire_run(&w, w.now + 5 * SLUICE_S);
	wire_talk(&w);
	stack->free(stranger);
	wire_free(&w);
}
END_TEST

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

START_TEST(test_a_session_is_resumed_by_its_id) {
	bring_up((struct wire_config){OUR_END, .resume = true, .delay = 5 * SLUICE_MS}, SLUICE_S, "the first of all");
	ck_assert(!dtls_resumed(w.ours));
	for (unsigned lost = 0; lost <= 6; lost++) {
		wire_hang_up(&w);
		w.config.lost = lost < 6 ? UINT64_C(1) << lost : 0;
		wire_open(&w);
		bool up = wire_connect(&w, 3 * SLUICE_S) != SLUICE_NEVER;
		ck_assert_msg(up && dtls_resumed(w.ours), "datagram %u lost: %s", lost, wire_describe(&w));
		wire_talk(&w);
	}
	wire_free(&w);
}
END_TEST

/* ---- the end ----------------------------------------------------------------------------------------------------- */

START_TEST(test_a_fatal_alert_ends_our_connection_and_is_named) {
	const char *text;
	bring_up((struct wire_config){OUR_END}, SLUICE_S, "no loss");
	if (stack->abort) {
		stack->abort(w.other);
		wire_run(&w, w.now + SLUICE_S);
		ck_assert_int_eq(dtls_state(w.ours), DTLS_FAILED);
		ck_assert_int_eq(dtls_error(w.ours, &text), SLUICE_ABORTED);
		ck_assert_str_eq(text, "internal error");
	}
	wire_free(&w);
}
END_TEST

START_TEST(test_a_certificate_that_the_other_end_refuses_ends_the_handshake_with_its_alert) {
	struct wire_config c = {OUR_END, .reject = true, .delay = SLUICE_MS};
	wire_init(&w, stack, &c);
	wire_open(&w);
	wire_run(&w, SLUICE_S);
	ck_assert_int_eq(w.other->state, OTHER_FAILED);
	ck_assert_msg(dtls_error(w.ours, NULL) == SLUICE_ABORTED, "%s", wire_describe(&w));
	wire_free(&w);
}
END_TEST

/* A client is refused by us. A server has no suite to agree on, and says that itself. */
START_TEST(test_an_end_without_a_certificate_does_not_connect) {
	struct wire_config c = {OUR_END, .bare = true, .delay = SLUICE_MS};
	wire_init(&w, stack, &c);
	wire_open(&w);
	wire_run(&w, SLUICE_S);
	int error = dtls_error(w.ours, NULL);
	ck_assert_msg(error == (CLIENT ? SLUICE_ABORTED : SLUICE_PROTOCOL), "%s", wire_describe(&w));
	ck_assert_msg(w.other->state == OTHER_FAILED, "%s", wire_describe(&w));
	wire_free(&w);
}
END_TEST

START_TEST(test_a_certificate_that_is_not_the_one_announced_ends_both) {
	struct wire_config c = {OUR_END, .delay = SLUICE_MS};
	wire_init(&w, stack, &c);
	w.other_fingerprint.digest[3] ^= 1;
	wire_open(&w);
	wire_run(&w, SLUICE_S);
	ck_assert_msg(dtls_error(w.ours, NULL) == SLUICE_FINGERPRINT, "%s", wire_describe(&w));
	ck_assert_msg(w.other->state == OTHER_FAILED || w.other->state == OTHER_CLOSED, "%s", wire_describe(&w));
	wire_free(&w);
}
END_TEST

/* ---- SRTP -------------------------------------------------------------------------------------------------------- */

START_TEST(test_both_find_the_same_profile_of_srtp_or_none) {
	static const char ours[] = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
	for (int i = 0; stack->srtp && i < 4; i++) {
		struct wire_config c = {OUR_END, .our_srtp = i & 1 ? ours : NULL, .other_srtp = i & 2};
		bring_up(c, SLUICE_S, "srtp");
		ck_assert_uint_eq(dtls_srtp_profile(w.ours), i == 3);
		ck_assert_uint_eq(stack->srtp(w.other), i == 3);
		wire_free(&w);
	}
}
END_TEST

/* ---- all of them ------------------------------------------------------------------------------------------------- */

int dtls_peers_main(const struct dtls_stack *s, int argc, char **argv) {
	const TTest *tests[] = {
		test_it_connects_talks_and_closes_from_either_end,
		test_each_suite_connects_with_and_without_extended_master_secret,
		test_each_kind_of_certificate_connects_with_each,
		test_small_datagrams_cut_every_message,
		test_each_lost_datagram_is_repaired,
		test_each_lost_fragment_is_repaired,
		test_a_fifth_of_all_datagrams_may_be_lost_whatever_else_happens,
		test_datagrams_in_reverse_order_and_twice_are_put_right,
		test_copies_that_come_late_change_nothing,
		test_a_server_may_ask_for_a_cookie,
		test_records_may_be_packed_in_any_way,
		test_empty_records_end_nothing,
		test_warnings_end_neither_a_handshake_nor_a_connection,
		test_data_at_the_heels_of_the_finished_is_not_lost,
		test_a_wish_to_negotiate_again_is_refused_and_does_not_end_our_connection,
		test_a_client_that_begins_anew_from_the_same_address_disturbs_nothing,
		test_a_session_is_resumed_by_its_id,
		test_both_find_the_same_profile_of_srtp_or_none,
		test_a_fatal_alert_ends_our_connection_and_is_named,
		test_a_certificate_that_the_other_end_refuses_ends_the_handshake_with_its_alert,
		test_an_end_without_a_certificate_does_not_connect,
		test_a_certificate_that_is_not_the_one_announced_ends_both,
	};
	stack = s;
	for (int kind = 0; kind < OTHER_KEYS; kind++) /* before the tests become processes of their own */
		for (int ours = 0; ours < 2; ours++)
			other_pem((enum other_key)kind, ours);
	return suite_run_rounds(s->name, tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, NULL, ROUNDS);
}
