#include "rtp/bwe/cluster.h"

#include "sluice/env.h"

#define SHARE_NUMERATOR 4 /* four fifths */
#define SHARE_DENOMINATOR 5
#define RATIO_MOST 2.0   /* received this much faster than sent: something on the path collected them, and the rate is no rate */
#define SATURATED 0.9    /* received slower than this share of the rate sent */
#define UTILISATION 0.95 /* of a saturated path's rate, so that the queue that the probe made empties */

static struct cluster *find(struct clusters *c, uint32_t id) {
	struct cluster *k = &c->ring[id % CLUSTERS];
	return id && k->probe.id == id ? k : NULL;
}

void cluster_begin(struct clusters *c, const struct bwe_probe *probe) {
	c->ring[probe->id % CLUSTERS] = (struct cluster){.probe = *probe};
}

static int64_t since(uint64_t later, uint64_t earlier) {
	return (int64_t)(later - earlier);
}

static void count(struct cluster *k, uint64_t sent, uint64_t arrived, uint32_t size) {
	bool first = k->packets == 0;
	if (first || since(sent, k->first_sent) < 0)
		k->first_sent = sent;
	if (first || since(sent, k->last_sent) >= 0) {
		k->last_sent = sent;
		k->last_size = size;
	}
	if (first || since(arrived, k->first_arrival) < 0) {
		k->first_arrival = arrived;
		k->first_size = size;
	}
	if (first || since(arrived, k->last_arrival) > 0)
		k->last_arrival = arrived;
	k->packets++;
	k->bytes += size;
}

static bool enough(const struct cluster *k) {
	const struct bwe_probe *p = &k->probe;
	return (uint64_t)k->packets * SHARE_DENOMINATOR >= (uint64_t)p->packets * SHARE_NUMERATOR &&
	       (uint64_t)k->bytes * SHARE_DENOMINATOR >= (uint64_t)p->bytes * SHARE_NUMERATOR;
}

/* bit/s; 0: the span makes no sense. */
static double rate(uint32_t bytes, int64_t span) {
	return span > 0 && span <= (int64_t)SLUICE_S ? (double)bytes * 8e9 / (double)span : 0;
}

bool cluster_add(struct clusters *c, uint32_t id, uint64_t sent, uint64_t arrived, uint32_t size, struct cluster_result *out) {
	struct cluster *k = find(c, id);
	if (!k)
		return false;
	count(k, sent, arrived, size);
	if (!enough(k))
		return false;
	double out_rate = rate(k->bytes - k->last_size, since(k->last_sent, k->first_sent));
	double in_rate = rate(k->bytes - k->first_size, since(k->last_arrival, k->first_arrival));
	if (out_rate <= 0 || in_rate <= 0 || in_rate > RATIO_MOST * out_rate)
		return false;
	bool saturated = in_rate < SATURATED * out_rate;
	double result = saturated ? UTILISATION * in_rate : in_rate < out_rate ? in_rate : out_rate;
	*out = (struct cluster_result){id, (uint64_t)result, saturated};
	return result >= 1;
}
