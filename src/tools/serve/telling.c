/* telling: see its header. */
#include "tools/serve/telling.h"

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct telling *t = w->data;
	t->tell(t->serve);
}

void telling_start(struct telling *t, struct serve *s, struct ev_loop *ev, void (*tell)(struct serve *s), double seconds) {
	if (ev_is_active(&t->timer))
		return;
	t->serve = s;
	t->tell = tell;
	ev_timer_init(&t->timer, on_timer, seconds, 0.);
	t->timer.data = t;
	ev_timer_start(ev, &t->timer);
}

void telling_stop(struct telling *t, struct ev_loop *ev) {
	ev_timer_stop(ev, &t->timer);
}
