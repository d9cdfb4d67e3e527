#include "peer_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "peer/peer.h"
#include "peer_node.h"

#define NUMBER 4 /* bytes of the message's number */

/* ---- the app ---- */

static void on_open(sluice_channel *ch, void *user) {
	struct peer_host *h = user;
	(void)ch;
	h->open++;
}

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct peer_host *h = user;
	(void)text;
	const uint8_t *data = sluice_message_data(m);
	if (!data || m->len < NUMBER)
		sim_fail(h->sim, "host %s: a message of %zu bytes", h->host->name, m->len);
	struct iovec rest = {(void *)(data + NUMBER), m->len - NUMBER};
	sluice_message seen = {.stream = (uint16_t)sluice_channel_id(ch),
	                       .first = true,
	                       .last = true,
	                       .unordered = sluice_channel_is_unordered(ch),
	                       .ppid = get_be32(data),
	                       .len = rest.iov_len,
	                       .count = 1,
	                       .iov = &rest};
	if (!ledger_arrived(h->receives, &seen))
		sim_fail(h->sim, "host %s: %s", h->host->name, h->receives->error);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct peer_host *h = user;
	h->closed++;
	h->lost += lost;
	h->channel_error = error;
	for (unsigned i = 0; i < h->channel_count; i++)
		if (h->channels[i] == ch)
			h->channels[i] = NULL;
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message, .on_closed = on_closed};

static void keep(struct peer_host *h, sluice_channel *ch) {
	if (h->channel_count == PEER_HOST_CHANNELS)
		sim_fail(h->sim, "host %s: more than %d channels", h->host->name, PEER_HOST_CHANNELS);
	h->channels[h->channel_count++] = ch;
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	keep(user, ch);
	sluice_channel_set_callbacks(ch, &callbacks, user);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct peer_host *h = user;
	const char *text;
	h->state = state;
	if (state == SLUICE_PEER_CONNECTED)
		h->connected_at = h->sim->now;
	if (state == SLUICE_PEER_CLOSED || state == SLUICE_PEER_FAILED)
		h->ended_at = h->sim->now;
	if (state == SLUICE_PEER_FAILED && h->sim->trace && sluice_peer_error(p, &text))
		fprintf(stderr, "%12.6f %s failed: %s\n", (double)h->sim->now / 1e9, h->host->name, text);
}

int peer_host_open(struct peer_host *h, const sluice_channel_config *config) {
	sluice_channel_config c = *config;
	sluice_channel *ch;
	c.callbacks = callbacks;
	c.user = h;
	int error = sluice_peer_open_channel(h->peer, &c, &ch);
	if (!error)
		keep(h, ch);
	return error;
}

int peer_host_send(struct peer_host *h, unsigned channel, size_t len) {
	sluice_channel *ch = channel < h->channel_count ? h->channels[channel] : NULL;
	if (!ch)
		return SLUICE_CLOSED;
	if (sluice_channel_state(ch) != SLUICE_CHANNEL_OPEN)
		return SLUICE_WRONG_STATE;
	uint8_t *bytes = malloc(len);
	if (!bytes)
		abort();
	struct ledger *l = h->sends;
	bool reliable = sluice_channel_reliability(ch, NULL) == SLUICE_RELIABLE;
	put_be32(bytes, l->count);
	/* The ledger gives the number, so the message is noted first, and taken back when the send is refused. */
	uint32_t number = ledger_note(l, (uint16_t)sluice_channel_id(ch), sluice_channel_is_unordered(ch), reliable,
	                              len - NUMBER);
	ledger_fill(l, number, bytes + NUMBER, len - NUMBER);
	int error = sluice_channel_send(ch, bytes, len);
	if (error)
		ledger_take_back(l);
	free(bytes);
	return error;
}

/* ---- life ---- */

static void host_free(void *node) {
	struct peer_host *h = node;
	sluice_peer_free(h->peer);
	sluice_certificate_release(h->certificate);
	sluice_env_free(h->env);
	if (h->memory.live)
		sim_fail(h->sim, "host %s leaks %zu blocks, %zu bytes", h->host->name, h->memory.live, h->memory.bytes);
	free(h);
}

_Static_assert(offsetof(struct peer_host, peer) == 0, "peer_node.h");
static const struct sim_node_ops host_ops = PEER_NODE_OPS(host_free);

struct peer_host *peer_host_new(struct sim *sim, const char *name, enum sluice_role role, const sluice_peer_config *config) {
	struct peer_host *h = malloc(sizeof *h);
	if (!h)
		abort();
	*h = (struct peer_host){.sim = sim, .entropy = rng_of(sim->seed, 200 + sim->host_count), .connected_at = SLUICE_NEVER};
	h->ended_at = SLUICE_NEVER;
	if (config)
		h->config = *config;
	else
		sluice_peer_config_init(&h->config);
	h->config.role = role;
	sluice_env_config env = {.allocator = memory_allocator(&h->memory), .entropy = rng_entropy, .entropy_ctx = &h->entropy};
	if (sluice_env_new(&env, &h->env) < 0 || sluice_certificate_generate(&h->certificate) < 0)
		sim_fail(sim, "host %s could not be made", name);
	h->host = sim_add_host(sim, name, &host_ops, h, h->env);
	return h;
}

static void make_peer(struct peer_host *h, const struct peer_host *other) {
	h->config.certificate = h->certificate;
	h->config.path = sim_path(other->host);
	h->config.on_state = on_state;
	h->config.on_channel = on_channel;
	h->config.user = h;
	if (sluice_certificate_fingerprint(other->certificate, SLUICE_SHA256, &h->config.remote_fingerprint) < 0 ||
	    sluice_peer_new(h->env, &h->config, &h->peer) < 0)
		sim_fail(h->sim, "the peer of host %s could not be made", h->host->name);
}

void peer_host_start(struct peer_host *a, struct peer_host *b) {
	make_peer(a, b);
	make_peer(b, a);
	if (sluice_peer_start(a->peer) < 0 || sluice_peer_start(b->peer) < 0)
		sim_fail(a->sim, "a peer did not start");
}
