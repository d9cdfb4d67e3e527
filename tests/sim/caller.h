/* caller: a host that runs a whole peer by offer and answer, and a small app that signals with another such host.
 *
 * Each host has one address, its own in the world, so its peer has one host candidate. Descriptions and candidates take
 * `signal_delay` to the other side, whatever the links do. Every event of the peer is noted in a log of words, which a test
 * compares as a whole. */
#ifndef TESTS_SIM_CALLER_H
#define TESTS_SIM_CALLER_H

#include "sluice/peer.h"

#include "memory.h"
#include "sim.h"

#define CALLER_LOG 4096

struct signal;

struct caller {
	sluice_peer *peer; /* first: peer_node.h */
	struct sim *sim;
	struct sim_host *host;
	struct caller *other;
	struct signal *signals; /* on their way here */
	sluice_env *env;
	bool env_is_lent; /* it is freed by whoever made it, behind the host */
	struct memory memory;
	struct rng entropy;
	uint64_t signal_delay;
	bool trickle;  /* candidates are signalled one by one; else they stand in the description alone */
	bool silent;   /* nothing is signalled by itself */
	bool ignoring; /* an offer that collided with ours, being impolite */
	bool polite;   /* in a glare ours gives way */
	bool echo;     /* what comes on a channel goes back on it */
	/* Records of DTLS are dropped until its own check was answered, as Firefox does, or until the pair in use is
	 * nominated. */
	enum { EARS_OPEN, EARS_BY_CHECK, EARS_BY_NOMINATION } ears;
	bool tolerant; /* want of memory is no failure of the test */
	/* In on_track, behind the note; NULL: nothing. */
	void (*on_track)(struct caller *c, sluice_transceiver *t);
	void *ctx;
	char log[CALLER_LOG];
	unsigned refused; /* remote descriptions and candidates that were not taken */
	int last_error;

	sluice_channel *channel; /* the last one that was opened by either side */
	unsigned channels, opened, closed, received;
	uint64_t received_bytes;
	char last_message[64];
	uint64_t offered_at, open_at, connected_at, message_at, ended_at; /* SLUICE_NEVER before */
	enum sluice_peer_state state;
};

/* config NULL: the defaults. Its callbacks are the host's. */
struct caller *caller_new(struct sim *sim, const char *name, const sluice_peer_config *config);
/* The same in an environment that is there, as the connections of one server have it. */
struct caller *caller_new_in(struct sim *sim, const char *name, const sluice_peer_config *config, sluice_env *env);
/* Tells two of them about each other and joins them by links (NULL: perfect ones). */
void caller_join(struct caller *a, struct caller *b, const struct link_config *link, uint64_t signal_delay);
/* Opens a channel; the message goes out when it is open (NULL: none). */
void caller_open(struct caller *c, const char *message);
/* Makes an offer and signals it. */
void caller_offer(struct caller *c);
/* The description of `from` is given to `to` at once; the result. */
int caller_give(struct caller *from, struct caller *to);
/* Everything that happened since the last call, in words. */
const char *caller_log(struct caller *c);

static inline bool caller_is_over(const struct caller *c) {
	return c->state == SLUICE_PEER_CLOSED || c->state == SLUICE_PEER_FAILED;
}

#endif
