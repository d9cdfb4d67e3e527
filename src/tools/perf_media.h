/* perf_media: streams of video between the two ends of `sluice perf --media`, over a connection of their own.
 *
 * Its two descriptions travel over the control channel as "offer ..." and "answer ...". A stream is 2.5 Mbit/s: 30 frames a
 * second that look like VP8, each 60th a keyframe of six times the mean. A frame holds a message of pattern.h, so the receiver
 * checks every byte. What the path carries is not estimated: the pacer has twice what the streams need, so that the figures are
 * those of the streams and not of the estimator. It knows neither phases nor reports. */
#ifndef TOOLS_PERF_MEDIA_H
#define TOOLS_PERF_MEDIA_H

#include "tools/pattern.h"
#include "tools/perf.h"

/* As many transceivers as a peer has at most. */
#define PERF_MAX_STREAMS 64

struct perf_stream {
	struct perf_media *media;
	sluice_transceiver *transceiver;
	uint32_t index;
	uint64_t sequence;   /* sending: of the next frame; receiving: the least that may come */
	uint64_t due;        /* when the next frame is sent */
	uint64_t since_key;  /* frames since the last keyframe */
	bool wants_keyframe; /* the other side asked, or it is the first frame */
};

struct perf_media {
	struct perf_end *end;
	uint32_t count;
	struct perf_stream streams[PERF_MAX_STREAMS];
	struct pattern key, delta;
	uint8_t *space; /* a frame */
	uint64_t refused, frames_received;
	ev_timer pace;
	uint64_t up_at; /* when the connection came up; 0: not yet */
	/* It came up. The sender's frames are under way. */
	void (*on_up)(struct perf_end *end);
};

/* Returns 0 or an error. What it made is freed by perf_media_free(), also after an error. */
int perf_media_init(struct perf_media *m, struct perf_end *end, uint32_t count, uint64_t key);
/* Makes the connection; the sender's offer leaves when its candidates are complete. Returns 0 or an error. */
int perf_media_open(struct perf_media *m);
/* A line that begins with "offer " or "answer ". Returns 0 or an error. */
int perf_media_describe(struct perf_media *m, const char *line);
/* No more frames are made. */
void perf_media_stop(struct perf_media *m);
void perf_media_look(const struct perf_media *m, struct perf_media_totals *t);
void perf_media_free(struct perf_media *m);

#endif
