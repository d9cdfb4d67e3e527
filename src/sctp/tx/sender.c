#include "sctp/tx/sender.h"

#include <string.h>

#include "base/arith.h"
#include "base/serial.h"
#include "sctp/tx/ack.h"
#include "sctp/tx/prsctp.h"

/* What a stream may hold by default: at least this, and more as the window needs. Twice as much takes 1.3 MB more of memory, and
 * is no faster on loopback: it is more than the second-level cache holds. */
#define HIGH_WATER (UINT64_C(1) << 20)

/* ---- its life ---- */

static void timers_stop(struct sender *tx) {
	for (int t = 0; t < SENDER_TIMER_COUNT; t++)
		sender_timer_stop(tx, t);
}

void sender_init(struct sender *tx, sluice_env *env, struct event_queue *events, const sluice_sctp_config *config) {
	*tx = (struct sender){
		.env = env,
		.config = config,
		.cc = cc_by_number(config->congestion_control),
		.data_header = WIRE_DATA_HEADER,
		.mtu_changed.type = SLUICE_SCTP_MTU,
	};
	outgoing_init(&tx->out, env, events, config->high_water ? config->high_water : HIGH_WATER,
	              sched_by_number(config->scheduler));
	outstanding_init(&tx->sent, env, &tx->out, UINT64_C(1) << 32);
	discovery_init(tx);
	rto_init(&tx->rto, config->rto_initial, config->rto_min, config->rto_max);
	timers_stop(tx);
}

void sender_free(struct sender *tx) {
	outstanding_free(&tx->sent);
	outgoing_free(&tx->out);
}

void sender_rest(struct sender *tx) {
	outstanding_rest(&tx->sent);
	outgoing_rest(&tx->out);
}

void sender_reset(struct sender *tx, uint32_t tsn) {
	for (struct tx_stream *s; (s = outgoing_take_used(&tx->out));)
		s->next_mid[0] = s->next_mid[1] = 0;
	rto_init(&tx->rto, tx->config->rto_initial, tx->config->rto_min, tx->config->rto_max);
	outstanding_free(&tx->sent);
	outstanding_init(&tx->sent, tx->env, &tx->out, SERIAL_ORIGIN + tsn);
	tx->sent.trace = tx->trace;
}

void sender_negotiate(struct sender *tx, bool interleaving, bool forward_tsn) {
	tx->out.interleaving = interleaving;
	tx->data_header = interleaving ? WIRE_I_DATA_HEADER : WIRE_DATA_HEADER;
	tx->forward_tsn = forward_tsn;
}

static struct cc_config control_config(const sluice_sctp_config *c) {
	return (struct cc_config){
		.initial_window = c->initial_window,
		.min_window = c->min_window,
		.max_window = c->max_window,
		.beta = c->beta,
		.startup_gain = c->startup_gain,
		.cwnd_gain = c->cwnd_gain,
		.target_delay = c->target_delay,
		.pacing = c->pacing == SLUICE_PACING_ON,
	};
}

void sender_begin(struct sender *tx, uint32_t peer_a_rwnd, uint16_t streams) {
	tx->peer_a_rwnd = tx->peer_window_max = peer_a_rwnd;
	discovery_reset(tx);
	tx->view = (struct cc_view){
		.ssthresh = UINT64_MAX, /* RFC 9260, 7.2.1: "The initial value of ssthresh MAY be arbitrarily high" */
		.mtu = sender_payload_max(tx),
		.rto = tx->rto.rto,
		.min_rtt = UINT64_MAX,
		.config = control_config(tx->config),
	};
	tx->cc->init(&tx->view);
	recovery_reset(tx);
	tx->pace = (struct pace){0};
	tx->probe_interval = 0;
	tx->probe_now = tx->held_up = false;
	/* Messages may have been queued when only our own wish limited the streams. */
	outgoing_limit_streams(&tx->out, streams);
}

/* Only an established association searches. What was found on another path, or beyond another limit, holds in no state. */
void sender_path_changed(struct sender *tx) {
	if (tx->phase == SENDER_OPEN)
		discovery_start(tx);
	else
		discovery_reset(tx);
}

/* What the one before has learnt lies in its own state, except for what it reached: slow start leads back there. A reduction of
 * its window cannot be undone any more. */
void sender_set_control(struct sender *tx, unsigned number) {
	const struct cc_ops *cc = cc_by_number(number);
	uint64_t cwnd = tx->view.cwnd;
	if (!cc || cc == tx->cc)
		return;
	tx->cc = cc;
	if (!tx->view.mtu) /* the association has not begun */
		return;
	memset(tx->view.state, 0, sizeof tx->view.state);
	tx->view.pacing_rate = 0;
	cc->init(&tx->view);
	tx->view.ssthresh = max64(cwnd, tx->view.cwnd);
	tx->recovery.undo_high = 0;
}

void sender_resume(struct sender *tx) {
	tx->view.config = control_config(tx->config);
	uint32_t mtu = tx->mtu - WIRE_HEADER_SIZE - tx->data_header;
	bool other = mtu != tx->view.mtu;
	tx->view.mtu = mtu;
	if (other && tx->cc->mtu)
		tx->cc->mtu(&tx->view);
	sender_path_changed(tx);
}

void sender_clear(struct sender *tx) {
	timers_stop(tx);
	tx->due = 0;
	outstanding_clear(&tx->sent);
	outgoing_drop_queued(&tx->out);
}

void sender_repeat(struct sender *tx) {
	outstanding_all_lost(&tx->sent);
}

void sender_walk(struct sender *tx, struct walk *w) {
	WALK(w, tx->due), WALK(w, tx->probe_now), WALK(w, tx->held_up), WALK(w, tx->peer_window_max), WALK(w, tx->peer_a_rwnd);
	WALK(w, tx->last_data_sent), WALK(w, tx->burst_end), WALK(w, tx->probe_interval), WALK(w, tx->mtu_cautious);
	WALK(w, tx->forward_tsn_sent), WALK(w, tx->forward_tsn_at);
	walk_bytes(w, tx->timers, sizeof tx->timers);
	walk_bytes(w, &tx->counters, sizeof tx->counters);
	cc_view_walk(&tx->view, w);
	pace_walk(&tx->pace, w);
	rto_walk(&tx->rto, w);
	recovery_walk(&tx->recovery, w);
	outgoing_walk_begin(&tx->out, w);
	outstanding_walk(&tx->sent, w);
	outgoing_walk(&tx->out, w);
}

bool sender_check(const struct sender *tx) {
	return outgoing_check(&tx->out) && outstanding_check(&tx->sent) && pmtu_check(&tx->discovery.pmtu);
}

/* ---- the app's calls ---- */

int sender_lend(struct sender *tx, const sluice_send_info *info, const struct iovec *iov, size_t count, uint32_t len,
                sluice_release_fn release, void *ctx) {
	return outgoing_borrow(&tx->out, info, iov, count, len, release, ctx);
}

/* Without I-DATA such a message would hold up every other stream until its end, and without FORWARD-TSN it could not be given
 * up. */
int sender_open(struct sender *tx, const sluice_send_info *info) {
	if (!tx->out.interleaving || !tx->forward_tsn)
		return SLUICE_UNSUPPORTED;
	return outgoing_begin(&tx->out, info);
}

int sender_part(struct sender *tx, uint16_t stream, const void *data, uint32_t len) {
	struct tx_stream *s = outgoing_find(&tx->out, stream);
	return s ? outgoing_part(&tx->out, s, data, len) : SLUICE_WRONG_STATE;
}

int sender_end(struct sender *tx, uint16_t stream) {
	struct tx_stream *s = outgoing_find(&tx->out, stream);
	return s ? outgoing_end(&tx->out, s) : SLUICE_WRONG_STATE;
}

int sender_cancel(struct sender *tx, uint16_t stream) {
	struct tx_stream *s = outgoing_find(&tx->out, stream);
	if (!s || !s->open)
		return SLUICE_WRONG_STATE;
	prsctp_cancel(tx, s);
	return 0;
}

void sender_cancel_all(struct sender *tx) {
	uint32_t id = 0;
	for (struct tx_stream *s; tx->out.parts && (s = idmap_next(&tx->out.streams, &id)); id++)
		prsctp_cancel(tx, s);
}

uint64_t sender_buffered_messages(const struct sender *tx, uint16_t stream) {
	const struct tx_stream *s = outgoing_find(&tx->out, stream);
	return s ? s->buffered_messages + s->lost_messages : 0;
}

int sender_set_buffered_low(struct sender *tx, uint16_t stream, uint64_t threshold) {
	struct tx_stream *s = outgoing_stream(&tx->out, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->low = threshold;
	s->above_low = s->buffered > threshold;
	return 0;
}

int sender_set_high_water(struct sender *tx, uint16_t stream, uint64_t bytes) {
	struct tx_stream *s = outgoing_stream(&tx->out, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->high_water = bytes;
	return 0;
}

int sender_set_priority(struct sender *tx, uint16_t stream, uint16_t priority, uint16_t weight) {
	struct tx_stream *s = outgoing_stream(&tx->out, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	outgoing_set_priority(&tx->out, s, priority, weight);
	return 0;
}

/* ---- time ---- */

void sender_expire(struct sender *tx) {
	outgoing_stamp(&tx->out, tx->now);
	prsctp_expire(tx);
}

static void pace_due(struct sender *tx) {
	sender_timer_stop(tx, SENDER_PACE);
}

static void window_probe_due(struct sender *tx) {
	sender_timer_stop(tx, SENDER_PROBE);
	tx->probe_now = true;
	prsctp_held_up(tx);
}

/* The pacing timer has no name for the trace: it says nothing that the packets behind it do not say, a thousand times a
 * second. */
static const struct {
	const char *name;
	void (*expired)(struct sender *tx);
} timers[SENDER_TIMER_COUNT] = {
	[SENDER_T3] = {"T3-rtx", ack_timeout},
	[SENDER_RACK] = {"rack", recovery_rack_expired},
	[SENDER_TLP] = {"tlp", recovery_probe_expired},
	[SENDER_PACE] = {NULL, pace_due},
	[SENDER_PROBE] = {"window_probe", window_probe_due},
	[SENDER_PMTU] = {"pmtu", discovery_expired},
};

bool sender_timed_out(struct sender *tx) {
	if (tx->timers[SENDER_T3] > tx->now)
		return false;
	sender_timer_stop(tx, SENDER_T3);
	trace_timer(tx->trace, timers[SENDER_T3].name);
	if (outstanding_count(&tx->sent) == 0)
		return false;
	if (tx->phase == SENDER_CLOSED || tx->phase == SENDER_EARLY) {
		/* The handshake's timer repeats data that rides with it. */
		sender_timer_start(tx, SENDER_T3, tx->rto.rto);
		return false;
	}
	tx->counters.timeouts++;
	tx->timers[SENDER_T3] = tx->now; /* for sender_advance() */
	return true;
}

void sender_advance(struct sender *tx) {
	for (int t = 0; t < SENDER_TIMER_COUNT; t++) {
		if (tx->timers[t] > tx->now)
			continue;
		if (t != SENDER_T3 && timers[t].name)
			trace_timer(tx->trace, timers[t].name);
		timers[t].expired(tx);
		trace_sync(tx->trace);
	}
}

uint64_t sender_deadline(const struct sender *tx) {
	uint64_t deadline = outgoing_deadline(&tx->out);
	for (int t = 0; t < SENDER_TIMER_COUNT; t++)
		if (tx->timers[t] < deadline)
			deadline = tx->timers[t];
	return deadline;
}

/* ---- packets in ---- */

unsigned sender_sack(struct sender *tx, const struct wire_chunk *c) {
	return ack_sack(tx, c);
}

unsigned sender_cumulative(struct sender *tx, uint32_t cum_tsn) {
	return ack_cumulative(tx, cum_tsn);
}

bool sender_heartbeat_answered(struct sender *tx, uint64_t sent_at, uint64_t nonce) {
	return discovery_answer(tx, sent_at, nonce);
}

void sender_mtu_hint(struct sender *tx, uint32_t size, bool sure) {
	discovery_hint(tx, size, sure);
}

/* ---- packets out ---- */

size_t sender_output_begin(struct sender *tx, size_t room, bool hold) {
	tx->hold = hold;
	sender_stamp(tx);
	pace_refill(&tx->pace, fill_pacing_rate(tx), tx->mtu, tx->now);
	tx->chunks_before = tx->counters.data_chunks_sent;
	return fill_limit(tx, room);
}

bool sender_wants_packet(const struct sender *tx) {
	return fill_wants(tx);
}

void sender_write_forward_tsn(struct sender *tx, struct writer *w) {
	prsctp_write_forward_tsn(tx, w);
}

void sender_write_mtu_control(struct sender *tx, struct writer *w) {
	discovery_write_control(tx, w);
}

void sender_output_end(struct sender *tx) {
	sender_settle(tx);
	if (tx->counters.data_chunks_sent != tx->chunks_before)
		recovery_arm_probe(tx);
}

void sender_output_idle(struct sender *tx) {
	fill_idle(tx);
}

uint32_t sender_probe_size(struct sender *tx, size_t room) {
	return discovery_probe_size(tx, room);
}

void sender_write_probe(struct sender *tx, struct writer *w) {
	discovery_write_probe(tx, w);
}

/* ---- what it knows ---- */

static void counters_copy(const struct sender_counters *c, sluice_sctp_stats *stats) {
	stats->data_chunks_sent = c->data_chunks_sent;
	stats->retransmitted_chunks = c->retransmitted_chunks;
	stats->fast_retransmits = c->fast_retransmits;
	stats->timeouts = c->timeouts;
	stats->sacks_received = c->sacks_received;
	stats->gap_blocks_received = c->gap_blocks_received;
	stats->window_probes = c->window_probes;
	stats->recoveries = c->recoveries;
	stats->rack_losses = c->rack_losses;
	stats->losses_forgiven = c->losses_forgiven;
	stats->tail_probes = c->tail_probes;
	stats->spurious_retransmissions = c->spurious_retransmissions;
	stats->spurious_timeouts = c->spurious_timeouts;
	stats->reductions_undone = c->reductions_undone;
	stats->reordering_seen = c->reordering_seen;
	stats->delivery_rate = c->delivery_rate;
	stats->mtu_probes_sent = c->mtu_probes_sent;
	stats->mtu_probes_acked = c->mtu_probes_acked;
	stats->mtu_black_holes = c->mtu_black_holes;
}

void sender_stats(const struct sender *tx, sluice_sctp_stats *stats) {
	counters_copy(&tx->counters, stats);
	stats->messages_sent = tx->out.messages;
	stats->payload_sent = tx->out.payload;
	stats->messages_abandoned = tx->out.abandoned;
	stats->buffered = tx->out.buffered;
	stats->srtt = tx->rto.srtt;
	stats->rttvar = tx->rto.rttvar;
	stats->rto = tx->rto.rto;
	stats->min_rtt = rto_least_known(&tx->rto);
	stats->cwnd = (uint32_t)min64(tx->view.cwnd, UINT32_MAX);
	stats->ssthresh = (uint32_t)min64(tx->view.ssthresh, UINT32_MAX);
	stats->congestion_control = tx->cc->name;
	stats->flight_size = (uint32_t)tx->sent.flight;
	stats->peer_window = (uint32_t)sender_window_left(tx);
	stats->mtu = tx->mtu;
	stats->pacing_rate = tx->pace.rate;
}
