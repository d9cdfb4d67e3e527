/* reassembly: from chunks to messages in the order that was asked for: DATA here, I-DATA in interleaved.h, order in delivery.h.
 *
 * Fragments of one message have consecutive TSNs (RFC 9260, 6.9), so fragments wait in a ring indexed by TSN, and runs of
 * neighbours that belong together know each other's ends: adding one is O(1) in any order of arrival, and a message is
 * complete when a run begins with B and ends with E. It asks nobody which TSNs came (the caller has sorted out duplicates)
 * and sends nothing.
 *
 *   every fragment in the ring has low <= tsn <= high, high - low < capacity
 *   at both ends of a run, `other` is the TSN of the other end and run_bytes the payload of the whole run
 *   neighbours fit each other: the left one has E exactly when the right one has B, else both are of one message
 *   window->held >= ring_charged + sum over fragments of (backing_cost + SLICE_COST)
 *   ring_charged == env_cost(ring), while it is larger than the smallest one and there is a fragment in it; else 0
 *
 *   bit i of `bits` is set exactly when slot i is present; bit w of `groups` exactly when word w of `bits` is not 0
 *
 * Memory: the window bounds all of it, the ring included: a ring that would pass window->limit is not made. The ring reaches down
 * to the lowest TSN that may still come, so a fragment that fills a hole never has to wait for a larger one. FRAGMENTS_MAX bounds
 * it too. An empty and large ring is given back, though not before as many fragments came as it has slots: else two fragments far
 * apart, again and again, would cost its making each time. */
#ifndef SCTP_RX_REASSEMBLY_H
#define SCTP_RX_REASSEMBLY_H

#include "sctp/rx/interleaved.h"

#define FRAGMENTS_MAX 65536u

struct fragment {
	const uint8_t *data;
	struct backing backing;
	uint64_t other;
	uint32_t run_bytes, ppid;
	uint16_t stream, ssn, len;
	uint8_t flags; /* WIRE_DATA_* */
	bool present;
};

struct reassembly {
	sluice_env *env;
	struct window *window;
	struct delivery to;
	struct interleaved interleaved;
	struct fragment *ring;
	uint64_t *bits, *groups; /* behind the ring: which slots are in use; which words of `bits` are not 0 */
	uint32_t capacity;       /* a power of two, at least 64, or 0 */
	uint32_t since_grown;    /* fragments taken since the ring grew; saturates */
	uint32_t ring_charged;
	uint64_t low, high; /* low > high: empty */
	uint64_t lowest;    /* no TSN below it will come, says the caller before he adds one; 0: he does not know */
	uint64_t fragments; /* in the ring */
	uint32_t max_message_size;
	/* The one message that is being delivered in parts: fragments of another never stand between its own, so one is
	 * enough. */
	struct {
		struct rx_message *end; /* tells of an early end; NULL: there is no such message */
		struct rx_stream *stream;
		uint64_t next; /* TSN of its next fragment */
		uint64_t offset;
		uint32_t ppid;
		uint64_t number; /* its SSN, unwrapped */
		bool unordered;
	} parts;
};

void reassembly_init(struct reassembly *r, sluice_env *env, struct window *w, struct event_queue *events,
                     uint32_t max_message_size, uint32_t partial);
void reassembly_free(struct reassembly *r);
/* Nothing has come for a while: gives back what only messages under way need. */
void reassembly_rest(struct reassembly *r);

/* Takes one chunk that is new. `d->payload` lies in `slab`, which may be NULL. Returns 0; or an error, and then nothing was taken
 * and the chunk must not be acknowledged:
 *   SLUICE_NO_MEMORY
 *   SLUICE_NO_SPACE   what it needs beside its bytes would pass window->limit
 *   SLUICE_LIMIT      further than FRAGMENTS_MAX from the lowest
 *   SLUICE_TOO_LARGE  the message passes max_message_size
 *   SLUICE_PROTOCOL   its neighbours are fragments that it cannot stand beside; RFC 9260, 6.9 */
int reassembly_add(struct reassembly *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab);

/* The same with an I-DATA chunk. SLUICE_LIMIT: its FSN is none that a message of at most 65535 fragments can have. */
int reassembly_add_interleaved(struct reassembly *r, const struct wire_data *d, sluice_slab *slab);

/* FORWARD-TSN: fragments up to tsn will never be complete; then the stream's messages up to ssn are not waited for. */
void reassembly_forward_tsn(struct reassembly *r, uint64_t tsn);
int reassembly_skip(struct reassembly *r, uint16_t stream, uint16_t ssn);
/* I-FORWARD-TSN: messages of the stream up to mid are not waited for, and what is here of them is dropped. */
int reassembly_skip_interleaved(struct reassembly *r, uint16_t stream, bool unordered, uint32_t mid);

/* Messages of the stream are delivered in parts from this many bytes on; 0: whole. Until the stream is reset. */
int reassembly_set_partial(struct reassembly *r, uint16_t stream, uint32_t bytes);
/* The window runs short: parts are delivered, whatever their size. */
void reassembly_relieve(struct reassembly *r);

/* The peer starts the stream anew (RFC 6525): the next SSN is 0. Queues RESET_IN. 0, or for a stream that nothing came on
 * SLUICE_NO_MEMORY: nothing was done. */
int reassembly_reset_stream(struct reassembly *r, uint16_t stream);
/* The same with every stream on which something came since its last reset. Costs what they cost, and nothing is left of them. */
void reassembly_reset_all(struct reassembly *r);
/* An SSN/TSN reset: what is whole is delivered, what is not never will be, and every stream's numbers begin at 0. */
void reassembly_renumber(struct reassembly *r);
/* A restart or the end: everything undelivered is gone, every stream begins at 0. Messages of which parts were delivered end with
 * this error. */
void reassembly_restart(struct reassembly *r, int error);

/* The charges and the payload of what is under way or waits for its turn: all that was taken and is not with the app. */
void reassembly_count(const struct reassembly *r, uint64_t *charge, uint64_t *payload);
/* A hand-over: streams, messages under way, and what was counted. The reassembly that is read into was just made; cum and highest
 * are those of the map of TSNs. */
void reassembly_walk(struct reassembly *r, uint64_t cum, uint64_t highest, struct walk *w);
bool reassembly_check(const struct reassembly *r);

#endif
