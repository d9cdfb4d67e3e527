/* association: the one struct that the files of src/sctp share, and what each of them offers the others.
 *
 * The association has the tags, the states, the handshake, RE-CONFIG, the shutdown and the building of packets. What sending
 * needs is struct sender (tx/sender.h), what receiving needs is struct receiver (rx/receiver.h); those two know neither each
 * other nor this header.
 *
 *   the verbs and the app's calls   input.c (packets in, one row a chunk), output.c (packets out), timers.c (time),
 *                                   association.c (making, freeing, calls), snap.c (INITs out of SDP),
 *                                   handover.c (all of it as bytes, and back)
 *   the protocol                    handshake.c (INIT to COOKIE-ACK, restart), shutdown.c, reconfig.c (RFC 6525), heartbeat.c
 *   what all of these use           end.c (ending), replies.c (answers that need no state), state.c, reconfig_state.c, trace.c
 *   plain modules                   capabilities, config, cookie, addresses, events: they do not know this struct
 *
 * Calls go downwards in this list, and inside a line only as scripts/check-circles allows: no file is part of a circle. */
#ifndef SCTP_ASSOCIATION_H
#define SCTP_ASSOCIATION_H

#include "base/clock.h"
#include "sctp/capabilities.h"
#include "sctp/cookie.h"
#include "sctp/rx/receiver.h"
#include "sctp/sctp.h"
#include "sctp/trace.h"
#include "sctp/tx/sender.h"

enum timer {
	TIMER_T1,            /* INIT, COOKIE-ECHO */
	TIMER_T2,            /* SHUTDOWN, SHUTDOWN-ACK */
	TIMER_T5,            /* the shutdown as a whole */
	TIMER_HEARTBEAT,     /* when to send the next one */
	TIMER_HEARTBEAT_ACK, /* how long to wait for its answer */
	TIMER_RECONFIG,
	TIMER_COUNT,
};

/* Chunks that are due; at most one of each kind, so a bit is enough. */
enum pending {
	PENDING_INIT = 1 << 0,
	PENDING_COOKIE_ECHO = 1 << 1,
	PENDING_COOKIE_ACK = 1 << 2,
	PENDING_HEARTBEAT = 1 << 4,
	PENDING_SHUTDOWN = 1 << 5,
	PENDING_SHUTDOWN_ACK = 1 << 6,
	PENDING_RECONFIG = 1 << 7,          /* our request */
	PENDING_RECONFIG_RESPONSE = 1 << 8, /* the answer to theirs */
};

/* A packet that answers one of the peer's and needs no state of ours: INIT-ACK, HEARTBEAT-ACK, ERROR, ABORT, ... Bounded, so
 * that a flood of questions costs the asker and not us. */
#define REPLIES_MAX 16
struct reply {
	struct reply *next;
	uint32_t tag;
	uint16_t dst_port, src_port;
	size_t len;
	uint8_t chunks[];
};

#define RECONFIG_STREAMS_MAX 1024 /* that one request of the peer's may list */

/* An SSN/TSN reset by the peer's request; RFC 6525, 5.2.4. */
enum renumber {
	RENUMBER_NONE,
	RENUMBER_DRAINING, /* no message is begun, and what was begun goes to its end and is acknowledged */
	RENUMBER_ANSWERED, /* done here, and it is not known whether the peer has heard of it */
};

struct tx_list {
	struct tx_stream *head, *tail; /* by next_reset */
	uint32_t count;
};

/* Our side of RFC 6525.
 *
 *   wanted holds exactly the streams in TX_RESET_WANTED, asked those in TX_RESET_SENT
 *   asked.count == streams that the outgoing reset under way lists, request_asked == those of an incoming reset: the first of
 *   `requests` */
struct reconfig {
	uint32_t next_seq; /* of our next request */
	bool outstanding;  /* one request is under way; RFC 6525, 5.1, allows no more */
	uint16_t type;     /* WIRE_PARAM_* of it */
	uint16_t count;    /* adds */
	uint32_t last_tsn;
	uint32_t retries;
	uint32_t busy;     /* times that the peer had a request of its own under way, and would take none of ours */
	uint32_t list_max; /* streams in one request; less than there could be when the peer has refused a list */
	struct tx_list wanted, asked;
	uint8_t all;        /* enum tx_reset, of a reset of all streams at once */
	bool request_all;   /* the peer is to be asked for one */
	uint16_t *requests; /* incoming resets to ask for: an array that grows */
	uint32_t request_count, request_capacity, request_asked;
	uint16_t add_outgoing, add_incoming; /* to ask for */

	/* The peer's side. */
	uint32_t peer_seq; /* the next one we expect */
	/* A chunk may hold two requests (RFC 6525, 3.1), so the last two answers are remembered; [0] is the younger. */
	struct reconfig_answer {
		uint32_t seq, result;
		bool due;
		bool tsns; /* to an SSN/TSN reset: both next TSNs stand in it once that is done */
	} answers[2];
	uint32_t taken; /* new requests in this input() */
	bool deferred;  /* an outgoing reset waits until everything before it came */
	uint32_t deferred_seq;
	uint64_t deferred_tsn;
	uint16_t *deferred_streams;
	size_t deferred_count; /* those not yet reset; 0 with deferred: all */
	uint8_t renumber;      /* enum renumber */
	uint32_t renumber_seq;
	uint64_t renumbered_at;  /* ANSWERED: TSNs of the peer above it are of the new numbering */
	uint64_t renumber_nonce; /* of the HEARTBEAT that went in one packet with the last answer */
};

/* What the association counts by itself. The sender's and the receiver's counters are theirs; sluice_sctp_stats has all. */
struct association_counters {
	uint64_t packets_sent, packets_received, bytes_sent, bytes_received;
	uint64_t packets_discarded, chunks_discarded;
	uint64_t heartbeats_sent, heartbeat_acks_received;
	uint64_t restarts;
};

struct sluice_sctp {
	sluice_env *env;
	sluice_sctp_config config;
	enum sluice_sctp_state state;
	uint32_t pending;
	bool refuse, dirty, shutdown_wanted;
	bool announced;             /* CONNECTED was queued for this association */
	bool described;             /* CLOSED, and our INIT with local_tag and local_tsn was given to the app */
	bool heartbeat_unscheduled; /* established outside of a verb: the next output() starts the timer */
	bool handed_over;           /* CLOSED, and lives elsewhere */
	bool rtt_asked;             /* a HEARTBEAT was sent because the receiver has to know the round trip */
	/* Added to the time that the verbs are given. A random number at first, as cookies and HEARTBEATs show the sum, and the
	 * host's uptime is nobody's business; behind a hand-over it makes the new host's clock go on where the old one's
	 * stopped. */
	uint64_t clock;
	uint64_t latest; /* the latest time that a verb was given */
	uint64_t now;    /* of the last verb */
	/* NULL: nobody's. The time of whoever drives the association. It is later than `latest` by as long as a peer rests. */
	const uint64_t *owner_time;
	struct trace *trace; /* NULL: nobody listens */

	uint32_t local_tag, peer_tag;
	uint32_t local_tsn; /* initial */
	uint64_t tie;       /* RFC 9260, 2.3, Tie-Tags: stands for both tags in cookies for an INIT that may be a stranger's */
	uint64_t peer_addresses; /* see addresses.h */
	uint8_t secret[COOKIE_SECRET_SIZE];
	uint16_t outbound; /* streams, negotiated */
	uint32_t can;      /* extensions that are in use: bits of enum capability */
	uint8_t *echo;     /* COOKIE-ECHO as bytes, and ERROR behind it when the INIT-ACK had what we did not know */
	size_t echo_len;
	uint32_t cookie_preservative; /* ms to ask for, after a stale cookie */
	uint32_t stale_cookies;

	struct sender tx;
	struct receiver rx;

	struct reconfig reconfig;

	uint64_t timers[TIMER_COUNT]; /* SLUICE_NEVER: not running */
	uint64_t t1_rto, t2_rto;
	uint32_t t1_retries, error_count;
	uint64_t heartbeat_nonce;
	uint64_t chunks_seen; /* of data, both ways, when the last HEARTBEAT was due */

	struct reply *replies, *replies_tail;
	uint32_t reply_count;
	int error; /* see error_text */

	struct event_queue events;
	struct event_node connected, ended, restarted, streams_added, reset_out_all, renumbered;
	char error_text[128];
	void (*wake)(void *ctx);
	void *wake_ctx;
	struct association_counters stats;
};

/* ---- every file's ---- */

/* A verb begins. Returns the association's time, which never runs backwards. */
static inline uint64_t association_time(sluice_sctp *a, uint64_t now) {
	a->now = clock_forward(&a->latest, now) + a->clock;
	sender_clock(&a->tx, a->now);
	return a->now;
}
/* Output has something to do; outside of a verb the driver is woken. */
static inline void association_touch(sluice_sctp *a) {
	bool was = a->dirty;
	a->dirty = true;
	if (!was && a->wake)
		a->wake(a->wake_ctx);
}
/* Is the state one of these? Bits IN(x). */
static inline bool association_in(const sluice_sctp *a, uint32_t states) {
	return (states >> a->state) & 1;
}
#define IN(state) (1u << SLUICE_SCTP_##state)

static inline void timer_start(sluice_sctp *a, enum timer t, uint64_t after) {
	a->timers[t] = a->now + after;
}
static inline void timer_stop(sluice_sctp *a, enum timer t) {
	a->timers[t] = SLUICE_NEVER;
}
static inline bool timer_running(const sluice_sctp *a, enum timer t) {
	return a->timers[t] != SLUICE_NEVER;
}

/* ---- association.c ---- */
/* A hand-over of the association's own fields, after which the sender and the receiver may be read. */
void association_walk(sluice_sctp *a, struct walk *w);

/* ---- state.c ---- */
/* Each change of the state goes through here: the sender learns from it what may go. */
void state_enter(sluice_sctp *a, enum sluice_sctp_state state);
/* These extensions are in use from now on: the sender and the receiver are set to them. */
void state_use(sluice_sctp *a, uint32_t can);

/* ---- replies.c ---- */
/* Queues a packet of `len` bytes of chunks. False at the bound or without memory; counted. */
bool replies_add(sluice_sctp *a, uint32_t tag, const void *chunks, size_t len);
/* The same with one chunk. */
bool replies_add_chunk(sluice_sctp *a, uint32_t tag, uint8_t type, const void *value, size_t len);
/* The same with an empty ABORT or SHUTDOWN COMPLETE with the T bit, under the tag of the packet that it answers. RFC 9260,
 * 8.4. */
void replies_add_reflected(sluice_sctp *a, uint32_t tag, uint8_t type);
/* The same with one chunk, ABORT or ERROR, that holds one cause; RFC 9260, 3.3.10. Its information is cut at CAUSE_INFO_MAX. */
#define CAUSE_INFO_MAX 256
void replies_add_cause(sluice_sctp *a, uint32_t tag, uint8_t type, uint16_t cause, const void *info, size_t len);
void replies_drop(sluice_sctp *a);

/* ---- end.c ---- */
/* Ends the association: CLOSED, timers stopped, everything dropped, ENDED queued. */
__attribute__((format(printf, 3, 4))) void end_association(sluice_sctp *a, int error, const char *format, ...);
/* The same, and the peer gets an ABORT that carries the cause. */
__attribute__((format(printf, 5, 6))) void end_with_abort(sluice_sctp *a, int error, uint16_t cause, bool with_text,
                                                          const char *format, ...);
/* CLOSED at once: neither the peer nor the app hears of it, and nothing is left. */
void end_silently(sluice_sctp *a);
/* Counts an error of the peer's silence, and ends the association at the limit. True: it has ended. RFC 9260, 8.1. */
bool end_count_error(sluice_sctp *a);
/* Events that nobody will poll. */
void end_drop_events(sluice_sctp *a);

/* ---- handshake.c ---- */
void handshake_reset(sluice_sctp *a); /* fresh tags and TSNs */
void handshake_begin(sluice_sctp *a); /* everything as at the start, under the tag that was described, or a fresh one */
void handshake_write_init(sluice_sctp *a, struct writer *w);
void handshake_describe(const sluice_sctp *a, struct writer *w); /* the same, without a timer and a cookie's wishes */
void handshake_adopt(sluice_sctp *a, const struct wire_init *i); /* the peer's INIT in hand: ESTABLISHED */
void handshake_timeout(sluice_sctp *a);
struct packet;
void handshake_init(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
void handshake_init_ack(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
void handshake_cookie_echo(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
void handshake_cookie_ack(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
void handshake_stale_cookie(sluice_sctp *a, uint32_t staleness_us);

/* ---- input.c ---- */
/* One packet under way through the dispatch table. */
struct packet {
	const uint8_t *data;
	size_t len;
	sluice_slab *slab;
	struct wire_header header;
	bool only_chunk;   /* no other chunk stands in the packet */
	unsigned received; /* enum receiver_result, of all its chunks */
	bool stop;         /* leave the rest of it */
};

/* ---- shutdown.c ---- */
void shutdown_begin(sluice_sctp *a);
void shutdown_progress(sluice_sctp *a); /* takes the next step when everything was acknowledged */
void shutdown_chunk(sluice_sctp *a, const struct wire_chunk *c);
void shutdown_ack_chunk(sluice_sctp *a, struct packet *p);
void shutdown_complete_chunk(sluice_sctp *a);
void shutdown_timeout(sluice_sctp *a);
void shutdown_guard_expired(sluice_sctp *a);
void shutdown_sent(sluice_sctp *a);       /* a SHUTDOWN or a SHUTDOWN ACK was written */
void shutdown_heard_data(sluice_sctp *a); /* in SHUTDOWN-SENT */

/* ---- reconfig.c ---- */
void reconfig_start(sluice_sctp *a, uint32_t peer_tsn); /* sequence numbers, with the peer's initial TSN */
void reconfig_established(sluice_sctp *a);
void reconfig_chunk(sluice_sctp *a, const struct wire_chunk *c);
void reconfig_progress(sluice_sctp *a); /* is a request due, can a deferred one be done? */
void reconfig_write_request(sluice_sctp *a, struct writer *w);
void reconfig_write_response(sluice_sctp *a, struct writer *w);
void reconfig_timeout(sluice_sctp *a);
/* A HEARTBEAT with this nonce was answered; one was not. What went in the same packet has arrived, or perhaps not. */
void reconfig_heartbeat_answered(sluice_sctp *a, uint64_t nonce);
void reconfig_heartbeat_unanswered(sluice_sctp *a);
/* May a message be begun, and may a SACK go? Not around an SSN/TSN reset: before the peer knows the new numbers they would be
 * taken for the old ones. */
static inline bool reconfig_holds_data(const sluice_sctp *a) {
	return a->reconfig.renumber != RENUMBER_NONE;
}
static inline bool reconfig_holds_sack(const sluice_sctp *a) {
	return a->reconfig.renumber == RENUMBER_ANSWERED;
}

/* ---- reconfig_state.c ---- */
void reconfig_list_add(struct tx_list *l, struct tx_stream *s);
struct tx_stream *reconfig_list_take(struct tx_list *l); /* the first one; NULL: none */
/* All of `from` stands before what is in `to`. */
void reconfig_list_put_first(struct tx_list *to, struct tx_list *from);
/* The answer to the request with this number; NULL: forgotten, or never given. */
struct reconfig_answer *reconfig_answer_find(struct reconfig *r, uint32_t seq);
/* At the end or a restart: frees what is queued. */
void reconfig_clear(sluice_sctp *a);
/* A hand-over. The streams have been read before. */
void reconfig_walk(sluice_sctp *a, struct walk *w);

/* ---- heartbeat.c ---- */
#define HEARTBEAT_INFO 16 /* time and a random nonce, so that an answer proves that it was received */
#define HEARTBEAT_SIZE (4 + 4 + HEARTBEAT_INFO)
void heartbeat_schedule(sluice_sctp *a);
void heartbeat_due(sluice_sctp *a);
void heartbeat_write(sluice_sctp *a, struct writer *w);
void heartbeat_chunk(sluice_sctp *a, const struct wire_chunk *c);
/* Returns the nonce that was answered; 0: none, or one of the sender's probes. */
uint64_t heartbeat_ack_chunk(sluice_sctp *a, const struct wire_chunk *c);
/* No answer came in time. False: the association has ended. */
bool heartbeat_unanswered(sluice_sctp *a);

#endif
