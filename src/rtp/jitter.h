/* jitter: a stream's packets between the network thread and the player's thread.
 *
 * The network thread pushes packets as they come; the player's thread pulls units in order, each when it is due. The packets stay
 * in their slabs, and a slot per sequence number names them: 512 for video, 128 for audio, allocated once. There is no lock:
 *
 *   - a slot belongs to the network thread until its tag is stored (release), and to the player from the load that sees it
 *     (acquire) until `head` has passed it;
 *   - the player writes `head` and nothing else that the network thread reads; the network thread writes everything else that
 *     the player reads: tags and slots, `end`, `base`, `offset`.
 *
 * So slabs, whose counts are not atomic, are released on the network thread: at the next push, or by jitter_reap().
 *
 * Each packet has a position: its sequence number, unwrapped. When the stream starts anew, positions go on at the next one, so
 * they only rise.
 *
 *   freed <= head <= end; base <= end
 *   a slot's tag is free, or the low 32 bits of a position p: freed <= p < end, p < freed + slots, p % slots is the slot's index
 *
 * A gap is waited for until the packet behind it is due; then it is LOST and passed. For audio it is until the missing packet
 * itself is due, so that concealment keeps the cadence. When three quarters of the slots are in use, units are due at once.
 * When a packet has no slot, everything before the packet after it is passed: a player that slept gets what is new. A jump of
 * more than 2,048, or 10 packets in a row behind the head that are no late retransmissions, start the stream anew. */
#ifndef RTP_JITTER_H
#define RTP_JITTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/env.h"
#include "rtp/frame.h"
#include "rtp/packet.h"
#include "rtp/payload/payload.h"
#include "rtp/playout.h"

#define JITTER_VIDEO_SLOTS 512
#define JITTER_AUDIO_SLOTS 128
#define JITTER_JUMP 2048
#define JITTER_BEHIND 10

/* Half a cache line. */
struct jitter_slot {
	_Atomic uint32_t tag; /* low 32 bits of the position; free: see jitter.c */
	uint16_t len, bits;   /* of the payload */
	const uint8_t *payload;
	uint64_t timestamp; /* unwrapped */
	void *owner;
};
_Static_assert(sizeof(struct jitter_slot) == 32, "two slots share a cache line");

enum jitter_push {
	JITTER_TAKEN,
	JITTER_DUPLICATE,
	JITTER_LATE, /* behind the head */
	JITTER_FULL, /* the player does not keep up */
	JITTER_MALFORMED,
	JITTER_PUSHES,
};

enum jitter_pull {
	JITTER_EMPTY, /* ask again at `next`; SLUICE_NEVER: when packets have come */
	JITTER_UNIT,
	JITTER_LOST, /* `lost` packets are missing or cannot be used */
};

struct jitter_unit {
	uint64_t next;  /* EMPTY */
	uint64_t lost;  /* LOST */
	bool restarted; /* LOST: the stream started anew, or the player slept too long */

	/* Of a unit. */
	uint64_t first; /* position */
	uint32_t count; /* packets, fillers included */
	uint32_t timestamp;
	uint64_t due;
	size_t bytes; /* of its payloads */
	bool keyframe;
	uint8_t temporal, spatial;
};

struct jitter_config {
	const struct payload_format *format;
	uint32_t clock_rate; /* 0: the format's */
	/* The owner of a packet is done with; called on the network thread. */
	void (*release)(void *ctx, void *owner);
	void *ctx;
};

struct jitter;

/* Returns NULL when there is no memory. It is the last allocation. */
struct jitter *jitter_new(sluice_env *env, const struct jitter_config *config);
/* Both threads have stopped using it. Releases the packets that are held. j may be NULL. */
void jitter_free(struct jitter *j);

/* ---- the network thread ---- */

/* Takes a packet. said: what the format's parse() says of the payload, SLUICE_MALFORMED as well; 0 when the payload is empty.
 * JITTER_TAKEN: the owner is held until it is released. Anything else: the owner is the caller's as before. */
enum jitter_push jitter_push(struct jitter *j, const struct rtp_packet *packet, int said, void *owner, uint64_t now);
/* Releases what the player has passed. */
void jitter_reap(struct jitter *j);
/* rtt 0: lost packets are not retransmitted, or too late. Matters for video only. */
void jitter_set_rtt(struct jitter *j, uint64_t rtt, uint64_t now);
/* SLUICE_NEVER: adapts, as at the start. Else at most 2 s. */
void jitter_set_delay(struct jitter *j, uint64_t delay, uint64_t now);
uint64_t jitter_delay(const struct jitter *j);
uint64_t jitter_count(const struct jitter *j, enum jitter_push result);
uint64_t jitter_restarts(const struct jitter *j);
/* Recounts what the network thread owns. */
bool jitter_check(struct jitter *j);

/* ---- the player's thread ---- */

/* The next thing to play. Passes the unit of the last call, whose packets must not be read any more. */
enum jitter_pull jitter_pull(struct jitter *j, uint64_t now, struct jitter_unit *out);
/* The payloads of the unit that jitter_pull() gave. Valid until the next call of it. Returns how many. */
size_t jitter_pieces(struct jitter *j, const struct payload_slice **pieces);
/* The unit that jitter_pull() gave, as a decoder takes it. Returns its length, or
 *   SLUICE_MALFORMED  its packets do not fit together
 *   SLUICE_NO_SPACE   it is longer than size; payload_unit_bound() of its bytes and count is enough */
int jitter_assemble(struct jitter *j, enum payload_form form, uint8_t *space, size_t size);
/* Recounts what the player's thread owns. */
bool jitter_check_player(struct jitter *j);

#endif
