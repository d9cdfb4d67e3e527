/* http: what does a request get? libmicrohttpd without a thread: its epoll descriptor and its timeout are watched by the
 * loop that drives the peers.
 *
 *   GET     /, /app.js, ...     the pages; /watch/ROOM is that of a room's audio and video
 *   POST    /connect            an offer: application/sdp gets application/sdp, application/json {"type":"offer","sdp":...} gets
 *                               application/json {"type":"answer","sdp":...}; 201 with Location, which from then on takes
 *                               what follows here; 422 without a data channel in it
 *   POST    /connect/TOKEN      another offer of the same peer (an ICE restart): 200 and the answer
 *   PATCH   /connect/TOKEN      candidates (application/trickle-ice-sdpfrag): 204
 *   DELETE  /connect/TOKEN      the end: 204
 *   PUT, POST, GET, DELETE  /room/NAME[/offer|/answer]   see rooms.h
 *   POST, PATCH, DELETE     /whip/ROOM[/ID], /whep/ROOM[/ID]   see whip.h
 *   OPTIONS                     for other origins, with --cors
 *
 * An answer with its candidates inside may take a moment, and a room may be empty: then the request is parked (libmicrohttpd
 * suspends it) until it is woken or its time is over, and handled anew. Libmicrohttpd does not watch parked ones, so we look once
 * a second who hung up.
 *
 * Descriptions hold a password: bodies and letters are wiped before their memory is freed. Libmicrohttpd's own buffer of a
 * connection is out of our reach.
 *
 * Every request has to be for this server and from a page of its own (origin.h), else 421 or 403; one address gets its
 * share of connections, offers and rooms (guard.h), and 429 beyond. */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/wipe.h"
#include "tools/object.h"
#include "tools/secret.h"
#include "tools/serve/client.h"
#include "tools/serve/guard.h"
#include "tools/serve/http.h"
#include "tools/serve/origin.h"
#include "tools/serve/pages.h"
#include "tools/serve/rooms.h"
#include "tools/serve/whip.h"

#define CONNECTIONS_MAX 512
#define CONNECTION_SECONDS 30u
#define PARKED_MAX 400
#define GATHER_SECONDS 2.  /* at most, before an answer leaves */
#define WHIP_SECONDS 10.   /* at most, for whoever makes an answer of WHIP */
#define HANG_UP_SECONDS 1. /* between two looks at who hung up */

struct http {
	struct serve *serve;
	struct MHD_Daemon *daemon;
	struct rooms *rooms;
	struct whip *whip;
	struct visitors *guard;
	struct request *parked;
	size_t parked_count;
	double look_at; /* the next look at who hung up. A time, since a busy server would begin a pause again and again */
	bool woken;     /* a request was resumed: libmicrohttpd sees that only when it runs, and its timeout does not show it */
	int socket;
	ev_io io;
	ev_timer timer;
	ev_prepare prepare;
};

struct request {
	struct http *http;
	struct MHD_Connection *connection;
	const char *method, *url;
	char *body; /* NUL behind it */
	size_t len, size;
	bool too_large, parked, was_parked;
	uint64_t key;                 /* whose it is, for guard.h */
	double until;                 /* parked */
	struct request *next;         /* parked */
	char token[33];               /* of the client whose answer it waits for; "" */
	bool json;                    /* its form */
	char session[WHIP_ID_SIZE];   /* of WHIP, whose answer it waits for; "" */
	char room[ROOM_NAME_MAX + 1]; /* whose letter it waits for; "" */
	enum room_slot slot;
};

static double now(const struct http *h) {
	return ev_now(h->serve->ev);
}

static bool equal(const char *a, const char *b) {
	return strcmp(a, b) == 0;
}

/* ---- responses --------------------------------------------------------------------------------------------------- */

/* Nothing but our own files runs in the page, and no other page may frame it. */
#define CONTENT_POLICY                                                                                                           \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; connect-src 'self'; "         \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void add_header(struct MHD_Response *response, const char *name, const char *value) {
	MHD_add_response_header(response, name, value);
}

static void add_common(const struct request *r, struct MHD_Response *response) {
	const char *origin = r->http->serve->options->cors;
	add_header(response, "Content-Security-Policy", CONTENT_POLICY);
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "Referrer-Policy", "no-referrer");
	if (!origin)
		return;
	add_header(response, "Access-Control-Allow-Origin", origin);
	add_header(response, "Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After");
	add_header(response, "Vary", "Origin");
}

/* What a page of another origin asks before it sends more than a plain request. */
static void add_preflight(const struct request *r, struct MHD_Response *response) {
	if (!r->http->serve->options->cors)
		return;
	add_header(response, "Access-Control-Allow-Methods", "GET, PUT, POST, PATCH, DELETE");
	add_header(response, "Access-Control-Allow-Headers", "Content-Type, If-None-Match, If-Match, Authorization");
	add_header(response, "Access-Control-Max-Age", "600");
}

/* Takes the response. */
static enum MHD_Result send_response(struct request *r, unsigned status, struct MHD_Response *response) {
	if (!response)
		return MHD_NO;
	add_common(r, response);
	enum MHD_Result result = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static struct MHD_Response *make_response(const char *type, const void *body, size_t len) {
	struct MHD_Response *response = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	if (response && type)
		add_header(response, "Content-Type", type);
	if (response)
		add_header(response, "Cache-Control", "no-store");
	return response;
}

/* Takes the body, from malloc: whatever becomes of it, all of it is wiped, since a description has a password in it. */
static struct MHD_Response *make_secret_response(const char *type, void *body, size_t len) {
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(len, body, secret_free);
	if (!response) {
		secret_free(body);
		return NULL;
	}
	add_header(response, "Content-Type", type);
	add_header(response, "Cache-Control", "no-store");
	return response;
}

static struct MHD_Response *make_json_response(json_t *object) {
	char *body = object_dump(object);
	return body ? make_secret_response("application/json", body, strlen(body)) : NULL;
}

static enum MHD_Result reply(struct request *r, unsigned status, const char *text) {
	char line[512];
	int len = snprintf(line, sizeof line, "%s\n", text);
	return send_response(r, status, make_response("text/plain; charset=utf-8", line, (size_t)len));
}

static enum MHD_Result reply_nothing(struct request *r) {
	return send_response(r, MHD_HTTP_NO_CONTENT, make_response(NULL, "", 0));
}

static enum MHD_Result reply_not_allowed(struct request *r, const char *allowed) {
	struct MHD_Response *response = make_response("text/plain; charset=utf-8", "not this way\n", 13);
	if (response)
		add_header(response, "Allow", allowed);
	return send_response(r, MHD_HTTP_METHOD_NOT_ALLOWED, response);
}

static const struct sockaddr *address_of(struct MHD_Connection *connection) {
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

/* Whoever runs the server reads a line about the limit; whoever ran into the limit gets a status. */
static void log_refusal(struct http *h, const struct sockaddr *addr, unsigned status, const char *why) {
	struct sockaddr_storage copy = address_from(addr);
	char text[80];
	format_address(&copy, address_len(&copy), text, sizeof text);
	log_warn(&h->serve->log, "%s: %u, %s", text, status, why);
}

static enum MHD_Result reply_refused(struct request *r, unsigned status, const char *why) {
	log_refusal(r->http, address_of(r->connection), status, why);
	return reply(r, status, why);
}

static const char *header(const struct request *r, const char *name) {
	const char *value = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
	return value ? value : "";
}

/* Is that the media type, whatever its parameters? */
static bool has_type(const struct request *r, const char *type) {
	const char *value = header(r, "Content-Type");
	size_t len = strcspn(value, "; \t");
	return len == strlen(type) && strncasecmp(value, type, len) == 0;
}

/* ---- parking ----------------------------------------------------------------------------------------------------- */

static void unpark(struct request *r) {
	struct request **link = &r->http->parked;
	while (*link && *link != r)
		link = &(*link)->next;
	if (*link)
		*link = r->next;
	r->parked = false;
	r->http->parked_count--;
}

/* False when PARKED_MAX requests are parked already. */
static bool park(struct request *r, double seconds) {
	struct http *h = r->http;
	if (h->parked_count >= PARKED_MAX)
		return false;
	r->until = now(h) + seconds;
	r->parked = r->was_parked = true;
	r->next = h->parked;
	h->parked = r;
	h->parked_count++;
	MHD_suspend_connection(r->connection);
	return true;
}

/* What the request waits for may have come. */
static void wake_request(struct request *r) {
	if (!r->parked)
		return;
	unpark(r);
	r->http->woken = true;
	MHD_resume_connection(r->connection);
}

static void wake_waiting(void *request) {
	wake_request(request);
}

/* The other side closed its end. A browser closes both directions at once, and so do programs that read no answer. */
static bool hung_up(const struct request *r) {
	struct pollfd p = {.events = POLLRDHUP};
	p.fd = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	return poll(&p, 1, 0) == 1;
}

static void wake_hung_up(struct http *h) {
	for (struct request *r = h->parked, *next; r; r = next) {
		next = r->next;
		if (hung_up(r))
			wake_request(r);
	}
}

/* Wakes those that wait for a letter of that room (NULL: those whose time is over). */
static void wake_some(struct http *h, const char *room) {
	double t = now(h);
	for (struct request *r = h->parked, *next; r; r = next) {
		next = r->next;
		if (room ? equal(r->room, room) : r->until <= t)
			wake_request(r);
	}
}

/* ---- offers in, answers out -------------------------------------------------------------------------------------- */

static enum MHD_Result reply_refusal(struct request *r, const struct refusal *why) {
	char text[sizeof why->text + 32];
	if (why->line)
		snprintf(text, sizeof text, "line %u: %s", why->line, why->text);
	else
		snprintf(text, sizeof text, "%s", why->text);
	if (!r->json)
		return reply(r, why->status, text);
	return send_response(r, why->status, make_json_response(json_pack("{s:s, s:i}", "error", text, "line", (int)why->line)));
}

static enum MHD_Result reply_answer(struct request *r, const struct client *c) {
	char *sdp = malloc(SLUICE_SDP_MAX);
	int len = sdp ? client_answer(c, sdp, SLUICE_SDP_MAX) : SLUICE_NO_MEMORY;
	if (len <= 0) {
		secret_free(sdp);
		return reply(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no answer could be made");
	}
	struct MHD_Response *response;
	if (r->json) {
		response = make_json_response(json_pack("{s:s, s:s#}", "type", "answer", "sdp", sdp, len));
		secret_free(sdp);
	} else {
		response = make_secret_response("application/sdp", sdp, (size_t)len);
	}
	char location[sizeof c->token + 16];
	snprintf(location, sizeof location, "/connect/%s", c->token);
	if (response)
		add_header(response, "Location", location);
	return send_response(r, equal(r->url, "/connect") ? MHD_HTTP_CREATED : MHD_HTTP_OK, response);
}

/* The answer, at once or when its candidates are there. */
static enum MHD_Result answer(struct request *r, struct client *c) {
	strcpy(r->token, c->token);
	if (client_is_gathered(c) || c->waiting || r->was_parked || !park(r, GATHER_SECONDS))
		return reply_answer(r, c);
	c->waiting = r;
	c->wake = wake_waiting;
	return MHD_YES;
}

/* Parked for an answer and woken. */
static enum MHD_Result resume_answer(struct request *r) {
	struct client *c = clients_find(r->http->serve, r->token);
	if (!c)
		return reply(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the connection ended before it began");
	if (c->waiting == r)
		c->waiting = NULL;
	return reply_answer(r, c);
}

/* The SDP of the body, in whichever form it came. `held` is to be dropped when it was used. NULL: replied already. */
static const char *read_offer(struct request *r, json_t **held, size_t *len, enum MHD_Result *result) {
	*held = NULL;
	r->json = has_type(r, "application/json");
	if (!r->json && has_type(r, "application/sdp")) {
		*len = r->len;
		return r->body;
	}
	if (!r->json) {
		*result = reply(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "expected application/sdp or application/json");
		return NULL;
	}
	json_error_t error;
	json_t *o = json_loadb(r->body, r->len, JSON_REJECT_DUPLICATES, &error);
	const char *sdp = json_string_value(json_object_get(o, "sdp"));
	if (sdp && equal(object_type(o), "offer")) {
		*held = o;
		*len = json_string_length(json_object_get(o, "sdp"));
		return sdp;
	}
	struct refusal why = {.status = MHD_HTTP_BAD_REQUEST};
	snprintf(why.text, sizeof why.text, "expected {\"type\":\"offer\",\"sdp\":\"...\"}%s%s", o ? "" : ": ",
	         o ? "" : error.text);
	json_decref(o);
	*result = reply_refusal(r, &why);
	return NULL;
}

static bool may_offer(const struct request *r, struct client *c) {
	return c ? client_may_change(c) : guard_may_offer(r->http->guard, r->key, sluice_now());
}

static enum MHD_Result take_offer(struct request *r, struct client *c) {
	json_t *held;
	size_t len;
	enum MHD_Result result = MHD_NO;
	if (!may_offer(r, c))
		return reply_refused(r, MHD_HTTP_TOO_MANY_REQUESTS, "too many offers");
	const char *offer = read_offer(r, &held, &len, &result);
	if (!offer)
		return result;
	struct refusal why;
	const struct client_offer what = {.sdp = offer, .len = len};
	bool taken = c ? client_renegotiate(c, &what, &why) : (c = client_new(r->http->serve, r->key, &what, &why)) != NULL;
	json_decref(held);
	if (taken)
		return answer(r, c);
	if (why.limit)
		log_refusal(r->http, address_of(r->connection), why.status, why.text);
	return reply_refusal(r, &why);
}

static enum MHD_Result take_candidates(struct request *r, struct client *c) {
	struct refusal why;
	if (!has_type(r, "application/trickle-ice-sdpfrag"))
		return reply(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "expected application/trickle-ice-sdpfrag");
	if (!client_may_change(c))
		return reply_refused(r, MHD_HTTP_TOO_MANY_REQUESTS, "too many candidates one by one");
	return client_candidates(c, r->body, r->len, &why) ? reply_nothing(r) : reply_refusal(r, &why);
}

static enum MHD_Result at_connect(struct request *r) {
	return equal(r->method, "POST") ? take_offer(r, NULL) : reply_not_allowed(r, "POST, OPTIONS");
}

static enum MHD_Result at_client(struct request *r, const char *token) {
	struct client *c = clients_find(r->http->serve, token);
	if (!c)
		return reply(r, MHD_HTTP_NOT_FOUND, "no such connection");
	if (equal(r->method, "POST"))
		return take_offer(r, c);
	if (equal(r->method, "PATCH"))
		return take_candidates(r, c);
	if (!equal(r->method, "DELETE"))
		return reply_not_allowed(r, "POST, PATCH, DELETE, OPTIONS");
	client_close(c, "hung up");
	return reply_nothing(r);
}

/* ---- rooms ------------------------------------------------------------------------------------------------------- */

static enum MHD_Result reply_room(struct request *r, enum room_result result) {
	switch (result) {
	case ROOM_NOTHING_YET:
		return reply_nothing(r);
	case ROOM_STORED:
		return reply(r, result, "stored");
	case ROOM_NO_SUCH:
		return reply(r, result, "no such room");
	case ROOM_CONFLICT:
		return reply(r, result, "there is no offer to answer, or it was answered");
	case ROOM_THERE_ALREADY:
		return reply(r, result, "there is an offer already");
	case ROOM_TOO_MANY:
		return reply_refused(r, result, "too many rooms of one address");
	default:
		return reply_refused(r, ROOM_FULL, "no room is free");
	}
}

static enum MHD_Result put_letter(struct request *r) {
	const struct room_letter letter = {
		.body = r->body, .len = r->len, .only_new = equal(header(r, "If-None-Match"), "*"), .from = r->key};
	enum room_result result = rooms_put(r->http->rooms, r->room, r->slot, &letter, now(r->http));
	if (result == ROOM_STORED)
		wake_some(r->http, r->room);
	return reply_room(r, result);
}

/* ?wait=S; what is no number counts as not given. */
static double wait_of(const struct request *r) {
	const char *text = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "wait");
	double seconds;
	return text && parse_seconds(text, 0, ROOM_WAIT_MAX, &seconds) ? seconds : ROOM_WAIT_MAX;
}

static enum MHD_Result take_letter(struct request *r) {
	void *body = NULL;
	size_t len = 0;
	if (!r->was_parked)
		r->until = now(r->http) + wait_of(r);
	enum room_result result = rooms_take(r->http->rooms, r->room, r->slot, &body, &len, now(r->http));
	if (result == ROOM_OK)
		return send_response(r, MHD_HTTP_OK, make_secret_response("application/octet-stream", body, len));
	/* Woken for a letter that another reader took: it goes on waiting until its own time is over. */
	double left = r->until - now(r->http);
	if (result != ROOM_NOTHING_YET || left <= 0)
		return reply_room(r, result);
	return park(r, left) ? MHD_YES : reply_refused(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait already");
}

static enum MHD_Result at_room(struct request *r, const char *rest) {
	size_t len = strcspn(rest, "/");
	const char *slot = rest + len;
	if (!rooms_name_is_valid(rest, len))
		return reply(r, MHD_HTTP_NOT_FOUND, "a room's name is 1 to 64 of A-Z a-z 0-9 - _ .");
	memcpy(r->room, rest, len);
	r->room[len] = 0;
	if (equal(slot, "") && equal(r->method, "DELETE")) {
		rooms_remove(r->http->rooms, r->room, now(r->http));
		wake_some(r->http, r->room);
		return reply_nothing(r);
	}
	if (equal(slot, ""))
		return reply_not_allowed(r, "DELETE, OPTIONS");
	if (!equal(slot, "/offer") && !equal(slot, "/answer"))
		return reply(r, MHD_HTTP_NOT_FOUND, "a room has /offer and /answer");
	r->slot = equal(slot, "/offer") ? ROOM_OFFER : ROOM_ANSWER;
	if (equal(r->method, "PUT") || equal(r->method, "POST"))
		return put_letter(r);
	return equal(r->method, "GET") ? take_letter(r) : reply_not_allowed(r, "GET, PUT, POST, OPTIONS");
}

/* ---- WHIP and WHEP ------------------------------------------------------------------------------------------------- */

static void add_optional(struct MHD_Response *response, const char *name, const char *value) {
	if (value && *value)
		add_header(response, name, value);
}

static struct MHD_Response *make_whip_response(const struct whip_reply *p) {
	char text[sizeof p->why.text + 32] = "";
	if (p->body)
		return make_secret_response(p->type, p->body, p->len);
	if (p->why.line)
		snprintf(text, sizeof text, "line %u: %s\n", p->why.line, p->why.text);
	else if (p->status >= 400)
		snprintf(text, sizeof text, "%s\n", p->why.text);
	return make_response(*text ? "text/plain; charset=utf-8" : NULL, text, strlen(text));
}

/* Servers that the client may use; there is a password in some. */
static void add_links(const struct whip *whip, struct MHD_Response *response) {
	char link[1024];
	for (size_t i = 0; i < SERVERS_MAX; i++)
		if (whip_link(whip, i, link, sizeof link))
			add_header(response, "Link", link);
	wipe(link, sizeof link);
}

static enum MHD_Result reply_whip(struct request *r, const struct whip_reply *p) {
	char seconds[16] = "";
	struct MHD_Response *response = make_whip_response(p);
	if (!response)
		return MHD_NO;
	if (p->why.retry_after)
		snprintf(seconds, sizeof seconds, "%u", p->why.retry_after);
	if (p->why.limit)
		log_refusal(r->http, address_of(r->connection), p->status, p->why.text);
	add_optional(response, "Location", p->location);
	add_optional(response, "ETag", p->etag);
	add_optional(response, "Allow", p->allow);
	add_optional(response, "Accept-Post", p->accept_post);
	add_optional(response, "Accept-Patch", p->accept_patch);
	add_optional(response, "WWW-Authenticate", p->authenticate);
	add_optional(response, "Retry-After", seconds);
	if (p->status == MHD_HTTP_CREATED)
		add_links(r->http->whip, response);
	if (equal(r->method, "OPTIONS"))
		add_preflight(r, response);
	return send_response(r, p->status, response);
}

/* Replies, or parks the request until the answer is there. */
static enum MHD_Result finish_whip(struct request *r, const struct whip_reply *p) {
	struct whip *whip = r->http->whip;
	if (p->status)
		return reply_whip(r, p);
	if (!park(r, WHIP_SECONDS)) {
		whip_abandon(whip, p->id);
		return reply_refused(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests wait already");
	}
	memcpy(r->session, p->id, sizeof r->session);
	whip_wait(whip, p->id, r, wake_waiting);
	return MHD_YES;
}

static enum MHD_Result at_whip(struct request *r) {
	struct whip_reply p;
	const struct whip_request q = {
		.method = r->method,
		.path = r->url,
		.is_sdp = has_type(r, "application/sdp"),
		.is_fragment = has_type(r, "application/trickle-ice-sdpfrag"),
		.if_match = header(r, "If-Match"),
		.authorization = header(r, "Authorization"),
		.body = r->body,
		.len = r->len,
		.key = r->key,
		.now = sluice_now(),
	};
	if (equal(r->method, "POST") && !guard_may_offer(r->http->guard, r->key, q.now))
		return reply_refused(r, MHD_HTTP_TOO_MANY_REQUESTS, "too many offers");
	whip_handle(r->http->whip, &q, &p);
	/* RFC 9725, 5: "implement a rate limit and avalanche control mechanism for HTTP DELETE requests", against who guesses. */
	if (p.status == MHD_HTTP_NOT_FOUND && !guard_may_offer(r->http->guard, r->key, q.now))
		return reply_refused(r, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests for what is not there");
	return finish_whip(r, &p);
}

/* Parked for an answer and woken. */
static enum MHD_Result resume_whip(struct request *r) {
	struct whip_reply p;
	whip_resume(r->http->whip, r->session, &p);
	r->session[0] = 0;
	return reply_whip(r, &p);
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static struct MHD_Response *page_response(const struct request *r, const struct page *page) {
	const char *folder = r->http->serve->options->web;
	if (!folder)
		return MHD_create_response_from_buffer(page->len, (void *)(uintptr_t)page->bytes, MHD_RESPMEM_PERSISTENT);
	struct stat st;
	int fd = pages_open(page, folder);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return MHD_create_response_from_fd64((uint64_t)st.st_size, fd); /* which closes it */
	close(fd);
	return NULL;
}

/* The watch pages of all rooms are one. */
static const struct page *find_page(const char *url) {
	bool watches = strncmp(url, "/watch/", 7) == 0 && rooms_name_is_valid(url + 7, strlen(url + 7));
	return pages_find(watches ? "/watch.html" : url);
}

static enum MHD_Result at_page(struct request *r) {
	const struct page *page = find_page(r->url);
	if (!page)
		return reply(r, MHD_HTTP_NOT_FOUND, "not found");
	if (!equal(r->method, "GET") && !equal(r->method, "HEAD"))
		return reply_not_allowed(r, "GET, HEAD, OPTIONS");
	struct MHD_Response *response = page_response(r, page);
	if (!response)
		return reply(r, MHD_HTTP_NOT_FOUND, "this page is not in the folder of --web");
	add_header(response, "Content-Type", pages_type(page));
	add_header(response, "Cache-Control", "no-cache");
	return send_response(r, MHD_HTTP_OK, response);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static enum MHD_Result at_options(struct request *r) {
	struct MHD_Response *response = make_response(NULL, "", 0);
	if (response)
		add_preflight(r, response);
	return send_response(r, MHD_HTTP_NO_CONTENT, response);
}

static bool is_page(const struct request *r) {
	return !equal(r->url, "/connect") && strncmp(r->url, "/connect/", 9) != 0 && strncmp(r->url, "/room/", 6) != 0 &&
	       !whip_is_path(r->url);
}

/* May the page that the request comes from ask here? Links from elsewhere to our pages are welcome. */
static bool is_welcome(const struct request *r) {
	const char *cors = r->http->serve->options->cors, *origin = header(r, "Origin");
	if (cors && (equal(cors, "*") || equal(cors, origin)))
		return true;
	if (*origin)
		return origin_is_same(origin, header(r, "Host"));
	return is_page(r) || !origin_site_is_foreign(header(r, "Sec-Fetch-Site"));
}

static enum MHD_Result at_url(struct request *r) {
	if (whip_is_path(r->url))
		return at_whip(r);
	if (r->http->serve->whip_only)
		return reply(r, MHD_HTTP_NOT_FOUND, "this server has /whip/ROOM and /whep/ROOM");
	if (equal(r->method, "OPTIONS"))
		return at_options(r);
	if (equal(r->url, "/connect"))
		return at_connect(r);
	if (strncmp(r->url, "/connect/", 9) == 0)
		return at_client(r, r->url + 9);
	if (strncmp(r->url, "/room/", 6) == 0)
		return at_room(r, r->url + 6);
	return at_page(r);
}

/* An offer with video in many codecs is longer than all else. */
static size_t body_max(const struct request *r) {
	return whip_is_path(r->url) ? SLUICE_REMOTE_SDP_MAX : SERVE_BODY_MAX;
}

static enum MHD_Result reply_too_large(struct request *r) {
	char text[64];
	snprintf(text, sizeof text, "the body is larger than %zu bytes", body_max(r));
	return reply(r, MHD_HTTP_CONTENT_TOO_LARGE, text);
}

static enum MHD_Result route(struct request *r) {
	const struct serve *s = r->http->serve;
	const char *host = header(r, "Host");
	if (r->was_parked && hung_up(r))
		return MHD_NO; /* closes the connection; a letter stays for somebody who reads it */
	if (*host && !origin_is_own_host(host, s->names, s->name_count))
		return reply_refused(r, MHD_HTTP_MISDIRECTED_REQUEST, "this server has another name (--host)");
	if (!is_welcome(r))
		return reply_refused(r, MHD_HTTP_FORBIDDEN, "pages of other origins are not let in (--cors)");
	if (r->too_large)
		return reply_too_large(r);
	if (r->token[0])
		return resume_answer(r);
	if (r->session[0])
		return resume_whip(r);
	return r->room[0] ? take_letter(r) : at_url(r);
}

/* Makes room for so many bytes more, and a NUL. It doubles, so that a body in pieces of one byte is not copied each time. */
static bool grow_body(struct request *r, size_t len) {
	size_t size = r->size ? r->size : 1024;
	while (size < r->len + len + 1)
		size *= 2;
	if (size == r->size)
		return true;
	char *body = malloc(size); /* realloc would leave behind what it moves */
	if (!body)
		return false;
	if (r->len)
		memcpy(body, r->body, r->len);
	secret_free(r->body);
	r->body = body;
	r->size = size;
	return true;
}

static void collect(struct request *r, const char *data, size_t len) {
	r->too_large |= len > body_max(r) - r->len || !grow_body(r, len);
	if (r->too_large)
		return;
	memcpy(r->body + r->len, data, len);
	r->len += len;
	r->body[r->len] = 0;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *len, void **state) {
	(void)version;
	struct request *r = *state;
	if (!r) {
		r = calloc(1, sizeof *r);
		if (!r)
			return MHD_NO;
		r->http = ctx;
		r->connection = connection;
		r->key = guard_key(address_of(connection));
		r->url = url;
		r->method = method;
		*state = r;
		/* A length that is announced and too large is refused before the body is sent. */
		r->too_large = strtoull(header(r, "Content-Length"), NULL, 10) > body_max(r);
		return r->too_large ? route(r) : MHD_YES;
	}
	r->url = url;
	r->method = method;
	if (*len > 0) {
		collect(r, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (!r->body)
		collect(r, "", 0);
	return route(r);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how) {
	(void)connection;
	(void)how;
	struct http *h = ctx;
	struct request *r = *state;
	if (!r)
		return;
	*state = NULL;
	if (r->parked)
		unpark(r);
	struct client *c = r->token[0] ? clients_find(h->serve, r->token) : NULL;
	if (c && c->waiting == r) {
		c->waiting = NULL;
		client_close(c, "hung up before the answer");
	}
	if (r->session[0])
		whip_abandon(h->whip, r->session);
	secret_free(r->body);
	free(r);
}

/* ---- driving libmicrohttpd --------------------------------------------------------------------------------------- */

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	struct http *h = w->data;
	MHD_run(h->daemon);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct http *h = w->data;
	wake_some(h, NULL);
	if (now(h) >= h->look_at) {
		wake_hung_up(h);
		h->look_at = now(h) + HANG_UP_SECONDS;
	}
	h->woken = false;
	MHD_run(h->daemon);
}

/* Before the loop sleeps: until when may it? */
static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events) {
	(void)events;
	struct http *h = w->data;
	MHD_UNSIGNED_LONG_LONG ms;
	double seconds = MHD_get_timeout(h->daemon, &ms) == MHD_YES ? (double)ms / 1e3 : 3600.;
	if (h->parked && seconds > h->look_at - now(h))
		seconds = h->look_at - now(h);
	for (const struct request *r = h->parked; r; r = r->next)
		if (r->until - now(h) < seconds)
			seconds = r->until - now(h);
	if (h->woken)
		seconds = 0;
	ev_timer_stop(ev, &h->timer);
	ev_timer_set(&h->timer, seconds > 0 ? seconds : 0., 0.);
	ev_timer_start(ev, &h->timer);
}

static void watch_daemon(struct http *h) {
	struct ev_loop *ev = h->serve->ev;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	ev_io_init(&h->io, on_io, info->epoll_fd, EV_READ);
	ev_timer_init(&h->timer, on_timer, 0., 0.);
	ev_prepare_init(&h->prepare, on_prepare);
	h->io.data = h->timer.data = h->prepare.data = h;
	ev_io_start(ev, &h->io);
	ev_prepare_start(ev, &h->prepare);
}

static int listen_at(const struct serve_options *o) {
	int fd = socket(o->http.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* connections of an earlier run may linger */
	if (bind(fd, (const struct sockaddr *)&o->http, o->http_len) == 0 && listen(fd, 64) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* libmicrohttpd logs bad requests of strangers. They are worth a line only with --verbose. */
__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format, va_list args) {
	const struct http *h = ctx;
	char text[512];
	vsnprintf(text, sizeof text, format, args);
	text[strcspn(text, "\n")] = 0;
	log_line(&h->serve->log, "http: %s", text);
}

/* Beyond its share an address gets no connection, and so no status: whoever holds that many connections does not read it. */
static enum MHD_Result on_accept(void *ctx, const struct sockaddr *addr, socklen_t len) {
	struct http *h = ctx;
	(void)len;
	if (guard_may_connect(h->guard, guard_key(addr)))
		return MHD_YES;
	log_refusal(h, addr, MHD_HTTP_TOO_MANY_REQUESTS, "too many connections");
	return MHD_NO;
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_ConnectionNotificationCode what) {
	const struct http *h = ctx;
	uint64_t key = guard_key(address_of(connection));
	(void)state;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		guard_connected(h->guard, key);
	else
		guard_disconnected(h->guard, key);
}

static bool start_daemon(struct http *h) {
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, on_accept, h, on_request, h,
	                             MHD_OPTION_EXTERNAL_LOGGER, on_log, h, MHD_OPTION_LISTEN_SOCKET, h->socket,
	                             MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
	                             MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
	                             CONNECTION_SECONDS, MHD_OPTION_END);
	return h->daemon != NULL;
}

static struct whip *make_whip(struct serve *s) {
	const struct whip_config config = {.ops = s->whip_ops,
	                                   .ctx = s,
	                                   .token = s->options->token,
	                                   .sessions_max = (size_t)s->options->max_peers,
	                                   .servers = &s->options->servers};
	return whip_new(&config);
}

struct http *http_new(struct serve *s) {
	struct http *h = calloc(1, sizeof *h);
	struct whip *whip = make_whip(s);
	struct rooms *rooms = rooms_new(serve_share(s));
	struct visitors *guard = guard_new((unsigned)s->options->per_address);
	char address[80];
	format_address(&s->options->http, s->options->http_len, address, sizeof address);
	if (h && rooms && guard && whip) {
		h->serve = s;
		h->whip = whip;
		h->rooms = rooms;
		h->guard = guard;
		h->socket = listen_at(s->options);
		if (h->socket >= 0 && start_daemon(h)) {
			watch_daemon(h);
			return h;
		}
		complain("%s: cannot listen at %s: %s", s->command, address, strerror(errno));
		if (h->socket >= 0)
			close(h->socket);
	} else {
		complain("%s: no memory", s->command);
	}
	rooms_free(rooms);
	guard_free(guard);
	whip_free(whip);
	free(h);
	return NULL;
}

uint16_t http_port(const struct http *h) {
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	if (getsockname(h->socket, (struct sockaddr *)&addr, &len))
		return 0;
	return address_port(&addr);
}

void http_tick(struct http *h) {
	guard_tick(h->guard, sluice_now());
}

void http_free(struct http *h) {
	if (!h)
		return;
	ev_io_stop(h->serve->ev, &h->io);
	ev_timer_stop(h->serve->ev, &h->timer);
	ev_prepare_stop(h->serve->ev, &h->prepare);
	while (h->parked)
		wake_request(h->parked);
	MHD_stop_daemon(h->daemon); /* closes the socket too */
	rooms_free(h->rooms);
	whip_free(h->whip);
	guard_free(h->guard);
	free(h);
}
