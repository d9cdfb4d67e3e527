/* sluice: everything that an app needs, in reading order.
 *
 * error.h    what a negative result means
 * env.h      the allocator, the entropy and the pools that the objects of one thread share; datagrams and messages
 * stats.h    the counters that can be read at any time
 * trace.h    what is told of each event and each packet, and files that Wireshark reads
 * sctp.h     the association engine alone, over a transport of yours
 * channel.h  data channels over an association
 * peer.h     DTLS, association and channels as one engine, still without a socket
 * loop.h     the libev driver, which owns the sockets and the clock */
#ifndef SLUICE_H
#define SLUICE_H

#include "sluice/error.h"

#include "sluice/env.h"
#include "sluice/log.h"
#include "sluice/stats.h"
#include "sluice/trace.h"

#include "sluice/sctp.h"

#include "sluice/channel.h"

#include "sluice/peer.h"

#include "sluice/loop.h"

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 1
#define SLUICE_VERSION_PATCH 0

#endif
