/* Loss by RACK, with the windows of PRR; or by miss indications, as RFC 9260 has it: by_time() tells them apart. */
#include "sctp/tx/recovery.h"

#include "base/arith.h"
#include "sctp/tx/prsctp.h"

static bool by_time(const struct sender *tx) {
	return tx->config->recovery == SLUICE_RECOVERY_RACK;
}

void recovery_reset(struct sender *tx) {
	tx->recovery = (struct recovery){0};
	rack_init(&tx->recovery.rack);
}

/* ---- the window ---- */

bool recovery_restarts_t3(const struct sender *tx) {
	/* While the path is silent after a T3, packets that go out must not put off the next T3: the peer would never be given
	 * up. */
	return by_time(tx) ? !tx->view.mending || tx->recovery.answered : tx->recovery.free_packet;
}

uint64_t recovery_window_of_loss(const struct sender *tx) {
	/* While the path is silent after a T3, one packet goes with each expiry and each probe (free_packet), and none beside
	 * them. Messages that are given up make room in the window, and each would let another packet out. */
	if (tx->recovery.unanswered)
		return 0;
	if (tx->cc->prr && by_time(tx))
		return tx->recovery.prr.allowed;
	return tx->view.cwnd > tx->sent.flight ? tx->view.cwnd - tx->sent.flight : 0;
}

void recovery_note_sent(struct sender *tx, uint64_t tsn, uint32_t len, bool again) {
	struct recovery *r = &tx->recovery;
	if (tx->view.in_recovery)
		prr_sent(&r->prr, len);
	if (again && r->undo_high && tsn >= r->undo_low && tsn <= r->undo_high)
		r->undo_pending++;
	if (again && tx->view.mending && r->resent_at == 0)
		r->resent_at = tx->now;
}

/* ---- into a recovery and out of it ---- */

static void may_undo(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	r->undo_low = tx->sent.cum + 1;
	r->undo_high = tx->sent.next - 1;
	r->undo_pending = 0;
}

/* Bytes found lost since the last report. What was taken for lost and was not lowers the log's sum, perhaps below that of the
 * last report. */
static uint64_t unreported(struct sender *tx) {
	uint64_t sum = tx->sent.log.lost, before = tx->recovery.lost_reported;
	tx->recovery.lost_reported = sum;
	return sum > before ? sum - before : 0;
}

/* An acknowledgement reports what was lost. A timer, a probe, and a SACK that acknowledges nothing find losses without one. A
 * control that judges has to know of these before it judges, and before the recovery ends in which they were found. */
static void report_lost(struct sender *tx) {
	uint64_t bytes = tx->cc->lost ? unreported(tx) : 0;
	if (bytes > 0)
		tx->cc->lost(&tx->view, bytes);
}

/* Does the loss of so many chunks lower the window? Not again in a recovery, nor while a timeout is being mended, for which it
 * was lowered already. Nor does one that the control takes for chance: what is lost is sent again as the window allows. RFC
 * 9260's rules need a recovery to find further losses, so there no loss is forgiven. */
static bool loss_counts(struct sender *tx, uint64_t chunks) {
	report_lost(tx);
	if (tx->view.in_recovery || tx->view.mending)
		return false;
	if (!by_time(tx) || !tx->cc->forgive || !tx->cc->forgive(&tx->view))
		return true;
	tx->counters.losses_forgiven += chunks;
	return false;
}

/* RFC 9260, 7.2.4, 2, 3 and 5: ssthresh and cwnd are lowered on the way into Fast Recovery and not again while in it. The lost
 * chunks that fit one packet go whatever cwnd allows. The recovery ends at the highest TSN outstanding now. */
static void open_recovery(struct sender *tx, uint64_t chunks, uint64_t flight_before) {
	struct recovery *r = &tx->recovery;
	if (!loss_counts(tx, chunks))
		return;
	tx->cc->loss(&tx->view);
	tx->view.in_recovery = true;
	r->exit = tx->sent.next - 1;
	r->free_packet = true;
	prr_begin(&r->prr, flight_before);
	may_undo(tx);
	tx->counters.recoveries++;
}

static void close_recovery(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	if (!(tx->view.in_recovery || tx->view.mending) || tx->sent.cum < r->exit)
		return;
	report_lost(tx);
	rack_recovery_exit(&r->rack);
	if (tx->view.in_recovery && tx->cc->recovery_exit)
		tx->cc->recovery_exit(&tx->view);
	tx->view.in_recovery = tx->view.mending = false;
}

static void undo_reduction(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	r->undo_high = 0;
	tx->view.in_recovery = tx->view.mending = false;
	tx->cc->undo(&tx->view);
	tx->counters.reductions_undone++;
}

/* Had everything arrived that was taken for lost? Either before any of it was sent again (as after a delay longer than T3: RFC
 * 5682's case), or all that was sent again has been reported as received twice (RFC 3708's). */
static bool proved_needless(const struct sender *tx) {
	const struct recovery *r = &tx->recovery;
	return r->undo_high && r->undo_pending == 0 && tx->sent.lost == 0;
}

/* T3 expired, and chunks are acknowledged that were not sent again. They were under way all the time, and so, most likely, are
 * the others. RFC 5682, 3.1, asks for two acknowledgements before it declares the timeout spurious: the first may be the answer
 * to what was sent again, by a peer that had received the others all the time and whose SACKs were lost. One is enough when it
 * comes sooner than any answer can (RFC 3522's idea, with the times that we keep). */
static bool timeout_disproved(const struct sender *tx, const struct ack *ack) {
	const struct recovery *r = &tx->recovery;
	return tx->view.mending && !r->repeated && r->undo_high && ack->unsent_lost > 0 &&
	       (r->answered || r->resent_at == 0 || tx->now - r->resent_at < tx->rto.min_rtt);
}

static void timeout_take_back(struct sender *tx, const struct tx_packet *newest) {
	undo_reduction(tx);
	tx->counters.spurious_timeouts++;
	/* RFC 4015, 3: the RTO learns from the round trip that T3 was too short for. */
	if (newest && !newest->retransmission)
		rto_measure(&tx->rto, tx->now - newest->sent_at);
}

/* Something was acknowledged after a T3: the path is not silent. RFC 9260 keeps the backed-off RTO until there is a new
 * measurement, as that of a chunk sent twice is ambiguous. The record of its packet makes it unambiguous, unless the
 * acknowledgement came sooner than a round trip takes. If the path falls silent again, T3 must not wait for seconds. */
static void path_answers(struct sender *tx, const struct tx_packet *newest) {
	tx->recovery.answered = true;
	tx->recovery.silent = 0;
	sender_timer_stop(tx, SENDER_TLP);
	if (newest && tx->now - newest->sent_at >= tx->rto.min_rtt)
		rto_restore(&tx->rto);
}

/* ---- a SACK ---- */

enum miss_rule recovery_miss_rule(const struct sender *tx) {
	return by_time(tx) ? MISS_NONE : tx->view.in_recovery ? MISS_ALL : MISS_HTNA;
}

/* Marks what is lost by now. Returns the number of chunks. */
static uint64_t detect(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	uint64_t next, lost = rack_detect(&r->rack, &tx->sent, tx->rto.min_rtt, tx->rto.srtt,
	                                  tx->view.in_recovery || tx->view.mending, tx->now, &next);
	tx->timers[SENDER_RACK] = next;
	tx->counters.rack_losses += lost;
	if (tx->sent.log.large_lost >= PMTU_MAX_PROBES)
		discovery_black_hole(tx);
	return lost;
}

/* RFC 8985, 7.4: later data is acknowledged, and a probe that repeated the tail was not reported as a duplicate by then. So the
 * probe has mended a loss, to which the window has to respond. */
static void probe_answered(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	if (r->probe_end == 0 || tx->sent.cum + 1 < r->probe_end || (r->probe_repeated && tx->sent.cum + 1 == r->probe_end))
		return;
	r->probe_end = 0;
	if (!r->probe_repeated)
		return;
	outstanding_was_lost(&tx->sent, r->probe_len);
	if (!loss_counts(tx, 1))
		return;
	tx->cc->loss(&tx->view);
	if (tx->cc->recovery_exit)
		tx->cc->recovery_exit(&tx->view);
}

/* newest: the packet sent last among those of which something was acknowledged; NULL: not known. */
static struct cc_ack describe_ack(struct sender *tx, const struct ack *ack, const struct tx_packet *newest,
                                  uint64_t flight_before) {
	struct recovery *r = &tx->recovery;
	struct cc_ack c = {
		.now = tx->now,
		.bytes = ack->bytes,
		.lost = unreported(tx),
		.flight = tx->sent.flight,
		.advanced = ack->advanced,
		.all_acked = outstanding_count(&tx->sent) == 0,
		.cwnd_limited = r->limited || r->limited_before || flight_before + tx->view.mtu > tx->view.cwnd,
		.delivered = tx->sent.log.delivered,
	};
	if (!newest)
		return c;
	struct tx_rate rate;
	if (!newest->retransmission)
		c.rtt = tx->now - newest->sent_at;
	if (newest->delivered >= r->round_end) {
		c.round_start = true;
		r->round_end = tx->sent.log.delivered;
		/* What is acknowledged in this round was sent in the last one. */
		r->limited_before = r->limited;
		r->limited = false;
	}
	txlog_sample(&tx->sent.log, newest, tx->rto.min_rtt, tx->now, &rate);
	c.rate = rate.rate;
	c.app_limited = rate.app_limited;
	c.prior_delivered = rate.prior_delivered;
	c.tx_in_flight = rate.tx_in_flight;
	c.lost_since = rate.lost_since;
	if (rate.rate)
		tx->counters.delivery_rate = rate.rate;
	return c;
}

static void view_times(struct sender *tx) {
	tx->view.rto = tx->rto.rto;
	tx->view.srtt = tx->rto.srtt;
	tx->view.min_rtt = tx->rto.min_rtt;
}

/* RFC 8985 allows any pace. Ours is twice the window in a round trip while the window doubles, and a quarter more than the window
 * otherwise, so that the window and not the pace is the limit. */
static void pace_follow(struct sender *tx) {
	if (tx->cc->paces || tx->view.srtt == 0)
		return;
	uint64_t per_second = mul_div64(tx->view.cwnd, SLUICE_S, tx->view.srtt);
	tx->view.pacing_rate = tx->view.cwnd < tx->view.ssthresh ? 2 * per_second : per_second + per_second / 4;
}

/* What a SACK says of packets, judged by time: which were taken for lost and were not, and which are lost. Returns the number of
 * chunks found lost. */
static uint64_t judge(struct sender *tx, const struct ack *ack, const struct tx_packet *newest, bool disproved) {
	rack_ack(&tx->recovery.rack, &tx->sent, ack, tx->rto.min_rtt, tx->now);
	if (tx->view.mending && (ack->bytes > 0 || ack->advanced))
		path_answers(tx, newest);
	if (disproved)
		outstanding_not_lost(&tx->sent, tx->now);
	return detect(tx);
}

/* What follows for the window. */
static void respond(struct sender *tx, const struct ack *ack, uint64_t lost, uint64_t flight_before) {
	if (lost > 0)
		open_recovery(tx, lost, flight_before);
	probe_answered(tx);
	if (tx->view.in_recovery && ack->unsent_lost > 0 && proved_needless(tx))
		undo_reduction(tx);
	if (tx->view.in_recovery)
		prr_ack(&tx->recovery.prr, ack->bytes, tx->sent.flight, tx->view.ssthresh, tx->view.mtu);
}

#define HIGH_WATER_MOST (UINT64_C(128) << 20)

/* When the app is called for more (outgoing.h), there must be enough for a window that fills anew while as much stands
 * acknowledged behind a hole: two windows. So the mark does not sink with the window either.
 *
 * Packets that wait in a queue on the way fill a window and need no buffer here. So no more of the window counts than twice what
 * the path delivers in its shortest round trip.
 *
 * A round trip below one millisecond needs no more than the least anyway. Neither does a path of less than half a millisecond:
 * a longer round trip there means that the peer is slower than we are, and every byte more would only wait, outside of the
 * processor's cache. */
static void raise_high_water(struct sender *tx) {
	if (tx->config->high_water || tx->view.srtt < SLUICE_MS || tx->view.min_rtt < SLUICE_MS / 2)
		return;
	uint64_t path = tx->counters.delivery_rate / 1024 * (tx->view.min_rtt / 1024) / (SLUICE_S / 1024 / 1024);
	uint64_t enough = 2 * min64(tx->view.cwnd, 2 * path), mark = enough + min64(enough, OUTGOING_REFILL);
	if (mark > tx->out.high_water)
		tx->out.high_water = min64(mark, HIGH_WATER_MOST);
}

void recovery_sack(struct sender *tx, struct ack *ack, uint64_t flight_before) {
	/* A copy, as the log changes below. */
	struct tx_packet copy, *newest = NULL;
	uint64_t lost = 0;
	if (ack->newest) {
		copy = *txlog_record(&tx->sent.log, ack->newest);
		newest = &copy;
		if (!copy.retransmission)
			rto_least(&tx->rto, tx->now - copy.sent_at);
	}
	bool disproved = by_time(tx) && timeout_disproved(tx, ack);
	if (ack->bytes > 0 || ack->advanced)
		tx->recovery.unanswered = false;
	tx->counters.reordering_seen += ack->reordered;
	if (by_time(tx))
		lost = judge(tx, ack, newest, disproved);
	close_recovery(tx);
	view_times(tx);
	if (ack->bytes > 0) {
		struct cc_ack c = describe_ack(tx, ack, newest, flight_before);
		tx->cc->ack(&tx->view, &c);
	}
	if (disproved)
		timeout_take_back(tx, newest);
	if (by_time(tx)) {
		respond(tx, ack, lost, flight_before);
	} else if (ack->lost_new) {
		tx->counters.fast_retransmits += ack->fast_retransmits;
		open_recovery(tx, ack->fast_retransmits, flight_before);
	}
	pace_follow(tx);
	raise_high_water(tx);
}

void recovery_duplicate(struct sender *tx, uint64_t tsn) {
	struct recovery *r = &tx->recovery;
	tx->counters.spurious_retransmissions++;
	if (r->probe_end && r->probe_repeated && tsn == r->probe_end - 1) {
		r->probe_end = 0; /* the tail was not lost; RFC 8985, 7.4.1 */
		return;
	}
	if (!by_time(tx))
		return;
	rack_duplicate(&r->rack, &tx->sent);
	if (r->undo_high == 0 || tsn < r->undo_low || tsn > r->undo_high || r->undo_pending == 0)
		return;
	r->undo_pending--;
	if (proved_needless(tx))
		undo_reduction(tx);
}

void recovery_rack_expired(struct sender *tx) {
	uint64_t flight = tx->sent.flight, lost;
	sender_timer_stop(tx, SENDER_RACK);
	lost = detect(tx);
	if (lost > 0)
		open_recovery(tx, lost, flight);
	pace_follow(tx);
	prsctp_exhausted(tx);
}

/* ---- T3 ---- */

/* Starts the timer of the next probe of a path that is silent after a T3. The first three come evenly, which finds the end of an
 * outage of two seconds within one. Then the interval doubles, and soon T3 is sooner. Their number is bounded: a peer that is
 * gone for good gets five packets more than the back-off of RFC 9260, 6.3.3, E2, gives. An interval is longer than the round
 * trip, so that an answer stops the probes in time. */
static void arm_silent_probe(struct sender *tx) {
	uint32_t sent = tx->recovery.silent;
	if (sent >= RECOVERY_SILENT_PROBES)
		return;
	uint64_t rtts = 2 * tx->rto.srtt, interval = rtts > RECOVERY_SILENT_PROBE ? rtts : RECOVERY_SILENT_PROBE;
	sender_timer_start(tx, SENDER_TLP, interval << (sent > 2 ? sent - 2 : 0));
}

void recovery_timeout(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	tx->view.in_recovery = false;
	tx->cc->timeout(&tx->view, tx->view.mending);
	r->unanswered = true;
	r->free_packet = true; /* chunks not old enough to be lost may still fill the window */
	if (!by_time(tx)) {
		outstanding_all_lost(&tx->sent);
		return;
	}
	rack_timeout(&r->rack, &tx->sent, tx->rto.rto, tx->now);
	may_undo(tx);
	r->repeated = tx->view.mending;
	tx->view.mending = true;
	r->answered = false;
	r->resent_at = 0;
	r->exit = tx->sent.next - 1;
	r->probe_end = 0;
	sender_timer_stop(tx, SENDER_RACK);
	sender_timer_stop(tx, SENDER_TLP);
	arm_silent_probe(tx);
	pace_follow(tx);
}

/* ---- probes: RFC 8985, 7 ---- */

/* 7.2 has 2 * SRTT. RFC 9002, 6.2.1, has SRTT + 4 * RTTVAR, which is sooner on a steady path and which learns how late the peer
 * acknowledges (7.2: "if FlightSize is one segment", the delay that it may wait for a second one is added). Ours is the smaller
 * of the two where more than one packet is in flight, but not below what timers of an event loop and the peer's scheduling
 * take. */
#define PROBE_MIN (10 * SLUICE_MS)

static uint64_t probe_timeout(const struct sender *tx) {
	uint64_t srtt = tx->rto.srtt, deviation = 4 * tx->rto.rttvar;
	if (srtt == 0)
		return tx->rto.rto;
	uint64_t pto = srtt + (deviation > srtt / 4 ? deviation : srtt / 4);
	if (pto > 2 * srtt && tx->sent.log.head != tx->sent.log.tail)
		pto = 2 * srtt;
	return pto > PROBE_MIN ? pto : PROBE_MIN;
}

/* A probe is out for one tail. What is sent after the tail was acknowledged has a probe of its own. */
static bool probe_is_out(const struct sender *tx) {
	return tx->recovery.probe_end && tx->sent.cum + 1 < tx->recovery.probe_end;
}

void recovery_arm_probe(struct sender *tx) {
	if (!by_time(tx) || tx->view.mending)
		return;
	/* 7.2: only in the open state, when nothing is known to be missing and no probe is out. */
	if (tx->sent.flight == 0 || tx->sent.lost || tx->sent.gap_count || tx->view.in_recovery || probe_is_out(tx) ||
	    tx->phase == SENDER_EARLY) {
		sender_timer_stop(tx, SENDER_TLP);
		return;
	}
	/* Counts from the sending of the last packet, as RFC 9002 does, not from the acknowledgement of those before it. They all
	 * left together, and a tail that is not acknowledged with them is late already. A SACK that comes behind gets a
	 * moment. */
	uint64_t last = tx->sent.log.tail ? txlog_record(&tx->sent.log, tx->sent.log.tail)->sent_at : tx->now;
	uint64_t due = last + probe_timeout(tx), moment = tx->now + (tx->rto.srtt / 4 > PROBE_MIN ? tx->rto.srtt / 4 : PROBE_MIN);
	due = due > moment ? due : moment;
	/* 7.2: a PTO later than the RTO becomes the RTO. The probe goes first, and T3 begins anew. */
	if (due >= tx->timers[SENDER_T3])
		due = tx->timers[SENDER_T3] - 1;
	tx->timers[SENDER_TLP] = due;
}

/* T3 has expired, and the path is still silent. T3 backs off (RFC 9260, 6.3.3, E2), so the end of an outage would be noticed up
 * to seconds late. Between its first expiries one packet at a time goes out, which is less than one in a round trip, and counts
 * for nothing: neither error nor back-off. The first acknowledgement ends this. */
static void probe_silence(struct sender *tx) {
	uint64_t tsn = outstanding_first_lost(&tx->sent);
	if (tsn == 0 && tx->sent.log.head)
		outstanding_packet_lost(&tx->sent, tx->sent.log.head);
	tx->recovery.free_packet = true;
	prsctp_held_up(tx);
	prsctp_exhausted(tx);
	if (tx->sent.advanced > tx->sent.cum)
		tx->due |= SENDER_FORWARD_TSN;
	tx->recovery.silent++;
	arm_silent_probe(tx);
}

/* 7.3: sends new data where there is some and the peer's window takes it, else the last chunk once more. When that chunk may be
 * sent no more, it may only be late, and T3 has to find out. */
static void probe_tail(struct sender *tx) {
	struct recovery *r = &tx->recovery;
	bool repeat = !outgoing_next(&tx->out) || sender_window_left(tx) < sender_payload_max(tx);
	if (repeat) {
		uint64_t tsn = outstanding_last_in_flight(&tx->sent);
		if (tsn == 0 || (tx->forward_tsn && outstanding_final(outstanding_at(&tx->sent, tsn))))
			return;
		r->probe_len = outstanding_at(&tx->sent, tsn)->len;
		outstanding_send_again(&tx->sent, tsn);
	}
	r->probe_repeated = repeat;
	r->probe_end = tx->sent.next;
	r->free_packet = true;
	tx->counters.tail_probes++;
	sender_timer_start(tx, SENDER_T3, tx->rto.rto); /* 7.3: "the sender MUST re-arm the RTO timer, not the PTO timer" */
}

/* The path is not silent: the peer has no room for what T3 repeats. T3 backs off and is the probe of its window: RFC 9260, 6.1,
 * A. */
void recovery_window_closed(struct sender *tx) {
	if (tx->view.mending)
		sender_timer_stop(tx, SENDER_TLP);
}

/* The peer dropped what T3 repeated last, for want of room, and the next T3 may be seconds away. */
void recovery_window_opened(struct sender *tx) {
	if (!tx->recovery.unanswered)
		return;
	if (tx->sent.log.head)
		outstanding_packet_lost(&tx->sent, tx->sent.log.head);
	tx->recovery.free_packet = true;
	prsctp_exhausted(tx);
}

void recovery_probe_expired(struct sender *tx) {
	sender_timer_stop(tx, SENDER_TLP);
	if (outstanding_count(&tx->sent) == 0)
		return;
	if (tx->view.mending)
		probe_silence(tx);
	else if (!tx->view.in_recovery && tx->sent.lost == 0 && !probe_is_out(tx))
		probe_tail(tx);
}

/* ---- hand-over ---- */

void recovery_walk(struct recovery *r, struct walk *w) {
	rack_walk(&r->rack, w);
	prr_walk(&r->prr, w);
	WALK(w, r->exit), WALK(w, r->resent_at), WALK(w, r->round_end), WALK(w, r->lost_reported);
	WALK(w, r->undo_low), WALK(w, r->undo_high), WALK(w, r->undo_pending), WALK(w, r->probe_end), WALK(w, r->silent);
	WALK(w, r->probe_len);
	WALK(w, r->free_packet), WALK(w, r->repeated), WALK(w, r->answered), WALK(w, r->unanswered);
	WALK(w, r->limited), WALK(w, r->limited_before), WALK(w, r->probe_repeated);
}
