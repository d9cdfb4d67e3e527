/* session: one generation of credentials with everything learnt under them: how is it made, and how freed? */
#ifndef ICE_SESSION_H
#define ICE_SESSION_H

#include "ice/agent.h"

/* NULL credentials: random ones. NULL: no memory. */
struct session *session_new(struct ice *ice, const char *ufrag, const char *pwd);
void session_free(struct ice *ice, struct session *s);
bool session_check(const struct ice *ice, const struct session *s);

#endif
