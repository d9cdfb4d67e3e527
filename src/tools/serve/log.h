/* log: what whoever runs the server reads about it on stderr. */
#ifndef TOOLS_SERVE_LOG_H
#define TOOLS_SERVE_LOG_H

#include <stdbool.h>

#include "base/rate.h"

struct log {
	bool verbose;
	struct rate warnings;
	unsigned left_out; /* warnings since the last one that was printed */
};

/* With --verbose: a line for each thing that happens to a peer. */
__attribute__((format(printf, 2, 3))) void log_line(const struct log *l, const char *format, ...);
/* Without --verbose too, but not often: somebody ran into a limit. */
__attribute__((format(printf, 2, 3))) void log_warn(struct log *l, const char *format, ...);

#endif
