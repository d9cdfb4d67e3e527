#include "sctp/rx/tsnmap.h"

#include "base/serial.h"

#include <string.h>

#define FIRST_CAPACITY 1024u

void tsnmap_init(struct tsnmap *m, sluice_env *env, uint64_t cum) {
	*m = (struct tsnmap){.env = env, .cum = cum, .highest = cum};
}

void tsnmap_free(struct tsnmap *m) {
	env_free(m->env, m->words);
	m->words = NULL;
	m->capacity = 0;
}

void tsnmap_rest(struct tsnmap *m) {
	if (!tsnmap_has_gap(m))
		tsnmap_free(m);
}

static inline bool bit_get(const struct tsnmap *m, uint64_t tsn) {
	uint32_t i = (uint32_t)tsn & (m->capacity - 1);
	return (m->words[i / 64] >> (i % 64)) & 1;
}

static inline void bit_set(struct tsnmap *m, uint64_t tsn) {
	uint32_t i = (uint32_t)tsn & (m->capacity - 1);
	m->words[i / 64] |= UINT64_C(1) << (i % 64);
}

/* Clears the bits of [from, to], whole words at a time: the peer says how many they are. */
static void clear(struct tsnmap *m, uint64_t from, uint64_t to) {
	while (from <= to) {
		uint32_t i = (uint32_t)from & (m->capacity - 1);
		uint64_t bits = 64 - i % 64, left = to - from + 1, mask = UINT64_MAX;
		if (left < bits)
			mask >>= 64 - (bits = left);
		m->words[i / 64] &= ~(mask << (i % 64));
		from += bits;
	}
}

/* The first TSN in [from, to] whose bit is `value`, or to + 1. Whole words at a time. */
static uint64_t find(const struct tsnmap *m, uint64_t from, uint64_t to, bool value) {
	while (from <= to) {
		uint32_t i = (uint32_t)from & (m->capacity - 1);
		uint64_t word = m->words[i / 64];
		if (!value)
			word = ~word;
		word >>= i % 64;
		if (word) {
			uint64_t at = from + (uint64_t)__builtin_ctzll(word);
			return at <= to ? at : to + 1;
		}
		from += 64 - i % 64;
	}
	return to + 1;
}

static bool grow(struct tsnmap *m, uint64_t span) {
	uint32_t capacity = m->capacity ? m->capacity : FIRST_CAPACITY;
	while (capacity < span)
		capacity *= 2;
	struct tsnmap bigger = *m;
	bigger.words = env_zalloc(m->env, capacity / 8);
	bigger.capacity = capacity;
	if (!bigger.words)
		return false;
	for (uint64_t start = m->cum + 1, end; tsnmap_block(m, &start, &end); start = end + 1)
		for (uint64_t t = start; t <= end; t++)
			bit_set(&bigger, t);
	env_free(m->env, m->words);
	*m = bigger;
	return true;
}

enum tsnmap_result tsnmap_test_any(struct tsnmap *m, uint64_t tsn) {
	if (tsn <= m->cum)
		return TSNMAP_DUPLICATE;
	if (tsn <= m->highest)
		return bit_get(m, tsn) ? TSNMAP_DUPLICATE : TSNMAP_NEW;
	if (tsn == m->cum + 1)
		return TSNMAP_NEW;
	if (tsn - m->cum > TSNMAP_MAX - 1 || (tsn - m->cum > m->capacity && !grow(m, tsn - m->cum)))
		return TSNMAP_BEYOND;
	return TSNMAP_NEW;
}

/* cum + 1 has come: moves cum to the end of the run that now starts there, clearing the bits it passes. */
static void advance(struct tsnmap *m) {
	uint64_t missing = find(m, m->cum + 1, m->highest, false);
	clear(m, m->cum + 1, missing - 1);
	m->cum = missing - 1;
}

void tsnmap_add_any(struct tsnmap *m, uint64_t tsn) {
	bit_set(m, tsn);
	if (tsn > m->highest)
		m->highest = tsn;
	if (tsn == m->cum + 1)
		advance(m);
}

void tsnmap_forward(struct tsnmap *m, uint64_t cum) {
	if (cum <= m->cum)
		return;
	if (cum >= m->highest) {
		if (m->highest > m->cum)
			memset(m->words, 0, m->capacity / 8);
		m->cum = m->highest = cum;
		return;
	}
	clear(m, m->cum + 1, cum);
	m->cum = cum;
	advance(m);
}

bool tsnmap_block(const struct tsnmap *m, uint64_t *start, uint64_t *end) {
	uint64_t from = *start > m->cum ? *start : m->cum + 1;
	if (from > m->highest)
		return false;
	*start = find(m, from, m->highest, true);
	if (*start > m->highest)
		return false;
	*end = find(m, *start, m->highest, false) - 1;
	return true;
}

static void block_read(struct tsnmap *m, struct walk *w, uint64_t start, uint64_t end) {
	for (uint64_t t = start; !w->failed && t <= end; t++) {
		enum tsnmap_result is = tsnmap_test(m, t);
		if (is == TSNMAP_NEW)
			tsnmap_add(m, t);
		else
			walk_result(w, is == TSNMAP_BEYOND ? SLUICE_NO_MEMORY : SLUICE_INVALID);
	}
}

void tsnmap_walk(struct tsnmap *m, struct walk *w) {
	WALK(w, m->cum);
	walk_refuse(w, m->cum < SERIAL_ORIGIN / 2 || m->cum > UINT64_MAX / 2);
	if (w->reading)
		m->highest = m->cum;
	uint64_t start = m->cum + 1, end = 0;
	while (walk_more(w, !w->reading && tsnmap_block(m, &start, &end))) {
		WALK(w, start), WALK(w, end);
		walk_refuse(w, start <= m->cum + 1 || end < start || end - m->cum >= TSNMAP_MAX);
		if (w->reading)
			block_read(m, w, start, end);
		start = end + 1;
	}
}

bool tsnmap_check(const struct tsnmap *m) {
	if (m->highest < m->cum || m->highest - m->cum > (m->capacity ? m->capacity : 0))
		return m->highest == m->cum;
	uint64_t set = 0, inside = 0;
	for (uint32_t i = 0; i < m->capacity / 64; i++)
		set += (uint64_t)__builtin_popcountll(m->words[i]);
	for (uint64_t t = m->cum + 1; t <= m->highest; t++)
		inside += bit_get(m, t);
	return set == inside && (m->highest == m->cum || (!bit_get(m, m->cum + 1) && bit_get(m, m->highest)));
}
