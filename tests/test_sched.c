/* The order in which schedulers let streams go: RFC 8260, 3. */
#include "suite.h"

#include "sctp/tx/sched.h"
#include "sluice/sctp.h"

#define STREAMS 4

/* Streams A to D with endless chunks of these sizes (0: not there). */
struct order {
	enum sluice_scheduler scheduler;
	uint32_t size[STREAMS];
	uint16_t priority[STREAMS], weight[STREAMS];
	const char *expected;
};

static const struct order orders[] = {
	{SLUICE_SCHEDULER_ROUND_ROBIN, {1000, 10, 500}, {0}, {0}, "ABCABCABC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN, {1000, 10, 500}, {1, 900, 3}, {1, 1000, 1}, "ABCABCABC"},
	{SLUICE_SCHEDULER_ROUND_ROBIN_PACKET, {1000, 1000}, {0}, {0}, "ABABAB"},
	{SLUICE_SCHEDULER_PRIORITY, {1000, 1000, 1000}, {128, 512, 0}, {0}, "BBBBBB"},
	{SLUICE_SCHEDULER_PRIORITY, {1000, 1000, 1000}, {512, 128, 512}, {0}, "ACACAC"},
	{SLUICE_SCHEDULER_PRIORITY, {1000, 1000}, {0, 257}, {0}, "BBBB"},
	{SLUICE_SCHEDULER_FAIR, {1000, 500}, {0}, {0}, "ABBABBABB"},
	{SLUICE_SCHEDULER_FAIR, {1000, 1000, 1000, 1000}, {0}, {1, 2, 3, 4}, "ABCDABCD"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, {1000, 1000}, {0}, {512, 256}, "ABABAABAAB"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, {1000, 1000}, {0}, {256, 0}, "ABABAB"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, {1000, 1000, 1000}, {0}, {1024, 128, 128}, "ABCAAAAAAABCA"},
	{SLUICE_SCHEDULER_WEIGHTED_FAIR, {100, 1000}, {0}, {256, 256}, "ABAAAAAAAAABA"},
};

static void check_order(const struct order *o) {
	struct sched s = {.ops = sched_by_number(o->scheduler)};
	struct sched_entry e[STREAMS] = {0};
	char got[32] = "";
	for (unsigned i = 0; i < STREAMS; i++) {
		e[i].priority = o->priority[i];
		e[i].weight = o->weight[i];
		if (o->size[i])
			sched_enter(&s, &e[i], i);
	}
	for (size_t n = 0; o->expected[n]; n++) {
		struct sched_entry *next = sched_first(&s);
		got[n] = (char)('A' + (next - e));
		sched_charge(&s, next, o->size[next - e], 0);
		ck_assert(sched_check(&s));
	}
	ck_assert_str_eq(got, o->expected);
}

START_TEST(test_each_scheduler_has_its_order) {
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
		check_order(&orders[i]);
}
END_TEST

START_TEST(test_first_come_goes_by_the_number_of_the_message) {
	struct sched s = {.ops = sched_by_number(SLUICE_SCHEDULER_FIRST_COME)};
	struct sched_entry e[3] = {0};
	sched_enter(&s, &e[0], 5);
	sched_enter(&s, &e[1], 3);
	sched_enter(&s, &e[2], 4);
	ck_assert_ptr_eq(sched_first(&s), &e[1]);
	sched_charge(&s, &e[1], 100, 6);
	ck_assert_ptr_eq(sched_first(&s), &e[2]);
	sched_leave(&s, &e[2]);
	ck_assert_ptr_eq(sched_first(&s), &e[0]);
	sched_leave(&s, &e[0]);
	ck_assert_ptr_eq(sched_first(&s), &e[1]);
}
END_TEST

START_TEST(test_who_comes_back_after_a_pause_has_saved_up_nothing) {
	struct sched s = {.ops = sched_by_number(SLUICE_SCHEDULER_WEIGHTED_FAIR)};
	struct sched_entry e[2] = {0};
	sched_enter(&s, &e[0], 0);
	for (int i = 0; i < 1000; i++)
		sched_charge(&s, &e[0], 1000, 0);
	sched_enter(&s, &e[1], 0);
	unsigned had[2] = {0};
	for (int i = 0; i < 100; i++) {
		struct sched_entry *next = sched_first(&s);
		had[next - e]++;
		sched_charge(&s, next, 1000, 0);
	}
	ck_assert_uint_ge(had[0], 49);
	ck_assert_uint_ge(had[1], 49);
}
END_TEST

START_TEST(test_virtual_time_and_turns_run_around) {
	struct sched s = {.ops = sched_by_number(SLUICE_SCHEDULER_WEIGHTED_FAIR),
	                  .turn = UINT64_MAX - 2,
	                  .virtual_time = UINT64_MAX - 1000000};
	struct sched_entry e[2] = {0};
	e[0].finish = e[1].finish = s.virtual_time;
	sched_enter(&s, &e[0], 0);
	sched_enter(&s, &e[1], 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_ptr_eq(sched_first(&s), &e[i % 2]);
		sched_charge(&s, &e[i % 2], 1000, 0);
	}
}
END_TEST

/* Against the plain way: look at all. */
static struct sched_entry *least_of(struct sched_entry *e, size_t count) {
	struct sched_entry *least = NULL;
	for (size_t i = 0; i < count; i++)
		if (e[i].in &&
		    (!least || e[i].node.key < least->node.key || (e[i].node.key == least->node.key && e[i].turn < least->turn)))
			least = &e[i];
	return least;
}

/* equal: all weigh the same and get the same, so they stand in the line; else most of them go through the heap. */
static void come_and_go(unsigned scheduler, bool equal) {
	enum { MANY = 300 };
	static struct sched_entry e[MANY];
	struct sched s = {.ops = sched_by_number(scheduler)};
	uint32_t random = 12345;
	for (int i = 0; i < MANY; i++) {
		uint16_t number = equal ? 0 : (uint16_t)(1 + i * 7 % 1000);
		e[i] = (struct sched_entry){.weight = number, .priority = number};
	}
	for (uint32_t n = 0; n < 20000; n++) {
		random = random * 1664525 + 1013904223;
		struct sched_entry *one = &e[(random >> 8) % MANY];
		uint32_t arrival = equal ? n : n ^ (random >> 20);
		if (!one->in)
			sched_enter(&s, one, arrival);
		else if (random >> 28 < 12)
			sched_charge(&s, sched_first(&s), equal ? 1000 : 1 + (random >> 12) % 1200, arrival);
		else
			sched_leave(&s, one);
		ck_assert_ptr_eq(sched_first(&s), least_of(e, MANY));
		if (n % 100 == 0)
			ck_assert(sched_check(&s));
	}
	while (s.count)
		sched_leave(&s, sched_first(&s));
	ck_assert(sched_check(&s) && !sched_first(&s));
}

START_TEST(test_the_least_of_many_that_come_and_go_is_next) {
	for (unsigned n = SLUICE_SCHEDULER_FIRST_COME; n <= SLUICE_SCHEDULER_WEIGHTED_FAIR; n++) {
		come_and_go(n, true);
		come_and_go(n, false);
	}
}
END_TEST

/* Whatever the policy, a stream that is alone for some turns stands where it would after each turn by itself, and so does one
 * that comes next. */
START_TEST(test_a_run_of_turns_counts_as_each_turn_by_itself) {
	for (unsigned n = SLUICE_SCHEDULER_FIRST_COME; n <= SLUICE_SCHEDULER_WEIGHTED_FAIR; n++) {
		struct sched single = {.ops = sched_by_number(n)}, run = single;
		struct sched_entry a[2] = {{.weight = 512}, {.weight = 512}}, b[2] = {0};
		sched_enter(&single, &a[0], 1);
		sched_enter(&run, &a[1], 1);
		for (unsigned i = 0; i < 3; i++)
			sched_charge(&single, &a[0], 100 + 100 * i, 7);
		sched_charge_run(&run, &a[1], 300, 300, 7);
		sched_enter(&single, &b[0], 9);
		sched_enter(&run, &b[1], 9);
		ck_assert_uint_eq(a[0].node.key, a[1].node.key);
		ck_assert_uint_eq(b[0].node.key, b[1].node.key);
		sched_leave(&single, &b[0]);
		sched_leave(&run, &b[1]);
		sched_charge(&single, &a[0], 800, 0);
		sched_leave(&single, &a[0]);
		sched_leave_run(&run, &a[1], 0, 800);
		ck_assert(sched_check(&run) && !sched_first(&run) && !a[1].in);
		sched_enter(&single, &a[0], 12);
		sched_enter(&run, &a[1], 12);
		ck_assert_uint_eq(a[0].node.key, a[1].node.key);
	}
}
END_TEST

START_TEST(test_there_is_a_scheduler_for_each_number_and_no_more) {
	ck_assert_ptr_null(sched_by_number(SLUICE_SCHEDULER_DEFAULT));
	for (unsigned n = SLUICE_SCHEDULER_FIRST_COME; n <= SLUICE_SCHEDULER_WEIGHTED_FAIR; n++)
		ck_assert_ptr_nonnull(sched_by_number(n));
	ck_assert_ptr_null(sched_by_number(SLUICE_SCHEDULER_WEIGHTED_FAIR + 1));
}
END_TEST

SUITE("schedulers", test_each_scheduler_has_its_order, test_first_come_goes_by_the_number_of_the_message,
      test_who_comes_back_after_a_pause_has_saved_up_nothing, test_virtual_time_and_turns_run_around,
      test_the_least_of_many_that_come_and_go_is_next, test_a_run_of_turns_counts_as_each_turn_by_itself,
      test_there_is_a_scheduler_for_each_number_and_no_more)
