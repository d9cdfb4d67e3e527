/* direct_kit: two peers that connect directly, in the simulator, and apps on them that count what happens. A test says in which
 * callback an app frees its peer. */
#ifndef TESTS_DIRECT_KIT_H
#define TESTS_DIRECT_KIT_H

#include "pool/env.h"
#include "sim/memory.h"
#include "sim/peer_node.h"
#include "sim/sim.h"
#include "sluice/peer.h"
#include "suite.h"

#include "sim/assert.h"

/* Where an end frees its peer, to see what happens. */
enum spot {
	NOWHERE,
	AT_CONNECTING,
	AT_CONNECTED,
	AT_CHANNEL,
	AT_OPEN,
	AT_MESSAGE,
	AT_WRITABLE,
	AT_LOW,
	AT_CLOSED,
	AT_OVER,
	SPOTS
};

struct end {
	sluice_peer *peer; /* first: sim/peer_node.h */
	struct sim_host *host;
	sluice_env *env;
	struct memory memory;
	struct rng entropy;
	sluice_peer_config config;
	sluice_channel *ch;
	enum spot free_at;
	void (*instead)(sluice_peer *p); /* this is done there, and nothing freed */
	bool echo;

	char states[128]; /* "connecting connected ..." */
	uint64_t connected_at, over_at;
	unsigned channels, opened, closed, messages, writable, low;
	uint64_t bytes, lost;
	int close_error;
	bool closed_before_over;
	uint8_t last[16]; /* the first bytes of the last message */
};

struct world {
	struct sim sim;
	struct end a, b; /* the DTLS client and the server */
	sluice_certificate *certificate[2];
};

static inline void free_here(struct end *e, enum spot spot) {
	if (e->free_at != spot)
		return;
	if (e->instead) {
		e->instead(e->peer);
		return;
	}
	sluice_peer *p = e->peer;
	e->peer = NULL;
	e->ch = NULL;
	sluice_peer_free(p);
}

/* ---- the app at each end ---- */

static inline void on_open(sluice_channel *ch, void *user) {
	struct end *e = user;
	ck_assert_int_eq(sluice_channel_state(ch), SLUICE_CHANNEL_OPEN);
	ck_assert_ptr_eq(sluice_channel_peer(ch), e->peer);
	e->opened++;
	free_here(e, AT_OPEN);
}

static inline void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	(void)text;
	e->messages++;
	e->bytes += m->len;
	const uint8_t *data = sluice_message_data(m);
	memcpy(e->last, data, m->len < sizeof e->last ? m->len : sizeof e->last);
	if (e->echo)
		ck_assert_int_eq(sluice_channel_send(ch, data, m->len), 0);
	free_here(e, AT_MESSAGE);
}

static inline void on_writable(sluice_channel *ch, void *user) {
	(void)ch;
	struct end *e = user;
	e->writable++;
	free_here(e, AT_WRITABLE);
}

static inline void on_low(sluice_channel *ch, void *user) {
	(void)ch;
	struct end *e = user;
	e->low++;
	free_here(e, AT_LOW);
}

static inline void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	(void)ch;
	struct end *e = user;
	e->closed++;
	e->close_error = error;
	e->lost += lost;
	e->ch = NULL;
	e->closed_before_over = e->over_at == SLUICE_NEVER;
	free_here(e, AT_CLOSED);
}

static const sluice_channel_callbacks callbacks = {
	.on_open = on_open,
	.on_message = on_message,
	.on_writable = on_writable,
	.on_buffered_low = on_low,
	.on_closed = on_closed,
};

static inline void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct end *e = user;
	ck_assert_ptr_eq(sluice_channel_peer(ch), p);
	e->channels++;
	e->ch = ch;
	sluice_channel_set_callbacks(ch, &callbacks, e);
	free_here(e, AT_CHANNEL);
}

static inline void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct end *e = user;
	ck_assert_ptr_eq(sluice_peer_user(p), e);
	if (*e->states)
		strcat(e->states, " ");
	strcat(e->states, sluice_peer_state_name(state));
	if (state == SLUICE_PEER_CONNECTED)
		e->connected_at = e->host->sim->now;
	if (state >= SLUICE_PEER_CLOSED)
		e->over_at = e->host->sim->now;
	free_here(e, state == SLUICE_PEER_CONNECTING  ? AT_CONNECTING
	             : state == SLUICE_PEER_CONNECTED ? AT_CONNECTED
	             : state >= SLUICE_PEER_CLOSED    ? AT_OVER
	                                              : NOWHERE + SPOTS);
}

/* ---- the end as a host ---- */

static inline void node_free(void *node) {
	struct end *e = node;
	sluice_peer_free(e->peer);
	ck_assert_uint_eq(e->env->blocks.live, 0);
	ck_assert_uint_eq(e->env->slabs_live, 0);
	sluice_env_free(e->env);
	ck_assert_uint_eq(e->memory.live, 0);
}
_Static_assert(offsetof(struct end, peer) == 0, "sim/peer_node.h");
static const struct sim_node_ops ops = PEER_NODE_OPS(node_free);

static inline void add_end(struct world *w, struct end *e, const char *name, bool client) {
	*e = (struct end){.connected_at = SLUICE_NEVER, .over_at = SLUICE_NEVER, .entropy = rng_of(w->sim.seed, client)};
	sluice_env_config env = {
		.allocator = memory_allocator(&e->memory),
		.entropy = rng_entropy,
		.entropy_ctx = &e->entropy,
	};
	ck_assert_int_eq(sluice_env_new(&env, &e->env), 0);
	e->host = sim_add_host(&w->sim, name, &ops, e, e->env);
	sluice_peer_config_init(&e->config);
	e->config.role = client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
	e->config.certificate = w->certificate[!client];
	e->config.on_state = on_state;
	e->config.on_channel = on_channel;
	e->config.user = e;
	ck_assert_int_eq(sluice_certificate_fingerprint(w->certificate[client], SLUICE_SHA256, &e->config.remote_fingerprint), 0);
}

static inline void world_init(struct world *w, uint64_t seed, const struct link_config *link) {
	sim_init(&w->sim, seed);
	for (int i = 0; i < 2; i++)
		if (!w->certificate[i])
			ck_assert_int_eq(sluice_certificate_generate(&w->certificate[i]), 0);
	add_end(w, &w->a, "a", true);
	add_end(w, &w->b, "b", false);
	sim_join(&w->sim, w->a.host, w->b.host, link);
	w->a.config.path = sim_path(w->b.host);
}

static inline void end_start(struct end *e) {
	ck_assert_int_eq(sluice_peer_new(e->env, &e->config, &e->peer), 0);
	ck_assert_int_eq(sluice_peer_start(e->peer), 0);
}

static inline void world_start(struct world *w) {
	end_start(&w->b);
	end_start(&w->a);
}

/* The world ends, its certificates stay for the next. */
static inline void world_close(struct world *w) {
	sim_close(&w->sim);
}

static inline void world_free(struct world *w) {
	world_close(w);
	for (int i = 0; i < 2; i++)
		sluice_certificate_release(w->certificate[i]);
}

static inline void open_channel(struct end *e, uint64_t high_water) {
	sluice_channel_config c = {.label = "test", .id = -1, .callbacks = callbacks, .user = e, .high_water = high_water};
	ck_assert_int_eq(sluice_peer_open_channel(e->peer, &c, &e->ch), 0);
}

static inline bool both_connected(const struct world *w) {
	return w->a.connected_at != SLUICE_NEVER && w->b.connected_at != SLUICE_NEVER;
}
static inline bool both_over(const struct world *w) {
	return w->a.over_at != SLUICE_NEVER && w->b.over_at != SLUICE_NEVER;
}

/* The condition comes true within that time. */
#define WITHIN(sim, span, condition) SIM_UNTIL(&(sim), (sim).now + (span), condition)

static inline void pass(struct world *w, uint64_t span) {
	sim_run(&w->sim, w->sim.now + span);
}

static const struct link_config near = {.delay = 10 * SLUICE_MS};

/* The server does not know the client's fingerprint yet. Returns it; the handshake waits for it by then. */
static inline sluice_fingerprint world_start_without_fingerprint(struct world *w) {
	world_init(w, sim_seed(1), &near);
	sluice_fingerprint late = w->b.config.remote_fingerprint;
	w->b.config.remote_fingerprint.hash = 0;
	world_start(w);
	pass(w, 400 * SLUICE_MS);
	return late;
}

/* A world whose peers are connected over a channel that each end knows as ->ch. */
static inline void connected_world(struct world *w, const struct link_config *link) {
	world_init(w, sim_seed(1), link);
	world_start(w);
	open_channel(&w->a, 0);
	ck_assert(WITHIN(w->sim, 5 * SLUICE_S, w->a.opened == 1 && w->b.channels == 1));
}

#endif
