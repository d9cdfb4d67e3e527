/* rtp: what does an audio or video section say besides its transport?
 *
 * The same struct is read and written, so that what we wrote is read back equal. It is text and numbers: which of it holds after
 * offer and answer, and for how long, is known by the transceivers of src/peer.
 *
 * Of everything that may come several times a section keeps a bounded number, in the order of the lines; more is counted in
 * `skipped`. A line that is malformed is skipped too, except a malformed a=rtpmap, which is a fault of the section. */
#ifndef SDP_RTP_H
#define SDP_RTP_H

#include "sdp/codec.h"
#include "sdp/h264.h"

#define SDP_CODECS_MAX 64     /* Chromium offers up to about 45 */
#define SDP_EXTENSIONS_MAX 32 /* Chromium offers 14 */
#define SDP_MSIDS_MAX 8
#define SDP_SSRCS_MAX 32 /* three simulcast layers with RTX and FEC are 9 */
#define SDP_SSRC_GROUPS_MAX 16
#define SDP_GROUP_SSRCS_MAX 4
#define SDP_RIDS_MAX 16
#define SDP_RID_LEN_MAX 16 /* what an element of a one-byte header extension holds, and libwebrtc's limit */

/* Bits: what the writer of the description is ready to do. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

/* The same seen from the other side. */
static inline enum sdp_direction sdp_direction_reversed(enum sdp_direction d) {
	return (enum sdp_direction)((d & SDP_SENDONLY ? SDP_RECVONLY : 0) | (d & SDP_RECVONLY ? SDP_SENDONLY : 0));
}

/* RFC 8285. */
struct sdp_extension {
	struct sdp_slice uri;
	uint8_t id; /* 1 to 255, not 15; each id once */
	enum sdp_direction direction;
};

/* RFC 8830. */
struct sdp_msid {
	struct sdp_slice stream; /* absent: "-", the track is in no stream */
	struct sdp_slice track;  /* absent: only the stream is named */
};

/* RFC 5576. */
struct sdp_ssrc {
	struct sdp_slice cname; /* absent: it is not given */
	uint32_t ssrc;
};

enum sdp_ssrc_semantics { SDP_FID, SDP_SIM, SDP_FEC_FR };

struct sdp_ssrc_group {
	enum sdp_ssrc_semantics semantics;
	uint8_t count; /* of FID and FEC_FR 2: the stream, and its repair */
	uint32_t ssrcs[SDP_GROUP_SSRCS_MAX];
};

/* RFC 8851, and its place in a=simulcast (RFC 8853). Layers are numbered from 1 in each direction. Alternatives of one layer have
 * the same number, and are numbered by preference from 0. */
struct sdp_rid {
	struct sdp_slice id;           /* letters, digits, '-' and '_', at most SDP_RID_LEN_MAX */
	struct sdp_slice restrictions; /* "pt=96;max-width=1280" */
	bool send;                     /* otherwise recv */
	bool paused;                   /* '~' */
	uint8_t layer;                 /* 0: a=simulcast does not name it */
	uint8_t alternative;
};

struct sdp_rtp {
	const struct sdp_codec *codecs; /* in the order of preference, which is that of the m= line */
	const struct sdp_extension *extensions;
	const struct sdp_msid *msids; /* of a=msid; without any, what a=ssrc says of it in the old form */
	const struct sdp_ssrc *ssrcs;
	const struct sdp_ssrc_group *groups;
	const struct sdp_rid *rids;
	size_t codec_count, extension_count, msid_count, ssrc_count, group_count, rid_count;
	enum sdp_direction direction; /* sendrecv if neither the section nor the session says it */
	bool rtcp_mux, rtcp_mux_only, rtcp_rsize;
	bool extmap_allow_mixed;  /* the section or the session says so */
	uint32_t ptime, maxptime; /* ms; 0: not given */
	uint32_t bandwidth_as;    /* b=AS, kb/s; 0: not given */
	uint32_t bandwidth_tias;  /* b=TIAS, b/s; 0: not given */
	uint32_t skipped;         /* lines that were malformed, or beyond a limit; only read */
	struct sdp_msid old_msid; /* only for `msids`, where that is of a=ssrc */
};

/* Returns the codec of this payload type, or NULL. */
const struct sdp_codec *sdp_rtp_codec(const struct sdp_rtp *rtp, uint8_t type);
/* Returns the codec of rtx that repairs this payload type, or NULL. */
const struct sdp_codec *sdp_rtp_rtx(const struct sdp_rtp *rtp, uint8_t type);
/* Returns the extension of this URI, or NULL. */
const struct sdp_extension *sdp_rtp_extension(const struct sdp_rtp *rtp, const char *uri);
/* Finds the SSRC that repairs this one by a FID group. */
bool sdp_rtp_repair_ssrc(const struct sdp_rtp *rtp, uint32_t ssrc, uint32_t *repair);
/* Does "pt=" of the restrictions allow this payload type? Without "pt=" every one is allowed. */
bool sdp_rid_allows(const struct sdp_rid *rid, uint8_t type);

#endif
