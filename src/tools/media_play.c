/* media_play: see its header. */
#include "tools/media_play.h"

#include <errno.h>
#include <string.h>

#include "sluice.h"
#include "tools/media_codec.h"
#include "tools/tools.h"

/* How long until a frame is tried again that the path did not take. */
#define RETRY (10 * SLUICE_MS)
/* A request for a keyframe was sent before the last keyframe came when it is not older than the way there and back, and what a
 * receiver takes to ask. */
#define ASKING (300 * SLUICE_MS)
/* The least that a frame lasts: a file whose times say nothing does not run away. */
#define SHORTEST SLUICE_MS

/* ---- files ---- */

static const char *reason(int error) {
	if (error == SLUICE_UNSUPPORTED)
		return "expected VP8, VP9 or AV1 in IVF, H.264 (Annex B), or Opus in Ogg";
	return error == SLUICE_IO ? strerror(errno) : sluice_error_text(error);
}

bool play_add(struct play *p, const char *path) {
	if (p->count == PLAY_FILES_MAX) {
		complain("media: more than %u files", PLAY_FILES_MAX);
		return false;
	}
	struct play_file *f = &p->files[p->count];
	*f = (struct play_file){.play = p, .path = path};
	int error = media_reader_open(path, 0, &f->reader);
	if (error) {
		complain("media: cannot play %s: %s", path, reason(error));
		return false;
	}
	f->codec = media_codec_of_file(media_reader_info(f->reader)->codec);
	p->count++;
	return true;
}

void play_stop(struct play *p) {
	for (unsigned i = 0; p->begun && i < p->count; i++)
		ev_timer_stop(p->ev, &p->files[i].timer);
}

void play_free(struct play *p) {
	for (unsigned i = 0; i < p->count; i++)
		media_reader_free(p->files[i].reader);
	p->count = 0;
}

/* ---- the end of a file ---- */

static void schedule(struct play_file *f);

static void read_next(struct play_file *f) {
	int result = media_reader_next(f->reader, &f->frame);
	f->holds = result > 0;
	if (result >= 0)
		return;
	complain("media: cannot play %s to its end: %s", f->path, reason(result));
	f->play->failed = true;
}

static bool all_over(const struct play *p) {
	for (unsigned i = 0; i < p->count; i++)
		if (!p->files[i].over)
			return false;
	return true;
}

static bool rewind_file(struct play_file *f) {
	int error = media_reader_rewind(f->reader);
	if (error) {
		complain("media: cannot play %s once more: %s", f->path, reason(error));
		f->play->failed = true;
	} else {
		read_next(f);
	}
	return f->holds;
}

/* Each round begins for all files together, so that they do not drift apart. */
static void play_again(struct play *p) {
	uint64_t begin = 0;
	for (unsigned i = 0; i < p->count; i++)
		begin = p->files[i].next > begin ? p->files[i].next : begin;
	for (unsigned i = 0; i < p->count; i++) {
		struct play_file *f = &p->files[i];
		if (!f->track || !rewind_file(f))
			continue;
		f->over = false;
		f->offset = begin - f->frame.timestamp;
		schedule(f);
	}
}

static void end_file(struct play_file *f) {
	struct play *p = f->play;
	ev_timer_stop(p->ev, &f->timer);
	f->over = true;
	f->holds = false;
	if (!all_over(p))
		return;
	if (p->loop && !p->failed)
		play_again(p);
	if (all_over(p))
		p->on_over(p->ctx);
}

/* ---- a frame ---- */

static uint64_t due(const struct play_file *f) {
	return f->play->start + f->offset + f->frame.timestamp;
}

static void note_sent(struct play_file *f) {
	const struct media_frame *m = &f->frame;
	f->next = f->offset + m->timestamp + (m->duration > SHORTEST ? m->duration : SHORTEST);
	f->frames++;
	f->bytes += m->len;
	if (m->keyframe) {
		f->keyframes++;
		f->key_at = sluice_now();
	}
}

/* Returns as sluice_track_send_frame(). */
static int send_frame(struct play_file *f) {
	const sluice_frame frame = {.data = f->frame.data,
	                            .len = f->frame.len,
	                            .timestamp = due(f),
	                            .duration = f->frame.duration,
	                            .keyframe = f->frame.keyframe,
	                            .codec = f->codec};
	int error = sluice_track_send_frame(f->track, &frame);
	if (!error)
		note_sent(f);
	return error;
}

static void give_up(struct play_file *f, int error) {
	if (error == SLUICE_INVALID || error == SLUICE_UNSUPPORTED)
		complain("media: %s is not played: the other side takes no %s", f->path, sluice_codec_name(f->codec));
	else if (error != SLUICE_CLOSED)
		complain("media: %s is not played further: %s", f->path, sluice_error_text(error));
	f->play->failed |= error != SLUICE_CLOSED;
	end_file(f);
}

/* True: on to the next frame. */
static bool send_due(struct play_file *f) {
	struct play *p = f->play;
	int error = send_frame(f);
	if (error == SLUICE_WOULD_BLOCK) {
		p->start += RETRY;
		p->stalled += RETRY;
	} else if (error == SLUICE_WRONG_STATE) {
		f->offset += RETRY; /* the section is on hold; the others go on */
	} else if (error == SLUICE_MALFORMED) {
		complain("media: a frame of %s is left out: it is not %s", f->path, sluice_codec_name(f->codec));
		p->failed = true;
	} else if (error) {
		give_up(f, error);
		return false;
	}
	if (error == SLUICE_WOULD_BLOCK || error == SLUICE_WRONG_STATE)
		return true; /* it is due later now */
	read_next(f);
	if (!f->holds)
		end_file(f);
	return f->holds;
}

static void on_due(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct play_file *f = w->data;
	uint64_t now = sluice_now();
	while (f->holds && due(f) <= now)
		if (!send_due(f))
			return; /* over, or in the next round, which has its timer */
	schedule(f);
}

static void schedule(struct play_file *f) {
	struct ev_loop *ev = f->play->ev;
	uint64_t now = sluice_now(), at = due(f);
	ev_timer_stop(ev, &f->timer);
	ev_now_update(ev);
	ev_timer_set(&f->timer, at > now ? (double)(at - now) / 1e9 : 0., 0.);
	ev_timer_start(ev, &f->timer);
}

/* ---- from outside ---- */

void play_begin(struct play *p, struct ev_loop *ev) {
	p->ev = ev;
	p->begun = true;
	p->start = sluice_now();
	for (unsigned i = 0; i < p->count; i++) {
		struct play_file *f = &p->files[i];
		ev_init(&f->timer, on_due);
		f->timer.data = f;
		f->over = !f->track;
		if (!f->over)
			read_next(f);
		f->over |= !f->holds;
		if (!f->over)
			schedule(f);
	}
	if (all_over(p))
		p->on_over(p->ctx);
}

static uint64_t round_trip(const struct play_file *f) {
	sluice_outbound_rtp_stats s;
	return sluice_track_outbound_stats(f->track, 0, &s) == 0 ? s.round_trip_time : 0;
}

void play_keyframe_request(struct play_file *f) {
	if (!f->holds || sluice_codec_kind(f->codec) == SLUICE_AUDIO)
		return;
	if (f->key_at && sluice_now() - f->key_at < ASKING + round_trip(f))
		return;
	int error = media_reader_seek_keyframe(f->reader);
	if (error) {
		complain("media: cannot go back in %s: %s", f->path, reason(error));
		f->play->failed = true;
		return;
	}
	f->seeks++;
	read_next(f);
	if (!f->holds) {
		end_file(f);
		return;
	}
	f->offset = f->next - f->frame.timestamp;
	schedule(f);
}

void play_track_ended(struct play_file *f) {
	f->track = NULL;
	if (!f->play->begun || f->over)
		return;
	f->play->cut_off |= !f->play->loop;
	end_file(f);
}
