/* wan_table: what a transfer has to reach over which network. `make bench` prints the table (bench_wan), `make check` holds each
 * row to its `assured` values (test_wan_*.c), which are the goals where they are met, with a margin.
 *
 * All settings are the defaults but for what a row names. Goodput is payload given to the receiver's app, against what the
 * bottleneck can carry of it (wan_payload_rate()). */
#ifndef TESTS_SIM_WAN_TABLE_H
#define TESTS_SIM_WAN_TABLE_H

#include "wan.h"

#define WAN_GOALS 3

struct wan_goal {
	const char *of, *unit; /* "goodput", "% of the payload rate" */
	double goal;           /* at least, or at most, ... */
	bool at_most;
	double assured; /* what make check asserts; 0: nothing yet */
	bool no_goal;   /* only shown */
};

struct wan_row {
	const char *group, *name;
	/* Runs it for so many seconds of virtual time and writes a value for each goal. */
	void (*run)(const struct wan_row *row, uint64_t seconds, double *values);
	uint64_t rate, rtt;    /* bit/s; ns */
	unsigned queue_tenths; /* of the bandwidth-delay product */
	double loss;           /* of data packets, and of acknowledgements where a row says so */
	enum sluice_cc control, rival;
	unsigned flows;
	uint64_t from;     /* the seconds before are not measured */
	unsigned seconds;  /* in make check; 60 in make bench */
	unsigned least;    /* less says nothing at all, not even that it runs; 0: any */
	unsigned runs;     /* with different seeds; 0: one */
	uint64_t coalesce; /* see link_config */
	bool heavy;        /* under sanitizers it only runs for a moment */
	struct wan_goal goals[WAN_GOALS];
};

extern const struct wan_row wan_rows[];
extern const size_t wan_row_count;

/* For make check: runs the rows of the group whose names hold `part` and compares with what is assured. False, and the rows and
 * figures printed, when one does not hold or none was found. */
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
