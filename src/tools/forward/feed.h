/* feed: a track that a publisher sends, and the sinks that get it.
 *
 * Packets go on to the sinks inside the callback that brought them, in their slabs: all that came together to one sink after the
 * other. Keyframes that they need are asked for once
 * for all of them: at most one request a layer leaves per FEED_ASK_INTERVAL. */
#ifndef TOOLS_FORWARD_FEED_H
#define TOOLS_FORWARD_FEED_H

#include "tools/forward/sink.h"

#define FEED_ASK_INTERVAL UINT64_C(500000000)

struct feed {
	struct sink *sinks;
	sluice_track *track; /* NULL: it has ended */
	enum sluice_media_kind kind;
	struct choice_layers layers;
	uint64_t bytes[SLUICE_LAYERS_MAX]; /* since measured_at */
	uint64_t measured_at;
	unsigned waiting; /* bit i: a keyframe of layer i is to be asked for */
	uint64_t asked_at[SLUICE_LAYERS_MAX];
	bool asked[SLUICE_LAYERS_MAX];
	uint64_t layer_heard_at[SLUICE_LAYERS_MAX];
	uint64_t heard_at, packets, requests;
};

/* Takes the track's callbacks. */
void feed_init(struct feed *s, sluice_track *track);
/* No callback comes any more; the sinks have none. */
void feed_close(struct feed *s);
void feed_add(struct feed *s, struct sink *sink);
void feed_remove(struct feed *s, struct sink *sink);
/* Every so often, at least four times a second. */
void feed_tick(struct feed *s, uint64_t now);

#endif
