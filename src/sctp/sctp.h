/* sctp: what the peer needs of an association beyond the public header. The association is opaque to it. */
#ifndef SCTP_SCTP_H
#define SCTP_SCTP_H

#include "sluice/sctp.h"

/* What an SDP section says of this side: RFC 8841, 5 and 6. */
uint16_t association_local_port(const sluice_sctp *a);
uint64_t association_max_message_size(const sluice_sctp *a);
/* The port that the other side's section names. Called before the association opens. */
void association_set_remote_port(sluice_sctp *a, uint16_t port);

/* The invariants of association.h, recounted. */
bool association_check(const sluice_sctp *a);

#endif
