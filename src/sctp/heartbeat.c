/* heartbeat: is the peer there, and how far away? RFC 9260, 8.3. */
#include "sctp/association.h"

void heartbeat_schedule(sluice_sctp *a) {
	a->heartbeat_unscheduled = false;
	if (a->config.heartbeat_interval == SLUICE_NEVER)
		return;
	/* Once per RTO plus HB.interval, give or take half the RTO. */
	uint64_t rto = a->tx.rto.rto;
	timer_start(a, TIMER_HEARTBEAT, a->config.heartbeat_interval + rto / 2 + env_random32(a->env) % (rto + 1));
}

void heartbeat_due(sluice_sctp *a) {
	heartbeat_schedule(a);
	/* "On an idle destination address that is allowed to heartbeat": data in flight asks the same question already. */
	if (association_in(a, IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_RECEIVED)) && a->tx.sent.flight == 0 &&
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

bool heartbeat_unanswered(sluice_sctp *a) {
	timer_stop(a, TIMER_HEARTBEAT_ACK);
	if (end_count_error(a))
		return false;
	/* One that is lost is repeated after an RTO, not after an interval: silence is to be told from loss soon. */
	sender_back_off(&a->tx);
	a->pending |= PENDING_HEARTBEAT;
	return true;
}

void heartbeat_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	/* RFC 9260, 8.3: answered at once, with the Heartbeat Information and whatever else is in it unchanged. It came in one
	 * packet, so it goes into one. */
	if (pad4(4u + c->len) > a->tx.mtu - WIRE_HEADER_SIZE) {
		a->stats.chunks_discarded++;
		return;
	}
	replies_add_chunk(a, a->peer_tag, WIRE_HEARTBEAT_ACK, c->value, c->len);
}

uint64_t heartbeat_ack_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	const uint8_t *info;
	uint16_t len;
	bool readable = wire_heartbeat_read(c, &info, &len) == 0 && len == HEARTBEAT_INFO;
	if (readable && sender_heartbeat_answered(&a->tx, get_be64(info), get_be64(info + 8))) {
		a->error_count = 0;
		return 0;
	}
	if (!readable || a->heartbeat_nonce == 0 || get_be64(info + 8) != a->heartbeat_nonce || get_be64(info) > a->now) {
		a->stats.chunks_discarded++;
		return 0;
	}
	uint64_t nonce = a->heartbeat_nonce;
	a->heartbeat_nonce = 0;
	a->error_count = 0;
	a->stats.heartbeat_acks_received++;
	sender_measure(&a->tx, a->now - get_be64(info));
	timer_stop(a, TIMER_HEARTBEAT_ACK);
	return nonce;
}
