/* pacer: which packet leaves next, and when?
 *
 * It queues runs, not bytes: a run is the packets of one frame, of equal size save the last, so that what leaves of it is one
 * GSO send. Audio goes before retransmissions, these before video, and padding begins a probe and fills it where there is
 * nothing else. Packets leave at 2.5 times the target, in bursts of 5 ms: an encoder makes large and small frames, and a large
 * one must not wait for its mean. Audio is never held back, but its bytes count.
 *
 *     pacer_push(p, PACER_VIDEO, &run, now)       a frame was split
 *     while (pacer_next(p, most, now, &grant))    write `count` packets of the run, from `first` on
 *     pacer_deadline(p)                           when to ask again
 *
 * Sans-IO; all memory is taken by pacer_open(). It knows no target but the number given, and no packets.
 *
 *   head - tail <= capacity for each queue
 *   queued == sum of the bytes of all runs that have not left
 *   due <= the time of the last grant + PACER_BURST + the time of one packet, but for audio */
#ifndef RTP_PACER_H
#define RTP_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

#define PACER_BURST (5 * SLUICE_MS)

enum pacer_kind {
	PACER_AUDIO,
	PACER_RETRANSMISSION,
	PACER_VIDEO,
	PACER_PADDING, /* never queued: it is what a grant says when a probe begins, or has nothing else to send */
	PACER_QUEUES = PACER_PADDING,
};

struct pacer_run {
	uint64_t handle; /* the caller's own */
	uint32_t count;  /* packets, at least 1 */
	uint32_t size;   /* bytes of each datagram but the last, as they count against the rate */
	uint32_t last;   /* of the last one, at most size */
};

struct pacer_grant {
	enum pacer_kind kind;
	uint64_t handle;
	uint32_t first, count; /* of the run; padding: count packets of `size` each */
	uint32_t size, last;   /* last: of the last packet of this grant */
	uint32_t probe;        /* the id to record them with; 0: none */
	bool is_end;           /* the run has left */
};

struct pacer_queue {
	struct pacer_run *ring;
	uint64_t head, tail;
	uint32_t done; /* packets of the run at tail that have left */
};

struct pacer {
	sluice_env *env;
	struct pacer_queue queues[PACER_QUEUES];
	size_t capacity; /* runs in each queue, a power of two */
	uint64_t queued; /* bytes */
	uint64_t rate;   /* bit/s to leave at */
	uint64_t due;    /* when the bytes that left are over at that rate */
	uint64_t burst;  /* when the present burst began */
	uint64_t clock;
	uint32_t padding; /* size of a padding packet */
	struct {
		uint32_t id;             /* 0: none */
		uint32_t packets, bytes; /* still to be sent */
		uint64_t rate;
		bool begun; /* its first packet has left */
	} probe;
};

/* capacity: runs that each queue holds, a power of two. padding: bytes of a padding packet's datagram, above 0. Returns 0 or
 * SLUICE_NO_MEMORY. */
int pacer_open(struct pacer *p, sluice_env *env, size_t capacity, uint32_t padding);
void pacer_close(struct pacer *p);

/* At which rate packets leave for this target. */
uint64_t pacer_rate(uint64_t target);
/* target in bit/s, above 0. */
void pacer_set_target(struct pacer *p, uint64_t target);
/* From now on packets leave at the probe's rate, until both numbers are reached. A probe that still runs is given up. The first
 * packet is padding: the time that the first packet itself takes on the path is not seen, so it should be a small one. */
void pacer_probe(struct pacer *p, uint32_t id, uint64_t rate, uint32_t packets, uint32_t bytes, uint64_t now);
static inline bool pacer_is_probing(const struct pacer *p) {
	return p->probe.id != 0;
}

/* Returns 0, or
 *   SLUICE_WOULD_BLOCK  the queue is full
 *   SLUICE_INVALID      a run without packets or bytes, or with a last one that is larger */
int pacer_push(struct pacer *p, enum pacer_kind kind, const struct pacer_run *run, uint64_t now);
/* Asks for the memory of the next run of each queue. */
void pacer_prefetch(const struct pacer *p);
/* Grants up to `most` (at least 1) packets of one run. False: nothing may leave now. The caller sends what was granted. */
bool pacer_next(struct pacer *p, uint32_t most, uint64_t now, struct pacer_grant *out);
/* SLUICE_NEVER: there is nothing to send. */
uint64_t pacer_deadline(const struct pacer *p);
static inline uint64_t pacer_queued(const struct pacer *p) {
	return p->queued;
}
bool pacer_check(const struct pacer *p);

/* How a frame of len bytes becomes equal packets of at most `most` bytes: returns how many, 0 for an empty frame; *size is that
 * of each but the last, which has len - (count - 1) * *size, at least 1. */
uint32_t pacer_split(uint32_t len, uint32_t most, uint32_t *size);

#endif
