/* landing: how do datagrams of a batch come to the other end? As a receive would bring them: in a slab, which the batch is copied
 * into. */
#ifndef BENCH_LANDING_H
#define BENCH_LANDING_H

#include <string.h>

#include "bench/harness.h"
#include "sluice.h"

#define LANDING_MAX 64

/* Fills datagrams[], which has room for LANDING_MAX. The slab is the caller's, who gives it back behind input(). */
static inline sluice_slab *landing_take(sluice_batch *b, sluice_datagram *datagrams) {
	sluice_slab *slab = sluice_slab_get(bench_env());
	BENCH_MUST(slab && b->count <= LANDING_MAX);
	uint8_t *bytes = sluice_slab_data(slab);
	memcpy(bytes, b->data, sluice_batch_len(b));
	for (size_t i = 0; i < b->count; i++)
		datagrams[i] = (sluice_datagram){bytes + i * b->stride, sluice_batch_slot_len(b, i), slab};
	return slab;
}

#endif
