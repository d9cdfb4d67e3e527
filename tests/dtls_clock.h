/* dtls_clock: the clock of the system, as the whole of a program sees it, is the test's.
 *
 * GnuTLS has a call for another source of time in seconds (gnutls_global_set_time_function), which its repetitions do not ask,
 * and OpenSSL has none. So the C library's functions are replaced: those of the program come before those of a shared library.
 * Only the programs that include this file replace them. */
#ifndef TESTS_DTLS_CLOCK_H
#define TESTS_DTLS_CLOCK_H

#include <sys/time.h>
#include <time.h>

#include "dtls_stack.h"

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *t) {
	uint64_t now = other_time_of(id);
	*t = (struct timespec){.tv_sec = (time_t)(now / SLUICE_S), .tv_nsec = (long)(now % SLUICE_S)};
	return 0;
}

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict t, void *restrict zone) {
	uint64_t now = other_time_of(CLOCK_REALTIME);
	(void)zone;
	*t = (struct timeval){.tv_sec = (time_t)(now / SLUICE_S), .tv_usec = (suseconds_t)(now % SLUICE_S / SLUICE_US)};
	return 0;
}

#endif
