/* feed: see its header. */
#include "tools/forward/feed.h"

/* What stands before a payload: IPv4, UDP, RTP with extensions; behind it the tag. */
#define OVERHEAD 64
#define MEASURE_INTERVAL UINT64_C(250000000)
#define SILENCE UINT64_C(1000000000)
/* The newest measurement counts for a quarter, so a keyframe makes a layer look larger for a second at most. */
#define SMOOTHING 4

/* ---- keyframes ----------------------------------------------------------------------------------------------------- */

static void ask_for(struct feed *s, unsigned layer, uint64_t now) {
	if (s->asked[layer] && now - s->asked_at[layer] < FEED_ASK_INTERVAL)
		return;
	s->asked[layer] = true;
	s->asked_at[layer] = now;
	s->waiting &= ~(1u << layer);
	s->requests++;
	sluice_track_request_keyframe(s->track, layer);
}

static void ask(struct feed *s, uint64_t now) {
	for (unsigned layer = 0; s->waiting && layer < s->layers.count; layer++)
		if (s->waiting >> layer & 1)
			ask_for(s, layer, now);
}

/* ---- packets ------------------------------------------------------------------------------------------------------- */

static void count(struct feed *s, const sluice_rtp *p) {
	s->heard_at = s->layer_heard_at[p->layer] = p->received;
	s->packets++;
	s->bytes[p->layer] += p->len + OVERHEAD;
	/* It is here: what was asked for until now is served by it. */
	if (p->begins && p->keyframe)
		s->waiting &= ~(1u << p->layer);
}

static void on_rtp_run(sluice_track *t, const sluice_rtp *packets, size_t n, void *user) {
	struct feed *s = user;
	(void)t;
	for (size_t i = 0; i < n; i++)
		count(s, &packets[i]);
	for (struct sink *sink = s->sinks; sink; sink = sink->next_sink) {
		if (sink->next_sink)
			sink_prefetch(sink->next_sink);
		s->waiting |= sink_take(sink, &s->layers, packets, n);
	}
	ask(s, packets[n - 1].received);
}

static void on_ended(sluice_track *t, void *user) {
	(void)t;
	((struct feed *)user)->track = NULL;
}

static unsigned count_layers(const sluice_track *t) {
	sluice_inbound_rtp_stats unused;
	unsigned n = 0;
	while (n < SLUICE_LAYERS_MAX && !sluice_track_inbound_stats(t, n, &unused))
		n++;
	return n;
}

/* ---- rates --------------------------------------------------------------------------------------------------------- */

static uint64_t smooth(uint64_t before, uint64_t rate) {
	return before ? before - before / SMOOTHING + rate / SMOOTHING : rate;
}

/* Pictures of a screen come seldom; a layer without one for a second is not sent any more. */
static bool is_sent(const struct feed *s, unsigned layer, uint64_t now) {
	return s->layer_heard_at[layer] && now < s->layer_heard_at[layer] + SILENCE;
}

static void measure(struct feed *s, uint64_t now) {
	uint64_t time = now - s->measured_at;
	if (s->measured_at && time < MEASURE_INTERVAL)
		return;
	for (unsigned i = 0; s->measured_at && i < s->layers.count; i++)
		s->layers.rates[i] = is_sent(s, i, now)
		                             ? smooth(s->layers.rates[i], s->bytes[i] * 8 * UINT64_C(1000000) / (time / 1000))
		                             : 0;
	for (unsigned i = 0; i < SLUICE_LAYERS_MAX; i++)
		s->bytes[i] = 0;
	s->measured_at = now;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void feed_init(struct feed *s, sluice_track *track) {
	const sluice_track_callbacks callbacks = {.on_rtp_run = on_rtp_run, .on_ended = on_ended};
	*s = (struct feed){.track = track, .kind = sluice_track_kind(track), .layers.count = count_layers(track)};
	sluice_track_set_callbacks(track, &callbacks, s);
}

void feed_close(struct feed *s) {
	const sluice_track_callbacks none = {.on_rtp_run = NULL};
	if (s->track)
		sluice_track_set_callbacks(s->track, &none, NULL);
	s->track = NULL;
	while (s->sinks)
		feed_remove(s, s->sinks);
}

void feed_add(struct feed *s, struct sink *sink) {
	sink->feed = s;
	sink->next_sink = s->sinks;
	s->sinks = sink;
	sink_begin(sink);
}

void feed_remove(struct feed *s, struct sink *sink) {
	struct sink **link = &s->sinks;
	while (*link && *link != sink)
		link = &(*link)->next_sink;
	if (*link)
		*link = sink->next_sink;
	sink->feed = NULL;
	sink->next_sink = NULL;
}

void feed_tick(struct feed *s, uint64_t now) {
	measure(s, now);
	for (struct sink *sink = s->sinks; sink; sink = sink->next_sink)
		s->waiting |= sink_tick(sink, &s->layers, now);
	if (s->track)
		ask(s, now);
}
