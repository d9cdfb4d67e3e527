/* cpu_time: how much of a CPU has this process used? Other processes do not count, however busy they are. */
#ifndef TESTS_CPU_TIME_H
#define TESTS_CPU_TIME_H

#include <time.h>

static inline double cpu_ms(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#endif
