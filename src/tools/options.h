/* options: the options that all commands share that make a connection by offer and answer. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "sluice.h"
#include "tools/front.h"
#include "tools/servers.h"
#include "tools/tools.h"
#include "tools/tuning.h"

enum link_role { LINK_ANY, LINK_OFFER, LINK_ANSWER };

struct link_options {
	const char *command;
	struct servers servers;
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

struct command_options {
	const char *name;
	const char *usage; /* the beginning of the help */
	/* The command's own rows, and what their places are in. */
	const struct option_row *own;
	size_t own_count;
	void *target;
	bool has_signalling; /* --signal, --listen and the roles; tuning.h's */
	bool has_roles;      /* --offer and --answer alone, which the command's own rows describe */
};

/* -1 to go on, and *rest is the index of the first argument that is no option (rest NULL: as of front_read()); else the exit
 * code. */
int options_read(const struct command_options *c, int argc, char **argv, struct link_options *o, int *rest);
/* Is something of that level to be printed? 1: by --verbose, 2: by two of them. */
static inline bool options_say(const struct link_options *o, unsigned level) {
	return o->verbose >= level;
}

#endif
