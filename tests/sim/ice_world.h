/* ice_world: ICE agents on machines behind NATs, in virtual time.
 *
 * Every node (an agent, a STUN server) has interfaces with addresses of its own. An interface is on the open internet or behind a
 * NAT. Datagrams travel by address. A datagram to an address that nobody has, or that a NAT does not let in, is lost. All paths
 * have one delay and one rate of loss, and a test's hook sees every datagram.
 *
 * Kinds of NAT in the words of RFC 4787: how a mapping is chosen (endpoint-independent, or one for each destination, called
 * "symmetric"), and whose datagrams are let in (anybody's, those of known addresses, those of known addresses and ports). */
#ifndef TESTS_SIM_ICE_WORLD_H
#define TESTS_SIM_ICE_WORLD_H

#include "ice/ice.h"
#include "memory.h"
#include "rng.h"
#include "turn_server.h"

#define ICE_WORLD_AGENTS 4
#define ICE_WORLD_SERVERS 4
#define ICE_WORLD_NATS 4
#define ICE_WORLD_IFACES 16
#define ICE_WORLD_FLIGHT 512
#define ICE_WORLD_MAPPINGS 64

enum nat_kind {
	NAT_FULL_CONE,          /* endpoint-independent mapping and filtering */
	NAT_ADDRESS_RESTRICTED, /* address-dependent filtering */
	NAT_PORT_RESTRICTED,    /* address- and port-dependent filtering */
	NAT_SYMMETRIC,          /* a mapping for each destination, and its filtering */
};

struct nat_mapping {
	struct sockaddr_storage inside, to; /* to: family 0 unless symmetric */
	uint16_t port;                      /* outside */
	struct sockaddr_storage asked[16];  /* destinations so far */
	size_t asked_count;
};

struct nat {
	enum nat_kind kind;
	bool hairpin;
	struct sockaddr_storage outside;
	struct nat_mapping mappings[ICE_WORLD_MAPPINGS];
	size_t mapping_count;
	uint16_t next_port;
};

struct ice_world;

struct iface {
	int agent, server; /* the index of its owner; -1 in the other one */
	int nat;           /* -1: on the open internet */
	struct sockaddr_storage addr;
	uint32_t socket;
	bool down;
};

struct ice_agent {
	struct ice *ice;
	const char *name;
	struct memory memory;
	sluice_env *env;
	struct rng rng;

	/* What happened, with the time when it first did. SLUICE_NEVER: not yet. */
	uint64_t route_at, authentic_at, gathered_at;
	uint64_t state_at[ICE_CLOSED + 1]; /* when the agent last entered the state */
	unsigned routes, states;
	sluice_path route;
	struct candidate told[64];
	size_t told_count;
	size_t trickled;              /* how many of told the other side has */
	uint64_t requests, responses; /* STUN messages that it sent */
	uint64_t first_check_at;
	uint64_t data_received;
	uint64_t last_data_at;
	bool names_unknown;            /* RESOLVE is answered with nothing */
	struct sockaddr_storage names; /* otherwise with this one (family 0: nothing) */
};

struct flight {
	uint64_t at, number;
	int iface; /* where it arrives */
	struct sockaddr_storage from, to;
	size_t len;
	uint8_t data[1500];
};

struct ice_world {
	uint64_t now, seed, delay;
	double loss;
	struct rng rng;
	struct ice_agent agents[ICE_WORLD_AGENTS];
	int agent_count;
	int server_count;
	struct nat nats[ICE_WORLD_NATS];
	int nat_count;
	struct turn_server *turn; /* or NULL */
	int turn_iface;
	unsigned streams, streams_closed; /* TCP streams to the TURN server that agents asked for; they are connected at once */
	struct iface ifaces[ICE_WORLD_IFACES];
	int iface_count;
	struct flight *flights[ICE_WORLD_FLIGHT];
	size_t flight_count;
	uint64_t numbers;
	unsigned steps_here;
	/* Gets a datagram of DTLS that came embedded in a check. May be NULL. */
	void (*on_dtls)(struct ice_world *w, struct ice_agent *a, const uint8_t *data, size_t len);
	/* Gets each datagram when it is sent. Returns false to lose it. */
	bool (*filter)(struct ice_world *w, int from_iface, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
	               void *ctx);
	void *filter_ctx;
};

struct sockaddr_storage ice_world_address(const char *text, uint16_t port);

void ice_world_init(struct ice_world *w, uint64_t seed, uint64_t delay);
void ice_world_close(struct ice_world *w);
int ice_world_nat(struct ice_world *w, enum nat_kind kind, const char *outside, bool hairpin);
/* Makes an agent; NULL when its memory failed, as the caller asked for by `fail_at`. */
struct ice_agent *ice_world_agent(struct ice_world *w, const char *name, const struct ice_config *config, struct memory memory);
/* Gives the agent a socket on an address. Returns its number. */
uint32_t ice_world_socket(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, int nat,
                          uint16_t preference, const char *hidden);
/* The same for ICE over TCP. Connections are made at once. Only the world knows the port of an active address. */
uint32_t ice_world_tcp(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, bool passive);
void ice_world_unplug(struct ice_world *w, struct ice_agent *a, uint32_t socket);
/* Puts a STUN server on the open internet. */
void ice_world_stun(struct ice_world *w, const char *address, uint16_t port);

/* Puts a TURN server there, for the user "user" with the password "secret". */
void ice_world_turn(struct ice_world *w, const char *address, uint16_t port);

/* Signals credentials, all candidates so far, and the end of candidates. It takes no time. */
void ice_world_give(struct ice_agent *from, struct ice_agent *to);
/* From now on every new candidate of each goes to the other as it comes (call in the loop's steps: see ice_world_step). */
void ice_world_trickle(struct ice_agent *from, struct ice_agent *to);
/* Both gather, and are then given to each other. */
void ice_world_introduce(struct ice_world *w, struct ice_agent *a, struct ice_agent *b);

/* Sends a datagram of data over the agent's route, in a TURN frame where that is needed. Returns false when there is no route. */
bool ice_world_send(struct ice_world *w, struct ice_agent *a);

/* Lets a datagram that nobody sent arrive at an interface of an agent now. */
void ice_world_inject(struct ice_world *w, int iface, const struct sockaddr_storage *from, const void *data, size_t len);

/* Lets all agents send, then moves time to the next thing that happens. Returns false when nothing would happen before `limit`;
 * the clock is at `limit` then. */
bool ice_world_step(struct ice_world *w, uint64_t limit);
void ice_world_run(struct ice_world *w, uint64_t until);
#define ICE_UNTIL(w, limit, condition)                                                                                           \
	__extension__({                                                                                                          \
		const uint64_t until_ = (limit);                                                                                 \
		ice_world_settle(w);                                                                                             \
		while (!(condition) && ice_world_step(w, until_))                                                                \
			;                                                                                                        \
		(bool)(condition);                                                                                               \
	})
void ice_world_settle(struct ice_world *w);

#endif
