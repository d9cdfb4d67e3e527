/* report_media: what do the tracks of a peer add to its report? W3C webrtc-stats: "inbound-rtp", "outbound-rtp",
 * "remote-inbound-rtp", "remote-outbound-rtp" and "codec" entries. */
#ifndef PEER_REPORT_MEDIA_H
#define PEER_REPORT_MEDIA_H

#include "base/json_line.h"
#include "sluice/peer.h"

void report_media_write(const sluice_peer *p, struct json_line *j);

#endif
