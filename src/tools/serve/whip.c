/* whip: see its header. */
#include "tools/serve/whip.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/container.h"
#include "base/rate.h"
#include "crypto/crypto.h"
#include "sluice/error.h"
#include "sluice/peer.h"
#include "tools/sdpfrag.h"
#include "tools/secret.h"

#define SDP_TYPE "application/sdp"
#define FRAGMENT_TYPE "application/trickle-ice-sdpfrag"
/* PATCH requests of one session: a browser may send each of its candidates alone. */
#define CHANGES_AT_ONCE 64
#define CHANGE_INTERVAL UINT64_C(62000000) /* ns */
/* Seconds that somebody who was refused for a moment is told to wait. */
#define RETRY_SECONDS 2

enum pending { PENDING_NOTHING, PENDING_OFFER, PENDING_RESTART };

struct session {
	struct whip_session seen; /* by the ops */
	struct session *next;
	struct whip *whip;
	char id[WHIP_ID_SIZE];
	char etag[32];
	unsigned ice_sessions;
	enum pending pending;
	bool over; /* the connection ended while a request waits */
	/* What came of it, to be fetched: an answer, or a refusal (status above 0). */
	char *answer;
	size_t answer_len;
	struct refusal refusal;
	/* The offer that holds, and that of the restart under way. */
	char *offer, *next_offer;
	size_t offer_len, next_offer_len;
	char ufrag[257]; /* of the offer that holds */
	struct rate changes;
	void *waiting;
	void (*wake)(void *waiting);
};

struct whip {
	struct whip_config config;
	struct session *sessions;
	size_t count;
};

struct whip *whip_new(const struct whip_config *config) {
	struct whip *w = calloc(1, sizeof *w);
	if (w)
		w->config = *config;
	return w;
}

size_t whip_count(const struct whip *w) {
	return w->count;
}

static bool equal(const char *a, const char *b) {
	return strcmp(a, b) == 0;
}

/* ---- sessions ------------------------------------------------------------------------------------------------------ */

static struct session *session_of(struct whip_session *s) {
	return CONTAINER_OF(s, struct session, seen);
}

static struct session *find_session(const struct whip *w, const char *id) {
	struct session *s = w->sessions;
	while (s && !equal(s->id, id))
		s = s->next;
	return s;
}

/* Somebody counts as waiting until whip_resume() or whip_abandon(). */
static void wake_waiting(const struct session *s) {
	if (s->waiting)
		s->wake(s->waiting);
}

static void free_session(struct session *s) {
	wake_waiting(s);
	struct session **link = &s->whip->sessions;
	while (*link && *link != s)
		link = &(*link)->next;
	if (*link) {
		*link = s->next;
		s->whip->count--;
	}
	secret_free(s->answer);
	secret_free(s->offer);
	secret_free(s->next_offer);
	secret_free(s);
}

static void end_session(struct session *s) {
	if (!s->over)
		s->whip->config.ops->ended(s->whip->config.ctx, &s->seen);
	free_session(s);
}

void whip_free(struct whip *w) {
	while (w && w->sessions)
		end_session(w->sessions);
	free(w);
}

/* RFC 9725, 5: "WHIP endpoints SHOULD generate URLs with enough randomness, using a cryptographically secure pseudorandom number
 * generator". */
static bool make_id(char id[WHIP_ID_SIZE]) {
	uint8_t random[(WHIP_ID_SIZE - 1) / 2];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	return true;
}

static void next_etag(struct session *s) {
	snprintf(s->etag, sizeof s->etag, "\"ice-%u\"", ++s->ice_sessions);
}

/* With a NUL behind. */
static char *copy_of(const char *text, size_t len) {
	char *copy = malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = 0;
	return copy;
}

static struct session *make_session(struct whip *w, const struct whip_request *q, const char *room, bool publishing) {
	struct session *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->whip = w;
	s->offer = copy_of(q->body, q->len);
	s->offer_len = q->len;
	s->seen.publishing = publishing;
	s->seen.key = q->key;
	snprintf(s->seen.room, sizeof s->seen.room, "%s", room);
	if (!s->offer || !make_id(s->id)) {
		free_session(s);
		return NULL;
	}
	next_etag(s);
	s->next = w->sessions;
	w->sessions = s;
	w->count++;
	return s;
}

bool whip_room_is_live(const struct whip_session *seen) {
	const struct whip *w = CONTAINER_OF(seen, struct session, seen)->whip;
	for (const struct session *s = w->sessions; s; s = s->next)
		if (s->seen.publishing && !s->over && s->pending != PENDING_OFFER && equal(s->seen.room, seen->room))
			return true;
	return false;
}

/* The ops owe an answer. */
static bool is_asked(const struct session *s) {
	return s->pending && !s->answer && !s->refusal.status;
}

/* ---- replies ------------------------------------------------------------------------------------------------------- */

static bool can_patch(const struct whip *w) {
	return w->config.ops->candidate || w->config.ops->restart;
}

static void reply_refusal(struct whip_reply *reply, const struct refusal *why) {
	reply->status = why->status;
	reply->why = *why;
}

static void reply_status(struct whip_reply *reply, unsigned status, const char *text) {
	struct refusal why = {0};
	refusal_set(&why, status, "%s", text);
	reply_refusal(reply, &why);
}

static void reply_later(struct whip_reply *reply, unsigned status, const char *text) {
	reply_status(reply, status, text);
	reply->why.retry_after = RETRY_SECONDS;
}

static void reply_wrong_fragment(struct whip_reply *reply, const char *wrong, unsigned line) {
	reply_status(reply, 400, wrong);
	reply->why.line = line;
}

static void reply_not_allowed(struct whip_reply *reply, const char *allow) {
	reply_status(reply, 405, "not this way");
	reply->allow = allow;
}

static void reply_created(struct session *s, struct whip_reply *reply) {
	reply->status = 201;
	reply->type = SDP_TYPE;
	reply->body = s->answer;
	reply->len = s->answer_len;
	s->answer = NULL;
	snprintf(reply->location, sizeof reply->location, "/%s/%s/%s", s->seen.publishing ? "whip" : "whep", s->seen.room, s->id);
	memcpy(reply->etag, s->etag, sizeof reply->etag);
	if (can_patch(s->whip))
		reply->accept_patch = FRAGMENT_TYPE;
}

/* RFC 9725, 4.3.3: "SHALL return a "200 OK" with an "application/trickle-ice-sdpfrag" body containing the new ICE username
 * fragment and password and a new set of ICE candidates for the WHIP session." */
static void reply_restarted(struct session *s, struct whip_reply *reply) {
	struct sdpfrag f;
	char *text = malloc(s->answer_len + 1);
	bool readable = !sdpfrag_read(&f, s->answer, s->answer_len, NULL);
	size_t len = text && readable && f.ufrag ? sdpfrag_write(&f, text, s->answer_len + 1) : 0;
	if (readable)
		sdpfrag_free(&f);
	secret_free(s->answer);
	s->answer = NULL;
	if (len == 0) {
		secret_free(text);
		reply_status(reply, 500, "no answer could be made");
		return;
	}
	reply->status = 200;
	reply->type = FRAGMENT_TYPE;
	reply->body = text;
	reply->len = len;
	memcpy(reply->etag, s->etag, sizeof reply->etag);
}

/* What came of the offer or of the restart. False: nothing yet. */
static bool fetch_result(struct session *s, struct whip_reply *reply) {
	bool first = s->pending == PENDING_OFFER;
	if (s->over) {
		reply_later(reply, 503, "the connection ended before it began");
		free_session(s);
		return true;
	}
	if (!s->answer && !s->refusal.status)
		return false;
	s->pending = PENDING_NOTHING;
	if (s->refusal.status) {
		reply_refusal(reply, &s->refusal);
		s->refusal.status = 0;
		if (first)
			end_session(s);
	} else if (first) {
		reply_created(s, reply);
	} else {
		reply_restarted(s, reply);
	}
	return true;
}

static void fetch_or_wait(struct session *s, struct whip_reply *reply) {
	if (!fetch_result(s, reply))
		memcpy(reply->id, s->id, sizeof reply->id);
}

/* A text that is being written; len == size: it did not fit, or may not be written. */
struct line {
	char *text;
	size_t len, size;
};

static void put(struct line *l, const char *text) {
	int n = snprintf(l->text + l->len, l->size - l->len, "%s", text);
	l->len += (size_t)n < l->size - l->len ? (size_t)n : l->size - l->len;
}

/* RFC 9110, 5.6.4: in a quoted string, a backslash stands before a quote and before itself. Other signs than ASCII's are not
 * written. */
static void put_quoted(struct line *l, const char *name, const char *value) {
	if (!value)
		return;
	put(l, name);
	for (const char *p = value; *p; p++) {
		char one[3] = {'\\', *p, 0};
		if (*p < ' ' || *p > '~')
			l->len = l->size;
		put(l, *p == '"' || *p == '\\' ? one : one + 1);
	}
	put(l, "\"");
}

/* RFC 9725, 4.6, figure 5. */
size_t whip_link(const struct whip *w, size_t i, char *text, size_t size) {
	const struct servers *servers = w->config.servers;
	struct line l = {text, 0, size};
	if (!servers || i >= servers->count)
		return 0;
	put(&l, "<");
	put(&l, servers->list[i].url);
	put(&l, ">; rel=\"ice-server\"");
	put_quoted(&l, "; username=\"", servers->list[i].username);
	put_quoted(&l, "; credential=\"", servers->list[i].credential);
	return l.len < size ? l.len : 0;
}

/* ---- an offer ------------------------------------------------------------------------------------------------------ */

/* The fragment of the offer says what identifies its ICE session. Returns false after a reply. */
static bool learn_credentials(struct session *s, struct whip_reply *reply) {
	struct sdpfrag f;
	unsigned line;
	const char *wrong = sdpfrag_read(&f, s->offer, s->offer_len, &line);
	if (wrong) {
		reply_wrong_fragment(reply, wrong, line);
		return false;
	}
	snprintf(s->ufrag, sizeof s->ufrag, "%s", f.ufrag ? f.ufrag : "");
	sdpfrag_free(&f);
	return true;
}

static void offer_to_ops(struct session *s, struct whip_reply *reply) {
	const struct whip_config *c = &s->whip->config;
	struct refusal why = {0};
	s->pending = PENDING_OFFER;
	if (c->ops->offer(c->ctx, &s->seen, s->offer, s->offer_len, &why)) {
		fetch_or_wait(s, reply);
		return;
	}
	reply_refusal(reply, &why);
	free_session(s);
}

static void post(struct whip *w, const struct whip_request *q, const char *room, bool publishing, struct whip_reply *reply) {
	if (!q->is_sdp) {
		reply_status(reply, 415, "expected " SDP_TYPE);
		reply->accept_post = SDP_TYPE;
		return;
	}
	if (w->count >= w->config.sessions_max) {
		reply_later(reply, 503, "as many sessions as this server takes are there already");
		reply->why.limit = true;
		return;
	}
	struct session *s = make_session(w, q, room, publishing);
	if (!s)
		reply_later(reply, 503, "no memory");
	else if (learn_credentials(s, reply))
		offer_to_ops(s, reply);
	else
		free_session(s);
}

/* ---- PATCH --------------------------------------------------------------------------------------------------------- */

/* RFC 9110, 13.1.1: If-Match is "*" or a list of entity-tags, compared strongly: a weak one (W/) never matches. RFC 9725's
 * figures write the star in quotes. */
static bool matches(const char *list, const char *etag) {
	size_t len = strlen(etag);
	for (const char *p = list; *p;) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, ",");
		while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		if ((n == len && memcmp(p, etag, n) == 0) || (n == 1 && *p == '*') || (n == 3 && memcmp(p, "\"*\"", 3) == 0))
			return true;
		p += strcspn(p, ",");
	}
	return false;
}

/* RFC 9725, 4.3.2: "If the WHIP session does not support a candidate transport or is not able to resolve the connection address,
 * it MUST silently discard the candidate and continue processing the rest of the request normally." */
static void take_candidates(struct session *s, const struct sdpfrag *f, struct whip_reply *reply) {
	const struct whip_config *c = &s->whip->config;
	if (!c->ops->candidate) {
		reply_status(reply, 422, "candidates one by one are not supported");
		return;
	}
	for (size_t i = 0; i < f->candidate_count; i++) {
		const struct sdpfrag_candidate *one = &f->candidates[i];
		if (c->ops->candidate(c->ctx, &s->seen, one->text, one->mid) == SLUICE_MALFORMED) {
			reply_wrong_fragment(reply, "this is no candidate", one->line);
			return;
		}
	}
	if (f->end_of_candidates)
		c->ops->candidate(c->ctx, &s->seen, NULL, f->mid);
	reply->status = 204;
}

/* Of an earlier restart, whose request was gone when it came. */
static void drop_result(struct session *s) {
	secret_free(s->answer);
	s->answer = NULL;
	s->refusal.status = 0;
}

static void restart(struct session *s, const struct sdpfrag *f, struct whip_reply *reply) {
	const struct whip_config *c = &s->whip->config;
	struct refusal why = {0};
	if (!c->ops->restart) {
		reply_status(reply, 422, "ICE restarts are not supported");
		return;
	}
	if (s->waiting || is_asked(s)) {
		reply_later(reply, 409, "another restart is under way");
		return;
	}
	drop_result(s);
	s->next_offer = sdpfrag_apply(f, s->offer, s->offer_len, &s->next_offer_len);
	if (!s->next_offer)
		refusal_set(&why, 503, "no memory");
	else if (s->next_offer_len > SLUICE_REMOTE_SDP_MAX)
		refusal_set(&why, 413, "the offer grows too long");
	s->pending = PENDING_RESTART;
	if (!why.status && c->ops->restart(c->ctx, &s->seen, s->next_offer, s->next_offer_len, &why)) {
		fetch_or_wait(s, reply);
		return;
	}
	s->pending = PENDING_NOTHING;
	secret_free(s->next_offer);
	s->next_offer = NULL;
	reply_refusal(reply, &why);
}

/* RFC 9725, 4.3.3: "any WHIP session receiving updated "ice-pwd" and "ice-ufrag" attributes MUST consider the request as
 * performing an ICE restart". A restart changes both, so the first one tells. The RFC's own example of trickling (figure 3)
 * repeats the ice-ufrag of the offer (figure 2) beside another ice-pwd. */
static void take_fragment(struct session *s, const struct sdpfrag *f, struct whip_reply *reply) {
	if (f->ufrag && !equal(f->ufrag, s->ufrag))
		restart(s, f, reply);
	else
		take_candidates(s, f, reply);
}

/* RFC 9110, 13.2.1: a precondition is ignored where the request would fail without it. */
static void patch(struct session *s, const struct whip_request *q, struct whip_reply *reply) {
	struct sdpfrag f;
	unsigned line;
	if (!q->is_fragment) {
		reply_status(reply, 415, "expected " FRAGMENT_TYPE);
		reply->accept_patch = FRAGMENT_TYPE;
		return;
	}
	if (!rate_take(&s->changes, CHANGE_INTERVAL, CHANGES_AT_ONCE, q->now)) {
		reply_later(reply, 429, "too many candidates one by one");
		reply->why.limit = true;
		return;
	}
	const char *wrong = sdpfrag_read(&f, q->body, q->len, &line);
	if (wrong) {
		reply_wrong_fragment(reply, wrong, line);
		return;
	}
	if (!*q->if_match)
		reply_status(reply, 428, "If-Match is missing");
	else if (!matches(q->if_match, s->etag))
		reply_status(reply, 412, "this is another ICE session");
	else
		take_fragment(s, &f, reply);
	sdpfrag_free(&f);
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

bool whip_is_path(const char *path) {
	return strncmp(path, "/whip/", 6) == 0 || strncmp(path, "/whep/", 6) == 0;
}

/* RFC 6750, 2.1: "Authorization: Bearer" and the token. */
static bool is_authorized(const struct whip *w, const char *authorization) {
	const char *token = w->config.token;
	if (!token)
		return true;
	if (strncasecmp(authorization, "Bearer ", 7))
		return false;
	authorization += 7 + strspn(authorization + 7, " ");
	return strlen(authorization) == strlen(token) && crypto_equal(authorization, token, strlen(token));
}

/* RFC 9725, 4.1: sessions and endpoints "MUST return a 2xx successful response with no content when a GET request is received."
 * 4.2: "The "200 OK" response to any OPTIONS request SHOULD include an "Accept-Post" header". True: that was all. */
static bool answer_plain(struct whip *w, const struct whip_request *q, struct whip_reply *reply) {
	if (equal(q->method, "OPTIONS")) {
		reply->status = 200;
		reply->accept_post = SDP_TYPE;
		if (can_patch(w))
			reply->accept_patch = FRAGMENT_TYPE;
		return true;
	}
	if (!is_authorized(w, q->authorization)) {
		reply_status(reply, 401, "a token is asked for");
		reply->authenticate = "Bearer";
		return true;
	}
	return false;
}

static bool is_get(const struct whip_request *q) {
	return equal(q->method, "GET") || equal(q->method, "HEAD");
}

static void at_endpoint(struct whip *w, const struct whip_request *q, const char *room, struct whip_reply *reply) {
	if (is_get(q))
		reply->status = 204;
	else if (equal(q->method, "POST"))
		post(w, q, room, strncmp(q->path, "/whip/", 6) == 0, reply);
	else
		reply_not_allowed(reply, "POST, GET, HEAD, OPTIONS");
}

static void at_session(struct session *s, const struct whip_request *q, struct whip_reply *reply) {
	bool patches = can_patch(s->whip);
	if (is_get(q)) {
		reply->status = 204;
	} else if (equal(q->method, "DELETE")) {
		end_session(s);
		reply->status = 200;
	} else if (patches && equal(q->method, "PATCH")) {
		patch(s, q, reply);
	} else {
		reply_not_allowed(reply, patches ? "PATCH, DELETE, GET, HEAD, OPTIONS" : "DELETE, GET, HEAD, OPTIONS");
	}
}

/* One whose URL is known, in its room. */
static struct session *find_open(const struct whip *w, const char *path, const char *id) {
	struct session *s = find_session(w, id);
	bool publishing = strncmp(path, "/whip/", 6) == 0;
	size_t len = s ? strlen(s->seen.room) : 0;
	bool right = s && !s->over && s->pending != PENDING_OFFER && s->seen.publishing == publishing &&
	             strncmp(path + 6, s->seen.room, len) == 0 && path[6 + len] == '/';
	return right ? s : NULL;
}

void whip_handle(struct whip *w, const struct whip_request *q, struct whip_reply *reply) {
	*reply = (struct whip_reply){0};
	char room[ROOM_NAME_MAX + 1];
	const char *rest = q->path + 6;
	size_t len = strcspn(rest, "/");
	if (!rooms_name_is_valid(rest, len)) {
		reply_status(reply, 404, "a room's name is 1 to 64 of A-Z a-z 0-9 - _ .");
		return;
	}
	snprintf(room, sizeof room, "%.*s", (int)len, rest);
	if (answer_plain(w, q, reply))
		return;
	if (!rest[len]) {
		at_endpoint(w, q, room, reply);
		return;
	}
	struct session *s = find_open(w, q->path, rest + len + 1);
	if (s)
		at_session(s, q, reply);
	else
		reply_status(reply, 404, "no such session");
}

/* ---- waiting ------------------------------------------------------------------------------------------------------- */

void whip_wait(struct whip *w, const char *id, void *waiting, void (*wake)(void *waiting)) {
	struct session *s = find_session(w, id);
	if (!s)
		return;
	s->waiting = waiting;
	s->wake = wake;
}

void whip_resume(struct whip *w, const char *id, struct whip_reply *reply) {
	*reply = (struct whip_reply){0};
	struct session *s = find_session(w, id);
	if (s)
		s->waiting = NULL;
	if (s && fetch_result(s, reply))
		return;
	reply_later(reply, 503, "there was no answer in time");
	if (s && s->pending == PENDING_OFFER)
		end_session(s);
}

void whip_abandon(struct whip *w, const char *id) {
	struct session *s = find_session(w, id);
	if (!s)
		return;
	s->waiting = NULL;
	if (s->over || s->pending == PENDING_OFFER)
		end_session(s);
}

/* ---- what the ops say ---------------------------------------------------------------------------------------------- */

/* From here on the other ICE session holds, whether or not somebody waits to hear of it. */
static void take_restart(struct session *s) {
	secret_free(s->offer);
	s->offer = s->next_offer;
	s->offer_len = s->next_offer_len;
	s->next_offer = NULL;
	next_etag(s);
	struct whip_reply unused = {0};
	learn_credentials(s, &unused);
}

void whip_refuse(struct whip_session *seen, const struct refusal *why) {
	struct session *s = session_of(seen);
	if (!is_asked(s))
		return;
	s->refusal = *why;
	secret_free(s->next_offer);
	s->next_offer = NULL;
	wake_waiting(s);
}

void whip_answer(struct whip_session *seen, const char *sdp, size_t len) {
	struct session *s = session_of(seen);
	if (!is_asked(s))
		return;
	s->answer = copy_of(sdp, len);
	s->answer_len = len;
	if (!s->answer)
		refusal_set(&s->refusal, 503, "no memory");
	else if (s->pending == PENDING_RESTART)
		take_restart(s);
	wake_waiting(s);
}

void whip_end(struct whip_session *seen) {
	struct session *s = session_of(seen);
	if (!s->waiting) {
		free_session(s);
		return;
	}
	s->over = true;
	wake_waiting(s);
}
