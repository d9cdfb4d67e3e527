#include "tools/serve/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/rate.h"

#define BUCKETS 256
#define OFFER_INTERVAL UINT64_C(250000000) /* ns */
#define IPV4_KEY (UINT64_C(0xFFFF) << 32)  /* no first half of an IPv6 address that is in use */

struct visitor {
	struct visitor *next;
	uint64_t key;
	unsigned connections;
	struct rate offers;
};

struct visitors {
	unsigned per_address, count;
	struct visitor *buckets[BUCKETS];
};

struct visitors *guard_new(unsigned per_address) {
	struct visitors *g = calloc(1, sizeof *g);
	if (g)
		g->per_address = per_address;
	return g;
}

static void forget_visitor(struct visitors *g, struct visitor **link) {
	struct visitor *v = *link;
	*link = v->next;
	g->count--;
	free(v);
}

void guard_free(struct visitors *g) {
	for (size_t i = 0; g && i < BUCKETS; i++)
		while (g->buckets[i])
			forget_visitor(g, &g->buckets[i]);
	free(g);
}

uint64_t guard_key(const struct sockaddr *addr) {
	struct sockaddr_storage a = address_from(addr);
	const uint8_t *bytes = address_bytes(&a);
	if (a.ss_family == AF_INET)
		return IPV4_KEY | get_be32(bytes);
	if (a.ss_family != AF_INET6)
		return 0;
	return get_be64(address_is_mapped(&a) ? bytes + 8 : bytes);
}

static size_t bucket_of(uint64_t key) {
	return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
}

static struct visitor *find_visitor(const struct visitors *g, uint64_t key) {
	struct visitor *v = g->buckets[bucket_of(key)];
	while (v && v->key != key)
		v = v->next;
	return v;
}

/* Without memory a visitor is neither counted nor refused. The limits over all visitors still hold. */
static struct visitor *find_or_add(struct visitors *g, uint64_t key) {
	struct visitor *v = find_visitor(g, key);
	if (v)
		return v;
	v = calloc(1, sizeof *v);
	if (!v)
		return NULL;
	v->key = key;
	v->next = g->buckets[bucket_of(key)];
	g->buckets[bucket_of(key)] = v;
	g->count++;
	return v;
}

bool guard_may_connect(const struct visitors *g, uint64_t key) {
	const struct visitor *v = find_visitor(g, key);
	return !v || v->connections < g->per_address;
}

void guard_connected(struct visitors *g, uint64_t key) {
	struct visitor *v = find_or_add(g, key);
	if (v)
		v->connections++;
}

void guard_disconnected(struct visitors *g, uint64_t key) {
	struct visitor *v = find_visitor(g, key);
	if (v && v->connections)
		v->connections--;
}

bool guard_may_offer(struct visitors *g, uint64_t key, uint64_t now) {
	struct visitor *v = find_or_add(g, key);
	unsigned burst = g->per_address / 2 ? g->per_address / 2 : 1;
	return !v || rate_take(&v->offers, OFFER_INTERVAL, burst, now);
}

void guard_tick(struct visitors *g, uint64_t now) {
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct visitor **link = &g->buckets[i]; *link;) {
			if ((*link)->connections == 0 && (*link)->offers.due <= now)
				forget_visitor(g, link);
			else
				link = &(*link)->next;
		}
}

unsigned guard_count(const struct visitors *g) {
	return g->count;
}
