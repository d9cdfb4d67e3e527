/* rate: the estimator (bwe.h) as the session wants it (struct rtp_rate_ops). It has no state of its own: rate_ctx is the struct
 * bwe, which its owner makes before the session and frees after it.
 *
 *     struct rtp_session_config config = {.rate = &rtp_rate_bwe, .rate_ctx = bwe, ...};
 *
 * The session tells the estimator what leaves and what the peer reports. After each verb of the session its owner takes
 * bwe_target() and bwe_take_probe() for the pacer and the encoders. */
#ifndef RTP_RATE_H
#define RTP_RATE_H

#include "rtp/session.h"

extern const struct rtp_rate_ops rtp_rate_bwe;

#endif
