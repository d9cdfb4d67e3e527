/* fuzz_sdp: can a stranger break the reading or writing of descriptions? The input is read and validated. Our answer to it must
 * be readable, with the same sections, and an offer made of what was read must give the same when it is read. The text is in a
 * block of exactly its size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "sdp/sdp.h"
#include "sluice/error.h"

#define TEXT_MAX (1 << 16)
#define PWD "0123456789abcdefghijklmn"

static bool same(struct sdp_slice a, struct sdp_slice b) {
	return (a.s == NULL) == (b.s == NULL) && a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static bool lies_in(struct sdp_slice s, const char *text, size_t len) {
	return !s.s || (s.s >= text && s.s + s.len <= text + len && !memchr(s.s, '\n', s.len) && !memchr(s.s, '\r', s.len));
}

/* Asserts what holds for every description that was read. */
static void read_right(const struct sdp *sdp, const char *text, size_t len) {
	MUST(sdp->section_count <= SDP_SECTIONS_MAX && sdp->fingerprint_count <= SDP_FINGERPRINTS_MAX);
	MUST(sdp->candidate_count <= SDP_CANDIDATES_MAX);
	MUST(sdp->data >= -1 && sdp->data < (int)sdp->section_count);
	for (size_t i = 0; i < sdp->section_count; i++) {
		const struct sdp_section *s = &sdp->sections[i];
		MUST(lies_in(s->media, text, len) && lies_in(s->proto, text, len) && lies_in(s->formats, text, len) &&
		     lies_in(s->mid, text, len));
		MUST(s->media.len && s->proto.len && s->formats.len);
		MUST((int)i >= sdp->data || sdp->data < 0 || !s->is_data || s->rejected);
	}
	MUST(sdp->data < 0 || (sdp->sections[sdp->data].is_data && !sdp->sections[sdp->data].rejected));
	for (size_t i = 0; i < sdp->candidate_count; i++)
		MUST(lies_in(sdp->candidates[i], text, len) && sdp->candidates[i].len > 10 &&
		     !memcmp(sdp->candidates[i].s, "candidate:", 10));
	for (size_t i = 0; i < sdp->fingerprint_count; i++)
		MUST(lies_in(sdp->fingerprints[i], text, len));
	MUST(lies_in(sdp->ufrag, text, len) && lies_in(sdp->pwd, text, len) && lies_in(sdp->tls_id, text, len) &&
	     lies_in(sdp->sctp_init, text, len));
	MUST((!sdp->ufrag.s || sdp->ufrag.len >= 4) && (!sdp->pwd.s || sdp->pwd.len >= 22));
}

/* Writes d, reads it, judges it. The text stays in `space`. */
static struct sdp written(const struct sdp_description *d, bool is_answer, char *space) {
	struct sdp sdp;
	struct sdp_fault fault;
	int len = sdp_format(d, space, TEXT_MAX);
	MUST(len > 0 && strlen(space) == (size_t)len);
	if (sdp_parse(space, (size_t)len, &sdp, &fault) != 0) {
		fprintf(stderr, "line %u: %s\n%s", fault.line, fault.text, space);
		abort();
	}
	read_right(&sdp, space, (size_t)len);
	MUST(sdp.data < 0 || sdp_validate(&sdp, is_answer, NULL) == 0);
	return sdp;
}

static void answer(const struct sdp *offer, bool reject) {
	static char space[TEXT_MAX];
	static const char *const fingerprints[] = {"sha-256 00:11"};
	struct sdp_description d = {.session_id = 1,
	                            .offer = offer,
	                            .data = offer->data,
	                            .reject = reject,
	                            .ufrag = "abcd",
	                            .pwd = PWD,
	                            .fingerprints = fingerprints,
	                            .fingerprint_count = 1,
	                            .setup = SDP_SETUP_ACTIVE,
	                            .sctp_port = 5000,
	                            .max_message_size = offer->max_message_size};
	struct sdp back = written(&d, true, space);
	MUST(back.section_count == offer->section_count && back.data == (reject ? -1 : offer->data));
	for (size_t i = 0; i < back.section_count; i++) {
		MUST(same(back.sections[i].media, offer->sections[i].media) &&
		     same(back.sections[i].proto, offer->sections[i].proto));
		MUST(same(back.sections[i].mid, offer->sections[i].mid));
		MUST(back.sections[i].rejected == ((int)i != back.data));
	}
	MUST(back.data < 0 || back.bundle == offer->bundle || !back.sections[back.data].mid.s);
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

/* What was read, offered by us. */
static void offer_again(const struct sdp *sdp) {
	static char space[TEXT_MAX], strings[TEXT_MAX];
	const char *candidates[SDP_CANDIDATES_MAX], *fingerprints[SDP_FINGERPRINTS_MAX];
	char *at = strings;
	for (size_t i = 0; i < sdp->candidate_count; i++)
		candidates[i] = text_of(sdp->candidates[i], &at);
	for (size_t i = 0; i < sdp->fingerprint_count; i++)
		fingerprints[i] = text_of(sdp->fingerprints[i], &at);
	struct sdp_description d = {.mid = text_of(sdp->sections[sdp->data].mid, &at),
	                            .ufrag = text_of(sdp->ufrag, &at),
	                            .pwd = text_of(sdp->pwd, &at),
	                            .ice_lite = sdp->ice_lite,
	                            .trickle = sdp->trickle,
	                            .sped = sdp->sped,
	                            .fingerprints = fingerprints,
	                            .fingerprint_count = sdp->fingerprint_count,
	                            .setup = sdp->setup,
	                            .sctp_port = sdp->sctp_port,
	                            .max_message_size = sdp->max_message_size,
	                            .sctp_init = text_of(sdp->sctp_init, &at),
	                            .candidates = candidates,
	                            .candidate_count = sdp->candidate_count,
	                            .end_of_candidates = sdp->end_of_candidates};
	struct sdp back = written(&d, false, space);
	MUST(back.data == 0 && same(back.sections[0].mid, sdp->sections[sdp->data].mid));
	MUST(same(back.ufrag, sdp->ufrag) && same(back.pwd, sdp->pwd) && same(back.sctp_init, sdp->sctp_init));
	MUST(back.setup == sdp->setup && back.sctp_port == sdp->sctp_port && back.max_message_size == sdp->max_message_size);
	MUST(back.ice_lite == sdp->ice_lite && back.trickle == sdp->trickle && back.sped == sdp->sped);
	MUST(back.candidate_count == sdp->candidate_count && back.fingerprint_count == sdp->fingerprint_count);
	for (size_t i = 0; i < back.candidate_count; i++)
		MUST(same(back.candidates[i], sdp->candidates[i]));
	for (size_t i = 0; i < back.fingerprint_count; i++)
		MUST(same(back.fingerprints[i], sdp->fingerprints[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sdp sdp;
	struct sdp_fault fault;
	/* An answer repeats less than twice the offer, plus some lines for each section. */
	if (size > TEXT_MAX / 4)
		return 0;
	const char *text = (const char *)data;
	if (sdp_parse(text, size, &sdp, &fault) != 0) {
		MUST(fault.line > 0 && fault.line <= size + 1 && fault.text);
		return 0;
	}
	read_right(&sdp, text, size);
	answer(&sdp, true);
	answer(&sdp, false);
	if (sdp_validate(&sdp, false, &fault) != 0)
		MUST(fault.line == 0 && fault.text && sdp.data >= 0);
	else if (sdp.data >= 0)
		offer_again(&sdp);
	sdp_validate(&sdp, true, &fault);
	return 0;
}
