#include "sctp/tx/outgoing.h"

#include "base/arith.h"
#include "base/copy.h"
#include "base/prefetch.h"
#include "base/serial.h"
#include "pool/grow.h"

#include <string.h>

_Static_assert(offsetof(struct tx_stream, sched) == 0, "a stream and its entry are told from each other by their types alone");
_Static_assert(sizeof(struct tx_message) == 64 && offsetof(struct tx_message, timed) + sizeof(struct block) <= 64,
               "the block's header and what an acknowledgement reads: one cache line");

void outgoing_init(struct outgoing *o, sluice_env *env, struct event_queue *events, uint64_t high_water,
                   const struct sched_ops *scheduler) {
	*o = (struct outgoing){
		.env = env,
		.events = events,
		.streams = {.env = env},
		.high_water = high_water,
		.least_water = high_water,
		.sched = {.ops = scheduler},
	};
}

struct tx_stream *outgoing_stream(struct outgoing *o, uint16_t id) {
	struct tx_stream *s = outgoing_find(o, id);
	if (s)
		return s;
	s = env_zalloc(o->env, sizeof *s);
	if (!s)
		return NULL;
	s->id = id;
	s->writable = (struct event_node){.type = SLUICE_SCTP_WRITABLE, .stream = id};
	s->low_event = (struct event_node){.type = SLUICE_SCTP_BUFFERED_LOW, .stream = id};
	s->reset_event = (struct event_node){.type = SLUICE_SCTP_RESET_OUT, .stream = id};
	s->abandoned = (struct event_node){.type = SLUICE_SCTP_ABANDONED, .stream = id};
	if (!idmap_set(&o->streams, id, s)) {
		env_free(o->env, s);
		return NULL;
	}
	return s;
}

void outgoing_mark_used(struct outgoing *o, struct tx_stream *s) {
	s->used = true;
	s->next_used = o->used;
	o->used = s;
}

struct tx_stream *outgoing_take_used(struct outgoing *o) {
	struct tx_stream *s = o->used;
	if (s) {
		o->used = s->next_used;
		s->used = false;
	}
	return s;
}

static bool is_blank(const struct tx_stream *s) {
	bool numbers = s->used || s->buffered_messages || s->lost_messages;
	bool settings = s->low || s->high_water || s->sched.priority || s->sched.weight;
	bool events = s->writable.queued || s->low_event.queued || s->reset_event.queued || s->abandoned.queued;
	return s->reset == TX_RESET_NONE && !s->open && !s->blocked && !numbers && !settings && !events;
}

void outgoing_forget(struct outgoing *o, uint16_t id) {
	struct tx_stream *s = outgoing_find(o, id);
	if (!s || !is_blank(s))
		return;
	idmap_remove(&o->streams, id);
	env_free(o->env, s);
}

/* ---- whose turn is it? ---- */

/* Messages are numbered as they are queued. A message that was begun no longer needs its number. */
static uint64_t arrival(const struct outgoing *o, const struct tx_message *m) {
	return m->begun ? 0 : o->arrivals - (uint32_t)((uint32_t)o->arrivals - m->arrival);
}

/* Of the stream's first message, for a scheduler that goes by it. The others leave the message alone: its turn may come much
 * later, and by then it would have to be brought into the cache again. */
static uint64_t next_arrival(const struct outgoing *o, const struct tx_stream *s) {
	return o->sched.ops->by_arrival ? arrival(o, s->head) : 0;
}

static void aside_remove(struct outgoing *o, struct tx_stream *s) {
	struct pairing_node *e = &s->sched.node;
	if (e->prev)
		e->prev->next = e->next;
	else
		o->aside = e->next;
	if (e->next)
		e->next->prev = e->prev;
	else
		o->aside_tail = e->prev;
	s->aside = false;
}

void outgoing_set_aside(struct outgoing *o, struct tx_stream *s) {
	struct pairing_node *e = &s->sched.node;
	sched_leave(&o->sched, &s->sched);
	e->next = NULL;
	e->prev = o->aside_tail;
	if (o->aside_tail)
		o->aside_tail->next = e;
	else
		o->aside = e;
	o->aside_tail = e;
	s->aside = true;
}

void outgoing_bring_back(struct outgoing *o) {
	struct tx_stream *s = (struct tx_stream *)o->aside;
	aside_remove(o, s);
	sched_enter(&o->sched, &s->sched, next_arrival(o, s));
}

void outgoing_set_priority(struct outgoing *o, struct tx_stream *s, uint16_t priority, uint16_t weight) {
	s->sched.priority = priority;
	s->sched.weight = weight;
	if (s->sched.in)
		sched_charge(&o->sched, &s->sched, 0, next_arrival(o, s));
}

/* The message's number is set. */
static inline void queue_link(struct outgoing *o, struct tx_stream *s, struct tx_message *m) {
	m->next = NULL;
	m->prev = s->tail;
	if (s->tail)
		s->tail->next = m;
	else
		s->head = m;
	s->tail = m;
	if (__builtin_expect(s->head == m, 0))
		sched_enter(&o->sched, &s->sched, next_arrival(o, s));
}

static void queue_push(struct outgoing *o, struct tx_stream *s, struct tx_message *m) {
	m->queued = true;
	o->queued++;
	m->queued_ms = (uint32_t)(o->now / SLUICE_MS);
	m->arrival = (uint32_t)o->arrivals++;
	if (m->reliability == SLUICE_PRIORITY_DROP)
		s->may_yield = true;
	queue_link(o, s, m);
}

static void queue_unlink(struct outgoing *o, struct tx_message *m) {
	struct tx_stream *s = m->stream;
	if (s->head == m) {
		s->head = m->next;
		s->tail = m->next ? s->tail : NULL;
	} else {
		m->prev->next = m->next;
		*(m->next ? &m->next->prev : &s->tail) = m->prev;
	}
	m->queued = false;
	o->queued--;
	if (m->begun)
		o->begun_left -= m->len - m->cut;
	if (o->begun == m)
		o->begun = NULL;
}

/* The message leaves the queue before all of it was cut. */
static void queue_remove(struct outgoing *o, struct tx_message *m) {
	struct tx_stream *s = m->stream;
	bool first = s->head == m;
	queue_unlink(o, m);
	if (!first)
		return;
	if (s->aside) {
		aside_remove(o, s);
		if (s->head)
			sched_enter(&o->sched, &s->sched, next_arrival(o, s));
	} else if (!s->head) {
		sched_leave(&o->sched, &s->sched);
	} else {
		sched_charge(&o->sched, &s->sched, 0, next_arrival(o, s));
	}
}

/* Bytes of the stream's first message were cut; done: the last of them. The scheduler's kind says whether the stream's turn is
 * over. */
static void turn(struct outgoing *o, struct tx_stream *s, uint64_t bytes, bool done) {
	const struct sched_ops *ops = o->sched.ops;
	if (!s->head) {
		ops->key(&o->sched, &s->sched, bytes, 0); /* what the stream had counts when it comes back */
		sched_leave(&o->sched, &s->sched);
	} else if (!ops->one_stream && (done || (o->interleaving && ops->chunks))) {
		sched_charge(&o->sched, &s->sched, bytes, next_arrival(o, s));
	}
}

void outgoing_packet_end(struct outgoing *o, struct tx_stream *s) {
	if (o->sched.ops->one_stream && s->sched.in && (o->interleaving || !o->begun))
		sched_charge(&o->sched, &s->sched, 1, next_arrival(o, s));
}

static uint64_t high_water(const struct outgoing *o, const struct tx_stream *s) {
	if (s->high_water)
		return s->high_water;
	return o->env->send_held < o->env->send_budget ? o->high_water : o->least_water;
}

/* How much of a stream may still be buffered when its app is called for more. The message that was refused fits then, unless it
 * is longer than half of the mark. */
static uint64_t refill_at(const struct outgoing *o, const struct tx_stream *s) {
	uint64_t mark = high_water(o, s);
	return mark - min64(mark / 2, max64(OUTGOING_REFILL, ((uint64_t)s->refused + 1) << 16));
}

/* ---- accepting ---- */

static struct tx_timed *timed_new(struct outgoing *o, struct tx_message *m) {
	struct tx_timed *t = env_alloc(o->env, sizeof *t);
	if (t)
		*t = (struct tx_timed){.expiry.index = HEAP_OUT, .message = m};
	return t;
}

/* Field by field into its place: by way of the stack it would be written in small pieces and read in large ones, for which the
 * CPU waits. */
static inline void message_set(struct tx_message *m, struct tx_stream *s, const sluice_send_info *info, uint32_t len) {
	*m = (struct tx_message){
		.stream = s,
		.len = len,
		.left = len,
		.ppid = info->ppid,
		.limit = info->value,
		.reliability = (uint8_t)info->reliability,
		.unordered = info->unordered,
		.first = true,
		.last = true,
	};
}

/* s NULL: the stream is made. */
static inline struct tx_message *message_new(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, size_t behind,
                                             uint32_t len) {
	struct tx_message *m;
	if ((!s && !(s = outgoing_stream(o, info->stream))) || !(m = env_alloc(o->env, sizeof *m + behind)))
		return NULL;
	message_set(m, s, info, len);
	if (__builtin_expect(info->reliability == SLUICE_LIFETIME, 0)) {
		m->special = true;
		if (!(m->timed = timed_new(o, m))) {
			env_free(o->env, m);
			return NULL;
		}
	}
	return m;
}

static struct tx_borrowed *borrowed(struct tx_message *m) {
	return (struct tx_borrowed *)(m + 1);
}

static void accept_message(struct outgoing *o, struct tx_message *m) {
	struct tx_stream *s = m->stream;
	s->buffered += m->len;
	s->buffered_messages++;
	s->lost_messages = 0;
	if (s->buffered > s->low)
		s->above_low = true;
	o->buffered += m->len;
	o->env->send_held += m->len;
	o->messages += m->first;
	o->payload += m->len;
	if (__builtin_expect(m->timed != NULL, 0)) {
		m->timed->unstamped = true;
		m->timed->next_unstamped = o->unstamped;
		o->unstamped = m->timed;
	}
	queue_push(o, s, m);
}

/* RFC 7496, 3.2, the Priority Policy: when there is no room in the send buffer, messages of a lower priority may be abandoned for
 * one of a higher. Reliable messages stand above all of them. Only messages of the same stream are abandoned, as each stream has
 * its buffer, and only those of which nothing was sent. */
static bool yields(const struct tx_message *m, const sluice_send_info *info) {
	return m->reliability == SLUICE_PRIORITY_DROP && !m->begun && !m->part &&
	       (info->reliability == SLUICE_RELIABLE || (info->reliability == SLUICE_PRIORITY_DROP && m->limit > info->value));
}

/* The least important message that yields, of equals the youngest; NULL: none yields. */
static struct tx_message *least_important(const struct tx_stream *s, const sluice_send_info *info) {
	struct tx_message *least = NULL;
	for (struct tx_message *m = s->tail; m; m = m == s->head ? NULL : m->prev)
		if (yields(m, info) && (!least || m->limit > least->limit))
			least = m;
	return least;
}

/* Gives up as many messages as it takes, and returns whether there is room now. It gives up none when even all of them would not
 * make the room. An app that sends whenever it can meets a full queue all the time: where no message may yield (may_yield), the
 * queue must not be walked for it. */
static bool make_room(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, uint32_t len) {
	uint64_t missing = s->buffered + len - high_water(o, s), yielding = 0;
	bool any = false;
	for (const struct tx_message *m = s->head; m && yielding < missing; m = m->next) {
		any |= m->reliability == SLUICE_PRIORITY_DROP;
		yielding += yields(m, info) ? m->len : 0;
	}
	if (yielding < missing) {
		s->may_yield = any;
		return false;
	}
	while (s->buffered > 0 && s->buffered + len > high_water(o, s))
		outgoing_drop(o, least_important(s, info), true);
	return true;
}

__attribute__((noinline)) static bool blocks(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info,
                                             uint32_t len) {
	if (s->may_yield && make_room(o, s, info, len))
		return false;
	s->blocked = true;
	s->refused = (uint16_t)(len >> 16);
	return true;
}

/* A message on an empty stream is always taken: one larger than the mark could never go otherwise. */
static inline bool would_block(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, uint32_t len) {
	return s && s->buffered > 0 && s->buffered + len > high_water(o, s) && blocks(o, s, info, len);
}

int outgoing_copy_on(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const void *data, uint32_t len) {
	if (would_block(o, s, info, len))
		return SLUICE_WOULD_BLOCK;
	struct tx_message *m = message_new(o, s, info, len, len);
	if (!m)
		return SLUICE_NO_MEMORY;
	copy_bytes(m + 1, data, len);
	accept_message(o, m);
	return 0;
}

static size_t copy_each(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const struct iovec *v,
                        size_t count, int *error) {
	for (size_t n = 0; n < count; n++) {
		bool valid = outgoing_length_is_valid(v[n].iov_len);
		*error = valid ? outgoing_copy_on(o, s, info, v[n].iov_base, (uint32_t)v[n].iov_len) : SLUICE_INVALID;
		if (*error)
			return n;
	}
	return count;
}

/* The message, or NULL. */
static struct tx_message *copy_of(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const struct iovec *v,
                                  int *error) {
	uint32_t len = (uint32_t)v->iov_len;
	if (!outgoing_length_is_valid(v->iov_len)) {
		*error = SLUICE_INVALID;
		return NULL;
	}
	if (would_block(o, s, info, len)) {
		*error = SLUICE_WOULD_BLOCK;
		return NULL;
	}
	struct tx_message *m = env_alloc(o->env, sizeof *m + len);
	if (!m) {
		*error = SLUICE_NO_MEMORY;
		return NULL;
	}
	message_set(m, s, info, len);
	copy_bytes(m + 1, v->iov_base, len);
	return m;
}

/* Messages without a lifetime, on a stream where none yields. What does not say whether there is room is written once for all. */
static size_t copy_plain(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const struct iovec *v,
                         size_t count, int *error) {
	const uint32_t now = (uint32_t)(o->now / SLUICE_MS);
	const uint64_t before = s->buffered;
	struct tx_message *m;
	size_t n = 0;
	for (; n < count && (m = copy_of(o, s, info, &v[n], error)); n++) {
		m->queued = true;
		m->queued_ms = now;
		m->arrival = (uint32_t)o->arrivals++;
		s->buffered += m->len;
		o->env->send_held += m->len;
		queue_link(o, s, m);
	}
	if (n == 0)
		return 0;
	uint64_t bytes = s->buffered - before;
	s->buffered_messages += n;
	s->lost_messages = 0;
	s->above_low |= s->buffered > s->low;
	o->queued += n;
	o->buffered += bytes;
	o->messages += n;
	o->payload += bytes;
	return n;
}

size_t outgoing_copy_many(struct outgoing *o, struct tx_stream *s, const sluice_send_info *info, const struct iovec *messages,
                          size_t count, int *error) {
	if (!s && !(s = outgoing_stream(o, info->stream))) {
		*error = SLUICE_NO_MEMORY;
		return 0;
	}
	bool plain = info->reliability <= SLUICE_MAX_RETRANSMITS && !s->may_yield;
	return plain ? copy_plain(o, s, info, messages, count, error) : copy_each(o, s, info, messages, count, error);
}

int outgoing_borrow(struct outgoing *o, const sluice_send_info *info, const struct iovec *iov, size_t count, uint32_t len,
                    sluice_release_fn release, void *ctx) {
	struct tx_stream *s = outgoing_find(o, info->stream);
	if (would_block(o, s, info, len))
		return SLUICE_WOULD_BLOCK;
	struct tx_message *m = message_new(o, s, info, sizeof(struct tx_borrowed) + count * sizeof *iov, len);
	if (!m)
		return SLUICE_NO_MEMORY;
	m->borrowed = m->special = true;
	struct tx_borrowed *b = borrowed(m);
	*b = (struct tx_borrowed){.release = release, .release_ctx = ctx};
	memcpy(b->iov, iov, count * sizeof *iov);
	accept_message(o, m);
	return 0;
}

/* ---- piece by piece ---- */

int outgoing_begin(struct outgoing *o, const sluice_send_info *info) {
	struct tx_stream *s = outgoing_stream(o, info->stream);
	if (!s)
		return SLUICE_NO_MEMORY;
	if (s->open)
		return SLUICE_WRONG_STATE;
	s->open = env_alloc(o->env, sizeof *s->open);
	if (!s->open)
		return SLUICE_NO_MEMORY;
	*s->open = (struct tx_open){.info = *info};
	o->parts++;
	return 0;
}

void outgoing_close(struct outgoing *o, struct tx_stream *s) {
	o->parts--;
	env_free(o->env, s->open);
	s->open = NULL;
}

static int open_state(struct outgoing *o, struct tx_stream *s) {
	if (!s->open)
		return SLUICE_WRONG_STATE;
	if (!s->open->given_up)
		return 0;
	outgoing_close(o, s);
	return SLUICE_LIMIT;
}

/* Queues the byte that was kept back and `len` more. */
static int queue_part(struct outgoing *o, struct tx_stream *s, const uint8_t *data, uint32_t len, bool last) {
	struct tx_open *open = s->open;
	uint32_t kept = open->kept, whole = kept + len;
	if (whole == 0)
		return 0;
	struct tx_message *m = message_new(o, s, &open->info, whole, whole);
	if (!m)
		return SLUICE_NO_MEMORY;
	uint8_t *bytes = (uint8_t *)(m + 1);
	if (kept)
		bytes[0] = open->byte;
	if (len)
		copy_bytes(bytes + kept, data, len);
	m->part = m->special = true;
	m->first = !open->started;
	m->last = last;
	open->started = true;
	open->kept = false;
	o->parts++;
	accept_message(o, m);
	return 0;
}

int outgoing_part(struct outgoing *o, struct tx_stream *s, const void *data, uint32_t len) {
	int error = open_state(o, s);
	if (error)
		return error;
	if (would_block(o, s, &s->open->info, len))
		return SLUICE_WOULD_BLOCK;
	error = queue_part(o, s, data, len - 1, false);
	if (error)
		return error;
	s->open->kept = true;
	s->open->byte = ((const uint8_t *)data)[len - 1];
	return 0;
}

int outgoing_end(struct outgoing *o, struct tx_stream *s) {
	int error = open_state(o, s);
	if (error)
		return error;
	if (!s->open->kept)
		return SLUICE_INVALID;
	error = queue_part(o, s, NULL, 0, true);
	if (!error)
		outgoing_close(o, s);
	return error;
}

/* ---- cutting ---- */

uint32_t outgoing_cut(struct outgoing *o, struct tx_message *m, uint32_t len, uint64_t tsn) {
	struct tx_stream *s = m->stream;
	bool first = !m->begun;
	if (first)
		outgoing_message_begin(o, m, tsn);
	m->cut += len;
	bool done = m->cut == m->len;
	if (first)
		o->begun_left += m->len - m->cut;
	else
		o->begun_left -= len;
	if (done)
		queue_unlink(o, m);
	else if (!o->interleaving)
		o->begun = m;
	turn(o, s, o->interleaving ? len : m->len, done);
	return s->next_fsn++;
}

/* The stream's next message is asked for long before its next turn: where it lies, the CPU cannot guess. */
void outgoing_run_next(struct outgoing *o, struct outgoing_run *r) {
	struct tx_stream *s = r->stream;
	if (s->head)
		prefetch(s->head, sizeof *s->head);
	else
		s->tail = NULL;
	turn(o, s, r->turn, true);
	r->turn = 0;
	r->stream = (struct tx_stream *)sched_first(&o->sched);
}

void outgoing_run_end(struct outgoing *o, struct outgoing_run *r) {
	struct tx_stream *s = r->stream;
	o->queued -= r->left;
	if (!s->head) {
		s->tail = NULL;
		sched_leave_run(&o->sched, &s->sched, r->turns, r->turn);
	} else if (r->turn && !o->sched.ops->one_stream) {
		sched_charge_run(&o->sched, &s->sched, r->turns, r->turn, next_arrival(o, s));
	}
}

void outgoing_gather_borrowed(struct tx_message *m, uint32_t offset, uint32_t len, uint8_t *out) {
	struct tx_borrowed *b = borrowed(m);
	if (offset < b->cursor_base)
		b->cursor_index = b->cursor_base = 0;
	while (len > 0) {
		const struct iovec *v = &b->iov[b->cursor_index];
		uint32_t skip = offset - b->cursor_base;
		if (skip >= v->iov_len) {
			b->cursor_base += (uint32_t)v->iov_len;
			b->cursor_index++;
			continue;
		}
		uint32_t n = (uint32_t)v->iov_len - skip;
		if (n > len)
			n = len;
		memcpy(out, (const uint8_t *)v->iov_base + skip, n);
		out += n;
		offset += n;
		len -= n;
	}
}

/* ---- leaving ---- */

static void timed_free(struct outgoing *o, struct tx_timed *t) {
	if (t->unstamped) {
		struct tx_timed **at = &o->unstamped;
		while (*at != t)
			at = &(*at)->next_unstamped;
		*at = t->next_unstamped;
	}
	heap_remove(&o->expiry, &t->expiry);
	env_free(o->env, t);
}

static void message_free(struct outgoing *o, struct tx_message *m) {
	if (m->queued)
		queue_remove(o, m);
	if (m->timed)
		timed_free(o, m->timed);
	m->stream->buffered_messages--;
	o->parts -= m->part;
	if (m->borrowed && borrowed(m)->release)
		borrowed(m)->release(borrowed(m)->release_ctx);
	env_free(o->env, m);
}

static inline void buffered_sink(struct outgoing *o, struct tx_stream *s, uint32_t bytes) {
	s->buffered -= bytes;
	o->buffered -= bytes;
	o->env->send_held -= bytes;
	if (s->buffered == 0 && s->reset == TX_RESET_WANTED)
		o->drained++;
	if (s->above_low && s->buffered <= s->low) {
		s->above_low = false;
		event_push(o->events, &s->low_event);
	}
	/* Not for each message: the app refills in bulk. */
	if (s->blocked && s->buffered <= refill_at(o, s)) {
		s->blocked = false;
		event_push(o->events, &s->writable);
	}
}

void outgoing_acks_end(struct outgoing *o, struct outgoing_acks *r) {
	if (!r->stream)
		return;
	r->stream->buffered_messages -= r->freed;
	buffered_sink(o, r->stream, r->bytes);
	*r = (struct outgoing_acks){0};
}

/* The app's release callback may ask what is buffered, so that is written first. */
void outgoing_acks_free(struct outgoing *o, struct outgoing_acks *r, struct tx_message *m) {
	outgoing_acks_end(o, r);
	message_free(o, m);
}

void outgoing_discard(struct outgoing *o, struct tx_message *m) {
	buffered_sink(o, m->stream, m->left);
	m->left = 0;
	message_free(o, m);
}

void outgoing_count_abandoned(struct outgoing *o, struct tx_stream *s) {
	o->abandoned++;
	if (!s->abandoned.queued)
		s->abandoned.count = 0;
	s->abandoned.count++;
	event_push(o->events, &s->abandoned);
}

void outgoing_drop(struct outgoing *o, struct tx_message *m, bool counted) {
	struct tx_stream *s = m->stream;
	buffered_sink(o, s, m->left);
	m->left = 0;
	if (counted)
		outgoing_count_abandoned(o, s);
	else
		s->lost_messages += m->last;
	message_free(o, m);
}

void outgoing_limit_streams(struct outgoing *o, uint16_t streams) {
	uint32_t id = streams;
	for (struct tx_stream *s; o->queued && (s = idmap_next(&o->streams, &id)); id++) {
		for (struct tx_message *m = s->head, *next; m; m = next) {
			next = m->next;
			if (m->cut == 0)
				outgoing_drop(o, m, true);
		}
	}
}

void outgoing_drop_stale(struct outgoing *o, uint64_t rto) {
	uint32_t id = 0;
	for (struct tx_stream *s; o->queued && (s = idmap_next(&o->streams, &id)); id++) {
		for (struct tx_message *m = s->head, *next; m; m = next) {
			next = m->next;
			if (outgoing_stale(o, m, rto))
				outgoing_drop(o, m, true);
		}
	}
}

void outgoing_drop_queued(struct outgoing *o) {
	/* All at once: taken out one by one, each would be searched for in the list. */
	for (; o->unstamped; o->unstamped = o->unstamped->next_unstamped)
		o->unstamped->unstamped = false;
	uint32_t id = 0;
	for (struct tx_stream *s; (o->queued || o->parts) && (s = idmap_next(&o->streams, &id)); id++) {
		for (struct tx_message *m = s->head, *next; m; m = next) {
			next = m->next;
			outgoing_drop(o, m, false);
		}
		if (s->open) {
			s->lost_messages++;
			outgoing_close(o, s);
		}
	}
}

void outgoing_free(struct outgoing *o) {
	outgoing_drop_queued(o);
	o->env->send_held -= o->buffered; /* none, unless a hand-over failed half-way */
	uint32_t id = 0;
	for (struct tx_stream *s; (s = idmap_next(&o->streams, &id)); id++)
		env_free(o->env, s);
	idmap_free(&o->streams);
	env_free(o->env, o->expiry.slots);
}

void outgoing_rest(struct outgoing *o) {
	if (o->expiry.count > 0)
		return;
	env_free(o->env, o->expiry.slots);
	o->expiry = (struct heap){0};
}

/* ---- lifetimes ---- */

void outgoing_stamp(struct outgoing *o, uint64_t now) {
	while (o->unstamped) {
		struct tx_timed *t = o->unstamped;
		o->unstamped = t->next_unstamped;
		t->unstamped = false;
		if (grow_heap(o->env, &o->expiry, o->expiry.count + 1, 64))
			heap_set(&o->expiry, &t->expiry, now + t->message->limit * SLUICE_MS);
	}
}

struct tx_message *outgoing_expired(struct outgoing *o, uint64_t now) {
	struct heap_node *n = heap_min(&o->expiry);
	if (!n || n->key > now)
		return NULL;
	return ((struct tx_timed *)((char *)n - offsetof(struct tx_timed, expiry)))->message;
}

void outgoing_outlive(struct outgoing *o, struct tx_message *m) {
	heap_remove(&o->expiry, &m->timed->expiry);
}

/* ---- hand-over ---- */

enum { LIFETIME_NONE, LIFETIME_WAITS, LIFETIME_RUNS, LIFETIME_OVER };

struct message_fields {
	uint16_t stream;
	bool unordered;
	uint8_t reliability, lifetime;
	uint32_t limit, ppid, len, cut, left, first_tsn, mid;
	uint64_t expiry;
};

static struct message_fields message_describe(const struct tx_message *m) {
	struct message_fields f = {
		.stream = m->stream->id,
		.unordered = m->unordered,
		.reliability = m->reliability,
		.limit = m->limit,
		.ppid = m->ppid,
		.len = m->len,
		.cut = m->cut,
		.left = m->left,
		.first_tsn = m->first_tsn,
		.mid = m->mid,
	};
	if (m->timed) {
		bool runs = m->timed->expiry.index != HEAP_OUT;
		f.lifetime = m->timed->unstamped ? LIFETIME_WAITS : runs ? LIFETIME_RUNS : LIFETIME_OVER;
		f.expiry = runs ? m->timed->expiry.key : 0;
	}
	return f;
}

static void message_fields(struct message_fields *f, struct walk *w) {
	WALK(w, f->stream), WALK(w, f->unordered), WALK(w, f->reliability), WALK(w, f->lifetime), WALK(w, f->limit);
	WALK(w, f->ppid), WALK(w, f->len), WALK(w, f->cut), WALK(w, f->left), WALK(w, f->first_tsn), WALK(w, f->mid);
	WALK(w, f->expiry);
	walk_refuse(w, !outgoing_length_is_valid(f->len) || f->cut > f->len || f->left == 0 || f->left > f->len ||
	                       f->len - f->left > f->cut || f->reliability > SLUICE_PRIORITY_DROP);
}

static void lifetime_resume(struct outgoing *o, struct tx_message *m, const struct message_fields *f) {
	if (!m->timed)
		return;
	uint64_t whole = (uint64_t)f->limit * SLUICE_MS;
	outgoing_stamp(o, f->lifetime == LIFETIME_RUNS && f->expiry > whole ? f->expiry - whole : o->now);
	if (f->lifetime == LIFETIME_OVER)
		outgoing_outlive(o, m);
}

static int message_queue(struct outgoing *o, const struct message_fields *f, const uint8_t *data) {
	sluice_send_info info = {.stream = f->stream,
	                         .unordered = f->unordered,
	                         .reliability = (enum sluice_reliability)f->reliability,
	                         .value = f->limit,
	                         .ppid = f->ppid};
	uint64_t arrivals = o->arrivals;
	if (f->cut == 0) /* its turn is by when it came */
		o->arrivals = serial_unwrap(f->mid, arrivals);
	int error = outgoing_copy(o, &info, data, f->len);
	o->arrivals = arrivals;
	return error;
}

/* The message is queued and cut as it was. */
static struct tx_message *message_read(struct outgoing *o, struct walk *w) {
	struct message_fields f = {0};
	message_fields(&f, w);
	const uint8_t *data = walk_view(w, f.len);
	if (!data)
		return NULL;
	walk_result(w, message_queue(o, &f, data));
	if (w->failed)
		return NULL;
	struct tx_stream *s = outgoing_find(o, f.stream);
	struct tx_message *m = s->tail;
	lifetime_resume(o, m, &f);
	if (f.cut > 0)
		outgoing_cut(o, m, f.cut, f.first_tsn);
	m->first_tsn = f.first_tsn;
	m->mid = f.mid;
	m->left = f.left;
	s->buffered -= f.len - f.left;
	o->buffered -= f.len - f.left;
	o->env->send_held -= f.len - f.left;
	return m;
}

static void message_write(struct tx_message *m, struct walk *w) {
	struct message_fields f = message_describe(m);
	message_fields(&f, w);
	if (w->out && w->at + m->len <= w->size)
		outgoing_gather(m, 0, m->len, w->out + w->at);
	w->at += m->len;
}

struct tx_message *outgoing_walk_message(struct outgoing *o, struct tx_message *m, struct walk *w) {
	if (w->reading)
		return message_read(o, w);
	message_write(m, w);
	return m;
}

/* Messages that wait, and the one that was begun and of which nothing is in flight any more. */
static void queued_write(struct outgoing *o, struct walk *w) {
	uint32_t id = 0;
	for (struct tx_stream *s; (s = idmap_next(&o->streams, &id)); id++)
		for (struct tx_message *m = s->head; m; m = m->next)
			if (m->cut == m->len - m->left) { /* else it went with its chunks */
				walk_more(w, true);
				message_write(m, w);
			}
	walk_more(w, false);
}

static void queued_read(struct outgoing *o, struct walk *w) {
	while (walk_more(w, false)) {
		struct tx_message *m = message_read(o, w);
		walk_refuse(w, m && (m->cut == m->len || m->cut != m->len - m->left));
		if (w->failed && m)
			outgoing_drop(o, m, false);
	}
}

static void stream_walk(struct outgoing *o, struct tx_stream *s, struct walk *w) {
	uint16_t priority = s->sched.priority, weight = s->sched.weight;
	WALK(w, priority), WALK(w, weight), WALK(w, s->reset), WALK(w, s->next_mid[0]), WALK(w, s->next_mid[1]);
	WALK(w, s->next_fsn), WALK(w, s->low), WALK(w, s->high_water), WALK(w, s->lost_messages);
	WALK(w, s->above_low), WALK(w, s->blocked), WALK(w, s->doubtful);
	walk_refuse(w, s->reset > TX_RESET_SENT);
	if (!w->reading)
		return;
	outgoing_set_priority(o, s, priority, weight);
	if ((s->next_mid[0] | s->next_mid[1]) && !s->used)
		outgoing_mark_used(o, s);
	o->drained += s->reset == TX_RESET_WANTED && s->buffered == 0;
}

static void streams_walk(struct outgoing *o, struct walk *w) {
	uint32_t id = 0;
	for (;; id++) {
		struct tx_stream *s = w->reading ? NULL : idmap_next(&o->streams, &id);
		uint16_t number = (uint16_t)id;
		if (!walk_more(w, s != NULL))
			return;
		WALK(w, number);
		if (w->reading && !walk_have(w, s = w->failed ? NULL : outgoing_stream(o, number)))
			return;
		stream_walk(o, s, w);
	}
}

void outgoing_walk_begin(struct outgoing *o, struct walk *w) {
	WALK(w, o->arrivals);
	if (w->reading)
		o->high_water = o->least_water = UINT64_MAX;
}

void outgoing_walk(struct outgoing *o, struct walk *w) {
	uint64_t high_water = o->high_water, least_water = o->least_water;
	WALK(w, high_water), WALK(w, least_water);
	if (w->reading)
		queued_read(o, w);
	else
		queued_write(o, w);
	streams_walk(o, w);
	WALK(w, o->messages), WALK(w, o->payload), WALK(w, o->abandoned);
	if (w->reading) {
		o->high_water = high_water;
		o->least_water = least_water;
	}
}

bool outgoing_check(const struct outgoing *o) {
	uint64_t buffered = 0, begun_left = 0, messages = 0;
	uint32_t id = 0, waiting = 0, drained = 0;
	for (struct tx_stream *s; (s = idmap_next(&o->streams, &id)); id++) {
		buffered += s->buffered;
		uint64_t queued = 0;
		for (struct tx_message *m = s->head; m; m = m->next) {
			queued += m->len - m->cut;
			messages++;
			begun_left += m->begun ? m->len - m->cut : 0;
			if ((m->begun && m != s->head) || (m->reliability == SLUICE_PRIORITY_DROP && !s->may_yield))
				return false;
		}
		if (queued > s->buffered || (s->sched.in + s->aside) != (s->head != NULL))
			return false;
		waiting += s->aside;
		drained += s->reset == TX_RESET_WANTED && s->buffered == 0;
		if ((s->next_mid[0] | s->next_mid[1]) && !s->used)
			return false;
	}
	for (const struct pairing_node *e = o->aside; e; e = e->next)
		waiting--;
	return buffered == o->buffered && begun_left == o->begun_left && messages == o->queued && waiting == 0 &&
	       drained == o->drained && sched_check(&o->sched) && heap_check(&o->expiry);
}
