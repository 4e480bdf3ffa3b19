/* SPDX-License-Identifier: ISC */
/* queue_backup(): the copy is a whole queue, whatever comes and goes. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "mta/queue/queue.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

enum {
	LARGE = QUEUE_BODY_INLINE + 5000, /* a file */
	STAY = 60,                        /* were there before the copy */
	PASSING = 4,                      /* that come and go wait at once */
};

static char dir[PLACE_SIZE], copy[80];

static struct queue *
open_queue(const char *path)
{
	const struct queue_conf conf = {.dir = path, .cache = 4 << 20};
	struct fault f = {0};
	struct queue *q = queue_open(&conf, &f);

	ck_assert_msg(q != NULL, "%s", f.text);
	return q;
}

static struct queue *
begin(void)
{
	place_make(dir, "queue_backup");
	snprintf(copy, sizeof copy, "%s/copy", dir);
	return open_queue(dir);
}

static void
end(struct queue **q)
{
	queue_close(q);
	place_remove(dir);
}

/* The body begins with the id, so that it cannot be another's. */
static char *
make_body(const struct ident *id, size_t len)
{
	char *body = mem_zeroed(1, len + 1);

	memset(body, 'x', len);
	memcpy(body, id->text, IDENT_LEN);
	return body;
}

static struct ident
add(struct queue *q, size_t len)
{
	struct queue_change *c = queue_change_new(q);
	struct entry_rcpt rcpt = {.due = 1};
	struct entry e = {.rcpts = &rcpt, .n_rcpts = 1};
	struct fault f = {0};
	char *body;

	ident_make(&e.id);
	e.arrived = ident_time_us(str(e.id.text)) / 1000;
	e.expires = e.arrived + 1000000;
	ck_assert_int_eq(
	    address_parse(str("bob@example.net"), &rcpt.to.forward_path, &f),
	    0);
	body = make_body(&e.id, len);
	ck_assert_int_eq(queue_change_add(c, &e, str(body), NULL, &f), 0);
	ck_assert_msg(queue_commit(q, &c, &f) == 0, "%s", f.text);
	mem_free(body);
	return e.id;
}

static void
take_away(struct queue *q, const struct ident *id)
{
	struct queue_change *c = queue_change_new(q);
	struct fault f = {0};

	queue_change_remove(c, id);
	ck_assert_msg(queue_commit(q, &c, &f) == 0, "%s", f.text);
}

struct passing {
	struct queue *queue;
	atomic_bool stop;
};

static void *
come_and_go(void *ctx)
{
	struct passing *p = ctx;
	struct ident ids[PASSING];

	for (unsigned n = 0; !atomic_load(&p->stop); n++) {
		if (n >= PASSING)
			take_away(p->queue, &ids[n % PASSING]);
		ids[n % PASSING] = add(p->queue, n % 2 ? LARGE : 300);
	}
	return NULL;
}

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

static void
check_body(struct queue *q, const struct entry *e)
{
	char *want = make_body(&e->id, e->size);
	struct fault f = {0};
	struct buf b;

	buf_init(&b, 1 << 20);
	ck_assert_msg(
	    queue_each_piece(q, e, put_piece, &b, &f) == 0, "%s", f.text);
	ck_assert_view_eq(buf_str(&b), want);
	buf_clear(&b);
	mem_free(want);
}

struct seen {
	struct queue *queue;
	const struct ident *stay;
	unsigned messages, files, stayed;
};

static int
look_at(void *ctx, const struct entry *e)
{
	struct seen *s = ctx;

	check_body(s->queue, e);
	s->messages++;
	s->files += e->body_in_file;
	for (unsigned i = 0; i < STAY; i++)
		s->stayed += strcmp(s->stay[i].text, e->id.text) == 0;
	return 0;
}

static size_t
count_files(const char *path)
{
	char body[100];

	snprintf(body, sizeof body, "%s/body", path);
	close(place_open(body));
	return place_list(body, NULL, 0);
}

static void
check_copy(const struct ident *stay)
{
	struct queue *q = open_queue(copy);
	struct seen s = {.queue = q, .stay = stay};
	struct fault f = {0};
	uint64_t messages, bytes;

	ck_assert_int_eq(queue_each(q, NULL, look_at, &s, &f), 0);
	ck_assert_uint_eq(s.stayed, STAY);
	queue_count(q, &messages, &bytes);
	ck_assert_uint_eq(messages, s.messages);
	/* What no message names has gone. */
	ck_assert_uint_eq(count_files(copy), s.files);
	queue_close(&q);
}

START_TEST(a_copy_has_all_that_was_acknowledged_and_each_body_of_it)
{
	struct passing p = {.queue = begin()};
	struct ident stay[STAY];
	struct fault f = {0};
	pthread_t thread;

	for (unsigned i = 0; i < STAY; i++)
		stay[i] = add(p.queue, i % 3 == 0 ? LARGE : 1000);
	ck_assert_int_eq(pthread_create(&thread, NULL, come_and_go, &p), 0);
	for (int i = 0; i < 5; i++) {
		ck_assert_msg(
		    queue_backup(p.queue, copy, &f) == 0, "%s", f.text);
		check_copy(stay);
	}
	atomic_store(&p.stop, true);
	pthread_join(thread, NULL);
	/* Nothing stays behind that was kept for a copy. */
	ck_assert_uint_le(count_files(dir), STAY + PASSING);
	end(&p.queue);
}
END_TEST

START_TEST(a_body_that_leaves_the_queue_stays_in_the_copy)
{
	struct queue *q = begin();
	struct ident id = add(q, LARGE);
	struct queue *other;
	struct arena arena = {0};
	struct fault f = {0};
	struct entry e;

	ck_assert_int_eq(queue_backup(q, copy, &f), 0);
	take_away(q, &id);
	ck_assert_uint_eq(count_files(dir), 0);
	other = open_queue(copy);
	ck_assert_int_eq(queue_get(other, &id, &arena, &e, &f), 1);
	check_body(other, &e);
	queue_close(&other);
	arena_clear(&arena);
	end(&q);
}
END_TEST

START_TEST(a_copy_that_cannot_be_made_leaves_the_queue_as_it_was)
{
	struct queue *q = begin();
	struct ident id = add(q, LARGE);
	struct fault f = {0};
	char path[100];

	snprintf(path, sizeof path, "%s/lock", dir);
	ck_assert_int_eq(queue_backup(q, path, &f), -1);
	take_away(q, &id);
	ck_assert_uint_eq(count_files(dir), 0);
	ck_assert_int_eq(queue_backup(q, copy, &f), 0);
	end(&q);
}
END_TEST

UNIT_MAIN("queue_backup",
    a_copy_has_all_that_was_acknowledged_and_each_body_of_it,
    a_body_that_leaves_the_queue_stays_in_the_copy,
    a_copy_that_cannot_be_made_leaves_the_queue_as_it_was)
