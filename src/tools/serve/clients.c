/* clients: who is connected, since when, and until when? An offer makes a client; it goes when its peer ends, when it does
 * not connect, when nothing is heard of it, or by DELETE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tools/serve/serve.h"

/* ---- the list ---------------------------------------------------------------------------------------------------- */

struct client *client_find(struct serve *s, const char *token) {
	struct client *c = s->clients;
	while (c && (c->closing || strcmp(c->token, token)))
		c = c->next;
	return c;
}

struct client *client_by_number(struct serve *s, uint32_t number) {
	struct client *c = s->clients;
	while (c && (c->closing || !c->connected || c->number != number))
		c = c->next;
	return c;
}

static void unlink_client(struct client *c) {
	struct client **link = &c->serve->clients;
	while (*link && *link != c)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = c->next;
	c->serve->client_count--;
}

static void client_free(struct client *c) {
	unlink_client(c);
	if (c->waiting)
		http_wake(c->waiting);
	services_free(c);
	sluice_peer_free(c->peer);
	free(c);
}

/* ---- the peer's callbacks ---------------------------------------------------------------------------------------- */

static void log_connected(struct client *c) {
	sluice_peer_stats st;
	sluice_peer_stats_get(c->peer, &st);
	serve_log(c->serve, "peer %u: connected after %.1f ms, %s %s port %u, %s", c->number,
	          (ev_now(c->serve->ev) - c->made_at) * 1e3, st.selected.remote_type ? st.selected.remote_type : "",
	          st.selected.remote_address, st.selected.remote_port, sluice_peer_cipher(c->peer));
}

static void log_end(struct client *c, enum sluice_peer_state state) {
	const char *text = "";
	int error = sluice_peer_error(c->peer, &text);
	bool failed = state == SLUICE_PEER_FAILED;
	serve_log(c->serve, "peer %u: %s%s%s%s%s after %.1f s", c->number, failed ? "failed, " : "closed",
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
	}
	if (state == SLUICE_PEER_DISCONNECTED)
		serve_log(c->serve, "peer %u: nothing comes from it", c->number);
	if (state != SLUICE_PEER_CLOSED && state != SLUICE_PEER_FAILED)
		return;
	log_end(c, state);
	client_free(c);
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	struct client *c = user;
	if (state == SLUICE_GATHERING_COMPLETE && c->waiting)
		http_wake(c->waiting);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	service_accept(user, ch);
}

/* ---- made of an offer -------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static bool refuse(struct refusal *why, unsigned status, const char *format, ...) {
	va_list args;
	va_start(args, format);
	vsnprintf(why->text, sizeof why->text, format, args);
	va_end(args);
	why->status = status;
	return false;
}

/* Sets the offer and answers it. */
static bool take_offer(struct client *c, const char *offer, size_t len, struct refusal *why) {
	const char *text = "";
	int error = sluice_peer_set_remote_description(c->peer, SLUICE_SDP_OFFER, offer, len);
	why->line = sluice_peer_description_error(c->peer, &text);
	if (*text || error == SLUICE_MALFORMED || error == SLUICE_INVALID)
		return refuse(why, 400, "%s", *text ? text : sluice_error_text(error));
	if (!error)
		error = sluice_peer_set_local_description(c->peer, SLUICE_SDP_ANSWER, NULL);
	if (!error)
		return true;
	return refuse(why, error == SLUICE_NO_MEMORY || error == SLUICE_LIMIT ? 503 : 409, "%s", sluice_error_text(error));
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

/* Peers of that address; pending: only those that have not connected. */
static unsigned count_of(const struct serve *s, uint64_t key, bool pending) {
	unsigned count = 0;
	for (const struct client *c = s->clients; c; c = c->next)
		count += c->key == key && !(pending && c->connected);
	return count;
}

/* The peer that has been about to connect for the longest time goes, if it was patience's worth. */
static bool make_room(struct serve *s) {
	struct client *oldest = NULL;
	for (struct client *c = s->clients; c; c = c->next)
		if (!c->connected && (!oldest || c->made_at < oldest->made_at))
			oldest = c;
	if (!oldest || ev_now(s->ev) - oldest->made_at < SERVE_PATIENCE_SECONDS)
		return false;
	serve_log(s, "peer %u: did not connect, and gives way", oldest->number);
	sluice_peer_abort(oldest->peer, "another one needs the place");
	client_free(oldest);
	return true;
}

static bool refuse_limit(struct refusal *why, unsigned status, const char *text) {
	why->limit = true;
	return refuse(why, status, "%s", text);
}

static bool is_room_for(struct serve *s, uint64_t key, struct refusal *why) {
	if (count_of(s, key, true) >= serve_share(s))
		return refuse_limit(why, 429, "too many peers of one address that did not connect yet");
	if (count_of(s, key, false) >= s->options->per_address)
		return refuse_limit(why, 429, "too many peers of one address");
	if (s->client_count >= s->options->max_peers && !make_room(s))
		return refuse_limit(why, 503, "as many peers as this server takes are connected already");
	return true;
}

static struct client *make(struct serve *s, uint64_t key) {
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
	c->next = s->clients;
	s->clients = c;
	s->client_count++;
	return c;
}

struct client *client_new(struct serve *s, uint64_t key, const char *offer, size_t len, struct refusal *why) {
	*why = (struct refusal){0};
	if (!is_room_for(s, key, why))
		return NULL;
	struct client *c = make(s, key);
	int error = c ? make_peer(c) : SLUICE_NO_MEMORY;
	if (error)
		refuse(why, 503, "%s", sluice_error_text(error));
	if (!error && take_offer(c, offer, len, why)) {
		serve_log(s, "peer %u: offer taken, %llu here", c->number, (unsigned long long)s->client_count);
		return c;
	}
	if (c)
		client_free(c);
	return NULL;
}

bool client_may_change(struct client *c) {
	return rate_take(&c->changes, SERVE_CHANGE_INTERVAL, SERVE_CHANGES_AT_ONCE, sluice_now());
}

bool client_renegotiate(struct client *c, const char *offer, size_t len, struct refusal *why) {
	*why = (struct refusal){0};
	serve_log(c->serve, "peer %u: another offer", c->number);
	return take_offer(c, offer, len, why);
}

bool client_candidates(struct client *c, const char *lines, size_t len, struct refusal *why) {
	*why = (struct refusal){0};
	char line[1024];
	unsigned number = 0;
	while (len > 0) {
		size_t n = strcspn(lines, "\r\n");
		n = n < len ? n : len;
		number++;
		bool candidate = n > 12 && strncmp(lines, "a=candidate:", 12) == 0;
		bool end = n == 19 && strncmp(lines, "a=end-of-candidates", n) == 0;
		snprintf(line, sizeof line, "%.*s", candidate ? (int)n : 0, lines);
		int error = n >= sizeof line     ? SLUICE_MALFORMED
		            : (candidate || end) ? sluice_peer_add_remote_candidate(c->peer, candidate ? line + 2 : NULL)
		                                 : 0;
		if (error) {
			why->line = number;
			return refuse(why, error == SLUICE_MALFORMED ? 400 : 409, "%s", sluice_error_text(error));
		}
		lines += n;
		len -= n;
		size_t gap = len > 1 && lines[0] == '\r' && lines[1] == '\n' ? 2 : len > 0;
		lines += gap;
		len -= gap;
	}
	return true;
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
	serve_log(c->serve, "peer %u: %s", c->number, why);
	c->closing = true;
	c->closing_at = ev_now(c->serve->ev);
	chat_tell_people(c->serve);
	sluice_peer_close(c->peer);
}

static void tick(struct client *c, double now) {
	if (c->closing && now - c->closing_at > SERVE_CLOSE_SECONDS) {
		sluice_peer_abort(c->peer, "no orderly end");
		client_free(c);
	} else if (!c->closing && !c->connected && now - c->made_at > SERVE_CONNECT_SECONDS) {
		client_close(c, "did not connect");
	} else if (!c->closing && c->connected && now - c->heard_at > c->serve->options->idle) {
		client_close(c, "idle, closed");
	}
}

void clients_tick(struct serve *s) {
	double now = ev_now(s->ev);
	for (struct client *c = s->clients, *next; c; c = next) {
		next = c->next;
		tick(c, now);
	}
}

void clients_end(struct serve *s) {
	for (struct client *c = s->clients; c; c = c->next)
		sluice_peer_abort(c->peer, "the server ends");
	ev_run(s->ev, EVRUN_NOWAIT);
	while (s->clients)
		client_free(s->clients);
}
