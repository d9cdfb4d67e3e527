/* standing: how long do packets wait on the path, compared with the best times?
 *
 * A queue that is full stays as long as it is: the line through the delays is level and says nothing. So the delay is compared
 * with the least one of the last 15 to 30 s. Of each feedback the least delay counts, because jitter only adds.
 *
 * Delays are arrival minus sending, of two clocks: only their differences mean something. A drift of 100 ppm is 3 ms in 30 s.
 *
 *   base <= every delay of the present half, and of the half before */
#ifndef RTP_BWE_STANDING_H
#define RTP_BWE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

struct standing {
	int64_t now;           /* ns, the least of the present feedback */
	int64_t half, earlier; /* ns, the least of this half and of the one before */
	uint64_t half_end;
	bool any, fresh; /* anything was measured; in the present feedback */
};

/* A feedback begins. */
void standing_begin(struct standing *s, uint64_t now);
void standing_add(struct standing *s, uint64_t sent, uint64_t arrived);
/* ns, of arrival minus sending. Of use once a packet came. */
int64_t standing_least(const struct standing *s);
/* ns beyond the least. */
uint64_t standing_queue(const struct standing *s);

#endif
