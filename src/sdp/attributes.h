/* attributes: what does one a= line of a level say to us?
 *
 * One table has every attribute that this library understands, with the levels in which it may stand and the function that reads
 * it. Other attributes are skipped. It knows no lines and no sections; parse.c walks those. */
#ifndef SDP_ATTRIBUTES_H
#define SDP_ATTRIBUTES_H

#include "sdp/sdp.h"

/* The level in which a line stands. DATA: a section whose medium is application. RTP: a section of audio or video. */
enum sdp_level { SDP_LEVEL_SESSION = 1, SDP_LEVEL_SECTION = 2, SDP_LEVEL_DATA = 4, SDP_LEVEL_RTP = 8 };

/* Where to store the next thing of each kind. There is room for as many as one section may have. */
struct sdp_room {
	struct sdp_slice *candidate, *fingerprint;
	struct sdp_codec *codec;
	struct sdp_extension *extension;
	struct sdp_msid *msid;
	struct sdp_ssrc *ssrc;
	struct sdp_ssrc_group *group;
	struct sdp_rid *rid;
};

#define SDP_PAYLOAD_TYPES 128
#define SDP_STATIC_TYPES 4 /* payload types of audio that need no a=rtpmap */

/* What the lines of an audio or video section said so far. The lines about a payload type come in any order. They meet here. */
struct sdp_rtp_reading {
	struct sdp_codec types[SDP_PAYLOAD_TYPES];
	bool mapped[SDP_PAYLOAD_TYPES]; /* a=rtpmap named it */
	uint8_t feedback_of_all;        /* a=rtcp-fb:* */
	bool has_direction;
	struct sdp_slice simulcast;
};

/* One level as it is read. */
struct sdp_reading {
	unsigned levels; /* enum sdp_level; DATA and RTP come with SECTION */
	struct sdp *sdp;
	struct sdp_transport *transport;
	struct sdp_section *section; /* NULL: the session */
	struct sdp_room next;
	struct sdp_rtp_reading rtp;
	bool shareable; /* sections that share a transport share the attribute that was read last */
	uint64_t seen;  /* a bit for every row of the table: of an attribute that is allowed once, only the first counts */
};

/* Reads an attribute. value.s is NULL when it has no colon. Returns NULL, or what is wrong with it. */
const char *sdp_attribute_read(struct sdp_reading *r, struct sdp_slice attribute);

#endif
