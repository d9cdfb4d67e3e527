/* sections: which m= line belongs to which transceiver, what do we say in it, and what follows when both sides agree?
 *
 * RFC 9429, 5.2 (offers), 5.3 (answers), 5.9 to 5.11 (applying), and W3C webrtc-pc, 4.4.1.5 and 4.7.3. All sections of a
 * connection share one transport (RFC 9143): a section of the other side that is not in one BUNDLE group with the first usable
 * one is rejected. It knows no text, and of the transport only whose section has it. */
#ifndef PEER_SECTIONS_H
#define PEER_SECTIONS_H

#include "peer/plan.h"
#include "sluice/peer.h"

/* ---- of a pair of descriptions: ours, and the other side's ---- */

/* The section whose transport is that of all that can be used; NULL: nothing can. */
const struct sdp_section *sections_main(const struct sdp *theirs);
/* Their side of our section number i, when both use it; otherwise NULL. */
const struct sdp_section *sections_used(const struct plan *ours, const struct sdp *theirs, size_t i);
const struct sdp_section *sections_data(const struct plan *ours, const struct sdp *theirs);
/* Did we offer data, and they rejected it? */
bool sections_refuses_data(const struct plan *ours, const struct sdp *theirs);
bool sections_any(const struct plan *ours, const struct sdp *theirs);
bool sections_any_media(const struct plan *ours, const struct sdp *theirs);

/* ---- what we say ---- */

/* Return 0 or SLUICE_NO_MEMORY. */
int sections_plan_offer(sluice_peer *p, struct plan **out);
int sections_plan_answer(sluice_peer *p, const struct sdp *offer, struct plan **out);
/* Are the transceivers of a plan of ours still there? One that has no section yet goes when it is stopped. */
bool sections_are_there(const sluice_peer *p, const struct plan *plan);
/* The offer becomes pending. */
void sections_set_offer(sluice_peer *p, const struct plan *offer);
/* W3C webrtc-pc, 4.7.3: does a transceiver differ from the descriptions in force? */
bool sections_need_offer(const sluice_peer *p);

/* ---- what they say ---- */

/* Can an offer be one behind those in force? Returns NULL, or what is wrong. */
const char *sections_offer_fault(const sluice_peer *p, const struct sdp *offer);
/* The offer becomes pending: makes transceivers for what is new. On SLUICE_NO_MEMORY nothing has changed. */
int sections_take_offer(sluice_peer *p, const struct sdp *offer);
/* Whatever is pending is not any more. */
void sections_roll_back(sluice_peer *p);

/* ---- both agree ---- */

/* Gives the tracks what holds for them. Returns 0 or SLUICE_NO_MEMORY; it may be repeated. */
int sections_apply(sluice_peer *p, const struct plan *ours, const struct sdp *theirs, bool is_answer);
/* The pair is in force. */
void sections_commit(sluice_peer *p, const struct plan *ours, const struct sdp *theirs);

#endif
