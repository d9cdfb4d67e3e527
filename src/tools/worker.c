/* worker: see its header. */
#include "tools/worker.h"

#include <signal.h>

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

void worker_start(struct worker *w, bool (*has_work)(void *owner), void (*step)(void *owner), void *owner,
                  void (*wake)(void *ctx), void *ctx) {
	*w = (struct worker){.has_work = has_work, .step = step, .owner = owner, .wake = wake, .ctx = ctx};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->has_thread = wake && start_thread(w);
}

void worker_stop(struct worker *w, bool drain) {
	if (w->has_thread) {
		worker_lock(w);
		w->stop = true;
		pthread_cond_signal(&w->work);
		worker_unlock(w);
		pthread_join(w->thread, NULL);
		w->has_thread = false;
	}
	while (drain && worker_step(w))
		;
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
}

bool worker_step(struct worker *w) {
	if (w->has_thread)
		return false;
	worker_lock(w);
	bool more = w->has_work(w->owner);
	if (more)
		w->step(w->owner);
	worker_unlock(w);
	return more;
}
