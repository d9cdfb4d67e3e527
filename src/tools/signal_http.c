/* signal_http: a room of a `sluice serve` (serve/rooms.h says what it does). Whoever makes the room offers; whoever finds an
 * offer in it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/fetch.h"
#include "tools/secret.h"
#include "tools/signalling.h"

#define URL_MAX 600
#define LETTER_MAX 32

struct by_http {
	char server[300]; /* "http://HOST:PORT" */
	const char *room; /* the path of the URL */
	bool offering, has_role;
	char *offer; /* as JSON, to be put again when the room has expired */
	struct fetch *request;
	bool published;
};

static void look_for_offer(struct signalling *s, unsigned wait);
static void put_offer(struct signalling *s);

/* letter: what stands in the URL behind the room. */
static void ask(struct signalling *s, const char *letter, struct fetch_request r, fetch_done done) {
	struct by_http *h = s->own;
	char url[URL_MAX];
	snprintf(url, sizeof url, "%s%s%s", h->server, h->room, letter);
	r.url = url;
	h->request = fetch_start(s->ev, &r, done, s);
	if (!h->request)
		signalling_fail(s, "no memory");
}

static void complain_about_answer(struct signalling *s, int status, const char *body) {
	struct by_http *h = s->own;
	if (!status)
		signalling_fail(s, "cannot reach the server at %s: %s", h->server, body);
	else if (status == 503)
		signalling_fail(s, "the server at %s has no room left", h->server);
	else
		signalling_fail(s, "the server at %s answers %d to %s%s", h->server, status, h->room,
		                status == 404 ? ": is it a 'sluice serve'?" : "");
}

static void deliver(struct signalling *s, const char *body, size_t len) {
	const char *wrong = signalling_deliver(s, body, len);
	if (wrong)
		signalling_fail(s, "what lies in the room is no description: %s", wrong);
}

/* ---- the side that offers ------------------------------------------------------------------------------------------- */

static void look_for_answer(struct signalling *s);

static void on_answer_looked_for(void *ctx, const struct fetch_answer *answer) {
	struct signalling *s = ctx;
	struct by_http *h = s->own;
	h->request = NULL;
	if (answer->status == 204) {
		look_for_answer(s);
	} else if (answer->status == 404) { /* it expired */
		h->published = false;
		put_offer(s);
	} else if (answer->status == 200) {
		h->published = false; /* taken out, the room with it */
		deliver(s, answer->body, answer->len);
	} else {
		complain_about_answer(s, answer->status, answer->body);
	}
}

static void look_for_answer(struct signalling *s) {
	struct by_http *h = s->own;
	signalling_wait_for(s, "the other side to come to %s%s", h->server, h->room);
	ask(s, "/answer?wait=25", (struct fetch_request){.method = "GET"}, on_answer_looked_for);
}

static void on_offer_put(void *ctx, const struct fetch_answer *answer) {
	struct signalling *s = ctx;
	struct by_http *h = s->own;
	h->request = NULL;
	if (answer->status == 201) {
		h->published = true;
		look_for_answer(s);
	} else if (answer->status == 412) { /* somebody else was faster */
		h->offering = false;
		look_for_offer(s, 25);
	} else {
		complain_about_answer(s, answer->status, answer->body);
	}
}

static void put_offer(struct signalling *s) {
	struct by_http *h = s->own;
	struct fetch_request put = {.method = "PUT", .body = h->offer};
	if (s->options->role != LINK_OFFER)
		put.headers[0] = "If-None-Match: *"; /* only where there is none */
	ask(s, "/offer", put, on_offer_put);
}

/* ---- the side that answers ------------------------------------------------------------------------------------------ */

static void take_role(struct signalling *s, bool offer) {
	struct by_http *h = s->own;
	h->offering = offer;
	if (!h->has_role) {
		h->has_role = true;
		s->events.on_role(s->events.ctx, offer);
	}
}

static void on_offer_looked_for(void *ctx, const struct fetch_answer *answer) {
	struct signalling *s = ctx;
	struct by_http *h = s->own;
	h->request = NULL;
	if (answer->status == 200) {
		take_role(s, false);
		deliver(s, answer->body, answer->len);
	} else if (answer->status == 204 && s->options->role == LINK_ANY && !h->has_role) {
		take_role(s, true);
	} else if (answer->status == 204) {
		look_for_offer(s, 25);
	} else {
		complain_about_answer(s, answer->status, answer->body);
	}
}

static void look_for_offer(struct signalling *s, unsigned wait) {
	struct by_http *h = s->own;
	char letter[LETTER_MAX];
	snprintf(letter, sizeof letter, "/offer?wait=%u", wait);
	signalling_wait_for(s, "an offer in %s%s", h->server, h->room);
	ask(s, letter, (struct fetch_request){.method = "GET"}, on_offer_looked_for);
}

static void on_answer_put(void *ctx, const struct fetch_answer *answer) {
	struct signalling *s = ctx;
	struct by_http *h = s->own;
	h->request = NULL;
	if (answer->status == 404 || answer->status == 409)
		signalling_fail(s, "the offer in %s%s is not valid any more", h->server, h->room);
	else if (answer->status != 201)
		complain_about_answer(s, answer->status, answer->body);
}

/* ---- the carrier ---------------------------------------------------------------------------------------------------- */

static bool http_begin(struct signalling *s) {
	struct by_http *h = s->own;
	const char *url = s->options->signal, *host = strstr(url, "://") + 3;
	size_t len = (size_t)(host - url) + strcspn(host, "/");
	if (len >= sizeof h->server || strlen(url) > URL_MAX - LETTER_MAX || strpbrk(url, " \r\n\t#?"))
		return signalling_fail(s, "%s is no address of a room", url);
	snprintf(h->server, sizeof h->server, "%.*s", (int)len, url);
	h->room = url + len;
	if (s->options->role == LINK_OFFER)
		take_role(s, true);
	else
		look_for_offer(s, s->options->role == LINK_ANY ? 0 : 25);
	return !s->ended;
}

static void http_send(struct signalling *s, enum signal_kind kind, const char *text, const char *mid) {
	struct by_http *h = s->own;
	char *json = signal_encode(kind, text, mid);
	if (!json) {
		signalling_fail(s, "no memory");
	} else if (kind == SIGNAL_OFFER) {
		secret_free(h->offer);
		h->offer = json;
		put_offer(s);
	} else {
		ask(s, "/answer", (struct fetch_request){.method = "PUT", .body = json}, on_answer_put);
		secret_free(json);
	}
}

/* An offer that nobody took would mislead the next who comes to the room. */
static void remove_room(const struct by_http *h) {
	char url[URL_MAX];
	snprintf(url, sizeof url, "%s%s", h->server, h->room);
	fetch_last(&(struct fetch_request){.method = "DELETE", .url = url}, 1.);
}

static void http_stop(struct signalling *s) {
	struct by_http *h = s->own;
	fetch_cancel(h->request);
	if (h->published)
		remove_room(h);
	secret_free(h->offer);
}

const struct carrier carrier_http = {.size = sizeof(struct by_http), .start = http_begin, .send = http_send, .stop = http_stop};
