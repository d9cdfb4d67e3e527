/* cc_newreno: RFC 9260, section 7.2. */
#include "sctp/tx/cc.h"

#include "base/arith.h"

struct newreno {
	uint64_t partial_bytes_acked;
	uint64_t undo_cwnd, undo_ssthresh; /* before the last reduction */
};
_Static_assert(sizeof(struct newreno) <= CC_STATE_SIZE, "the view has room for it");

static struct newreno *own(struct cc_view *v) {
	return (struct newreno *)(void *)v->state;
}

static void newreno_init(struct cc_view *v) {
	v->cwnd = v->config.initial_window;
}

static void newreno_ack(struct cc_view *v, const struct cc_ack *a) {
	struct newreno *n = own(v);
	/* RFC 9260, 7.2.2: when all that was sent is acknowledged, partial_bytes_acked begins at 0 again. */
	if (a->all_acked)
		n->partial_bytes_acked = 0;
	/* 7.2.1: cwnd grows "only if the current congestion window is being fully utilized and the data sender is not in Fast
	 * Recovery", and the SACK advances the Cumulative TSN Ack Point. */
	if (!a->advanced || v->in_recovery || !a->cwnd_limited || v->cwnd >= v->config.max_window)
		return;
	if (v->cwnd <= v->ssthresh) {
		/* By at most what was acknowledged, and by at most "L times the destination's PMDCS", where L SHOULD be 1 and
		 * MAY be more. L bounds the burst that a stretch acknowledgement lets out; our peer acknowledges once per
		 * batch of up to 64 packets, and the batch leaves in one system call anyway, so L is a batch. */
		v->cwnd += a->bytes < 64 * (uint64_t)v->mtu ? a->bytes : 64 * (uint64_t)v->mtu;
		return;
	}
	/* 7.2.2: when the window was full and a cwnd's worth of bytes has been acknowledged, "cwnd is increased by PMDCS", and
	 * that much is taken off partial_bytes_acked. */
	if (a->all_acked)
		return;
	n->partial_bytes_acked += a->bytes;
	while (n->partial_bytes_acked >= v->cwnd) {
		n->partial_bytes_acked -= v->cwnd;
		v->cwnd += v->mtu;
	}
}

static void reduce(struct cc_view *v) {
	struct newreno *n = own(v);
	n->undo_cwnd = v->cwnd;
	n->undo_ssthresh = v->ssthresh;
	n->partial_bytes_acked = 0;
	uint64_t beta = v->config.beta ? v->config.beta : 500;
	v->ssthresh = max64(max64(v->cwnd * beta / 1000, 4 * (uint64_t)v->mtu), v->config.min_window);
}

static void newreno_loss(struct cc_view *v) {
	/* 7.2.3: ssthresh = max(cwnd / 2, 4 * PMDCS), cwnd = ssthresh, partial_bytes_acked = 0. */
	reduce(v);
	v->cwnd = v->ssthresh;
}

static void newreno_timeout(struct cc_view *v, bool repeated) {
	/* 7.2.3, T3: ssthresh = max(cwnd / 2, 4 * PMDCS), cwnd = PMDCS. */
	if (!repeated)
		reduce(v);
	v->cwnd = v->mtu;
}

static void newreno_undo(struct cc_view *v) {
	struct newreno *n = own(v);
	v->cwnd = max64(v->cwnd, n->undo_cwnd);
	v->ssthresh = max64(v->ssthresh, n->undo_ssthresh);
}

static void newreno_idle(struct cc_view *v, uint64_t idle_ns) {
	/* 7.2.1: while nothing is sent, cwnd falls to max(cwnd / 2, 4 * PMDCS) once per RTO; not below the initial window,
	 * which is allowed after any silence. */
	for (uint64_t t = v->rto; t > 0 && t <= idle_ns && v->cwnd > v->config.initial_window; t += v->rto)
		v->cwnd = max64(v->cwnd / 2, v->config.initial_window);
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.prr = true,
	.init = newreno_init,
	.ack = newreno_ack,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
	.undo = newreno_undo,
	.idle = newreno_idle,
};
