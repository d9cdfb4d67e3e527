#include "sctp/rx/interleaved.h"

#include <string.h>

#include "base/serial.h"

#define FIRST_BUCKETS 16u
#define BUCKETS_KEPT 1024u /* of an empty table */
#define FIRST_SLICES 4u    /* most messages of which fragments are missing are small; ... */
#define NEXT_SLICES 16u    /* ... one that is not is of any size */
#define SLICES_MAX 65535u
#define TABLE_SHARE (4 * sizeof(struct partial *)) /* two buckets, and as much that the table outgrew */

/* A fragment ahead of its turn. Copied bytes stand behind it, and then it is itself the memory behind the slice. */
struct late {
	struct pairing_node by_fsn;
	struct backing backing;
	const uint8_t *data;
	uint16_t len;
	uint8_t flags; /* WIRE_DATA_* */
	uint8_t bytes[];
};

void interleaved_init(struct interleaved *r, sluice_env *env, struct window *w, struct delivery *to, uint32_t max_message_size) {
	*r = (struct interleaved){.env = env, .window = w, .to = to, .max_message_size = max_message_size};
}

/* ---- the table ---- */

static struct partial **bucket(const struct interleaved *r, uint16_t stream, bool unordered, uint32_t mid) {
	uint64_t key = (uint64_t)stream << 33 | (uint64_t)unordered << 32 | mid;
	uint64_t hash = (key * r->multiplier) >> 40;
	return &r->buckets[hash & (r->bucket_count - 1)];
}

static bool partial_is(const struct partial *p, uint16_t stream, bool unordered, uint32_t mid) {
	return p->mid == mid && p->stream->id == stream && p->unordered == unordered;
}

static struct partial *find(struct interleaved *r, const struct wire_data *d) {
	bool unordered = (d->flags & WIRE_DATA_U) != 0;
	if (r->last && partial_is(r->last, d->stream, unordered, d->mid))
		return r->last;
	if (r->count == 0)
		return NULL;
	struct partial *p = *bucket(r, d->stream, unordered, d->mid);
	while (p && !partial_is(p, d->stream, unordered, d->mid))
		p = p->next;
	if (p)
		r->last = p;
	return p;
}

static bool table_reserve(struct interleaved *r) {
	if (r->count < r->bucket_count)
		return true;
	struct interleaved bigger = *r;
	bigger.bucket_count = r->bucket_count ? 2 * r->bucket_count : FIRST_BUCKETS;
	bigger.buckets = env_zalloc(r->env, bigger.bucket_count * sizeof *bigger.buckets);
	if (!bigger.buckets)
		return false;
	if (!r->multiplier) {
		env_entropy(r->env, &bigger.multiplier, sizeof bigger.multiplier);
		bigger.multiplier |= 1;
	}
	for (uint32_t i = 0; i < r->bucket_count; i++) {
		for (struct partial *p = r->buckets[i], *next; p; p = next) {
			next = p->next;
			struct partial **b = bucket(&bigger, p->stream->id, p->unordered, p->mid);
			p->next = *b;
			*b = p;
		}
	}
	env_free(r->env, r->buckets);
	*r = bigger;
	return true;
}

static struct partial *partial_new(struct interleaved *r, struct rx_stream *s, bool unordered, uint64_t mid) {
	struct partial *p = table_reserve(r) ? env_alloc(r->env, sizeof *p) : NULL;
	if (!p)
		return NULL;
	*p = (struct partial){.stream = s, .next_fsn = SERIAL_ORIGIN, .mid = (uint32_t)mid, .unordered = unordered};
	p->charge = (uint32_t)(env_cost(p) + TABLE_SHARE);
	struct partial **b = bucket(r, s->id, unordered, p->mid);
	p->next = *b;
	*b = p;
	pairing_add(&s->under_way[unordered], &p->by_mid, mid);
	r->count++;
	r->last = p;
	window_charge(r->window, p->charge);
	return p;
}

static void ready_add(struct interleaved *r, struct partial *p) {
	if (p->ready)
		return;
	p->ready = true;
	p->prev_ready = NULL;
	p->next_ready = r->ready;
	if (r->ready)
		r->ready->prev_ready = p;
	r->ready = p;
}

static void ready_remove(struct interleaved *r, struct partial *p) {
	if (!p->ready)
		return;
	p->ready = false;
	if (p->prev_ready)
		p->prev_ready->next_ready = p->next_ready;
	else
		r->ready = p->next_ready;
	if (p->next_ready)
		p->next_ready->prev_ready = p->prev_ready;
}

void interleaved_rest(struct interleaved *r) {
	if (r->count > 0)
		return;
	env_free(r->env, r->buckets);
	r->buckets = NULL;
	r->bucket_count = 0;
}

/* Out of all lists, and freed; what hung in it is elsewhere already. */
static void partial_forget(struct interleaved *r, struct partial *p) {
	ready_remove(r, p);
	struct partial **at = bucket(r, p->stream->id, p->unordered, p->mid);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	pairing_remove(&p->stream->under_way[p->unordered], &p->by_mid);
	r->count--;
	window_discharge(r->window, p->charge + p->outgrown);
	if (r->last == p)
		r->last = NULL;
	env_free(r->env, p);
	if (r->bucket_count > BUCKETS_KEPT)
		interleaved_rest(r);
}

static struct late *late_of(struct pairing_node *n) {
	return (struct late *)((char *)n - offsetof(struct late, by_fsn));
}

static uint64_t late_charge(const struct late *l) {
	return env_cost(l) + (l->backing.slab ? l->len : 0);
}

static void late_drop(struct interleaved *r, struct late *l) {
	window_discharge(r->window, late_charge(l));
	r->window->payload -= l->len;
	if (l->backing.slab)
		sluice_slab_unref(l->backing.slab);
	env_free(r->env, l);
}

static struct partial *partial_of(struct pairing_node *n) {
	return (struct partial *)((char *)n - offsetof(struct partial, by_mid));
}

/* error 0: nobody listens any more. */
static void partial_drop(struct interleaved *r, struct partial *p, int error) {
	for (struct pairing_node *n; (n = pairing_take(&p->late));)
		late_drop(r, late_of(n));
	if (p->message)
		sluice_message_release(&p->message->public);
	if (p->end)
		delivery_cut_off(r->to, p->end, error);
	partial_forget(r, p);
}

/* ---- one fragment ---- */

static uint32_t slices(const struct partial *p) {
	return p->message ? (uint32_t)p->message->public.count : 0;
}

static int message_reserve(struct interleaved *r, struct partial *p, uint32_t slices) {
	if (slices <= p->capacity)
		return 0;
	uint32_t capacity = slices <= FIRST_SLICES ? FIRST_SLICES : NEXT_SLICES;
	while (capacity < slices)
		capacity *= 2;
	if (capacity > FIRST_SLICES && !window_allows(r->window, capacity * SLICE_COST))
		return SLUICE_NO_SPACE;
	uint32_t outgrown = (uint32_t)env_cost(p->message);
	struct rx_message *m = rx_message_grow(r->window, p->message, capacity);
	if (!m)
		return SLUICE_NO_MEMORY;
	/* It may lie idle in the pool, and counts until the message is whole. */
	p->outgrown += outgrown;
	window_charge(r->window, outgrown);
	p->message = m;
	p->capacity = capacity;
	return 0;
}

/* The bytes are in the window's account already, or will be. */
static inline void append(struct partial *p, const void *data, uint16_t len, uint8_t flags, struct backing backing) {
	struct rx_message *m = p->message;
	m->iov[m->public.count] = (struct iovec){(void *)data, len};
	m->backing[m->public.count] = backing;
	m->public.count++;
	m->public.len += len;
	m->charge += backing_cost(backing, len);
	p->next_fsn++;
	p->ended = (flags & WIRE_DATA_E) != 0;
}

/* The fragments that waited for the one before them. */
static void append_late(struct interleaved *r, struct partial *p) {
	while (p->late && p->late->key <= p->next_fsn && !p->ended) {
		struct late *l = late_of(pairing_take(&p->late));
		p->late_count--;
		if (l->by_fsn.key < p->next_fsn) { /* one FSN twice: the peer's mistake */
			p->bytes -= l->len;
			late_drop(r, l);
			continue;
		}
		append(p, l->data, l->len, l->flags, l->backing);
		if (l->backing.block)
			continue;
		window_discharge(r->window, env_cost(l));
		env_free(r->env, l);
	}
}

static int add_in_order(struct interleaved *r, struct partial *p, const struct wire_data *d, sluice_slab *slab) {
	struct backing backing;
	const uint8_t *data = message_backing_hold(r->env, &backing, slab, d->payload, d->len);
	if (!data)
		return SLUICE_NO_MEMORY;
	/* With room for those that wait, so that nothing can fail behind this one. */
	int error = message_reserve(r, p, slices(p) + 1 + p->late_count);
	if (error) {
		backing_release(r->env, backing);
		return error;
	}
	if (d->flags & WIRE_DATA_B)
		p->ppid = d->ppid;
	window_charge(r->window, backing_cost(backing, d->len));
	append(p, data, d->len, d->flags, backing);
	append_late(r, p);
	return 0;
}

static int add_late(struct interleaved *r, struct partial *p, const struct wire_data *d, uint64_t fsn, sluice_slab *slab) {
	bool copy = backing_copies(slab, d->len);
	struct late *l = env_alloc(r->env, sizeof *l + (copy ? d->len : 0));
	if (!l)
		return SLUICE_NO_MEMORY;
	*l = (struct late){.data = d->payload, .len = d->len, .flags = d->flags};
	if (copy) {
		l->data = memcpy(l->bytes, d->payload, d->len);
		l->backing.block = l;
	} else {
		slab_ref(slab);
		l->backing.slab = slab;
	}
	window_charge(r->window, late_charge(l));
	pairing_add(&p->late, &l->by_fsn, fsn);
	p->late_count++;
	return 0;
}

/* ---- to the app ---- */

/* What is in order becomes a message, or a part of one, of the app's. */
static struct rx_message *take_message(struct partial *p) {
	struct rx_message *m = p->message;
	m->charge += p->fresh;
	p->charge -= p->fresh;
	p->fresh = 0;
	window_discharge(m->window, p->outgrown);
	p->outgrown = 0;
	m->public.stream = p->stream->id;
	m->public.unordered = p->unordered;
	m->public.ppid = p->ppid;
	m->public.first = p->offset == 0;
	m->public.last = p->ended;
	m->public.offset = p->offset;
	p->offset += m->public.len;
	p->bytes -= m->public.len;
	p->message = NULL;
	p->capacity = 0;
	return m;
}

/* All of it is here: it goes to the app, with its slices as they are. */
static void complete(struct interleaved *r, struct partial *p) {
	struct rx_message *m = take_message(p);
	struct rx_stream *s = p->stream;
	uint64_t mid = p->by_mid.key;
	bool unordered = p->unordered, in_parts = p->end != NULL;
	partial_drop(r, p, 0);
	if (in_parts)
		delivery_part(r->to, m);
	else if (unordered)
		delivery_unordered(r->to, m);
	else
		delivery_ordered(r->to, s, m, mid);
	if (in_parts && !unordered)
		delivery_done(r->to, s, mid);
	if (!unordered)
		interleaved_turn(r, s);
}

/* Parts of it may go to the app, and there is something. */
static bool deliverable(const struct partial *p) {
	return p->message && (p->end || p->stream->partial > 0) && (p->unordered || p->by_mid.key == p->stream->next);
}

/* Without memory for what may have to be told later, it waits. */
static void deliver_part(struct interleaved *r, struct partial *p) {
	if (!p->end)
		p->end = rx_message_new(r->window, 0, 0, NULL);
	if (!p->end)
		return;
	struct rx_message *m = take_message(p);
	delivery_reserve_end(p->end, &m->public);
	delivery_part(r->to, m);
	ready_remove(r, p);
}

static void partial_offer(struct interleaved *r, struct partial *p) {
	if (!deliverable(p))
		return;
	ready_add(r, p);
	if (p->message->public.len >= p->stream->partial)
		deliver_part(r, p);
}

void interleaved_turn(struct interleaved *r, struct rx_stream *s) {
	struct pairing_node *n;
	while ((n = s->under_way[0]) && n->key < s->next) /* a whole message had its number: the peer's mistake */
		partial_drop(r, partial_of(n), SLUICE_ABANDONED);
	if (n && n->key == s->next)
		partial_offer(r, partial_of(n));
}

void interleaved_relieve(struct interleaved *r) {
	for (struct partial *p = r->ready, *next; p; p = next) {
		next = p->next_ready;
		deliver_part(r, p);
	}
}

/* ---- in ---- */

/* The FSN, unwrapped, of a fragment of p, or of a message that is not begun here when p is NULL. SLUICE_LIMIT: a message of at
 * most SLICES_MAX fragments has none such, whatever came before. */
static int fsn_of(const struct partial *p, uint32_t fsn, uint64_t *out) {
	uint64_t next = p ? p->next_fsn : SERIAL_ORIGIN;
	*out = serial_unwrap(fsn, next);
	if (*out < SERIAL_ORIGIN)
		return SLUICE_LIMIT;
	return *out >= next && *out - next + (p ? slices(p) : 0) >= SLICES_MAX ? SLUICE_LIMIT : 0;
}

/* What the stream itself takes is charged to the first message on it. */
static void charge_stream(struct interleaved *r, struct partial *p) {
	p->fresh = delivery_stream_cost(p->stream);
	p->charge += p->fresh;
	window_charge(r->window, p->fresh);
}

static int put(struct interleaved *r, struct partial *p, const struct wire_data *d, uint64_t fsn, sluice_slab *slab) {
	int error = fsn == p->next_fsn ? add_in_order(r, p, d, slab) : add_late(r, p, d, fsn, slab);
	if (error)
		return error;
	p->bytes += d->len;
	r->window->payload += d->len;
	return 0;
}

static void taken(struct interleaved *r, struct partial *p) {
	if (p->ended)
		complete(r, p);
	else
		partial_offer(r, p);
}

/* The first fragment of a message to come: the message is there only once the fragment is in it. */
static int begin(struct interleaved *r, const struct wire_data *d, sluice_slab *slab) {
	const bool unordered = (d->flags & WIRE_DATA_U) != 0;
	struct rx_stream *s = delivery_stream(r->to, d->stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	uint64_t mid = serial_unwrap(d->mid, unordered ? s->unordered_mid : s->next), fsn;
	/* What was skipped or delivered is not wanted; fragments of a skipped message may still be on their way. */
	if (mid < (unordered ? s->unordered_next : s->next))
		return 0;
	int error = fsn_of(NULL, d->fsn, &fsn);
	if (error)
		return error;
	if (d->len > r->max_message_size && s->partial == 0)
		return SLUICE_TOO_LARGE;
	struct partial *p = partial_new(r, s, unordered, mid);
	if (!p)
		return SLUICE_NO_MEMORY;
	error = put(r, p, d, fsn, slab);
	if (error) {
		partial_forget(r, p);
		return error;
	}
	if (unordered)
		s->unordered_mid = mid;
	charge_stream(r, p);
	taken(r, p);
	return 0;
}

/* The common case: the fragment that comes next in the message that was touched last. It stays in its slab, the message has room
 * for it and goes on behind it, and the app wants it whole. */
static inline bool goes_on(const struct interleaved *r, const struct partial *p, const struct wire_data *d,
                           const sluice_slab *slab) {
	return partial_is(p, d->stream, (d->flags & WIRE_DATA_U) != 0, d->mid) && (uint32_t)p->next_fsn == d->fsn &&
	       !(d->flags & WIRE_DATA_E) && !p->late && p->message && slices(p) < p->capacity && slices(p) < SLICES_MAX &&
	       !p->end && p->stream->partial == 0 && !backing_copies(slab, d->len) && p->bytes + d->len <= r->max_message_size;
}

static inline void go_on(struct interleaved *r, struct partial *p, const struct wire_data *d, sluice_slab *slab) {
	slab_ref(slab);
	window_charge(r->window, d->len);
	append(p, d->payload, d->len, d->flags, (struct backing){.slab = slab});
	p->bytes += d->len;
	r->window->payload += d->len;
}

/* RFC 8260, 2.2.3: the receiver first takes the stream, then the U bit, finds the message by its MID and puts it together by the
 * FSN, not by the TSN, of which it must assume nothing. */
__attribute__((noinline)) static int add_any(struct interleaved *r, const struct wire_data *d, sluice_slab *slab) {
	struct partial *p = find(r, d);
	if (!p)
		return begin(r, d, slab);
	uint64_t fsn;
	int error = fsn_of(p, d->fsn, &fsn);
	if (error)
		return error;
	if (fsn < p->next_fsn)
		return 0; /* one FSN twice */
	if (p->bytes + d->len > r->max_message_size && !p->end && p->stream->partial == 0)
		return SLUICE_TOO_LARGE;
	error = put(r, p, d, fsn, slab);
	if (!error)
		taken(r, p);
	return error;
}

int interleaved_add(struct interleaved *r, const struct wire_data *d, sluice_slab *slab) {
	if (!slab || !r->last || !goes_on(r, r->last, d, slab))
		return add_any(r, d, slab);
	go_on(r, r->last, d, slab);
	return 0;
}

/* ---- giving up ---- */

void interleaved_skip(struct interleaved *r, struct rx_stream *s, bool unordered, uint64_t mid) {
	struct pairing_node **root = &s->under_way[unordered];
	while (*root && (*root)->key <= mid)
		partial_drop(r, partial_of(*root), SLUICE_ABANDONED);
	if (unordered && s->unordered_next <= mid)
		s->unordered_next = mid + 1;
}

void interleaved_drop_stream(struct interleaved *r, struct rx_stream *s, int error) {
	for (int unordered = 0; unordered < 2; unordered++)
		while (s->under_way[unordered])
			partial_drop(r, partial_of(s->under_way[unordered]), error);
}

void interleaved_drop(struct interleaved *r, int error) {
	for (uint32_t i = 0; i < r->bucket_count; i++)
		while (r->buckets && r->buckets[i])
			partial_drop(r, r->buckets[i], error);
}

void interleaved_free(struct interleaved *r) {
	interleaved_drop(r, 0);
	interleaved_rest(r);
}

/* ---- hand-over ---- */

bool interleaved_walk_fragment(struct wire_data *d, struct walk *w) {
	const uint8_t whole = WIRE_DATA_B | WIRE_DATA_E;
	WALK(w, d->stream), WALK(w, d->ssn), WALK(w, d->mid), WALK(w, d->fsn), WALK(w, d->ppid), WALK(w, d->flags),
		WALK(w, d->len);
	if (!w->reading) {
		walk_put(w, d->payload, d->len);
		return true;
	}
	walk_refuse(w, d->len == 0 || (d->flags & whole) == whole);
	d->payload = walk_view(w, d->len);
	return !w->failed;
}

static void fragment_write(struct wire_data *d, struct walk *w) {
	walk_more(w, true);
	interleaved_walk_fragment(d, w);
}

static void fragments_write(const struct partial *p, uint64_t first, struct walk *w) {
	struct wire_data d = {.stream = p->stream->id, .mid = p->mid, .ppid = p->ppid};
	const uint8_t flags = p->unordered ? WIRE_DATA_U : 0;
	for (size_t i = 0; p->message && i < p->message->public.count; i++) {
		const struct iovec *v = &p->message->public.iov[i];
		d.fsn = (uint32_t)(first + i);
		d.flags = (uint8_t)(flags | (d.fsn == 0 ? WIRE_DATA_B : 0));
		d.payload = v->iov_base;
		d.len = (uint16_t)v->iov_len;
		fragment_write(&d, w);
	}
	for (const struct pairing_node *n = p->late; n; n = pairing_next(n)) {
		const struct late *l = (const struct late *)((const char *)n - offsetof(struct late, by_fsn));
		d.fsn = (uint32_t)n->key;
		d.flags = l->flags;
		d.payload = l->data;
		d.len = l->len;
		fragment_write(&d, w);
	}
	walk_more(w, false);
}

/* A message under way: what its fragments do not say. */
struct under_way {
	uint16_t stream;
	bool unordered;
	uint32_t ppid;
	uint64_t mid;      /* unwrapped */
	uint64_t next_fsn; /* of its first fragment that was not delivered, unwrapped */
	uint64_t offset;   /* bytes delivered */
};

static void under_way_walk(struct under_way *u, struct walk *w) {
	WALK(w, u->stream), WALK(w, u->unordered), WALK(w, u->ppid), WALK(w, u->mid), WALK(w, u->next_fsn), WALK(w, u->offset);
}

/* Parts of the message were delivered: its early end may have to be told. */
static int end_reserve(struct interleaved *r, struct partial *p) {
	p->end = rx_message_new(r->window, 0, 0, NULL);
	if (!p->end) {
		partial_forget(r, p);
		return SLUICE_NO_MEMORY;
	}
	const sluice_message delivered = {
		.stream = p->stream->id, .unordered = p->unordered, .ppid = p->ppid, .offset = p->offset};
	delivery_reserve_end(p->end, &delivered);
	return 0;
}

static int resume(struct interleaved *r, const struct under_way *u) {
	struct rx_stream *s = delivery_stream(r->to, u->stream);
	struct wire_data d = {.stream = u->stream, .flags = u->unordered ? WIRE_DATA_U : 0, .mid = (uint32_t)u->mid};
	if (!s)
		return SLUICE_NO_MEMORY;
	uint64_t least = u->unordered ? s->unordered_next : s->next;
	if (u->mid < least || u->mid > UINT64_MAX / 2 || u->next_fsn < SERIAL_ORIGIN ||
	    u->next_fsn >= SERIAL_ORIGIN + UINT32_MAX || find(r, &d))
		return SLUICE_INVALID;
	struct partial *p = partial_new(r, s, u->unordered, u->mid);
	if (!p)
		return SLUICE_NO_MEMORY;
	charge_stream(r, p);
	p->ppid = u->ppid;
	p->next_fsn = u->next_fsn;
	p->offset = u->offset;
	return p->offset ? end_reserve(r, p) : 0;
}

static void under_way_read(struct interleaved *r, struct walk *w) {
	while (walk_more(w, false)) {
		struct under_way u = {0};
		under_way_walk(&u, w);
		if (!w->failed)
			walk_result(w, resume(r, &u));
		while (walk_more(w, false)) {
			struct wire_data d = {0};
			if (interleaved_walk_fragment(&d, w))
				walk_result(w, interleaved_add(r, &d, NULL));
		}
	}
}

static void under_way_write(const struct partial *p, struct walk *w) {
	uint64_t first = p->next_fsn - slices(p);
	struct under_way u = {.stream = p->stream->id,
	                      .unordered = p->unordered,
	                      .ppid = p->ppid,
	                      .mid = p->by_mid.key,
	                      .next_fsn = first,
	                      .offset = p->offset};
	walk_more(w, true);
	under_way_walk(&u, w);
	fragments_write(p, first, w);
}

void interleaved_walk(struct interleaved *r, struct walk *w) {
	if (w->reading) {
		under_way_read(r, w);
		return;
	}
	for (uint32_t i = 0; i < r->bucket_count; i++)
		for (const struct partial *p = r->buckets[i]; p; p = p->next)
			under_way_write(p, w);
	walk_more(w, false);
}

static void late_count(const struct partial *p, uint64_t *charge, uint64_t *payload) {
	for (const struct pairing_node *n = p->late; n; n = pairing_next(n)) {
		const struct late *l = (const struct late *)((const char *)n - offsetof(struct late, by_fsn));
		*charge += late_charge(l);
		*payload += l->len;
	}
}

void interleaved_count(const struct interleaved *r, uint64_t *charge, uint64_t *payload) {
	for (uint32_t i = 0; i < r->bucket_count; i++) {
		for (const struct partial *p = r->buckets[i]; p; p = p->next) {
			*charge += p->charge + p->outgrown + (p->message ? p->message->charge : 0) +
			           (p->end ? p->end->charge : 0);
			*payload += p->message ? p->message->public.len : 0;
			late_count(p, charge, payload);
		}
	}
}

/* The fragments that hang below n, itself included. False when one of them is out of place. */
static bool late_check(const struct partial *p, const struct pairing_node *n, uint32_t *count, uint64_t *bytes) {
	for (; n; n = n->next) {
		const struct late *l = (const struct late *)((const char *)n - offsetof(struct late, by_fsn));
		++*count;
		*bytes += l->len;
		if (n->key <= p->next_fsn || (n->below && n->below->key < n->key) || !late_check(p, n->below, count, bytes))
			return false;
	}
	return true;
}

static bool partial_check(const struct partial *p) {
	uint64_t bytes = p->message ? p->message->public.len : 0;
	uint32_t late = 0;
	if (slices(p) > p->capacity || p->ended || !late_check(p, p->late, &late, &bytes) || late != p->late_count ||
	    bytes != p->bytes)
		return false;
	return (slices(p) + late > 0 || p->end) && !(p->message && slices(p) == 0) && (p->end != NULL) == (p->offset > 0) &&
	       (!p->ready || deliverable(p));
}

bool interleaved_check(const struct interleaved *r) {
	uint32_t partials = 0;
	for (uint32_t i = 0; i < r->bucket_count; i++)
		for (const struct partial *p = r->buckets[i]; p; p = p->next, partials++)
			if (bucket(r, p->stream->id, p->unordered, p->mid) != &r->buckets[i] || !partial_check(p))
				return false;
	return partials == r->count;
}
