#include "peer_media_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* ---- frames ---------------------------------------------------------------------------------------------------------- */

/* RFC 6386, 9.1: the frame tag, and a keyframe's start code and size. */
static void write_vp8(uint8_t *p, bool key) {
	static const uint8_t begin[] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0};
	memcpy(p, begin, sizeof begin);
	p[0] = key ? 0x10 : 0x11;
}

/* VP9 bitstream, 6.2: frame_marker 2, profile 0, no existing frame, frame_type, shown. */
static void write_vp9(uint8_t *p, bool key) {
	p[0] = key ? 0x82 : 0x86;
}

#define HEAD 10

static void send_one(struct flow *f, unsigned layer) {
	static uint8_t bytes[65536];
	bool key = f->kind == SLUICE_AUDIO || f->sent == 0 || f->key_wanted >> layer & 1;
	sluice_track *t = sluice_transceiver_sender(f->transceiver);
	memset(bytes, 0x55, f->size);
	if (f->sends == SLUICE_CODEC_VP9)
		write_vp9(bytes, key);
	else
		write_vp8(bytes, key);
	put_be32(bytes + HEAD, f->sent);
	const sluice_frame frame = {.data = bytes,
	                            .len = f->size,
	                            .timestamp = f->end->kit->sim.now,
	                            .duration = f->interval,
	                            .keyframe = key,
	                            .codec = f->sends,
	                            .layer = (uint8_t)layer};
	int error = t ? sluice_track_send_frame(t, &frame) : SLUICE_CLOSED;
	f->refused += error != 0;
	if (!error)
		f->key_wanted &= ~(1u << layer);
}

static void tick(void *ctx) {
	struct flow *f = ctx;
	struct av *k = f->end->kit;
	if (!f->interval || !f->transceiver || !f->end->caller->peer)
		return;
	for (unsigned layer = 0; layer < f->layers; layer++)
		send_one(f, layer);
	f->sent++;
	sim_at(&k->sim, k->sim.now + f->interval, tick, f);
}

void av_send(struct flow *f, uint64_t interval) {
	struct av *k = f->end->kit;
	bool begins = !f->interval && interval;
	f->interval = interval;
	if (begins)
		sim_at(&k->sim, k->sim.now, tick, f);
}

/* ---- what comes ------------------------------------------------------------------------------------------------------ */

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	struct av_end *e = user;
	struct flow *f = av_flow(e, sluice_track_transceiver(t));
	ck_assert_uint_ge(frame->len, HEAD + 4);
	uint32_t number = get_be32(frame->data + HEAD);
	if (f->got_of[0] && frame->layer == 0)
		ck_assert_uint_gt(number, f->last);
	if (frame->layer == 0)
		f->last = number;
	f->first_at = f->got ? f->first_at : e->kit->sim.now;
	f->last_at = e->kit->sim.now;
	f->got++;
	f->got_of[frame->layer]++;
	f->keys += frame->keyframe;
	f->bytes += frame->len;
	f->codec = frame->codec;
}

static void on_mute(sluice_track *t, bool muted, void *user) {
	struct flow *f = av_flow(user, sluice_track_transceiver(t));
	f->mutes += muted;
	f->unmutes += !muted;
	f->muted = muted;
}

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	struct flow *f = av_flow(user, sluice_track_transceiver(t));
	f->key_wanted |= 1u << layer;
	f->key_requests++;
}

/* The transceiver is freed behind its last callback, and another one may have its address. */
static void forget_ended(struct flow *f) {
	if (f->sender_ended && f->receiver_ended)
		f->transceiver = NULL;
}

static void on_sender_ended(sluice_track *t, void *user) {
	struct flow *f = av_flow(user, sluice_track_transceiver(t));
	ck_assert(sluice_track_is_sender(t) && !f->sender_ended);
	f->sender_ended = true;
	forget_ended(f);
}

static void on_receiver_ended(sluice_track *t, void *user) {
	struct flow *f = av_flow(user, sluice_track_transceiver(t));
	ck_assert(!sluice_track_is_sender(t) && !f->receiver_ended);
	f->receiver_ended = true;
	forget_ended(f);
}

static const sluice_track_callbacks sending = {.on_keyframe_request = on_keyframe_request, .on_ended = on_sender_ended};
static const sluice_track_callbacks receiving = {.on_frame = on_frame, .on_mute = on_mute, .on_ended = on_receiver_ended};

sluice_track_callbacks av_sending(void) {
	return sending;
}

/* ---- transceivers ---------------------------------------------------------------------------------------------------- */

struct flow *av_flow(struct av_end *e, const sluice_transceiver *t) {
	for (unsigned i = 0; i < e->count; i++)
		if (e->flows[i].transceiver == t)
			return &e->flows[i];
	ck_abort_msg("a transceiver that nobody knows");
}

struct flow *av_flow_of_mid(struct av_end *e, const char *mid) {
	for (unsigned i = 0; i < e->count; i++) {
		const sluice_transceiver *t = e->flows[i].transceiver;
		if (t && sluice_transceiver_mid(t) && strcmp(sluice_transceiver_mid(t), mid) == 0)
			return &e->flows[i];
	}
	ck_abort_msg("no transceiver has the mid %s", mid);
}

static struct flow *new_flow(struct av_end *e, sluice_transceiver *t) {
	ck_assert_uint_lt(e->count, AV_FLOWS);
	struct flow *f = &e->flows[e->count++];
	*f = (struct flow){.end = e, .transceiver = t, .kind = sluice_transceiver_kind(t), .layers = 1};
	f->size = f->kind == SLUICE_AUDIO ? 100 : 3000;
	return f;
}

struct flow *av_adopt(struct av_end *e, sluice_transceiver *t) {
	sluice_track_set_callbacks(sluice_transceiver_receiver(t), &receiving, e);
	sluice_track_set_callbacks(sluice_transceiver_sender(t), &sending, e);
	return new_flow(e, t);
}

struct flow *av_add_with(struct av_end *e, enum sluice_media_kind kind, const sluice_transceiver_config *config) {
	sluice_transceiver_config c = *config;
	sluice_transceiver *t;
	c.sender = sending;
	c.receiver = receiving;
	c.user = e;
	ck_assert_int_eq(sluice_peer_add_transceiver(e->caller->peer, kind, &c, &t), 0);
	return new_flow(e, t);
}

struct flow *av_add(struct av_end *e, enum sluice_media_kind kind, enum sluice_direction direction) {
	return av_add_with(e, kind, &(sluice_transceiver_config){.direction = direction});
}

static void on_track(struct caller *c, sluice_transceiver *t) {
	struct av_end *e = c->ctx;
	struct flow *f = NULL;
	e->tracks++;
	for (unsigned i = 0; i < e->count; i++)
		if (e->flows[i].transceiver == t)
			f = &e->flows[i];
	if (!f) {
		f = new_flow(e, t);
		sluice_track_set_callbacks(sluice_transceiver_receiver(t), &receiving, e);
		sluice_track_set_callbacks(sluice_transceiver_sender(t), &sending, e);
	}
	if (e->answers != SLUICE_STOPPED)
		ck_assert_int_eq(sluice_transceiver_set_direction(t, e->answers), 0);
	if (e->answers == SLUICE_SENDRECV || e->answers == SLUICE_SENDONLY)
		av_send(f, f->kind == SLUICE_AUDIO ? e->audio_interval : e->video_interval);
	if (e->in_track)
		e->in_track(e, f);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static void make_end(struct av *k, struct av_end *e, const char *name, const sluice_peer_config *config) {
	e->kit = k;
	e->answers = SLUICE_STOPPED;
	e->audio_interval = 20 * SLUICE_MS;
	e->video_interval = 33 * SLUICE_MS;
	e->caller = caller_new(&k->sim, name, config);
	e->caller->ctx = e;
	e->caller->on_track = on_track;
}

void av_begin_with(struct av *k, const struct link_config *link, const sluice_peer_config *a, const sluice_peer_config *b) {
	av_begin_seeded(k, sim_seed(17), link, a, b);
}

void av_begin_seeded(struct av *k, uint64_t seed, const struct link_config *link, const sluice_peer_config *a,
                     const sluice_peer_config *b) {
	memset(k, 0, sizeof *k);
	sim_init(&k->sim, seed);
	make_end(k, &k->a, "a", a);
	make_end(k, &k->b, "b", b);
	caller_join(k->a.caller, k->b.caller, link ? link : &(struct link_config){.delay = 10 * SLUICE_MS}, 5 * SLUICE_MS);
}

void av_begin(struct av *k, const struct link_config *link) {
	av_begin_with(k, link, NULL, NULL);
}

void av_end(struct av *k) {
	for (unsigned i = 0; i < AV_FLOWS; i++)
		k->a.flows[i].interval = k->b.flows[i].interval = 0;
	sim_close(&k->sim);
}

void av_run(struct av *k, uint64_t ns) {
	sim_run(&k->sim, k->sim.now + ns);
}

bool av_is_settled(const struct av *k) {
	const struct caller *a = k->a.caller, *b = k->b.caller;
	return sluice_peer_signaling_state(a->peer) == SLUICE_SIGNALING_STABLE &&
	       sluice_peer_signaling_state(b->peer) == SLUICE_SIGNALING_STABLE && a->state == SLUICE_PEER_CONNECTED &&
	       b->state == SLUICE_PEER_CONNECTED;
}

void av_settle(struct av *k) {
	sim_settle(&k->sim);
	ck_assert_msg(SIM_UNTIL(&k->sim, k->sim.now + 10 * SLUICE_S, av_is_settled(k)), "a: %s; b: %s", k->a.caller->log,
	              k->b.caller->log);
	av_run(k, 300 * SLUICE_MS);
	ck_assert(av_is_settled(k));
}

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

const char *av_local(const struct av_end *e) {
	static char text[SLUICE_SDP_MAX];
	ck_assert_int_gt(sluice_peer_local_description(e->caller->peer, NULL, text, sizeof text), 0);
	return text;
}

static const char *find_section(const char *sdp, unsigned i) {
	const char *at = strstr(sdp, "\nm=");
	while (at && i--)
		at = strstr(at + 1, "\nm=");
	return at ? at + 1 : NULL;
}

const char *av_section(const char *sdp, unsigned i) {
	static char text[SLUICE_SDP_MAX];
	const char *at = find_section(sdp, i), *end = find_section(sdp, i + 1);
	ck_assert_msg(at != NULL, "there is no section %u in %s", i, sdp);
	size_t len = end ? (size_t)(end - at) : strlen(at);
	memcpy(text, at, len);
	text[len] = 0;
	return text;
}

unsigned av_section_count(const char *sdp) {
	unsigned n = 0;
	while (find_section(sdp, n))
		n++;
	return n;
}

void av_cut(char *sdp, const char *with) {
	char *at = sdp;
	while (*at) {
		char *next = strchr(at, '\n') + 1;
		if (strncmp(at, with, strlen(with)) == 0)
			memmove(at, next, strlen(next) + 1);
		else
			at = next;
	}
}

void av_change(char *sdp, const char *with, const char *to) {
	char *at = strstr(sdp, with), *end = at ? strchr(at, '\r') : NULL;
	ck_assert_msg(at && end, "no line '%s' in %s", with, sdp);
	memmove(at + strlen(to), end, strlen(end) + 1);
	memcpy(at, to, strlen(to));
}

/* Describes the one end to the other. */
static void hand_over(struct av_end *from, struct av_end *to, enum sluice_sdp_type type, av_edit edit) {
	static char text[SLUICE_SDP_MAX];
	struct av *k = from->kit;
	sim_settle(&k->sim);
	ck_assert_int_eq(sluice_peer_set_local_description(from->caller->peer, type, NULL), 0);
	av_run(k, 100 * SLUICE_MS);
	strcpy(text, av_local(from));
	if (edit)
		edit(text);
	ck_assert_int_eq(sluice_peer_set_remote_description(to->caller->peer, type, text, strlen(text)), 0);
}

void av_exchange(struct av_end *from, struct av_end *to, av_edit offer, av_edit answer) {
	from->caller->silent = to->caller->silent = true;
	hand_over(from, to, SLUICE_SDP_OFFER, offer);
	hand_over(to, from, SLUICE_SDP_ANSWER, answer);
	sim_settle(&from->kit->sim);
}

bool av_has_line(const char *text, const char *line) {
	size_t len = strlen(line);
	for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, line, len) == 0 && (at[len] == '\r' || at[len] == '\n' || !at[len]))
			return true;
	return false;
}
