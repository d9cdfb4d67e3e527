/* loop: when is which socket read and written, and which peer is told the time?
 *
 * One file descriptor a peer and one timer for all of them. A readable socket is read a batch at a time: input, dispatch,
 * output, so an answer leaves before the next batch is even looked at. What an app queues outside of our callbacks marks its
 * peer dirty (the wake hook), and dirty peers are served before the loop blocks. The one timer stands at the earliest
 * deadline or before it: it is moved forwards only when it fires, because deadlines move backwards with every packet
 * and a timer that fires early once costs less than one that is set a thousand times.
 *
 * It knows peers by their public verbs and one hook (peer_on_free), and nothing of what they say. */
#include "loop/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "loop/ev.h"
#include "peer/peer.h"
#include "pool/env.h"

/* Batches read from one socket before the others get their turn, and datagrams in one (what one GRO read can bring). */
#define READS_PER_TURN 16
#define BATCH_MAX 64

/* A read that brought less than this most likely emptied the socket; asking once more would cost a system call to hear
 * "nothing". The watcher is level-triggered, so a wrong guess loses nothing. */
#define READ_AGAIN 16

#define OUTPUT_SIZE 65536

/* dispatch() and output() may each give the other something to do (a state told behind the last packet); what is left after
 * so many rounds has a deadline of 0 and comes back with the timer. */
#define ROUNDS 4

struct sluice_loop {
	sluice_env *env;
	struct ev_loop *ev;
	bool own_ev;
	ev_prepare prepare;
	ev_timer timer;
	uint64_t timer_at; /* SLUICE_NEVER while it is not running */
	struct heap heap;  /* of sluice_socket.deadline */
	size_t sockets;    /* open ones; the heap has room for each */
	sluice_socket *first;
	sluice_socket *dirty, **dirty_end;
	sluice_slab *slab; /* what the next read fills: the last one again while nobody kept a part of it */
	uint8_t *output;
};

struct sluice_socket {
	sluice_loop *loop;
	sluice_peer *peer; /* NULL before it has one and after it was freed */
	struct udp udp;
	ev_io io;
	struct heap_node deadline;
	sluice_socket *next, **back; /* all of the loop */
	sluice_socket *next_dirty;
	bool is_dirty;
	bool busy; /* one of our functions is on the stack with it: it is freed when that returns */
	bool broken;
	sluice_batch pending; /* what the socket did not take; data is ours. count 0: nothing */
	size_t pending_sent;
};

uint64_t sluice_now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

/* ---- the timer --------------------------------------------------------------------------------------------------- */

static void set_timer(sluice_loop *loop, uint64_t at, uint64_t now) {
	ev_timer_stop(loop->ev, &loop->timer);
	loop->timer_at = at;
	if (at == SLUICE_NEVER)
		return;
	ev_timer_set(&loop->timer, at > now ? (double)(at - now) / 1e9 : 0., 0.);
	ev_timer_start(loop->ev, &loop->timer);
}

static void hasten_timer(sluice_loop *loop) {
	struct heap_node *first = heap_min(&loop->heap);
	if (first && first->key < loop->timer_at)
		set_timer(loop, first->key, sluice_now());
}

static void note_deadline(sluice_socket *s) {
	uint64_t at = sluice_peer_deadline(s->peer);
	/* A full socket: what is due at once cannot leave now, and the writable event brings us back. */
	if (at == 0 && s->pending.count)
		at = SLUICE_NEVER;
	if (at != s->deadline.key || s->deadline.index == HEAP_OUT)
		heap_set(&s->loop->heap, &s->deadline, at);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void watch(sluice_socket *s, int events) {
	if (s->io.events == events && ev_is_active(&s->io))
		return;
	ev_io_stop(s->loop->ev, &s->io);
	ev_io_set(&s->io, s->udp.fd, events);
	if (events)
		ev_io_start(s->loop->ev, &s->io);
}

/* The socket is of no use any more. The peer is not told: to it the network is silent, and its timers know what to do. */
static void give_up(sluice_socket *s, const char *verb) {
	if (!s->broken)
		env_log(s->loop->env, SLUICE_LOG_ERROR, "loop: cannot %s: %s", verb, strerror(errno));
	s->broken = true;
	watch(s, 0);
}

/* Keeps the part of the batch that the socket did not take, since the buffer it stands in serves all sockets. */
static void keep_pending(sluice_socket *s, const sluice_batch *batch, size_t sent) {
	const uint8_t *rest = sluice_batch_slot(batch, sent);
	size_t len = sluice_batch_len(batch) - sent * batch->stride;
	uint8_t *copy = env_alloc(s->loop->env, len);
	if (!copy)
		return; /* to the association it is a loss like any other */
	memcpy(copy, rest, len);
	s->pending = *batch;
	s->pending.data = copy;
	s->pending.count -= sent;
	s->pending_sent = 0;
	watch(s, EV_READ | EV_WRITE);
}

static void drop_pending(sluice_socket *s) {
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
		give_up(s, "send");
	return result == 0;
}

/* Sends all that the peer has, or as much as the socket takes. What is for a broken one is lost on the way. */
static void flush(sluice_socket *s, uint64_t now) {
	while (!s->pending.count) {
		sluice_batch batch = {.data = s->loop->output, .capacity = OUTPUT_SIZE, .max_datagrams = BATCH_MAX};
		if (sluice_peer_output(s->peer, &batch, now) <= 0)
			return;
		size_t sent = 0;
		int result = s->broken ? 0 : udp_send(&s->udp, &batch, &sent);
		if (result == SLUICE_WOULD_BLOCK)
			keep_pending(s, &batch, sent);
		else if (result)
			give_up(s, "send");
	}
}

/* ---- serving one peer -------------------------------------------------------------------------------------------- */

static void destroy_socket(sluice_socket *s);

/* Runs callbacks and sends what they caused. */
static void serve(sluice_socket *s, uint64_t now) {
	for (int i = 0; i < ROUNDS; i++) {
		sluice_peer_dispatch(s->peer);
		if (!s->peer)
			return;
		flush(s, now);
		if (sluice_peer_deadline(s->peer) > 0)
			return;
	}
}

static void enter(sluice_socket *s) {
	s->busy = true;
}

/* False when the peer is gone, and the socket with it. */
static bool leave(sluice_socket *s) {
	s->busy = false;
	if (!s->peer) {
		destroy_socket(s);
		return false;
	}
	note_deadline(s);
	return true;
}

static sluice_slab *reading_slab(sluice_loop *loop) {
	if (loop->slab && sluice_slab_is_unshared(loop->slab))
		return loop->slab;
	sluice_slab_unref(loop->slab);
	loop->slab = sluice_slab_get(loop->env);
	return loop->slab;
}

/* One batch in, and the answer out. Returns the datagrams read, or what udp_receive said. */
static int read_batch(sluice_socket *s) {
	sluice_datagram datagrams[BATCH_MAX];
	sluice_path from;
	sluice_slab *slab = reading_slab(s->loop);
	if (!slab)
		return 0; /* the datagrams wait in the socket for memory */
	int n = udp_receive(&s->udp, slab, datagrams, BATCH_MAX, &from);
	if (n <= 0)
		return n;
	from.socket = (uint32_t)s->udp.fd;
	uint64_t now = sluice_now();
	sluice_peer_input(s->peer, &from, datagrams, (size_t)n, now);
	serve(s, now);
	return n;
}

static void on_io(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	sluice_socket *s = w->data;
	sluice_loop *loop = s->loop;
	enter(s);
	if ((events & EV_WRITE) && s->pending.count && send_pending(s))
		serve(s, sluice_now());
	if (events & EV_READ) {
		int n = READ_AGAIN;
		for (int i = 0; i < READS_PER_TURN && s->peer && (n >= READ_AGAIN || s->udp.held); i++)
			n = read_batch(s);
		if (n < 0 && s->peer)
			give_up(s, "receive");
	}
	if (!leave(s))
		return;
	if (s->udp.held) /* already out of the socket, so it will not say "readable" for them */
		ev_feed_event(loop->ev, &s->io, EV_READ);
	hasten_timer(loop);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop *loop = w->data;
	uint64_t now = sluice_now();
	loop->timer_at = SLUICE_NEVER;
	/* Each at most once, so that a peer that wants to be called again at once does not keep the loop from the others. */
	for (size_t turns = loop->heap.count; turns > 0; turns--) {
		struct heap_node *first = heap_min(&loop->heap);
		if (!first || first->key > now)
			break;
		sluice_socket *s = (sluice_socket *)((uint8_t *)first - offsetof(sluice_socket, deadline));
		enter(s);
		sluice_peer_advance(s->peer, now);
		serve(s, now);
		leave(s);
	}
	hasten_timer(loop);
}

/* ---- dirty peers ------------------------------------------------------------------------------------------------- */

static void mark_dirty(void *ctx) {
	sluice_socket *s = ctx;
	if (s->busy || s->is_dirty)
		return; /* whoever is busy with it serves it before leaving */
	s->is_dirty = true;
	s->next_dirty = NULL;
	*s->loop->dirty_end = s;
	s->loop->dirty_end = &s->next_dirty;
}

static void unmark_dirty(sluice_socket *s) {
	if (!s->is_dirty)
		return;
	sluice_socket **at = &s->loop->dirty;
	while (*at != s)
		at = &(*at)->next_dirty;
	*at = s->next_dirty;
	if (s->loop->dirty_end == &s->next_dirty)
		s->loop->dirty_end = at;
	s->is_dirty = false;
}

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop *loop = w->data;
	if (!loop->dirty)
		return;
	uint64_t now = sluice_now();
	while (loop->dirty) {
		sluice_socket *s = loop->dirty;
		unmark_dirty(s);
		enter(s);
		serve(s, now);
		leave(s);
	}
	hasten_timer(loop);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

static bool reserve_heap(sluice_loop *loop) {
	if (loop->sockets < loop->heap.capacity)
		return true;
	size_t capacity = loop->heap.capacity ? 2 * loop->heap.capacity : 8;
	struct heap_node **slots = env_alloc(loop->env, capacity * sizeof *slots);
	if (!slots)
		return false;
	if (loop->heap.count)
		memcpy(slots, loop->heap.slots, loop->heap.count * sizeof *slots);
	env_free(loop->env, loop->heap.slots);
	loop->heap.slots = slots;
	loop->heap.capacity = capacity;
	return true;
}

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
	sluice_socket *s = reserve_heap(loop) ? env_zalloc(loop->env, sizeof *s) : NULL;
	if (!s)
		return SLUICE_NO_MEMORY;
	int error = open_udp(&s->udp, config);
	if (error) {
		env_free(loop->env, s);
		return error;
	}
	s->loop = loop;
	s->deadline.index = HEAP_OUT;
	ev_io_init(&s->io, on_io, s->udp.fd, EV_READ);
	s->io.data = s;
	s->next = loop->first;
	s->back = &loop->first;
	if (s->next)
		s->next->back = &s->next;
	loop->first = s;
	loop->sockets++;
	*out = s;
	return 0;
}

static void destroy_socket(sluice_socket *s) {
	sluice_loop *loop = s->loop;
	ev_io_stop(loop->ev, &s->io);
	heap_remove(&loop->heap, &s->deadline);
	unmark_dirty(s);
	drop_pending(s);
	udp_close(&s->udp);
	*s->back = s->next;
	if (s->next)
		s->next->back = s->back;
	loop->sockets--;
	if (!loop->heap.count)
		set_timer(loop, SLUICE_NEVER, 0); /* a timer for nobody would keep the loop running */
	env_free(loop->env, s);
}

void sluice_socket_close(sluice_socket *s) {
	if (s && !s->peer)
		destroy_socket(s);
}

int sluice_socket_address(const sluice_socket *s, struct sockaddr_storage *addr, socklen_t *len) {
	*len = sizeof *addr;
	return getsockname(s->udp.fd, (struct sockaddr *)addr, len) ? SLUICE_IO : 0;
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */

static void forget_peer(void *ctx) {
	sluice_socket *s = ctx;
	s->peer = NULL;
	/* Its file descriptor must not bring events for nobody, even while somebody is busy with it. */
	ev_io_stop(s->loop->ev, &s->io);
	heap_remove(&s->loop->heap, &s->deadline);
	if (!s->busy)
		destroy_socket(s);
}

int sluice_loop_add_socket(sluice_loop *loop, sluice_peer *peer, sluice_socket *s) {
	if (s->peer || s->loop != loop)
		return SLUICE_INVALID;
	if (peer_has_driver(peer))
		return SLUICE_EXISTS;
	s->peer = peer;
	peer_on_free(peer, forget_peer, s);
	sluice_peer_set_wake(peer, mark_dirty, s);
	watch(s, EV_READ);
	mark_dirty(s); /* it may have been started before it had a loop */
	return 0;
}

int sluice_loop_add(sluice_loop *loop, sluice_peer *peer, const sluice_socket_config *config) {
	sluice_socket *s;
	int error = sluice_socket_open(loop, config, &s);
	if (error)
		return error;
	error = sluice_loop_add_socket(loop, peer, s);
	if (error)
		destroy_socket(s);
	return error;
}

int sluice_loop_local_address(sluice_loop *loop, sluice_peer *peer, struct sockaddr_storage *addr, socklen_t *len) {
	for (const sluice_socket *s = loop->first; s; s = s->next)
		if (s->peer == peer)
			return sluice_socket_address(s, addr, len);
	return SLUICE_NOT_FOUND;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void start_watchers(sluice_loop *loop) {
	ev_init(&loop->timer, on_timer);
	loop->timer.data = loop;
	ev_prepare_init(&loop->prepare, on_prepare);
	ev_set_priority(&loop->prepare, EV_MINPRI); /* behind those of the app, which may send */
	loop->prepare.data = loop;
	ev_prepare_start(loop->ev, &loop->prepare);
	ev_unref(loop->ev); /* it alone is no reason to go on */
}

int sluice_loop_new(sluice_env *env, struct ev_loop *ev, sluice_loop **out) {
	sluice_loop *loop = env_zalloc(env, sizeof *loop);
	if (!loop)
		return SLUICE_NO_MEMORY;
	loop->env = env;
	loop->timer_at = SLUICE_NEVER;
	loop->dirty_end = &loop->dirty;
	loop->output = env_alloc(env, OUTPUT_SIZE);
	loop->own_ev = !ev;
	loop->ev = ev ? ev : ev_loop_new(EVFLAG_AUTO);
	if (!loop->output || !loop->ev) {
		if (loop->own_ev && loop->ev)
			ev_loop_destroy(loop->ev);
		env_free(env, loop->output);
		env_free(env, loop);
		return SLUICE_NO_MEMORY;
	}
	start_watchers(loop);
	*out = loop;
	return 0;
}

void sluice_loop_free(sluice_loop *loop) {
	if (!loop)
		return;
	while (loop->first) {
		sluice_socket *s = loop->first;
		if (s->peer) {
			peer_on_free(s->peer, NULL, NULL);
			sluice_peer_set_wake(s->peer, NULL, NULL);
		}
		destroy_socket(s);
	}
	set_timer(loop, SLUICE_NEVER, 0);
	ev_ref(loop->ev);
	ev_prepare_stop(loop->ev, &loop->prepare);
	if (loop->own_ev)
		ev_loop_destroy(loop->ev);
	sluice_slab_unref(loop->slab);
	env_free(loop->env, loop->heap.slots);
	env_free(loop->env, loop->output);
	env_free(loop->env, loop);
}

struct ev_loop *sluice_loop_ev(sluice_loop *loop) {
	return loop->ev;
}

void sluice_loop_run(sluice_loop *loop) {
	ev_run(loop->ev, 0);
}

void sluice_loop_stop(sluice_loop *loop) {
	ev_break(loop->ev, EVBREAK_ONE);
}

/* ---- invariants -------------------------------------------------------------------------------------------------- */

static bool socket_check(const sluice_socket *s) {
	if (!s->peer && s->deadline.index != HEAP_OUT)
		return false;
	if (s->pending.count && (!s->pending.data || s->pending_sent > s->pending.count))
		return false;
	return !s->busy && *s->back == s;
}

bool loop_check(const sluice_loop *loop) {
	size_t sockets = 0, dirty = 0, marked = 0;
	for (const sluice_socket *s = loop->first; s; s = s->next) {
		if (!socket_check(s))
			return false;
		sockets++;
		marked += s->is_dirty;
	}
	for (const sluice_socket *s = loop->dirty; s; s = s->next_dirty)
		dirty++;
	return sockets == loop->sockets && dirty == marked && loop->heap.count <= sockets && heap_check(&loop->heap);
}
