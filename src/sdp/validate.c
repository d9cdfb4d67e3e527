/* validate: does a well-formed description say all that a connection needs? */
#include "sdp/sdp.h"
#include "sluice/error.h"

/* RFC 4145, 4: without the attribute an offer means active and an answer passive. */
static const char *setup_fault(enum sdp_setup setup, bool is_answer) {
	if (setup == SDP_SETUP_HOLDCONN)
		return "setup:holdconn: there would be no connection";
	if (is_answer && setup == SDP_SETUP_ACTPASS)
		return "setup:actpass in an answer, which has to choose";
	return NULL;
}

/* What a section of any kind needs. */
static struct sdp_fault transport_fault(const struct sdp_section *s, bool is_answer) {
	if (!s->transport.ufrag.s)
		return (struct sdp_fault){0, "there is no ice-ufrag"};
	if (!s->transport.pwd.s)
		return (struct sdp_fault){0, "there is no ice-pwd"};
	if (s->transport.fingerprint_count == 0)
		return (struct sdp_fault){0, "there is no fingerprint"};
	return (struct sdp_fault){0, setup_fault(s->transport.setup, is_answer)};
}

static bool is_media(const struct sdp_section *s) {
	return s->kind == SDP_AUDIO || s->kind == SDP_VIDEO;
}

struct sdp_fault sdp_section_fault(const struct sdp_section *s, bool is_answer) {
	if (s->fault.text)
		return s->fault;
	/* RFC 8841, 5.2: port 0 closes the association. */
	if (s->kind == SDP_DATA && s->sctp_port == 0)
		return (struct sdp_fault){0, "sctp-port is 0"};
	/* RTCP on a port of its own is not what we offer, and there is no transport for it. */
	if (is_media(s) && !s->rtp.rtcp_mux)
		return (struct sdp_fault){0, "there is no rtcp-mux"};
	if (is_media(s) && s->rtp.codec_count == 0)
		return (struct sdp_fault){0, "the section has no codec"};
	return transport_fault(s, is_answer);
}

/* RFC 9429, 5.3.1: a media section of an offer that lacks what it needs is rejected alone. An answer cannot be answered. */
static struct sdp_fault offer_fault(const struct sdp *sdp) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	return data ? sdp_section_fault(data, false) : (struct sdp_fault){0};
}

static struct sdp_fault answer_fault(const struct sdp *sdp) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	bool usable = false, rejected = true;
	for (size_t i = 0; i < sdp->section_count; i++) {
		const struct sdp_section *s = &sdp->sections[i];
		rejected &= s->rejected;
		if (s->rejected || (s != data && !is_media(s)))
			continue;
		struct sdp_fault fault = sdp_section_fault(s, true);
		if (fault.text)
			return fault;
		usable = true;
	}
	if (sdp->section_count == 0 || (!usable && !rejected))
		return (struct sdp_fault){0, "the answer has no section that can be used"};
	return (struct sdp_fault){0};
}

int sdp_validate(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault) {
	struct sdp_fault found = is_answer ? answer_fault(sdp) : offer_fault(sdp);
	if (fault)
		*fault = found;
	return found.text ? SLUICE_MALFORMED : 0;
}
