/* mouth_to_mouth: two peers by offer and answer in one thread, whose datagrams reach each other by a copy. */
#ifndef BENCH_MOUTH_TO_MOUTH_H
#define BENCH_MOUTH_TO_MOUTH_H

#include "sluice/peer.h"

struct mouth {
	sluice_env *env;
	sluice_peer *peers[2];
	uint64_t now;
	unsigned open; /* channels that one side or the other saw open */
};

/* Makes both, connects them and opens a channel; 0, or -1 when it took more rounds than it ever should. */
int mouth_connect(struct mouth *m, sluice_env *env, sluice_certificate *certificate, const sluice_peer_config *config);
/* Offer and answer, from one peer to the other without a way between them; 0 or an error. */
int mouth_negotiate(sluice_peer *offerer, sluice_peer *answerer);
/* Moves datagrams both ways until nobody has any. */
void mouth_exchange(struct mouth *m);
void mouth_close(struct mouth *m);

#endif
