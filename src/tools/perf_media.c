/* perf_media: see its header. */
#include "tools/perf_media.h"

#include <stdlib.h>
#include <string.h>

#define RATE 2500000u
#define FPS 30u
#define GROUP 60u /* frames from one keyframe to the next: 2 s */
#define KEY_TIMES 6u
#define MEAN (RATE / 8 / FPS)
#define KEY_SIZE (KEY_TIMES * MEAN)
#define DELTA_SIZE ((GROUP - KEY_TIMES) * MEAN / (GROUP - 1))
#define FRAME_TIME (SLUICE_S / FPS)

/* Frames that are due within so many ns share a turn. */
#define TICK (5 * SLUICE_MS)

/* RFC 6386, 9.1: the frame tag, whose lowest bit is 0 in a key frame, and there the start code and the size of the picture. */
static const uint8_t key_head[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02};
static const uint8_t delta_head[] = {0x11, 0, 0};

static size_t head_size(bool key) {
	return key ? sizeof key_head : sizeof delta_head;
}

int perf_media_init(struct perf_media *m, struct perf_end *end, uint32_t count, uint64_t key) {
	*m = (struct perf_media){.end = end, .count = count, .on_up = m->on_up};
	for (uint32_t i = 0; i < count; i++)
		m->streams[i] = (struct perf_stream){.media = m, .index = i, .wants_keyframe = true};
	m->space = malloc(KEY_SIZE);
	bool ok = m->space && pattern_init(&m->key, key, KEY_SIZE - sizeof key_head) &&
	          pattern_init(&m->delta, key, DELTA_SIZE - sizeof delta_head);
	return ok ? 0 : SLUICE_NO_MEMORY;
}

void perf_media_free(struct perf_media *m) {
	pattern_free(&m->key);
	pattern_free(&m->delta);
	free(m->space);
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

static int send_frame(struct perf_stream *s) {
	struct perf_media *m = s->media;
	bool key = s->wants_keyframe || s->since_key == GROUP - 1;
	struct pattern *p = key ? &m->key : &m->delta;
	memcpy(m->space, key ? key_head : delta_head, head_size(key));
	pattern_write(p, m->space + head_size(key), s->index, s->sequence);
	const sluice_frame frame = {
		.data = m->space, .len = head_size(key) + p->size, .timestamp = s->due, .duration = FRAME_TIME, .keyframe = key};
	int error = sluice_track_send_frame(sluice_transceiver_sender(s->transceiver), &frame);
	if (error)
		return error;
	/* The keyframes of the streams are spread over their interval, as those of independent encoders are. */
	if (s->sequence++ == 0)
		s->since_key = s->index * GROUP / m->count;
	else
		s->since_key = key ? 0 : s->since_key + 1;
	s->wants_keyframe = false;
	return 0;
}

/* A frame that is refused is left out, as an encoder that has to drop one would do it before it is encoded. */
static void send_due(struct perf_stream *s, uint64_t now) {
	for (; s->due <= now; s->due += FRAME_TIME) {
		int error = send_frame(s);
		if (error == SLUICE_WOULD_BLOCK) {
			s->media->refused++;
		} else if (error && error != SLUICE_WRONG_STATE) {
			end_fail(&s->media->end->base, "cannot send a frame: %s", sluice_error_text(error));
			return;
		}
	}
}

/* The next turn: at the next frame, but not before a tick is over. */
static void pace(struct perf_media *m, uint64_t now) {
	uint64_t next = SLUICE_NEVER;
	for (uint32_t i = 0; i < m->count; i++)
		next = m->streams[i].due < next ? m->streams[i].due : next;
	ev_timer_set(&m->pace, (double)(next < now + TICK ? TICK : next - now) / 1e9, 0.);
	ev_timer_start(m->end->base.ev, &m->pace);
}

static void on_pace(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct perf_media *m = w->data;
	uint64_t now = sluice_now();
	for (uint32_t i = 0; i < m->count && !end_is_over(&m->end->base); i++)
		send_due(&m->streams[i], now);
	if (!end_is_over(&m->end->base))
		pace(m, now);
}

/* The frames of the streams are spread over a frame's time. */
static void start_sending(struct perf_media *m) {
	for (uint32_t i = 0; i < m->count; i++)
		m->streams[i].due = m->up_at + i * FRAME_TIME / m->count;
	ev_init(&m->pace, on_pace);
	m->pace.data = m;
	pace(m, m->up_at);
}

void perf_media_stop(struct perf_media *m) {
	ev_timer_stop(m->end->base.ev, &m->pace);
}

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)t;
	(void)layer;
	struct perf_stream *s = user;
	s->wants_keyframe = true;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

static void on_frame(sluice_track *t, const sluice_frame *f, void *user) {
	(void)t;
	struct perf_stream *s = user;
	struct perf_media *m = s->media;
	const struct pattern *p = f->keyframe ? &m->key : &m->delta;
	size_t head = head_size(f->keyframe);
	struct iovec body = {(void *)(f->data + head), f->len < head ? 0 : f->len - head};
	uint64_t sequence = 0;
	if (end_is_over(&m->end->base))
		return;
	if (!pattern_check(p, &body, 1, body.iov_len, s->index, &sequence) || sequence < s->sequence) {
		perf_end_say(m->end, "fail wrong bytes in a frame of stream %u", s->index);
		end_fail(&m->end->base, "wrong bytes in a frame of stream %u", s->index);
		return;
	}
	s->sequence = sequence + 1;
	m->frames_received++;
}

/* ---- the connection --------------------------------------------------------------------------------------------------- */

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct perf_media *m = user;
	if (state == SLUICE_PEER_CONNECTED && !m->up_at) {
		m->up_at = sluice_now();
		if (m->end->sender)
			start_sending(m);
		m->on_up(m->end);
	}
	if (state == SLUICE_PEER_FAILED)
		end_fail(&m->end->base, "the connection of the streams failed: %s",
		         sluice_error_text(sluice_peer_error(p, NULL)));
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	struct perf_media *m = user;
	enum sluice_sdp_type type;
	if (state != SLUICE_GATHERING_COMPLETE)
		return;
	char *sdp = malloc(SLUICE_SDP_MAX);
	int len = sdp ? sluice_peer_local_description(p, &type, sdp, SLUICE_SDP_MAX) : SLUICE_NO_MEMORY;
	if (len > 0)
		perf_end_say(m->end, "%s %s", type == SLUICE_SDP_OFFER ? "offer" : "answer", sdp);
	else
		end_fail(&m->end->base, "cannot describe the streams: %s", sluice_error_text(len));
	free(sdp);
}

/* A listener that is told of streams by the other side has its file for the association already. */
static int record(struct perf_media *m) {
	if (m->end->capture.file)
		sluice_peer_set_media_tap(m->end->second, media_capture_packet, &m->end->capture);
	bool traces = m->end->options->mode == PERF_MEDIA;
	return traces ? recording_begin(&m->end->base.recording, m->end->second, true) : 0;
}

/* The address over which the two ends talk already. */
static int gather(struct perf_media *m) {
	struct end *end = &m->end->base;
	struct sockaddr_storage local;
	socklen_t len;
	int error = sluice_loop_local_address(end->loop, end->peer, &local, &len);
	if (error)
		return error;
	address_set_port(&local, 0);
	bool any = address_is_any(&local);
	const sluice_gather_config config = {.size = sizeof config,
	                                     .bind = any ? NULL : (const struct sockaddr *)&local,
	                                     .bind_len = any ? 0 : len,
	                                     .loopback = true};
	return sluice_loop_gather(end->loop, m->end->second, &config);
}

static int add_stream(struct perf_media *m, struct perf_stream *s) {
	static const sluice_codec_preference vp8 = {.codec = SLUICE_CODEC_VP8};
	const sluice_transceiver_config config = {
		.direction = SLUICE_SENDONLY, .sender.on_keyframe_request = on_keyframe_request, .user = s};
	int error = sluice_peer_add_transceiver(m->end->second, SLUICE_VIDEO, &config, &s->transceiver);
	return error ? error : sluice_transceiver_set_codec_preferences(s->transceiver, &vp8, 1);
}

int perf_media_open(struct perf_media *m) {
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.certificate = m->end->certificate;
	config.media_start_bitrate = config.media_min_bitrate = config.media_max_bitrate = (uint64_t)m->count * RATE * 2;
	config.on_state = on_state;
	config.on_gathering_state = on_gathering_state;
	config.user = m;
	int error = sluice_peer_new(m->end->base.env, &config, &m->end->second);
	if (!error)
		error = record(m);
	for (uint32_t i = 0; i < m->count && !error && m->end->sender; i++)
		error = add_stream(m, &m->streams[i]);
	if (!error)
		error = gather(m);
	return error || !m->end->sender ? error : sluice_peer_set_local_description(m->end->second, SLUICE_SDP_OFFER, NULL);
}

static int take_streams(struct perf_media *m) {
	const sluice_track_callbacks receiving = {.on_frame = on_frame};
	for (uint32_t i = 0; i < m->count; i++) {
		struct perf_stream *s = &m->streams[i];
		s->transceiver = sluice_peer_transceiver(m->end->second, i);
		if (!s->transceiver)
			return SLUICE_MALFORMED;
		sluice_track_set_callbacks(sluice_transceiver_receiver(s->transceiver), &receiving, s);
	}
	return 0;
}

int perf_media_describe(struct perf_media *m, const char *line) {
	const char *sdp = strchr(line, ' ') + 1;
	enum sluice_sdp_type type = m->end->sender ? SLUICE_SDP_ANSWER : SLUICE_SDP_OFFER;
	int error = sluice_peer_set_remote_description(m->end->second, type, sdp, strlen(sdp));
	if (error || m->end->sender)
		return error;
	error = take_streams(m);
	return error ? error : sluice_peer_set_local_description(m->end->second, SLUICE_SDP_ANSWER, NULL);
}

/* ---- figures ----------------------------------------------------------------------------------------------------------- */

void perf_media_look(const struct perf_media *m, struct perf_media_totals *t) {
	*t = (struct perf_media_totals){.refused = m->refused, .frames = m->frames_received};
	for (uint32_t i = 0; i < m->count && m->up_at; i++) {
		const sluice_transceiver *tr = m->streams[i].transceiver;
		sluice_outbound_rtp_stats out;
		sluice_inbound_rtp_stats in;
		if (m->end->sender && sluice_track_outbound_stats(sluice_transceiver_sender(tr), 0, &out) == 0) {
			t->packets += out.packets_sent;
			t->bytes += out.bytes_sent;
			t->frames += out.frames_sent;
			t->resent += out.retransmitted_packets_sent;
		} else if (!m->end->sender && sluice_track_inbound_stats(sluice_transceiver_receiver(tr), 0, &in) == 0) {
			t->packets += in.packets_received;
			t->bytes += in.bytes_received;
			t->lost += in.packets_lost > 0 ? (uint64_t)in.packets_lost : 0;
		}
	}
}
