/* Memory runs out at each allocation of a whole call in turn: nothing crashes, nothing leaks, and the call either comes about or
 * ends on both sides. What was refused for want of memory is simply tried again, as an app would. */
#include "sim/caller.h"
#include "suite.h"

struct call {
	struct sim sim;
	struct caller *a, *b;
};

static bool settled(const struct call *w) {
	return (caller_is_over(w->a) && caller_is_over(w->b)) || w->b->received >= 1;
}

/* After NO_MEMORY the app makes the same call once more. */
static void offer_until_taken(struct call *w) {
	for (int i = 0; i < 20 && !settled(w); i++) {
		if (!w->a->channel && !caller_is_over(w->a)) /* never opened, or closed for want of memory */
			caller_open(w->a, "hello");
		SIM_UNTIL(&w->sim, w->sim.now + 3 * SLUICE_S, settled(w));
		if (settled(w))
			return;
		/* What was not sent for want of memory is sent again; who learns that the other side has ended ends as well. */
		if (w->a->channel && sluice_channel_state(w->a->channel) == SLUICE_CHANNEL_OPEN)
			sluice_channel_send_text(w->a->channel, "hello", 5);
		if (caller_is_over(w->a) || caller_is_over(w->b)) {
			sluice_peer_close(w->a->peer);
			sluice_peer_close(w->b->peer);
			continue;
		}
		if (sluice_peer_signaling_state(w->a->peer) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER)
			sluice_peer_set_local_description(w->a->peer, SLUICE_SDP_ROLLBACK, NULL);
		if (sluice_peer_signaling_state(w->b->peer) == SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
			sluice_peer_set_remote_description(w->b->peer, SLUICE_SDP_ROLLBACK, NULL, 0);
		if (sluice_peer_signaling_state(w->a->peer) == SLUICE_SIGNALING_STABLE && !w->a->received)
			caller_offer(w->a);
	}
}

/* One call in which allocation number n of one side fails, and m - 1 behind it. False when there were fewer. */
static bool run(uint64_t n, uint64_t m, bool at_a, bool shortcuts) {
	struct call w;
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.offer_snap = c.offer_sped = shortcuts;
	sim_init(&w.sim, sim_seed(5));
	w.a = caller_new(&w.sim, "a", &c);
	w.b = caller_new(&w.sim, "b", NULL);
	w.a->trickle = w.b->trickle = w.a->tolerant = w.b->tolerant = true;
	caller_join(w.a, w.b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
	struct memory *memory = at_a ? &w.a->memory : &w.b->memory;
	memory->fail_at = n;
	memory->fail_for = m;
	memory->failures = 0;
	offer_until_taken(&w);
	/* When several fail in a row, the channel that a message opens may be dropped without a word (dcep counts it), so there
	 * the connection alone has to stand. */
	bool stands = m > 1 && w.a->state == SLUICE_PEER_CONNECTED && w.b->state == SLUICE_PEER_CONNECTED;
	ck_assert_msg(settled(&w) || stands, "allocation %u of %s: a: %s; b: %s", (unsigned)n, at_a ? "a" : "b", w.a->log,
	              w.b->log);
	bool failed = memory->failures > 0;
	sim_close(&w.sim);
	return failed;
}

static void every_allocation(uint64_t in_a_row, bool shortcuts) {
	for (int side = 0; side < 2; side++) {
		uint64_t n = sim_seed(1);
		while (run(n, in_a_row, side == 0, shortcuts))
			n++;
		ck_assert_uint_gt(n, 10);
	}
}

START_TEST(test_each_allocation_of_a_call_may_fail) {
	every_allocation(1, false);
}
END_TEST

START_TEST(test_each_allocation_of_a_call_with_shortcuts_may_fail) {
	every_allocation(1, true);
}
END_TEST

START_TEST(test_five_allocations_in_a_row_may_fail) {
	every_allocation(5, false);
}
END_TEST

SUITE("call, allocation failure", test_each_allocation_of_a_call_may_fail, test_each_allocation_of_a_call_with_shortcuts_may_fail,
      test_five_allocations_in_a_row_may_fail)
