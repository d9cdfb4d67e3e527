#include "rtp/media/forward.h"

#include <string.h>

void forward_replace(struct forward *f) {
	f->waits = true;
}

bool forward_is_new(const struct forward *f, const sluice_rtp *p) {
	return f->waits || f->ssrc != p->ssrc || f->count == 0;
}

static struct forward_segment *segment_at(struct forward *f, uint32_t i) {
	return &f->segments[i % FORWARD_SEGMENTS];
}

static void add_segment(struct forward *f, uint64_t from, int64_t add, bool is_left_out) {
	*segment_at(f, f->count++) = (struct forward_segment){from, add, is_left_out};
}

void forward_begin(struct forward *f, const sluice_rtp *p, uint64_t number, uint32_t timestamp) {
	*f = (struct forward){.ssrc = p->ssrc, .last = p->number - 1, .add_timestamp = timestamp - p->timestamp};
	add_segment(f, p->number, (int64_t)(number - p->number), false);
}

/* NULL: nobody remembers so far back. */
static const struct forward_segment *segment_of(struct forward *f, uint64_t number) {
	for (uint32_t i = 0; i < f->count && i < FORWARD_SEGMENTS; i++) {
		const struct forward_segment *s = segment_at(f, f->count - 1 - i);
		if (s->from <= number)
			return s;
	}
	return NULL;
}

/* Has the packet with this number come to us, as packet p says? What is further back is taken as if it had. */
static bool has_come(const sluice_rtp *p, uint64_t number) {
	uint64_t back = p->number - 1 - number;
	return back >= 64 || !(p->missing >> back & 1);
}

/* Numbers between the last packet and this one: those that came were left out, the others are holes. */
static void pass_gap(struct forward *f, const sluice_rtp *p) {
	int64_t add = segment_at(f, f->count - 1)->add;
	uint64_t n = f->last + 1;
	if (p->number - n > 64) {
		add_segment(f, n, 0, true);
		add -= (int64_t)(p->number - 64 - n);
		n = p->number - 64;
		add_segment(f, n, add, false);
	}
	while (n < p->number) {
		bool left_out = has_come(p, n);
		uint64_t from = n;
		while (n < p->number && has_come(p, n) == left_out)
			n++;
		add -= left_out ? (int64_t)(n - from) : 0;
		add_segment(f, from, add, left_out);
		if (left_out)
			add_segment(f, n, add, false);
	}
}

/* ---- which went on? ---- */

static uint64_t *word_of(struct forward *f, uint64_t number) {
	return &f->sent[number % FORWARD_MEMORY / 64];
}

static uint64_t bit_of(uint64_t number) {
	return UINT64_C(1) << number % 64;
}

/* The memory moves up to the number. */
static void move_to(struct forward *f, uint64_t number) {
	if (number - f->last >= FORWARD_MEMORY)
		memset(f->sent, 0, sizeof f->sent);
	else
		for (uint64_t n = f->last + 1; n <= number; n++)
			*word_of(f, n) &= ~bit_of(n);
	f->last = number;
}

static bool may_go_on(struct forward *f, uint64_t number) {
	return f->last - number < FORWARD_MEMORY && !(*word_of(f, number) & bit_of(number));
}

bool forward_place(struct forward *f, const sluice_rtp *p, uint64_t *number, uint32_t *timestamp) {
	if (p->number > f->last) {
		if (p->number > f->last + 1)
			pass_gap(f, p);
		move_to(f, p->number);
	} else if (!may_go_on(f, p->number)) {
		return false;
	}
	const struct forward_segment *s = segment_of(f, p->number);
	if (!s || s->is_left_out)
		return false;
	*word_of(f, p->number) |= bit_of(p->number);
	*number = p->number + (uint64_t)s->add;
	*timestamp = p->timestamp + f->add_timestamp;
	return true;
}
