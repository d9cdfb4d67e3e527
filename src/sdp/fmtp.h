/* fmtp: which value has a parameter in a=fmtp, or in the restrictions of a=rid? It knows no codec. */
#ifndef SDP_FMTP_H
#define SDP_FMTP_H

#include "sdp/slice.h"

/* Finds "name=value" in parameters separated by ';'. The case of letters in the name does not matter. Returns false when there is
 * none. */
bool sdp_fmtp_get(struct sdp_slice fmtp, const char *name, struct sdp_slice *value);

#endif
