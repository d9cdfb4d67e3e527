/* options: what all commands that make a connection by offer and answer can be told. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <getopt.h>

#include "sluice.h"
#include "tools/tools.h"
#include "tools/tuning.h"

#define OPTIONS_MAX_SERVERS 16

enum link_role { LINK_ANY, LINK_OFFER, LINK_ANSWER };

struct link_options {
	const char *command;
	sluice_ice_server servers[OPTIONS_MAX_SERVERS];
	size_t server_count;
	uint16_t port_min, port_max; /* 0: any */
	struct sockaddr_storage bind;
	socklen_t bind_len; /* 0: every address */
	bool loopback, lite, relay_only, snap, sped;
	unsigned verbose;
	double timeout; /* 0: not given */
	enum link_role role;
	const char *signal; /* NULL: copy and paste */
	bool listen;
	struct tuning tuning;
};

/* Keys of a command's own options begin here. */
#define OPTION_OWN 512

struct command_options {
	const char *name, *usage; /* usage: what stands in the help before the shared options */
	const struct option *own; /* ends with a zero entry */
	const char *letters;      /* its short ones as getopt(3) has them; NULL: none */
	/* Takes one of its own options: 0, or the exit code. */
	int (*read)(void *ctx, int key, const char *text);
	void *ctx;
	bool has_signalling; /* --signal, --listen and the roles; tuning.h's */
	bool has_roles;      /* --offer and --answer alone */
};

/* -1 to go on, and *rest is the index of the first argument that is no option; else the exit code. */
int options_read(const struct command_options *c, int argc, char **argv, struct link_options *o, int *rest);
/* Is a thing of that level to be told? 1: by --verbose, 2: by two of them. */
static inline bool options_say(const struct link_options *o, unsigned level) {
	return o->verbose >= level;
}
/* "--name: expected what"; returns EXIT_USAGE. */
int option_error(const char *command, const char *name, const char *expected);

/* ---- URLs of STUN and TURN servers (RFC 7064, RFC 7065) ---- */

struct server_url {
	bool turn, tls, tcp, has_transport;
	char host[256];
	uint16_t port;
};
/* Returns NULL, or what is wrong with it. */
const char *option_read_url(const char *text, struct server_url *u);

#endif
