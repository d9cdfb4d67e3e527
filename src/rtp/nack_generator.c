#include "rtp/nack_generator.h"

#include <string.h>

#include "base/arith.h"

#define PATIENCE_MAX (50 * SLUICE_MS)
#define MARGIN_MIN (5 * SLUICE_MS)
#define WAIT_MAX (100 * SLUICE_MS)

void nack_generator_init(struct nack_generator *g, uint64_t round_trip) {
	memset(g, 0, sizeof *g);
	g->round_trip = round_trip;
	g->gap = 1;
	g->next_due = g->oldest_waiting = SLUICE_NEVER;
}

static void set_bit(struct nack_generator *g, uint64_t n) {
	g->bits[n % NACK_WINDOW / 64] |= UINT64_C(1) << n % 64;
	g->missing++;
}

static void clear_bit(struct nack_generator *g, uint64_t n) {
	g->bits[n % NACK_WINDOW / 64] &= ~(UINT64_C(1) << n % 64);
	g->missing--;
}

static void settle(struct nack_generator *g) {
	if (g->missing == 0)
		g->next_due = g->oldest_waiting = SLUICE_NEVER;
}

/* The lowest missing number from n on, at most `highest`; SLUICE_NEVER when there is none. */
static uint64_t next_missing(const struct nack_generator *g, uint64_t n) {
	while (n < g->highest) {
		uint64_t word = g->bits[n % NACK_WINDOW / 64] >> n % 64;
		if (word) {
			n += (unsigned)__builtin_ctzll(word);
			return n < g->highest ? n : SLUICE_NEVER;
		}
		n = (n | 63) + 1;
	}
	return SLUICE_NEVER;
}

/* The lowest number in the window. */
static uint64_t bottom(const struct nack_generator *g) {
	return g->highest >= NACK_WINDOW ? g->highest - NACK_WINDOW + 1 : 0;
}

bool nack_generator_check(const struct nack_generator *g) {
	size_t bits = 0, found = 0;
	bool ok = g->missing <= NACK_MISSING && g->gap >= 1 && g->gap <= NACK_GAP_MAX && g->wait <= WAIT_MAX;
	for (size_t i = 0; i < NACK_WORDS; i++)
		bits += (unsigned)__builtin_popcountll(g->bits[i]);
	for (uint64_t n = next_missing(g, bottom(g)); n != SLUICE_NEVER; n = next_missing(g, n + 1)) {
		unsigned i = n % NACK_WINDOW;
		found++;
		ok = ok && g->tries[i] <= NACK_TRIES;
		ok = ok && (g->tries[i] > 0 ? g->next_due <= g->due[i] : g->oldest_waiting <= n);
	}
	return ok && bits == g->missing && found == bits;
}

void nack_generator_drop(struct nack_generator *g, uint64_t number) {
	clear_bit(g, number);
	g->given_up++;
	g->is_broken = true;
	settle(g);
}

/* All that is missing is given up: one keyframe costs less than a thousand packets. */
static void drop_all(struct nack_generator *g, uint64_t also) {
	g->given_up += g->missing + also;
	g->is_broken = true;
	memset(g->bits, 0, sizeof g->bits);
	g->missing = 0;
	settle(g);
}

void nack_generator_pass(struct nack_generator *g, uint64_t number) {
	for (uint64_t n = next_missing(g, bottom(g)); n < number; n = next_missing(g, n + 1))
		clear_bit(g, n);
	settle(g);
}

static void miss(struct nack_generator *g, uint64_t n, uint64_t now) {
	unsigned i = n % NACK_WINDOW;
	set_bit(g, n);
	g->tries[i] = 0;
	g->since[i] = now;
	g->due[i] = now + min64(g->round_trip / 4, PATIENCE_MAX);
	g->next_due = min64(g->next_due, g->due[i]);
	g->oldest_waiting = min64(g->oldest_waiting, n);
}

/* The window moves up to the number, and everything between is missing. */
static void jump(struct nack_generator *g, uint64_t number, uint64_t now) {
	uint64_t hole = number - g->highest - 1;
	bool was_silent = now > g->latest && now - g->latest > max64(NACK_SILENCE, 3 * g->round_trip);
	g->latest = now;
	if (g->missing + hole > NACK_MISSING || was_silent) {
		drop_all(g, hole);
		g->highest = number;
		return;
	}
	for (uint64_t n = g->highest + 1; n <= number; n++) {
		if (nack_generator_is_missing(g, n))
			nack_generator_drop(g, n - NACK_WINDOW);
		if (n < number)
			miss(g, n, now);
	}
	g->highest = number;
	if (number - g->oldest_waiting >= g->gap)
		g->next_due = min64(g->next_due, now);
}

static uint64_t again_after(const struct nack_generator *g) {
	return g->round_trip + max64(max64(g->round_trip / 8, MARGIN_MIN), g->wait);
}

/* An answer came. Before half a round trip has passed it is one to the NACK before the last, which was not lost then: the last
 * one was sent too early. */
static void learn_wait(struct nack_generator *g, unsigned i, uint64_t now) {
	uint64_t took = now - g->since[i] + (now - g->since[i] < g->round_trip / 2 ? again_after(g) : 0);
	uint64_t wait = took > g->round_trip ? min64(took - g->round_trip, WAIT_MAX) : 0;
	g->wait = max64(wait, g->wait - g->wait / 64);
}

/* A packet came late. Was it overtaken, or is it the answer to a NACK? Before half a round trip has passed nothing can be an
 * answer to the first one. */
static void learn(struct nack_generator *g, uint64_t number, bool is_repair, uint64_t now) {
	unsigned i = number % NACK_WINDOW;
	bool is_early = now - g->since[i] < g->round_trip / 2;
	if (g->tries[i] > 1 || (g->tries[i] == 1 && !is_early)) {
		learn_wait(g, i, now);
		return;
	}
	if (is_repair)
		return;
	uint64_t gap = min64(g->highest - number + 1, NACK_GAP_MAX);
	if (gap > g->gap)
		g->gap = (uint16_t)gap;
	g->in_order = 0;
}

bool nack_generator_take_other(struct nack_generator *g, uint64_t number, bool is_repair, uint64_t now) {
	if (g->highest == 0) {
		g->highest = number;
		g->latest = now;
		return true;
	}
	if (number > g->highest) {
		jump(g, number, now);
		return true;
	}
	if (g->highest - number >= NACK_WINDOW || !nack_generator_is_missing(g, number))
		return false;
	learn(g, number, is_repair, now);
	clear_bit(g, number);
	g->came++;
	settle(g);
	return true;
}

/* Is the packet to be asked for now? Otherwise the time when it will be is noted. */
static bool is_due(struct nack_generator *g, uint64_t n, uint64_t now) {
	unsigned i = n % NACK_WINDOW;
	if (g->due[i] <= now || (g->tries[i] == 0 && g->highest - n >= g->gap))
		return true;
	g->next_due = min64(g->next_due, g->due[i]);
	if (g->tries[i] == 0)
		g->oldest_waiting = min64(g->oldest_waiting, n);
	return false;
}

static void ask(struct nack_generator *g, uint64_t n, uint64_t now) {
	unsigned i = n % NACK_WINDOW;
	g->tries[i]++;
	g->since[i] = now;
	g->due[i] = now + again_after(g);
	g->next_due = min64(g->next_due, g->due[i]);
	g->asked++;
}

size_t nack_generator_output(struct nack_generator *g, uint64_t *numbers, size_t max, uint64_t now) {
	size_t count = 0;
	if (g->next_due > now)
		return 0;
	g->next_due = g->oldest_waiting = SLUICE_NEVER;
	for (uint64_t n = next_missing(g, bottom(g)); n != SLUICE_NEVER; n = next_missing(g, n + 1)) {
		if (!is_due(g, n, now))
			continue;
		if (g->tries[n % NACK_WINDOW] == NACK_TRIES) {
			nack_generator_drop(g, n);
			continue;
		}
		if (count == max) {
			/* The others are due too, whenever that was. */
			g->next_due = 0;
			g->oldest_waiting = min64(g->oldest_waiting, n);
			break;
		}
		ask(g, n, now);
		numbers[count++] = n;
	}
	return count;
}
