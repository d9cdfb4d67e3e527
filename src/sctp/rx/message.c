#include "sctp/rx/message.h"

#include <string.h>

struct window *message_window_new(sluice_env *env) {
	struct window *w = env_zalloc(env, sizeof *w);
	if (w) {
		w->env = env;
		w->refs = 1;
		w->limit = UINT64_MAX;
	}
	return w;
}

void message_window_unref(struct window *w) {
	if (--w->refs == 0)
		env_free(w->env, w);
}

const uint8_t *message_backing_hold(sluice_env *env, struct backing *b, sluice_slab *slab, const uint8_t *data, size_t len) {
	*b = (struct backing){0};
	if (!backing_copies(slab, len)) {
		slab_ref(slab);
		b->slab = slab;
		return data;
	}
	b->block = env_alloc(env, len);
	return b->block ? memcpy(b->block, data, len) : NULL;
}

struct rx_message *rx_message_new(struct window *w, size_t slices, size_t inline_bytes, uint8_t **inline_data) {
	struct rx_message *m = env_alloc(w->env, sizeof *m + slices * SLICE_COST + inline_bytes);
	if (!m)
		return NULL;
	rx_message_init(m, w, slices);
	if (inline_data)
		*inline_data = (uint8_t *)(m->backing + slices);
	return m;
}

struct rx_message *rx_message_grow(struct window *w, struct rx_message *m, size_t slices) {
	struct rx_message *bigger = rx_message_new(w, slices, 0, NULL);
	if (!bigger)
		return NULL;
	size_t used = m ? m->public.count : 0;
	memset(bigger->backing + used, 0, (slices - used) * sizeof *bigger->backing);
	bigger->public.count = used;
	if (!m)
		return bigger;
	memcpy(bigger->iov, m->iov, used * sizeof *m->iov);
	memcpy(bigger->backing, m->backing, used * sizeof *m->backing);
	bigger->public.len = m->public.len;
	bigger->charge += m->charge - env_cost(m);
	window_discharge(w, env_cost(m));
	w->refs--;
	env_free(w->env, m);
	return bigger;
}

void rx_message_empty(struct rx_message *m) {
	m->window->payload -= m->public.len;
	m->window->consumed += m->public.len;
	m->public.len = m->public.count = 0;
}

static void free_message(struct rx_message *m) {
	struct window *w = m->window;
	sluice_env *env = w->env;
	for (uint32_t i = 0; i < m->slices; i++)
		backing_release(env, m->backing[i]);
	if (m->flat)
		env_free(env, m->flat);
	window_discharge(w, m->charge);
	w->payload -= m->public.len;
	if (m->refs & MESSAGE_DELIVERED) {
		w->with_app -= m->charge;
		w->consumed += m->public.len;
	}
	env_free(env, m);
	if (w->opened)
		w->opened(w->owner);
	message_window_unref(w);
}

void sluice_message_retain(sluice_message *message) {
	((struct rx_message *)message)->refs += MESSAGE_REF;
}

void sluice_message_release(sluice_message *message) {
	struct rx_message *m = (struct rx_message *)message;
	if (m && (m->refs -= MESSAGE_REF) < MESSAGE_REF)
		free_message(m);
}

static void charge_flat(struct rx_message *m) {
	uint64_t cost = env_cost(m->flat);
	rx_message_charge(m, cost);
	if (m->refs & MESSAGE_DELIVERED)
		m->window->with_app += cost;
}

const void *sluice_message_data(sluice_message *message) {
	struct rx_message *m = (struct rx_message *)message;
	if (message->len == 0)
		return m;
	if (message->count == 1)
		return message->iov[0].iov_base;
	if (m->flat)
		return m->flat;
	uint8_t *at = env_alloc(m->window->env, message->len);
	m->flat = at;
	if (!at)
		return NULL;
	for (size_t i = 0; i < message->count; i++) {
		memcpy(at, message->iov[i].iov_base, message->iov[i].iov_len);
		at += message->iov[i].iov_len;
	}
	charge_flat(m);
	return m->flat;
}

/* ---- hand-over ---- */

/* What the app sees of a message beside its bytes. */
static void walk_public(sluice_message *m, struct walk *w) {
	uint64_t len = m->len;
	WALK(w, m->stream), WALK(w, m->ppid), WALK(w, m->error), WALK(w, m->offset), WALK(w, len);
	WALK(w, m->unordered), WALK(w, m->first), WALK(w, m->last);
	m->len = (size_t)len;
}

static void message_write(struct rx_message *m, struct walk *w) {
	sluice_message f = m->public;
	WALK(w, m->event.type);
	walk_public(&f, w);
	for (size_t i = 0; i < f.count; i++)
		walk_bytes(w, f.iov[i].iov_base, f.iov[i].iov_len);
}

/* The bytes stand in one slice, in the message itself. */
static struct rx_message *message_read(struct window *window, struct walk *w) {
	sluice_message f = {0};
	uint8_t type = 0, *data;
	WALK(w, type);
	walk_public(&f, w);
	walk_refuse(w, f.len > UINT32_MAX || (type != SLUICE_SCTP_MESSAGE && type != SLUICE_SCTP_MESSAGE_PART));
	if (w->failed || !walk_room(w, f.len))
		return NULL;
	struct rx_message *m = rx_message_new(window, f.len > 0, f.len, &data);
	if (!walk_have(w, m))
		return NULL;
	f.iov = m->public.iov;
	f.count = m->public.count;
	m->public = f;
	m->event.type = type;
	if (f.len) {
		m->iov[0] = (struct iovec){data, f.len};
		m->backing[0] = (struct backing){0};
		walk_bytes(w, data, f.len);
	}
	window->payload += f.len;
	return m;
}

struct rx_message *rx_message_walk(struct rx_message *m, struct window *window, struct walk *w) {
	if (w->reading)
		return message_read(window, w);
	message_write(m, w);
	return m;
}
