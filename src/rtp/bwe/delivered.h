/* delivered: how many bit/s reach the receiver?
 *
 * One sample each 150 ms of the receiver's clock (the first after 500 ms), smoothed by a Bayesian filter: a sample that lies far
 * off the estimate counts for less, and the estimate's own doubt grows with time, so that a lasting change is followed within a
 * few samples. It knows only arrivals.
 *
 *   a sample is the bytes that arrived in (begun, last] divided by that time */
#ifndef RTP_BWE_DELIVERED_H
#define RTP_BWE_DELIVERED_H

#include <stdbool.h>
#include <stdint.h>

struct delivered {
	uint64_t begun, last; /* the receiver's clock */
	uint64_t bytes;
	double kbps;
	double doubt; /* variance of kbps */
	bool open;    /* begun is set */
	bool known;   /* kbps is set */
};

/* Packets may come a little out of order. */
void delivered_add(struct delivered *d, uint64_t arrived, uint32_t bytes);
/* bit/s; 0: not known yet. */
static inline uint64_t delivered_rate(const struct delivered *d) {
	return d->known ? (uint64_t)(d->kbps * 1000) : 0;
}
/* Packets are missing among the reports: a sample across them would be too small. */
void delivered_gap(struct delivered *d);
/* A probe has shown more than the samples do so far. */
void delivered_raise(struct delivered *d, uint64_t rate);

#endif
