#include "sctp/rx/reassembly.h"

#include <string.h>

#include "base/serial.h"

#define FIRST_CAPACITY 64u
#define CAPACITY_KEPT 4096u /* of an empty ring */

void reassembly_init(struct reassembly *r, sluice_env *env, struct window *w, struct event_queue *events,
                     uint32_t max_message_size, uint32_t partial) {
	*r = (struct reassembly){
		.env = env,
		.window = w,
		.low = 1,
		.high = 0,
		.max_message_size = max_message_size,
	};
	delivery_init(&r->to, env, events);
	r->to.partial = partial;
	interleaved_init(&r->interleaved, env, w, &r->to, max_message_size);
}

/* ---- one chunk, one message: the fast path ---- */

/* The message that the chunk is; NULL when there is no memory. */
__attribute__((always_inline)) static inline struct rx_message *whole(struct reassembly *r, const struct wire_data *d,
                                                                      sluice_slab *slab) {
	bool copy = backing_copies(slab, d->len);
	struct rx_message *m = env_alloc(r->env, sizeof *m + SLICE_COST + (copy ? d->len : 0));
	if (!m)
		return NULL;
	rx_message_init(m, r->window, 1);
	m->public.stream = d->stream;
	m->public.unordered = (d->flags & WIRE_DATA_U) != 0;
	m->public.ppid = d->ppid;
	m->public.len = d->len;
	r->window->payload += d->len;
	if (copy) {
		m->backing[0] = (struct backing){0};
		m->iov[0] = (struct iovec){memcpy(m->backing + 1, d->payload, d->len), d->len};
	} else {
		slab_ref(slab);
		m->backing[0] = (struct backing){.slab = slab};
		m->iov[0] = (struct iovec){(void *)d->payload, d->len};
		rx_message_charge(m, d->len);
	}
	return m;
}

static int add_whole(struct reassembly *r, const struct wire_data *d, sluice_slab *slab) {
	bool unordered = (d->flags & WIRE_DATA_U) != 0;
	struct rx_stream *s = NULL;
	if (!unordered && !(s = delivery_stream(&r->to, d->stream)))
		return SLUICE_NO_MEMORY;
	struct rx_message *m = whole(r, d, slab);
	if (!m)
		return SLUICE_NO_MEMORY;
	if (unordered) {
		delivery_unordered(&r->to, m);
	} else {
		delivery_charge_stream(s, m);
		delivery_ordered(&r->to, s, m, serial_unwrap16(d->ssn, s->next));
	}
	return 0;
}

__attribute__((noinline)) static int add_whole_interleaved(struct reassembly *r, const struct wire_data *d, sluice_slab *slab) {
	bool unordered = (d->flags & WIRE_DATA_U) != 0;
	struct rx_stream *s = unordered ? idmap_get(&r->to.streams, d->stream) : delivery_stream(&r->to, d->stream);
	if (!unordered && !s)
		return SLUICE_NO_MEMORY;
	struct rx_message *m = whole(r, d, slab);
	if (!m)
		return SLUICE_NO_MEMORY;
	if (unordered) {
		if (s) /* what its unordered MIDs are near to moves on */
			s->unordered_mid = serial_unwrap(d->mid, s->unordered_mid);
		delivery_unordered(&r->to, m);
	} else {
		delivery_charge_stream(s, m);
		delivery_ordered(&r->to, s, m, serial_unwrap(d->mid, s->next));
		if (s->under_way[0])
			interleaved_turn(&r->interleaved, s);
	}
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

/* ---- which slots are in use: the peer chooses the TSNs, so gaps are jumped over 64 words of 64 slots at a time ---- */

static void mark(struct reassembly *r, uint64_t tsn) {
	uint32_t i = (uint32_t)tsn & (r->capacity - 1);
	r->bits[i / 64] |= UINT64_C(1) << (i % 64);
	r->groups[i / 4096] |= UINT64_C(1) << (i / 64 % 64);
}

static void unmark(struct reassembly *r, const struct fragment *f) {
	uint32_t i = (uint32_t)(f - r->ring);
	r->bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
	if (r->bits[i / 64] == 0)
		r->groups[i / 4096] &= ~(UINT64_C(1) << (i / 64 % 64));
}

/* The nearest TSN at or above, at or below this one that is in the ring; there must be one. */
static uint64_t nearest_above(const struct reassembly *r, uint64_t tsn) {
	uint32_t words = r->capacity / 64, word = (uint32_t)tsn / 64 & (words - 1), at = word;
	uint64_t bits = r->bits[word] >> (tsn % 64), group;
	if (bits)
		return tsn + (uint64_t)__builtin_ctzll(bits);
	for (;; at |= 63) {
		at = (at + 1) & (words - 1);
		if ((group = r->groups[at / 64] >> (at % 64)))
			break;
	}
	at += (uint32_t)__builtin_ctzll(group);
	uint32_t distance = ((at - word - 1) & (words - 1)) + 1;
	return tsn - tsn % 64 + UINT64_C(64) * distance + (uint64_t)__builtin_ctzll(r->bits[at]);
}

static uint64_t nearest_below(const struct reassembly *r, uint64_t tsn) {
	uint32_t words = r->capacity / 64, word = (uint32_t)tsn / 64 & (words - 1), at = word;
	uint64_t bits = r->bits[word] << (63 - tsn % 64), group;
	if (bits)
		return tsn - (uint64_t)__builtin_clzll(bits);
	for (;; at &= ~63u) {
		at = (at - 1) & (words - 1);
		if ((group = r->groups[at / 64] << (63 - at % 64)))
			break;
	}
	at -= (uint32_t)__builtin_clzll(group);
	uint32_t distance = ((word - at - 1) & (words - 1)) + 1;
	return tsn - tsn % 64 - UINT64_C(64) * distance + 63 - (uint64_t)__builtin_clzll(r->bits[at]);
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

/* The smallest ring is on the house: it is there or not, whatever the peer does. */
static void ring_account(struct reassembly *r) {
	uint32_t cost = r->fragments && r->capacity > FIRST_CAPACITY ? (uint32_t)env_cost(r->ring) : 0;
	window_charge(r->window, cost);
	window_discharge(r->window, r->ring_charged);
	r->ring_charged = cost;
}

static int ring_reserve(struct reassembly *r, uint64_t low, uint64_t high) {
	if (r->lowest && r->lowest < low)
		low = r->lowest;
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
	bigger.since_grown = 0;
	uint32_t words = capacity / 64, groups = (words + 63) / 64;
	size_t size = capacity * sizeof *bigger.ring + (words + groups) * sizeof *bigger.bits;
	if (capacity > FIRST_CAPACITY && !window_allows(r->window, size))
		return SLUICE_NO_SPACE;
	bigger.ring = env_zalloc(r->env, size);
	if (!bigger.ring)
		return SLUICE_NO_MEMORY;
	bigger.bits = (uint64_t *)(bigger.ring + capacity);
	bigger.groups = bigger.bits + words;
	for (uint64_t t = r->low, n = r->fragments; n > 0; n--) {
		t = nearest_above(r, t);
		*slot(&bigger, t) = *slot(r, t);
		mark(&bigger, t++);
	}
	env_free_at_once(r->env, r->ring);
	*r = bigger;
	ring_account(r);
	return 0;
}

static void ring_give_back(struct reassembly *r) {
	env_free(r->env, r->ring);
	r->ring = NULL;
	r->capacity = 0;
}

static uint32_t fragment_charge(const struct fragment *f) {
	return backing_cost(f->backing, f->len) + (uint32_t)SLICE_COST;
}

/* RFC 9260, 6.9: the fragments of a message have consecutive TSNs, the same stream, SSN and U bit. */
static bool joins(const struct fragment *left, const struct fragment *right) {
	return !(left->flags & WIRE_DATA_E) && !(right->flags & WIRE_DATA_B) && left->stream == right->stream &&
	       ((left->flags ^ right->flags) & WIRE_DATA_U) == 0 && ((left->flags & WIRE_DATA_U) || left->ssn == right->ssn);
}

/* Neighbours by TSN: of one message, or the end of one and the beginning of the next. */
static bool fit(const struct fragment *left, const struct fragment *right) {
	return joins(left, right) || ((left->flags & WIRE_DATA_E) && (right->flags & WIRE_DATA_B));
}

static void fragment_remove(struct reassembly *r, struct fragment *f) {
	f->present = false;
	unmark(r, f);
	r->fragments--;
}

static void fragment_drop(struct reassembly *r, struct fragment *f) {
	window_discharge(r->window, fragment_charge(f));
	r->window->payload -= f->len;
	backing_release(r->env, f->backing);
	fragment_remove(r, f);
}

/* Both ends move inwards to the next fragment, so that the ring need not grow for what is gone. */
static void ring_shrink(struct reassembly *r) {
	if (r->fragments == 0) {
		r->low = 1;
		r->high = 0;
		if (r->capacity > CAPACITY_KEPT && r->since_grown > r->capacity)
			ring_give_back(r);
		ring_account(r);
		return;
	}
	r->low = nearest_above(r, r->low);
	r->high = nearest_below(r, r->high);
}

/* The run start..end leaves the ring as a message. The slices go over to it with their references. */
static struct rx_message *gather(struct reassembly *r, uint64_t start, uint64_t end) {
	struct fragment *first = slot(r, start);
	struct rx_message *m = rx_message_new(r->window, end - start + 1, 0, NULL);
	if (!m)
		return NULL;
	m->public.stream = first->stream;
	m->public.unordered = (first->flags & WIRE_DATA_U) != 0;
	m->public.ppid = first->ppid;
	for (uint64_t t = start; t <= end; t++) {
		struct fragment *f = slot(r, t);
		m->iov[t - start] = (struct iovec){(void *)f->data, f->len};
		m->backing[t - start] = f->backing;
		m->public.len += f->len;
		m->charge += backing_cost(f->backing, f->len); /* already in held */
		fragment_remove(r, f);
	}
	window_discharge(r->window, (end - start + 1) * SLICE_COST);
	ring_shrink(r);
	return m;
}

/* The run start..end is a whole message. */
static int assemble(struct reassembly *r, uint64_t start, uint64_t end) {
	struct fragment *first = slot(r, start);
	bool unordered = (first->flags & WIRE_DATA_U) != 0;
	uint16_t ssn = first->ssn;
	struct rx_stream *s = NULL;
	if (!unordered && !(s = delivery_stream(&r->to, first->stream)))
		return SLUICE_NO_MEMORY;
	struct rx_message *m = gather(r, start, end);
	if (!m)
		return SLUICE_NO_MEMORY;
	if (unordered) {
		delivery_unordered(&r->to, m);
	} else {
		delivery_charge_stream(s, m);
		delivery_ordered(&r->to, s, m, serial_unwrap16(ssn, s->next));
	}
	return 0;
}

/* ---- parts ---- */

static struct rx_stream *stream_of(const struct reassembly *r, const struct fragment *f) {
	return idmap_get(&r->to.streams, f->stream);
}

static bool wants_parts(const struct reassembly *r, uint16_t stream) {
	const struct rx_stream *s = idmap_get(&r->to.streams, stream);
	return s ? s->partial > 0 : r->to.partial > 0;
}

/* The message that the run at `start` is the beginning of may be delivered in parts: it has a beginning, its stream wants it,
 * no other message is in the middle of it, and it is its turn. */
static bool may_begin(struct reassembly *r, uint64_t start) {
	const struct fragment *f = slot(r, start);
	if (r->parts.end || !(f->flags & WIRE_DATA_B) || !wants_parts(r, f->stream))
		return false;
	struct rx_stream *s = delivery_stream(&r->to, f->stream);
	return s && ((f->flags & WIRE_DATA_U) || serial_unwrap16(f->ssn, s->next) == s->next);
}

/* The run that starts at parts.next goes to the app. */
static int deliver_parts(struct reassembly *r, uint64_t end) {
	bool last = (slot(r, end)->flags & WIRE_DATA_E) != 0;
	struct rx_message *m = gather(r, r->parts.next, end);
	if (!m)
		return SLUICE_NO_MEMORY;
	m->public.ppid = r->parts.ppid;
	m->public.first = r->parts.offset == 0;
	m->public.last = last;
	m->public.offset = r->parts.offset;
	r->parts.offset += m->public.len;
	r->parts.next = end + 1;
	delivery_reserve_end(r->parts.end, &m->public);
	delivery_part(&r->to, m);
	if (!last)
		return 0;
	delivery_cut_off(&r->to, r->parts.end, 0);
	r->parts.end = NULL;
	if (!r->parts.unordered)
		delivery_done(&r->to, r->parts.stream, r->parts.number);
	return 0;
}

/* error 0: nobody listens any more. */
static void cut_off(struct reassembly *r, int error) {
	if (r->parts.end)
		delivery_cut_off(&r->to, r->parts.end, error);
	r->parts.end = NULL;
}

/* Without memory, also for what may have to be told later, it waits. */
static void begin_parts(struct reassembly *r, uint64_t start, uint64_t end) {
	const struct fragment *f = slot(r, start);
	r->parts.end = rx_message_new(r->window, 0, 0, NULL);
	if (!r->parts.end)
		return;
	r->parts.stream = stream_of(r, f);
	r->parts.number = serial_unwrap16(f->ssn, r->parts.stream->next);
	r->parts.next = start;
	r->parts.offset = 0;
	r->parts.ppid = f->ppid;
	r->parts.unordered = (f->flags & WIRE_DATA_U) != 0;
	if (deliver_parts(r, end))
		cut_off(r, 0);
}

/* RFC 9260, 6.9: the fragments of a message have consecutive TSNs. */
static bool goes_on(const struct reassembly *r, const struct fragment *f) {
	bool unordered = (f->flags & WIRE_DATA_U) != 0;
	return !(f->flags & WIRE_DATA_B) && f->stream == r->parts.stream->id && unordered == r->parts.unordered &&
	       (unordered || f->ssn == (uint16_t)r->parts.number);
}

/* A run grew or appeared: is it a message, or a part that is due? */
static int run_offer(struct reassembly *r, uint64_t start, uint64_t end) {
	const struct fragment *first = slot(r, start);
	bool ends = (slot(r, end)->flags & WIRE_DATA_E) != 0;
	if (r->parts.end && start == r->parts.next) {
		if (!goes_on(r, first))
			return SLUICE_PROTOCOL;
		return ends || first->run_bytes >= r->parts.stream->partial ? deliver_parts(r, end) : 0;
	}
	if (!(first->flags & WIRE_DATA_B))
		return 0;
	if (ends)
		return assemble(r, start, end);
	if (may_begin(r, start) && first->run_bytes >= stream_of(r, first)->partial)
		begin_parts(r, start, end);
	return 0;
}

void reassembly_relieve(struct reassembly *r) {
	interleaved_relieve(&r->interleaved);
	if (r->fragments == 0)
		return;
	struct fragment *f = present(r, r->parts.end ? r->parts.next : r->low);
	if (f && r->parts.end && !(f->flags & WIRE_DATA_B))
		deliver_parts(r, f->other);
	else if (f && may_begin(r, r->low))
		begin_parts(r, r->low, f->other);
}

int reassembly_set_partial(struct reassembly *r, uint16_t stream, uint32_t bytes) {
	struct rx_stream *s = delivery_stream(&r->to, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	s->partial = bytes;
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

/* Goes into the ring, beside its neighbours, which it fits: the run that it is part of now. */
static int fragment_place(struct reassembly *r, struct fragment *f, uint64_t tsn, struct fragment *left, struct fragment *right) {
	uint64_t start = left && joins(left, f) ? left->other : tsn, end = right && joins(f, right) ? right->other : tsn;
	uint32_t bytes = f->len + (start < tsn ? left->run_bytes : 0) + (end > tsn ? right->run_bytes : 0);
	bool empty = r->fragments == 0;
	f->present = true;
	r->low = empty || tsn < r->low ? tsn : r->low;
	r->high = empty || tsn > r->high ? tsn : r->high;
	mark(r, tsn);
	r->fragments++;
	r->since_grown += r->since_grown < UINT32_MAX;
	if (empty)
		ring_account(r);
	window_charge(r->window, fragment_charge(f));
	r->window->payload += f->len;
	run_set(r, start, end, bytes);
	int error = bytes > r->max_message_size && !wants_parts(r, f->stream) ? SLUICE_TOO_LARGE : run_offer(r, start, end);
	if (error)
		fragment_undo(r, tsn, start, end);
	return error;
}

static int add_fragment(struct reassembly *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	bool empty = r->fragments == 0;
	int error = ring_reserve(r, empty || tsn < r->low ? tsn : r->low, empty || tsn > r->high ? tsn : r->high);
	if (error)
		return error;
	struct fragment *f = slot(r, tsn), *left = present(r, tsn - 1), *right = present(r, tsn + 1);
	*f = (struct fragment){
		.ppid = d->ppid,
		.stream = d->stream,
		.ssn = d->ssn,
		.len = d->len,
		.flags = d->flags,
	};
	if ((left && !fit(left, f)) || (right && !fit(f, right)))
		return SLUICE_PROTOCOL;
	f->data = message_backing_hold(r->env, &f->backing, slab, d->payload, d->len);
	return f->data ? fragment_place(r, f, tsn, left, right) : SLUICE_NO_MEMORY;
}

/* A whole message stands beside fragments of others: the one before it must have its end, the one behind it its beginning. */
static bool whole_fits(const struct reassembly *r, uint64_t tsn) {
	const struct fragment *left = present(r, tsn - 1), *right = present(r, tsn + 1);
	return (!left || (left->flags & WIRE_DATA_E)) && (!right || (right->flags & WIRE_DATA_B)) &&
	       !(r->parts.end && tsn == r->parts.next);
}

int reassembly_add(struct reassembly *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	const uint8_t whole = WIRE_DATA_B | WIRE_DATA_E;
	if (d->len > r->max_message_size)
		return SLUICE_TOO_LARGE;
	if ((d->flags & whole) != whole)
		return add_fragment(r, d, tsn, slab);
	if (__builtin_expect(r->fragments || r->parts.end, 0) && !whole_fits(r, tsn))
		return SLUICE_PROTOCOL;
	return add_whole(r, d, slab);
}

int reassembly_add_interleaved(struct reassembly *r, const struct wire_data *d, sluice_slab *slab) {
	const uint8_t whole = WIRE_DATA_B | WIRE_DATA_E;
	if (d->len > r->max_message_size)
		return SLUICE_TOO_LARGE;
	return (d->flags & whole) == whole ? add_whole_interleaved(r, d, slab) : interleaved_add(&r->interleaved, d, slab);
}

/* ---- giving up, resetting ---- */

void reassembly_forward_tsn(struct reassembly *r, uint64_t tsn) {
	if (r->parts.end && tsn >= r->parts.next)
		cut_off(r, SLUICE_ABANDONED);
	if (r->fragments == 0 || tsn < r->low)
		return;
	uint64_t last = tsn < r->high ? tsn : r->high, end = 0; /* of the run that t is in */
	uint32_t rest = 0;                                      /* bytes of it from t on */
	for (uint64_t t = r->low; r->fragments && (t = nearest_above(r, t)) <= last; t++) {
		struct fragment *f = slot(r, t);
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
	struct rx_stream *s = delivery_stream(&r->to, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	uint64_t skipped = serial_unwrap16(ssn, s->next);
	if (r->parts.end && r->parts.stream == s && !r->parts.unordered && r->parts.number <= skipped)
		cut_off(r, SLUICE_ABANDONED);
	delivery_skip(&r->to, s, skipped);
	return 0;
}

int reassembly_skip_interleaved(struct reassembly *r, uint16_t stream, bool unordered, uint32_t mid) {
	struct rx_stream *s = delivery_stream(&r->to, stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	uint64_t skipped = serial_unwrap(mid, unordered ? s->unordered_mid : s->next);
	interleaved_skip(&r->interleaved, s, unordered, skipped);
	if (unordered)
		return 0;
	delivery_skip(&r->to, s, skipped);
	interleaved_turn(&r->interleaved, s);
	return 0;
}

int reassembly_reset_stream(struct reassembly *r, uint16_t stream) {
	struct rx_stream *s = idmap_get(&r->to.streams, stream);
	if (!s)
		return delivery_reset_unused(&r->to, stream);
	if (r->parts.end && r->parts.stream == s)
		cut_off(r, SLUICE_CLOSED);
	interleaved_drop_stream(&r->interleaved, s, SLUICE_CLOSED);
	delivery_reset(&r->to, s);
	return 0;
}

void reassembly_reset_all(struct reassembly *r) {
	uint32_t id = 0;
	while (idmap_next(&r->to.streams, &id))
		reassembly_reset_stream(r, (uint16_t)id++); /* cannot fail: there is such a stream */
}

static void drop_fragments(struct reassembly *r) {
	for (uint64_t t = r->low; r->fragments; t++)
		fragment_drop(r, slot(r, t = nearest_above(r, t)));
	r->low = 1;
	r->high = 0;
	ring_account(r);
}

void reassembly_renumber(struct reassembly *r) {
	cut_off(r, SLUICE_ABANDONED);
	drop_fragments(r);
	interleaved_drop(&r->interleaved, SLUICE_ABANDONED);
	delivery_renumber(&r->to);
}

void reassembly_restart(struct reassembly *r, int error) {
	cut_off(r, error);
	drop_fragments(r);
	interleaved_drop(&r->interleaved, error);
	delivery_free(&r->to);
}

void reassembly_free(struct reassembly *r) {
	cut_off(r, 0);
	drop_fragments(r);
	interleaved_free(&r->interleaved);
	delivery_free(&r->to);
	ring_give_back(r);
}

void reassembly_rest(struct reassembly *r) {
	if (r->fragments == 0)
		ring_give_back(r);
	interleaved_rest(&r->interleaved);
}

void reassembly_count(const struct reassembly *r, uint64_t *charge, uint64_t *payload) {
	*charge += r->ring_charged + (r->parts.end ? r->parts.end->charge : 0);
	for (uint64_t t = r->low; r->capacity && t <= r->high; t++) {
		const struct fragment *f = slot(r, t);
		*charge += f->present ? fragment_charge(f) : 0;
		*payload += f->present ? f->len : 0;
	}
	interleaved_count(&r->interleaved, charge, payload);
	delivery_count(&r->to, charge, payload);
}

/* The run that the fragment at t is part of; `run`: its bytes up to and without t. */
static bool run_check(const struct reassembly *r, uint64_t t, uint64_t *run) {
	const struct fragment *f = slot(r, t), *left = present(r, t - 1), *right = present(r, t + 1);
	bool first = !left || !joins(left, f), last = !right || !joins(f, right);
	*run = (first ? 0 : *run) + f->len;
	if ((left && !fit(left, f)) || (last && f->run_bytes != *run))
		return false;
	if (first && (f->other < t || slot(r, f->other)->other != t))
		return false;
	return !last || first || (f->other <= t && slot(r, f->other)->other == t);
}

bool reassembly_check(const struct reassembly *r) {
	uint64_t count = 0, run = 0;
	for (uint64_t t = r->low; r->capacity && t <= r->high; t++) {
		const struct fragment *f = slot(r, t);
		uint32_t i = (uint32_t)(f - r->ring);
		if (f->present != ((r->bits[i / 64] >> (i % 64)) & 1) ||
		    (r->bits[i / 64] != 0) != ((r->groups[i / 4096] >> (i / 64 % 64)) & 1))
			return false;
		count += f->present;
		if (f->present && !run_check(r, t, &run))
			return false;
	}
	uint64_t charge = 0, payload = 0;
	reassembly_count(r, &charge, &payload);
	const struct window *w = r->window;
	return count == r->fragments && charge == w->held - w->with_app && payload <= w->payload &&
	       interleaved_check(&r->interleaved);
}

/* ---- hand-over ---- */

static void fragment_write(const struct fragment *f, uint64_t tsn, struct walk *w) {
	struct wire_data d = {
		.stream = f->stream, .ssn = f->ssn, .ppid = f->ppid, .flags = f->flags, .len = f->len, .payload = f->data};
	walk_more(w, true);
	WALK(w, tsn);
	interleaved_walk_fragment(&d, w);
}

static void fragments_write(const struct reassembly *r, struct walk *w) {
	uint64_t tsn = r->low;
	for (uint64_t n = r->fragments; n > 0; n--, tsn++) {
		tsn = nearest_above(r, tsn);
		fragment_write(slot(r, tsn), tsn, w);
	}
	walk_more(w, false);
}

static void fragments_read(struct reassembly *r, uint64_t cum, uint64_t highest, struct walk *w) {
	while (walk_more(w, false)) {
		uint64_t tsn = 0;
		struct wire_data d = {0};
		WALK(w, tsn);
		walk_refuse(w, tsn > highest || tsn + 2 * (uint64_t)FRAGMENTS_MAX < cum);
		if (interleaved_walk_fragment(&d, w))
			walk_result(w, reassembly_add(r, &d, tsn, NULL));
	}
}

/* The message that DATA is being delivered of in parts. */
static void parts_read(struct reassembly *r, uint16_t stream, struct walk *w) {
	struct rx_stream *s = delivery_stream(&r->to, stream);
	if (!walk_have(w, s))
		return;
	struct rx_message *end = rx_message_new(r->window, 0, 0, NULL);
	if (!walk_have(w, end))
		return;
	const sluice_message delivered = {
		.stream = stream, .unordered = r->parts.unordered, .ppid = r->parts.ppid, .offset = r->parts.offset};
	delivery_reserve_end(end, &delivered);
	r->parts.stream = s;
	r->parts.end = end;
}

static void parts_walk(struct reassembly *r, struct walk *w) {
	if (!walk_more(w, r->parts.end != NULL))
		return;
	uint16_t stream = r->parts.end ? r->parts.stream->id : 0;
	WALK(w, stream), WALK(w, r->parts.next), WALK(w, r->parts.offset), WALK(w, r->parts.ppid), WALK(w, r->parts.number);
	WALK(w, r->parts.unordered);
	if (w->reading && !w->failed)
		parts_read(r, stream, w);
}

void reassembly_walk(struct reassembly *r, uint64_t cum, uint64_t highest, struct walk *w) {
	delivery_walk(&r->to, r->window, w);
	parts_walk(r, w);
	if (w->reading)
		fragments_read(r, cum, highest, w);
	else
		fragments_write(r, w);
	interleaved_walk(&r->interleaved, w);
	WALK(w, r->to.messages), WALK(w, r->to.payload);
}
