/* shares: how do flows share one bottleneck? One measurement over wan.h, with the figures that a judgement of fairness needs. */
#ifndef TESTS_SIM_SHARES_H
#define TESTS_SIM_SHARES_H

#include "wan.h"

struct shares_case {
	uint64_t seed, rate, rtt; /* bit/s; ns */
	unsigned queue_tenths;    /* of the bandwidth-delay product */
	double loss;              /* of data packets, beyond the queue's */
	unsigned flows;
	enum sluice_cc controls[WAN_FLOWS];
	uint64_t stagger;     /* flows begin at random times within so many ns */
	uint64_t from, until; /* what is measured, ns after the beginning; multiples of WAN_BIN */
};

struct shares {
	double goodput[WAN_FLOWS]; /* bytes/s of payload */
	double weakest;            /* what the one with least had, of its fair share of the payload rate */
	double jain;
	double used;                /* of the payload rate, by all together */
	double mean_wait, p95_wait; /* of a packet in the queue, in round trips of the empty path: queues in BDP */
};

void shares_measure(const struct shares_case *c, struct shares *s);

#endif
