/* The records of a DTLS connection: sealing and opening in place, whatever else arrives, and what it costs in memory. */
#include "counted.h"
#include "dtls/connection.h"
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- batches ------------------------------------------------------------------------------------------------------- */

#define BATCH 40

/* A batch of `count` slots whose plaintext is numbered, the last one shorter by `less`. */
static sluice_batch make_batch(uint8_t *space, size_t size, int end, size_t count, size_t plaintext, size_t less) {
	size_t head = dtls_headroom(p.end[end]), tail = dtls_tailroom(p.end[end]);
	sluice_batch b = {.data = space, .capacity = size, .headroom = head, .tailroom = tail, .count = count};
	b.stride = head + plaintext + tail;
	b.last = b.stride - less;
	ck_assert_uint_le(sluice_batch_len(&b), size);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sluice_batch_slot_len(&b, i) - head - tail; k++)
			sluice_batch_slot(&b, i)[head + k] = (uint8_t)(i + k);
	return b;
}

static void open_batch(int end, const sluice_batch *b, sluice_slab *slab) {
	sluice_datagram in[BATCH], out[BATCH];
	for (size_t i = 0; i < b->count; i++)
		in[i] = (sluice_datagram){.data = sluice_batch_slot(b, i), .len = sluice_batch_slot_len(b, i), .slab = slab};
	size_t n = dtls_open(p.end[end], in, b->count, out, BATCH, p.now);
	ck_assert_uint_eq(n, b->count);
	for (size_t i = 0; i < n; i++) {
		ck_assert(out[i].data >= in[i].data);
		ck_assert(out[i].data + out[i].len <= in[i].data + in[i].len);
		ck_assert_ptr_eq(out[i].slab, slab);
		bool same = true; /* asserting each byte would take seconds: Check reports every assertion to its parent */
		for (size_t k = 0; k < out[i].len; k++)
			same = same && out[i].data[k] == (uint8_t)(i + k);
		ck_assert(same);
	}
}

START_TEST(test_a_batch_is_sealed_and_opened_in_place_for_every_length) {
	static uint8_t space[BATCH * DATAGRAM_MAX];
	pair_make(&p);
	sluice_slab *slab = sluice_slab_get(p.env);
	for (size_t plaintext = 1; plaintext <= 1163; plaintext += plaintext < 40 ? 1 : 41) {
		int end = (int)(plaintext & 1);
		sluice_batch b = make_batch(space, sizeof space, end, BATCH, plaintext, plaintext / 2);
		size_t stride = b.stride, last = b.last;
		ck_assert_int_eq(dtls_seal(p.end[end], &b), 0);
		ck_assert_uint_eq(b.headroom, 0);
		ck_assert_uint_eq(b.tailroom, 0);
		ck_assert_uint_eq(b.count, BATCH);
		ck_assert_uint_eq(b.stride, stride);
		ck_assert_uint_eq(b.last, last);
		for (size_t i = 0; i < b.count; i++) { /* each slot is one record, as long as the slot */
			const uint8_t *r = sluice_batch_slot(&b, i);
			ck_assert_uint_eq(r[0], 23);
			ck_assert_uint_eq((size_t)(r[11] << 8 | r[12]) + 13, sluice_batch_slot_len(&b, i));
		}
		open_batch(1 - end, &b, slab);
	}
	sluice_slab_unref(slab);
	ck_assert_uint_eq(pair_stats(&p, 0).records_sealed, pair_stats(&p, 1).records_opened);
	ck_assert_uint_eq(pair_stats(&p, 0).records_discarded + pair_stats(&p, 1).records_discarded, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_batch_with_other_rooms_or_too_much_in_it_is_refused_untouched) {
	static uint8_t space[DATAGRAM_MAX * 4];
	pair_make(&p);
	sluice_batch b = make_batch(space, sizeof space, CLIENT, 2, 100, 0);
	b.headroom--;
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_INVALID);
	b.headroom++;
	b.tailroom++;
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_INVALID);
	b.tailroom--;
	b.last = b.headroom + b.tailroom; /* an empty plaintext */
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_INVALID);
	b.last = b.stride + 1;
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_INVALID);
	b = make_batch(space, sizeof space, CLIENT, 1, 3000, 0); /* the mtu is 1200 */
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_INVALID);
	b.count = 0;
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), 0);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).records_sealed, 0);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_long_records_pass_when_the_mtu_is_long) {
	static uint8_t space[20000];
	static const size_t mtus[] = {256, 1500, 4096, 9000, 65535};
	for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
		pair_init(&p, NULL);
		p.config[CLIENT].mtu = p.config[SERVER].mtu = mtus[i];
		pair_open(&p);
		pair_start(&p);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		size_t most = mtus[i] < 16384 + 37 ? mtus[i] - 37 : 16384;
		sluice_batch b = make_batch(space, sizeof space, CLIENT, 1, most, 0);
		ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), 0);
		open_batch(SERVER, &b, NULL);
		pair_free(&p);
	}
}
END_TEST

/* ---- several records in a datagram --------------------------------------------------------------------------------- */

START_TEST(test_each_record_of_a_datagram_is_an_entry) {
	uint8_t datagram[DATAGRAM_MAX];
	pair_make(&p);
	size_t len = 0;
	for (uint8_t i = 0; i < 5; i++)
		len += pair_seal(&p, CLIENT, datagram + len, sizeof datagram - len, i, 10 + i);
	ck_assert_uint_eq(pair_input(&p, SERVER, datagram, len), 5);
	ck_assert_uint_eq(p.data_len[SERVER], 10 + 11 + 12 + 13 + 14);
	ck_assert_uint_eq(p.data[SERVER][0], 0);
	ck_assert_uint_eq(p.data[SERVER][10], 1);
	ck_assert_uint_eq(p.data[SERVER][59], 4);
	pair_free(&p);
}
END_TEST

START_TEST(test_records_beyond_the_room_for_them_are_dropped_and_counted) {
	uint8_t datagram[DATAGRAM_MAX];
	pair_make(&p);
	size_t len = 0;
	for (uint8_t i = 0; i < 5; i++)
		len += pair_seal(&p, CLIENT, datagram + len, sizeof datagram - len, i, 10);
	sluice_datagram in = {.data = datagram, .len = len}, out[3];
	ck_assert_uint_eq(dtls_open(p.end[SERVER], &in, 1, out, 3, 0), 3);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 2);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_data_and_close_notify_in_one_datagram_both_count) {
	uint8_t datagram[DATAGRAM_MAX];
	pair_make(&p);
	size_t len = pair_seal(&p, CLIENT, datagram, sizeof datagram, 9, 10);
	dtls_close(p.end[CLIENT]);
	sluice_batch b = {.data = datagram + len, .capacity = sizeof datagram - len};
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, 0), 1);
	ck_assert_uint_eq(pair_input(&p, SERVER, datagram, len + b.last), 1);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CLOSED);
	pair_free(&p);
}
END_TEST

/* ---- what a stranger sends ----------------------------------------------------------------------------------------- */

START_TEST(test_a_record_with_any_bit_wrong_is_dropped_and_the_right_one_still_opens) {
	uint8_t record[256];
	pair_make(&p);
	for (size_t bit = 0; bit < 8 * (13 + 8 + 20 + 16); bit++) {
		size_t len = pair_seal(&p, CLIENT, record, sizeof record, 3, 20);
		uint64_t discarded = pair_stats(&p, SERVER).records_discarded;
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 0);
		/* A type that is not data is OpenSSL's to drop, unseen by us. */
		if (bit >= 8)
			ck_assert_uint_gt(pair_stats(&p, SERVER).records_discarded, discarded);
		ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CONNECTED);
		record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 1);
	}
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_record_cut_anywhere_is_dropped) {
	uint8_t record[256];
	pair_make(&p);
	size_t len = pair_seal(&p, CLIENT, record, sizeof record, 3, 20);
	for (size_t cut = 0; cut < len; cut++)
		ck_assert_uint_eq(pair_input(&p, SERVER, record, cut), 0);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, len - 1); /* an empty datagram is no record */
	ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_replayed_record_is_dropped_and_a_late_one_is_not) {
	static uint8_t record[REPLAY_SIZE + 2][64];
	size_t len = 0;
	pair_make(&p);
	for (size_t i = 0; i < REPLAY_SIZE + 2; i++)
		len = pair_seal(&p, CLIENT, record[i], sizeof record[i], 1, 20);
	ck_assert_uint_eq(pair_input(&p, SERVER, record[REPLAY_SIZE + 1], len), 1);
	ck_assert_uint_eq(pair_input(&p, SERVER, record[REPLAY_SIZE + 1], len), 0);
	ck_assert_uint_eq(pair_input(&p, SERVER, record[2], len), 1); /* the last one within the window */
	ck_assert_uint_eq(pair_input(&p, SERVER, record[2], len), 0);
	ck_assert_uint_eq(pair_input(&p, SERVER, record[0], len), 0); /* RFC 6347, 4.1.2.6: behind the window */
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 3);
	pair_free(&p);
}
END_TEST

static uint32_t random_state = 1;

static uint32_t random32(void) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* Garbage of every degree of likeness to a record: from pure noise to well-formed headers over noise. */
static size_t garbage(uint8_t *out, size_t max) {
	size_t len = random32() % max;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)random32();
	unsigned likeness = random32() % 4;
	if (likeness == 0 || len < 13)
		return len;
	out[0] = (uint8_t)(20 + random32() % 4);
	out[1] = 0xfe;
	out[2] = 0xfd;
	if (likeness >= 2) {
		memset(out + 3, 0, 8);
		out[4] = random32() & 1;
		out[10] = (uint8_t)random32();
		out[11] = (uint8_t)((len - 13) >> 8);
		out[12] = (uint8_t)(len - 13);
	}
	return len;
}

/* Before there are keys, one thing of a stranger looks like the peer's: a well-formed alert in the clear. */
static bool is_plain_alert(const uint8_t *data, size_t len) {
	return len >= 15 && data[0] == 21 && data[4] == 0 && data[12] == 2;
}

START_TEST(test_garbage_never_ends_a_connection_before_or_after_it_is_up) {
	uint8_t noise[600];
	for (int round = 0; round < 20; round++) {
		pair_init(&p, NULL);
		p.delay = SLUICE_MS;
		pair_open(&p);
		pair_start(&p);
		while (!pair_connected(&p)) {
			for (int i = 0; i < 200; i++) {
				size_t len = garbage(noise, sizeof noise);
				if (!is_plain_alert(noise, len))
					pair_input(&p, i & 1, noise, len);
			}
			ck_assert(pair_step(&p, SLUICE_S));
			ck_assert_int_ne(dtls_state(p.end[CLIENT]), DTLS_FAILED);
			ck_assert_int_ne(dtls_state(p.end[SERVER]), DTLS_FAILED);
		}
		for (int i = 0; i < 2000; i++)
			ck_assert_uint_eq(pair_input(&p, i & 1, noise, garbage(noise, sizeof noise)), 0);
		ck_assert(pair_connected(&p));
		ck_assert_uint_gt(pair_stats(&p, CLIENT).records_discarded, 500);
		pair_run(&p, SLUICE_S);
		pair_talk(&p);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_plain_alert_ends_a_handshake_but_not_a_connection) {
	static const uint8_t fatal[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40};
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	pair_input(&p, CLIENT, fatal, sizeof fatal);
	const char *text;
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_FAILED);
	ck_assert_int_eq(dtls_error(p.end[CLIENT], &text), SLUICE_ABORTED);
	ck_assert_str_eq(text, "handshake failure");
	pair_free(&p);

	pair_make(&p);
	for (int end = 0; end < 2; end++)
		pair_input(&p, end, fatal, sizeof fatal);
	ck_assert(pair_connected(&p));
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_client_that_hears_its_own_hello_ignores_it) {
	uint8_t space[DATAGRAM_MAX];
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, 0), 1);
	pair_input(&p, CLIENT, space, b.last);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).records_discarded, 1);
	pair_input(&p, SERVER, space, b.last);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	pair_free(&p);
}
END_TEST

START_TEST(test_what_comes_before_the_start_or_after_the_end_is_dropped) {
	uint8_t record[256];
	pair_init(&p, NULL);
	pair_open(&p);
	ck_assert_int_eq(dtls_start(p.end[CLIENT], 0), 0);
	pair_run(&p, SLUICE_MS); /* the hello comes while the server is not started */
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 1);
	ck_assert_int_eq(dtls_start(p.end[SERVER], p.now), 0);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	size_t len = pair_seal(&p, CLIENT, record, sizeof record, 3, 20);
	dtls_close(p.end[SERVER]);
	ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 0);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 2);
	pair_free(&p);
}
END_TEST

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void pair_make_counted(void) {
	pair_init(&p, &counted_config);
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	pair_run(&p, SLUICE_S);
}

START_TEST(test_sealing_and_opening_allocate_nothing) {
	static uint8_t space[BATCH * DATAGRAM_MAX];
	static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"};
	for (size_t s = 0; s < 2; s++) {
		pair_init(&p, &counted_config);
		p.config[CLIENT].ciphers = suites[s];
		pair_open(&p);
		pair_start(&p);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		size_t before = 0;
		for (int round = 0; round < 20; round++)
			for (int end = 0; end < 2; end++) {
				sluice_batch b = make_batch(space, sizeof space, end, BATCH, 1163, 0);
				ck_assert_int_eq(dtls_seal(p.end[end], &b), 0);
				open_batch(1 - end, &b, NULL);
				if (round == 0 && end == 1)
					before = allocations;
			}
		ck_assert_uint_eq(allocations, before);
		pair_free(&p);
	}
}
END_TEST

/* OpenSSL notes an error for each, with copies of two names; what matters is that they do not pile up. */
START_TEST(test_forged_records_leave_nothing_behind) {
	uint8_t record[256];
	pair_make_counted();
	size_t len = pair_seal(&p, CLIENT, record, sizeof record, 3, 20);
	record[30] ^= 1;
	size_t before = 0;
	for (int i = 0; i < 100; i++) {
		sluice_datagram in = {.data = record, .len = len}, out;
		ck_assert_uint_eq(dtls_open(p.end[SERVER], &in, 1, &out, 1, 0), 0);
		if (i == 0)
			before = live_bytes;
	}
	ck_assert_uint_eq(live_bytes, before);
	pair_free(&p);
}
END_TEST

static void free_ends(void) {
	for (int i = 0; i < 2; i++) {
		dtls_free(p.end[i]);
		p.end[i] = NULL;
	}
	block_pool_drain(&p.env->blocks); /* blocks of the handshake that wait for the next one */
}

START_TEST(test_an_idle_connection_is_small_and_gives_everything_back) {
	pair_make_counted();
	free_ends();
	size_t without = live_bytes; /* what OpenSSL and the environment keep for good, they have now */
	p.now = p.flying = 0;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	pair_run(&p, SLUICE_S);
	pair_talk(&p); /* which confirms the last flight */
	block_pool_drain(&p.env->blocks);
	size_t each = (live_bytes - without) / 2;
	ck_assert_msg(each <= 4096, "%zu bytes a connection", each);
	free_ends();
	ck_assert_uint_le(live_bytes, without + 1024);
	pair_free(&p);
}
END_TEST

static int open_both(void) {
	memset(&p.numbers, 0, sizeof p.numbers);
	for (int i = 0; i < 2; i++) {
		int r = dtls_new(p.env, &p.config[i], &p.end[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static void shake_hands_short_of_memory(void) {
	p.now = 0;
	p.flying = p.data_len[0] = p.data_len[1] = 0;
	(void)dtls_start(p.end[SERVER], 0);
	(void)dtls_start(p.end[CLIENT], 0);
	uint64_t took = pair_connect(&p, 30 * SLUICE_S);
	fail_at = SIZE_MAX;
	if (took == SLUICE_NEVER)
		ck_assert(dtls_state(p.end[0]) == DTLS_FAILED || dtls_state(p.end[1]) == DTLS_FAILED);
	else
		pair_talk(&p);
}

/* The n-th allocation fails. Then a call says so, a side fails, or the handshake succeeds by repeating a flight; it neither
 * crashes nor leaks memory of the environment. Returns false when there are fewer allocations. */
static bool survives_failure_at(size_t n) {
	allocations = 0;
	fail_at = n;
	int r = open_both();
	if (r == 0)
		shake_hands_short_of_memory();
	else
		ck_assert_int_eq(r, SLUICE_NO_MEMORY);
	bool reached = allocations > n;
	fail_at = SIZE_MAX;
	for (int i = 0; i < 2; i++) {
		dtls_free(p.end[i]);
		p.end[i] = NULL;
	}
	ck_assert_uint_eq(p.env->blocks.live, 0);
	return reached;
}

/* There are about four thousand; one in seven takes a second. FAIL_EVERY=1 takes them all. */
START_TEST(test_an_allocation_that_fails_anywhere_in_a_handshake_is_survived) {
	pair_init(&p, &counted_config);
	const char *every = getenv("FAIL_EVERY");
	size_t step = every ? strtoul(every, NULL, 10) : 7;
	for (int full = 1; full >= 0; full--) { /* then the abbreviated ones, from the second on */
		size_t n = 0;
		p.config[0].resume = p.config[1].resume = !full;
		while (survives_failure_at(n))
			n += step;
		ck_assert_uint_gt(n, full ? 1000 : 300);
	}
	pair_free(&p);
}
END_TEST

SUITE("dtls records", test_a_batch_is_sealed_and_opened_in_place_for_every_length,
      test_a_batch_with_other_rooms_or_too_much_in_it_is_refused_untouched, test_long_records_pass_when_the_mtu_is_long,
      test_each_record_of_a_datagram_is_an_entry, test_records_beyond_the_room_for_them_are_dropped_and_counted,
      test_data_and_close_notify_in_one_datagram_both_count,
      test_a_record_with_any_bit_wrong_is_dropped_and_the_right_one_still_opens, test_a_record_cut_anywhere_is_dropped,
      test_a_replayed_record_is_dropped_and_a_late_one_is_not, test_garbage_never_ends_a_connection_before_or_after_it_is_up,
      test_a_plain_alert_ends_a_handshake_but_not_a_connection, test_a_client_that_hears_its_own_hello_ignores_it,
      test_what_comes_before_the_start_or_after_the_end_is_dropped, test_sealing_and_opening_allocate_nothing,
      test_forged_records_leave_nothing_behind, test_an_idle_connection_is_small_and_gives_everything_back,
      test_an_allocation_that_fails_anywhere_in_a_handshake_is_survived)
