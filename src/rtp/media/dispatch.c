/* dispatch: which callbacks are due? Nothing else calls the app.
 *
 * A callback may remove its track, add others or free the session. So tracks are only unlinked here, at the end, and after each
 * callback the guard is asked first. Tracks are found by their place in the list, which may move while a callback runs. */
#include "rtp/media/media.h"

#include "pool/env.h"

#define ASSEMBLY_MIN 16384

/* The functions return false when the session is dead. */
static bool is_alive(const struct sluice_media *m) {
	return !m->guard.dead;
}

/* ---- frames ---- */

static bool reserve(struct sluice_media *m, size_t size) {
	if (size <= m->assembly_size)
		return true;
	size_t larger = m->assembly_size ? m->assembly_size : ASSEMBLY_MIN;
	while (larger < size)
		larger *= 2;
	env_free(m->env, m->assembly);
	m->assembly = env_alloc(m->env, larger);
	m->assembly_size = m->assembly ? larger : 0;
	return m->assembly;
}

static bool give_frames(struct sluice_media *m, struct in_layer *l, int *ran) {
	struct sluice_track *t = l->track;
	while (l->player && !l->is_lent && t->callbacks.on_frame) {
		sluice_frame frame;
		enum sluice_pull result = player_pull(l->player, m->clock, &frame, &l->pull_at);
		if (result == SLUICE_PULL_EMPTY || result == SLUICE_PULL_ENDED)
			break;
		if (result == SLUICE_PULL_LOST || !reserve(m, player_bound(l->player)) ||
		    !player_assemble(l->player, m->assembly, m->assembly_size, &frame))
			continue;
		++*ran;
		t->callbacks.on_frame(t, &frame, t->user);
		if (!is_alive(m))
			return false;
	}
	layer_in_listen(l);
	return true;
}

/* ---- packets ---- */

/* Returns how many of them were given, or are for nobody. A callback may change the callbacks, and end the track. */
static size_t give_run(struct sluice_track *t, const sluice_rtp *packets, size_t count, int *ran) {
	if (t && t->callbacks.on_rtp_run) {
		++*ran;
		t->callbacks.on_rtp_run(t, packets, count, t->user);
		return count;
	}
	if (t && t->callbacks.on_rtp) {
		++*ran;
		t->callbacks.on_rtp(t, packets, t->user);
	}
	return 1;
}

/* What a callback finds in the queue behind its packets, and what it puts there, has its turn afterwards. */
static bool give_packets(struct sluice_media *m, int *ran) {
	const sluice_rtp *packets;
	sluice_track *t;
	size_t count;
	while ((count = queue_front(&m->queue, &packets, &t)) > 0) {
		queue_drop(&m->queue, give_run(t, packets, count, ran));
		if (!is_alive(m))
			return false;
	}
	return true;
}

/* ---- one track ---- */

static bool tell_layer(struct sluice_media *m, struct out_layer *l, int *ran) {
	struct sluice_track *t = l->track;
	bool wanted = l->keyframe_wanted;
	l->keyframe_wanted = false;
	if (wanted && t->callbacks.on_keyframe_request) {
		++*ran;
		t->callbacks.on_keyframe_request(t, l->index, t->user);
		if (!is_alive(m))
			return false;
	}
	if (!t->ended && l->stream >= 0 && share_is_news(l, m->clock)) {
		l->told = l->target;
		l->told_at = m->clock;
		++*ran;
		t->callbacks.on_bitrate(t, l->index, l->told, t->user);
	}
	return is_alive(m);
}

static bool tell_mute(struct sluice_media *m, struct sluice_track *t, int *ran) {
	bool due = t->muted != t->told_muted && t->callbacks.on_mute;
	t->told_muted = t->muted;
	if (!due)
		return true;
	++*ran;
	t->callbacks.on_mute(t, t->muted, t->user);
	return is_alive(m);
}

static bool tell_track(struct sluice_media *m, struct sluice_track *t, int *ran) {
	for (unsigned k = 0; k < t->layer_count && !t->ended; k++) {
		if (t->is_sender && !tell_layer(m, &t->out[k], ran))
			return false;
		if (!t->is_sender && t->in[k].pull_at <= m->clock && !give_frames(m, &t->in[k], ran))
			return false;
	}
	return t->ended || tell_mute(m, t, ran);
}

/* ---- the session's own ---- */

static bool tell_unknown(struct sluice_media *m, int *ran) {
	for (unsigned i = 0; i < DEMUX_HELD; i++) {
		struct demux_told *told = &m->demux.told[i];
		bool due = told->waits && m->config.on_unknown_ssrc;
		told->waits = false;
		if (!due)
			continue;
		++*ran;
		m->config.on_unknown_ssrc(m, told->ssrc, told->payload_type, m->config.user);
		if (!is_alive(m))
			return false;
	}
	return true;
}

/* The only place where a track leaves the list. */
static bool bury(struct sluice_media *m, int *ran) {
	for (size_t i = 0; i < m->track_count;) {
		struct sluice_track *t = m->tracks[i];
		if (!t->ended) {
			i++;
			continue;
		}
		for (size_t k = i + 1; k < m->track_count; k++)
			m->tracks[k - 1] = m->tracks[k];
		m->track_count--;
		if (t->callbacks.on_ended) {
			++*ran;
			t->callbacks.on_ended(t, t->user);
		}
		track_free(t);
		if (!is_alive(m))
			return false;
		i = 0;
	}
	return true;
}

static bool run_all(struct sluice_media *m, int *ran) {
	if (!give_packets(m, ran) || !tell_unknown(m, ran))
		return false;
	for (size_t i = 0; i < m->track_count; i++)
		if (!tell_track(m, m->tracks[i], ran))
			return false;
	return bury(m, ran);
}

int sluice_media_dispatch(sluice_media *m) {
	int ran = 0;
	if (guard_is_busy(&m->guard))
		return 0;
	guard_enter(&m->guard);
	run_all(m, &ran);
	if (guard_leave(&m->guard))
		media_destroy(m);
	return ran;
}
