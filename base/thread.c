/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int
thread_start(
    pthread_t *thread, void *(*run)(void *ctx), void *ctx, struct fault *f)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	rc = pthread_create(thread, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = rc;
	return rc == 0 ? 0 : fault_errno(f, "cannot start a thread");
}

void
thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

bool
thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until)
{
	struct timespec at = {
	    .tv_sec = (time_t)(until / 1000),
	    .tv_nsec = (long)(until % 1000) * 1000000,
	};

	return pthread_cond_timedwait(cond, mutex, &at) != ETIMEDOUT;
}
