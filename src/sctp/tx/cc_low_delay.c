/* cc_low_delay: for bulk data beside media: takes as much of the path as is left, and hardly a queue. It yields to whatever fills
 * the queue.
 *
 * Copa (V. Arun, H. Balakrishnan, NSDI 2018) in its default mode, which keeps a few packets of each flow in the queue. The rate
 * aimed at is SHARE packets per queueing delay, so every flow of the kind aims at the same one, whatever it has now. The window
 * swings around that, so that the queue runs empty every few round trips and late-comers see the true least round trip. RFC 6817
 * (LEDBAT) and its successor hold a constant delay instead. Then flows that came later have to be let in by periods of silence,
 * and with one constant for all, nothing pulls their shares together.
 *
 * What is added to Copa: beyond target_delay the share shrinks (with the square of the delay, by the same for all flows), so that
 * many flows, or a slow link, do not add up to a long queue. Slow start ends at the window that the delivery rate gives. Loss is
 * answered as by Reno: in this mode a loss comes from somebody else's queue. */
#include "sctp/tx/cc.h"

#include "base/arith.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define TARGET (10 * MS)
#define SHARE 24 /* packets of one flow in the queue: Copa's 1/delta. Its 2 are less than one batch of ours */
#define BETA 500
#define MIN_RTT_FILTER (10 * SECOND)
#define VELOCITY_MAX 32

struct low_delay {
	uint64_t min_rtt[2], min_from;       /* least of the last period and of this one; UINT64_MAX: none */
	uint64_t standing[2], standing_from; /* least of the last two quarters of a round trip; UINT64_MAX: none */
	uint64_t rest;                       /* of a change of cwnd, in bytes times cwnd */
	uint64_t round_cwnd;                 /* at the beginning of this round */
	uint64_t undo_cwnd, undo_ssthresh;
	uint64_t rate;      /* bytes/s: best of this round */
	uint64_t last_rate; /* and of the one before */
	uint32_t velocity;
	uint32_t steady; /* rounds in one direction */
	bool up;
};
_Static_assert(sizeof(struct low_delay) <= CC_STATE_SIZE, "the view has room for it");

static struct low_delay *own(struct cc_view *v) {
	return (struct low_delay *)(void *)v->state;
}

static uint64_t target(const struct cc_view *v) {
	return v->config.target_delay ? v->config.target_delay : TARGET;
}

static uint64_t least_window(const struct cc_view *v) {
	return max64(2 * (uint64_t)v->mtu, v->config.min_window);
}

/* ---- round trips ---- */

/* The least of a window of time, kept as the least of its two halves. */
static void filter(uint64_t least[2], uint64_t *from, uint64_t half, uint64_t rtt, uint64_t now) {
	if (now - *from > half) {
		least[0] = now - *from > 2 * half ? UINT64_MAX : least[1];
		least[1] = UINT64_MAX;
		*from = now;
	}
	least[1] = min64(least[1], rtt);
}

static uint64_t base(const struct low_delay *l) {
	return min64(l->min_rtt[0], l->min_rtt[1]);
}

/* Copa's RTTstanding: the least of the last half round trip, as acknowledgements that were held up on their way say nothing of
 * the queue. */
static uint64_t standing(const struct low_delay *l) {
	return min64(l->standing[0], l->standing[1]);
}

static void take_rtt(const struct cc_view *v, struct low_delay *l, const struct cc_ack *a) {
	filter(l->min_rtt, &l->min_from, MIN_RTT_FILTER / 2, a->rtt, a->now);
	filter(l->standing, &l->standing_from, v->srtt / 4, a->rtt, a->now);
}

/* ---- the window ---- */

/* The window that would give the rate aimed at: SHARE packets per queueing delay, for a round trip; less beyond the target. */
static uint64_t window_wanted(const struct cc_view *v, const struct low_delay *l) {
	uint64_t rtt = standing(l), queue = rtt - base(l), most = target(v);
	uint64_t share = SHARE * (uint64_t)v->mtu;
	if (queue > most) {
		uint64_t over = queue * 1000 / most;
		share = share * 1000 / over * 1000 / over;
	}
	return queue == 0 ? UINT64_MAX : mul_div64(share, rtt, queue);
}

/* Once a round: the speed doubles when the window went one way for three rounds, and is 1 again when it turned. */
static void new_round(const struct cc_view *v, struct low_delay *l) {
	bool up = v->cwnd > l->round_cwnd;
	if (up == l->up) {
		l->steady = l->steady < 3 ? l->steady + 1 : 3;
		if (l->steady >= 3 && l->velocity < VELOCITY_MAX)
			l->velocity *= 2;
	} else {
		l->velocity = 1;
		l->steady = 0;
	}
	l->up = up;
	l->round_cwnd = v->cwnd;
	l->last_rate = l->rate;
	l->rate = 0;
}

static void slow_start(struct cc_view *v, const struct low_delay *l, const struct cc_ack *a, uint64_t wanted) {
	if (v->cwnd <= wanted) {
		if (a->cwnd_limited)
			v->cwnd += a->bytes;
		return;
	}
	/* The queue began to grow a round trip ago. What was delivered keeps the path busy, not what is under way. */
	uint64_t busy = mul_div64(max64(l->rate, l->last_rate), base(l), SECOND);
	v->cwnd = max64(min64(v->cwnd, busy), v->cwnd / 2);
	v->ssthresh = v->cwnd;
}

/* Copa, 2.1: cwnd +- velocity / (delta * cwnd) for each packet acknowledged. With our SHARE, velocity * SHARE packets a round
 * trip would swing too wide, so a step is two packets, as with Copa's own delta of 1/2. */
static void swing(struct cc_view *v, struct low_delay *l, const struct cc_ack *a, uint64_t wanted) {
	bool up = v->cwnd < wanted;
	if (up && !a->cwnd_limited)
		return;
	if (up != l->up && l->velocity > 1) {
		l->velocity = 1;
		l->steady = 0;
		l->up = up;
	}
	unsigned __int128 step = (unsigned __int128)a->bytes * l->velocity * 2 * v->mtu + l->rest;
	l->rest = (uint64_t)(step % v->cwnd);
	uint64_t change = (uint64_t)(step / v->cwnd);
	v->cwnd = up ? v->cwnd + min64(change, a->bytes) : v->cwnd - min64(change, min64(a->bytes, v->cwnd / 2));
}

static void low_delay_ack(struct cc_view *v, const struct cc_ack *a) {
	struct low_delay *l = own(v);
	l->rate = max64(l->rate, a->rate);
	if (a->rtt)
		take_rtt(v, l, a);
	if (a->round_start)
		new_round(v, l);
	if (v->in_recovery || standing(l) == UINT64_MAX || base(l) == UINT64_MAX)
		return;
	uint64_t wanted = window_wanted(v, l);
	if (v->cwnd < v->ssthresh)
		slow_start(v, l, a, wanted);
	else
		swing(v, l, a, wanted);
	v->cwnd = min64(max64(v->cwnd, least_window(v)), v->config.max_window);
}

static void reduce(struct cc_view *v) {
	struct low_delay *l = own(v);
	uint64_t beta = v->config.beta ? v->config.beta : BETA;
	l->undo_cwnd = v->cwnd;
	l->undo_ssthresh = v->ssthresh;
	l->velocity = 1;
	l->steady = 0;
	v->ssthresh = max64(v->cwnd * beta / 1000, least_window(v));
}

/* ---- the table ---- */

static void low_delay_init(struct cc_view *v) {
	struct low_delay *l = own(v);
	v->cwnd = l->round_cwnd = v->config.initial_window;
	l->min_rtt[0] = l->min_rtt[1] = l->standing[0] = l->standing[1] = UINT64_MAX;
	l->velocity = 1;
	l->up = true;
}

static void low_delay_loss(struct cc_view *v) {
	reduce(v);
	v->cwnd = v->ssthresh;
}

static void low_delay_timeout(struct cc_view *v, bool repeated) {
	if (!repeated)
		reduce(v);
	v->cwnd = v->mtu;
}

static void low_delay_undo(struct cc_view *v) {
	struct low_delay *l = own(v);
	v->cwnd = max64(v->cwnd, l->undo_cwnd);
	v->ssthresh = max64(v->ssthresh, l->undo_ssthresh);
}

/* RFC 9260, 7.2.1, as for NewReno; the way back is slow start's, which delay ends. */
static void low_delay_idle(struct cc_view *v, uint64_t idle_ns) {
	v->ssthresh = max64(v->ssthresh, v->cwnd * 3 / 4);
	for (uint64_t t = v->rto; t > 0 && t <= idle_ns && v->cwnd > v->config.initial_window; t += v->rto)
		v->cwnd = max64(v->cwnd / 2, v->config.initial_window);
}

const struct cc_ops cc_low_delay = {
	.name = "low-delay",
	.summary = "keeps the queue short and yields to others: beside media",
	.prr = true,
	.init = low_delay_init,
	.ack = low_delay_ack,
	.loss = low_delay_loss,
	.timeout = low_delay_timeout,
	.undo = low_delay_undo,
	.idle = low_delay_idle,
};
