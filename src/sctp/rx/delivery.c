#include "sctp/rx/delivery.h"

#include "base/serial.h"

void delivery_init(struct delivery *d, sluice_env *env, struct event_queue *events) {
	*d = (struct delivery){.env = env, .events = events, .streams = {.env = env}};
}

static struct rx_stream *stream_new(struct delivery *d, uint16_t id) {
	struct rx_stream *s = env_zalloc(d->env, sizeof *s);
	if (!s)
		return NULL;
	s->id = id;
	s->partial = d->partial;
	s->next = s->unordered_mid = SERIAL_ORIGIN;
	return s;
}

struct rx_stream *delivery_stream_make(struct delivery *d, uint16_t id) {
	struct rx_stream *s = stream_new(d, id);
	if (!s)
		return NULL;
	uint32_t tables = d->streams.cost;
	if (!idmap_set(&d->streams, id, s)) {
		env_free(d->env, s);
		return NULL;
	}
	s->fresh = (uint16_t)(env_cost(s) + d->streams.cost - tables);
	return s;
}

static struct rx_message *of_node(struct pairing_node *n) {
	return (struct rx_message *)((char *)n - offsetof(struct rx_message, pending));
}

/* Messages that are next leave, in order, and those up to `number` even where one before them is missing. */
static void flush(struct delivery *d, struct rx_stream *s, uint64_t number) {
	while (s->pending && s->pending->key <= number) {
		struct rx_message *m = of_node(pairing_take(&s->pending));
		if (m->pending.key < s->next) {
			/* Two messages with one number: the peer's mistake. One of them stands. */
			sluice_message_release(&m->public);
			continue;
		}
		s->next = m->pending.key + 1;
		delivery_unordered(d, m);
		if (number < s->next)
			number = s->next;
	}
}

void delivery_part(struct delivery *d, struct rx_message *m) {
	m->event.type = SLUICE_SCTP_MESSAGE_PART;
	d->messages += m->public.last && !m->public.error;
	d->payload += m->public.len;
	rx_message_delivered(m);
	event_push(d->events, &m->event);
}

void delivery_reserve_end(struct rx_message *end, const sluice_message *part) {
	sluice_message *m = &end->public;
	m->stream = part->stream;
	m->unordered = part->unordered;
	m->ppid = part->ppid;
	m->first = false;
	m->offset = part->offset + part->len;
}

void delivery_cut_off(struct delivery *d, struct rx_message *end, int error) {
	end->public.error = error;
	if (error)
		delivery_part(d, end);
	else
		sluice_message_release(&end->public);
}

void delivery_done(struct delivery *d, struct rx_stream *s, uint64_t number) {
	if (s->next == number) /* else the peer gave the number twice */
		s->next++;
	if (s->pending)
		flush(d, s, s->next);
}

void delivery_ordered_any(struct delivery *d, struct rx_stream *s, struct rx_message *m, uint64_t number) {
	if (number == s->next) {
		delivery_unordered(d, m);
		delivery_done(d, s, number);
	} else if (number > s->next) {
		pairing_add(&s->pending, &m->pending, number);
	} else {
		sluice_message_release(&m->public);
	}
}

void delivery_skip(struct delivery *d, struct rx_stream *s, uint64_t number) {
	/* Complete messages at or below the skipped number are delivered, in order; only what is missing is not waited for. */
	flush(d, s, number);
	if (s->next <= number)
		s->next = number + 1;
	flush(d, s, s->next);
}

static void drop_pending(struct rx_stream *s) {
	while (s->pending)
		sluice_message_release(&of_node(pairing_take(&s->pending))->public);
}

static void reset_event(struct delivery *d, struct rx_stream *s) {
	s->reset = (struct event_node){.type = SLUICE_SCTP_RESET_IN, .stream = s->id};
	event_push(d->events, &s->reset);
	d->resets++;
}

void delivery_reset(struct delivery *d, struct rx_stream *s) {
	idmap_remove(&d->streams, s->id);
	drop_pending(s);
	reset_event(d, s);
}

int delivery_reset_unused(struct delivery *d, uint16_t id) {
	struct rx_stream *s = stream_new(d, id);
	if (!s)
		return SLUICE_NO_MEMORY;
	reset_event(d, s);
	return 0;
}

void delivery_reset_told(struct delivery *d, struct event_node *n) {
	d->resets--;
	env_free(d->env, (char *)n - offsetof(struct rx_stream, reset));
}

void delivery_renumber(struct delivery *d) {
	uint32_t id = 0;
	for (struct rx_stream *s; (s = idmap_next(&d->streams, &id)); id++) {
		flush(d, s, UINT64_MAX);
		s->next = s->unordered_mid = SERIAL_ORIGIN;
		s->unordered_next = 0;
		if (s->partial != d->partial) /* the app has set it, until the stream is reset */
			continue;
		idmap_remove(&d->streams, s->id);
		env_free(d->env, s);
	}
}

void delivery_free(struct delivery *d) {
	uint32_t id = 0;
	for (struct rx_stream *s; (s = idmap_next(&d->streams, &id)); id++) {
		drop_pending(s);
		env_free(d->env, s);
	}
	idmap_free(&d->streams);
}

void delivery_count(const struct delivery *d, uint64_t *charge, uint64_t *payload) {
	uint32_t id = 0;
	for (const struct rx_stream *s; (s = idmap_next(&d->streams, &id)); id++) {
		for (struct pairing_node *n = s->pending; n; n = (struct pairing_node *)pairing_next(n)) {
			*charge += of_node(n)->charge;
			*payload += of_node(n)->public.len;
		}
	}
}

/* ---- hand-over ---- */

static void pending_walk(struct rx_stream *s, struct window *window, struct walk *w) {
	struct pairing_node *n = w->reading ? NULL : s->pending;
	for (; walk_more(w, n != NULL); n = n ? (struct pairing_node *)pairing_next(n) : NULL) {
		uint64_t number = n ? n->key : 0;
		WALK(w, number);
		walk_refuse(w, number <= s->next);
		struct rx_message *m = w->failed ? NULL : rx_message_walk(n ? of_node(n) : NULL, window, w);
		if (w->reading && m)
			pairing_add(&s->pending, &m->pending, number);
	}
}

static void stream_walk(struct rx_stream *s, struct window *window, struct walk *w) {
	WALK(w, s->next), WALK(w, s->unordered_mid), WALK(w, s->unordered_next), WALK(w, s->partial);
	walk_refuse(w, s->next < SERIAL_ORIGIN || s->next > UINT64_MAX / 2 || s->unordered_mid > UINT64_MAX / 2);
	pending_walk(s, window, w);
}

/* The stream whose fields come next: the one that is written, or the one that was read, made anew. NULL: there is no memory, or
 * the walk has failed. */
static struct rx_stream *next_stream(struct delivery *d, struct rx_stream *written, uint16_t id, struct walk *w) {
	if (!w->reading)
		return written;
	struct rx_stream *made = w->failed ? NULL : delivery_stream(d, id);
	return !w->failed && walk_have(w, made) ? made : NULL;
}

void delivery_walk(struct delivery *d, struct window *window, struct walk *w) {
	for (uint32_t at = 0;; at++) {
		struct rx_stream *written = w->reading ? NULL : idmap_next(&d->streams, &at);
		if (!walk_more(w, written != NULL))
			return;
		uint16_t id = (uint16_t)at;
		WALK(w, id);
		struct rx_stream *s = next_stream(d, written, id, w);
		if (!s)
			return;
		stream_walk(s, window, w);
	}
}
