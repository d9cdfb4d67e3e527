/* mapping: which address do servers see? One socket for each address family asks all of them, so that their answers can be
 * compared (RFC 5780, 4.3, with several servers in the place of one that has several addresses). It knows no peer. */
#ifndef TOOLS_MAPPING_H
#define TOOLS_MAPPING_H

#include "loop/ev.h"
#include "tools/options.h"

#define MAPPING_MAX_QUESTIONS (2 * SERVERS_MAX)

/* One server, one address family. */
struct mapping_question {
	const char *url;
	struct sockaddr_storage server, mapped;
	socklen_t server_len;
	uint8_t id[12];
	uint64_t last_asked, took; /* ns */
	bool answered;
	char error[80]; /* "": none; else it was not asked at all, or refused */
};

/* The questions of one family leave from one socket: a NAT that maps it to the same address for each server does so for all. */
struct mapping_family {
	int fd;
	ev_io io;
	struct sockaddr_storage local; /* as a server would see it without a NAT; its port is the socket's */
	bool used;
};

struct mapping {
	const struct link_options *options;
	struct ev_loop *ev;
	struct mapping_family families[2]; /* IPv4, IPv6 */
	struct mapping_question questions[MAPPING_MAX_QUESTIONS];
	size_t question_count;
	ev_timer again;
	/* An answer came. */
	void (*on_answer)(void *ctx);
	void *ctx;
};

/* Asks every server of the options. options, ev and on_answer were set before. */
void mapping_start(struct mapping *m);
void mapping_stop(struct mapping *m);
bool mapping_is_done(const struct mapping *m);

enum mapping_kind { MAPPING_UNKNOWN, MAPPING_NO_NAT, MAPPING_ONE_ANSWER, MAPPING_INDEPENDENT, MAPPING_DEPENDENT };
/* family 0: IPv4, 1: IPv6 */
enum mapping_kind mapping_judge(const struct mapping *m, int family);

#endif
