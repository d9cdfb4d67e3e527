/* media_lines: what does an audio or video section of ours say, as the structs that src/sdp writes?
 *
 * The plan says what was decided, the transceiver what is fixed: its streams, track, SSRCs and rids. */
#ifndef PEER_MEDIA_LINES_H
#define PEER_MEDIA_LINES_H

#include "peer/plan.h"
#include "peer/transceiver.h"

/* What the section's struct points to. */
struct media_lines {
	struct sdp_codec codecs[CODECS_MAX];
	struct sdp_msid msids[STREAMS_MAX];
	struct sdp_ssrc ssrcs[2];
	struct sdp_ssrc_group group;
	struct sdp_rid rids[2 * SLUICE_LAYERS_MAX];
};

/* False: the transceiver is gone. */
bool media_lines_put(const sluice_peer *p, const struct plan_section *s, struct media_lines *lines, struct sdp_rtp *out);

#endif
