#include "sctp/trace.h"

#include "base/qlog.h"
#include "base/serial.h"
#include "sctp/association.h"
#include "sctp/chunks.h"

/* Names and units are those of the qlog drafts (draft-ietf-quic-qlog-main-schema, -quic-events) where they have one: times in
 * ms, rates in bit/s, sizes in bytes. */

/* What was told last. */
struct seen {
	enum sluice_sctp_state state;
	const char *phase;
	uint32_t mtu, local_tag, peer_tag;
};

/* What is told as "so many more". */
enum counter {
	COUNTER_ABANDONED,
	COUNTER_TAIL_PROBES,
	COUNTER_SPURIOUS,
	COUNTER_UNDOS,
	COUNTER_FORGIVEN,
	COUNTER_WINDOW_PROBES,
	COUNTER_MTU_PROBES,
	COUNTER_BLACK_HOLES,
	COUNTER_COUNT
};

static const char *const counter_events[COUNTER_COUNT] = {
	[COUNTER_ABANDONED] = "sctp:messages_abandoned",      [COUNTER_TAIL_PROBES] = "sctp:tail_probes_sent",
	[COUNTER_SPURIOUS] = "sctp:spurious_retransmissions", [COUNTER_UNDOS] = "sctp:reductions_undone",
	[COUNTER_WINDOW_PROBES] = "sctp:window_probes_sent",  [COUNTER_MTU_PROBES] = "sctp:mtu_probes_sent",
	[COUNTER_BLACK_HOLES] = "sctp:black_holes_found",     [COUNTER_FORGIVEN] = "sctp:losses_forgiven",
};

static void read_counters(const sluice_sctp *a, uint64_t *c) {
	c[COUNTER_ABANDONED] = a->tx.out.abandoned;
	c[COUNTER_TAIL_PROBES] = a->tx.counters.tail_probes;
	c[COUNTER_SPURIOUS] = a->tx.counters.spurious_retransmissions;
	c[COUNTER_UNDOS] = a->tx.counters.reductions_undone;
	c[COUNTER_FORGIVEN] = a->tx.counters.losses_forgiven;
	c[COUNTER_WINDOW_PROBES] = a->tx.counters.window_probes;
	c[COUNTER_MTU_PROBES] = a->tx.counters.mtu_probes_sent;
	c[COUNTER_BLACK_HOLES] = a->tx.counters.mtu_black_holes;
}

enum metric {
	METRIC_CWND,
	METRIC_SSTHRESH,
	METRIC_IN_FLIGHT,
	METRIC_SRTT,
	METRIC_RTTVAR,
	METRIC_MIN_RTT,
	METRIC_RTO,
	METRIC_PACING_RATE,
	METRIC_DELIVERY_RATE,
	METRIC_PEER_WINDOW,
	METRIC_LOCAL_WINDOW,
	METRIC_BUFFERED,
	METRIC_ACKED,
	METRIC_DELIVERED,
	METRIC_COUNT,
};

static const struct qlog_metric metrics[METRIC_COUNT] = {
	[METRIC_CWND] = {"congestion_window", false},      [METRIC_SSTHRESH] = {"ssthresh", false},
	[METRIC_IN_FLIGHT] = {"bytes_in_flight", false},   [METRIC_SRTT] = {"smoothed_rtt", true},
	[METRIC_RTTVAR] = {"rtt_variance", true},          [METRIC_MIN_RTT] = {"min_rtt", true},
	[METRIC_RTO] = {"retransmission_timeout", true},   [METRIC_PACING_RATE] = {"pacing_rate", false},
	[METRIC_DELIVERY_RATE] = {"delivery_rate", false}, [METRIC_PEER_WINDOW] = {"peer_window", false},
	[METRIC_LOCAL_WINDOW] = {"local_window", false},   [METRIC_BUFFERED] = {"bytes_buffered", false},
	[METRIC_ACKED] = {"bytes_acked", false},         /* of messages: acknowledged or given up */
	[METRIC_DELIVERED] = {"bytes_delivered", false}, /* of messages, to the app */
};

struct trace {
	sluice_sctp *a;
	struct qlog log;
	sluice_packet_fn tap;
	void *tap_ctx;
	struct seen seen;
	uint64_t counted[COUNTER_COUNT];
	uint64_t told[METRIC_COUNT]; /* UINT64_MAX: never */
	/* Chunks found lost and not yet told: a run of TSNs. */
	uint64_t lost_first, lost_last, lost_bytes; /* lost_bytes 0: none */
	const char *lost_trigger;
	uint64_t highest_sent; /* TSN; what is sent at or below it is sent again */
};

/* ---- lines ---- */

static uint64_t time_of(const struct trace *t) {
	return t->a->now - t->a->clock;
}

static struct json_line event_begin(struct trace *t, const char *name) {
	return qlog_event(&t->log, name, time_of(t));
}

static void event_end(struct trace *t, struct json_line *j) {
	qlog_event_end(&t->log, j);
}

static void header_line(struct trace *t) {
	const sluice_sctp *a = t->a;
	struct json_line j = qlog_header(&t->log, "urn:sluice:qlog:events:sctp-1", "SCTP");
	json_line_number(&j, "local_tag", a->local_tag);
	json_line_number(&j, "peer_tag", a->peer_tag);
	json_line_number(&j, "local_port", a->config.local_port);
	json_line_number(&j, "peer_port", a->config.remote_port);
	qlog_header_end(&t->log, &j);
}

/* ---- packets ---- */

static void data_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	struct wire_data d;
	if (c->type == WIRE_I_DATA ? wire_i_data_read(c, &d) : wire_data_read(c, &d))
		return;
	json_line_number(j, "tsn", d.tsn);
	json_line_number(j, "stream", d.stream);
	if (c->type == WIRE_I_DATA) {
		json_line_number(j, "mid", d.mid);
		if (!(d.flags & WIRE_DATA_B))
			json_line_number(j, "fsn", d.fsn);
	} else {
		json_line_number(j, "ssn", d.ssn);
	}
	if (c->type == WIRE_DATA || d.flags & WIRE_DATA_B)
		json_line_number(j, "ppid", d.ppid);
	json_line_number(j, "length", d.len);
	if (d.flags & WIRE_DATA_B)
		json_line_true(j, "begin");
	if (d.flags & WIRE_DATA_E)
		json_line_true(j, "end");
	if (d.flags & WIRE_DATA_U)
		json_line_true(j, "unordered");
	if (d.flags & WIRE_DATA_I)
		json_line_true(j, "immediate");
	if (!sent)
		return;
	uint64_t tsn = serial_unwrap(d.tsn, t->a->tx.sent.next);
	if (tsn <= t->highest_sent)
		json_line_true(j, "retransmission");
	else
		t->highest_sent = tsn;
}

#define GAPS_TOLD 16

static void sack_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	struct wire_sack s;
	if (wire_sack_read(c, &s))
		return;
	json_line_number(j, "cumulative_tsn", s.cum_tsn);
	json_line_number(j, "a_rwnd", s.a_rwnd);
	if (s.gap_count) {
		json_line_number(j, "gap_count", s.gap_count);
		json_line_open(j, "gaps", '[');
		for (size_t i = 0; i < s.gap_count && i < GAPS_TOLD; i++) {
			uint16_t start, end;
			wire_sack_gap(&s, i, &start, &end);
			json_line_open(j, NULL, '[');
			json_line_number(j, NULL, s.cum_tsn + start);
			json_line_number(j, NULL, s.cum_tsn + end);
			json_line_close(j, ']');
		}
		json_line_close(j, ']');
	}
	if (s.duplicate_count)
		json_line_number(j, "duplicate_count", s.duplicate_count);
}

static void init_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	struct wire_init i;
	if (wire_init_read(c, &i))
		return;
	json_line_number(j, "initiate_tag", i.tag);
	json_line_number(j, "a_rwnd", i.a_rwnd);
	json_line_number(j, "outbound_streams", i.outbound_streams);
	json_line_number(j, "inbound_streams", i.inbound_streams);
	json_line_number(j, "initial_tsn", i.tsn);
	if (i.forward_tsn)
		json_line_true(j, "forward_tsn");
	if (i.reconfig)
		json_line_true(j, "reconfig");
	if (i.i_data)
		json_line_true(j, "i_data");
	if (i.has_zero_checksum)
		json_line_true(j, "zero_checksum");
}

static void cause_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	struct reader r = reader_of(c->value, c->len);
	struct wire_param cause;
	if (wire_param_next(&r, &cause) == 1)
		json_line_string(j, "cause", wire_cause_name(cause.type));
}

static void shutdown_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	uint32_t cum;
	if (wire_shutdown_read(c, &cum) == 0)
		json_line_number(j, "cumulative_tsn", cum);
}

static void forward_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	struct wire_forward f;
	if ((c->type == WIRE_FORWARD_TSN ? wire_forward_read(c, &f) : wire_i_forward_read(c, &f)) == 0)
		json_line_number(j, "new_cumulative_tsn", f.cum_tsn);
}

static void length_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(void)t, (void)sent;
	json_line_number(j, "length", c->len);
}

#define MEMBERS(type, place, tag, states, handler, members) [WIRE_##type] = members,
static void (*const members[256])(struct trace *t, struct json_line *j, bool sent,
                                  const struct wire_chunk *c) = {CHUNKS(MEMBERS)};
#undef MEMBERS

static void chunk_members(struct trace *t, struct json_line *j, bool sent, const struct wire_chunk *c) {
	(members[c->type] ? members[c->type] : length_members)(t, j, sent, c);
}

/* The chunks that fit; how many did not is told behind them. */
#define OMITTED_ROOM 40

static void chunk_list(struct trace *t, struct json_line *j, bool sent, struct reader *r) {
	struct wire_chunk c;
	uint64_t omitted = 0;
	char *whole = j->end;
	j->end -= OMITTED_ROOM;
	json_line_open(j, "chunks", '[');
	while (wire_chunk_next(r, &c) == 1) {
		struct json_line before = *j;
		json_line_open(j, NULL, '{');
		json_line_string(j, "type", wire_chunk_name(c.type));
		chunk_members(t, j, sent, &c);
		json_line_close(j, '}');
		if (j->full) {
			*j = before;
			omitted++;
		}
	}
	j->end = whole;
	json_line_close(j, ']');
	if (omitted)
		json_line_number(j, "chunks_omitted", omitted);
}

void trace_on_packet(struct trace *t, bool sent, const uint8_t *packet, size_t len) {
	/* What the packet before it changed is told before it. */
	if (!sent)
		trace_on_look(t);
	if (t->tap)
		t->tap(t->tap_ctx, sent, packet, len, time_of(t));
	if (!t->log.fn)
		return;
	struct reader r = reader_of(packet, len);
	struct wire_header h;
	struct json_line j = event_begin(t, sent ? "sctp:packet_sent" : "sctp:packet_received");
	json_line_open(&j, "raw", '{');
	json_line_number(&j, "length", len);
	json_line_close(&j, '}');
	if (wire_packet_read(&r, &h) == 0) {
		json_line_number(&j, "tag", h.tag);
		chunk_list(t, &j, sent, &r);
	}
	event_end(t, &j);
}

void trace_on_dropped(struct trace *t, size_t len) {
	if (!t->log.fn)
		return;
	struct json_line j = event_begin(t, "sctp:packet_dropped");
	json_line_open(&j, "raw", '{');
	json_line_number(&j, "length", len);
	json_line_close(&j, '}');
	event_end(t, &j);
}

/* ---- losses and timers ---- */

static void tell_lost(struct trace *t) {
	if (t->lost_bytes == 0)
		return;
	struct json_line j = event_begin(t, "sctp:chunks_lost");
	json_line_number(&j, "first_tsn", (uint32_t)t->lost_first);
	json_line_number(&j, "last_tsn", (uint32_t)t->lost_last);
	json_line_number(&j, "count", t->lost_last - t->lost_first + 1);
	json_line_number(&j, "bytes", t->lost_bytes);
	json_line_string(&j, "trigger", t->lost_trigger);
	t->lost_bytes = 0;
	event_end(t, &j);
}

static const char *usual_trigger(const sluice_sctp *a) {
	return a->config.recovery == SLUICE_RECOVERY_RFC9260 ? "miss_indications" : "time_threshold";
}

void trace_on_lost(struct trace *t, uint64_t tsn, uint32_t len) {
	if (!t->log.fn)
		return;
	if (t->lost_bytes && tsn != t->lost_last + 1)
		tell_lost(t);
	if (t->lost_bytes == 0)
		t->lost_first = tsn;
	t->lost_last = tsn;
	t->lost_bytes += len;
}

void trace_on_timer(struct trace *t, const char *name) {
	if (!t->log.fn)
		return;
	tell_lost(t);
	t->lost_trigger = name;
	struct json_line j = event_begin(t, "sctp:timer_expired");
	json_line_string(&j, "timer", name);
	event_end(t, &j);
}

/* ---- what comparing tells ---- */

static void tell_change(struct trace *t, const char *name, const char *from, const char *to) {
	qlog_change(&t->log, name, from, to, time_of(t));
}

static void tell_parameters(struct trace *t) {
	const sluice_sctp *a = t->a;
	struct json_line j = event_begin(t, "sctp:parameters_set");
	json_line_number(&j, "local_tag", a->local_tag);
	json_line_number(&j, "peer_tag", a->peer_tag);
	json_line_number(&j, "outbound_streams", a->outbound);
	json_line_number(&j, "inbound_streams", a->rx.streams);
	json_line_string(&j, "congestion_control", a->tx.cc->name);
	json_line_number(&j, "mtu", a->tx.mtu);
	if (a->can & CAN_FORWARD_TSN)
		json_line_true(&j, "forward_tsn");
	if (a->can & CAN_RECONFIG)
		json_line_true(&j, "reconfig");
	if (a->can & CAN_ZERO_CHECKSUM)
		json_line_true(&j, "zero_checksum");
	event_end(t, &j);
}

static const char *phase_of(const sluice_sctp *a) {
	const struct cc_view *v = &a->tx.view;
	const char *own = a->tx.cc->phase ? a->tx.cc->phase(v) : NULL;
	return own ? own : v->in_recovery ? "recovery" : v->cwnd < v->ssthresh ? "slow_start" : "congestion_avoidance";
}

static void look_at_state(struct trace *t) {
	const sluice_sctp *a = t->a;
	struct seen *s = &t->seen;
	if (a->state != s->state)
		tell_change(t, "sctp:association_state_updated", sluice_sctp_state_name(s->state),
		            sluice_sctp_state_name(a->state));
	s->state = a->state;
	if (a->peer_tag && (a->local_tag != s->local_tag || a->peer_tag != s->peer_tag))
		tell_parameters(t);
	s->local_tag = a->local_tag;
	s->peer_tag = a->peer_tag;
	if (a->tx.view.mtu) {
		const char *phase = phase_of(a);
		if (phase != s->phase)
			tell_change(t, "sctp:congestion_state_updated", s->phase, phase);
		s->phase = phase;
	}
	if (a->tx.mtu != s->mtu) {
		struct json_line j = event_begin(t, "sctp:mtu_updated");
		if (s->mtu)
			json_line_number(&j, "old", s->mtu);
		json_line_number(&j, "new", a->tx.mtu);
		event_end(t, &j);
		s->mtu = a->tx.mtu;
	}
}

static void look_at_counters(struct trace *t) {
	uint64_t now[COUNTER_COUNT];
	read_counters(t->a, now);
	for (int c = 0; c < COUNTER_COUNT; c++) {
		if (now[c] == t->counted[c])
			continue;
		qlog_count(&t->log, counter_events[c], now[c] - t->counted[c], time_of(t));
		t->counted[c] = now[c];
	}
}

static void read_metrics(const sluice_sctp *a, uint64_t *m) {
	m[METRIC_CWND] = a->tx.view.cwnd;
	m[METRIC_SSTHRESH] = a->tx.view.ssthresh;
	m[METRIC_IN_FLIGHT] = a->tx.sent.flight;
	m[METRIC_SRTT] = a->tx.rto.srtt;
	m[METRIC_RTTVAR] = a->tx.rto.rttvar;
	m[METRIC_MIN_RTT] = rto_least_known(&a->tx.rto);
	m[METRIC_RTO] = a->tx.rto.rto;
	m[METRIC_PACING_RATE] = 8 * a->tx.pace.rate;
	m[METRIC_DELIVERY_RATE] = 8 * a->tx.counters.delivery_rate;
	m[METRIC_PEER_WINDOW] = a->tx.peer_a_rwnd;
	m[METRIC_LOCAL_WINDOW] = receiver_a_rwnd(&a->rx);
	m[METRIC_BUFFERED] = a->tx.out.buffered;
	m[METRIC_ACKED] = a->tx.out.payload - a->tx.out.buffered;
	m[METRIC_DELIVERED] = a->rx.in.to.payload;
}

static void look_at_metrics(struct trace *t) {
	uint64_t now[METRIC_COUNT];
	if (t->a->tx.view.mtu == 0)
		return; /* there has been no association yet, so there are no windows */
	read_metrics(t->a, now);
	qlog_metrics(&t->log, "sctp:metrics_updated", metrics, now, t->told, METRIC_COUNT, time_of(t));
}

void trace_on_look(struct trace *t) {
	if (!t->log.fn)
		return;
	tell_lost(t);
	t->lost_trigger = usual_trigger(t->a);
	look_at_state(t);
	look_at_counters(t);
	look_at_metrics(t);
}

/* ---- who listens ---- */

static struct trace *trace_get(sluice_sctp *a) {
	if (!a->trace) {
		a->trace = env_zalloc(a->env, sizeof *a->trace);
		if (a->trace)
			a->trace->a = a;
	}
	return a->trace;
}

/* Nobody listens any more: the hooks find nothing. */
static void trace_leave(sluice_sctp *a) {
	if (!a->trace || a->trace->log.fn || a->trace->tap)
		return;
	trace_free(a->trace);
}

void trace_free(struct trace *t) {
	if (!t)
		return;
	trace_sync(t);
	sender_set_trace(&t->a->tx, NULL);
	t->a->trace = NULL;
	env_free(t->a->env, t);
}

int sluice_sctp_set_trace(sluice_sctp *a, sluice_trace_fn fn, void *ctx) {
	if (!fn && !a->trace)
		return 0;
	struct trace *t = trace_get(a);
	if (!t)
		return SLUICE_NO_MEMORY;
	if (t->log.fn)
		trace_on_look(t);
	t->log.fn = fn;
	t->log.ctx = ctx;
	sender_set_trace(&a->tx, fn ? t : NULL);
	if (!fn) {
		trace_leave(a);
		return 0;
	}
	t->seen = (struct seen){.state = a->state, .mtu = a->tx.mtu};
	read_counters(a, t->counted);
	memset(t->told, 0xff, sizeof t->told);
	t->highest_sent = a->tx.sent.next - 1;
	t->lost_bytes = 0;
	t->lost_trigger = usual_trigger(a);
	header_line(t);
	return 0;
}

int sluice_sctp_set_packet_tap(sluice_sctp *a, sluice_packet_fn fn, void *ctx) {
	if (!fn && !a->trace)
		return 0;
	struct trace *t = trace_get(a);
	if (!t)
		return SLUICE_NO_MEMORY;
	t->tap = fn;
	t->tap_ctx = ctx;
	trace_leave(a);
	return 0;
}
