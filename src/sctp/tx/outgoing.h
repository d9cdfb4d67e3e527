/* outgoing: the messages that wait to be cut into chunks, stream by stream. sched says which stream is next.
 *
 * It owns the app's bytes from send() until the last one is acknowledged or abandoned, and keeps the books that the app sees:
 * buffered amount, high water, low threshold. It knows streams and messages. TSNs, windows and loss are for `outstanding`.
 *
 *   stream->buffered == sum over its messages (queued or in flight) of message->left
 *   out->buffered == sum over streams of stream->buffered
 *   a stream is with the scheduler or set aside exactly when it has a queued message
 *   queued == messages that streams have in their queues
 *   begun_left == sum over queued messages that were begun of len - cut
 *   drained == streams whose reset is wanted and on which nothing is buffered
 *   every stream with a next_mid that is not 0 is in the list of those used
 *
 * Fragments of different messages never mix while I-DATA is not in use (RFC 8260, 1.1: all DATA chunks of a user message have
 * consecutive TSNs). So a message that was begun is finished first, and the scheduler works between messages. With I-DATA it
 * works between chunks; messages of one stream are still cut one after the other. */
#ifndef SCTP_TX_OUTGOING_H
#define SCTP_TX_OUTGOING_H

#include "base/heap.h"
#include "base/walk.h"
#include "pool/idmap.h"
#include "sctp/events.h"
#include "sctp/tx/sched.h"

#include <string.h>

struct tx_stream;

/* 64 bytes. Copied bytes stand right behind it; fields that few messages need stand elsewhere. What an acknowledgement reads
 * comes first: in a block of the pool it shares a cache line with the block's header, which freeing the message writes. */
struct tx_message {
	/* In its stream, while bytes of it have no TSN. `prev` of the first one says nothing. */
	struct tx_message *next, *prev;
	struct tx_stream *stream;
	uint32_t len, cut, left; /* bytes: in all, given TSNs, neither acknowledged nor abandoned */
	uint8_t reliability;
	union {
		/* The app may give a message piece by piece. Each piece is a struct of its own and leaves by itself: only the
		 * first has `first`, and only the last has `last`. */
		struct {
			bool last : 1, first : 1, unordered : 1;
		};
		uint8_t wire; /* the same bits as WIRE_DATA_E, B and U of a chunk that holds all of it */
	};
	bool part : 1, queued : 1, borrowed : 1, begun : 1; /* begun: something of it was cut */
	bool special;           /* lent, timed or a part: freeing it is more than giving its memory back */
	struct tx_timed *timed; /* when it has a lifetime */
	uint32_t ppid;
	uint32_t limit; /* retransmissions, or lifetime in ms */
	union {
		uint32_t first_tsn; /* of its first fragment, as on the wire, once there is one; ... */
		uint32_t queued_ms; /* ... before: when it was queued */
	};
	union {
		uint32_t mid;     /* once there is a fragment too; the low 16 bits are the SSN of DATA; ... */
		uint32_t arrival; /* ... before: how many were queued before it */
	};
};

/* A lifetime. It waits for the next verb, which knows the time, and then stands in the heap. */
struct tx_timed {
	struct heap_node expiry; /* key: when it ends; outside the heap while unstamped */
	struct tx_message *message;
	struct tx_timed *next_unstamped;
	bool unstamped;
};

/* Stands behind the message when its bytes are lent. */
struct tx_borrowed {
	sluice_release_fn release;
	void *release_ctx;
	uint32_t cursor_index, cursor_base; /* the slice that holds the byte last gathered, and its offset in the message */
	struct iovec iov[];
};

/* A message that the app has begun and not ended. The last byte given so far is kept back, so that there is a byte for the E bit
 * whenever the end comes. */
struct tx_open {
	sluice_send_info info;
	bool started;  /* a part was queued */
	bool given_up; /* nothing more of it will go */
	bool kept;
	uint8_t byte;
};

enum tx_reset { TX_RESET_NONE, TX_RESET_WANTED, TX_RESET_SENT };

/* An app that was refused is called for more when there is room for this many bytes, or when half of the mark is free. It fills
 * the room in one go. Meanwhile nothing is sent and no acknowledgement is read: 32 MB of room, half of a buffer for a gigabit of
 * 100 ms, took 17 ms to fill. */
#define OUTGOING_REFILL (UINT64_C(1) << 20)

struct tx_stream {
	struct sched_entry sched; /* while the stream is set aside, its links are those of that list */
	uint16_t id;
	uint8_t reset; /* enum tx_reset */
	bool aside, above_low, blocked;
	bool doubtful;        /* the peer may not know the stream */
	bool used;            /* in the list of those used */
	bool may_yield;       /* a message in the queue may have SLUICE_PRIORITY_DROP; false: none has */
	uint16_t refused;     /* while blocked: the length of the message that found no room, in whole 64 KiB */
	uint32_t next_mid[2]; /* RFC 8260, 2.1: ordered and unordered messages are counted apart; [1]: unordered */
	uint32_t next_fsn;    /* of the message that is being cut; a stream's messages are cut one after the other */
	struct tx_stream *next_reset;
	struct tx_stream *next_used;
	struct tx_message *head, *tail;
	struct tx_open *open;                                  /* NULL: none */
	uint64_t buffered, buffered_messages, low, high_water; /* high_water 0: the association's */
	uint64_t lost_messages; /* dropped since the last send because the association ended or restarted */
	struct event_node writable, low_event, reset_event, abandoned;
};

struct outgoing {
	sluice_env *env;
	struct event_queue *events;
	struct idmap streams;
	struct sched sched;
	struct tx_stream *used; /* streams with a number given since all were reset together; some may be back at 0 */
	uint32_t drained;       /* streams whose reset is wanted and on which nothing is buffered */
	bool interleaving;      /* the fragments of messages may mix */
	struct pairing_node *aside, *aside_tail; /* streams whose first message may not be begun yet */
	struct tx_message *begun;                /* cut in part, when they may not: it goes on before any other */
	uint64_t begun_left;
	uint64_t arrivals;
	uint64_t queued;            /* messages */
	uint64_t parts;             /* messages that are parts, and open ones */
	uint64_t now;               /* of the last verb; or later: sender_date() */
	struct tx_timed *unstamped; /* lifetimes that count from the next verb, which knows the time */
	struct heap expiry;
	/* high_water: of streams without one of their own. least_water: the same while env->send_held >= env->send_budget.
	 * env->send_held is the sum of `buffered` over the associations of the env. */
	uint64_t buffered, high_water, least_water;
	uint64_t messages, payload, abandoned;
};

void outgoing_init(struct outgoing *o, sluice_env *env, struct event_queue *events, uint64_t high_water,
                   const struct sched_ops *scheduler);
void outgoing_free(struct outgoing *o); /* Frees the queued messages too. The owner has dropped those in flight before. */
void outgoing_rest(struct outgoing *o); /* Gives the heap of lifetimes back when it is empty. */

/* The stream, made on first use; NULL when there is no memory. */
struct tx_stream *outgoing_stream(struct outgoing *o, uint16_t id);
static inline struct tx_stream *outgoing_find(const struct outgoing *o, uint16_t id) {
	return idmap_get(&o->streams, id);
}

/* Enters a stream into the list of those used: with its first message, and with the first one after all were reset together. */
void outgoing_mark_used(struct outgoing *o, struct tx_stream *s);
/* Takes one out of the list; NULL: none is left. */
struct tx_stream *outgoing_take_used(struct outgoing *o);
/* Frees a stream of which nothing is left: never used, nothing set, no event waits. */
void outgoing_forget(struct outgoing *o, uint16_t id);

/* 1 byte at least, and no more than a length of 31 bits can say. */
static inline bool outgoing_length_is_valid(size_t len) {
	return len - 1 < UINT32_MAX / 2;
}

/* Queues a message: copies the bytes, or borrows them until release() is called. Returns 0, or
 *   SLUICE_WOULD_BLOCK  the stream holds as much as it may; a WRITABLE event follows
 *   SLUICE_NO_MEMORY    nothing was queued, and release() is not called */
/* s: the stream, NULL when there is none yet; so it is looked up once for all that is asked of it. */
int outgoing_copy_on(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const void *data, uint32_t len);
static inline int outgoing_copy(struct outgoing *o, const sluice_send_info *info, const void *data, uint32_t len) {
	return outgoing_copy_on(o, outgoing_find(o, info->stream), info, data, len);
}
/* The same for several messages. Returns how many were queued; when not all of them were, *error says why the next one was not:
 * one of the above, or
 *   SLUICE_INVALID      it is empty or too long */
size_t outgoing_copy_many(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const struct iovec *messages,
                          size_t count, int *error);
int outgoing_borrow(struct outgoing *o, const sluice_send_info *info, const struct iovec *iov, size_t count, uint32_t len,
                    sluice_release_fn release, void *ctx);

/* A message piece by piece. These return 0, or
 *   SLUICE_WRONG_STATE  a message is open on the stream already (begin), or none is (part, end)
 *   SLUICE_WOULD_BLOCK  the stream holds as much as it may; a WRITABLE event follows
 *   SLUICE_LIMIT        the message was given up; it is no longer open
 *   SLUICE_INVALID      the end came without a byte
 *   SLUICE_NO_MEMORY    nothing was queued */
int outgoing_begin(struct outgoing *o, const sluice_send_info *info);
int outgoing_part(struct outgoing *o, struct tx_stream *s, const void *data, uint32_t len);
int outgoing_end(struct outgoing *o, struct tx_stream *s);
/* Forgets the open message. Its parts stay queued. */
void outgoing_close(struct outgoing *o, struct tx_stream *s);
/* The first queued part of the message to which this queued part belongs. */
static inline struct tx_message *outgoing_first_part(struct tx_message *m) {
	while (!m->first && m != m->stream->head)
		m = m->prev;
	return m;
}

/* The message whose bytes go next, or NULL. */
static inline struct tx_message *outgoing_next(const struct outgoing *o) {
	if (o->begun)
		return o->begun;
	struct sched_entry *e = sched_first(&o->sched);
	return e ? ((struct tx_stream *)e)->head : NULL;
}
/* Is anything queued, set aside or not? */
static inline bool outgoing_any(const struct outgoing *o) {
	return sched_first(&o->sched) || o->aside;
}
/* The packet with bytes of the stream is full. With a scheduler whose turns are packets the turn is over. */
void outgoing_packet_end(struct outgoing *o, struct tx_stream *s);
/* The first message of the stream was next and may not be begun yet. Other streams go on until this one is brought back. */
void outgoing_set_aside(struct outgoing *o, struct tx_stream *s);
/* Brings the first stream back that was set aside. */
void outgoing_bring_back(struct outgoing *o);
/* Sets priority and weight of a stream, from its next turn on; 0: the default. */
void outgoing_set_priority(struct outgoing *o, struct tx_stream *s, uint16_t priority, uint16_t weight);

/* The first bytes of the message are about to get a TSN: the message gets its MID. */
static inline void outgoing_message_begin(struct outgoing *o, struct tx_message *m, uint64_t tsn) {
	struct tx_stream *s = m->stream;
	m->begun = true;
	m->first_tsn = (uint32_t)tsn;
	if (m->first) {
		if (__builtin_expect(!s->used, 0))
			outgoing_mark_used(o, s);
		s->next_mid[m->unordered]++;
		s->next_fsn = 0;
	}
	m->mid = s->next_mid[m->unordered] - 1;
}
/* The next len bytes of the message, which was next, got a TSN. With the first bytes the message gets its MID. Returns the FSN of
 * these bytes. */
uint32_t outgoing_cut(struct outgoing *o, struct tx_message *m, uint32_t len, uint64_t tsn);

/* A run: chunks that are cut one after the other. What the queue keeps count of is written once for all of them, at the end. The
 * scheduler's books are too, while one stream alone has something to send. Among several, each turn is charged when it is
 * over. */
struct outgoing_run {
	struct tx_stream *stream; /* whose turn it is */
	uint64_t turns, turn; /* not charged yet: bytes of the turns that are over: of all but the last one, of the last one */
	uint32_t left;        /* messages that left the queue */
};
/* The stream that a run begins with, or NULL: there must not be one. A scheduler whose turns are packets has to know where each
 * packet ends. */
static inline struct tx_stream *outgoing_run_stream(const struct outgoing *o) {
	if (o->aside || (o->sched.count > 1 && o->sched.ops->one_stream))
		return NULL;
	return o->begun ? o->begun->stream : (struct tx_stream *)sched_first(&o->sched);
}
/* The turn of the run's stream is over, and others wait: the next one is up. */
void outgoing_run_next(struct outgoing *o, struct outgoing_run *r);
/* As outgoing_cut(), for the first message of the run's stream. */
static inline uint32_t outgoing_run_cut(struct outgoing *o, struct outgoing_run *r, uint32_t len, uint64_t tsn) {
	struct tx_stream *s = r->stream;
	struct tx_message *m = s->head;
	uint32_t rest = m->len - m->cut - len;
	if (m->begun) {
		o->begun_left -= len;
	} else {
		outgoing_message_begin(o, m, tsn);
		o->begun_left += rest;
	}
	m->cut += len;
	if (rest == 0) {
		s->head = m->next;
		m->queued = false;
		r->left++;
	}
	if (!o->interleaving)
		o->begun = rest ? m : NULL;
	if (rest == 0 || (o->interleaving && o->sched.ops->chunks)) {
		r->turns += r->turn;
		r->turn = o->interleaving ? len : m->len;
		if (o->sched.count > 1)
			outgoing_run_next(o, r);
	}
	return s->next_fsn++;
}
void outgoing_run_end(struct outgoing *o, struct outgoing_run *r);

/* Copies bytes [offset, offset + len) of the message. */
void outgoing_gather_borrowed(struct tx_message *m, uint32_t offset, uint32_t len, uint8_t *out);
static inline void outgoing_gather(struct tx_message *m, uint32_t offset, uint32_t len, uint8_t *out) {
	if (__builtin_expect(m->borrowed, 0))
		outgoing_gather_borrowed(m, offset, len, out);
	else
		memcpy(out, (const uint8_t *)(m + 1) + offset, len);
}

/* Chunks are acknowledged one after the other. What a stream holds is written once for all its chunks that stand together, when
 * the next stream comes or the run ends. */
struct outgoing_acks {
	struct tx_stream *stream; /* NULL: nothing is to be written */
	uint32_t bytes, freed;
};
void outgoing_acks_end(struct outgoing *o, struct outgoing_acks *r);
/* The last byte of a message with a lifetime, of a lent one or of a part was acknowledged. */
void outgoing_acks_free(struct outgoing *o, struct outgoing_acks *r, struct tx_message *m);
/* len bytes of the message were acknowledged. The last ones free the message. */
static inline void outgoing_acks_add(struct outgoing *o, struct outgoing_acks *r, struct tx_message *m, uint32_t len) {
	if (m->stream != r->stream) {
		outgoing_acks_end(o, r);
		r->stream = m->stream;
	}
	r->bytes += len;
	m->left -= len;
	if (m->left > 0)
		return;
	if (__builtin_expect(m->special, 0)) {
		outgoing_acks_free(o, r, m);
	} else {
		r->freed++;
		env_free(o->env, m);
	}
}
/* Gives the message up and frees it. counted: an ABANDONED event reports it (PR-SCTP); else it counts as lost with the
 * association. */
void outgoing_drop(struct outgoing *o, struct tx_message *m, bool counted);
/* Drops the rest of the message and frees it. The app is not notified: outgoing_count_abandoned() does that, once for a message
 * of several parts. */
void outgoing_discard(struct outgoing *o, struct tx_message *m);
void outgoing_count_abandoned(struct outgoing *o, struct tx_stream *s);
/* Drops every message that is queued and has no byte in flight. */
void outgoing_drop_queued(struct outgoing *o);
/* The peer takes fewer streams: messages queued for the others are given up and counted. Nothing of them was sent. */
void outgoing_limit_streams(struct outgoing *o, uint16_t streams);

/* Would the message have used up its retransmissions by now, had it been sent when it was queued? Each `rto` of waiting counts as
 * one retransmission in vain. */
static inline bool outgoing_stale(const struct outgoing *o, const struct tx_message *m, uint64_t rto) {
	uint64_t waited = (uint32_t)((uint32_t)(o->now / SLUICE_MS) - m->queued_ms) * SLUICE_MS;
	/* Not (limit + 1) * rto, which may have 65 bits and more. */
	return m->reliability == SLUICE_MAX_RETRANSMITS && !m->begun && !m->part && waited > rto && (waited - 1) / rto > m->limit;
}
/* Gives up all messages that are stale in this sense, and counts them. */
void outgoing_drop_stale(struct outgoing *o, uint64_t rto);

/* Lifetimes of messages queued since the last call start now. When there is no memory for the heap, these messages live on as
 * reliable ones. */
void outgoing_stamp(struct outgoing *o, uint64_t now);
struct tx_message *outgoing_expired(struct outgoing *o, uint64_t now); /* A message whose lifetime has ended, or NULL. */
/* The message cannot be abandoned: its lifetime no longer counts. */
void outgoing_outlive(struct outgoing *o, struct tx_message *m);
static inline uint64_t outgoing_deadline(const struct outgoing *o) {
	const struct heap_node *n = heap_min(&o->expiry);
	return o->unstamped ? 0 : n ? n->key : SLUICE_NEVER;
}

/* Hand-over: outgoing_walk_begin(), then outgoing_walk_message() for each message that chunks belong to, which `outstanding`
 * does, then outgoing_walk() for the rest. While it is read, no message is refused for the high-water mark: each was taken
 * before. */
void outgoing_walk_begin(struct outgoing *o, struct walk *w);
/* Writes the message; or reads one, and queues and cuts it as it was. Returns it; NULL: the walk has failed. */
struct tx_message *outgoing_walk_message(struct outgoing *o, struct tx_message *m, struct walk *w);
void outgoing_walk(struct outgoing *o, struct walk *w);

bool outgoing_check(const struct outgoing *o);

#endif
