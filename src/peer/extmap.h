/* extmap: which header extensions (RFC 8285) does a section of ours offer, and which of the other side's does it take?
 *
 * RFC 9143, 9.2 and RFC 8285, 5: in a BUNDLE group an id has one meaning, and an extension one id. What breaks that in a later
 * section is not taken. It knows no packets. */
#ifndef PEER_EXTMAP_H
#define PEER_EXTMAP_H

#include "rtp/extensions.h"
#include "sdp/sdp.h"
#include "sluice/media.h"

struct extmap {
	uint8_t id_of[RTP_EXT_COUNT]; /* 0: none yet */
	bool taken[256];
};

/* As many as we offer in one section. */
#define EXTMAP_MAX 10

/* Learns what a section of the other side means by its ids. */
void extmap_learn(struct extmap *m, const struct sdp_rtp *theirs);
/* The same for a section of ours. */
void extmap_recall(struct extmap *m, const struct sdp_extension *ours, size_t count);
/* Makes the extensions of an offer. ccfb: without the one for transport-cc. Returns how many. */
size_t extmap_offer(struct extmap *m, enum sluice_media_kind kind, bool ccfb, struct sdp_extension out[EXTMAP_MAX]);
/* Takes those that we know, by the other side's ids, with the direction seen from here. Returns how many. */
size_t extmap_take(struct extmap *m, enum sluice_media_kind kind, const struct sdp_rtp *theirs,
                   struct sdp_extension out[EXTMAP_MAX]);

#endif
