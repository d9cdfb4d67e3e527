/* service: a channel of a client and what it means. The label says which kind of service it is; the kinds are a table that
 * serve.c makes (struct serve). */
#ifndef TOOLS_SERVE_SERVICE_H
#define TOOLS_SERVE_SERVICE_H

#include "tools/object.h"
#include "tools/serve/clients.h"

/* Each kind puts its own fields behind this. */
struct service {
	struct service *next;
	struct client *client;
	sluice_channel *channel;
	const struct service_kind *kind;
	sluice_message *held; /* a message that could not be passed on yet; the channel is paused meanwhile */
	bool held_text, is_open;
};

struct service_kind {
	const char *label;
	size_t size;
	unsigned opens_at_once;             /* by the other side; 0: as often as it likes */
	uint64_t open_interval;             /* then one each so many ns */
	unsigned limit;                     /* of one client at once */
	void (*opened)(struct service *sv); /* once, before everything else; it may send from here on */
	void (*message)(struct service *sv, sluice_message *m, bool text);
	void (*writable)(struct service *sv);
	/* Its client is being closed; the channel is still there. */
	void (*leaving)(struct service *sv);
	/* Frees what it holds. The channel is gone or going; other services of the client may be gone already. */
	void (*closed)(struct service *sv);
};

/* A channel came: finds its kind by the label. */
void service_accept(struct client *c, sluice_channel *ch);
/* Opens one from here. NULL: no memory, or the limit. */
struct service *service_open(struct client *c, const struct service_kind *kind);
/* The client's service of that kind, or NULL. */
struct service *service_of(const struct client *c, const struct service_kind *kind);
/* The client is being closed. */
void service_leave_all(struct client *c);
/* The client goes without its channels' farewell. */
void service_free_all(struct client *c);

/* Sends the object and drops it. False when it did not go. */
bool service_say(struct service *sv, json_t *object);
/* The same object to every client that has a service of that kind. A client with too much buffered is left out. */
void service_tell_all(struct serve *s, const struct service_kind *kind, json_t *object);
/* {"type":"error","text":...}; the channel stays open. */
void service_complain(struct service *sv, const char *text);
/* The same, then the channel closes. */
__attribute__((format(printf, 2, 3))) void service_fail(struct service *sv, const char *format, ...);
/* The JSON object of a text message, or NULL. */
json_t *service_read(sluice_message *m, bool text);

/* Passes a message on from one service to another (or the same). Where that is full, the channel is paused until
 * service_flush(from, to), to be called when `to` is writable. False when it cannot be passed on at all. */
bool service_forward(struct service *from, const struct service *to, sluice_message *m, bool text);
bool service_flush(struct service *from, const struct service *to);

/* ---- the kinds, each in the file of its name; upload and download in files.c ---- */

extern const struct service_kind chat_kind, stats_kind, throughput_kind, files_kind, upload_kind, download_kind, relay_kind,
	echo_kind;

/* Takes a name for a client: UTF-8, cut to what fits, without characters that do not print. False when nothing is left of it. */
bool chat_set_name(struct client *c, const char *name);

#endif
