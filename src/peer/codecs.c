#include "peer/codecs.h"

#include <stdio.h>
#include <string.h>

#include "sluice/error.h"

/* ---- what we have ---------------------------------------------------------------------------------------------------- */

#define VIDEO_FEEDBACK (SDP_FB_NACK | SDP_FB_NACK_PLI | SDP_FB_CCM_FIR | SDP_FB_REMB | SDP_FB_TRANSPORT_CC)
#define AUDIO_FEEDBACK (SDP_FB_NACK | SDP_FB_TRANSPORT_CC)

/* The numbers are those that Chromium gives, where it has one. RFC 3551, 6 fixes those of PCMU and PCMA. */
static const struct own {
	enum sluice_codec codec; /* NONE: of RED, which comes with Opus */
	enum sdp_codec_name name;
	uint8_t type, rtx;
	const char *fmtp;
	/* As sluice_codec_preference names it. */
	const char *profile;
	uint8_t packetization_mode;
} own[] = {
	{SLUICE_CODEC_OPUS, SDP_CODEC_OPUS, 111, 0, "minptime=10;useinbandfec=1", NULL, 0},
	{SLUICE_CODEC_NONE, SDP_CODEC_RED, 63, 0, NULL, NULL, 0},
	{SLUICE_CODEC_PCMU, SDP_CODEC_PCMU, 0, 0, NULL, NULL, 0},
	{SLUICE_CODEC_PCMA, SDP_CODEC_PCMA, 8, 0, NULL, NULL, 0},
	{SLUICE_CODEC_VP8, SDP_CODEC_VP8, 96, 97, NULL, NULL, 0},
	{SLUICE_CODEC_VP9, SDP_CODEC_VP9, 98, 99, "profile-id=0", "0", 0},
	{SLUICE_CODEC_VP9, SDP_CODEC_VP9, 100, 101, "profile-id=2", "2", 0},
#define H264(mode, profile) "level-asymmetry-allowed=1;packetization-mode=" mode ";profile-level-id=" profile
	{SLUICE_CODEC_H264, SDP_CODEC_H264, 108, 109, H264("1", "42e01f"), "42e01f", 1},
	{SLUICE_CODEC_H264, SDP_CODEC_H264, 114, 115, H264("0", "42e01f"), "42e01f", 0},
	{SLUICE_CODEC_H264, SDP_CODEC_H264, 102, 103, H264("1", "42001f"), "42001f", 1},
	{SLUICE_CODEC_H264, SDP_CODEC_H264, 104, 107, H264("0", "42001f"), "42001f", 0},
#undef H264
	{SLUICE_CODEC_AV1, SDP_CODEC_AV1, 45, 46, "level-idx=5;profile=0;tier=0", "0", 0},
};
#define ROWS (sizeof own / sizeof *own)
_Static_assert(ROWS <= CODECS_OWN_MAX, "a wish holds every row");

#define ROW_RED 1

static bool is_audio(const struct own *o) {
	return o->codec == SLUICE_CODEC_NONE || sluice_codec_kind(o->codec) == SLUICE_AUDIO;
}

static struct sdp_codec as_sdp(const struct own *o) {
	bool stereo = o->name == SDP_CODEC_OPUS || o->name == SDP_CODEC_RED;
	return (struct sdp_codec){
		.fmtp = sdp_slice_of(o->fmtp),
		.clock = o->name == SDP_CODEC_RED ? 48000 : sluice_codec_clock_rate(o->codec),
		.name = o->name,
		.type = o->type,
		.channels = stereo ? 2 : 1,
		.feedback = o->name == SDP_CODEC_RED ? 0
	                    : is_audio(o)            ? AUDIO_FEEDBACK
	                                             : VIDEO_FEEDBACK,
	};
}

/* ---- wishes ---------------------------------------------------------------------------------------------------------- */

void codecs_wish_default(enum sluice_media_kind kind, struct codecs_wish *out) {
	out->count = 0;
	for (size_t i = 0; i < ROWS; i++)
		if (is_audio(&own[i]) == (kind == SLUICE_AUDIO))
			out->rows[out->count++] = (uint8_t)i;
}

static bool is_wished(const struct own *o, const sluice_codec_preference *c) {
	if (o->codec != c->codec)
		return false;
	return !c->profile || (o->profile && strcmp(o->profile, c->profile) == 0 &&
	                       (o->codec != SLUICE_CODEC_H264 || o->packetization_mode == c->packetization_mode));
}

static bool has_row(const struct codecs_wish *w, size_t row) {
	return memchr(w->rows, (int)row, w->count) != NULL;
}

static bool add_wished(struct codecs_wish *w, const sluice_codec_preference *c) {
	bool any = false;
	for (size_t i = 0; i < ROWS; i++) {
		if (!is_wished(&own[i], c))
			continue;
		any = true;
		if (!has_row(w, i))
			w->rows[w->count++] = (uint8_t)i;
	}
	return any;
}

int codecs_wish_read(enum sluice_media_kind kind, const sluice_codec_preference *codecs, size_t count, struct codecs_wish *out) {
	struct codecs_wish w = {.count = 0};
	for (size_t i = 0; i < count; i++) {
		bool fits = codecs[i].codec != SLUICE_CODEC_NONE && sluice_codec_kind(codecs[i].codec) == kind;
		if (!fits || !add_wished(&w, &codecs[i]))
			return SLUICE_INVALID;
		if (codecs[i].codec == SLUICE_CODEC_OPUS && !has_row(&w, ROW_RED))
			w.rows[w.count++] = ROW_RED;
	}
	*out = w;
	return 0;
}

/* ---- numbers --------------------------------------------------------------------------------------------------------- */

/* What `of` holds: a row is 2 * row + 2, its RTX one more. */
#define TYPE_FREE 0
#define TYPE_FOREIGN 1

static uint8_t meaning(size_t row, bool rtx) {
	return (uint8_t)(2 * row + 2 + rtx);
}

/* -1: there is none. */
static int find_type(const struct codecs_types *t, uint8_t what) {
	for (int i = 0; i < 128; i++)
		if (t->of[i] == what)
			return i;
	return -1;
}

/* Another number of a codec that has one stays unused: neither the codec's number nor the meaning of any number may change (RFC
 * 3264, 8.3.2). */
static void learn(struct codecs_types *t, uint8_t type, uint8_t what) {
	if (t->of[type] == TYPE_FREE)
		t->of[type] = find_type(t, what) < 0 ? what : TYPE_FOREIGN;
}

/* ROWS: none. */
static size_t row_of(const struct sdp_codec *theirs) {
	size_t i = 0;
	for (; i < ROWS; i++) {
		struct sdp_codec ours = as_sdp(&own[i]);
		if (sdp_codecs_match(&ours, theirs))
			break;
	}
	return i;
}

void codecs_learn(struct codecs_types *types, const struct sdp_rtp *theirs) {
	for (size_t i = 0; i < theirs->codec_count; i++) {
		const struct sdp_codec *c = &theirs->codecs[i];
		const struct sdp_codec *repaired = NULL;
		if (c->name == SDP_CODEC_RTX && c->has_apt)
			repaired = sdp_rtp_codec(theirs, c->apt);
		size_t row = repaired ? row_of(repaired) : row_of(c);
		learn(types, c->type, row < ROWS ? meaning(row, repaired != NULL) : TYPE_FOREIGN);
	}
}

void codecs_recall(struct codecs_types *types, const struct codecs_list *ours) {
	for (size_t i = 0; i < ours->count; i++)
		learn(types, ours->of[i].sdp.type, meaning(ours->of[i].row, ours->of[i].sdp.name == SDP_CODEC_RTX));
}

static int take_first(const struct codecs_types *t, int from, int to) {
	for (int i = from; i <= to; i++)
		if (t->of[i] == TYPE_FREE)
			return i;
	return -1;
}

/* RFC 5761, 4: with RTCP on the same port, 64 to 95 look like RTCP. RFC 3551, 6 has 96 to 127 for dynamic types, and those below
 * 64 that it does not assign may be used when these run out (RFC 9429, 5.2.1 has no rule of its own). */
static int give_type(struct codecs_types *t, uint8_t wanted, uint8_t what) {
	int type = find_type(t, what);
	if (type < 0)
		type = t->of[wanted] == TYPE_FREE ? wanted : -1;
	if (type < 0 && wanted >= 35) {
		type = take_first(t, 96, 127);
		type = type < 0 ? take_first(t, 35, 63) : type;
	}
	if (type >= 0)
		t->of[type] = what;
	return type;
}

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static struct codecs_chosen *add(struct codecs_list *l, const struct own *o, uint8_t type) {
	struct codecs_chosen *c = &l->of[l->count++];
	*c = (struct codecs_chosen){.sdp = as_sdp(o), .row = (uint8_t)(o - own)};
	c->sdp.type = type;
	c->sdp.fmtp = (struct sdp_slice){0};
	snprintf(c->fmtp, sizeof c->fmtp, "%s", o->fmtp ? o->fmtp : "");
	return c;
}

static void add_rtx(struct codecs_list *l, uint8_t row, uint8_t type, uint8_t apt) {
	struct codecs_chosen *c = &l->of[l->count++];
	*c = (struct codecs_chosen){.row = row,
	                            .sdp = {.name = SDP_CODEC_RTX, .clock = 90000, .channels = 1, .type = type, .has_apt = true}};
	c->sdp.apt = apt;
}

static const struct codecs_chosen *find_codec(const struct codecs_list *l, enum sdp_codec_name name) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].sdp.name == name)
			return &l->of[i];
	return NULL;
}

static void offer_row(size_t row, bool ccfb, struct codecs_types *types, struct codecs_list *out) {
	const struct own *o = &own[row];
	const struct codecs_chosen *opus = find_codec(out, SDP_CODEC_OPUS);
	int type = o->name == SDP_CODEC_RED && !opus ? -1 : give_type(types, o->type, meaning(row, false));
	if (type < 0)
		return;
	struct codecs_chosen *c = add(out, o, (uint8_t)type);
	if (ccfb && c->sdp.feedback)
		c->sdp.feedback ^= SDP_FB_TRANSPORT_CC | SDP_FB_CCFB;
	if (o->name == SDP_CODEC_RED) {
		c->sdp.apt = opus->sdp.type;
		c->sdp.has_apt = true;
	}
	int rtx = o->rtx ? give_type(types, o->rtx, meaning(row, true)) : -1;
	if (rtx >= 0)
		add_rtx(out, (uint8_t)row, (uint8_t)rtx, (uint8_t)type);
}

void codecs_offer(const struct codecs_wish *wish, bool ccfb, struct codecs_types *types, struct codecs_list *out) {
	out->count = 0;
	for (size_t i = 0; i < wish->count; i++)
		offer_row(wish->rows[i], ccfb, types, out);
}

/* ---- what both have -------------------------------------------------------------------------------------------------- */

/* RFC 6184, 8.2.2: the profile is the same in both directions; the level may differ where both allow that. */
static void write_h264(struct codecs_chosen *c, const struct sdp_codec *theirs) {
	struct sdp_h264 a, b;
	char id[7];
	if (!sdp_h264_read(sdp_slice_of(c->fmtp), &a) || !sdp_h264_read(theirs->fmtp, &b))
		return;
	sdp_h264_profile_level_id(a.profile, sdp_h264_answer_level(&a, &b), id);
	snprintf(c->fmtp, sizeof c->fmtp, "level-asymmetry-allowed=1;packetization-mode=%u;profile-level-id=%s", a.packetization,
	         id);
}

/* We can report by RFC 8888 too. An answer that has transport-cc does without: browsers that offer both take either. */
static unsigned feedback_taken(const struct codecs_chosen *ours, const struct sdp_codec *theirs) {
	unsigned both = (ours->sdp.feedback ? ours->sdp.feedback | SDP_FB_CCFB : 0u) & theirs->feedback;
	return both & SDP_FB_TRANSPORT_CC ? both & ~(unsigned)SDP_FB_CCFB : both;
}

static bool is_taken(const struct codecs_list *l, size_t row) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].row == row)
			return true;
	return false;
}

static void take(size_t row, const struct sdp_codec *theirs, const struct sdp_rtp *rtp, struct codecs_list *out) {
	struct codecs_chosen *c = add(out, &own[row], theirs->type);
	c->sdp.feedback = (uint8_t)feedback_taken(c, theirs);
	if (c->sdp.name == SDP_CODEC_H264)
		write_h264(c, theirs);
	const struct sdp_codec *rtx = own[row].rtx ? sdp_rtp_rtx(rtp, theirs->type) : NULL;
	if (rtx && rtx->clock == c->sdp.clock)
		add_rtx(out, (uint8_t)row, rtx->type, theirs->type);
}

static void take_by_wish(const struct codecs_wish *wish, const struct sdp_rtp *theirs, struct codecs_list *out) {
	for (size_t i = 0; i < wish->count; i++)
		for (size_t k = 0; k < theirs->codec_count; k++)
			if (wish->rows[i] != ROW_RED && !is_taken(out, wish->rows[i]) &&
			    row_of(&theirs->codecs[k]) == wish->rows[i])
				take(wish->rows[i], &theirs->codecs[k], theirs, out);
}

static void take_by_theirs(const struct codecs_wish *wish, const struct sdp_rtp *theirs, struct codecs_list *out) {
	for (size_t k = 0; k < theirs->codec_count; k++) {
		size_t row = row_of(&theirs->codecs[k]);
		if (row < ROWS && row != ROW_RED && has_row(wish, row) && !is_taken(out, row))
			take(row, &theirs->codecs[k], theirs, out);
	}
}

/* RFC 2198: its blocks have to be of the Opus that was taken. */
static void take_red(const struct sdp_rtp *theirs, struct codecs_list *out) {
	const struct codecs_chosen *opus = find_codec(out, SDP_CODEC_OPUS);
	for (size_t k = 0; opus && k < theirs->codec_count; k++) {
		const struct sdp_codec *c = &theirs->codecs[k];
		if (row_of(c) != ROW_RED || !c->has_apt || c->apt != opus->sdp.type)
			continue;
		struct codecs_chosen *red = add(out, &own[ROW_RED], c->type);
		red->sdp.apt = c->apt;
		red->sdp.has_apt = true;
		return;
	}
}

void codecs_take(const struct codecs_wish *wish, bool by_wish, const struct sdp_rtp *theirs, struct codecs_list *out) {
	out->count = 0;
	if (by_wish)
		take_by_wish(wish, theirs, out);
	else
		take_by_theirs(wish, theirs, out);
	if (has_row(wish, ROW_RED))
		take_red(theirs, out);
}

static uint8_t feedback_of(const struct codecs_list *l, const struct codecs_chosen *c) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].row == c->row && l->of[i].sdp.name == c->sdp.name)
			return l->of[i].sdp.feedback;
	return 0;
}

void codecs_take_offered(const struct codecs_list *offered, const struct sdp_rtp *theirs, struct codecs_list *out) {
	struct codecs_wish rows = {.count = 0};
	for (size_t i = 0; i < offered->count; i++)
		if (!has_row(&rows, offered->of[i].row))
			rows.rows[rows.count++] = offered->of[i].row;
	codecs_take(&rows, false, theirs, out);
	/* What an answer has beyond the offer was not asked for. */
	for (size_t i = 0; i < out->count; i++)
		out->of[i].sdp.feedback &= feedback_of(offered, &out->of[i]);
}

bool codecs_have_ccfb(const struct codecs_list *list) {
	for (size_t i = 0; i < list->count; i++)
		if (list->of[i].sdp.feedback & SDP_FB_CCFB)
			return true;
	return false;
}

static const struct codecs_chosen *find_row(const struct codecs_list *l, uint8_t row, enum sdp_codec_name name) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].row == row && l->of[i].sdp.name == name)
			return &l->of[i];
	return NULL;
}

void codecs_as_offered(const struct codecs_list *offered, const struct codecs_list *taken, struct codecs_list *out) {
	out->count = 0;
	for (size_t i = 0; i < taken->count; i++) {
		const struct codecs_chosen *theirs = &taken->of[i];
		const struct codecs_chosen *ours = find_row(offered, theirs->row, theirs->sdp.name);
		if (!ours)
			continue;
		struct codecs_chosen *c = &out->of[out->count++];
		*c = *ours;
		c->sdp.feedback = theirs->sdp.feedback;
	}
}

/* ---- for a track ----------------------------------------------------------------------------------------------------- */

static uint8_t partner(const struct codecs_list *l, enum sdp_codec_name name, uint8_t type) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].sdp.name == name && l->of[i].sdp.has_apt && l->of[i].sdp.apt == type)
			return l->of[i].sdp.type;
	return 0;
}

size_t codecs_config(const struct codecs_list *list, sluice_codec_config out[SLUICE_TRACK_CODECS_MAX]) {
	size_t n = 0;
	for (size_t i = 0; i < list->count && n < SLUICE_TRACK_CODECS_MAX; i++) {
		const struct sdp_codec *c = &list->of[i].sdp;
		const struct own *o = &own[list->of[i].row];
		if (c->name != o->name || o->codec == SLUICE_CODEC_NONE)
			continue;
		out[n++] = (sluice_codec_config){
			.codec = o->codec,
			.payload_type = c->type,
			.rtx_payload_type = partner(list, SDP_CODEC_RTX, c->type),
			.red_payload_type = o->codec == SLUICE_CODEC_OPUS ? partner(list, SDP_CODEC_RED, c->type) : 0,
			.packetization_mode = o->packetization_mode,
			.nack = c->feedback & SDP_FB_NACK,
			.pli = c->feedback & SDP_FB_NACK_PLI,
			.fir = c->feedback & SDP_FB_CCM_FIR,
			.remb = c->feedback & SDP_FB_REMB,
			.transport_cc = c->feedback & SDP_FB_TRANSPORT_CC,
			.ccfb = c->feedback & SDP_FB_CCFB,
		};
	}
	return n;
}
