/* timers: which one is due? */
#include "sctp/association.h"

static void heartbeat_expired(sluice_sctp *a) {
	if (heartbeat_unanswered(a))
		reconfig_heartbeat_unanswered(a);
}

/* A peer that was busy once would keep its rings for good: at a window of 64 K chunks they are 12 MB. A whole interval without
 * data, 30 seconds unless configured, says that it is idle. While data comes or goes they stay: nothing is allocated then. */
static void rest_when_idle(sluice_sctp *a) {
	uint64_t chunks = a->tx.counters.data_chunks_sent + a->rx.stats.data_chunks_received;
	if (chunks == a->chunks_seen) {
		sender_rest(&a->tx);
		receiver_rest(&a->rx);
	}
	a->chunks_seen = chunks;
}

static void heartbeat_timer(sluice_sctp *a) {
	rest_when_idle(a);
	heartbeat_due(a);
}

static const struct {
	const char *name;
	void (*expired)(sluice_sctp *a);
} timers[TIMER_COUNT] = {
	[TIMER_T1] = {"T1-init", handshake_timeout},
	[TIMER_T2] = {"T2-shutdown", shutdown_timeout},
	[TIMER_T5] = {"T5-shutdown-guard", shutdown_guard_expired},
	[TIMER_HEARTBEAT] = {"heartbeat", heartbeat_timer},
	[TIMER_HEARTBEAT_ACK] = {"heartbeat_ack", heartbeat_expired},
	[TIMER_RECONFIG] = {"reconfig", reconfig_timeout},
};

void sluice_sctp_advance(sluice_sctp *a, uint64_t now) {
	now = association_time(a, now);
	a->dirty = true;
	trace_sync(a->trace);
	sender_expire(&a->tx);
	if (sender_timed_out(&a->tx))
		end_count_error(a);
	sender_advance(&a->tx);
	for (int t = 0; t < TIMER_COUNT; t++)
		if (a->timers[t] <= now) {
			trace_timer(a->trace, timers[t].name);
			timers[t].expired(a);
			trace_sync(a->trace);
		}
	if (receiver_deadline(&a->rx) <= now) {
		trace_timer(a->trace, "sack");
		receiver_advance(&a->rx);
	}
	sender_burst(&a->tx);
	reconfig_progress(a);
	shutdown_progress(a);
	trace_sync(a->trace);
}
