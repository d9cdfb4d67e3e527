/* sched: which of the streams with something to send is next?
 *
 * It sees one entry for each stream: priority, weight, and what the stream has had. It knows no messages, no packets and no
 * association. The policies of RFC 8260, 3, are const tables. Each is a rule that gives an entry its key. The entry with the
 * least key is next; among equals, the one that has waited longest.
 *
 * The entries stand in two places. One that comes behind all others is appended to a line, which is in order. Any other one goes
 * into a heap (pairing.h). The next entry is the first of the line or the least of the heap. Streams that take equal turns only
 * walk through the line.
 *
 *   an entry is in the line or in the heap exactly while ->in; it is in the line exactly while ->in_line too
 *   in the line no (key, turn) is less than the one before it; in the heap none is less than its parent's
 *   count == entries in both
 *
 * Keys and turns run around: of two, the lesser is the one that lies behind by less than 2^63. Entering and a choice cost O(1).
 * Leaving and being charged cost O(1) in the line and O(log n) in the heap. A stream that is alone costs two stores. */
#ifndef SCTP_TX_SCHED_H
#define SCTP_TX_SCHED_H

#include "base/pairing.h"

#define SCHED_PRIORITY_DEFAULT 256 /* as a weight too: RFC 8831's "normal" */

struct sched_entry {
	struct pairing_node node; /* first; its key is the policy's */
	uint64_t turn;
	uint64_t finish;           /* of the fair ones: virtual time at which what it has had is paid for */
	uint16_t priority, weight; /* 0: the default */
	bool in, in_line;
};

struct sched;

struct sched_ops {
	const char *name;
	bool chunks;     /* streams take turns within messages too, where those may be interleaved */
	bool one_stream; /* a packet holds chunks of one stream, and the turn is over with the packet */
	bool by_arrival; /* the key follows from `arrival`; the others do not look at it */
	/* The key of an entry that has got `bytes` more since its last key (0: it enters). arrival: the number of its first
	 * message. */
	uint64_t (*key)(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival);
};

struct sched {
	const struct sched_ops *ops;
	struct pairing_node *root; /* of the heap */
	struct pairing_node *line, *line_end;
	uint32_t count;
	uint64_t turn;
	uint64_t virtual_time; /* of the fair ones: key of the entry served last */
};

/* By the numbers of enum sluice_scheduler; NULL: no policy has this number. */
const struct sched_ops *sched_by_number(unsigned number);

/* The stream has something to send from now on. */
void sched_enter(struct sched *s, struct sched_entry *e, uint64_t arrival);
/* The stream has nothing more to send. */
void sched_leave(struct sched *s, struct sched_entry *e);
/* A stream that is in was given `bytes`, and its turn is over. */
void sched_charge(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival);
/* The same for several turns in a row of the only stream that is in: `bytes` for the last one and `before` for all others. */
void sched_charge_run(struct sched *s, struct sched_entry *e, uint64_t before, uint64_t bytes, uint64_t arrival);
/* The only stream that is in has had its last turns; see sched_charge_run(). */
void sched_leave_run(struct sched *s, struct sched_entry *e, uint64_t before, uint64_t bytes);

/* Does x go before y? */
static inline bool sched_before(const struct pairing_node *x, const struct pairing_node *y) {
	const struct sched_entry *a = (const struct sched_entry *)x, *b = (const struct sched_entry *)y;
	int64_t d = (int64_t)(x->key - y->key);
	return d < 0 || (d == 0 && (int64_t)(a->turn - b->turn) < 0);
}
/* The next one, or NULL. */
static inline struct sched_entry *sched_first(const struct sched *s) {
	bool of_line = s->line && (!s->root || sched_before(s->line, s->root));
	return (struct sched_entry *)(of_line ? s->line : s->root);
}

bool sched_check(const struct sched *s);

#endif
