/* loop.c: the life of a loop, and calls from other threads. It stands above all other files of the folder: they do not call
 * it. */
#include "loop/loop.h"

#include <stdlib.h>

#include "loop/driver.h"
#include "loop/endpoint.h"
#include "loop/gather.h"
#include "loop/mdns.h"
#include "loop/resolve.h"
#include "loop/socket.h"
#include "pool/env.h"

/* ---- other threads ----------------------------------------------------------------------------------------------- */

/* The environment's allocator belongs to the loop's thread, so these come from malloc. */
struct post {
	struct post *next;
	void (*fn)(void *ctx);
	void *ctx;
};

/* A stack: any thread pushes, and the loop takes all of it. So there is no lock, and no ABA problem, since nobody pops one
 * entry. */
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
	schedule_init(&loop->schedule, loop->ev, &driver_turns);
	ev_async_init(&loop->async, on_async);
	loop->async.data = loop;
	ev_async_start(loop->ev, &loop->async);
	ev_unref(loop->ev); /* it alone is no reason to go on */
}

static void stop_watchers(sluice_loop *loop) {
	ev_ref(loop->ev);
	ev_async_stop(loop->ev, &loop->async);
	schedule_deinit(&loop->schedule, loop->env);
}

int sluice_loop_new(sluice_env *env, struct ev_loop *ev, sluice_loop **out) {
	sluice_loop *loop = env_zalloc(env, sizeof *loop);
	if (!loop)
		return SLUICE_NO_MEMORY;
	loop->env = env;
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
	interface_deinit(loop);
	stop_watchers(loop);
	if (loop->own_ev)
		ev_loop_destroy(loop->ev);
	sluice_slab_unref(loop->slab);
	outlets_deinit(loop->env, &loop->outlets);
	env_free(loop->env, loop->output);
	env_free(loop->env, loop);
}

struct ev_loop *sluice_loop_ev(sluice_loop *loop) {
	return loop->ev;
}

void sluice_loop_set_busy_poll(sluice_loop *loop, uint32_t microseconds) {
	spin_set(&loop->schedule.spin, (uint64_t)microseconds * SLUICE_US);
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
		marked += d->turn.is_dirty;
	}
	for (const struct schedule_node *n = loop->schedule.dirty; n; n = n->next_dirty)
		dirty++;
	for (const sluice_socket *s = loop->sockets; s; s = s->next)
		if (!socket_check(s))
			return false;
	for (const sluice_endpoint *e = loop->endpoints; e; e = e->next)
		if (!endpoint_check(e))
			return false;
	return drivers == loop->driver_count && dirty == marked && loop->schedule.heap.count <= drivers &&
	       schedule_check(&loop->schedule) && outlets_check(&loop->outlets);
}
