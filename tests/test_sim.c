/* The simulator itself: plain datagram nodes, so that a wrong test of an association is not the simulator's fault. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/memory.h"
#include "sim/sim.h"
#include "sluice/error.h"
#include "suite.h"

/* A node that sends `count` datagrams, `gap` ns apart, each with its number in the first four bytes; or echoes what comes. */
struct node {
	struct sim *sim;
	uint32_t sent, count;
	uint64_t gap, next;
	size_t len;
	bool echo;
	uint8_t back[64][2000];
	size_t back_len[64], back_count;

	uint32_t got[4096];
	uint64_t at[4096];
	size_t lens[4096];
	uint32_t got_count, inputs;
	uint32_t flipped;
};

static int node_input(void *ctx, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	struct node *n = ctx;
	(void)from;
	n->inputs++;
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		memcpy(&number, d[i].data, 4);
		ck_assert_uint_lt(n->got_count, 4096);
		n->got[n->got_count] = number;
		n->lens[n->got_count] = d[i].len;
		n->at[n->got_count++] = now;
		for (size_t k = 4; k < d[i].len; k++)
			n->flipped += d[i].data[k] != 0x55;
		if (n->echo && n->back_count < 64) {
			memcpy(n->back[n->back_count], d[i].data, d[i].len);
			n->back_len[n->back_count++] = d[i].len;
		}
	}
	return 0;
}

static void node_advance(void *ctx, uint64_t now) {
	(void)ctx, (void)now;
}

static int node_output(void *ctx, sluice_batch *b, uint64_t now) {
	struct node *n = ctx;
	b->count = 0;
	if (n->back_count) {
		n->back_count--;
		memcpy(b->data, n->back[n->back_count], n->back_len[n->back_count]);
		b->count = 1;
		b->stride = b->last = n->back_len[n->back_count];
		return 1;
	}
	while (n->sent < n->count && n->next <= now && b->count < b->max_datagrams) {
		uint8_t *slot = b->data + b->count * n->len;
		memset(slot, 0x55, n->len);
		memcpy(slot, &n->sent, 4);
		n->sent++;
		n->next += n->gap;
		b->count++;
	}
	b->stride = b->last = n->len;
	return (int)b->count;
}

static uint64_t node_deadline(void *ctx) {
	struct node *n = ctx;
	return n->sent < n->count ? n->next : SLUICE_NEVER;
}

static const struct sim_node_ops node_ops = {
	.input = node_input, .advance = node_advance, .output = node_output, .deadline = node_deadline};

struct scene {
	struct sim sim;
	struct node a, b;
	struct sim_host *ha, *hb;
	struct sim_link *ab, *ba;
};

static struct scene *scene(uint64_t seed, const struct link_config *config, uint32_t count, uint64_t gap, size_t len) {
	struct scene *s = calloc(1, sizeof *s);
	sim_init(&s->sim, seed);
	s->a = (struct node){.sim = &s->sim, .count = count, .gap = gap, .next = s->sim.now, .len = len};
	s->ha = sim_add_host(&s->sim, "a", &node_ops, &s->a, NULL);
	s->hb = sim_add_host(&s->sim, "b", &node_ops, &s->b, NULL);
	sim_join(&s->sim, s->ha, s->hb, config);
	s->ab = sim_link(&s->sim, s->ha, s->hb);
	s->ba = sim_link(&s->sim, s->hb, s->ha);
	return s;
}

static void scene_free(struct scene *s) {
	sim_close(&s->sim);
	free(s);
}

START_TEST(test_a_datagram_takes_the_delay_of_the_link) {
	struct scene *s = scene(1, &(struct link_config){.delay = 7 * SLUICE_MS}, 1, 0, 100);
	uint64_t start = s->sim.now;
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1);
	ck_assert_uint_eq(s->b.at[0], start + 7 * SLUICE_MS);
	ck_assert_uint_eq(s->sim.now, start + SLUICE_S);
	scene_free(s);
}
END_TEST

START_TEST(test_an_echo_takes_a_round_trip) {
	struct scene *s = scene(1, &(struct link_config){.delay = 7 * SLUICE_MS}, 1, 0, 100);
	s->b.echo = true;
	uint64_t start = s->sim.now;
	ck_assert(SIM_UNTIL(&s->sim, start + SLUICE_S, s->a.got_count == 1));
	ck_assert_uint_eq(s->sim.now, start + 14 * SLUICE_MS);
	scene_free(s);
}
END_TEST

START_TEST(test_what_arrives_at_one_instant_comes_in_one_input) {
	struct scene *s = scene(1, &(struct link_config){.delay = SLUICE_MS}, 40, 0, 100);
	sim_run(&s->sim, 2 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 40);
	ck_assert_uint_eq(s->b.inputs, 1);
	scene_free(s);
}
END_TEST

START_TEST(test_the_rate_spaces_datagrams_out) {
	/* 1250 bytes at 10 Mbit/s: one a millisecond. */
	struct scene *s = scene(1, &(struct link_config){.rate = 10000000}, 10, 0, 1250);
	uint64_t start = s->sim.now;
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 10);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_uint_eq(s->b.at[i], start + (i + 1) * SLUICE_MS);
	scene_free(s);
}
END_TEST

START_TEST(test_a_full_queue_drops_the_tail) {
	struct scene *s = scene(1, &(struct link_config){.rate = 10000000, .queue = 5000}, 10, 0, 1250);
	sim_run(&s->sim, 2 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 4);
	ck_assert_uint_eq(s->b.got[3], 3);
	ck_assert_uint_eq(s->ab->queue_drops, 6);
	scene_free(s);
}
END_TEST

START_TEST(test_two_links_share_a_bottleneck_and_its_queue) {
	/* 1250 bytes at 10 Mbit/s: one a millisecond; eight at once into a queue of 5000 bytes. */
	struct scene *s = scene(1, NULL, 4, 0, 1250);
	struct bottleneck b = {.rate = 10000000, .queue = 5000};
	uint64_t start = s->sim.now;
	s->ab->bottleneck = s->ba->bottleneck = &b;
	s->b.count = 4;
	s->b.len = 1250;
	s->b.next = start;
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count + s->a.got_count, 4);
	ck_assert_uint_eq(b.datagrams, 4);
	ck_assert_uint_eq(b.drops, 4);
	ck_assert_uint_eq(b.busy_until, start + 4 * SLUICE_MS);
	/* They waited 0, 1, 2 and 3 ms. */
	ck_assert_uint_eq(bottleneck_mean_wait(&b), 3 * SLUICE_MS / 2);
	ck_assert_uint_eq(bottleneck_wait_below(&b, 0.25), SLUICE_US);
	ck_assert_uint_ge(bottleneck_wait_below(&b, 1), 3 * SLUICE_MS);
	ck_assert_uint_le(bottleneck_wait_below(&b, 1), 3 * SLUICE_MS * 17 / 16);
	bottleneck_measure(&b, s->sim.now);
	ck_assert_uint_eq(b.datagrams, 0);
	ck_assert_uint_eq(bottleneck_mean_wait(&b), 0);
	scene_free(s);
}
END_TEST

START_TEST(test_the_receivers_card_hands_over_what_came_in_its_interval_at_once) {
	/* One a millisecond, collected for 4 ms. */
	struct scene *s = scene(1, &(struct link_config){.rate = 10000000, .coalesce = 4 * SLUICE_MS}, 8, 0, 1250);
	uint64_t start = s->sim.now;
	ck_assert_uint_eq(start % (4 * SLUICE_MS), 0);
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 8);
	ck_assert_uint_eq(s->b.inputs, 2);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(s->b.at[i], start + (i / 4 + 1) * 4 * SLUICE_MS);
	scene_free(s);
}
END_TEST

START_TEST(test_what_comes_while_the_receiver_stalls_comes_together_at_the_end) {
	/* One each tenth of a millisecond for 100 ms; about ten stalls of up to 4 ms. */
	struct scene *s = scene(1, &(struct link_config){.stall_every = 10 * SLUICE_MS, .stall_most = 4 * SLUICE_MS}, 1000,
	                        SLUICE_MS / 10, 100);
	sim_run(&s->sim, s->sim.now + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1000);
	unsigned stalls = 0;
	for (unsigned i = 1; i < 1000; i++) {
		ck_assert_uint_eq(s->b.got[i], s->b.got[i - 1] + 1);
		uint64_t gap = s->b.at[i] - s->b.at[i - 1];
		ck_assert_uint_le(gap, 4 * SLUICE_MS + SLUICE_MS / 10);
		stalls += gap > SLUICE_MS / 5;
	}
	ck_assert_uint_gt(stalls, 4);
	ck_assert_uint_lt(stalls, 20);
	ck_assert_uint_lt(s->b.inputs, 900);
	scene_free(s);
}
END_TEST

START_TEST(test_a_quick_world_has_the_same_history) {
	struct scene *s[2];
	for (unsigned i = 0; i < 2; i++) {
		struct link_config line = {
			.rate = 5000000, .delay = 3 * SLUICE_MS, .loss = 0.1, .reorder = 0.1, .reorder_delay = SLUICE_MS};
		line.reorder_jitter = 4 * SLUICE_MS;
		s[i] = scene(7, &line, 1000, SLUICE_MS, 500);
		s[i]->b.echo = true;
		s[i]->sim.quick = i;
		sim_run(&s[i]->sim, 3 * SLUICE_S);
	}
	ck_assert_uint_gt(s[0]->b.got_count, 800);
	ck_assert_uint_eq(s[0]->b.got_count, s[1]->b.got_count);
	ck_assert_uint_eq(s[0]->a.got_count, s[1]->a.got_count);
	ck_assert_mem_eq(s[0]->b.got, s[1]->b.got, sizeof s[0]->b.got);
	ck_assert_mem_eq(s[0]->b.at, s[1]->b.at, sizeof s[0]->b.at);
	ck_assert_mem_eq(s[0]->a.at, s[1]->a.at, sizeof s[0]->a.at);
	scene_free(s[0]);
	scene_free(s[1]);
}
END_TEST

START_TEST(test_a_mask_drops_just_those) {
	struct scene *s = scene(1, &(struct link_config){.mask = 0x15}, 6, 0, 100);
	sim_run(&s->sim, 2 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 3);
	ck_assert_uint_eq(s->b.got[0], 1);
	ck_assert_uint_eq(s->b.got[1], 3);
	ck_assert_uint_eq(s->b.got[2], 5);
	scene_free(s);
}
END_TEST

START_TEST(test_a_range_of_datagrams_can_be_dropped) {
	struct scene *s = scene(1, &(struct link_config){.drop_from = 2, .drop_to = 5}, 7, 0, 100);
	sim_run(&s->sim, 2 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 4);
	ck_assert_uint_eq(s->b.got[2], 5);
	scene_free(s);
}
END_TEST

START_TEST(test_random_loss_is_about_its_probability) {
	struct scene *s = scene(1, &(struct link_config){.loss = 0.1}, 4000, SLUICE_MS, 100);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_gt(s->b.got_count, 3500);
	ck_assert_uint_lt(s->b.got_count, 3700);
	ck_assert_uint_eq(s->ab->offered, s->ab->dropped + s->ab->delivered);
	scene_free(s);
}
END_TEST

START_TEST(test_burst_loss_comes_in_runs) {
	struct scene *s = scene(1, &(struct link_config){.burst_enter = 0.01, .burst_leave = 0.2, .burst_loss = 1}, 4000,
	                        SLUICE_MS, 100);
	sim_run(&s->sim, 10 * SLUICE_S);
	unsigned runs = 0, lost = 0;
	for (uint32_t i = 1; i < s->b.got_count; i++) {
		uint32_t missing = s->b.got[i] - s->b.got[i - 1] - 1;
		runs += missing > 0;
		lost += missing;
	}
	ck_assert_uint_gt(runs, 10);
	ck_assert_uint_gt(lost, 3 * runs); /* five on average */
	scene_free(s);
}
END_TEST

START_TEST(test_jitter_alone_never_reorders) {
	struct scene *s = scene(3, &(struct link_config){.delay = 5 * SLUICE_MS, .jitter = 20 * SLUICE_MS}, 1000, SLUICE_MS, 100);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1000);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(s->b.got[i], i);
	scene_free(s);
}
END_TEST

START_TEST(test_reordering_lets_others_pass) {
	struct scene *s = scene(1, &(struct link_config){.reorder = 0.05, .reorder_delay = 5 * SLUICE_MS}, 1000, SLUICE_MS, 100);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1000);
	unsigned late = 0;
	for (uint32_t i = 1; i < 1000; i++)
		late += s->b.got[i] < s->b.got[i - 1];
	ck_assert_uint_gt(late, 20);
	ck_assert_uint_lt(late, 90);
	scene_free(s);
}
END_TEST

START_TEST(test_duplicates_come_twice) {
	struct scene *s = scene(1, &(struct link_config){.duplicate = 1}, 10, SLUICE_MS, 100);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 20);
	ck_assert_uint_eq(s->ab->duplicated, 10);
	scene_free(s);
}
END_TEST

START_TEST(test_corruption_flips_one_bit) {
	struct scene *s = scene(1, &(struct link_config){.corrupt = 1}, 100, SLUICE_MS, 1000);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 100);
	ck_assert_uint_gt(s->b.flipped, 90);
	ck_assert_uint_le(s->b.flipped, 100);
	scene_free(s);
}
END_TEST

START_TEST(test_datagrams_above_the_mtu_vanish) {
	struct scene *s = scene(1, &(struct link_config){.mtu = 999}, 3, 0, 1000);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 0);
	s->ab->config.mtu = 1000;
	s->a.count = 4;
	sim_run(&s->sim, 20 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1);
	scene_free(s);
}
END_TEST

START_TEST(test_an_outage_ends) {
	struct scene *s = scene(1, NULL, 10, SLUICE_MS, 100);
	uint64_t start = s->sim.now;
	s->ab->config.outage_from = start + 3 * SLUICE_MS;
	s->ab->config.outage_to = start + 6 * SLUICE_MS;
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 7);
	ck_assert_uint_eq(s->b.got[3], 6);
	scene_free(s);
}
END_TEST

static enum link_verdict halve(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)link, (void)packet, (void)now;
	unsigned *seen = ctx;
	if ((*seen)++ == 1)
		return LINK_DROP;
	*len /= 2;
	return LINK_PASS;
}

START_TEST(test_a_filter_sees_changes_and_drops) {
	struct scene *s = scene(1, NULL, 3, 0, 100);
	unsigned seen = 0;
	link_filter(s->ab, halve, &seen);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(seen, 3);
	ck_assert_uint_eq(s->b.got_count, 2);
	ck_assert_uint_eq(s->b.lens[0], 50);
	ck_assert_uint_eq(s->b.got[1], 2);
	scene_free(s);
}
END_TEST

static void switch_on(void *ctx) {
	((struct sim_host *)ctx)->down = false;
}

START_TEST(test_a_host_that_is_down_hears_nothing) {
	struct scene *s = scene(1, NULL, 10, SLUICE_MS, 100);
	s->hb->down = true;
	sim_at(&s->sim, s->sim.now + 5 * SLUICE_MS, switch_on, s->hb);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 5);
	ck_assert_uint_eq(s->b.got[0], 5);
	scene_free(s);
}
END_TEST

START_TEST(test_a_datagram_from_nowhere_arrives_at_its_time) {
	struct scene *s = scene(1, NULL, 0, 0, 100);
	sim_inject(&s->sim, s->hb, "12345678", 8, s->sim.now + 3);
	sim_run(&s->sim, 10 * SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1);
	ck_assert_uint_eq(s->b.at[0], SLUICE_S + 3);
	scene_free(s);
}
END_TEST

static uint64_t fingerprint(uint64_t seed) {
	struct link_config c = {.rate = 5000000,
	                        .delay = SLUICE_MS,
	                        .jitter = 3 * SLUICE_MS,
	                        .queue = 20000,
	                        .loss = 0.05,
	                        .duplicate = 0.05,
	                        .corrupt = 0.05,
	                        .reorder = 0.1,
	                        .reorder_delay = 4 * SLUICE_MS};
	struct scene *s = scene(seed, &c, 1000, SLUICE_MS, 500);
	sim_run(&s->sim, 10 * SLUICE_S);
	uint64_t h = 1;
	for (uint32_t i = 0; i < s->b.got_count; i++)
		h = (h ^ s->b.got[i] ^ s->b.at[i]) * UINT64_C(0x100000001b3);
	scene_free(s);
	return h;
}

START_TEST(test_one_seed_is_one_history) {
	ck_assert_uint_eq(fingerprint(5), fingerprint(5));
	ck_assert_uint_ne(fingerprint(5), fingerprint(6));
}
END_TEST

START_TEST(test_the_allocator_counts_and_fails_where_it_is_told) {
	struct memory m = {0};
	sluice_allocator a = memory_allocator(&m);
	void *p = a.alloc(a.ctx, 10), *q = a.alloc(a.ctx, 20);
	ck_assert_uint_eq(m.live, 2);
	ck_assert_uint_eq(m.bytes, 30);
	m.fail_at = 2;
	void *r = a.alloc(a.ctx, 5);
	ck_assert_ptr_nonnull(r);
	ck_assert_ptr_null(a.alloc(a.ctx, 5));
	void *t = a.alloc(a.ctx, 5);
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(m.failures, 1);
	a.free(a.ctx, p);
	a.free(a.ctx, q);
	a.free(a.ctx, r);
	a.free(a.ctx, t);
	ck_assert_uint_eq(m.live, 0);
	ck_assert_uint_eq(m.peak, 40);
}
END_TEST

/* ---- what the world does not let pass ---- */

static int input_error;

static int input_fails(void *ctx, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	node_input(ctx, from, d, count, now);
	return input_error;
}

static bool has_got_nothing(void *ctx) {
	return ((struct node *)ctx)->got_count == 0;
}

static uint64_t shifted(void *ctx, uint64_t now) {
	return now + *(uint64_t *)ctx;
}

/* One datagram goes between two hosts of these verbs, in a process of its own. True: the world stopped it. */
static bool world_stops(const struct sim_node_ops *ops) {
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct scene *s = scene(1, NULL, 1, 0, 100);
		s->ha->ops = s->hb->ops = ops;
		sim_run(&s->sim, s->sim.now + SLUICE_S);
		_exit(s->b.got_count == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

START_TEST(test_an_invariant_that_does_not_hold_stops_the_world) {
	struct sim_node_ops ops = node_ops;
	ck_assert(!world_stops(&ops));
	ops.check = has_got_nothing;
	ck_assert(world_stops(&ops));
}
END_TEST

START_TEST(test_an_input_may_fail_for_memory_alone) {
	struct sim_node_ops ops = node_ops;
	ops.input = input_fails;
	input_error = SLUICE_NO_MEMORY;
	ck_assert(!world_stops(&ops));
	input_error = SLUICE_INVALID;
	ck_assert(world_stops(&ops));
}
END_TEST

START_TEST(test_a_host_is_given_the_time_of_its_own_clock) {
	struct scene *s = scene(1, NULL, 1, 0, 100);
	uint64_t start = s->sim.now;
	uint64_t shift = 5 * SLUICE_S;
	s->hb->clock = shifted;
	s->hb->clock_ctx = &shift;
	sim_run(&s->sim, start + SLUICE_S);
	ck_assert_uint_eq(s->b.got_count, 1);
	ck_assert_uint_eq(s->b.at[0], start + 5 * SLUICE_S);
	scene_free(s);
}
END_TEST

SUITE("sim", test_a_datagram_takes_the_delay_of_the_link, test_an_echo_takes_a_round_trip,
      test_what_arrives_at_one_instant_comes_in_one_input, test_the_rate_spaces_datagrams_out, test_a_full_queue_drops_the_tail,
      test_two_links_share_a_bottleneck_and_its_queue, test_the_receivers_card_hands_over_what_came_in_its_interval_at_once,
      test_what_comes_while_the_receiver_stalls_comes_together_at_the_end, test_a_quick_world_has_the_same_history,
      test_a_mask_drops_just_those, test_a_range_of_datagrams_can_be_dropped, test_random_loss_is_about_its_probability,
      test_burst_loss_comes_in_runs, test_jitter_alone_never_reorders, test_reordering_lets_others_pass,
      test_duplicates_come_twice, test_corruption_flips_one_bit, test_datagrams_above_the_mtu_vanish, test_an_outage_ends,
      test_a_filter_sees_changes_and_drops, test_a_host_that_is_down_hears_nothing,
      test_a_datagram_from_nowhere_arrives_at_its_time, test_one_seed_is_one_history,
      test_the_allocator_counts_and_fails_where_it_is_told, test_an_invariant_that_does_not_hold_stops_the_world,
      test_an_input_may_fail_for_memory_alone, test_a_host_is_given_the_time_of_its_own_clock)
