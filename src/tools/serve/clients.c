/* clients: see its header. */
#include "tools/serve/clients.h"

#include <string.h>

struct client *clients_find(struct serve *s, const char *token) {
	struct client *c = s->clients;
	while (c && (c->closing || strcmp(c->token, token)))
		c = c->next;
	return c;
}

struct client *clients_by_number(struct serve *s, uint32_t number) {
	struct client *c = s->clients;
	while (c && (c->closing || !c->connected || c->number != number))
		c = c->next;
	return c;
}

unsigned clients_count(const struct serve *s, uint64_t key, bool pending) {
	unsigned count = 0;
	for (const struct client *c = s->clients; c; c = c->next)
		count += c->key == key && !(pending && c->connected);
	return count;
}

struct client *clients_oldest_pending(struct serve *s) {
	struct client *oldest = NULL;
	for (struct client *c = s->clients; c; c = c->next)
		if (!c->connected && (!oldest || c->made_at < oldest->made_at))
			oldest = c;
	return oldest;
}

void clients_add(struct serve *s, struct client *c) {
	c->next = s->clients;
	s->clients = c;
	s->client_count++;
}

void clients_remove(struct client *c) {
	struct client **link = &c->serve->clients;
	while (*link && *link != c)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = c->next;
	c->serve->client_count--;
}
