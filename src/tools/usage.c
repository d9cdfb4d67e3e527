/* usage: see its header. */
#include "tools/usage.h"

#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>

uint64_t usage_cpu_ns(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	uint64_t us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	              (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
	return us * 1000;
}

/* VmHWM rather than ru_maxrss: the latter remembers the program that called exec, a shell or a test runner. */
uint64_t usage_peak_rss_kb(void) {
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long long kb = 0;
	char line[128];
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %llu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}
