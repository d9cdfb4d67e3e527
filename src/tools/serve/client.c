/* client: see its header. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sdp/sdp.h"
#include "tools/forward/room.h"
#include "tools/sdpfrag.h"
#include "tools/serve/client.h"
#include "tools/serve/service.h"

/* An offer has to be followed by a connection; then the peer goes. */
#define CONNECT_SECONDS 30.
/* For an orderly end. */
#define CLOSE_SECONDS 3.
/* A peer that has not connected for so long gives way to another offer, where there is no place left. */
#define PATIENCE_SECONDS 5.
/* Requests at a peer's URL (candidates, offers): a browser may send each of its candidates alone. */
#define CHANGES_AT_ONCE 64
#define CHANGE_INTERVAL (62 * SLUICE_MS)

static void wake_waiting(struct client *c) {
	if (c->waiting)
		c->wake(c->waiting);
}

static void leave_room(struct client *c) {
	if (c->member)
		forward_leave(c->member);
	c->member = NULL;
}

static void free_client(struct client *c) {
	leave_room(c);
	clients_remove(c);
	wake_waiting(c);
	service_free_all(c);
	sluice_peer_free(c->peer);
	free(c);
}

/* ---- the peer's callbacks ---------------------------------------------------------------------------------------- */

static void log_connected(struct client *c) {
	sluice_peer_stats st;
	sluice_peer_stats_get(c->peer, &st);
	log_line(&c->serve->log, "peer %u: connected after %.1f ms, %s %s port %u, %s", c->number,
	         (ev_now(c->serve->ev) - c->made_at) * 1e3, st.selected.remote_type ? st.selected.remote_type : "",
	         st.selected.remote_address, st.selected.remote_port, sluice_peer_cipher(c->peer));
}

static void log_end(struct client *c, enum sluice_peer_state state) {
	const char *text = "";
	int error = sluice_peer_error(c->peer, &text);
	bool failed = state == SLUICE_PEER_FAILED;
	log_line(&c->serve->log, "peer %u: %s%s%s%s%s after %.1f s", c->number, failed ? "failed, " : "closed",
	         failed ? sluice_error_text(error) : "", *text ? " (" : "", text, *text ? ")" : "",
	         ev_now(c->serve->ev) - c->made_at);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	struct client *c = user;
	if (state == SLUICE_PEER_CONNECTED && !c->connected) {
		c->connected = true;
		c->heard_at = ev_now(c->serve->ev);
		log_connected(c);
		if (c->member)
			forward_connected(c->member);
	}
	if (state == SLUICE_PEER_DISCONNECTED)
		log_line(&c->serve->log, "peer %u: nothing comes from it", c->number);
	if (state != SLUICE_PEER_CLOSED && state != SLUICE_PEER_FAILED)
		return;
	log_end(c, state);
	free_client(c);
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	struct client *c = user;
	if (state == SLUICE_GATHERING_COMPLETE)
		wake_waiting(c);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	service_accept(user, ch);
}

/* ---- made of an offer -------------------------------------------------------------------------------------------- */

static bool has_data(struct serve *s, const struct client_offer *offer) {
	struct sdp *sdp = NULL;
	bool has = !sdp_parse(s->env, offer->sdp, offer->len, &sdp, NULL) && sdp_first(sdp, SDP_DATA);
	sdp_free(s->env, sdp);
	return has;
}

/* Audio and video are rejected one by one. Where nothing is left, the answer would promise a connection that never comes. */
static bool keep_data_alone(const struct client *c, const struct client_offer *offer, struct refusal *why) {
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(c->peer, i)) != NULL; i++)
		sluice_transceiver_stop(t);
	return has_data(c->serve, offer) ||
	       refusal_set(why, 422, "there is no data channel in the offer; audio and video go to /whip/ROOM and /whep/ROOM");
}

/* Sets the offer and answers it. */
static bool answer_offer(struct client *c, const struct client_offer *offer, struct refusal *why) {
	const char *text = "";
	int error = sluice_peer_set_remote_description(c->peer, SLUICE_SDP_OFFER, offer->sdp, offer->len);
	why->line = sluice_peer_description_error(c->peer, &text);
	if (*text || error == SLUICE_MALFORMED || error == SLUICE_INVALID)
		return refusal_set(why, 400, "%s", *text ? text : sluice_error_text(error));
	if (!error && offer->prepare && !offer->prepare(offer->ctx, c, why))
		return false;
	if (!error && !offer->prepare && !keep_data_alone(c, offer, why))
		return false;
	if (!error)
		error = sluice_peer_set_local_description(c->peer, SLUICE_SDP_ANSWER, NULL);
	if (!error)
		return true;
	return refusal_set(why, error == SLUICE_NO_MEMORY || error == SLUICE_LIMIT ? 503 : 409, "%s", sluice_error_text(error));
}

static bool make_token(char token[33]) {
	uint8_t random[16];
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	return true;
}

static int make_peer(struct client *c) {
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.certificate = c->serve->certificate;
	config.max_channels = SERVE_CHANNELS_MAX;
	config.ice.lite = c->serve->options->lite;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.on_gathering_state = on_gathering_state;
	config.user = c;
	int error = sluice_peer_new(c->serve->env, &config, &c->peer);
	return error ? error : sluice_endpoint_add(c->serve->endpoint, c->peer);
}

/* Frees the place of the peer that has been connecting for the longest time. False when it has not had its time yet. */
static bool make_room(struct serve *s) {
	struct client *oldest = clients_oldest_pending(s);
	if (!oldest || ev_now(s->ev) - oldest->made_at < PATIENCE_SECONDS)
		return false;
	log_line(&s->log, "peer %u: did not connect, and gives way", oldest->number);
	sluice_peer_abort(oldest->peer, "another one needs the place");
	free_client(oldest);
	return true;
}

static bool refuse_limit(struct refusal *why, unsigned status, const char *text) {
	why->limit = true;
	return refusal_set(why, status, "%s", text);
}

static bool is_room_for(struct serve *s, uint64_t key, struct refusal *why) {
	if (clients_count(s, key, true) >= serve_share(s))
		return refuse_limit(why, 429, "too many peers of one address that did not connect yet");
	if (clients_count(s, key, false) >= s->options->per_address)
		return refuse_limit(why, 429, "too many peers of one address");
	if (s->client_count >= s->options->max_peers && !make_room(s))
		return refuse_limit(why, 503, "as many peers as this server takes are connected already");
	return true;
}

static struct client *make_client(struct serve *s, uint64_t key) {
	struct client *c = calloc(1, sizeof *c);
	if (!c || !make_token(c->token)) {
		free(c);
		return NULL;
	}
	c->serve = s;
	c->key = key;
	c->number = ++s->next_number;
	snprintf(c->name, sizeof c->name, "guest %u", c->number);
	c->made_at = c->heard_at = ev_now(s->ev);
	clients_add(s, c);
	return c;
}

struct client *client_new(struct serve *s, uint64_t key, const struct client_offer *offer, struct refusal *why) {
	*why = (struct refusal){0};
	if (!is_room_for(s, key, why))
		return NULL;
	struct client *c = make_client(s, key);
	int error = c ? make_peer(c) : SLUICE_NO_MEMORY;
	if (error)
		refusal_set(why, 503, "%s", sluice_error_text(error));
	if (!error && answer_offer(c, offer, why)) {
		log_line(&s->log, "peer %u: offer taken, %llu here", c->number, (unsigned long long)s->client_count);
		return c;
	}
	if (c)
		free_client(c);
	return NULL;
}

bool client_may_change(struct client *c) {
	return rate_take(&c->changes, CHANGE_INTERVAL, CHANGES_AT_ONCE, sluice_now());
}

bool client_renegotiate(struct client *c, const struct client_offer *offer, struct refusal *why) {
	*why = (struct refusal){0};
	log_line(&c->serve->log, "peer %u: another offer", c->number);
	return answer_offer(c, offer, why);
}

bool client_candidates(struct client *c, const char *lines, size_t len, struct refusal *why) {
	*why = (struct refusal){0};
	struct sdpfrag f;
	int error = 0;
	const char *wrong = sdpfrag_read(&f, lines, len, &why->line);
	if (wrong)
		return refusal_set(why, 400, "%s", wrong);
	for (size_t i = 0; i < f.candidate_count && !error; i++) {
		error = sluice_peer_add_remote_candidate(c->peer, f.candidates[i].text);
		why->line = error ? f.candidates[i].line : 0;
	}
	if (!error && f.end_of_candidates)
		error = sluice_peer_add_remote_candidate(c->peer, NULL);
	sdpfrag_free(&f);
	return !error || refusal_set(why, error == SLUICE_MALFORMED ? 400 : 409, "%s", sluice_error_text(error));
}

bool client_is_gathered(const struct client *c) {
	return sluice_peer_gathering_state(c->peer) == SLUICE_GATHERING_COMPLETE;
}

int client_answer(const struct client *c, char *sdp, size_t size) {
	return sluice_peer_local_description(c->peer, NULL, sdp, size);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void client_close(struct client *c, const char *why) {
	if (c->closing)
		return;
	log_line(&c->serve->log, "peer %u: %s", c->number, why);
	c->closing = true;
	c->closing_at = ev_now(c->serve->ev);
	leave_room(c);
	service_leave_all(c);
	sluice_peer_close(c->peer);
}

static void tick_one(struct client *c, double now) {
	if (c->closing && now - c->closing_at > CLOSE_SECONDS) {
		sluice_peer_abort(c->peer, "no orderly end");
		free_client(c);
	} else if (!c->closing && !c->connected && now - c->made_at > CONNECT_SECONDS) {
		client_close(c, "did not connect");
	} else if (!c->closing && c->connected && !c->member && now - c->heard_at > c->serve->options->idle) {
		client_close(c, "idle, closed");
	}
}

void client_tick_all(struct serve *s) {
	double now = ev_now(s->ev);
	for (struct client *c = s->clients, *next; c; c = next) {
		next = c->next;
		tick_one(c, now);
	}
}

void client_end_all(struct serve *s) {
	for (struct client *c = s->clients; c; c = c->next)
		sluice_peer_abort(c->peer, "the server ends");
	ev_run(s->ev, EVRUN_NOWAIT);
	while (s->clients)
		free_client(s->clients);
}
