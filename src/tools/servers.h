/* servers: the options --stun, --turn, --username and --credential, of whichever command has them. */
#ifndef TOOLS_SERVERS_H
#define TOOLS_SERVERS_H

#include "sluice.h"

#define SERVERS_MAX 16

struct servers {
	sluice_ice_server list[SERVERS_MAX];
	size_t count;
};

/* Each takes an option's argument, which has to stay. 0, or an exit code after it said what is wrong. */
int servers_add_stun(const char *command, struct servers *s, const char *url);
int servers_add_turn(const char *command, struct servers *s, const char *url);
/* A name or a credential is for every TURN server named before it that has none yet. */
int servers_add_username(const char *command, struct servers *s, const char *text);
int servers_add_credential(const char *command, struct servers *s, const char *text);
/* When all are read: has each TURN server both? */
int servers_check(const char *command, const struct servers *s);
/* Is one of them a TURN server? */
bool servers_have_turn(const struct servers *s);

#endif
