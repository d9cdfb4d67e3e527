/* Every way to lose the first ten datagrams of a handshake, a Finished that is lost again and again, and losses while memory runs
 * out. Virtual time throughout. */
#include "dtls_pair.h"
#include "sim/memory.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- kinds of handshakes --------------------------------------------------------------------------------------- */

struct kind {
	const char *name;
	bool resume, small;
};
static const struct kind kinds[] = {
	{"full", false, false},
	{"full, fragmented", false, true},
	{"abbreviated", true, false},
	{"abbreviated, fragmented", true, true},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void configure(const struct kind *k) {
	p.cut_hello = k->small;
	for (int i = 0; i < 2; i++) {
		p.config[i].resume = k->resume;
		p.config[i].handshake_mtu = k->small ? 256 : 0;
	}
}

/* What an abbreviated handshake needs: one that went before. */
static void prepare(const struct kind *k) {
	configure(k);
	if (!k->resume)
		return;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, p.now + SLUICE_S), SLUICE_NEVER);
	pair_hang_up(&p);
}

static void begin(const struct kind *k) {
	pair_init(&p, NULL);
	p.delay = SLUICE_MS;
	prepare(k);
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

#define MASK_BITS 10

/* Ten datagrams are at most eight in one direction behind each other, so a flight is repeated eight times: 50 ms and its doubles
 * up to 3 s, and 3 s for each one more. */
#define LONGEST (20 * SLUICE_S)

START_TEST(test_every_loss_mask_of_the_first_ten_datagrams_is_repaired) {
	const struct kind *k = &kinds[_i];
	begin(k);
	for (uint64_t lost = 0; lost < 1 << MASK_BITS; lost++) {
		uint64_t start = p.now;
		p.lost = lost;
		pair_open(&p);
		pair_start(&p);
		ck_assert_msg(pair_connect(&p, start + LONGEST) != SLUICE_NEVER, "%s: lost %03lx", k->name, (unsigned long)lost);
		ck_assert(dtls_resumed(p.end[CLIENT]) == k->resume && (p.hellos_cut > 0) == k->small);
		pair_talk(&p);
		pair_run(&p, p.now + 10 * SLUICE_S); /* late repetitions change nothing */
		pair_talk(&p);
		pair_hang_up(&p);
		p.data_len[CLIENT] = p.data_len[SERVER] = 0;
	}
	pair_free(&p);
}
END_TEST

/* ---- the Finished ------------------------------------------------------------------------------------------------ */

/* Thirty-nine repetitions at most 3 s apart. */
#define AFTER_FORTY (120 * SLUICE_S)

static void lose_finished(const struct kind *k, int to, unsigned times) {
	begin(k);
	uint64_t start = p.now;
	p.finished_lost[to] = times;
	pair_open(&p);
	pair_start(&p);
	ck_assert_msg(pair_connect(&p, start + AFTER_FORTY) != SLUICE_NEVER,
	              "%s, Finished to the %s lost %u times: states %d and %d", k->name, to == CLIENT ? "client" : "server",
	              times, dtls_state(p.end[CLIENT]), dtls_state(p.end[SERVER]));
	ck_assert_uint_eq(p.finished_lost[to], 0);
	pair_talk(&p);
	pair_free(&p);
}

START_TEST(test_a_finished_lost_eleven_times_is_survived) {
	for (int to = 0; to < 2; to++)
		for (unsigned times = 1; times <= 11; times++)
			lose_finished(&kinds[_i], to, times);
}
END_TEST

START_TEST(test_a_finished_lost_forty_times_is_survived) {
	static const unsigned times[] = {12, 13, 20, 40};
	for (int to = 0; to < 2; to++)
		for (size_t i = 0; i < sizeof times / sizeof *times; i++)
			lose_finished(&kinds[_i], to, times[i]);
}
END_TEST

/* ---- without memory ---------------------------------------------------------------------------------------------- */

static struct memory memory;

static bool is_short_of_memory(int end) {
	return dtls_state(p.end[end]) == DTLS_FAILED && dtls_error(p.end[end], NULL) == SLUICE_NO_MEMORY;
}

/* Both ends are up, or one has failed for want of memory, and the other knows that or still waits. */
static void assert_clean(const struct kind *k, uint64_t lost, uint64_t n) {
	if (pair_connected(&p)) {
		pair_talk(&p);
		return;
	}
	const char *text[2];
	int error[2] = {dtls_error(p.end[0], &text[0]), dtls_error(p.end[1], &text[1])};
	bool clean = false;
	for (int end = 0; end < 2; end++) {
		int other = error[1 - end];
		clean |= is_short_of_memory(end) &&
		         (other == 0 || other == SLUICE_NO_MEMORY || other == SLUICE_ABORTED || other == SLUICE_CLOSED);
	}
	ck_assert_msg(clean, "%s, lost %03lx, allocation %lu failed: client %d (%s), server %d (%s)", k->name,
	              (unsigned long)lost, (unsigned long)n, error[0], text[0], error[1], text[1]);
}

static bool open_either(void) {
	memset(&p.numbers, 0, sizeof p.numbers);
	for (int i = 0; i < 2; i++) {
		int r = dtls_new(p.env, &p.config[i], &p.end[i]);
		ck_assert(r == 0 || r == SLUICE_NO_MEMORY);
		if (r < 0)
			return false;
	}
	return true;
}

static void shake_hands(const struct kind *k, uint64_t lost, uint64_t n) {
	p.lost = lost;
	if (!open_either())
		return;
	(void)dtls_start(p.end[SERVER], p.now);
	(void)dtls_start(p.end[CLIENT], p.now);
	pair_connect(&p, p.now + LONGEST);
	memory.fail_at = 0;
	assert_clean(k, lost, n);
}

/* Allocation number n fails, and the m - 1 behind it. False: there were fewer. */
static bool run(const struct kind *k, uint64_t lost, uint64_t n, uint64_t m) {
	uint64_t failures = memory.failures;
	memory.fail_at = n;
	memory.fail_for = m;
	shake_hands(k, lost, n);
	memory.fail_at = 0;
	pair_hang_up(&p);
	p.data_len[CLIENT] = p.data_len[SERVER] = 0;
	ck_assert_uint_eq(p.env->blocks.live, 0);
	return memory.failures > failures;
}

static void begin_without_memory(const struct kind *k) {
	sluice_env_config env = {.allocator = memory_allocator(&memory), .cache_limit = 1};
	pair_init(&p, &env);
	p.delay = SLUICE_MS;
	prepare(k);
}

START_TEST(test_losses_under_failing_allocations_end_cleanly) {
	const struct kind *k = &kinds[_i];
	begin_without_memory(k);
	for (unsigned i = 0; i <= MASK_BITS; i++)
		for (uint64_t m = 1; m <= 5; m += 2) {
			uint64_t lost = i < MASK_BITS ? UINT64_C(1) << i : 0, n = 1;
			while (run(k, lost, n, m))
				n++;
			ck_assert_uint_gt(n, 4);
		}
	pair_free(&p);
	ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_every_loss_mask_of_the_first_ten_datagrams_is_repaired,
		test_a_finished_lost_eleven_times_is_survived,
		test_a_finished_lost_forty_times_is_survived,
		test_losses_under_failing_allocations_end_cleanly,
	};
	return suite_run_rounds("dtls masks", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, NULL, KINDS);
}
