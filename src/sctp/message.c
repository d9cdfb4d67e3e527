#include "sctp/message.h"

#include <string.h>

struct window *window_new(sluice_env *env) {
	struct window *w = env_zalloc(env, sizeof *w);
	if (w) {
		w->env = env;
		w->refs = 1;
	}
	return w;
}

void window_unref(struct window *w) {
	if (--w->refs == 0)
		env_free(w->env, w);
}

struct rx_message *rx_message_new(struct window *w, size_t slices, size_t inline_bytes, uint8_t **inline_data) {
	size_t arrays = slices * (sizeof(struct iovec) + sizeof(struct backing));
	struct rx_message *m = env_alloc(w->env, sizeof *m + arrays + inline_bytes);
	if (!m)
		return NULL;
	*m = (struct rx_message){.window = w, .refs = 1};
	m->iov = (struct iovec *)(m + 1);
	m->backing = (struct backing *)(m->iov + slices);
	m->public.iov = m->iov;
	m->public.count = slices;
	m->event.type = SLUICE_SCTP_MESSAGE;
	if (inline_data)
		*inline_data = (uint8_t *)(m->backing + slices);
	w->refs++;
	return m;
}

void rx_message_charge(struct rx_message *m, uint32_t bytes) {
	m->charge = bytes;
	m->window->held += bytes;
}

static void free_message(struct rx_message *m) {
	struct window *w = m->window;
	sluice_env *env = w->env;
	size_t slices = (size_t)((char *)m->backing - (char *)m->iov) / sizeof(struct iovec);
	for (size_t i = 0; i < slices; i++)
		backing_release(env, m->backing[i]);
	env_free(env, m->flat);
	w->held -= m->charge;
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
	for (size_t i = 0; at && i < message->count; i++) {
		memcpy(at, message->iov[i].iov_base, message->iov[i].iov_len);
		at += message->iov[i].iov_len;
	}
	return m->flat;
}
