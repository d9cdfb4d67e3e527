/* sluice: everything that an app needs. The headers, in reading order:
 *
 * error.h        what a negative result means
 * log.h          lines about errors and state changes, for the app's log
 * env.h          what the objects of one thread share: the allocator, the entropy, the log; datagrams and messages
 * stats.h        counters that can be read at any time
 * trace.h        each event as a line of JSON, each packet for Wireshark
 * sctp.h         the association engine alone, over a transport of your own
 * channel.h      data channels over an association
 * media.h        audio and video: tracks over SRTP, in a peer connection or over a transport of your own
 * certificate.h  certificates and their fingerprints
 * ice.h          STUN and TURN servers, candidates and the configuration of ICE
 * peer.h         a peer connection: ICE, DTLS, the association and its channels as one engine without a socket
 * loop.h         the libev driver, which owns the sockets and the clock
 *
 * An app that leaves sockets and timers to the library needs channel.h, peer.h and loop.h. */
#ifndef SLUICE_H
#define SLUICE_H

#include "sluice/error.h"

#include "sluice/log.h"

#include "sluice/env.h"

#include "sluice/stats.h"
#include "sluice/trace.h"

#include "sluice/sctp.h"

#include "sluice/channel.h"

#include "sluice/media.h"

#include "sluice/certificate.h"
#include "sluice/ice.h"
#include "sluice/peer.h"

#include "sluice/loop.h"

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0

#endif
