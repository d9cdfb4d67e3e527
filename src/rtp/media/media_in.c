/* media_in: datagrams in. SRTP is taken off in batches, RTCP goes to the session, RTP through the session to its layer. */
#include "rtp/media/media.h"

#include "base/arith.h"
#include "pool/env.h"

/* ---- RTP ---- */

/* RFC 4588, 8.6 names RTX by payload type; which stream it repairs, says the layer that was found. */
static bool bind_rtx(struct sluice_media *m, struct in_layer *l, uint32_t ssrc) {
	l->rtx_ssrc = ssrc;
	if (l->stream >= 0 && rtp_session_set_in_rtx(m->session, l->stream, ssrc) == 0)
		return true;
	l->rtx_ssrc = l->stream >= 0 ? 0 : ssrc;
	return false;
}

/* The layer's stream begins anew under another SSRC. */
static bool bind_media(struct sluice_media *m, struct in_layer *l, uint32_t ssrc) {
	streams_close_in(m, l);
	if (l->player && l->ssrc)
		player_restart(l->player);
	l->rtx_ssrc = l->ssrc ? 0 : l->rtx_ssrc;
	l->ssrc = ssrc;
	int error = streams_open_in(m, l);
	if (error && l->rtx_ssrc) { /* repairs that came before had an SSRC that is somebody's media now */
		l->rtx_ssrc = 0;
		error = streams_open_in(m, l);
	}
	l->ssrc = error ? 0 : ssrc;
	return !error;
}

/* A peer whose SSRCs change with every packet makes us do so only now and then. */
static bool bind_ssrc(struct sluice_media *m, struct in_layer *l, uint32_t ssrc, bool is_rtx, uint64_t now) {
	uint64_t *bound_at = is_rtx ? &l->rtx_bound_at : &l->bound_at;
	if (*bound_at && now - *bound_at < DEMUX_PATIENCE)
		return false;
	*bound_at = now;
	return is_rtx ? bind_rtx(m, l, ssrc) : bind_media(m, l, ssrc);
}

/* Packets that still name nobody are held once more, behind the others. */
void media_replay(struct sluice_media *m, uint32_t ssrc, uint64_t now) {
	size_t len;
	uint8_t *data;
	for (unsigned i = 0; m->session && ssrc && i < DEMUX_HELD && (data = demux_take(&m->demux, ssrc, &len)) != NULL; i++) {
		media_take_rtp(m, data, len, NULL, now);
		env_free(m->env, data);
	}
}

/* The session does not know the SSRC. True: now it does. */
static bool get_known(struct sluice_media *m, const struct rtp_received *got, const uint8_t *data, size_t len, uint64_t now) {
	const struct rtp_packet *p = &got->packet;
	struct demux_found found = demux_find(m, p, &got->extensions);
	if (!found.layer) {
		demux_hold(m, p, data, len);
		return false;
	}
	if (!bind_ssrc(m, found.layer, p->ssrc, found.is_rtx, now)) {
		m->stats.unknown_ssrc++;
		return false;
	}
	media_replay(m, found.layer->ssrc, now);
	media_replay(m, found.layer->rtx_ssrc, now);
	return true;
}

void media_take_rtp(struct sluice_media *m, uint8_t *data, size_t len, sluice_slab *slab, uint64_t now) {
	struct rtp_received got;
	got.stream = -1; /* a packet of our own that came back has none */
	int result = rtp_session_receive(m->session, data, len, now, &got);
	if (result == SLUICE_NOT_FOUND && get_known(m, &got, data, len, now))
		result = rtp_session_receive(m->session, data, len, now, &got);
	m->stats.malformed += result == SLUICE_MALFORMED;
	struct in_layer *l = result >= 0 && got.stream >= 0 ? m->in[got.stream] : NULL;
	if (!l)
		return;
	layer_in_count(l, &got, result > 0, now);
	if (result > 0)
		layer_in_take(l, &got, slab, now);
}

/* ---- the batch ---- */

static void take_event(struct sluice_media *m, const struct rtp_event *e) {
	if (e->kind == RTP_EVENT_KEYFRAME && m->out[e->stream])
		m->out[e->stream]->keyframe_wanted = true;
	if (e->kind == RTP_EVENT_COLLISION)
		streams_change_ssrcs(m, e->stream);
	if (e->kind == RTP_EVENT_BYE && m->in[e->stream])
		track_mute(m->in[e->stream]->track, true);
}

static void take_rtcp(struct sluice_media *m, const uint8_t *data, size_t len, uint64_t now) {
	m->stats.malformed += rtp_session_receive_rtcp(m->session, data, len, now) == SLUICE_MALFORMED;
	for (unsigned i = 0; i < MEDIA_STREAMS; i++)
		if (m->in[i])
			sync_follow(m->in[i]);
}

static void take(struct sluice_media *m, const struct srtp_packet *p, sluice_slab *slab, uint64_t now) {
	if (p->result != SRTP_OK)
		return;
	if (m->tap)
		m->tap(m->tap_ctx, false, p->data, p->len, now);
	if (p->rtcp)
		take_rtcp(m, p->data, p->len, now);
	else
		media_take_rtp(m, p->data, p->len, slab, now);
}

static void count_packet(struct sluice_media *m, const struct srtp_packet *p, size_t len) {
	m->stats.packets_received++;
	m->stats.bytes_received += len;
	m->stats.replayed += p->result == SRTP_REPLAYED;
	m->stats.old += p->result == SRTP_OLD;
	m->stats.forged += p->result == SRTP_FORGED;
	m->stats.malformed += p->result == SRTP_MALFORMED;
}

/* Without SRTP: is it RTP or RTCP at all? */
static void look(struct srtp_packet *p) {
	p->rtcp = rtp_packet_is_rtcp(p->data, p->len);
	p->result = p->len >= 8 && p->data[0] >> 6 == RTP_VERSION ? SRTP_OK : SRTP_MALFORMED;
}

static void take_batch(struct sluice_media *m, const sluice_datagram *d, size_t n, uint64_t now) {
	struct srtp_packet packets[MEDIA_BATCH];
	for (size_t i = 0; i < n; i++)
		packets[i] = (struct srtp_packet){.data = d[i].data, .len = d[i].len};
	if (m->profile == SLUICE_SRTP_NONE)
		for (size_t i = 0; i < n; i++)
			look(&packets[i]);
	else
		srtp_unprotect_batch(&m->open, packets, n);
	for (size_t i = 0; i < n; i++) {
		count_packet(m, &packets[i], d[i].len);
		take(m, &packets[i], d[i].slab, now);
	}
}

int sluice_media_input(sluice_media *m, sluice_datagram *datagrams, size_t n, uint64_t now) {
	struct rtp_event event;
	if (!media_begin(m, now))
		return m->has_keys ? SLUICE_NO_MEMORY : SLUICE_WRONG_STATE;
	if (n == 0)
		return 0;
	media_look_at(m, datagrams, n);
	for (size_t i = 0; i < n; i += MEDIA_BATCH)
		take_batch(m, datagrams + i, min64(MEDIA_BATCH, n - i), m->clock);
	while (rtp_session_poll(m->session, &event))
		take_event(m, &event);
	media_follow(m);
	if (m->trace)
		media_trace_look(m);
	return 0;
}
