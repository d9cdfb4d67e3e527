/* serve: what `sluice serve` is made of.
 *
 *   serve.c           the command line, setting up, Ctrl-C
 *   http.c      HTTP: pages, offers in and answers out, rooms. The only file that knows libmicrohttpd
 *   origin.c    is a request for this server, and from a page of its own?
 *   guard.c     what one address may have of the server
 *   pages.c     the files that a browser gets
 *   rooms.c     mailboxes for two ends that meet here
 *   clients.c   the connected: made of an offer, limited, ended
 *   service.c   their channels: which label means what; the echo
 *   chat.c      "chat"
 *   stats.c     "stats"
 *   throughput.c  "throughput"
 *   files.c     "files", "upload", "download"
 *   store.c     the folder behind those
 *   relay.c     "relay": a file from one browser to another
 *
 * Everything runs on one libev loop, without a thread. The channels' messages are described where they are handled; text
 * messages are JSON objects with a "type", binary ones are content. */
#ifndef TOOLS_SERVE_H
#define TOOLS_SERVE_H

#include <jansson.h>

#include "base/rate.h"
#include "loop/ev.h"
#include "sluice.h"
#include "tools/tools.h"

/* ---- limits: what a stranger can make us hold --------------------------------------------------------------------- */

#define SERVE_BODY_MAX 65536      /* bytes of one HTTP body */
#define SERVE_JSON_MAX 16384      /* bytes of one JSON message on a channel */
#define SERVE_CONNECT_SECONDS 30. /* for a peer to connect; then it goes */
#define SERVE_CLOSE_SECONDS 3.    /* for its orderly end */
#define SERVE_GATHER_SECONDS 2.   /* at most, before an answer leaves */
#define SERVE_CHANNELS_MAX 512    /* of one peer */
#define SERVE_PATIENCE_SECONDS 5. /* then a peer that did not connect gives way to another offer, if there is no place left */
/* Of one peer: requests at its URL (candidates, offers). A browser may send each of its candidates alone. */
#define SERVE_CHANGES_AT_ONCE 64
#define SERVE_CHANGE_INTERVAL (62 * SLUICE_MS)
#define SERVE_NAMES_MAX 16 /* of --host, and three of our own */

struct http;
struct rooms;
struct store;
struct request;
struct client;

struct serve_options {
	uint16_t port; /* UDP; 0: any */
	struct sockaddr_storage http, bind;
	socklen_t http_len, bind_len; /* bind_len 0: every IPv4 address */
	const char *files, *web, *cors;
	bool lite, loopback, verbose;
	const char *hosts[SERVE_NAMES_MAX - 3]; /* more names of this server */
	size_t host_count;
	uint64_t max_peers, per_address, max_upload, quota;
	double idle; /* seconds */
};

/* Something that all listeners hear, soon after the first of several changes: each would make a message to each. */
struct telling {
	struct serve *serve;
	void (*tell)(struct serve *s);
	ev_timer timer;
};

struct serve {
	const struct serve_options *options;
	sluice_env *env;
	sluice_loop *loop;
	struct ev_loop *ev;
	sluice_certificate *certificate;
	sluice_endpoint *endpoint;
	struct http *http;
	struct store *store; /* NULL without --files */
	struct client *clients;
	uint64_t client_count;
	uint32_t next_number;
	const char *names[SERVE_NAMES_MAX]; /* that requests may be for */
	size_t name_count;
	char host_name[256], local_name[262];
	struct rate warnings;
	unsigned unsaid; /* warnings */
	struct telling people, files;
	ev_timer tick, stats_tick;
	ev_signal on_int, on_term;
};

/* With --verbose: a line to stderr. */
__attribute__((format(printf, 2, 3))) void serve_log(const struct serve *s, const char *format, ...);

/* Without --verbose too, but not often: somebody ran into a limit. */
__attribute__((format(printf, 2, 3))) void serve_warn(struct serve *s, const char *format, ...);
/* A quarter of what one address may have: of peers that have not connected yet, of rooms. */
unsigned serve_share(const struct serve *s);
void telling_start(struct telling *t, struct serve *s, void (*tell)(struct serve *s), double seconds);

/* ---- http.c ---- */

/* Listens, or complains and returns NULL. */
struct http *http_new(struct serve *s);
void http_free(struct http *h);
uint16_t http_port(const struct http *h);
/* Once a second. */
void http_tick(struct http *h);
/* What a request waits for may have come. */
void http_wake(struct request *r);

/* ---- clients.c ---- */

/* Those that are told by their label have a limit of how often they are opened; the echo has none. */
enum service_index {
	SERVICE_CHAT,
	SERVICE_STATS,
	SERVICE_THROUGHPUT,
	SERVICE_FILES,
	SERVICE_UPLOAD,
	SERVICE_DOWNLOAD,
	SERVICE_RELAY,
	SERVICE_ECHO,
	SERVICES,
};

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
	struct request *waiting; /* for the end of gathering */
	double made_at, heard_at, closing_at;
	bool connected, closing;
	double said; /* chat lines of late; leaks away */
	/* Of the peer, not of its channels: they can be closed and opened again. */
	struct rate changes, reports, opens[SERVICES];
};

/* Why an offer was refused: HTTP's status, and a sentence. */
struct refusal {
	unsigned status, line; /* of the description, 0: not about a line */
	bool limit;            /* worth a line in the log */
	char text[256];
};

/* NULL: refused. key: of the address that the offer came from. */
struct client *client_new(struct serve *s, uint64_t key, const char *offer, size_t len, struct refusal *why);
/* May it send another offer or candidates now? Counts them. */
bool client_may_change(struct client *c);
/* A later offer of the same client, as an ICE restart makes it. */
bool client_renegotiate(struct client *c, const char *offer, size_t len, struct refusal *why);
/* Candidates in SDP's lines, RFC 8840's application/trickle-ice-sdpfrag. */
bool client_candidates(struct client *c, const char *lines, size_t len, struct refusal *why);
bool client_is_gathered(const struct client *c);
/* The length, or below 0. */
int client_answer(const struct client *c, char *sdp, size_t size);
struct client *client_find(struct serve *s, const char *token);
struct client *client_by_number(struct serve *s, uint32_t number);
/* Ends it in order, and frees it then. */
void client_close(struct client *c, const char *why);
/* Once a second: who is late, idle or done? */
void clients_tick(struct serve *s);
/* Tells them and frees them. */
void clients_end(struct serve *s);

/* ---- service.c ---- */

/* A channel of a client and what it means. Each kind puts its own fields behind this. */
struct service {
	struct service *next;
	struct client *client;
	sluice_channel *channel;
	const struct service_kind *kind;
	sluice_message *held; /* came, and could not be passed on yet; the channel is paused meanwhile */
	bool held_text, is_open;
};

struct service_kind {
	const char *label;
	size_t size;
	enum service_index index;
	unsigned opens_at_once;             /* by the other side; 0: as often as it likes */
	uint64_t open_interval;             /* then one each so many ns */
	unsigned limit;                     /* of one client at once */
	void (*opened)(struct service *sv); /* once, before everything else; it may send from here on */
	void (*message)(struct service *sv, sluice_message *m, bool text);
	void (*writable)(struct service *sv);
	/* Frees what it holds. The channel is gone or going; other services of the client may be gone already. */
	void (*closed)(struct service *sv);
};

extern const struct service_kind chat_kind, stats_kind, throughput_kind, files_kind, upload_kind, download_kind, relay_kind;

/* A channel came: finds its kind by the label. Every label that is not known is an echo. */
void service_accept(struct client *c, sluice_channel *ch);
/* Opens one from here. NULL: no memory, or the limit. */
struct service *service_open(struct client *c, const struct service_kind *kind);
/* The client goes without its channels' farewell. */
void services_free(struct client *c);
/* The client's service of that kind, or NULL. */
struct service *service_of(const struct client *c, const struct service_kind *kind);

/* Sends the object and drops it. False when it did not go. */
bool service_say(struct service *sv, json_t *object);
/* The same object to every client that has a service of that kind; who has too much buffered is left out. */
void services_tell(struct serve *s, const struct service_kind *kind, json_t *object);
/* {"type":"error","text":...}, then the channel closes. */
__attribute__((format(printf, 2, 3))) void service_fail(struct service *sv, const char *format, ...);
/* The JSON object of a text message, or NULL. */
json_t *service_read(sluice_message *m, bool text);
/* Its "type"; "" when there is none. */
const char *message_type(const json_t *object);
const char *message_text(const json_t *object, const char *key);

/* Passes a message on from one service to another (or the same). Where that is full, the channel is paused until
 * service_flush(from, to), to be called when `to` is writable. False when it cannot be passed on at all. */
bool service_forward(struct service *from, const struct service *to, sluice_message *m, bool text);
bool service_flush(struct service *from, const struct service *to);

/* ---- chat.c ---- */

/* Somebody came, went or has another name. */
void chat_tell_people(struct serve *s);
/* Takes a name for a client: UTF-8, cut to what fits, without characters that do not print. False when nothing is left of it. */
bool chat_set_name(struct client *c, const char *name);

/* ---- stats.c ---- */

/* A service of the kind is there: samples go out five times a second until there is none. */
void stats_tick_start(struct serve *s);

/* ---- files.c ---- */

void files_tell(struct serve *s);

#endif
