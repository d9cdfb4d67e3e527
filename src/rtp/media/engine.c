/* engine: makes session and estimator when keys and time are there, and takes to the pacer what they have for it. */
#include "rtp/media/media.h"

#include "base/arith.h"
#include "pool/env.h"
#include "rtp/rate.h"

/* ---- the session ---- */

/* The estimator does not exist yet when the first packet is counted only if there is no session, so it always does. */
static int make_session(struct sluice_media *m) {
	const struct rtp_session_config config = {
		.cname = m->cname,
		.ssrc = streams_new_ssrc(m),
		.ntp_offset = m->config.ntp_offset,
		.extensions = &m->extensions,
		.streams_in = MEDIA_STREAMS,
		.streams_out = MEDIA_STREAMS,
		.compound = m->config.compound,
		.rate = &rtp_rate_bwe,
		.rate_ctx = m->bwe,
	};
	int error = rtp_session_new(m->env, &config, &m->session);
	if (!error)
		rtp_session_set_rtx(m->session, &m->rtx_in, &m->rtx_out);
	return error;
}

static int open_layers(struct sluice_media *m) {
	int error = 0;
	for (size_t i = 0; i < m->track_count && !error; i++) {
		struct sluice_track *t = m->tracks[i];
		bool waits = t->is_sender && t->paused; /* see negotiate_codecs() */
		for (unsigned k = 0; k < t->layer_count && !error && !t->ended && !waits; k++)
			error = t->is_sender ? streams_open_out(m, &t->out[k]) : streams_open_in(m, &t->in[k]);
	}
	return error;
}

/* What was made is taken back as a whole: the next verb tries again. */
static void unmake(struct sluice_media *m) {
	for (unsigned i = 0; i < MEDIA_STREAMS; i++) {
		if (m->in[i])
			m->in[i]->stream = -1;
		if (m->out[i])
			m->out[i]->stream = -1;
		m->in[i] = NULL;
		m->out[i] = NULL;
	}
	m->out_top = 0;
	rtp_session_free(m->session);
	bwe_free(m->bwe);
	m->session = NULL;
	m->bwe = NULL;
}

bool media_begin(struct sluice_media *m, uint64_t now) {
	m->clock = max64(m->clock, now);
	if (m->session || !m->has_keys)
		return m->session != NULL;
	const struct bwe_config config = {
		.start_rate = m->config.start_bitrate,
		.min_rate = m->config.min_bitrate,
		.max_rate = m->config.max_bitrate,
	};
	int error = bwe_new(m->env, &config, m->clock, &m->bwe);
	if (!error)
		error = make_session(m);
	if (!error)
		error = open_layers(m);
	if (error)
		unmake(m);
	else
		m->share_again = true;
	return !error;
}

/* ---- between the verbs ---- */

void media_wake(struct sluice_media *m) {
	if (m->woken || !m->wake)
		return;
	m->woken = true;
	m->wake(m->wake_ctx);
}

static void push_repair(struct sluice_media *m) {
	uint32_t size = m->config.mtu;
	const struct pacer_run run = {.count = 1, .size = size, .last = size};
	if (!m->repair_waits && rtp_session_has_repair(m->session))
		m->repair_waits = pacer_push(&m->pacer, PACER_RETRANSMISSION, &run, m->clock) == 0;
}

void media_follow(struct sluice_media *m) {
	struct bwe_probe probe;
	uint64_t target = bwe_target(m->bwe);
	if (target != m->target || m->share_again) {
		m->target = target;
		m->share_again = false;
		pacer_set_target(&m->pacer, target);
		share_target(m);
	}
	if (!pacer_is_probing(&m->pacer) && bwe_take_probe(m->bwe, &probe)) {
		pacer_probe(&m->pacer, probe.id, probe.rate, probe.packets, probe.bytes, m->clock);
		if (m->trace)
			media_trace_probe(m, &probe);
	}
	push_repair(m);
}
