/* bwe: how many bit/s may a sender of media send? The estimator that stands between feedback and the pacer.
 *
 *     bwe_sent(b, number, size, probe, now)       each packet that leaves, padding and repairs too
 *     bwe_feedback(b, &rtcp.twcc, now)            each TWCC packet that came
 *     bwe_arrival(b, number, came, arrived),
 *     bwe_reported(b, now)                        the same of RFC 8888, packet by packet
 *     bwe_remb(b, bitrate, now)                   each REMB
 *     bwe_advance(b, now), bwe_deadline(b)        timers: probes, silence
 *     bwe_target(b)                               bit/s for encoders and pacer, after each of these
 *     bwe_take_probe(b, &probe)                   for the pacer, after each of these
 *
 * Sans-IO; all memory is taken by bwe_new(). It knows no streams and no frames. What the target is, says the control
 * (controller.h); this file keeps it within what holds for every control:
 *
 *   min_rate <= target <= max_rate
 *   target <= REMB's bitrate, as far as min_rate allows
 *   a rise ends at 1.5 times what is delivered, unless a probe showed more
 *
 * Cost: a packet sent is one entry of a ring; feedback is a walk over its statuses (bench_bwe). */
#ifndef RTP_BWE_BWE_H
#define RTP_BWE_BWE_H

#include "rtp/bwe/cluster.h"
#include "rtp/bwe/controller.h"
#include "rtp/rtcp.h"
#include "sluice/env.h"

struct bwe;

/* Zero in a field means its default. */
struct bwe_config {
	const struct controller_ops *control; /* Google congestion control */
	uint64_t start_rate;                  /* bit/s; 300,000 */
	uint64_t min_rate;                    /* 30,000 */
	uint64_t max_rate;                    /* 100,000,000; at most BWE_RATE_MOST */
	size_t history;                       /* packets remembered, a power of two up to 2^15; 4,096 */
};

#define BWE_RATE_MOST UINT64_C(100000000000)

struct bwe_stats {
	uint64_t feedbacks;       /* messages read */
	uint64_t stale;           /* of these, without news */
	uint64_t refused;         /* messages not read: a flood of them */
	uint64_t packets, lost;   /* reported as arrived; reported as lost at first */
	uint64_t probes, results; /* probes made; results that were used */
	uint64_t silences;
};

/* Returns 0, or
 *   SLUICE_NO_MEMORY
 *   SLUICE_INVALID    bounds that leave no room, or a history that is no power of two up to 2^15 */
int bwe_new(sluice_env *env, const struct bwe_config *config, uint64_t now, struct bwe **out);
void bwe_free(struct bwe *b);

/* bwe_sent() comes soon: asks for the memory that it needs, first for the estimator's own, then for that of its packets. */
void bwe_prefetch(const struct bwe *b);
void bwe_prefetch_packets(const struct bwe *b);
/* A packet left. number is its transport-wide sequence number, unwrapped, from SERIAL_ORIGIN on and rising. size: the datagram's
 * bytes. probe: the id that the pacer gave with it, or 0. Returns 0 or SLUICE_INVALID. */
int bwe_sent(struct bwe *b, uint64_t number, uint32_t size, uint32_t probe, uint64_t now);
void bwe_feedback(struct bwe *b, const struct rtcp_twcc *t, uint64_t now);
/* A feedback that names packets in any order: each of them, then the end. number: as bwe_sent() was given it. arrived: ns of the
 * receiver's clock, of which only differences mean something; not read when the packet did not come. */
void bwe_arrival(struct bwe *b, uint64_t number, bool came, uint64_t arrived);
void bwe_reported(struct bwe *b, uint64_t now);
/* The receiver's own bound. It holds until the next one. */
void bwe_remb(struct bwe *b, uint64_t bitrate, uint64_t now);
/* Others on the path made room: it is believed to carry `rate`, which probes will show. */
void bwe_room(struct bwe *b, uint64_t rate, uint64_t now);
void bwe_advance(struct bwe *b, uint64_t now);
uint64_t bwe_deadline(const struct bwe *b);
bool bwe_take_probe(struct bwe *b, struct bwe_probe *out);

uint64_t bwe_target(const struct bwe *b);
uint64_t bwe_most(const struct bwe *b);      /* bit/s: the bound that it cannot pass, REMB's included */
bool bwe_is_congested(const struct bwe *b);  /* a queue grows on the path, or its loss is put to the test */
uint64_t bwe_delivered(const struct bwe *b); /* bit/s; 0: not known */
uint64_t bwe_rtt(const struct bwe *b);       /* ns, smoothed, with the receiver's wait; 0: not known */
struct bwe_stats bwe_stats(const struct bwe *b);
bool bwe_check(const struct bwe *b);

#endif
