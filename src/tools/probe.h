/* probe: what `sluice probe` is made of.
 *
 *   probe.c          the command line, the peers that gather, the end
 *   mapping.c        one UDP socket that asks every STUN server which address it sees
 *   probe_report.c   the words, and the JSON
 *
 * probe.c calls the other two; neither calls it. */
#ifndef TOOLS_PROBE_H
#define TOOLS_PROBE_H

#include "tools/link.h"
#include "tools/mapping.h"

#define PROBE_MAX_CANDIDATES 64
#define PROBE_MAX_TURN (2 * SERVERS_MAX)

struct probe_candidate {
	char type[8], protocol[8], address[64], related[64];
	unsigned port, related_port;
};

struct probe_turn {
	struct probe *probe;
	char url[400];
	const char *transport; /* "udp", "tcp", "tls" */
	sluice_ice_server server;
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	uint64_t began, took;
	bool done, reachable;
	char address[80], why[200];
};

struct probe {
	struct link_options options;
	bool json;
	struct ev_loop *ev;
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	bool gathered;
	struct probe_candidate candidates[PROBE_MAX_CANDIDATES];
	size_t candidate_count;

	struct mapping mapping;
	struct probe_turn turns[PROBE_MAX_TURN];
	size_t turn_count;

	ev_timer limit;
	ev_signal on_int, on_term;
	bool interrupted;
};

/* ---- probe_report.c ---- */
void probe_report_print(const struct probe *p);
/* False when there is no memory. */
bool probe_report_print_json(const struct probe *p);

#endif
