/* writer: a text that grows in a buffer of the caller. Its length is counted also when it does not fit. */
#ifndef SDP_WRITER_H
#define SDP_WRITER_H

#include "sdp/sdp.h"

struct sdp_writer {
	char *at;
	size_t room;
	size_t len; /* of the whole text, also when it does not fit */
};

#define SDP_SLICE(slice) (int)(slice).len, (slice).s /* for "%.*s" */

__attribute__((format(printf, 2, 3))) void sdp_put(struct sdp_writer *w, const char *format, ...);

/* Writes what an audio or video section says besides its m= line and its transport: the lines before the transport, and those
 * behind it. */
void sdp_put_rtp(struct sdp_writer *w, const struct sdp_rtp *rtp, struct sdp_slice mid);
void sdp_put_rtcp(struct sdp_writer *w, const struct sdp_rtp *rtp);
/* Writes the payload types of the m= line, each with a blank before it. */
void sdp_put_types(struct sdp_writer *w, const struct sdp_rtp *rtp);

#endif
