/* attributes: what does one a= line of a level say to us? */
#include "sdp/attributes.h"

#include <string.h>

/* RFC 8839, 5.4: ice-char is a letter, a digit, '+' or '/'. We write no others. libwebrtc takes four more, so that there are
 * peers that write them. */
#define ICE_CHARS "+/-_=#"
#define UFRAG_MIN 4
#define PWD_MIN 22
#define CREDENTIAL_MAX 256

/* ---- slices ---- */

bool sdp_slice_is(struct sdp_slice s, const char *text) {
	return s.s && s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

bool sdp_slices_equal(struct sdp_slice a, struct sdp_slice b) {
	return a.s && b.s && a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

bool sdp_word(struct sdp_slice *rest, const char *separators, struct sdp_slice *word) {
	size_t start = 0;
	while (start < rest->len && strchr(separators, rest->s[start]))
		start++;
	size_t end = start;
	while (end < rest->len && !strchr(separators, rest->s[end]))
		end++;
	*word = (struct sdp_slice){rest->s + start, end - start};
	*rest = (struct sdp_slice){rest->s + end, rest->len - end};
	return word->len > 0;
}

void sdp_attribute_split(struct sdp_slice attribute, struct sdp_slice *name, struct sdp_slice *value) {
	const char *colon = memchr(attribute.s, ':', attribute.len);
	size_t len = colon ? (size_t)(colon - attribute.s) : attribute.len;
	*name = (struct sdp_slice){attribute.s, len};
	*value = (struct sdp_slice){NULL, 0};
	if (!colon)
		return;
	*value = (struct sdp_slice){colon + 1, attribute.len - len - 1};
	while (value->len && (*value->s == ' ' || *value->s == '\t'))
		*value = (struct sdp_slice){value->s + 1, value->len - 1};
}

bool sdp_number(struct sdp_slice s, uint64_t max, uint64_t *n) {
	*n = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.s[i] - (unsigned)'0';
		if (digit > 9 || *n > max / 10 || *n * 10 > max - digit)
			return false;
		*n = *n * 10 + digit;
	}
	return true;
}

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

static const char *read_ufrag(struct sdp *out, struct sdp_slice value) {
	if (value.len < UFRAG_MIN || value.len > CREDENTIAL_MAX || !is_all_of(value, ICE_CHARS))
		return "ice-ufrag has to be 4 to 256 letters, digits, '+' and '/'";
	out->ufrag = value;
	return NULL;
}

static const char *read_pwd(struct sdp *out, struct sdp_slice value) {
	if (value.len < PWD_MIN || value.len > CREDENTIAL_MAX || !is_all_of(value, ICE_CHARS))
		return "ice-pwd has to be 22 to 256 letters, digits, '+' and '/'";
	out->pwd = value;
	return NULL;
}

/* Each level adds to what the outer one said. Separated by blanks (5.6); libdatachannel long wrote commas. */
static const char *read_options(struct sdp *out, struct sdp_slice value) {
	struct sdp_slice option;
	while (sdp_word(&value, " ,", &option)) {
		out->trickle |= sdp_slice_is(option, "trickle");
		out->ice2 |= sdp_slice_is(option, "ice2");
		out->sped |= sdp_slice_is(option, "sped");
		out->renomination |= sdp_slice_is(option, "renomination");
	}
	return NULL;
}

static const char *read_lite(struct sdp *out, struct sdp_slice value) {
	(void)value;
	out->ice_lite = true;
	return NULL;
}

/* What an outer level listed is replaced as a whole. */
static void forget_candidates(struct sdp *out) {
	out->candidate_count = 0;
	out->candidates_skipped = 0;
}

/* One that cannot be read is one path less, and the others may do. */
static const char *read_candidate(struct sdp *out, struct sdp_slice value) {
	if (value.len == 0 || out->candidate_count == SDP_CANDIDATES_MAX) {
		out->candidates_skipped++;
		return NULL;
	}
	/* The attribute from its name on; blanks may stand behind its colon. */
	const char *name = value.s;
	while (*--name != ':')
		;
	name -= sizeof "candidate" - 1;
	out->candidates[out->candidate_count++] = (struct sdp_slice){name, (size_t)(value.s - name) + value.len};
	return NULL;
}

static const char *read_end_of_candidates(struct sdp *out, struct sdp_slice value) {
	(void)value;
	out->end_of_candidates = true;
	return NULL;
}

/* ---- DTLS: RFC 8122, 4145, 8842 ---- */

static void forget_fingerprints(struct sdp *out) {
	out->fingerprint_count = 0;
}

/* "AB:CD:...": RFC 8122, 5 wants capitals, and taking small letters costs nothing. */
static bool is_digest(struct sdp_slice s) {
	if (s.len % 3 != 2)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (i % 3 == 2 ? s.s[i] != ':' : !is_hex(s.s[i]))
			return false;
	}
	return true;
}

static const char *read_fingerprint(struct sdp *out, struct sdp_slice value) {
	struct sdp_slice rest = value, hash, digest, more;
	if (!sdp_word(&rest, " ", &hash) || !sdp_word(&rest, " ", &digest) || sdp_word(&rest, " ", &more) ||
	    !is_all_of(hash, "-"))
		return "a fingerprint has to be a hash's name and a digest";
	if (!is_digest(digest))
		return "a fingerprint's digest has to be bytes in hexadecimal with colons between them";
	if (out->fingerprint_count < SDP_FINGERPRINTS_MAX)
		out->fingerprints[out->fingerprint_count++] = value;
	return NULL;
}

static const char *read_setup(struct sdp *out, struct sdp_slice value) {
	static const struct {
		const char *name;
		enum sdp_setup setup;
	} values[] = {{"actpass", SDP_SETUP_ACTPASS},
	              {"active", SDP_SETUP_ACTIVE},
	              {"passive", SDP_SETUP_PASSIVE},
	              {"holdconn", SDP_SETUP_HOLDCONN}};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		if (sdp_slice_is(value, values[i].name)) {
			out->setup = values[i].setup;
			return NULL;
		}
	}
	return "setup has to be actpass, active, passive or holdconn";
}

/* RFC 8842, 4: 20 to 255 characters. No connection depends on it. */
static const char *read_tls_id(struct sdp *out, struct sdp_slice value) {
	if (value.len >= 20 && value.len <= 255 && is_all_of(value, "+/-_"))
		out->tls_id = value;
	return NULL;
}

/* ---- SCTP: RFC 8841 ---- */

static const char *read_sctp_port(struct sdp *out, struct sdp_slice value) {
	uint64_t port;
	if (!sdp_number(value, UINT16_MAX, &port))
		return "sctp-port has to be a number up to 65535";
	out->sctp_port = (uint16_t)port;
	return NULL;
}

/* The form before RFC 8841: "5000 webrtc-datachannel 65535". */
static const char *read_sctpmap(struct sdp *out, struct sdp_slice value) {
	struct sdp_slice port, app;
	uint64_t n;
	if (!sdp_word(&value, " ", &port) || !sdp_number(port, UINT16_MAX, &n) || !sdp_word(&value, " ", &app))
		return "sctpmap has to be a port and a protocol";
	if (sdp_slice_is(app, "webrtc-datachannel"))
		out->sctp_port = (uint16_t)n;
	return NULL;
}

static const char *read_max_message_size(struct sdp *out, struct sdp_slice value) {
	uint64_t size;
	if (!sdp_number(value, UINT64_MAX, &size))
		return "max-message-size has to be a number below 2^64";
	out->has_max_message_size = true;
	out->max_message_size = size;
	return NULL;
}

/* draft-hancke-tsvwg-snap: an INIT that does not decode is ignored, and the association opens by its handshake. */
static const char *read_sctp_init(struct sdp *out, struct sdp_slice value) {
	uint8_t init[2048];
	if (base64_decode(value.s, value.len, init, sizeof init) > 0)
		out->sctp_init = value;
	return NULL;
}

/* ---- the table ---- */

#define SESSION SDP_LEVEL_SESSION
#define TRANSPORT SDP_LEVEL_TRANSPORT
#define DATA SDP_LEVEL_DATA

static const struct {
	const char *name;
	unsigned levels; /* where it means something; elsewhere it is skipped */
	bool valued;     /* without a value it is a fault */
	bool many;       /* it may stand several times in a level */
	const char *(*read)(struct sdp *out, struct sdp_slice value);
	/* Called when a level says it for the first time: what outer levels listed counts no more. */
	void (*forget)(struct sdp *out);
} attributes[] = {
	/* clang-format off */
	/* name               levels                      valued  many   read                    forget */
	{"ice-ufrag",         SESSION | TRANSPORT | DATA, true,   false, read_ufrag,             NULL},
	{"ice-pwd",           SESSION | TRANSPORT | DATA, true,   false, read_pwd,               NULL},
	{"ice-options",       SESSION | TRANSPORT | DATA, false,  true,  read_options,           NULL},
	{"ice-lite",          SESSION,                    false,  false, read_lite,              NULL},
	{"candidate",         TRANSPORT | DATA,           false,  true,  read_candidate,         forget_candidates},
	{"end-of-candidates", SESSION | TRANSPORT | DATA, false,  false, read_end_of_candidates, NULL},
	{"fingerprint",       SESSION | TRANSPORT | DATA, true,   true,  read_fingerprint,       forget_fingerprints},
	{"setup",             SESSION | TRANSPORT | DATA, true,   false, read_setup,             NULL},
	{"tls-id",            SESSION | TRANSPORT | DATA, false,  false, read_tls_id,            NULL},
	{"sctp-port",         DATA,                       true,   false, read_sctp_port,         NULL},
	{"sctpmap",           DATA,                       true,   true,  read_sctpmap,           NULL},
	{"max-message-size",  DATA,                       true,   false, read_max_message_size,  NULL},
	{"sctp-init",         DATA,                       false,  false, read_sctp_init,         NULL},
	/* clang-format on */
};

const char *sdp_attribute_read(struct sdp_reading *r, struct sdp_slice attribute) {
	struct sdp_slice name, value;
	sdp_attribute_split(attribute, &name, &value);
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		if (!(attributes[i].levels & r->level) || !sdp_slice_is(name, attributes[i].name))
			continue;
		bool again = r->seen & UINT32_C(1) << i;
		r->seen |= UINT32_C(1) << i;
		if (again && !attributes[i].many)
			return NULL;
		if (!value.s && attributes[i].valued)
			return "the attribute has to have a value";
		if (!value.s)
			value = (struct sdp_slice){attribute.s + attribute.len, 0};
		if (!again && attributes[i].forget)
			attributes[i].forget(r->out);
		return attributes[i].read(r->out, value);
	}
	return NULL;
}
