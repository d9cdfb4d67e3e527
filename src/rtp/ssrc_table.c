#include "rtp/ssrc_table.h"

#include <string.h>

#include "pool/env.h"
#include "sluice/error.h"

int ssrc_table_open(struct ssrc_table *t, sluice_env *env, uint32_t capacity) {
	*t = (struct ssrc_table){.env = env, .capacity = capacity, .clock = 1};
	t->streams = env_alloc(env, capacity * sizeof *t->streams);
	if (t->streams && !ssrc_map_open(&t->numbers, env, capacity))
		return 0;
	ssrc_table_close(t);
	return SLUICE_NO_MEMORY;
}

void ssrc_table_close(struct ssrc_table *t) {
	if (t->env)
		env_free(t->env, t->streams);
	ssrc_map_close(&t->numbers);
	memset(t, 0, sizeof *t);
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
		ssrc_map_add(&larger.numbers, t->streams[i].ssrc, i);
	}
	larger.count = t->count;
	larger.clock = t->clock;
	ssrc_table_close(t);
	*t = larger;
	return 0;
}

struct ssrc_stream *ssrc_table_search(struct ssrc_table *t, uint32_t ssrc) {
	int number = ssrc_map_find(&t->numbers, ssrc);
	return number < 0 ? NULL : (t->last = &t->streams[number]);
}

static struct ssrc_stream *put(struct ssrc_table *t, uint32_t number, uint32_t ssrc) {
	struct ssrc_stream *s = &t->streams[number];
	*s = (struct ssrc_stream){.ssrc = ssrc};
	ssrc_map_add(&t->numbers, ssrc, number);
	ssrc_table_touch(t, s);
	return t->last = s;
}

struct ssrc_stream *ssrc_table_add(struct ssrc_table *t, uint32_t ssrc) {
	return t->count < t->capacity ? put(t, t->count++, ssrc) : NULL;
}

struct ssrc_stream *ssrc_table_replace(struct ssrc_table *t, uint32_t ssrc) {
	uint32_t oldest = 0;
	if (t->count < t->capacity)
		return ssrc_table_add(t, ssrc);
	for (uint32_t i = 1; i < t->count; i++)
		if (t->streams[i].used < t->streams[oldest].used)
			oldest = i;
	ssrc_map_remove(&t->numbers, t->streams[oldest].ssrc);
	return put(t, oldest, ssrc);
}

bool ssrc_table_check(const struct ssrc_table *t) {
	bool good = ssrc_map_check(&t->numbers) && t->numbers.count == t->count && t->numbers.capacity == t->capacity;
	for (uint32_t i = 0; good && i < t->count; i++)
		good = ssrc_map_find(&t->numbers, t->streams[i].ssrc) == (int)i && t->streams[i].used > 1 &&
		       t->streams[i].used <= t->clock;
	return good && (!t->last || t->last < t->streams + t->count);
}
