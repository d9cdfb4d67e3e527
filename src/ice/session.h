/* session: one generation of credentials with everything learnt under them: how is it made, and how freed? */
#ifndef ICE_SESSION_H
#define ICE_SESSION_H

#include "ice/agent.h"

/* NULL credentials: random ones. NULL: no memory. */
struct session *session_new(struct ice *ice, const char *ufrag, const char *pwd);
void session_free(struct ice *ice, struct session *s);
/* Both texts in one block, the password behind the ufrag, wiped when it is freed. NULL: no memory. */
char *session_credentials(sluice_env *env, const char *ufrag, const char *pwd, char **copied_pwd);
bool session_check(const struct ice *ice, const struct session *s);

#endif
