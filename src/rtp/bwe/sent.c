#include "rtp/bwe/sent.h"

#include "base/arith.h"
#include "base/prefetch.h"
#include "base/serial.h"
#include "pool/env.h"
#include "sluice/error.h"

int sent_open(struct sent *s, sluice_env *env, size_t capacity) {
	*s = (struct sent){.env = env, .first = SERIAL_ORIGIN, .next = SERIAL_ORIGIN, .capacity = capacity};
	s->ring = env_zalloc(env, capacity * sizeof *s->ring);
	return s->ring ? 0 : SLUICE_NO_MEMORY;
}

void sent_close(struct sent *s) {
	env_free(s->env, s->ring);
	s->ring = NULL;
}

static struct sent_packet *slot(const struct sent *s, uint64_t sequence) {
	return &s->ring[sequence & (s->capacity - 1)];
}

static void append(struct sent *s, struct sent_packet p) {
	if (s->next - s->first == s->capacity)
		s->first++;
	*slot(s, s->next++) = p;
}

/* A jump beyond the ring leaves nothing of it, so it costs no walk from the last number to this one. */
static void pass_over(struct sent *s, uint64_t sequence) {
	if (sequence - s->next >= s->capacity)
		s->first = s->next = sequence;
	while (s->next < sequence)
		append(s, (struct sent_packet){.fate = SENT_NEVER});
}

/* Packets leave in runs, so the line behind the next one is needed, too. */
#define AHEAD (PREFETCH_LINE / sizeof(struct sent_packet))

void sent_prefetch(const struct sent *s) {
	prefetch(slot(s, s->next), 1);
	prefetch(slot(s, s->next + AHEAD), 1);
}

int sent_add(struct sent *s, uint64_t sequence, uint32_t size, uint32_t probe, uint64_t now) {
	if (sequence < s->next)
		return SLUICE_INVALID;
	pass_over(s, sequence);
	prefetch(slot(s, s->next + 2 * AHEAD), 1);
	append(s, (struct sent_packet){
			  .at = now, .size = (uint32_t)min64(size, SENT_SIZE_MAX), .fate = SENT_UNKNOWN, .probe = probe});
	return 0;
}

struct sent_packet *sent_find(const struct sent *s, uint64_t sequence) {
	if (sequence < s->first || sequence >= s->next || slot(s, sequence)->fate == SENT_NEVER)
		return NULL;
	return slot(s, sequence);
}

bool sent_check(const struct sent *s) {
	return s->first <= s->next && s->next - s->first <= s->capacity && s->first >= SERIAL_ORIGIN;
}
