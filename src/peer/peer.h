/* peer: what a driver of ours needs to know about a peer beyond the public header.
 *
 * The composition itself (who is asked first, when a state is told) is in peer.c; the rule which source address may speak
 * for the peer is in path.c. Neither knows a socket or a clock. */
#ifndef PEER_PEER_H
#define PEER_PEER_H

#include "sluice/peer.h"

/* Called once, first thing in sluice_peer_free(), wherever that is called from; afterwards the peer must not be touched. */
void peer_on_free(sluice_peer *p, void (*fn)(void *ctx), void *ctx);
/* Did somebody ask to be told? */
bool peer_has_driver(const sluice_peer *p);

/* The invariants, recounted:
 *   every state told or to be told lies at or before `state`
 *   ends_as is NEW, CLOSED or FAILED, and CLOSED or FAILED once state is one of them
 *   the association lives only while DTLS has come up
 *   datagrams counted never exceed bytes counted
 * and those of its layers: dtls_check, association_check, channels_check */
bool peer_check(const sluice_peer *p);

/* May datagrams of this path be the peer's? By offer and answer: an authenticated check or its answer passed over it. */
bool peer_admits(const sluice_peer *p, const sluice_path *path);
/* Authenticated checks and answers that came so far; 0 for a direct peer. */
uint64_t peer_proofs(const sluice_peer *p);

/* ---- path.c ---- */

/* The same address and port; the rest of a sockaddr (padding, flow labels) does not matter. */
bool path_equal(const sluice_path *a, const sluice_path *b);

/* Could these bytes be a DTLS record? The first byte of DTLS (packet_kind.h), and RFC 6347, 4.1: versions are 254.x. */
bool path_is_dtls(const sluice_datagram *d);

#endif
