/* What a stranger can do to a DTLS connection, and what a peer that has the keys can. Virtual time throughout. */
#include "counted.h"
#include "dtls/connection.h"
#include "dtls_pair.h"
#include "peer/connection.h"
#include "sim/caller.h"

static struct pair p; /* a test runs in a process of its own */
static struct memory memory;

#define HANDSHAKE_FAILURE 40 /* an alert */
#define HELLO_REQUEST 0
#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define FINISHED 20

/* ---- records of a stranger, and of a peer that has the keys -------------------------------------------------------------- */

static uint8_t record[RECORD_MAX];

/* A plain record, or one that claims to be sealed and is not: whatever stands in it. Returns its length. */
static size_t write_plain(uint8_t type, unsigned epoch, uint64_t sequence, const void *fragment, size_t len) {
	record_put_header(record, type, RECORD_VERSION, RECORD_NUMBER(epoch, sequence), len);
	if (len > 0)
		memmove(record + RECORD_HEADER, fragment, len);
	return RECORD_HEADER + len;
}

/* A handshake message without a body, as the only thing in a plain record. */
static size_t write_plain_message(uint8_t message) {
	const uint8_t header[HANDSHAKE_HEADER] = {message};
	return write_plain(RECORD_HANDSHAKE, 0, 7, header, sizeof header);
}

/* A record that `from` never sealed, with its keys and its next number. */
static size_t write_sealed(int from, uint8_t type, const void *text, size_t len) {
	struct epoch *e = &p.end[from]->epoch;
	size_t size = suite_rooms(e->suite) + len;
	if (len > 0)
		memcpy(record + suite_headroom(e->suite), text, len);
	ck_assert(epoch_seal(e, type, record, 1, size, size));
	pair_check_datagram(&p, from, record, size);
	return size;
}

static void strike_sealed(int to, uint8_t type, const void *text, size_t len) {
	size_t size = write_sealed(1 - to, type, text, len);
	ck_assert_uint_eq(pair_input(&p, to, record, size), 0);
}

static void strike_alert(int to, uint8_t level, uint8_t description) {
	strike_sealed(to, RECORD_ALERT, (const uint8_t[]){level, description}, 2);
}

static void strike_message(int to, uint8_t message) {
	strike_sealed(to, RECORD_HANDSHAKE, (const uint8_t[HANDSHAKE_HEADER]){message}, HANDSHAKE_HEADER);
}

static void make_with(const char *suite) {
	pair_init(&p, NULL);
	for (int i = 0; i < 2; i++)
		p.config[i].ciphers = suite;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	pair_run(&p, SLUICE_S);
}

/* ---- records changed ------------------------------------------------------------------------------------------------------ */

static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                     "ECDHE-ECDSA-CHACHA20-POLY1305"};
#define SUITES (sizeof suites / sizeof *suites)

static void flip_each_byte(int from) {
	static const uint8_t flips[] = {0x01, 0x80, 0xff};
	uint8_t sealed[128];
	size_t len = pair_seal(&p, from, sealed, sizeof sealed, 7, 40);
	for (size_t at = 0; at < len; at++)
		for (size_t i = 0; i < sizeof flips; i++) {
			uint64_t discarded = pair_stats(&p, 1 - from).records_discarded;
			sealed[at] ^= flips[i];
			ck_assert_uint_eq(pair_input(&p, 1 - from, sealed, len), 0);
			sealed[at] ^= flips[i];
			ck_assert_uint_gt(pair_stats(&p, 1 - from).records_discarded, discarded);
		}
	ck_assert(pair_connected(&p));
	ck_assert_uint_eq(pair_input(&p, 1 - from, sealed, len), 1);
}

START_TEST(test_a_record_with_any_byte_changed_is_dropped_and_counted_with_every_suite) {
	for (size_t s = 0; s < SUITES; s++) {
		make_with(suites[s]);
		for (int from = 0; from < 2; from++)
			flip_each_byte(from);
		pair_talk(&p);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_record_moved_to_another_epoch_is_dropped_whatever_its_type) {
	static const uint16_t epochs[] = {0, 2, 3, 255, 256, 65535};
	uint8_t sealed[64];
	make_with(NULL);
	for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
		for (uint8_t type = RECORD_CHANGE_CIPHER_SPEC; type <= RECORD_APPLICATION; type++) {
			size_t len = pair_seal(&p, CLIENT, sealed, sizeof sealed, 7, 20);
			uint64_t discarded = pair_stats(&p, SERVER).records_discarded;
			put_be16(sealed + 3, epochs[i]);
			sealed[0] = type;
			ck_assert_uint_eq(pair_input(&p, SERVER, sealed, len), 0);
			ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, discarded + 1);
			put_be16(sealed + 3, 1);
			sealed[0] = RECORD_APPLICATION;
			ck_assert_uint_eq(pair_input(&p, SERVER, sealed, len), 1);
		}
	pair_free(&p);
}
END_TEST

/* ---- records again, and out of order -------------------------------------------------------------------------------------- */

#define SEALED_LEN (21 + 8 + 16)
static uint8_t sealed_run[3 * REPLAY_SIZE][SEALED_LEN];

static void seal_run(size_t count) {
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(pair_seal(&p, CLIENT, sealed_run[i], SEALED_LEN, (uint8_t)i, 8), SEALED_LEN);
}

static size_t give_of_run(size_t i) {
	return pair_input(&p, SERVER, sealed_run[i], SEALED_LEN);
}

static const struct {
	size_t behind; /* the newest record */
	size_t opened;
} replays[] = {
	{0, 0},
	{1, 1},
	{1, 0},
	{63, 1},
	{64, 1},
	{65, 1},
	{64, 0},
	{REPLAY_SIZE - 1, 1},
	{REPLAY_SIZE - 1, 0},
	{REPLAY_SIZE, 0},
	{REPLAY_SIZE + 1, 0},
	{REPLAY_SIZE + 63, 0},
	{REPLAY_SIZE + 64, 0},
	{2 * REPLAY_SIZE, 0},
	{3 * REPLAY_SIZE - 1, 0},
};

START_TEST(test_a_record_opens_once_within_the_window_and_never_behind_it) {
	make_with(NULL);
	seal_run(3 * REPLAY_SIZE);
	ck_assert_uint_eq(give_of_run(3 * REPLAY_SIZE - 1), 1);
	for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) {
		size_t opened = give_of_run(3 * REPLAY_SIZE - 1 - replays[i].behind);
		ck_assert_msg(opened == replays[i].opened, "%zu: %zu behind the newest", i, replays[i].behind);
	}
	pair_free(&p);
}
END_TEST

/* Each is a way through all numbers below REPLAY_SIZE. */
static size_t backwards(size_t i) {
	return REPLAY_SIZE - 1 - i;
}
static size_t odd_ones_first(size_t i) {
	return i < REPLAY_SIZE / 2 ? 2 * i + 1 : 2 * (i - REPLAY_SIZE / 2);
}
static size_t in_leaps(size_t i) {
	return i * 637 % REPLAY_SIZE; /* 637 = 7 * 7 * 13 has no factor of 960 */
}
static size_t last_one_first(size_t i) {
	return (i + REPLAY_SIZE - 1) % REPLAY_SIZE;
}

START_TEST(test_a_whole_window_of_records_opens_in_any_order_and_only_once) {
	static size_t (*const orders[])(size_t) = {backwards, odd_ones_first, in_leaps, last_one_first};
	make_with(NULL);
	for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
		size_t opened = 0, again = 0;
		seal_run(REPLAY_SIZE);
		for (size_t i = 0; i < REPLAY_SIZE; i++)
			opened += give_of_run(orders[o](i));
		for (size_t i = 0; i < REPLAY_SIZE; i++)
			again += give_of_run(i);
		ck_assert_uint_eq(opened, REPLAY_SIZE);
		ck_assert_uint_eq(again, 0);
	}
	pair_free(&p);
}
END_TEST

/* One call brings copies of one record before any of them is marked. */
START_TEST(test_copies_of_a_record_in_one_call_open_once) {
	uint8_t copies[40][SEALED_LEN];
	sluice_datagram in[40], out[40];
	make_with(NULL);
	seal_run(1);
	for (size_t i = 0; i < 40; i++) {
		memcpy(copies[i], sealed_run[0], SEALED_LEN);
		in[i] = (sluice_datagram){.data = copies[i], .len = SEALED_LEN};
	}
	ck_assert_uint_eq(dtls_open(p.end[SERVER], in, 40, out, 40, p.now), 1);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 39);
	pair_free(&p);
}
END_TEST

/* ---- during the handshake ------------------------------------------------------------------------------------------------- */

/* Shakes hands record by record; before each one both ends are attacked. All goes well without a repetition. */
static void shake_hands_under(void (*attack)(int to)) {
	memory = (struct memory){0};
	pair_init(&p, &(sluice_env_config){.allocator = memory_allocator(&memory)});
	pair_open(&p);
	pair_start(&p);
	for (pair_flush(&p); p.flying > 0; pair_flush(&p)) {
		struct flying f = p.air[0];
		memmove(&p.air[0], &p.air[1], --p.flying * sizeof f);
		for (size_t at = 0, len; at < f.len; at += len) {
			len = record_parse(f.bytes + at, f.len - at);
			attack(f.to);
			attack(1 - f.to);
			pair_input(&p, f.to, f.bytes + at, len);
		}
	}
	ck_assert(pair_connected(&p));
	ck_assert_uint_eq(pair_stats(&p, 0).flights_repeated + pair_stats(&p, 1).flights_repeated, 0);
}

/* A thousand of each type, short and as long as a record can be. */
static void attack_with_epoch_1(int to) {
	static const size_t lengths[] = {0, 1, 2, 24, 40, 48, 1200, (1 << 14) + 2048};
	static uint8_t noise[(1 << 14) + 2048];
	if (dtls_state(p.end[to]) == DTLS_CONNECTED)
		return;
	memset(noise, FINISHED, sizeof noise);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t type = (uint8_t)(RECORD_CHANGE_CIPHER_SPEC + i % 4);
		size_t len = write_plain(type, 1, i, noise, lengths[i / 4 % 8]);
		sluice_datagram in = {.data = record, .len = len};
		ck_assert_uint_eq(dtls_open(p.end[to], &in, 1, NULL, 0, p.now), 0);
	}
	ck_assert(dtls_check(p.end[to]));
}

START_TEST(test_forged_sealed_records_before_the_end_of_the_handshake_take_bounded_memory_and_no_time) {
	shake_hands_under(attack_with_epoch_1);
	/* The longest records in all places where one can wait, at both ends, and the handshake itself. */
	ck_assert_uint_le(memory.peak, 2 * (EARLY_DATA_MAX + EARLY_SEALED_MAX) * (RECORD_MAX + 64) + 64 * 1024);
	ck_assert_uint_gt(pair_stats(&p, CLIENT).records_discarded + pair_stats(&p, SERVER).records_discarded, 8000);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

/* The first byte of a message of 65,535. */
static size_t write_beginning(uint8_t message, uint16_t message_seq) {
	uint8_t fragment[HANDSHAKE_HEADER + 1] = {message};
	put_be24(fragment + 1, 65535);
	put_be16(fragment + 4, message_seq);
	put_be24(fragment + 9, 1);
	return write_plain(RECORD_HANDSHAKE, 0, message_seq, fragment, sizeof fragment);
}

/* Both ends are told of messages of each number, and of the same ones again. */
START_TEST(test_messages_of_which_only_the_beginning_comes_take_a_megabyte_at_most) {
	static const uint8_t of[] = {[CLIENT] = 11, [SERVER] = 16}; /* Certificate, ClientKeyExchange */
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	size_t before = live_bytes;
	for (unsigned i = 0; i < 2 * 65536; i++)
		for (int to = 0; to < 2; to++)
			pair_input(&p, to, record, write_beginning(of[to], (uint16_t)i));
	ck_assert_uint_gt(live_bytes - before, 65535);
	ck_assert_uint_le(live_bytes - before, 2 << 20);
	ck_assert(dtls_check(p.end[CLIENT]) && dtls_check(p.end[SERVER]));
	pair_free(&p);
}
END_TEST

static void attack_with_changes(int to) {
	static const uint8_t change = 1;
	for (unsigned i = 0; i < 40; i++)
		pair_input(&p, to, record, write_plain(RECORD_CHANGE_CIPHER_SPEC, i % 4, i, &change, 1));
}

START_TEST(test_a_change_cipher_spec_at_any_time_and_in_any_epoch_changes_nothing) {
	shake_hands_under(attack_with_changes);
	for (int to = 0; to < 2; to++) {
		uint64_t discarded = pair_stats(&p, to).records_discarded;
		attack_with_changes(to);
		ck_assert_uint_eq(pair_stats(&p, to).records_discarded, discarded + 40);
	}
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

/* OpenSSL takes five for an attack. */
static void attack_with_warnings(int to) {
	for (uint8_t description = ALERT_CLOSE_NOTIFY + 1; description < 120; description++) {
		const uint8_t warning[] = {ALERT_WARNING, description};
		pair_input(&p, to, record, write_plain(RECORD_ALERT, 0, RECORD_SEQUENCE_MAX, warning, 2));
	}
}

START_TEST(test_plain_warnings_with_the_highest_number_do_not_keep_honest_records_out) {
	shake_hands_under(attack_with_warnings);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

/* The stranger repeats each plain record of the peer under the highest number, before the peer's own one arrives. */
START_TEST(test_copies_under_the_highest_number_do_not_keep_honest_records_out) {
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	for (pair_flush(&p); p.flying > 0; pair_flush(&p)) {
		struct flying honest = p.air[0], copy = p.air[0];
		memmove(&p.air[0], &p.air[1], --p.flying * sizeof honest);
		for (size_t at = 0, len; at < copy.len; at += len) {
			len = record_parse(copy.bytes + at, copy.len - at);
			put_be64(copy.bytes + at + 3, record_number(copy.bytes + at) | RECORD_SEQUENCE_MAX);
		}
		pair_input(&p, copy.to, copy.bytes, copy.len);
		pair_input(&p, honest.to, honest.bytes, honest.len);
	}
	ck_assert(pair_connected(&p));
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

/* Brings the server up; its last flight is in the air. */
static void connect_the_server(void) {
	pair_init(&p, NULL);
	p.delay = 10 * SLUICE_MS;
	pair_open(&p);
	pair_start(&p);
	while (dtls_state(p.end[SERVER]) != DTLS_CONNECTED)
		ck_assert(pair_step(&p, SLUICE_S));
	pair_flush(&p);
	ck_assert_uint_eq(p.flying, 1);
}

START_TEST(test_a_close_notify_that_overtakes_the_finished_closes_when_that_has_come) {
	uint8_t space[256];
	connect_the_server();
	dtls_close(p.end[SERVER]);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(dtls_output(p.end[SERVER], &b, p.now), 1);
	pair_input(&p, CLIENT, space, b.last);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	pair_run(&p, p.now + SLUICE_S);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_CLOSED);
	ck_assert_int_eq(dtls_error(p.end[CLIENT], NULL), SLUICE_CLOSED);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_fatal_alert_that_overtakes_the_finished_ends_the_connection_and_a_forged_one_does_not) {
	static const uint8_t fatal[] = {ALERT_FATAL, HANDSHAKE_FAILURE};
	for (int forged = 0; forged < 2; forged++) {
		connect_the_server();
		size_t len = write_sealed(SERVER, RECORD_ALERT, fatal, 2);
		record[len - 1] ^= (uint8_t)forged;
		pair_input(&p, CLIENT, record, len);
		pair_run(&p, p.now + SLUICE_S);
		ck_assert_int_eq(dtls_state(p.end[CLIENT]), forged ? DTLS_CONNECTED : DTLS_FAILED);
		ck_assert_int_eq(dtls_error(p.end[CLIENT], NULL), forged ? 0 : SLUICE_ABORTED);
		pair_free(&p);
	}
}
END_TEST

/* ---- a peer that has the keys --------------------------------------------------------------------------------------------- */

static void ck_assert_says_no_renegotiation(int from) {
	uint8_t space[256];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(dtls_output(p.end[from], &b, p.now), 1);
	pair_check_datagram(&p, from, space, b.last);
	struct epoch copy = p.end[1 - from]->epoch; /* the window of the end itself stays as it is */
	struct epoch_record r = {.record = space, .len = b.last};
	uint8_t kept[256];
	memcpy(kept, space, b.last);
	epoch_open(&copy, &r, 1);
	ck_assert_ptr_nonnull(r.text);
	ck_assert_uint_eq(record_type(kept), RECORD_ALERT);
	ck_assert_uint_eq(r.text_len, 2);
	ck_assert_uint_eq(r.text[0], ALERT_WARNING);
	ck_assert_uint_eq(r.text[1], ALERT_NO_RENEGOTIATION);
	pair_input(&p, 1 - from, kept, b.last);
	ck_assert_int_eq(dtls_output(p.end[from], &b, p.now), 0);
}

START_TEST(test_renegotiation_is_refused_by_one_warning_however_often_it_is_asked_for) {
	make_with(NULL);
	for (int round = 0; round < 3; round++)
		for (int to = 0; to < 2; to++) {
			for (int i = 0; i < 50; i++)
				strike_message(to, to == CLIENT ? HELLO_REQUEST : CLIENT_HELLO);
			ck_assert_says_no_renegotiation(to);
			pair_talk(&p);
		}
	pair_free(&p);
}
END_TEST

static const struct {
	uint8_t type;
	size_t len;
	uint8_t text[16];
} pointless[] = {
	{RECORD_CHANGE_CIPHER_SPEC, 1, {1}},
	{RECORD_CHANGE_CIPHER_SPEC, 0, {0}},
	{RECORD_ALERT, 0, {0}},
	{RECORD_ALERT, 1, {ALERT_FATAL}},
	{RECORD_ALERT, 3, {ALERT_FATAL, HANDSHAKE_FAILURE, 0}},
	{RECORD_ALERT, 4, {ALERT_WARNING, 90, ALERT_FATAL, HANDSHAKE_FAILURE}},
	{RECORD_ALERT, 2, {ALERT_WARNING, HANDSHAKE_FAILURE}},
	{RECORD_ALERT, 2, {0, HANDSHAKE_FAILURE}},
	{RECORD_ALERT, 2, {3, HANDSHAKE_FAILURE}},
	{RECORD_HANDSHAKE, 0, {0}},
	{RECORD_HANDSHAKE, 12, {SERVER_HELLO}},
	{RECORD_HANDSHAKE, 12, {11, 0xff, 0xff, 0xff, 0, 9, 0, 0, 9, 0xff, 0xff, 0xff}},
	{RECORD_HANDSHAKE, 12, {255}},
	{RECORD_APPLICATION, 0, {0}},
};

START_TEST(test_what_means_nothing_to_an_established_connection_is_not_answered_and_does_no_harm) {
	make_with(NULL);
	pair_talk(&p);
	for (int to = 0; to < 2; to++)
		for (size_t i = 0; i < sizeof pointless / sizeof *pointless; i++) {
			strike_sealed(to, pointless[i].type, pointless[i].text, pointless[i].len);
			ck_assert_msg(pair_connected(&p), "%zu", i);
			ck_assert_msg(dtls_deadline(p.end[to]) == SLUICE_NEVER, "%zu", i);
		}
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

static void connect_to_resume(void) {
	p.now += SLUICE_S;
	for (int i = 0; i < 2; i++)
		p.config[i].resume = true;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, p.now + SLUICE_S), SLUICE_NEVER);
	pair_run(&p, p.now + SLUICE_S);
}

static void free_ends(void) {
	for (int i = 0; i < 2; i++) {
		dtls_free(p.end[i]);
		p.end[i] = NULL;
	}
}

START_TEST(test_a_fatal_alert_ends_the_connection_and_its_session_is_not_resumed) {
	for (int to = 0; to < 2; to++)
		for (int fatal = 0; fatal < 2; fatal++) {
			const char *text;
			pair_init(&p, NULL);
			connect_to_resume();
			strike_alert(to, fatal ? ALERT_FATAL : ALERT_WARNING, HANDSHAKE_FAILURE);
			ck_assert_int_eq(dtls_state(p.end[to]), fatal ? DTLS_FAILED : DTLS_CONNECTED);
			ck_assert_int_eq(dtls_error(p.end[to], &text), fatal ? SLUICE_ABORTED : 0);
			ck_assert_str_eq(text, fatal ? "handshake failure" : "");
			ck_assert_uint_eq(dtls_deadline(p.end[to]), SLUICE_NEVER);
			free_ends();
			connect_to_resume();
			ck_assert_int_eq(dtls_resumed(p.end[CLIENT]), !fatal);
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

/* ---- the numbers are used up ---------------------------------------------------------------------------------------------- */

static int seal_batch(int end, size_t count) {
	static uint8_t space[64 * 64];
	size_t rooms = dtls_headroom(p.end[end]) + dtls_tailroom(p.end[end]);
	sluice_batch b = {.data = space, .capacity = sizeof space, .count = count, .stride = rooms + 8, .last = rooms + 8};
	b.headroom = dtls_headroom(p.end[end]);
	b.tailroom = dtls_tailroom(p.end[end]);
	int error = dtls_seal(p.end[end], &b);
	for (size_t i = 0; error == 0 && i < count; i++)
		pair_check_datagram(&p, end, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
	return error;
}

static const struct {
	uint64_t left; /* numbers */
	size_t count;  /* records that are sealed at once */
	int error;
} exhaustions[] = {
	{10, 8, 0}, {10, 9, SLUICE_LIMIT}, {10, 10, SLUICE_LIMIT}, {10, 64, SLUICE_LIMIT},
	{3, 1, 0},  {2, 1, SLUICE_LIMIT},  {1, 1, SLUICE_LIMIT},
};

START_TEST(test_when_the_numbers_are_used_up_the_connection_closes_and_says_so) {
	for (size_t i = 0; i < sizeof exhaustions / sizeof *exhaustions; i++) {
		const char *text;
		make_with(NULL);
		p.end[CLIENT]->epoch.next = RECORD_SEQUENCE_MAX + 1 - exhaustions[i].left;
		ck_assert_msg(seal_batch(CLIENT, exhaustions[i].count) == exhaustions[i].error, "%zu", i);
		while (dtls_state(p.end[CLIENT]) == DTLS_CONNECTED)
			ck_assert(seal_batch(CLIENT, 1) == 0 || dtls_state(p.end[CLIENT]) == DTLS_CLOSED);
		ck_assert_int_eq(dtls_error(p.end[CLIENT], &text), SLUICE_LIMIT);
		ck_assert_str_eq(text, "the numbers of the records are used up");
		ck_assert_int_eq(seal_batch(CLIENT, 1), SLUICE_WRONG_STATE);
		pair_run(&p, p.now + SLUICE_S); /* close_notify has a number */
		ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CLOSED);
		ck_assert_int_eq(dtls_error(p.end[SERVER], NULL), SLUICE_CLOSED);
		ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), SLUICE_NEVER);
		pair_free(&p);
	}
}
END_TEST

/* Alerts use up the numbers that were left for the close_notify. */
START_TEST(test_an_alert_for_which_no_number_is_left_does_not_wait_for_ever) {
	uint8_t space[256];
	make_with(NULL);
	pair_talk(&p);
	p.end[SERVER]->epoch.next = RECORD_SEQUENCE_MAX;
	for (int i = 0; i < 2; i++) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		strike_message(SERVER, CLIENT_HELLO);
		ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), 0);
		ck_assert_int_eq(dtls_output(p.end[SERVER], &b, p.now), i == 0 ? 1 : SLUICE_CRYPTO);
		if (i == 0)
			pair_check_datagram(&p, SERVER, space, b.last);
		ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), SLUICE_NEVER);
	}
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_FAILED);
	ck_assert_int_eq(dtls_error(p.end[SERVER], NULL), SLUICE_CRYPTO);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_peer_whose_numbers_are_used_up_fails_and_closes_the_other_one) {
	static const uint8_t message[100000];
	static struct sim sim;
	const char *text;
	sim_init(&sim, 1);
	struct caller *a = caller_new(&sim, "a", NULL), *b = caller_new(&sim, "b", NULL);
	caller_join(a, b, &(struct link_config){.delay = 10 * SLUICE_MS}, 0);
	caller_open(a, "hello");
	ck_assert(SIM_UNTIL(&sim, 10 * SLUICE_S, b->received == 1));
	a->peer->dtls->epoch.next = RECORD_SEQUENCE_MAX - 30;
	ck_assert_int_eq(sluice_channel_send(a->channel, message, sizeof message), 0);
	uint64_t sent_at = sim.now;
	ck_assert(SIM_UNTIL(&sim, sent_at + SLUICE_S, caller_is_over(a) && caller_is_over(b)));
	ck_assert_int_eq(a->state, SLUICE_PEER_FAILED);
	ck_assert_int_eq(sluice_peer_error(a->peer, &text), SLUICE_LIMIT);
	ck_assert_str_eq(text, "the numbers of the records are used up");
	ck_assert_int_eq(b->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(sluice_peer_error(b->peer, NULL), 0);
	ck_assert_uint_eq(b->received, 1);
	sim_close(&sim);
}
END_TEST

/* ---- floods --------------------------------------------------------------------------------------------------------------- */

#define FLOOD 100000
#define AT_ONCE 32

/* One of a stranger's records; none is authentic. */
static size_t write_forged(unsigned i) {
	static const uint8_t noise[64] = {FINISHED};
	uint8_t type = (uint8_t)(RECORD_CHANGE_CIPHER_SPEC + i % 4);
	return write_plain(type, 1, i / 4, noise, i / 16 % 2 ? sizeof noise : 1);
}

START_TEST(test_a_flood_of_forged_records_costs_a_counter_each_and_nothing_else) {
	static uint8_t bytes[AT_ONCE][128];
	sluice_datagram in[AT_ONCE], out[AT_ONCE];
	memory = (struct memory){0};
	pair_init(&p, &(sluice_env_config){.allocator = memory_allocator(&memory)});
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	pair_talk(&p);
	uint64_t discarded = pair_stats(&p, SERVER).records_discarded, of_env = memory.allocations;
	size_t of_openssl = allocations;
	for (unsigned i = 0; i < FLOOD; i += AT_ONCE) {
		for (unsigned k = 0; k < AT_ONCE; k++) {
			in[k] = (sluice_datagram){.data = bytes[k], .len = write_forged(i + k)};
			memcpy(bytes[k], record, in[k].len);
		}
		if (dtls_open(p.end[SERVER], in, AT_ONCE, out, AT_ONCE, p.now) != 0)
			ck_abort_msg("a forged record came out");
	}
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, discarded + FLOOD);
	ck_assert_uint_eq(memory.allocations, of_env);
	ck_assert_uint_eq(allocations, of_openssl);
	ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), SLUICE_NEVER);
	ck_assert(dtls_check(p.end[SERVER]));
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

/* ---- who makes us speak --------------------------------------------------------------------------------------------------- */

/* What an end says in a second of virtual time to a stranger who sends ten records a millisecond. */
static unsigned datagrams_to_a_stranger(int end, size_t len) {
	unsigned said = 0;
	for (unsigned i = 0; i < 10000; i++, p.now += SLUICE_MS / 10) {
		uint8_t space[512], copy[128];
		sluice_batch b = {.data = space, .capacity = sizeof space};
		memcpy(copy, record, len);
		sluice_datagram in = {.data = copy, .len = len};
		if (dtls_open(p.end[end], &in, 1, NULL, 0, p.now) != 0)
			ck_abort_msg("a forged record came out");
		while (dtls_output(p.end[end], &b, p.now) > 0)
			said += (unsigned)b.count;
	}
	return said;
}

/* The server has the last flight of a full handshake, the client that of an abbreviated one. */
static const struct {
	bool resumed, openssl_records;
	int last;
} last_flights[] = {{false, false, SERVER}, {true, false, CLIENT}, {false, true, SERVER}, {true, true, CLIENT}};

static void finish_with(bool resumed, bool openssl_records) {
	pair_init(&p, NULL);
	p.config[0].openssl_records = p.config[1].openssl_records = openssl_records;
	connect_to_resume();
	if (resumed) {
		free_ends();
		connect_to_resume();
		ck_assert(dtls_resumed(p.end[CLIENT]));
	}
}

START_TEST(test_a_stranger_makes_an_end_repeat_its_last_flight_every_ten_milliseconds_at_most) {
	static const uint8_t noise[64] = {FINISHED};
	for (size_t i = 0; i < sizeof last_flights / sizeof *last_flights; i++) {
		int last = last_flights[i].last;
		for (int sealed = 0; sealed < 2; sealed++) {
			finish_with(last_flights[i].resumed, last_flights[i].openssl_records);
			for (int end = 0; end < 2; end++) {
				size_t len = sealed ? write_plain(RECORD_HANDSHAKE, 1, 77, noise, sizeof noise)
				                    : write_plain_message(end == CLIENT ? SERVER_HELLO : CLIENT_HELLO);
				unsigned said = datagrams_to_a_stranger(end, len);
				/* Our records tell a genuine Finished from noise, OpenSSL's are not asked. */
				bool heard = end == last && (!sealed || last_flights[i].openssl_records);
				ck_assert_msg(said == (heard ? 100 : 0), "row %zu, end %d: %u", i, end, said);
			}
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_a_last_flight_that_data_confirmed_is_not_repeated_for_anybody) {
	make_with(NULL);
	pair_talk(&p);
	ck_assert_uint_eq(datagrams_to_a_stranger(SERVER, write_plain_message(CLIENT_HELLO)), 0);
	strike_message(SERVER, FINISHED);
	ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), SLUICE_NEVER);
	pair_free(&p);
}
END_TEST

/* The stranger asks all the time, so the peer's own request mostly falls into a pause. What he was sent is the answer to it. */
START_TEST(test_a_stranger_who_asks_for_the_last_flight_does_not_keep_it_from_the_peer) {
	connect_the_server();
	p.flying = 0;
	uint64_t heard_again = p.now + 500 * SLUICE_MS;
	while (dtls_state(p.end[CLIENT]) != DTLS_CONNECTED) {
		ck_assert_uint_le(p.now, heard_again + 25 * SLUICE_MS);
		pair_input(&p, SERVER, record, write_plain_message(CLIENT_HELLO));
		pair_run(&p, p.now + SLUICE_MS);
		if (p.now < heard_again)
			p.flying = 0;
		p.now += SLUICE_MS;
	}
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

SUITE("dtls attacks", test_a_record_with_any_byte_changed_is_dropped_and_counted_with_every_suite,
      test_a_record_moved_to_another_epoch_is_dropped_whatever_its_type,
      test_a_record_opens_once_within_the_window_and_never_behind_it,
      test_a_whole_window_of_records_opens_in_any_order_and_only_once, test_copies_of_a_record_in_one_call_open_once,
      test_forged_sealed_records_before_the_end_of_the_handshake_take_bounded_memory_and_no_time,
      test_messages_of_which_only_the_beginning_comes_take_a_megabyte_at_most,
      test_a_change_cipher_spec_at_any_time_and_in_any_epoch_changes_nothing,
      test_plain_warnings_with_the_highest_number_do_not_keep_honest_records_out,
      test_copies_under_the_highest_number_do_not_keep_honest_records_out,
      test_a_close_notify_that_overtakes_the_finished_closes_when_that_has_come,
      test_a_fatal_alert_that_overtakes_the_finished_ends_the_connection_and_a_forged_one_does_not,
      test_renegotiation_is_refused_by_one_warning_however_often_it_is_asked_for,
      test_what_means_nothing_to_an_established_connection_is_not_answered_and_does_no_harm,
      test_a_fatal_alert_ends_the_connection_and_its_session_is_not_resumed,
      test_when_the_numbers_are_used_up_the_connection_closes_and_says_so,
      test_a_peer_whose_numbers_are_used_up_fails_and_closes_the_other_one,
      test_an_alert_for_which_no_number_is_left_does_not_wait_for_ever,
      test_a_flood_of_forged_records_costs_a_counter_each_and_nothing_else,
      test_a_stranger_makes_an_end_repeat_its_last_flight_every_ten_milliseconds_at_most,
      test_a_last_flight_that_data_confirmed_is_not_repeated_for_anybody,
      test_a_stranger_who_asks_for_the_last_flight_does_not_keep_it_from_the_peer)
