#include "ice_world.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "ice/stun.h"
#include "must.h"

struct sockaddr_storage ice_world_address(const char *text, uint16_t port) {
	struct sockaddr_storage a;
	MUST(address_parse(text, strlen(text), &a));
	address_set_port(&a, port);
	return a;
}

/* ---- making it ---------------------------------------------------------------------------------------------------- */

void ice_world_init(struct ice_world *w, uint64_t seed, uint64_t delay) {
	memset(w, 0, sizeof *w);
	w->now = SLUICE_S;
	w->seed = seed;
	w->delay = delay;
	w->rng = rng_of(seed, 0x1ce);
}

void ice_world_close(struct ice_world *w) {
	for (int i = 0; i < w->agent_count; i++) {
		ice_free(w->agents[i].ice);
		sluice_env_free(w->agents[i].env);
		MUST(w->agents[i].memory.live == 0);
	}
	for (size_t i = 0; i < w->flight_count; i++)
		free(w->flights[i]);
	turn_server_free(w->turn);
}

int ice_world_nat(struct ice_world *w, enum nat_kind kind, const char *outside, bool hairpin) {
	MUST(w->nat_count < ICE_WORLD_NATS);
	w->nats[w->nat_count] = (struct nat){
		.kind = kind, .hairpin = hairpin, .outside = ice_world_address(outside, 0), .next_port = 40000};
	return w->nat_count++;
}

struct ice_agent *ice_world_agent(struct ice_world *w, const char *name, const struct ice_config *config, struct memory memory) {
	MUST(w->agent_count < ICE_WORLD_AGENTS);
	struct ice_agent *a = &w->agents[w->agent_count];
	*a = (struct ice_agent){.name = name, .memory = memory, .rng = rng_of(w->seed, (uint64_t)w->agent_count + 100)};
	sluice_env_config env = {
		.allocator = memory_allocator(&a->memory), .entropy = rng_entropy, .entropy_ctx = &a->rng, .cache_limit = 1};
	a->route_at = a->authentic_at = a->gathered_at = a->first_check_at = a->last_data_at = SLUICE_NEVER;
	for (int i = 0; i <= ICE_CLOSED; i++)
		a->state_at[i] = SLUICE_NEVER;
	if (sluice_env_new(&env, &a->env) < 0)
		return NULL;
	if (ice_new(a->env, config, &a->ice) < 0) {
		sluice_env_free(a->env);
		MUST(a->memory.live == 0);
		return NULL;
	}
	w->agent_count++;
	return a;
}

static struct iface *add_iface(struct ice_world *w, const char *address, uint16_t port) {
	MUST(w->iface_count < ICE_WORLD_IFACES);
	struct iface *i = &w->ifaces[w->iface_count];
	*i = (struct iface){.agent = -1, .server = -1, .nat = -1, .addr = ice_world_address(address, port)};
	i->socket = 10 + (uint32_t)w->iface_count++;
	return i;
}

uint32_t ice_world_socket(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, int nat,
                          uint16_t preference, const char *hidden) {
	struct iface *i = add_iface(w, address, port);
	i->agent = (int)(a - w->agents);
	i->nat = nat;
	ice_add_local(a->ice, CANDIDATE_UDP, i->socket, &i->addr, preference, hidden);
	return i->socket;
}

uint32_t ice_world_tcp(struct ice_world *w, struct ice_agent *a, const char *address, uint16_t port, bool passive) {
	struct iface *i = add_iface(w, address, port);
	i->agent = (int)(a - w->agents);
	ice_add_local(a->ice, passive ? CANDIDATE_TCP_PASSIVE : CANDIDATE_TCP_ACTIVE, i->socket, &i->addr, 65535, NULL);
	return i->socket;
}

static struct iface *find_socket(struct ice_world *w, uint32_t socket) {
	MUST(socket >= 10 && socket < 10 + (uint32_t)w->iface_count);
	return &w->ifaces[socket - 10];
}

void ice_world_unplug(struct ice_world *w, struct ice_agent *a, uint32_t socket) {
	find_socket(w, socket)->down = true;
	ice_remove_local(a->ice, socket);
}

void ice_world_stun(struct ice_world *w, const char *address, uint16_t port) {
	add_iface(w, address, port)->server = w->server_count++;
}

static void turn_sends(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to, const uint8_t *data,
                       size_t len);

void ice_world_turn(struct ice_world *w, const char *address, uint16_t port) {
	struct turn_server_config config = {
		.username = "user", .password = "secret", .realm = "example.org", .send = turn_sends, .ctx = w};
	struct iface *i = add_iface(w, address, port);
	i->server = w->server_count++;
	config.addr = i->addr;
	config.relay4 = i->addr;
	w->turn_iface = (int)(i - w->ifaces);
	w->turn = turn_server_new(&config);
	MUST(w->turn);
}

/* ---- signalling --------------------------------------------------------------------------------------------------- */

static void collect(struct ice_world *w, struct ice_agent *a) {
	struct ice_event e;
	while (ice_poll(a->ice, &e)) {
		switch (e.kind) {
		case ICE_EVENT_CANDIDATE:
			if (a->told_count < sizeof a->told / sizeof *a->told)
				a->told[a->told_count++] = e.candidate;
			break;
		case ICE_EVENT_GATHERING:
			if (e.gathering == ICE_GATHERING_COMPLETE && a->gathered_at == SLUICE_NEVER)
				a->gathered_at = w->now;
			break;
		case ICE_EVENT_STATE:
			a->states++;
			a->state_at[e.state] = w->now;
			break;
		case ICE_EVENT_ROUTE:
			a->routes++;
			if (ice_route(a->ice, &a->route) && a->route_at == SLUICE_NEVER)
				a->route_at = w->now;
			break;
		case ICE_EVENT_OPEN:
			break;
		}
	}
}

static void give_candidate(const struct ice_agent *from, size_t index, struct ice_agent *to) {
	char text[CANDIDATE_TEXT_MAX];
	struct candidate c;
	int len = candidate_format(&from->told[index], text, sizeof text);
	MUST(len > 0 && candidate_parse(text, (size_t)len, &c) == 0);
	ice_add_remote(to->ice, &c);
}

void ice_world_trickle(struct ice_agent *from, struct ice_agent *to) {
	while (from->trickled < from->told_count)
		give_candidate(from, from->trickled++, to);
	if (ice_gathering(from->ice) == ICE_GATHERING_COMPLETE)
		ice_remote_done(to->ice);
}

void ice_world_give(struct ice_agent *from, struct ice_agent *to) {
	ice_set_remote(to->ice, ice_ufrag(from->ice), ice_pwd(from->ice), false);
	ice_world_trickle(from, to);
}

void ice_world_introduce(struct ice_world *w, struct ice_agent *a, struct ice_agent *b) {
	ice_gather(a->ice, w->now);
	ice_gather(b->ice, w->now);
	collect(w, a);
	collect(w, b);
	ice_world_give(a, b);
	ice_world_give(b, a);
}

/* ---- the network -------------------------------------------------------------------------------------------------- */

static struct nat_mapping *mapping_of(struct nat *n, const struct sockaddr_storage *inside, const struct sockaddr_storage *to) {
	bool symmetric = n->kind == NAT_SYMMETRIC;
	for (size_t i = 0; i < n->mapping_count; i++) {
		struct nat_mapping *m = &n->mappings[i];
		if (address_equal(&m->inside, inside) && (!symmetric || address_equal(&m->to, to)))
			return m;
	}
	MUST(n->mapping_count < ICE_WORLD_MAPPINGS);
	struct nat_mapping *m = &n->mappings[n->mapping_count++];
	*m = (struct nat_mapping){.inside = *inside, .to = *to, .port = n->next_port++};
	return m;
}

static bool asked(const struct nat_mapping *m, const struct sockaddr_storage *who, bool port) {
	for (size_t i = 0; i < m->asked_count; i++)
		if (port ? address_equal(&m->asked[i], who) : address_same_host(&m->asked[i], who))
			return true;
	return false;
}

/* What the datagram's source looks like outside. */
static struct sockaddr_storage translate(struct nat *n, const struct sockaddr_storage *inside,
                                         const struct sockaddr_storage *to) {
	struct nat_mapping *m = mapping_of(n, inside, to);
	if (!asked(m, to, true) && m->asked_count < sizeof m->asked / sizeof *m->asked)
		m->asked[m->asked_count++] = *to;
	struct sockaddr_storage out = n->outside;
	address_set_port(&out, m->port);
	return out;
}

static bool lets_in(const struct nat *n, const struct nat_mapping *m, const struct sockaddr_storage *from) {
	switch (n->kind) {
	case NAT_FULL_CONE:
		return true;
	case NAT_ADDRESS_RESTRICTED:
		return asked(m, from, false);
	default:
		return asked(m, from, true);
	}
}

static const struct sockaddr_storage *inside_of(const struct nat *n, const struct sockaddr_storage *to,
                                                const struct sockaddr_storage *from) {
	for (size_t i = 0; i < n->mapping_count; i++)
		if (n->mappings[i].port == address_port(to) && lets_in(n, &n->mappings[i], from))
			return &n->mappings[i].inside;
	return NULL;
}

static int iface_at(const struct ice_world *w, const struct sockaddr_storage *addr, int nat) {
	for (int i = 0; i < w->iface_count; i++)
		if (!w->ifaces[i].down && w->ifaces[i].nat == nat && address_equal(&w->ifaces[i].addr, addr))
			return i;
	return -1;
}

/* The interface that gets it, and the source that it sees. */
static int deliver_to(struct ice_world *w, const struct iface *from, const struct sockaddr_storage *to,
                      struct sockaddr_storage *source) {
	*source = from->addr;
	if (from->nat >= 0) {
		int inside = iface_at(w, to, from->nat);
		if (inside >= 0)
			return inside;
		*source = translate(&w->nats[from->nat], &from->addr, to);
	} else if (address_is_loopback(to) != address_is_loopback(&from->addr)) {
		return -1;
	}
	for (int n = 0; n < w->nat_count; n++) {
		if (!address_same_host(&w->nats[n].outside, to))
			continue;
		if (n == from->nat && !w->nats[n].hairpin)
			return -1;
		const struct sockaddr_storage *inside = inside_of(&w->nats[n], to, source);
		return inside ? iface_at(w, inside, n) : -1;
	}
	return w->turn && turn_server_owns(w->turn, to) ? w->turn_iface : iface_at(w, to, -1);
}

/* relayed: the source, where it is not the interface's address. */
static void transmit_as(struct ice_world *w, int from, const struct sockaddr_storage *relayed, const struct sockaddr_storage *to,
                        const uint8_t *data, size_t len) {
	struct sockaddr_storage source;
	const struct iface *i = &w->ifaces[from];
	uint8_t copy[1500];
	MUST(len <= sizeof copy);
	memcpy(copy, data, len);
	if (i->down || (w->filter && !w->filter(w, from, to, copy, &len, w->filter_ctx)) || rng_chance(&w->rng, w->loss))
		return;
	int dest = deliver_to(w, i, to, &source);
	if (relayed)
		source = *relayed;
	if (dest < 0)
		return;
	struct flight *f = malloc(sizeof *f);
	MUST(f && w->flight_count < ICE_WORLD_FLIGHT);
	*f = (struct flight){
		.at = w->now + w->delay, .number = w->numbers++, .iface = dest, .from = source, .to = *to, .len = len};
	memcpy(f->data, copy, len);
	w->flights[w->flight_count++] = f;
}

static void transmit(struct ice_world *w, int from, const struct sockaddr_storage *to, const uint8_t *data, size_t len) {
	transmit_as(w, from, NULL, to, data, len);
}

/* ---- those who live in it ----------------------------------------------------------------------------------------- */

static void count(struct ice_world *w, struct ice_agent *a, const uint8_t *data, size_t len) {
	struct stun_message m;
	if (stun_parse(data, len, &m) < 0)
		return;
	if (m.class == STUN_REQUEST) {
		a->requests++;
		if (m.username.data && a->first_check_at == SLUICE_NEVER)
			a->first_check_at = w->now;
	} else if (m.class == STUN_SUCCESS) {
		a->responses++;
	}
}

/* As a second address port of the agent's first interface. */
static void connect_stream(struct ice_world *w, struct ice_agent *a, const struct ice_request *r) {
	int first = 0;
	while (w->ifaces[first].agent != a - w->agents)
		first++;
	struct iface *i = add_iface(w, "0.0.0.0", 0);
	i->addr = w->ifaces[first].addr;
	address_set_port(&i->addr, (uint16_t)(9000 + w->streams++));
	i->agent = w->ifaces[first].agent;
	i->nat = w->ifaces[first].nat;
	ice_stream_up(a->ice, r->id, i->socket, w->now);
}

static void close_stream(struct ice_world *w, uint32_t socket) {
	find_socket(w, socket)->down = true;
	w->streams_closed++;
}

static bool speak(struct ice_world *w, struct ice_agent *a) {
	uint8_t space[2048];
	bool spoke = false;
	for (int n, rounds = 0;; rounds++) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		MUST(rounds < 2000 && ice_check(a->ice));
		n = ice_output(a->ice, &b, w->now);
		MUST(n >= 0 && ice_check(a->ice));
		if (n == 0)
			break;
		MUST(b.count == 1);
		count(w, a, b.data, b.last);
		transmit(w, (int)(find_socket(w, b.path.socket) - w->ifaces), &b.path.remote, b.data, b.last);
		spoke = true;
	}
	struct ice_request r;
	while (ice_poll_request(a->ice, &r)) {
		if (r.kind == ICE_REQUEST_RESOLVE)
			ice_resolved(a->ice, r.id, &a->names, a->names.ss_family && !a->names_unknown, w->now);
		else if (r.kind == ICE_REQUEST_STREAM)
			connect_stream(w, a, &r);
		else
			close_stream(w, r.socket);
		spoke = true;
	}
	collect(w, a);
	return spoke;
}

void ice_world_settle(struct ice_world *w) {
	bool again = true;
	for (int rounds = 0; again; rounds++) {
		MUST(rounds < 1000);
		again = false;
		for (int i = 0; i < w->agent_count; i++)
			again |= speak(w, &w->agents[i]);
	}
}

static void turn_sends(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to, const uint8_t *data,
                       size_t len) {
	struct ice_world *w = ctx;
	transmit_as(w, w->turn_iface, from, to, data, len);
}

static void serve(struct ice_world *w, const struct flight *f) {
	struct stun_message m;
	struct stun_writer out;
	uint8_t space[256];
	if (stun_parse(f->data, f->len, &m) < 0 || m.class != STUN_REQUEST)
		return;
	stun_begin(&out, space, sizeof space, STUN_SUCCESS, STUN_BINDING, m.id);
	stun_put_address(&out, STUN_ATTR_XOR_MAPPED_ADDRESS, &f->from);
	size_t len = stun_end(&out, NULL, 0, true);
	MUST(len > 0);
	transmit(w, f->iface, &f->from, space, len);
}

static void arrive(struct ice_world *w, struct flight *f) {
	const struct iface *i = &w->ifaces[f->iface];
	if (w->turn && f->iface == w->turn_iface) {
		turn_server_input(w->turn, &f->from, &f->to, f->data, f->len, w->now);
	} else if (i->server >= 0) {
		serve(w, f);
	} else if (!i->down) {
		struct ice_agent *a = &w->agents[i->agent];
		sluice_path path = {.socket = i->socket, .remote = f->from, .remote_len = address_len(&f->from)};
		/* Behind a block of just its size a sanitizer sees every read beyond it. */
		uint8_t *copy = malloc(f->len ? f->len : 1);
		MUST(copy);
		memcpy(copy, f->data, f->len);
		sluice_datagram d = {.data = copy, .len = f->len};
		enum ice_verdict verdict = ice_input(a->ice, &path, &d, w->now);
		if (ice_proofs(a->ice) && a->authentic_at == SLUICE_NEVER)
			a->authentic_at = w->now;
		if (verdict == ICE_DATA && ice_admits(a->ice, &path)) {
			a->data_received++;
			a->last_data_at = w->now;
		} else if (verdict == ICE_DTLS && w->on_dtls) {
			w->on_dtls(w, a, d.data, d.len);
		}
		MUST(ice_check(a->ice));
		free(copy);
	}
	free(f);
}

void ice_world_inject(struct ice_world *w, int iface, const struct sockaddr_storage *from, const void *data, size_t len) {
	struct flight *f = malloc(sizeof *f);
	MUST(f && len <= sizeof f->data && w->ifaces[iface].agent >= 0);
	*f = (struct flight){.iface = iface, .from = *from, .len = len};
	if (len)
		memcpy(f->data, data, len);
	arrive(w, f);
}

static struct flight *next_flight(struct ice_world *w) {
	struct flight *best = NULL;
	for (size_t i = 0; i < w->flight_count; i++) {
		struct flight *f = w->flights[i];
		if (!best || f->at < best->at || (f->at == best->at && f->number < best->number))
			best = f;
	}
	return best;
}

static void land(struct ice_world *w, struct flight *f) {
	for (size_t i = 0; i < w->flight_count; i++)
		if (w->flights[i] == f)
			w->flights[i] = w->flights[--w->flight_count];
	arrive(w, f);
}

/* A thousand steps without time moving is an agent that never sleeps. */
static void watch(struct ice_world *w, uint64_t at) {
	w->steps_here = at > w->now ? 0 : w->steps_here + 1;
	MUST(w->steps_here < 1000);
}

bool ice_world_step(struct ice_world *w, uint64_t limit) {
	ice_world_settle(w);
	uint64_t at = SLUICE_NEVER;
	struct flight *f = next_flight(w);
	if (f)
		at = f->at;
	for (int i = 0; i < w->agent_count; i++) {
		uint64_t deadline = ice_deadline(w->agents[i].ice);
		at = deadline < at ? deadline : at;
	}
	if (at > limit || at == SLUICE_NEVER) {
		if (limit != SLUICE_NEVER)
			w->now = limit;
		return false;
	}
	watch(w, at);
	if (at > w->now)
		w->now = at;
	while ((f = next_flight(w)) != NULL && f->at <= w->now)
		land(w, f);
	for (int i = 0; i < w->agent_count; i++) {
		ice_advance(w->agents[i].ice, w->now);
		MUST(ice_check(w->agents[i].ice));
	}
	ice_world_settle(w);
	return true;
}

void ice_world_run(struct ice_world *w, uint64_t until) {
	while (ice_world_step(w, until))
		;
}

bool ice_world_send(struct ice_world *w, struct ice_agent *a) {
	static const uint8_t data[] = {0x17, 0xfe, 0xfd, 0};
	uint8_t space[64];
	sluice_batch b = {.data = space, .count = 1, .headroom = ice_headroom(a->ice)};
	if (!ice_route(a->ice, &b.path))
		return false;
	memcpy(space + b.headroom, data, sizeof data);
	b.stride = b.last = b.headroom + sizeof data;
	if (ice_wrap(a->ice, &b) == 0)
		transmit(w, (int)(find_socket(w, b.path.socket) - w->ifaces), &b.path.remote, b.data + b.headroom,
		         b.last - b.headroom);
	return true;
}
