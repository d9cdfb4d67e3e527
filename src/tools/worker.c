/* worker: see its header. */
#include "tools/worker.h"

#include <sched.h>
#include <signal.h>

#include "sluice/loop.h"

/* A step that takes so long waits for a disk: the page cache gives or takes a block in 0.1 ms. It is also more than a busy host
 * keeps a step from its CPU. */
#define SLOW (20 * SLUICE_MS)
/* Two ends on one host keep so many busy. */
#define CPUS_OF_A_PAIR 2

static void *run(void *arg) {
	struct worker *w = arg;
	worker_lock(w);
	while (!w->stop) {
		if (w->has_work(w->owner)) {
			w->step(w->owner);
			continue;
		}
		worker_wake_awaiting(w);
		w->idle = true;
		pthread_cond_wait(&w->work, &w->lock);
		w->idle = false;
	}
	worker_unlock(w);
	return NULL;
}

/* Signals are for the thread that runs the loop. */
static bool start_thread(struct worker *w) {
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return false;
	bool started = pthread_create(&w->thread, NULL, run, w) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

enum worker_thread worker_thread_here(void) {
	cpu_set_t cpus;
	bool spare = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > CPUS_OF_A_PAIR;
	return spare ? WORKER_AT_ONCE : WORKER_IF_SLOW;
}

void worker_start(struct worker *w, enum worker_thread thread, bool (*has_work)(void *owner), void (*step)(void *owner),
                  void *owner, void (*wake)(void *ctx), void *ctx) {
	*w = (struct worker){.has_work = has_work, .step = step, .owner = owner, .wake = wake, .ctx = ctx};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->has_thread = wake && thread == WORKER_AT_ONCE && start_thread(w);
}

void worker_stop(struct worker *w, bool drain) {
	worker_lock(w);
	w->stop = true;
	pthread_cond_signal(&w->work);
	worker_unlock(w);
	if (w->has_thread) {
		pthread_join(w->thread, NULL);
		w->has_thread = false;
	}
	while (drain && worker_step(w))
		;
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}

/* On the owner's thread, with the lock. */
static void step_here(struct worker *w) {
	uint64_t began = sluice_now();
	w->step(w->owner);
	if (w->wake && !w->stop && sluice_now() - began >= SLOW)
		w->has_thread = start_thread(w);
}

bool worker_step(struct worker *w) {
	if (w->has_thread)
		return false;
	worker_lock(w);
	bool more = w->has_work(w->owner);
	if (more)
		step_here(w);
	worker_unlock(w);
	return more;
}
