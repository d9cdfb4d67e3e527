/* How a connection ends, in each state: by an alert, by the app, by a lack of numbers; and what is left of it then. */
#include "dtls/connection.h"
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

#define ALERT_FATAL 2
#define ALERT_HANDSHAKE_FAILURE 40

/* ---- a flight, record by record ---------------------------------------------------------------------------------------- */

#define RECORDS_MAX 16

struct flight_records {
	size_t count;
	const uint8_t *at[RECORDS_MAX];
	size_t len[RECORDS_MAX];
	uint8_t bytes[8192];
};

static void split(struct flight_records *f, const uint8_t *data, size_t len) {
	while (len > 0) {
		size_t record = record_parse(data, len);
		ck_assert(record > 0 && f->count < RECORDS_MAX);
		f->at[f->count] = data;
		f->len[f->count++] = record;
		data += record;
		len -= record;
	}
}

/* Takes what the end has to send, as one datagram. */
static void take_records(int end, struct flight_records *f) {
	sluice_batch b = {.data = f->bytes, .capacity = sizeof f->bytes};
	f->count = 0;
	ck_assert_int_eq(dtls_output(p.end[end], &b, p.now), 1);
	split(f, f->bytes, b.last);
}

static void give(int end, const struct flight_records *f, size_t from, size_t to) {
	for (size_t i = from; i < to; i++)
		pair_input(&p, end, f->at[i], f->len[i]);
}

static void give_all(int end, struct flight_records *f) {
	take_records(1 - end, f);
	give(end, f, 0, f->count);
}

/* ---- alerts of the peer ------------------------------------------------------------------------------------------------ */

static void open_again(void) {
	for (int i = 0; i < 2; i++) {
		dtls_free(p.end[i]);
		p.config[i].resume = true;
	}
	p.flying = 0;
	pair_open(&p);
	pair_start(&p);
}

/* The Finished of the other end is lost, and its alert arrives. */
static void lose_finished_and_give_alert(int end, struct flight_records *f) {
	take_records(1 - end, f);
	give(end, f, 0, f->count - 1);
	flight_set_alert(&p.end[1 - end]->flight, ALERT_FATAL, ALERT_HANDSHAKE_FAILURE, true);
	give_all(end, f);
	ck_assert_int_eq(dtls_state(p.end[end]), DTLS_FAILED);
	ck_assert_int_eq(dtls_error(p.end[end], NULL), SLUICE_ABORTED);
}

/* RFC 5246, 7.2.2: "Servers and clients MUST forget any session-identifiers, keys, and secrets associated with a failed
 * connection." */
START_TEST(test_a_fatal_alert_before_the_finished_forgets_the_session) {
	static struct flight_records f;
	for (int end = 0; end < 2; end++) {
		pair_init(&p, NULL);
		p.config[0].resume = p.config[1].resume = true;
		pair_open(&p);
		pair_start(&p);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		open_again();
		give_all(SERVER, &f);
		if (end == SERVER)
			give_all(CLIENT, &f);
		lose_finished_and_give_alert(end, &f);
		open_again();
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_the_peer_learns_that_its_certificate_was_refused_late) {
	for (int openssl = 0; openssl < 2; openssl++)
		for (int end = 0; end < 2; end++) {
			pair_init(&p, NULL);
			sluice_fingerprint wrong = p.config[end].remote;
			wrong.digest[3] ^= 1;
			p.config[end].remote.hash = 0;
			p.config[end].openssl_records = openssl;
			pair_open(&p);
			pair_start(&p);
			pair_run(&p, SLUICE_S);
			ck_assert_int_eq(dtls_state(p.end[1 - end]), DTLS_CONNECTED);
			ck_assert_int_eq(dtls_set_remote(p.end[end], &wrong), SLUICE_FINGERPRINT);
			pair_run(&p, 2 * SLUICE_S);
			ck_assert_int_eq(dtls_state(p.end[end]), DTLS_FAILED);
			ck_assert_int_eq(dtls_state(p.end[1 - end]), openssl ? DTLS_CLOSED : DTLS_FAILED);
			pair_free(&p);
		}
}
END_TEST

/* ---- the end of the handshake ------------------------------------------------------------------------------------------- */

/* Anybody can send a record of epoch 1 that is no record. */
START_TEST(test_a_forged_change_of_epoch_1_does_not_take_the_place_of_the_one_that_waits) {
	static struct flight_records f;
	static const uint8_t forged[RECORD_HEADER + 1] = {RECORD_CHANGE_CIPHER_SPEC, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 1};
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	give_all(SERVER, &f);
	give_all(CLIENT, &f);
	take_records(CLIENT, &f);
	size_t change = f.count - 2;
	ck_assert_uint_eq(record_type(f.at[change]), RECORD_CHANGE_CIPHER_SPEC);
	give(SERVER, &f, change, change + 1);
	pair_input(&p, SERVER, forged, sizeof forged);
	give(SERVER, &f, 0, change);
	give(SERVER, &f, change + 1, f.count);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CONNECTED);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_repetition_that_has_not_left_does_not_leave_when_the_answer_came) {
	static struct flight_records f;
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	give_all(SERVER, &f);
	give_all(CLIENT, &f);
	give_all(SERVER, &f);
	p.now = dtls_deadline(p.end[CLIENT]);
	dtls_advance(p.end[CLIENT], p.now);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, 1);
	give_all(CLIENT, &f);
	ck_assert(pair_connected(&p));
	ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), SLUICE_NEVER);
	ck_assert(!flight_is_kept(&p.end[CLIENT]->flight));
	pair_free(&p);
}
END_TEST

/* A client that spoke before it heard our Finished would wait for it in vain. */
START_TEST(test_data_does_not_drop_a_last_flight_that_has_not_left) {
	static struct flight_records f;
	uint8_t record[256];
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	give_all(SERVER, &f);
	give_all(CLIENT, &f);
	give_all(SERVER, &f);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CONNECTED);
	memset(record, 7, sizeof record);
	ck_assert(epoch_seal(&p.end[CLIENT]->epoch, RECORD_APPLICATION, record, 1, 100, 100));
	ck_assert_uint_eq(pair_input(&p, SERVER, record, 100), 1);
	give_all(CLIENT, &f);
	ck_assert(pair_connected(&p));
	pair_free(&p);
}
END_TEST

START_TEST(test_a_flight_that_has_not_left_stays_when_the_app_closes) {
	static struct flight_records f;
	for (int end = 0; end < 2; end++) {
		pair_init(&p, NULL);
		pair_open(&p);
		pair_start(&p);
		if (end == SERVER)
			give_all(SERVER, &f);
		dtls_close(p.end[end]);
		ck_assert_uint_eq(dtls_deadline(p.end[end]), SLUICE_NEVER);
		pair_flush(&p);
		ck_assert_uint_eq(p.flying, 0);
		pair_free(&p);
	}
}
END_TEST

/* ---- without numbers ----------------------------------------------------------------------------------------------------- */

START_TEST(test_the_last_numbers_close_the_connection_and_the_peer_learns_it) {
	uint8_t record[DATAGRAM_MAX];
	pair_make(&p);
	p.end[CLIENT]->epoch.next = RECORD_SEQUENCE_MAX - 2;
	size_t len = pair_seal(&p, CLIENT, record, sizeof record, 1, 20);
	ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 1);
	sluice_batch b = {
		.data = record, .capacity = sizeof record, .headroom = 21, .tailroom = 16, .count = 1, .stride = 57, .last = 57};
	ck_assert_int_eq(dtls_seal(p.end[CLIENT], &b), SLUICE_LIMIT);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_CLOSED);
	ck_assert_int_eq(dtls_error(p.end[CLIENT], NULL), SLUICE_LIMIT);
	pair_run(&p, SLUICE_S);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CLOSED);
	pair_free(&p);
}
END_TEST

/* What cannot be sealed does not ask for output again and again. */
START_TEST(test_an_alert_for_which_there_is_no_number_is_dropped) {
	uint8_t space[256];
	pair_make(&p);
	p.end[CLIENT]->epoch.next = RECORD_SEQUENCE_MAX + 1;
	dtls_close(p.end[CLIENT]);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, p.now), SLUICE_CRYPTO);
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, p.now), 0);
	ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), SLUICE_NEVER);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_CLOSED);
	pair_free(&p);
}
END_TEST

SUITE("dtls ends", test_a_fatal_alert_before_the_finished_forgets_the_session,
      test_the_peer_learns_that_its_certificate_was_refused_late,
      test_a_forged_change_of_epoch_1_does_not_take_the_place_of_the_one_that_waits,
      test_a_repetition_that_has_not_left_does_not_leave_when_the_answer_came,
      test_data_does_not_drop_a_last_flight_that_has_not_left, test_a_flight_that_has_not_left_stays_when_the_app_closes,
      test_the_last_numbers_close_the_connection_and_the_peer_learns_it, test_an_alert_for_which_there_is_no_number_is_dropped)
