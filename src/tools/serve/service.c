/* service: what does a channel mean, by its label? Also what all kinds share: JSON messages, passing messages on. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/serve/serve.h"

/* A text for many is left out for whoever has this much buffered: a reader that is too slow must not fill our memory. */
#define TELL_BUFFERED_MAX 262144

/* ---- the echo ---------------------------------------------------------------------------------------------------- */

static void echo_message(struct service *sv, sluice_message *m, bool text) {
	if (!service_forward(sv, sv, m, text))
		sluice_channel_close(sv->channel);
}

static void echo_writable(struct service *sv) {
	if (!service_flush(sv, sv))
		sluice_channel_close(sv->channel);
}

static const struct service_kind echo_kind = {
	.label = "echo",
	.size = sizeof(struct service),
	.index = SERVICE_ECHO,
	.limit = SERVE_CHANNELS_MAX,
	.message = echo_message,
	.writable = echo_writable,
};

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

static const struct service_kind *kind_of(const sluice_channel *ch) {
	static const struct service_kind *const kinds[] = {
		&chat_kind, &stats_kind, &throughput_kind, &files_kind, &upload_kind, &download_kind, &relay_kind,
	};
	size_t len;
	const char *label = sluice_channel_label(ch, &len);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i]->label) == len && memcmp(kinds[i]->label, label, len) == 0)
			return kinds[i];
	return &echo_kind;
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

static void service_free(struct service *sv) {
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
	service_free(user);
}

void services_free(struct client *c) {
	while (c->services)
		service_free(c->services);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

static struct service *make(struct client *c, const struct service_kind *kind) {
	struct service *sv = count_of(c, kind) < kind->limit ? calloc(1, kind->size) : NULL;
	if (!sv)
		return NULL;
	sv->client = c;
	sv->kind = kind;
	sv->next = c->services;
	c->services = sv;
	return sv;
}

static bool may_open(struct client *c, const struct service_kind *kind) {
	if (!kind->opens_at_once || rate_take(&c->opens[kind->index], kind->open_interval, kind->opens_at_once, sluice_now()))
		return true;
	serve_warn(c->serve, "peer %u opens '%s' too often", c->number, kind->label);
	return false;
}

void service_accept(struct client *c, sluice_channel *ch) {
	const struct service_kind *kind = kind_of(ch);
	struct service *sv = may_open(c, kind) ? make(c, kind) : NULL;
	if (!sv) {
		sluice_channel_close(ch);
		return;
	}
	sv->channel = ch;
	sluice_channel_set_callbacks(ch, &callbacks, sv);
	on_open(ch, sv);
}

struct service *service_open(struct client *c, const struct service_kind *kind) {
	struct service *sv = make(c, kind);
	if (!sv)
		return NULL;
	sluice_channel_config config = {.label = kind->label, .id = -1, .callbacks = callbacks, .user = sv};
	if (sluice_peer_open_channel(c->peer, &config, &sv->channel)) {
		service_free(sv);
		return NULL;
	}
	return sv;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

bool service_say(struct service *sv, json_t *object) {
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	bool sent = text && sluice_channel_send_text(sv->channel, text, strlen(text)) == 0;
	free(text);
	return sent;
}

void services_tell(struct serve *s, const struct service_kind *kind, json_t *object) {
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	for (struct client *c = s->clients; text && c; c = c->next) {
		const struct service *sv = service_of(c, kind);
		if (sv && !c->closing && sluice_channel_buffered_amount(sv->channel) < TELL_BUFFERED_MAX)
			sluice_channel_send_text(sv->channel, text, strlen(text));
	}
	free(text);
}

void service_fail(struct service *sv, const char *format, ...) {
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	serve_log(sv->client->serve, "peer %u: %s: %s", sv->client->number, sv->kind->label, text);
	service_say(sv, json_pack("{s:s, s:s}", "type", "error", "text", text));
	sluice_channel_close(sv->channel);
}

json_t *service_read(sluice_message *m, bool text) {
	const char *data = text && m->len > 0 && m->len <= SERVE_JSON_MAX ? sluice_message_data(m) : NULL;
	json_t *object = data ? json_loadb(data, m->len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

const char *message_text(const json_t *object, const char *key) {
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

const char *message_type(const json_t *object) {
	return message_text(object, "type");
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
