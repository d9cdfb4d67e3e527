/* ice_world: ICE agents on machines behind NATs, in virtual time.
 *
 * Every node (an agent, a STUN server) has interfaces with addresses of its own; an interface is on the open internet or behind a
 * NAT box. Datagrams travel by address: one that goes to an address nobody has (or that the NAT does not let in) is lost. A
 * network has one delay; each direction of each pair of interfaces may lose, and a test's hook sees every datagram.
 *
 * NATs by RFC 4787's words: how a mapping is chosen (endpoint-independent, or one for each destination, which is "symmetric") and
 * who is let in (anybody, known addresses, known addresses and ports). */
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
	int agent, server; /* whose; -1: not one of them */
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

	/* What happened, with the time of the first. SLUICE_NEVER: not yet. */
	uint64_t route_at, authentic_at, gathered_at;
	uint64_t state_at[ICE_CLOSED + 1]; /* the last time it was entered */
	unsigned routes, states;
	sluice_path route;
	struct candidate told[64];
	size_t told_count;
	size_t trickled;              /* of told, given to the other side */
	uint64_t requests, responses; /* STUN messages that left */
	uint64_t first_check_at;
	uint64_t data_received;
	uint64_t last_data_at;
	bool names_unknown;            /* RESOLVE is answered with nothing */
	struct sockaddr_storage names; /* else with this one (family 0: nothing) */
};

struct flight {
	uint64_t at, number;
	int iface; /* that it arrives at */
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
	unsigned streams, streams_closed; /* that agents asked for, to the TURN server; they come up at once */
	struct iface ifaces[ICE_WORLD_IFACES];
	int iface_count;
	struct flight *flights[ICE_WORLD_FLIGHT];
	size_t flight_count;
	uint64_t numbers;
	unsigned steps_here;
	/* A datagram of DTLS came, embedded in a check. May be NULL. */
	void (*on_dtls)(struct ice_world *w, struct ice_agent *a, const uint8_t *data, size_t len);
	/* Sees each datagram as it leaves; false: it is lost. */
	bool (*filter)(struct ice_world *w, int from_iface, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
	               void *ctx);
	void *filter_ctx;
};

struct sockaddr_storage ice_world_address(const char *text, uint16_t port);

void ice_world_init(struct ice_world *w, uint64_t seed, uint64_t delay);
void ice_world_close(struct ice_world *w);
int ice_world_nat(struct ice_world *w, enum nat_kind kind, const char *outside, bool hairpin);
/* NULL where memory ran out (with memory's fail_at set by the caller beforehand). */
struct ice_agent *ice_world_agent(struct ice_world *w, const char *name, const struct ice_config *config, struct memory memory);
/* A socket of the agent on an address; returns its number. */
uint32_t ice_world_socket(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, int nat,
                          uint16_t preference, const char *hidden);
/* The same for ICE over TCP; connections cost nothing here. An active address has a port that the world alone knows. */
uint32_t ice_world_tcp(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, bool passive);
void ice_world_unplug(struct ice_world *w, struct ice_agent *a, uint32_t socket);
/* A STUN server on the open internet. */
void ice_world_stun(struct ice_world *w, const char *address, uint16_t port);

/* A TURN server there, which anybody may use who is "user" with "secret". */
void ice_world_turn(struct ice_world *w, const char *address, uint16_t port);

/* Signalling, which takes no time: credentials, all candidates so far, end of candidates. */
void ice_world_give(struct ice_agent *from, struct ice_agent *to);
/* From now on every new candidate of each goes to the other as it comes (call in the loop's steps: see ice_world_step). */
void ice_world_trickle(struct ice_agent *from, struct ice_agent *to);
/* gather both, give both. */
void ice_world_introduce(struct ice_world *w, struct ice_agent *a, struct ice_agent *b);

/* Sends a datagram of data over the agent's route, wrapped if need be; false: it has none. */
bool ice_world_send(struct ice_world *w, struct ice_agent *a);

/* A datagram from nowhere arrives at an interface of an agent now. */
void ice_world_inject(struct ice_world *w, int iface, const struct sockaddr_storage *from, const void *data, size_t len);

/* Everybody speaks, then time moves to the next thing that happens. False: nothing would happen before limit, where the clock
 * then stands. */
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
