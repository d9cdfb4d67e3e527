/* Memory runs out at each allocation of a call with audio and video in turn: nothing crashes, nothing leaks, and after the same
 * calls again frames travel, or the peers are over. */
#include "peer_media_kit.h"

static struct av k; /* a test runs in a process of its own */

static bool works(void) {
	for (unsigned i = 0; i < k.b.count; i++)
		if (k.b.flows[i].got > 3)
			return true;
	return false;
}

static bool is_over(void) {
	return caller_is_over(k.a.caller) && caller_is_over(k.b.caller);
}

/* After NO_MEMORY the app makes the same call once more. */
static void try_again(void) {
	struct caller *a = k.a.caller, *b = k.b.caller;
	if (caller_is_over(a) || caller_is_over(b)) {
		sluice_peer_close(a->peer);
		sluice_peer_close(b->peer);
		return;
	}
	if (sluice_peer_signaling_state(a->peer) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER)
		sluice_peer_set_local_description(a->peer, SLUICE_SDP_ROLLBACK, NULL);
	if (sluice_peer_signaling_state(b->peer) == SLUICE_SIGNALING_HAVE_REMOTE_OFFER)
		sluice_peer_set_remote_description(b->peer, SLUICE_SDP_ROLLBACK, NULL, 0);
	if (sluice_peer_signaling_state(a->peer) == SLUICE_SIGNALING_STABLE)
		caller_offer(a);
}

/* Makes transceivers as an app would that tries until it has them. */
static void add_all(void) {
	static const enum sluice_media_kind kinds[] = {SLUICE_AUDIO, SLUICE_VIDEO};
	for (int i = 0; i < 2; i++) {
		sluice_transceiver *t = NULL;
		int error = SLUICE_NO_MEMORY;
		for (int tries = 0; tries < 9 && error == SLUICE_NO_MEMORY; tries++)
			error = sluice_peer_add_transceiver(k.a.caller->peer, kinds[i], NULL, &t);
		ck_assert_int_eq(error, 0);
		av_send(av_adopt(&k.a, t), 20 * SLUICE_MS);
	}
}

/* False: there were fewer allocations. */
static bool run(uint64_t n, uint64_t m, bool at_a) {
	av_begin(&k, NULL);
	k.a.caller->tolerant = k.b.caller->tolerant = true;
	k.b.tolerant = k.a.tolerant = true;
	struct memory *memory = at_a ? &k.a.caller->memory : &k.b.caller->memory;
	memory->fail_at = n;
	memory->fail_for = m;
	memory->failures = 0;
	add_all();
	for (int i = 0; i < 20 && !works() && !is_over(); i++) {
		SIM_UNTIL(&k.sim, k.sim.now + 3 * SLUICE_S, works() || is_over());
		if (!works() && !is_over())
			try_again();
	}
	ck_assert_msg(works() || is_over(), "allocation %u of %s: a: %s; b: %s", (unsigned)n, at_a ? "a" : "b", k.a.caller->log,
	              k.b.caller->log);
	bool failed = memory->failures > 0;
	av_end(&k);
	return failed;
}

static void every_allocation(uint64_t in_a_row) {
	for (int side = 0; side < 2; side++) {
		uint64_t n = sim_seed(1);
		while (run(n, in_a_row, side == 0))
			n++;
		ck_assert_uint_gt(n, 10);
	}
}

START_TEST(test_each_allocation_of_a_call_with_media_may_fail) {
	every_allocation(1);
}
END_TEST

START_TEST(test_four_allocations_in_a_row_may_fail) {
	every_allocation(4);
}
END_TEST

SUITE("media, allocation failure", test_each_allocation_of_a_call_with_media_may_fail, test_four_allocations_in_a_row_may_fail)
