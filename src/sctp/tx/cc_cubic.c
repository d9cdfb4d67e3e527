/* cc_cubic: RFC 9438, with HyStart++ (RFC 9406) for slow start. It is here twice: as the RFC has it, and so that packets lost by
 * chance do not reduce the window (cc_random.h). Windows are in bytes, where the RFC counts segments; the cubic's time is in
 * milliseconds, so that integers of 64 bits hold everything. */
#include "base/arith.h"
#include "sctp/tx/cc.h"
#include "sctp/tx/cc_hystart.h"
#include "sctp/tx/cc_random.h"

#define MS UINT64_C(1000000)
#define BETA 700          /* 4.6, in thousandths */
#define LONG_EPOCH 1000   /* ms without a loss */
#define UNPACED_BATCH 64u /* packets by which one SACK may widen an unpaced window in slow start; see cc_newreno.c */

struct cubic {
	struct hystart slow;
	struct cc_random random; /* not looked at by the one that has the RFC's rules */
	uint64_t w_max;          /* cwnd before the last reduction, or less (fast convergence) */
	uint64_t prior;          /* cwnd at the last reduction: cwnd_prior */
	uint64_t epoch;          /* when the present congestion avoidance began; 0: it has not */
	uint64_t k;              /* ms from then until the curve is at w_max */
	uint64_t w_est;          /* what Reno would have by now; 4.3 */
	uint64_t last_ack;       /* to take silences out of the epoch; 5.8 */
	uint64_t rest;           /* of growth, in bytes times cwnd, not yet worth a byte */
	uint64_t undo_cwnd, undo_ssthresh, undo_w_max, undo_prior, undo_epoch, undo_k, undo_w_est;
};
_Static_assert(sizeof(struct cubic) <= CC_STATE_SIZE, "the view has room for it");

static struct cubic *own(struct cc_view *v) {
	return (struct cubic *)(void *)v->state;
}

static uint64_t beta(const struct cc_view *v) {
	return v->config.beta ? v->config.beta : BETA;
}

/* The integer cube root, bit by bit from the top. */
static uint64_t cube_root(uint64_t x) {
	uint64_t root = 0;
	for (int bit = 20; bit >= 0; bit--) {
		uint64_t try = root | UINT64_C(1) << bit;
		if (try * try * try <= x)
			root = try;
	}
	return root;
}

/* 4.2, (1): W_cubic(t) = C * (t - K)^3 + W_max, with C = 0.4 segments/s^3. */
static uint64_t w_cubic(const struct cubic *c, uint32_t mtu, uint64_t t) {
	bool before = t < c->k;
	uint64_t d = min64(before ? c->k - t : t - c->k, 1000000);
	uint64_t delta = (uint64_t)((unsigned __int128)d * d * d * mtu * 4 / 10 / 1000000000);
	return before ? c->w_max - min64(delta, c->w_max) : c->w_max + delta;
}

static void cubic_init(struct cc_view *v) {
	v->cwnd = v->config.initial_window;
	cc_hystart_begin(&own(v)->slow);
	cc_random_begin(&own(v)->random);
}

static void slow_start(struct cc_view *v, const struct cc_ack *a) {
	struct cubic *c = own(v);
	uint64_t growth = a->bytes;
	switch (cc_hystart_ack(&c->slow, a->rtt, a->round_start)) {
	case HYSTART_DONE:
		v->ssthresh = v->cwnd;
		return;
	case HYSTART_CONSERVATIVE:
		growth /= 4;
		break;
	case HYSTART_GROW:
		break;
	}
	if (!a->cwnd_limited)
		return;
	if (!v->config.pacing)
		growth = min64(growth, UNPACED_BATCH * (uint64_t)v->mtu);
	v->cwnd += growth;
}

/* 4.2: the epoch begins where the window stands now. K is the time until the curve comes back to w_max: K = cbrt((W_max -
 * cwnd_epoch) / C). */
static void begin_epoch(struct cc_view *v, uint64_t now) {
	struct cubic *c = own(v);
	c->epoch = now;
	c->w_est = v->cwnd;
	c->rest = 0;
	c->k = 0;
	if (v->cwnd < c->w_max)
		c->k = cube_root(mul_div64(c->w_max - v->cwnd, 2500000000u, v->mtu));
	else
		c->w_max = v->cwnd;
}

/* 4.3, (4): W_est grows by alpha segments a window; alpha = 3 * (1 - beta) / (1 + beta), and 1 once W_est is where the last loss
 * was.
 *
 * Beyond the RFC, alpha is 2 where nothing was lost for a second. The cubic brings every flow back to where it was, a small one
 * to little: at 100 Mbit/s and 50 ms two to eight flows were still at a Jain's index of 0.79 after half a minute. With alpha 2
 * they are at 0.97, as the addition is the same for all. It depends on time, not on the window, as H-TCP has it (D. Leith, R.
 * Shorten, 2004): where Reno does well its losses are closer together, and there we remain its equal. */
static void reno_estimate(struct cc_view *v, uint64_t bytes, uint64_t t) {
	struct cubic *c = own(v);
	uint64_t b = beta(v), alpha = c->w_est >= c->prior ? 1000 : 3000 * (1000 - b) / (1000 + b);
	if (t > LONG_EPOCH)
		alpha = 2000;
	c->w_est += (uint64_t)((unsigned __int128)bytes * alpha * v->mtu / (v->cwnd * 1000));
}

static void avoidance(struct cc_view *v, const struct cc_ack *a) {
	struct cubic *c = own(v);
	if (c->epoch == 0)
		begin_epoch(v, a->now);
	/* 5.8: time in which the app, and not the window, was the limit is no time in which the window was found too small. The
	 * last acknowledgement may lie before the epoch, as after a silence; then only the time since the epoch counts. */
	if (!a->cwnd_limited) {
		c->epoch += a->now - max64(c->last_ack, c->epoch);
		return;
	}
	uint64_t t = (a->now - c->epoch) / MS, rtt = v->srtt / MS;
	reno_estimate(v, a->bytes, t);
	if (w_cubic(c, v->mtu, t) < c->w_est) {
		v->cwnd = max64(v->cwnd, c->w_est);
		return;
	}
	/* 4.4 and 4.5: by (target - cwnd) / cwnd for each segment acknowledged, the target being what the curve has one round
	 * trip from now, and at most half as much again as the window. */
	uint64_t target = min64(w_cubic(c, v->mtu, t + rtt), v->cwnd + v->cwnd / 2);
	if (target <= v->cwnd)
		return;
	unsigned __int128 growth = (unsigned __int128)a->bytes * (target - v->cwnd) + c->rest;
	c->rest = (uint64_t)(growth % v->cwnd);
	v->cwnd += (uint64_t)(growth / v->cwnd);
}

static void cubic_ack(struct cc_view *v, const struct cc_ack *a) {
	struct cubic *c = own(v);
	if (!v->in_recovery) {
		if (v->cwnd < v->ssthresh)
			slow_start(v, a);
		else
			avoidance(v, a);
		v->cwnd = min64(v->cwnd, v->config.max_window);
	}
	c->last_ack = a->now;
}

static void forgiving_ack(struct cc_view *v, const struct cc_ack *a) {
	cc_random_ack(&own(v)->random, v, a, own(v)->prior);
	cubic_ack(v, a);
}

static void forgiving_lost(struct cc_view *v, uint64_t bytes) {
	cc_random_more_lost(&own(v)->random, v, bytes, own(v)->prior);
}

static void reduce(struct cc_view *v) {
	struct cubic *c = own(v);
	cc_random_cut(&c->random, c->last_ack);
	c->undo_cwnd = v->cwnd;
	c->undo_ssthresh = v->ssthresh;
	c->undo_w_max = c->w_max;
	c->undo_prior = c->prior;
	c->undo_epoch = c->epoch;
	c->undo_k = c->k;
	c->undo_w_est = c->w_est;
	/* 4.7: a window that did not get back to where it was leaves room for a newcomer: "W_max = cwnd * (1 + beta) / 2". */
	c->w_max = v->cwnd < c->w_max ? v->cwnd * (1000 + beta(v)) / 2000 : v->cwnd;
	c->prior = v->cwnd;
	c->epoch = 0;
	v->ssthresh = max64(v->cwnd * beta(v) / 1000, max64(2 * (uint64_t)v->mtu, v->config.min_window));
}

static void cubic_loss(struct cc_view *v) {
	reduce(v);
	v->cwnd = v->ssthresh;
}

/* 4.8: "the cwnd is reduced to one segment", as in RFC 5681, and ssthresh as for any loss. */
static void cubic_timeout(struct cc_view *v, bool repeated) {
	struct cubic *c = own(v);
	if (!repeated)
		reduce(v);
	c->epoch = 0;
	v->cwnd = v->mtu;
	cc_hystart_begin(&c->slow);
}

static void cubic_undo(struct cc_view *v) {
	struct cubic *c = own(v);
	v->cwnd = max64(v->cwnd, c->undo_cwnd);
	v->ssthresh = max64(v->ssthresh, c->undo_ssthresh);
	c->w_max = c->undo_w_max;
	c->prior = c->undo_prior;
	c->epoch = c->undo_epoch;
	c->k = c->undo_k;
	c->w_est = c->undo_w_est;
}

static bool cubic_forgive(const struct cc_view *v) {
	const struct cubic *c = (const struct cubic *)(const void *)v->state;
	return cc_random_lost(&c->random, v, c->prior);
}

static void cubic_idle(struct cc_view *v, uint64_t idle_ns) {
	/* As RFC 9260, 7.2.1, has it. The window of before is remembered in ssthresh (RFC 7661's thought), so that it comes back
	 * at the speed of slow start. */
	if (v->cwnd > v->config.initial_window && idle_ns >= v->rto)
		v->ssthresh = max64(v->ssthresh, v->cwnd * 3 / 4);
	for (uint64_t t = v->rto; t > 0 && t <= idle_ns && v->cwnd > v->config.initial_window; t += v->rto)
		v->cwnd = max64(v->cwnd / 2, v->config.initial_window);
	own(v)->epoch = 0;
}

/* The curve counts packets: with another size it is another curve, which begins where the window stands. */
static void cubic_mtu(struct cc_view *v) {
	own(v)->epoch = 0;
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.prr = true,
	.init = cubic_init,
	.mtu = cubic_mtu,
	.ack = forgiving_ack,
	.lost = forgiving_lost,
	.forgive = cubic_forgive,
	.loss = cubic_loss,
	.timeout = cubic_timeout,
	.undo = cubic_undo,
	.idle = cubic_idle,
};

const struct cc_ops cc_rfc9438 = {
	.name = "rfc9438",
	.prr = true,
	.init = cubic_init,
	.mtu = cubic_mtu,
	.ack = cubic_ack,
	.loss = cubic_loss,
	.timeout = cubic_timeout,
	.undo = cubic_undo,
	.idle = cubic_idle,
};
