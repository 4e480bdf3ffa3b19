/* SPDX-License-Identifier: ISC */
/*
 * Who is tried next. Three kinds of things, all of them bounded:
 *
 *   lane      what one owner has waiting for one domain: a row count and the
 *             time of its first row. All lanes are in memory, no message is.
 *   hop       a next hop: the key of a resolved target (mta/send/target.h).
 *             Many domains may share one. It has the concurrency, and it is
 *             what is dead or alive.
 *   provider  hops with the same organisation behind them: rate, gap and
 *             concurrency that the operator set, or that its replies ask for.
 *
 * A lane that is due is resolved (DNS; cached) and stands at its hop, in a ring
 * of owners and for each owner a ring of lanes: each gets one message at a
 * time, so that a mailing of 50,000 delays nobody's letter.
 * A hop's concurrency begins low, grows with each success and shrinks with each
 * failure to reach it. One that cannot be reached is dead for a time that
 * doubles: then one message is its probe, and the others wait without an
 * attempt of their own.
 */
#ifndef MTA_QUEUE_SCHEDULER_H
#define MTA_QUEUE_SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/queue/pace.h"

struct address;
struct board_limit;
struct loop;
struct notifier;
struct queue;
struct route;
struct scheduler;
struct send_message;
struct send_report;
struct send_outcome;
struct target;

/* The way out, as the scheduler needs it. All may block, and say so to the
 * loop; any of them may be called by many threads. */
struct scheduler_ops {
	/* routes_find(), target_resolve(), sender_send() */
	int (*find)(void *ctx, const struct address *reverse_path,
	    const struct address *forward_path, struct route *route,
	    struct fault *f);
	/* routes_find_via(): the way that the operator has named. */
	int (*via)(
	    void *ctx, struct str hop, struct route *route, struct fault *f);
	int (*resolve)(void *ctx, const struct route *route, struct str domain,
	    struct target *target, struct fault *f);
	void (*send)(void *ctx, const struct target *target,
	    const struct send_message *message, struct send_outcome *outcomes,
	    struct send_report *report);
	/* Now and then: sender_tidy(). May be NULL. */
	void (*tidy)(void *ctx);
	void *ctx;
};

struct scheduler_conf {
	unsigned max_deliveries; /* at once, in all; 0: 100 */
	unsigned hop_start;      /* a hop's concurrency at first; 0: 5 */
	unsigned hop_max;        /* 0: 20 */
	unsigned max_rcpts;      /* in one transaction; 0: 50 */
	int64_t retry_min_ms;    /* the first pause after a failure; 0: 5 m */
	int64_t retry_max_ms;    /* doubles up to this; 0: 4 h */
	int64_t warn_ms;         /* a delay notice after so long; 0: none */
	const struct board_limit *limits; /* by provider; live as long */
	size_t n_limits;
};

/* Watches the queue. All are borrowed and outlive the scheduler, but for conf
 * and ops, which are copied. */
struct scheduler *scheduler_new(const struct scheduler_conf *conf,
    const struct scheduler_ops *ops, struct queue *queue,
    struct notifier *notifier, struct loop *loop) MUST_USE;
/* No attempt may be under way: after scheduler_stop() and loop_run(), and
 * before queue_close(). Waits until what became of the last is durable. */
void scheduler_free(struct scheduler **scheduler);

/* Reads all lanes and begins. */
int scheduler_start(struct scheduler *scheduler, struct fault *f) MUST_USE;
/* Begins no more attempts; those under way end. */
void scheduler_stop(struct scheduler *scheduler);

/* Makes all that waits due now: for a domain, with a dot in front all below it,
 * or (empty) for all; a dead hop is tried at once. Returns how many messages
 * that concerns; *rows, where it is not NULL, gets what waits at all, for the
 * recipients of one domain each. */
uint64_t scheduler_flush(
    struct scheduler *scheduler, struct str domain, uint64_t *rows);
/* Deliveries under way, for `status`. */
unsigned scheduler_active(struct scheduler *scheduler);
/* A hop (its key, or a domain) begins no more attempts until it is resumed.
 * Kept over a restart. */
int scheduler_pause(struct scheduler *scheduler, struct str hop, bool pause,
    struct fault *f) MUST_USE;

/* For `posthouse queue stats`. Strings are borrowed for the call. */
struct scheduler_hop {
	const char *key;
	const char *provider;
	uint64_t waiting; /* messages of lanes whose mail goes here */
	unsigned active, concurrency;
	int64_t dead_until; /* ms since 1970; 0: alive */
	bool is_paused;
	const struct fault *last; /* NULL: none */
	/* Of the provider. */
	struct pace_limit limit; /* by the operator */
	int64_t gap_ms;          /* between two starts, as it is now */
};
void scheduler_each_hop(struct scheduler *scheduler,
    void (*each)(void *ctx, const struct scheduler_hop *hop), void *ctx);

#endif
