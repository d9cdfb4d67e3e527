#include "loop/spin.h"

#include "sluice/loop.h"

static void stop(struct spin *s) {
	if (!ev_is_active(&s->idle))
		return;
	ev_ref(s->ev);
	ev_idle_stop(s->ev, &s->idle);
}

/* A turn of the ev_loop found nothing, or did all that it found. The clock is read here and not behind each event. */
static void on_idle(struct ev_loop *ev, ev_idle *w, int events) {
	(void)ev;
	(void)events;
	struct spin *s = w->data;
	uint64_t now = sluice_now();
	if (s->fresh)
		s->until = now + s->ns;
	s->fresh = false;
	if (now >= s->until)
		stop(s);
}

void spin_begin(struct spin *s) {
	s->fresh = true;
	if (ev_is_active(&s->idle))
		return;
	ev_idle_start(s->ev, &s->idle);
	ev_unref(s->ev); /* it alone is no reason to go on */
}

void spin_set(struct spin *s, uint64_t ns) {
	s->ns = ns;
	if (!ns)
		stop(s);
}

void spin_init(struct spin *s, struct ev_loop *ev) {
	*s = (struct spin){.ev = ev};
	ev_idle_init(&s->idle, on_idle);
	ev_set_priority(&s->idle, EV_MINPRI); /* behind whatever the app has to do */
	s->idle.data = s;
}

void spin_deinit(struct spin *s) {
	stop(s);
}
