#include "caller.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer/peer.h"
#include "peer_node.h"

/* ---- noting ---------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void note(struct caller *c, const char *format, ...) {
	size_t at = strlen(c->log);
	va_list args;
	va_start(args, format);
	vsnprintf(c->log + at, sizeof c->log - at, format, args);
	va_end(args);
	at = strlen(c->log);
	snprintf(c->log + at, sizeof c->log - at, " ");
	if (c->sim->trace)
		fprintf(stderr, "%12.6f %s: %s\n", (double)c->sim->now / 1e9, c->host->name, c->log);
}

const char *caller_log(struct caller *c) {
	static char copy[CALLER_LOG];
	memcpy(copy, c->log, sizeof copy);
	size_t len = strlen(copy);
	if (len)
		copy[len - 1] = 0;
	c->log[0] = 0;
	return copy;
}

/* An error of the host's own calls ends the test, unless it may be. */
static void judge(struct caller *c, const char *what) {
	if (c->last_error && !(c->tolerant && (c->last_error == SLUICE_NO_MEMORY || c->last_error == SLUICE_CRYPTO)))
		sim_fail(c->sim, "host %s: %s: %d", c->host->name, what, c->last_error);
}

/* ---- signalling ------------------------------------------------------------------------------------------------------ */

enum signal_kind { SIGNAL_OFFER = SLUICE_SDP_OFFER, SIGNAL_ANSWER = SLUICE_SDP_ANSWER, SIGNAL_CANDIDATE };

struct signal {
	struct signal *next, **back;
	struct caller *to;
	enum signal_kind kind;
	char text[SLUICE_SDP_MAX];
};

static void say(struct caller *c, enum signal_kind kind, const char *text);

static void say_description(struct caller *c) {
	static char text[SLUICE_SDP_MAX];
	enum sluice_sdp_type type;
	int len = sluice_peer_local_description(c->peer, &type, text, sizeof text);
	c->last_error = len < 0 ? len : len == 0 ? SLUICE_NOT_FOUND : 0;
	judge(c, "no description");
	if (len > 0)
		say(c, (enum signal_kind)type, text);
}

static void take_description(struct caller *c, const struct signal *s) {
	enum sluice_sdp_type type = (enum sluice_sdp_type)s->kind;
	c->ignoring = type == SLUICE_SDP_OFFER && !c->polite &&
	              sluice_peer_signaling_state(c->peer) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER;
	/* W3C's perfect negotiation: the impolite side ignores an offer that collides with its own, and its candidates. */
	if (c->ignoring)
		return;
	c->last_error = sluice_peer_set_remote_description(c->peer, type, s->text, strlen(s->text));
	c->refused += c->last_error != 0 && c->last_error != SLUICE_CLOSED;
	if (c->last_error)
		note(c, "description-refused:%d", c->last_error);
	if (c->last_error || type != SLUICE_SDP_OFFER)
		return;
	c->last_error = sluice_peer_set_local_description(c->peer, 0, NULL);
	judge(c, "no answer");
	if (!c->last_error)
		say_description(c);
}

static void forget(struct signal *s) {
	*s->back = s->next;
	if (s->next)
		s->next->back = s->back;
	free(s);
}

static void arrive(void *ctx) {
	struct signal *s = ctx;
	struct caller *c = s->to;
	if (c->peer && s->kind == SIGNAL_CANDIDATE) {
		c->last_error = sluice_peer_add_remote_candidate(c->peer, s->text);
		if (c->last_error)
			note(c, "candidate-refused:%d", c->last_error);
		c->refused += c->last_error != 0 && c->last_error != SLUICE_CLOSED && !c->ignoring;
	} else if (c->peer) {
		take_description(c, s);
	}
	forget(s);
}

static void say(struct caller *c, enum signal_kind kind, const char *text) {
	struct signal *s = malloc(sizeof *s);
	if (!s)
		abort();
	s->to = c->other;
	s->next = s->to->signals;
	s->back = &s->to->signals;
	if (s->next)
		s->next->back = &s->next;
	s->to->signals = s;
	s->kind = kind;
	snprintf(s->text, sizeof s->text, "%s", text);
	sim_at(c->sim, c->sim->now + c->signal_delay, arrive, s);
}

void caller_offer(struct caller *c) {
	c->last_error = sluice_peer_set_local_description(c->peer, SLUICE_SDP_OFFER, NULL);
	judge(c, "no offer");
	if (c->last_error)
		return;
	if (c->offered_at == SLUICE_NEVER)
		c->offered_at = c->sim->now;
	if (!c->silent)
		say_description(c);
}

int caller_give(struct caller *from, struct caller *to) {
	static char text[SLUICE_SDP_MAX];
	enum sluice_sdp_type type;
	int len = sluice_peer_local_description(from->peer, &type, text, sizeof text);
	if (len <= 0)
		sim_fail(from->sim, "host %s has no description", from->host->name);
	return sluice_peer_set_remote_description(to->peer, type, text, (size_t)len);
}

/* ---- the app --------------------------------------------------------------------------------------------------------- */

static void on_open(sluice_channel *ch, void *user) {
	struct caller *c = user;
	size_t len;
	const char *message = sluice_channel_protocol(ch, &len); /* what caller_open wanted to say first */
	c->opened++;
	if (c->open_at == SLUICE_NEVER)
		c->open_at = c->sim->now;
	c->last_error = len ? sluice_channel_send_text(ch, message, len) : 0;
	judge(c, "cannot send on an open channel");
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct caller *c = user;
	(void)text;
	c->received++;
	c->received_bytes += m->len;
	if (c->message_at == SLUICE_NEVER)
		c->message_at = c->sim->now;
	const char *data = sluice_message_data(m);
	snprintf(c->last_message, sizeof c->last_message, "%.*s", data ? (int)m->len : 0, data ? data : "");
	if (c->echo)
		sluice_channel_send(ch, sluice_message_data(m), m->len);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct caller *c = user;
	(void)error;
	(void)lost;
	c->closed++;
	if (c->channel == ch)
		c->channel = NULL;
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct caller *c = user;
	(void)p;
	c->channel = ch;
	c->channels++;
	if (c->open_at == SLUICE_NEVER)
		c->open_at = c->sim->now;
	sluice_channel_callbacks mine = callbacks;
	mine.on_open = NULL;
	sluice_channel_set_callbacks(ch, &mine, c);
}

void caller_open(struct caller *c, const char *message) {
	sluice_channel_config config = {.label = "chat", .protocol = message, .callbacks = callbacks, .user = c};
	c->last_error = sluice_peer_open_channel(c->peer, &config, &c->channel);
	judge(c, "cannot open a channel");
	c->channels += c->last_error == 0;
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct caller *c = user;
	const char *why;
	c->state = state;
	note(c, "%s", sluice_peer_state_name(state));
	if (state == SLUICE_PEER_CONNECTED && c->connected_at == SLUICE_NEVER)
		c->connected_at = c->sim->now;
	if (state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED)
		c->ended_at = c->sim->now;
	if (state == SLUICE_PEER_FAILED && c->sim->trace && sluice_peer_error(p, &why))
		fprintf(stderr, "%s failed: %s\n", c->host->name, why);
}

static void on_signaling_state(sluice_peer *p, enum sluice_signaling_state state, void *user) {
	(void)p;
	note(user, "signaling:%s", sluice_signaling_state_name(state));
}

static void on_gathering_state(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	note(user, "gathering:%s", sluice_gathering_state_name(state));
}

static void on_ice_state(sluice_peer *p, enum sluice_ice_state state, void *user) {
	(void)p;
	note(user, "ice:%s", sluice_ice_state_name(state));
}

static void on_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	struct caller *c = user;
	(void)p;
	(void)mid;
	note(c, candidate ? "candidate" : "end-of-candidates");
	if (c->trickle)
		say(c, SIGNAL_CANDIDATE, candidate ? candidate : "");
}

static void on_negotiation_needed(sluice_peer *p, void *user) {
	struct caller *c = user;
	(void)p;
	note(c, "negotiationneeded");
	if (!c->silent)
		caller_offer(c);
}

static void on_track(sluice_peer *p, sluice_transceiver *t, void *user) {
	struct caller *c = user;
	(void)p;
	note(c, "track:%s", sluice_transceiver_mid(t));
	if (c->on_track)
		c->on_track(c, t);
}

/* ---- the verbs ------------------------------------------------------------------------------------------------------- */

/* Is it a datagram that the host does not take yet? */
static bool is_deaf_to(const struct caller *c, const sluice_datagram *d) {
	sluice_peer_stats s;
	if (c->ears == EARS_OPEN || !d->len || d->data[0] < 20 || d->data[0] > 63)
		return false;
	sluice_peer_stats_get(c->peer, &s);
	enum sluice_ice_state state = sluice_peer_ice_state(c->peer);
	bool checked = state == SLUICE_ICE_CONNECTED || state == SLUICE_ICE_COMPLETED;
	return !checked || (c->ears == EARS_BY_NOMINATION && !s.selected.nominated);
}

static int host_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	struct caller *c = node;
	if (!c->peer)
		return 0;
	int error = 0;
	sluice_path path = *from;
	path.socket = 0;
	size_t step = c->ears == EARS_OPEN ? count : 1; /* each may open the ears for the next */
	for (size_t i = 0; i < count && !error; i += step)
		if (!is_deaf_to(c, &datagrams[i]))
			error = sluice_peer_input(c->peer, &path, datagrams + i, step, now);
	return error;
}

static void host_free(void *node) {
	struct caller *c = node;
	while (c->signals)
		forget(c->signals);
	sluice_peer_free(c->peer);
	if (!c->env_is_lent)
		sluice_env_free(c->env);
	if (c->memory.live)
		sim_fail(c->sim, "host %s leaks %zu blocks, %zu bytes", c->host->name, c->memory.live, c->memory.bytes);
	free(c);
}

_Static_assert(offsetof(struct caller, peer) == 0, "peer_node.h");
static const struct sim_node_ops host_ops = {
	.input = host_input,
	.advance = peer_node_advance,
	.output = peer_node_output,
	.deadline = peer_node_deadline,
	.dispatch = peer_node_dispatch,
	.check = peer_node_check,
	.free = host_free,
};

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static void make_peer(struct caller *c, const sluice_peer_config *given) {
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	if (given)
		config = *given;
	config.on_state = on_state;
	config.on_channel = on_channel;
	config.on_signaling_state = on_signaling_state;
	config.on_gathering_state = on_gathering_state;
	config.on_ice_state = on_ice_state;
	config.on_candidate = on_candidate;
	config.on_negotiation_needed = on_negotiation_needed;
	config.on_track = on_track;
	config.user = c;
	sluice_path self = sim_path(c->host);
	int error = sluice_peer_new(c->env, &config, &c->peer);
	if (!error)
		error = sluice_peer_add_local_address(c->peer, SLUICE_UDP, 0, (struct sockaddr *)&self.remote, self.remote_len,
		                                      65535, NULL);
	if (error)
		sim_fail(c->sim, "the peer of host %s could not be made: %d", c->host->name, error);
}

static struct caller *make(struct sim *sim) {
	struct caller *c = malloc(sizeof *c);
	if (!c)
		abort();
	*c = (struct caller){.sim = sim, .entropy = rng_of(sim->seed, 300 + sim->host_count)};
	c->offered_at = c->open_at = c->connected_at = c->message_at = c->ended_at = SLUICE_NEVER;
	return c;
}

struct caller *caller_new(struct sim *sim, const char *name, const sluice_peer_config *config) {
	struct caller *c = make(sim);
	sluice_env_config env = {.allocator = memory_allocator(&c->memory), .entropy = rng_entropy, .entropy_ctx = &c->entropy};
	if (sluice_env_new(&env, &c->env) < 0)
		sim_fail(sim, "host %s could not be made", name);
	c->host = sim_add_host(sim, name, &host_ops, c, c->env);
	make_peer(c, config);
	return c;
}

struct caller *caller_new_in(struct sim *sim, const char *name, const sluice_peer_config *config, sluice_env *env) {
	struct caller *c = make(sim);
	c->env = env;
	c->env_is_lent = true;
	c->host = sim_add_host(sim, name, &host_ops, c, env);
	make_peer(c, config);
	return c;
}

void caller_join(struct caller *a, struct caller *b, const struct link_config *link, uint64_t signal_delay) {
	a->other = b;
	b->other = a;
	a->signal_delay = b->signal_delay = signal_delay;
	b->polite = true;
	sim_join(a->sim, a->host, b->host, link);
}
