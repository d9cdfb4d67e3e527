#include "rtp/session.h"

#include "base/arith.h"
#include "pool/env.h"
#include "rtp/report.h"

#define NUMBERS_AT_ONCE 256 /* of NACKs written in one go */

struct rtp_session {
	sluice_env *env;
	unsigned in_max, in_count, out_max, out_count;
	uint32_t *ssrcs; /* of incoming streams and their RTX */
	unsigned last;   /* where the last one was found */
	struct rtp_in **in;
	struct rtp_out **out;
	struct rtp_receiver **receivers; /* of those two, for reports; RTX streams among them */
	struct rtp_sender **senders;
	unsigned receiver_count;
	unsigned next_in, next_out; /* whose turn it is to write feedback, or repairs */

	bool compound, has_twcc;
	uint64_t transport_next; /* transport-wide number of the next packet that leaves */
	uint64_t round_trip;     /* 0: not known */
	uint64_t malformed, unknown;
	struct rtp_extension_map extensions;
	struct rtx_types rtx;
	struct report report;
	const struct rtp_stage_ops *stage;
	void *stage_ctx;
	const struct rtp_rate_ops *rate;
	void *rate_ctx;
	struct twcc twcc;
};

/* ---- making ---- */

static bool is_valid(const struct rtp_session_config *c) {
	const struct rtp_rate_ops *r = c->rate;
	return c->ssrc && c->cname && c->streams_in <= RTP_SESSION_STREAMS && c->streams_out <= RTP_SESSION_STREAMS &&
	       (!r || (r->sent && r->feedback && r->remb && r->advance && r->deadline));
}

static bool alloc_tables(struct rtp_session *s) {
	s->ssrcs = env_zalloc(s->env, 2 * s->in_max * sizeof *s->ssrcs);
	s->in = env_zalloc(s->env, s->in_max * sizeof(struct rtp_in *));
	s->out = env_zalloc(s->env, s->out_max * sizeof(struct rtp_out *));
	s->receivers = env_zalloc(s->env, 2 * s->in_max * sizeof(struct rtp_receiver *));
	s->senders = env_zalloc(s->env, s->out_max * sizeof(struct rtp_sender *));
	return s->ssrcs && s->in && s->out && s->receivers && s->senders;
}

int rtp_session_new(sluice_env *env, const struct rtp_session_config *c, struct rtp_session **out) {
	if (!is_valid(c))
		return SLUICE_INVALID;
	struct rtp_session *s = env_zalloc(env, sizeof *s);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->env = env;
	s->in_max = c->streams_in ? c->streams_in : 16;
	s->out_max = c->streams_out ? c->streams_out : 16;
	s->compound = c->compound;
	s->transport_next = SERIAL_ORIGIN + 1;
	s->stage = c->stage;
	s->stage_ctx = c->stage_ctx;
	s->rate = c->rate;
	s->rate_ctx = c->rate_ctx;
	rtp_extension_map_init(&s->extensions);
	if (c->extensions)
		s->extensions = *c->extensions;
	s->has_twcc = s->extensions.id_of[RTP_EXT_TRANSPORT_CC] != 0;
	rtx_types_init(&s->rtx);
	if (c->rtx)
		s->rtx = *c->rtx;
	twcc_init(&s->twcc);
	report_init(&s->report, c->ssrc, c->cname, c->ntp_offset);
	if (!alloc_tables(s)) {
		rtp_session_free(s);
		return SLUICE_NO_MEMORY;
	}
	*out = s;
	return 0;
}

void rtp_session_free(struct rtp_session *s) {
	if (!s)
		return;
	for (unsigned i = 0; i < s->in_count; i++) {
		env_free(s->env, s->in[i]->nack);
		env_free(s->env, s->in[i]);
	}
	for (unsigned i = 0; i < s->out_count; i++) {
		rtp_history_close(&s->out[i]->history, s->env);
		env_free(s->env, s->out[i]);
	}
	env_free(s->env, s->ssrcs);
	env_free(s->env, s->in);
	env_free(s->env, s->out);
	env_free(s->env, s->receivers);
	env_free(s->env, s->senders);
	env_free(s->env, s);
}

static bool check_in(const struct rtp_session *s, unsigned i) {
	const struct rtp_in *in = s->in[i];
	bool ok = rtp_receiver_check(&in->receiver) && keyframe_request_check(&in->keyframe);
	ok = ok && !in->nack == !(in->flags & RTP_STAGE_NACK) && (!in->nack || nack_generator_check(in->nack));
	return ok && s->ssrcs[i] == in->receiver.ssrc && s->ssrcs[s->in_max + i] == in->rtx_ssrc &&
	       (!in->rtx_ssrc || rtp_receiver_check(&in->rtx_receiver));
}

static bool check_out(const struct rtp_out *out) {
	bool ok = rtp_sender_check(&out->sender) && keyframe_answer_check(&out->keyframe);
	return ok && nack_responder_check(&out->responder) &&
	       (!(out->flags & RTP_STAGE_NACK) || rtp_history_check(&out->history));
}

bool rtp_session_check(const struct rtp_session *s) {
	bool ok = s->in_count <= s->in_max && s->out_count <= s->out_max && report_check(&s->report) && twcc_check(&s->twcc);
	for (unsigned i = 0; ok && i < s->in_count; i++)
		ok = check_in(s, i);
	for (unsigned i = 0; ok && i < s->out_count; i++)
		ok = check_out(s->out[i]);
	return ok;
}

/* ---- streams ---- */

/* Where the SSRC stands in the list; -1: nowhere. A session has few streams and its packets come in runs, so the last place is
 * tried first, and a list of numbers is as fast as a table. */
static int find_in(struct rtp_session *s, uint32_t ssrc) {
	if (__builtin_expect(s->ssrcs[s->last] == ssrc && ssrc, 1))
		return (int)s->last;
	for (unsigned i = 0; i < 2 * s->in_max && ssrc; i++)
		if (s->ssrcs[i] == ssrc)
			return (int)(s->last = i);
	return -1;
}

static int find_out(const struct rtp_session *s, uint32_t ssrc) {
	for (unsigned i = 0; i < s->out_count; i++)
		if (s->out[i]->sender.ssrc == ssrc)
			return (int)i;
	return -1;
}

static bool is_taken(struct rtp_session *s, uint32_t ssrc) {
	bool taken = ssrc == s->report.ssrc || find_in(s, ssrc) >= 0 || find_out(s, ssrc) >= 0;
	for (unsigned i = 0; i < s->out_count; i++)
		taken = taken || s->out[i]->rtx.ssrc == ssrc;
	return taken;
}

/* Are the SSRCs of a new stream right? Returns 0 or the error. */
static int check_ssrcs(struct rtp_session *s, uint32_t ssrc, uint32_t rtx_ssrc, uint32_t clock_rate) {
	if (!ssrc || ssrc == rtx_ssrc || !clock_rate)
		return SLUICE_INVALID;
	return is_taken(s, ssrc) || (rtx_ssrc && is_taken(s, rtx_ssrc)) ? SLUICE_EXISTS : 0;
}

int rtp_session_add_in(struct rtp_session *s, const struct rtp_in_config *c) {
	int error = check_ssrcs(s, c->ssrc, c->rtx_ssrc, c->clock_rate);
	if (error)
		return error;
	if (s->in_count == s->in_max)
		return SLUICE_LIMIT;
	struct rtp_in *in = env_zalloc(s->env, sizeof *in);
	struct nack_generator *nack = in && c->flags & RTP_STAGE_NACK ? env_alloc(s->env, sizeof *nack) : NULL;
	if (!in || (c->flags & RTP_STAGE_NACK && !nack)) {
		env_free(s->env, in);
		return SLUICE_NO_MEMORY;
	}
	in->flags = c->flags;
	in->rtx_ssrc = c->rtx_ssrc;
	in->nack = nack;
	in->keyframe.uses_fir = c->flags & RTP_STAGE_FIR;
	if (nack)
		nack_generator_init(nack, rtp_session_round_trip(s));
	rtp_receiver_init(&in->receiver, c->ssrc, c->clock_rate, c->probation ? c->probation : 1);
	rtp_receiver_init(&in->rtx_receiver, c->rtx_ssrc, c->clock_rate, 1);
	s->receivers[s->receiver_count++] = &in->receiver;
	if (c->rtx_ssrc)
		s->receivers[s->receiver_count++] = &in->rtx_receiver;
	s->ssrcs[s->in_count] = c->ssrc;
	s->ssrcs[s->in_max + s->in_count] = c->rtx_ssrc;
	s->in[s->in_count] = in;
	return (int)s->in_count++;
}

/* Stages whose element the peer did not accept are off. */
static void place_elements(const struct rtp_session *s, struct rtp_out *out) {
	const struct rtp_extension_block *b = &out->block;
	if (!rtp_extension_block_has(b, RTP_EXT_TRANSPORT_CC))
		out->flags &= ~(uint32_t)RTP_STAGE_TWCC;
	if (!rtp_extension_block_has(b, RTP_EXT_ABS_SEND_TIME))
		out->flags &= ~(uint32_t)RTP_STAGE_ABS_SEND_TIME;
	out->transport_cc_at = (uint8_t)rtp_extension_block_place(b, 0, RTP_EXT_TRANSPORT_CC);
	out->abs_send_time_at = (uint8_t)rtp_extension_block_place(b, 0, RTP_EXT_ABS_SEND_TIME);
	unsigned repaired = s->extensions.id_of[RTP_EXT_REPAIRED_RID];
	out->rtx.rid_is_two_byte = b->profile != RTP_EXTENSION_ONE_BYTE;
	if (rtp_extension_block_has(b, RTP_EXT_RID) && repaired && (repaired <= 14 || out->rtx.rid_is_two_byte)) {
		out->rtx.rid_id = (uint8_t)repaired;
		out->rtx.rid_at = (uint8_t)(rtp_extension_block_place(b, 0, RTP_EXT_RID) - (out->rtx.rid_is_two_byte ? 2 : 1));
	}
}

static int open_out(struct rtp_session *s, struct rtp_out *out, const struct rtp_out_config *c) {
	int error = rtp_extension_block_make(&out->block, &s->extensions, c->items, c->item_count);
	if (error || !(c->flags & RTP_STAGE_NACK))
		return error;
	return rtp_history_open(&out->history, s->env, c->history ? c->history : RTP_HISTORY_PACKETS,
	                        c->header_max ? c->header_max : 96);
}

int rtp_session_add_out(struct rtp_session *s, const struct rtp_out_config *c) {
	int error = check_ssrcs(s, c->ssrc, c->rtx_ssrc, c->clock_rate);
	if (!error && ((c->history & (c->history - 1)) || c->history > 65536 / 2 || c->header_max > 510))
		error = SLUICE_INVALID;
	if (error)
		return error;
	if (s->out_count == s->out_max)
		return SLUICE_LIMIT;
	struct rtp_out *out = env_zalloc(s->env, sizeof *out);
	if (!out)
		return SLUICE_NO_MEMORY;
	error = open_out(s, out, c);
	if (error) {
		env_free(s->env, out);
		return error;
	}
	out->flags = c->flags;
	rtp_sender_init(&out->sender, c->ssrc, c->clock_rate, c->first);
	nack_responder_init(&out->responder, rtp_session_round_trip(s));
	out->rtx.ssrc = c->rtx_ssrc;
	out->rtx.next = SERIAL_ORIGIN + c->rtx_first;
	place_elements(s, out);
	s->senders[s->out_count] = &out->sender;
	s->out[s->out_count] = out;
	return (int)s->out_count++;
}

/* ---- RTP in ---- */

/* What makes a video unusable is not asked for packet by packet. */
static void note_broken(struct rtp_in *in) {
	in->nack->is_broken = false;
	if (in->flags & RTP_STAGE_KEYFRAME)
		keyframe_want(&in->keyframe);
}

static enum rtp_fate take_rtx(struct rtp_session *s, struct rtp_in *in, struct rtp_received *got, uint64_t now) {
	uint64_t number;
	if (!rtp_receiver_take(&in->rtx_receiver, got->packet.sequence, got->packet.timestamp, now, &number))
		return RTP_FATE_REFUSED;
	int error = rtx_unwrap(&got->packet, &s->rtx, in->receiver.ssrc);
	s->malformed += error == SLUICE_MALFORMED;
	if (error)
		return RTP_FATE_REFUSED;
	got->is_repair = true;
	return stages_in_repair(in, got->packet.sequence, now, &got->number);
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
	uint16_t transport_number;
	if (s->has_twcc && rtp_extension_transport_cc(&got->extensions, &transport_number))
		twcc_take(&s->twcc, transport_number, len, now);
	int found = find_in(s, p->ssrc);
	if (found < 0) {
		s->unknown++;
		return SLUICE_NOT_FOUND;
	}
	bool is_rtx = (unsigned)found >= s->in_max;
	got->stream = found - (is_rtx ? (int)s->in_max : 0);
	got->is_repair = false;
	struct rtp_in *in = s->in[got->stream];
	enum rtp_fate fate = is_rtx ? take_rtx(s, in, got, now) : stages_in(in, p->sequence, p->timestamp, now, &got->number);
	if (in->nack && in->nack->is_broken)
		note_broken(in);
	in->duplicates += fate == RTP_FATE_DUPLICATE;
	if (fate != RTP_FATE_NEW)
		return 0;
	return !s->stage || !s->stage->receive || s->stage->receive(s->stage_ctx, got, now);
}

/* ---- RTP out ---- */

/* The packet has left: whoever decides about the rate must know. */
static void note_sent(struct rtp_session *s, const struct rtp_out *out, size_t len, uint32_t probe, uint64_t now) {
	if (!(out->flags & RTP_STAGE_TWCC))
		return;
	uint64_t number = s->transport_next++;
	if (s->rate)
		s->rate->sent(s->rate_ctx, number, len, probe, now);
}

int rtp_session_send(struct rtp_session *s, int stream, const struct rtp_sending *p, uint8_t *space, size_t size, uint64_t now) {
	struct rtp_out *out = s->out[stream];
	struct rtp_packet header = {
		.payload_type = p->payload_type,
		.marker = p->marker,
		.sequence = (uint16_t)out->sender.next,
		.timestamp = p->timestamp,
		.ssrc = out->sender.ssrc,
	};
	rtp_extension_block_apply(&out->block, &header);
	int header_len = rtp_packet_write_header(&header, space, size);
	if (header_len < 0 || size - (size_t)header_len < p->prefix_len + p->len)
		return SLUICE_NO_SPACE;
	uint8_t *at = space + header_len;
	if (p->prefix_len)
		memcpy(at, p->prefix, p->prefix_len);
	if (p->len)
		memcpy(at + p->prefix_len, p->source->data + p->offset, p->len);
	const struct rtp_leaving leaving = {
		.packet = space,
		.header_len = (size_t)header_len,
		.prefix_len = p->prefix_len,
		.source = p->source,
		.offset = p->offset,
		.len = p->len,
		.timestamp = p->timestamp,
		.captured = p->captured,
		.number = out->sender.next++,
	};
	stages_out(out, &leaving, s->transport_next, now);
	size_t len = (size_t)header_len + p->prefix_len + p->len;
	note_sent(s, out, len, p->probe, now);
	if (s->stage && s->stage->send)
		s->stage->send(s->stage_ctx, stream, space, len, now);
	return (int)len;
}

/* Padding of the RTX stream needs no number of the media stream. Without RTX it takes one, and is kept: a peer cannot know that
 * the hole is only a filler, and would end with a keyframe request. */
int rtp_session_pad(struct rtp_session *s, int stream, uint8_t payload_type, uint8_t padding, uint32_t probe, uint8_t *space,
                    size_t size, uint64_t now) {
	struct rtp_out *out = s->out[stream];
	bool is_rtx = out->rtx.ssrc && s->rtx.rtx_of[payload_type & 127] != RTX_NO_TYPE;
	struct rtp_packet header = {
		.payload_type = is_rtx ? s->rtx.rtx_of[payload_type & 127] : payload_type,
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
	note_sent(s, out, (size_t)len, probe, now);
	return len;
}

int rtp_session_repair(struct rtp_session *s, uint32_t probe, uint8_t *space, size_t size, uint64_t now) {
	for (unsigned i = 0; i < s->out_count; i++) {
		struct rtp_out *out = s->out[(s->next_out + i) % s->out_count];
		struct nack_repair repair;
		int len = nack_responder_output(&out->responder, &out->history, &out->rtx, &s->rtx, space, size, &repair);
		if (len == 0)
			continue;
		if (len < 0)
			return len;
		s->next_out = (s->next_out + i + 1) % s->out_count;
		if (repair.is_rtx) {
			stages_stamp(out, space, s->transport_next, now);
			note_sent(s, out, (size_t)len, probe, now);
		}
		return len;
	}
	return 0;
}

bool rtp_session_has_repair(const struct rtp_session *s) {
	for (unsigned i = 0; i < s->out_count; i++)
		if (nack_responder_has_output(&s->out[i]->responder))
			return true;
	return false;
}

/* ---- RTCP in ---- */

/* The smoothed round trip changed: everybody who waits for one must know. */
static void set_round_trip(struct rtp_session *s, uint64_t round_trip) {
	if (!round_trip || round_trip == s->round_trip)
		return;
	s->round_trip = round_trip;
	for (unsigned i = 0; i < s->in_count; i++)
		if (s->in[i]->nack)
			nack_generator_round_trip(s->in[i]->nack, round_trip);
	for (unsigned i = 0; i < s->out_count; i++) {
		nack_responder_round_trip(&s->out[i]->responder, round_trip);
		s->out[i]->history.keep = max64(RTP_HISTORY_KEEP_MIN, 3 * round_trip);
	}
}

static void take_reports(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	int found = find_in(s, p->ssrc);
	if (p->kind == RTCP_SENDER_REPORT && found >= 0 && (unsigned)found < s->in_max)
		rtp_receiver_sender_report(&s->in[found]->receiver, &p->sender, now);
	for (size_t i = 0; i < rtcp_report_count(p); i++) {
		struct rtcp_report_block block = rtcp_report_at(p, i);
		int stream = find_out(s, block.ssrc);
		if (stream < 0)
			continue;
		struct rtp_sender *sender = &s->out[stream]->sender;
		rtp_sender_block(sender, &block, now, s->report.ntp_offset);
		set_round_trip(s, sender->round_trip);
	}
}

static void take_nack(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	int stream = find_out(s, p->media);
	if (stream < 0 || !(s->out[stream]->flags & RTP_STAGE_NACK))
		return;
	struct rtcp_nack_iterator it = rtcp_nack_begin(p);
	uint16_t sequence;
	while (rtcp_nack_next(&it, &sequence))
		nack_responder_ask(&s->out[stream]->responder, &s->out[stream]->history, sequence, now);
}

static void take_keyframe(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	if (p->kind == RTCP_PLI) {
		int stream = find_out(s, p->media);
		if (stream >= 0)
			s->out[stream]->wants_keyframe |= keyframe_pli(&s->out[stream]->keyframe, now);
		return;
	}
	for (size_t i = 0; i < rtcp_fir_count(p); i++) {
		struct rtcp_fir_entry entry = rtcp_fir_at(p, i);
		int stream = find_out(s, entry.ssrc);
		if (stream >= 0)
			s->out[stream]->wants_keyframe |= keyframe_fir(&s->out[stream]->keyframe, entry.sequence, now);
	}
}

static void take_xr(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	struct rtcp_xr_iterator it = rtcp_xr_begin(p);
	struct rtcp_xr_block block;
	while (rtcp_xr_next(&it, &block)) {
		if (block.type == RTCP_XR_RRTR)
			report_rrtr(&s->report, p->ssrc, block.ntp, now);
		for (size_t i = 0; block.type == RTCP_XR_DLRR && i < rtcp_dlrr_count(&block); i++) {
			struct rtcp_dlrr d = rtcp_dlrr_at(&block, i);
			report_dlrr(&s->report, &d, now);
		}
	}
	set_round_trip(s, s->report.round_trip);
}

static void take_bye(struct rtp_session *s, const struct rtcp_packet *p) {
	for (size_t i = 0; i < rtcp_bye_count(p); i++) {
		int found = find_in(s, rtcp_bye_ssrc(p, i));
		if (found >= 0 && (unsigned)found < s->in_max)
			s->in[found]->has_bye = true;
	}
}

static void take_rtcp(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	switch (p->kind) {
	case RTCP_SENDER_REPORT:
	case RTCP_RECEIVER_REPORT:
		take_reports(s, p, now);
		break;
	case RTCP_NACK:
		take_nack(s, p, now);
		break;
	case RTCP_PLI:
	case RTCP_FIR:
		take_keyframe(s, p, now);
		break;
	case RTCP_TWCC:
		if (s->rate)
			s->rate->feedback(s->rate_ctx, &p->twcc, now);
		break;
	case RTCP_REMB:
		if (s->rate)
			s->rate->remb(s->rate_ctx, p->remb.bitrate, now);
		break;
	case RTCP_XR:
		take_xr(s, p, now);
		break;
	case RTCP_BYE:
		take_bye(s, p);
		break;
	default:
		break;
	}
}

int rtp_session_receive_rtcp(struct rtp_session *s, const uint8_t *data, size_t len, uint64_t now) {
	struct rtcp_reader r = rtcp_reader_of(data, len);
	struct rtcp_packet p;
	while (rtcp_next(&r, &p))
		take_rtcp(s, &p, now);
	s->malformed += r.malformed;
	return r.malformed ? SLUICE_MALFORMED : 0;
}

/* ---- RTCP out ---- */

static struct report_streams streams_of(const struct rtp_session *s) {
	return (struct report_streams){s->senders, s->receivers, s->out_count, s->receiver_count};
}

static uint64_t in_deadline(const struct rtp_in *in) {
	uint64_t due = keyframe_deadline(&in->keyframe);
	return in->nack ? min64(due, nack_generator_deadline(in->nack)) : due;
}

/* Space is reserved before numbers count as asked for: 4 bytes at worst for each. */
static void write_nacks(struct rtp_session *s, struct rtp_in *in, struct rtcp_writer *w, uint64_t now) {
	uint64_t numbers[NUMBERS_AT_ONCE];
	size_t room = rtcp_write_room(w);
	if (!in->nack || room < RTCP_HEADER + 8 + 4)
		return;
	size_t most = min64(NUMBERS_AT_ONCE, (room - RTCP_HEADER - 8) / 4);
	size_t n = nack_generator_output(in->nack, numbers, most, now);
	if (n)
		rtcp_write_nack(w, s->report.ssrc, in->receiver.ssrc, numbers, n);
	if (in->nack->is_broken)
		note_broken(in);
}

static void write_feedback(struct rtp_session *s, struct rtcp_writer *w, uint64_t now) {
	for (unsigned i = 0; i < s->in_count; i++) {
		struct rtp_in *in = s->in[(s->next_in + i) % s->in_count];
		if (in_deadline(in) > now)
			continue;
		write_nacks(s, in, w, now);
		keyframe_output(&in->keyframe, w, s->report.ssrc, in->receiver.ssrc, s->round_trip, now);
	}
	if (s->in_count)
		s->next_in = (s->next_in + 1) % s->in_count;
	twcc_output(&s->twcc, w, s->report.ssrc, s->in_count ? s->in[0]->receiver.ssrc : 0, now);
}

static bool has_feedback(const struct rtp_session *s, uint64_t now) {
	bool due = twcc_deadline(&s->twcc) <= now;
	for (unsigned i = 0; !due && i < s->in_count; i++)
		due = in_deadline(s->in[i]) <= now;
	return due;
}

int rtp_session_rtcp(struct rtp_session *s, uint8_t *space, size_t size, uint64_t now) {
	struct rtcp_writer w = rtcp_writer_of(space, size);
	struct report_streams streams = streams_of(s);
	report_output(&s->report, &streams, &w, now);
	if (!has_feedback(s, now))
		return (int)w.len;
	size_t reports = w.len;
	if (reports == 0 && s->compound)
		report_head(&s->report, &w);
	size_t head = w.len;
	write_feedback(s, &w, now);
	/* What was due may have been given up instead of asked for. A head of its own is not sent alone. */
	return w.len == head ? (int)reports : (int)w.len;
}

/* RFC 3550, 6.6: a BYE is part of a compound packet, too. */
int rtp_session_bye(struct rtp_session *s, uint8_t *space, size_t size) {
	uint32_t ssrcs[RTP_SESSION_STREAMS + 1];
	struct rtcp_writer w = rtcp_writer_of(space, size);
	for (unsigned i = 0; i < s->out_count; i++)
		ssrcs[i] = s->out[i]->sender.ssrc;
	ssrcs[s->out_count] = s->report.ssrc;
	report_head(&s->report, &w);
	rtcp_write_bye(&w, ssrcs, s->out_count + 1, NULL);
	return (int)w.len;
}

/* ---- time ---- */

void rtp_session_advance(struct rtp_session *s, uint64_t now) {
	for (unsigned i = 0; i < s->out_count; i++)
		if (s->out[i]->flags & RTP_STAGE_NACK)
			rtp_history_advance(&s->out[i]->history, now);
	if (s->rate)
		s->rate->advance(s->rate_ctx, now);
	if (s->stage && s->stage->advance)
		s->stage->advance(s->stage_ctx, now);
}

/* Frames that are too old need no timer of their own: they go with the next packet. */
uint64_t rtp_session_deadline(const struct rtp_session *s) {
	struct report_streams streams = streams_of(s);
	uint64_t due = min64(report_deadline(&streams), twcc_deadline(&s->twcc));
	for (unsigned i = 0; i < s->in_count; i++)
		due = min64(due, in_deadline(s->in[i]));
	return s->rate ? min64(due, s->rate->deadline(s->rate_ctx)) : due;
}

/* ---- what the caller says and asks ---- */

struct rtp_extension_block *rtp_session_block(struct rtp_session *s, int out_stream) {
	return &s->out[out_stream]->block;
}

void rtp_session_set_target(struct rtp_session *s, int out_stream, uint64_t bits_per_second) {
	nack_responder_target(&s->out[out_stream]->responder, bits_per_second);
}

void rtp_session_want_keyframe(struct rtp_session *s, int in_stream) {
	keyframe_want(&s->in[in_stream]->keyframe);
}

void rtp_session_keyframe_came(struct rtp_session *s, int in_stream, uint64_t number) {
	struct rtp_in *in = s->in[in_stream];
	keyframe_came(&in->keyframe);
	if (in->nack)
		nack_generator_pass(in->nack, number);
}

uint64_t rtp_session_round_trip(const struct rtp_session *s) {
	return s->round_trip ? s->round_trip : RTP_ROUND_TRIP_UNKNOWN;
}

bool rtp_session_poll(struct rtp_session *s, struct rtp_event *out) {
	for (unsigned i = 0; i < s->out_count; i++)
		if (s->out[i]->wants_keyframe) {
			s->out[i]->wants_keyframe = false;
			*out = (struct rtp_event){RTP_EVENT_KEYFRAME, (int)i};
			return true;
		}
	for (unsigned i = 0; i < s->in_count; i++)
		if (s->in[i]->has_bye) {
			s->in[i]->has_bye = false;
			*out = (struct rtp_event){RTP_EVENT_BYE, (int)i};
			return true;
		}
	return false;
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
		.memory = env_cost(in) + env_cost(in->nack),
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
		.block = o->sender.block,
	};
}
