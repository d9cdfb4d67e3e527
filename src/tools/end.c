/* end: see its header. */
#include "tools/end.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

/* Seconds that the other side may take to end a connection over which everything was said. */
#define LINGER 3.0

/* ---- ending -------------------------------------------------------------------------------------------------------- */

void end_leave(struct end *end, int exit_code) {
	if (!end_is_over(end))
		end->exit_code = exit_code;
	end->left = true;
	sluice_loop_stop(end->loop);
}

void end_fail(struct end *end, const char *format, ...) {
	if (end_is_over(end))
		return;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	complain("%s: %s", end->command, text);
	end_leave(end, EXIT_FAILED);
}

void end_limit(struct end *end, double seconds, void (*over)(struct ev_loop *ev, ev_timer *w, int events)) {
	ev_timer_stop(end->ev, &end->limit);
	ev_timer_init(&end->limit, over, seconds, 0.);
	end->limit.data = end;
	ev_timer_start(end->ev, &end->limit);
}

static void on_linger_limit(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct end *end = w->data;
	sluice_loop_stop(end->loop);
}

void end_linger(struct end *end, int exit_code) {
	if (end_is_over(end))
		return;
	end->exit_code = exit_code;
	end->ending = true;
	end_limit(end, LINGER, on_linger_limit);
}

void end_finish(struct end *end, int exit_code) {
	if (end_is_over(end))
		return;
	if (!end->peer || !end->connected) {
		end_leave(end, exit_code);
		return;
	}
	end_linger(end, exit_code);
	sluice_peer_close(end->peer);
}

const char *end_detail(const struct end *end, char text[END_DETAIL_MAX]) {
	const char *detail = "";
	sluice_peer_error(end->peer, &detail);
	snprintf(text, END_DETAIL_MAX, *detail ? " (%s)" : "%s", detail);
	return text;
}

/* ---- Ctrl-C -------------------------------------------------------------------------------------------------------- */

void end_interrupt(struct end *end) {
	bool again = end->interrupted;
	end->interrupted = true;
	if (end->ending)
		end->exit_code = EXIT_INTERRUPTED; /* somebody did not want to wait for the other side */
	if (again || end->ending || !end->connected)
		end_leave(end, EXIT_INTERRUPTED);
	else
		end->on_interrupt(end);
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int events) {
	(void)ev;
	(void)events;
	end_interrupt(w->data);
}

void end_watch_signals(struct end *end) {
	ev_signal_init(&end->on_int, on_signal, SIGINT);
	ev_signal_init(&end->on_term, on_signal, SIGTERM);
	end->on_int.data = end->on_term.data = end;
	ev_signal_start(end->ev, &end->on_int);
	ev_signal_start(end->ev, &end->on_term);
}

/* ---- from set-up to tear-down -------------------------------------------------------------------------------------- */

int end_open(struct end *end) {
	int error = sluice_loop_new(end->env, NULL, &end->loop);
	if (!error)
		end->ev = sluice_loop_ev(end->loop);
	return error;
}

bool end_record(struct end *end) {
	return recording_open(&end->recording, end->tuning, end->command);
}

void end_close(struct end *end, const char *why, void (*before_free)(struct end *end)) {
	if (end->peer) {
		sluice_peer_abort(end->peer, why);
		ev_run(end->ev, EVRUN_NOWAIT);
	}
	if (before_free)
		before_free(end);
	sluice_peer_free(end->peer);
	sluice_loop_free(end->loop);
	sluice_env_free(end->env);
	if (!recording_close(&end->recording, end->tuning, end->command) && end->exit_code == EXIT_OK)
		end->exit_code = EXIT_FAILED;
}
