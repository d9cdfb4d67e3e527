/* check: as much of Check as a test needs that is built for another CPU, for which the library is not installed. All tests run in
 * one process, and the first assertion that fails ends it. tests/test_crc32c_aarch64.sh puts this folder before the others. */
#ifndef TESTS_CROSS_CHECK_H
#define TESTS_CROSS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	const char *name;
	void (*fn)(int _i);
} TTest;

#define START_TEST(test)                                                                                                         \
	static void test##_fn(int _i);                                                                                           \
	static const TTest test##_ttest = {#test, test##_fn};                                                                    \
	static const TTest *const test = &test##_ttest;                                                                          \
	static void test##_fn(int _i __attribute__((unused)))
#define END_TEST

#define ck_abort_msg(...)                                                                                                        \
	do {                                                                                                                     \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                                  \
		fprintf(stderr, __VA_ARGS__);                                                                                    \
		fputc('\n', stderr);                                                                                             \
		exit(1);                                                                                                         \
	} while (0)
#define ck_assert_msg(holds, ...)                                                                                                \
	do {                                                                                                                     \
		_mark_point(__FILE__, __LINE__);                                                                                 \
		if (!(holds))                                                                                                    \
			ck_abort_msg(__VA_ARGS__);                                                                               \
	} while (0)
#define ck_assert(holds) ck_assert_msg(holds, "%s", #holds)
#define ck_assert_uint_eq(a, b) ck_assert((a) == (b))
#define ck_assert_int_eq(a, b) ck_assert((a) == (b))
#define ck_assert_mem_eq(a, b, len) ck_assert(memcmp(a, b, len) == 0)
#define ck_assert_ptr_eq(a, b) ck_assert((a) == (b))
#define ck_assert_ptr_ne(a, b) ck_assert((a) != (b))
#define ck_assert_ptr_null(p) ck_assert((p) == NULL)
#define ck_assert_ptr_nonnull(p) ck_assert((p) != NULL)

static inline void _mark_point(const char *file, int line) {
	(void)file, (void)line;
}

/* ---- what tests/suite.h calls ---- */

#define CK_NORMAL 0
typedef int Suite, SRunner, TCase;

static int cross_tests;

static inline Suite *suite_create(const char *name) {
	static Suite suite;
	(void)name;
	return &suite;
}
static inline TCase *tcase_create(const char *name) {
	return suite_create(name);
}
static inline void tcase_set_timeout(TCase *tc, double seconds) {
	(void)tc, (void)seconds;
}
static inline void tcase_add_checked_fixture(TCase *tc, void (*setup)(void), void (*teardown)(void)) {
	(void)tc, (void)teardown;
	setup();
}
static inline void tcase_add_loop_test(TCase *tc, const TTest *test, int from, int to) {
	(void)tc;
	for (int i = from; i < to; i++, cross_tests++)
		test->fn(i);
}
static inline void suite_add_tcase(Suite *s, TCase *tc) {
	(void)s, (void)tc;
}
static inline SRunner *srunner_create(Suite *s) {
	return s;
}
static inline void srunner_run_all(SRunner *r, int how) {
	(void)r, (void)how;
	printf("%d tests passed\n", cross_tests);
}
static inline int srunner_ntests_failed(const SRunner *r) {
	(void)r;
	return 0;
}
static inline int srunner_ntests_run(const SRunner *r) {
	(void)r;
	return cross_tests;
}
static inline void srunner_free(SRunner *r) {
	(void)r;
}

#endif
