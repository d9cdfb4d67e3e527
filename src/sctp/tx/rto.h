/* rto: when is silence a loss? RFC 9260, 6.3.1. It knows measurements and nothing else. */
#ifndef SCTP_TX_RTO_H
#define SCTP_TX_RTO_H

#include "base/walk.h"

#include <stdbool.h>
#include <stdint.h>

struct rto {
	uint64_t srtt, rttvar, rto, min_rtt; /* ns; srtt 0: no measurement yet */
	uint64_t initial, min, max;
};

void rto_init(struct rto *r, uint64_t initial, uint64_t min, uint64_t max);
/* The least round trip measured; 0: none was yet. */
static inline uint64_t rto_least_known(const struct rto *r) {
	return r->min_rtt == UINT64_MAX ? 0 : r->min_rtt;
}
/* A round trip that only counts for min_rtt. */
void rto_least(struct rto *r, uint64_t rtt);
void rto_measure(struct rto *r, uint64_t rtt);
void rto_back_off(struct rto *r);
/* The RTO without back-off. */
uint64_t rto_plain(const struct rto *r);
/* The path answers again: takes the back-off away. */
void rto_restore(struct rto *r);
/* As base/walk.h has it; the limits are those of the configuration. */
void rto_walk(struct rto *r, struct walk *w);

#endif
