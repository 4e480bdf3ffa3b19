/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/thread.h"

#include <signal.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

static void *
see_mask(void *ctx)
{
	pthread_sigmask(SIG_BLOCK, NULL, ctx);
	return ctx;
}

START_TEST(a_thread_takes_no_signal_and_its_starter_does_as_before)
{
	sigset_t mask, before, after;
	struct fault f;
	pthread_t thread;
	void *result;

	sigemptyset(&mask);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	ck_assert_int_eq(thread_start(&thread, see_mask, &mask, &f), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&mask, SIGHUP), 1);
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	ck_assert_int_eq(
	    sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}
END_TEST

START_TEST(a_condition_is_waited_for_until_its_time)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	int64_t until = clock_ms() + 30;
	pthread_cond_t cond;

	thread_cond_init(&cond);
	pthread_mutex_lock(&mutex);
	while (thread_wait_until(&cond, &mutex, until))
		;
	pthread_mutex_unlock(&mutex);
	ck_assert_int_ge(clock_ms(), until);
	pthread_cond_destroy(&cond);
}
END_TEST

UNIT_MAIN("thread", a_thread_takes_no_signal_and_its_starter_does_as_before,
    a_condition_is_waited_for_until_its_time)
