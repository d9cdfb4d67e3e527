/* sink: see its header. */
#include "tools/forward/sink.h"

#include "sluice/error.h"

#define NO_LAYER (-1)

/* ---- what the watcher's side says --------------------------------------------------------------------------------- */

static void ask(struct sink *s) {
	int layer = s->next == NO_LAYER ? s->layer : s->next;
	if (s->kind == SLUICE_VIDEO && layer != NO_LAYER)
		s->asks |= 1u << layer;
}

/* The watcher's one layer is whichever of the publisher's it gets. */
static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)t;
	(void)layer;
	ask(user);
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user) {
	struct sink *s = user;
	(void)t;
	(void)layer;
	s->budget = bits_per_second;
	s->is_stale = true;
}

static void on_ended(sluice_track *t, void *user) {
	(void)t;
	((struct sink *)user)->track = NULL;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

void sink_init(struct sink *s, sluice_track *track) {
	const sluice_track_callbacks callbacks = {
		.on_keyframe_request = on_keyframe_request, .on_bitrate = on_bitrate, .on_ended = on_ended};
	*s = (struct sink){.track = track, .kind = sluice_track_kind(track), .layer = NO_LAYER, .next = NO_LAYER};
	choice_init(&s->choice);
	s->budget = sluice_track_bitrate(track, 0);
	sluice_track_set_callbacks(track, &callbacks, s);
}

void sink_close(struct sink *s) {
	const sluice_track_callbacks none = {.on_ended = NULL};
	if (s->track)
		sluice_track_set_callbacks(s->track, &none, NULL);
	s->track = NULL;
}

void sink_begin(struct sink *s) {
	s->layer = s->next = NO_LAYER;
	s->asks = 0;
	s->is_stale = true;
	choice_init(&s->choice);
}

void sink_ready(struct sink *s) {
	s->is_ready = true;
	s->is_stale = true;
	ask(s);
}

/* ---- forwarding ---------------------------------------------------------------------------------------------------- */

static void choose(struct sink *s, const struct choice_layers *l, uint64_t now) {
	int before = s->next;
	s->is_stale = false;
	s->next = choice_make(&s->choice, l, s->budget, now);
	if (s->next == before)
		return;
	if (s->layer != NO_LAYER && s->next != s->layer && l->rates[s->next] < l->rates[s->layer])
		s->layer = NO_LAYER;
	if (s->next != s->layer)
		ask(s);
}

/* Does the packet begin what should be sent? */
static bool begins(const struct sink *s, const sluice_rtp *p) {
	return s->next != s->layer && p->layer == s->next && (s->kind == SLUICE_AUDIO || (p->begins && p->keyframe));
}

static void enter(struct sink *s) {
	sluice_track_replace(s->track);
	s->layer = s->next;
	s->asks = 0;
}

/* More than the path carries waits already. What follows could not be decoded without this packet, so nothing goes on before a
 * keyframe. */
static void give_up(struct sink *s) {
	s->dropped++;
	if (s->kind == SLUICE_AUDIO)
		return;
	s->layer = NO_LAYER;
	s->is_stale = true;
	ask(s);
}

/* Returns how many packets are done. */
static size_t forward(struct sink *s, const sluice_rtp *packets, size_t count) {
	int went = sluice_track_send_rtp_run(s->track, packets, count);
	if (went > 0) {
		s->packets += (size_t)went;
		return (size_t)went;
	}
	if (went == SLUICE_WOULD_BLOCK)
		give_up(s);
	else
		s->dropped++;
	return 1;
}

static size_t count_of_layer(const sluice_rtp *packets, size_t count) {
	size_t n = 1;
	while (n < count && packets[n].layer == packets[0].layer)
		n++;
	return n;
}

static unsigned take_asks(struct sink *s) {
	unsigned asks = s->asks;
	s->asks = 0;
	return asks;
}

/* The first packets, as far as nothing changes. Returns how many that were. */
static size_t take_some(struct sink *s, const struct choice_layers *l, const sluice_rtp *packets, size_t count) {
	if (s->is_stale)
		choose(s, l, packets->received);
	if (begins(s, packets))
		enter(s);
	return packets->layer == s->layer ? forward(s, packets, count_of_layer(packets, count)) : 1;
}

unsigned sink_take(struct sink *s, const struct choice_layers *l, const sluice_rtp *packets, size_t count) {
	if (!s->is_ready || !s->track)
		return 0;
	for (size_t i = 0; i < count;)
		i += take_some(s, l, packets + i, count - i);
	return take_asks(s);
}

void sink_prefetch(const struct sink *s) {
	if (s->track)
		sluice_track_prefetch(s->track);
}

unsigned sink_tick(struct sink *s, const struct choice_layers *l, uint64_t now) {
	if (!s->is_ready || !s->track)
		return 0;
	choose(s, l, now);
	return take_asks(s);
}
