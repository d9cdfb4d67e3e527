/* direct: two associations mouth to mouth: what one writes is what the other reads, at once, in the same memory.
 *
 * No world, no delay, no copy and no allocation of its own: for benches, for counting allocations and for fuzzing. Batches
 * are written into a slab of the receiver's environment, as a socket would fill it. */
#ifndef TESTS_SIM_DIRECT_H
#define TESTS_SIM_DIRECT_H

#include "sluice/sctp.h"

#define DIRECT_BATCH 64

struct direct {
	sluice_env *env; /* both live on one thread */
	sluice_sctp *a, *b;
	uint64_t now;
	void (*on_event)(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e);
	void *user;
};

static inline void direct_drain(struct direct *d, sluice_sctp *at) {
	sluice_sctp_event e;
	while (sluice_sctp_poll(at, &e)) {
		if (d->on_event)
			d->on_event(d, at, &e);
		else if (e.message)
			sluice_message_release(e.message);
	}
}

/* One batch from one to the other. False when there was none. */
static inline bool direct_pass(struct direct *d, sluice_sctp *from, sluice_sctp *to) {
	sluice_slab *slab = sluice_slab_get(d->env);
	if (!slab)
		return false;
	sluice_batch b = {.data = sluice_slab_data(slab), .capacity = sluice_slab_size(slab), .max_datagrams = DIRECT_BATCH};
	int n = sluice_sctp_output(from, &b, d->now);
	if (n > 0) {
		sluice_datagram in[DIRECT_BATCH];
		for (int i = 0; i < n; i++)
			in[i] = (sluice_datagram){sluice_batch_slot(&b, (size_t)i), sluice_batch_slot_len(&b, (size_t)i), slab};
		sluice_sctp_input(to, in, (size_t)n, d->now);
	}
	sluice_slab_unref(slab);
	direct_drain(d, to);
	return n > 0;
}

/* Until both are silent; then lets the nearest timer run if it is due within `patience`. False when nothing happened. */
static inline bool direct_run(struct direct *d, uint64_t patience) {
	bool any = false, more;
	do {
		more = direct_pass(d, d->a, d->b);
		more |= direct_pass(d, d->b, d->a);
		any |= more;
	} while (more);
	uint64_t at = sluice_sctp_deadline(d->a), at_b = sluice_sctp_deadline(d->b);
	if (at_b < at)
		at = at_b;
	if (at == SLUICE_NEVER || at > d->now + patience)
		return any;
	d->now = at > d->now ? at : d->now;
	sluice_sctp_advance(d->a, d->now);
	sluice_sctp_advance(d->b, d->now);
	return true;
}

/* Makes both and connects them. 0 or an error. */
static inline int direct_open(struct direct *d, sluice_env *env, const sluice_sctp_config *config) {
	*d = (struct direct){.env = env, .now = SLUICE_S};
	int error = sluice_sctp_new(env, config, &d->a);
	if (!error)
		error = sluice_sctp_new(env, config, &d->b);
	if (!error)
		error = sluice_sctp_connect(d->a);
	for (unsigned i = 0; !error && i < 1000 && sluice_sctp_state(d->a) != SLUICE_SCTP_ESTABLISHED; i++)
		direct_run(d, SLUICE_S);
	return error ? error : sluice_sctp_state(d->a) == SLUICE_SCTP_ESTABLISHED ? 0 : SLUICE_TIMED_OUT;
}

static inline void direct_close(struct direct *d) {
	sluice_sctp_free(d->a);
	sluice_sctp_free(d->b);
}

#endif
