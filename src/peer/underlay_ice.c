/* underlay_ice: by offer and answer ICE finds the path. It takes its own datagrams out of what came, and over a TURN server it
 * wraps ours.
 *
 * Flights of a handshake that is embedded in the checks (draft-hancke-webrtc-sped) are given to the agent, and over a route they
 * go plainly as well. */
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/server_url.h"
#include "peer/path.h"
#include "peer/underlay.h"

#define SERVERS_MAX 16

/* One recvmmsg or GRO read has at most 64 datagrams. */
#define RUN_MAX 64

struct plain_datagram {
	struct plain_datagram *next;
	size_t len;
	uint8_t bytes[];
};

/* ---- in -------------------------------------------------------------------------------------------------------------- */

static bool same_path(const sluice_path *a, const sluice_path *b) {
	return a->socket == b->socket && path_equal(a, b);
}

/* RFC 8445, 12: data is taken from the path in use and from any other over which an authenticated check or answer passed. */
static bool admits(const struct underlay *u, const sluice_path *path) {
	return (u->routed && same_path(path, &u->path)) || ice_admits(u->ice, path);
}

static bool is_record(const sluice_datagram *d) {
	return packet_kind_of(d->data, d->len) == PACKET_DTLS;
}

/* Records that came as they are: the agent need not see them. */
static void take_records(struct underlay *u, struct underlay_input *in, struct underlay_span *out) {
	size_t n = 1;
	while (in->at + n < in->count && is_record(&in->datagrams[in->at + n]))
		n++;
	out->count = n;
	out->path = in->path ? in->path : &u->path;
	out->kind = admits(u, out->path) ? PACKET_DTLS : PACKET_UNKNOWN;
	in->at += n;
}

/* Gives datagrams[at] to the agent, once. Data that came wrapped is unwrapped where it stands. */
static enum ice_verdict examine(struct underlay *u, struct underlay_input *in, uint64_t now) {
	if (in->examined)
		return in->verdict;
	in->examined = true;
	in->from = in->path ? *in->path : u->path;
	in->verdict = ice_input(u->ice, &in->from, &in->datagrams[in->at], now);
	return in->verdict;
}

static void step(struct underlay_input *in) {
	in->at++;
	in->examined = false;
}

static enum packet_kind kind_at(const struct underlay_input *in) {
	return packet_kind_of(in->datagrams[in->at].data, in->datagrams[in->at].len);
}

/* More of the same kind and source joins the span, so that one SACK answers it. */
static void extend(struct underlay *u, struct underlay_input *in, struct underlay_span *out, uint64_t now) {
	while (out->count < RUN_MAX && in->at < in->count && !is_record(&in->datagrams[in->at])) {
		if (examine(u, in, now) != ICE_DATA || kind_at(in) != out->kind || !same_path(&in->from, &in->source))
			return;
		out->count++;
		step(in);
	}
}

static bool next(struct underlay *u, struct underlay_input *in, struct underlay_span *out, uint64_t now) {
	for (bool eventful = false; in->at < in->count; step(in), eventful = true) {
		*out = (struct underlay_span){
			.datagrams = in->datagrams + in->at, .count = 1, .path = &in->source, .eventful = eventful};
		if (!in->examined && is_record(out->datagrams)) {
			take_records(u, in, out);
			return true;
		}
		enum ice_verdict verdict = examine(u, in, now);
		if (verdict == ICE_TAKEN)
			continue;
		in->source = in->from;
		out->eventful = true;
		out->kind = kind_at(in);
		out->embedded = verdict == ICE_DTLS;
		step(in);
		if (verdict == ICE_DATA)
			extend(u, in, out, now);
		if (verdict == ICE_DATA && !admits(u, out->path))
			out->kind = PACKET_UNKNOWN;
		return true;
	}
	return false;
}

/* What a check carried was noted by the agent when it read the check. */
static void taken(struct underlay *u, const struct underlay_span *span, uint64_t now) {
	if (span->embedded)
		return;
	for (size_t i = 0; u->sped && i < span->count; i++)
		ice_sped_received(u->ice, span->datagrams[i].data, span->datagrams[i].len);
	ice_note_traffic(u->ice, now);
}

static bool proved(struct underlay *u, const sluice_path *path, uint64_t now) {
	ice_note_data(u->ice, path, now);
	return false; /* ICE alone chooses where data goes */
}

static void advance(struct underlay *u, uint64_t now) {
	ice_advance(u->ice, now);
}

/* ---- what ICE says --------------------------------------------------------------------------------------------------- */

static const enum sluice_ice_state states[] = {
	[ICE_NEW] = SLUICE_ICE_NEW,
	[ICE_CHECKING] = SLUICE_ICE_CHECKING,
	[ICE_CONNECTED] = SLUICE_ICE_CONNECTED,
	[ICE_COMPLETED] = SLUICE_ICE_COMPLETED,
	[ICE_DISCONNECTED] = SLUICE_ICE_DISCONNECTED,
	[ICE_FAILED] = SLUICE_ICE_FAILED,
	[ICE_CLOSED] = SLUICE_ICE_CLOSED,
};

enum sluice_ice_state underlay_ice_state(const struct underlay *u) {
	return states[ice_state(u->ice)];
}

static void read_route(struct underlay *u, struct underlay_event *e) {
	struct ice_pair_stats pair;
	sluice_path before = u->path;
	u->routed = ice_route(u->ice, &u->path);
	e->kind = UNDERLAY_ROUTE;
	e->moved = u->routed && !same_path(&before, &u->path);
	e->rtt = ice_selected(u->ice, &pair) ? pair.rtt : 0;
	e->largest = ice_route_largest(u->ice);
}

/* False: it means nothing to a peer. Not inlined, since the queue is nearly always found empty, and quickly. */
__attribute__((noinline)) static bool translate(struct underlay *u, const struct ice_event *ice, struct underlay_event *e) {
	switch (ice->kind) {
	case ICE_EVENT_CANDIDATE:
		e->kind = UNDERLAY_CANDIDATE;
		e->candidate = ice->candidate;
		return true;
	case ICE_EVENT_GATHERING:
		/* That it began was announced when it did. */
		e->kind = UNDERLAY_GATHERED;
		return ice->gathering == ICE_GATHERING_COMPLETE;
	case ICE_EVENT_STATE:
		e->kind = UNDERLAY_STATE;
		e->state = states[ice->state];
		return true;
	case ICE_EVENT_ROUTE:
		read_route(u, e);
		return true;
	case ICE_EVENT_OPEN:
		e->kind = UNDERLAY_OPEN;
		return true;
	default:
		return false;
	}
}

static bool poll_event(struct underlay *u, struct underlay_event *e) {
	struct ice_event ice;
	while (ice_poll(u->ice, &ice)) {
		if (translate(u, &ice, e))
			return true;
	}
	return false;
}

/* ---- the handshake ----------------------------------------------------------------------------------------------------- */

static bool embeds(const struct underlay *u) {
	return u->sped && ice_sped_active(u->ice);
}

/* The server only waits. The client needs somebody to speak to. */
static bool can_start(const struct underlay *u, bool client) {
	return !client || u->routed || embeds(u);
}

static void secured(struct underlay *u, bool client) {
	if (u->sped)
		ice_sped_handshake_done(u->ice, client);
}

void underlay_ice_sped(struct underlay *u, bool on) {
	if (on && !u->sped)
		ice_sped_start(u->ice);
	else if (!on && u->sped)
		ice_sped_stop(u->ice);
	u->sped = on;
}

void underlay_ice_drop_flight(struct underlay *u) {
	while (u->plain) {
		struct plain_datagram *d = u->plain;
		u->plain = d->next;
		env_free(u->env, d);
	}
	u->plain_end = &u->plain;
}

static void keep_plain(struct underlay *u, const sluice_datagram *datagram) {
	struct plain_datagram *d = env_alloc(u->env, sizeof *d + datagram->len);
	if (!d)
		return; /* embedded it goes all the same */
	d->next = NULL;
	d->len = datagram->len;
	memcpy(d->bytes, datagram->data, datagram->len);
	*u->plain_end = d;
	u->plain_end = &d->next;
}

/* draft-hancke-webrtc-sped: "any new DTLS flights SHOULD immediately be sent without being embedded". */
static void flight(struct underlay *u, const sluice_datagram *datagrams, size_t count, uint64_t now) {
	ice_sped_flight(u->ice, datagrams, count, now);
	for (size_t i = 0; u->routed && i < count; i++)
		keep_plain(u, &datagrams[i]);
}

/* ---- out ------------------------------------------------------------------------------------------------------------- */

static size_t headroom(const struct underlay *u) {
	return ice_headroom(u->ice);
}

/* Whoever fills the batch knows nothing of this room, so it is kept back at the end and make_room distributes it. */
static int reserve(struct underlay *u, sluice_batch *batch) {
	size_t room = headroom(u), most = batch->max_datagrams ? batch->max_datagrams : RUN_MAX;
	if (!room)
		return 0;
	if (batch->capacity <= most * room)
		return SLUICE_NO_SPACE;
	batch->capacity -= most * room;
	batch->max_datagrams = most;
	return 0;
}

/* Moves the datagrams apart, so that each has `room` bytes before it. Only relayed ones, for which a copy is a small part of
 * their way. */
static void make_room(sluice_batch *b, size_t room) {
	size_t stride = b->stride + room;
	for (size_t i = b->count; i-- > 0;)
		memmove(b->data + i * stride + room, b->data + i * b->stride, sluice_batch_slot_len(b, i));
	b->stride = stride;
	b->last += room;
	b->headroom = room;
}

static int finish(struct underlay *u, sluice_batch *batch, uint64_t now) {
	size_t room = headroom(u);
	int error = 0;
	batch->path = u->path;
	if (room) {
		make_room(batch, room);
		error = ice_wrap(u->ice, batch) ? SLUICE_WOULD_BLOCK : 0;
		batch->headroom = 0;
	}
	if (!error)
		ice_note_traffic(u->ice, now);
	return error;
}

static void copy_plain(struct underlay *u, sluice_batch *batch) {
	struct plain_datagram *d = u->plain;
	memcpy(batch->data, d->bytes, d->len);
	batch->count = 1;
	batch->stride = batch->last = d->len;
	u->plain = d->next;
	if (!u->plain)
		u->plain_end = &u->plain;
	env_free(u->env, d);
}

static int output_plain(struct underlay *u, sluice_batch *batch, uint64_t now) {
	size_t capacity = batch->capacity, most = batch->max_datagrams;
	int error = reserve(u, batch);
	if (!error && batch->capacity < u->plain->len)
		error = SLUICE_NO_SPACE;
	if (!error) {
		copy_plain(u, batch);
		error = finish(u, batch, now);
	}
	batch->capacity = capacity;
	batch->max_datagrams = most;
	return error ? error : 1;
}

/* Checks and answers go first: without them there is no path. */
static int output(struct underlay *u, sluice_batch *batch, uint64_t now) {
	int n = ice_output(u->ice, batch, now);
	return n || !u->plain || !u->routed ? n : output_plain(u, batch, now);
}

static uint64_t deadline(const struct underlay *u) {
	return u->plain && u->routed ? 0 : ice_deadline(u->ice);
}

static uint64_t proofs(const struct underlay *u) {
	return ice_proofs(u->ice);
}

/* ---- making and ending ------------------------------------------------------------------------------------------------- */

static void close_agent(struct underlay *u) {
	if (ice_state(u->ice) != ICE_CLOSED)
		ice_close(u->ice);
}

static void free_agent(struct underlay *u) {
	underlay_ice_drop_flight(u);
	ice_free(u->ice);
}

static bool check(const struct underlay *u) {
	return ice_check(u->ice) && (u->plain != NULL) == (u->plain_end != &u->plain);
}

static void show_candidate(const struct candidate *c, sluice_candidate *out) {
	static const char *const types[] = {"host", "srflx", "prflx", "relay"};
	*out = (sluice_candidate){
		.type = types[c->type],
		.protocol = c->transport == CANDIDATE_UDP ? "udp" : "tcp",
		.port = c->port,
		.priority = c->priority,
	};
	if (*c->name)
		snprintf(out->address, sizeof out->address, "%.*s", (int)sizeof out->address - 1, c->name);
	else
		address_format(&c->addr, out->address, sizeof out->address);
	if (c->related.ss_family && address_format(&c->related, out->related_address, sizeof out->related_address) > 0)
		out->related_port = address_port(&c->related);
}

static bool filter(void *ctx, const struct candidate *c, bool local) {
	const sluice_peer_config *config = ctx;
	sluice_candidate shown;
	show_candidate(c, &shown);
	return config->ice.filter(&shown, local, config->user);
}

static int read_servers(const sluice_ice_config *c, struct ice_server servers[SERVERS_MAX], struct server_url urls[SERVERS_MAX]) {
	if (c->server_count > SERVERS_MAX || (c->server_count && !c->servers))
		return SLUICE_INVALID;
	for (size_t i = 0; i < c->server_count; i++) {
		if (server_url_parse(c->servers[i].url, &urls[i]))
			return SLUICE_INVALID;
		servers[i] = (struct ice_server){
			.turn = urls[i].turn,
			.transport = urls[i].transport,
			.host = urls[i].host,
			.port = urls[i].port,
			.username = c->servers[i].username,
			.password = c->servers[i].credential,
		};
	}
	return 0;
}

static const struct underlay_ops by_ice = {
	.free = free_agent,
	.next = next,
	.taken = taken,
	.proved = proved,
	.secured = secured,
	.advance = advance,
	.output = output,
	.reserve = reserve,
	.finish = finish,
	.deadline = deadline,
	.poll = poll_event,
	.can_start = can_start,
	.embeds = embeds,
	.flight = flight,
	.admits = admits,
	.proofs = proofs,
	.headroom = headroom,
	.close = close_agent,
	.check = check,
};

int underlay_ice_init(struct underlay *u, sluice_env *env, const sluice_peer_config *c) {
	struct ice_server servers[SERVERS_MAX];
	struct server_url urls[SERVERS_MAX];
	int error = read_servers(&c->ice, servers, urls);
	if (error)
		return error;
	struct ice_config config = {
		.lite = c->ice.lite,
		.relay_only = c->ice.relay_only,
		.resolve_hosts = c->ice.resolve_hosts,
		.pacing = c->ice.pacing,
		.consent_interval = c->ice.consent_interval,
		.disconnected_after = c->ice.disconnected_after,
		.failed_after = c->ice.failed_after,
		.check_timeout = c->ice.check_timeout,
		.gather_timeout = c->ice.gather_timeout,
		.ufrag = c->ufrag,
		.pwd = c->pwd,
		.servers = servers,
		.server_count = c->ice.server_count,
		.filter = c->ice.filter ? filter : NULL,
		.filter_ctx = (void *)c,
	};
	*u = (struct underlay){.env = env};
	u->plain_end = &u->plain;
	error = ice_new(env, &config, &u->ice);
	if (!error)
		u->ops = &by_ice;
	return error;
}
