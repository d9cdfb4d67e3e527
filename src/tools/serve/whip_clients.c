/* whip_clients: see its header. */
#include "tools/serve/whip_clients.h"

#include <stdlib.h>

#include "sdp/sdp.h"
#include "tools/forward/room.h"
#include "tools/secret.h"
#include "tools/serve/client.h"

/* ---- answers ------------------------------------------------------------------------------------------------------- */

/* The answer of the client so far, to be freed by secret_free(). NULL: none. */
static char *answer_of(const struct client *c, size_t *len) {
	char *sdp = malloc(SLUICE_SDP_MAX);
	int n = sdp ? client_answer(c, sdp, SLUICE_SDP_MAX) : 0;
	if (n <= 0) {
		secret_free(sdp);
		return NULL;
	}
	*len = (size_t)n;
	return sdp;
}

static void answer(struct whip_session *s, const struct client *c) {
	struct refusal why = {0};
	size_t len;
	char *sdp = answer_of(c, &len);
	if (sdp) {
		whip_answer(s, sdp, len);
	} else {
		refusal_set(&why, 500, "no answer could be made");
		whip_refuse(s, &why);
	}
	secret_free(sdp);
}

/* The client has all its candidates, or it is gone. RFC 9725, 4.3.2: "The WHIP endpoint SHALL gather all the ICE candidates for
 * the media server before responding to the client request". */
static void on_wake(void *waiting) {
	struct whip_session *s = waiting;
	struct client *c = s->user;
	if (clients_find(c->serve, c->token) == c) {
		answer(s, c);
		return;
	}
	c->waiting = NULL;
	whip_end(s);
}

static bool answer_when_gathered(struct whip_session *s, const struct client *c) {
	if (client_is_gathered(c))
		answer(s, c);
	return true;
}

/* ---- no partial success -------------------------------------------------------------------------------------------- */

static bool rejects(const struct sdp *offer, const struct sdp *answer) {
	for (size_t i = 0; i < answer->section_count && i < offer->section_count; i++)
		if (answer->sections[i].rejected && !offer->sections[i].rejected)
			return true;
	return false;
}

/* RFC 9725, 4.4.3: the endpoint "SHOULD NOT reject individual "m=" sections"; "instead, it SHOULD reject the HTTP POST request
 * with a "422 Unprocessable Content" or "400 Bad Request" error response to prevent having partially successful ingest
 * sessions". */
static bool is_partial(struct serve *serve, const struct client *c, const char *offer, size_t len) {
	struct sdp *offered = NULL, *answered = NULL;
	size_t answer_len;
	char *text = answer_of(c, &answer_len);
	bool partial = text && !sdp_parse(serve->env, offer, len, &offered, NULL) &&
	               !sdp_parse(serve->env, text, answer_len, &answered, NULL) && rejects(offered, answered);
	sdp_free(serve->env, offered);
	sdp_free(serve->env, answered);
	secret_free(text);
	return partial;
}

/* ---- audio and video ----------------------------------------------------------------------------------------------- */

static bool join_room(void *ctx, struct client *c, struct refusal *why) {
	const struct whip_session *s = ctx;
	struct forward *f = c->serve->forward;
	if (!sluice_peer_transceiver(c->peer, 0))
		return c->serve->kind_count || refusal_set(why, 422, "there is no audio and no video in the offer");
	c->member = s->publishing ? forward_publish(f, s->room, c->peer, c, why) : forward_watch(f, s->room, c->peer, c, why);
	if (c->member)
		log_line(&c->serve->log, "peer %u: %s %s", c->number, s->publishing ? "publishes in" : "watches", s->room);
	return c->member != NULL;
}

/* Its sections are the first offer's, and what became of them holds. */
static bool stay_in_room(void *ctx, struct client *c, struct refusal *why) {
	(void)ctx;
	(void)c;
	(void)why;
	return true;
}

/* ---- the ops ------------------------------------------------------------------------------------------------------- */

static bool refuse_partial(struct refusal *why) {
	return refusal_set(why, 422, "a section of the offer cannot be taken");
}

/* draft-ietf-wish-whep: an endpoint that wants somebody to publish first "SHALL return a "409 Conflict" response to the POST
 * request issued by the WHEP player with a "Retry-After" header". */
static bool take_offer(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	struct serve *serve = ctx;
	if (!s->publishing && !whip_room_is_live(s)) {
		why->retry_after = 2;
		return refusal_set(why, 409, "nobody publishes in this room");
	}
	struct client *c = client_new(serve, s->key,
	                              &(struct client_offer){.sdp = sdp, .len = len, .prepare = join_room, .ctx = s}, why);
	if (!c)
		return false;
	bool whole = (!c->member || forward_settle(c->member, why)) && (!is_partial(serve, c, sdp, len) || refuse_partial(why));
	if (!whole) {
		client_close(c, "its offer cannot be taken as a whole");
		return false;
	}
	s->user = c;
	c->waiting = s;
	c->wake = on_wake;
	return answer_when_gathered(s, c);
}

static bool take_restart(void *ctx, struct whip_session *s, const char *sdp, size_t len, struct refusal *why) {
	(void)ctx;
	struct client *c = s->user;
	const struct client_offer offer = {.sdp = sdp, .len = len, .prepare = stay_in_room};
	return client_renegotiate(c, &offer, why) && answer_when_gathered(s, c);
}

static int take_candidate(void *ctx, struct whip_session *s, const char *candidate, const char *mid) {
	(void)ctx;
	(void)mid; /* all sections share one transport */
	return sluice_peer_add_remote_candidate(((struct client *)s->user)->peer, candidate);
}

static void on_ended(void *ctx, struct whip_session *s) {
	(void)ctx;
	struct client *c = s->user;
	c->waiting = NULL;
	client_close(c, "its session was ended");
}

const struct whip_ops whip_clients_ops = {take_offer, take_restart, take_candidate, on_ended};
