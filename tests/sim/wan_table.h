/* wan_table: what a transfer has to reach over which network. `make bench` prints the table (bench_wan). `make check`
 * (test_wan_*.c) fails when a row misses an `assured` value; where the goal is met, that is the goal with a margin.
 *
 * A row uses the default settings, except those that it names. Goodput is the payload given to the receiver's app, as a share of
 * what the bottleneck can carry (wan_payload_rate()). */
#ifndef TESTS_SIM_WAN_TABLE_H
#define TESTS_SIM_WAN_TABLE_H

#include "wan.h"

#define WAN_GOALS 3

struct wan_goal {
	const char *of, *unit; /* "goodput", "% of the payload rate" */
	double goal;
	bool at_most;   /* the goal is an upper bound */
	double assured; /* what make check asserts; 0: nothing yet */
	bool no_goal;   /* the value is only shown */
};

struct wan_row {
	const char *group, *name;
	/* Runs the row for this time of virtual time and writes a value for each goal. */
	void (*run)(const struct wan_row *row, uint64_t seconds, double *values);
	uint64_t rate, rtt;    /* bit/s; ns */
	unsigned queue_tenths; /* of the bandwidth-delay product */
	double loss;           /* of data packets, and of acknowledgements where a row says so */
	enum sluice_cc control, rival;
	unsigned flows;
	uint64_t from;     /* seconds; the time before is not measured */
	unsigned seconds;  /* in make check; 60 in make bench */
	unsigned least;    /* seconds; a shorter run shows nothing; 0: any length will do */
	unsigned runs;     /* with different seeds; 0: one */
	uint64_t coalesce; /* see link_config */
	uint64_t stall;    /* link_config's stall_most of both ends; every STALL_EVERY */
	bool heavy;        /* under sanitizers it runs only for a moment */
	struct wan_goal goals[WAN_GOALS];
};

extern const struct wan_row wan_rows[];
extern const size_t wan_row_count;

/* For make check: runs the rows of the group whose names contain `part`, and compares their values with those that are assured.
 * When a value misses, or no row was found, it prints rows and figures and returns false. */
bool wan_assure(const char *group, const char *part);

static inline unsigned wan_goal_count(const struct wan_row *row) {
	unsigned n = 0;
	while (n < WAN_GOALS && row->goals[n].of)
		n++;
	return n;
}
static inline bool wan_met(const struct wan_goal *g, double value, double bound) {
	return g->at_most ? value <= bound : value >= bound;
}

#endif
