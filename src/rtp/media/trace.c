#include "rtp/media/trace.h"

#include "base/qlog.h"
#include "pool/env.h"
#include "rtp/media/media.h"

/* Units are those of qlog: times in ms, rates in bit/s, sizes in bytes. */

enum metric {
	METRIC_TARGET,
	METRIC_DELIVERED,
	METRIC_PACING,
	METRIC_QUEUE,
	METRIC_RTT,
	METRIC_PACKETS_SENT,
	METRIC_BYTES_SENT,
	METRIC_PACKETS_RECEIVED,
	METRIC_BYTES_RECEIVED,
	METRIC_COUNT,
};

static const struct qlog_metric metrics[METRIC_COUNT] = {[METRIC_TARGET] = {"target_bitrate", false},
                                                         [METRIC_DELIVERED] = {"delivered_bitrate", false},
                                                         [METRIC_PACING] = {"pacing_rate", false},
                                                         [METRIC_QUEUE] = {"pacer_queue", false},
                                                         [METRIC_RTT] = {"smoothed_rtt", true},
                                                         [METRIC_PACKETS_SENT] = {"packets_sent", false},
                                                         [METRIC_BYTES_SENT] = {"bytes_sent", false},
                                                         [METRIC_PACKETS_RECEIVED] = {"packets_received", false},
                                                         [METRIC_BYTES_RECEIVED] = {"bytes_received", false}};

/* What is told as "so many more". */
enum counter {
	COUNTER_LOST,
	COUNTER_RESENT,
	COUNTER_ASKED,
	COUNTER_RESULTS,
	COUNTER_SILENCES,
	COUNTER_COUNT,
};

static const char *const counter_events[COUNTER_COUNT] = {
	[COUNTER_LOST] = "media:packets_lost",     /* as the other side reports */
	[COUNTER_RESENT] = "media:packets_resent", /* repairs, ours */
	[COUNTER_ASKED] = "media:packets_asked",   /* that did not come to us */
	[COUNTER_RESULTS] = "media:probes_answered", [COUNTER_SILENCES] = "media:silences",
};

struct media_trace {
	struct qlog log;
	bool congested;
	uint64_t told[METRIC_COUNT]; /* UINT64_MAX: never */
	uint64_t counted[COUNTER_COUNT];
};

/* ---- what there is ---- */

static void read_metrics(const struct sluice_media *m, uint64_t *v) {
	uint64_t target = bwe_target(m->bwe);
	v[METRIC_TARGET] = target;
	v[METRIC_DELIVERED] = bwe_delivered(m->bwe);
	v[METRIC_PACING] = pacer_rate(target);
	v[METRIC_QUEUE] = pacer_queued(&m->pacer);
	v[METRIC_RTT] = bwe_rtt(m->bwe);
	v[METRIC_PACKETS_SENT] = m->stats.packets_sent;
	v[METRIC_BYTES_SENT] = m->stats.bytes_sent;
	v[METRIC_PACKETS_RECEIVED] = m->stats.packets_received;
	v[METRIC_BYTES_RECEIVED] = m->stats.bytes_received;
}

/* Those of a stream that ended are gone from the sums, so what is counted of the others is told only once it is above them. */
static void read_streams(const struct sluice_media *m, uint64_t *v) {
	struct rtp_out_stats out;
	struct rtp_in_stats in;
	for (int i = 0; i < MEDIA_STREAMS; i++) {
		if (m->out[i]) {
			rtp_session_out_stats(m->session, i, &out);
			v[COUNTER_RESENT] += out.resent;
		}
		if (m->in[i]) {
			rtp_session_in_stats(m->session, i, &in);
			v[COUNTER_ASKED] += in.nacked;
		}
	}
}

static void read_counters(const struct sluice_media *m, uint64_t *v) {
	struct bwe_stats s = bwe_stats(m->bwe);
	v[COUNTER_LOST] = s.lost;
	v[COUNTER_RESENT] = v[COUNTER_ASKED] = 0;
	v[COUNTER_RESULTS] = s.results;
	v[COUNTER_SILENCES] = s.silences;
	read_streams(m, v);
}

/* ---- what is told ---- */

static const char *name_of(bool congested) {
	return congested ? "congested" : "normal";
}

static void look_at_state(struct media_trace *t, const struct sluice_media *m) {
	bool congested = bwe_is_congested(m->bwe);
	if (congested != t->congested)
		qlog_change(&t->log, "media:congestion_state_updated", name_of(t->congested), name_of(congested), m->clock);
	t->congested = congested;
}

static void look_at_counters(struct media_trace *t, const struct sluice_media *m) {
	uint64_t now[COUNTER_COUNT];
	read_counters(m, now);
	for (int c = 0; c < COUNTER_COUNT; c++) {
		if (now[c] > t->counted[c])
			qlog_count(&t->log, counter_events[c], now[c] - t->counted[c], m->clock);
		t->counted[c] = now[c];
	}
}

static void look_at_metrics(struct media_trace *t, const struct sluice_media *m) {
	uint64_t now[METRIC_COUNT];
	read_metrics(m, now);
	qlog_metrics(&t->log, "media:metrics_updated", metrics, now, t->told, METRIC_COUNT, m->clock);
}

void media_trace_look(const struct sluice_media *m) {
	if (!m->session)
		return;
	look_at_state(m->trace, m);
	look_at_counters(m->trace, m);
	look_at_metrics(m->trace, m);
}

void media_trace_probe(const struct sluice_media *m, const struct bwe_probe *probe) {
	struct json_line j = qlog_event(&m->trace->log, "media:probe_begun", m->clock);
	json_line_number(&j, "id", probe->id);
	json_line_number(&j, "rate", probe->rate);
	json_line_number(&j, "packets", probe->packets);
	json_line_number(&j, "bytes", probe->bytes);
	qlog_event_end(&m->trace->log, &j);
}

/* ---- who listens ---- */

void media_trace_free(struct sluice_media *m) {
	if (!m->trace)
		return;
	media_trace_look(m);
	env_free(m->env, m->trace);
	m->trace = NULL;
}

static void begin(struct sluice_media *m, sluice_trace_fn fn, void *ctx) {
	struct media_trace *t = m->trace;
	t->log.fn = fn;
	t->log.ctx = ctx;
	t->congested = m->session && bwe_is_congested(m->bwe);
	memset(t->told, 0xff, sizeof t->told);
	memset(t->counted, 0, sizeof t->counted);
	if (m->session)
		read_counters(m, t->counted);
	struct json_line j = qlog_header(&t->log, "urn:sluice:qlog:events:media-1", "RTP");
	qlog_header_end(&t->log, &j);
}

int sluice_media_set_trace(sluice_media *m, sluice_trace_fn fn, void *ctx) {
	if (!fn) {
		media_trace_free(m);
		return 0;
	}
	if (m->trace)
		media_trace_look(m);
	else
		m->trace = env_zalloc(m->env, sizeof *m->trace);
	if (!m->trace)
		return SLUICE_NO_MEMORY;
	begin(m, fn, ctx);
	return 0;
}
