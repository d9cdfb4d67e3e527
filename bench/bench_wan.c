/* bench_wan: how do associations behave over real networks? The table of tests/sim/wan_table.c, in virtual time: goals, and what
 * is reached. The figures are the simulator's, so they are the same on any machine. */
#include <stdio.h>
#include <string.h>

#include "bench/harness.h"
#include "sim/wan_table.h"

static void report(const struct wan_row *row, const struct wan_goal *g, double value) {
	char name[192], extra[256] = "";
	snprintf(name, sizeof name, "%s: %s", row->name, g->of);
	int n = snprintf(extra, sizeof extra, "\"network\":\"%s\",\"of\":\"%s\"", row->name, g->of);
	if (!g->no_goal)
		snprintf(extra + n, sizeof extra - (size_t)n, ",\"goal\":\"%s %g\",\"verdict\":\"%s\"",
		         g->at_most ? "<=" : ">=", g->goal, wan_met(g, value, g->goal) ? "met" : "missed");
	bench_report(&(struct bench_figure){.bench = "wan",
	                                    .name = name,
	                                    .unit = g->unit,
	                                    .values = &value,
	                                    .count = 1,
	                                    .more_is_better = !g->at_most,
	                                    .extra = extra});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	for (size_t i = 0; i < wan_row_count; i++) {
		const struct wan_row *row = &wan_rows[i];
		double values[WAN_GOALS] = {0};
		if (!bench_wants("wan", row->name))
			continue;
		row->run(row, bench_is_fast() ? row->least ? row->least : 3 : 60, values);
		for (unsigned k = 0; k < wan_goal_count(row); k++)
			report(row, &row->goals[k], values[k]);
	}
	return bench_end();
}
