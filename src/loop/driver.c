#include "loop/driver.h"

#include "base/container.h"
#include "base/list.h"
#include "loop/mdns.h"
#include "loop/resolve.h"
#include "loop/socket.h"
#include "loop/stream.h"
#include "peer/peer.h"
#include "pool/env.h"

/* dispatch() and output() may each give the other something to do: the app hears of a state behind the last packet. What is left
 * after this many rounds has a deadline of 0 and comes back with the timer. */
#define ROUNDS 4

/* ---- serving ----------------------------------------------------------------------------------------------------- */

static bool is_full(const struct driver *d) {
	return d->full || (d->place && d->place->is_full && d->place->is_full(d));
}

static void note_deadline(struct driver *d) {
	uint64_t at = d->woken ? 0 : sluice_peer_deadline(d->peer);
	/* Sockets are full: what is due cannot leave now. The writable event serves the driver again. */
	if (at == 0 && is_full(d))
		at = SLUICE_NEVER;
	schedule_set(&d->loop->schedule, &d->turn, at);
}

/* May the peer send through it? */
static bool is_ours(const struct driver *d, const sluice_socket *s) {
	return s->owner == d || (d->place && d->place->shares && d->place->shares(d, s));
}

/* Sends through the outlet whose number the path names. When the outlet is gone, the batch is dropped: the peer knows already. */
static void send_by_number(struct driver *d, const sluice_batch *batch) {
	struct outlet *o = outlets_find(&d->loop->outlets, batch->path.socket);
	if (!o)
		return;
	if (o->kind != OUTLET_SOCKET) {
		stream_send(&d->streams, o, batch);
		return;
	}
	sluice_socket *s = (sluice_socket *)o;
	if (!is_ours(d, s))
		return;
	if (d->place && d->place->note_output)
		d->place->note_output(d, batch);
	socket_send(s, batch);
}

static void send_batch(struct driver *d, const sluice_batch *batch) {
	if (d->only)
		socket_send(d->only, batch);
	else
		send_by_number(d, batch);
}

/* Sends all that the peer has, or as much as its sockets take. */
static void flush(struct driver *d, uint64_t now) {
	while (!is_full(d)) {
		sluice_batch batch = {.data = d->loop->output, .capacity = LOOP_OUTPUT_SIZE, .max_datagrams = LOOP_BATCH_MAX};
		if (sluice_peer_output(d->peer, &batch, now) <= 0)
			return;
		send_batch(d, &batch);
	}
	if (d->place && d->place->wait)
		d->place->wait(d);
}

/* The answer to a request, whether the driver is entered or not. */
static void on_resolved(void *who, uint32_t id, const struct sockaddr_storage *addrs, size_t count) {
	struct driver *d = who;
	bool busy = guard_is_busy(&d->guard); /* then whoever entered it serves it */
	driver_enter(d);
	sluice_peer_resolved(d->peer, id, addrs, count);
	d->woken = true;
	if (!busy)
		driver_serve(d, sluice_now());
	driver_leave(d);
}

static void look_up(struct driver *d, const sluice_request *r) {
	const struct asker asker = {.who = d, .answer = on_resolved};
	if (!r->mdns)
		resolve_name(d->loop, asker, r->id, r->name);
	else if (d->no_mdns)
		on_resolved(d, r->id, NULL, 0);
	else
		mdns_resolve(d->loop, asker, r->id, r->name);
}

static void connect_stream(struct driver *d, const sluice_request *r) {
	if (stream_connect(&d->streams, r))
		return;
	sluice_peer_stream_up(d->peer, r->id, UINT32_MAX);
	d->woken = true;
}

static void serve_requests(struct driver *d) {
	sluice_request r;
	while (d->negotiates && sluice_peer_poll_request(d->peer, &r)) {
		switch (r.kind) {
		case SLUICE_REQUEST_RESOLVE:
			look_up(d, &r);
			break;
		case SLUICE_REQUEST_STREAM:
			connect_stream(d, &r);
			break;
		case SLUICE_REQUEST_CLOSE:
			stream_close(&d->streams, r.socket);
			break;
		}
	}
}

void driver_serve(struct driver *d, uint64_t now) {
	for (int i = 0; i < ROUNDS; i++) {
		sluice_peer_dispatch(d->peer);
		if (!d->peer)
			return;
		d->calm &= peer_is_at_rest(d->peer);
		serve_requests(d);
		d->woken = false;
		flush(d, now);
		serve_requests(d); /* a request that is answered at once sets woken */
		if (!d->woken && sluice_peer_deadline(d->peer) > 0)
			return;
	}
}

void driver_forget_place(struct driver *d) {
	if (d->place)
		d->place->forget(d);
	d->place = NULL;
	d->streams.trust = NULL;
}

static void destroy_driver(struct driver *d) {
	sluice_loop *loop = d->loop;
	driver_forget_place(d);
	stream_free_all(&d->streams);
	while (d->streams.listeners)
		listener_close(d->streams.listeners);
	resolve_forget(d->loop, d);
	mdns_forget(d->loop, d);
	while (d->sockets)
		socket_destroy(d->sockets);
	schedule_stop(&loop->schedule, &d->turn);
	schedule_unmark_dirty(&loop->schedule, &d->turn);
	LIST_REMOVE(d, next, back);
	loop->driver_count--;
	env_free(loop->env, d);
}

bool driver_leave(struct driver *d) {
	if (guard_leave(&d->guard)) {
		destroy_driver(d);
		return false;
	}
	if (d->guard.dead)
		return false;
	if (!d->calm && d->place && d->place->follow_name)
		d->place->follow_name(d);
	d->calm = true;
	note_deadline(d);
	return true;
}

static void on_deadline(struct schedule_node *n, uint64_t now) {
	struct driver *d = CONTAINER_OF(n, struct driver, turn);
	driver_enter(d);
	if (peer_is_at_rest(d->peer))
		peer_prefetch_check(d->peer);
	sluice_peer_advance(d->peer, now);
	driver_serve(d, now);
	driver_leave(d);
}

static void on_dirty(struct schedule_node *n, uint64_t now) {
	struct driver *d = CONTAINER_OF(n, struct driver, turn);
	driver_enter(d);
	driver_serve(d, now);
	driver_leave(d);
}

static void on_soon(const struct schedule_node *n, unsigned turns) {
	const struct driver *d = CONTAINER_OF(n, struct driver, turn);
	if (d->peer)
		peer_prefetch(d->peer, turns);
}

const struct schedule_ops driver_turns = {.on_deadline = on_deadline, .on_dirty = on_dirty, .on_soon = on_soon};

/* ---- as the owner of sockets and streams -------------------------------------------------------------------------- */

static void enter_owner(void *owner) {
	driver_enter(owner);
}

static bool leave_owner(void *owner) {
	return driver_leave(owner);
}

static bool is_gone(const void *owner) {
	return ((const struct driver *)owner)->guard.dead;
}

/* TCP streams wait by themselves. */
static void fit_socket(struct driver *d, uint32_t number) {
	struct outlet *o = outlets_find(&d->loop->outlets, number);
	if (!o || o->kind != OUTLET_SOCKET)
		return;
	sluice_socket *s = (sluice_socket *)o;
	socket_fit(s, d->peer, 1);
	if (s->udp.stats.overflowed != s->drops_told)
		sluice_peer_add_socket_drops(d->peer, socket_take_drops(s));
}

static void take_input(void *owner, const sluice_path *from, sluice_datagram *datagrams, size_t count, bool more, uint64_t now) {
	struct driver *d = owner;
	fit_socket(d, from->socket);
	sluice_peer_input(d->peer, from, datagrams, count, now);
	if (more)
		sluice_peer_dispatch(d->peer);
	else
		driver_serve(d, now);
}

static void serve_owner(void *owner, uint64_t now) {
	driver_serve(owner, now);
}

static sluice_peer *whose(void *owner, const sluice_path *to) {
	(void)to;
	return ((struct driver *)owner)->peer;
}

const struct owner_ops driver_owner = {
	.enter = enter_owner,
	.leave = leave_owner,
	.is_gone = is_gone,
	.input = take_input,
	.serve = serve_owner,
	.whose = whose,
};

/* ---- dirty: something was queued outside of our functions ---------------------------------------------------------- */

void driver_mark_dirty(struct driver *d) {
	d->woken = true;
	if (!guard_is_busy(&d->guard))
		schedule_mark_dirty(&d->loop->schedule, &d->turn);
}

static void wake(void *ctx) {
	driver_mark_dirty(ctx);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void forget_peer(void *ctx) {
	struct driver *d = ctx;
	d->peer = NULL;
	/* Its file descriptors must bring no events any more, even while it is entered. */
	for (sluice_socket *s = d->sockets; s; s = s->next_owned)
		socket_silence(s);
	stream_silence_all(&d->streams);
	resolve_forget(d->loop, d);
	mdns_forget(d->loop, d);
	driver_forget_place(d);
	/* Nor must it get a turn. A callback that freed the peer may run the ev_loop before it returns. */
	schedule_stop(&d->loop->schedule, &d->turn);
	schedule_unmark_dirty(&d->loop->schedule, &d->turn);
	if (guard_kill(&d->guard))
		destroy_driver(d);
}

int driver_new(sluice_loop *loop, sluice_peer *peer, struct driver **out) {
	if (peer_has_driver(peer))
		return SLUICE_EXISTS;
	bool room = schedule_reserve(&loop->schedule, loop->env, loop->driver_count + 1);
	struct driver *d = room ? env_zalloc(loop->env, sizeof *d) : NULL;
	if (!d)
		return SLUICE_NO_MEMORY;
	d->loop = loop;
	d->peer = peer;
	d->calm = true;
	d->streams = (struct streams){.loop = loop, .owner = d, .ops = &driver_owner};
	schedule_node_init(&d->turn);
	LIST_PUSH(loop->drivers, d, next, back);
	loop->driver_count++;
	peer_on_free(peer, forget_peer, d);
	sluice_peer_set_wake(peer, wake, d);
	sluice_peer_discover_mtu(peer); /* udp.c's sockets do not fragment */
	*out = d;
	return 0;
}

void driver_detach(struct driver *d) {
	peer_on_free(d->peer, NULL, NULL);
	sluice_peer_set_wake(d->peer, NULL, NULL);
	destroy_driver(d);
}

/* ---- direct peers: one socket, and every path goes there ------------------------------------------------------------ */

int sluice_loop_add_socket(sluice_loop *loop, sluice_peer *peer, sluice_socket *s) {
	if (s->owner || s->loop != loop)
		return SLUICE_INVALID;
	struct driver *d;
	int error = driver_new(loop, peer, &d);
	if (error)
		return error;
	d->only = s;
	socket_own(s, d, &driver_owner, &d->sockets, &d->full);
	socket_fit(s, peer, 1);
	driver_mark_dirty(d); /* the peer may have been started before it had a loop */
	return 0;
}

int sluice_loop_add(sluice_loop *loop, sluice_peer *peer, const sluice_socket_config *config) {
	sluice_socket *s;
	int error = sluice_socket_open(loop, config, &s);
	if (error)
		return error;
	error = sluice_loop_add_socket(loop, peer, s);
	if (error)
		socket_destroy(s);
	return error;
}

int sluice_loop_local_address(sluice_loop *loop, sluice_peer *peer, struct sockaddr_storage *addr, socklen_t *len) {
	for (const struct driver *d = loop->drivers; d; d = d->next)
		if (d->peer == peer && d->sockets)
			return sluice_socket_address(d->sockets, addr, len);
	return SLUICE_NOT_FOUND;
}

/* ---- invariants -------------------------------------------------------------------------------------------------- */

bool driver_check(const struct driver *d) {
	unsigned full = 0;
	for (const sluice_socket *s = d->sockets; s; s = s->next_owned) {
		if (s->owner != d)
			return false;
		full += s->pending.count > 0;
	}
	for (const struct stream *s = d->streams.first; s; s = s->next)
		if (s->streams != &d->streams || !stream_check(s))
			return false;
	return d->peer && !guard_is_busy(&d->guard) && !d->guard.dead && *d->back == d && full == d->full;
}
