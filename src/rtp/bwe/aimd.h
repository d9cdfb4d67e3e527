/* aimd: what rate does the delay of the packets allow?
 *
 * draft-ietf-rmcat-gcc-02, 5.5: while the queue stays, the rate grows: by 8% a second as long as the path's capacity is not
 * known, by about a packet per response time near the rate at which the queue grew the last times. When the queue grows, the
 * rate becomes 0.85 of what the path carries. When it empties, the rate waits.
 *
 *   estimate >= least
 *   it never rises above the ceiling that the caller gives */
#ifndef RTP_BWE_AIMD_H
#define RTP_BWE_AIMD_H

#include "rtp/bwe/trendline.h"

enum aimd_state {
	AIMD_HOLD,
	AIMD_INCREASE,
	AIMD_DECREASE,
};

struct aimd {
	enum aimd_state state;
	double estimate;  /* bit/s */
	double least;     /* bit/s, what it never falls below */
	uint64_t changed; /* when it last rose, or began to be able to */
	uint64_t decreased;
	double capacity; /* kbit/s, mean of what was carried when the queue grew; 0: not known */
	double spread;   /* its normalised variance */
};

struct aimd_input {
	enum usage usage;
	uint64_t carried; /* bit/s that the path carries now; 0: not known */
	uint64_t ceiling; /* bit/s */
	uint64_t rtt;     /* ns */
	bool may_rise;    /* false: less than the estimate is sent, so nothing would show that it is too high */
	uint64_t now;
};

/* least is above 0 and at most start. */
void aimd_init(struct aimd *a, uint64_t start, uint64_t least, uint64_t now);
void aimd_update(struct aimd *a, const struct aimd_input *in);
/* A probe or a silence says what the rate is. */
void aimd_set(struct aimd *a, uint64_t rate, uint64_t now);
bool aimd_check(const struct aimd *a);

#endif
