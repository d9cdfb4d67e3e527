/* sink: a track by which a watcher gets one of the publisher's, and which layer of it.
 *
 * A layer begins with a keyframe. On the way up the lower one goes on until then; on the way down nothing is sent meanwhile,
 * since the path has no room for what was sent. A sink does not know its feed: it says which keyframes it needs.
 *
 *   layer: what is forwarded; next: what should be, from its next keyframe on; equal when there is nothing to wait for */
#ifndef TOOLS_FORWARD_SINK_H
#define TOOLS_FORWARD_SINK_H

#include "tools/forward/choice.h"

struct feed;

struct sink {
	struct sink *next_sink; /* of the same feed */
	struct feed *feed;      /* for room.c; NULL: none */
	sluice_track *track;    /* NULL: it has ended */
	enum sluice_media_kind kind;
	bool is_ready; /* the watcher is connected */
	bool is_stale; /* the choice has to be made anew */
	int layer, next;
	struct choice choice;
	uint64_t budget; /* bit/s */
	unsigned asks;   /* bit i: a keyframe of layer i */
	uint64_t packets, dropped;
};

/* Takes the track's callbacks. */
void sink_init(struct sink *s, sluice_track *track);
/* No callback comes any more. */
void sink_close(struct sink *s);
/* What comes next is of another feed. */
void sink_begin(struct sink *s);
/* The watcher is connected: it can be sent to. */
void sink_ready(struct sink *s);
/* The publisher's packets. Returns the layers of which a keyframe is needed. */
unsigned sink_take(struct sink *s, const struct choice_layers *l, const sluice_rtp *packets, size_t count);
/* sink_take() comes soon. */
void sink_prefetch(const struct sink *s);
/* Time has passed. Returns the same. */
unsigned sink_tick(struct sink *s, const struct choice_layers *l, uint64_t now);

#endif
