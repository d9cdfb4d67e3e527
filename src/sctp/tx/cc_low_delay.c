/* cc_low_delay: for bulk data beside media: takes as much of the path as is left, and hardly a queue. It yields to whatever fills
 * the queue.
 *
 * Copa (V. Arun, H. Balakrishnan, NSDI 2018) in its default mode, which keeps a few packets of each flow in the queue. The rate
 * aimed at is SHARE packets per queueing delay, so every flow of the kind aims at the same one, whatever it has now. The window
 * swings around that. RFC 6817 (LEDBAT) and its successor hold a constant delay instead. Then flows that came later have to be
 * let in by periods of silence, and with one constant for all, nothing pulls their shares together.
 *
 * What is added to Copa:
 * - A first millisecond of delay counts for nothing. At 1 Gbit/s SHARE packets are 270 us of queue. Packets leave in bursts and
 *   are acknowledged in runs, and that alone takes up to a millisecond. Counted as a queue, it left a third of the line in use.
 * - The window grows by up to an eighth in a round trip where no queue shows.
 * - A stall of some milliseconds, at the sender, on the line or at the receiver, bunches packets, and a bunch waits in the queue.
 *   Half a round trip of them looks like a window that is too large. But a window that is not too large leaves the queue empty
 *   at some moment of each round trip. So the window stops growing where half a round trip shows a queue, and it shrinks when a
 *   whole one does. When the queue was gone in between, it grows on as before.
 * - A window that turned out too large goes back at once to what the path held, some round trip later. Every few seconds it goes
 *   down until the queue is empty, so that late-comers see the true least round trip, and so do we.
 * - Beyond target_delay the share shrinks (with the square of the delay, by the same for all flows), so that many flows, or a
 *   slow link, do not add up to a long queue.
 * - Loss is answered as by Reno: in this mode a loss comes from somebody else's queue. */
#include "sctp/tx/cc.h"

#include <string.h>

#include "base/arith.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define TARGET (10 * MS)
#define SHARE 24 /* packets of one flow in the queue: Copa's 1/delta. Its 2 are less than one batch of ours */
#define NOISE MS
#define BETA 500
#define MIN_RTT_FILTER (10 * SECOND)
#define EMPTY_INTERVAL (MIN_RTT_FILTER / 4)
#define RECENT_SAMPLES 4
/* A loss may come from a queue too short to be seen. So growth is slow for so many rounds after it. */
#define CALM_ROUNDS 16
#define VELOCITY_AFTER_LOSS 32

/* The least of this period, which is the first one, and of those before it. UINT64_MAX: none. */
#define PERIODS 5
struct least {
	uint64_t periods[PERIODS], from;
	uint32_t samples; /* in this period */
};

struct low_delay {
	struct least bases;  /* of the round trips of the last ten seconds */
	struct least recent; /* of those of the last round trip and a quarter; a period is a quarter of one */
	uint64_t base;       /* the least of `bases`: a round trip without a queue */
	uint64_t standing;   /* the least of half a round trip */
	uint64_t whole;      /* the least of a whole one */
	uint64_t rest;       /* of a change of cwnd, in bytes times cwnd */
	uint64_t round_cwnd; /* at the beginning of this round */
	uint64_t drain_to;   /* cwnd goes down to this quickly; 0: it does not */
	uint64_t emptied;    /* when the queue was last made empty */
	uint64_t undo_cwnd, undo_ssthresh;
	uint32_t velocity;
	uint32_t steady; /* rounds in one direction */
	uint32_t calm;   /* rounds since the last loss */
	bool up;
	bool waited; /* in this round: half a round trip showed a queue, a whole one did not */
};
_Static_assert(sizeof(struct low_delay) <= CC_STATE_SIZE, "the view has room for it");

static struct low_delay *own(struct cc_view *v) {
	return (struct low_delay *)(void *)v->state;
}

/* Half a round trip is enough on a short way, whose queues are short as well. */
static uint64_t target(const struct cc_view *v, uint64_t base) {
	return v->config.target_delay ? v->config.target_delay : min64(TARGET, max64(base / 2, MS));
}

static uint64_t least_window(const struct cc_view *v) {
	return max64(2 * (uint64_t)v->mtu, v->config.min_window);
}

/* ---- round trips ---- */

/* A period has at least so many samples, and may be longer for it. Returns whether a new one has begun. */
static bool least_take(struct least *l, uint64_t period, uint32_t samples, uint64_t rtt, uint64_t now) {
	bool begins = now - l->from > period && l->samples >= samples;
	if (begins) {
		memmove(l->periods + 1, l->periods, (PERIODS - 1) * sizeof l->periods[0]);
		l->periods[0] = UINT64_MAX;
		l->from = now;
		l->samples = 0;
	}
	l->periods[0] = min64(l->periods[0], rtt);
	l->samples++;
	return begins;
}

/* Of this period and of those before it. */
static uint64_t least_of(const struct least *l, unsigned periods) {
	uint64_t least = l->periods[0];
	for (unsigned i = 1; i < periods; i++)
		least = min64(least, l->periods[i]);
	return least;
}

/* Copa's RTTstanding is the least of the last half round trip, as acknowledgements that were held up on their way say nothing of
 * the queue. A small window has few of them in that time, and the last of them may be as late as the peer's delayed SACK. */
static void take_rtt(const struct cc_view *v, struct low_delay *l, const struct cc_ack *a) {
	l->base = min64(l->base, a->rtt);
	l->standing = min64(l->standing, a->rtt);
	l->whole = min64(l->whole, a->rtt);
	if (least_take(&l->bases, MIN_RTT_FILTER / PERIODS, 1, a->rtt, a->now))
		l->base = least_of(&l->bases, PERIODS);
	if (least_take(&l->recent, v->srtt / 4, RECENT_SAMPLES, a->rtt, a->now)) {
		l->standing = least_of(&l->recent, 2);
		l->whole = least_of(&l->recent, PERIODS);
	}
}

/* ---- the window ---- */

/* What bursts add to a round trip. */
static uint64_t noise(const struct cc_view *v, uint64_t base) {
	return min64(NOISE, min64(base / 4, target(v, base) / 2));
}

/* The window that would give the rate aimed at: SHARE packets per queueing delay, for a round trip; less beyond the target. When
 * samples are rare, `rtt` is older than the base and may be less. */
static uint64_t window_wanted(const struct cc_view *v, const struct low_delay *l, uint64_t rtt) {
	uint64_t base = l->base, queue = rtt - min64(rtt, base), most = target(v, base);
	uint64_t share = SHARE * (uint64_t)v->mtu, bursts = noise(v, base);
	if (queue > most) {
		uint64_t over = queue * 1000 / most;
		share = share * 1000 / over * 1000 / over;
	}
	return queue <= bursts ? UINT64_MAX : mul_div64(share, rtt, queue - bursts);
}

/* An eighth of the window in a round trip, two packets for each unit of velocity. */
static uint64_t velocity_most(const struct cc_view *v, const struct low_delay *l) {
	uint64_t most = v->cwnd / 16 / v->mtu;
	return l->calm < CALM_ROUNDS ? min64(most, VELOCITY_AFTER_LOSS) : most;
}

/* Once a round: the speed doubles when the window went one way for three rounds, or is far from where it goes. It is 1 again when
 * the window turned. */
static void change_speed(const struct cc_view *v, struct low_delay *l, bool up) {
	if (up == l->up) {
		bool far = l->standing != UINT64_MAX && window_wanted(v, l, l->standing) / 2 > v->cwnd;
		l->steady = l->steady < 3 ? l->steady + 1 : 3;
		if ((l->steady >= 3 || far) && l->velocity < velocity_most(v, l))
			l->velocity *= 2;
	} else {
		l->velocity = 1;
		l->steady = 0;
	}
}

static void new_round(const struct cc_view *v, struct low_delay *l) {
	if (!l->waited) /* else: a stall or a queue of ours, no reason to change the speed yet */
		change_speed(v, l, v->cwnd > l->round_cwnd);
	l->round_cwnd = v->cwnd;
	l->waited = false;
	l->calm = l->calm < CALM_ROUNDS ? l->calm + 1 : CALM_ROUNDS;
}

/* The packet sent last among the acknowledged ones met the queue that is too long now. What was in flight when it left is what
 * the path held and what waited in the queue, in the proportion of the two times. */
static uint64_t held_by_path(const struct cc_view *v, struct low_delay *l, const struct cc_ack *a) {
	uint64_t base = l->base, left = noise(v, base);
	if (a->now - l->emptied > EMPTY_INTERVAL) {
		l->emptied = a->now;
		left = 0;
	}
	/* Slow start is too far by half at most, and growth by a quarter. More is no queue of ours, but a stall somewhere. */
	uint64_t most = v->cwnd / (v->ssthresh == UINT64_MAX ? 2 : 4);
	return max64(mul_div64(a->tx_in_flight, base + left, l->standing), v->cwnd - most);
}

static void turn(const struct cc_view *v, struct low_delay *l, const struct cc_ack *a, bool up) {
	l->velocity = 1;
	l->steady = 0;
	l->up = up;
	l->drain_to = up ? 0 : held_by_path(v, l, a);
}

static void slow_start(struct cc_view *v, struct low_delay *l, const struct cc_ack *a, uint64_t wanted) {
	if (v->cwnd > wanted) {
		turn(v, l, a, false);
		v->ssthresh = v->cwnd;
	} else if (a->cwnd_limited) {
		v->cwnd += a->bytes;
	}
}

/* Half of what is acknowledged is not sent again. A window that fell at once would leave a hole in the stream, which comes back
 * with every round trip. */
static uint64_t drained(const struct cc_view *v, struct low_delay *l, const struct cc_ack *a) {
	uint64_t above = v->cwnd - min64(v->cwnd, l->drain_to), change = min64(a->bytes / 2, above);
	if (change == above)
		l->drain_to = 0;
	return change;
}

/* Is there too much for a whole round trip by now? After a loss the queue may be too short for that question. */
static bool stands(const struct cc_view *v, const struct low_delay *l) {
	return l->calm < CALM_ROUNDS || v->cwnd > window_wanted(v, l, l->whole);
}

/* Copa, 2.1: cwnd +- velocity / (delta * cwnd) for each packet acknowledged. With our SHARE, velocity * SHARE packets a round
 * trip would swing too wide, so a step is two packets, as with Copa's own delta of 1/2. */
static void swing(struct cc_view *v, struct low_delay *l, const struct cc_ack *a, uint64_t wanted) {
	bool up = v->cwnd < wanted;
	if (up && !a->cwnd_limited)
		return;
	if (!up && l->up && !stands(v, l)) {
		l->waited = true;
		return;
	}
	if (up != l->up)
		turn(v, l, a, up);
	unsigned __int128 step = (unsigned __int128)a->bytes * l->velocity * 2 * v->mtu + l->rest;
	l->rest = (uint64_t)(step % v->cwnd);
	uint64_t change = (uint64_t)(step / v->cwnd);
	if (l->drain_to)
		change = max64(change, drained(v, l, a));
	v->cwnd = up ? v->cwnd + min64(change, a->bytes) : v->cwnd - min64(change, min64(a->bytes, v->cwnd / 2));
}

static void low_delay_ack(struct cc_view *v, const struct cc_ack *a) {
	struct low_delay *l = own(v);
	if (a->rtt)
		take_rtt(v, l, a);
	if (a->round_start)
		new_round(v, l);
	if (v->in_recovery || l->standing == UINT64_MAX)
		return;
	uint64_t wanted = window_wanted(v, l, l->standing);
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
	l->calm = 0;
	l->drain_to = 0;
	v->ssthresh = max64(v->cwnd * beta / 1000, least_window(v));
}

/* ---- the table ---- */

static void low_delay_init(struct cc_view *v) {
	struct low_delay *l = own(v);
	v->cwnd = l->round_cwnd = v->config.initial_window;
	memset(l->bases.periods, 0xff, sizeof l->bases.periods);
	memset(l->recent.periods, 0xff, sizeof l->recent.periods);
	l->base = l->standing = l->whole = UINT64_MAX;
	l->velocity = 1;
	l->calm = CALM_ROUNDS;
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
	.prr = true,
	.init = low_delay_init,
	.ack = low_delay_ack,
	.loss = low_delay_loss,
	.timeout = low_delay_timeout,
	.undo = low_delay_undo,
	.idle = low_delay_idle,
};
