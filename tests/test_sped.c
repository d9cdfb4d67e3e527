/* Does DTLS in STUN keep its two lists, take its five states, and end with libwebrtc as with itself? */
#include "ice/sped.h"

#include "base/bytes.h"
#include "base/crc32.h"
#include "sim/memory.h"
#include "suite.h"

/* Ends that talk by whole STUN messages, signed and parsed. */
struct side {
	struct sped sped;
	uint32_t requests; /* makes transaction ids */
	uint8_t id[STUN_ID_SIZE];
	uint8_t space[2048];
	size_t len;
	struct stun_message m;
};

static sluice_env *env;
static struct side a, b;

static void begin(void) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	memset(&a, 0, sizeof a);
	memset(&b, 0, sizeof b);
	sped_init(&a.sped, env);
	sped_init(&b.sped, env);
	sped_start(&a.sped);
	sped_start(&b.sped);
}

static void end(void) {
	ck_assert(sped_check(&a.sped) && sped_check(&b.sped));
	sped_free(&a.sped);
	sped_free(&b.sped);
	sluice_env_free(env);
}

static void compose(struct side *s, enum stun_class class, const uint8_t *id) {
	struct stun_writer w;
	stun_begin(&w, s->space, sizeof s->space, class, STUN_BINDING, id);
	sped_compose(&s->sped, &w, class, id);
	s->len = stun_end(&w, "key", 3, true);
	ck_assert_uint_gt(s->len, 0);
	ck_assert_int_eq(stun_parse(s->space, s->len, &s->m), 0);
	ck_assert(sped_check(&s->sped));
}

static void request(struct side *s) {
	put_be32(s->id, ++s->requests);
	compose(s, STUN_REQUEST, s->id);
}

static void respond(struct side *s, const struct side *to) {
	compose(s, STUN_SUCCESS, to->id);
}

static struct stun_slice deliver(const struct side *from, struct side *to) {
	struct stun_slice dtls = sped_input(&to->sped, &from->m);
	ck_assert(sped_check(&to->sped));
	return dtls;
}

/* A datagram of a handshake record of `len` bytes that begin with `name`. */
static uint8_t records[32][1600];
static sluice_datagram record(uint8_t name, size_t len) {
	uint8_t *data = records[name % 32];
	memset(data, name, len);
	data[0] = 22;
	return (sluice_datagram){.data = data, .len = len};
}

static void flight(struct side *s, size_t count, uint8_t first) {
	sluice_datagram d[32];
	for (size_t i = 0; i < count; i++)
		d[i] = record((uint8_t)(first + i), 100 + i);
	ck_assert_int_eq(sped_flight(&s->sped, d, count), 0);
	ck_assert(sped_check(&s->sped));
}

static uint32_t hash_of(uint8_t name, size_t len) {
	sluice_datagram d = record(name, len);
	return crc32_ieee(d.data, d.len);
}

static void ck_assert_carries(struct stun_slice s, uint8_t name, size_t len) {
	sluice_datagram d = record(name, len);
	ck_assert_uint_eq(s.len, len);
	ck_assert_mem_eq(s.data, d.data, len);
}

static void ck_assert_acks(const struct side *s, size_t count, const uint32_t *hashes) {
	ck_assert_ptr_nonnull(s->m.dtls_ack.data);
	ck_assert_uint_eq(s->m.dtls_ack.len, 4 * count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(get_be32(s->m.dtls_ack.data + 4 * i), hashes[i]);
}

/* A message of another stack: hashes and value as given, absent when NULL. */
static struct stun_slice hear(struct side *to, enum stun_class class, const uint8_t *id, const void *acks, size_t acks_len,
                              const void *dtls, size_t dtls_len) {
	static uint8_t space[2048];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, class, STUN_BINDING, id);
	if (acks)
		stun_put(&w, STUN_ATTR_DTLS_IN_STUN_ACK, acks, acks_len);
	if (dtls)
		stun_put(&w, STUN_ATTR_DTLS_IN_STUN, dtls, dtls_len);
	ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, true), &m), 0);
	struct stun_slice got = sped_input(&to->sped, &m);
	ck_assert(sped_check(&to->sped));
	return got;
}
static const uint8_t some_id[STUN_ID_SIZE] = {0xee};

static struct stun_slice hear_ack(struct side *to, uint32_t hash) {
	uint8_t value[4];
	put_be32(value, hash);
	return hear(to, STUN_REQUEST, some_id, value, 4, NULL, 0);
}

/* ---- whole handshakes ---- */

/* Flights 1 to 4 of DTLS 1.2, the client's in requests and the server's in the answers. */
static void handshake(void) {
	flight(&a, 1, 1);
	request(&a);
	ck_assert_carries(deliver(&a, &b), 1, 100);
	ck_assert_int_eq(b.sped.state, SPED_CONFIRMED);
	flight(&b, 1, 2);
	respond(&b, &a);
	ck_assert_carries(deliver(&b, &a), 2, 100);
	ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	ck_assert_uint_eq(a.sped.count, 0);
	flight(&a, 1, 3);
	request(&a);
	ck_assert_carries(deliver(&a, &b), 3, 100);
	flight(&b, 1, 4);
	sped_handshake_done(&b.sped, false);
	respond(&b, &a);
	ck_assert_carries(deliver(&b, &a), 4, 100);
	sped_handshake_done(&a.sped, true);
	ck_assert_int_eq(a.sped.state, SPED_PENDING);
	ck_assert_int_eq(b.sped.state, SPED_PENDING);
}

static void ck_assert_silent(struct side *s) {
	request(s);
	ck_assert(!s->m.dtls.data && !s->m.dtls_ack.data);
}

START_TEST(test_a_handshake_takes_two_round_trips_and_a_third_ends_it_on_both_sides) {
	begin();
	handshake();
	request(&a); /* acknowledges flight 4, and shows by the missing value that the client is through */
	ck_assert_acks(&a, 2, (uint32_t[]){hash_of(2, 100), hash_of(4, 100)});
	ck_assert_ptr_null(a.m.dtls.data);
	deliver(&a, &b);
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	respond(&b, &a);
	ck_assert(!b.m.dtls.data && !b.m.dtls_ack.data);
	deliver(&b, &a);
	ck_assert_int_eq(a.sped.state, SPED_COMPLETE);
	ck_assert_silent(&a);
	ck_assert_silent(&b);
	end();
}
END_TEST

START_TEST(test_the_server_may_ask_first_and_the_acknowledgement_rides_in_the_answer) {
	begin();
	handshake();
	request(&b);
	ck_assert_carries(deliver(&b, &a), 4, 100);
	ck_assert_int_eq(a.sped.state, SPED_PENDING); /* the acknowledgement of flight 4 is due first */
	respond(&a, &b);
	deliver(&a, &b);
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	ck_assert_silent(&b);
	deliver(&b, &a);
	ck_assert_int_eq(a.sped.state, SPED_COMPLETE);
	end();
}
END_TEST

START_TEST(test_the_last_acknowledgement_may_get_lost) {
	begin();
	handshake();
	request(&a); /* lost */
	request(&b);
	ck_assert_carries(deliver(&b, &a), 4, 100);
	respond(&a, &b); /* lost, too */
	request(&b);
	deliver(&b, &a);
	respond(&a, &b);
	deliver(&a, &b);
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	request(&b);
	deliver(&b, &a);
	ck_assert_int_eq(a.sped.state, SPED_COMPLETE);
	end();
}
END_TEST

START_TEST(test_a_server_that_asks_before_the_client_hello_came_is_confirmed_by_the_answer) {
	begin();
	request(&b); /* acknowledgements alone, and an empty value */
	ck_assert_acks(&b, 0, NULL);
	ck_assert(b.m.dtls.data && b.m.dtls.len == 0);
	ck_assert_ptr_null(deliver(&b, &a).data);
	ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	flight(&a, 1, 1);
	respond(&a, &b);
	ck_assert_carries(deliver(&a, &b), 1, 100);
	ck_assert_int_eq(b.sped.state, SPED_CONFIRMED);
	end();
}
END_TEST

/* ---- support ---- */

START_TEST(test_a_first_message_with_neither_attribute_switches_it_off) {
	begin();
	flight(&a, 3, 1);
	hear(&a, STUN_REQUEST, some_id, NULL, 0, NULL, 0);
	ck_assert_int_eq(a.sped.state, SPED_OFF);
	ck_assert(!sped_active(&a.sped));
	ck_assert_silent(&a);
	flight(&a, 1, 1); /* goes outside STUN from now on */
	ck_assert_silent(&a);
	ck_assert_ptr_null(hear(&a, STUN_REQUEST, some_id, "", 0, "\x16zzz", 4).data);
	sped_handshake_done(&a.sped, true);
	ck_assert_int_eq(a.sped.state, SPED_OFF);
	end();
}
END_TEST

START_TEST(test_one_attribute_of_either_kind_shows_support) {
	begin();
	hear(&a, STUN_REQUEST, some_id, "", 0, NULL, 0);
	ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	hear(&b, STUN_SUCCESS, some_id, NULL, 0, "", 0);
	ck_assert_int_eq(b.sped.state, SPED_CONFIRMED);
	end();
}
END_TEST

START_TEST(test_a_message_with_neither_attribute_that_was_overtaken_does_not_end_it) {
	begin();
	hear(&a, STUN_REQUEST, some_id, "", 0, NULL, 0);
	flight(&a, 1, 1);
	hear(&a, STUN_REQUEST, some_id, NULL, 0, NULL, 0);
	ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	request(&a);
	ck_assert_carries(a.m.dtls, 1, 100);
	end();
}
END_TEST

START_TEST(test_before_it_is_started_it_neither_sends_nor_takes_anything) {
	begin();
	sped_stop(&a.sped);
	ck_assert_int_eq(a.sped.state, SPED_OFF);
	flight(&a, 1, 1);
	ck_assert_silent(&a);
	ck_assert_ptr_null(hear(&a, STUN_REQUEST, some_id, "", 0, "\x16zzz", 4).data);
	sped_start(&a.sped);
	request(&a);
	ck_assert_acks(&a, 0, NULL);
	end();
}
END_TEST

/* ---- the end, as different stacks show it ---- */

START_TEST(test_silence_of_the_other_side_ends_it_once_our_handshake_is_over) {
	begin();
	handshake();
	hear(&b, STUN_REQUEST, some_id, NULL, 0, NULL, 0);
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	end();
}
END_TEST

START_TEST(test_acknowledgements_of_other_datagrams_do_not_end_it) {
	begin();
	handshake();
	hear_ack(&b, hash_of(2, 100));
	ck_assert_int_eq(b.sped.state, SPED_PENDING);
	request(&b);
	ck_assert_carries(b.m.dtls, 4, 100);
	hear_ack(&b, hash_of(4, 100));
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	end();
}
END_TEST

START_TEST(test_application_data_of_the_other_side_ends_it) {
	begin();
	handshake();
	sped_stop(&b.sped);
	ck_assert_int_eq(b.sped.state, SPED_COMPLETE);
	ck_assert_silent(&b);
	end();
}
END_TEST

START_TEST(test_when_it_is_over_nothing_is_handed_up_any_more) {
	begin();
	handshake();
	hear(&a, STUN_REQUEST, some_id, NULL, 0, NULL, 0);
	ck_assert_ptr_null(hear(&a, STUN_REQUEST, some_id, "", 0, "\x16zzz", 4).data);
	end();
}
END_TEST

/* ---- what waits ---- */

START_TEST(test_datagrams_go_in_turn_and_the_acknowledged_ones_no_more) {
	begin();
	flight(&a, 3, 1);
	for (uint8_t round = 0; round < 2; round++) {
		for (uint8_t i = 0; i < 3; i++) {
			request(&a);
			ck_assert_carries(a.m.dtls, (uint8_t)(1 + i), 100u + i);
		}
	}
	hear_ack(&a, hash_of(1, 100));
	request(&a);
	ck_assert_carries(a.m.dtls, 2, 101);
	request(&a);
	ck_assert_carries(a.m.dtls, 3, 102);
	hear_ack(&a, hash_of(3, 102));
	for (int i = 0; i < 2; i++) {
		request(&a);
		ck_assert_carries(a.m.dtls, 2, 101);
	}
	hear_ack(&a, hash_of(2, 101));
	request(&a);
	ck_assert(a.m.dtls.data && a.m.dtls.len == 0);
	end();
}
END_TEST

START_TEST(test_the_answer_to_a_request_acknowledges_what_that_request_carried) {
	begin();
	uint8_t second[STUN_ID_SIZE];
	flight(&a, 2, 1);
	request(&a);
	request(&a);
	memcpy(second, a.id, sizeof second);
	hear(&a, STUN_REQUEST, second, "", 0, NULL, 0); /* a request with the same id is no answer */
	ck_assert_uint_eq(a.sped.count, 2);
	hear(&a, STUN_SUCCESS, second, "", 0, NULL, 0);
	ck_assert_uint_eq(a.sped.count, 1);
	request(&a);
	ck_assert_carries(a.m.dtls, 1, 100);
	hear(&a, STUN_SUCCESS, some_id, "", 0, NULL, 0); /* to a request that carried nothing */
	ck_assert_uint_eq(a.sped.count, 1);
	end();
}
END_TEST

START_TEST(test_an_answer_to_a_transaction_of_zeros_acknowledges_nothing_by_chance) {
	begin();
	static const uint8_t zeros[STUN_ID_SIZE];
	flight(&a, 1, 1);
	hear(&a, STUN_SUCCESS, zeros, "", 0, NULL, 0);
	ck_assert_uint_eq(a.sped.count, 1);
	end();
}
END_TEST

START_TEST(test_an_answer_acknowledges_nothing_of_what_another_answer_carried) {
	begin();
	flight(&a, 1, 1);
	respond(&a, &b);
	hear(&a, STUN_SUCCESS, b.id, "", 0, NULL, 0);
	ck_assert_uint_eq(a.sped.count, 1);
	end();
}
END_TEST

START_TEST(test_a_new_flight_replaces_the_last) {
	begin();
	flight(&a, 3, 1);
	request(&a);
	flight(&a, 1, 5);
	for (int i = 0; i < 2; i++) {
		request(&a);
		ck_assert_carries(a.m.dtls, 5, 100);
	}
	end();
}
END_TEST

START_TEST(test_a_flight_beyond_the_bounds_is_cut) {
	begin();
	flight(&a, SPED_PACKETS + 5, 1);
	ck_assert_uint_eq(a.sped.count, SPED_PACKETS);
	sluice_datagram d[] = {record(1, SPED_PACKET_MAX + 1), record(2, SPED_PACKET_MAX), record(3, 0), record(4, 10)};
	d[3].data[0] = 'x'; /* not DTLS */
	ck_assert_int_eq(sped_flight(&a.sped, d, 4), 0);
	ck_assert_uint_eq(a.sped.count, 1);
	end();
}
END_TEST

START_TEST(test_a_datagram_that_does_not_fit_waits_while_others_go) {
	begin();
	sluice_datagram d[] = {record(1, 1400), record(2, 1000)};
	ck_assert_int_eq(sped_flight(&a.sped, d, 2), 0);
	for (size_t capacity = 20; capacity < 1500; capacity++) {
		struct stun_writer w;
		struct stun_message m;
		uint8_t *space = malloc(capacity);
		stun_begin(&w, space, capacity, STUN_REQUEST, STUN_BINDING, some_id);
		sped_compose(&a.sped, &w, STUN_REQUEST, some_id);
		size_t len = stun_end(&w, "key", 3, true);
		if (capacity < STUN_HEADER + 4 + 4 + 32)
			ck_assert_uint_eq(len, 0); /* not even the two empty attributes */
		else
			ck_assert_int_eq(stun_parse(space, len, &m), 0);
		if (capacity >= STUN_HEADER + 4 + 4 + 1000 + 32)
			ck_assert_uint_ge(m.dtls.len, 1000);
		free(space);
	}
	end();
}
END_TEST

START_TEST(test_acknowledgements_of_the_wrong_length_are_ignored_and_still_show_support) {
	begin();
	uint8_t value[20];
	flight(&a, 1, 1);
	for (size_t i = 0; i < sizeof value; i += 4)
		put_be32(value + i, hash_of(1, 100));
	for (size_t len = 1; len <= sizeof value; len++) {
		if (len % 4 == 0 && len <= 16)
			continue;
		hear(&a, STUN_REQUEST, some_id, value, len, NULL, 0);
		ck_assert_uint_eq(a.sped.count, 1);
		ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	}
	hear(&a, STUN_REQUEST, some_id, value, 8, NULL, 0); /* the same hash twice */
	ck_assert_uint_eq(a.sped.count, 0);
	end();
}
END_TEST

START_TEST(test_a_failing_allocator_leaves_what_could_be_copied) {
	struct memory memory = {0};
	sluice_env_config config = {.allocator = memory_allocator(&memory), .cache_limit = 1};
	sluice_env *own;
	struct sped s;
	ck_assert_int_eq(sluice_env_new(&config, &own), 0);
	sluice_datagram d[] = {record(1, 1000), record(2, 1200), record(3, 1400)};
	for (uint64_t nth = 1; nth <= 4; nth++) {
		sped_init(&s, own);
		sped_start(&s);
		memory.fail_at = nth;
		int error = sped_flight(&s, d, 3);
		ck_assert(error == 0 || error == SLUICE_NO_MEMORY);
		ck_assert(sped_check(&s));
		if (error)
			ck_assert_uint_lt(s.count, 3);
		memory.fail_at = 0;
		sped_free(&s);
	}
	sluice_env_free(own);
}
END_TEST

/* ---- what came ---- */

START_TEST(test_the_last_four_hashes_are_told_each_once) {
	begin();
	for (uint8_t i = 1; i <= 5; i++) {
		flight(&b, 1, i);
		for (int twice = 0; twice < 2; twice++) {
			request(&b);
			ck_assert_carries(deliver(&b, &a), i, 100); /* each time it comes: the DTLS layer knows replays */
		}
	}
	request(&a);
	ck_assert_acks(&a, 4, (uint32_t[]){hash_of(2, 100), hash_of(3, 100), hash_of(4, 100), hash_of(5, 100)});
	request(&a); /* and again, until it ends */
	ck_assert_acks(&a, 4, (uint32_t[]){hash_of(2, 100), hash_of(3, 100), hash_of(4, 100), hash_of(5, 100)});
	end();
}
END_TEST

START_TEST(test_what_came_outside_stun_is_acknowledged_but_for_application_data) {
	begin();
	sluice_datagram d = record(7, 60);
	sped_received(&a.sped, d.data, d.len);
	sped_received(&a.sped,
	              "\x17"
	              "data",
	              5);
	sped_received(&a.sped, "x", 1);
	sped_received(&a.sped, NULL, 0);
	request(&a);
	ck_assert_acks(&a, 1, (uint32_t[]){hash_of(7, 60)});
	end();
}
END_TEST

START_TEST(test_what_is_not_dtls_is_neither_handed_up_nor_acknowledged) {
	begin();
	for (unsigned first = 0; first < 256; first++) {
		uint8_t value[] = {(uint8_t)first, 1, 2};
		bool dtls = first >= 20 && first <= 63;
		ck_assert((hear(&a, STUN_REQUEST, some_id, "", 0, value, sizeof value).data != NULL) == dtls);
	}
	ck_assert_int_eq(a.sped.state, SPED_CONFIRMED);
	ck_assert_uint_eq(a.sped.received_count, SPED_ACKS);
	end();
}
END_TEST

START_TEST(test_a_message_without_a_datagram_leaves_the_hashes_in_place) {
	begin();
	flight(&b, 1, 1);
	request(&b);
	deliver(&b, &a);
	hear(&a, STUN_REQUEST, some_id, "", 0, NULL, 0);
	hear(&a, STUN_REQUEST, some_id, "", 0, "", 0);
	request(&a);
	ck_assert_acks(&a, 1, (uint32_t[]){hash_of(1, 100)});
	end();
}
END_TEST

SUITE("sped", test_a_handshake_takes_two_round_trips_and_a_third_ends_it_on_both_sides,
      test_the_server_may_ask_first_and_the_acknowledgement_rides_in_the_answer, test_the_last_acknowledgement_may_get_lost,
      test_a_server_that_asks_before_the_client_hello_came_is_confirmed_by_the_answer,
      test_a_first_message_with_neither_attribute_switches_it_off, test_one_attribute_of_either_kind_shows_support,
      test_a_message_with_neither_attribute_that_was_overtaken_does_not_end_it,
      test_before_it_is_started_it_neither_sends_nor_takes_anything,
      test_silence_of_the_other_side_ends_it_once_our_handshake_is_over, test_acknowledgements_of_other_datagrams_do_not_end_it,
      test_application_data_of_the_other_side_ends_it, test_when_it_is_over_nothing_is_handed_up_any_more,
      test_datagrams_go_in_turn_and_the_acknowledged_ones_no_more,
      test_the_answer_to_a_request_acknowledges_what_that_request_carried,
      test_an_answer_to_a_transaction_of_zeros_acknowledges_nothing_by_chance,
      test_an_answer_acknowledges_nothing_of_what_another_answer_carried, test_a_new_flight_replaces_the_last,
      test_a_flight_beyond_the_bounds_is_cut, test_a_datagram_that_does_not_fit_waits_while_others_go,
      test_acknowledgements_of_the_wrong_length_are_ignored_and_still_show_support,
      test_a_failing_allocator_leaves_what_could_be_copied, test_the_last_four_hashes_are_told_each_once,
      test_what_came_outside_stun_is_acknowledged_but_for_application_data,
      test_what_is_not_dtls_is_neither_handed_up_nor_acknowledged, test_a_message_without_a_datagram_leaves_the_hashes_in_place)
