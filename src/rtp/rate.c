#include "rtp/rate.h"

#include "rtp/bwe/bwe.h"

/* The session's numbers rise, so none is refused. */
static void rate_sent(void *ctx, uint64_t number, size_t size, uint32_t probe, uint64_t now) {
	(void)bwe_sent(ctx, number, (uint32_t)size, probe, now);
}

static void rate_feedback(void *ctx, const struct rtcp_twcc *twcc, uint64_t now) {
	bwe_feedback(ctx, twcc, now);
}

static void rate_arrival(void *ctx, uint64_t number, bool came, uint64_t arrived) {
	bwe_arrival(ctx, number, came, arrived);
}

static void rate_reported(void *ctx, uint64_t now) {
	bwe_reported(ctx, now);
}

static void rate_remb(void *ctx, uint64_t bitrate, uint64_t now) {
	bwe_remb(ctx, bitrate, now);
}

static void rate_advance(void *ctx, uint64_t now) {
	bwe_advance(ctx, now);
}

static uint64_t rate_deadline(void *ctx) {
	return bwe_deadline(ctx);
}

const struct rtp_rate_ops rtp_rate_bwe = {
	.sent = rate_sent,
	.feedback = rate_feedback,
	.arrival = rate_arrival,
	.reported = rate_reported,
	.remb = rate_remb,
	.advance = rate_advance,
	.deadline = rate_deadline,
};
