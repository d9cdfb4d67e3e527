/* agent: what do the files of the ICE agent share? Its sessions, candidates, pairs and timers.
 *
 * Each file has a header that says which question it answers, and calls only files that stand above it in this list:
 *
 *   stun, candidate, sped, turn/   messages and texts, without the agent
 *   events                what the app has to hear of
 *   relayed, emit         how a message leaves and comes in
 *   pair, role            states, queues and priorities of pairs
 *   consent, nominate     valid pairs
 *   crowd, checklist      which pairs are made, and which is next
 *   early, remote, embed, answers, local   what checks.c needs
 *   lite, checks          requests and answers
 *   session               one generation of all this
 *   server, query, relay, gather           where candidates come from
 *   restart               one generation after the other
 *   settle                which pair is used, and which state follows
 *   agent                 the door, ice.h
 *
 * A session is one generation of credentials with everything learnt under them. `current` is the one that gathers and checks.
 * After a restart `before` keeps the old one alive, so that its pair carries data until the new one has a valid pair, and so that
 * the restart can be taken back.
 *
 * A pair is a base (a socket) and a remote address. Reflexive local candidates never form pairs of their own, unless their base's
 * host candidate is withheld (RFC 8445, 6.1.2.4 replaces them by their base anyway). The address that the other side saw is kept
 * for the statistics.
 *
 * Every request is a fresh transaction, retransmissions as well, so that each answer measures the round trip and each may carry
 * another DTLS datagram. A pair remembers its last CHECKS_KEPT requests.
 *
 *   pair in heap `waiting`  <=>  state == WAITING and not triggered, of the current session after ice_set_remote
 *   pair in heap `timers`   <=>  state == IN_PROGRESS or SUCCEEDED
 *   pair->triggered         <=>  it is in the list `triggered`
 *   pair_count <= max_pairs, remote_count <= ICE_REMOTE_MAX, local_count <= ICE_LOCAL_MAX, early_count <= ICE_EARLY_MAX
 *   selected is NULL or a SUCCEEDED pair of one of the two sessions */
#ifndef ICE_AGENT_H
#define ICE_AGENT_H

#include "base/heap.h"
#include "ice/ice.h"
#include "ice/sped.h"
#include "ice/stun.h"
#include "ice/turn/turn.h"

#define ICE_LOCAL_MAX 64   /* candidates of a session, peer-reflexive ones among them */
#define ICE_BASE_MAX 32    /* sockets of the driver */
#define ICE_REMOTE_MAX 200 /* candidates of the other side, peer-reflexive ones and those without a pair among them */
#define ICE_NAMES_MAX 32   /* names looked up for one description of the other side */
#define ICE_EARLY_MAX 16   /* checks remembered before the remote password is known */
#define ICE_ANSWER_MAX 16  /* requests that wait for their answer to leave */
#define ICE_QUERY_MAX 64   /* requests to STUN servers */
#define ICE_SERVER_MAX 16
#define ICE_RELAY_MAX 8
#define ICE_RESOLVED_MAX 4 /* addresses taken of one name */
#define ICE_STATES_KEPT 8
#define CHECKS_KEPT 5

/* ---- this side ---- */

struct base { /* a socket that the driver gave */
	uint32_t socket;
	enum candidate_transport transport;
	uint16_t preference;
	struct sockaddr_storage addr;
	char *hidden; /* the name that is announced instead of the address, or NULL */
	bool asleep;
	uint32_t mtu; /* of its interface: the largest IP packet; 0: not known */
};

/* A candidate of ours. struct candidate has 800 bytes, since those of others may have long names. */
struct own_candidate {
	enum candidate_type type;
	enum candidate_transport transport;
	uint32_t priority;
	char foundation[CANDIDATE_FOUNDATION_MAX];
	uint16_t port;
	struct sockaddr_storage addr, related;
	char *name; /* shown instead of the address; NULL: none */
};

struct local {
	struct local *next;
	uint32_t socket;
	uint16_t preference;
	bool listed;    /* ice_local lists it; false: peer-reflexive */
	bool announced; /* its event was polled */
	bool paired;    /* forms pairs */
	bool asleep;    /* its socket does not run */
	struct own_candidate c;
};

/* ---- the other side ---- */

struct remote {
	struct remote *next;
	enum candidate_type type;
	enum candidate_transport transport;
	uint32_t priority;
	struct sockaddr_storage addr; /* family 0: a name that is not resolved (yet) */
	uint16_t port;
	char foundation[CANDIDATE_FOUNDATION_MAX];
	char *name;          /* or NULL */
	uint32_t resolve_id; /* 0: nothing was or is to be resolved */
	bool asked;          /* or another candidate of the same name was */
	uint8_t standing;    /* crowd.c uses it inside its functions only */
};

/* A good check that came before the password of its sender. */
struct early {
	struct early *next;
	sluice_path path;
	uint32_t priority;
	bool nominate;
	char ufrag[]; /* the sender's */
};

/* ---- pairs ---- */

struct sent_check {
	uint8_t id[STUN_ID_SIZE];
	bool controlling, nominating;
	bool asks_back; /* a request of the other side caused it */
	uint64_t at;
};

/* What a check or an answer of an idle session touches stands first: the memory of thousands of sessions is in no cache, and each
 * line costs as much as a hundred instructions. `path` is compared by its first 24 bytes. */
struct pair {
	struct session *session;
	struct local *local;
	enum ice_pair_state state;
	bool nominated;  /* RFC 8445's flag */
	bool nominating; /* controlling: checks carry USE-CANDIDATE; controlled: it came, and the pair is not valid yet */
	bool checked;    /* an authenticated request came over it */
	bool triggered;
	bool asks_back;           /* the next check is caused by a request */
	uint8_t sent_next, tries; /* tries: requests since the last answer */
	struct heap_node timer;
	uint64_t last_answer;      /* consent: when the last answer came */
	uint64_t last_request;     /* from the other side */
	uint64_t last_data;        /* when authentic data came */
	uint64_t unanswered_since; /* SLUICE_NEVER: nothing is overdue */
	uint64_t rto, rtt, total_rtt;
	uint32_t requests_sent, requests_received, responses_sent, responses_received, consent_requests_sent;
	sluice_path path;
	uint64_t priority;
	struct local *shown; /* the address that the other side saw; NULL: local */
	struct remote *remote;
	struct sent_check sent[CHECKS_KEPT]; /* a ring; at 0: empty or answered */
	struct heap_node waiting;
	struct pair *next_triggered;
	uint64_t nominated_at; /* lite: when USE-CANDIDATE came last */
};

/* What an idle session needs stands first, as in a pair. */
struct session {
	/* Ours and, NULL until they are known, the other side's. Each password lies behind its ufrag, in one block. */
	char *ufrag, *pwd, *remote_ufrag, *remote_pwd;
	struct pair **pairs;
	uint32_t pair_count, pair_capacity; /* the heaps have room for as many */
	struct heap timers;
	struct heap waiting; /* by falling priority */
	struct pair *triggered, **triggered_end;
	uint64_t nominate_at; /* controlling: the best valid pair is nominated then */
	uint64_t next_check;  /* the pacing's */
	bool remote_lite, remote_done;
	bool gathering, gathered;
	bool has_remote_since;
	bool names_due;   /* there may be a name that was not asked for yet */
	bool unannounced; /* there may be a local candidate whose event was not polled */
	uint32_t burst_left;
	struct local *locals; /* here, since answers look for the address that they show */
	struct local **locals_end;
	struct remote *remotes, **remotes_end;
	struct early *early;
	uint32_t local_count, remote_count, early_count;
	uint32_t names_asked;
	uint64_t repeats_paid_at; /* when the budget of repetitions is whole again; see repeat_at() in checks.c */
	uint64_t remote_since;    /* when the remote credentials were first seen by a verb */
	uint64_t end_at;          /* of `before`: it is no longer needed */
};

/* ---- servers ---- */

enum server_state { SERVER_NAMED, SERVER_ASKED, SERVER_KNOWN, SERVER_LOST };

struct server {
	bool turn;
	enum server_transport transport;
	char *host, *username, *password;
	uint16_t port;
	enum server_state state;
	uint32_t resolve_id;
	uint64_t asked_at; /* SLUICE_NEVER: by no verb seen yet */
	struct sockaddr_storage addrs[ICE_RESOLVED_MAX];
	size_t addr_count;
};

/* One STUN server asked from one base. */
struct query {
	struct query *next;
	uint32_t socket;
	struct sockaddr_storage to;
	uint8_t id[STUN_ID_SIZE];
	bool running; /* gathering waits for it */
	bool answered;
	uint8_t tries;
	uint64_t first_at, rto, next_at; /* first_at SLUICE_NEVER: never sent */
};

/* One TURN allocation, or the attempt at one. */
struct relay {
	size_t server;                        /* index of servers */
	struct sockaddr_storage to, asked_to; /* `to` may be an alternate that the server named */
	struct turn *turn;                    /* NULL: its stream is not up yet, or it waits for again_at */
	uint32_t socket;                      /* the relayed candidate's, ICE_RELAY_SOCKET | number */
	uint32_t base;                        /* the socket of its messages; ICE_NO_SOCKET: a stream that is not up */
	uint32_t asked_base;                  /* the base that it was made for; ICE_NO_SOCKET: a stream */
	uint32_t stream_id;                   /* of the request for a stream that is not answered; 0 */
	uint16_t preference;
	int family;
	bool asked;  /* the request for the stream was polled */
	bool listed; /* its candidates are in the current session */
	bool stood;  /* there was an allocation once, so that there will be one again */
	bool late;   /* gathering no longer waits for it */
	bool over;
	uint8_t pauses;
	struct sockaddr_storage relayed; /* the address of its candidate */
	uint64_t since, again_at;        /* again_at: when it is made anew; or SLUICE_NEVER */
	uint64_t doubted_at;
};

/* ---- answers that are due ---- */

struct answer {
	sluice_path path;
	struct session *session;
	uint8_t id[STUN_ID_SIZE];
	uint16_t error; /* 0: success */
	uint16_t unknown[8];
	uint8_t unknown_count;
};

/* As in a pair: what checks and answers of an idle session touch stands first. Of `config` that is its first line and a half. */
struct ice {
	sluice_env *env;
	struct session *current, *before;
	struct pair *selected;
	enum ice_state state;
	bool controlling;
	bool role_fixed; /* checks went out: ice_set_controlling comes too late */
	bool dirty;      /* something happened that may change selection or state: settle_all() has to look */
	bool event_route, event_open, event_gathering; /* not yet polled */
	uint8_t event_state_count;
	uint8_t event_states[ICE_STATES_KEPT]; /* enum ice_state; not yet polled */
	uint64_t latest;                       /* the latest time of a verb; clock_forward at the door of each */
	uint64_t proofs;                       /* authenticated requests and answers taken */
	struct answer *answers;                /* a ring of ICE_ANSWER_MAX; NULL exactly when none waits */
	size_t answer_first, answer_count;
	struct query *queries;
	size_t server_count, relay_count, close_count;
	uint64_t tie_breaker;
	uint64_t lost_since; /* no valid pair is left since then; SLUICE_NEVER otherwise */
	struct ice_stats stats;
	struct sped sped;
	size_t flight_left;       /* datagrams of the newest flight that no message has carried yet */
	struct ice_config config; /* defaults filled in; the pointers are gone */

	uint64_t last_traffic;
	uint32_t salt;    /* of foundations */
	uint32_t next_id; /* of requests to the driver */
	struct base *bases;
	size_t base_count, base_capacity;
	struct server *servers;
	size_t query_count;
	struct relay *relays[ICE_RELAY_MAX];
	uint32_t close_sockets[ICE_RELAY_MAX]; /* streams that the driver is to close */
	enum ice_gathering gathering_polled;
	bool gather_started; /* the epoch of the statistics is set */
	uint64_t epoch;
};

#endif
