/* loop: the driver's invariants, for tests. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/heap.h"
#include "io/udp.h"
#include "sluice/loop.h"

/* Recounts, between callbacks:
 *   sockets == number of sockets listed, and the heap has at most one node of each
 *   the dirty list holds exactly the sockets that are marked dirty
 *   a socket without a peer has no deadline; nothing is busy */
bool loop_check(const sluice_loop *loop);

#endif
