/* Checks that cause each other: does that come to an end, whatever the path does to them? */
#include "ice_kit.h"

#include "ice/agent.h"

#define HELD 64

/* A path on which datagrams wait, as behind an address that ARP has not resolved yet. */
struct held {
	bool holds;
	size_t count;
	struct {
		int to;
		struct sockaddr_storage from;
		size_t len;
		uint8_t data[1500];
	} datagrams[HELD];
};

static void keep(struct ice_world *w, struct held *h, int from, const uint8_t *data, size_t len) {
	ck_assert_uint_lt(h->count, HELD);
	h->datagrams[h->count].to = !from; /* there are two interfaces */
	h->datagrams[h->count].from = w->ifaces[from].addr;
	memcpy(h->datagrams[h->count].data, data, len);
	h->datagrams[h->count++].len = len;
}

static bool hold_all(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len, void *ctx) {
	struct held *h = ctx;
	(void)to;
	if (h->holds)
		keep(w, h, from, data, *len);
	return !h->holds;
}

/* They arrive behind each other, and not in one batch. */
static void let_go(struct ice_world *w, struct held *h) {
	h->holds = false;
	for (size_t i = 0; i < h->count; i++) {
		ice_world_inject(w, h->datagrams[i].to, &h->datagrams[i].from, h->datagrams[i].data, h->datagrams[i].len);
		ice_world_run(w, w->now + 2 * SLUICE_MS);
	}
}

static void begin(struct scene *s, struct held *h) {
	scene_init(s, (struct ice_config){.controlling = true}, (struct ice_config){0});
	scene_side_by_side(s);
	s->w.filter = hold_all;
	s->w.filter_ctx = h;
}

static uint64_t requests(const struct scene *s) {
	return s->a->requests + s->b->requests;
}

/* After a pause in which everything waited: how many checks does its end cause? */
static void must_recover(struct scene *s, struct held *h) {
	ck_assert_uint_gt(h->count, 2 * CHECKS_KEPT);
	uint64_t before = requests(s);
	let_go(&s->w, h);
	ice_world_run(&s->w, s->w.now + SLUICE_S);
	ck_assert_uint_le(requests(s) - before, 8);
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s->b->ice), ICE_COMPLETED);
	ice_world_close(&s->w);
}

/* More checks wait on the path than a pair remembers. If each of them caused one at the other side, as many would always be under
 * way, and each answer would belong to one that is forgotten. */
START_TEST(test_checks_that_arrive_together_after_a_silence_end_with_an_answer) {
	static struct held h;
	struct scene s;
	begin(&s, &h);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.w.now + 20 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	h.holds = true;
	ice_world_run(&s.w, s.w.now + 15 * SLUICE_S);
	must_recover(&s, &h);
}
END_TEST

START_TEST(test_first_checks_that_arrive_together_end_with_an_answer) {
	static struct held h;
	struct scene s;
	begin(&s, &h);
	h.holds = true;
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.w.now + 8 * SLUICE_S);
	must_recover(&s, &h);
}
END_TEST

static bool hold_answers(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
                         void *ctx) {
	bool answer = (data[0] & 1) != 0;
	(void)to;
	if (answer)
		keep(w, ctx, from, data, *len);
	return !answer;
}

/* RFC 8445, 7.2.5.2.1: such a pair has failed, and 7.3.1.4 has it checked anew with each request. So here each check of one side
 * causes one of the other side for ever, and only time can bound them. */
START_TEST(test_answers_from_elsewhere_do_not_keep_checks_going_round) {
	static struct held h;
	struct scene s;
	begin(&s, &h);
	s.w.delay = SLUICE_MS;
	s.w.filter = hold_answers;
	const struct sockaddr_storage elsewhere = ice_world_address("10.0.0.9", 9000);
	ice_world_introduce(&s.w, s.a, s.b);
	for (unsigned ms = 0; ms < 10000; ms++) {
		for (; h.count > 0; h.count--)
			ice_world_inject(&s.w, h.datagrams[h.count - 1].to, &elsewhere, h.datagrams[h.count - 1].data,
			                 h.datagrams[h.count - 1].len);
		ice_world_run(&s.w, s.w.now + SLUICE_MS);
	}
	ck_assert_uint_ge(requests(&s), 2);
	ck_assert_uint_le(requests(&s), 60);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice_storm", test_checks_that_arrive_together_after_a_silence_end_with_an_answer,
      test_first_checks_that_arrive_together_end_with_an_answer, test_answers_from_elsewhere_do_not_keep_checks_going_round)
