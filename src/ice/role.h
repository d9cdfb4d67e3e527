/* role: are we the controlling side? RFC 8445, 6.1.1 and 7.3.1.1. The public functions ice_set_controlling() and
 * ice_is_controlling() are here. */
#ifndef ICE_ROLE_H
#define ICE_ROLE_H

#include "ice/agent.h"

void ice_role_set(struct ice *ice, bool controlling);
/* A request came: do both sides have one role? True: the other side has to change, so the request is answered with 487. Where we
 * have to change, that is done. */
bool ice_role_conflicts(struct ice *ice, const struct stun_message *m);

#endif
