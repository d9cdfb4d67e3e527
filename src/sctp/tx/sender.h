/* sender: the sending direction of an association, and the one door of src/sctp/tx.
 *
 * Messages come in from the app; DATA goes out in packets that the association builds; SACKs come in and say what has arrived.
 * The sender decides what goes next, how much may be in flight, what is lost, what is sent again or given up, and how large
 * packets are. It knows no states, no handshake, no other chunks and nothing of the receiving direction.
 *
 * The association calls the sender, and the sender calls nobody back. What the association has to do is returned or stands in
 * `due`. What the app has to hear is queued as an event.
 *
 *   sender.c     the door                        ack.c          SACKs, T3
 *   fill.c       DATA into packets               recovery.c     loss and the window; rack.c, prr.c, cc_*.c, pace.c
 *   prsctp.c     what is given up, FORWARD-TSN   abandon.c      what giving up means for ring and queue
 *   outgoing.c   messages in line; sched.c       outstanding.c  chunks in flight; txlog.c: packets in flight
 *   discovery.c  the path's MTU; pmtu.c          rto.c          round trips
 *
 * Calls go down: from the door to ack, fill and discovery, from there to recovery and prsctp, from there to the books. The
 * association may read mtu, cut_mtu, due, rto and out. All other fields are for the files of this folder and for the trace. */
#ifndef SCTP_TX_SENDER_H
#define SCTP_TX_SENDER_H

#include "sctp/tx/cc.h"
#include "sctp/tx/discovery.h"
#include "sctp/tx/fill.h"
#include "sctp/tx/outstanding.h"
#include "sctp/tx/pace.h"
#include "sctp/tx/recovery.h"
#include "sctp/tx/rto.h"
#include "sluice/stats.h"

/* What may go now. It follows from the association's state. */
enum sender_phase {
	SENDER_CLOSED, /* nothing: there is no association, or its handshake or its end has the word */
	SENDER_EARLY,  /* data rides with the COOKIE-ECHO, and the handshake's timer repeats both */
	SENDER_OPEN,   /* established */
	SENDER_ENDING, /* what was queued still goes, and we wait for its acknowledgement to shut down */
	SENDER_ENDED,  /* the same; the peer waits for it */
};

enum sender_timer {
	SENDER_T3,    /* DATA, FORWARD-TSN */
	SENDER_RACK,  /* when a packet that others overtook counts as lost */
	SENDER_TLP,   /* tail loss probe, and probes of a path that is silent after a T3 */
	SENDER_PACE,  /* when the next burst may go */
	SENDER_PROBE, /* the peer's window is closed: when to try it */
	SENDER_PMTU,  /* how long to wait for the answer to a probe of the path's MTU, and when to look for a larger one */
	SENDER_TIMER_COUNT,
};

/* Chunks that are due: bits of `due`. */
enum sender_due {
	SENDER_FORWARD_TSN = 1 << 0,
	SENDER_MTU_PROBE = 1 << 1,   /* in a packet of its own */
	SENDER_MTU_CONTROL = 1 << 2, /* the small HEARTBEAT that asks whether the path carries anything */
};

/* What the association learns from a SACK: bits. */
enum sender_news {
	SENDER_PEER_ALIVE = 1 << 0, /* errors are counted from 0 again; RFC 9260, 8.1 */
	SENDER_DISCARDED = 1 << 1,  /* the chunk was old, malformed or nonsense */
};

/* The part of the association's statistics that is counted here; sluice/stats.h says what each one means. */
struct sender_counters {
	uint64_t data_chunks_sent, retransmitted_chunks, fast_retransmits, timeouts;
	uint64_t sacks_received, gap_blocks_received;
	uint64_t window_probes, recoveries, rack_losses, losses_forgiven, tail_probes;
	uint64_t spurious_retransmissions, spurious_timeouts, reductions_undone, reordering_seen, delivery_rate;
	uint64_t mtu_probes_sent, mtu_probes_acked, mtu_black_holes;
};

struct sender {
	struct outgoing out;
	struct outstanding sent;
	struct rto rto;
	const struct cc_ops *cc;
	struct cc_view view;
	struct recovery recovery;
	struct pace pace;
	uint64_t most_rate; /* bytes/s that the pace may not pass, whatever the control says; 0: none */
	struct discovery discovery;
	/* Largest packet; a multiple of 4, so that full packets come out equal; see discovery.c. */
	uint32_t mtu;
	/* What messages are cut for. A chunk keeps its TSN and its bytes, and has to fit the packets of a path that has become
	 * worse: so cut_mtu is never larger than config->mtu allows, and larger packets hold several chunks. */
	uint32_t cut_mtu;
	/* Bytes of the chunk header before the payload: WIRE_DATA_HEADER or WIRE_I_DATA_HEADER. */
	uint32_t data_header;
	uint32_t due;     /* bits of enum sender_due */
	uint8_t phase;    /* enum sender_phase */
	bool forward_tsn; /* both sides have FORWARD-TSN or I-FORWARD-TSN: messages that have TSNs can be given up */
	bool hold;        /* no message may be begun in this output() */
	bool probe_now;   /* the peer's window is closed, and one chunk may try it */
	/* A T3 or the peer's closed window holds up what is queued, or has held up messages some of which are still queued. */
	bool held_up;
	bool mtu_cautious;        /* how the path's MTU is searched for: pmtu_init() */
	uint64_t peer_window_max; /* the largest a_rwnd that the peer has named */
	uint64_t peer_a_rwnd;     /* from the last SACK; what may still be sent is this minus the flight */
	uint64_t last_data_sent;
	uint64_t burst_end;      /* flight at which the burst that the last input allowed is spent; config->max_burst */
	uint64_t probe_interval; /* of SENDER_PROBE; 0: the window was open at the last SACK */
	uint64_t forward_tsn_sent, forward_tsn_at;
	struct fill_run run;                 /* within output() */
	uint64_t chunks_before;              /* counters.data_chunks_sent at the beginning of this output() */
	uint64_t now;                        /* of the last verb */
	uint64_t timers[SENDER_TIMER_COUNT]; /* SLUICE_NEVER: not running */
	struct sender_counters counters;
	struct event_node mtu_changed;
	sluice_env *env;
	const sluice_sctp_config *config; /* the association's */
	struct trace *trace;              /* NULL: nobody listens to losses and timers */
};

/* ---- its life ---- */

/* The configuration is complete and lives longer than the sender. */
void sender_init(struct sender *tx, sluice_env *env, struct event_queue *events, const sluice_sctp_config *config);
void sender_free(struct sender *tx);
/* The association has been idle for a while: gives back memory that grew with what was in flight. The next message makes it
 * again, small at first. */
void sender_rest(struct sender *tx);
/* Begins a new association whose initial TSN is this: nothing is outstanding, and streams begin at SSN 0. */
void sender_reset(struct sender *tx, uint32_t tsn);
/* What both sides agreed on: I-DATA in place of DATA, and FORWARD-TSN of the kind that goes with it. */
void sender_negotiate(struct sender *tx, bool interleaving, bool forward_tsn);
/* The peer's INIT or INIT-ACK is known, after sender_negotiate(): windows begin anew, for so many streams. */
void sender_begin(struct sender *tx, uint32_t peer_a_rwnd, uint16_t streams);
/* The association is established, or has another path: the search for the path's MTU begins, or ends in another phase. */
void sender_path_changed(struct sender *tx);
/* Goes on with another congestion control, by enum sluice_cc. */
void sender_set_control(struct sender *tx, unsigned number);
/* Goes on behind a hand-over, on a path that may be another one. */
void sender_resume(struct sender *tx);
/* Drops everything: the association has ended or was restarted. */
void sender_clear(struct sender *tx);
/* What is in flight went with a COOKIE-ECHO that was lost: it goes again. */
void sender_repeat(struct sender *tx);
static inline void sender_set_trace(struct sender *tx, struct trace *trace) {
	tx->trace = tx->sent.trace = trace;
}
/* Hand-over. Reading: behind sender_clock() and sender_negotiate(); sender_resume() follows. */
void sender_walk(struct sender *tx, struct walk *w);
bool sender_check(const struct sender *tx);

/* ---- the app's calls, by stream; errors are those of sluice/sctp.h ---- */

/* The stream, NULL when there is none yet; and 0 when a message may be queued on it, SLUICE_CLOSED when it is being reset,
 * SLUICE_WRONG_STATE when a message is open on it. */
static inline struct tx_stream *sender_stream(const struct sender *tx, uint16_t stream) {
	return outgoing_find(&tx->out, stream);
}
static inline int sender_stream_state(const struct tx_stream *s) {
	return s && s->reset != TX_RESET_NONE ? SLUICE_CLOSED : s && s->open ? SLUICE_WRONG_STATE : 0;
}
static inline int sender_send(struct sender *tx, struct tx_stream *s, const sluice_send_info *info, const void *data,
                              uint32_t len) {
	return outgoing_copy_on(&tx->out, s, info, data, len);
}
static inline size_t sender_send_many(struct sender *tx, struct tx_stream *s, const sluice_send_info *info,
                                      const struct iovec *messages, size_t count, int *error) {
	return outgoing_copy_many(&tx->out, s, info, messages, count, error);
}
int sender_lend(struct sender *tx, const sluice_send_info *info, const struct iovec *iov, size_t count, uint32_t len,
                sluice_release_fn release, void *ctx);
int sender_open(struct sender *tx, const sluice_send_info *info);
int sender_part(struct sender *tx, uint16_t stream, const void *data, uint32_t len);
int sender_end(struct sender *tx, uint16_t stream);
/* Gives up the message that is open on the stream, if there is one; on all streams. */
int sender_cancel(struct sender *tx, uint16_t stream);
void sender_cancel_all(struct sender *tx);
static inline uint64_t sender_buffered(const struct sender *tx, uint16_t stream) {
	const struct tx_stream *s = outgoing_find(&tx->out, stream);
	return s ? s->buffered : 0;
}
uint64_t sender_buffered_messages(const struct sender *tx, uint16_t stream);
int sender_set_buffered_low(struct sender *tx, uint16_t stream, uint64_t threshold);
int sender_set_high_water(struct sender *tx, uint16_t stream, uint64_t bytes);
int sender_set_priority(struct sender *tx, uint16_t stream, uint16_t priority, uint16_t weight);

/* ---- time ---- */

/* A verb begins. */
static inline void sender_clock(struct sender *tx, uint64_t now) {
	tx->now = tx->out.now = now;
	outstanding_refresh(&tx->sent);
}
/* What is queued until the next verb begins is queued at this time. */
static inline void sender_date(struct sender *tx, uint64_t now) {
	tx->out.now = now;
}
/* Lifetimes of messages queued since the last verb count from now on. */
static inline void sender_stamp(struct sender *tx) {
	if (tx->out.unstamped)
		outgoing_stamp(&tx->out, tx->now);
}
/* Gives up messages whose lifetime has ended. */
void sender_expire(struct sender *tx);
/* Has T3 expired over something outstanding? That is an error of the peer's silence, which the association counts before it calls
 * sender_advance(). */
bool sender_timed_out(struct sender *tx);
/* Handles the timers that have expired. */
void sender_advance(struct sender *tx);
uint64_t sender_deadline(const struct sender *tx);
/* Time passed or packets came: the next burst may begin. RFC 9260, 6.1, D. */
static inline void sender_burst(struct sender *tx) {
	uint64_t burst = (uint64_t)tx->config->max_burst * tx->view.mtu;
	tx->burst_end = burst ? tx->sent.flight + burst : UINT64_MAX;
}
static inline void sender_timer_start(struct sender *tx, enum sender_timer t, uint64_t after) {
	tx->timers[t] = tx->now + after;
}
static inline void sender_timer_stop(struct sender *tx, enum sender_timer t) {
	tx->timers[t] = SLUICE_NEVER;
}
static inline bool sender_timer_running(const struct sender *tx, enum sender_timer t) {
	return tx->timers[t] != SLUICE_NEVER;
}

/* ---- packets in: these return bits of enum sender_news ---- */

unsigned sender_sack(struct sender *tx, const struct wire_chunk *c);
/* A SHUTDOWN says how far everything has arrived. */
unsigned sender_cumulative(struct sender *tx, uint32_t cum_tsn);
/* Does the HEARTBEAT-ACK answer a probe of the path's MTU? */
bool sender_heartbeat_answered(struct sender *tx, uint64_t sent_at, uint64_t nonce);
/* A HEARTBEAT measured a round trip; one was not answered. */
static inline void sender_measure(struct sender *tx, uint64_t rtt) {
	rto_measure(&tx->rto, rtt);
}
static inline void sender_back_off(struct sender *tx) {
	rto_back_off(&tx->rto);
}
/* The network or the driver says that the path carries `size` and no more; see pmtu_hint(). */
void sender_mtu_hint(struct sender *tx, uint32_t size, bool sure);

/* ---- packets out ---- */

/* A batch begins: what may the first packet hold, of `room` bytes? hold: no message may be begun. */
size_t sender_output_begin(struct sender *tx, size_t room, bool hold);
/* Will data leave in the next packet? */
bool sender_wants_packet(const struct sender *tx);
/* Writes those chunks that are due, each if it fits. */
void sender_write_forward_tsn(struct sender *tx, struct writer *w);
void sender_write_mtu_control(struct sender *tx, struct writer *w);
/* Fills what is left of the packet with DATA. whole: it may be as large as the batch's first. */
static inline void sender_fill(struct sender *tx, struct writer *w, bool whole) {
	fill_packet(tx, w, whole);
}
/* The same with packets of DATA alone; see fill_packets(). */
static inline bool sender_fill_more(struct sender *tx, struct fill_slots *s) {
	return fill_packets(tx, s);
}
/* Anything but these two follows: what was put into the packets of this batch is entered into the books. */
static inline void sender_settle(struct sender *tx) {
	if (tx->run.out.stream)
		fill_settle(tx);
}
/* The batch is over. */
void sender_output_end(struct sender *tx);
/* Nothing more may go now. */
void sender_output_idle(struct sender *tx);
/* A probe of the path's MTU is due that fits `room` bytes: its size; 0: none is. */
uint32_t sender_probe_size(struct sender *tx, size_t room);
/* Fills what w has room for, which is the size. */
void sender_write_probe(struct sender *tx, struct writer *w);

/* ---- what it knows ---- */

/* Is everything that was queued acknowledged or given up? */
static inline bool sender_idle(const struct sender *tx) {
	return outstanding_count(&tx->sent) == 0 && !outgoing_any(&tx->out);
}
/* Payload of a packet that holds one fragment. */
static inline uint32_t sender_payload_max(const struct sender *tx) {
	return tx->cut_mtu - WIRE_HEADER_SIZE - tx->data_header;
}
/* Bytes for which the peer has room. */
static inline uint64_t sender_window_left(const struct sender *tx) {
	return tx->peer_a_rwnd > tx->sent.flight ? tx->peer_a_rwnd - tx->sent.flight : 0;
}
void sender_stats(const struct sender *tx, sluice_sctp_stats *stats);

#endif
