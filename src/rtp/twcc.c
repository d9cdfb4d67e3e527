#include "rtp/twcc.h"

#include <string.h>

#include "base/arith.h"
#include "rtp/feedback_interval.h"
#include "sluice/error.h"

static void forget(struct twcc *t) {
	memset(t->arrivals, 0xFF, sizeof t->arrivals);
}

void twcc_init(struct twcc *t) {
	memset(t, 0, sizeof *t);
	t->due = SLUICE_NEVER;
	t->interval = FEEDBACK_INTERVAL_MIN;
	/* Far from the first number, so that no packet is next. */
	t->next = 1;
	forget(t);
}

bool twcc_check(const struct twcc *t) {
	bool ok = t->next <= t->highest + 1 && (t->next == t->highest + 1 || t->highest - t->next < TWCC_RING);
	ok = ok && (t->due == SLUICE_NEVER) == (t->next == t->highest + 1);
	return ok && t->interval >= FEEDBACK_INTERVAL_MIN && t->interval <= FEEDBACK_INTERVAL_MAX &&
	       (t->highest == 0 || t->arrivals[t->highest % TWCC_RING] != SLUICE_NEVER);
}

static void restart(struct twcc *t, uint64_t n, uint64_t now) {
	t->restarts += t->highest != 0;
	forget(t);
	t->highest = t->next = n;
	t->arrivals[n % TWCC_RING] = now;
}

static void advance_to(struct twcc *t, uint64_t n, uint64_t now) {
	for (uint64_t i = t->highest + 1; i < n; i++)
		t->arrivals[i % TWCC_RING] = SLUICE_NEVER;
	t->highest = n;
	t->arrivals[n % TWCC_RING] = now;
	if (n - t->next >= TWCC_RING && t->next <= n)
		t->next = n - TWCC_RING + 1;
	if (n + 1 - t->next > TWCC_RING / 2)
		t->due = now;
}

void twcc_take_other(struct twcc *t, uint16_t sequence, uint64_t now) {
	uint64_t n = t->highest ? serial_unwrap16(sequence, t->highest) : SERIAL_ORIGIN + sequence;
	if (t->highest == 0 || n >= t->highest + TWCC_RING) {
		if (t->since == 0)
			t->since = now;
		restart(t, n, now);
	} else if (n > t->highest) {
		advance_to(t, n, now);
	} else if (t->highest - n >= TWCC_RING) {
		t->late++;
	} else if (t->arrivals[n % TWCC_RING] != SLUICE_NEVER) {
		t->duplicates++;
	} else {
		t->arrivals[n % TWCC_RING] = now;
		t->next = min64(t->next, n);
	}
}

static void set_interval(struct twcc *t, uint64_t now) {
	t->interval = feedback_interval(t->interval, t->bytes, now > t->since ? now - t->since : 1);
	t->bytes = 0;
	t->since = now;
}

int twcc_output(struct twcc *t, struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint64_t now) {
	if (t->due > now)
		return 0;
	while (t->next <= t->highest) {
		uint64_t edge = TWCC_RING - t->next % TWCC_RING;
		uint64_t run = min64(t->highest - t->next + 1, edge);
		const uint64_t *arrivals = &t->arrivals[t->next % TWCC_RING];
		int count = rtcp_write_twcc(w, ssrc, media, t->feedback, t->next, arrivals, run);
		if (count == SLUICE_NO_SPACE)
			return count;
		/* Nothing came up to the ring's edge. The sender sees that the next feedback begins behind it. */
		if (count > 0)
			t->feedback++;
		t->next += count > 0 ? (uint64_t)count : run;
	}
	t->due = SLUICE_NEVER;
	set_interval(t, now);
	return 0;
}
