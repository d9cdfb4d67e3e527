/* usage: what this process used so far. */
#ifndef TOOLS_USAGE_H
#define TOOLS_USAGE_H

#include <stdint.h>

/* User and system time. */
uint64_t usage_cpu_ns(void);
/* Memory at its peak; 0: not known. */
uint64_t usage_peak_rss_kb(void);

#endif
