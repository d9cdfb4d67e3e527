/* attributes: what does one a= line of a level say to us? */
#include "sdp/attributes.h"

#include "sdp/rtp_attributes.h"

/* RFC 8839, 5.4: ice-char is a letter, a digit, '+' or '/'. We write no others. libwebrtc accepts four more, so some peers write
 * them. */
#define ICE_CHARS "+/-_=#"
#define UFRAG_MIN 4
#define PWD_MIN 22
#define CREDENTIAL_MAX 256

static bool is_hex(char c) {
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_alphanumeric(char c) {
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_all_of(struct sdp_slice s, const char *others) {
	for (size_t i = 0; i < s.len; i++) {
		if (!is_alphanumeric(s.s[i]) && (s.s[i] == 0 || !strchr(others, s.s[i])))
			return false;
	}
	return true;
}

/* ---- ICE: RFC 8839, 5 ---- */

static const char *read_ufrag(struct sdp_reading *r, struct sdp_slice value) {
	if (value.len < UFRAG_MIN || value.len > CREDENTIAL_MAX || !is_all_of(value, ICE_CHARS))
		return "ice-ufrag has to be 4 to 256 letters, digits, '+' and '/'";
	r->transport->ufrag = value;
	return NULL;
}

static const char *read_pwd(struct sdp_reading *r, struct sdp_slice value) {
	if (value.len < PWD_MIN || value.len > CREDENTIAL_MAX || !is_all_of(value, ICE_CHARS))
		return "ice-pwd has to be 22 to 256 letters, digits, '+' and '/'";
	r->transport->pwd = value;
	return NULL;
}

/* The options are separated by blanks (RFC 8839, 5.6). Older versions of libdatachannel wrote commas. */
static const char *read_options(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice option;
	while (sdp_word(&value, " ,", &option)) {
		r->transport->trickle |= sdp_slice_is(option, "trickle");
		r->transport->sped |= sdp_slice_is(option, "sped");
	}
	return NULL;
}

static const char *read_lite(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	r->sdp->ice_lite = true;
	return NULL;
}

/* A candidate that cannot be read is only one path less. */
static const char *read_candidate(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_transport *t = r->transport;
	if (value.len == 0 || t->candidate_count == SDP_CANDIDATES_MAX) {
		t->candidates_skipped++;
		return NULL;
	}
	/* The attribute from its name on. Blanks may follow its colon. */
	const char *name = value.s;
	while (*--name != ':')
		;
	name -= sizeof "candidate" - 1;
	if (!t->candidates)
		t->candidates = r->next.candidate;
	t->candidate_count++;
	*r->next.candidate++ = (struct sdp_slice){name, (size_t)(value.s - name) + value.len};
	return NULL;
}

static const char *read_end_of_candidates(struct sdp_reading *r, struct sdp_slice value) {
	(void)value;
	r->transport->end_of_candidates = true;
	return NULL;
}

/* ---- DTLS: RFC 8122, 4145, 8842 ---- */

/* "AB:CD:...". RFC 8122, 5 wants capitals; small letters are accepted too. */
static bool is_digest(struct sdp_slice s) {
	if (s.len % 3 != 2)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (i % 3 == 2 ? s.s[i] != ':' : !is_hex(s.s[i]))
			return false;
	}
	return true;
}

static const char *read_fingerprint(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice rest = value, hash, digest, more;
	if (!sdp_word(&rest, " ", &hash) || !sdp_word(&rest, " ", &digest) || sdp_word(&rest, " ", &more) ||
	    !is_all_of(hash, "-"))
		return "a fingerprint has to be a hash's name and a digest";
	if (!is_digest(digest))
		return "a fingerprint's digest has to be bytes in hexadecimal with colons between them";
	struct sdp_transport *t = r->transport;
	if (t->fingerprint_count == SDP_FINGERPRINTS_MAX)
		return NULL;
	if (!t->fingerprints)
		t->fingerprints = r->next.fingerprint;
	t->fingerprint_count++;
	*r->next.fingerprint++ = value;
	return NULL;
}

static const char *read_setup(struct sdp_reading *r, struct sdp_slice value) {
	static const struct {
		const char *name;
		enum sdp_setup setup;
	} values[] = {{"actpass", SDP_SETUP_ACTPASS},
	              {"active", SDP_SETUP_ACTIVE},
	              {"passive", SDP_SETUP_PASSIVE},
	              {"holdconn", SDP_SETUP_HOLDCONN}};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		if (sdp_slice_is(value, values[i].name)) {
			r->transport->setup = values[i].setup;
			return NULL;
		}
	}
	return "setup has to be actpass, active, passive or holdconn";
}

/* ---- SCTP: RFC 8841 ---- */

static const char *read_sctp_port(struct sdp_reading *r, struct sdp_slice value) {
	uint64_t port;
	if (!sdp_number(value, UINT16_MAX, &port))
		return "sctp-port has to be a number up to 65535";
	r->section->sctp_port = (uint16_t)port;
	return NULL;
}

/* The form before RFC 8841: "5000 webrtc-datachannel 65535". */
static const char *read_sctpmap(struct sdp_reading *r, struct sdp_slice value) {
	struct sdp_slice port, app;
	uint64_t n;
	if (!sdp_word(&value, " ", &port) || !sdp_number(port, UINT16_MAX, &n) || !sdp_word(&value, " ", &app))
		return "sctpmap has to be a port and a protocol";
	if (sdp_slice_is(app, "webrtc-datachannel"))
		r->section->sctp_port = (uint16_t)n;
	return NULL;
}

static const char *read_max_message_size(struct sdp_reading *r, struct sdp_slice value) {
	uint64_t size;
	if (!sdp_number(value, UINT64_MAX, &size))
		return "max-message-size has to be a number below 2^64";
	r->section->has_max_message_size = true;
	r->section->max_message_size = size;
	return NULL;
}

/* draft-hancke-tsvwg-snap: an INIT that does not decode is ignored, and the association opens by its handshake. */
static const char *read_sctp_init(struct sdp_reading *r, struct sdp_slice value) {
	uint8_t init[2048];
	if (base64_decode(value.s, value.len, init, sizeof init) > 0)
		r->section->sctp_init = value;
	return NULL;
}

/* ---- the table ---- */

#define SESSION SDP_LEVEL_SESSION
#define SECTION SDP_LEVEL_SECTION
#define DATA SDP_LEVEL_DATA
#define RTP SDP_LEVEL_RTP

static const struct {
	const char *name;
	unsigned levels; /* where it has a meaning; elsewhere it is skipped */
	bool valued;     /* without a value it is a fault */
	bool many;       /* a level may have several */
	const char *(*read)(struct sdp_reading *r, struct sdp_slice value);
} attributes[] = {
	/* clang-format off */
	/* name               levels             valued  many   read */
	{"ice-ufrag",         SESSION | SECTION, true,   false, read_ufrag},
	{"ice-pwd",           SESSION | SECTION, true,   false, read_pwd},
	{"ice-options",       SESSION | SECTION, false,  true,  read_options},
	{"ice-lite",          SESSION,           false,  false, read_lite},
	{"candidate",         SECTION,           false,  true,  read_candidate},
	{"end-of-candidates", SESSION | SECTION, false,  false, read_end_of_candidates},
	{"fingerprint",       SESSION | SECTION, true,   true,  read_fingerprint},
	{"setup",             SESSION | SECTION, true,   false, read_setup},
	{"sctp-port",         DATA,              true,   false, read_sctp_port},
	{"sctpmap",           DATA,              true,   true,  read_sctpmap},
	{"max-message-size",  DATA,              true,   false, read_max_message_size},
	{"sctp-init",         DATA,              false,  false, read_sctp_init},
	{"sendrecv",          SESSION | RTP,     false,  false, rtp_read_sendrecv},
	{"sendonly",          SESSION | RTP,     false,  false, rtp_read_sendonly},
	{"recvonly",          SESSION | RTP,     false,  false, rtp_read_recvonly},
	{"inactive",          SESSION | RTP,     false,  false, rtp_read_inactive},
	{"extmap-allow-mixed", SESSION | RTP,    false,  false, rtp_read_allow_mixed},
	{"rtcp-mux",          RTP,               false,  false, rtp_read_mux},
	{"rtcp-mux-only",     RTP,               false,  false, rtp_read_mux_only},
	{"rtcp-rsize",        RTP,               false,  false, rtp_read_rsize},
	{"rtpmap",            RTP,               true,   true,  rtp_read_map},
	{"fmtp",              RTP,               false,  true,  rtp_read_fmtp},
	{"rtcp-fb",           RTP,               false,  true,  rtp_read_feedback},
	{"extmap",            RTP,               false,  true,  rtp_read_extension},
	{"msid",              RTP,               false,  true,  rtp_read_msid},
	{"ssrc",              RTP,               false,  true,  rtp_read_ssrc},
	{"ssrc-group",        RTP,               false,  true,  rtp_read_ssrc_group},
	{"rid",               RTP,               false,  true,  rtp_read_rid},
	{"simulcast",         RTP,               false,  false, rtp_read_simulcast},
	{"ptime",             RTP,               false,  false, rtp_read_ptime},
	{"maxptime",          RTP,               false,  false, rtp_read_maxptime},
	/* clang-format on */
};

const char *sdp_attribute_read(struct sdp_reading *r, struct sdp_slice attribute) {
	struct sdp_slice name, value;
	sdp_attribute_split(attribute, &name, &value);
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		if (!(attributes[i].levels & r->levels) || !sdp_slice_is(name, attributes[i].name))
			continue;
		r->shareable = attributes[i].levels & SECTION;
		bool again = r->seen & UINT64_C(1) << i;
		r->seen |= UINT64_C(1) << i;
		if (again && !attributes[i].many)
			return NULL;
		if (!value.s && attributes[i].valued)
			return "the attribute has to have a value";
		if (!value.s)
			value = (struct sdp_slice){attribute.s + attribute.len, 0};
		return attributes[i].read(r, value);
	}
	return NULL;
}
