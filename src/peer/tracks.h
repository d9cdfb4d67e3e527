/* tracks: how do the tracks of a transceiver learn what was negotiated?
 *
 * They are made with the transceiver, without codecs. When both sides agree they get codecs, the mid, the other side's SSRCs and
 * their direction. It knows no descriptions but the two sections that agree. */
#ifndef PEER_TRACKS_H
#define PEER_TRACKS_H

#include "peer/plan.h"
#include "sluice/peer.h"

/* What holds for a section that both sides use. */
struct tracks_terms {
	const struct plan_section *ours;
	const struct sdp_rtp *theirs;
	enum sdp_direction direction; /* agreed on */
	struct codecs_list taken;     /* by the other side's numbers */
};

/* Returns 0 or SLUICE_NO_MEMORY. The engine has to be there. */
int tracks_make(sluice_transceiver *t, const sluice_transceiver_config *config);
/* Ends them; on_ended follows. */
void tracks_end(sluice_transceiver *t);
/* Adds the ids of the header extensions that both have. What contradicts an earlier section's is left out. */
void tracks_add_extensions(const struct tracks_terms *terms, struct rtp_extension_map *map);
/* The engine has the ids. Returns 0 or SLUICE_NO_MEMORY. Changes no direction. */
int tracks_apply(sluice_transceiver *t, const struct tracks_terms *terms);
/* Lets them send and receive as the transceiver's `current` and `receives` say. */
void tracks_follow(sluice_transceiver *t);

#endif
