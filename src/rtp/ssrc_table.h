/* ssrc_table: how far has the stream of each SSRC come, and which of its newest packets were there?
 *
 * A table of fixed size, unless its caller makes it larger. A window over packet numbers (base/replay.h) is all that it keeps of
 * a stream: the highest number has the roll-over counter above its lower bits. It knows no packets and no keys, and it never adds
 * an SSRC by itself: its caller does, after a tag verified.
 *
 * Who goes when it is full? ssrc_table_add() then refuses. ssrc_table_replace() takes the place of the stream that was silent for
 * the longest time; the window of that stream is lost. A sender must never do that: it would begin its numbers anew under the
 * same key. Its table grows.
 *
 *   count <= capacity; `numbers` has the number of each stream below `count`, and no others
 *   1 < used <= clock for each stream, and no two are equal
 *
 * Cost: finding the SSRC of the call before is one comparison, another one a look into `numbers`. Memory: 168 bytes a stream, and
 * what ssrc_map.h says. */
#ifndef RTP_SSRC_TABLE_H
#define RTP_SSRC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/replay.h"
#include "rtp/ssrc_map.h"
#include "sluice/env.h"

struct ssrc_stream {
	uint32_t ssrc;
	/* The clock of the table when ssrc_table_touch() named it. */
	uint64_t used;
	struct replay window;
};

struct ssrc_table {
	sluice_env *env;
	struct ssrc_stream *streams, *last;
	struct ssrc_map numbers; /* of the streams, by SSRC */
	uint32_t count, capacity;
	uint64_t clock;
};

#define SSRC_TABLE_MAX 65536

/* capacity: 1 to SSRC_TABLE_MAX. Returns 0, or
 *   SLUICE_NO_MEMORY */
int ssrc_table_open(struct ssrc_table *t, sluice_env *env, uint32_t capacity);
/* Makes it twice as large. Returns 0, or
 *   SLUICE_NO_MEMORY
 *   SLUICE_LIMIT      it would be larger than SSRC_TABLE_MAX */
int ssrc_table_grow(struct ssrc_table *t);
/* Also for a table of zeros. */
void ssrc_table_close(struct ssrc_table *t);

struct ssrc_stream *ssrc_table_search(struct ssrc_table *t, uint32_t ssrc);

/* NULL: it is not there. */
static inline struct ssrc_stream *ssrc_table_find(struct ssrc_table *t, uint32_t ssrc) {
	return t->last && t->last->ssrc == ssrc ? t->last : ssrc_table_search(t, ssrc);
}

/* Something of the stream came: it is not the one to be replaced. The clock moves when it is another stream's turn. */
static inline void ssrc_table_touch(struct ssrc_table *t, struct ssrc_stream *s) {
	if (s->used != t->clock)
		s->used = ++t->clock;
}

/* The SSRC is not there yet. Its window is empty. NULL: the table is full. */
struct ssrc_stream *ssrc_table_add(struct ssrc_table *t, uint32_t ssrc);
/* The same; in a full table the stream that was touched longest ago makes room. Finding that one walks over all. */
struct ssrc_stream *ssrc_table_replace(struct ssrc_table *t, uint32_t ssrc);

bool ssrc_table_check(const struct ssrc_table *t);

#endif
