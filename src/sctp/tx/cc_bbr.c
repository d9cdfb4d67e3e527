/* cc_bbr: a model of the path instead of a window that loss halves: how fast is its bottleneck, how long its round trip, how much
 * may be under way? After draft-ietf-ccwg-bbr (BBR version 3), whose names are kept: STARTUP, DRAIN, the four phases of PROBE_BW,
 * PROBE_RTT.
 *
 * It differs in what loss means. The draft takes 2% of lost packets for a full queue, and would give up most of a radio link that
 * loses 3% all the time. Here a round that saw no queue (its round trips were near the least one) teaches which share the path
 * loses by itself; only what is lost beyond that, and beyond 2%, is a sign of too much. See judge_round().
 *
 * It also differs in what a queue means. Flows of this control shorten a queue together: each lowers its rate while no round sees
 * an empty queue. See standing_queue(). A queue that this does not empty belongs to a flow that fills queues until they overflow,
 * as CUBIC and NewReno do. Beside such a rival it stops yielding. See watch_queue().
 *
 * Rates are payload bytes per second, gains are thousandths. */
#include "base/arith.h"
#include "sctp/tx/cc.h"
#include "sctp/tx/pace.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

/* The draft's 2.4 to 2.14, where no other reason is given. */
#define STARTUP_GAIN 2773 /* 4 * ln(2) */
#define CWND_GAIN 2000
#define CWND_GAIN_UP 2250
#define DRAIN_GAIN 500
#define MARGIN 990 /* of the bandwidth, so that a queue of the past empties */
#define BETA 700
#define HEADROOM 150 /* of inflight_hi, left to newcomers while cruising */
#define LOSS_THRESH 20
#define LOSS_OWN_MAX 40     /* a path that loses more than this by itself gets no allowance */
#define LOSS_BEYOND_ANY 100 /* this much is overload even where no queue is seen: there may be none */
#define MIN_RTT_FILTER (10 * SECOND)
#define PROBE_RTT_INTERVAL (5 * SECOND)
#define PROBE_RTT_DURATION (200 * MS)
#define PROBE_RTT_CWND_GAIN 500
#define EXTRA_ACKED_ROUNDS 5 /* for each of two slots */
#define PROBE_ROUNDS_MIN 6   /* one to refill, two up, and some in which the queue empties */
#define PROBE_ROUNDS_MAX 63
#define PROBE_SHARE 6 /* rounds between probes: a round for each so many packets of the window */
#define UP_GAIN 1250
#define UP_GAIN_MAX 1500
#define UP_PACKETS 2 /* a round trip, beyond the gain: the same for all, so that small flows gain more than large ones */
#define QUEUE_BACK 32
#define QUEUE_CUT_MAX 150
#define QUEUE_FLOOR 300 /* of the bandwidth; eight flows that each saw twice their share still empty the queue */
#define RIVAL_ROUNDS 24 /* flows of this control empty a queue in fewer */
#define RIVAL_ROUNDS_MAX 96
#define RIVAL_FORGET 8 /* a rival's own loss empties a short queue for a few rounds; that does not end it */
#define NONE UINT64_MAX

enum phase { STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT };
enum feedback {
	FEEDBACK_NONE,
	FEEDBACK_STARTING,
	FEEDBACK_PROBING,
	FEEDBACK_STOPPING
}; /* what the present ACKs say of a probe */

struct bbr {
	uint8_t phase, feedback, full_bw_count;
	bool full_bw_reached, full_bw_now, probe_samples, round_lossy, round_queued, after_timeout, idle_restart, probe_rtt_round;
	uint16_t own_loss; /* thousandths that the path loses by itself, times 16 */
	uint32_t random;
	uint32_t rounds_since_probe, up_rounds, extra_rounds;
	uint64_t max_bw[2]; /* of the cycle before this one, and of this one */
	uint64_t bw_latest, inflight_latest;
	uint64_t bw_lo, inflight_lo, inflight_hi; /* NONE: no bound */
	uint64_t full_bw;
	uint64_t min_rtt, min_rtt_at;             /* in the last ten seconds */
	uint64_t probe_rtt_min, probe_rtt_min_at; /* in the last five */
	uint64_t probe_rtt_done_at;
	uint64_t cycle_at, probe_wait;
	uint64_t up_acked, up_step; /* inflight_hi grows by a packet for each up_step bytes acknowledged */
	uint64_t extra[2], extra_from, extra_delivered;
	uint64_t round_lost, round_delivered;
	uint64_t round_rtt, round_least; /* its longest and its shortest round trip */
	uint64_t last_least;
	uint32_t up_gain;
	uint32_t queued_rounds; /* rises with a round that saw a queue, falls with one that saw none; see watch_queue() */
	uint64_t known_rtt;     /* the view's min_rtt when the last round ended */
	uint64_t up_rtt;        /* the shortest of the round before UP */
	uint64_t prior_cwnd, undo_cwnd, undo_inflight_hi;
};
_Static_assert(sizeof(struct bbr) <= CC_STATE_SIZE, "the view has room for it");

static struct bbr *own(struct cc_view *v) {
	return (struct bbr *)(void *)v->state;
}

static uint64_t scale(uint64_t x, uint64_t thousandths) {
	return x / 1000 * thousandths + x % 1000 * thousandths / 1000;
}

static uint64_t per_time(uint64_t rate, uint64_t ns) {
	return mul_div64(rate, ns, SECOND);
}

/* ---- what the model says ---- */

static uint64_t max_bw(const struct bbr *b) {
	return max64(b->max_bw[0], b->max_bw[1]);
}

static uint64_t bandwidth(const struct bbr *b) {
	return min64(max_bw(b), b->bw_lo);
}

static uint64_t beta(const struct cc_view *v) {
	return v->config.beta ? v->config.beta : BETA;
}

static uint64_t cwnd_min(const struct cc_view *v) {
	return max64(4 * (uint64_t)v->mtu, v->config.min_window);
}

/* 5.6.4.2: BBR.bdp. */
static uint64_t bdp(const struct cc_view *v, const struct bbr *b, uint64_t bw) {
	return b->min_rtt == NONE ? v->config.initial_window : per_time(bw, b->min_rtt);
}

static uint64_t inflight(const struct cc_view *v, const struct bbr *b, uint64_t bw, uint64_t gain) {
	/* 5.6.4.2: room for what leaves in one burst, so that a batch on its way out and one whose SACK is on its way in do not
	 * leave the line idle. */
	uint64_t bytes = scale(bdp(v, b, bw), gain) + 3 * pace_quantum(v->pacing_rate, v->mtu);
	return max64(bytes, cwnd_min(v));
}

static uint64_t target_inflight(const struct cc_view *v, const struct bbr *b) {
	return min64(bdp(v, b, bandwidth(b)), v->cwnd);
}

/* 5.3.3.3: while it cruises, others find some room below what proved to be too much. */
static uint64_t inflight_with_headroom(const struct cc_view *v, const struct bbr *b) {
	if (b->inflight_hi == NONE)
		return NONE;
	uint64_t room = max64(v->mtu, scale(b->inflight_hi, HEADROOM));
	return max64(b->inflight_hi > room ? b->inflight_hi - room : 0, cwnd_min(v));
}

static bool in_probe_bw(const struct bbr *b) {
	return b->phase >= DOWN && b->phase <= UP;
}

/* Phases that look for more than the model says; what they lose is judged at once. */
static bool looks_for_more(const struct bbr *b) {
	return b->phase == STARTUP || b->phase == REFILL || b->phase == UP;
}

/* Good enough for a moment within a second; plain numbers, so that a run can be repeated. */
static uint32_t random_below(struct bbr *b, uint32_t n) {
	b->random = b->random * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)b->random * n >> 32);
}

/* ---- phases ---- */

static void reset_lower_bounds(struct bbr *b) {
	b->bw_lo = b->inflight_lo = NONE;
}

static void reset_full_bw(struct bbr *b) {
	b->full_bw = 0;
	b->full_bw_count = 0;
	b->full_bw_now = false;
}

static void forget_signals(struct bbr *b) {
	b->round_lossy = false;
	b->bw_latest = b->inflight_latest = 0;
}

/* What UP got through is there, whatever a queue said before. */
static void begin_down(struct bbr *b, uint64_t now) {
	if (b->phase == UP)
		b->bw_lo = max64(b->bw_lo, b->bw_latest);
	forget_signals(b);
	b->up_step = NONE;
	b->rounds_since_probe = random_below(b, 2);
	b->probe_wait = 2 * SECOND + random_below(b, 1000) * MS;
	b->cycle_at = now;
	b->feedback = FEEDBACK_STOPPING;
	b->phase = DOWN;
}

static void begin_cruise(struct bbr *b) {
	b->phase = CRUISE;
}

/* The draft forgets bw_lo here. But then a flow that shares a line would probe from the most that it ever had, and not from its
 * share. */
static void begin_refill(struct bbr *b) {
	b->inflight_lo = NONE;
	b->up_rounds = 0;
	b->up_acked = 0;
	b->feedback = FEEDBACK_NONE;
	b->phase = REFILL;
}

/* 5.3.3.6: the slope: one packet in the first round, two in the second, and so on. */
static void raise_slope(const struct cc_view *v, struct bbr *b) {
	uint64_t growth = UINT64_C(1) << b->up_rounds;
	b->up_rounds = b->up_rounds < 30 ? b->up_rounds + 1 : 30;
	b->up_step = max64(v->cwnd / growth, 1);
}

static void begin_up(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	b->feedback = FEEDBACK_STARTING;
	b->probe_samples = true;
	reset_full_bw(b);
	b->full_bw = a->rate;
	b->cycle_at = a->now;
	b->phase = UP;
	b->up_gain = UP_GAIN;
	b->up_rtt = b->last_least;
	raise_slope(v, b);
}

/* ---- loss ---- */

/* A round is over. Did it lose more than the path loses by itself?
 *
 * The draft's 2% and two packets are always forgiven. The path's own share is learnt in rounds whose longest round trip was
 * within an eighth of the least one: there was no queue that could have overflowed. Where queues are so short that they overflow
 * unseen, LOSS_BEYOND_ANY still catches it. */
static bool excessive(const struct cc_view *v, const struct bbr *b, uint64_t lost, uint64_t of, uint64_t thresh) {
	return lost > scale(of, thresh + b->own_loss / 16) + 2 * (uint64_t)v->mtu;
}

static void judge_round(const struct cc_view *v, struct bbr *b) {
	uint64_t sent = b->round_delivered + b->round_lost;
	b->round_queued = b->min_rtt != NONE && b->round_rtt > b->min_rtt + max64(b->min_rtt / 8, MS);
	b->round_lossy = excessive(v, b, b->round_lost, sent, b->round_queued ? LOSS_THRESH : LOSS_BEYOND_ANY);
	if (!b->round_queued && sent > 0) {
		uint64_t share = min64(b->round_lost * 16000 / sent, LOSS_OWN_MAX * 16);
		b->own_loss = (uint16_t)((b->own_loss * 15 + share) / 16);
	}
	b->round_lost = b->round_delivered = b->round_rtt = 0;
	b->last_least = b->round_least;
	b->round_least = NONE;
}

/* 5.5.10.3: what a round with too much loss got through is what there is for now. */
static void lower_bounds(const struct cc_view *v, struct bbr *b) {
	if (b->bw_lo == NONE)
		b->bw_lo = max_bw(b);
	if (b->inflight_lo == NONE)
		b->inflight_lo = v->cwnd;
	b->bw_lo = max64(b->bw_latest, scale(b->bw_lo, beta(v)));
	b->inflight_lo = max64(b->inflight_latest, scale(b->inflight_lo, beta(v)));
}

/* 5.5.10.2: what was in flight when the lost packet's neighbour left was too much. */
static void inflight_too_high(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	b->probe_samples = false;
	if (!a->app_limited)
		b->inflight_hi = max64(a->tx_in_flight, scale(target_inflight(v, b), beta(v)));
	if (b->phase == UP)
		begin_down(b, a->now);
}

static void probe_upward(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	if (!a->cwnd_limited || v->cwnd < b->inflight_hi)
		return;
	b->up_acked += a->bytes;
	if (b->up_acked >= b->up_step) {
		b->inflight_hi += b->up_acked / b->up_step * v->mtu;
		b->up_acked %= b->up_step;
	}
	if (a->round_start)
		raise_slope(v, b);
}

static void upper_bounds(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	if (a->round_start && b->feedback == FEEDBACK_STARTING) {
		b->feedback = FEEDBACK_PROBING;
	} else if (a->round_start && b->feedback == FEEDBACK_STOPPING) {
		b->probe_samples = false;
		b->feedback = FEEDBACK_NONE;
		/* One cycle's bandwidth is forgotten when the next one has been measured. */
		if (in_probe_bw(b) && !a->app_limited && b->max_bw[1] > 0) {
			b->max_bw[0] = b->max_bw[1];
			b->max_bw[1] = 0;
		}
	}
	if (a->tx_in_flight &&
	    excessive(v, b, a->lost_since, a->tx_in_flight, b->round_queued || b->phase == UP ? LOSS_THRESH : LOSS_BEYOND_ANY)) {
		if (b->probe_samples)
			inflight_too_high(v, b, a);
		return;
	}
	if (b->inflight_hi == NONE)
		return;
	if (a->tx_in_flight > b->inflight_hi)
		b->inflight_hi = a->tx_in_flight;
	if (b->phase == UP)
		probe_upward(v, b, a);
}

/* ---- the model ---- */

/* A queue that stays is not ours while we yield to it: then it is a rival's. */
static bool has_rival(const struct bbr *b) {
	return b->queued_rounds > RIVAL_ROUNDS;
}

/* Did this round see the queue empty?
 *
 * The measure is the least round trip of all; where the path has become longer, every round counts as queued, and this control
 * yields no more than the draft does. Where this round found a shorter one, the queue was never empty before, and the round says
 * nothing. PROBE_RTT comes at the same time for all flows of this control, because they see the same least round trip:
 * when the queue is empty then, it was theirs. */
static void watch_queue(const struct cc_view *v, struct bbr *b) {
	uint64_t slack = max64(v->min_rtt / 8, 2 * MS);
	if (b->round_least == NONE || b->round_least + slack < b->known_rtt)
		return;
	if (b->round_least <= v->min_rtt + slack)
		b->queued_rounds -= b->phase == PROBE_RTT ? b->queued_rounds : (uint32_t)min64(b->queued_rounds, RIVAL_FORGET);
	else if (b->phase != PROBE_RTT && b->queued_rounds < RIVAL_ROUNDS_MAX)
		b->queued_rounds++;
}

static void raise_bw_lo(struct bbr *b) {
	if (b->bw_lo != NONE)
		b->bw_lo += b->bw_lo / QUEUE_BACK;
	if (b->bw_lo > max_bw(b))
		b->bw_lo = NONE;
}

/* Several flows that found their bandwidth while the others cruised believe together in more than there is, and the difference
 * stands in the queue. A round that saw no empty queue lowers the bandwidth in use for now by the queue's share, by the same for
 * all flows. */
static void standing_queue(struct bbr *b) {
	if (b->min_rtt == NONE || b->round_least == NONE)
		return;
	uint64_t queue = b->round_least > b->min_rtt ? b->round_least - b->min_rtt : 0;
	if (has_rival(b) || queue <= max64(b->min_rtt / 10, MS)) {
		raise_bw_lo(b);
		return;
	}
	uint64_t cut = min64(queue * 1000 / (2 * b->round_least), QUEUE_CUT_MAX);
	b->bw_lo = max64(min64(b->bw_lo, scale(b->bw_latest, 1000 - cut)), scale(max_bw(b), QUEUE_FLOOR));
}

static void take_sample(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	uint64_t delivered = a->prior_delivered ? a->delivered - a->prior_delivered : 0;
	b->bw_latest = max64(b->bw_latest, a->rate);
	b->inflight_latest = max64(b->inflight_latest, delivered);
	if (a->rate && (!a->app_limited || a->rate >= max_bw(b)))
		b->max_bw[1] = max64(b->max_bw[1], a->rate);
	b->round_delivered += a->bytes;
	if (!b->after_timeout)
		b->round_lost += a->lost;
	b->after_timeout = false;
	b->round_rtt = max64(b->round_rtt, a->rtt);
	if (a->rtt)
		b->round_least = min64(b->round_least, a->rtt);
	if (!a->round_start)
		return;
	if (b->phase == CRUISE || b->phase == DOWN || b->phase == PROBE_RTT)
		watch_queue(v, b);
	b->known_rtt = v->min_rtt;
	if (b->phase == CRUISE || b->phase == DOWN)
		standing_queue(b);
	judge_round(v, b);
	b->rounds_since_probe++;
	if (!looks_for_more(b) && b->round_lossy)
		lower_bounds(v, b);
}

/* Behind everything that looked at the round: the next one begins with this sample. */
static void round_over(struct bbr *b, const struct cc_ack *a) {
	if (!a->round_start)
		return;
	b->bw_latest = a->rate;
	b->inflight_latest = a->prior_delivered ? a->delivered - a->prior_delivered : 0;
}

/* 5.5.9: acknowledgements come in bunches, ours by design. Until the next bunch, that much more than the bandwidth has to be in
 * flight. */
static void aggregation(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	uint64_t expected = per_time(max_bw(b), min64(a->now - b->extra_from, SECOND));
	if (b->extra_delivered <= expected) {
		b->extra_delivered = expected = 0;
		b->extra_from = a->now;
	}
	b->extra_delivered += a->bytes;
	if (a->round_start && ++b->extra_rounds >= EXTRA_ACKED_ROUNDS) {
		b->extra_rounds = 0;
		b->extra[0] = b->extra[1];
		b->extra[1] = 0;
	}
	b->extra[1] = max64(b->extra[1], min64(b->extra_delivered - expected, v->cwnd));
}

/* 5.3.1.2: no growth by a quarter in three rounds. */
static void check_full_bw(struct bbr *b, const struct cc_ack *a) {
	if (b->full_bw_now || a->app_limited)
		return;
	if (a->rate >= scale(b->full_bw, 1250)) {
		reset_full_bw(b);
		b->full_bw = a->rate;
		return;
	}
	if (!a->round_start)
		return;
	b->full_bw_now = ++b->full_bw_count >= 3;
	b->full_bw_reached |= b->full_bw_now;
}

static void check_startup_and_drain(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	if (b->phase == STARTUP && a->round_start && b->round_lossy) {
		b->full_bw_reached = true;
		b->inflight_hi = max64(bdp(v, b, max_bw(b)), b->inflight_latest);
	}
	if (b->phase == STARTUP && b->full_bw_reached)
		b->phase = DRAIN;
	if (b->phase == DRAIN && a->flight <= inflight(v, b, max_bw(b), 1000))
		begin_down(b, a->now);
}

/* 5.3.3.5: after two to three seconds, or when a Reno flow with our window would have grown by a sixth of it, about what UP
 * brings. So flows with a small share probe more often than those with a large one, and their shares meet. */
static bool time_to_probe(const struct cc_view *v, const struct bbr *b, uint64_t now) {
	uint64_t reno = min64(target_inflight(v, b) / v->mtu / PROBE_SHARE, PROBE_ROUNDS_MAX);
	return now - b->cycle_at > b->probe_wait || b->rounds_since_probe >= max64(reno, PROBE_ROUNDS_MIN);
}

/* UP has lasted for a round, and made a queue. Before that it is somebody else's; beside a rival it always may be. */
static bool made_a_queue(const struct bbr *b, const struct cc_ack *a) {
	if (has_rival(b) || b->feedback != FEEDBACK_PROBING || b->up_rtt == NONE || b->min_rtt == NONE)
		return false;
	return a->rtt > b->up_rtt + max64(b->min_rtt / 4, MS);
}

static bool time_to_go_down(struct bbr *b, const struct cc_ack *a, const struct cc_view *v) {
	if (made_a_queue(b, a))
		return true;
	if (a->cwnd_limited && v->cwnd >= b->inflight_hi) {
		reset_full_bw(b);
		b->full_bw = a->rate;
		return false;
	}
	return b->full_bw_now;
}

static void cycle(const struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	if (!b->full_bw_reached)
		return;
	upper_bounds(v, b, a);
	switch ((enum phase)b->phase) {
	case DOWN:
		if (time_to_probe(v, b, a->now))
			begin_refill(b);
		else if (a->flight <= inflight_with_headroom(v, b) && a->flight <= inflight(v, b, max_bw(b), 1000))
			begin_cruise(b);
		break;
	case CRUISE:
		if (time_to_probe(v, b, a->now))
			begin_refill(b);
		break;
	case REFILL:
		if (a->round_start)
			begin_up(v, b, a);
		break;
	case UP:
		if (time_to_go_down(b, a, v))
			begin_down(b, a->now);
		else if (a->round_start && b->feedback == FEEDBACK_PROBING)
			b->up_gain = (uint32_t)min64(2 * b->up_gain - 1000, UP_GAIN_MAX);
		break;
	default:
		break;
	}
}

/* ---- the round trip ---- */

static void leave_probe_rtt(struct cc_view *v, struct bbr *b, uint64_t now) {
	v->cwnd = max64(v->cwnd, b->prior_cwnd);
	b->inflight_lo = NONE;
	b->probe_rtt_min_at = now;
	if (!b->full_bw_reached) {
		b->phase = STARTUP;
		return;
	}
	begin_down(b, now);
	begin_cruise(b);
}

static uint64_t probe_rtt_cwnd(const struct cc_view *v, const struct bbr *b) {
	return max64(scale(bdp(v, b, bandwidth(b)), PROBE_RTT_CWND_GAIN), cwnd_min(v));
}

/* 5.3.4.3: after five seconds without a round trip as short as the least one, half of what fits is in flight for 200 ms. So a
 * queue that all flows hold up together can be seen through. */
static void check_probe_rtt(struct cc_view *v, struct bbr *b, const struct cc_ack *a, bool expired) {
	if (b->phase != PROBE_RTT && expired && !b->idle_restart) {
		b->prior_cwnd = v->in_recovery ? max64(b->prior_cwnd, v->cwnd) : v->cwnd;
		b->phase = PROBE_RTT;
		b->probe_rtt_done_at = 0;
		b->feedback = FEEDBACK_STOPPING;
	}
	if (b->phase == PROBE_RTT) {
		if (b->probe_rtt_done_at == 0) {
			if (a->flight > probe_rtt_cwnd(v, b))
				return;
			b->probe_rtt_done_at = a->now + PROBE_RTT_DURATION;
			b->probe_rtt_round = false;
		} else {
			b->probe_rtt_round |= a->round_start;
			if (b->probe_rtt_round && a->now > b->probe_rtt_done_at)
				leave_probe_rtt(v, b, a->now);
		}
	}
}

static void round_trip(struct cc_view *v, struct bbr *b, const struct cc_ack *a) {
	bool expired = a->now - b->probe_rtt_min_at > PROBE_RTT_INTERVAL && b->probe_rtt_min != NONE;
	if (a->rtt && (a->rtt < b->probe_rtt_min || expired)) {
		b->probe_rtt_min = a->rtt;
		b->probe_rtt_min_at = a->now;
	}
	if (b->probe_rtt_min < b->min_rtt || a->now - b->min_rtt_at > MIN_RTT_FILTER) {
		b->min_rtt = b->probe_rtt_min;
		b->min_rtt_at = b->probe_rtt_min_at;
	}
	check_probe_rtt(v, b, a, expired);
	b->idle_restart = false;
}

/* ---- what follows of it ---- */

static uint64_t startup_gain(const struct cc_view *v) {
	return v->config.startup_gain ? v->config.startup_gain : STARTUP_GAIN;
}

static uint64_t pacing_gain(const struct cc_view *v, const struct bbr *b) {
	switch ((enum phase)b->phase) {
	case STARTUP:
		return startup_gain(v);
	case DRAIN:
		return DRAIN_GAIN;
	case DOWN:
		return 900;
	case UP:
		return b->up_gain;
	default:
		return 1000;
	}
}

/* The least window leaves within a round trip: with a lower rate a flow would have too few samples to find its way up again. */
static void set_pacing(struct cc_view *v, const struct bbr *b) {
	uint64_t bw = bandwidth(b);
	if (bw == 0 && v->srtt) /* nothing measured but the round trip */
		bw = mul_div64(v->cwnd, SECOND, v->srtt);
	if (b->full_bw_reached && v->srtt)
		bw = max64(bw, mul_div64(cwnd_min(v), SECOND, v->srtt));
	uint64_t rate = scale(scale(bw, pacing_gain(v, b)), MARGIN);
	if (b->phase == UP && v->srtt)
		rate += mul_div64(UP_PACKETS * (uint64_t)v->mtu, SECOND, v->srtt);
	if (b->full_bw_reached || rate > v->pacing_rate)
		v->pacing_rate = max64(rate, v->mtu);
}

static uint64_t bound_for_model(const struct cc_view *v, const struct bbr *b) {
	uint64_t cap = NONE;
	if (b->phase == CRUISE || b->phase == PROBE_RTT)
		cap = inflight_with_headroom(v, b);
	else if (in_probe_bw(b))
		cap = b->inflight_hi;
	return max64(min64(cap, b->inflight_lo), cwnd_min(v));
}

/* Beside a rival the round trip is many times the least one. A window for the least one would lower the rate, the next one would
 * be made for that rate, and so on. What the present rate has under way now is always allowed. */
static uint64_t most_in_flight(const struct cc_view *v, const struct bbr *b) {
	uint64_t gain = b->phase == UP ? CWND_GAIN_UP : CWND_GAIN;
	if (v->config.cwnd_gain)
		gain = v->config.cwnd_gain + (gain - CWND_GAIN);
	uint64_t most = inflight(v, b, bandwidth(b), gain) + max64(b->extra[0], b->extra[1]);
	if (!has_rival(b) || b->last_least == NONE)
		return most;
	return max64(most, scale(per_time(bandwidth(b), b->last_least), b->phase == UP ? UP_GAIN : 1000));
}

static void set_cwnd(struct cc_view *v, const struct bbr *b, const struct cc_ack *a) {
	uint64_t most = most_in_flight(v, b);
	if (a->lost)
		v->cwnd = max64(v->cwnd > a->lost ? v->cwnd - a->lost : 0, v->mtu);
	if (b->full_bw_reached)
		v->cwnd = min64(v->cwnd + a->bytes, most);
	else if (v->cwnd < most || a->delivered < v->config.initial_window)
		v->cwnd += a->bytes;
	v->cwnd = max64(v->cwnd, v->in_recovery ? v->mtu : cwnd_min(v));
	if (b->phase == PROBE_RTT)
		v->cwnd = min64(v->cwnd, probe_rtt_cwnd(v, b));
	v->cwnd = min64(v->cwnd, bound_for_model(v, b));
	v->cwnd = min64(v->cwnd, v->config.max_window);
}

/* ---- the table ---- */

static void bbr_init(struct cc_view *v) {
	struct bbr *b = own(v);
	v->cwnd = v->config.initial_window;
	v->ssthresh = UINT64_MAX;
	b->min_rtt = b->probe_rtt_min = b->round_least = NONE;
	b->inflight_hi = b->up_step = NONE;
	reset_lower_bounds(b);
}

static void bbr_ack(struct cc_view *v, const struct cc_ack *a) {
	struct bbr *b = own(v);
	/* Flows that begin together do not probe together. */
	b->random += (uint32_t)(a->now ^ a->rtt);
	take_sample(v, b, a);
	aggregation(v, b, a);
	check_full_bw(b, a);
	check_startup_and_drain(v, b, a);
	cycle(v, b, a);
	round_trip(v, b, a);
	round_over(b, a);
	set_pacing(v, b);
	set_cwnd(v, b, a);
}

/* Loss alone changes nothing here: acknowledgements say how much of it there was. */
static void bbr_loss(struct cc_view *v) {
	struct bbr *b = own(v);
	b->undo_cwnd = v->cwnd;
	b->undo_inflight_hi = b->inflight_hi;
	if (b->phase != PROBE_RTT)
		b->prior_cwnd = v->cwnd;
}

static void bbr_recovery_exit(struct cc_view *v) {
	struct bbr *b = own(v);
	if (b->phase != PROBE_RTT)
		v->cwnd = max64(v->cwnd, min64(b->prior_cwnd, bound_for_model(v, b)));
}

/* A path that was silent says nothing of its queue. The window comes back as fast as data is acknowledged, to what the model
 * says. */
static void bbr_timeout(struct cc_view *v, bool repeated) {
	struct bbr *b = own(v);
	if (!repeated)
		bbr_loss(v);
	b->after_timeout = true;
	v->cwnd = v->mtu;
}

static void bbr_undo(struct cc_view *v) {
	struct bbr *b = own(v);
	v->cwnd = max64(v->cwnd, b->undo_cwnd);
	b->inflight_hi = max64(b->inflight_hi, b->undo_inflight_hi);
	reset_lower_bounds(b);
}

/* 5.4.1: the path was idle, its queue is empty; at the pace of the model, without a burst, what fits may go. */
static void bbr_idle(struct cc_view *v, uint64_t idle_ns) {
	struct bbr *b = own(v);
	(void)idle_ns;
	b->idle_restart = true;
	if (b->full_bw_reached && in_probe_bw(b) && bandwidth(b) > 0)
		v->pacing_rate = max64(bandwidth(b), v->mtu);
}

static const char *bbr_phase(const struct cc_view *v) {
	static const char *const names[] = {
		[STARTUP] = "startup",        [DRAIN] = "drain",    [DOWN] = "probe_bw_down",  [CRUISE] = "probe_bw_cruise",
		[REFILL] = "probe_bw_refill", [UP] = "probe_bw_up", [PROBE_RTT] = "probe_rtt",
	};
	return names[((const struct bbr *)(const void *)v->state)->phase];
}

const struct cc_ops cc_bbr = {
	.name = "bbr",
	.paces = true,
	.init = bbr_init,
	.ack = bbr_ack,
	.loss = bbr_loss,
	.recovery_exit = bbr_recovery_exit,
	.timeout = bbr_timeout,
	.undo = bbr_undo,
	.idle = bbr_idle,
	.phase = bbr_phase,
};
