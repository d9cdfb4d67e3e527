#include "loop/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/list.h"
#include "loop/interface.h"
#include "peer/peer.h"
#include "pool/env.h"

/* Batches read from one socket before the others get their turn. */
#define READS_PER_TURN 16

/* A read that brought less than this, in datagrams and in bytes, most likely emptied the socket; asking once more would cost a
 * system call to hear "nothing". The watcher is level-triggered, so a wrong guess loses nothing. */
#define READ_AGAIN 16
#define READ_AGAIN_BYTES 32768

/* The answer to fewer bytes waits for the next read, if there is one; messages do not wait. A read with UDP_GRO brings 64 KB.
 * Where the sender is faster than the app, a SACK for each read makes 88 system calls a MB of 51, both ends together
 * (bench_exact). */
#define ANSWER_BYTES 250000

static void watch(sluice_socket *s, int events) {
	if (s->io.events == events && ev_is_active(&s->io))
		return;
	ev_io_stop(s->loop->ev, &s->io);
	ev_io_set(&s->io, s->udp.fd, events);
	if (events)
		ev_io_start(s->loop->ev, &s->io);
}

/* The socket cannot be used any more. The peer is not notified: to the peer the network is silent, and its timers act. */
static void break_socket(sluice_socket *s, const char *verb) {
	if (!s->broken)
		env_log(s->loop->env, SLUICE_LOG_ERROR, "loop: cannot %s: %s", verb, strerror(errno));
	s->broken = true;
	watch(s, 0);
	interface_look_again(s->loop); /* one that stands on an address of the machine is opened again */
}

/* ---- the path's MTU ----------------------------------------------------------------------------------------------- */

/* Passes what the kernel said about datagrams that were too large to the peers that sent them. */
static void tell_too_large(sluice_socket *s) {
	for (size_t i = 0; i < s->udp.large_count; i++) {
		struct udp_too_large *l = &s->udp.large[i];
		sluice_peer *peer = s->owner ? s->ops->whose(s->owner, &l->to) : NULL;
		l->to.socket = s->outlet.number;
		if (peer)
			sluice_peer_mtu_hint(peer, &l->to, l->mtu, l->local);
	}
	s->udp.large_count = 0;
}

/* ---- the receive buffer --------------------------------------------------------------------------------------------- */

/* A peer that shares the socket with very many gets this much of it all the same: with less, a transfer would stand still more
 * than it moves. */
#define SHARE_LEAST 65536

#define BUFFER_MAX (64 << 20)

/* The window doubles as it grows, so this is done a few times in the life of a peer, whatever the kernel gives. */
static void grow_buffer(sluice_socket *s, uint64_t window) {
	uint64_t wanted = window < BUFFER_MAX ? window : BUFFER_MAX;
	if (wanted <= s->buffer_asked)
		return;
	s->buffer_asked = wanted;
	udp_set_receive_buffer(&s->udp, wanted);
}

void socket_fit(sluice_socket *s, sluice_peer *peer, unsigned sharers) {
	if (s->buffer_follows)
		grow_buffer(s, peer_receive_window(peer));
	uint64_t share = sharers > 1 ? s->udp.receive_buffer / sharers : s->udp.receive_buffer;
	sluice_peer_set_receive_room(peer, share > SHARE_LEAST ? share : SHARE_LEAST, s->waited);
}

uint64_t socket_take_drops(sluice_socket *s) {
	uint64_t drops = s->udp.stats.overflowed - s->drops_told;
	if (drops && !s->drops_told)
		env_log(s->loop->env, SLUICE_LOG_WARN,
		        "loop: a receive buffer of %llu bytes is too small, and datagrams are lost: raise net.core.rmem_max",
		        (unsigned long long)s->udp.receive_buffer);
	s->drops_told = s->udp.stats.overflowed;
	return drops;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Keeps the part of the batch that the socket did not take, since the buffer it stands in serves all sockets. */
static void keep_pending(sluice_socket *s, const sluice_batch *batch, size_t sent) {
	const uint8_t *rest = sluice_batch_slot(batch, sent);
	size_t len = sluice_batch_len(batch) - sent * batch->stride;
	uint8_t *copy = env_alloc(s->loop->env, len);
	if (!copy)
		return; /* a loss like any other to the association */
	memcpy(copy, rest, len);
	s->pending = *batch;
	s->pending.data = copy;
	s->pending.count -= sent;
	s->pending_sent = 0;
	++*s->full;
	watch(s, EV_READ | EV_WRITE);
}

static void drop_pending(sluice_socket *s) {
	if (!s->pending.count)
		return;
	--*s->full;
	env_free(s->loop->env, s->pending.data);
	s->pending = (sluice_batch){0};
}

/* True when nothing is pending any more. */
static bool send_pending(sluice_socket *s) {
	int result = udp_send(&s->udp, &s->pending, &s->pending_sent);
	if (result == SLUICE_WOULD_BLOCK)
		return false;
	drop_pending(s);
	watch(s, EV_READ);
	if (result)
		break_socket(s, "send");
	return result == 0;
}

void socket_send(sluice_socket *s, const sluice_batch *batch) {
	size_t sent = 0;
	int result = s->broken ? 0 : udp_send(&s->udp, batch, &sent);
	if (result == SLUICE_WOULD_BLOCK)
		keep_pending(s, batch, sent);
	else if (result)
		break_socket(s, "send");
	if (s->udp.large_count)
		tell_too_large(s);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reading {
	bool again;        /* there is probably more */
	size_t unanswered; /* bytes */
};

static size_t bytes_of(const sluice_datagram *datagrams, size_t count) {
	size_t bytes = 0;
	for (size_t i = 0; i < count; i++)
		bytes += datagrams[i].len;
	return bytes;
}

/* One batch in, and the answer out, or left to the next read. Returns the datagrams read, or what udp_receive said. */
static int read_batch(sluice_socket *s, struct reading *r, bool last) {
	r->again = false;
	sluice_datagram datagrams[LOOP_BATCH_MAX];
	sluice_path from;
	sluice_slab *slab = loop_slab(s->loop);
	if (!slab)
		return 0; /* the datagrams wait in the socket for memory */
	int n = udp_receive(&s->udp, slab, datagrams, LOOP_BATCH_MAX, &from);
	if (s->udp.large_count)
		tell_too_large(s);
	if (n <= 0)
		return n;
	from.socket = s->outlet.number;
	size_t bytes = bytes_of(datagrams, (size_t)n);
	bool more = s->udp.held || n >= READ_AGAIN || bytes >= READ_AGAIN_BYTES;
	s->waited += bytes;
	r->again = !last && more;
	r->unanswered += bytes;
	bool wait = r->again && r->unanswered < ANSWER_BYTES;
	s->ops->input(s->owner, &from, datagrams, (size_t)n, wait, sluice_now());
	if (!more)
		s->waited = 0;
	if (!wait)
		r->unanswered = 0;
	return n;
}

static void on_writable(sluice_socket *s) {
	if (s->pending.count && send_pending(s))
		s->ops->serve(s->owner, sluice_now());
}

static void on_readable(sluice_socket *s) {
	struct reading r = {.again = true};
	int n = 0;
	for (int i = 0; i < READS_PER_TURN && r.again && !s->ops->is_gone(s->owner); i++)
		n = read_batch(s, &r, i == READS_PER_TURN - 1);
	if (r.unanswered && !s->ops->is_gone(s->owner))
		s->ops->serve(s->owner, sluice_now());
	if (n < 0 && !s->ops->is_gone(s->owner))
		break_socket(s, "receive");
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	sluice_socket *s = w->data;
	sluice_loop *loop = s->loop;
	s->ops->enter(s->owner);
	if (events & EV_WRITE)
		on_writable(s);
	if (events & EV_READ)
		on_readable(s);
	if (s->ops->leave(s->owner) && s->udp.held) /* already out of the socket, so it will not say "readable" for them */
		ev_feed_event(ev, w, EV_READ);
	schedule_follow(&loop->schedule);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int open_udp(struct udp *u, const sluice_socket_config *config) {
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct udp_options options = {.local = (const struct sockaddr *)&any, .local_len = sizeof any};
	if (config && config->local) {
		options.local = config->local;
		options.local_len = config->local_len;
	}
	if (config) {
		options.receive_buffer = config->receive_buffer;
		options.send_buffer = config->send_buffer;
		options.no_gso = config->no_gso;
		options.no_gro = config->no_gro;
		options.no_mmsg = config->no_mmsg;
	}
	return udp_open(u, &options);
}

int sluice_socket_open(sluice_loop *loop, const sluice_socket_config *config, sluice_socket **out) {
	sluice_socket *s = env_zalloc(loop->env, sizeof *s);
	if (!s)
		return SLUICE_NO_MEMORY;
	int error = open_udp(&s->udp, config);
	if (!error && !outlets_add(loop->env, &loop->outlets, &s->outlet, OUTLET_SOCKET)) {
		udp_close(&s->udp);
		error = SLUICE_NO_MEMORY;
	}
	if (error) {
		env_free(loop->env, s);
		return error;
	}
	s->loop = loop;
	s->buffer_follows = !config || config->receive_buffer <= 0;
	s->buffer_asked = s->udp.receive_buffer;
	ev_io_init(&s->io, on_io, s->udp.fd, EV_READ);
	s->io.data = s;
	LIST_PUSH(loop->sockets, s, next, back);
	*out = s;
	return 0;
}

void socket_own(sluice_socket *s, void *owner, const struct owner_ops *ops, sluice_socket **list, unsigned *full) {
	s->owner = owner;
	s->ops = ops;
	s->full = full;
	LIST_PUSH(*list, s, next_owned, back_owned);
	watch(s, EV_READ);
}

void socket_silence(sluice_socket *s) {
	ev_io_stop(s->loop->ev, &s->io);
}

void socket_destroy(sluice_socket *s) {
	sluice_loop *loop = s->loop;
	ev_io_stop(loop->ev, &s->io);
	drop_pending(s);
	udp_close(&s->udp);
	outlets_remove(&loop->outlets, &s->outlet);
	LIST_REMOVE(s, next, back);
	if (s->back_owned)
		LIST_REMOVE(s, next_owned, back_owned);
	env_free(loop->env, s);
}

void sluice_socket_close(sluice_socket *s) {
	if (s && !s->full)
		socket_destroy(s);
}

int sluice_socket_address(const sluice_socket *s, struct sockaddr_storage *addr, socklen_t *len) {
	*len = sizeof *addr;
	return getsockname(s->udp.fd, (struct sockaddr *)addr, len) ? SLUICE_IO : 0;
}

bool socket_check(const sluice_socket *s) {
	if (s->pending.count && (!s->full || !s->pending.data || s->pending_sent >= s->pending.count))
		return false;
	if (s->back_owned && *s->back_owned != s)
		return false;
	return *s->back == s && outlets_find(&s->loop->outlets, s->outlet.number) == &s->outlet;
}
