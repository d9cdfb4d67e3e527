#include "rtp/bwe/feedback.h"

#include "base/arith.h"
#include "base/serial.h"

#define REFERENCE_NS ((uint64_t)RTCP_TWCC_REFERENCE_TICKS * RTCP_TWCC_TICK_NS)

static uint64_t reference_of(struct feedback *f, const struct rtcp_twcc *t) {
	f->reference = f->started ? serial_unwrap24(t->reference, f->reference) : SERIAL_ORIGIN + t->reference;
	f->started = true;
	return f->reference * REFERENCE_NS;
}

/* True when this is news about the packet. */
static bool is_news(const struct sent_packet *p, bool received) {
	return p->fate == SENT_UNKNOWN || (received && p->fate == SENT_LOST);
}

bool feedback_note(struct sent *s, uint64_t number, bool came, uint64_t arrived, struct feedback_packet *out) {
	struct sent_packet *p = sent_find(s, number);
	if (!p || !is_news(p, came))
		return false;
	*out = (struct feedback_packet){
		.sent = p->at,
		.arrived = arrived,
		.size = p->size,
		.probe = p->probe,
		.number = (uint32_t)number,
		.lost = !came,
		.late = p->fate == SENT_LOST,
	};
	p->fate = came ? SENT_ARRIVED : SENT_LOST;
	return true;
}

bool feedback_may_read(struct feedback *f, uint64_t count, uint64_t now) {
	if (now - f->window >= FEEDBACK_WINDOW) {
		f->window = now;
		f->named = 0;
	}
	if (f->named + count > FEEDBACK_NAMED)
		return false;
	f->named += count;
	return true;
}

size_t feedback_read(struct feedback *f, struct sent *s, const struct rtcp_twcc *t, struct feedback_packet *out) {
	uint64_t reference = reference_of(f, t), sequence = serial_unwrap16(t->base, s->next);
	struct rtcp_twcc_iterator it = rtcp_twcc_begin(t);
	struct rtcp_arrival a;
	size_t n = 0;
	f->gap = sequence > f->heard && f->heard > 0;
	for (; sequence < s->next && rtcp_twcc_next(&it, &a); sequence++)
		n += feedback_note(s, sequence, a.received, reference + (uint64_t)a.ticks * RTCP_TWCC_TICK_NS, &out[n]);
	f->heard = max64(f->heard, sequence);
	return n;
}

/* ---- order ---- */

/* True when a comes before b. A packet that the report called lost and then arrived is there twice. */
static bool is_before(const struct feedback_packet *a, const struct feedback_packet *b) {
	int32_t distance = (int32_t)(a->number - b->number);
	return distance < 0 || (distance == 0 && a->lost && !b->lost);
}

/* Moves the entry at i down until none below it comes behind it. */
static void sift(struct feedback_packet *news, size_t i, size_t count) {
	struct feedback_packet moved = news[i];
	for (size_t child; (child = 2 * i + 1) < count; i = child) {
		child += child + 1 < count && is_before(&news[child], &news[child + 1]);
		if (!is_before(&moved, &news[child]))
			break;
		news[i] = news[child];
	}
	news[i] = moved;
}

static bool is_ordered(const struct feedback_packet *news, size_t count) {
	for (size_t i = 1; i < count; i++)
		if (is_before(&news[i], &news[i - 1]))
			return false;
	return true;
}

/* Heapsort: in place, and a peer cannot choose an order that makes it slow. One stream alone is in order. */
static void sort(struct feedback_packet *news, size_t count) {
	for (size_t i = count / 2; i-- > 0;)
		sift(news, i, count);
	for (size_t end = count; end-- > 1;) {
		struct feedback_packet last = news[end];
		news[end] = news[0];
		news[0] = last;
		sift(news, 0, end);
	}
}

void feedback_order(struct feedback *f, const struct sent *s, struct feedback_packet *news, size_t count) {
	f->gap = false;
	if (count == 0)
		return;
	if (!is_ordered(news, count))
		sort(news, count);
	f->gap = f->heard > 0 && serial_unwrap(news[0].number, s->next) > f->heard;
	f->heard = max64(f->heard, serial_unwrap(news[count - 1].number, s->next) + 1);
}
