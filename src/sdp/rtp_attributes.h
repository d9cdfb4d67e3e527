/* rtp_attributes: what does one a= or b= line of an audio or video section say?
 *
 * The functions are for the table in attributes.c. Each returns NULL or what is wrong; only a wrong a=rtpmap is a fault. Other
 * lines that are malformed, or beyond a limit, are counted in `skipped`: a session can do without each of them. */
#ifndef SDP_RTP_ATTRIBUTES_H
#define SDP_RTP_ATTRIBUTES_H

#include "sdp/attributes.h"

const char *rtp_read_sendrecv(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_sendonly(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_recvonly(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_inactive(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_allow_mixed(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_mux(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_mux_only(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_rsize(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_map(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_fmtp(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_feedback(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_extension(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_msid(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_ssrc(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_ssrc_group(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_rid(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_simulcast(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_ptime(struct sdp_reading *r, struct sdp_slice value);
const char *rtp_read_maxptime(struct sdp_reading *r, struct sdp_slice value);
/* The value of b=. */
void rtp_read_bandwidth(struct sdp_reading *r, struct sdp_slice value);

/* Before the first line of the section. */
void rtp_begin(struct sdp_reading *r);
/* Behind the last one: puts together what several lines say. */
void rtp_end(struct sdp_reading *r);

#endif
