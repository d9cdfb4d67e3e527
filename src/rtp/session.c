#include "rtp/session.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/prefetch.h"
#include "pool/env.h"
#include "rtp/session_state.h"

/* ---- making ---- */

static bool is_valid(const struct rtp_session_config *c) {
	const struct rtp_rate_ops *r = c->rate;
	return c->ssrc && c->cname && c->streams_in <= RTP_SESSION_STREAMS && c->streams_out <= RTP_SESSION_STREAMS &&
	       (!r || (r->sent && r->feedback && r->arrival && r->reported && r->remb && r->advance && r->deadline));
}

static bool alloc_tables(struct rtp_session *s) {
	s->bye_max = 2 * s->out_max + 1;
	s->in = env_zalloc(s->env, s->in_max * sizeof(struct rtp_in *));
	s->out = env_zalloc(s->env, s->out_max * sizeof(struct rtp_out *));
	s->receivers = env_zalloc(s->env, 2 * s->in_max * sizeof(struct rtp_receiver *));
	s->senders = env_zalloc(s->env, s->out_max * sizeof(struct rtp_sender *));
	s->byes = env_zalloc(s->env, s->bye_max * sizeof *s->byes);
	s->conflict_ends = env_zalloc(s->env, (s->out_max + 1) * sizeof *s->conflict_ends);
	return ssrc_map_open(&s->map, s->env, 2 * (s->in_max + s->out_max) + 1) == 0 && s->in && s->out && s->receivers &&
	       s->senders && s->byes && s->conflict_ends;
}

static void set_config(struct rtp_session *s, const struct rtp_session_config *c) {
	s->in_max = c->streams_in ? c->streams_in : 16;
	s->out_max = c->streams_out ? c->streams_out : 16;
	s->compound = c->compound;
	s->stage = c->stage;
	s->stage_ctx = c->stage_ctx;
	s->rate = c->rate;
	s->rate_ctx = c->rate_ctx;
	rtp_extension_map_init(&s->extensions);
	if (c->extensions)
		s->extensions = *c->extensions;
	s->has_twcc = s->extensions.id_of[RTP_EXT_TRANSPORT_CC] != 0;
	rtx_types_init(&s->rtx_in);
	if (c->rtx)
		s->rtx_in = *c->rtx;
	s->rtx_out = s->rtx_in;
}

int rtp_session_new(sluice_env *env, const struct rtp_session_config *c, struct rtp_session **out) {
	if (!is_valid(c))
		return SLUICE_INVALID;
	struct rtp_session *s = env_zalloc(env, sizeof *s);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->env = env;
	s->transport_next = SERIAL_ORIGIN + 1;
	s->ccfb_time = SERIAL_ORIGIN;
	ccfb_report_init(&s->ccfb);
	s->last_ssrc = NO_SSRC;
	set_config(s, c);
	twcc_init(&s->twcc);
	report_init(&s->report, c->ssrc, c->cname, c->ntp_offset, env_random32(env));
	if (!alloc_tables(s)) {
		rtp_session_free(s);
		return SLUICE_NO_MEMORY;
	}
	ssrc_map_add(&s->map, c->ssrc, (unsigned)place_of_own(s));
	*out = s;
	return 0;
}

void rtp_session_free(struct rtp_session *s) {
	if (!s)
		return;
	for (unsigned i = 0; i < s->in_top; i++)
		if (s->in[i])
			rtp_session_remove_in(s, (int)i);
	for (unsigned i = 0; i < s->out_top; i++)
		if (s->out[i])
			rtp_session_remove_out(s, (int)i);
	ssrc_map_close(&s->map);
	env_free(s->env, s->in);
	env_free(s->env, s->out);
	env_free(s->env, s->receivers);
	env_free(s->env, s->senders);
	env_free(s->env, s->byes);
	env_free(s->env, s->conflict_ends);
	env_free(s->env, s);
}

static bool is_at(const struct rtp_session *s, uint32_t ssrc, int place) {
	return !ssrc || ssrc_map_find(&s->map, ssrc) == place;
}

static bool has_receiver(const struct rtp_session *s, const struct rtp_receiver *r) {
	unsigned n = 0;
	for (unsigned i = 0; i < s->receiver_count; i++)
		n += s->receivers[i] == r;
	return n == 1;
}

static bool has_sender(const struct rtp_session *s, const struct rtp_sender *sender) {
	unsigned n = 0;
	for (unsigned i = 0; i < s->sender_count; i++)
		n += s->senders[i] == sender;
	return n == 1;
}

static bool check_in(const struct rtp_session *s, unsigned i) {
	const struct rtp_in *in = s->in[i];
	bool ok = rtp_receiver_check(&in->receiver) && keyframe_request_check(&in->keyframe);
	ok = ok && !in->nack == !(in->flags & RTP_STAGE_NACK) && (!in->nack || nack_generator_check(in->nack));
	ok = ok && is_at(s, in->receiver.ssrc, (int)i) && is_at(s, in->rtx_ssrc, place_of_in_rtx(s, i));
	ok = ok && has_receiver(s, &in->receiver) && has_receiver(s, &in->rtx_receiver) == (in->rtx_ssrc != 0);
	ok = ok && ccfb_came_check(&in->came) && ccfb_came_check(&in->rtx_came);
	return ok && (!in->rtx_ssrc || rtp_receiver_check(&in->rtx_receiver));
}

static bool check_out(const struct rtp_session *s, unsigned i) {
	const struct rtp_out *out = s->out[i];
	bool ok = rtp_sender_check(&out->sender) && keyframe_answer_check(&out->keyframe);
	ok = ok && is_at(s, out->sender.ssrc, place_of_out(s, i)) && is_at(s, out->rtx.ssrc, place_of_out_rtx(s, i));
	ok = ok && has_sender(s, &out->sender) && nack_responder_check(&out->responder);
	ok = ok && (s->has_repairs || !nack_responder_has_output(&out->responder));
	ok = ok && (s->has_events || (!out->wants_keyframe && !out->has_collision));
	return ok && (!(out->flags & RTP_STAGE_NACK) || rtp_history_check(&out->history));
}

/* Walks all streams and all SSRCs. */
bool rtp_session_check(const struct rtp_session *s) {
	bool ok = report_check(&s->report) && twcc_check(&s->twcc) && ssrc_map_check(&s->map);
	unsigned ssrcs = 1, receivers = 0, senders = 0;
	ok = ok && s->bye_count <= s->bye_max && is_at(s, s->report.ssrc, place_of_own(s));
	ok = ok && (s->last_ssrc == NO_SSRC || (is_at(s, (uint32_t)s->last_ssrc, s->last) && is_in_place(s, s->last)));
	for (unsigned i = 0; i < s->bye_count; i++)
		ok = ok && ssrc_map_find(&s->map, s->byes[i]) < 0;
	for (unsigned i = 0; ok && i < s->in_max; i++) {
		if (!s->in[i])
			continue;
		ok = i < s->in_top && check_in(s, i) && (s->has_events || !s->in[i]->has_bye);
		receivers += 1 + (s->in[i]->rtx_ssrc != 0);
	}
	for (unsigned i = 0; ok && i < s->out_max; i++) {
		if (!s->out[i])
			continue;
		ok = i < s->out_top && check_out(s, i);
		senders++;
		ssrcs += 1 + (s->out[i]->rtx.ssrc != 0);
	}
	return ok && receivers == s->receiver_count && senders == s->sender_count && s->map.count == ssrcs + receivers;
}

/* ---- RTP in ---- */

/* The place of the SSRC; -1: no stream has it. Packets come in runs, so the last one is tried first. */
static int find_place(struct rtp_session *s, uint32_t ssrc) {
	if (__builtin_expect(s->last_ssrc == ssrc, 1))
		return s->last;
	int place = ssrc_map_find(&s->map, ssrc);
	if (is_in_place(s, place)) {
		s->last_ssrc = ssrc;
		s->last = place;
	}
	return place;
}

static enum rtp_fate take_rtx(struct rtp_session *s, struct rtp_in *in, struct rtp_received *got, size_t size, uint64_t now) {
	uint64_t number;
	if (!rtp_receiver_take(&in->rtx_receiver, got->packet.sequence, got->packet.timestamp, now, &number))
		return RTP_FATE_REFUSED;
	if (in->flags & RTP_STAGE_CCFB)
		ccfb_came_take(&in->rtx_came, &s->ccfb, number, size, now);
	int error = rtx_unwrap(&got->packet, &s->rtx_in, in->receiver.ssrc);
	s->malformed += error == SLUICE_MALFORMED;
	if (error)
		return RTP_FATE_REFUSED;
	got->is_repair = true;
	return stages_in_repair(in, got->packet.sequence, now, &got->number);
}

static enum rtp_fate take_media(struct rtp_session *s, struct rtp_in *in, struct rtp_received *got, size_t size, uint64_t now) {
	enum rtp_fate fate = stages_in(in, got->packet.sequence, got->packet.timestamp, now, &got->number);
	if (in->flags & RTP_STAGE_CCFB && fate != RTP_FATE_REFUSED)
		ccfb_came_take(&in->came, &s->ccfb, got->number, size, now);
	return fate;
}

int rtp_session_receive(struct rtp_session *s, uint8_t *data, size_t len, uint64_t now, struct rtp_received *got) {
	struct rtp_packet *p = &got->packet;
	if (rtp_packet_parse(data, len, p)) {
		s->malformed++;
		return SLUICE_MALFORMED;
	}
	/* A broken extension leaves the packet usable. */
	if (rtp_extensions_read(p, &s->extensions, &got->extensions))
		s->malformed++;
	int found = find_place(s, p->ssrc);
	/* What was ours and came back says nothing of the peer's numbers. */
	if (__builtin_expect(found >= 0 && !is_in_place(s, found), 0)) {
		session_collision(s, found, now);
		return 0;
	}
	uint16_t transport_number;
	if (s->has_twcc && rtp_extension_transport_cc(&got->extensions, &transport_number))
		twcc_take(&s->twcc, transport_number, len, now);
	if (found < 0) {
		s->unknown++;
		return SLUICE_NOT_FOUND;
	}
	bool is_rtx = (unsigned)found >= s->in_max;
	got->stream = found - (is_rtx ? (int)s->in_max : 0);
	got->is_repair = false;
	struct rtp_in *in = s->in[got->stream];
	enum rtp_fate fate = is_rtx ? take_rtx(s, in, got, len, now) : take_media(s, in, got, len, now);
	if (in->nack && in->nack->is_broken)
		stages_broken(in);
	in->duplicates += fate == RTP_FATE_DUPLICATE;
	if (fate != RTP_FATE_NEW)
		return 0;
	return !s->stage || !s->stage->receive || s->stage->receive(s->stage_ctx, got, now);
}

/* ---- RTP out ---- */

/* The packet has left: whoever decides about the rate must know. number: its own in its stream, whose ring for CCFB is given. */
static inline void note_sent(struct rtp_session *s, const struct rtp_out *out, struct ccfb_sent *ring, uint64_t number,
                             size_t len, uint32_t probe, uint64_t now) {
	if (!(out->flags & (RTP_STAGE_TWCC | RTP_STAGE_CCFB)))
		return;
	if (out->flags & RTP_STAGE_CCFB)
		ccfb_sent_put(ring, number, s->transport_next);
	uint64_t transport = s->transport_next++;
	if (s->rate)
		s->rate->sent(s->rate_ctx, transport, len, probe, now);
}

/* Of more streams, nobody knows which ones will send. */
#define PREFETCH_STREAMS 2

static void prefetch_stream(const struct rtp_out *out, enum rtp_prefetch step) {
	if (step == RTP_PREFETCH_STREAMS)
		prefetch(out, offsetof(struct rtp_out, responder));
	else if (out->flags & RTP_STAGE_NACK)
		rtp_history_prefetch(&out->history, out->sender.next);
}

void rtp_session_prefetch(const struct rtp_session *s, enum rtp_prefetch step) {
	if (step == RTP_PREFETCH_SESSION) {
		prefetch(s, offsetof(struct rtp_session, twcc.arrivals));
	} else if (step == RTP_PREFETCH_TABLES) {
		prefetch(s->out, 1);
		prefetch(s->senders, 1);
	} else {
		for (unsigned i = 0; i < s->out_top && i < PREFETCH_STREAMS; i++)
			if (s->out[i])
				prefetch_stream(s->out[i], step);
	}
}

int rtp_session_send(struct rtp_session *s, int stream, const struct rtp_sending *p, uint8_t *space, size_t size, uint64_t now) {
	struct rtp_out *out = s->out[stream];
	uint64_t number = p->number ? p->number : out->sender.next;
	struct rtp_packet header = {
		.payload_type = p->payload_type,
		.marker = p->marker,
		.sequence = (uint16_t)number,
		.timestamp = p->timestamp,
		.ssrc = out->sender.ssrc,
	};
	rtp_extension_block_apply(&out->block, &header);
	int header_len = rtp_packet_write_header(&header, space, size);
	if (header_len < 0 || size - (size_t)header_len < p->prefix_len + p->len)
		return SLUICE_NO_SPACE;
	struct rtp_owner owner = p->slab ? rtp_owner_slab(p->slab) : rtp_owner_source(p->source);
	uint8_t *at = space + header_len;
	if (p->prefix_len)
		memcpy(at, p->prefix, p->prefix_len);
	if (p->len)
		memcpy(at + p->prefix_len, rtp_owner_data(owner) + p->offset, p->len);
	const struct rtp_leaving leaving = {
		.packet = space,
		.header_len = (size_t)header_len,
		.prefix_len = p->prefix_len,
		.owner = owner,
		.offset = p->offset,
		.len = p->len,
		.timestamp = p->timestamp,
		.captured = p->captured,
		.number = number,
	};
	out->sender.next = max64(out->sender.next, number + 1);
	stages_out(out, &leaving, s->transport_next, now);
	size_t len = (size_t)header_len + p->prefix_len + p->len;
	note_sent(s, out, &out->ccfb, leaving.number, len, p->probe, now);
	if (s->stage && s->stage->send)
		s->stage->send(s->stage_ctx, stream, space, len, now);
	return (int)len;
}

/* Padding of the RTX stream needs no number of the media stream. Without RTX it takes one, and is kept: a peer cannot know that
 * the hole is only a filler, and would end with a keyframe request. */
int rtp_session_pad(struct rtp_session *s, int stream, uint8_t payload_type, uint8_t padding, uint32_t probe, uint8_t *space,
                    size_t size, uint64_t now) {
	struct rtp_out *out = s->out[stream];
	bool is_rtx = out->rtx.ssrc && s->rtx_out.rtx_of[payload_type & 127] != RTX_NO_TYPE;
	struct rtp_packet header = {
		.payload_type = is_rtx ? s->rtx_out.rtx_of[payload_type & 127] : payload_type,
		.sequence = (uint16_t)(is_rtx ? out->rtx.next : out->sender.next),
		.timestamp = out->sender.timestamp,
		.ssrc = is_rtx ? out->rtx.ssrc : out->sender.ssrc,
		.padding = padding,
	};
	rtp_extension_block_apply(&out->block, &header);
	int len = rtp_packet_write(&header, space, size);
	if (len < 0)
		return len;
	uint64_t number = (*(is_rtx ? &out->rtx.next : &out->sender.next))++;
	stages_stamp(out, space, s->transport_next, now);
	if (!is_rtx && out->flags & RTP_STAGE_NACK)
		rtp_history_put_filler(&out->history, number, space, (size_t)len - padding, padding, now);
	note_sent(s, out, is_rtx ? &out->rtx_ccfb : &out->ccfb, number, (size_t)len, probe, now);
	return len;
}

/* A packet from before the ids changed has its elements elsewhere: it leaves as it was, and without a number for the estimator.
 * */
static void stamp_repair(struct rtp_session *s, struct rtp_out *out, const struct nack_repair *repair, uint8_t *space, size_t len,
                         uint32_t probe, uint64_t now) {
	if (!repair->is_rtx || repair->number < out->layout_from)
		return;
	rtx_name_rid(&out->rtx, space, repair->header_len);
	stages_stamp(out, space, s->transport_next, now);
	note_sent(s, out, &out->rtx_ccfb, out->rtx.next - 1, len, probe, now);
}

int rtp_session_repair(struct rtp_session *s, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	for (unsigned i = 0; s->has_repairs && i < s->out_top; i++) {
		unsigned stream = (s->next_out + i) % s->out_top;
		struct rtp_out *out = s->out[stream];
		struct nack_repair repair;
		int len = out ? nack_responder_output(&out->responder, &out->history, &out->rtx, &s->rtx_out, space, size,
		                                      &repair)
		              : 0;
		if (len == 0)
			continue;
		if (len < 0)
			return len;
		s->next_out = stream + 1;
		stamp_repair(s, out, &repair, space, (size_t)len, probe, now);
		return len;
	}
	s->has_repairs = false;
	return 0;
}

bool rtp_session_has_repair(const struct rtp_session *s) {
	for (unsigned i = 0; s->has_repairs && i < s->out_top; i++)
		if (s->out[i] && nack_responder_has_output(&s->out[i]->responder))
			return true;
	return false;
}

/* ---- time ---- */

void rtp_session_advance(struct rtp_session *s, uint64_t now) {
	for (unsigned i = 0; i < s->out_top; i++)
		if (s->out[i] && s->out[i]->flags & RTP_STAGE_NACK)
			rtp_history_advance(&s->out[i]->history, now);
	if (s->rate)
		s->rate->advance(s->rate_ctx, now);
	if (s->stage && s->stage->advance)
		s->stage->advance(s->stage_ctx, now);
}

/* ---- what the caller says and asks ---- */

struct rtp_extension_block *rtp_session_block(struct rtp_session *s, int out_stream) {
	return &s->out[out_stream]->block;
}

bool rtp_session_is_reported(const struct rtp_session *s, int out_stream) {
	const struct rtp_sender *sender = &s->out[out_stream]->sender;
	return sender->block.ssrc == sender->ssrc;
}

uint64_t rtp_session_next_number(const struct rtp_session *s, int out_stream) {
	return s->out[out_stream]->sender.next;
}

void rtp_session_set_target(struct rtp_session *s, int out_stream, uint64_t bits_per_second) {
	nack_responder_target(&s->out[out_stream]->responder, bits_per_second);
}

void rtp_session_want_keyframe(struct rtp_session *s, int in_stream) {
	keyframe_want(&s->in[in_stream]->keyframe);
}

void rtp_session_repaired(struct rtp_session *s, int in_stream, uint64_t number, uint64_t now) {
	struct rtp_in *in = s->in[in_stream];
	if (in->nack && in->receiver.started && number < in->receiver.highest && nack_generator_take(in->nack, number, true, now))
		in->repaired++;
}

void rtp_session_keyframe_came(struct rtp_session *s, int in_stream, uint64_t number) {
	struct rtp_in *in = s->in[in_stream];
	keyframe_came(&in->keyframe);
	if (in->nack)
		nack_generator_pass(in->nack, number);
}

uint64_t rtp_session_round_trip(const struct rtp_session *s) {
	return round_trip_of(s);
}

static bool take(bool *flag) {
	bool is_set = *flag;
	*flag = false;
	return is_set;
}

static bool poll_out(struct rtp_session *s, struct rtp_event *out) {
	for (unsigned i = 0; i < s->out_top; i++) {
		struct rtp_out *o = s->out[i];
		if (!o || (!o->has_collision && !o->wants_keyframe))
			continue;
		*out = (struct rtp_event){take(&o->has_collision) ? RTP_EVENT_COLLISION : RTP_EVENT_KEYFRAME, (int)i};
		if (out->kind == RTP_EVENT_KEYFRAME)
			o->wants_keyframe = false;
		return true;
	}
	return false;
}

static bool poll_in(struct rtp_session *s, struct rtp_event *out) {
	for (unsigned i = 0; i < s->in_top; i++)
		if (s->in[i] && take(&s->in[i]->has_bye)) {
			*out = (struct rtp_event){RTP_EVENT_BYE, (int)i};
			return true;
		}
	return false;
}

bool rtp_session_poll(struct rtp_session *s, struct rtp_event *out) {
	if (!s->has_events)
		return false;
	if (take(&s->has_collision)) {
		*out = (struct rtp_event){RTP_EVENT_COLLISION, -1};
		return true;
	}
	s->has_events = poll_out(s, out) || poll_in(s, out);
	return s->has_events;
}

size_t rtp_session_in_cname(const struct rtp_session *s, int in_stream, const char **out) {
	*out = s->in[in_stream]->cname;
	return s->in[in_stream]->cname_len;
}

void rtp_session_in_stats(const struct rtp_session *s, int in_stream, struct rtp_in_stats *out) {
	const struct rtp_in *in = s->in[in_stream];
	*out = (struct rtp_in_stats){
		.received = in->receiver.received,
		.expected = rtp_receiver_expected(&in->receiver),
		.duplicates = in->duplicates,
		.repaired = in->repaired,
		.nacked = in->nack ? in->nack->asked : 0,
		.given_up = in->nack ? in->nack->given_up : 0,
		.keyframes_asked = in->keyframe.sent,
		.jitter = in->receiver.jitter >> 4,
		.sender_reports = in->receiver.sender_reports,
		.sender = in->receiver.sender,
		.memory = env_cost(in) + env_cost(in->nack) + env_cost(in->came.arrivals) + env_cost(in->rtx_came.arrivals),
	};
}

void rtp_session_out_stats(const struct rtp_session *s, int out_stream, struct rtp_out_stats *out) {
	const struct rtp_out *o = s->out[out_stream];
	*out = (struct rtp_out_stats){
		.packets = o->sender.packets,
		.octets = o->sender.octets,
		.nacked = o->responder.asked,
		.resent = o->responder.resent,
		.resent_bytes = o->responder.resent_bytes,
		.limited = o->responder.limited,
		.keyframes_asked = o->keyframe.asked,
		.round_trip = o->sender.round_trip,
		.round_trips = o->sender.round_trips,
		.round_trip_sum = o->sender.round_trip_sum,
		.block = o->sender.block,
	};
}
