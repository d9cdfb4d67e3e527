/* pair: the usual world of a test: two associations, a link each way, a ledger each way, and a record of every packet.
 *
 * Every failure that a test need not look for by itself (a wrong message, a leak, a state that makes no sense) ends the
 * program with the replay command. */
#ifndef TESTS_SIM_PAIR_H
#define TESTS_SIM_PAIR_H

#include "packets.h"
#include "sctp_host.h"

struct pair_config {
	uint64_t seed;
	struct link_config ab, ba;
	sluice_sctp_config a, b;
	size_t batch_max, headroom, tailroom; /* of both hosts' output batches */
	bool no_record;
};

struct pair {
	struct sim sim;
	struct sctp_host *a, *b;
	struct sim_link *ab, *ba;
	struct ledger to_b, to_a;
	struct recorder recorder;
	uint64_t started; /* when the world began */
};

#define PAIR_DELAY (10 * SLUICE_MS) /* one way, unless a test says otherwise: a round trip of 20 ms */

void pair_config_init(struct pair_config *config);
/* config NULL: the defaults. */
void pair_init(struct pair *p, const struct pair_config *config);
/* Frees everything; fails on leaks and unreleased loans. */
void pair_free(struct pair *p);

/* The same, and a connects to b, until both are established (within a minute, else it fails). */
void pair_start(struct pair *p, const struct pair_config *config);
/* a connects; until both are established. */
void pair_connect(struct pair *p, uint64_t within);

/* A message from `from`, ordered and reliable; fails when it is not taken. */
void pair_send(struct pair *p, struct sctp_host *from, uint16_t stream, size_t len);
/* With everything said. */
void pair_send_as(struct pair *p, struct sctp_host *from, sluice_send_info info, size_t len);
/* Until everything sent reliably, both ways, has arrived and nothing is buffered; fails after `within`. */
void pair_deliver(struct pair *p, uint64_t within);
/* Shuts down from `from`'s side; until both have ended without error; fails after `within`. */
void pair_shutdown(struct pair *p, struct sctp_host *from, uint64_t within);

/* Time since the world began. */
static inline uint64_t pair_clock(const struct pair *p) {
	return p->sim.now - p->started;
}
static inline struct sctp_host *pair_other(const struct pair *p, const struct sctp_host *h) {
	return h == p->a ? p->b : p->a;
}

#endif
