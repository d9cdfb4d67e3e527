/* handover: the parts of the hand-over that stand in files of their own. For the files of the hand-over alone. */
#ifndef SCTP_HANDOVER_H
#define SCTP_HANDOVER_H

#include "base/walk.h"
#include "sctp/association.h"

#define FIELD(x) walk_bytes(b, &(x), sizeof(x))
#define FLAG(x) walk_bool(b, &(x))

/* ---- handover_reconfig.c ---- */
void handover_reconfig(struct walk *b, sluice_sctp *a);

#endif
