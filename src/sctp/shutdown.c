/* shutdown: the graceful end, in all its collisions. RFC 9260, 9.2. */
#include "sctp/association.h"

static void enter_ending(sluice_sctp *a, enum sluice_sctp_state state, uint32_t chunk) {
	state_enter(a, state);
	a->pending |= chunk;
	a->t2_rto = a->tx.rto.rto;
	timer_stop(a, TIMER_HEARTBEAT);
	timer_stop(a, TIMER_HEARTBEAT_ACK);
	association_touch(a);
}

int sluice_sctp_shutdown(sluice_sctp *a) {
	switch (a->state) {
	case SLUICE_SCTP_CLOSED:
		return SLUICE_WRONG_STATE;
	case SLUICE_SCTP_COOKIE_WAIT:
	case SLUICE_SCTP_COOKIE_ECHOED:
		/* What was accepted is to be delivered, so the handshake ends first. */
		a->shutdown_wanted = true;
		return 0;
	case SLUICE_SCTP_ESTABLISHED:
		shutdown_begin(a);
		return 0;
	default:
		return 0; /* under way */
	}
}

void shutdown_begin(sluice_sctp *a) {
	sender_cancel_all(&a->tx);
	state_enter(a, SLUICE_SCTP_SHUTDOWN_PENDING);
	association_touch(a);
	shutdown_progress(a);
}

void shutdown_progress(sluice_sctp *a) {
	/* "Once all its outstanding data has been acknowledged, the endpoint sends a SHUTDOWN chunk", starts T2 and enters
	 * SHUTDOWN-SENT. */
	if (a->state == SLUICE_SCTP_SHUTDOWN_PENDING && sender_idle(&a->tx))
		enter_ending(a, SLUICE_SCTP_SHUTDOWN_SENT, PENDING_SHUTDOWN);
	/* "If the receiver of the SHUTDOWN chunk has no more outstanding DATA chunks, the SHUTDOWN chunk receiver MUST send a
	 * SHUTDOWN ACK chunk and start a T2-shutdown timer of its own, entering the SHUTDOWN-ACK-SENT state." */
	else if (a->state == SLUICE_SCTP_SHUTDOWN_RECEIVED && sender_idle(&a->tx))
		enter_ending(a, SLUICE_SCTP_SHUTDOWN_ACK_SENT, PENDING_SHUTDOWN_ACK);
}

void shutdown_chunk(sluice_sctp *a, const struct wire_chunk *c) {
	uint32_t cum;
	if (wire_shutdown_read(c, &cum)) {
		a->stats.chunks_discarded++;
		return;
	}
	if (sender_cumulative(&a->tx, cum) & SENDER_PEER_ALIVE)
		a->error_count = 0;
	sender_cancel_all(&a->tx);
	switch (a->state) {
	case SLUICE_SCTP_ESTABLISHED:
	case SLUICE_SCTP_SHUTDOWN_PENDING:
		state_enter(a, SLUICE_SCTP_SHUTDOWN_RECEIVED);
		break;
	case SLUICE_SCTP_SHUTDOWN_SENT:
		/* Both sides shut down at once: in SHUTDOWN-SENT, a SHUTDOWN is answered with a SHUTDOWN ACK, and T2 starts
		 * anew for that. */
		a->pending &= ~(uint32_t)PENDING_SHUTDOWN;
		enter_ending(a, SLUICE_SCTP_SHUTDOWN_ACK_SENT, PENDING_SHUTDOWN_ACK);
		break;
	case SLUICE_SCTP_SHUTDOWN_ACK_SENT:
		a->pending |= PENDING_SHUTDOWN_ACK; /* ours was lost */
		break;
	default:
		break;
	}
}

void shutdown_ack_chunk(sluice_sctp *a, struct packet *p) {
	/* The sender of the SHUTDOWN "MUST stop the T2-shutdown timer, send a SHUTDOWN COMPLETE chunk to its peer, and remove all
	 * record of the association". */
	replies_add_chunk(a, a->peer_tag, WIRE_SHUTDOWN_COMPLETE, NULL, 0);
	end_association(a, 0, "shut down");
	p->stop = true;
}

void shutdown_complete_chunk(sluice_sctp *a) {
	end_association(a, 0, "shut down");
}

/* The guard runs from the first SHUTDOWN or SHUTDOWN ACK on, and nothing that the peer says starts it anew. RFC 9260, 9.2, gives
 * it to the sender of the SHUTDOWN; the sender of the SHUTDOWN ACK needs it against a peer that repeats its SHUTDOWN for ever. */
void shutdown_sent(sluice_sctp *a) {
	timer_start(a, TIMER_T2, a->t2_rto);
	if (!timer_running(a, TIMER_T5) && a->config.shutdown_guard != SLUICE_NEVER)
		timer_start(a, TIMER_T5, a->config.shutdown_guard);
}

/* RFC 9260, 9.2: "While in the SHUTDOWN-SENT state, the SHUTDOWN chunk sender MUST immediately respond to each received packet
 * containing one or more DATA chunks with a SHUTDOWN chunk and restart the T2-shutdown timer"; with the SACK beside it. A peer
 * that still has something to send is not a silent one, so its retransmissions are not counted; how long it may go on is for the
 * guard to say. */
void shutdown_heard_data(sluice_sctp *a) {
	a->pending |= PENDING_SHUTDOWN;
	a->error_count = 0;
	a->t2_rto = a->tx.rto.rto;
}

void shutdown_guard_expired(sluice_sctp *a) {
	/* 9.2: "At the expiration of this timer, the sender SHOULD abort the association by sending an ABORT chunk." */
	end_with_abort(a, SLUICE_TIMED_OUT, WIRE_CAUSE_PROTOCOL_VIOLATION, true, "the shutdown was not over after %u ms",
	               (unsigned)(a->config.shutdown_guard / SLUICE_MS));
}

void shutdown_timeout(sluice_sctp *a) {
	timer_stop(a, TIMER_T2);
	if (end_count_error(a))
		return;
	a->t2_rto = 2 * a->t2_rto > a->config.rto_max ? a->config.rto_max : 2 * a->t2_rto;
	a->pending |= a->state == SLUICE_SCTP_SHUTDOWN_SENT ? PENDING_SHUTDOWN : PENDING_SHUTDOWN_ACK;
}
