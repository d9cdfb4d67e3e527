/* cc_newreno: RFC 9260, section 7.2. */
#include "sctp/cc.h"

static uint64_t max64(uint64_t a, uint64_t b) {
	return a > b ? a : b;
}

static void newreno_init(struct cc_view *v) {
	/* The caller has set ssthresh from the peer's window: RFC 9260, 7.2.1, lets it begin as high as one likes. */
	v->cwnd = v->initial_window;
	v->partial_bytes_acked = 0;
}

static void newreno_ack(struct cc_view *v, const struct cc_ack *a) {
	/* 7.2.1: cwnd grows "only if the current congestion window is being fully utilized and the data sender is not in Fast
	 * Recovery", and the SACK advances the Cumulative TSN Ack Point. */
	if (!a->advanced || v->in_recovery || a->flight_before + v->mtu <= v->cwnd)
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
	v->partial_bytes_acked += a->bytes;
	while (v->partial_bytes_acked >= v->cwnd) {
		v->partial_bytes_acked -= v->cwnd;
		v->cwnd += v->mtu;
	}
}

static void newreno_loss(struct cc_view *v) {
	/* 7.2.3: ssthresh = max(cwnd / 2, 4 * PMDCS), cwnd = ssthresh, partial_bytes_acked = 0. */
	v->ssthresh = max64(v->cwnd / 2, 4 * (uint64_t)v->mtu);
	v->cwnd = v->ssthresh;
	v->partial_bytes_acked = 0;
}

static void newreno_timeout(struct cc_view *v) {
	/* 7.2.3, T3: ssthresh = max(cwnd / 2, 4 * PMDCS), cwnd = PMDCS. */
	v->ssthresh = max64(v->cwnd / 2, 4 * (uint64_t)v->mtu);
	v->cwnd = v->mtu;
	v->partial_bytes_acked = 0;
}

static void newreno_idle(struct cc_view *v, uint64_t idle_ns) {
	/* 7.2.1: while nothing is sent, cwnd falls to max(cwnd / 2, 4 * PMDCS) once per RTO; not below the initial window,
	 * which is allowed after any silence. */
	for (uint64_t t = v->rto; t > 0 && t <= idle_ns && v->cwnd > v->initial_window; t += v->rto)
		v->cwnd = max64(v->cwnd / 2, v->initial_window);
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.ack = newreno_ack,
	.loss = newreno_loss,
	.timeout = newreno_timeout,
	.idle = newreno_idle,
};
