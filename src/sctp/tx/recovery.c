/* recovery: see recovery.h. RFC 8985 (RACK-TLP), RFC 6937 (PRR) and RFC 9260, 7.2.4, whichever the configuration chose. */
#include "sctp/association.h"

#include "base/arith.h"

static bool by_time(const sluice_sctp *a) {
	return a->config.recovery == SLUICE_RECOVERY_RACK;
}

void recovery_reset(sluice_sctp *a) {
	a->tx.recovery = (struct recovery){0};
	rack_init(&a->tx.recovery.rack);
}

/* ---- the window ---- */

bool recovery_restarts_t3(const sluice_sctp *a) {
	/* While the path is silent after a T3, what goes out must not put off the next one: the peer would never be given up. */
	return by_time(a) ? !a->tx.recovery.mending || a->tx.recovery.answered : a->tx.recovery.free_packet;
}

uint64_t recovery_window_of_loss(const sluice_sctp *a) {
	/* While the path is silent after a T3, one packet goes with each expiry and each probe (free_packet), and none beside
	 * them: messages that are given up make room in the window, and each would let another one out. */
	if (a->tx.recovery.unanswered)
		return 0;
	if (a->tx.cc->prr && by_time(a))
		return a->tx.recovery.prr.allowed;
	return a->tx.view.cwnd > a->tx.sent.flight ? a->tx.view.cwnd - a->tx.sent.flight : 0;
}

void recovery_note_sent(sluice_sctp *a, uint64_t tsn, uint32_t len, bool again) {
	struct recovery *r = &a->tx.recovery;
	if (a->tx.view.in_recovery)
		prr_sent(&r->prr, len);
	if (again && r->undo_high && tsn >= r->undo_low && tsn <= r->undo_high)
		r->undo_pending++;
	if (again && r->mending && r->resent_at == 0)
		r->resent_at = a->now;
}

/* ---- into a recovery and out of it ---- */

static void may_undo(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	r->undo_low = a->tx.sent.cum + 1;
	r->undo_high = a->tx.sent.next - 1;
	r->undo_pending = 0;
}

/* RFC 9260, 7.2.4, 2, 3 and 5: ssthresh and cwnd are lowered on the way into Fast Recovery and not again while in it; the lost
 * chunks that fit one packet go whatever cwnd says; the highest TSN outstanding is where the recovery ends. While a timeout is
 * being mended, the window was lowered for that already. */
static void enter(sluice_sctp *a, uint64_t flight_before) {
	struct recovery *r = &a->tx.recovery;
	if (a->tx.view.in_recovery || r->mending)
		return;
	a->tx.cc->loss(&a->tx.view);
	a->tx.view.in_recovery = true;
	r->exit = a->tx.sent.next - 1;
	r->free_packet = true;
	prr_begin(&r->prr, flight_before);
	may_undo(a);
	a->stats.recoveries++;
}

static void leave(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	if (!(a->tx.view.in_recovery || r->mending) || a->tx.sent.cum < r->exit)
		return;
	rack_recovery_exit(&r->rack);
	if (a->tx.view.in_recovery && a->tx.cc->recovery_exit)
		a->tx.cc->recovery_exit(&a->tx.view);
	a->tx.view.in_recovery = r->mending = false;
}

static void undo(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	r->undo_high = 0;
	a->tx.view.in_recovery = r->mending = false;
	a->tx.cc->undo(&a->tx.view);
	a->stats.undos++;
}

/* Everything that was taken for lost had arrived: before any of it was sent again (as after a delay longer than T3: RFC 5682's
 * case), or all that was sent again has been reported as received twice (RFC 3708's). */
static bool proved_needless(const sluice_sctp *a) {
	const struct recovery *r = &a->tx.recovery;
	return r->undo_high && r->undo_pending == 0 && a->tx.sent.lost == 0;
}

/* T3 expired, and chunks are acknowledged that were not sent again: they were under way all the time, and so, most likely, is the
 * rest. RFC 5682, 3.1, asks for two acknowledgements before it declares the timeout spurious, for the first may be the answer to
 * what was sent again, by a peer that had received the others all the time and whose SACKs were lost. One is enough if it comes
 * sooner than any answer can (RFC 3522's idea, with the times that we keep). */
static bool timeout_disproved(const sluice_sctp *a, const struct ack *ack) {
	const struct recovery *r = &a->tx.recovery;
	return r->mending && !r->repeated && r->undo_high && ack->unsent_lost > 0 &&
	       (r->answered || r->resent_at == 0 || a->now - r->resent_at < a->tx.rto.min_rtt);
}

static void timeout_take_back(sluice_sctp *a, const struct tx_packet *newest) {
	undo(a);
	a->stats.spurious_timeouts++;
	/* RFC 4015, 3: the round trip that T3 was too short for is to be learnt from. */
	if (newest && !newest->retransmission)
		rto_measure(&a->tx.rto, a->now - newest->sent_at);
}

/* Something was acknowledged after a T3: the path is not silent. RFC 9260 keeps the backed-off RTO until there is a new
 * measurement, as that of a chunk sent twice is ambiguous; by the record of its packet it is not, unless it came sooner than a
 * round trip takes. Should the path fall silent again, T3 is not to wait for seconds. */
static void path_answers(sluice_sctp *a, const struct tx_packet *newest) {
	a->tx.recovery.answered = true;
	a->tx.recovery.silent = 0;
	timer_stop(a, TIMER_TLP);
	if (newest && a->now - newest->sent_at >= a->tx.rto.min_rtt)
		rto_restore(&a->tx.rto);
}

/* ---- a SACK ---- */

enum miss_rule recovery_miss_rule(const sluice_sctp *a) {
	return by_time(a) ? MISS_NONE : a->tx.view.in_recovery ? MISS_ALL : MISS_HTNA;
}

/* What is lost by now? Returns the number of chunks. */
static uint64_t detect(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	uint64_t next, lost = rack_detect(&r->rack, &a->tx.sent, a->tx.rto.min_rtt, a->tx.rto.srtt,
	                                  a->tx.view.in_recovery || r->mending, a->now, &next);
	a->timers[TIMER_RACK] = next;
	a->stats.rack_losses += lost;
	if (a->tx.sent.log.large_lost >= PMTU_MAX_PROBES)
		discovery_black_hole(a);
	return lost;
}

/* RFC 8985, 7.4: a probe that repeated the tail, and that was not reported as a duplicate by the time later data is acknowledged,
 * has mended a loss, to which the window has to respond. */
static void probe_answered(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	if (r->probe_end == 0 || a->tx.sent.cum + 1 < r->probe_end || (r->probe_repeated && a->tx.sent.cum + 1 == r->probe_end))
		return;
	r->probe_end = 0;
	if (!r->probe_repeated || a->tx.view.in_recovery || r->mending)
		return;
	a->tx.cc->loss(&a->tx.view);
	if (a->tx.cc->recovery_exit)
		a->tx.cc->recovery_exit(&a->tx.view);
}

/* newest: the packet sent last among those of which something was acknowledged; NULL: not known. */
static struct cc_ack describe(sluice_sctp *a, const struct ack *ack, const struct tx_packet *newest, uint64_t flight_before) {
	struct recovery *r = &a->tx.recovery;
	struct cc_ack c = {
		.now = a->now,
		.bytes = ack->bytes,
		.lost = a->tx.sent.log.lost - r->lost_told,
		.flight = a->tx.sent.flight,
		.advanced = ack->advanced,
		.all_acked = outstanding_count(&a->tx.sent) == 0,
		.cwnd_limited = r->limited || r->limited_before || flight_before + a->tx.view.mtu > a->tx.view.cwnd,
		.delivered = a->tx.sent.log.delivered,
	};
	r->lost_told = a->tx.sent.log.lost;
	if (!newest)
		return c;
	struct tx_rate rate;
	if (!newest->retransmission)
		c.rtt = a->now - newest->sent_at;
	if (newest->delivered >= r->round_end) {
		c.round_start = true;
		r->round_end = a->tx.sent.log.delivered;
		/* What is acknowledged in this round was sent in the last one. */
		r->limited_before = r->limited;
		r->limited = false;
	}
	txlog_sample(&a->tx.sent.log, newest, a->tx.rto.min_rtt, a->now, &rate);
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
	a->tx.view.rto = a->tx.rto.rto;
	a->tx.view.srtt = a->tx.rto.srtt;
	a->tx.view.min_rtt = a->tx.rto.min_rtt;
}

/* RFC 8985 allows any pace; twice the window a round trip while it doubles, a quarter more than it otherwise, so that the window
 * and not the pace is what limits. */
void recovery_pace(sluice_sctp *a) {
	if (a->tx.cc->paces || a->tx.view.srtt == 0)
		return;
	uint64_t per_second = mul_div64(a->tx.view.cwnd, SLUICE_S, a->tx.view.srtt);
	a->tx.view.pacing_rate = a->tx.view.cwnd < a->tx.view.ssthresh ? 2 * per_second : per_second + per_second / 4;
}

/* The packets' side of it, by time: what was taken for lost and was not, and what is. Returns the number of chunks found lost. */
static uint64_t judge(sluice_sctp *a, const struct ack *ack, const struct tx_packet *newest, bool disproved) {
	rack_ack(&a->tx.recovery.rack, &a->tx.sent, ack, a->tx.rto.min_rtt, a->now);
	if (a->tx.recovery.mending && (ack->bytes > 0 || ack->advanced))
		path_answers(a, newest);
	if (disproved)
		outstanding_not_lost(&a->tx.sent, a->now);
	return detect(a);
}

/* And what follows of it for the window. */
static void respond(sluice_sctp *a, const struct ack *ack, uint64_t lost, uint64_t flight_before) {
	if (lost > 0)
		enter(a, flight_before);
	probe_answered(a);
	if (a->tx.view.in_recovery && ack->unsent_lost > 0 && proved_needless(a))
		undo(a);
	if (a->tx.view.in_recovery)
		prr_ack(&a->tx.recovery.prr, ack->bytes, a->tx.sent.flight, a->tx.view.ssthresh, a->tx.view.mtu);
}

/* The app may queue four times what the window holds: half of the mark is when it is called for more (outgoing.c), and then there
 * must be enough for a window that fills anew while as much stands acknowledged behind a hole. So it does not sink with the
 * window either. A round trip below two milliseconds needs no more than the least at any rate. */
static void raise_high_water(sluice_sctp *a) {
	if (a->config.high_water || a->tx.view.srtt < 2 * SLUICE_MS)
		return;
	uint64_t mark = 4 * a->tx.view.cwnd < HIGH_WATER_MAX ? 4 * a->tx.view.cwnd : HIGH_WATER_MAX;
	if (mark > a->tx.out.high_water)
		a->tx.out.high_water = mark;
}

void recovery_sack(sluice_sctp *a, struct ack *ack, uint64_t flight_before) {
	/* A copy, for the log goes on below. */
	struct tx_packet copy, *newest = NULL;
	uint64_t lost = 0;
	if (ack->newest) {
		copy = *txlog_record(&a->tx.sent.log, ack->newest);
		newest = &copy;
		if (!copy.retransmission)
			rto_least(&a->tx.rto, a->now - copy.sent_at);
	}
	bool disproved = by_time(a) && timeout_disproved(a, ack);
	if (ack->bytes > 0 || ack->advanced)
		a->tx.recovery.unanswered = false;
	a->stats.reordering_seen += ack->reordered;
	if (by_time(a))
		lost = judge(a, ack, newest, disproved);
	leave(a);
	view_times(a);
	if (ack->bytes > 0) {
		struct cc_ack c = describe(a, ack, newest, flight_before);
		a->tx.cc->ack(&a->tx.view, &c);
	}
	if (disproved)
		timeout_take_back(a, newest);
	if (by_time(a)) {
		respond(a, ack, lost, flight_before);
	} else if (ack->lost_new) {
		a->stats.fast_retransmits += ack->fast_retransmits;
		enter(a, flight_before);
	}
	recovery_pace(a);
	raise_high_water(a);
}

void recovery_duplicate(sluice_sctp *a, uint64_t tsn) {
	struct recovery *r = &a->tx.recovery;
	a->stats.spurious_retransmits++;
	if (r->probe_end && r->probe_repeated && tsn == r->probe_end - 1) {
		r->probe_end = 0; /* the tail was not lost; RFC 8985, 7.4.1 */
		return;
	}
	if (!by_time(a))
		return;
	rack_duplicate(&r->rack, &a->tx.sent);
	if (r->undo_high == 0 || tsn < r->undo_low || tsn > r->undo_high || r->undo_pending == 0)
		return;
	r->undo_pending--;
	if (proved_needless(a))
		undo(a);
}

void recovery_rack_expired(sluice_sctp *a) {
	uint64_t flight = a->tx.sent.flight;
	timer_stop(a, TIMER_RACK);
	if (detect(a) > 0)
		enter(a, flight);
	recovery_pace(a);
	ack_abandon_exhausted(a);
}

/* ---- T3 ---- */

/* The next probe of a path that is silent after a T3, if there is to be one. The first three come evenly, which finds the end of
 * an outage of two seconds within one; then the interval doubles, and soon T3 is sooner. Their number is bounded: a peer that is
 * gone for good gets five packets more than the back-off of RFC 9260, 6.3.3, E2, gives. An interval is longer than the round
 * trip, so that an answer stops the probes in time. */
static void arm_silent_probe(sluice_sctp *a) {
	uint32_t sent = a->tx.recovery.silent;
	if (sent >= RECOVERY_SILENT_PROBES)
		return;
	uint64_t rtts = 2 * a->tx.rto.srtt, interval = rtts > RECOVERY_SILENT_PROBE ? rtts : RECOVERY_SILENT_PROBE;
	timer_start(a, TIMER_TLP, interval << (sent > 2 ? sent - 2 : 0));
}

void recovery_timeout(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	a->tx.view.in_recovery = false;
	a->tx.cc->timeout(&a->tx.view, r->mending);
	r->unanswered = true;
	r->free_packet = true; /* what is not old enough to be lost may fill the window still */
	if (!by_time(a)) {
		outstanding_all_lost(&a->tx.sent);
		return;
	}
	rack_timeout(&r->rack, &a->tx.sent, a->tx.rto.rto, a->now);
	may_undo(a);
	r->repeated = r->mending;
	r->mending = true;
	r->answered = false;
	r->resent_at = 0;
	r->exit = a->tx.sent.next - 1;
	r->probe_end = 0;
	timer_stop(a, TIMER_RACK);
	timer_stop(a, TIMER_TLP);
	arm_silent_probe(a);
	recovery_pace(a);
}

/* ---- probes: RFC 8985, 7 ---- */

/* 7.2 has 2 * SRTT; RFC 9002, 6.2.1, has SRTT + 4 * RTTVAR, which is sooner on a steady path, and which learns how late the peer
 * acknowledges (7.2: "if FlightSize is one segment", the delay that it may wait for a second one is added). The smaller of the
 * two where more than one packet is in flight. Not below what timers of an event loop and the peer's scheduling take. */
#define PROBE_MIN (10 * SLUICE_MS)

static uint64_t probe_timeout(const sluice_sctp *a) {
	uint64_t srtt = a->tx.rto.srtt, deviation = 4 * a->tx.rto.rttvar;
	if (srtt == 0)
		return a->tx.rto.rto;
	uint64_t pto = srtt + (deviation > srtt / 4 ? deviation : srtt / 4);
	if (pto > 2 * srtt && a->tx.sent.log.head != a->tx.sent.log.tail)
		pto = 2 * srtt;
	return pto > PROBE_MIN ? pto : PROBE_MIN;
}

/* Of one tail. What is sent after it was acknowledged has a probe of its own. */
static bool probe_is_out(const sluice_sctp *a) {
	return a->tx.recovery.probe_end && a->tx.sent.cum + 1 < a->tx.recovery.probe_end;
}

void recovery_arm_probe(sluice_sctp *a) {
	const struct recovery *r = &a->tx.recovery;
	if (!by_time(a) || r->mending)
		return;
	/* 7.2: only in the open state: nothing is known to be missing, and no probe is out. */
	if (a->tx.sent.flight == 0 || a->tx.sent.lost || a->tx.sent.gap_count || a->tx.view.in_recovery || probe_is_out(a) ||
	    a->state == SLUICE_SCTP_COOKIE_ECHOED) {
		timer_stop(a, TIMER_TLP);
		return;
	}
	/* From the sending of the last packet, as RFC 9002 counts, not from the acknowledgement of those before it: they all left
	 * together, and a tail that is not acknowledged with them is late already. But a moment for a SACK that comes behind. */
	uint64_t last = a->tx.sent.log.tail ? txlog_record(&a->tx.sent.log, a->tx.sent.log.tail)->sent_at : a->now;
	uint64_t due = last + probe_timeout(a),
		 moment = a->now + (a->tx.rto.srtt / 4 > PROBE_MIN ? a->tx.rto.srtt / 4 : PROBE_MIN);
	due = due > moment ? due : moment;
	/* 7.2: a PTO later than the RTO becomes the RTO: the probe goes first, and T3 begins anew. */
	if (due >= a->timers[TIMER_T3])
		due = a->timers[TIMER_T3] - 1;
	a->timers[TIMER_TLP] = due;
}

/* T3 has expired, and the path is silent still. T3 backs off (RFC 9260, 6.3.3, E2), so the end of an outage would be noticed up
 * to seconds late. Between its first expiries one packet at a time goes out, which is less than one a round trip, and counts for
 * nothing: neither error nor back-off. The first acknowledgement ends it. */
static void probe_silence(sluice_sctp *a) {
	uint64_t tsn = outstanding_first_lost(&a->tx.sent);
	if (tsn == 0 && a->tx.sent.log.head)
		outstanding_packet_lost(&a->tx.sent, a->tx.sent.log.head);
	a->tx.recovery.free_packet = true;
	ack_held_up(a);
	ack_abandon_exhausted(a);
	if (a->tx.sent.advanced > a->tx.sent.cum)
		a->pending |= PENDING_FORWARD_TSN;
	a->tx.recovery.silent++;
	arm_silent_probe(a);
}

/* 7.3: new data where there is some and the peer's window takes it, else the last chunk once more; if it may be sent no more, T3
 * has to tell what became of it, for it may only be late. */
static void probe_tail(sluice_sctp *a) {
	struct recovery *r = &a->tx.recovery;
	bool repeat = !outgoing_next(&a->tx.out) || ack_window_left(a) < association_payload_max(a);
	if (repeat) {
		uint64_t tsn = outstanding_last_in_flight(&a->tx.sent);
		if (tsn == 0 || (a->peer_forward_tsn && outstanding_final(outstanding_at(&a->tx.sent, tsn))))
			return;
		outstanding_send_again(&a->tx.sent, tsn);
	}
	r->probe_repeated = repeat;
	r->probe_end = a->tx.sent.next;
	r->free_packet = true;
	a->stats.tlp_probes++;
	timer_start(a, TIMER_T3, a->tx.rto.rto); /* 7.3: "the sender MUST re-arm the RTO timer, not the PTO timer" */
}

/* The path is not silent: the peer has no room for what T3 repeats. T3 backs off and is the probe of its window: RFC 9260, 6.1,
 * A. */
void recovery_window_closed(sluice_sctp *a) {
	if (a->tx.recovery.mending)
		timer_stop(a, TIMER_TLP);
}

/* What T3 repeated last was dropped for want of room, and T3 may be seconds away. */
void recovery_window_opened(sluice_sctp *a) {
	if (!a->tx.recovery.unanswered)
		return;
	if (a->tx.sent.log.head)
		outstanding_packet_lost(&a->tx.sent, a->tx.sent.log.head);
	a->tx.recovery.free_packet = true;
	ack_abandon_exhausted(a);
}

void recovery_probe_expired(sluice_sctp *a) {
	timer_stop(a, TIMER_TLP);
	if (outstanding_count(&a->tx.sent) == 0)
		return;
	if (a->tx.recovery.mending)
		probe_silence(a);
	else if (!a->tx.view.in_recovery && a->tx.sent.lost == 0 && !probe_is_out(a))
		probe_tail(a);
}
