/* chat: the channel "chat", one room for all who are connected.
 *
 *   to us    {"type":"name","name":"Ann"}       what to be called
 *            {"type":"say","text":"hello"}
 *   from us  {"type":"welcome","you":3,"name":"guest 3"}
 *            {"type":"people","people":[{"id":3,"name":"guest 3"},...]}   soon after a change
 *            {"type":"said","from":3,"name":"Ann","text":"hello"}         to all, the one who said it included
 *            {"type":"error","text":"..."}                                what came was not taken */
#include <string.h>

#include "base/text.h"
#include "tools/serve/service.h"

#define TEXT_MAX 4000

/* A client may say this many lines at once, and this many a second in the long run. */
#define LINES_AT_ONCE 20.
#define LINES_A_SECOND 5.
/* Between a change of who is here and the list that says so. Whoever comes and goes often makes no more lists than that. */
#define PEOPLE_SECONDS 0.1

struct chat {
	struct service service;
	double counted_at; /* when client->said was brought up to date */
};

static void tell_people(struct serve *s) {
	json_t *people = json_array();
	for (const struct client *c = s->clients; c; c = c->next)
		if (!c->closing && service_of(c, &chat_kind))
			json_array_append_new(people, json_pack("{s:i, s:s}", "id", (int)c->number, "name", c->name));
	service_tell_all(s, &chat_kind, json_pack("{s:s, s:o}", "type", "people", "people", people));
}

/* Somebody came, went or has another name. */
static void people_changed(struct serve *s) {
	telling_start(&s->people, s, s->ev, tell_people, PEOPLE_SECONDS);
}

bool chat_set_name(struct client *c, const char *name) {
	char clean[sizeof c->name] = "";
	size_t len = 0;
	while (*name == ' ')
		name++;
	for (const char *at = name, *end = name + strlen(name); at < end; name = at) {
		uint32_t letter = text_next(&at, end);
		size_t n = (size_t)(at - name);
		if (!text_is_plain(letter) || letter == TEXT_REPLACEMENT)
			continue;
		if (n >= sizeof clean - len)
			break;
		memcpy(clean + len, name, n);
		len += n;
	}
	while (len > 0 && clean[len - 1] == ' ')
		len--;
	if (len == 0)
		return false;
	memcpy(c->name, clean, len);
	c->name[len] = 0;
	return true;
}

static void chat_opened(struct service *sv) {
	struct chat *chat = (struct chat *)sv;
	struct client *c = sv->client;
	chat->counted_at = ev_now(c->serve->ev);
	service_say(sv, json_pack("{s:s, s:i, s:s}", "type", "welcome", "you", (int)c->number, "name", c->name));
	people_changed(c->serve);
}

static bool may_speak(struct chat *chat) {
	struct client *c = chat->service.client;
	double now = ev_now(c->serve->ev);
	c->said -= (now - chat->counted_at) * LINES_A_SECOND;
	chat->counted_at = now;
	if (c->said < 0)
		c->said = 0;
	if (c->said >= LINES_AT_ONCE)
		return false;
	c->said += 1;
	return true;
}

static void say_to_all(struct service *sv, const char *text) {
	struct client *c = sv->client;
	if (strlen(text) > TEXT_MAX)
		service_complain(sv, "this is too long to be said at once");
	else if (*text)
		service_tell_all(
			c->serve, &chat_kind,
			json_pack("{s:s, s:i, s:s, s:s}", "type", "said", "from", (int)c->number, "name", c->name, "text", text));
}

static void chat_message(struct service *sv, sluice_message *m, bool text) {
	json_t *object = service_read(m, text);
	const char *type = object_type(object);
	if (!may_speak((struct chat *)sv))
		service_complain(sv, "not so fast");
	else if (strcmp(type, "say") == 0)
		say_to_all(sv, object_text(object, "text"));
	else if (strcmp(type, "name") == 0 && chat_set_name(sv->client, object_text(object, "name")))
		people_changed(sv->client->serve);
	else
		service_complain(sv, "this was not understood");
	json_decref(object);
}

static void people_left(struct service *sv) {
	people_changed(sv->client->serve);
}

const struct service_kind chat_kind = {
	.label = "chat",
	.size = sizeof(struct chat),
	.opens_at_once = 5,
	.open_interval = SLUICE_S,
	.limit = 1,
	.opened = chat_opened,
	.message = chat_message,
	.leaving = people_left,
	.closed = people_left,
};
