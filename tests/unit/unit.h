/* SPDX-License-Identifier: ISC */
/* What each unit test program has in common: one suite, run, an exit status. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

#include "base/str.h"

/* The bytes of a view against a C string. */
#define ck_assert_view_eq(view, text)                                        \
	do {                                                                 \
		struct str v_ = (view);                                      \
		ck_assert_msg(str_is(v_, str(text)),                         \
		    "%s is \"%.*s\", not \"%s\"", #view, STR_ARG(v_), text); \
	} while (0)

static inline int
unit_run(const char *name, const TTest *const *tests, size_t n, int times)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < n; i++)
		tcase_add_loop_test(tcase, tests[i], 0, times);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* UNIT_MAIN("str", str_cut_takes_the_part_before, ...) */
#define UNIT_MAIN(name, ...) UNIT_MAIN_TIMES(name, 1, __VA_ARGS__)

/* Runs each test so many times, with _i from 0 on. */
#define UNIT_MAIN_TIMES(name, times, ...)                              \
	int main(void)                                                 \
	{                                                              \
		const TTest *const tests[] = {__VA_ARGS__};            \
		return unit_run(                                       \
		    name, tests, sizeof tests / sizeof *tests, times); \
	}

#endif
