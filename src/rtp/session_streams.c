/* The streams of a session come and go, and what was negotiated for them changes. */
#include "pool/env.h"
#include "rtp/session_state.h"

/* RFC 3550, 8.2: an address that conflicted is forgotten after 10 RTCP report intervals. A session has one address. */
#define CONFLICT (10 * RTP_REPORT_INTERVAL)

/* ---- SSRCs ---- */

static bool is_taken(const struct rtp_session *s, uint32_t ssrc) {
	return ssrc && ssrc_map_find(&s->map, ssrc) >= 0;
}

/* Are the SSRCs of a new stream right? Returns 0 or the error. */
static int check_ssrcs(const struct rtp_session *s, uint32_t ssrc, uint32_t rtx_ssrc) {
	if (!ssrc || ssrc == rtx_ssrc)
		return SLUICE_INVALID;
	return is_taken(s, ssrc) || is_taken(s, rtx_ssrc) ? SLUICE_EXISTS : 0;
}

/* A BYE that has not left would end the stream that has the SSRC now. */
static void take_bye_back(struct rtp_session *s, uint32_t ssrc) {
	for (unsigned i = 0; i < s->bye_count; i++)
		if (s->byes[i] == ssrc)
			s->byes[i--] = s->byes[--s->bye_count];
}

static void name_ssrc(struct rtp_session *s, uint32_t ssrc, int place) {
	if (!ssrc)
		return;
	take_bye_back(s, ssrc);
	ssrc_map_add(&s->map, ssrc, (unsigned)place);
}

static void forget_ssrc(struct rtp_session *s, uint32_t ssrc) {
	if (!ssrc)
		return;
	ssrc_map_remove(&s->map, ssrc);
	if (s->last_ssrc == ssrc)
		s->last_ssrc = NO_SSRC;
}

/* When more have ended than the session may have, the one that ended first says nothing: its peer ends it by its silence. */
static void queue_bye(struct rtp_session *s, uint32_t ssrc) {
	if (s->bye_count == s->bye_max)
		memmove(s->byes, s->byes + 1, --s->bye_count * sizeof *s->byes);
	s->byes[s->bye_count++] = ssrc;
}

/* RFC 3550, 6.3.7: "a participant which never sent an RTP or RTCP packet MUST NOT send a BYE packet when they leave the group."
 * */
static void say_bye(struct rtp_session *s, const struct rtp_out *out) {
	if (out->sender.next != out->first)
		queue_bye(s, out->sender.ssrc);
	if (out->rtx.next != out->rtx_first)
		queue_bye(s, out->rtx.ssrc);
}

/* The first number that no stream has; *top when all below it have one. */
static unsigned free_number(void *const *streams, unsigned top) {
	unsigned i = 0;
	while (i < top && streams[i])
		i++;
	return i;
}

/* ---- incoming ---- */

static void close_in(struct rtp_session *s, struct rtp_in *in) {
	ccfb_came_close(&in->came, s->env);
	ccfb_came_close(&in->rtx_came, s->env);
	env_free(s->env, in->nack);
	env_free(s->env, in);
}

static int open_in(struct rtp_session *s, struct rtp_in *in) {
	int error = 0;
	if (in->flags & RTP_STAGE_NACK && !(in->nack = env_alloc(s->env, sizeof *in->nack)))
		error = SLUICE_NO_MEMORY;
	if (in->nack)
		nack_generator_init(in->nack, round_trip_of(s));
	if (!error && in->flags & RTP_STAGE_CCFB)
		error = ccfb_came_open(&in->came, s->env, CCFB_CAME);
	if (!error && in->flags & RTP_STAGE_CCFB)
		error = ccfb_came_open(&in->rtx_came, s->env, CCFB_RTX_CAME);
	return error;
}

static struct rtp_in *make_in(struct rtp_session *s, const struct rtp_in_config *c) {
	struct rtp_in *in = env_zalloc(s->env, sizeof *in);
	if (!in)
		return NULL;
	in->flags = c->flags;
	if (open_in(s, in)) {
		close_in(s, in);
		return NULL;
	}
	in->rtx_ssrc = c->rtx_ssrc;
	in->keyframe.uses_fir = c->flags & RTP_STAGE_FIR;
	rtp_receiver_init(&in->receiver, c->ssrc, c->clock_rate, c->probation ? c->probation : 1);
	rtp_receiver_init(&in->rtx_receiver, c->rtx_ssrc, c->clock_rate, 1);
	in->receiver.interval = report_interval(&s->report);
	in->rtx_receiver.interval = in->receiver.interval;
	return in;
}

int rtp_session_add_in(struct rtp_session *s, const struct rtp_in_config *c) {
	int error = c->clock_rate ? check_ssrcs(s, c->ssrc, c->rtx_ssrc) : SLUICE_INVALID;
	if (error)
		return error;
	unsigned i = free_number((void *const *)s->in, s->in_top);
	if (i == s->in_max)
		return SLUICE_LIMIT;
	struct rtp_in *in = make_in(s, c);
	if (!in)
		return SLUICE_NO_MEMORY;
	s->receivers[s->receiver_count++] = &in->receiver;
	if (c->rtx_ssrc)
		s->receivers[s->receiver_count++] = &in->rtx_receiver;
	name_ssrc(s, c->ssrc, (int)i);
	name_ssrc(s, c->rtx_ssrc, place_of_in_rtx(s, i));
	s->in[i] = in;
	s->in_top += i == s->in_top;
	return (int)i;
}

static void drop_receiver(struct rtp_session *s, const struct rtp_receiver *r) {
	for (unsigned i = 0; i < s->receiver_count; i++)
		if (s->receivers[i] == r)
			s->receivers[i] = s->receivers[--s->receiver_count];
}

void rtp_session_remove_in(struct rtp_session *s, int stream) {
	struct rtp_in *in = s->in[stream];
	forget_ssrc(s, in->receiver.ssrc);
	forget_ssrc(s, in->rtx_ssrc);
	drop_receiver(s, &in->receiver);
	drop_receiver(s, &in->rtx_receiver);
	report_forget(&s->report, in->receiver.ssrc);
	close_in(s, in);
	s->in[stream] = NULL;
	while (s->in_top && !s->in[s->in_top - 1])
		s->in_top--;
}

int rtp_session_set_in_rtx(struct rtp_session *s, int stream, uint32_t rtx_ssrc) {
	struct rtp_in *in = s->in[stream];
	int error = check_ssrcs(s, rtx_ssrc, 0);
	if (error)
		return error;
	forget_ssrc(s, in->rtx_ssrc);
	drop_receiver(s, &in->rtx_receiver);
	in->rtx_ssrc = rtx_ssrc;
	rtp_receiver_init(&in->rtx_receiver, rtx_ssrc, in->receiver.clock_rate, 1);
	in->rtx_receiver.interval = in->receiver.interval;
	ccfb_came_clear(&in->rtx_came);
	s->receivers[s->receiver_count++] = &in->rtx_receiver;
	name_ssrc(s, rtx_ssrc, place_of_in_rtx(s, (unsigned)stream));
	return 0;
}

/* ---- outgoing ---- */

/* Stages whose element the peer did not accept are off. */
static void place_elements(const struct rtp_session *s, struct rtp_out *out) {
	const struct rtp_extension_block *b = &out->block;
	out->flags = out->wanted_flags;
	if (!rtp_extension_block_has(b, RTP_EXT_TRANSPORT_CC))
		out->flags &= ~(uint32_t)RTP_STAGE_TWCC;
	if (!rtp_extension_block_has(b, RTP_EXT_ABS_SEND_TIME))
		out->flags &= ~(uint32_t)RTP_STAGE_ABS_SEND_TIME;
	out->transport_cc_at = (uint8_t)rtp_extension_block_place(b, 0, RTP_EXT_TRANSPORT_CC);
	out->abs_send_time_at = (uint8_t)rtp_extension_block_place(b, 0, RTP_EXT_ABS_SEND_TIME);
	unsigned repaired = s->extensions.id_of[RTP_EXT_REPAIRED_RID];
	out->rtx.rid_at = out->rtx.rid_id = 0;
	out->rtx.rid_is_two_byte = b->profile != RTP_EXTENSION_ONE_BYTE;
	if (rtp_extension_block_has(b, RTP_EXT_RID) && repaired && (repaired <= 14 || out->rtx.rid_is_two_byte)) {
		out->rtx.rid_id = (uint8_t)repaired;
		out->rtx.rid_at = (uint8_t)(rtp_extension_block_place(b, 0, RTP_EXT_RID) - (out->rtx.rid_is_two_byte ? 2 : 1));
	}
}

/* The items are kept with their values behind them, because the ids may change. */
static int keep_items(struct rtp_session *s, struct rtp_out *out, const struct rtp_extension_item *items, size_t n) {
	size_t len = n * sizeof *items;
	for (size_t i = 0; i < n; i++)
		len += items[i].value ? items[i].len : 0;
	struct rtp_extension_item *kept = len ? env_alloc(s->env, len) : NULL;
	if (len && !kept)
		return SLUICE_NO_MEMORY;
	if (n)
		memcpy(kept, items, n * sizeof *items);
	uint8_t *at = kept ? (uint8_t *)(kept + n) : NULL;
	for (size_t i = 0; i < n; i++) {
		if (!items[i].value)
			continue;
		memcpy(at, items[i].value, items[i].len);
		kept[i].value = at;
		at += items[i].len;
	}
	env_free(s->env, out->items);
	out->items = kept;
	out->item_count = n;
	return 0;
}

static void close_out(struct rtp_session *s, struct rtp_out *out) {
	rtp_history_close(&out->history, s->env);
	ccfb_sent_close(&out->ccfb, s->env);
	ccfb_sent_close(&out->rtx_ccfb, s->env);
	env_free(s->env, out->items);
	env_free(s->env, out);
}

static int open_out(struct rtp_session *s, struct rtp_out *out, const struct rtp_out_config *c) {
	int error = rtp_extension_block_make(&out->block, &s->extensions, c->items, c->item_count);
	if (!error)
		error = keep_items(s, out, c->items, c->item_count);
	if (!error && c->flags & RTP_STAGE_CCFB)
		error = ccfb_sent_open(&out->ccfb, s->env, CCFB_PACKETS);
	if (!error && c->flags & RTP_STAGE_CCFB)
		error = ccfb_sent_open(&out->rtx_ccfb, s->env, CCFB_RTX_PACKETS);
	if (!error && c->flags & RTP_STAGE_NACK)
		error = rtp_history_open(&out->history, s->env, c->history ? c->history : RTP_HISTORY_PACKETS,
		                         c->header_max ? c->header_max : 96);
	return error;
}

/* Everything that counts from the first packet of an SSRC. */
static void begin_out(struct rtp_session *s, struct rtp_out *out, uint32_t clock_rate, const struct rtp_out_ssrcs *c) {
	uint64_t byte_ns = out->responder.byte_ns;
	rtp_sender_init(&out->sender, c->ssrc, clock_rate, c->first);
	nack_responder_init(&out->responder, round_trip_of(s));
	out->history.keep = rtp_history_keep(round_trip_of(s));
	out->responder.byte_ns = byte_ns;
	out->keyframe = (struct keyframe_answer){0};
	out->rtx.ssrc = c->rtx_ssrc;
	out->rtx.next = out->rtx_first = SERIAL_ORIGIN + c->rtx_first;
	out->first = out->layout_from = out->sender.next;
}

static void name_out(struct rtp_session *s, unsigned i) {
	name_ssrc(s, s->out[i]->sender.ssrc, place_of_out(s, i));
	name_ssrc(s, s->out[i]->rtx.ssrc, place_of_out_rtx(s, i));
}

static void forget_out(struct rtp_session *s, const struct rtp_out *out) {
	say_bye(s, out);
	forget_ssrc(s, out->sender.ssrc);
	forget_ssrc(s, out->rtx.ssrc);
}

int rtp_session_add_out(struct rtp_session *s, const struct rtp_out_config *c) {
	int error = c->clock_rate ? check_ssrcs(s, c->ssrc, c->rtx_ssrc) : SLUICE_INVALID;
	if (!error && ((c->history & (c->history - 1)) || c->history > 65536 / 2 || c->header_max > 510 ||
	               (c->header_max && c->header_max < RTP_HISTORY_HEADER)))
		error = SLUICE_INVALID;
	if (error)
		return error;
	unsigned i = free_number((void *const *)s->out, s->out_top);
	if (i == s->out_max)
		return SLUICE_LIMIT;
	struct rtp_out *out = env_zalloc(s->env, sizeof *out);
	if (!out)
		return SLUICE_NO_MEMORY;
	error = open_out(s, out, c);
	if (error) {
		close_out(s, out);
		return error;
	}
	out->wanted_flags = c->flags;
	begin_out(s, out, c->clock_rate, &(struct rtp_out_ssrcs){c->ssrc, c->rtx_ssrc, c->first, c->rtx_first});
	place_elements(s, out);
	s->senders[s->sender_count++] = &out->sender;
	s->out[i] = out;
	name_out(s, i);
	s->out_top += i == s->out_top;
	return (int)i;
}

void rtp_session_remove_out(struct rtp_session *s, int stream) {
	struct rtp_out *out = s->out[stream];
	forget_out(s, out);
	for (unsigned i = 0; i < s->sender_count; i++)
		if (s->senders[i] == &out->sender)
			s->senders[i] = s->senders[--s->sender_count];
	close_out(s, out);
	s->out[stream] = NULL;
	while (s->out_top && !s->out[s->out_top - 1])
		s->out_top--;
}

/* ---- changes ---- */

/* Lays the stream's block out for a map. What was written into the old block since is kept. */
static int lay_out(const struct rtp_out *out, const struct rtp_extension_map *m, const struct rtp_extension_item *items, size_t n,
                   struct rtp_extension_block *b) {
	int error = rtp_extension_block_make(b, m, items, n);
	for (size_t i = 0; !error && i < n; i++) {
		enum rtp_extension kind = items[i].kind;
		if (rtp_extension_block_has(b, kind) && rtp_extension_block_has(&out->block, kind))
			memcpy(b->bytes + b->place[kind], out->block.bytes + out->block.place[kind], items[i].len);
	}
	return error;
}

static bool is_same_layout(const struct rtp_extension_block *a, const struct rtp_extension_block *b) {
	return a->profile == b->profile && a->present == b->present && a->len == b->len &&
	       memcmp(a->place, b->place, sizeof a->place) == 0;
}

static void use_layout(const struct rtp_session *s, struct rtp_out *out, const struct rtp_extension_block *block) {
	if (!is_same_layout(block, &out->block))
		out->layout_from = out->sender.next;
	out->block = *block;
	place_elements(s, out);
}

int rtp_session_set_extensions(struct rtp_session *s, const struct rtp_extension_map *m) {
	struct rtp_extension_block block;
	for (unsigned i = 0; i < s->out_top; i++)
		if (s->out[i] && lay_out(s->out[i], m, s->out[i]->items, s->out[i]->item_count, &block))
			return SLUICE_NO_SPACE;
	s->extensions = *m;
	s->has_twcc = m->id_of[RTP_EXT_TRANSPORT_CC] != 0;
	for (unsigned i = 0; i < s->out_top; i++) {
		struct rtp_out *out = s->out[i];
		if (out && lay_out(out, m, out->items, out->item_count, &block) == 0)
			use_layout(s, out, &block);
	}
	return 0;
}

int rtp_session_set_items(struct rtp_session *s, int out_stream, const struct rtp_extension_item *items, size_t n) {
	struct rtp_out *out = s->out[out_stream];
	struct rtp_extension_block block;
	int error = lay_out(out, &s->extensions, items, n, &block);
	if (!error)
		error = keep_items(s, out, items, n);
	if (!error)
		use_layout(s, out, &block);
	return error;
}

void rtp_session_set_compound(struct rtp_session *s, bool compound) {
	s->compound = compound;
}

void rtp_session_set_rtx(struct rtp_session *s, const struct rtx_types *in, const struct rtx_types *out) {
	s->rtx_in = *in;
	s->rtx_out = *out;
}

/* ---- collisions ---- */

/* RFC 3550, 8.2: "If a source discovers at any time that another source is using the same SSRC identifier as its own, it MUST
 * send an RTCP BYE packet for the old identifier and choose another random one. (As explained below, this step is taken only
 * once in case of a loop.)" Our own packets that come back follow each new SSRC. So a conflict lasts as long as such packets
 * come, and its owner hears of the first one alone. The record belongs to the number, not to the stream: a stream that was
 * added anew in the place of the removed one goes on with it. */
void session_collision(struct rtp_session *s, int place, uint64_t now) {
	unsigned i = out_of_place(s, place);
	bool is_new = s->conflict_ends[i] <= now;
	s->collisions++;
	s->conflict_ends[i] = now + CONFLICT;
	if (!is_new)
		return;
	*(i < s->out_max ? &s->out[i]->has_collision : &s->has_collision) = true;
	s->has_events = true;
}

static int change_own(struct rtp_session *s, uint32_t ssrc) {
	if (s->has_spoken)
		queue_bye(s, s->report.ssrc);
	s->has_spoken = false;
	forget_ssrc(s, s->report.ssrc);
	s->report.ssrc = ssrc;
	name_ssrc(s, ssrc, place_of_own(s));
	return 0;
}

int rtp_session_change_ssrcs(struct rtp_session *s, int stream, const struct rtp_out_ssrcs *c) {
	int error = check_ssrcs(s, c->ssrc, c->rtx_ssrc);
	if (error || stream < 0)
		return error ? error : change_own(s, c->ssrc);
	struct rtp_out *out = s->out[stream];
	forget_out(s, out);
	rtp_history_clear(&out->history);
	begin_out(s, out, out->sender.clock_rate, c);
	name_out(s, (unsigned)stream);
	return 0;
}
