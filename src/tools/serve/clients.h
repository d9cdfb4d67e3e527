/* clients: the list of those who are connected, or about to be. */
#ifndef TOOLS_SERVE_CLIENTS_H
#define TOOLS_SERVE_CLIENTS_H

#include "base/rate.h"
#include "tools/serve/serve.h"

/* One peer connection. */
struct client {
	struct client *next;
	struct serve *serve;
	char token[33]; /* names it in its URL; not to be guessed */
	uint32_t number;
	uint64_t key;  /* the address of its offer, as guard.h counts */
	char name[64]; /* in the chat; UTF-8 */
	sluice_peer *peer;
	struct service *services;
	struct forward_member *member; /* of a room of audio and video; NULL: of none */
	/* Who waits for the end of gathering, and the function that wakes it. NULL: nobody. */
	void *waiting;
	void (*wake)(void *waiting);
	double made_at, heard_at, closing_at;
	bool connected, closing;
	/* Recent chat lines; the number falls with time. It and the rates belong to the client and not to a channel, which
	 * could be closed and opened again. */
	double said;
	struct rate changes, reports;
	struct rate opens[SERVE_KINDS_MAX]; /* by kind */
};

struct client *clients_find(struct serve *s, const char *token);
struct client *clients_by_number(struct serve *s, uint32_t number);
/* Peers of that address; pending: only those that have not connected. */
unsigned clients_count(const struct serve *s, uint64_t key, bool pending);
/* The one that has been about to connect for the longest time, or NULL. */
struct client *clients_oldest_pending(struct serve *s);
void clients_add(struct serve *s, struct client *c);
void clients_remove(struct client *c);

#endif
