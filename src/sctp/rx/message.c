#include "sctp/rx/message.h"

#include <string.h>

struct window *window_new(sluice_env *env) {
	struct window *w = env_zalloc(env, sizeof *w);
	if (w) {
		w->env = env;
		w->refs = 1;
		w->limit = UINT64_MAX;
	}
	return w;
}

void window_unref(struct window *w) {
	if (--w->refs == 0)
		env_free(w->env, w);
}

const uint8_t *backing_hold(sluice_env *env, struct backing *b, sluice_slab *slab, const uint8_t *data, size_t len) {
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
	size_t arrays = slices * (sizeof(struct iovec) + sizeof(struct backing));
	struct rx_message *m = env_alloc(w->env, sizeof *m + arrays + inline_bytes);
	if (!m)
		return NULL;
	*m = (struct rx_message){.window = w, .refs = 1};
	rx_message_charge(m, (uint32_t)env_cost(m));
	m->iov = (struct iovec *)(m + 1);
	m->backing = (struct backing *)(m->iov + slices);
	m->public.iov = m->iov;
	m->public.count = slices;
	m->public.first = m->public.last = true;
	m->event.type = SLUICE_SCTP_MESSAGE;
	if (inline_data)
		*inline_data = (uint8_t *)(m->backing + slices);
	w->refs++;
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
	bigger->charge += m->charge - (uint32_t)env_cost(m);
	window_discharge(w, env_cost(m));
	w->refs--;
	env_free(w->env, m);
	return bigger;
}

static void free_message(struct rx_message *m) {
	struct window *w = m->window;
	sluice_env *env = w->env;
	size_t slices = (size_t)((char *)m->backing - (char *)m->iov) / sizeof(struct iovec);
	for (size_t i = 0; i < slices; i++)
		backing_release(env, m->backing[i]);
	env_free(env, m->flat);
	window_discharge(w, m->charge);
	w->payload -= m->public.len;
	if (m->delivered) {
		w->with_app -= m->charge;
		w->consumed += m->public.len;
	}
	env_free(env, m);
	if (w->opened)
		w->opened(w->owner);
	window_unref(w);
}

void sluice_message_retain(sluice_message *message) {
	((struct rx_message *)message)->refs++;
}

void sluice_message_release(sluice_message *message) {
	struct rx_message *m = (struct rx_message *)message;
	if (m && --m->refs == 0)
		free_message(m);
}

static void charge_flat(struct rx_message *m) {
	uint32_t cost = (uint32_t)env_cost(m->flat);
	rx_message_charge(m, cost);
	if (m->delivered)
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
