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

/* When the last bit of the datagram leaves the queue; false when the queue has no room for it. */
static bool leaves(struct sim_link *link, size_t len, uint64_t now, uint64_t *at) {
	const struct link_config *c = &link->config;
	if (!c->rate) {
		*at = now;
		return true;
	}
	uint64_t start = link->busy_until > now ? link->busy_until : now;
	size_t waiting = (size_t)((double)(start - now) * (double)c->rate / 8e9);
	if (c->queue && waiting + len > c->queue)
		return false;
	*at = link->busy_until = start + (uint64_t)((double)len * 8e9 / (double)c->rate);
	return true;
}

static uint64_t arrival(struct sim_link *link, uint64_t left) {
	const struct link_config *c = &link->config;
	uint64_t at = left + c->delay + (c->jitter ? rng_below(&link->rng, c->jitter + 1) : 0);
	if (rng_chance(&link->rng, c->reorder))
		return at + c->reorder_delay;
	if (at < link->last_arrival)
		at = link->last_arrival;
	link->last_arrival = at;
	return at;
}

static void deliver(struct sim_link *link, const uint8_t *packet, size_t len, uint64_t at) {
	link->delivered++;
	link->bytes_delivered += len;
	sim_schedule_arrival(link->sim, link->from, link->to, packet, len, at);
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
