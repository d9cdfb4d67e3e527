/* rwnd: how large a receive window is promised, and what of it is free.
 *
 * Two accounts bound what a peer can make us hold. The peer counts payload (RFC 9260, 6.2.1: a_rwnd less what is outstanding), so
 * payload is what is promised. We pay for memory, and a chunk takes more than its payload: a message of one byte 208 bytes. So
 * there is half as much more of memory than of window, which is room for what bulk costs beside its payload. Where chunks cost
 * more than that, the promise shrinks to what is left of the memory divided by what the last chunks cost for a byte. When the app
 * stops to read, the promise shrinks too late for what is under way; so then it leaves out a quarter of the window's size.
 *
 *   initial <= size <= max
 *   size - initial is part of env->window_lent, which is at most env->window_budget
 *   memory(what) == what / 8 * max(size, 32768): a smaller window is used up by what messages cost, whatever their size
 *   free == min(size - payload, (memory(unread <= size / 4 ? NEW : PROMISED) - held) * min(1, recent_payload / recent_cost),
 *               room + 2 * path)
 *
 *   a chunk behind a hole    is taken while  held + its length <= memory(NEW)
 *   one that fills a hole                    held + its length <= memory(HOLE)
 *   the next one in order                    held + its length <= memory(NEXT)
 *   and in each case, with a new highest TSN, payload < size
 *
 * A sender who keeps the promise loses nothing, and one who does not makes us hold twice the window (or 64 KiB) at most. What is
 * behind a hole is never let in at the cost of the hole: each step keeps some of the memory for what has to come before.
 *
 * No dead-lock: a message has at most 4/5 size (association.c sees to that), and in fragments of 256 bytes or more it takes at
 * most 1.9 times its payload, so it fits memory(NEW) alone. Of messages that are mixed (I-DATA) our own sender begins no more
 * than fit what is promised, and that is counted with what they will cost. A peer that begins more may fill the window with
 * messages of which none is whole. Then the receiver waits until the peer gives some up, and in the end aborts (receiver.c).
 * Growing the window instead would let any peer take memory without a bound.
 *
 * The window follows the path by dynamic right-sizing: a sender that is not held back by the window fills its congestion window,
 * and in slow start doubles that every round trip; so the window follows at four times what the app took off it in a round trip,
 * half of that for the doubling, and half for what piles up behind a hole while that is mended. What came and was not read is no
 * reason to grow, and neither is what was read at last but came earlier. A window that grew never shrinks.
 *
 * room: what the driver's socket holds while nobody reads it. All that is promised may be in there at once when the process has
 * other things to do, and what does not fit is lost. On a long path most of what is promised is not in the socket but under way:
 * path is what came in a round trip and did not wait, which is to say that less than a quarter of room was in the socket when it
 * was read. It counts twice, so that the window can double in a round trip like the sender's. Where a round trip takes less than
 * PATH_SHORT, or the reader is slower than the sender, room alone bounds the promise: it is enough for a gigabit there, and a
 * measured round trip of a busy machine is too long by what the packets waited. What comes is taken in any case. */
#ifndef SCTP_RX_RWND_H
#define SCTP_RX_RWND_H

#include "base/walk.h"
#include "pool/env.h"

struct rwnd {
	sluice_env *env;
	uint64_t size, initial, max;
	uint64_t taken;       /* payload received since the round began, ... */
	uint64_t consumed;    /* ... and what the app released */
	uint64_t round_began; /* 0: not yet */
	/* Of the chunks that came last, about a quarter of the window (or 8 KiB): the memory that they took and their payload. */
	uint64_t recent_cost, recent_payload;
	uint64_t room;     /* UINT64_MAX: no bound */
	uint64_t waited;   /* what was read since the socket was last empty */
	uint64_t straight; /* payload of this round that did not wait */
	uint64_t path;     /* bytes under way: the most of late, less an eighth for each round since */
};

void rwnd_init(struct rwnd *r, sluice_env *env, uint64_t initial, uint64_t max);
/* Gives the budget back; the window is the initial one again. */
void rwnd_reset(struct rwnd *r);

/* A batch came: its payload and the memory that it took; what the app released since the last one. rtt in ns, the least one
 * known, 0: none. True: the window has grown. */
bool rwnd_received(struct rwnd *r, uint64_t payload, uint64_t cost, uint64_t consumed, uint64_t rtt, uint64_t now);

/* What the driver's socket holds; what came since it was last empty. */
static inline void rwnd_set_room(struct rwnd *r, uint64_t room, uint64_t waited) {
	r->room = room;
	r->waited = waited;
}

/* Bytes that may be promised while so much payload fills the window and takes `held` bytes of memory, `unread` of them with the
 * app. */
uint64_t rwnd_free(const struct rwnd *r, uint64_t payload, uint64_t held, uint64_t unread);

/* What a chunk is, and so how much memory may be in use once it is in: in eighths of the window. */
enum rwnd_chunk { RWND_PROMISED = 10, RWND_NEW = 12, RWND_HOLE = 14, RWND_NEXT = 15 };
#define RWND_SMALL 32768
static inline uint64_t rwnd_memory(const struct rwnd *r, enum rwnd_chunk what) {
	return (r->size > RWND_SMALL ? r->size : RWND_SMALL) / 8 * what;
}

/* A hand-over. A window that was promised stays promised, whatever budget there is in the new place; room is the new place's. */
void rwnd_walk(struct rwnd *r, struct walk *w);

#endif
