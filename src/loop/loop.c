/* loop.c: which peer is told the time, when is what an app queued sent, and how do other threads get a word in?
 *
 * One timer for all peers. It stands at the earliest deadline or before it: it is moved forwards only when it fires,
 * because deadlines move backwards with every packet and a timer that fires early once costs less than one that is set a
 * thousand times. What an app queues outside of our callbacks marks its peer dirty (the wake hook), and dirty peers are
 * served before the loop blocks.
 *
 * It knows peers by their drivers, and nothing of what they say. */
#include "loop/loop.h"

#include <stdlib.h>
#include <time.h>

#include "base/container.h"
#include "loop/driver.h"
#include "loop/endpoint.h"
#include "loop/gather.h"
#include "loop/mdns.h"
#include "loop/resolve.h"
#include "loop/socket.h"
#include "pool/env.h"

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

void loop_hasten_timer(sluice_loop *loop) {
	struct heap_node *first = heap_min(&loop->heap);
	if (first && first->key < loop->timer_at)
		set_timer(loop, first->key, sluice_now());
}

void loop_rest_timer(sluice_loop *loop) {
	if (!loop->heap.count)
		set_timer(loop, SLUICE_NEVER, 0);
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
		driver_advance(CONTAINER_OF(first, struct driver, deadline), now);
	}
	loop_hasten_timer(loop);
}

/* ---- before it sleeps -------------------------------------------------------------------------------------------- */

static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop *loop = w->data;
	if (!loop->dirty)
		return;
	uint64_t now = sluice_now();
	while (loop->dirty) {
		struct driver *d = loop->dirty;
		driver_unmark_dirty(d);
		driver_enter(d);
		driver_serve(d, now);
		driver_leave(d);
	}
	loop_hasten_timer(loop);
}

void loop_interfaces_changed(sluice_loop *loop) {
	struct interface_list list;
	interface_list_get(loop->env, &list);
	mdns_follow(loop, &list);
	for (struct driver *d = loop->drivers; d; d = d->next)
		if (d->gather)
			gather_follow(d, &list);
	for (sluice_endpoint *e = loop->endpoints; e; e = e->next)
		endpoint_follow(e, &list);
}

sluice_slab *loop_slab(sluice_loop *loop) {
	if (loop->slab && sluice_slab_is_unshared(loop->slab))
		return loop->slab;
	sluice_slab_unref(loop->slab);
	loop->slab = sluice_slab_get(loop->env);
	return loop->slab;
}

/* ---- other threads ----------------------------------------------------------------------------------------------- */

/* The environment's allocator belongs to the loop's thread, so these come from malloc. */
struct post {
	struct post *next;
	void (*fn)(void *ctx);
	void *ctx;
};

/* A stack that is pushed by anyone and taken whole by the loop: no lock, and no ABA, since nobody pops a single one. */
int sluice_loop_post(sluice_loop *loop, void (*fn)(void *ctx), void *ctx) {
	struct post *p = malloc(sizeof *p);
	if (!p)
		return SLUICE_NO_MEMORY;
	*p = (struct post){.fn = fn, .ctx = ctx};
	p->next = atomic_load_explicit(&loop->posts, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&loop->posts, &p->next, p, memory_order_release, memory_order_relaxed))
		;
	ev_async_send(loop->ev, &loop->async);
	return 0;
}

/* Takes what was posted until now, the oldest first. */
static struct post *take_posts(sluice_loop *loop) {
	struct post *taken = atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire), *first = NULL;
	while (taken) {
		struct post *next = taken->next;
		taken->next = first;
		first = taken;
		taken = next;
	}
	return first;
}

static void run_posts(sluice_loop *loop) {
	struct post *p = take_posts(loop);
	while (p) {
		struct post this = *p;
		free(p);
		p = this.next;
		this.fn(this.ctx);
	}
}

static void on_async(struct ev_loop *ev, ev_async *w, int events) {
	(void)ev;
	(void)events;
	run_posts(w->data);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void start_watchers(sluice_loop *loop) {
	ev_init(&loop->timer, on_timer);
	loop->timer.data = loop;
	ev_prepare_init(&loop->prepare, on_prepare);
	ev_set_priority(&loop->prepare, EV_MINPRI); /* behind those of the app, which may send */
	loop->prepare.data = loop;
	ev_prepare_start(loop->ev, &loop->prepare);
	ev_unref(loop->ev); /* it alone is no reason to go on */
	ev_async_init(&loop->async, on_async);
	loop->async.data = loop;
	ev_async_start(loop->ev, &loop->async);
	ev_unref(loop->ev);
}

static void stop_watchers(sluice_loop *loop) {
	set_timer(loop, SLUICE_NEVER, 0);
	ev_ref(loop->ev);
	ev_async_stop(loop->ev, &loop->async);
	ev_ref(loop->ev);
	ev_prepare_stop(loop->ev, &loop->prepare);
}

int sluice_loop_new(sluice_env *env, struct ev_loop *ev, sluice_loop **out) {
	sluice_loop *loop = env_zalloc(env, sizeof *loop);
	if (!loop)
		return SLUICE_NO_MEMORY;
	loop->env = env;
	loop->timer_at = SLUICE_NEVER;
	loop->dirty_end = &loop->dirty;
	outlets_init(&loop->outlets);
	loop->output = env_alloc(env, LOOP_OUTPUT_SIZE);
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
	while (atomic_load_explicit(&loop->posts, memory_order_relaxed))
		run_posts(loop); /* while all is whole: one of them may free a peer */
	while (loop->drivers)
		driver_detach(loop->drivers);
	while (loop->endpoints)
		sluice_endpoint_free(loop->endpoints);
	while (loop->sockets)
		socket_destroy(loop->sockets);
	resolve_stop(loop);
	mdns_stop(loop);
	interface_unwatch(loop);
	stop_watchers(loop);
	if (loop->own_ev)
		ev_loop_destroy(loop->ev);
	sluice_slab_unref(loop->slab);
	outlets_deinit(loop->env, &loop->outlets);
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

bool loop_check(const sluice_loop *loop) {
	size_t drivers = 0, dirty = 0, marked = 0;
	for (const struct driver *d = loop->drivers; d; d = d->next) {
		if (!driver_check(d))
			return false;
		drivers++;
		marked += d->is_dirty;
	}
	for (const struct driver *d = loop->dirty; d; d = d->next_dirty)
		dirty++;
	for (const sluice_socket *s = loop->sockets; s; s = s->next)
		if (!socket_check(s))
			return false;
	for (const sluice_endpoint *e = loop->endpoints; e; e = e->next)
		if (!endpoint_check(e))
			return false;
	return drivers == loop->driver_count && dirty == marked && loop->heap.count <= drivers && heap_check(&loop->heap) &&
	       outlets_check(&loop->outlets);
}
