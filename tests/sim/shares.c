#include "shares.h"

static void configure(const struct shares_case *c, struct wan_config *config) {
	wan_config_init(config, c->rate, c->rtt, c->queue_tenths);
	config->seed += c->seed;
	config->flows = c->flows;
	config->stagger = c->stagger;
	config->there.loss = c->loss;
	for (unsigned i = 0; i < c->flows; i++)
		config->sender[i].congestion_control = c->controls[i];
}

void shares_measure(const struct shares_case *c, struct shares *s) {
	struct wan_config config;
	struct wan w;
	configure(c, &config);
	wan_open(&w, &config);
	wan_run(&w, c->from);
	bottleneck_measure(&w.bottleneck, w.sim.now);
	wan_run(&w, c->until);
	*s = (struct shares){.weakest = 1};
	double fair = wan_payload_rate(&w) / c->flows;
	for (unsigned i = 0; i < c->flows; i++) {
		s->goodput[i] = wan_goodput(&w.flows[i], c->from, c->until);
		s->used += s->goodput[i] / wan_payload_rate(&w);
		s->weakest = s->goodput[i] / fair < s->weakest ? s->goodput[i] / fair : s->weakest;
	}
	s->jain = wan_jain(s->goodput, c->flows);
	s->mean_wait = (double)bottleneck_mean_wait(&w.bottleneck) / (double)c->rtt;
	s->p95_wait = (double)bottleneck_wait_below(&w.bottleneck, 0.95) / (double)c->rtt;
	wan_close(&w);
}
