/* sdp: how is an offer or an answer read and written? RFC 8866, 8839, 8841, 8842, 8843, 9429.
 *
 * A description is read once, into sections beside each other in the order of their m= lines. Each section says which kind it is
 * and what holds for it. The strings are slices of a copy of the text. Attributes that no part of this library needs are
 * skipped. Writing goes into a buffer of the caller. It knows no ICE agent and no DTLS: candidates and fingerprints are text to
 * it.
 *
 * Memory of a description that was read, in one block: its text, at most SDP_SECTIONS_MAX sections of about 220 bytes, and a
 * slice of 16 bytes for each candidate and fingerprint. A section keeps at most SDP_CANDIDATES_MAX and SDP_FINGERPRINTS_MAX.
 * Their lines have at least 14 bytes, so the whole is less than 2.2 times the text and 28 KB. */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/env.h"

#define SDP_SECTIONS_MAX 128
#define SDP_CANDIDATES_MAX 256 /* more than the ICE agent remembers, which chooses among them */
#define SDP_FINGERPRINTS_MAX 8

struct sdp_slice {
	const char *s; /* NULL: absent */
	size_t len;
};

struct sdp_fault {
	unsigned line;    /* from 1; 0: of the whole */
	const char *text; /* static: what is wrong with it; NULL: nothing */
};

enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };

/* What the lines of a section, or those of the session, say of ICE and DTLS. Of an attribute that may stand once in a level the
 * first counts. */
struct sdp_transport {
	struct sdp_slice ufrag, pwd;
	const struct sdp_slice *candidates;   /* "candidate:..." */
	const struct sdp_slice *fingerprints; /* "sha-256 AB:..." */
	uint32_t candidate_count;             /* of those that fit */
	uint32_t candidates_skipped;          /* those beyond the bound, and lines without a value */
	uint32_t fingerprint_count;
	enum sdp_setup setup;
	bool end_of_candidates;
	bool trickle, sped; /* ice-options */
};

/* DATA: application, a DTLS/SCTP proto and webrtc-datachannel (or the old sctpmap form). */
enum sdp_kind { SDP_OTHER, SDP_DATA, SDP_AUDIO, SDP_VIDEO };

/* One m= line and what stands behind it. */
struct sdp_section {
	struct sdp_slice media, proto, formats, mid; /* formats: everything behind proto; an answer repeats the first one */
	uint16_t port;
	enum sdp_kind kind;
	bool rejected; /* port 0, and not bundle-only in a BUNDLE group */
	bool bundled;  /* a=group:BUNDLE names its mid */
	/* What holds for it: where its own lines say nothing, those of the section whose transport it shares by BUNDLE (RFC 9143,
	 * 7.1.3), then those of the session. ice-options add up. */
	struct sdp_transport transport;
	/* The first thing that is wrong with the attributes that hold for it. Only who uses the section needs to look. */
	struct sdp_fault fault;

	/* Of a data section alone. */
	uint16_t sctp_port; /* 5000 where it is not said */
	bool has_max_message_size;
	uint64_t max_message_size;  /* 65536 where it is not said (RFC 8841, 6.1); 0: no limit */
	struct sdp_slice sctp_init; /* base64, of draft-hancke-tsvwg-snap */
};

struct sdp {
	const char *text; /* as it came */
	size_t len;
	struct sdp_slice session_id, session_version;
	bool ice_lite;
	struct sdp_transport session;
	struct sdp_section *sections;
	size_t section_count;
};

/* Lines end with CR LF, LF or CR; a BOM in front, empty lines, and blanks around a value are passed over. Returns 0 and *out,
 * which sdp_free ends, or with *fault filled in (fault may be NULL)
 *   SLUICE_MALFORMED  a line that is not "x=...", a missing v= o= or s= in its place, a number that is none, a known attribute
 *                     that the connection depends on with a value that it cannot have: in the session, or for the first usable
 *                     data section
 *   SLUICE_LIMIT      more than SDP_SECTIONS_MAX sections
 *   SLUICE_NO_MEMORY  without a fault
 * Unknown attributes and sections are no fault, nor is a wrong value of what can be done without: candidates, ice-options,
 * sctp-init. What other stacks write against the RFCs and read of each other is read: no t= line, and '-', '_', '=' and '#' in
 * credentials. Which sections and fields must be there for an offer or answer is sdp_validate's. The block is wiped when it is
 * freed, since passwords of ICE are in it. */
int sdp_parse(sluice_env *env, const char *text, size_t len, struct sdp **out, struct sdp_fault *fault);
/* sdp may be NULL. */
void sdp_free(sluice_env *env, struct sdp *sdp);

/* The first section of this kind that is not rejected; NULL: none. */
const struct sdp_section *sdp_first(const struct sdp *sdp, enum sdp_kind kind);

/* What an offer (or answer) needs beyond being well-formed: a data section, credentials, a fingerprint, a setup that fits (an
 * offer: actpass, active or passive; an answer: active or passive; none: RFC 4145's defaults, active in an offer and passive in
 * an answer). Without a data section all is well in an offer, which can only be rejected, and in an answer that rejects the data
 * section by port 0. 0 or SLUICE_MALFORMED with the fault, whose line is 0. */
int sdp_validate(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault);

/* ---- writing ---- */

/* A section of ours. Sections that carry something else than data will need a kind. */
struct sdp_own_section {
	size_t answers;  /* answering: the index of the offer's section */
	const char *mid; /* offering; an answer uses the offer's */
	const char *ufrag, *pwd;
	bool trickle, sped;
	const char *const *fingerprints; /* "sha-256 AB:..." */
	size_t fingerprint_count;
	enum sdp_setup setup;
	const char *const *candidates; /* "candidate:..." */
	size_t candidate_count;
	bool end_of_candidates;
	const char *address; /* numeric, for c=; NULL: 0.0.0.0 and port 9 */
	bool address_is_ipv6;
	uint16_t port;
	uint16_t sctp_port;
	uint64_t max_message_size;
	const char *sctp_init; /* base64, NULL: none */
};

struct sdp_description {
	uint64_t session_id, session_version; /* the lower 63 bits count */
	bool ice_lite;
	/* Answering: its sections come back in their order, and those that no section of ours answers are rejected. NULL: an offer
	 * of our sections. */
	const struct sdp *offer;
	const struct sdp_own_section *sections;
	size_t section_count;
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
