/* link: one direction of a line between two hosts, and everything that can go wrong on it.
 *
 * A datagram passes in this order: the test's filters, the outage, the MTU, the queue (tail drop), the rate, the mask, burst
 * loss, random loss, corruption, duplication, reordering, delay, jitter, and the network card of the receiver. Queue and rate may
 * be those of a bottleneck that several links share. Jitter alone never makes one datagram overtake another; only reordering
 * does.
 *
 *   offered == dropped + delivered - duplicated, once nothing is under way */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"

#define LINK_FILTERS 8
#define LINK_PACKET_MAX 65536

struct sim;
struct sim_event;
struct sim_host;
struct sim_link;

struct link_config {
	uint64_t rate;   /* bit/s of datagram bytes; 0: no limit */
	uint64_t delay;  /* ns */
	uint64_t jitter; /* ns, uniformly 0..jitter added to the delay */
	size_t queue;    /* bytes that may wait for the rate; 0: no limit */
	size_t mtu;      /* larger datagrams vanish; 0: no limit */

	uint64_t mask;                   /* bit i: datagram i (from 0) is dropped */
	uint64_t drop_from, drop_to;     /* datagrams number from..to-1 are dropped */
	double loss;                     /* probability */
	double burst_enter, burst_leave; /* Gilbert's two states: chances per datagram to enter and to leave the bad one */
	double burst_loss;               /* probability of loss in the bad state */
	double corrupt;                  /* probability that one bit is flipped */
	double duplicate;                /* probability that it comes twice */
	double reorder;                  /* probability that it is held back while others pass it */
	uint64_t reorder_delay;          /* for how long, ns */
	uint64_t reorder_jitter;         /* ns, uniformly 0..reorder_jitter added to that */
	uint64_t outage_from, outage_to; /* everything offered in this time is dropped */
	uint64_t coalesce; /* ns; the receiver's card collects datagrams, and they come together at multiples of this */
	/* ns; the receiver's process does something else for 0..stall_most, again and again, with 0.5 to 1.5 of stall_every in
	 * between. What arrives meanwhile comes together at the end. */
	uint64_t stall_every, stall_most;
};

/* A queue and a rate that several links share; tail drop, first come first served. It counts how long datagrams waited. */
#define BOTTLENECK_BINS 512
struct bottleneck {
	uint64_t rate; /* bit/s of datagram bytes */
	size_t queue;  /* bytes that may wait; 0: no limit */
	uint64_t busy_until;
	/* Since bottleneck_measure(): */
	uint64_t since, datagrams, bytes, drops;
	uint64_t waited;                 /* ns, in all */
	uint64_t waits[BOTTLENECK_BINS]; /* how many datagrams waited how long; see bottleneck_wait_bin() */
};

/* Forgets what was counted so far. */
void bottleneck_measure(struct bottleneck *b, uint64_t now);
/* How long datagrams waited for their turn, in ns: the mean, and a time that `share` (0.99) of them did not exceed (to 1/16). */
uint64_t bottleneck_mean_wait(const struct bottleneck *b);
uint64_t bottleneck_wait_below(const struct bottleneck *b, double share);

enum link_verdict {
	LINK_PASS,
	LINK_DROP,
};

/* Gets each datagram. It may change the bytes and the length (up to LINK_PACKET_MAX). */
typedef enum link_verdict (*link_filter_fn)(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now);

struct sim_link {
	struct sim *sim;
	struct sim_host *from, *to;
	struct link_config config; /* may be changed at any time */
	struct rng rng;
	struct {
		link_filter_fn fn;
		void *ctx;
	} filters[LINK_FILTERS];
	unsigned filter_count;
	struct bottleneck *bottleneck; /* instead of rate and queue of its own; may be NULL */
	struct sim_event *under_way, *under_way_last;
	bool burst;          /* Gilbert: in the bad state */
	uint64_t busy_until; /* when the last queued bit has left */
	uint64_t last_arrival;
	uint64_t stall_from, stall_to;                                            /* the next stall, or the present one */
	uint64_t offered, dropped, delivered, duplicated, corrupted, queue_drops; /* datagrams */
	uint64_t bytes_offered, bytes_delivered;
};

/* Fills in a line that is as bad as a line may be on which things still have to work: any mixture of slowness, jitter, short
 * queues, loss of up to 8 %, bursts of loss, duplicates, flipped bits, reordering, and an outage of up to 3 s near the
 * beginning. */
void link_config_bad(struct rng *r, struct link_config *config);

void link_filter(struct sim_link *link, link_filter_fn fn, void *ctx);
void link_filters_clear(struct sim_link *link);
/* Offers one datagram; the bytes are copied if it will arrive. `packet` has room for LINK_PACKET_MAX bytes. */
void link_send(struct sim_link *link, uint8_t *packet, size_t len, uint64_t now);

#endif
