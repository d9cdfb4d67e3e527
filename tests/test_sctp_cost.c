/* What does a packet of a hostile peer cost? Not more where more is outstanding, or where more is skipped at once. */
#include "suite.h"

#include "cpu_time.h"
#include "sim/script.h"

#define PACKETS 100
#define PACKET 1180
#define FEW 600u
#define MANY 60000u

static void drain(struct script *s) {
	static uint8_t space[65536];
	sluice_sctp_event e;
	int n;
	do {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		n = sluice_sctp_output(s->sctp, &b, s->now);
		ck_assert_int_ge(n, 0);
		while (sluice_sctp_poll(s->sctp, &e))
			sluice_message_release(e.message);
	} while (n > 0);
}

static sluice_sctp_config large_windows(void) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.initial_window = 64 << 20;
	c.high_water = 64 << 20;
	c.pacing = SLUICE_PACING_OFF;
	return c;
}

static void begin_with(struct script *s, const sluice_sctp_config *c) {
	bool interleaving = s->i_data;
	script_init(s, c);
	s->memory.plain = true;
	s->rwnd = 64 << 20;
	s->i_data = s->i_forward_tsn = interleaving;
	ck_assert(script_open_passive(s));
}

static void begin(struct script *s) {
	sluice_sctp_config c = large_windows();
	s->i_data = false;
	begin_with(s, &c);
}

static void give(struct script *s, struct writer *w) {
	wire_packet_seal(w->start, writer_len(w));
	sluice_datagram d = {.data = w->start, .len = writer_len(w)};
	ck_assert_int_eq(sluice_sctp_input(s->sctp, &d, 1, s->now), 0);
	drain(s);
	ck_assert_int_eq(sluice_sctp_state(s->sctp), SLUICE_SCTP_ESTABLISHED);
}

/* The ms that packets full of what `fill` writes take. */
static double cost_of(struct script *s, unsigned n, void (*fill)(struct script *s, struct writer *w, unsigned n)) {
	uint8_t space[PACKET];
	double from = cpu_ms();
	for (unsigned i = 0; i < PACKETS; i++) {
		struct writer w = script_begin(s, space, sizeof space);
		fill(s, &w, n);
		give(s, &w);
	}
	return cpu_ms() - from;
}

static void write_block(struct script *s, struct writer *w, unsigned from, unsigned to) {
	uint8_t gap[4];
	put_be16(gap, (uint16_t)from);
	put_be16(gap + 2, (uint16_t)to);
	struct wire_sack sack = {.cum_tsn = s->remote_tsn - 1, .a_rwnd = s->rwnd, .gap_count = to > 0, .gaps = gap};
	wire_sack_write(w, &sack);
}

static void write_sack(struct script *s, struct writer *w, unsigned to) {
	write_block(s, w, 2, to);
}

static void write_contradictions(struct script *s, struct writer *w, unsigned outstanding) {
	while (writer_room(w) >= 36) {
		write_sack(s, w, outstanding);
		write_sack(s, w, 0);
	}
}

static double cost_of_contradictions(unsigned outstanding) {
	static struct script s;
	sluice_send_info info = {.stream = 1};
	begin(&s);
	for (unsigned i = 0; i < outstanding; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, "a message", 9), 0);
	drain(&s);
	ck_assert_uint_eq(script_stats(&s).flight_size, 9 * outstanding);
	double took = cost_of(&s, outstanding, write_contradictions);
	script_free(&s);
	return took;
}

START_TEST(test_sacks_that_take_back_and_give_cost_no_more_where_more_is_outstanding) {
	double few = cost_of_contradictions(600), many = cost_of_contradictions(60000);
	ck_assert_msg(many < 10 * few + 20, "%.1f ms with 60,000 chunks outstanding, %.1f with 600", many, few);
}
END_TEST

/* One chunk of DATA far ahead, and a FORWARD-TSN to a little below it. */
static void write_jumps(struct script *s, struct writer *w, unsigned distance) {
	while (writer_room(w) >= 28) {
		script_data(w, s->tsn + distance, 0, 0, WIRE_DATA_B | WIRE_DATA_E | WIRE_DATA_U, 1);
		wire_forward_write(w, &(struct wire_forward){.cum_tsn = s->tsn + distance - 5});
		s->tsn += distance - 4;
	}
}

static double cost_of_jumps(unsigned distance) {
	static struct script s;
	begin(&s);
	double took = cost_of(&s, distance, write_jumps);
	script_free(&s);
	return took;
}

START_TEST(test_a_forward_tsn_costs_little_however_far_it_goes) {
	double near = cost_of_jumps(650), far = cost_of_jumps(65000);
	ck_assert_msg(far < 10 * near + 20, "%.1f ms over 65,000 TSNs, %.1f over 650", far, near);
}
END_TEST

/* ---- reactions to SACKs, sixty in each packet ---- */

/* Where the SACKs of a test have got to. */
static unsigned at;

static void queue(struct script *s, unsigned count, sluice_send_info info) {
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(sluice_sctp_send(s->sctp, &info, "a message", 9), 0);
}

/* n messages on as many streams as are named, outstanding; the SACKs begin at `from`. */
static void begin_outstanding(struct script *s, enum sluice_recovery recovery, unsigned n, unsigned streams,
                              enum sluice_reliability reliability) {
	sluice_sctp_config c = large_windows();
	c.recovery = recovery;
	s->i_data = false;
	begin_with(s, &c);
	for (unsigned i = 0; i < n; i++)
		queue(s, 1, (sluice_send_info){.stream = (uint16_t)(i % streams), .reliability = reliability});
	drain(s);
	ck_assert_uint_eq(script_stats(s).flight_size, 9 * n);
}

static void give_block(struct script *s, unsigned from, unsigned to) {
	uint8_t space[64];
	struct writer w = script_begin(s, space, sizeof space);
	write_block(s, &w, from, to);
	give(s, &w);
}

static void write_one_each_from_the_top(struct script *s, struct writer *w, unsigned n) {
	for (; writer_room(w) >= 20; at -= at > 3)
		write_block(s, w, at, n);
}

static double cost_of_misses(unsigned n) {
	static struct script s;
	begin_outstanding(&s, SLUICE_RECOVERY_RFC9260, n, 1, SLUICE_RELIABLE);
	at = n;
	double took = cost_of(&s, n, write_one_each_from_the_top);
	script_free(&s);
	return took;
}

static void write_one_taken_back_and_given(struct script *s, struct writer *w, unsigned n) {
	while (writer_room(w) >= 40) {
		write_block(s, w, 3, n);
		write_block(s, w, 2, n);
	}
}

/* The first message is given up. FORWARD-TSN may pass over all others, as they have arrived and may not be sent again. */
static double cost_of_passing_over(unsigned n) {
	static struct script s;
	begin_outstanding(&s, SLUICE_RECOVERY_RACK, n, 1, SLUICE_MAX_RETRANSMITS);
	give_block(&s, 2, n);
	ck_assert_uint_eq(script_stats(&s).messages_abandoned, 1);
	double took = cost_of(&s, n, write_one_taken_back_and_given);
	script_free(&s);
	return took;
}

static void write_every_other(struct script *s, struct writer *w, unsigned n) {
	for (; writer_room(w) >= 20; at += at + 2 < n ? 2 : 0)
		write_block(s, w, at, at);
}

/* A reliable message is lost far below those that are given up one by one, and a closed window keeps it from going again. */
static double cost_of_giving_up(unsigned n) {
	static struct script s;
	begin_outstanding(&s, SLUICE_RECOVERY_RFC9260, 1, 1, SLUICE_RELIABLE);
	queue(&s, n, (sluice_send_info){.stream = 2, .reliability = SLUICE_MAX_RETRANSMITS});
	drain(&s);
	s.rwnd = 0;
	at = n > 20000 ? n - 20000 : 2;
	double took = cost_of(&s, n, write_every_other);
	ck_assert_uint_gt(script_stats(&s).messages_abandoned, 0);
	script_free(&s);
	return took;
}

static void write_two_more(struct script *s, struct writer *w, unsigned n) {
	at += at + 2 < n ? 2 : 0;
	write_block(s, w, at, at);
}

/* Each packet has one message more given up, and a FORWARD-TSN that passes over all of them. */
static double cost_of_writing_forward_tsn(unsigned n) {
	static struct script s;
	begin_outstanding(&s, SLUICE_RECOVERY_RACK, n, 60, SLUICE_MAX_RETRANSMITS);
	at = n - 3 * PACKETS;
	give_block(&s, at, at);
	double took = cost_of(&s, n, write_two_more);
	ck_assert_uint_gt(script_stats(&s).messages_abandoned, n - 6 * PACKETS);
	script_free(&s);
	return took;
}

static const struct walk_cost {
	const char *of;
	double (*cost)(unsigned n);
} walks[] = {
	{"miss indications", cost_of_misses},
	{"passing over what has arrived", cost_of_passing_over},
	{"giving up", cost_of_giving_up},
	{"writing FORWARD-TSN", cost_of_writing_forward_tsn},
};

/* A walk over all chunks takes 0.1 ms, and 0.3 where they are not in the cache. Sixty of them in a packet took 2 to 12. */
START_TEST(test_sacks_cost_at_most_a_walk_over_what_is_outstanding) {
	for (const struct walk_cost *w = walks; w < walks + sizeof walks / sizeof *walks; w++) {
		double few = w->cost(FEW), many = w->cost(MANY);
		ck_assert_msg(many < 20 * few + 0.6 * PACKETS, "%s: %.1f ms with 60,000 chunks outstanding, %.1f with 600", w->of,
		              many, few);
	}
}
END_TEST

/* ---- with I-DATA ---- */

/* Messages of two parts. All first parts go before all second ones. */
static double cost_of_parts(unsigned n) {
	static struct script s;
	sluice_sctp_config c = large_windows();
	s.i_data = true;
	begin_with(&s, &c);
	for (unsigned i = 0; i < n; i++) {
		sluice_send_info info = {.stream = (uint16_t)i, .reliability = SLUICE_MAX_RETRANSMITS};
		ck_assert_int_eq(sluice_sctp_send_begin(s.sctp, &info), 0);
		for (int part = 0; part < 2; part++)
			ck_assert_int_eq(sluice_sctp_send_part(s.sctp, info.stream, "a message", 9), 0);
		ck_assert_int_eq(sluice_sctp_send_end(s.sctp, info.stream), 0);
	}
	drain(&s);
	at = 2;
	double took = cost_of(&s, n, write_every_other);
	ck_assert_uint_gt(script_stats(&s).messages_abandoned, 0);
	script_free(&s);
	return took;
}

START_TEST(test_giving_up_parts_costs_at_most_a_walk_over_what_is_outstanding) {
	double few = cost_of_parts(FEW), many = cost_of_parts(20000);
	ck_assert_msg(many < 20 * few + 0.6 * PACKETS, "%.1f ms with 20,000 messages outstanding, %.1f with 600", many, few);
}
END_TEST

/* ---- restarts ---- */

static void restart(struct script *s) {
	struct wire_init ack;
	s->tag++;
	s->event_count = s->message_count = 0;
	script_skip(s);
	ck_assert(script_open_half(s, &ack));
	script_echo_cookie(s, ack.cookie, ack.cookie_len);
}

/* Restarts of a peer, when a message was sent on each of n streams in both directions, and was read. */
static double cost_of_restarts(unsigned n) {
	static struct script s;
	uint8_t space[PACKET];
	begin_outstanding(&s, SLUICE_RECOVERY_RACK, n, n, SLUICE_RELIABLE);
	s.remote_tsn += n;
	give_block(&s, 0, 0);
	for (unsigned i = 0; i < n;) {
		struct writer w = script_begin(&s, space, sizeof space);
		for (; i < n && writer_room(&w) >= 20; i++)
			script_data(&w, s.tsn++, (uint16_t)i, 0, WIRE_DATA_B | WIRE_DATA_E, 1);
		give(&s, &w);
	}
	restart(&s);
	double from = cpu_ms();
	for (unsigned i = 0; i < PACKETS; i++)
		restart(&s);
	double took = cpu_ms() - from;
	ck_assert_uint_eq(script_stats(&s).restarts, 1 + PACKETS);
	script_free(&s);
	return took;
}

START_TEST(test_a_restart_costs_no_more_where_there_were_more_streams) {
	double few = cost_of_restarts(FEW), many = cost_of_restarts(MANY);
	ck_assert_msg(many < 10 * few + 20, "%.1f ms with 60,000 streams, %.1f with 600", many, few);
}
END_TEST

SUITE("sctp cost", test_sacks_that_take_back_and_give_cost_no_more_where_more_is_outstanding,
      test_a_forward_tsn_costs_little_however_far_it_goes, test_sacks_cost_at_most_a_walk_over_what_is_outstanding,
      test_giving_up_parts_costs_at_most_a_walk_over_what_is_outstanding,
      test_a_restart_costs_no_more_where_there_were_more_streams)
