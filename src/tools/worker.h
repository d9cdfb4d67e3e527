/* worker: a thread that does its owner's work while there is some.
 *
 *   has_work() and step() are called on the thread with the lock held. step() may let the lock go meanwhile.
 *   awaited: the owner waits; wake() is called once when the work is done
 *
 * Without a thread, worker_step() does one step on the owner's thread. */
#ifndef TOOLS_WORKER_H
#define TOOLS_WORKER_H

#include <pthread.h>
#include <stdbool.h>

enum worker_thread {
	WORKER_AT_ONCE, /* from the start on */
	WORKER_IF_SLOW, /* once a step took long, as one that waits for a disk */
};

struct worker {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool has_thread, stop, idle, awaited;
	bool (*has_work)(void *owner);
	void (*step)(void *owner);
	void *owner;
	void (*wake)(void *ctx);
	void *ctx;
};

/* What suits a worker that reads or writes. A thread is not free: each byte moves from one core's cache to the other's, and
 * where the host has no CPU to spare, each wake-up takes one from somebody who has work. Together that was a sixth of a
 * transfer between two ends on two CPUs. */
enum worker_thread worker_thread_here(void);

/* With wake NULL there is never a thread. Where none can be made, the worker does without. */
void worker_start(struct worker *w, enum worker_thread thread, bool (*has_work)(void *owner), void (*step)(void *owner),
                  void *owner, void (*wake)(void *ctx), void *ctx);
/* Waits for the step under way. With drain, all work is done before. */
void worker_stop(struct worker *w, bool drain);

static inline void worker_lock(struct worker *w) {
	pthread_mutex_lock(&w->lock);
}
static inline void worker_unlock(struct worker *w) {
	pthread_mutex_unlock(&w->lock);
}
/* With the lock: there is work. */
static inline void worker_signal(struct worker *w) {
	if (w->idle)
		pthread_cond_signal(&w->work);
}
/* With the lock: the owner waits for the end of the work, or does it itself where there is no thread. */
static inline void worker_await(struct worker *w) {
	w->awaited = true;
	worker_signal(w);
}
/* With the lock, on the thread: wakes the owner if it waits. A step calls it when the owner need not wait for the end of the
 * work. */
static inline void worker_wake_awaiting(struct worker *w) {
	if (w->awaited && w->has_thread)
		w->wake(w->ctx);
	w->awaited = false;
}
/* Without a thread: one step. True when there was work. */
bool worker_step(struct worker *w);

#endif
