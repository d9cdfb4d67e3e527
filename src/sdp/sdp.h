/* sdp: how is an offer or an answer with one data section read and written? RFC 8866, 8839, 8841, 8842, 8843, 9429.
 *
 * Reading gives a view of the text: slices into it, nothing is allocated, and everything that this library does not need is
 * skipped, not kept. Writing goes into a buffer of the caller. It knows no ICE agent and no DTLS: candidates and fingerprints are
 * text to it. */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDP_SECTIONS_MAX 128
#define SDP_CANDIDATES_MAX 256 /* more than the ICE agent remembers, which chooses among them */
#define SDP_FINGERPRINTS_MAX 8

struct sdp_slice {
	const char *s; /* NULL: absent */
	size_t len;
};

enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };

/* One m= line as an answer has to mirror it. */
struct sdp_section {
	struct sdp_slice media, proto, formats, mid; /* formats: everything behind proto; an answer repeats the first one */
	uint16_t port;
	bool is_data;  /* application, a DTLS/SCTP proto and webrtc-datachannel (or the old sctpmap form) */
	bool rejected; /* port 0, and not bundle-only in a BUNDLE group */
};

struct sdp {
	struct sdp_slice session_id, session_version;
	struct sdp_section sections[SDP_SECTIONS_MAX];
	size_t section_count;
	int data;    /* index of the first usable data section, -1: none */
	bool bundle; /* a=group:BUNDLE names its mid (or there is no mid) */
	bool ice_lite;

	/* Of the data section; where it says nothing, of the section whose transport it shares by BUNDLE (RFC 9143, 7.1.3), then
	 * of the session. Of what may stand once in a level the first counts. */
	struct sdp_slice ufrag, pwd;
	bool trickle, ice2, sped, renomination;              /* ice-options */
	struct sdp_slice fingerprints[SDP_FINGERPRINTS_MAX]; /* "sha-256 AB:..." */
	size_t fingerprint_count;
	enum sdp_setup setup;
	struct sdp_slice tls_id;
	uint16_t sctp_port; /* 5000 where it is not said */
	bool has_max_message_size;
	uint64_t max_message_size;                       /* 65536 where it is not said (RFC 8841, 6.1); 0: no limit */
	struct sdp_slice sctp_init;                      /* base64, of draft-hancke-tsvwg-snap */
	struct sdp_slice candidates[SDP_CANDIDATES_MAX]; /* "candidate:..." */
	size_t candidate_count;                          /* of those that fit */
	size_t candidates_skipped;                       /* those beyond the bound, and lines without a value */
	bool end_of_candidates;
};

struct sdp_fault {
	unsigned line;    /* from 1; 0: of the whole */
	const char *text; /* static: what is wrong with it */
};

/* Lines end with CR LF, LF or CR; a BOM in front, empty lines, and blanks around a value are passed over. Returns 0, or with
 * *fault filled in (fault may be NULL)
 *   SLUICE_MALFORMED  a line that is not "x=...", a missing v= o= or s= in its place, a number that is none, a known attribute that the
 *                     connection depends on with a value that it cannot have
 *   SLUICE_LIMIT      more than SDP_SECTIONS_MAX sections
 * Unknown attributes and sections are no fault, nor is a wrong value of what can be done without: candidates, ice-options,
 * tls-id, sctp-init. What other stacks write against the RFCs and read of each other is read: no t= line, and '-', '_', '=' and
 * '#' in credentials. Which sections and fields must be there for an offer or answer is sdp_validate's. out holds slices of text,
 * so text has to outlive it. */
int sdp_parse(const char *text, size_t len, struct sdp *out, struct sdp_fault *fault);

/* What an offer (or answer) needs beyond being well-formed: a data section, credentials, a fingerprint, a setup that fits (an
 * offer: actpass, active or passive; an answer: active or passive; none: RFC 4145's defaults, active in an offer and passive in
 * an answer). With data -1 all is well in an offer, which can only be rejected, and in an answer that rejects the data section by
 * port 0. 0 or SLUICE_MALFORMED with the fault, whose line is 0. */
int sdp_validate(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault);

/* ---- writing ---- */

struct sdp_description {
	uint64_t session_id, session_version; /* the lower 63 bits count */
	const struct sdp *
		offer; /* answering: its sections are mirrored, others than the data section rejected; NULL: an offer of one section */
	int data;      /* answering: which section carries the data (offer->data) */
	bool reject;     /* answering: the data section too */
	const char *mid; /* offering: its mid; answering: the offer's is used */
	const char *ufrag, *pwd;
	bool ice_lite, trickle, sped;
	const char *const *fingerprints; /* "sha-256 AB:..." */
	size_t fingerprint_count;
	enum sdp_setup setup;
	uint16_t sctp_port;
	uint64_t max_message_size;
	const char *sctp_init;         /* base64, NULL: none */
	const char *const *candidates; /* "candidate:..." */
	size_t candidate_count;
	bool end_of_candidates;
	const char *address; /* numeric, for c=; NULL: 0.0.0.0 and port 9 */
	bool address_is_ipv6;
	uint16_t port;
};

/* With CR LF. Nothing of the offer is repeated but what has to be: media, protocols, formats and mids. Returns the length without
 * the NUL that is written behind it, or SLUICE_NO_SPACE. */
int sdp_format(const struct sdp_description *d, char *text, size_t size);
/* Bytes that an answer to this offer needs for what it repeats of it. */
size_t sdp_mirror_size(const struct sdp *offer);

/* Base64 (RFC 4648, 4); encoding writes a NUL behind the text, decoding takes text with and without padding. Return the length or
 * SLUICE_NO_SPACE / SLUICE_MALFORMED. */
int base64_encode(const void *data, size_t len, char *text, size_t size);
int base64_decode(const char *text, size_t len, void *data, size_t size);

#endif
