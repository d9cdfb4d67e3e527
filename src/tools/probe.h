/* probe: what `sluice probe` is made of.
 *
 *   probe.c          the command line, the peers that gather, the end
 *   probe_mapping.c  one UDP socket that asks every STUN server which address it sees
 *   probe_report.c   the words, and the JSON */
#ifndef TOOLS_PROBE_H
#define TOOLS_PROBE_H

#include "tools/link.h"

#define PROBE_MAX_CANDIDATES 64
#define PROBE_MAX_QUESTIONS (2 * OPTIONS_MAX_SERVERS)
#define PROBE_MAX_TURN (2 * OPTIONS_MAX_SERVERS)

struct probe_candidate {
	char type[8], protocol[8], address[64], related[64];
	unsigned port, related_port;
};

/* One server, one address family. */
struct probe_question {
	const char *url;
	struct sockaddr_storage server, mapped;
	socklen_t server_len;
	uint8_t id[12];
	uint64_t asked; /* first, and the last time; ns */
	uint64_t last_asked, took;
	bool answered;
	char error[80]; /* it was not asked at all */
};

/* The questions of one family leave from one socket: a NAT that maps it to the same address for each server does so for all. */
struct probe_family {
	int fd;
	ev_io io;
	struct sockaddr_storage local; /* as a server would see it without a NAT; its port is the socket's */
	bool used;
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

enum probe_mapping { PROBE_UNKNOWN, PROBE_NO_NAT, PROBE_ONE_ANSWER, PROBE_INDEPENDENT, PROBE_DEPENDENT };

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

	struct probe_family families[2]; /* IPv4, IPv6 */
	struct probe_question questions[PROBE_MAX_QUESTIONS];
	size_t question_count;
	ev_timer again;

	struct probe_turn turns[PROBE_MAX_TURN];
	size_t turn_count;

	ev_timer limit;
	ev_signal on_int, on_term;
	bool interrupted;
};

/* Ends the loop when nothing is open any more. */
void probe_check_end(struct probe *p);

/* ---- probe_mapping.c ---- */
void mapping_start(struct probe *p);
void mapping_stop(struct probe *p);
bool mapping_is_done(const struct probe *p);
/* family 0: IPv4, 1: IPv6 */
enum probe_mapping mapping_judge(const struct probe *p, int family);

/* ---- probe_report.c ---- */
void probe_print(const struct probe *p);
/* False when there is no memory. */
bool probe_print_json(const struct probe *p);

#endif
