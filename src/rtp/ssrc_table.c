#include "rtp/ssrc_table.h"

#include <string.h>

#include "pool/env.h"
#include "sluice/error.h"

int ssrc_table_open(struct ssrc_table *t, sluice_env *env, uint32_t capacity) {
	uint32_t places = 2;
	while (places < 2 * capacity)
		places *= 2;
	*t = (struct ssrc_table){.env = env, .capacity = capacity, .mask = places - 1, .seed = env_random32(env), .clock = 1};
	t->streams = env_alloc(env, capacity * sizeof *t->streams);
	t->index = env_zalloc(env, places * sizeof *t->index);
	if (t->streams && t->index)
		return 0;
	ssrc_table_close(t);
	return SLUICE_NO_MEMORY;
}

void ssrc_table_close(struct ssrc_table *t) {
	if (t->env) {
		env_free(t->env, t->streams);
		env_free(t->env, t->index);
	}
	memset(t, 0, sizeof *t);
}

/* The upper half of a product depends on all bits of the SSRC. */
static uint32_t home(const struct ssrc_table *t, uint32_t ssrc) {
	return (uint32_t)((ssrc ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & t->mask;
}

/* The place of the SSRC, or the empty one where it would be. */
static uint32_t place_of(const struct ssrc_table *t, uint32_t ssrc) {
	uint32_t at = home(t, ssrc);
	while (t->index[at] && t->streams[t->index[at] - 1].ssrc != ssrc)
		at = (at + 1) & t->mask;
	return at;
}

int ssrc_table_grow(struct ssrc_table *t) {
	struct ssrc_table larger;
	if (t->capacity > SSRC_TABLE_MAX / 2)
		return SLUICE_LIMIT;
	int error = ssrc_table_open(&larger, t->env, 2 * t->capacity);
	if (error)
		return error;
	for (uint32_t i = 0; i < t->count; i++) {
		larger.streams[i] = t->streams[i];
		larger.index[place_of(&larger, t->streams[i].ssrc)] = i + 1;
	}
	larger.count = t->count;
	larger.clock = t->clock;
	ssrc_table_close(t);
	*t = larger;
	return 0;
}

struct ssrc_stream *ssrc_table_search(struct ssrc_table *t, uint32_t ssrc) {
	uint32_t number = t->index[place_of(t, ssrc)];
	if (number == 0)
		return NULL;
	return t->last = &t->streams[number - 1];
}

static struct ssrc_stream *put(struct ssrc_table *t, uint32_t number, uint32_t ssrc) {
	struct ssrc_stream *s = &t->streams[number];
	*s = (struct ssrc_stream){.ssrc = ssrc};
	t->index[place_of(t, ssrc)] = number + 1;
	ssrc_table_touch(t, s);
	return t->last = s;
}

struct ssrc_stream *ssrc_table_add(struct ssrc_table *t, uint32_t ssrc) {
	return t->count < t->capacity ? put(t, t->count++, ssrc) : NULL;
}

/* Entries behind the hole move into it, unless that would put them before their home. */
static void take_out(struct ssrc_table *t, uint32_t ssrc) {
	uint32_t hole = place_of(t, ssrc);
	for (uint32_t at = (hole + 1) & t->mask; t->index[at]; at = (at + 1) & t->mask) {
		uint32_t from_home = (at - home(t, t->streams[t->index[at] - 1].ssrc)) & t->mask;
		if (from_home < ((at - hole) & t->mask))
			continue;
		t->index[hole] = t->index[at];
		hole = at;
	}
	t->index[hole] = 0;
}

struct ssrc_stream *ssrc_table_replace(struct ssrc_table *t, uint32_t ssrc) {
	uint32_t oldest = 0;
	if (t->count < t->capacity)
		return ssrc_table_add(t, ssrc);
	for (uint32_t i = 1; i < t->count; i++)
		if (t->streams[i].used < t->streams[oldest].used)
			oldest = i;
	take_out(t, t->streams[oldest].ssrc);
	return put(t, oldest, ssrc);
}

bool ssrc_table_check(const struct ssrc_table *t) {
	uint32_t taken = 0;
	for (uint32_t i = 0; t->index && i <= t->mask; i++)
		taken += t->index[i] != 0;
	bool good = taken == t->count && t->count <= t->capacity && (t->count == 0 || t->mask >= t->count);
	for (uint32_t i = 0; good && i < t->count; i++)
		good = t->index[place_of(t, t->streams[i].ssrc)] == i + 1 && t->streams[i].used > 1 &&
		       t->streams[i].used <= t->clock;
	return good && (!t->last || t->last < t->streams + t->count);
}
