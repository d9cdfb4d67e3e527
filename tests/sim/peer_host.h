/* peer_host: a host that runs a whole peer (DTLS, association, channels) and a simple app on it.
 *
 * Messages are checked against ledgers as those of bare associations are: a message's first four bytes are its number in the
 * ledger, the rest is the ledger's pattern, and a channel's id is its stream.
 *
 * OpenSSL draws its own random numbers, and a signature is now a byte longer, now shorter; so a seed repeats what the network
 * does and what our side does, but not every length of the handshake. */
#ifndef TESTS_SIM_PEER_HOST_H
#define TESTS_SIM_PEER_HOST_H

#include "sluice/peer.h"

#include "ledger.h"
#include "memory.h"
#include "sim.h"

#define PEER_HOST_CHANNELS 64

struct peer_host {
	sluice_peer *peer; /* first: peer_node.h */
	struct sim *sim;
	struct sim_host *host;
	sluice_env *env;
	struct memory memory;
	struct rng entropy;
	sluice_certificate *certificate;
	sluice_peer_config config;
	struct ledger *sends, *receives;

	sluice_channel *channels[PEER_HOST_CHANNELS]; /* in the order in which they were opened, by whichever side */
	unsigned channel_count, open, closed;
	uint64_t lost;     /* as the channels reported */
	int channel_error; /* the last one that a channel closed with */
	enum sluice_peer_state state;
	uint64_t connected_at, ended_at;
};

/* Makes the host. Its role, MTU and association are config's (NULL: the defaults); the rest is filled in here. Join the two
 * hosts, then call peer_host_start() with both. */
struct peer_host *peer_host_new(struct sim *sim, const char *name, enum sluice_role role, const sluice_peer_config *config);
/* Makes the peers, tells each the other's address and fingerprint, and starts them. */
void peer_host_start(struct peer_host *a, struct peer_host *b);

int peer_host_open(struct peer_host *h, const sluice_channel_config *config);
/* The next message of its ledger, on its channel number `channel`; `len` (at least 4) includes the number. */
int peer_host_send(struct peer_host *h, unsigned channel, size_t len);

#endif
