/* Flights as datagrams: how long they are, where one ends and the next begins, and that copies of them are taken in any order
 * and any number. This is what carrying the handshake inside of other packets (STUN) rests on. */
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- lengths ------------------------------------------------------------------------------------------------------- */

START_TEST(test_handshake_datagrams_have_a_limit_of_their_own_and_data_has_not) {
	uint8_t record[DATAGRAM_MAX];
	for (size_t limit = 256; limit <= 1200; limit += 118) {
		pair_init(&p, NULL);
		for (int i = 0; i < 2; i++) {
			p.config[i].mtu = 1400;
			p.config[i].handshake_mtu = limit;
		}
		pair_open(&p);
		pair_start(&p);
		p.handshake_max = limit; /* pair_flush asserts it */
		ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 0);
		size_t len = pair_seal(&p, CLIENT, record, sizeof record, 1, 1400 - 37);
		ck_assert_uint_eq(len, 1400);
		ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 1);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_handshake_limit_outside_of_the_bounds_is_refused) {
	struct dtls *d;
	pair_init(&p, NULL);
	struct dtls_config c = p.config[CLIENT];
	c.handshake_mtu = 255;
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	c.handshake_mtu = c.mtu + 1;
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	pair_free(&p);
}
END_TEST

/* ---- boundaries ---------------------------------------------------------------------------------------------------- */

struct copies {
	uint32_t flight;
	size_t count;
	size_t len[32];
	uint8_t bytes[32][DATAGRAM_MAX];
};

/* Keeps copies of the datagrams of the newest flight, as SPED does; returns whether there was one. */
static bool take_flight(int end, struct copies *c) {
	uint8_t space[8192];
	bool any = false;
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		int n = dtls_output(p.end[end], &b, p.now);
		ck_assert_int_ge(n, 0);
		if (n == 0)
			return any;
		if (dtls_flight(p.end[end]) != c->flight) {
			c->flight = dtls_flight(p.end[end]);
			c->count = 0;
		}
		for (size_t i = 0; i < b.count; i++) {
			c->len[c->count] = sluice_batch_slot_len(&b, i);
			memcpy(c->bytes[c->count++], sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
		}
		any = true;
	}
}

static void small_pair(size_t mtu) {
	pair_init(&p, NULL);
	p.config[CLIENT].handshake_mtu = p.config[SERVER].handshake_mtu = mtu;
	pair_open(&p);
	pair_start(&p);
}

/* The types of all handshake messages of a flight, each once; 20 for a ChangeCipherSpec (and what is encrypted behind it). */
static unsigned messages(const struct copies *c) {
	unsigned seen = 0;
	for (size_t i = 0; i < c->count; i++)
		for (size_t at = 0; at < c->len[i]; at += record_parse(c->bytes[i] + at, c->len[i] - at)) {
			const uint8_t *record = c->bytes[i] + at;
			if (record_type(record) == RECORD_CHANGE_CIPHER_SPEC)
				seen |= 1u << 20;
			else if (record_epoch(record) == 0)
				seen |= 1u << record[RECORD_HEADER];
		}
	return seen;
}

#define CLIENT_HELLO (1u << 1)
#define SERVER_FLIGHT (1u << 2 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14)
#define CLIENT_FLIGHT (1u << 11 | 1u << 16 | 1u << 15 | 1u << 20)
#define LAST_FLIGHT (1u << 20)

START_TEST(test_each_flight_comes_wholly_under_a_number_of_its_own) {
	static struct copies c[2];
	static const struct {
		int end;
		unsigned messages;
	} flights[] = {{CLIENT, CLIENT_HELLO}, {SERVER, SERVER_FLIGHT}, {CLIENT, CLIENT_FLIGHT}, {SERVER, LAST_FLIGHT}};
	for (size_t mtu = 256; mtu <= 1040; mtu += 392) {
		memset(c, 0, sizeof c);
		small_pair(mtu);
		ck_assert_uint_eq(dtls_flight(p.end[CLIENT]), 0);
		for (size_t f = 0; f < 4; f++) {
			int end = flights[f].end;
			ck_assert(take_flight(end, &c[end]));
			ck_assert_uint_eq(dtls_flight(p.end[end]), f / 2 + 1);
			ck_assert_uint_eq(messages(&c[end]), flights[f].messages);
			ck_assert_uint_eq(dtls_flight(p.end[1 - end]), (f + 1) / 2);
			for (size_t i = 0; i < c[end].count; i++)
				pair_input(&p, 1 - end, c[end].bytes[i], c[end].len[i]);
		}
		ck_assert(pair_connected(&p));
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_repetition_is_another_flight_with_the_same_messages) {
	static struct copies c;
	memset(&c, 0, sizeof c);
	small_pair(400);
	ck_assert(take_flight(CLIENT, &c));
	for (uint32_t i = 2; i < 5; i++) {
		p.now = dtls_deadline(p.end[CLIENT]);
		dtls_advance(p.end[CLIENT], p.now);
		ck_assert(take_flight(CLIENT, &c));
		ck_assert_uint_eq(c.flight, i);
		ck_assert_uint_eq(messages(&c), CLIENT_HELLO);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_flights_that_wait_together_are_still_put_out_apart) {
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	while (dtls_state(p.end[SERVER]) != DTLS_CONNECTED)
		ck_assert(pair_step(&p, SLUICE_S));
	uint32_t before = dtls_flight(p.end[SERVER]);
	dtls_close(p.end[SERVER]); /* its last flight waits still */
	for (uint32_t flight = before + 1; flight <= before + 2; flight++) {
		uint8_t space[8192];
		sluice_batch b = {.data = space, .capacity = sizeof space};
		ck_assert_int_eq(dtls_output(p.end[SERVER], &b, p.now), 1);
		ck_assert_uint_eq(dtls_flight(p.end[SERVER]), flight);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_an_alert_is_a_flight_of_its_own) {
	static struct copies c;
	memset(&c, 0, sizeof c);
	pair_make(&p);
	uint32_t before = dtls_flight(p.end[CLIENT]);
	dtls_close(p.end[CLIENT]);
	ck_assert(take_flight(CLIENT, &c));
	ck_assert_uint_eq(c.flight, before + 1);
	ck_assert_uint_eq(c.bytes[0][0], RECORD_ALERT);
	pair_free(&p);
}
END_TEST

/* ---- any order, any number ------------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;
static uint32_t random32(void) {
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}

/* Gives every copy to the other end, in an order by chance, and some of them twice. */
static void give_shuffled(int to, const struct copies *c) {
	size_t order[64], n = 0;
	for (size_t i = 0; i < c->count; i++) {
		order[n++] = i;
		if (random32() & 1)
			order[n++] = i;
	}
	for (size_t i = n; i > 1; i--) {
		size_t k = random32() % i, keep = order[i - 1];
		order[i - 1] = order[k];
		order[k] = keep;
	}
	for (size_t i = 0; i < n; i++)
		pair_input(&p, to, c->bytes[order[i]], c->len[order[i]]);
}

START_TEST(test_copies_of_flights_in_any_order_and_number_bring_both_ends_up) {
	static struct copies c[2];
	for (unsigned round = 0; round < 200; round++) {
		random_state = round;
		memset(c, 0, sizeof c);
		small_pair(256 + 8 * (round % 98));
		/* The order costs nothing: each flight is given once, some of its datagrams twice. */
		unsigned turn = 0;
		while (!pair_connected(&p)) {
			ck_assert_uint_le(++turn, 4);
			int end = turn & 1 ? CLIENT : SERVER;
			take_flight(end, &c[end]);
			give_shuffled(1 - end, &c[end]);
			ck_assert_int_ne(dtls_state(p.end[0]), DTLS_FAILED);
			ck_assert_int_ne(dtls_state(p.end[1]), DTLS_FAILED);
		}
		pair_talk(&p);
		/* Late copies of all that change nothing. */
		give_shuffled(SERVER, &c[CLIENT]);
		give_shuffled(CLIENT, &c[SERVER]);
		ck_assert(pair_connected(&p));
		pair_talk(&p);
		pair_free(&p);
	}
}
END_TEST

SUITE("dtls flights", test_handshake_datagrams_have_a_limit_of_their_own_and_data_has_not,
      test_a_handshake_limit_outside_of_the_bounds_is_refused, test_each_flight_comes_wholly_under_a_number_of_its_own,
      test_a_repetition_is_another_flight_with_the_same_messages, test_flights_that_wait_together_are_still_put_out_apart,
      test_an_alert_is_a_flight_of_its_own, test_copies_of_flights_in_any_order_and_number_bring_both_ends_up)
