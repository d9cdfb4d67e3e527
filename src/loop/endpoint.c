#include "loop/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/container.h"
#include "base/list.h"
#include "loop/socket.h"
#include "peer/peer.h"
#include "pool/env.h"

/* With any address and any port, all sockets need the same port: this many are tried until one is free on each address. */
#define PORT_TRIES 16

/* ---- input ------------------------------------------------------------------------------------------------------- */

static struct member *member_of(struct demux_member *m) {
	return (struct member *)m;
}

static struct member *ask_app(sluice_endpoint *e, const sluice_path *from, const char *ours, const char *theirs) {
	if (!e->config.on_unknown_ufrag ||
	    !e->config.on_unknown_ufrag(e, ours, theirs, (const struct sockaddr *)&from->remote, e->config.user))
		return NULL;
	return member_of(demux_by_name(&e->demux, ours, strlen(ours)));
}

/* RFC 8445, 7.3: a request's USERNAME begins with the receiver's ufrag, so it names the member wherever the request comes
 * from. */
static struct member *whose_request(sluice_endpoint *e, const sluice_path *from, const sluice_datagram *d) {
	char ours[DEMUX_UFRAG_MAX + 1], theirs[DEMUX_UFRAG_MAX + 1];
	if (!demux_username(d->data, d->len, ours, theirs)) {
		e->strays++;
		return NULL;
	}
	struct member *m = member_of(demux_by_name(&e->demux, ours, strlen(ours)));
	if (!m)
		m = ask_app(e, from, ours, theirs);
	if (!m)
		e->unknown_ufrags++;
	return m;
}

static struct member *whose_response(sluice_endpoint *e, const sluice_path *from, const sluice_datagram *d) {
	struct demux_member *m = demux_by_transaction(&e->demux, d->data + 8);
	return member_of(m ? m : demux_by_address(&e->demux, &from->remote));
}

/* How many members share the receive buffers at present. A period is 0.27 s. */
static unsigned sharers(struct member *m, uint64_t now) {
	sluice_endpoint *e = m->endpoint;
	uint64_t period = (now >> 28) + 1; /* 0: never */
	if (e->period != period) {
		e->active_before = e->period + 1 == period ? e->active : 0;
		e->active = 0;
		e->period = period;
	}
	e->active += m->period != period;
	m->period = period;
	return e->active > e->active_before ? e->active : e->active_before;
}

static void serve(struct member *m, uint64_t now) {
	struct driver *driver = m->driver;
	driver_enter(driver);
	driver_serve(driver, now);
	driver_leave(driver);
}

/* A callback may free any member. */
static void answer(sluice_endpoint *e, uint64_t now) {
	struct member *m = e->unanswered;
	e->unanswered = NULL;
	if (m)
		serve(m, now);
}

/* more: the next batch is most likely the same member's, and answers wait for it. */
static void deliver(struct member *m, const sluice_path *from, sluice_datagram *d, size_t count, bool more, uint64_t now) {
	sluice_endpoint *e = m->endpoint;
	struct driver *driver = m->driver;
	sluice_socket *s = (sluice_socket *)outlets_find(&e->loop->outlets, from->socket); /* what came came from it */
	socket_fit(s, driver->peer, sharers(m, now));
	e->unanswered = NULL;
	driver_enter(driver);
	sluice_peer_input(driver->peer, from, d, count, now);
	if (more)
		sluice_peer_dispatch(driver->peer);
	else
		driver_serve(driver, now);
	/* A callback may have freed the peer, or closed the endpoint. */
	if (driver_leave(driver) && driver->place && more)
		e->unanswered = m;
}

/* A request or an answer. Anyone can write a ufrag or a source address; only the ICE agent knows whether the password was right.
 * That an address was admitted before says nothing of this datagram: two members may have had it, one after the other. */
static void deliver_check(struct member *m, const sluice_path *from, sluice_datagram *d, enum demux_kind kind, uint64_t now) {
	struct driver *driver = m->driver;
	peer_prefetch_check(driver->peer);
	uint64_t proofs = peer_proofs(driver->peer);
	driver_enter(driver);
	sluice_peer_input(driver->peer, from, d, 1, now);
	if (peer_proofs(driver->peer) != proofs && peer_admits(driver->peer, from))
		demux_learn(&m->endpoint->demux, &m->demux, &from->remote,
		            kind == DEMUX_REQUEST ? DEMUX_BY_REQUEST : DEMUX_BY_ANSWER, now);
	driver_serve(driver, now);
	driver_leave(driver);
}

/* Datagrams without a name in them belong to the owner of their source address. */
static size_t deliver_run(sluice_endpoint *e, const sluice_path *from, sluice_datagram *d, size_t count, bool more,
                          uint64_t now) {
	size_t run = 1;
	while (run < count && demux_kind(d[run].data, d[run].len) == DEMUX_OTHER)
		run++;
	struct member *m = member_of(demux_by_address(&e->demux, &from->remote));
	if (e->unanswered && e->unanswered != m) {
		answer(e, now);
		m = member_of(demux_by_address(&e->demux, &from->remote));
	}
	if (m)
		deliver(m, from, d, run, more, now);
	else
		e->strays += run;
	return run;
}

static void take_input(void *owner, const sluice_path *from, sluice_datagram *datagrams, size_t count, bool more, uint64_t now) {
	sluice_endpoint *e = owner;
	for (size_t i = 0; i < count && !e->guard.dead;) {
		sluice_datagram *d = &datagrams[i];
		enum demux_kind kind = demux_kind(d->data, d->len);
		if (kind == DEMUX_OTHER) {
			i += deliver_run(e, from, d, count - i, more, now);
			continue;
		}
		struct member *m = kind == DEMUX_REQUEST ? whose_request(e, from, d) : whose_response(e, from, d);
		if (m)
			deliver_check(m, from, d, kind, now);
		else if (kind == DEMUX_RESPONSE)
			e->strays++;
		i++;
	}
	if (!more)
		answer(e, now);
}

static sluice_peer *whose(void *owner, const sluice_path *to) {
	sluice_endpoint *e = owner;
	struct member *m = member_of(demux_by_address(&e->demux, &to->remote));
	return m ? m->driver->peer : NULL;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void wait_for_room(struct driver *d) {
	struct member *m = d->place_data;
	sluice_endpoint *e = m->endpoint;
	if (m->back_waiting)
		return;
	CHAIN_APPEND(e->waiting_end, m, next_waiting, back_waiting);
	e->waiting_count++;
}

static void stop_waiting(struct member *m) {
	if (!m->back_waiting)
		return;
	CHAIN_REMOVE(m->endpoint->waiting_end, m, next_waiting, back_waiting);
	m->back_waiting = NULL;
	m->endpoint->waiting_count--;
}

/* The sockets took what was pending: the members that waited get their turn, in order. Each gets one turn: a member that fills
 * the sockets again waits behind the others. */
static void serve_waiting(void *owner, uint64_t now) {
	sluice_endpoint *e = owner;
	answer(e, now);
	for (size_t turns = e->waiting_count; turns > 0 && e->waiting && !e->full && !e->guard.dead; turns--) {
		struct member *m = e->waiting;
		stop_waiting(m);
		serve(m, now);
	}
}

/* An answer to a request that leaves for an address not learnt yet is known by its transaction alone. */
static void note_output(struct driver *d, const sluice_batch *batch) {
	struct member *m = d->place_data;
	if (demux_kind(batch->data, sluice_batch_slot_len(batch, 0)) != DEMUX_REQUEST)
		return;
	struct demux *t = &m->endpoint->demux;
	if (demux_by_address(t, &batch->path.remote) == &m->demux)
		return;
	for (size_t i = 0; i < batch->count; i++)
		if (demux_kind(sluice_batch_slot(batch, i), sluice_batch_slot_len(batch, i)) == DEMUX_REQUEST)
			demux_note(t, &m->demux, sluice_batch_slot(batch, i) + 8);
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static void follow_name(struct driver *d) {
	struct member *m = d->place_data;
	int error = demux_name(&m->endpoint->demux, &m->demux, sluice_peer_ufrag(m->driver->peer));
	if (error)
		env_log(m->endpoint->loop->env, SLUICE_LOG_WARN, "loop: a peer's new ufrag cannot be reached: %s",
		        sluice_error_text(error));
}

static int announce_socket(struct member *m, const sluice_socket *s) {
	struct sockaddr_storage addr;
	socklen_t len;
	int error = sluice_socket_address(s, &addr, &len);
	if (!error)
		error = sluice_peer_add_local_address(m->driver->peer, SLUICE_UDP, s->outlet.number, (struct sockaddr *)&addr,
		                                      len, s->preference, NULL);
	if (!error && s->mtu)
		sluice_peer_set_local_address_mtu(m->driver->peer, s->outlet.number, s->mtu);
	if (!error && s->asleep)
		sluice_peer_set_local_address_running(m->driver->peer, s->outlet.number, false);
	return error == SLUICE_WRONG_STATE ? SLUICE_INVALID : error;
}

static bool shares(const struct driver *d, const sluice_socket *s) {
	return s->owner == ((const struct member *)d->place_data)->endpoint;
}

static bool is_full(const struct driver *d) {
	return ((const struct member *)d->place_data)->endpoint->full;
}

static void member_free(struct member *m) {
	sluice_endpoint *e = m->endpoint;
	demux_forget(&e->demux, &m->demux);
	if (e->unanswered == m)
		e->unanswered = NULL;
	stop_waiting(m);
	LIST_REMOVE(m, next, back);
	e->member_count--;
	env_free(e->loop->env, m);
}

static void forget(struct driver *d) {
	member_free(d->place_data);
}

static const struct place_ops shared = {
	.shares = shares,
	.is_full = is_full,
	.wait = wait_for_room,
	.note_output = note_output,
	.follow_name = follow_name,
	.forget = forget,
};

static int member_new(sluice_endpoint *e, struct driver *d) {
	struct member *m = env_zalloc(e->loop->env, sizeof *m);
	if (!m)
		return SLUICE_NO_MEMORY;
	m->endpoint = e;
	m->driver = d;
	LIST_PUSH(e->members, m, next, back);
	e->member_count++;
	d->place = &shared;
	d->place_data = m;
	d->streams.trust = &e->trust;
	return 0;
}

int sluice_endpoint_add(sluice_endpoint *e, sluice_peer *peer) {
	struct driver *d;
	int error = driver_new(e->loop, peer, &d);
	if (error)
		return error;
	d->negotiates = true;
	error = member_new(e, d);
	if (!error && *sluice_peer_ufrag(peer) == 0)
		error = SLUICE_INVALID; /* a direct peer */
	if (!error)
		error = demux_name(&e->demux, &((struct member *)d->place_data)->demux, sluice_peer_ufrag(peer));
	for (sluice_socket *s = e->sockets; !error && s; s = s->next_owned)
		error = announce_socket(d->place_data, s);
	if (e->sockets)
		socket_fit(e->sockets, peer, 1); /* before its first promise */
	if (error) {
		for (sluice_socket *s = e->sockets; s; s = s->next_owned)
			sluice_peer_remove_local_address(peer, s->outlet.number);
		driver_detach(d);
		return error;
	}
	driver_mark_dirty(d);
	return 0;
}

/* ---- as the owner of sockets --------------------------------------------------------------------------------------- */

static void destroy_endpoint(sluice_endpoint *e);

static void enter_owner(void *owner) {
	guard_enter(&((sluice_endpoint *)owner)->guard);
}

static bool leave_owner(void *owner) {
	sluice_endpoint *e = owner;
	if (!guard_leave(&e->guard))
		return true;
	destroy_endpoint(e);
	return false;
}

static bool is_gone(const void *owner) {
	return ((const sluice_endpoint *)owner)->guard.dead;
}

static const struct owner_ops endpoint_owner = {
	.enter = enter_owner,
	.leave = leave_owner,
	.is_gone = is_gone,
	.input = take_input,
	.serve = serve_waiting,
	.whose = whose,
};

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static int open_socket(sluice_endpoint *e, const struct sockaddr_storage *host, uint16_t preference, uint32_t mtu) {
	sluice_socket_config config = e->config.socket;
	struct sockaddr_storage addr = *host, bound;
	socklen_t len;
	sluice_socket *s;
	address_set_port(&addr, address_port(&e->local));
	config.local = (const struct sockaddr *)&addr;
	config.local_len = address_len(&addr);
	int error = sluice_socket_open(e->loop, &config, &s);
	if (error)
		return error;
	s->host = *host;
	s->preference = preference;
	s->mtu = mtu;
	socket_own(s, e, &endpoint_owner, &e->sockets, &e->full);
	if (!address_port(&e->local) && !sluice_socket_address(s, &bound, &len))
		address_set_port(&e->local, address_port(&bound));
	for (struct member *m = e->members; m; m = m->next)
		(void)announce_socket(m, s); /* without memory for one more candidate the peer lives on with those it has */
	return 0;
}

static void close_socket(sluice_endpoint *e, sluice_socket *s) {
	for (struct member *m = e->members; m; m = m->next)
		sluice_peer_remove_local_address(m->driver->peer, s->outlet.number);
	e->gone_received += s->udp.stats.datagrams_received;
	e->gone_sent += s->udp.stats.datagrams_sent;
	e->gone_drops += s->udp.stats.overflowed;
	socket_destroy(s);
}

static sluice_socket *socket_on(const sluice_endpoint *e, const struct sockaddr_storage *host) {
	for (sluice_socket *s = e->sockets; s; s = s->next_owned)
		if (address_equal(&s->host, host))
			return s;
	return NULL;
}

/* Returns the last error, with errno. The caller decides whether the error matters. */
static int open_missing(sluice_endpoint *e, const struct interface_list *list) {
	int error = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (socket_on(e, &list->at[i].addr))
			continue;
		int result = open_socket(e, &list->at[i].addr, (uint16_t)(UINT16_MAX - i), list->at[i].mtu);
		if (result)
			error = result;
	}
	return error;
}

static void set_asleep(sluice_endpoint *e, sluice_socket *s, bool asleep) {
	if (s->asleep == asleep)
		return;
	s->asleep = asleep;
	for (struct member *m = e->members; m; m = m->next)
		sluice_peer_set_local_address_running(m->driver->peer, s->outlet.number, !asleep);
}

static void on_interfaces(struct interface_follower *f, const struct interface_list *all) {
	sluice_endpoint *e = CONTAINER_OF(f, sluice_endpoint, follower);
	struct interface_list list = *all;
	bool asleep = false;
	interface_list_choose(&list, e->any_v4, e->any_v6, e->config.loopback);
	for (sluice_socket *s = e->sockets, *next; s; s = next) {
		next = s->next_owned;
		enum interface_use use = interface_list_use(&list, &s->host);
		if (use == INTERFACE_GONE || s->broken)
			close_socket(e, s);
		else
			set_asleep(e, s, use == INTERFACE_ASLEEP);
		asleep |= use == INTERFACE_ASLEEP;
	}
	if (asleep)
		interface_list_drop_stopgaps(&list, e->config.loopback);
	if (open_missing(e, &list))
		env_log(e->loop->env, SLUICE_LOG_WARN, "loop: an address of the endpoint cannot be bound: %s", strerror(errno));
	while (!e->full && e->waiting) { /* for a socket that was closed */
		struct member *m = e->waiting;
		stop_waiting(m);
		driver_mark_dirty(m->driver);
	}
}

static void close_all(sluice_endpoint *e) {
	while (e->sockets)
		close_socket(e, e->sockets);
}

/* Any address and any port: the first socket gets one, and it has to be free for the others too. */
static int open_any(sluice_endpoint *e) {
	struct interface_list list;
	bool any_port = !address_port(&e->local);
	int error = SLUICE_IO;
	interface_list_get(e->loop->env, &list);
	interface_list_choose(&list, e->any_v4, e->any_v6, e->config.loopback);
	errno = EADDRNOTAVAIL;
	for (int i = 0; i < PORT_TRIES; i++) {
		if (list.count)
			error = open_missing(e, &list);
		if (!any_port || error != SLUICE_IO || errno != EADDRINUSE)
			break;
		close_all(e);
		address_set_port(&e->local, 0);
	}
	/* An address that cannot be bound leaves the others in use. But when the port is taken on one address, another program
	 * answers there for half of the endpoint. */
	bool taken = error == SLUICE_IO && errno == EADDRINUSE;
	return e->sockets && !taken && error != SLUICE_NO_MEMORY ? 0 : error;
}

static int open_sockets(sluice_endpoint *e) {
	if (!e->any)
		return open_socket(e, &e->local, UINT16_MAX, interface_mtu(e->loop->env, &e->local));
	return open_any(e);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int read_config(sluice_endpoint *e, const sluice_endpoint_config *config) {
	if (!config || config->size == 0 || config->size > sizeof e->config)
		return SLUICE_INVALID;
	memcpy(&e->config, config, config->size);
	const sluice_socket_config *s = &e->config.socket;
	if (!s->local) {
		e->local.ss_family = AF_INET6;
	} else {
		if (s->local_len > sizeof e->local)
			return SLUICE_INVALID;
		memcpy(&e->local, s->local, s->local_len);
		if (!address_len(&e->local) || s->local_len < address_len(&e->local))
			return SLUICE_INVALID;
	}
	e->any = address_is_any(&e->local);
	e->any_v6 = e->local.ss_family == AF_INET6;
	e->any_v4 = true; /* an any-address of IPv6 stands for both */
	return 0;
}

static void destroy_endpoint(sluice_endpoint *e) {
	sluice_loop *loop = e->loop;
	interface_unfollow(loop, &e->follower);
	close_all(e);
	while (e->members)
		driver_forget_place(e->members->driver); /* the peers live on without it */
	demux_deinit(&e->demux);
	stream_trust_deinit(&e->trust, loop->env);
	if (e->back)
		LIST_REMOVE(e, next, back);
	env_free(loop->env, e);
}

int sluice_endpoint_new(sluice_loop *loop, const sluice_endpoint_config *config, sluice_endpoint **out) {
	sluice_endpoint *e = env_zalloc(loop->env, sizeof *e);
	if (!e)
		return SLUICE_NO_MEMORY;
	e->loop = loop;
	e->waiting_end = &e->waiting;
	int error = read_config(e, config);
	if (!error)
		error = stream_trust_init(&e->trust, loop->env, e->config.tls_ca_file, e->config.tls_no_verify);
	if (!error && !demux_init(&e->demux, loop->env))
		error = SLUICE_NO_MEMORY;
	if (!error)
		error = open_sockets(e);
	if (error) {
		int why = errno;
		destroy_endpoint(e);
		errno = why;
		return error;
	}
	LIST_PUSH(loop->endpoints, e, next, back);
	e->follower.changed = on_interfaces;
	if (e->any)
		interface_follow(loop, &e->follower);
	*out = e;
	return 0;
}

void sluice_endpoint_free(sluice_endpoint *e) {
	if (!e || e->guard.dead)
		return;
	for (sluice_socket *s = e->sockets; s; s = s->next_owned)
		socket_silence(s);
	if (guard_kill(&e->guard))
		destroy_endpoint(e);
}

int sluice_endpoint_address(const sluice_endpoint *e, struct sockaddr_storage *addr, socklen_t *len) {
	*addr = e->local;
	*len = address_len(&e->local);
	return 0;
}

void sluice_endpoint_stats_get(const sluice_endpoint *e, sluice_endpoint_stats *stats) {
	*stats = (sluice_endpoint_stats){
		.peers = e->member_count,
		.addresses = e->demux.address_count,
		.unknown_ufrags = e->unknown_ufrags,
		.strays = e->strays,
		.datagrams_received = e->gone_received,
		.datagrams_sent = e->gone_sent,
		.socket_drops = e->gone_drops,
	};
	for (const sluice_socket *s = e->sockets; s; s = s->next_owned) {
		stats->datagrams_received += s->udp.stats.datagrams_received;
		stats->datagrams_sent += s->udp.stats.datagrams_sent;
		stats->socket_drops += s->udp.stats.overflowed;
	}
}

bool endpoint_check(const sluice_endpoint *e) {
	unsigned full = 0;
	size_t members = 0, waiting = 0, marked = 0;
	for (const sluice_socket *s = e->sockets; s; s = s->next_owned) {
		if (s->owner != e)
			return false;
		full += s->pending.count > 0;
	}
	for (const struct member *m = e->members; m; m = m->next, members++) {
		if (m->driver->place_data != m || *m->back != m)
			return false;
		marked += m->back_waiting != NULL;
	}
	for (const struct member *m = e->waiting; m; m = m->next_waiting)
		waiting++;
	return full == e->full && members == e->member_count && waiting == marked && waiting == e->waiting_count &&
	       !e->unanswered && !guard_is_busy(&e->guard) && !e->guard.dead && demux_check(&e->demux);
}
