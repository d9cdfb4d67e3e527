/* What does a packet of a hostile peer cost? Not more where more is outstanding, or where more is skipped at once. */
#include "suite.h"

#include "cpu_time.h"
#include "sim/script.h"

#define PACKETS 100
#define PACKET 1180

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

static void begin(struct script *s) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.initial_window = 64 << 20;
	c.high_water = 64 << 20;
	c.pacing = SLUICE_PACING_OFF;
	script_init(s, &c);
	s->memory.plain = true;
	s->rwnd = 64 << 20;
	ck_assert(script_open_passive(s));
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

static void write_sack(struct script *s, struct writer *w, unsigned to) {
	uint8_t gap[4];
	put_be16(gap, 2);
	put_be16(gap + 2, (uint16_t)to);
	struct wire_sack sack = {.cum_tsn = s->remote_tsn - 1, .a_rwnd = s->rwnd, .gap_count = to > 0, .gaps = gap};
	wire_sack_write(w, &sack);
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

SUITE("sctp cost", test_sacks_that_take_back_and_give_cost_no_more_where_more_is_outstanding,
      test_a_forward_tsn_costs_little_however_far_it_goes)
