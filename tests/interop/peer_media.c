/* peer_media: the commands about audio and video. A line is one transceiver, with what our end sends on it and what came. */
#include "interop/peer_media.h"

#include <stdlib.h>
#include <string.h>

#include "interop/peer.h"

#define TICK 0.005 /* s */

enum how { FILE_FRAMES, ECHO_PACKETS, ECHO_FRAMES };

struct line {
	struct line *next;
	struct agent *agent;
	char *name;
	enum sluice_media_kind kind;
	sluice_transceiver *transceiver;
	sluice_track *sender, *receiver; /* NULL behind their ends */
	enum how how;

	/* ---- what is sent ---- */
	struct clip clip;
	enum sluice_codec clip_codec;
	long long source;             /* -1: nothing */
	size_t at;                    /* the next frame of the clip */
	uint64_t next_at, started_at; /* sluice_now() */
	uint64_t sent, refused, keyframe_requests, bitrate;
	unsigned layer; /* that is echoed */
	int last_error;

	/* ---- what came ---- */
	uint64_t frames, keyframes, packets, lost, backwards;
	uint64_t last_timestamp;
	double first_at; /* ms since 1970 */
	enum sluice_codec codec;
	bool muted;
	FILE *record;
	uint64_t recorded;
};

static struct line *find_line(const struct agent *a, const char *name) {
	for (struct line *l = a->lines; name && l; l = l->next)
		if (strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

static struct line *named(const struct agent *a, const json_t *request, json_t *answer) {
	struct line *l = find_line(a, json_string_value(json_object_get(request, "name")));
	if (!l)
		fail(answer, "no such line", SLUICE_INVALID);
	return l;
}

/* ---- what came --------------------------------------------------------------------------------------------------- */

static void record(struct line *l, const sluice_frame *frame) {
	if (!l->record || (l->recorded == 0 && l->kind == SLUICE_VIDEO && !frame->keyframe))
		return;
	ivf_add(l->record, frame->data, frame->len, l->recorded++);
}

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	(void)t;
	struct line *l = user;
	l->first_at = l->first_at > 0 ? l->first_at : wall_ms();
	l->backwards += l->frames > 0 && frame->timestamp <= l->last_timestamp;
	l->last_timestamp = frame->timestamp;
	l->codec = frame->codec;
	l->lost += frame->lost;
	l->keyframes += frame->keyframe;
	l->frames++;
	record(l, frame);
	if (l->how == ECHO_FRAMES && l->sender) {
		sluice_frame copy = *frame;
		copy.layer = 0;
		l->last_error = sluice_track_send_frame(l->sender, &copy);
		l->refused += l->last_error != 0;
		l->sent += l->last_error == 0;
	}
	agent_poke(l->agent);
}

static void on_rtp(sluice_track *t, const sluice_rtp *packet, void *user) {
	(void)t;
	struct line *l = user;
	l->packets++;
	if (l->how != ECHO_PACKETS || !l->sender || packet->layer != l->layer)
		return;
	l->last_error = sluice_track_send_rtp(l->sender, packet);
	l->refused += l->last_error != 0;
	l->sent += l->last_error == 0;
}

static void on_mute(sluice_track *t, bool muted, void *user) {
	(void)t;
	struct line *l = user;
	l->muted = muted;
	agent_poke(l->agent);
}

static void to_next_keyframe(struct line *l) {
	l->at = (l->at + CLIP_KEYFRAMES - 1) / CLIP_KEYFRAMES * CLIP_KEYFRAMES;
}

/* A file goes on at its next keyframe; an echo asks its source. */
static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)t;
	(void)layer;
	struct line *l = user;
	l->keyframe_requests++;
	if (l->how == FILE_FRAMES)
		to_next_keyframe(l);
	else if (l->receiver)
		sluice_track_request_keyframe(l->receiver, l->layer);
	agent_poke(l->agent);
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user) {
	(void)t;
	struct line *l = user;
	if (layer == 0)
		l->bitrate = bits_per_second;
}

static void on_ended(sluice_track *t, void *user) {
	struct line *l = user;
	if (t == l->sender)
		l->sender = NULL;
	if (t == l->receiver)
		l->receiver = NULL;
	if (!l->sender && !l->receiver)
		l->transceiver = NULL;
	agent_poke(l->agent);
}

/* Watching packets costs nothing; frames are not put together for an echo of packets, unless they are recorded. */
static void watch_tracks(struct line *l) {
	sluice_track_callbacks receiving = {.on_rtp = on_rtp, .on_mute = on_mute, .on_ended = on_ended};
	sluice_track_callbacks sending = {
		.on_keyframe_request = on_keyframe_request, .on_bitrate = on_bitrate, .on_ended = on_ended};
	if (l->how != ECHO_PACKETS || l->record)
		receiving.on_frame = on_frame;
	sluice_track_set_callbacks(l->receiver, &receiving, l);
	sluice_track_set_callbacks(l->sender, &sending, l);
}

/* ---- what is sent ------------------------------------------------------------------------------------------------ */

static bool load(struct line *l, enum sluice_codec codec) {
	if (l->clip.count > 0 && l->clip_codec == codec)
		return true;
	clip_close(&l->clip);
	l->clip_codec = codec;
	l->at = 0;
	if (clip_open(&l->clip, codec, l->source))
		return true;
	fprintf(stderr, "peer: no file of %s from source %lld\n", sluice_codec_name(codec), l->source);
	l->source = -1;
	return false;
}

static void send_next(struct line *l, uint64_t now) {
	const uint8_t *data;
	size_t len = clip_frame(&l->clip, l->at, &data);
	sluice_frame frame = {.data = data, .len = len, .timestamp = now - l->started_at, .duration = l->clip.period};
	l->last_error = sluice_track_send_frame(l->sender, &frame);
	if (l->last_error == SLUICE_WRONG_STATE) {
		l->at = 0; /* the other side's first frame has to be a keyframe */
		return;
	}
	l->refused += l->last_error != 0;
	l->sent += l->last_error == 0;
	l->at++;
	if (l->last_error && l->kind == SLUICE_VIDEO)
		to_next_keyframe(l); /* those before it would lack this one */
}

static void send_due(struct line *l, uint64_t now) {
	const sluice_codec_config *agreed = l->sender ? sluice_track_codec(l->sender) : NULL;
	if (l->how != FILE_FRAMES || l->source < 0 || !agreed || now < l->next_at || !load(l, agreed->codec))
		return;
	l->next_at = (l->next_at == 0 || now - l->next_at > SLUICE_S ? now : l->next_at) + l->clip.period;
	send_next(l, now);
}

static void on_tick(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct agent *a = w->data;
	uint64_t now = sluice_now();
	for (struct line *l = a->lines; l; l = l->next)
		send_due(l, now);
	agent_poke(a);
}

void media_start(struct agent *a) {
	ev_timer_init(&a->media_tick, on_tick, TICK, TICK);
	a->media_tick.data = a;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static enum how how_of(const json_t *request) {
	const char *how = json_string_value(json_object_get(request, "how"));
	return !how ? FILE_FRAMES : strcmp(how, "echo") == 0 ? ECHO_PACKETS : ECHO_FRAMES;
}

static struct line *add_line(struct agent *a, const char *name, const json_t *request, sluice_transceiver *t) {
	struct line *l = calloc(1, sizeof *l);
	if (!l || !(l->name = strdup(name)))
		abort();
	l->agent = a;
	l->transceiver = t;
	l->kind = sluice_transceiver_kind(t);
	l->sender = sluice_transceiver_sender(t);
	l->receiver = sluice_transceiver_receiver(t);
	l->how = how_of(request);
	l->source = number(request, "source", 1);
	l->started_at = sluice_now();
	l->next = a->lines;
	a->lines = l;
	watch_tracks(l);
	ev_timer_start(a->ev, &a->media_tick);
	return l;
}

static void drop_line(struct line *l) {
	if (l->record)
		fclose(l->record);
	clip_close(&l->clip);
	free(l->name);
	free(l);
}

void media_drop_all(struct agent *a) {
	while (a->lines) {
		struct line *l = a->lines;
		a->lines = l->next;
		drop_line(l);
	}
	ev_timer_stop(a->ev, &a->media_tick);
}

static enum sluice_codec codec_named(const char *name) {
	for (int c = SLUICE_CODEC_OPUS; c <= SLUICE_CODEC_AV1; c++)
		if (strcmp(sluice_codec_name((enum sluice_codec)c), name) == 0)
			return (enum sluice_codec)c;
	return SLUICE_CODEC_NONE;
}

static bool direction_named(const char *name, enum sluice_direction *direction) {
	for (int d = SLUICE_SENDRECV; d <= SLUICE_INACTIVE; d++)
		if (name && strcmp(sluice_direction_name((enum sluice_direction)d), name) == 0) {
			*direction = (enum sluice_direction)d;
			return true;
		}
	return false;
}

/* The codec asked for first, the others behind; or only that one. */
static int prefer(sluice_transceiver *t, enum sluice_media_kind kind, const json_t *request) {
	const char *name = json_string_value(json_object_get(request, "codec"));
	if (!name)
		return 0;
	sluice_codec_preference list[SLUICE_CODEC_AV1 + 1] = {{.codec = codec_named(name)}};
	size_t count = 1;
	if (list[0].codec == SLUICE_CODEC_NONE)
		return SLUICE_INVALID;
	list[0].profile = json_string_value(json_object_get(request, "profile"));
	list[0].packetization_mode = (uint8_t)number(request, "mode", list[0].codec == SLUICE_CODEC_H264);
	for (int c = SLUICE_CODEC_OPUS; c <= SLUICE_CODEC_AV1 && !flag(request, "only"); c++)
		if ((enum sluice_codec)c != list[0].codec && sluice_codec_kind((enum sluice_codec)c) == kind)
			list[count++] = (sluice_codec_preference){.codec = (enum sluice_codec)c,
			                                          .packetization_mode = c == SLUICE_CODEC_H264};
	return sluice_transceiver_set_codec_preferences(t, list, count);
}

/* ---- add, take --------------------------------------------------------------------------------------------------- */

static size_t read_encodings(const json_t *request, sluice_encoding *encodings) {
	const json_t *rids = json_object_get(request, "rids");
	size_t count = 0;
	for (; count < json_array_size(rids) && count < SLUICE_LAYERS_MAX; count++)
		snprintf(encodings[count].rid, sizeof encodings[count].rid, "%s", json_string_value(json_array_get(rids, count)));
	return count;
}

static enum sluice_media_kind kind_of(const json_t *request) {
	const char *kind = json_string_value(json_object_get(request, "kind"));
	return kind && strcmp(kind, "audio") == 0 ? SLUICE_AUDIO : SLUICE_VIDEO;
}

static const char *name_of(const json_t *request) {
	const char *name = json_string_value(json_object_get(request, "name"));
	return name ? name : json_string_value(json_object_get(request, "kind"));
}

static bool command_add(struct agent *a, json_t *request, json_t *answer) {
	static const char *const streams[] = {"sluice"};
	sluice_encoding encodings[SLUICE_LAYERS_MAX] = {0};
	sluice_transceiver_config config = {.streams = streams, .stream_count = 1, .encodings = encodings};
	config.encoding_count = read_encodings(request, encodings);
	direction_named(json_string_value(json_object_get(request, "direction")), &config.direction);
	sluice_transceiver *t;
	int error = sluice_peer_add_transceiver(a->peer, kind_of(request), &config, &t);
	if (error)
		return fail(answer, "sluice_peer_add_transceiver", error);
	add_line(a, name_of(request), request, t);
	error = prefer(t, kind_of(request), request);
	return error ? fail(answer, "sluice_transceiver_set_codec_preferences", error) : true;
}

static bool is_known(const struct agent *a, const sluice_transceiver *t) {
	for (const struct line *l = a->lines; l; l = l->next)
		if (l->transceiver == t)
			return true;
	return false;
}

static sluice_transceiver *first_new(const struct agent *a, const char *kind) {
	for (size_t i = 0;; i++) {
		sluice_transceiver *t = sluice_peer_transceiver(a->peer, i);
		if (!t ||
		    (!is_known(a, t) && (!kind || (sluice_transceiver_kind(t) == SLUICE_AUDIO) == (strcmp(kind, "audio") == 0))))
			return t;
	}
}

static int take_one(struct agent *a, const json_t *request) {
	sluice_transceiver *t = first_new(a, json_string_value(json_object_get(request, "kind")));
	if (!t)
		return SLUICE_INVALID;
	enum sluice_direction direction = SLUICE_SENDRECV;
	direction_named(json_string_value(json_object_get(request, "direction")), &direction);
	add_line(a, name_of(request), request, t);
	int error = sluice_transceiver_set_direction(t, direction);
	return error ? error : prefer(t, sluice_transceiver_kind(t), request);
}

bool media_take(struct agent *a, const json_t *request, json_t *answer) {
	const json_t *takes = json_object_get(request, "take");
	for (size_t i = 0; i < json_array_size(takes); i++) {
		int error = take_one(a, json_array_get(takes, i));
		if (error)
			return fail(answer, "a section of the offer cannot be taken", error);
	}
	return false;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static void report(const struct line *l, json_t *answer) {
	json_object_update_new(
		answer, json_pack("{sf sI sI sI sI sI sI sI si ss ss}", "first_at", l->first_at, "shown", (json_int_t)l->frames,
	                          "keyframes", (json_int_t)l->keyframes, "packets", (json_int_t)l->packets, "lost",
	                          (json_int_t)l->lost, "backwards", (json_int_t)l->backwards, "sent", (json_int_t)l->sent,
	                          "refused", (json_int_t)l->refused, "last_error", l->last_error, "last_error_name",
	                          l->last_error ? sluice_error_name(l->last_error) : "", "codec", sluice_codec_name(l->codec)));
	json_object_set_new(answer, "keyframe_requests", json_integer((json_int_t)l->keyframe_requests));
	json_object_set_new(answer, "bitrate", json_integer((json_int_t)l->bitrate));
}

static uint64_t progress(const struct line *l) {
	return l->how == ECHO_PACKETS ? l->packets : l->frames;
}

/* Waits until so many more frames came (packets where they are echoed). */
static bool command_watch(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (!l)
		return true;
	if (!json_object_get(request, "from"))
		json_object_set_new(request, "from", json_integer((json_int_t)progress(l)));
	if (progress(l) < (uint64_t)(number(request, "from", 0) + number(request, "frames", 5)))
		return false;
	report(l, answer);
	return true;
}

static bool command_during(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (!l)
		return true;
	if (!json_object_get(request, "until")) {
		json_object_set_new(request, "until", json_real(wall_ms() + (double)number(request, "ms", 0)));
		json_object_set_new(request, "from", json_integer((json_int_t)progress(l)));
	}
	if (wall_ms() < json_real_value(json_object_get(request, "until")))
		return false;
	report(l, answer);
	json_object_set_new(answer, "shown", json_integer((json_int_t)progress(l) - number(request, "from", 0)));
	return true;
}

static bool command_replace(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (!l)
		return true;
	bool nothing = json_is_null(json_object_get(request, "source"));
	l->source = nothing ? -1 : number(request, "source", 1);
	clip_close(&l->clip);
	l->at = 0;
	if (l->sender && !nothing)
		sluice_track_replace(l->sender);
	return true;
}

static bool command_direction(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	enum sluice_direction direction = SLUICE_STOPPED;
	if (!l)
		return true;
	direction_named(json_string_value(json_object_get(request, "direction")), &direction);
	int error = l->transceiver ? sluice_transceiver_set_direction(l->transceiver, direction) : SLUICE_WRONG_STATE;
	return error ? fail(answer, "sluice_transceiver_set_direction", error) : true;
}

static bool command_stop(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (l && l->transceiver)
		sluice_transceiver_stop(l->transceiver);
	return true;
}

static bool command_ended(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	return !l || (!l->sender && !l->receiver);
}

static bool command_muted(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	return !l || l->muted == flag(request, "muted");
}

static bool command_keyframe(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (l && l->receiver)
		sluice_track_request_keyframe(l->receiver, (unsigned)number(request, "layer", 0));
	return true;
}

/* Another simulcast layer is echoed from its next keyframe on. */
static bool command_layer(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (!l)
		return true;
	l->layer = (unsigned)number(request, "layer", 0);
	if (l->sender)
		sluice_track_replace(l->sender);
	if (l->receiver)
		sluice_track_request_keyframe(l->receiver, l->layer);
	return true;
}

static bool command_record(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	const char *path = json_string_value(json_object_get(request, "file"));
	if (!l)
		return true;
	if (l->record)
		fclose(l->record);
	const sluice_codec_config *codec = l->receiver ? sluice_track_codec(l->receiver) : NULL;
	l->record = path && codec ? ivf_create(path, codec->codec) : NULL;
	if (l->record)
		watch_tracks(l);
	json_object_set_new(answer, "frames", json_integer((json_int_t)l->recorded));
	l->recorded = 0;
	return path && !l->record ? fail(answer, path, SLUICE_INVALID) : true;
}

static bool command_transceivers(struct agent *a, json_t *request, json_t *answer) {
	(void)request;
	json_t *list = json_array();
	for (const struct line *l = a->lines; l; l = l->next)
		if (l->transceiver) {
			const char *mid = sluice_transceiver_mid(l->transceiver);
			const char *current = sluice_direction_name(sluice_transceiver_current_direction(l->transceiver));
			json_array_append_new(list, json_pack("{ss ss? ss ss sb}", "name", l->name, "mid", mid, "direction",
			                                      sluice_direction_name(sluice_transceiver_direction(l->transceiver)),
			                                      "current", current, "muted", l->muted));
		}
	json_object_set_new(answer, "list", list);
	return true;
}

/* ---- statistics, with W3C's names --------------------------------------------------------------------------------- */

static json_t *inbound(const struct line *l, unsigned layer) {
	sluice_inbound_rtp_stats s;
	if (!l->receiver || sluice_track_inbound_stats(l->receiver, layer, &s))
		return NULL;
	json_t *out = json_pack("{sI sI sI sI sI sI sI sI sI sI}", "ssrc", (json_int_t)s.ssrc, "packetsReceived",
	                        (json_int_t)s.packets_received, "packetsLost", (json_int_t)s.packets_lost, "packetsDiscarded",
	                        (json_int_t)s.packets_discarded, "retransmittedPacketsReceived",
	                        (json_int_t)s.retransmitted_packets_received, "nackCount", (json_int_t)s.nack_count, "pliCount",
	                        (json_int_t)s.pli_count, "framesReceived", (json_int_t)s.frames_received, "keyFramesReceived",
	                        (json_int_t)s.key_frames_received, "framesDropped", (json_int_t)s.frames_dropped);
	json_object_set_new(out, "codec", json_string(sluice_codec_name(l->codec)));
	json_object_set_new(out, "remoteReports", json_integer((json_int_t)s.remote_reports));
	return out;
}

static json_t *outbound(const struct line *l, unsigned layer) {
	sluice_outbound_rtp_stats s;
	if (!l->sender || sluice_track_outbound_stats(l->sender, layer, &s))
		return NULL;
	const sluice_codec_config *codec = sluice_track_codec(l->sender);
	json_t *out = json_pack("{sI sI sI sI sI sI sI sI sI}", "ssrc", (json_int_t)s.ssrc, "packetsSent",
	                        (json_int_t)s.packets_sent, "retransmittedPacketsSent", (json_int_t)s.retransmitted_packets_sent,
	                        "framesSent", (json_int_t)s.frames_sent, "keyFramesSent", (json_int_t)s.key_frames_sent,
	                        "nackCount", (json_int_t)s.nack_count, "pliCount", (json_int_t)s.pli_count, "firCount",
	                        (json_int_t)s.fir_count, "targetBitrate", (json_int_t)s.target_bitrate);
	json_object_set_new(out, "codec", json_string(sluice_codec_name(codec ? codec->codec : SLUICE_CODEC_NONE)));
	json_object_set_new(out, "roundTripTimeMeasurements", json_integer((json_int_t)s.round_trip_time_measurements));
	json_object_set_new(out, "roundTripTime", json_real((double)s.round_trip_time / 1e9));
	return out;
}

static json_t *each_layer(const struct line *l, json_t *(*of)(const struct line *l, unsigned layer)) {
	json_t *list = json_array();
	for (unsigned layer = 0; layer < SLUICE_LAYERS_MAX; layer++) {
		json_t *entry = of(l, layer);
		if (entry)
			json_array_append_new(list, entry);
	}
	return list;
}

static bool command_media_stats(struct agent *a, json_t *request, json_t *answer) {
	struct line *l = named(a, request, answer);
	if (!l)
		return true;
	sluice_media_stats m;
	sluice_peer_media_stats_get(a->peer, &m);
	json_object_set_new(answer, "inbound", each_layer(l, inbound));
	json_object_set_new(answer, "outbound", each_layer(l, outbound));
	json_object_set_new(answer, "media",
	                    json_pack("{sI sI sI sI sI sI sI}", "replayed", (json_int_t)m.replayed, "old", (json_int_t)m.old,
	                              "forged", (json_int_t)m.forged, "malformed", (json_int_t)m.malformed, "unknown_ssrc",
	                              (json_int_t)m.unknown_ssrc, "estimate", (json_int_t)m.available_outgoing_bitrate,
	                              "received", (json_int_t)m.packets_received));
	report(l, answer);
	return true;
}

const struct command media_commands[] = {
	{"add", command_add},
	{"watch", command_watch},
	{"during", command_during},
	{"replace", command_replace},
	{"direction", command_direction},
	{"stop", command_stop},
	{"ended", command_ended},
	{"muted", command_muted},
	{"keyframe", command_keyframe},
	{"layer", command_layer},
	{"record", command_record},
	{"transceivers", command_transceivers},
	{"media_stats", command_media_stats},
	{NULL, NULL},
};
