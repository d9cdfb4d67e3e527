/* clock: what time is it? The one place of the library that asks. Declared in sluice/loop.h. */
#include <time.h>

#include "loop/loop.h"

uint64_t sluice_now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}
