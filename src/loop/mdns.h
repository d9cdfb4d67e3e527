/* mdns: which address has a `.local` name, and who asks for ours? RFC 6762.
 *
 * Questions go to 224.0.0.251 and ff02::fb on each interface, at 0, 250 ms and 1 s, and are given up after 3 s. They leave from
 * port 5353, shared with every other responder of the machine, so that answers by multicast are heard, and where that port cannot
 * be had from another one (5.1), to which answers come directly. Ours are random names of one address each, so nothing is probed
 * or announced: no other host can have chosen them.
 *
 * What comes to the group is a neighbour's; what comes to our own address counts only from a neighbour's address (11). A message
 * is read once and to a bound (dns.h), each name of ours is answered once for it, multicast once a second on an interface and to
 * single askers eight times a second; those must be neighbours, so nobody is hit by an answer that another one asked for in its
 * name.
 *
 * One for a loop; it lives while there are questions or names.
 *
 *   questions <= MDNS_QUESTIONS_MAX */
#ifndef LOOP_MDNS_H
#define LOOP_MDNS_H

#include "loop/asker.h"
#include "loop/interface.h"

#define MDNS_NAME_SIZE 43 /* a UUID, ".local" and a NUL */
#define MDNS_QUESTIONS_MAX 256

/* Answers the asker once, maybe before it returns. */
void mdns_resolve(sluice_loop *loop, struct asker asker, uint32_t id, const char *name);
/* Makes a name for the owner's address and answers for it until it is withdrawn; NULL when there is no memory or no socket. */
const char *mdns_publish(sluice_loop *loop, const void *owner, const struct sockaddr_storage *host);
void mdns_withdraw(sluice_loop *loop, const void *owner, const struct sockaddr_storage *host);
/* `who` asks no more, and its names are gone. */
void mdns_forget(sluice_loop *loop, const void *who);
void mdns_stop(sluice_loop *loop);

#endif
