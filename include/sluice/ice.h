/* ICE (RFC 8445): servers, candidates, states and the configuration of the search for a path.
 *
 * The functions that use them are in peer.h (a peer connection by offer and answer) and loop.h (gathering). */
#ifndef SLUICE_ICE_H
#define SLUICE_ICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- states: W3C's RTCIceGatheringState and RTCIceConnectionState ----------------------------------------------- */

enum sluice_gathering_state { SLUICE_GATHERING_NEW = 0, SLUICE_GATHERING_GATHERING, SLUICE_GATHERING_COMPLETE };

enum sluice_ice_state {
	SLUICE_ICE_NEW = 0,
	SLUICE_ICE_CHECKING,
	SLUICE_ICE_CONNECTED,
	SLUICE_ICE_COMPLETED,
	SLUICE_ICE_DISCONNECTED,
	SLUICE_ICE_FAILED,
	SLUICE_ICE_CLOSED,
};

/* W3C's word for a state, "gathering"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_gathering_state_name(enum sluice_gathering_state state);
/* W3C's word for a state, "checking"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_ice_state_name(enum sluice_ice_state state);

/* ---- servers and candidates ------------------------------------------------------------------------------------- */

/* A STUN or TURN server, as RTCIceServer has it. The library copies the strings. */
typedef struct sluice_ice_server {
	/* "stun:host[:port]", "turn:host[:port][?transport=udp|tcp]" or "turns:host[:port]"; RFC 7064, RFC 7065 */
	const char *url;
	/* For TURN. */
	const char *username, *credential;
} sluice_ice_server;

/* A candidate, as the filter hook gets it. Addresses are numeric text. */
typedef struct sluice_candidate {
	const char *type;     /* "host", "srflx", "prflx" or "relay" */
	const char *protocol; /* "udp" or "tcp" */
	char address[64];     /* or a .local name */
	uint16_t port;
	uint32_t priority;
	char related_address[64]; /* "" when there is none */
	uint16_t related_port;
} sluice_candidate;

/* ---- configuration ---------------------------------------------------------------------------------------------- */

/* Zero in a field means its default. Times are in ns; a very large one means "for ever". */
typedef struct sluice_ice_config {
	/* ---- whom to ask, and which addresses to use ---- */

	/* At most 16 servers. */
	const sluice_ice_server *servers;
	size_t server_count;
	/* Use relayed candidates only: W3C's iceTransportPolicy "relay". */
	bool relay_only;
	/* Look up host names in the other side's candidates by DNS. Default: such candidates are ignored. Browsers send only
	 * addresses and .local names (which mDNS resolves); with any other name a stranger chooses whom this machine asks. */
	bool resolve_hosts;
	/* Be an ICE-lite agent (RFC 8445, 2.5): for a server with a public address. */
	bool lite;
	/* Returns false for a candidate that must be neither announced nor tried. `user` is the peer's. The hook must not call
	 * the peer. */
	bool (*filter)(const sluice_candidate *c, bool local, void *user);

	/* ---- how fast checks go out ---- */

	/* Time between two checks (Ta; RFC 8445, 14.2), at least 5 ms. The first five checks do not wait. Default: 50 ms */
	uint64_t pacing;
	/* Mean time between two consent checks (RFC 7675, 5.1). Default: 5 s */
	uint64_t consent_interval;

	/* ---- when to give up ---- */

	/* ICE is DISCONNECTED when neither an answer nor data came for this time, counted from the first check that was not
	 * answered. Default: 5 s */
	uint64_t disconnected_after;
	/* ICE has FAILED when no check was answered for this time, whether or not data came: consent has expired (RFC 7675).
	 * Default: 30 s */
	uint64_t failed_after;
	/* ICE has FAILED when no pair ever worked for this time, counted from the remote description. Default: 30 s */
	uint64_t check_timeout;
	/* A STUN or TURN server that is silent for this time is given up. Default: 9.5 s */
	uint64_t gather_timeout;
} sluice_ice_config;

#ifdef __cplusplus
}
#endif
#endif
