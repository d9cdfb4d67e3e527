/* query: how does this side look from the STUN servers? Each server is asked from every base at once (RFC 8445, 5.1.1).
 *
 * The first answer gives a server-reflexive candidate. After that a query keeps the NAT's binding until a pair is in use. */
#ifndef ICE_QUERY_H
#define ICE_QUERY_H

#include "ice/agent.h"

/* Asks every server whose address is known from every base that it was not asked from. */
void query_make_all(struct ice *ice);
void query_forget_base(struct ice *ice, uint32_t socket);
void query_free_all(struct ice *ice);
/* True: a query was given up. */
bool query_advance(struct ice *ice, uint64_t now);
uint64_t query_deadline(const struct ice *ice);
/* Does gathering wait for an answer? */
bool query_waits(const struct ice *ice);
/* As emit_message, for a request that is due; 0 when none is. */
int query_output(struct ice *ice, sluice_batch *batch, uint64_t now);
/* True: the message was the answer of a server; gather_update() has to follow. */
bool query_input(struct ice *ice, const sluice_path *path, const struct stun_message *m, uint64_t now);
bool query_check(const struct ice *ice);

#endif
