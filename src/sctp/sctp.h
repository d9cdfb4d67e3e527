/* sctp: what the peer needs of an association beyond the public header. The association is opaque to it. */
#ifndef SCTP_SCTP_H
#define SCTP_SCTP_H

#include "sluice/sctp.h"

/* What an SDP section says of this side: RFC 8841, 5 and 6. */
uint16_t association_local_port(const sluice_sctp *a);
uint64_t association_max_message_size(const sluice_sctp *a);
/* The port that the other side's section names. Called before the association opens. */
void association_set_remote_port(sluice_sctp *a, uint16_t port);

/* Messages are queued at *time, if that is later than the last verb: who drives the association may leave it alone for long. It
 * lasts as long as the association. */
void association_follow_time(sluice_sctp *a, const uint64_t *time);

/* Another congestion control from now on. It knows nothing of the path and begins with its initial window; slow start ends where
 * the one before was. */
void association_set_control(sluice_sctp *a, enum sluice_cc control);

/* Data leaves at no more than that many bytes/s from now on, whatever the control says. 0: the control alone says it. */
void association_set_most_rate(sluice_sctp *a, uint64_t rate);

/* As sluice_sctp_set_mtu_max(), for a path that is unknown: 1,356 and 1,408 bytes are tried before any larger size. A peer that
 * answers no probe gets three, none of which is larger than config.mtu. */
void association_search_mtu(sluice_sctp *a, uint32_t mtu_max);

/* The receive window as large as it has grown, whatever fills it. */
uint64_t association_window(const sluice_sctp *a);

/* How many streams wait for their reset by us, or for the peer's answer to it? */
uint32_t association_resets(const sluice_sctp *a);

/* Is there something for sluice_sctp_poll()? */
bool association_has_event(const sluice_sctp *a);

/* The app gets the message as an empty one, whatever the peer wrote into it. Its bytes no longer fill the receive window. */
void association_empty_message(sluice_message *m);

/* The invariants of association.h, recounted. */
bool association_check(const sluice_sctp *a);

#endif
