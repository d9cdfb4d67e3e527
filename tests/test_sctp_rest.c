/* An association that is idle gives back the memory that grew with its traffic, and goes on as before when it is used again. */
#include "suite.h"

#include "sctp/sctp.h"
#include "sim/direct.h"
#include "sim/memory.h"

#define HEARTBEATS (30 * SLUICE_S)

static uint8_t payload[1000];

static void on_event(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	(void)at;
	if (e->type != SLUICE_SCTP_MESSAGE)
		return;
	++*(uint64_t *)d->user;
	sluice_message_release(e->message);
}

static int send_one(struct direct *d, uint16_t stream) {
	sluice_send_info info = {
		.stream = stream, .reliability = stream == 2 ? SLUICE_LIFETIME : SLUICE_RELIABLE, .value = 60000};
	return sluice_sctp_send(d->a, &info, payload, sizeof payload);
}

/* So many messages from a, in one run. */
static void burst(struct direct *d, unsigned count) {
	uint64_t got = *(uint64_t *)d->user;
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(send_one(d, i % 3 ? 1 : 2), 0);
	for (unsigned i = 0; i < 100000 && *(uint64_t *)d->user < got + count; i++) {
		d->now += 10 * SLUICE_US;
		direct_run(d, SLUICE_S);
	}
	ck_assert_uint_eq(*(uint64_t *)d->user, got + count);
}

/* Every other packet is lost, so that there are gaps, and the receiver keeps a map of them. */
static void lossy_burst(struct direct *d, unsigned count) {
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(send_one(d, 1), 0);
	for (unsigned turn = 0; turn < 4 * count; turn++) {
		uint8_t room[2048];
		sluice_batch b = {.data = room, .capacity = sizeof room, .max_datagrams = 1};
		if (sluice_sctp_output(d->a, &b, d->now) <= 0)
			break;
		sluice_datagram in = {sluice_batch_slot(&b, 0), sluice_batch_slot_len(&b, 0), NULL};
		if (turn % 2)
			sluice_sctp_input(d->b, &in, 1, d->now);
	}
}

static void quiet(struct direct *d, uint64_t ns) {
	for (uint64_t end = d->now + ns; d->now < end; d->now += 100 * SLUICE_MS)
		direct_run(d, 100 * SLUICE_MS);
}

struct world {
	struct memory memory;
	struct direct d;
	uint64_t got;
};

static void world_open(struct world *w) {
	/* Nothing lies idle in the pool, so that what is counted is held. */
	sluice_env_config config = {.allocator = memory_allocator(&w->memory), .cache_limit = 1};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	ck_assert_int_eq(direct_open(&w->d, env, NULL), 0);
	w->d.user = &w->got;
	w->d.on_event = on_event;
	burst(&w->d, 3);
	quiet(&w->d, 3 * HEARTBEATS);
}

static void world_close(struct world *w) {
	sluice_env *env = w->d.env;
	direct_close(&w->d);
	sluice_env_free(env);
	ck_assert_uint_eq(w->memory.live, 0);
}

START_TEST(test_a_busy_association_is_as_small_as_before_when_it_is_idle_again) {
	struct world w = {.got = 0};
	world_open(&w);
	size_t before = w.memory.bytes;
	burst(&w.d, 1500);
	ck_assert_uint_gt(w.memory.bytes, before + 10000);
	quiet(&w.d, 3 * HEARTBEATS);
	ck_assert_uint_eq(w.memory.bytes, before);
	world_close(&w);
}
END_TEST

START_TEST(test_what_loss_left_is_given_back_too) {
	struct world w = {.got = 0};
	world_open(&w);
	size_t before = w.memory.bytes;
	lossy_burst(&w.d, 200);
	ck_assert_uint_gt(w.memory.bytes, before);
	uint64_t got = w.got;
	quiet(&w.d, 5 * HEARTBEATS);
	ck_assert_uint_gt(w.got, got);
	ck_assert_uint_eq(w.memory.bytes, before);
	world_close(&w);
}
END_TEST

START_TEST(test_messages_go_again_after_each_rest) {
	struct world w = {.got = 0};
	world_open(&w);
	for (unsigned i = 1; i <= 5; i++) {
		burst(&w.d, 100 * i);
		quiet(&w.d, 3 * HEARTBEATS);
	}
	lossy_burst(&w.d, 50);
	quiet(&w.d, 3 * HEARTBEATS);
	burst(&w.d, 10);
	ck_assert(association_check(w.d.a) && association_check(w.d.b));
	world_close(&w);
}
END_TEST

/* One message every 20 seconds: it is not idle, and nothing is made anew for each. */
START_TEST(test_an_association_that_is_slow_is_not_idle) {
	struct world w = {.got = 0};
	world_open(&w);
	for (unsigned i = 0; i < 10; i++) {
		burst(&w.d, 1);
		quiet(&w.d, 20 * SLUICE_S);
	}
	size_t before = w.memory.bytes;
	quiet(&w.d, 3 * HEARTBEATS);
	ck_assert_uint_lt(w.memory.bytes, before);
	world_close(&w);
}
END_TEST

SUITE("sctp rest", test_a_busy_association_is_as_small_as_before_when_it_is_idle_again, test_what_loss_left_is_given_back_too,
      test_messages_go_again_after_each_rest, test_an_association_that_is_slow_is_not_idle)
