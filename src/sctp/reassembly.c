#include "sctp/reassembly.h"

#include <string.h>

#include "base/serial.h"

#define FIRST_CAPACITY 64u

void reassembly_init(struct reassembly *r, sluice_env *env, struct window *w, struct event_queue *events,
                     uint32_t max_message_size) {
	*r = (struct reassembly){
		.env = env,
		.window = w,
		.events = events,
		.streams = {.env = env},
		.low = 1,
		.high = 0,
		.max_message_size = max_message_size,
	};
}

/* ---- streams ---- */

static struct rx_stream *stream_get(struct reassembly *r, uint16_t id) {
	struct rx_stream *s = idmap_get(&r->streams, id);
	if (s)
		return s;
	s = env_zalloc(r->env, sizeof *s);
	if (!s)
		return NULL;
	s->id = id;
	s->next_ssn = SERIAL_ORIGIN;
	if (!idmap_set(&r->streams, id, s)) {
		env_free(r->env, s);
		return NULL;
	}
	return s;
}

static void deliver(struct reassembly *r, struct rx_message *m) {
	r->messages++;
	r->payload += m->public.len;
	event_push(r->events, &m->event);
}

/* What waits is a pairing heap: adding is O(1) and taking the least O(log n) amortised, whatever the order of arrival. The peer
 * chooses the SSNs, and in a sorted list it could make each message walk past all the others. */
static struct rx_message *meld(struct rx_message *x, struct rx_message *y) {
	if (!x || !y)
		return x ? x : y;
	struct rx_message *least = y->ssn < x->ssn ? y : x, *other = least == x ? y : x;
	other->next_pending = least->below;
	least->below = other;
	return least;
}

static struct rx_message *pending_take(struct rx_stream *s) {
	struct rx_message *least = s->pending, *pairs = NULL, *next;
	for (struct rx_message *m = least->below; m; m = next) {
		struct rx_message *second = m->next_pending;
		next = second ? second->next_pending : NULL;
		m = meld(m, second);
		m->next_pending = pairs;
		pairs = m;
	}
	s->pending = NULL;
	for (; pairs; pairs = next) {
		next = pairs->next_pending;
		s->pending = meld(s->pending, pairs);
	}
	return least;
}

/* Messages up to this SSN leave the stream, in order. */
static void stream_flush(struct reassembly *r, struct rx_stream *s, uint64_t ssn) {
	while (s->pending && s->pending->ssn <= ssn) {
		struct rx_message *m = pending_take(s);
		if (m->ssn < s->next_ssn) {
			/* Two messages with one SSN: the peer's mistake. One of them stands. */
			sluice_message_release(&m->public);
			continue;
		}
		s->next_ssn = m->ssn + 1;
		deliver(r, m);
		if (ssn < s->next_ssn)
			ssn = s->next_ssn;
	}
}

static void stream_drop_pending(struct rx_stream *s) {
	while (s->pending)
		sluice_message_release(&pending_take(s)->public);
}

/* An ordered message is delivered when all before it were; the stream must exist. */
static void deliver_ordered(struct reassembly *r, struct rx_stream *s, struct rx_message *m, uint16_t ssn) {
	m->ssn = serial_unwrap16(ssn, s->next_ssn);
	if (m->ssn < s->next_ssn) {
		sluice_message_release(&m->public);
		return;
	}
	if (m->ssn == s->next_ssn) {
		s->next_ssn++;
		deliver(r, m);
		if (s->pending)
			stream_flush(r, s, s->next_ssn);
		return;
	}
	s->pending = meld(s->pending, m);
}

/* ---- one chunk, one message: the fast path ---- */

/* Keeps the slab when that is worth it, else copies. */
static bool must_copy(const sluice_slab *slab, size_t len) {
	return !slab || slab->copy_only || len < COPY_BELOW;
}

static int add_whole(struct reassembly *r, const struct wire_data *d, sluice_slab *slab) {
	bool unordered = (d->flags & WIRE_DATA_U) != 0;
	struct rx_stream *s = NULL;
	if (!unordered && !(s = stream_get(r, d->stream)))
		return SLUICE_NO_MEMORY;
	bool copy = must_copy(slab, d->len);
	uint8_t *bytes;
	struct rx_message *m = rx_message_new(r->window, 1, copy ? d->len : 0, &bytes);
	if (!m)
		return SLUICE_NO_MEMORY;
	if (copy) {
		memcpy(bytes, d->payload, d->len);
		m->backing[0] = (struct backing){0};
		m->iov[0] = (struct iovec){bytes, d->len};
	} else {
		slab_ref(slab);
		m->backing[0] = (struct backing){.slab = slab};
		m->iov[0] = (struct iovec){(void *)d->payload, d->len};
	}
	m->public.stream = d->stream;
	m->public.unordered = unordered;
	m->public.ppid = d->ppid;
	m->public.len = d->len;
	rx_message_charge(m, d->len + HELD_OVERHEAD);
	if (unordered)
		deliver(r, m);
	else
		deliver_ordered(r, s, m, d->ssn);
	return 0;
}

/* ---- fragments ---- */

static inline struct fragment *slot(const struct reassembly *r, uint64_t tsn) {
	return &r->ring[tsn & (r->capacity - 1)];
}

static struct fragment *present(const struct reassembly *r, uint64_t tsn) {
	if (tsn < r->low || tsn > r->high)
		return NULL;
	struct fragment *f = slot(r, tsn);
	return f->present ? f : NULL;
}

static void run_set(struct reassembly *r, uint64_t start, uint64_t end, uint32_t bytes) {
	slot(r, start)->other = end;
	slot(r, end)->other = start;
	slot(r, start)->run_bytes = slot(r, end)->run_bytes = bytes;
}

/* For the rare cases in which a run was cut: adds it up again. */
static void run_recount(struct reassembly *r, uint64_t start, uint64_t end) {
	uint32_t bytes = 0;
	for (uint64_t t = start; t <= end; t++)
		bytes += slot(r, t)->len;
	run_set(r, start, end, bytes);
}

static int ring_reserve(struct reassembly *r, uint64_t low, uint64_t high) {
	if (high - low < r->capacity)
		return 0;
	uint32_t capacity = r->capacity ? r->capacity : FIRST_CAPACITY;
	while (capacity <= high - low) {
		if (capacity >= FRAGMENTS_MAX)
			return SLUICE_LIMIT;
		capacity *= 2;
	}
	struct reassembly bigger = *r;
	bigger.capacity = capacity;
	bigger.ring = env_zalloc(r->env, capacity * sizeof *bigger.ring);
	if (!bigger.ring)
		return SLUICE_NO_MEMORY;
	for (uint64_t t = r->low; r->fragments && t <= r->high; t++)
		*slot(&bigger, t) = *slot(r, t);
	env_free(r->env, r->ring);
	*r = bigger;
	return 0;
}

static bool fragment_fill(struct reassembly *r, struct fragment *f, const struct wire_data *d, sluice_slab *slab) {
	*f = (struct fragment){
		.data = d->payload,
		.ppid = d->ppid,
		.stream = d->stream,
		.ssn = d->ssn,
		.len = d->len,
		.flags = d->flags,
	};
	if (must_copy(slab, d->len)) {
		f->backing.block = env_alloc(r->env, d->len);
		if (!f->backing.block)
			return false;
		memcpy(f->backing.block, d->payload, d->len);
		f->data = f->backing.block;
	} else {
		slab_ref(slab);
		f->backing.slab = slab;
	}
	f->present = true;
	return true;
}

/* RFC 9260, 6.9: the fragments of a message have consecutive TSNs, the same stream, SSN and U bit. */
static bool joins(const struct fragment *left, const struct fragment *right) {
	return !(left->flags & WIRE_DATA_E) && !(right->flags & WIRE_DATA_B) && left->stream == right->stream &&
	       ((left->flags ^ right->flags) & WIRE_DATA_U) == 0 && ((left->flags & WIRE_DATA_U) || left->ssn == right->ssn);
}

static void fragment_remove(struct reassembly *r, struct fragment *f) {
	f->present = false;
	r->fragments--;
}

static void fragment_drop(struct reassembly *r, struct fragment *f) {
	backing_release(r->env, f->backing);
	r->window->held -= f->len + HELD_OVERHEAD;
	fragment_remove(r, f);
}

/* Both ends move inwards to the next fragment, so that the ring need not grow for what is gone. */
static void ring_shrink(struct reassembly *r) {
	if (r->fragments == 0) {
		r->low = 1;
		r->high = 0;
		return;
	}
	while (!slot(r, r->low)->present)
		r->low++;
	while (!slot(r, r->high)->present)
		r->high--;
}

/* The run start..end is a whole message. The slices go over to it with their references. */
static int assemble(struct reassembly *r, uint64_t start, uint64_t end) {
	struct fragment *first = slot(r, start);
	bool unordered = (first->flags & WIRE_DATA_U) != 0;
	struct rx_stream *s = NULL;
	if (!unordered && !(s = stream_get(r, first->stream)))
		return SLUICE_NO_MEMORY;
	struct rx_message *m = rx_message_new(r->window, end - start + 1, 0, NULL);
	if (!m)
		return SLUICE_NO_MEMORY;
	m->public.stream = first->stream;
	m->public.unordered = unordered;
	m->public.ppid = first->ppid;
	uint16_t ssn = first->ssn;
	for (uint64_t t = start; t <= end; t++) {
		struct fragment *f = slot(r, t);
		m->iov[t - start] = (struct iovec){(void *)f->data, f->len};
		m->backing[t - start] = f->backing;
		m->public.len += f->len;
		m->charge += f->len + HELD_OVERHEAD; /* already in held */
		fragment_remove(r, f);
	}
	ring_shrink(r);
	if (unordered)
		deliver(r, m);
	else
		deliver_ordered(r, s, m, ssn);
	return 0;
}

/* Takes back a fragment whose message could not be made for want of memory: it was not acknowledged yet and comes again. */
static void fragment_undo(struct reassembly *r, uint64_t tsn, uint64_t start, uint64_t end) {
	fragment_drop(r, slot(r, tsn));
	if (start < tsn)
		run_recount(r, start, tsn - 1);
	if (end > tsn)
		run_recount(r, tsn + 1, end);
	ring_shrink(r);
}

static int add_fragment(struct reassembly *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	bool empty = r->fragments == 0;
	uint64_t low = empty || tsn < r->low ? tsn : r->low, high = empty || tsn > r->high ? tsn : r->high;
	int error = ring_reserve(r, low, high);
	if (error)
		return error;
	struct fragment *f = slot(r, tsn);
	if (!fragment_fill(r, f, d, slab))
		return SLUICE_NO_MEMORY;
	r->low = low;
	r->high = high;
	r->fragments++;
	r->window->held += d->len + HELD_OVERHEAD;

	uint64_t start = tsn, end = tsn;
	uint32_t bytes = d->len;
	struct fragment *left = present(r, tsn - 1), *right = present(r, tsn + 1);
	if (left && joins(left, f)) {
		start = left->other;
		bytes += left->run_bytes;
	}
	if (right && joins(f, right)) {
		end = right->other;
		bytes += right->run_bytes;
	}
	run_set(r, start, end, bytes);
	if (bytes > r->max_message_size)
		return SLUICE_TOO_LARGE;
	if (!(slot(r, start)->flags & WIRE_DATA_B) || !(slot(r, end)->flags & WIRE_DATA_E))
		return 0;
	error = assemble(r, start, end);
	if (error)
		fragment_undo(r, tsn, start, end);
	return error;
}

int reassembly_add(struct reassembly *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	const uint8_t whole = WIRE_DATA_B | WIRE_DATA_E;
	if (d->len > r->max_message_size)
		return SLUICE_TOO_LARGE;
	return (d->flags & whole) == whole ? add_whole(r, d, slab) : add_fragment(r, d, tsn, slab);
}

/* ---- giving up, resetting ---- */

void reassembly_forward_tsn(struct reassembly *r, uint64_t tsn) {
	if (r->fragments == 0 || tsn < r->low)
		return;
	uint64_t last = tsn < r->high ? tsn : r->high, end = 0; /* of the run that t is in */
	uint32_t rest = 0;                                      /* bytes of it from t on */
	for (uint64_t t = r->low; t <= last; t++) {
		struct fragment *f = slot(r, t);
		if (!f->present)
			continue;
		if (t > end) {
			end = f->other;
			rest = f->run_bytes;
		}
		rest -= f->len;
		fragment_drop(r, f);
	}
	/* A run that reached beyond has lost its beginning; what is left of it is a run with an end of its own. */
	if (end > tsn)
		run_set(r, tsn + 1, end, rest);
	ring_shrink(r);
}

int reassembly_skip(struct reassembly *r, uint16_t stream, uint16_t ssn) {
	struct rx_stream *s = stream_get(r, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	uint64_t skipped = serial_unwrap16(ssn, s->next_ssn);
	/* Complete messages at or below the skipped number are delivered, in order; only what is missing is not waited for. */
	stream_flush(r, s, skipped);
	if (s->next_ssn <= skipped)
		s->next_ssn = skipped + 1;
	stream_flush(r, s, s->next_ssn);
	return 0;
}

int reassembly_reset_stream(struct reassembly *r, uint16_t stream) {
	struct rx_stream *s = stream_get(r, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	stream_drop_pending(s);
	s->next_ssn = SERIAL_ORIGIN;
	s->reset.type = SLUICE_SCTP_RESET_IN;
	s->reset.stream = stream;
	event_push(r->events, &s->reset);
	return 0;
}

static void drop_fragments(struct reassembly *r) {
	for (uint64_t t = r->low; r->fragments && t <= r->high; t++)
		if (slot(r, t)->present)
			fragment_drop(r, slot(r, t));
	r->low = 1;
	r->high = 0;
}

void reassembly_restart(struct reassembly *r) {
	drop_fragments(r);
	uint32_t id = 0;
	for (struct rx_stream *s; (s = idmap_next(&r->streams, &id)); id++) {
		stream_drop_pending(s);
		s->next_ssn = SERIAL_ORIGIN;
	}
}

void reassembly_free(struct reassembly *r) {
	drop_fragments(r);
	uint32_t id = 0;
	for (struct rx_stream *s; (s = idmap_next(&r->streams, &id)); id++) {
		stream_drop_pending(s);
		env_free(r->env, s);
	}
	idmap_free(&r->streams);
	env_free(r->env, r->ring);
	r->ring = NULL;
	r->capacity = 0;
}

bool reassembly_check(const struct reassembly *r) {
	uint64_t count = 0, bytes = 0, run = 0;
	for (uint64_t t = r->low; r->capacity && t <= r->high; t++) {
		const struct fragment *f = slot(r, t);
		if (!f->present)
			continue;
		count++;
		bytes += f->len + HELD_OVERHEAD;
		const struct fragment *left = present(r, t - 1), *right = present(r, t + 1);
		bool first = !left || !joins(left, f), last = !right || !joins(f, right);
		run = (first ? 0 : run) + f->len;
		if (last && f->run_bytes != run)
			return false;
		if (first && (f->other < t || slot(r, f->other)->other != t))
			return false;
		if (last && !first && (f->other > t || slot(r, f->other)->other != t))
			return false;
	}
	return count == r->fragments && bytes <= r->window->held;
}
