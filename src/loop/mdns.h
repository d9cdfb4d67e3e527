/* mdns: which address has a `.local` name, and who asks for ours? RFC 6762.
 *
 * Questions go to 224.0.0.251 and ff02::fb on each interface, at 0, 250 ms and 1 s, and are given up after 3 s. They leave from
 * port 5353, which all responders of the machine share, so that answers by multicast are heard. Where that port cannot be had,
 * questions leave from another one, and answers come there directly (5.1). Our names are random and have one address each. No
 * other host can have chosen them, so they are neither probed nor announced.
 *
 * A message to the group comes from a neighbour. A message to our own address counts only when its source is a neighbour's (11).
 * A message is read once, up to a bound (dns.h), and each of our names is answered once for it. Answers go out by multicast once
 * a second on an interface, and to single askers eight times a second. Those must be neighbours: otherwise a forged source could
 * direct our answers at a victim.
 *
 * A loop has one mdns, which lives while there are questions or names.
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
