/* whip_client: see its header. */
#include "tools/whip_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "loop/ev.h"
#include "tools/fetch.h"
#include "tools/secret.h"
#include "tools/tools.h"

#define URL_MAX 2048
#define TOKEN_MAX 4096
#define REDIRECTS_MAX 5
/* Seconds between two attempts, while nobody publishes. */
#define RETRY_FIRST 2.
#define RETRY_LONGEST 60.
#define END_SECONDS 1.

struct whip_client {
	struct ev_loop *ev;
	struct whip_client_config config;
	char url[URL_MAX];     /* of the endpoint, or of the one that it named */
	char session[URL_MAX]; /* "" before the answer */
	char *authorization;   /* the header; NULL: none */
	char *offer;
	unsigned redirects;
	double pause;
	ev_timer again;
	struct fetch *request;
};

static void post_offer(struct whip_client *c);

/* ---- the end ------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void fail(struct whip_client *c, const char *format, ...) {
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	c->config.on_failed(c->config.ctx, text);
}

void whip_client_free(struct whip_client *c) {
	if (!c)
		return;
	ev_timer_stop(c->ev, &c->again);
	fetch_cancel(c->request);
	if (c->session[0])
		fetch_last(&(struct fetch_request){.method = "DELETE", .url = c->session, .headers = {c->authorization}},
		           END_SECONDS);
	secret_free(c->authorization);
	secret_free(c->offer);
	secret_free(c);
}

/* ---- the answer ---------------------------------------------------------------------------------------------------- */

static bool is_secure(const char *url) {
	return strncasecmp(url, "https://", 8) == 0;
}

/* The URL in Location. False when it said why there is none. */
static bool follow_location(struct whip_client *c, const struct fetch_answer *a, char url[URL_MAX]) {
	char location[URL_MAX];
	if (!fetch_header(a, "Location", location, sizeof location) || !fetch_resolve(c->url, location, url, URL_MAX))
		fail(c, "the server at %s answers %d without a usable Location", c->url, a->status);
	else if (is_secure(c->url) && !is_secure(url))
		fail(c, "the server at %s names %s, which is not encrypted", c->url, url);
	else
		return true;
	return false;
}

static bool is_sdp(const struct fetch_answer *a) {
	char type[128];
	return fetch_header(a, "Content-Type", type, sizeof type) && strncasecmp(type, "application/sdp", 15) == 0 &&
	       strchr("; \t", type[15]);
}

static void take_description(struct whip_client *c, const struct fetch_answer *a, void (*take)(void *ctx, const char *sdp)) {
	if (!follow_location(c, a, c->session))
		c->session[0] = 0;
	else if (!is_sdp(a) || a->len == 0)
		fail(c, "the server at %s answers with something else than application/sdp", c->url);
	else
		take(c->config.ctx, a->body);
}

/* RFC 9725, 4.5: "status codes "301 Moved Permanently" and "302 Found" MUST NOT be used", because a POST may become a GET by
 * them. */
static void follow_redirect(struct whip_client *c, const struct fetch_answer *a) {
	char url[URL_MAX];
	if (++c->redirects > REDIRECTS_MAX) {
		fail(c, "the servers send the offer round in circles; the last one is %s", c->url);
	} else if (follow_location(c, a, url)) {
		strcpy(c->url, url);
		post_offer(c);
	}
}

/* draft-ietf-wish-whep, 4.3: players "MAY periodically try to connect to the WHEP session with exponential backoff period with an
 * initial value of the "Retry-After" header value in the "409 Conflict" response." */
static void wait_for_publisher(struct whip_client *c, const struct fetch_answer *a) {
	char text[16];
	uint64_t seconds;
	bool told = fetch_header(a, "Retry-After", text, sizeof text) && parse_unsigned(text, 0, 3600, &seconds);
	c->pause = c->pause > 0 ? 2 * c->pause : told ? (double)seconds : RETRY_FIRST;
	c->pause = c->pause > RETRY_LONGEST ? RETRY_LONGEST : c->pause < 0.1 ? 0.1 : c->pause;
	ev_timer_set(&c->again, c->pause, 0.);
	ev_timer_start(c->ev, &c->again);
	if (c->config.on_waiting)
		c->config.on_waiting(c->config.ctx);
}

/* RFC 9725, 4.1: clients "MUST NOT match error codes returned by the WHIP endpoints and resources to a specific error cause". So
 * the server's own words tell it. */
static void complain_about_status(struct whip_client *c, const struct fetch_answer *a) {
	char seconds[16];
	size_t len = strcspn(a->body, "\r\n");
	bool text = len > 0 && len <= 200 && *a->body != '<';
	if (a->status == 406 && is_sdp(a))
		fail(c, "the server at %s makes an offer of its own, and this end can only offer", c->url);
	else if (a->status == 401)
		fail(c, "the server at %s %s", c->url, c->authorization ? "does not take this token" : "asks for a token");
	else if (fetch_header(a, "Retry-After", seconds, sizeof seconds))
		fail(c, "the server at %s answers %d%s%.*s; another attempt may succeed after %s s", c->url, a->status,
		     text ? ": " : "", text ? (int)len : 0, a->body, seconds);
	else
		fail(c, "the server at %s answers %d%s%.*s", c->url, a->status, text ? ": " : "", text ? (int)len : 0, a->body);
}

static void on_posted(void *ctx, const struct fetch_answer *a) {
	struct whip_client *c = ctx;
	c->request = NULL;
	if (a->status == 0)
		fail(c, "cannot reach the server at %s: %s", c->url, a->body);
	else if (a->status == 201)
		take_description(c, a, c->config.on_answer);
	else if (a->status == 406 && is_sdp(a) && c->config.on_offer)
		take_description(c, a, c->config.on_offer);
	else if (a->status == 307 || a->status == 308)
		follow_redirect(c, a);
	else if (a->status == 409 && c->config.watching)
		wait_for_publisher(c, a);
	else
		complain_about_status(c, a);
}

/* ---- the offer ----------------------------------------------------------------------------------------------------- */

static void post_offer(struct whip_client *c) {
	const struct fetch_request request = {.method = "POST",
	                                      .url = c->url,
	                                      .headers = {c->authorization, "Accept: application/sdp"},
	                                      .body = c->offer,
	                                      .type = "application/sdp"};
	c->request = fetch_start(c->ev, &request, on_posted, c);
	if (!c->request)
		fail(c, "no memory");
}

/* What a server says to the answer matters only where it refuses it. */
static void on_answered(void *ctx, const struct fetch_answer *a) {
	struct whip_client *c = ctx;
	c->request = NULL;
	if (a->status == 0)
		fail(c, "cannot reach the server at %s: %s", c->session, a->body);
	else if (a->status < 200 || a->status > 299)
		complain_about_status(c, a);
}

void whip_client_answer(struct whip_client *c, const char *sdp) {
	const struct fetch_request request = {
		.method = "PATCH", .url = c->session, .headers = {c->authorization}, .body = sdp, .type = "application/sdp"};
	c->request = fetch_start(c->ev, &request, on_answered, c);
	if (!c->request)
		fail(c, "no memory");
}

static void on_again(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	post_offer(w->data);
}

void whip_client_offer(struct whip_client *c, const char *sdp) {
	secret_free(c->offer);
	c->offer = strdup(sdp);
	if (c->offer)
		post_offer(c);
	else
		fail(c, "no memory");
}

/* ---- making one ---------------------------------------------------------------------------------------------------- */

static const char *check(const struct whip_client_config *config) {
	bool web = strncasecmp(config->url, "http://", 7) == 0 || is_secure(config->url);
	if (!web || strlen(config->url) >= URL_MAX || strpbrk(config->url, " \r\n\t#"))
		return "expected an http:// or https:// address";
	for (const char *p = config->token; p && *p; p++)
		if (*p <= ' ' || *p > '~')
			return "a token is of plain letters, digits and signs";
	return config->token && (!*config->token || strlen(config->token) > TOKEN_MAX) ? "the token is empty or too long" : NULL;
}

static bool take_token(struct whip_client *c, const char *token) {
	size_t size = token ? strlen(token) + sizeof "Authorization: Bearer " : 0;
	c->authorization = token ? malloc(size) : NULL;
	if (c->authorization)
		snprintf(c->authorization, size, "Authorization: Bearer %s", token);
	return !token || c->authorization;
}

struct whip_client *whip_client_new(struct ev_loop *ev, const struct whip_client_config *config, const char **wrong) {
	*wrong = check(config);
	struct whip_client *c = *wrong ? NULL : calloc(1, sizeof *c);
	if (!c || !take_token(c, config->token)) {
		free(c);
		*wrong = *wrong ? *wrong : "no memory";
		return NULL;
	}
	c->ev = ev;
	c->config = *config;
	c->config.url = c->config.token = NULL; /* the caller's */
	strcpy(c->url, config->url);
	ev_timer_init(&c->again, on_again, 0., 0.);
	c->again.data = c;
	return c;
}
