/* ssrc_map: which number was given to an SSRC?
 *
 * A table of fixed size with open addressing, made once. It knows SSRCs and numbers, and nothing of what they stand for.
 *
 *   count <= capacity; the table has a power of two of places, at least 2 * capacity, and is never full
 *   an entry whose value is 0 is empty; each other one is found from the home of its SSRC without passing an empty one
 *
 * Cost: a hash and a probe or two, however many SSRCs there are. The hash has a seed, because a peer chooses its SSRCs. Memory:
 * 16 to 32 bytes for each SSRC of the capacity. */
#ifndef RTP_SSRC_MAP_H
#define RTP_SSRC_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/env.h"

struct ssrc_map_entry {
	uint32_t ssrc;
	uint32_t value; /* 1 + the number; 0: empty */
};

struct ssrc_map {
	sluice_env *env;
	struct ssrc_map_entry *entries;
	uint32_t mask, seed;
	uint32_t count, capacity;
};

/* capacity: 1 or more. Returns 0, or
 *   SLUICE_NO_MEMORY */
int ssrc_map_open(struct ssrc_map *m, sluice_env *env, uint32_t capacity);
/* Also for a map of zeros. */
void ssrc_map_close(struct ssrc_map *m);
bool ssrc_map_check(const struct ssrc_map *m);

/* The number of the SSRC; -1: it is not there. */
int ssrc_map_find(const struct ssrc_map *m, uint32_t ssrc);
/* The SSRC is not there yet, and count < capacity. */
void ssrc_map_add(struct ssrc_map *m, uint32_t ssrc, unsigned number);
/* The SSRC is there. */
void ssrc_map_remove(struct ssrc_map *m, uint32_t ssrc);

#endif
