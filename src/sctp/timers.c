/* timers: which one is due, and the heartbeats. RFC 9260, 8.3. */
#include "sctp/association.h"

/* ---- heartbeats ---- */

void heartbeat_schedule(sluice_sctp *a) {
	a->heartbeat_unscheduled = false;
	if (a->config.heartbeat_interval == SLUICE_NEVER)
		return;
	/* Once per RTO plus HB.interval, give or take half the RTO. */
	uint64_t rto = a->tx.rto.rto;
	timer_start(a, TIMER_HEARTBEAT, a->config.heartbeat_interval + rto / 2 + env_random32(a->env) % (rto + 1));
}

static void heartbeat_due(sluice_sctp *a) {
	heartbeat_schedule(a);
	/* "On an idle destination address that is allowed to heartbeat": data in flight asks the same question already. */
	if (input_state_in(a, IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_RECEIVED)) && a->tx.sent.flight == 0 &&
	    !timer_running(a, TIMER_HEARTBEAT_ACK)) /* one at a time, or a short interval would never let one go unanswered */
		a->pending |= PENDING_HEARTBEAT;
}

void heartbeat_write(sluice_sctp *a, struct writer *w) {
	uint8_t info[HEARTBEAT_INFO];
	if (writer_room(w) < HEARTBEAT_SIZE)
		return;
	env_entropy(a->env, &a->heartbeat_nonce, sizeof a->heartbeat_nonce);
	put_be64(info, a->now);
	put_be64(info + 8, a->heartbeat_nonce);
	wire_heartbeat_write(w, WIRE_HEARTBEAT, info, sizeof info);
	a->pending &= ~(uint32_t)PENDING_HEARTBEAT;
	a->stats.heartbeats_sent++;
	timer_start(a, TIMER_HEARTBEAT_ACK, a->tx.rto.rto);
}

static void heartbeat_unanswered(sluice_sctp *a) {
	timer_stop(a, TIMER_HEARTBEAT_ACK);
	if (association_count_error(a))
		return;
	/* One that is lost is repeated after an RTO, not after an interval: silence is to be told from loss soon. */
	sender_back_off(&a->tx);
	a->pending |= PENDING_HEARTBEAT;
	reconfig_heartbeat_unanswered(a);
}

void heartbeat_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	/* RFC 9260, 8.3: answered at once, with the Heartbeat Information and whatever else is in it unchanged. It came in one
	 * packet, so it goes into one. */
	if (pad4(4u + c->len) > a->tx.mtu - WIRE_HEADER_SIZE) {
		a->stats.chunks_discarded++;
		return;
	}
	association_reply_chunk(a, a->peer_tag, WIRE_HEARTBEAT_ACK, c->value, c->len);
}

void heartbeat_ack_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	const uint8_t *info;
	uint16_t len;
	bool readable = wire_heartbeat_read(c, &info, &len) == 0 && len == HEARTBEAT_INFO;
	if (readable && sender_heartbeat_answered(&a->tx, get_be64(info), get_be64(info + 8))) {
		a->error_count = 0;
		return;
	}
	if (!readable || a->heartbeat_nonce == 0 || get_be64(info + 8) != a->heartbeat_nonce || get_be64(info) > a->now) {
		a->stats.chunks_discarded++;
		return;
	}
	reconfig_heartbeat_answered(a, a->heartbeat_nonce);
	a->heartbeat_nonce = 0;
	a->error_count = 0;
	a->stats.heartbeat_acks_received++;
	sender_measure(&a->tx, a->now - get_be64(info));
	timer_stop(a, TIMER_HEARTBEAT_ACK);
}

/* ---- the verb ---- */

static const struct {
	const char *name;
	void (*expired)(sluice_sctp *a);
} timers[TIMER_COUNT] = {
	[TIMER_T1] = {"T1-init", handshake_timeout},
	[TIMER_T2] = {"T2-shutdown", shutdown_timeout},
	[TIMER_T5] = {"T5-shutdown-guard", shutdown_guard_expired},
	[TIMER_HEARTBEAT] = {"heartbeat", heartbeat_due},
	[TIMER_HEARTBEAT_ACK] = {"heartbeat_ack", heartbeat_unanswered},
	[TIMER_RECONFIG] = {"reconfig", reconfig_timeout},
};

void sluice_sctp_advance(sluice_sctp *a, uint64_t now) {
	now = association_time(a, now);
	a->dirty = true;
	trace_sync(a->trace);
	sender_expire(&a->tx);
	if (sender_timed_out(&a->tx))
		association_count_error(a);
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
