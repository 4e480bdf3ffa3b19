/* SPDX-License-Identifier: ISC */
/* What the files of the scheduler share. */
#ifndef MTA_QUEUE_SCHEDULER_PRIVATE_H
#define MTA_QUEUE_SCHEDULER_PRIVATE_H

#include <pthread.h>

#include "base/arena.h"
#include "base/loop.h"
#include "mta/queue/board.h"
#include "mta/queue/entry.h"
#include "mta/queue/notifier.h"
#include "mta/queue/queue.h"
#include "mta/queue/retry.h"
#include "mta/queue/scheduler.h"
#include "mta/queue/target_cache.h"

struct record;

struct worker {
	struct loop_task task;
	struct scheduler *scheduler;
	struct worker *next_free;
	struct worker *next; /* of all */
};

struct scheduler {
	struct scheduler_conf conf;
	struct scheduler_ops ops;
	struct queue *queue;
	struct notifier *notifier;
	struct loop *loop;
	struct target_cache *targets;
	struct retry retry;

	pthread_mutex_t mutex;
	pthread_cond_t settled; /* `pending` is 0 */
	struct board *board;
	struct worker *workers, *free_workers;
	unsigned n_workers, max_workers;
	unsigned posted; /* of them have not begun */
	bool started;
	bool stopped;

	struct loop_task timer;
	int64_t timer_at; /* ms since 1970; 0: not parked */
	int64_t sweep_at;
	bool is_sweeping;
	unsigned sweeps;
	struct ident warned; /* up to here all have been warned */

	size_t pending;       /* records that the committer has */
	struct record *later; /* that could not be recorded yet */
	int64_t later_at;
};

/* Milliseconds since 1970. */
int64_t scheduler_now(void);
uint32_t scheduler_random(void);
/* Under the mutex: gets a worker where there is work, and sets the timer. */
void scheduler_kick(struct scheduler *s);

/* attempt.c: on a worker, without the mutex. */
void attempt_run(struct scheduler *s, struct board_job *job);

/* sweep.c: what expires, or is late, without an attempt. On a worker. */
void sweep_run(struct scheduler *s);

/*
 * record.c: what became of a message's recipients, on its way to the queue. It
 * holds legs, which are nobody else's until it is durable, and goes on trying.
 */
struct record {
	struct record *next;
	struct scheduler *scheduler;
	struct arena arena; /* of what follows */
	struct entry before;
	struct entry_rcpt *after; /* as many as in `before` */
	bool *touched;
	bool *late;       /* a delay notice is due */
	bool *told_there; /* the next hop has it, and tells of success */
	struct leg **legs;
	size_t n_legs;
	bool again; /* some of the message is due still */
};

struct record *record_new(struct scheduler *s) MUST_USE;
/* Copies before.rcpts to what follows it. */
void record_begin(struct record *r);
void record_add_leg(struct record *r, struct leg *leg);
void record_free(struct record **r);

/* Outcomes of recipient i. */
void record_delivered(struct record *r, size_t i, int64_t now);
void record_failed(
    struct record *r, size_t i, const struct fault *f, int64_t now);
/* Or failed, where its time is over. */
void record_deferred(
    struct record *r, size_t i, const struct fault *f, int64_t now);
/* Without an attempt. */
void record_postponed(struct record *r, size_t i, int64_t due);
void record_expired(struct record *r, size_t i);
void record_late(struct record *r, size_t i);

/* Takes it; the legs are released when it is durable. */
void record_submit(struct record **r);
/* The same, after a second. */
void record_later(struct record **r);

#endif
