/* suite: one Check program a file, its tests listed by name at the bottom:
 *
 *     START_TEST(test_a_thing_does_this) { ck_assert(...); } END_TEST
 *     SUITE("thing", test_a_thing_does_this, test_another)
 *
 * The program takes an optional argument, a part of a test's name, and then runs only those that hold it. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* setup may be NULL; else it runs before each test, in the test's own process. */
static inline int suite_run_each(const char *name, const TTest *const *tests, size_t count, const char *filter, double timeout,
                                 void (*setup)(void)) {
	Suite *s = suite_create(name);
	for (size_t i = 0; i < count; i++) {
		if (filter && !strstr(tests[i]->name, filter))
			continue;
		TCase *tc = tcase_create(tests[i]->name);
		tcase_set_timeout(tc, timeout);
		if (setup)
			tcase_add_checked_fixture(tc, setup, NULL);
		tcase_add_test(tc, tests[i]);
		suite_add_tcase(s, tc);
	}
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r) + (srunner_ntests_run(r) == 0);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int suite_run(const char *name, const TTest *const *tests, size_t count, const char *filter, double timeout) {
	return suite_run_each(name, tests, count, filter, timeout, NULL);
}

/* Under sanitizers and valgrind everything is several times slower, so the limit is generous: it is there for hangs. */
#define SUITE(name, ...)                                                                                                         \
	int main(int argc, char **argv) {                                                                                        \
		const TTest *tests[] = {__VA_ARGS__};                                                                            \
		return suite_run(name, tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300);                     \
	}

#endif
