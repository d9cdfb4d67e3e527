/* guard: how much of the server has one address? Connections and offers, counted by the address that they come from.
 *
 * An address is an IPv4 address, or the first 64 bits of an IPv6 one: a household has as many
 * addresses as the other half allows. An entry is forgotten when its last connection is closed and its rate has recovered, so the
 * table is as large as what is under way.
 *
 *   every entry: connections > 0 or offers.due is to come, after guard_tick() */
#ifndef TOOLS_SERVE_GUARD_H
#define TOOLS_SERVE_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Those who are connected or have offered lately. */
struct visitors;

/* NULL: no memory. per_address: connections at once. */
struct visitors *guard_new(unsigned per_address);
void guard_free(struct visitors *g);

/* The same for all that counts as one address. */
uint64_t guard_key(const struct sockaddr *addr);

/* May another connection come? It is counted by guard_connected(), which never refuses. */
bool guard_may_connect(const struct visitors *g, uint64_t key);
void guard_connected(struct visitors *g, uint64_t key);
void guard_disconnected(struct visitors *g, uint64_t key);

/* May another offer come now? Counts it: half of per_address at once, four a second then. */
bool guard_may_offer(struct visitors *g, uint64_t key, uint64_t now);

/* Forgets those who are quiet. Once a second. */
void guard_tick(struct visitors *g, uint64_t now);
unsigned guard_count(const struct visitors *g);

#endif
