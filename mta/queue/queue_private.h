/* SPDX-License-Identifier: ISC */
/*
 * What the files of the queue share: its parts, the operations of a change, and
 * the batch that the committer builds of them.
 */
#ifndef MTA_QUEUE_QUEUE_PRIVATE_H
#define MTA_QUEUE_QUEUE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/queue/entry.h"
#include "mta/queue/queue.h"

/* A row of `due` that an entry has: its domain, and the earliest time of the
 * recipients there. */
struct due_row {
	struct str domain;
	int64_t due;
};

/* Sorted by domain, each once. */
struct due_rows {
	struct due_row *rows;
	size_t n;
};

/* A row of `setting`, written with each batch that changes it. */
#define QUEUE_COUNTERS STR_LIT(".counters")
struct queue_counters {
	uint64_t messages, bytes, used, tombstones;
};

struct queue {
	struct queue_conf conf;
	char *dir;
	int body_dir;
	struct db_env *env;
	struct db *message, *body, *due, *done, *setting;
	struct queue_fresh *fresh;

	atomic_uint_fast64_t messages, bytes;
	/* Of the table `body`, as far as one can tell: the rest of its file is
	 * free for other messages, whatever the file system says. */
	atomic_uint_fast64_t used;
	/* The committer's own. */
	uint64_t tombstones;
	int64_t forget_at; /* us since 1970, when the oldest is too old */

	void (*changed)(void *ctx, struct str domain, uint64_t owner,
	    int64_t rows, int64_t earliest);
	void *changed_ctx;

	/* body/ of a copy that is being made, or -1. */
	pthread_mutex_t copy_mutex;
	int copy_dir;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct queue_change *first, **last; /* those that wait */
	bool stopping;
};

enum op_kind {
	OP_ADD,
	OP_EDIT,
	OP_REMOVE,
	OP_SET,
};

struct op {
	struct op *next;
	enum op_kind kind;
	struct ident id;

	/* OP_ADD. */
	struct buf entry; /* its bytes */
	struct buf body;  /* empty where it is in a file */
	bool has_body;    /* false: the message was there already */
	bool made_file;   /* body/ID is this change's, until it is done */
	bool used_file;   /* the transaction that was run last needs it */
	bool is_new;      /* likewise, has made the message */
	uint64_t size;    /* of the body */
	uint64_t owner;
	struct due_rows rows; /* in the change's arena */

	/* OP_EDIT. */
	bool (*edit)(void *ctx, struct entry *e, struct arena *arena);
	void *ctx;

	/* OP_SET, in the change's arena. */
	struct str name, value;
};

struct queue_change {
	struct queue_change *next; /* in the committer's list */
	struct queue *queue;
	struct arena arena;
	struct op *first, **last;
	size_t records; /* an estimate of the rows that it touches */
	size_t bytes;
	void (*done)(void *ctx, int rc, const struct fault *f);
	void *ctx;
};

/* queue_lane.c: rows of `due`. */

/* Those that e should have; none where it is held. Domains in the arena. */
struct due_rows queue_due_rows(const struct entry *e, struct arena *arena);

enum { DUE_TAIL = 1 + 8 + 8 + IDENT_LEN };
enum { DUE_KEY_MAX = ADDRESS_DOMAIN_MAX + DUE_TAIL };
void queue_due_put_key(struct buf *b, struct str domain, uint64_t owner,
    const struct due_row *row, const struct ident *id);

/* queue_body.c: files in body/. */

/* Makes body/ID durable. Blocks for up to two seconds while there is one already,
 * then 4.3.0. */
int queue_body_write(struct queue *q, const struct ident *id, struct str head,
    struct spool *body, struct fault *f) MUST_USE;
void queue_body_remove(struct queue *q, const struct ident *id);
int queue_body_each_piece(struct queue *q, const struct ident *id,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;
/* Removes what no message names; before the committer runs. */
int queue_body_sweep(struct queue *q, struct fault *f) MUST_USE;

/* Instead of being removed the file has been moved into a copy that is being
 * made (queue_backup.c). */
bool queue_backup_keeps(struct queue *q, const struct ident *id) MUST_USE;

/* About how much of the table `body` a body takes; 0 for one in a file. */
uint64_t queue_body_used(uint64_t size);

/* queue_fresh.c: messages that came lately, in memory. */

struct queue_fresh;

struct queue_fresh *queue_fresh_new(size_t max) MUST_USE; /* bytes */
void queue_fresh_free(struct queue_fresh **fresh);

void queue_fresh_expect(struct queue_fresh *fresh, const struct ident *id);
/* Takes the bytes of a message that is expected. */
void queue_fresh_keep(struct queue_fresh *fresh, struct op *op);
void queue_fresh_drop(struct queue_fresh *fresh, const struct ident *id);

/* From any thread: whether its rows may be seen, but are not durable yet. */
bool queue_fresh_is_expected(
    struct queue_fresh *fresh, const struct ident *id) MUST_USE;
/* False where the tables are to be asked. */
bool queue_fresh_get(struct queue_fresh *fresh, const struct ident *id,
    struct arena *arena, struct entry *e) MUST_USE;
/* Appends it; for one that is not in a file. */
bool queue_fresh_get_body(struct queue_fresh *fresh, const struct ident *id,
    struct buf *body) MUST_USE;

/* queue_apply.c: operations, inside a transaction. */

struct lane_delta {
	struct lane_delta *next;
	struct str domain;
	uint64_t owner;
	int64_t rows;
	int64_t earliest;
};

struct lost_file {
	struct lost_file *next;
	struct ident id;
};

/* What a batch of changes does beside the tables, once it is durable. */
struct batch {
	struct queue *queue;
	struct db_txn *txn;
	struct arena arena;
	struct buf key, value, bytes;
	struct lane_delta *deltas, **last_delta;
	struct lost_file *files;
	int64_t messages, size, used, tombstones;
};

int queue_batch_apply(struct batch *b, const struct queue_change *change,
    struct fault *f) MUST_USE;
/* Writes the counters. */
int queue_batch_end(struct batch *b, struct fault *f) MUST_USE;

/* queue_commit.c: the committer. */

int queue_committer_start(struct queue *q, struct fault *f) MUST_USE;
/* Does what waits, then ends. */
void queue_committer_stop(struct queue *q);

/* 1 where the queue has the message now. */
int queue_has(
    struct queue *queue, const struct ident *id, struct fault *f) MUST_USE;

static inline struct str
queue_key(const struct ident *id)
{
	return str_n(id->text, IDENT_LEN);
}

#endif
