/* Memory runs out at each allocation in turn, once or for a while: nothing crashes, nothing leaks, and the association either
 * lives on and delivers, or ends with an error that says so. Leaks end the program when the hosts are freed. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/pair.h"

struct scene {
	struct sim sim;
	struct sctp_host *a, *b;
	struct ledger to_a, to_b;
};

static void send_some(struct scene *s, struct sctp_host *from) {
	static const size_t sizes[] = {1, 5000, 100, 70000, 1100, 20};
	(void)s;
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		sluice_send_info info = {.stream = (uint16_t)(i * 100), .unordered = i % 3 == 2};
		if (i == 4)
			info.reliability = SLUICE_MAX_RETRANSMITS;
		int rc = sctp_host_send(from, &info, sizes[i]);
		ck_assert(rc == 0 || rc == SLUICE_NO_MEMORY || rc == SLUICE_CLOSED);
	}
}

static bool over(const struct scene *s) {
	return s->a->ended && s->b->ended;
}

static bool settled(const struct scene *s) {
	return over(s) || (ledger_complete(&s->to_a) && ledger_complete(&s->to_b) && s->a->connected && s->b->connected);
}

static void exchange(struct scene *s) {
	if (sluice_sctp_connect(s->a->sctp) < 0)
		return;
	SIM_UNTIL(&s->sim, s->sim.now + 30 * SLUICE_S, s->a->ended || (s->a->connected && s->b->connected));
	if (!s->a->connected)
		return;
	send_some(s, s->a);
	send_some(s, s->b);
	int rc = sluice_sctp_reset_stream(s->a->sctp, 300);
	ck_assert(rc == 0 || rc == SLUICE_NO_MEMORY || rc == SLUICE_CLOSED || rc == SLUICE_WRONG_STATE);
	/* An error of one side reaches the other, by an ABORT or by the lack of answers. */
	ck_assert(SIM_UNTIL(&s->sim, s->sim.now + 120 * SLUICE_S, settled(s)));
	if (over(s)) {
		ck_assert(s->a->end_error != 0 || s->b->end_error != 0);
		return;
	}
	rc = sluice_sctp_shutdown(s->a->sctp);
	ck_assert(rc == 0 || s->a->ended);
	ck_assert(SIM_UNTIL(&s->sim, s->sim.now + 120 * SLUICE_S, over(s)));
}

/* One run in which allocation number n of one host fails, and the m - 1 behind it. False when there were fewer. */
static bool run(uint64_t seed, uint64_t n, uint64_t m, bool at_a) {
	struct memory bad = {.fail_at = n, .fail_for = m}, good = {0};
	struct scene s = {0};
	bool failed = true;
	sim_init(&s.sim, seed);
	s.sim.describe = packet_describe;
	ledger_init(&s.to_a, 1);
	ledger_init(&s.to_b, 2);
	s.a = sctp_host_try(&s.sim, "a", NULL, at_a ? bad : good);
	s.b = s.a ? sctp_host_try(&s.sim, "b", NULL, at_a ? good : bad) : NULL;
	if (s.a && s.b) {
		struct link_config link = {.delay = 10 * SLUICE_MS, .rate = 50000000, .loss = seed % 2 ? 0.05 : 0};
		s.a->sends = s.b->receives = &s.to_b;
		s.b->sends = s.a->receives = &s.to_a;
		sim_join(&s.sim, s.a->host, s.b->host, &link);
		exchange(&s);
		failed = (at_a ? s.a : s.b)->memory.failures > 0;
	}
	sim_close(&s.sim);
	ledger_free(&s.to_a);
	ledger_free(&s.to_b);
	return failed;
}

static void every_allocation(bool at_a, uint64_t in_a_row) {
	for (uint64_t seed = sim_seed(0); seed <= sim_last(1); seed++) {
		uint64_t n = 1;
		while (run(seed, n, in_a_row, at_a))
			n++;
		ck_assert_uint_gt(n, 10);
	}
}

START_TEST(test_each_allocation_of_the_client_may_fail) {
	every_allocation(true, 1);
}
END_TEST

START_TEST(test_each_allocation_of_the_server_may_fail) {
	every_allocation(false, 1);
}
END_TEST

START_TEST(test_five_allocations_in_a_row_may_fail) {
	every_allocation(true, 5);
	every_allocation(false, 5);
}
END_TEST

START_TEST(test_memory_may_run_out_for_good) {
	for (uint64_t n = 1; run(0, n, UINT64_MAX, true); n += 3)
		;
	for (uint64_t n = 1; run(0, n, UINT64_MAX, false); n += 3)
		;
}
END_TEST

SUITE("allocation failure", test_each_allocation_of_the_client_may_fail, test_each_allocation_of_the_server_may_fail,
      test_five_allocations_in_a_row_may_fail, test_memory_may_run_out_for_good)
