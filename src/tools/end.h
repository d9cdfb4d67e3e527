/* end: one end of a connection that a command holds: the loop, the peer, a time limit, Ctrl-C, what is recorded, and the exit
 * code. How the two ends find each other is the business of who uses it: link.c (offer and answer), perf_end.c (address and
 * fingerprint). */
#ifndef TOOLS_END_H
#define TOOLS_END_H

#include "loop/ev.h"
#include "sluice.h"
#include "tools/tools.h"
#include "tools/tuning.h"

struct end {
	const char *command;
	const struct tuning *tuning; /* which files record the connection */
	sluice_env *env;
	sluice_loop *loop;
	struct ev_loop *ev;
	sluice_peer *peer;
	struct recording recording;
	ev_timer limit; /* of connecting; later of ending */
	ev_signal on_int, on_term;
	bool connected;
	bool interrupted; /* by Ctrl-C, once */
	bool ending;      /* all is said and done; only the connection has to end */
	bool left;        /* the loop stops */
	int exit_code;
	/* Ctrl-C, once connected. */
	void (*on_interrupt)(struct end *end);
};

/* Makes the loop. 0 or an error. env was made before, command was set. */
int end_open(struct end *end);
/* From the connection on, the peer is recorded. Opened before anything else is done, so that a file that cannot be written is no
 * surprise later: false when it said why. */
bool end_record(struct end *end);
/* Aborts what is still there and frees everything. What is queued (an abort, a last close_notify) leaves before. `before_free`
 * NULL, or what has to be freed while the environment is there. */
void end_close(struct end *end, const char *why, void (*before_free)(struct end *end));

/* Calls over() after so many seconds, in place of an earlier limit. `data` of the timer is the end. */
void end_limit(struct end *end, double seconds, void (*over)(struct ev_loop *ev, ev_timer *w, int events));
/* From here on SIGINT and SIGTERM are interrupts of this end. */
void end_watch_signals(struct end *end);
/* Ctrl-C. The second one, and one before the connection or behind its end, leaves at once. */
void end_interrupt(struct end *end);

static inline bool end_is_over(const struct end *end) {
	return end->left || end->ending;
}
/* Leaves the loop now. The exit code of an end that is ending stays. */
void end_leave(struct end *end, int exit_code);
/* Says why and leaves with EXIT_FAILED; nothing when it is over already. */
__attribute__((format(printf, 2, 3))) void end_fail(struct end *end, const char *format, ...);
/* All is said and done: the other side ends the connection, or it is left after a short time. */
void end_linger(struct end *end, int exit_code);
/* The same, and this side ends it. */
void end_finish(struct end *end, int exit_code);

/* " (text)", or "": what the peer says about its failure beside the error. */
#define END_DETAIL_MAX 256
const char *end_detail(const struct end *end, char text[END_DETAIL_MAX]);

#endif
