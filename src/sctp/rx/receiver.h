/* receiver: the receiving half of an association: DATA and FORWARD-TSN in (or I-DATA and I-FORWARD-TSN), messages and SACKs out.
 *
 *   tsnmap       which TSNs came           rwnd       how large a window is promised
 *   reassembly   from chunks to messages   sack       how many acknowledgements a batch gets
 *   interleaved  the same with I-DATA      message    a message with the app, and the account of what is held
 *   delivery     messages in their order
 *
 * The receiver knows neither the sender nor the association. The round-trip time, the time and the end of the association come as
 * arguments. What has to be said to the peer goes up as a struct receiver_report; messages, and streams that were reset, go into
 * the queue of events. `opened` is called when the app's release of a message makes a SACK due.
 *
 *   sack_due    a SACK goes with the next packet
 *   sack_at     when a delayed SACK is due; SLUICE_NEVER: none is delayed
 *   advertised  what is left of the a_rwnd of the last SACK, after the payload that came since
 *   duplicates  TSNs that came twice since the last SACK, for the next one
 *
 * Memory: the window bounds what a peer can make the receiver hold; see rwnd.h. */
#ifndef SCTP_RX_RECEIVER_H
#define SCTP_RX_RECEIVER_H

#include "sctp/rx/reassembly.h"
#include "sctp/rx/rwnd.h"
#include "sctp/rx/sack.h"
#include "sctp/rx/tsnmap.h"

#define RECEIVER_DUPLICATES_MAX 16

/* Counters of the same names stand in sluice_sctp_stats. */
struct receiver_stats {
	uint64_t data_chunks_received, duplicate_tsns_received, window_drops, memory_drops, chunks_discarded, sacks_sent;
};

/* Something that is to be said to the peer about a chunk. */
struct receiver_report {
	bool abort; /* an ABORT, and the association ends with this error and text; else an ERROR */
	uint16_t cause;
	const void *info; /* of the cause: bytes or text */
	size_t info_len;
	int error;
	uint8_t bytes[4];
	char text[64];
};

struct receiver {
	sluice_env *env;
	bool open; /* between receiver_init_sent or receiver_start and receiver_end */
	bool interleaving, forward_tsn;
	bool sack_due;
	uint16_t streams; /* of the peer's; a chunk of a higher one is invalid */
	uint16_t duplicate_count;
	uint32_t packet; /* bytes: the least step by which the window's edge moves */
	enum sluice_sack_policy sack_rule;
	uint64_t sack_at, sack_delay;
	uint64_t batch_payload; /* new, in the input() under way */
	uint64_t shut_since;    /* since when the window is full and the app has nothing that it could release; 0: it is not so */
	uint64_t advertised;
	uint64_t advertised_most; /* what the last a_rwnd would have been with nothing held */
	struct window *window;
	struct rwnd rwnd;
	struct tsnmap map;
	struct sack_policy acks;
	struct reassembly in;
	struct event_queue *events;
	struct event_node reset_all; /* RESET_IN of all streams at once */
	void (*opened)(void *owner);
	void *owner;
	struct receiver_stats stats;
	struct receiver_report report;
	uint64_t now; /* of the input() under way */
	uint32_t duplicates[RECEIVER_DUPLICATES_MAX];
};

/* 0 or SLUICE_NO_MEMORY. The struct must stay where it is. */
int receiver_init(struct receiver *r, sluice_env *env, const sluice_sctp_config *config, struct event_queue *events,
                  void (*opened)(void *owner), void *owner);
/* Events of the receiver must have left the queue before: receiver_drop_event. */
void receiver_free(struct receiver *r);
/* The association has been idle for a while: gives back memory that grew with what was missing or under way. */
void receiver_rest(struct receiver *r);

/* What the handshake says of receiving. */
struct receiver_terms {
	uint64_t cum;     /* the TSN before the peer's first one, unwrapped */
	uint16_t streams; /* that the peer may use */
	bool believed;    /* the peer makes no use of more than one SACK for a batch; see sack.h */
};
/* What both sides agreed on: I-DATA in place of DATA, and FORWARD-TSN of the kind that goes with it. */
static inline void receiver_negotiate(struct receiver *r, bool interleaving, bool forward_tsn) {
	r->interleaving = interleaving;
	r->forward_tsn = forward_tsn;
}
/* Our INIT goes out and promises the window of now. What the app releases from here on may make a SACK due. */
static inline void receiver_init_sent(struct receiver *r) {
	r->open = true;
}
/* An association begins, after receiver_negotiate(). */
void receiver_start(struct receiver *r, const struct receiver_terms *terms);
/* The peer has restarted: what was not delivered is dropped. A message of which parts were delivered ends with the error; with
 * error 0 nobody hears of it. */
void receiver_restart(struct receiver *r, int error);
/* The association has ended. Messages of which parts were delivered end as in receiver_restart. */
void receiver_end(struct receiver *r, int error);

/* ---- chunks ---- */

/* An input() begins. */
static inline void receiver_batch_begin(struct receiver *r, uint64_t now) {
	r->now = now;
}

/* Results, as bits. */
enum receiver_result {
	RECEIVER_ACKNOWLEDGE = 1, /* the packet is one that SACKs count */
	RECEIVER_REPORT = 2,      /* receiver_last_report() has something to be said to the peer */
};
unsigned receiver_data(struct receiver *r, const struct wire_chunk *c, sluice_slab *slab);
unsigned receiver_forward_tsn(struct receiver *r, const struct wire_chunk *c);
static inline const struct receiver_report *receiver_last_report(const struct receiver *r) {
	return &r->report;
}

/* A packet with DATA has been taken; `more` packets follow in the same input(). Decides whether those so far get a SACK of their
 * own. */
void receiver_early_sack(struct receiver *r);
static inline void receiver_packet_end(struct receiver *r, bool more) {
	r->acks.unacked++;
	if (r->acks.apart && more)
		receiver_early_sack(r);
}

/* What the rest of the association knows at the end of a batch. */
struct receiver_view {
	uint64_t least_rtt; /* ns, measured; 0: none was */
	uint64_t srtt;
	bool at_once; /* no SACK is delayed any more */
};
/* `packets` of the input() had DATA. Decides on SACKs and the window. True: the window does not grow because least_rtt is not
 * known, and data comes that it could grow for. */
bool receiver_batch_end(struct receiver *r, uint32_t packets, const struct receiver_view *v);

/* ---- SACKs ---- */

static inline void receiver_sack_now(struct receiver *r) {
	r->sack_due = true;
}
static inline bool receiver_sack_delayed(const struct receiver *r) {
	return r->sack_at != SLUICE_NEVER;
}
/* Writes the SACK that is due, when there is room for its fixed part. */
void receiver_write_sack(struct receiver *r, struct writer *w);
/* Writes the next one that goes before it. False: no room. */
bool receiver_write_early_sack(struct receiver *r, struct writer *w);
static inline bool receiver_early_sack_waits(const struct receiver *r) {
	return sack_early_waits(&r->acks);
}
static inline bool receiver_has_gap(const struct receiver *r) {
	return tsnmap_has_gap(&r->map);
}
/* All up to this TSN is here, unwrapped. */
static inline uint64_t receiver_cum(const struct receiver *r) {
	return r->map.cum;
}
static inline uint64_t receiver_highest(const struct receiver *r) {
	return r->map.highest;
}
uint64_t receiver_a_rwnd(const struct receiver *r);

/* ---- time ---- */

static inline uint64_t receiver_deadline(const struct receiver *r) {
	return r->sack_at;
}
/* The deadline is over. */
void receiver_advance(struct receiver *r);

/* ---- streams: RFC 6525 ---- */

/* Both return false when RESET_IN events that the app has not polled, or a want of memory, do not allow it now. */
bool receiver_reset_stream(struct receiver *r, uint16_t stream);
bool receiver_reset_all(struct receiver *r);
/* An SSN/TSN reset: the peer's next TSN lies 2^31 further, every SSN begins at 0, what is not whole never will be. */
void receiver_renumber(struct receiver *r);
static inline void receiver_add_streams(struct receiver *r, uint16_t count) {
	r->streams = (uint16_t)(r->streams + count);
}
/* Messages of the stream are delivered in parts from this many bytes on. 0 or SLUICE_NO_MEMORY. */
int receiver_set_partial(struct receiver *r, uint16_t stream, uint32_t bytes);

/* ---- events: MESSAGE, MESSAGE_PART and RESET_IN ---- */

/* The event left the queue for the app, or for nobody. Returns its message; NULL: the event has none. */
sluice_message *receiver_take_event(struct receiver *r, struct event_node *n);
static inline void receiver_drop_event(struct receiver *r, struct event_node *n) {
	sluice_message_release(receiver_take_event(r, n));
}

/* Adds what the receiver counts. */
void receiver_stats_add(const struct receiver *r, sluice_sctp_stats *stats);
/* A hand-over. The receiver that is read into was just made, and receiver_negotiate() was called. */
void receiver_walk(struct receiver *r, struct walk *w);
/* An event that waits: is it one of the receiver's? Writes the event n, or queues the one that is read, and then n is NULL. */
bool receiver_has_event(uint8_t type);
void receiver_walk_event(struct receiver *r, uint8_t type, struct event_node *n, struct walk *w);
bool receiver_check(const struct receiver *r);

#endif
