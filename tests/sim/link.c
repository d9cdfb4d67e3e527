#include "link.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define MS UINT64_C(1000000)

void link_config_bad(struct rng *r, struct link_config *l) {
	*l = (struct link_config){.delay = rng_below(r, 150 * MS)};
	if (rng_chance(r, 0.7))
		l->rate = 200000u << rng_below(r, 9);
	if (rng_chance(r, 0.5))
		l->jitter = rng_below(r, 40 * MS);
	if (rng_chance(r, 0.5))
		l->queue = 10000 + rng_below(r, 100000); /* room for the largest packet */
	if (rng_chance(r, 0.6))
		l->loss = 0.08 * (double)rng_below(r, 1000) / 1000;
	if (rng_chance(r, 0.2)) {
		l->burst_enter = 0.01;
		l->burst_leave = 0.3;
		l->burst_loss = 0.8;
	}
	if (rng_chance(r, 0.3))
		l->duplicate = 0.05;
	if (rng_chance(r, 0.3))
		l->corrupt = 0.02;
	if (rng_chance(r, 0.4)) {
		l->reorder = 0.1;
		l->reorder_delay = rng_below(r, 60 * MS);
	}
	if (rng_chance(r, 0.1)) {
		l->outage_from = 1000 * MS + rng_below(r, 3000 * MS);
		l->outage_to = l->outage_from + rng_below(r, 3000 * MS);
	}
}

void link_filter(struct sim_link *link, link_filter_fn fn, void *ctx) {
	if (link->filter_count == LINK_FILTERS)
		sim_fail(link->sim, "more than %d filters on a link", LINK_FILTERS);
	link->filters[link->filter_count].fn = fn;
	link->filters[link->filter_count++].ctx = ctx;
}

void link_filters_clear(struct sim_link *link) {
	link->filter_count = 0;
}

static bool filtered(struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	for (unsigned i = 0; i < link->filter_count; i++)
		if (link->filters[i].fn(link->filters[i].ctx, link, packet, len, now) == LINK_DROP)
			return true;
	return false;
}

/* Gilbert's model: bad times come and go, and losses come in runs. */
static bool burst_lost(struct sim_link *link) {
	const struct link_config *c = &link->config;
	if (c->burst_enter <= 0)
		return false;
	link->burst = link->burst ? !rng_chance(&link->rng, c->burst_leave) : rng_chance(&link->rng, c->burst_enter);
	return link->burst && rng_chance(&link->rng, c->burst_loss);
}

static bool unlucky(struct sim_link *link, uint64_t number) {
	const struct link_config *c = &link->config;
	bool lost = number < 64 && (c->mask >> number & 1);
	lost |= number >= c->drop_from && number < c->drop_to;
	lost |= burst_lost(link);
	lost |= rng_chance(&link->rng, c->loss);
	return lost;
}

/* ---- bottlenecks ---- */

/* Sixteen bins for each doubling: the error is 1/16 at most. */
static unsigned wait_bin(uint64_t ns) {
	uint64_t us = ns / 1000;
	if (us < 16)
		return (unsigned)us;
	unsigned shift = 63u - (unsigned)__builtin_clzll(us) - 4;
	unsigned bin = 16 * shift + (unsigned)(us >> shift);
	return bin < BOTTLENECK_BINS ? bin : BOTTLENECK_BINS - 1;
}

static uint64_t bin_end(unsigned bin) {
	unsigned shift = bin < 32 ? 0 : bin / 16 - 1;
	return ((uint64_t)(bin - 16 * shift + 1) << shift) * 1000;
}

void bottleneck_measure(struct bottleneck *b, uint64_t now) {
	b->since = now;
	b->datagrams = b->bytes = b->drops = b->waited = 0;
	memset(b->waits, 0, sizeof b->waits);
}

uint64_t bottleneck_mean_wait(const struct bottleneck *b) {
	return b->datagrams ? b->waited / b->datagrams : 0;
}

uint64_t bottleneck_wait_below(const struct bottleneck *b, double share) {
	uint64_t wanted = (uint64_t)(share * (double)b->datagrams), seen = 0;
	for (unsigned i = 0; i < BOTTLENECK_BINS; i++) {
		seen += b->waits[i];
		if (seen >= wanted && b->datagrams)
			return bin_end(i);
	}
	return 0;
}

/* When the last bit of the datagram leaves the queue; false when the queue has no room for it. */
static bool queued(uint64_t rate, size_t queue, uint64_t *busy_until, size_t len, uint64_t now) {
	uint64_t start = *busy_until > now ? *busy_until : now;
	size_t waiting = (size_t)((double)(start - now) * (double)rate / 8e9);
	if (queue && waiting + len > queue)
		return false;
	*busy_until = start + (uint64_t)((double)len * 8e9 / (double)rate);
	return true;
}

static bool bottleneck_takes(struct bottleneck *b, size_t len, uint64_t now) {
	uint64_t wait = b->busy_until > now ? b->busy_until - now : 0;
	if (!queued(b->rate, b->queue, &b->busy_until, len, now)) {
		b->drops++;
		return false;
	}
	b->datagrams++;
	b->bytes += len;
	b->waited += wait;
	b->waits[wait_bin(wait)]++;
	return true;
}

static bool leaves(struct sim_link *link, size_t len, uint64_t now, uint64_t *at) {
	const struct link_config *c = &link->config;
	*at = now;
	if (link->bottleneck) {
		bool taken = bottleneck_takes(link->bottleneck, len, now);
		*at = link->bottleneck->busy_until;
		return taken;
	}
	if (!c->rate)
		return true;
	bool taken = queued(c->rate, c->queue, &link->busy_until, len, now);
	*at = link->busy_until;
	return taken;
}

/* ---- the way of a datagram ---- */

static uint64_t arrival(struct sim_link *link, uint64_t left) {
	const struct link_config *c = &link->config;
	uint64_t at = left + c->delay + (c->jitter ? rng_below(&link->rng, c->jitter + 1) : 0);
	if (rng_chance(&link->rng, c->reorder))
		return at + c->reorder_delay + (c->reorder_jitter ? rng_below(&link->rng, c->reorder_jitter + 1) : 0);
	if (at < link->last_arrival)
		at = link->last_arrival;
	link->last_arrival = at;
	return at;
}

/* When the receiver reads what arrived at that time. */
static uint64_t read_at(struct sim_link *link, uint64_t at) {
	const struct link_config *c = &link->config;
	while (c->stall_every && at >= link->stall_to) {
		link->stall_from = link->stall_to + c->stall_every / 2 + rng_below(&link->rng, c->stall_every);
		link->stall_to = link->stall_from + rng_below(&link->rng, c->stall_most + 1);
	}
	return at >= link->stall_from && at < link->stall_to ? link->stall_to : at;
}

static void deliver(struct sim_link *link, const uint8_t *packet, size_t len, uint64_t at) {
	uint64_t grid = link->config.coalesce;
	link->delivered++;
	link->bytes_delivered += len;
	at = read_at(link, at);
	sim_schedule_arrival(link, packet, len, grid ? (at + grid - 1) / grid * grid : at);
}

static void trace(struct sim_link *link, const uint8_t *packet, size_t len, uint64_t now, const char *fate) {
	char text[1024] = "";
	if (link->sim->describe)
		link->sim->describe(packet, len, text, sizeof text);
	fprintf(stderr, "%12.6f %s>%s %5zu %s%s\n", (double)now / 1e9, link->from->name, link->to->name, len, text, fate);
}

void link_send(struct sim_link *link, uint8_t *packet, size_t len, uint64_t now) {
	const struct link_config *c = &link->config;
	uint64_t number = link->offered++, left = now;
	link->bytes_offered += len;
	const char *fate = "";
	if (filtered(link, packet, &len, now)) {
		fate = "  -> dropped by the test";
	} else if (now >= c->outage_from && now < c->outage_to) {
		fate = "  -> lost in the outage";
	} else if (c->mtu && len > c->mtu) {
		fate = "  -> larger than the MTU";
	} else if (!leaves(link, len, now, &left)) {
		link->queue_drops++;
		fate = "  -> queue full";
	} else if (unlucky(link, number)) {
		fate = "  -> lost";
	}
	if (link->sim->trace)
		trace(link, packet, len, now, fate);
	if (*fate) {
		link->dropped++;
		return;
	}
	if (rng_chance(&link->rng, c->corrupt)) {
		link->corrupted++;
		packet[rng_below(&link->rng, len)] ^= (uint8_t)(1u << rng_below(&link->rng, 8));
	}
	if (rng_chance(&link->rng, c->duplicate)) {
		link->duplicated++;
		deliver(link, packet, len, arrival(link, left));
	}
	deliver(link, packet, len, arrival(link, left));
}
