/* Fragments that cannot be, and fragments for which there is no memory: what is refused leaves nothing behind. */
#include "suite.h"

#include "base/serial.h"
#include "sctp/association.h"
#include "sim/script.h"

enum { B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U };

static void open_script(struct script *s, bool interleaving, uint32_t partial) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.partial_delivery = partial;
	script_init(s, &c);
	s->i_data = s->i_forward_tsn = interleaving;
	ck_assert(script_open_passive(s));
}

static bool ended_by_violation(struct script *s) {
	struct wire_chunk c;
	struct wire_param cause;
	if (!script_expect(s, WIRE_ABORT, &c))
		return false;
	struct reader r = reader_of(c.value, c.len);
	return wire_param_next(&r, &cause) == 1 && cause.type == WIRE_CAUSE_PROTOCOL_VIOLATION &&
	       sluice_sctp_error(s->sctp, NULL) == SLUICE_PROTOCOL;
}

/* ---- DATA: neighbours by TSN ---- */

struct chunk {
	uint8_t flags;
	uint16_t stream, ssn;
};

static void give(struct script *s, uint32_t n, struct chunk c) {
	script_give_data(s, s->tsn + n, c.stream, c.ssn, c.flags, 600);
	ck_assert(association_check(s->sctp));
}

/* RFC 9260, 6.9: the fragments of a message have consecutive TSNs. */
static const struct neighbours {
	struct chunk left, right;
	bool fit;
} neighbours[] = {
	{{B, 1, 0}, {0, 1, 0}, true},         {{B, 1, 0}, {E, 1, 0}, true},
	{{0, 1, 0}, {0, 1, 0}, true},         {{0, 1, 0}, {E, 1, 0}, true},
	{{E, 1, 0}, {B, 1, 1}, true},         {{E, 1, 0}, {B, 2, 0}, true},
	{{E, 1, 0}, {B | E, 1, 1}, true},     {{B | E, 1, 0}, {B, 1, 1}, true},
	{{B | U, 1, 5}, {E | U, 1, 6}, true}, /* the SSN of unordered ones says nothing */
	{{B, 1, 0}, {B, 1, 0}, false},        {{B, 1, 0}, {B, 2, 0}, false},
	{{0, 1, 0}, {B, 1, 0}, false},        {{B, 1, 0}, {E, 1, 1}, false},
	{{B, 1, 0}, {0, 2, 0}, false},        {{B | U, 1, 0}, {E, 1, 0}, false},
	{{B, 1, 0}, {E | U, 1, 0}, false},    {{E, 1, 0}, {0, 1, 0}, false},
	{{E, 1, 0}, {E, 1, 0}, false},        {{B, 1, 0}, {B | E, 1, 1}, false},
	{{0, 1, 0}, {B | E, 1, 1}, false},
};

START_TEST(test_fragments_stand_beside_those_that_they_fit_and_no_others) {
	for (unsigned i = 0; i < sizeof neighbours / sizeof *neighbours; i++) {
		const struct neighbours *n = &neighbours[i];
		for (unsigned way = 0; way < 4; way++) {
			bool right_first = way & 1, parts = way & 2;
			/* What came first and went to the app, a whole message or a part, has left; of it nobody knows any
			 * more. */
			const struct chunk *second = right_first ? &n->left : &n->right,
					   *first = right_first ? &n->right : &n->left;
			bool left = (first->flags & (B | E)) == (B | E) || (parts && right_first && (first->flags & B));
			if (left && !n->fit)
				continue;
			struct script s;
			open_script(&s, false, parts ? 500 : 0);
			uint32_t tsn = n->left.flags & B ? 0 : 10;
			give(&s, tsn + right_first, *first);
			ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
			give(&s, tsn + !right_first, *second);
			bool open = sluice_sctp_state(s.sctp) == SLUICE_SCTP_ESTABLISHED;
			ck_assert_msg(open == n->fit, "pair %u, way %u: %s", i, way, open ? "taken" : "refused");
			ck_assert(open || ended_by_violation(&s));
			script_free(&s);
		}
	}
}
END_TEST

START_TEST(test_a_beginning_behind_a_beginning_is_a_violation_with_parts_and_without) {
	for (uint32_t partial = 0; partial <= 500; partial += 500) {
		struct script s;
		open_script(&s, false, partial);
		give(&s, 0, (struct chunk){B, 1, 0});
		give(&s, 1, (struct chunk){B, 1, 0});
		ck_assert(ended_by_violation(&s));
		give(&s, 2, (struct chunk){E, 1, 0});
		for (size_t i = 0; i < s.message_count; i++)
			ck_assert(!s.messages[i].last || s.messages[i].error);
		script_free(&s);
	}
}
END_TEST

/* ---- I-DATA: FSNs ---- */

static const struct {
	uint32_t fsn;
	bool possible;
} fsns[] = {
	{1, true},           {2, true},           {65534, true},       {65535, false},      {65536, false},
	{0x7fffffff, false}, {0x80000000, false}, {0x80000001, false}, {0xffffffff, false},
};

START_TEST(test_an_fsn_that_no_message_can_have_ends_the_association_and_leaves_nothing) {
	for (unsigned i = 0; i < sizeof fsns / sizeof *fsns; i++) {
		for (unsigned way = 0; way < 4; way++) {
			bool begun = way & 1;
			uint8_t flags = way & 2 ? U : 0;
			struct script s;
			open_script(&s, true, 0);
			if (begun)
				script_give_i_data(&s, s.tsn, 1, 0, 0, B | flags, 100);
			script_give_i_data(&s, s.tsn + begun, 1, 0, fsns[i].fsn, flags, 100);
			ck_assert(association_check(s.sctp));
			bool open = sluice_sctp_state(s.sctp) == SLUICE_SCTP_ESTABLISHED;
			ck_assert_msg(open == fsns[i].possible, "FSN %u, way %u: %s", fsns[i].fsn, way,
			              open ? "taken" : "refused");
			ck_assert_uint_eq(s.sctp->rx.in.interleaved.count, open);
			ck_assert(open || ended_by_violation(&s));
			script_free(&s);
		}
	}
}
END_TEST

START_TEST(test_a_fragment_that_came_already_is_acknowledged_and_dropped) {
	struct script s;
	open_script(&s, true, 0);
	for (uint32_t i = 0; i < 3; i++)
		script_give_i_data(&s, s.tsn + i, 1, 0, i < 2 ? 0 : 1, i < 2 ? B : 0, 100);
	script_give_i_data(&s, s.tsn + 3, 1, 0, 0, 0, 100);
	ck_assert(association_check(s.sctp));
	script_give_i_data(&s, s.tsn + 4, 1, 0, 2, E, 100);
	ck_assert_uint_eq(s.message_count, 1);
	ck_assert_uint_eq(s.messages[0].len, 300);
	script_free(&s);
}
END_TEST

/* ---- no memory ---- */

/* Two messages of three fragments, mixed, the first with a gap that is filled; in DATA they follow each other. */
static void give_step(struct script *s, bool interleaving, unsigned step, uint8_t u, size_t len) {
	static const struct {
		uint16_t stream;
		uint8_t fsn;
	} mixed[] = {{1, 0}, {2, 0}, {1, 2}, {2, 1}, {1, 1}, {2, 2}};
	static const uint8_t flags[] = {B, 0, E};
	if (interleaving) {
		script_give_i_data(s, s->tsn + step, mixed[step].stream, 0, mixed[step].fsn, flags[mixed[step].fsn] | u, len);
	} else {
		static const uint8_t order[] = {0, 2, 1, 3, 5, 4};
		uint32_t n = order[step];
		script_give_data(s, s->tsn + n, (uint16_t)(1 + n / 3), 0, flags[n % 3] | u, len);
	}
}

static uint64_t stream_base(const struct script *s, uint16_t stream) {
	const struct rx_stream *rx = idmap_get(&s->sctp->rx.in.to.streams, stream);
	return rx ? rx->unordered_mid : SERIAL_ORIGIN;
}

/* Whichever allocation fails at whichever fragment: it is not acknowledged, nothing is left of it, and when it comes again all is
 * well. */
START_TEST(test_a_fragment_without_memory_leaves_nothing_and_comes_again) {
	for (unsigned way = 0; way < 16; way++) {
		for (unsigned n = 0; n < 6 * 8; n++) {
			const unsigned at = n / 8, fail_at = 1 + n % 8;
			const bool interleaving = way & 1;
			struct script s;
			open_script(&s, interleaving, way & 8 ? 100 : 0);
			const uint8_t u = way & 2 ? U : 0;
			const size_t len = way & 4 ? 1000 : 20;
			for (unsigned step = 0; step < 6; step++) {
				uint32_t count = s.sctp->rx.in.interleaved.count;
				uint64_t base = stream_base(&s, 1), payload = s.sctp->rx.window->payload;
				s.memory.fail_at = step == at ? fail_at : 0;
				s.memory.fail_for = 8;
				give_step(&s, interleaving, step, u, len);
				s.memory.fail_at = 0;
				ck_assert(association_check(s.sctp));
				/* For the map of TSNs too there may be none. */
				if (s.sctp->rx.stats.memory_drops + s.sctp->rx.stats.window_drops) {
					ck_assert_uint_eq(s.sctp->rx.in.interleaved.count, count);
					ck_assert_uint_eq(stream_base(&s, 1), base);
					ck_assert_uint_eq(s.sctp->rx.window->payload, payload);
					s.sctp->rx.stats.memory_drops = s.sctp->rx.stats.window_drops = 0;
					give_step(&s, interleaving, step, u, len);
				}
				ck_assert(association_check(s.sctp));
			}
			uint64_t bytes = 0;
			for (size_t i = 0; i < s.message_count; i++)
				bytes += s.messages[i].len;
			ck_assert_uint_eq(bytes, 6 * len);
			ck_assert_uint_eq(s.sctp->rx.window->held, 0);
			script_free(&s);
		}
	}
}
END_TEST

SUITE("sctp fragments", test_fragments_stand_beside_those_that_they_fit_and_no_others,
      test_a_beginning_behind_a_beginning_is_a_violation_with_parts_and_without,
      test_an_fsn_that_no_message_can_have_ends_the_association_and_leaves_nothing,
      test_a_fragment_that_came_already_is_acknowledged_and_dropped,
      test_a_fragment_without_memory_leaves_nothing_and_comes_again)
