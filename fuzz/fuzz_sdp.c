/* fuzz_sdp: can a stranger break the reading or writing of descriptions? The input is read and validated. Our answer to it must
 * be readable, with the same sections, and an offer made of what was read must give the same when it is read. */
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

static void section_is_right(const struct sdp *sdp, const struct sdp_section *s) {
	MUST(lies_in(s->media, sdp) && lies_in(s->proto, sdp) && lies_in(s->formats, sdp) && lies_in(s->mid, sdp));
	MUST(s->media.len && s->proto.len && s->formats.len);
	MUST(!s->bundled || s->mid.s);
	MUST(!s->fault.text == !s->fault.line);
	MUST(lies_in(s->sctp_init, sdp));
	transport_is_right(sdp, &s->transport);
}

static int index_of(const struct sdp *sdp, enum sdp_kind kind) {
	const struct sdp_section *s = sdp_first(sdp, kind);
	return s ? (int)(s - sdp->sections) : -1;
}

/* Asserts what holds for every description that was read. */
static void read_right(const struct sdp *sdp) {
	MUST(sdp->section_count <= SDP_SECTIONS_MAX);
	transport_is_right(sdp, &sdp->session);
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

static void judge(const struct sdp *sdp) {
	struct sdp_fault fault;
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	read_right(sdp);
	answer(sdp, true);
	answer(sdp, false);
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
