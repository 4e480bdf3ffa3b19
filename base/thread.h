/* SPDX-License-Identifier: ISC */
/* Threads of our own beside the loop's workers: no signal ever interrupts
 * them, since service_run() alone takes signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/attr.h"
#include "base/fault.h"

/* run(ctx) in a thread that the caller joins. Temporary 4.3.0 where the system
 * refuses one. */
int thread_start(pthread_t *thread, void *(*run)(void *ctx), void *ctx,
    struct fault *f) MUST_USE;

#endif
