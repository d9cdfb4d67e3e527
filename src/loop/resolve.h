/* resolve: which addresses has this host name?
 *
 * c-ares asks the servers of resolv.conf (and reads the hosts file) on sockets that the ev_loop watches: no thread, no call that
 * blocks on the network. A numeric name is answered at once. An answer of c-ares is kept until c-ares has returned, so that no
 * callback of an app runs inside c-ares.
 *
 *   the resolver lives exactly while there are lookups */
#ifndef LOOP_RESOLVE_H
#define LOOP_RESOLVE_H

#include "loop/asker.h"
#include "loop/loop.h"

#define RESOLVE_ADDRESSES_MAX 16

/* Answers the asker once, maybe before it returns. */
void resolve_name(sluice_loop *loop, struct asker asker, uint32_t id, const char *name);
/* `who` wants no answers any more. */
void resolve_forget(sluice_loop *loop, const void *who);
void resolve_stop(sluice_loop *loop);

/* Name servers instead of the system's, "address:port,...", for tests; the string has to live on. NULL: the system's. */
void resolve_set_servers(sluice_loop *loop, const char *servers);

#endif
