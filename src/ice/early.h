/* early: which checks came before the password of their sender? They are answered at once, and remembered here, so that their
 * pairs are made when the password is known. */
#ifndef ICE_EARLY_H
#define ICE_EARLY_H

#include "ice/agent.h"

/* False: no memory. */
bool early_remember(struct ice *ice, struct session *s, const sluice_path *path, const struct stun_message *m, const char *ufrag,
                    size_t ufrag_len);
/* Did such a check come over this path? */
bool early_knows(const struct session *s, const sluice_path *path);
void early_forget(struct ice *ice, struct session *s);

#endif
