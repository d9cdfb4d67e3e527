/* way: one direction of a line. When does a packet come out at its far end, if it does?
 *
 * A packet waits until the packets before it have left (rate), then it takes `delay` to the far end. It is dropped at the near
 * end where the queue has no room for it, and it is lost on the line where the dice say so.
 *
 *   free_at        when the last byte of what was accepted has left
 *   the queue      == (free_at - now) * rate; the packet that is just leaving is part of it
 *   leaves(packet) == max(arrival, free_at before it) + size / rate
 *   due(packet)    == leaves(packet) + delay
 *   packet i is lost when hash(seed, i) < loss; i counts what was accepted, so the same packets are lost in each run
 *   waits(packet)  == leaves(packet) - size / rate - arrival, for what was accepted
 *   accepted == carried + lost + what is under way;  offered == accepted + dropped
 *
 * Sizes are those of IP packets. A train (segments.h) comes as one piece of memory and counts as the packets in it: each of them
 * is dropped, lost and due by itself. It knows no files and no clock; `now` in ns is an argument.
 *
 * Memory: a ring that holds what the queue and the delay can hold, made at the start. What finds no room in it counts as
 * dropped. */
#ifndef BENCH_LINE_WAY_H
#define BENCH_LINE_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/histogram.h"

struct line_config {
	uint64_t rate;  /* bit/s */
	uint64_t delay; /* ns from one end to the other */
	uint64_t queue; /* bytes at each end; 0: as many as the line carries in a round trip */
	double loss;    /* share of the packets, in each direction */
	uint64_t seed;  /* of the dice */
};

struct line_counters {
	uint64_t offered, dropped, lost, carried; /* packets */
	uint64_t carried_bytes;
	uint64_t longest_queue; /* bytes */
};

/* Packets that follow one another in one piece of memory. */
struct line_train {
	uint32_t len;     /* of the memory */
	uint32_t count;   /* of packets */
	uint32_t segment; /* bytes of each packet but the last */
	uint32_t bytes;   /* of all packets */
};

struct line_way {
	struct line_config config;
	struct line_counters counters;
	/* How long packets waited for their turn that were accepted from `waits_from` on, which may be set at any time. */
	struct histogram waits;
	uint64_t waits_from; /* UINT64_MAX: none */
	uint64_t free_at, accepted;
	uint8_t *space;
	size_t size, head, tail, wrapped; /* wrapped: where the records before the head's next start end; 0: they do not */
};

/* Packets of a train that came out at the far end one behind the other: `count` of them, from the first-th. */
struct line_run {
	const uint8_t *memory;
	size_t len;
	uint32_t first, count;
};

/* `direction` gives each way of a line dice of its own. Returns false when there is no memory. */
bool line_way_open(struct line_way *w, const struct line_config *config, unsigned direction);
void line_way_close(struct line_way *w);

/* Room for one train, or NULL when the ring is full. `size` is the largest that may come. */
uint8_t *line_way_room(struct line_way *w, size_t size);
/* Takes what was written to the room. */
void line_way_put(struct line_way *w, const struct line_train *train, uint64_t now);
/* Counts what found no room. */
void line_way_refuse(struct line_way *w, const struct line_train *train);

/* The next packets that are due by now and follow one another. Returns false when there are none. The memory stays as it is until
 * the next call. */
bool line_way_take(struct line_way *w, uint64_t now, struct line_run *run);
/* When the next packet is due, once line_way_take() returned false; UINT64_MAX when nothing is under way. */
uint64_t line_way_due(const struct line_way *w);

#endif
