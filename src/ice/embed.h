/* embed: how do the datagrams of the DTLS handshake get into checks and answers at once? sped.h knows which one is next; here
 * checks are made to leave for them. The public functions ice_sped_*() are here. */
#ifndef ICE_EMBED_H
#define ICE_EMBED_H

#include "ice/agent.h"

/* A message of ours is being written: adds the datagram that is next. */
void embed_compose(struct ice *ice, struct stun_writer *w, enum stun_class class, const uint8_t *id);
/* A check left over this pair: makes another one follow with the rest of the flight. */
void embed_follow(struct ice *ice, struct pair *p);
/* An authenticated message came. ICE_DTLS: a datagram was embedded in it, which d names now. */
enum ice_verdict embed_input(struct ice *ice, const struct stun_message *m, sluice_datagram *d);

#endif
