/* suite: each file is a Check program, and names its tests at the bottom:
 *
 *     START_TEST(test_a_thing_does_this) { ck_assert(...); } END_TEST
 *     SUITE("thing", test_a_thing_does_this, test_another)
 *
 * The program's optional argument is a part of a name: it then runs only the tests whose names contain it. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Check writes each assertion that passed to a file: a system call for each, and some tests assert millions of times. Here each
 * line is written once. So what Check prints of a test that crashed is the last line that passed for the first time. */
static bool suite_marked[4096];

static inline void suite_mark(const char *file, int line) {
	suite_marked[line % 4096] = true;
	_mark_point(file, line);
}
#define _mark_point(file, line) (suite_marked[(line) % 4096] ? (void)0 : suite_mark(file, line))

/* setup runs before each test, in the test's own process. It may be NULL. Each test runs `rounds` times, with its _i from 0. */
static inline int suite_run_rounds(const char *name, const TTest *const *tests, size_t count, const char *filter, double timeout,
                                   void (*setup)(void), int rounds) {
	Suite *s = suite_create(name);
	for (size_t i = 0; i < count; i++) {
		if (filter && !strstr(tests[i]->name, filter))
			continue;
		TCase *tc = tcase_create(tests[i]->name);
		tcase_set_timeout(tc, timeout);
		if (setup)
			tcase_add_checked_fixture(tc, setup, NULL);
		tcase_add_loop_test(tc, tests[i], 0, rounds);
		suite_add_tcase(s, tc);
	}
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r) + (srunner_ntests_run(r) == 0);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int suite_run_each(const char *name, const TTest *const *tests, size_t count, const char *filter, double timeout,
                                 void (*setup)(void)) {
	return suite_run_rounds(name, tests, count, filter, timeout, setup, 1);
}

static inline int suite_run(const char *name, const TTest *const *tests, size_t count, const char *filter, double timeout) {
	return suite_run_each(name, tests, count, filter, timeout, NULL);
}

/* The time limit is for hangs only. It is generous, because everything is several times slower under sanitizers and valgrind. */
#define SUITE(name, ...)                                                                                                         \
	int main(int argc, char **argv) {                                                                                        \
		const TTest *tests[] = {__VA_ARGS__};                                                                            \
		return suite_run(name, tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300);                     \
	}

#endif
