/* outstanding: the chunks that have a TSN and are not yet behind the peer's cumulative TSN.
 *
 * A ring of small records indexed by TSN. It applies SACKs, finds what is missing, and keeps the flight's books. It knows
 * messages only as the owners of bytes. It knows neither windows nor timers, and packets only by their numbers in the log.
 *
 *   the ring holds the TSNs (cum, next); next - cum - 1 <= capacity <= OUTSTANDING_MAX
 *   flight == sum of len over chunks IN_FLIGHT
 *   a packet's in_flight == number of chunks IN_FLIGHT that name it
 *   lost   == number of chunks LOST, all of them at or above lost_low
 *   exhausted == number of those whose message may not be retransmitted any more
 *   cum <= advanced < next, and every chunk in (cum, advanced] is ABANDONED, or was ACKED and may be passed over
 *
 * Memory: 32 bytes a chunk, two in a cache line. A SACK costs what it changes: cumulative acknowledgement walks the chunks it
 * frees, packet by packet. Gap blocks are compared with those of the SACK before, and only their difference is walked. What they
 * take back is bounded: a receiver can drop only what it received, so each sending of a chunk allows one chunk to be taken back,
 * and each T3 all of them. A SACK that takes back more changes no block. Otherwise two SACKs that contradict each other, forty
 * times in a packet, would make us walk all chunks forty times.
 *
 * Some walks look at chunks that they do not change: what a SACK reports missing, what FORWARD-TSN may pass over, what may not be
 * sent again. The peer can ask for these walks with each of sixty SACKs in a packet. So all such walks of one verb share a bound,
 * `looks`, which is enough to see the whole ring once. Whoever has none left does without: what a walk would have found is found
 * by a later SACK or a timer. */
#ifndef SCTP_TX_OUTSTANDING_H
#define SCTP_TX_OUTSTANDING_H

#include "sctp/trace.h"
#include "sctp/tx/outgoing.h"
#include "sctp/tx/txlog.h"
#include "wire/wire.h"

#define OUTSTANDING_MAX 65536u

enum chunk_state {
	CHUNK_IN_FLIGHT,
	CHUNK_LOST,      /* to be sent again */
	CHUNK_ACKED,     /* by a gap block; the peer may still renege */
	CHUNK_ABANDONED, /* given up: FORWARD-TSN passes over it; `message` is NULL, stream and MID are kept */
};

struct tx_chunk {
	struct tx_message *message;
	uint32_t packet; /* lower half of the number of the last packet that carried it; 0: not known */
	union {
		struct {
			uint32_t offset; /* in the message */
			uint32_t fsn;
		};
		struct {
			uint32_t mid; /* ABANDONED */
			uint16_t stream;
		};
	};
	uint16_t len;
	uint8_t flags; /* WIRE_DATA_* */
	uint8_t state;
	uint8_t misses;
	uint8_t transmissions; /* saturates at 255 */
	bool fast_retransmitted;
};

struct gap {
	uint64_t start, end; /* TSNs, both included */
};

#define GAPS_KEPT 512 /* more than fit a SACK of 2 KB; blocks beyond are taken as missing, which is slow and safe */

struct outstanding {
	sluice_env *env;
	struct outgoing *out;
	struct tx_chunk *ring;
	uint32_t capacity;
	/* Chunks that the peer may still take back; those below retractions_to (lower half of a TSN) are counted. */
	uint32_t retractions_to;
	uint64_t cum, next, advanced;
	uint64_t passed; /* outstanding_advance_point() has looked at everything up to here */
	uint64_t flight;
	uint64_t lost, lost_low;
	uint32_t exhausted;
	uint32_t looks; /* chunks that the walks of this verb may still look at without changing them */
	struct txlog log;
	uint64_t newest_delivered; /* number of the packet sent last among all that were acknowledged */
	uint64_t rtt_tsn; /* the TSN that is being timed; 0: none. RFC 9260, 6.3.1, C4: one measurement in a round trip */
	uint32_t gap_count;
	uint32_t retractions;
	struct gap *gaps; /* blocks of the last SACK; GAPS_KEPT, made when first needed */
	struct trace *trace;
};

/* What the books learnt from one SACK. */
struct ack {
	bool advanced; /* the cumulative TSN moved */
	bool rtt_valid;
	bool lost_new;        /* chunks were found missing by it: fast retransmit */
	uint64_t rtt;         /* ns */
	uint64_t bytes;       /* newly acknowledged, by cum or gap */
	uint64_t highest_new; /* highest TSN newly acknowledged; 0: none */
	uint64_t fast_retransmits;
	uint64_t
		/* number of the packet sent last among those of which something was acknowledged; 0: none, or not known */
		newest;
	uint64_t unsent_lost; /* chunks acknowledged that counted as lost and had not been sent again: they were not lost */
	/* while the SACK is applied: the packet of the last chunk; its number in at, at_number */
	struct tx_packet *at_packet;
	uint64_t at_number;
	uint32_t at;
	bool at_old;    /* a packet sent later had been acknowledged before */
	bool reordered; /* a chunk that was sent once was acknowledged after one that was sent later: the path reorders */
};

/* Which missing TSNs does a SACK count against? RFC 9260, 7.2.4. */
enum miss_rule {
	MISS_HTNA, /* those below the highest one newly acknowledged */
	MISS_ALL,  /* in fast recovery, when the cumulative point moved: all that it reports missing */
	MISS_NONE, /* none: loss is found by time, not here */
};

void outstanding_init(struct outstanding *o, sluice_env *env, struct outgoing *out, uint64_t first_tsn);
/* Drops everything in flight: the messages are given up (not counted as abandoned by policy). */
void outstanding_clear(struct outstanding *o);
void outstanding_free(struct outstanding *o);
/* Nothing has been sent for a while: gives back what only data in flight needs. */
void outstanding_rest(struct outstanding *o);

static inline uint64_t outstanding_count(const struct outstanding *o) {
	return o->next - o->cum - 1;
}
/* A verb begins. */
static inline void outstanding_refresh(struct outstanding *o) {
	o->looks = OUTSTANDING_MAX;
}
static inline void outstanding_looked(struct outstanding *o, uint64_t count) {
	o->looks -= count < o->looks ? (uint32_t)count : o->looks;
}
/* A look that is also one at the chunk's message, which is elsewhere in memory. */
#define MESSAGE_LOOKS 4
static inline struct tx_chunk *outstanding_at(const struct outstanding *o, uint64_t tsn) {
	return &o->ring[tsn & (o->capacity - 1)];
}

/* A larger ring; false at OUTSTANDING_MAX or without memory. */
bool outstanding_grow(struct outstanding *o);
/* Makes room for one more chunk; false at the limit or without memory. */
static inline bool outstanding_reserve(struct outstanding *o, uint32_t limit) {
	uint64_t count = outstanding_count(o);
	return count < limit && txlog_reserve(&o->log) && (count < o->capacity || outstanding_grow(o));
}
/* The next len bytes of the message get the next TSN and are in flight from now on. The caller has called
 * outstanding_reserve(). */
struct tx_chunk *outstanding_append(struct outstanding *o, struct tx_message *m, uint32_t len, uint8_t flags, uint64_t now);

/* The same for a run of chunks, which are all new. How many are there slots for? */
static inline uint32_t outstanding_run_room(const struct outstanding *o, uint32_t limit) {
	uint64_t count = outstanding_count(o);
	uint32_t slots = limit < o->capacity ? limit : o->capacity;
	return count < slots ? slots - (uint32_t)count : 0;
}
/* Fills the slot of one chunk. */
static inline struct tx_chunk *outstanding_run_put(struct outstanding *o, uint64_t tsn, struct tx_message *m, uint32_t len,
                                                   uint8_t flags, uint32_t packet) {
	struct tx_chunk *c = outstanding_at(o, tsn);
	*c = (struct tx_chunk){
		.message = m,
		.packet = packet,
		.offset = m->cut,
		.len = (uint16_t)len,
		.flags = flags,
		.transmissions = 1,
	};
	return c;
}
/* `count` slots from the next TSN on were filled, and their packets are in the log: so much is in flight from now on. */
static inline void outstanding_run_end(struct outstanding *o, uint32_t count, uint64_t flight) {
	if (o->rtt_tsn == 0)
		o->rtt_tsn = o->next;
	o->next += count;
	o->flight = flight;
}

/* The lowest LOST chunk, or 0. */
uint64_t outstanding_first_lost(struct outstanding *o);
/* The chunk was put into a packet again. */
void outstanding_resent(struct outstanding *o, uint64_t tsn, uint64_t now);

/* Applies a SACK. gaps: the blocks, ascending and not overlapping, above cum. */
void outstanding_sack(struct outstanding *o, uint64_t cum, const struct gap *gaps, size_t count, enum miss_rule rule,
                      uint64_t now, struct ack *ack);
/* The blocks of the last SACK, as they stand above a cumulative TSN. The chunk next to that is missing: it would be acknowledged
 * too. Returns their number, at most GAPS_KEPT. */
size_t outstanding_gaps_above(const struct outstanding *o, uint64_t cum, struct gap *gaps);
/* T3 expired: the peer may take back whatever it acknowledged by blocks. */
static inline void outstanding_allow_retractions(struct outstanding *o) {
	o->retractions = OUTSTANDING_MAX;
}
/* T3: everything in flight counts as lost. */
void outstanding_all_lost(struct outstanding *o);
/* What is in flight of a packet counts as lost. Returns the number of chunks. */
uint32_t outstanding_packet_lost(struct outstanding *o, uint64_t number);
/* The same for all packets with more payload than `large` that were sent at or before `before`. */
void outstanding_large_lost(struct outstanding *o, uint32_t large, uint64_t before);
/* The first outstanding chunk, and those in flight whose packet is not known any more, count as lost. Returns their number. Walks
 * all. */
uint32_t outstanding_unknown_lost(struct outstanding *o);
/* Would the message of the chunk be given up instead of sending the chunk once more? */
static inline bool outstanding_final(const struct tx_chunk *c) {
	return c->message && c->message->reliability == SLUICE_MAX_RETRANSMITS && c->transmissions > c->message->limit;
}
/* The chunk with this TSN, in flight, is to be sent again. */
void outstanding_send_again(struct outstanding *o, uint64_t tsn);
/* What it repeated, of so many bytes, was lost after all. */
static inline void outstanding_was_lost(struct outstanding *o, uint32_t len) {
	o->log.lost += len;
}
/* The chunks that count as lost were not lost after all: they are in flight, as if they had been sent now. */
void outstanding_not_lost(struct outstanding *o, uint64_t now);
/* The highest TSN in flight; 0: none. */
uint64_t outstanding_last_in_flight(const struct outstanding *o);

/* The chunk will not be sent again. It keeps stream and MID, which FORWARD-TSN names. */
void outstanding_give_up(struct outstanding *o, struct tx_chunk *c, uint16_t stream, uint32_t mid);
/* One more TSN is spent on a message, never sent and given up at once, so that FORWARD-TSN has something to pass over. */
void outstanding_spend(struct outstanding *o, uint16_t stream, uint32_t mid, bool unordered);
/* Chunks were given up, or acknowledged between such: `advanced` follows. RFC 3758, 3.5, C2. */
void outstanding_advance_point(struct outstanding *o);

/* Hand-over: with the messages that chunks belong to; see outgoing_walk_begin(). */
void outstanding_walk(struct outstanding *o, struct walk *w);
bool outstanding_check(const struct outstanding *o);

#endif
