/* direct_end: one of two processes with a peer each, without ICE. Their addresses and fingerprints pass over a socket between
 * them. */
#ifndef BENCH_DIRECT_END_H
#define BENCH_DIRECT_END_H

#include "sluice.h"

struct direct_end {
	sluice_loop *loop;
	sluice_peer *peer;
	sluice_certificate *certificate;
};

/* Makes the end and tells the other one where it is: `line` is a SOCK_SEQPACKET to the other process, `address` that of a network
 * of this host. `config` has the role, the callbacks and what else is to be set; the rest is filled in. Ends the program when it
 * cannot. */
void direct_end_open(struct direct_end *e, int line, const char *address, sluice_peer_config *config);
void direct_end_close(struct direct_end *e);

#endif
