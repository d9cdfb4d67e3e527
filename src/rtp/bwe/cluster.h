/* cluster: how fast did the packets of a probe come through?
 *
 * A probe is a few packets sent at a rate above the target. Their spacing at the receiver says what the path carried. A result
 * needs four fifths of the packets and of the bytes; a probe that lost more has none.
 *
 *   rate = (bytes - size of the packet at one end) / time between the ends, at the sender and at the receiver; the lesser of both
 *
 * The last CLUSTERS probes are remembered; packets of older ones are ignored. */
#ifndef RTP_BWE_CLUSTER_H
#define RTP_BWE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#define CLUSTERS 8

/* A probe that has to be sent. */
struct bwe_probe {
	uint32_t id;      /* from 1 on; each packet of the probe is recorded with it */
	uint32_t packets; /* at least so many, */
	uint32_t bytes;   /* and at least so many bytes in all */
	uint64_t rate;    /* bit/s to send them at */
};

struct cluster {
	struct bwe_probe probe;
	uint32_t packets, bytes;
	uint64_t first_sent, last_sent, first_arrival, last_arrival;
	uint32_t first_size; /* of the packet that arrived first */
	uint32_t last_size;  /* of the packet that was sent last */
};

struct clusters {
	struct cluster ring[CLUSTERS]; /* by probe id; id 0: empty */
};

struct cluster_result {
	uint32_t id;
	uint64_t rate;  /* bit/s */
	bool saturated; /* they came slower than they were sent: this is all that the path carries */
};

void cluster_begin(struct clusters *c, const struct bwe_probe *probe);
/* A packet of a probe arrived. Returns true when there is a result now; a later packet may better it. */
bool cluster_add(struct clusters *c, uint32_t id, uint64_t sent, uint64_t arrived, uint32_t size, struct cluster_result *out);

#endif
