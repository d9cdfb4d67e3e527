/* config: which configuration is complete and allowed? The defaults, the bounds and the hand-over of sluice_sctp_config. */
#ifndef SCTP_CONFIG_H
#define SCTP_CONFIG_H

#include "base/walk.h"
#include "sluice/sctp.h"

/* More than two years; what is added to a clock must not run over. */
#define CONFIG_DURATION_MAX (UINT64_C(1) << 56)

#define CONFIG_MAX_RETRANSMITS 10 /* RFC 9260, 16: Association.Max.Retrans */

/* Fills in the defaults. from may be NULL, or an older, shorter struct: fields that it does not have get their defaults. 0 or
 * SLUICE_INVALID. */
int config_complete(sluice_sctp_config *to, const sluice_sctp_config *from);

/* A hand-over of a complete configuration. */
void config_walk(sluice_sctp_config *c, struct walk *w);

#endif
