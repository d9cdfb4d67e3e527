#include "rtp/bwe/busy.h"

/* Times are modulo 2^64: the difference is what has a sign. */
static int64_t since(uint64_t later, uint64_t earlier) {
	return (int64_t)(later - earlier);
}

/* 0: too short to count. */
static uint64_t rate_of_run(const struct busy *b) {
	int64_t span = since(b->last, b->first);
	if (b->packets < BUSY_PACKETS || span < (int64_t)BUSY_SPAN)
		return 0;
	return (uint64_t)((double)b->bytes * 8e9 / (double)span);
}

static void end(struct busy *b) {
	uint64_t rate = rate_of_run(b);
	if (rate == 0)
		return;
	b->rate = rate;
	b->measured_at = b->last;
}

static void begin(struct busy *b, uint64_t arrived) {
	b->first = b->last = arrived;
	b->bytes = 0;
	b->packets = 1;
	b->any = true;
}

void busy_add(struct busy *b, uint64_t sent, uint64_t arrived, uint32_t size, int64_t least) {
	if (!b->any || since(b->last, sent) <= least) {
		end(b);
		begin(b, arrived);
		return;
	}
	b->bytes += size;
	b->packets++;
	if (since(arrived, b->last) > 0)
		b->last = arrived;
	if (since(b->last, b->first) < (int64_t)BUSY_WINDOW)
		return;
	end(b);
	begin(b, b->last);
}

uint64_t busy_rate(const struct busy *b) {
	uint64_t now = rate_of_run(b);
	if (now)
		return now;
	return b->rate && since(b->last, b->measured_at) <= (int64_t)BUSY_KEPT ? b->rate : 0;
}
