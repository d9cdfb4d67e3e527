/* groups: by how much did the gap between two groups of packets change on the way?
 *
 * draft-ietf-rmcat-gcc-02, 5.2: packets that leave within 5 ms of each other are one group, since a pacer sends bursts. So are
 * packets that arrive in a burst although they were sent apart: a radio or a switch held them back, and no queue of a rate did.
 * One difference comes for each group but the first two. It knows no rates.
 *
 *   a group's packets: sent in [first_sent, last_sent], the last of them arrived at last_arrival */
#ifndef RTP_BWE_GROUPS_H
#define RTP_BWE_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

struct group {
	uint64_t first_sent, last_sent, first_arrival, last_arrival;
	bool any;
};

struct groups {
	struct group current, previous;
};

struct group_delta {
	int64_t sent, arrived; /* ns between the ends of two neighbouring groups */
	uint64_t at;           /* when the later one had arrived */
};

/* Returns true when the packet began a new group, so that the one before it is whole and has its difference. Packets come in the
 * order of their sequence numbers. */
bool groups_add(struct groups *g, uint64_t sent, uint64_t arrived, struct group_delta *out);

#endif
