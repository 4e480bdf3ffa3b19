/* SPDX-License-Identifier: ISC */
/* queue_fresh.c: what is kept is what came last, and never what has changed. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "mta/queue/queue_private.h"
#include "tests/unit/unit.h"

enum { MAX = 64 << 10 };

static struct queue_fresh *fresh;
static struct arena arena;

/* What a change has when it is done. */
static void
make(struct op *op, const char *body)
{
	struct entry_rcpt rcpt = {.due = 1};
	struct entry e = {.n_rcpts = 1, .rcpts = &rcpt};
	struct fault f;

	*op = (struct op){.kind = OP_ADD};
	ident_make(&op->id);
	e.id = op->id;
	ck_assert_int_eq(
	    address_parse(str("ann@example.org"), &rcpt.to.forward_path, &f),
	    0);
	buf_init(&op->entry, ENTRY_BYTES_MAX);
	buf_init(&op->body, QUEUE_BODY_INLINE);
	entry_encode(&e, &op->entry);
	buf_puts(&op->body, body);
}

static void
keep(struct op *op)
{
	queue_fresh_expect(fresh, &op->id);
	queue_fresh_keep(fresh, op);
	buf_clear(&op->entry);
	buf_clear(&op->body);
}

static bool
has(const struct op *op)
{
	struct entry e = {.n_rcpts = 0};
	bool got = queue_fresh_get(fresh, &op->id, &arena, &e);

	if (got)
		ck_assert_uint_eq(e.n_rcpts, 1);
	return got;
}

static bool
has_body(const struct op *op, const char *body)
{
	struct buf b;
	bool got;

	buf_init(&b, QUEUE_BODY_INLINE);
	got = queue_fresh_get_body(fresh, &op->id, &b);
	ck_assert_str_eq(buf_text(&b), got ? body : "");
	buf_clear(&b);
	return got;
}

static void
begin(void)
{
	arena_init(&arena);
	fresh = queue_fresh_new(MAX);
}

static void
end(void)
{
	queue_fresh_free(&fresh);
	ck_assert_ptr_null(fresh);
	arena_clear(&arena);
}

START_TEST(a_message_is_there_from_when_it_is_durable)
{
	struct op op;

	begin();
	make(&op, "body");
	ck_assert(!queue_fresh_is_expected(fresh, &op.id));
	queue_fresh_expect(fresh, &op.id);
	/* The transaction is run again. */
	queue_fresh_expect(fresh, &op.id);
	ck_assert(queue_fresh_is_expected(fresh, &op.id));
	ck_assert(!has(&op) && !has_body(&op, "body"));
	keep(&op);
	ck_assert(!queue_fresh_is_expected(fresh, &op.id));
	ck_assert(has(&op) && has_body(&op, "body"));
	end();
}
END_TEST

START_TEST(what_has_failed_or_changed_is_not_there)
{
	struct op op, other;

	begin();
	make(&op, "body");
	make(&other, "other");
	queue_fresh_expect(fresh, &op.id);
	queue_fresh_drop(fresh, &op.id);
	ck_assert(!queue_fresh_is_expected(fresh, &op.id));
	/* Nobody expects it. */
	queue_fresh_keep(fresh, &op);
	ck_assert(!has(&op));
	keep(&op);
	keep(&other);
	queue_fresh_drop(fresh, &op.id);
	queue_fresh_drop(fresh, &op.id);
	ck_assert(!has(&op) && !has_body(&op, "body"));
	ck_assert(has(&other) && has_body(&other, "other"));
	end();
}
END_TEST

START_TEST(the_oldest_make_way)
{
	enum { N = 100, SIZE = 4000 };
	struct op ops[N], expected;
	char body[SIZE + 1];
	unsigned n = 0;

	begin();
	memset(body, 'x', SIZE);
	body[SIZE] = '\0';
	make(&expected, "");
	queue_fresh_expect(fresh, &expected.id);
	for (int i = 0; i < N; i++) {
		make(&ops[i], body);
		keep(&ops[i]);
	}
	for (int i = N - 1; i >= 0 && has(&ops[i]); i--)
		n++;
	/* Memory is taken in larger pieces than the body's. */
	ck_assert_uint_ge(n, MAX / SIZE / 4);
	ck_assert_uint_le(n, MAX / SIZE);
	for (unsigned i = 0; i < N - n; i++)
		ck_assert(!has(&ops[i]) && !has_body(&ops[i], body));
	/* What is not kept yet is not among the oldest. */
	ck_assert(queue_fresh_is_expected(fresh, &expected.id));
	buf_clear(&expected.entry);
	buf_clear(&expected.body);
	end();
}
END_TEST

UNIT_MAIN("queue_fresh", a_message_is_there_from_when_it_is_durable,
    what_has_failed_or_changed_is_not_there, the_oldest_make_way)
