#include "pair.h"

void pair_config_init(struct pair_config *c) {
	*c = (struct pair_config){.seed = sim_seed(1), .ab.delay = PAIR_DELAY, .ba.delay = PAIR_DELAY};
	sluice_sctp_config_init(&c->a);
	sluice_sctp_config_init(&c->b);
}

static void shape(struct sim_host *h, const struct pair_config *c) {
	if (c->batch_max)
		h->batch_max = c->batch_max;
	h->headroom = c->headroom;
	h->tailroom = c->tailroom;
}

void pair_init(struct pair *p, const struct pair_config *config) {
	struct pair_config defaults;
	pair_config_init(&defaults);
	const struct pair_config *c = config ? config : &defaults;
	*p = (struct pair){0};
	sim_init(&p->sim, c->seed);
	p->sim.describe = packet_describe;
	p->started = p->sim.now;
	p->a = sctp_host_new(&p->sim, "a", &c->a);
	p->b = sctp_host_new(&p->sim, "b", &c->b);
	shape(p->a->host, c);
	shape(p->b->host, c);
	sim_join(&p->sim, p->a->host, p->b->host, NULL);
	p->ab = sim_link(&p->sim, p->a->host, p->b->host);
	p->ba = sim_link(&p->sim, p->b->host, p->a->host);
	p->ab->config = c->ab;
	p->ba->config = c->ba;
	ledger_init(&p->to_b, c->seed * 2);
	ledger_init(&p->to_a, c->seed * 2 + 1);
	p->a->sends = p->b->receives = &p->to_b;
	p->b->sends = p->a->receives = &p->to_a;
	if (!c->no_record) {
		link_filter(p->ab, record, &p->recorder);
		link_filter(p->ba, record, &p->recorder);
	}
}

void pair_free(struct pair *p) {
	sim_close(&p->sim);
	ledger_free(&p->to_a);
	ledger_free(&p->to_b);
	recorder_free(&p->recorder);
}

/* Not only connected: whoever opens is told so half a round trip before the other side knows of it. */
static bool both_established(const struct pair *p) {
	return p->a->connected && p->b->connected && sctp_host_state(p->a) == SLUICE_SCTP_ESTABLISHED &&
	       sctp_host_state(p->b) == SLUICE_SCTP_ESTABLISHED;
}

void pair_connect(struct pair *p, uint64_t within) {
	int rc = sluice_sctp_connect(p->a->sctp);
	if (rc < 0)
		sim_fail(&p->sim, "connect returned %s", sluice_error_name(rc));
	if (!SIM_UNTIL(&p->sim, p->sim.now + within, both_established(p)))
		sim_fail(&p->sim, "not connected: %s and %s", sluice_sctp_state_name(sctp_host_state(p->a)),
		         sluice_sctp_state_name(sctp_host_state(p->b)));
}

void pair_start(struct pair *p, const struct pair_config *config) {
	pair_init(p, config);
	pair_connect(p, 60 * SLUICE_S);
}

void pair_send_as(struct pair *p, struct sctp_host *from, sluice_send_info info, size_t len) {
	int rc = sctp_host_send(from, &info, len);
	if (rc < 0)
		sim_fail(&p->sim, "host %s: a message of %zu bytes on stream %u: %s", from->host->name, len, info.stream,
		         sluice_error_name(rc));
}

void pair_send(struct pair *p, struct sctp_host *from, uint16_t stream, size_t len) {
	pair_send_as(p, from, (sluice_send_info){.stream = stream}, len);
}

static bool delivered(const struct pair *p) {
	return ledger_complete(&p->to_a) && ledger_complete(&p->to_b) && sctp_host_stats(p->a).buffered == 0 &&
	       sctp_host_stats(p->b).buffered == 0;
}

void pair_deliver(struct pair *p, uint64_t within) {
	if (!SIM_UNTIL(&p->sim, p->sim.now + within, delivered(p)))
		sim_fail(&p->sim, "not delivered: %u missing at b, %u at a; buffered %llu and %llu; %s and %s", p->to_b.missing,
		         p->to_a.missing, (unsigned long long)sctp_host_stats(p->a).buffered,
		         (unsigned long long)sctp_host_stats(p->b).buffered, sluice_sctp_state_name(sctp_host_state(p->a)),
		         sluice_sctp_state_name(sctp_host_state(p->b)));
}

void pair_shutdown(struct pair *p, struct sctp_host *from, uint64_t within) {
	int rc = sluice_sctp_shutdown(from->sctp);
	if (rc < 0)
		sim_fail(&p->sim, "shutdown returned %s", sluice_error_name(rc));
	if (!SIM_UNTIL(&p->sim, p->sim.now + within, p->a->ended && p->b->ended))
		sim_fail(&p->sim, "shutdown hangs: %s and %s", sluice_sctp_state_name(sctp_host_state(p->a)),
		         sluice_sctp_state_name(sctp_host_state(p->b)));
	if (p->a->end_error || p->b->end_error)
		sim_fail(&p->sim, "shutdown ended with %s and %s", sluice_error_name(p->a->end_error),
		         sluice_error_name(p->b->end_error));
}
