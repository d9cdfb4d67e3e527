/* Memory runs out at each allocation of an agent in turn, once or for good: nothing crashes, nothing leaks, and after a single
 * failure the agents still find each other, or the call that failed said so. */
#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define RTT (20 * SLUICE_MS)

static const struct ice_server servers[] = {
	{.host = "192.0.2.1"},
	{.host = "turn.example.org", .turn = true, .username = "user", .password = "secret"},
};

struct scene {
	struct ice_world w;
	struct ice_agent *a, *b;
};

static void restart(struct scene *s) {
	if (ice_restart(s->a->ice) < 0 || ice_restart(s->b->ice) < 0)
		return;
	s->a->trickled = s->a->told_count;
	s->b->trickled = s->b->told_count;
	ice_gather(s->a->ice, s->w.now);
	ice_gather(s->b->ice, s->w.now);
	ice_world_run(&s->w, s->w.now + SLUICE_S);
	ice_world_give(s->a, s->b);
	ice_world_give(s->b, s->a);
}

static void live(struct scene *s, bool once) {
	int nat = ice_world_nat(&s->w, NAT_PORT_RESTRICTED, "198.51.100.1", false);
	s->a->names = s->b->names = ice_world_address("192.0.2.9", 0);
	ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, nat, 65535, "a.local");
	ice_world_socket(&s->w, s->b, "198.51.100.7", 6000, -1, 65535, NULL);
	static const uint8_t hello[] = {22, 254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
	sluice_datagram flight = {.data = (uint8_t *)(uintptr_t)hello, .len = sizeof hello};
	ice_sped_start(s->a->ice);
	ice_sped_flight(s->a->ice, &flight, 1, s->w.now);
	ice_gather(s->a->ice, s->w.now);
	ice_gather(s->b->ice, s->w.now);
	ice_world_run(&s->w, s->w.now + SLUICE_S);
	ice_world_give(s->a, s->b); /* b checks before a knows its password */
	ice_world_run(&s->w, s->w.now + SLUICE_S);
	ice_world_give(s->b, s->a);
	ice_world_run(&s->w, s->w.now + 12 * SLUICE_S);
	sluice_path path;
	if (once && ice_local_count(s->a->ice) && ice_local_count(s->b->ice) && s->a->ice->current->remote_pwd &&
	    s->b->ice->current->remote_pwd)
		ck_assert(ice_route(s->a->ice, &path) && ice_route(s->b->ice, &path));
	restart(s);
	ice_world_run(&s->w, s->w.now + 12 * SLUICE_S);
}

/* False when there were fewer than n allocations. */
static bool run(uint64_t n, uint64_t in_a_row) {
	struct memory bad = {.fail_at = n, .fail_for = in_a_row}, good = {0};
	struct ice_config config = {.servers = servers, .server_count = 2};
	struct scene s;
	bool failed = true;
	ice_world_init(&s.w, 1, RTT / 2);
	ice_world_stun(&s.w, "192.0.2.1", 3478);
	ice_world_turn(&s.w, "192.0.2.9", 3478);
	s.a = ice_world_agent(&s.w, "a", &config, bad);
	config.controlling = true;
	s.b = s.a ? ice_world_agent(&s.w, "b", &config, good) : NULL;
	if (s.b) {
		live(&s, in_a_row == 1);
		failed = s.a->memory.failures > 0;
	}
	ice_world_close(&s.w);
	return failed;
}

START_TEST(test_each_allocation_may_fail) {
	uint64_t n = 1;
	while (run(n, 1))
		n++;
	ck_assert_uint_gt(n, 50);
}
END_TEST

START_TEST(test_memory_may_run_out_for_good) {
	for (uint64_t n = 1; run(n, UINT64_MAX); n += 2)
		;
}
END_TEST

SUITE("ice memory", test_each_allocation_may_fail, test_memory_may_run_out_for_good)
