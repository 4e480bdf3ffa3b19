/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/thread.h"

#include <errno.h>
#include <signal.h>

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
