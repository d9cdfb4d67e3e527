/* sdp: how is an offer or an answer read and written? RFC 8866, 8839, 8841, 8842, 8843, 9429.
 *
 * A description is read once, into sections beside each other in the order of their m= lines. Each section says which kind it is
 * and what holds for it. The strings are slices of a copy of the text. Attributes that no part of this library needs are skipped.
 * Writing goes into a buffer of the caller. It knows no ICE agent and no DTLS: candidates and fingerprints are text to it.
 *
 * Memory of a description that was read, in one block: its text, at most SDP_SECTIONS_MAX sections of about 360 bytes, and a
 * struct of 16 to 40 bytes for each line of which several are kept. A section keeps at most SDP_CANDIDATES_MAX candidates,
 * SDP_FINGERPRINTS_MAX fingerprints, and of the others what rtp.h names. The shortest such line ("a=rid:") has 7 bytes and costs
 * 40, so the whole is less than 7 times the text and 64 KB. Because of the limits of a section it is less than 1.1 MB for 256 KB
 * of text; a browser's offer costs about twice its text.
 *
 * What an answer repeats of an offer is bounded by sdp_mirror_size. Our own sections are longer: a video section with VP8, VP9,
 * H.264 and AV1, RTX and feedback takes about 3.5 KB. So SLUICE_SDP_MAX bounds how many of them a description of ours can have:
 * 32768 is enough for eight. */
#ifndef SDP_SDP_H
#define SDP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/env.h"
#include "sdp/rtp.h"

#define SDP_SECTIONS_MAX 128
#define SDP_CANDIDATES_MAX 256 /* more than the ICE agent remembers, which chooses among them */
#define SDP_FINGERPRINTS_MAX 8

struct sdp_fault {
	unsigned line;    /* from 1; 0: of the whole */
	const char *text; /* static: what is wrong with it; NULL: nothing */
};

enum sdp_setup { SDP_SETUP_NONE, SDP_SETUP_ACTPASS, SDP_SETUP_ACTIVE, SDP_SETUP_PASSIVE, SDP_SETUP_HOLDCONN };

/* What the lines of a section, or of the session, say about ICE and DTLS. If an attribute that is allowed once comes twice, the
 * first one counts. */
struct sdp_transport {
	struct sdp_slice ufrag, pwd;
	const struct sdp_slice *candidates;   /* "candidate:..." */
	const struct sdp_slice *fingerprints; /* "sha-256 AB:..." */
	uint32_t candidate_count;             /* at most SDP_CANDIDATES_MAX */
	uint32_t candidates_skipped;          /* candidates beyond that, and lines without a value */
	uint32_t fingerprint_count;
	enum sdp_setup setup;
	bool end_of_candidates;
	bool trickle, sped; /* ice-options */
};

/* DATA: application, a DTLS/SCTP proto and webrtc-datachannel (or the old sctpmap form). AUDIO, VIDEO: by medium, with a protocol
 * of the RTP family (RFC 9429, 5.1.2). */
enum sdp_kind { SDP_OTHER, SDP_DATA, SDP_AUDIO, SDP_VIDEO };

/* One m= line and the lines behind it. */
struct sdp_section {
	struct sdp_slice media, proto, formats, mid; /* formats: everything behind proto; an answer repeats the first one */
	uint16_t port;
	enum sdp_kind kind;
	bool rejected; /* port 0, and not bundle-only in a BUNDLE group */
	bool bundled;  /* a=group:BUNDLE names its mid */
	/* What holds for the section: its own lines; where they say nothing, those of the section whose transport it shares by
	 * BUNDLE (RFC 9143, 7.1.3); then those of the session. ice-options of all of them hold. */
	struct sdp_transport transport;
	/* The first fault in the attributes that hold for the section. It matters only if the section is used. */
	struct sdp_fault fault;

	/* Only of a data section. */
	uint16_t sctp_port; /* 5000 if it is not given */
	bool has_max_message_size;
	uint64_t max_message_size;  /* 65536 if it is not given (RFC 8841, 6.1); 0: no limit */
	struct sdp_slice sctp_init; /* base64, of draft-hancke-tsvwg-snap */

	/* Only of an audio or video section. rtcp-mux and rtcp-rsize are inherited by BUNDLE as the transport is. */
	struct sdp_rtp rtp;
};

struct sdp {
	const char *text; /* as it came */
	size_t len;
	struct sdp_slice session_id, session_version;
	bool ice_lite;
	enum sdp_direction
		direction;       /* of audio and video sections that say nothing; sendrecv if the session says nothing either */
	bool extmap_allow_mixed; /* of all audio and video sections */
	struct sdp_transport session;
	struct sdp_section *sections;
	size_t section_count;
	/* The sections of the first BUNDLE group, as indices in the order of the group. The first one that is not rejected has
	 * the transport of all of them. */
	uint8_t bundle[SDP_SECTIONS_MAX];
	size_t bundle_count;
};

/* Reads a description. Lines may end with CR LF, LF or CR. A BOM, empty lines, and blanks around a value are ignored. sdp_free()
 * frees *out, and wipes it, because ICE passwords are in it.
 *
 * Unknown attributes and sections are ignored, and so are wrong values of attributes that a connection can do without:
 * candidates, ice-options, sctp-init. Some things are accepted against the RFCs, because other stacks write them: a missing t=
 * line, and '-', '_', '=' and '#' in credentials. sdp_validate() checks whether a description has all that an offer or an answer
 * needs.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED  a line is not "x=...", v=, o= or s= is missing in its place, a number is not one, or an attribute that the
 *                     connection needs has a wrong value, in the session or for the first usable data section
 *   SLUICE_LIMIT      there are more than SDP_SECTIONS_MAX sections
 *   SLUICE_NO_MEMORY
 * After the first two, *fault says where (fault may be NULL). */
int sdp_parse(sluice_env *env, const char *text, size_t len, struct sdp **out, struct sdp_fault *fault);
/* Frees a description. sdp may be NULL. */
void sdp_free(sluice_env *env, struct sdp *sdp);

/* Returns the first section of this kind that is not rejected; NULL when there is none. */
const struct sdp_section *sdp_first(const struct sdp *sdp, enum sdp_kind kind);

/* Returns what keeps a section of data, audio or video from being used: its own fault, or that it lacks ICE credentials, a
 * fingerprint, a fitting setup, or for audio and video rtcp-mux and a codec. text is NULL when nothing does. An answer rejects
 * such a section of an offer (RFC 9429, 5.3.1). */
struct sdp_fault sdp_section_fault(const struct sdp_section *section, bool is_answer);

/* Checks that a well-formed description has what an offer or an answer needs. In an offer the setup is actpass, active or
 * passive; in an answer it is active or passive. If it is missing, RFC 4145's defaults hold: active in an offer, passive in an
 * answer.
 *
 * An offer is valid when its first data section is, or when it has none; look at each audio and video section with
 * sdp_section_fault. In an answer the first data section and each audio and video section that is not rejected have to be
 * usable. There has to be one of them, unless all sections are rejected.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED  something is missing or does not fit; *fault says what, with the line of an attribute or line 0 */
int sdp_validate(const struct sdp *sdp, bool is_answer, struct sdp_fault *fault);

/* ---- writing ---- */

/* A section of ours. */
struct sdp_own_section {
	enum sdp_kind kind; /* AUDIO or VIDEO: `rtp` holds; everything else is a section for data */
	size_t answers;     /* answering: the index of the offer's section */
	/* Offering: the section stays in its place with port 0, for instance because its transceiver was stopped. It needs only
	 * kind and mid. An answer rejects a section by leaving it out. */
	bool rejected;
	/* Offering: the section may only be accepted inside its BUNDLE group. It has port 0, a=bundle-only and no transport. */
	bool bundle_only;
	/* The section uses the transport of another one by BUNDLE, and so ICE, DTLS and candidates are not written. */
	bool no_transport;
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
	struct sdp_rtp rtp;    /* AUDIO, VIDEO. `skipped` and `old_msid` are not used */
};

struct sdp_description {
	uint64_t session_id, session_version; /* the lower 63 bits count */
	bool ice_lite;
	bool extmap_allow_mixed; /* for all sections */
	/* The offer that is answered. Its sections come back in their order, and those that none of our sections answers are
	 * rejected. NULL: this is an offer of our sections. */
	const struct sdp *offer;
	const struct sdp_own_section *sections;
	size_t section_count;
};

/* Writes a description with CR LF and a NUL. An answer repeats of the offer only what it must: media, protocols, formats and
 * mids.
 *
 * Returns the length without the NUL, or
 *   SLUICE_NO_SPACE  size is too small */
int sdp_format(const struct sdp_description *d, char *text, size_t size);
/* Bytes that an answer needs for the parts of this offer that it repeats. */
size_t sdp_mirror_size(const struct sdp *offer);

/* Base64 (RFC 4648, 4). Encoding writes a NUL behind the text. Decoding takes text with and without padding. Both return the
 * length, or
 *   SLUICE_NO_SPACE   size is too small
 *   SLUICE_MALFORMED  the text is not base64 */
int base64_encode(const void *data, size_t len, char *text, size_t size);
int base64_decode(const char *text, size_t len, void *data, size_t size);

#endif
