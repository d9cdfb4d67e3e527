/* service: see its header. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/serve/service.h"

/* A client with this much buffered gets no messages for all: a reader that is too slow must not fill our memory. */
#define TELL_BUFFERED_MAX 262144

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

/* The place of the channel's kind in the table. */
static size_t find_kind(const struct serve *s, const sluice_channel *ch) {
	size_t len, last = s->kind_count - 1;
	const char *label = sluice_channel_label(ch, &len);
	for (size_t i = 0; i < last; i++)
		if (strlen(s->kinds[i]->label) == len && memcmp(s->kinds[i]->label, label, len) == 0)
			return i;
	return last;
}

struct service *service_of(const struct client *c, const struct service_kind *kind) {
	struct service *sv = c->services;
	while (sv && sv->kind != kind)
		sv = sv->next;
	return sv;
}

static unsigned count_of(const struct client *c, const struct service_kind *kind) {
	unsigned n = 0;
	for (const struct service *sv = c->services; sv; sv = sv->next)
		n += sv->kind == kind;
	return n;
}

/* ---- the channel's callbacks ------------------------------------------------------------------------------------- */

/* A channel that came is open at once, and on_open follows all the same. */
static void on_open(sluice_channel *ch, void *user) {
	(void)ch;
	struct service *sv = user;
	bool before = sv->is_open;
	sv->is_open = true;
	if (!before && sv->kind->opened)
		sv->kind->opened(sv);
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	struct service *sv = user;
	sv->client->heard_at = ev_now(sv->client->serve->ev);
	if (sv->kind->message)
		sv->kind->message(sv, m, text);
}

static void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	struct service *sv = user;
	if (sv->kind->writable)
		sv->kind->writable(sv);
}

static void free_service(struct service *sv) {
	struct service **link = &sv->client->services;
	while (*link && *link != sv)
		link = &(*link)->next;
	if (*link)
		*link = sv->next;
	if (sv->held)
		sluice_message_release(sv->held);
	sv->held = NULL;
	if (sv->kind->closed)
		sv->kind->closed(sv);
	free(sv);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	(void)error;
	(void)lost;
	free_service(user);
}

void service_leave_all(struct client *c) {
	for (struct service *sv = c->services; sv; sv = sv->next)
		if (sv->kind->leaving)
			sv->kind->leaving(sv);
}

void service_free_all(struct client *c) {
	while (c->services)
		free_service(c->services);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static struct service *make_service(struct client *c, const struct service_kind *kind) {
	struct service *sv = count_of(c, kind) < kind->limit ? calloc(1, kind->size) : NULL;
	if (!sv)
		return NULL;
	sv->client = c;
	sv->kind = kind;
	sv->next = c->services;
	c->services = sv;
	return sv;
}

static bool may_open(struct client *c, size_t index) {
	const struct service_kind *kind = c->serve->kinds[index];
	if (!kind->opens_at_once || rate_take(&c->opens[index], kind->open_interval, kind->opens_at_once, sluice_now()))
		return true;
	log_warn(&c->serve->log, "peer %u opens '%s' too often", c->number, kind->label);
	return false;
}

void service_accept(struct client *c, sluice_channel *ch) {
	size_t index = c->serve->kind_count ? find_kind(c->serve, ch) : 0;
	struct service *sv = c->serve->kind_count && may_open(c, index) ? make_service(c, c->serve->kinds[index]) : NULL;
	if (!sv) {
		sluice_channel_close(ch);
		return;
	}
	sv->channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, sv);
	on_open(ch, sv);
}

struct service *service_open(struct client *c, const struct service_kind *kind) {
	struct service *sv = make_service(c, kind);
	if (!sv)
		return NULL;
	sluice_channel_config config = {.label = kind->label, .id = -1, .callbacks = callbacks, .user = sv};
	if (sluice_peer_open_channel(c->peer, &config, &sv->channel)) {
		free_service(sv);
		return NULL;
	}
	return sv;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

bool service_say(struct service *sv, json_t *object) {
	char *text = object_dump(object);
	bool sent = text && sluice_channel_send_text(sv->channel, text, strlen(text)) == 0;
	free(text);
	return sent;
}

void service_tell_all(struct serve *s, const struct service_kind *kind, json_t *object) {
	char *text = object_dump(object);
	for (struct client *c = s->clients; text && c; c = c->next) {
		const struct service *sv = service_of(c, kind);
		if (sv && !c->closing && sluice_channel_buffered_amount(sv->channel) < TELL_BUFFERED_MAX)
			sluice_channel_send_text(sv->channel, text, strlen(text));
	}
	free(text);
}

void service_complain(struct service *sv, const char *text) {
	service_say(sv, json_pack("{s:s, s:s}", "type", "error", "text", text));
}

void service_fail(struct service *sv, const char *format, ...) {
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_line(&sv->client->serve->log, "peer %u: %s: %s", sv->client->number, sv->kind->label, text);
	service_complain(sv, text);
	sluice_channel_close(sv->channel);
}

json_t *service_read(sluice_message *m, bool text) {
	const char *data = text && m->len > 0 && m->len <= SERVE_JSON_MAX ? sluice_message_data(m) : NULL;
	return data ? object_parse(data, m->len) : NULL;
}

/* ---- passing on -------------------------------------------------------------------------------------------------- */

static int pass(const struct service *to, sluice_message *m, bool text) {
	const void *data = sluice_message_data(m);
	if (!data)
		return SLUICE_NO_MEMORY;
	return text ? sluice_channel_send_text(to->channel, data, m->len) : sluice_channel_send(to->channel, data, m->len);
}

bool service_forward(struct service *from, const struct service *to, sluice_message *m, bool text) {
	if (from->held)
		return false; /* a paused channel gives none */
	int error = pass(to, m, text);
	if (error != SLUICE_WOULD_BLOCK)
		return error == 0;
	sluice_message_retain(m);
	from->held = m;
	from->held_text = text;
	sluice_channel_pause(from->channel);
	return true;
}

bool service_flush(struct service *from, const struct service *to) {
	if (!from->held)
		return true;
	int error = pass(to, from->held, from->held_text);
	if (error == SLUICE_WOULD_BLOCK)
		return true;
	sluice_message_release(from->held);
	from->held = NULL;
	sluice_channel_resume(from->channel);
	return error == 0;
}
