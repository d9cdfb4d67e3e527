/* The RTCP of a session: what a datagram of the peer changes, and what the next one of ours holds. */
#include "base/arith.h"
#include "base/serial.h"
#include "rtp/session_state.h"

#define NUMBERS_AT_ONCE 256 /* of NACKs written in one go */

/* ---- RTCP in ---- */

/* The smoothed round trip changed: everybody who waits for one must know. */
static void set_round_trip(struct rtp_session *s, uint64_t round_trip) {
	if (!round_trip || round_trip == s->round_trip)
		return;
	s->round_trip = round_trip;
	for (unsigned i = 0; i < s->in_top; i++)
		if (s->in[i] && s->in[i]->nack)
			nack_generator_round_trip(s->in[i]->nack, round_trip);
	for (unsigned i = 0; i < s->out_top; i++) {
		if (!s->out[i])
			continue;
		nack_responder_round_trip(&s->out[i]->responder, round_trip);
		s->out[i]->history.keep = rtp_history_keep(round_trip);
	}
}

static void take_reports(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	int place = ssrc_map_find(&s->map, p->ssrc);
	if (place >= 0 && !is_in_place(s, place)) {
		session_collision(s, place, now);
		return;
	}
	struct rtp_in *in = in_of_ssrc(s, p->ssrc);
	if (p->kind == RTCP_SENDER_REPORT && in)
		rtp_receiver_sender_report(&in->receiver, &p->sender, now);
	for (size_t i = 0; i < rtcp_report_count(p); i++) {
		struct rtcp_report_block block = rtcp_report_at(p, i);
		struct rtp_out *out = out_of_ssrc(s, block.ssrc);
		if (!out)
			continue;
		rtp_sender_block(&out->sender, &block, now, s->report.ntp_offset);
		set_round_trip(s, out->sender.round_trip);
	}
}

static void take_nack(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	struct rtp_out *out = out_of_ssrc(s, p->media);
	if (!out || !(out->flags & RTP_STAGE_NACK))
		return;
	struct rtcp_nack_iterator it = rtcp_nack_begin(p);
	uint16_t sequence;
	while (rtcp_nack_next(&it, &sequence))
		nack_responder_ask(&out->responder, &out->history, sequence, now);
	s->has_repairs = s->has_repairs || nack_responder_has_output(&out->responder);
}

static void take_keyframe(struct rtp_session *s, struct rtp_out *out, bool is_new) {
	out->wants_keyframe = out->wants_keyframe || is_new;
	s->has_events = s->has_events || is_new;
}

static void take_pli(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	struct rtp_out *out = out_of_ssrc(s, p->media);
	if (out)
		take_keyframe(s, out, keyframe_pli(&out->keyframe, now));
}

static void take_fir(struct rtp_session *s, const struct rtcp_packet *p, uint64_t now) {
	for (size_t i = 0; i < rtcp_fir_count(p); i++) {
		struct rtcp_fir_entry entry = rtcp_fir_at(p, i);
		struct rtp_out *out = out_of_ssrc(s, entry.ssrc);
		if (out)
			take_keyframe(s, out, keyframe_fir(&out->keyframe, entry.sequence, now));
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
		struct rtp_in *in = in_of_ssrc(s, rtcp_bye_ssrc(p, i));
		if (in)
			in->has_bye = s->has_events = true;
	}
}

static void take_cnames(struct rtp_session *s, const struct rtcp_packet *p) {
	struct rtcp_sdes_iterator it = rtcp_sdes_begin(p);
	struct rtcp_cname c;
	while (rtcp_sdes_next(&it, &c)) {
		struct rtp_in *in = in_of_ssrc(s, c.ssrc);
		if (!in || c.name.len == 0 || c.name.len > sizeof in->cname)
			continue;
		memcpy(in->cname, c.name.data, c.name.len);
		in->cname_len = (uint8_t)c.name.len;
	}
}

/* ---- RFC 8888 ---- */

#define CCFB_SECOND 65536 /* of the report's timestamp */
#define CCFB_OFFSET 1024  /* of a packet's offset before it */

/* The stream's packets that the message tells of. Of one that came at an unknown time the estimator has no use. */
static void take_ccfb_run(struct rtp_session *s, const struct rtcp_ccfb_stream *run, uint64_t reported) {
	int place = ssrc_map_find(&s->map, run->ssrc);
	if (place < place_of_out(s, 0) || place >= place_of_own(s))
		return;
	const struct rtp_out *out = s->out[out_of_place(s, place)];
	bool is_rtx = place >= place_of_out_rtx(s, 0);
	if (!(out->flags & RTP_STAGE_CCFB))
		return;
	for (size_t i = 0; i < run->count; i++) {
		struct rtcp_ccfb_word w = rtcp_ccfb_at(run, i);
		uint64_t number = ccfb_sent_find(is_rtx ? &out->rtx_ccfb : &out->ccfb, w.sequence,
		                                 is_rtx ? out->rtx.next : out->sender.next, s->transport_next);
		if (number && (!w.received || w.offset <= RTCP_CCFB_OFFSET_MAX))
			s->rate->arrival(s->rate_ctx, number, w.received, reported - w.offset * SLUICE_S / CCFB_OFFSET);
	}
}

static void take_ccfb(struct rtp_session *s, const struct rtcp_ccfb *c, uint64_t now) {
	s->ccfb_time = serial_unwrap(c->timestamp, s->ccfb_time);
	uint64_t reported = mul_div64(s->ccfb_time, SLUICE_S, CCFB_SECOND);
	struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(c);
	struct rtcp_ccfb_stream run;
	while (rtcp_ccfb_next(&it, &run))
		take_ccfb_run(s, &run, reported);
	s->rate->reported(s->rate_ctx, now);
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
		take_pli(s, p, now);
		break;
	case RTCP_FIR:
		take_fir(s, p, now);
		break;
	case RTCP_TWCC:
		if (s->rate)
			s->rate->feedback(s->rate_ctx, &p->twcc, now);
		break;
	case RTCP_CCFB:
		if (s->rate)
			take_ccfb(s, &p->ccfb, now);
		break;
	case RTCP_REMB:
		if (s->rate)
			s->rate->remb(s->rate_ctx, p->remb.bitrate, now);
		break;
	case RTCP_XR:
		take_xr(s, p, now);
		break;
	case RTCP_SDES:
		take_cnames(s, p);
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
	return (struct report_streams){s->senders, s->receivers, s->sender_count, s->receiver_count};
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
		stages_broken(in);
}

/* The media SSRC of a message about the whole transport. */
static uint32_t any_ssrc(const struct rtp_session *s) {
	return s->receiver_count ? s->receivers[0]->ssrc : 0;
}

/* What has no room waits for the next datagram: the report is due until then. */
static void write_ccfb(struct rtp_session *s, struct rtcp_writer *w, uint64_t now) {
	struct ccfb_told told[2 * RTP_SESSION_STREAMS];
	size_t n = 0;
	if (s->ccfb.due > now)
		return;
	for (unsigned i = 0; i < s->in_top; i++) {
		struct rtp_in *in = s->in[i];
		if (!in || !(in->flags & RTP_STAGE_CCFB))
			continue;
		told[n++] = (struct ccfb_told){&in->came, in->receiver.ssrc};
		told[n++] = (struct ccfb_told){&in->rtx_came, in->rtx_ssrc};
	}
	if (ccfb_report_write(w, s->report.ssrc, told, n, now, now + s->report.ntp_offset) == 0)
		ccfb_report_done(&s->ccfb, now);
}

static void write_feedback(struct rtp_session *s, struct rtcp_writer *w, uint64_t now) {
	for (unsigned i = 0; i < s->in_top; i++) {
		struct rtp_in *in = s->in[(s->next_in + i) % s->in_top];
		if (!in || in_deadline(in) > now)
			continue;
		write_nacks(s, in, w, now);
		keyframe_output(&in->keyframe, w, s->report.ssrc, in->receiver.ssrc, s->round_trip, now);
	}
	s->next_in++;
	twcc_output(&s->twcc, w, s->report.ssrc, any_ssrc(s), now);
	write_ccfb(s, w, now);
}

static uint64_t feedback_deadline(const struct rtp_session *s) {
	uint64_t due = min64(twcc_deadline(&s->twcc), s->ccfb.due);
	for (unsigned i = 0; i < s->in_top; i++)
		if (s->in[i])
			due = min64(due, in_deadline(s->in[i]));
	return due;
}

/* Those that do not fit wait for the next datagram. */
static void write_byes(struct rtp_session *s, struct rtcp_writer *w) {
	int n = s->bye_count ? rtcp_write_bye(w, s->byes, s->bye_count, NULL) : 0;
	if (n <= 0)
		return;
	s->bye_count -= (unsigned)n;
	memmove(s->byes, s->byes + n, s->bye_count * sizeof *s->byes);
}

/* RFC 3550, 6.6: a BYE is part of a compound packet, whatever the peer takes. */
int rtp_session_rtcp(struct rtp_session *s, uint8_t *space, size_t size, uint64_t now) {
	struct rtcp_writer w = rtcp_writer_of(space, size);
	struct report_streams streams = streams_of(s);
	report_output(&s->report, &streams, &w, now);
	s->has_spoken = s->has_spoken || w.len;
	bool has_feedback = feedback_deadline(s) <= now;
	if (!has_feedback && !s->bye_count)
		return (int)w.len;
	size_t reports = w.len;
	if (reports == 0 && (s->compound || s->bye_count))
		report_head(&s->report, &w);
	size_t head = w.len;
	write_byes(s, &w);
	if (has_feedback)
		write_feedback(s, &w, now);
	/* What was due may have been given up instead of asked for. A head of its own is not sent alone. */
	if (w.len == head)
		return (int)reports;
	s->has_spoken = true;
	return (int)w.len;
}

int rtp_session_bye(struct rtp_session *s, uint8_t *space, size_t size) {
	uint32_t ssrcs[RTP_SESSION_STREAMS + 1];
	struct rtcp_writer w = rtcp_writer_of(space, size);
	for (unsigned i = 0; i < s->sender_count; i++)
		ssrcs[i] = s->senders[i]->ssrc;
	ssrcs[s->sender_count] = s->report.ssrc;
	report_head(&s->report, &w);
	rtcp_write_bye(&w, ssrcs, s->sender_count + 1, NULL);
	write_byes(s, &w);
	return (int)w.len;
}

/* ---- time ---- */

/* Frames that are too old need no timer of their own: they go with the next packet. */
uint64_t rtp_session_deadline(const struct rtp_session *s) {
	if (s->bye_count)
		return 0;
	struct report_streams streams = streams_of(s);
	uint64_t due = min64(report_deadline(&streams), feedback_deadline(s));
	return s->rate ? min64(due, s->rate->deadline(s->rate_ctx)) : due;
}
