#include "sctp/tx/cc_hystart.h"

/* RFC 9406, 4.3. */
#define MIN_RTT_THRESH UINT64_C(4000000)
#define MAX_RTT_THRESH UINT64_C(16000000)
#define MIN_RTT_DIVISOR 8
#define N_RTT_SAMPLE 8
#define CSS_ROUNDS 5

void cc_hystart_begin(struct hystart *h) {
	*h = (struct hystart){.last_min = UINT64_MAX, .current_min = UINT64_MAX};
}

static uint64_t threshold(uint64_t last_min) {
	uint64_t t = last_min / MIN_RTT_DIVISOR;
	return t < MIN_RTT_THRESH ? MIN_RTT_THRESH : t > MAX_RTT_THRESH ? MAX_RTT_THRESH : t;
}

static void new_round(struct hystart *h) {
	h->last_min = h->current_min;
	h->current_min = UINT64_MAX;
	h->samples = 0;
	h->rounds += h->baseline != 0;
}

enum hystart_verdict cc_hystart_ack(struct hystart *h, uint64_t rtt, bool round_start) {
	if (round_start)
		new_round(h);
	if (h->baseline && h->rounds >= CSS_ROUNDS)
		return HYSTART_DONE;
	if (rtt) {
		if (h->samples % N_RTT_SAMPLE == 0)
			h->group_min = UINT64_MAX;
		h->samples++;
		if (rtt < h->current_min)
			h->current_min = rtt;
		if (rtt < h->group_min)
			h->group_min = rtt;
	}
	if (!rtt || h->samples % N_RTT_SAMPLE || h->last_min == UINT64_MAX)
		return h->baseline ? HYSTART_CONSERVATIVE : HYSTART_GROW;
	if (!h->baseline && h->group_min >= h->last_min + threshold(h->last_min)) {
		h->baseline = h->group_min;
		h->rounds = 0;
	} else if (h->baseline && h->group_min < h->baseline) {
		/* "Slow start exit was spurious": back to growing at full speed. */
		h->baseline = 0;
	} else if (h->baseline && h->group_min >= h->baseline + threshold(h->baseline)) {
		return HYSTART_DONE;
	}
	return h->baseline ? HYSTART_CONSERVATIVE : HYSTART_GROW;
}
