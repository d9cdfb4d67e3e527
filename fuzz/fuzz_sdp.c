/* fuzz_sdp: can a stranger break the reading or writing of descriptions? The input is read and validated. Our answer to it must
 * be readable, with the same sections, and an offer made of what was read must give the same when it is read. That holds for the
 * data section and for each audio and video section. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "sdp/sdp.h"
#include "sluice/error.h"

#define TEXT_MAX (1 << 16)
#define PWD "0123456789abcdefghijklmn"

static sluice_env *env;

static bool same(struct sdp_slice a, struct sdp_slice b) {
	return (a.s == NULL) == (b.s == NULL) && a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static bool lies_in(struct sdp_slice s, const struct sdp *sdp) {
	const char *text = sdp->text;
	size_t len = sdp->len;
	return !s.s || (s.s >= text && s.s + s.len <= text + len && !memchr(s.s, '\n', s.len) && !memchr(s.s, '\r', s.len));
}

static void transport_is_right(const struct sdp *sdp, const struct sdp_transport *t) {
	MUST(t->candidate_count <= SDP_CANDIDATES_MAX && t->fingerprint_count <= SDP_FINGERPRINTS_MAX);
	for (size_t i = 0; i < t->candidate_count; i++)
		MUST(lies_in(t->candidates[i], sdp) && t->candidates[i].len > 10 &&
		     !memcmp(t->candidates[i].s, "candidate:", 10));
	for (size_t i = 0; i < t->fingerprint_count; i++)
		MUST(lies_in(t->fingerprints[i], sdp));
	MUST(lies_in(t->ufrag, sdp) && lies_in(t->pwd, sdp));
	MUST((!t->ufrag.s || t->ufrag.len >= 4) && (!t->pwd.s || t->pwd.len >= 22));
}

static bool is_media(const struct sdp_section *s) {
	return s->kind == SDP_AUDIO || s->kind == SDP_VIDEO;
}

static void codecs_are_right(const struct sdp *sdp, const struct sdp_rtp *rtp) {
	bool seen[128] = {false};
	MUST(rtp->codec_count <= SDP_CODECS_MAX);
	for (size_t i = 0; i < rtp->codec_count; i++) {
		const struct sdp_codec *c = &rtp->codecs[i];
		MUST(c->type < 128 && !seen[c->type] && c->name < SDP_CODEC_NAMES && c->clock && c->channels && c->apt < 128);
		MUST(lies_in(c->fmtp, sdp) && (!c->fmtp.s || c->fmtp.len) && c->feedback < 1 << SDP_FEEDBACKS);
		MUST(sdp_codecs_match(c, c) || c->name == SDP_CODEC_OTHER || c->name == SDP_CODEC_H264 ||
		     c->name == SDP_CODEC_VP9 || c->name == SDP_CODEC_AV1);
		MUST(sdp_rtp_codec(rtp, c->type) == c);
		seen[c->type] = true;
	}
}

static void extensions_are_right(const struct sdp *sdp, const struct sdp_rtp *rtp) {
	bool seen[256] = {[0] = true, [15] = true};
	MUST(rtp->extension_count <= SDP_EXTENSIONS_MAX);
	for (size_t i = 0; i < rtp->extension_count; i++) {
		const struct sdp_extension *e = &rtp->extensions[i];
		MUST(!seen[e->id] && lies_in(e->uri, sdp) && e->uri.len && e->direction <= SDP_SENDRECV);
		seen[e->id] = true;
	}
}

static void sources_are_right(const struct sdp *sdp, const struct sdp_rtp *rtp) {
	MUST(rtp->msid_count <= SDP_MSIDS_MAX && rtp->ssrc_count <= SDP_SSRCS_MAX && rtp->group_count <= SDP_SSRC_GROUPS_MAX);
	for (size_t i = 0; i < rtp->msid_count; i++)
		MUST(lies_in(rtp->msids[i].stream, sdp) && lies_in(rtp->msids[i].track, sdp));
	for (size_t i = 0; i < rtp->ssrc_count; i++) {
		MUST(lies_in(rtp->ssrcs[i].cname, sdp));
		for (size_t k = 0; k < i; k++)
			MUST(rtp->ssrcs[k].ssrc != rtp->ssrcs[i].ssrc);
	}
	for (size_t i = 0; i < rtp->group_count; i++)
		MUST(rtp->groups[i].count >= 1 && rtp->groups[i].count <= SDP_GROUP_SSRCS_MAX &&
		     (rtp->groups[i].semantics == SDP_SIM || rtp->groups[i].count == 2));
}

/* Is there a rid with this place? */
static bool has_place(const struct sdp_rtp *rtp, bool send, int layer, int alternative) {
	for (size_t i = 0; i < rtp->rid_count; i++) {
		const struct sdp_rid *r = &rtp->rids[i];
		if (r->send == send && r->layer == layer && r->alternative == alternative)
			return true;
	}
	return false;
}

/* Layers and alternatives have no gaps. */
static void rids_are_right(const struct sdp *sdp, const struct sdp_rtp *rtp) {
	MUST(rtp->rid_count <= SDP_RIDS_MAX);
	for (size_t i = 0; i < rtp->rid_count; i++) {
		const struct sdp_rid *r = &rtp->rids[i];
		MUST(lies_in(r->id, sdp) && r->id.len && r->id.len <= SDP_RID_LEN_MAX && lies_in(r->restrictions, sdp));
		MUST(r->layer || (!r->alternative && !r->paused));
		MUST(r->layer <= 1 || has_place(rtp, r->send, r->layer - 1, 0));
		MUST(r->alternative == 0 || has_place(rtp, r->send, r->layer, r->alternative - 1));
		for (size_t k = 0; k < i; k++)
			MUST(!same(rtp->rids[k].id, r->id));
	}
}

static void section_is_right(const struct sdp *sdp, const struct sdp_section *s) {
	MUST(lies_in(s->media, sdp) && lies_in(s->proto, sdp) && lies_in(s->formats, sdp) && lies_in(s->mid, sdp));
	MUST(s->media.len && s->proto.len && s->formats.len);
	MUST(!s->bundled || s->mid.s);
	MUST(!s->fault.text == !s->fault.line);
	MUST(lies_in(s->sctp_init, sdp));
	transport_is_right(sdp, &s->transport);
	codecs_are_right(sdp, &s->rtp);
	extensions_are_right(sdp, &s->rtp);
	sources_are_right(sdp, &s->rtp);
	rids_are_right(sdp, &s->rtp);
	MUST(is_media(s) || s->rtp.codec_count + s->rtp.extension_count + s->rtp.msid_count + s->rtp.ssrc_count +
	                                    s->rtp.group_count + s->rtp.rid_count ==
	                            0);
}

static int index_of(const struct sdp *sdp, enum sdp_kind kind) {
	const struct sdp_section *s = sdp_first(sdp, kind);
	return s ? (int)(s - sdp->sections) : -1;
}

/* Asserts what holds for every description that was read. */
static void read_right(const struct sdp *sdp) {
	MUST(sdp->section_count <= SDP_SECTIONS_MAX);
	transport_is_right(sdp, &sdp->session);
	MUST(sdp->bundle_count <= sdp->section_count);
	for (size_t i = 0; i < sdp->bundle_count; i++)
		MUST(sdp->bundle[i] < sdp->section_count && sdp->sections[sdp->bundle[i]].bundled);
	for (size_t i = 0; i < sdp->section_count; i++)
		section_is_right(sdp, &sdp->sections[i]);
	for (int i = 0; i < index_of(sdp, SDP_DATA); i++)
		MUST(sdp->sections[i].kind != SDP_DATA || sdp->sections[i].rejected);
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	MUST(!data || (data->kind == SDP_DATA && !data->rejected && !data->fault.text));
}

/* Writes d, reads it, judges it. */
static struct sdp *written(const struct sdp_description *d, bool is_answer) {
	static char space[TEXT_MAX];
	struct sdp *sdp;
	struct sdp_fault fault;
	int len = sdp_format(d, space, TEXT_MAX);
	MUST(len > 0 && strlen(space) == (size_t)len);
	if (sdp_parse(env, space, (size_t)len, &sdp, &fault) != 0) {
		fprintf(stderr, "line %u: %s\n%s", fault.line, fault.text, space);
		abort();
	}
	read_right(sdp);
	MUST(!sdp_first(sdp, SDP_DATA) || sdp_validate(sdp, is_answer, NULL) == 0);
	return sdp;
}

/* Answers the first data section, or rejects every section. */
static void answer(const struct sdp *offer, bool reject) {
	static const char *const fingerprints[] = {"sha-256 00:11"};
	const struct sdp_section *data = sdp_first(offer, SDP_DATA);
	struct sdp_own_section own = {.answers = data ? (size_t)(data - offer->sections) : 0,
	                              .ufrag = "abcd",
	                              .pwd = PWD,
	                              .fingerprints = fingerprints,
	                              .fingerprint_count = 1,
	                              .setup = SDP_SETUP_ACTIVE,
	                              .sctp_port = 5000,
	                              .max_message_size = 262144};
	struct sdp_description d = {.session_id = 1, .offer = offer, .sections = &own, .section_count = data && !reject};
	struct sdp *back = written(&d, true);
	int accepted = index_of(back, SDP_DATA);
	MUST(back->section_count == offer->section_count && accepted == (reject ? -1 : index_of(offer, SDP_DATA)));
	for (size_t i = 0; i < back->section_count; i++) {
		MUST(same(back->sections[i].media, offer->sections[i].media) &&
		     same(back->sections[i].proto, offer->sections[i].proto));
		MUST(same(back->sections[i].mid, offer->sections[i].mid));
		MUST(back->sections[i].rejected == ((int)i != accepted));
	}
	MUST(accepted < 0 || back->sections[accepted].bundled == data->bundled);
	sdp_free(env, back);
}

static const char *text_of(struct sdp_slice s, char **at) {
	char *start = *at;
	if (!s.s)
		return NULL;
	memcpy(start, s.s, s.len);
	start[s.len] = 0;
	*at += s.len + 1;
	return start;
}

static void same_transport(const struct sdp_transport *a, const struct sdp_transport *b) {
	MUST(same(a->ufrag, b->ufrag) && same(a->pwd, b->pwd));
	MUST(a->setup == b->setup && a->trickle == b->trickle && a->sped == b->sped);
	MUST(a->candidate_count == b->candidate_count && a->fingerprint_count == b->fingerprint_count);
	for (size_t i = 0; i < a->candidate_count; i++)
		MUST(same(a->candidates[i], b->candidates[i]));
	for (size_t i = 0; i < a->fingerprint_count; i++)
		MUST(same(a->fingerprints[i], b->fingerprints[i]));
}

/* The data section that was read, offered by us. */
static void offer_again(const struct sdp *sdp, const struct sdp_section *data) {
	static char strings[TEXT_MAX];
	const struct sdp_transport *t = &data->transport;
	const char *candidates[SDP_CANDIDATES_MAX], *fingerprints[SDP_FINGERPRINTS_MAX];
	char *at = strings;
	for (size_t i = 0; i < t->candidate_count; i++)
		candidates[i] = text_of(t->candidates[i], &at);
	for (size_t i = 0; i < t->fingerprint_count; i++)
		fingerprints[i] = text_of(t->fingerprints[i], &at);
	struct sdp_own_section own = {.mid = text_of(data->mid, &at),
	                              .ufrag = text_of(t->ufrag, &at),
	                              .pwd = text_of(t->pwd, &at),
	                              .trickle = t->trickle,
	                              .sped = t->sped,
	                              .fingerprints = fingerprints,
	                              .fingerprint_count = t->fingerprint_count,
	                              .setup = t->setup,
	                              .candidates = candidates,
	                              .candidate_count = t->candidate_count,
	                              .end_of_candidates = t->end_of_candidates,
	                              .sctp_port = data->sctp_port,
	                              .max_message_size = data->max_message_size,
	                              .sctp_init = text_of(data->sctp_init, &at)};
	struct sdp_description d = {.ice_lite = sdp->ice_lite, .sections = &own, .section_count = 1};
	struct sdp *back = written(&d, false);
	const struct sdp_section *mine = sdp_first(back, SDP_DATA);
	MUST(mine == back->sections && same(mine->mid, data->mid) && same(mine->sctp_init, data->sctp_init));
	MUST(mine->sctp_port == data->sctp_port && mine->max_message_size == data->max_message_size);
	MUST(back->ice_lite == sdp->ice_lite);
	same_transport(&mine->transport, t);
	sdp_free(env, back);
}

/* ---- audio and video ---- */

/* RFC 8888, 6: it is said of all payload types. */
static unsigned ccfb_of(const struct sdp_rtp *rtp) {
	unsigned bits = 0;
	for (size_t i = 0; i < rtp->codec_count; i++)
		bits |= rtp->codecs[i].name == SDP_CODEC_OTHER ? 0 : rtp->codecs[i].feedback;
	return bits & SDP_FB_CCFB;
}

/* What is written of them: codecs with a name, sources with a cname. */
static void same_rtp(const struct sdp_rtp *back, const struct sdp_rtp *own) {
	size_t codecs = 0, ssrcs = 0;
	unsigned of_all = ccfb_of(own);
	for (size_t i = 0; i < own->codec_count; i++) {
		const struct sdp_codec *mine = &own->codecs[i];
		if (mine->name == SDP_CODEC_OTHER)
			continue;
		const struct sdp_codec *c = &back->codecs[codecs++];
		MUST(codecs <= back->codec_count && c->type == mine->type && c->name == mine->name && c->clock == mine->clock &&
		     c->channels == mine->channels && c->feedback == (mine->feedback | of_all) && same(c->fmtp, mine->fmtp) &&
		     c->has_apt == mine->has_apt && c->apt == mine->apt);
	}
	for (size_t i = 0; i < own->ssrc_count; i++) {
		if (!own->ssrcs[i].cname.s)
			continue;
		MUST(ssrcs < back->ssrc_count && back->ssrcs[ssrcs].ssrc == own->ssrcs[i].ssrc);
		MUST(same(back->ssrcs[ssrcs++].cname, own->ssrcs[i].cname));
	}
	MUST(codecs == back->codec_count && ssrcs == back->ssrc_count && back->skipped == 0);
	MUST(back->extension_count == own->extension_count && back->msid_count == own->msid_count &&
	     back->group_count == own->group_count && back->rid_count == own->rid_count);
	for (size_t i = 0; i < own->extension_count; i++)
		MUST(back->extensions[i].id == own->extensions[i].id &&
		     back->extensions[i].direction == own->extensions[i].direction &&
		     same(back->extensions[i].uri, own->extensions[i].uri));
	for (size_t i = 0; i < own->msid_count; i++)
		MUST(same(back->msids[i].stream, own->msids[i].stream) && same(back->msids[i].track, own->msids[i].track));
	for (size_t i = 0; i < own->group_count; i++)
		MUST(memcmp(&back->groups[i], &own->groups[i], sizeof back->groups[i]) == 0);
	for (size_t i = 0; i < own->rid_count; i++) {
		const struct sdp_rid *a = &back->rids[i], *b = &own->rids[i];
		MUST(same(a->id, b->id) && same(a->restrictions, b->restrictions) && a->send == b->send &&
		     a->paused == b->paused && a->layer == b->layer && a->alternative == b->alternative);
	}
	MUST(back->direction == own->direction && back->rtcp_mux == own->rtcp_mux && back->rtcp_mux_only == own->rtcp_mux_only &&
	     back->rtcp_rsize == own->rtcp_rsize && back->extmap_allow_mixed == own->extmap_allow_mixed);
	MUST(back->ptime == own->ptime && back->maxptime == own->maxptime && back->bandwidth_as == own->bandwidth_as &&
	     back->bandwidth_tias == own->bandwidth_tias);
}

static bool has_known_codec(const struct sdp_rtp *rtp) {
	for (size_t i = 0; i < rtp->codec_count; i++) {
		if (rtp->codecs[i].name != SDP_CODEC_OTHER)
			return true;
	}
	return false;
}

/* What was read of a section, offered by us, and as our answer to it. */
static void say_media_again(const struct sdp *sdp, size_t index) {
	static const char *const fingerprints[] = {"sha-256 00:11"};
	const struct sdp_section *s = &sdp->sections[index];
	struct sdp_own_section own = {.kind = s->kind,
	                              .answers = index,
	                              .ufrag = "abcd",
	                              .pwd = PWD,
	                              .fingerprints = fingerprints,
	                              .fingerprint_count = 1,
	                              .setup = SDP_SETUP_ACTIVE,
	                              .rtp = s->rtp};
	struct sdp_description d = {.sections = &own, .section_count = 1};
	own.rtp.rtcp_mux = true;
	struct sdp *back = written(&d, false);
	MUST(back->section_count == 1 && back->sections[0].kind == s->kind && !sdp_section_fault(&back->sections[0], false).text);
	same_rtp(&back->sections[0].rtp, &own.rtp);
	sdp_free(env, back);
	d.offer = sdp;
	back = written(&d, true);
	MUST(back->section_count == sdp->section_count && !back->sections[index].rejected &&
	     back->sections[index].kind == s->kind && sdp_validate(back, true, NULL) == 0);
	same_rtp(&back->sections[index].rtp, &own.rtp);
	sdp_free(env, back);
}

static void say_all_media_again(const struct sdp *sdp) {
	for (size_t i = 0; i < sdp->section_count; i++) {
		const struct sdp_section *s = &sdp->sections[i];
		if (is_media(s) && !s->rejected && !s->fault.text && has_known_codec(&s->rtp))
			say_media_again(sdp, i);
	}
}

static void judge(const struct sdp *sdp) {
	struct sdp_fault fault;
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	read_right(sdp);
	answer(sdp, true);
	answer(sdp, false);
	say_all_media_again(sdp);
	if (sdp_validate(sdp, false, &fault) != 0)
		MUST(fault.line == 0 && fault.text && data);
	else if (data)
		offer_again(sdp, data);
	sdp_validate(sdp, true, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sdp *sdp;
	struct sdp_fault fault;
	/* An answer repeats less than twice the offer, plus some lines for each section. */
	if (size > TEXT_MAX / 4)
		return 0;
	MUST(sluice_env_new(NULL, &env) == 0);
	if (sdp_parse(env, (const char *)data, size, &sdp, &fault) != 0) {
		MUST(fault.line > 0 && fault.line <= size + 1 && fault.text);
	} else {
		MUST(sdp->len == size && (size == 0 || memcmp(sdp->text, data, size) == 0));
		judge(sdp);
		sdp_free(env, sdp);
	}
	MUST(env->blocks.live == 0);
	sluice_env_free(env);
	return 0;
}
