/* peer: what a driver of ours needs to know about a peer beyond the public header.
 *
 * It knows neither a socket nor a clock. */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include "sluice/peer.h"

/* Called once, first thing in sluice_peer_free(), wherever that is called from; afterwards the peer must not be touched. */
void peer_on_free(sluice_peer *p, void (*fn)(void *ctx), void *ctx);
/* Was peer_on_free called? */
bool peer_has_driver(const sluice_peer *p);

/* The invariants, recounted:
 *   every state that the app was or is to be notified of lies at or before `state`
 *   ends_as is NEW, CLOSED or FAILED, and CLOSED or FAILED once state is one of them
 *   the association lives only while DTLS has come up
 *   datagrams counted never exceed bytes counted
 * and those of its layers: dtls_check, association_check, channels_check */
bool peer_check(const sluice_peer *p);

/* May datagrams of this path be the peer's? By offer and answer: an authenticated check or its answer passed over it. */
bool peer_admits(const sluice_peer *p, const sluice_path *path);
/* Has the turn that goes on touched nothing above ICE so far? Asked behind dispatch(). Then the ufrag is what it was. */
bool peer_is_at_rest(const sluice_peer *p);
/* Authenticated checks and answers that came so far. A direct peer has none. */
uint64_t peer_proofs(const sluice_peer *p);

/* The receive window of now, as large as it has grown. Where the driver's socket holds less, less is promised. */
uint64_t peer_receive_window(const sluice_peer *p);

/* A check or an answer is about to come, or a timer of a peer at rest runs. */
void peer_prefetch_check(const sluice_peer *p);
/* See sluice_media_prefetch(). */
void peer_prefetch(const sluice_peer *p, unsigned turns);

#endif
