/* SPDX-License-Identifier: ISC */
/*
 * Changes while they are built, by the thread that wants them: all that can be
 * done ahead of the transaction is done here, so that the committer has little
 * to do for each.
 */
#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/spool.h"
#include "mta/queue/queue_private.h"

/* What is under way, and what the estimate may be wrong by. */
enum { ROOM_INSIDE_MIN = 4 << 20 };

struct queue_change *
queue_change_new(struct queue *queue)
{
	struct queue_change *c = mem_new(struct queue_change);

	c->queue = queue;
	c->last = &c->first;
	return c;
}

static void
free_op(struct queue *q, struct op *op)
{
	if (op->made_file)
		queue_body_remove(q, &op->id);
	buf_clear(&op->entry);
	buf_clear(&op->body);
	mem_free(op);
}

void
queue_change_free(struct queue_change **change)
{
	struct queue_change *c = *change;
	struct op *next;

	if (c == NULL)
		return;
	for (struct op *op = c->first; op != NULL; op = next) {
		next = op->next;
		free_op(c->queue, op);
	}
	arena_clear(&c->arena);
	mem_free(c);
	*change = NULL;
}

static struct op *
new_op(enum op_kind kind, const struct ident *id)
{
	struct op *op = mem_new(struct op);

	op->kind = kind;
	if (id != NULL)
		op->id = *id;
	buf_init(&op->entry, ENTRY_BYTES_MAX);
	buf_init(&op->body, QUEUE_BODY_INLINE);
	return op;
}

static void
add_op(struct queue_change *c, struct op *op, size_t records)
{
	*c->last = op;
	c->last = &op->next;
	c->records += records;
	c->bytes += buf_len(&op->entry) + buf_len(&op->body);
}

/* What the table `body` can take without a longer file. */
static uint64_t
room_inside(struct queue *q)
{
	uint64_t used = atomic_load(&q->used);
	struct stat st;

	if (fstatat(q->body_dir, "../body.db", &st, 0) < 0)
		return 0;
	return (uint64_t)st.st_size > used ? (uint64_t)st.st_size - used : 0;
}

/*
 * Tables do not give back what messages have left, but use it again. So a disk
 * that messages have filled has room for others once they are gone; half of
 * min_free must be there all the same, for the log.
 */
static int
check_room(struct queue *q, uint64_t size, struct fault *f)
{
	uint64_t keep = q->conf.min_free, free;
	struct statvfs fs;

	if (keep == 0)
		return 0;
	if (fstatvfs(q->body_dir, &fs) < 0)
		return fault_errno(f, "cannot ask for room in %s", q->dir);
	free = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free >= keep + size)
		return 0;
	if (size <= QUEUE_BODY_INLINE && free >= keep / 2 &&
	    room_inside(q) >= ROOM_INSIDE_MIN)
		return 0;
	errno = ENOSPC;
	return fault_errno(f, "the queue's disk is full");
}

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

static int
copy_body(struct queue *q, struct op *op, struct str head, struct spool *body,
    struct fault *f)
{
	if (op->size > QUEUE_BODY_INLINE) {
		if (queue_body_write(q, &op->id, head, body, f) < 0)
			return -1;
		op->made_file = true;
	} else {
		buf_put_str(&op->body, head);
		if (body != NULL &&
		    spool_each(body, put_piece, &op->body, f) < 0)
			return -1;
	}
	op->has_body = true;
	return 0;
}

/* What the entry may grow by later must fit too. */
static int
encode(struct op *op, const struct entry *e, struct fault *f)
{
	size_t room = e->n_rcpts * ENTRY_RCPT_ROOM + ENTRY_VIA_MAX;

	if (e->n_rcpts > ENTRY_RCPTS_MAX)
		return fault_temp(f, "4.5.3", "too many recipients");
	entry_encode(e, &op->entry);
	if (buf_is_full(&op->entry) ||
	    buf_len(&op->entry) > ENTRY_BYTES_MAX - room)
		return fault_perm(f, "5.3.4", "the envelope is too large");
	return 0;
}

static int
build_add(struct queue_change *c, struct op *op, struct entry *e,
    struct str head, struct spool *body, struct fault *f)
{
	struct queue *q = c->queue;
	int there = 0;

	e->size = op->size = head.len + (body != NULL ? spool_size(body) : 0);
	e->body_in_file = e->size > QUEUE_BODY_INLINE;
	if (check_room(q, e->size, f) < 0 || encode(op, e, f) < 0)
		return -1;
	/* A repeated hand-over needs no second file. */
	if (e->body_in_file)
		there = queue_has(q, &e->id, f);
	if (there < 0 || (there == 0 && copy_body(q, op, head, body, f) < 0))
		return -1;
	op->owner = queue_owner_hash(e->owner);
	op->rows = queue_due_rows(e, &c->arena);
	return 0;
}

int
queue_change_add(struct queue_change *change, struct entry *e, struct str head,
    struct spool *body, struct fault *f)
{
	struct op *op = new_op(OP_ADD, &e->id);

	if (build_add(change, op, e, head, body, f) < 0) {
		free_op(change->queue, op);
		return -1;
	}
	add_op(change, op, 4 + op->rows.n);
	return 0;
}

void
queue_change_edit(struct queue_change *change, const struct ident *id,
    bool (*edit)(void *ctx, struct entry *e, struct arena *arena), void *ctx)
{
	struct op *op = new_op(OP_EDIT, id);

	op->edit = edit;
	op->ctx = ctx;
	add_op(change, op, 6);
}

void
queue_change_remove(struct queue_change *change, const struct ident *id)
{
	add_op(change, new_op(OP_REMOVE, id), 6);
}

void
queue_change_set(struct queue_change *change, struct str name, struct str value)
{
	struct op *op = new_op(OP_SET, NULL);

	op->name = arena_str(&change->arena, name);
	op->value = arena_str(&change->arena, value);
	add_op(change, op, 1);
}
