/* must: an assertion of programs that Check does not run, and of what lies below the tests. It holds in every build. */
#ifndef TESTS_SIM_MUST_H
#define TESTS_SIM_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                          \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                          \
			abort();                                                                                                 \
		}                                                                                                                \
	} while (0)

#endif
