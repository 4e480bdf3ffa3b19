/* SPDX-License-Identifier: ISC */
/*
 * Who is next: lanes, hops and providers (scheduler.h) as data, without a
 * clock, a thread, a socket or the queue. The scheduler tells it what has
 * happened, and asks it what to do.
 *
 * A lane with due rows stands at its hop; where that is not known, at a place
 * of its own for look-ups. Standing there it draws some of its rows at a time
 * into memory: a leg, one message on its way to one domain. Those that came
 * lately are drawn beside those that have waited, in turns, so that a first
 * attempt does not wait for a long list of retries.
 *
 * Each hop goes round its owners, and each owner round its lanes. One owner
 * gets at most three times as many places as it leaves free, of deliveries and
 * of look-ups, so that one whose mail hangs everywhere leaves room for others.
 *
 * Not locked. Times are ms since 1970, and given with each call.
 */
#ifndef MTA_QUEUE_BOARD_H
#define MTA_QUEUE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/queue/pace.h"
#include "mta/queue/window.h"
#include "proto/ident.h"

struct board;
struct hop;
struct lane;
struct leg;
struct scheduler_hop;
struct turn;

#define BOARD_NEVER INT64_MAX
/* In front of the key of a hop that is the failure to find one. */
#define BOARD_UNRESOLVED "unresolved:"

struct board_limit {
	char *provider; /* "*": all that have none of their own, but for those
			 * who are reached by LMTP */
	struct pace_limit pace;
};

struct board_conf {
	unsigned max_deliveries;
	unsigned max_lookups;
	struct window_conf window;
	const struct board_limit *limits; /* by provider; borrowed */
	size_t n_limits;
	uint32_t seed; /* of jitter; not 0 */
};

struct board *board_new(const struct board_conf *conf) MUST_USE;
void board_free(struct board **board);

/* What queue_watch() tells; at start, each lane of queue_each_lane(). */
void board_change(struct board *b, struct str domain, uint64_t owner,
    int64_t rows, int64_t earliest, int64_t now);

/* Work. */

enum board_work {
	BOARD_FILL, /* read rows of the lane, then board_fill() */
	BOARD_SEND, /* an attempt, then board_report() and board_release() */
};

/* What it points at stays until the job is given back. */
struct board_job {
	enum board_work work;
	struct str domain;
	uint64_t owner;

	int64_t from;    /* BOARD_FILL: rows from this time on, */
	size_t max_rows; /* and so many at most */

	struct leg *leg; /* BOARD_SEND */
	struct ident id;
	const char *key; /* the hop's; "": it is to be found, board_move() */

	/* Private. */
	struct lane *lane;
	struct hop *hop;
	struct turn *turn;
	bool looks; /* rows go where look-ups are made */
	int64_t fresh;
};

/* What time has changed; taking does it too. */
void board_wake(struct board *b, int64_t now);
/* False where nothing can begin now. */
bool board_take(struct board *b, int64_t now, struct board_job *job) MUST_USE;
/* Whether another one that asks would probably get something. */
bool board_has_work(const struct board *b);
/* When to ask again though nothing happens; BOARD_NEVER. */
int64_t board_next(const struct board *b);

struct board_row {
	struct ident id;
	int64_t due;
};
/* The rows, in order of time; n < max_rows: there are no more. */
void board_fill(struct board *b, const struct board_job *job,
    const struct board_row *rows, size_t n, int64_t now);

/* Or they could not be read: the lane comes again at this time. */
void board_fill_failed(
    struct board *b, const struct board_job *job, int64_t at, int64_t now);

enum board_move {
	BOARD_HERE,  /* go on: the job is now the other hop's */
	BOARD_THERE, /* it waits there: the job is over */
	BOARD_DEAD,  /* it cannot: the job is as it was */
};

/*
 * The message goes to another hop than the job's. For BOARD_DEAD, *until is
 * when to try again where the lane must not wait for it because not all of its
 * messages go there; else 0: the lane waits there.
 */
enum board_move board_move(struct board *b, struct board_job *job,
    const char *key, const char *provider, int64_t now, int64_t *until);

enum board_verdict {
	BOARD_NO_VERDICT, /* the hop was not asked */
	BOARD_ANSWERED,
	BOARD_BROKEN,
	BOARD_UNREACHED,
};
/* The attempt is over and the place is free; the leg is kept. fault: NULL, or
 * why it was not reached. True where the hop is dead now and was not before. */
bool board_report(struct board *b, const struct board_job *job,
    enum board_verdict verdict, bool slow_down, const struct fault *fault,
    int64_t now);
/* What became of the leg is durable. again: its row may be due still. */
void board_release(struct board *b, struct leg **leg, bool again, int64_t now);

/* Takes one message out of its turn, for other work than an attempt, until
 * board_release(); NULL where it is under way or its lane is not known. */
struct leg *board_claim(struct board *b, struct str domain, uint64_t owner,
    const struct ident *id, int64_t now) MUST_USE;

/* Whether an attempt of it is, or is not recorded yet, or it is claimed. */
bool board_is_under_way(const struct board *b, struct str domain,
    uint64_t owner, const struct ident *id);

/* Nothing is taken any more. */
void board_stop(struct board *b);

/* The operator. */

/* A hop by its key, or a domain, gets nothing until it is resumed. */
void board_pause(struct board *b, struct str name, bool pause, int64_t now);
/* Dead hops of a domain, of all below it (".example.org"), or (empty) all, are
 * tried at once. */
void board_revive(struct board *b, struct str domain, int64_t now);
void board_each_hop(struct board *b, int64_t now,
    void (*each)(void *ctx, const struct scheduler_hop *hop), void *ctx);
/* Each lane of a domain, of all below it, or (empty) all. */
void board_each_lane(struct board *b, struct str domain,
    void (*each)(void *ctx, struct str domain, uint64_t owner, uint64_t rows),
    void *ctx);
/* Forgets hops that nothing was sent to for long; now and then. */
void board_tidy(struct board *b, int64_t now);
/* Deliveries under way. */
unsigned board_active(const struct board *b);

#endif
