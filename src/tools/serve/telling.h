/* telling: something that all listeners hear, soon after the first of several changes. One message for each change would be too
 * many where somebody comes and goes often. */
#ifndef TOOLS_SERVE_TELLING_H
#define TOOLS_SERVE_TELLING_H

#include "loop/ev.h"

struct serve;

struct telling {
	struct serve *serve;
	void (*tell)(struct serve *s);
	ev_timer timer;
};

/* Something changed: tell() is called after so many seconds, unless it is about to be called already. */
void telling_start(struct telling *t, struct serve *s, struct ev_loop *ev, void (*tell)(struct serve *s), double seconds);
void telling_stop(struct telling *t, struct ev_loop *ev);

#endif
