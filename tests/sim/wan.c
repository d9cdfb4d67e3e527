#include "wan.h"

#include <stdio.h>
#include <stdlib.h>

#include "packets.h"
#include "sctp/association.h"
#include "sctp_node.h"
#include "sorted.h"

/* ---- the usual apps ---- */

#define BULK_MESSAGE 16384
static const uint8_t bulk[BULK_MESSAGE];

static void bulk_idle(struct wan_end *e) {
	struct iovec iov = {(void *)(uintptr_t)bulk, sizeof bulk};
	while (e->connected && !e->blocked) {
		sluice_send_info info = {.ppid = e->number};
		int rc = sluice_sctp_sendv(e->sctp, &info, &iov, 1, NULL, NULL);
		if (rc == SLUICE_WOULD_BLOCK)
			e->blocked = true;
		else if (rc < 0)
			sim_fail(&e->wan->sim, "host %s: sendv: %s", e->host->name, sluice_error_name(rc));
		else
			e->number++;
	}
}

static void bulk_message(struct wan_end *e, sluice_message *m) {
	if (m->len != BULK_MESSAGE || m->ppid != e->number)
		sim_fail(&e->wan->sim, "host %s: message %u of %zu bytes where number %u was due", e->host->name, m->ppid, m->len,
		         e->number);
	e->number++;
}

const struct wan_app wan_bulk_sender = {.idle = bulk_idle};
const struct wan_app wan_bulk_receiver = {.message = bulk_message};

/* ---- an end ---- */

static void end_advance(void *node, uint64_t now) {
	struct wan_end *e = node;
	if (e->next_tick <= now) {
		e->next_tick = SLUICE_NEVER;
		e->app->tick(e);
	}
	sluice_sctp_advance(e->sctp, now);
}

static uint64_t end_deadline(void *node) {
	const struct wan_end *e = node;
	uint64_t deadline = sluice_sctp_deadline(e->sctp);
	return deadline < e->next_tick ? deadline : e->next_tick;
}

static void on_message(struct wan_end *e, sluice_message *m) {
	struct wan_flow *f = e->flow;
	if (e == &f->receiver) {
		size_t bin = wan_clock(e->wan) / WAN_BIN;
		if (bin >= f->bin_count)
			sim_fail(&e->wan->sim, "no bin for now");
		f->delivered += m->len;
		f->bins[bin] += m->len;
	}
	if (e->app->message)
		e->app->message(e, m);
	sluice_message_release(m);
}

static void on_event(struct wan_end *e, const sluice_sctp_event *event) {
	switch (event->type) {
	case SLUICE_SCTP_MESSAGE:
		on_message(e, event->message);
		break;
	case SLUICE_SCTP_CONNECTED:
		e->connected = true;
		break;
	case SLUICE_SCTP_WRITABLE:
		e->blocked = false;
		break;
	case SLUICE_SCTP_ENDED: {
		const char *text;
		sluice_sctp_error(e->sctp, &text);
		sim_fail(&e->wan->sim, "host %s: the association ended: %s", e->host->name, text);
	}
	default:
		break;
	}
}

static void end_dispatch(void *node, uint64_t now) {
	struct wan_end *e = node;
	sluice_sctp_event event;
	(void)now;
	while (sluice_sctp_poll(e->sctp, &event))
		on_event(e, &event);
	if (e->app->idle)
		e->app->idle(e);
}

static void end_free(void *node) {
	struct wan_end *e = node;
	sluice_sctp_free(e->sctp);
	sluice_env_free(e->env);
}

_Static_assert(offsetof(struct wan_end, sctp) == 0, "sctp_node.h");
static const struct sim_node_ops end_ops = {
	.input = sctp_node_input,
	.advance = end_advance,
	.output = sctp_node_output,
	.deadline = end_deadline,
	.dispatch = end_dispatch,
	.free = end_free,
};

static void end_open(struct wan_end *e, struct wan_flow *f, struct wan *w, const char *name, const sluice_sctp_config *config,
                     const struct wan_app *app) {
	*e = (struct wan_end){.wan = w,
	                      .flow = f,
	                      .entropy = rng_of(w->config.seed, 100 + w->sim.host_count),
	                      .app = app,
	                      .next_tick = SLUICE_NEVER};
	sluice_env_config env = {.entropy = rng_entropy, .entropy_ctx = &e->entropy};
	int rc = sluice_env_new(&env, &e->env);
	if (!rc)
		rc = sluice_sctp_new(e->env, config, &e->sctp);
	if (rc)
		sim_fail(&w->sim, "host %s: %s", name, sluice_error_name(rc));
	e->host = sim_add_host(&w->sim, name, &end_ops, e, e->env);
}

/* ---- the world ---- */

void wan_config_init(struct wan_config *c, uint64_t rate, uint64_t rtt, unsigned queue_tenths) {
	*c = (struct wan_config){.seed = sim_seed(1), .rate = rate, .rtt = rtt, .flows = 1};
	c->queue = (size_t)(rate / 8 * rtt / SLUICE_S * queue_tenths / 10);
	for (unsigned i = 0; i < WAN_FLOWS; i++)
		sluice_sctp_config_init(&c->sender[i]);
	sluice_sctp_config_init(&c->receiver);
}

static void connect_flow(void *ctx) {
	struct wan_end *e = ctx;
	int rc = sluice_sctp_connect(e->sctp);
	if (rc)
		sim_fail(&e->wan->sim, "connect: %s", sluice_error_name(rc));
}

static void flow_open(struct wan *w, unsigned i, struct rng *dice_of_starts) {
	static const char *const names[WAN_FLOWS][2] = {{"a0", "b0"}, {"a1", "b1"}, {"a2", "b2"}, {"a3", "b3"},
	                                                {"a4", "b4"}, {"a5", "b5"}, {"a6", "b6"}, {"a7", "b7"}};
	struct wan_config *c = &w->config;
	struct wan_flow *f = &w->flows[i];
	end_open(&f->sender, f, w, names[i][0], &c->sender[i], c->sends ? c->sends : &wan_bulk_sender);
	end_open(&f->receiver, f, w, names[i][1], &c->receiver, c->receives ? c->receives : &wan_bulk_receiver);
	sim_join(&w->sim, f->sender.host, f->receiver.host, NULL);
	f->there = sim_link(&w->sim, f->sender.host, f->receiver.host);
	f->back = sim_link(&w->sim, f->receiver.host, f->sender.host);
	f->there->config = c->there;
	f->back->config = c->back;
	f->there->config.delay = c->rtt / 2;
	f->back->config.delay = c->rtt - c->rtt / 2;
	f->there->bottleneck = &w->bottleneck;
	f->back->config.rate = c->rate;
	f->start = c->stagger ? rng_below(dice_of_starts, c->stagger) : 0;
	sim_at(&w->sim, w->sim.now + f->start, connect_flow, &f->sender);
}

void wan_open(struct wan *w, const struct wan_config *c) {
	memset(w, 0, sizeof *w);
	w->config = *c;
	sim_init(&w->sim, c->seed);
	w->sim.quick = true;
	w->sim.describe = packet_describe;
	w->started = w->sim.now;
	w->bottleneck = (struct bottleneck){.rate = c->rate, .queue = c->queue};
	const char *samples = getenv("SLUICE_WAN_SAMPLES");
	w->sample_interval = samples ? strtoull(samples, NULL, 10) * SLUICE_MS : 0;
	struct rng starts = rng_of(c->seed, 99);
	for (unsigned i = 0; i < c->flows; i++)
		flow_open(w, i, &starts);
}

void wan_close(struct wan *w) {
	for (unsigned i = 0; i < w->config.flows; i++)
		free(w->flows[i].bins);
	sim_close(&w->sim);
}

static void check(const struct wan *w) {
	for (unsigned i = 0; i < w->config.flows; i++)
		if (!association_check(w->flows[i].sender.sctp) || !association_check(w->flows[i].receiver.sctp))
			sim_fail(&w->sim, "flow %u: an invariant does not hold", i);
}

static void print_samples(struct wan *w, uint64_t interval) {
	for (unsigned i = 0; i < w->config.flows; i++) {
		struct wan_flow *f = &w->flows[i];
		sluice_sctp_stats s;
		sluice_sctp_stats_get(f->sender.sctp, &s);
		double queued = w->bottleneck.busy_until > w->sim.now ? (double)(w->bottleneck.busy_until - w->sim.now) / 1e6 : 0;
		fprintf(stderr,
		        "%9.3f flow %u  %8.3f Mbit/s  cwnd %9u ssthresh %10u flight %9u peer_window %9u  srtt %7.2f ms rto %4.0f "
		        " "
		        "queue %7.2f ms drops %llu  pace %8.3f Mbit/s  lost %u  retransmitted %llu t3 %llu  buffered %llu\n",
		        (double)wan_clock(w) / 1e9, i, (double)(f->delivered - f->sampled) * 8e3 / (double)interval, s.cwnd,
		        s.ssthresh, s.flight_size, s.peer_window, (double)s.srtt / 1e6, (double)s.rto / 1e6, queued,
		        (unsigned long long)w->bottleneck.drops, (double)f->sender.sctp->tx.view.pacing_rate * 8 / 1e6,
		        (unsigned)f->sender.sctp->tx.sent.lost, (unsigned long long)s.retransmitted_chunks,
		        (unsigned long long)s.timeouts, (unsigned long long)s.buffered);
		f->sampled = f->delivered;
	}
}

static void make_bins(struct wan *w, uint64_t until) {
	size_t count = until / WAN_BIN + 1;
	for (unsigned i = 0; i < w->config.flows; i++) {
		struct wan_flow *f = &w->flows[i];
		if (f->bin_count >= count)
			continue;
		f->bins = realloc(f->bins, count * sizeof *f->bins);
		if (!f->bins)
			abort();
		memset(f->bins + f->bin_count, 0, (count - f->bin_count) * sizeof *f->bins);
		f->bin_count = count;
	}
}

void wan_run(struct wan *w, uint64_t until) {
	uint64_t interval = w->sample_interval ? w->sample_interval : SLUICE_S;
	make_bins(w, until);
	while (wan_clock(w) < until) {
		uint64_t next = (wan_clock(w) / interval + 1) * interval;
		sim_run(&w->sim, w->started + (next < until ? next : until));
		check(w);
		if (w->sample_interval)
			print_samples(w, interval);
	}
}

/* ---- figures ---- */

double wan_payload_rate(const struct wan *w) {
	const sluice_sctp *a = w->flows[0].sender.sctp;
	return (double)w->config.rate / 8 * sender_payload_max(&a->tx) / a->tx.mtu;
}

double wan_goodput(const struct wan_flow *f, uint64_t from, uint64_t to) {
	uint64_t bytes = 0;
	for (uint64_t bin = from / WAN_BIN; bin < to / WAN_BIN; bin++)
		bytes += f->bins[bin];
	return (double)bytes * 1e9 / (double)(to - from);
}

double wan_jain(const double *shares, unsigned n) {
	double sum = 0, squares = 0;
	for (unsigned i = 0; i < n; i++) {
		sum += shares[i];
		squares += shares[i] * shares[i];
	}
	return squares > 0 ? sum * sum / (n * squares) : 0;
}

double wan_quantile(double *values, size_t count, double share) {
	if (!count)
		return 0;
	sorted_doubles(values, count);
	size_t i = (size_t)(share * (double)count);
	return values[i < count ? i : count - 1];
}
