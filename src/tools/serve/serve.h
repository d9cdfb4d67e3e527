/* serve: what `sluice serve` and `sluice forward` are made of. Each file calls those that stand below it, never one above.
 *
 *   serve.c, forward.c  the command lines; the table of services
 *   settings.c    the options that both have
 *   server.c      setting up, Ctrl-C
 *   http.c        HTTP: pages, offers in and answers out, rooms. The only file that knows libmicrohttpd
 *   whip_clients.c  answers the offers of WHIP and WHEP by clients
 *   whip.c        WHIP and WHEP: URLs, entity-tags, sessions
 *   client.c      one of the connected: made of an offer, limited, ended
 *   echo.c        the services of a client's channels, one for each label: the echo, for every label that is not known,
 *   chat.c        "chat",
 *   stats.c       "stats",
 *   throughput.c  "throughput",
 *   files.c       "files", "upload", "download",
 *   relay.c       "relay": a file from one browser to another
 *   service.c     what all services share: a channel finds its kind by its label; JSON messages, passing messages on
 *   clients.c     the list of the connected
 *   rooms.c       mailboxes for two ends that meet here
 *   guard.c       what one address may have of the server
 *   origin.c      is a request for this server, and from a page of its own?
 *   pages.c       the files that a browser gets
 *   store.c       the folder behind "files", "upload" and "download"
 *   telling.c     one message to all for several changes
 *   log.c         lines for whoever runs the server
 *
 * The rooms of audio and video are in ../forward.
 *
 * Everything runs on one libev loop, without a thread. The channels' messages are described where they are handled; text
 * messages are JSON objects with a "type", binary ones are content. */
#ifndef TOOLS_SERVE_SERVE_H
#define TOOLS_SERVE_SERVE_H

#include "loop/ev.h"
#include "sluice.h"
#include "tools/serve/log.h"
#include "tools/serve/telling.h"
#include "tools/servers.h"
#include "tools/tools.h"

/* ---- limits: what a stranger can make us hold --------------------------------------------------------------------- */

/* Bytes of one HTTP body. */
#define SERVE_BODY_MAX 65536
/* Bytes of one JSON message on a channel. */
#define SERVE_JSON_MAX 16384
/* Channels of one peer. */
#define SERVE_CHANNELS_MAX 512
/* Kinds of services. */
#define SERVE_KINDS_MAX 8
/* Names of this server: those of --host, and three of our own. */
#define SERVE_NAMES_MAX 16

struct http;
struct store;
struct client;
struct service_kind;
struct whip_ops;
struct forward;

struct serve_options {
	uint16_t port; /* UDP; 0: any */
	struct sockaddr_storage http, bind;
	socklen_t http_len, bind_len; /* bind_len 0: every IPv4 address */
	const char *files, *web, *cors, *token;
	bool lite, loopback, verbose;
	struct servers servers;                 /* that clients of WHIP may use */
	const char *hosts[SERVE_NAMES_MAX - 3]; /* more names of this server */
	size_t host_count;
	uint64_t max_peers, max_watchers, per_address, max_upload, quota;
	double idle; /* seconds */
};

struct serve {
	const char *command;
	const struct serve_options *options;
	struct log log;
	sluice_env *env;
	sluice_loop *loop;
	struct ev_loop *ev;
	sluice_certificate *certificate;
	sluice_endpoint *endpoint;
	struct http *http;
	struct store *store; /* NULL without --files */
	/* What a channel may be, by its label. The last one is for every label that is not known. */
	const struct service_kind *const *kinds;
	size_t kind_count;
	const struct whip_ops *whip_ops; /* who answers WHIP and WHEP; their ctx is this */
	bool whip_only;                  /* there is nothing else over HTTP */
	struct forward *forward;         /* rooms of audio and video */
	struct client *clients;
	uint64_t client_count;
	uint32_t next_number;
	const char *names[SERVE_NAMES_MAX]; /* that requests may be for */
	size_t name_count;
	char host_name[256], local_name[262];
	struct telling people, files;
	ev_timer tick, forward_tick, stats_tick;
	ev_signal on_int, on_term;
};

/* A quarter of what one address may have: of peers that have not connected yet, of rooms. */
static inline unsigned serve_share(const struct serve *s) {
	return (unsigned)(s->options->per_address + 3) / 4;
}

#endif
