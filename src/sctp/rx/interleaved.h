/* interleaved: from I-DATA fragments to messages. RFC 8260, 2.2.3.
 *
 * The fragments of a message are found by stream, U bit, MID and FSN, never by their TSNs, and those of many messages may come
 * mixed. A message under way stands in a hash table under a secret multiplier (the peer chooses MIDs), in its stream's heap
 * by MID (for I-FORWARD-TSN), and is remembered as the last one touched, so that the fragments of one message after the other
 * cost no search. Fragments in order are appended to the message that the app will get, O(1) and without a copy at the end;
 * those ahead of their turn wait in a heap by FSN. DATA is the reassembly's.
 *
 *   count == entries of the table == nodes in the streams' heaps
 *   message->public.count <= next_fsn - SERIAL_ORIGIN, and less only when parts were delivered; every late fragment has an
 *   FSN > next_fsn
 *   a message under way has a fragment, or parts of it were delivered
 *   window->held >= sum over messages under way of (charge + outgrown + charges of message and end
 *                   + sum over late fragments of (env_cost + payload in a slab))
 *   charge == env_cost(partial) + its share of the table
 *
 * A message of a stream that wants parts is delivered piece by piece as soon as it is its turn: what is in order when it is at
 * least stream->partial bytes, and all that is in order, whatever its size, when the window runs short (interleaved_relieve),
 * for then the sender may have room for nothing else. So messages larger than the window pass, many of them at once.
 *
 * Memory: the window bounds all of it. */
#ifndef SCTP_RX_INTERLEAVED_H
#define SCTP_RX_INTERLEAVED_H

#include "sctp/rx/delivery.h"
#include "wire/wire.h"

struct partial {
	struct partial *next;       /* in its bucket */
	struct pairing_node by_mid; /* in its stream */
	struct rx_stream *stream;
	struct rx_message *message; /* the fragments in order that were not delivered; NULL: none */
	struct rx_message *end;     /* in reserve, to tell of an early end; not NULL: parts were delivered */
	struct partial *next_ready, *prev_ready;
	struct pairing_node *late; /* those ahead, by FSN */
	uint32_t capacity;         /* slices that the message has room for */
	uint32_t late_count;
	uint64_t next_fsn; /* unwrapped */
	uint64_t bytes;    /* payload of the fragments that are here */
	uint64_t offset;   /* bytes delivered */
	uint32_t mid, ppid;
	uint32_t charge;
	uint32_t outgrown; /* memory of arrays that the message outgrew, as they may lie idle in the pool */
	uint16_t fresh;    /* the part of it that is the stream's own cost and goes over to the first message */
	bool unordered, ended;
	bool ready; /* in the list of those that have something to deliver */
};

struct interleaved {
	sluice_env *env;
	struct window *window;
	struct delivery *to;
	struct partial **buckets;
	uint32_t bucket_count; /* a power of two, or 0 */
	uint32_t count;
	uint64_t multiplier;
	struct partial *last;  /* touched, or NULL */
	struct partial *ready; /* something of them could be delivered */
	uint32_t max_message_size;
};

void interleaved_init(struct interleaved *r, sluice_env *env, struct window *w, struct delivery *to, uint32_t max_message_size);
void interleaved_free(struct interleaved *r);
/* Gives the table back when no message is under way. */
void interleaved_rest(struct interleaved *r);

/* One fragment whose TSN is new. 0; or an error, and then nothing was taken and nothing is left of it: SLUICE_NO_MEMORY;
 * SLUICE_NO_SPACE: what it needs beside its bytes would pass window->limit; SLUICE_TOO_LARGE: the message passes
 * max_message_size; SLUICE_LIMIT: no message of at most 65535 fragments can have its FSN. */
int interleaved_add(struct interleaved *r, const struct wire_data *d, sluice_slab *slab);

/* The stream's next ordered message has its turn: parts of it that are here are delivered. */
void interleaved_turn(struct interleaved *r, struct rx_stream *s);
/* The window runs short: every part that could be delivered is. */
void interleaved_relieve(struct interleaved *r);

/* Messages of the stream up to this MID will never be whole. Of one that was delivered in part a last part with an error
 * tells. */
void interleaved_skip(struct interleaved *r, struct rx_stream *s, bool unordered, uint64_t mid);
/* Everything under way in the stream, or at all, is dropped; the same for parts, with this error. */
void interleaved_drop_stream(struct interleaved *r, struct rx_stream *s, int error);
void interleaved_drop(struct interleaved *r, int error);

/* A hand-over: every message under way with its fragments. The streams have been read before. */
void interleaved_walk(struct interleaved *r, struct walk *w);
/* One fragment: its header's fields, and its bytes, which are read where they lie. False: the walk has failed. */
bool interleaved_walk_fragment(struct wire_data *d, struct walk *w);

void interleaved_count(const struct interleaved *r, uint64_t *charge, uint64_t *payload);
bool interleaved_check(const struct interleaved *r);

#endif
