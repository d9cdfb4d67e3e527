/* pair: the usual world of a test: two associations, a link each way, a ledger each way, and a record of every packet.
 *
 * It looks by itself for wrong messages, leaks and impossible states. When it finds one, it ends the program and prints the
 * replay command. */
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

/* The same, and then a connects to b. Runs until both are established; fails after a minute. */
void pair_start(struct pair *p, const struct pair_config *config);
/* a connects. Runs until both are established; fails after `within`. */
void pair_connect(struct pair *p, uint64_t within);

/* Sends an ordered, reliable message; fails when the send is refused. */
void pair_send(struct pair *p, struct sctp_host *from, uint16_t stream, size_t len);
/* Sends a message as `info` says. */
void pair_send_as(struct pair *p, struct sctp_host *from, sluice_send_info info, size_t len);
/* Runs until every reliable message of both sides has arrived and nothing is buffered; fails after `within`. */
void pair_deliver(struct pair *p, uint64_t within);
/* `from` shuts down. Runs until both have ended without an error; fails after `within`. */
void pair_shutdown(struct pair *p, struct sctp_host *from, uint64_t within);

/* Time since the world began. */
static inline uint64_t pair_clock(const struct pair *p) {
	return p->sim.now - p->started;
}
static inline struct sctp_host *pair_other(const struct pair *p, const struct sctp_host *h) {
	return h == p->a ? p->b : p->a;
}

#endif
