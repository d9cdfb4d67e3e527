/* share: how much of the estimator's target does each layer get?
 *
 * Audio comes first, since it is small and missed most. Then the video layers, those with the lowest bound first: of a simulcast
 * the small picture is sent before the large one begins. Layers without a bound share what is left. A layer that would get less
 * than a third of its bound is paused: such a picture is worse than the one below it. The lowest layer is not. */
#include "rtp/media/media.h"

#include "base/arith.h"

#define AUDIO_RATE 64000
#define PAUSE_SHARE 3
#define REPAIR_RATE 30000 /* bit/s of which a layer that gets nothing repairs its share */
#define TELL_SHARE 20     /* a change of a twentieth is told at once */
#define TELL_INTERVAL SLUICE_S

static bool is_active(const struct out_layer *l) {
	return l && !l->paused && !l->is_refused && !l->track->paused && l->track->codec != TRACK_NO_CODEC;
}

static void give(struct sluice_media *m, struct out_layer *l, uint64_t rate) {
	l->target = rate;
	l->stats.target_bitrate = rate;
	/* 0 would mean there that no rate is known, and so no bound: whoever makes us pause a layer could then ask for all of it
	 * again and again. */
	rtp_session_set_target(m->session, l->stream, max64(rate, REPAIR_RATE));
}

static uint64_t share_audio(struct sluice_media *m, uint64_t left) {
	for (unsigned i = 0; i < m->out_top; i++) {
		struct out_layer *l = m->out[i];
		if (l && !is_active(l))
			give(m, l, 0);
		if (!is_active(l) || l->track->kind != SLUICE_AUDIO)
			continue;
		uint64_t rate = min64(left, l->max_bitrate ? l->max_bitrate : AUDIO_RATE);
		give(m, l, rate);
		left -= rate;
	}
	return left;
}

static uint64_t bound_of(const struct out_layer *l) {
	return l->max_bitrate ? l->max_bitrate : UINT64_MAX;
}

static bool is_video(const struct out_layer *l) {
	return is_active(l) && l->track->kind == SLUICE_VIDEO;
}

/* The layer behind (bound, number) in the order of these; number -1: of this bound, the first. -1: there is none. */
static int next_video(const struct sluice_media *m, uint64_t bound, int number) {
	int found = -1;
	for (int i = 0; i < (int)m->out_top; i++) {
		const struct out_layer *l = m->out[i];
		if (!is_video(l))
			continue;
		bool is_behind = bound_of(l) == bound ? i > number : bound_of(l) > bound;
		if (is_behind && (found < 0 || bound_of(l) < bound_of(m->out[found])))
			found = i;
	}
	return found;
}

static bool is_first_of_track(const struct out_layer *l) {
	for (unsigned k = 0; k < l->track->layer_count; k++)
		if (&l->track->out[k] != l && is_active(&l->track->out[k]) && bound_of(&l->track->out[k]) < bound_of(l))
			return false;
	return true;
}

static void share_video(struct sluice_media *m, uint64_t left) {
	unsigned count = 0;
	for (unsigned i = 0; i < m->out_top; i++)
		count += is_video(m->out[i]);
	uint64_t bound = 0;
	for (int at = -1; (at = next_video(m, bound, at)) >= 0; count--) {
		struct out_layer *l = m->out[at];
		bound = bound_of(l);
		uint64_t rate = min64(bound, bound == UINT64_MAX ? left / count : left);
		if (!is_first_of_track(l) && rate < bound / PAUSE_SHARE && l->max_bitrate)
			rate = 0;
		give(m, l, rate);
		left -= rate;
	}
}

void share_target(struct sluice_media *m) {
	share_video(m, share_audio(m, m->target));
}

/* ---- telling ---- */

static bool has_listener(const struct out_layer *l) {
	return l && l->track->callbacks.on_bitrate && l->target != l->told;
}

bool share_is_news(const struct out_layer *l, uint64_t now) {
	if (!has_listener(l))
		return false;
	uint64_t change = l->target > l->told ? l->target - l->told : l->told - l->target;
	return !l->told || !l->target || change > l->told / TELL_SHARE || now - l->told_at >= TELL_INTERVAL;
}

uint64_t share_deadline(const struct sluice_media *m) {
	uint64_t due = SLUICE_NEVER;
	for (unsigned i = 0; i < m->out_top; i++)
		if (has_listener(m->out[i]))
			due = min64(due, share_is_news(m->out[i], m->clock) ? m->clock : m->out[i]->told_at + TELL_INTERVAL);
	return due;
}
