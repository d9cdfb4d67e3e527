/* In steady state nothing on the path of a message calls an allocator, on either side: not the environment's, and not malloc
 * behind its back. Both are counted, for copied and borrowed messages of several sizes, ordered and not. */
#include "suite.h"

#include "sim/direct.h"
#include "sim/memory.h"

#ifndef SLUICE_NOPOOL /* there every object is an allocation, by intent, so that sanitizers see it */

/* ---- malloc, counted ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);
/* Shared libraries must find them too, although the rest of the program is hidden. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED void *malloc(size_t size);
EXPORTED void *calloc(size_t n, size_t size);
EXPORTED void *realloc(void *p, size_t size);
EXPORTED void free(void *p);

static uint64_t calls;

void *malloc(size_t size) {
	calls++;
	return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
	calls++;
	return __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
	calls++;
	return __libc_realloc(p, size);
}
void free(void *p) {
	__libc_free(p);
}

/* ---- the traffic ---- */

struct traffic {
	struct direct d;
	size_t size;
	bool lend, unordered, both_ways;
	uint64_t got, released;
};

/* At once, in each direction: more than a round of packets takes, and within what the pools keep idle (4 MiB, of which a
 * small message costs some two hundred bytes). */
#define QUEUED ((uint64_t)1 << 20)
#define QUEUED_MESSAGES 4000

static uint8_t payload[100000];

static void released(void *ctx) {
	((struct traffic *)ctx)->released++;
}

static void on_event(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	struct traffic *t = d->user;
	(void)at;
	if (e->type != SLUICE_SCTP_MESSAGE)
		return;
	t->got++;
	sluice_message_release(e->message);
}

static int send_one(struct traffic *t, sluice_sctp *from) {
	sluice_send_info info = {.stream = 3, .unordered = t->unordered};
	if (!t->lend)
		return sluice_sctp_send(from, &info, payload, t->size);
	struct iovec iov[2] = {{payload, t->size / 2}, {payload + t->size / 2, t->size - t->size / 2}};
	return sluice_sctp_sendv(from, &info, iov, 2, released, t);
}

static void exchange(struct traffic *t, uint64_t bytes) {
	uint64_t messages = bytes / t->size + 10;
	for (uint64_t sent = 0; sent < messages;) {
		uint64_t room = QUEUED / t->size < QUEUED_MESSAGES ? QUEUED / t->size : QUEUED_MESSAGES;
		for (; room > 0 && sent < messages; room--, sent++) {
			if (send_one(t, t->d.a) < 0)
				break;
			if (t->both_ways)
				send_one(t, t->d.b);
		}
		t->d.now += 10 * SLUICE_US;
		direct_run(&t->d, 0);
	}
	while (direct_run(&t->d, SLUICE_S) && (t->d.now += SLUICE_US))
		;
}

static void count_line(void *ctx, const char *line, size_t len) {
	(void)line;
	*(uint64_t *)ctx += len;
}

static void count_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	(void)sent;
	(void)packet;
	(void)now;
	*(uint64_t *)ctx += len;
}

static void steady_with(size_t size, bool lend, bool unordered, bool both_ways, uint64_t *traced) {
	struct memory memory = {.plain = true};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	struct traffic t = {0};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	ck_assert_int_eq(direct_open(&t.d, env, NULL), 0);
	if (traced) {
		ck_assert_int_eq(sluice_sctp_set_trace(t.d.a, count_line, traced), 0);
		ck_assert_int_eq(sluice_sctp_set_packet_tap(t.d.b, count_packet, traced), 0);
	}
	t.d.user = &t;
	t.d.on_event = on_event;
	t.size = size;
	t.lend = lend;
	t.unordered = unordered;
	t.both_ways = both_ways;
	exchange(&t, 20 << 20);
	uint64_t before = memory.allocations, calls_before = calls, got = t.got;
	exchange(&t, 20 << 20);
	uint64_t called = calls - calls_before; /* before Check's macros allocate */
	ck_assert_uint_ge(t.got - got, (20 << 20) / size);
	ck_assert_msg(memory.allocations == before, "%llu allocations for %llu messages of %zu bytes",
	              (unsigned long long)(memory.allocations - before), (unsigned long long)(t.got - got), size);
	ck_assert_uint_eq(called, 0);
	direct_close(&t.d);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static void steady(size_t size, bool lend, bool unordered, bool both_ways) {
	steady_with(size, lend, unordered, both_ways, NULL);
}

static const size_t sizes[] = {16, 64, 1000, 1024, 5000, 16384, 65536};
#define SIZES (sizeof sizes / sizeof *sizes)

START_TEST(test_copied_messages_need_no_allocation) {
	for (unsigned i = 0; i < SIZES; i++)
		steady(sizes[i], false, false, false);
}
END_TEST

START_TEST(test_borrowed_messages_need_no_allocation) {
	for (unsigned i = 0; i < SIZES; i++)
		steady(sizes[i], true, false, false);
}
END_TEST

START_TEST(test_unordered_messages_both_ways_need_no_allocation) {
	for (unsigned i = 0; i < SIZES; i++)
		steady(sizes[i], false, true, true);
}
END_TEST

START_TEST(test_a_trace_and_a_tap_allocate_nothing_for_a_line_or_a_packet) {
	uint64_t traced = 0;
	steady_with(1000, false, false, true, &traced);
	ck_assert_uint_gt(traced, 40 << 20);
}
END_TEST

SUITE("no allocation in steady state", test_copied_messages_need_no_allocation, test_borrowed_messages_need_no_allocation,
      test_unordered_messages_both_ways_need_no_allocation, test_a_trace_and_a_tap_allocate_nothing_for_a_line_or_a_packet)

#else

START_TEST(test_pools_are_off_in_this_build) {
	ck_assert(true);
}
END_TEST

SUITE("no allocation in steady state", test_pools_are_off_in_this_build)

#endif
