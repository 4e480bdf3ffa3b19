/* SPDX-License-Identifier: ISC */
/* What waits is due now: rows get another time, in changes of some hundreds. */
#include "config.h"

#include "base/log.h"
#include "base/mem.h"
#include "mta/queue/scheduler_private.h"

enum { BATCH = 500 };

struct flush_lane {
	struct flush_lane *next;
	struct str domain;
	uint64_t owner;
};

struct flush {
	struct scheduler *scheduler;
	struct arena arena; /* of the lanes */
	struct flush_lane *lanes;
	int64_t now;
	struct ident ids[BATCH];
	size_t n;
	int64_t last;     /* the time of the last that was read */
	uint64_t changed; /* messages */
	uint64_t rows;    /* that wait */
};

static void
keep_lane(void *ctx, struct str domain, uint64_t owner, uint64_t rows)
{
	struct flush *fl = ctx;
	struct flush_lane *lane = arena_new(&fl->arena, struct flush_lane);

	fl->rows += rows;
	lane->domain = arena_str(&fl->arena, domain);
	lane->owner = owner;
	lane->next = fl->lanes;
	fl->lanes = lane;
}

static int
keep_row(void *ctx, const struct ident *id, int64_t due)
{
	struct flush *fl = ctx;

	fl->ids[fl->n++] = *id;
	fl->last = due;
	return fl->n == BATCH ? 1 : 0;
}

static bool
make_due(void *ctx, struct entry *e, struct arena *arena)
{
	struct flush *fl = ctx;
	bool changed = false;

	(void)arena;
	for (size_t i = 0; i < e->n_rcpts; i++) {
		struct entry_rcpt *to = &e->rcpts[i];

		/* What was tried meanwhile has had its turn. */
		if (to->state == ENTRY_WAITING && to->due > fl->now &&
		    to->last < fl->now) {
			to->due = fl->now;
			changed = true;
		}
	}
	fl->changed += changed;
	return changed;
}

static int
flush_batch(struct flush *fl, struct fault *f)
{
	struct queue *queue = fl->scheduler->queue;
	struct queue_change *change = queue_change_new(queue);

	for (size_t i = 0; i < fl->n; i++)
		queue_change_edit(change, &fl->ids[i], make_due, fl);
	return queue_commit(queue, &change, f);
}

static void
flush_lane(struct flush *fl, const struct flush_lane *lane)
{
	int64_t from = fl->now + 1;
	uint64_t before;
	struct fault f;

	do {
		fl->n = 0;
		before = fl->changed;
		if (queue_each_due(fl->scheduler->queue, lane->domain,
			lane->owner, from, keep_row, fl, &f) < 0 ||
		    (fl->n > 0 && flush_batch(fl, &f) < 0)) {
			log_error(NULL, "cannot flush the queue", "reason",
			    f.text, NULL);
			break;
		}
		from = fl->last;
	} while (fl->n == BATCH && fl->changed > before);
}

uint64_t
scheduler_flush(struct scheduler *s, struct str domain, uint64_t *rows)
{
	struct flush *fl = mem_new(struct flush);
	uint64_t n;

	fl->scheduler = s;
	fl->now = scheduler_now();
	arena_init(&fl->arena);
	pthread_mutex_lock(&s->mutex);
	board_each_lane(s->board, domain, keep_lane, fl);
	board_revive(s->board, domain, fl->now);
	scheduler_kick(s);
	pthread_mutex_unlock(&s->mutex);
	for (const struct flush_lane *l = fl->lanes; l != NULL; l = l->next)
		flush_lane(fl, l);
	n = fl->changed;
	if (rows != NULL)
		*rows = fl->rows;
	arena_clear(&fl->arena);
	mem_free(fl);
	return n;
}
