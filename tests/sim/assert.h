/* assert: Check's assertions, with the replay command of the last world beside them. Include it after check.h. */
#ifndef TESTS_SIM_ASSERT_H
#define TESTS_SIM_ASSERT_H

#include <check.h>

#include "sim.h"

/* All of Check's macros end in this function; a macro's own name inside it is not expanded again. */
#define _ck_assert_failed(...) (sim_print_replay(), _ck_assert_failed(__VA_ARGS__))

#endif
