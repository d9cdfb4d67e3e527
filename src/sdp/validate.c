/* validate: does a well-formed description say all that a connection needs? */
#include "sdp/attributes.h"
#include "sluice/error.h"

/* A refused section keeps its medium; what else it says (the old form has no sctpmap then) does not matter. */
static bool refuses_data(const struct sdp *sdp) {
	for (size_t i = 0; i < sdp->section_count; i++) {
		if (sdp->sections[i].rejected && sdp_slice_is(sdp->sections[i].media, "application"))
			return true;
	}
	return false;
}

/* RFC 4145, 4: without the attribute an offer means active and an answer passive. */
static const char *setup_fault(enum sdp_setup setup, bool is_answer) {
	if (setup == SDP_SETUP_HOLDCONN)
		return "setup:holdconn: there would be no connection";
	if (is_answer && setup == SDP_SETUP_ACTPASS)
		return "setup:actpass in an answer, which has to choose";
	return NULL;
}

static const char *find_fault(const struct sdp *sdp, bool is_answer) {
	const struct sdp_section *data = sdp_first(sdp, SDP_DATA);
	if (!data)
		return is_answer && !refuses_data(sdp) ? "the answer has no section for data channels" : NULL;
	if (!data->transport.ufrag.s)
		return "there is no ice-ufrag";
	if (!data->transport.pwd.s)
		return "there is no ice-pwd";
	if (data->transport.fingerprint_count == 0)
		return "there is no fingerprint";
	/* RFC 8841, 5.2: port 0 closes the association. */
	if (data->sctp_port == 0)
		return "sctp-port is 0";
	return setup_fault(data->transport.setup, is_answer);
}

int sdp_validate(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault) {
	const char *text = find_fault(sdp, is_answer);
	if (fault)
		*fault = (struct sdp_fault){0, text};
	return text ? SLUICE_MALFORMED : 0;
}
