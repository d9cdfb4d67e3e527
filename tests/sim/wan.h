/* wan: associations over a long line: one bottleneck, a queue, a delay, and up to WAN_FLOWS pairs of hosts that share it.
 *
 *     sender i --> bottleneck (rate, queue) --> delay, loss, reordering of its own link --> receiver i
 *     sender i <-- a link of the same rate and delay, for acknowledgements alone <-- receiver i
 *
 * Made for long runs at high rates: its hosts keep no ledger and check no invariants after each verb (wan_check() does, once a
 * second), the senders lend one and the same buffer, the receivers see by a number that nothing is missing or out of order.
 * What an app does is a table of its own; the usual pair is a sender that always has something and a receiver that counts.
 *
 * SLUICE_WAN_SAMPLES=<ms> prints what every sender knows at these intervals; SLUICE_TRACE=1 prints each packet. */
#ifndef TESTS_SIM_WAN_H
#define TESTS_SIM_WAN_H

#include "sluice/sctp.h"

#include "sim.h"

#define WAN_FLOWS 8
#define WAN_BIN (10 * SLUICE_MS)

struct wan;
struct wan_end;

/* What runs on an association. message() need not release; idle() comes after events were handled; tick() when next_tick is due.
 * Any may be NULL. */
struct wan_app {
	void (*message)(struct wan_end *e, sluice_message *m);
	void (*idle)(struct wan_end *e);
	void (*tick)(struct wan_end *e);
};

struct wan_end {
	sluice_sctp *sctp; /* first: sctp_node.h */
	struct wan *wan;
	struct wan_flow *flow;
	struct sim_host *host;
	sluice_env *env;
	struct rng entropy;
	const struct wan_app *app;
	uint64_t next_tick;
	bool connected, blocked;
	uint32_t number; /* of messages sent, or received */
	void *user;
};

struct wan_flow {
	struct wan_end sender, receiver;
	struct sim_link *there, *back;
	uint64_t start;     /* when it connects */
	uint64_t delivered; /* payload bytes given to the receiver's app */
	uint64_t sampled;   /* of those, at the last sample */
	uint64_t *bins;     /* the same by time: bin i holds what came in its WAN_BIN */
	size_t bin_count;
};

struct wan_config {
	uint64_t seed;
	uint64_t rate, rtt;             /* bit/s of SCTP packets; ns */
	size_t queue;                   /* bytes; 0: no limit */
	struct link_config there, back; /* what else is wrong with the links; their rate and delay are set by wan_open */
	unsigned flows;
	sluice_sctp_config sender[WAN_FLOWS], receiver;
	const struct wan_app *sends, *receives; /* NULL: bulk */
	uint64_t stagger;                       /* flows begin at random times within so many ns; 0: all at once */
};

struct wan {
	struct sim sim;
	struct wan_config config;
	struct bottleneck bottleneck;
	struct wan_flow flows[WAN_FLOWS];
	uint64_t started;
	uint64_t sample_interval;
};

extern const struct wan_app wan_bulk_sender, wan_bulk_receiver;

/* One flow of bulk data; queue_bdp: the queue as a multiple of the bandwidth-delay product, in tenths. */
void wan_config_init(struct wan_config *c, uint64_t rate, uint64_t rtt, unsigned queue_tenths);
void wan_open(struct wan *w, const struct wan_config *c);
/* Until so long after the beginning; fails when an association ends. */
void wan_run(struct wan *w, uint64_t until);
void wan_close(struct wan *w);
static inline uint64_t wan_clock(const struct wan *w) {
	return w->sim.now - w->started;
}

/* Payload bytes/s that the bottleneck carries in full packets: rate / 8 * (MTU - 12 - header of a DATA or I-DATA chunk) / MTU,
 * with what the first sender uses now. */
double wan_payload_rate(const struct wan *w);
/* What the flow's app got in [from, to) after the beginning, in bytes/s; the times are multiples of WAN_BIN. */
double wan_goodput(const struct wan_flow *f, uint64_t from, uint64_t to);
/* Of n shares, 1 when all are equal, 1/n when one has all (R. Jain, 1984). */
double wan_jain(const double *shares, unsigned n);
/* value that `share` of the values do not exceed; sorts them. 0 without values. */
double wan_quantile(double *values, size_t count, double share);

#endif
