/* trendline: does the queue on the path grow, shrink, or stay?
 *
 * draft-ietf-rmcat-gcc-02, 5.3 and 5.4, with the line through the last 20 groups that libwebrtc uses in place of the Kalman
 * filter: the accumulated change of delay is smoothed, a straight line is fitted to it by least squares, and its slope is
 * compared with a threshold. The threshold follows the slopes seen, slowly up and quickly down, so that a flow that shares its
 * queue with a loss-based one does not starve. It knows no rates.
 *
 *   count <= TRENDLINE_GROUPS
 *   THRESHOLD_LEAST <= threshold <= THRESHOLD_MOST  (ms)
 *
 * Cost: some 40 multiplications a group, and a group is 5 ms of packets. */
#ifndef RTP_BWE_TRENDLINE_H
#define RTP_BWE_TRENDLINE_H

#include "rtp/bwe/groups.h"

#define TRENDLINE_GROUPS 20

enum usage {
	USAGE_NORMAL,
	USAGE_OVER,  /* the queue grows */
	USAGE_UNDER, /* the queue empties */
};

struct trendline {
	struct {
		double at, delay; /* ms */
	} points[TRENDLINE_GROUPS];
	unsigned count, next;
	unsigned deltas;              /* groups seen, up to 60: a young line counts for less */
	uint64_t begun;               /* arrival of the first group; times are counted from there, where they are small */
	double accumulated, smoothed; /* ms */
	double slope;
	double threshold; /* ms */
	double over;      /* ms, for how long the slope has been above the threshold */
	unsigned overs;
	enum usage usage;
};

void trendline_init(struct trendline *t);
/* One difference between two groups. Updates `usage`. */
void trendline_add(struct trendline *t, const struct group_delta *d);
bool trendline_check(const struct trendline *t);

#endif
