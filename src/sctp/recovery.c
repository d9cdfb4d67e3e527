/* recovery: see recovery.h. RFC 8985 (RACK-TLP), RFC 6937 (PRR) and RFC 9260, 7.2.4, whichever the configuration chose. */
#include "sctp/association.h"

static bool by_time(const sluice_sctp *a) {
	return a->config.recovery == SLUICE_RECOVERY_RACK;
}

void recovery_reset(sluice_sctp *a) {
	a->recovery = (struct recovery){0};
	rack_init(&a->recovery.rack);
}

/* ---- the window ---- */

uint64_t recovery_window_left(const sluice_sctp *a) {
	if (a->view.in_recovery && a->cc->prr && by_time(a))
		return a->recovery.prr.allowed;
	return a->view.cwnd > a->sent.flight ? a->view.cwnd - a->sent.flight : 0;
}

void recovery_sent(sluice_sctp *a, uint64_t tsn, uint32_t len, bool again) {
	struct recovery *r = &a->recovery;
	if (a->view.in_recovery)
		prr_sent(&r->prr, len);
	if (again && r->undo_high && tsn >= r->undo_low && tsn <= r->undo_high)
		r->undo_pending++;
}

/* ---- into a recovery and out of it ---- */

static void may_undo(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	r->undo_low = a->sent.cum + 1;
	r->undo_high = a->sent.next - 1;
	r->undo_pending = 0;
}

static struct cc_loss loss_now(const sluice_sctp *a) {
	return (struct cc_loss){.now = a->now, .flight = a->sent.flight, .repeated = a->recovery.mending};
}

/* RFC 9260, 7.2.4, 2, 3 and 5: ssthresh and cwnd are lowered on the way into Fast Recovery and not again while in it; the lost
 * chunks that fit one packet go whatever cwnd says; the highest TSN outstanding is where the recovery ends. While a timeout is
 * being mended, the window was lowered for that already. */
static void enter(sluice_sctp *a, uint64_t flight_before) {
	struct recovery *r = &a->recovery;
	if (a->view.in_recovery || r->mending)
		return;
	struct cc_loss loss = loss_now(a);
	a->cc->loss(&a->view, &loss);
	a->view.in_recovery = true;
	r->exit = a->sent.next - 1;
	r->free_packet = true;
	prr_begin(&r->prr, flight_before);
	may_undo(a);
	a->stats.recoveries++;
}

static void leave(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	if (!(a->view.in_recovery || r->mending) || a->sent.cum < r->exit)
		return;
	rack_recovery_exit(&r->rack);
	if (a->view.in_recovery && a->cc->recovery_exit)
		a->cc->recovery_exit(&a->view, a->now);
	a->view.in_recovery = r->mending = false;
}

static void undo(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	r->undo_high = 0;
	a->view.in_recovery = r->mending = false;
	a->cc->undo(&a->view);
	a->stats.undos++;
}

/* Everything that was taken for lost had arrived: before any of it was sent again (as after a delay longer than T3: RFC 5682's
 * case), or all that was sent again has been reported as received twice (RFC 3708's). */
static bool proved_needless(const sluice_sctp *a) {
	const struct recovery *r = &a->recovery;
	return r->undo_high && r->undo_pending == 0 && a->sent.lost == 0;
}

/* T3 expired, and the first thing we hear is of chunks that had not been sent again: they were under way all the time, and so, most
 * likely, is the rest. RFC 5682, 2.1, 3 b: "declare the RTO spurious". */
static void timeout_disproved(sluice_sctp *a) {
	outstanding_not_lost(&a->sent, a->now);
	undo(a);
	a->stats.spurious_timeouts++;
}

/* ---- a SACK ---- */

enum miss_rule recovery_miss_rule(const sluice_sctp *a) {
	return by_time(a) ? MISS_NONE : a->view.in_recovery ? MISS_ALL : MISS_HTNA;
}

static void detect(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	uint64_t next, lost = rack_detect(&r->rack, &a->sent, a->rto.min_rtt, a->rto.srtt, a->view.in_recovery || r->mending,
	                                  a->now, &next);
	a->timers[TIMER_RACK] = next;
	a->stats.rack_losses += lost;
	if (lost > 0)
		enter(a, a->sent.flight + lost * a->view.mtu);
}

/* RFC 8985, 7.4: a probe that repeated the tail, and that was not reported as a duplicate by the time later data is acknowledged, has
 * mended a loss, to which the window has to respond. */
static void probe_answered(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	if (r->probe_end == 0 || a->sent.cum + 1 < r->probe_end || (r->probe_repeated && a->sent.cum + 1 == r->probe_end))
		return;
	r->probe_end = 0;
	if (!r->probe_repeated || a->view.in_recovery || r->mending)
		return;
	struct cc_loss loss = loss_now(a);
	a->cc->loss(&a->view, &loss);
	if (a->cc->recovery_exit)
		a->cc->recovery_exit(&a->view, a->now);
}

static struct cc_ack describe(sluice_sctp *a, const struct ack *ack, uint64_t flight_before, uint64_t lost_before) {
	struct recovery *r = &a->recovery;
	struct cc_ack c = {
		.now = a->now,
		.bytes = ack->bytes,
		.lost = a->sent.log.lost - lost_before,
		.flight_before = flight_before,
		.flight = a->sent.flight,
		.advanced = ack->advanced,
		.all_acked = outstanding_count(&a->sent) == 0,
		.cwnd_limited = r->limited || flight_before + a->view.mtu > a->view.cwnd,
		.delivered = a->sent.log.delivered,
	};
	if (ack->newest == 0)
		return c;
	const struct tx_packet *p = txlog_record(&a->sent.log, ack->newest);
	struct tx_rate rate;
	if (!p->retransmission)
		c.rtt = a->now - p->sent_at;
	if (p->delivered >= r->round_end) {
		c.round_start = true;
		r->round_end = a->sent.log.delivered;
	}
	txlog_sample(&a->sent.log, p, a->rto.min_rtt, a->now, &rate);
	c.rate = rate.rate;
	c.app_limited = rate.app_limited;
	c.prior_delivered = rate.prior_delivered;
	c.tx_in_flight = rate.tx_in_flight;
	c.lost_since = rate.lost_since;
	if (rate.rate)
		a->stats.delivery_rate = rate.rate;
	return c;
}

static void view_times(sluice_sctp *a) {
	a->view.rto = a->rto.rto;
	a->view.srtt = a->rto.srtt;
	a->view.min_rtt = a->rto.min_rtt;
}

/* RFC 8985 allows any pace; twice the window a round trip while it doubles, a quarter more than it otherwise, so that the window and
 * not the pace is what limits. */
void recovery_pace(sluice_sctp *a) {
	if (a->cc->paces || a->view.srtt == 0)
		return;
	uint64_t per_second = (uint64_t)((unsigned __int128)a->view.cwnd * SLUICE_S / a->view.srtt);
	a->view.pacing_rate = a->view.cwnd < a->view.ssthresh ? 2 * per_second : per_second + per_second / 4;
}

void recovery_sack(sluice_sctp *a, struct ack *ack, uint64_t flight_before) {
	struct recovery *r = &a->recovery;
	uint64_t lost_before = a->sent.log.lost;
	const struct tx_packet *newest = ack->newest ? txlog_record(&a->sent.log, ack->newest) : NULL;
	if (newest && !newest->retransmission)
		rto_least(&a->rto, a->now - newest->sent_at);
	if (ack->reordered)
		a->stats.reordering_seen++;
	leave(a);
	view_times(a);
	if (by_time(a)) {
		rack_ack(&r->rack, &a->sent, ack, a->rto.min_rtt, a->now);
		if (r->mending && ack->unsent_lost > 0 && r->undo_high && r->undo_pending == 0 && !r->repeated)
			timeout_disproved(a);
	}
	if (ack->bytes > 0) {
		struct cc_ack c = describe(a, ack, flight_before, lost_before);
		a->cc->ack(&a->view, &c);
		if (c.round_start)
			r->limited = false;
	}
	if (by_time(a)) {
		detect(a);
		probe_answered(a);
		if (a->view.in_recovery && ack->unsent_lost > 0 && proved_needless(a))
			undo(a);
		if (a->view.in_recovery)
			prr_ack(&r->prr, ack->bytes, a->sent.flight, a->view.ssthresh, a->view.mtu);
	} else if (ack->lost_new) {
		a->stats.fast_retransmits += ack->fast_retransmits;
		enter(a, flight_before);
	}
	recovery_pace(a);
}

void recovery_duplicate(sluice_sctp *a, uint64_t tsn) {
	struct recovery *r = &a->recovery;
	a->stats.spurious_retransmits++;
	if (r->probe_end && r->probe_repeated && tsn == r->probe_end - 1) {
		r->probe_end = 0; /* the tail was not lost; RFC 8985, 7.4.1 */
		return;
	}
	if (!by_time(a))
		return;
	rack_duplicate(&r->rack, &a->sent);
	if (r->undo_high == 0 || tsn < r->undo_low || tsn > r->undo_high || r->undo_pending == 0)
		return;
	r->undo_pending--;
	if (proved_needless(a))
		undo(a);
}

void recovery_rack_expired(sluice_sctp *a) {
	timer_stop(a, TIMER_RACK);
	detect(a);
	ack_abandon_exhausted(a);
}

/* ---- T3 ---- */

void recovery_timeout(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	struct cc_loss loss = loss_now(a);
	a->view.in_recovery = false;
	a->cc->timeout(&a->view, &loss);
	if (!by_time(a)) {
		outstanding_all_lost(&a->sent);
		return;
	}
	rack_timeout(&r->rack, &a->sent, a->rto.rto, a->now);
	may_undo(a);
	r->repeated = r->mending;
	r->mending = true;
	r->exit = a->sent.next - 1;
	r->probe_end = 0;
	timer_stop(a, TIMER_RACK);
	timer_start(a, TIMER_TLP, RECOVERY_SILENT_PROBE);
	recovery_pace(a);
}

/* ---- probes: RFC 8985, 7 ---- */

/* 7.2 has 2 * SRTT; RFC 9002, 6.2.1, has SRTT + 4 * RTTVAR, which is sooner on a steady path. The smaller of the two, as the last chunk
 * of a flight asks for a SACK without delay (RFC 7053). Not below what timers of an event loop and the peer's scheduling take. */
#define PROBE_MIN (10 * SLUICE_MS)

static uint64_t probe_timeout(const sluice_sctp *a) {
	uint64_t srtt = a->rto.srtt, deviation = 4 * a->rto.rttvar;
	if (srtt == 0)
		return a->rto.rto;
	uint64_t pto = srtt + (deviation > srtt / 4 ? deviation : srtt / 4);
	if (pto > 2 * srtt)
		pto = 2 * srtt;
	return pto > PROBE_MIN ? pto : PROBE_MIN;
}

void recovery_arm_probe(sluice_sctp *a) {
	const struct recovery *r = &a->recovery;
	if (!by_time(a) || r->mending)
		return;
	/* 7.2: only in the open state: nothing is known to be missing, and no probe is out. */
	if (a->sent.flight == 0 || a->sent.lost || a->sent.gap_count || a->view.in_recovery || r->probe_end ||
	    a->state == SLUICE_SCTP_COOKIE_ECHOED)
		timer_stop(a, TIMER_TLP);
	else
		timer_start(a, TIMER_TLP, probe_timeout(a));
}

/* T3 has expired, and the path is silent still. T3 backs off (RFC 9260, 6.3.3, E2), so the end of an outage would be noticed up to
 * seconds late. Between its expiries one packet at a time goes out, which is less than one a round trip of any path that works, and
 * counts for nothing: neither error nor back-off. */
static void probe_silence(sluice_sctp *a) {
	uint64_t tsn = outstanding_first_lost(&a->sent);
	if (tsn == 0 && a->sent.log.head)
		outstanding_packet_lost(&a->sent, a->sent.log.head);
	a->recovery.free_packet = true;
	ack_abandon_exhausted(a);
	if (a->sent.advanced > a->sent.cum)
		a->pending |= PENDING_FORWARD_TSN;
	timer_start(a, TIMER_TLP, RECOVERY_SILENT_PROBE);
}

/* 7.3: new data where there is some and the peer's window takes it, else the last chunk once more. */
static void probe_tail(sluice_sctp *a) {
	struct recovery *r = &a->recovery;
	if (outgoing_next(&a->out) && ack_window_left(a) >= a->view.mtu) {
		r->probe_repeated = false;
	} else {
		uint64_t tsn = outstanding_last_in_flight(&a->sent);
		if (tsn == 0)
			return;
		outstanding_send_again(&a->sent, tsn);
		ack_abandon_exhausted(a);
		r->probe_repeated = true;
	}
	r->probe_end = a->sent.next;
	r->free_packet = a->sent.lost > 0 || !r->probe_repeated;
	a->stats.tlp_probes++;
	timer_start(a, TIMER_T3, a->rto.rto); /* 7.3: "the sender ... MUST ... rearm the RTO timer" */
}

void recovery_probe_expired(sluice_sctp *a) {
	timer_stop(a, TIMER_TLP);
	if (outstanding_count(&a->sent) == 0)
		return;
	if (a->recovery.mending)
		probe_silence(a);
	else if (!a->view.in_recovery && a->sent.lost == 0 && a->recovery.probe_end == 0)
		probe_tail(a);
}
