/* spin: for how long does the loop look for the next event before it sleeps?
 *
 * A sleeping thread costs whoever wakes it a system call's work, and itself a change of context; in a virtual machine both may
 * take longer than the message. While an ev_idle watcher is active, the ev_loop polls its file descriptors, timers and posts
 * without blocking. So nobody waits for the end of a spin, and the app's own watchers are served as always.
 *
 *   ns == 0: the watcher is never active, and the loop is as one without this file
 *   a spin ends ns after the last event of ours */
#ifndef LOOP_SPIN_H
#define LOOP_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "loop/ev.h"

struct spin {
	struct ev_loop *ev;
	ev_idle idle;
	uint64_t ns;
	uint64_t until; /* read while the watcher is active and fresh is not set */
	bool fresh;     /* an event of ours has ended since the last turn */
};

void spin_init(struct spin *s, struct ev_loop *ev);
void spin_deinit(struct spin *s);
/* From the next event on. 0: never, and a spin under way ends. */
void spin_set(struct spin *s, uint64_t ns);
void spin_begin(struct spin *s);
/* Behind each event of ours. */
static inline void spin_prolong(struct spin *s) {
	if (s->ns)
		spin_begin(s);
}

#endif
