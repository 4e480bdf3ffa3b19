/* SPDX-License-Identifier: ISC */
/* Threads of our own beside the loop's workers: no signal ever interrupts
 * them, since service_run() alone takes signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"

/* run(ctx) in a thread that the caller joins. Temporary 4.3.0 where the system
 * refuses one. */
int thread_start(pthread_t *thread, void *(*run)(void *ctx), void *ctx,
    struct fault *f) MUST_USE;

/* A condition for thread_wait_until(), which no jump of the system's clock
 * makes longer or shorter. */
void thread_cond_init(pthread_cond_t *cond);
/* Until it is signalled, or until that time (clock_ms()): then false. */
bool thread_wait_until(
    pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t until);

#endif
