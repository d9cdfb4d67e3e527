/* sim: a world of hosts and links in virtual time.
 *
 * A host is anything with the library's four verbs (and a fifth, dispatch, in which its app acts), given as a table of
 * functions; the world knows nothing else about it. A link carries datagrams one way between two hosts and harms them as it
 * was told to (link.h). Time is a number that jumps to the next thing that happens: an arrival, a host's deadline, or a
 * call that a test scheduled.
 *
 * Everything random comes from one seed, so a run can be repeated exactly. When a test fails, the seed and the command that
 * replays it are printed: SLUICE_SEED=<n> narrows every loop over seeds to that one, SLUICE_TRACE=1 prints each packet.
 *
 * One step of the world:  apps act and hosts send until nobody has anything to say; then time jumps; everything that
 * arrives at a host at that instant is given to it in one input() call, as a GRO read would; then its timers run. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "sluice/env.h"

#include "link.h"
#include "rng.h"

#define SIM_HOSTS 128
#define SIM_LINKS 256

/* input: `from` is the sending host's address (see sim_path); the bytes may be overwritten. Returns 0 or SLUICE_NO_MEMORY; any
 * other error fails the test.
 * output: as sluice_sctp_output; a path with remote_len 0 means "to the only other host".
 * check: false when an invariant of the node does not hold, which fails the test. The world calls it after input, advance and
 * output. Any of dispatch, check and free may be NULL. */
struct sim_node_ops {
	int (*input)(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now);
	void (*advance)(void *node, uint64_t now);
	int (*output)(void *node, sluice_batch *batch, uint64_t now);
	uint64_t (*deadline)(void *node);
	void (*dispatch)(void *node, uint64_t now);
	bool (*check)(void *node);
	void (*free)(void *node);
};

struct sim;

struct sim_host {
	struct sim *sim;
	const char *name;
	unsigned index;
	const struct sim_node_ops *ops;
	void *node;
	sluice_env *env;           /* where its slabs come from; NULL: datagrams are handed over without a slab */
	size_t batch_size;         /* bytes of one output batch; 65536 */
	size_t batch_max;          /* datagrams of one; 64 */
	size_t headroom, tailroom; /* of a slot, thrown away by the link: as a layer below would use them. 0 */
	bool down;                 /* the machine is off: neither verbs nor packets */
	/* What input, advance and output are given as the time instead of `now`; NULL: `now`. */
	uint64_t (*clock)(void *ctx, uint64_t now);
	void *clock_ctx;
	struct sim_event *arrivals, **arrivals_end;
	struct sim_link *first_link; /* of those that leave it */
	uint8_t *space;              /* of one output batch */
	size_t space_size;
	uint64_t due; /* sim.quick: its deadline when it was last looked at */
	bool touched; /* something happened to it since it last fell silent */
};

struct sim {
	uint64_t now, seed;
	struct rng rng;
	struct sim_host *hosts[SIM_HOSTS];
	unsigned host_count;
	struct sim_link *links[SIM_LINKS];
	unsigned link_count;
	struct sim_slot *events; /* a heap by (at, number) */
	size_t event_count, event_capacity;
	uint64_t event_number;
	struct sim_event *spare; /* events to be used again */
	unsigned steps_here;     /* steps since time last moved: a host that never sleeps is a failure */
	bool trace;
	/* Set by a world in which a host's app acts only when something happens to its own host (an arrival, its deadline, a call
	 * of sim_at): then only those hosts are asked, and a step costs what happens in it. */
	bool quick;
	/* Puts a packet into words for the trace; NULL: only its length. */
	void (*describe)(const uint8_t *packet, size_t len, char *text, size_t size);
	uint8_t *scratch;
};

void sim_init(struct sim *sim, uint64_t seed);
/* Frees the hosts' nodes, the links and what was under way. */
void sim_close(struct sim *sim);

struct sim_host *sim_add_host(struct sim *sim, const char *name, const struct sim_node_ops *ops, void *node, sluice_env *env);

/* Joins two hosts by a link each way, both as `config` says (NULL: perfect, no delay). sim_link() finds them again. */
void sim_join(struct sim *sim, struct sim_host *a, struct sim_host *b, const struct link_config *config);
struct sim_link *sim_link(struct sim *sim, const struct sim_host *from, const struct sim_host *to);

/* The address of a host, as paths name it: each has one of 127.0.0.0/8 for itself, since what goes to an address of one's own
 * crosses no link. */
sluice_path sim_path(const struct sim_host *host);

/* Calls fn(ctx) at that time; it may do anything but close the world. */
void sim_at(struct sim *sim, uint64_t at, void (*fn)(void *ctx), void *ctx);
/* A datagram from nowhere, as an attacker off the path would send it. */
void sim_inject(struct sim *sim, struct sim_host *to, const void *packet, size_t len, uint64_t at);

/* Lets everybody speak: apps act, hosts send, until there is nothing left to say at this instant. */
void sim_settle(struct sim *sim);
/* Settles, moves to the next thing that happens, lets it happen and settles again. False when nothing would happen up to
 * `limit`; the clock then stands at `limit` (or stays, if that is SLUICE_NEVER). */
bool sim_step(struct sim *sim, uint64_t limit);
/* Runs until the clock shows `until`. */
void sim_run(struct sim *sim, uint64_t until);
/* Runs until the condition holds; false when it did not until `limit`. */
#define SIM_UNTIL(sim, limit, condition)                                                                                         \
	__extension__({                                                                                                          \
		const uint64_t sim_until_ = (limit);                                                                             \
		sim_settle(sim);                                                                                                 \
		while (!(condition) && sim_step(sim, sim_until_))                                                                \
			;                                                                                                        \
		(bool)(condition);                                                                                               \
	})

/* For link.c: a datagram that will arrive over the link. */
void sim_schedule_arrival(struct sim_link *link, const uint8_t *packet, size_t len, uint64_t at);

/* ---- seeds and replaying ---- */

/* The seed to use where one is needed: SLUICE_SEED if it is set, else `usual`. */
uint64_t sim_seed(uint64_t usual);
/* For loops over seeds (or case numbers): for (n = sim_first(0); n <= sim_last(999); n++). */
uint64_t sim_first(uint64_t usual);
uint64_t sim_last(uint64_t usual);
/* How many seeds a test of random worlds tries: what SLUICE_SEEDS says, else the usual number; an eighth of it under the thread
 * sanitizer, which makes every memory access some ten times slower and has one thread to watch here. */
unsigned sim_seeds(unsigned usual);
/* Prints the seed of the last world made and the command that runs it again. */
void sim_print_replay(void);
/* Ends the program with a message and the replay command. */
__attribute__((noreturn, format(printf, 2, 3))) void sim_fail(const struct sim *sim, const char *format, ...);

#endif
