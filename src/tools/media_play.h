/* media_play: which frame of which file is due, and where does it go?
 *
 * Frames are sent when the loop's clock says so. Files that begin together stay together: when the path does not take a frame,
 * the clock of all of them stands still until it does, so that nothing is left out. When the other side asks for a keyframe, a
 * file goes back to its last one, and its time goes on. With `loop`, all begin again when the last one is over. It knows tracks,
 * and nothing of how they came about. */
#ifndef TOOLS_MEDIA_PLAY_H
#define TOOLS_MEDIA_PLAY_H

#include "loop/ev.h"
#include "sluice/media.h"
#include "tools/media/media_file.h"

#define PLAY_FILES_MAX 16

struct play;

struct play_file {
	struct play *play;
	const char *path;
	struct media_reader *reader;
	enum sluice_codec codec;
	sluice_track *track; /* NULL: it has none, or none any more */
	struct media_frame frame;
	bool holds; /* `frame` is the next one */
	bool over;
	uint64_t offset; /* media time of the file's zero: it grows with each seek and each round */
	uint64_t next;   /* media time behind the last frame that was sent */
	uint64_t key_at; /* when a keyframe was sent last; 0: never */
	ev_timer timer;
	uint64_t frames, keyframes, bytes, seeks;
};

/*   a frame is due at start + offset + its timestamp, on the clock of sluice_now() */
struct play {
	struct play_file files[PLAY_FILES_MAX];
	unsigned count;
	bool loop, begun;
	bool failed;  /* a file could not be read or sent, and stderr says why */
	bool cut_off; /* a track ended before its file did, which with `loop` is no failure */
	struct ev_loop *ev;
	uint64_t start;
	uint64_t stalled; /* ns that the clock stood still */
	/* All files are over. */
	void (*on_over)(void *ctx);
	void *ctx;
};

/* False after it said why the file cannot be played. */
bool play_add(struct play *p, const char *path);
/* The first frames are due now. Files without a track are over. */
void play_begin(struct play *p, struct ev_loop *ev);
/* As the callbacks of a sending track are called. */
void play_keyframe_request(struct play_file *f);
void play_track_ended(struct play_file *f);
/* Stops the timers. */
void play_stop(struct play *p);
void play_free(struct play *p);

#endif
