/* SPDX-License-Identifier: ISC */
/*
 * Many parked tasks, few threads.
 *
 * A task is a descriptor and a handler. While it is parked it costs an epoll
 * entry and no thread. Worker threads wait on that one epoll set themselves
 * (EPOLLONESHOT): the thread that wakes runs the handler, with plain blocking
 * calls, and the handler parks the task again or ends it. So at most one
 * thread is ever inside a task, and a handler needs no lock for its own state.
 *
 * A task may also be posted, by any thread: it runs as soon as a worker has
 * time. Many posts in a row cost few wake-ups: a worker that is awake runs one
 * after the other, and wakes a second only while there is more to do.
 *
 * The pool keeps `busy` threads runnable: while one is inside
 * loop_blocking_begin()/end(), another takes its place, up to `max` threads in
 * all; what is too many goes away after some idle seconds. Code below io.h and
 * proto's clients calls these two by itself.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/heap.h"

struct loop;
struct loop_task;

enum loop_why {
	LOOP_READY,    /* the descriptor has input, or was hung up */
	LOOP_DEADLINE, /* the deadline of loop_park() has passed */
	LOOP_DRAIN,    /* loop_drain() was called while the task was parked */
	LOOP_POSTED,   /* loop_post() */
};

struct loop_task {
	int fd; /* -1: only a timer */
	/* Runs on a worker. Must park the task again, or forget it. */
	void (*run)(struct loop_task *task, enum loop_why why);

	/* Private to the loop. */
	struct loop *loop;
	int64_t deadline;
	struct heap_node node; /* its time may be earlier than the deadline,
				* never later */
	uint32_t generation;
	struct loop_task *prev, *next; /* among the parked or the posted */
	bool parked;
	bool posted;
	bool always;
};

struct loop_limits {
	unsigned busy; /* runnable threads to keep; 0: one a processor, 2 at
			 * least */
	unsigned max;  /* threads in all, blocked ones included; 0: 256 */
};

struct loop *loop_new(
    const struct loop_limits *limits, struct fault *f) MUST_USE;
/* Only when loop_run() has returned. */
void loop_free(struct loop **loop);

/* Works until loop_stop(); all worker threads have ended when it returns. */
void loop_run(struct loop *loop);
/* From any thread, or by a task's handler. */
void loop_stop(struct loop *loop);
/*
 * Runs each task that is parked now with LOOP_DRAIN, and each task that parks
 * later at once likewise, so that idle sessions can say goodbye. Tasks parked
 * by loop_park_always() are left alone.
 */
void loop_drain(struct loop *loop);

/*
 * Waits for input on task->fd until the deadline (clock_ms(); 0: none). Borrows
 * the task, whose memory must stay until run() is called. Never fails: when
 * the kernel refuses, the task runs at once with LOOP_DEADLINE.
 */
void loop_park(struct loop *loop, struct loop_task *task, int64_t deadline);
/* The same for a task that takes no part in loop_drain(). */
void loop_park_always(
    struct loop *loop, struct loop_task *task, int64_t deadline);

/*
 * Runs the task, which must not be parked, on a worker soon, with LOOP_POSTED;
 * in the order of posting. From any thread, also before and after loop_run().
 * Borrows the task like loop_park(). The loop must live until then, no
 * longer: the call does not touch it any more once the task may run. Where a
 * worker posts, it is the first to
 * look for it, when its handler returns or blocks.
 */
void loop_post(struct loop *loop, struct loop_task *task);

/* Must be called before the descriptor of a task that was parked is closed. A
 * task that was parked or posted does not run any more. */
void loop_forget(struct loop *loop, struct loop_task *task);

/* Around a call that may block. No-ops outside a worker; may be nested. */
void loop_blocking_begin(void);
void loop_blocking_end(void);

#endif
