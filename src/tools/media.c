/* media: `sluice media`. Receives audio and video into files, plays files, and sends back what comes.
 *
 * The end that offers describes one section for each file that it plays, and one of audio and one of video for what it takes or
 * sends back. The end that answers takes all that comes, and plays each file in a section of its kind. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tools/link.h"
#include "tools/media_capture.h"
#include "tools/media_report.h"

/* Seconds from the last frame to the end of the connection: what was lost is repaired, and waits its time at the other end. */
#define REPAIRS 1.0
/* An end that plays and receives goes on until so many seconds brought nothing. */
#define SILENCE 2.0

struct media_options {
	const char *folder;       /* NULL: nothing is received */
	const char *capture_file; /* NULL: none */
	bool play, loop, echo;
	double duration;        /* 0: no limit */
	uint64_t start_bitrate; /* 0: the library's */
};

struct media {
	struct link link;
	const struct media_options *options;
	struct play play;
	struct media_flow *flows;
	struct media_capture capture;
	ev_timer second, duration, quiet;
	ev_tstamp connected_at, looked_at;
	bool played;    /* all files are over */
	uint64_t heard; /* packets that had come when `quiet` last looked */
};

/* ---- sections ------------------------------------------------------------------------------------------------------- */

static void on_failed(void *ctx) {
	struct media *m = ctx;
	link_finish(&m->link, EXIT_FAILED);
}

static struct media_flow *add_flow(struct media *m, sluice_transceiver *t) {
	struct media_flow *f = media_flow_add(&m->flows, t);
	if (!f)
		return NULL;
	f->folder = m->options->folder;
	f->on_failed = on_failed;
	f->ctx = m;
	return f;
}

static void give_file(struct media_flow *flow, struct play_file *file) {
	flow->file = file;
	file->track = flow->sender;
}

/* Our file's codec, then the others of its kind, which the other side may prefer in what it sends. */
static int prefer(sluice_transceiver *t, const struct play_file *file, bool alone) {
	static const enum sluice_codec all[] = {SLUICE_CODEC_OPUS, SLUICE_CODEC_PCMU, SLUICE_CODEC_PCMA, SLUICE_CODEC_VP8,
	                                        SLUICE_CODEC_VP9,  SLUICE_CODEC_H264, SLUICE_CODEC_AV1};
	sluice_codec_preference wish[1 + sizeof all / sizeof *all] = {{.codec = file->codec}};
	size_t count = 1;
	for (size_t i = 0; !alone && i < sizeof all / sizeof *all; i++)
		if (all[i] != file->codec && sluice_codec_kind(all[i]) == sluice_codec_kind(file->codec))
			wish[count++].codec = all[i];
	return sluice_transceiver_set_codec_preferences(t, wish, count);
}

static void on_config(struct link *link, sluice_peer_config *config) {
	const struct media *m = link->user;
	config->media_start_bitrate = m->options->start_bitrate;
}

static void tap(struct media *m) {
	if (m->capture.file)
		sluice_peer_set_media_tap(m->link.base.peer, media_capture_packet, &m->capture);
}

/* ---- this end offers ------------------------------------------------------------------------------------------------- */

static int offer_section(struct media *m, enum sluice_media_kind kind, struct play_file *file) {
	static const char *const streams[] = {"sluice"};
	sluice_transceiver_config config = {.streams = streams, .stream_count = 1};
	sluice_transceiver *t;
	int error = sluice_peer_add_transceiver(m->link.base.peer, kind, &config, &t);
	if (error)
		return error;
	struct media_flow *f = add_flow(m, t);
	if (!f)
		return SLUICE_NO_MEMORY;
	if (file)
		give_file(f, file);
	else {
		f->records = m->options->folder != NULL;
		f->echoes = m->options->echo;
	}
	media_flow_listen(f);
	error = sluice_transceiver_set_direction(t, media_flow_direction(f));
	return error || !file ? error : prefer(t, file, true);
}

static int on_offering(struct link *link) {
	struct media *m = link->user;
	int error = 0;
	tap(m);
	for (unsigned i = 0; i < m->play.count && !error; i++)
		error = offer_section(m, sluice_codec_kind(m->play.files[i].codec), &m->play.files[i]);
	if (!m->options->folder && !m->options->echo)
		return error;
	if (!error)
		error = offer_section(m, SLUICE_AUDIO, NULL);
	return error ? error : offer_section(m, SLUICE_VIDEO, NULL);
}

/* ---- this end answers ------------------------------------------------------------------------------------------------ */

static void on_track(struct link *link, sluice_transceiver *t) {
	struct media *m = link->user;
	struct media_flow *f = media_flow_find(m->flows, t);
	if (!f)
		f = add_flow(m, t);
	if (f)
		f->theirs = true;
	else
		link_fail(link, "no memory");
}

/* A section in which they do not send is there for us. */
static struct media_flow *find_section(struct media *m, enum sluice_media_kind kind) {
	for (int theirs = 0; theirs < 2; theirs++)
		for (struct media_flow *f = m->flows; f; f = f->next)
			if (f->kind == kind && f->theirs == theirs && !f->file && !f->echoes && f->sender)
				return f;
	return NULL;
}

static int add_sections(struct media *m) {
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(m->link.base.peer, i)) != NULL; i++) {
		struct media_flow *f = media_flow_find(m->flows, t);
		if (!f && !(f = add_flow(m, t)))
			return SLUICE_NO_MEMORY;
		f->records = f->theirs && m->options->folder;
		f->echoes = f->theirs && m->options->echo;
	}
	return 0;
}

static int place_files(struct media *m) {
	int error = 0;
	for (unsigned i = 0; i < m->play.count && !error; i++) {
		struct play_file *file = &m->play.files[i];
		if (file->track)
			continue;
		struct media_flow *f = find_section(m, sluice_codec_kind(file->codec));
		if (!f) {
			link_fail(&m->link, "the other side's offer has no place for %s: let this end offer (--offer)",
			          file->path);
			return 0;
		}
		give_file(f, file);
		error = prefer(f->transceiver, file, false);
	}
	return error;
}

static int on_offered(struct link *link) {
	struct media *m = link->user;
	tap(m);
	int error = add_sections(m);
	if (!error)
		error = place_files(m);
	for (struct media_flow *f = m->flows; f && !error; f = f->next) {
		if (!f->sender && !f->receiver)
			continue;
		media_flow_listen(f);
		error = sluice_transceiver_set_direction(f->transceiver, media_flow_direction(f));
	}
	return error;
}

/* The tracks went with the first peer, and said nothing. */
static void on_given_way(struct link *link) {
	struct media *m = link->user;
	media_flow_free_all(&m->flows);
	for (unsigned i = 0; i < m->play.count; i++)
		m->play.files[i].track = NULL;
}

/* ---- time passes ----------------------------------------------------------------------------------------------------- */

static void look(struct media *m) {
	for (struct media_flow *f = m->flows; f; f = f->next)
		media_flow_look(f);
}

static void on_second(struct ev_loop *ev, ev_timer *w, int events) {
	(void)events;
	struct media *m = w->data;
	if (end_is_over(&m->link.base))
		return;
	ev_tstamp now = ev_now(ev);
	sluice_media_stats stats;
	sluice_peer_media_stats_get(m->link.base.peer, &stats);
	look(m);
	media_report_second(m->flows, now - m->connected_at, now - m->looked_at, stats.round_trip_time);
	m->looked_at = now;
}

static void on_duration(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct media *m = w->data;
	link_finish(&m->link, m->play.failed ? EXIT_FAILED : EXIT_OK);
}

/* Is what was played on its way, and does nothing come any more? */
static void on_quiet(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct media *m = w->data;
	sluice_media_stats stats;
	sluice_peer_media_stats_get(m->link.base.peer, &stats);
	uint64_t heard = 0;
	look(m);
	for (const struct media_flow *f = m->flows; f; f = f->next)
		heard += f->in.packets_received;
	bool silent = heard == m->heard || !m->options->folder;
	m->heard = heard;
	if (stats.pacer_queue == 0 && silent)
		link_finish(&m->link, m->play.failed ? EXIT_FAILED : EXIT_OK);
}

static void on_played(void *ctx) {
	struct media *m = ctx;
	m->played = true;
	m->quiet.repeat = m->options->folder ? SILENCE : REPAIRS;
	ev_timer_again(m->link.base.ev, &m->quiet);
}

/* ---- the connection -------------------------------------------------------------------------------------------------- */

/* The other side's answer may have left out what we would play. */
static void check_files(struct media *m) {
	for (struct media_flow *f = m->flows; f; f = f->next) {
		enum sluice_direction d = f->sender ? sluice_transceiver_current_direction(f->transceiver) : SLUICE_STOPPED;
		if (!f->file || d == SLUICE_SENDRECV || d == SLUICE_SENDONLY)
			continue;
		complain("media: %s is not played: the other side does not take it", f->file->path);
		f->file->track = NULL;
		m->play.failed = true;
	}
}

static void on_connected(struct link *link) {
	struct media *m = link->user;
	m->connected_at = m->looked_at = ev_now(link->base.ev);
	ev_timer_again(link->base.ev, &m->second);
	if (m->options->duration > 0)
		ev_timer_start(link->base.ev, &m->duration);
	for (struct media_flow *f = m->flows; f; f = f->next)
		if (f->records && f->receiver && f->kind == SLUICE_VIDEO)
			sluice_track_request_keyframe(f->receiver, 0);
	check_files(m);
	if (m->play.count)
		play_begin(&m->play, link->base.ev);
}

/* Receiving, sending back and playing in a loop have no other end than this one. */
static void on_other_ended(struct link *link) {
	struct media *m = link->user;
	bool cut_off = m->play.cut_off || (m->play.count && !m->played && !m->play.loop);
	if (cut_off)
		complain("media: the other side left before all was played");
	link_leave(link, cut_off || m->play.failed ? EXIT_FAILED : EXIT_OK);
}

static void on_tear_down(struct link *link) {
	struct media *m = link->user;
	struct ev_loop *ev = link->base.ev;
	if (link->base.connected)
		look(m);
	play_stop(&m->play);
	ev_timer_stop(ev, &m->second);
	ev_timer_stop(ev, &m->duration);
	ev_timer_stop(ev, &m->quiet);
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static const struct option_row own[] = {
	{"receive", "DIR", "write each track that comes into a file there: .ivf (VP8, VP9, AV1), .h264, .ogg (Opus)",
         TO_TEXT(struct media_options, folder)},
	{"play", NULL, "send the files FILE..., which are of these formats", TO_FLAG(struct media_options, play)},
	{"loop", NULL, "with --play: again and again", TO_FLAG(struct media_options, loop)},
	{"echo", NULL, "send back each packet of audio and video that comes", TO_FLAG(struct media_options, echo)},
	{"duration", "S", "end S seconds after the connection is up, {range}", TO_SECONDS(struct media_options, duration),
         .unit = "seconds", .shortest = 0.1, .longest = 86400},
	{"start-bitrate", "N", "bit/s that the path is taken to carry at first, {range} (300000)",
         TO_U64(struct media_options, start_bitrate), .unit = "bit/s", .min = 30000, .max = 100000000},
	{"rtp-pcap", "FILE", "write its RTP and RTCP packets, as they are before SRTP, for Wireshark",
         TO_TEXT(struct media_options, capture_file)},
};

static const char usage[] =
	"Usage: sluice media [--receive DIR] [--play [--loop] FILE...] [--echo] [OPTION]...\n"
	"\n"
	"Receives audio and video into files, plays files, or sends back what comes. Prints a line a second for each track,\n"
	"then a summary. Ends when the files were played, or the other side ends.\n"
	"\n"
	"  one$ sluice media --receive . --signal tcp:127.0.0.1:7001 --loopback\n"
	"  two$ sluice media --play film.ivf sound.ogg --signal tcp:127.0.0.1:7001 --loopback\n"
	"\n";

static int check(const struct media_options *o, int files) {
	if (!o->folder && !o->play && !o->echo)
		return usage_error("media", "one of --receive, --play and --echo says what to do");
	if (o->play && o->echo)
		return usage_error("media", "--play and --echo exclude each other: both say what is sent");
	if (o->loop && !o->play)
		return usage_error("media", "--loop is for --play");
	if (o->play && files == 0)
		return usage_error("media", "--play needs a file");
	if (files > PLAY_FILES_MAX)
		return usage_error("media", "--play takes up to %d files", PLAY_FILES_MAX);
	return 0;
}

/* Whatever cannot be done later is found out before the other side is asked. */
static bool can_write(const char *folder) {
	int fd = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	bool can = !folder || (fd >= 0 && access(folder, W_OK | X_OK) == 0);
	if (!can)
		complain("media: cannot store files in %s: %s", folder, strerror(errno));
	if (fd >= 0)
		close(fd);
	return can;
}

static bool open_files(struct media *m, char **paths, int count) {
	for (int i = 0; i < count; i++)
		if (!play_add(&m->play, paths[i]))
			return false;
	return true;
}

static int run(struct media *m) {
	int exit_code = link_run(&m->link);
	if (m->link.base.connected)
		media_report_summary(m->flows, &m->play);
	bool complete = media_flow_free_all(&m->flows);
	return complete || exit_code != EXIT_OK ? exit_code : EXIT_FAILED;
}

int media_main(int argc, char **argv) {
	struct media_options o = {0};
	struct command_options command = {.name = "media",
	                                  .usage = usage,
	                                  .own = own,
	                                  .own_count = sizeof own / sizeof *own,
	                                  .target = &o,
	                                  .has_signalling = true};
	struct link_options options = {0};
	int rest, exit_code = options_read(&command, argc, argv, &options, &rest);
	if (exit_code >= 0)
		return exit_code;
	if (rest < argc && !o.play)
		return usage_error("media", "unexpected argument '%s' (--play says what to do with files)", argv[rest]);
	int wrong = check(&o, argc - rest);
	if (wrong)
		return wrong;
	struct media m = {.link = {.options = &options,
	                           .user = &m,
	                           .traces_media = true,
	                           .on_config = on_config,
	                           .on_offering = on_offering,
	                           .on_track = on_track,
	                           .on_offered = on_offered,
	                           .on_given_way = on_given_way,
	                           .on_connected = on_connected,
	                           .on_other_ended = on_other_ended,
	                           .on_tear_down = on_tear_down},
	                  .options = &o,
	                  .play = {.loop = o.loop, .on_over = on_played, .ctx = &m}};
	ev_timer_init(&m.second, on_second, 1., 1.);
	ev_timer_init(&m.duration, on_duration, o.duration, 0.);
	ev_init(&m.quiet, on_quiet);
	m.second.data = m.duration.data = m.quiet.data = &m;
	exit_code = EXIT_FAILED;
	if (can_write(o.folder) && open_files(&m, argv + rest, argc - rest) &&
	    media_capture_open(&m.capture, o.capture_file, "media"))
		exit_code = run(&m);
	if (!media_capture_close(&m.capture, o.capture_file, "media") && exit_code == EXIT_OK)
		exit_code = EXIT_FAILED;
	play_free(&m.play);
	return exit_code;
}
