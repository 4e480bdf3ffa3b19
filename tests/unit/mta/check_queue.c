/* SPDX-License-Identifier: ISC */
/* mta/queue/queue.h: what was acknowledged is there, whatever happens. */
#include "config.h"

#include "mta/queue/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/spool.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct queue *queue;

static void
open_queue_with(const struct queue_conf *given)
{
	struct queue_conf conf = *given;
	struct fault f = {0};

	conf.dir = dir;
	if (conf.cache == 0)
		conf.cache = 4 << 20;
	queue = queue_open(&conf, &f);
	ck_assert_msg(queue != NULL, "%s", f.text);
}

static void
open_queue(void)
{
	static const struct queue_conf conf;

	open_queue_with(&conf);
}

static void
begin(void)
{
	place_make(dir, "queue");
	open_queue();
}

static void
end(void)
{
	queue_close(&queue);
	ck_assert_ptr_null(queue);
	place_remove(dir);
}

static void
reopen(void)
{
	queue_close(&queue);
	open_queue();
}

/* An entry for up to eight recipients, split by blanks, all due at once. */
struct example {
	struct entry e;
	struct entry_rcpt rcpts[8];
};

static void
add_rcpts(struct example *x, const char *to, int64_t due)
{
	struct str rest = str(to);
	struct fault f;

	while (rest.len > 0) {
		struct entry_rcpt *r = &x->rcpts[x->e.n_rcpts++];

		ck_assert_uint_le(x->e.n_rcpts, 8);
		ck_assert_int_eq(
		    address_parse(str_cut(&rest, ' '), &r->to.forward_path, &f),
		    0);
		r->due = due;
	}
}

static void
make(struct example *x, const char *to, int64_t due)
{
	struct fault f;

	memset(x, 0, sizeof *x);
	ident_make(&x->e.id);
	x->e.arrived = ident_time_us(str(x->e.id.text)) / 1000;
	x->e.expires = x->e.arrived + 1000000;
	ck_assert_int_eq(
	    address_parse(str("ann@example.org"), &x->e.mail.reverse_path, &f),
	    0);
	x->e.owner = str("ann");
	x->e.rcpts = x->rcpts;
	add_rcpts(x, to, due);
}

static int
try_add(struct example *x, const char *body, struct fault *f)
{
	struct queue_change *c = queue_change_new(queue);
	int rc = queue_change_add(c, &x->e, str(body), NULL, f);

	if (rc == 0)
		rc = queue_commit(queue, &c, f);
	queue_change_free(&c);
	return rc;
}

static void
add(struct example *x, const char *body)
{
	struct fault f = {0};

	ck_assert_msg(try_add(x, body, &f) == 0, "%s", f.text);
}

static void
commit(struct queue_change *c)
{
	struct fault f = {0};

	ck_assert_msg(queue_commit(queue, &c, &f) == 0, "%s", f.text);
	ck_assert_ptr_null(c);
}

static void
edit(const struct ident *id,
    bool (*how)(void *ctx, struct entry *e, struct arena *arena), void *ctx)
{
	struct queue_change *c = queue_change_new(queue);

	queue_change_edit(c, id, how, ctx);
	commit(c);
}

static bool
has(const struct ident *id)
{
	struct arena arena = {0};
	struct fault f = {0};
	struct entry e;
	int rc = queue_get(queue, id, &arena, &e, &f);

	ck_assert_msg(rc >= 0, "%s", f.text);
	arena_clear(&arena);
	return rc == 1;
}

static void
get(const struct ident *id, struct arena *arena, struct entry *e)
{
	struct fault f = {0};
	int rc = queue_get(queue, id, arena, e, &f);

	ck_assert_msg(rc == 1, "%s", f.text);
}

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

static void
assert_body(const struct ident *id, struct str want)
{
	struct arena arena = {0};
	struct fault f = {0};
	struct entry e;
	struct buf b;

	get(id, &arena, &e);
	buf_init(&b, 1 << 20);
	ck_assert_msg(
	    queue_each_piece(queue, &e, put_piece, &b, &f) == 0, "%s", f.text);
	ck_assert(str_is(buf_str(&b), want));
	ck_assert_uint_eq(e.size, want.len);
	buf_clear(&b);
	arena_clear(&arena);
}

/* "domain:rows@due " for each lane, in order. */
static int
put_lane(void *ctx, const struct queue_lane *lane)
{
	buf_putf(ctx, "%.*s:%llu@%lld ", STR_ARG(lane->domain),
	    (unsigned long long)lane->waiting, (long long)lane->due);
	return 0;
}

static void
assert_lanes(const char *want)
{
	struct fault f = {0};
	struct buf b;

	buf_init(&b, 4096);
	ck_assert_msg(
	    queue_each_lane(queue, put_lane, &b, &f) == 0, "%s", f.text);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

static void
assert_count(uint64_t want_messages, uint64_t want_bytes)
{
	uint64_t messages, bytes;

	queue_count(queue, &messages, &bytes);
	ck_assert_uint_eq(messages, want_messages);
	ck_assert_uint_eq(bytes, want_bytes);
}

static size_t
body_files(void)
{
	char path[80];

	snprintf(path, sizeof path, "%s/body", dir);
	close(place_open(path));
	return place_list(path, NULL, 0);
}

START_TEST(a_message_comes_back_after_reopening)
{
	struct arena arena = {0};
	struct example x;
	struct entry e;

	begin();
	make(&x, "bob@example.net", 5);
	add(&x, "Subject: hello\r\n\r\n");
	reopen();
	get(&x.e.id, &arena, &e);
	ck_assert_uint_eq(e.n_rcpts, 1);
	ck_assert_str_eq(e.rcpts[0].to.forward_path.local, "bob");
	ck_assert_view_eq(e.owner, "ann");
	assert_body(&x.e.id, str("Subject: hello\r\n\r\n"));
	assert_lanes("example.net:1@5 ");
	assert_count(1, 18);
	arena_clear(&arena);
	end();
}
END_TEST

START_TEST(an_empty_body_is_a_body)
{
	struct example x;

	begin();
	make(&x, "bob@example.net", 5);
	add(&x, "");
	assert_body(&x.e.id, str(""));
	end();
}
END_TEST

START_TEST(each_domain_of_a_message_is_a_row_with_its_earliest_time)
{
	struct example x;

	begin();
	make(&x, "bob@example.net c@xn--exmple-cua.com", 9);
	add_rcpts(&x, "d@example.net", 3);
	add_rcpts(&x, "e@EXÄMPLE.com f@[192.0.2.1]", 8);
	add(&x, "x");
	/* Both spellings of a name are one. */
	assert_lanes("[192.0.2.1]:1@8 example.net:1@3 xn--exmple-cua.com:1@8 ");
	end();
}
END_TEST

START_TEST(owners_have_lanes_of_their_own)
{
	struct example x, y, z;

	begin();
	make(&x, "bob@example.net", 9);
	make(&y, "bob@example.net", 7);
	make(&z, "bob@example.net", 8);
	z.e.owner = str("zoe");
	add(&x, "x");
	add(&y, "x");
	add(&z, "x");
	if (queue_owner_hash(str("ann")) < queue_owner_hash(str("zoe")))
		assert_lanes("example.net:2@7 example.net:1@8 ");
	else
		assert_lanes("example.net:1@8 example.net:2@7 ");
	end();
}
END_TEST

struct rows {
	struct ident ids[8];
	int64_t due[8];
	size_t n, max;
};

static int
keep_row(void *ctx, const struct ident *id, int64_t due)
{
	struct rows *r = ctx;

	r->ids[r->n] = *id;
	r->due[r->n] = due;
	return ++r->n == r->max ? 7 : 0;
}

START_TEST(a_lane_gives_its_rows_in_order_of_time)
{
	struct rows r = {.max = 2};
	struct example x, y, z, other;
	struct fault f;
	uint64_t ann = queue_owner_hash(str("ann"));

	begin();
	make(&x, "bob@example.net", 300);
	make(&y, "bob@example.net", 100);
	make(&z, "bob@example.net", 200);
	make(&other, "bob@example.ne", 50);
	add(&x, "x");
	add(&y, "x");
	add(&z, "x");
	add(&other, "x");
	ck_assert_int_eq(
	    queue_each_due(queue, str("example.net"), ann, 0, keep_row, &r, &f),
	    7);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.ids[0].text, y.e.id.text);
	ck_assert_str_eq(r.ids[1].text, z.e.id.text);
	ck_assert_int_eq(r.due[0], 100);
	ck_assert_int_eq(r.due[1], 200);
	r = (struct rows){.max = 2};
	ck_assert_int_eq(queue_each_due(queue, str("example.net"), ann, 200,
			     keep_row, &r, &f),
	    7);
	ck_assert_str_eq(r.ids[0].text, z.e.id.text);
	ck_assert_str_eq(r.ids[1].text, x.e.id.text);
	r = (struct rows){.max = 8};
	ck_assert_int_eq(
	    queue_each_due(queue, str("example.ne"), ann, 0, keep_row, &r, &f),
	    0);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_int_eq(queue_each_due(queue, str("example.net"), ann + 1, 0,
			     keep_row, &r, &f),
	    0);
	ck_assert_uint_eq(r.n, 1);
	end();
}
END_TEST

static bool
hold(void *ctx, struct entry *e, struct arena *arena)
{
	(void)arena;
	e->is_held = *(const bool *)ctx;
	return true;
}

START_TEST(a_held_message_has_no_rows)
{
	struct example x;
	bool held = true;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "x");
	edit(&x.e.id, hold, &held);
	assert_lanes("");
	ck_assert(has(&x.e.id));
	reopen();
	held = false;
	edit(&x.e.id, hold, &held);
	assert_lanes("example.com:1@5 example.net:1@5 ");
	end();
}
END_TEST

/* The nth recipient is delivered, and another says when. */
struct outcome {
	size_t nth;
	enum entry_state state;
	int64_t due;
};

static bool
record(void *ctx, struct entry *e, struct arena *arena)
{
	const struct outcome *o = ctx;
	struct entry_rcpt *r = &e->rcpts[o->nth];

	r->state = o->state;
	r->due = o->due;
	r->attempts++;
	fault_temp(&r->fault, "4.2.0", "try later");
	r->host = arena_str(arena, str("mx.example.net"));
	return true;
}

START_TEST(an_edit_moves_rows_and_keeps_what_it_says)
{
	struct outcome o = {1, ENTRY_WAITING, 50};
	struct arena arena = {0};
	struct example x;
	struct entry e;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "x");
	edit(&x.e.id, record, &o);
	assert_lanes("example.com:1@50 example.net:1@5 ");
	o = (struct outcome){0, ENTRY_DELIVERED, 0};
	edit(&x.e.id, record, &o);
	assert_lanes("example.com:1@50 ");
	get(&x.e.id, &arena, &e);
	ck_assert_int_eq(e.rcpts[0].state, ENTRY_DELIVERED);
	ck_assert_view_eq(e.rcpts[1].host, "mx.example.net");
	ck_assert_uint_eq(e.rcpts[1].attempts, 1);
	ck_assert_str_eq(e.rcpts[1].fault.text, "try later");
	arena_clear(&arena);
	end();
}
END_TEST

START_TEST(a_message_leaves_when_nobody_waits_any_more)
{
	struct outcome o = {0, ENTRY_DELIVERED, 0};
	struct example x;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "x");
	edit(&x.e.id, record, &o);
	ck_assert(has(&x.e.id));
	o = (struct outcome){1, ENTRY_FAILED, 0};
	edit(&x.e.id, record, &o);
	ck_assert(!has(&x.e.id));
	assert_lanes("");
	assert_count(0, 0);
	reopen();
	assert_count(0, 0);
	/* Nobody is asked about what is not there. */
	edit(&x.e.id, record, NULL);
	end();
}
END_TEST

static bool
leave_it(void *ctx, struct entry *e, struct arena *arena)
{
	(void)arena;
	++*(int *)ctx;
	e->n_rcpts = 0;
	return false;
}

START_TEST(what_came_and_was_changed_at_once_is_read_as_changed)
{
	struct outcome o = {0, ENTRY_DELIVERED, 0};
	struct queue_change *c;
	struct arena arena = {0};
	struct example x;
	struct entry e;
	struct fault f;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	c = queue_change_new(queue);
	ck_assert_int_eq(queue_change_add(c, &x.e, str("body"), NULL, &f), 0);
	queue_change_edit(c, &x.e.id, record, &o);
	ck_assert_int_eq(queue_commit(queue, &c, &f), 0);
	get(&x.e.id, &arena, &e);
	ck_assert_int_eq(e.rcpts[0].state, ENTRY_DELIVERED);
	assert_body(&x.e.id, str("body"));
	o = (struct outcome){1, ENTRY_DELIVERED, 0};
	edit(&x.e.id, record, &o);
	ck_assert(!has(&x.e.id));
	arena_clear(&arena);
	end();
}
END_TEST

START_TEST(an_edit_that_says_no_changes_nothing)
{
	struct example x;
	int calls = 0;

	begin();
	make(&x, "bob@example.net", 5);
	add(&x, "x");
	edit(&x.e.id, leave_it, &calls);
	ck_assert_int_eq(calls, 1);
	assert_lanes("example.net:1@5 ");
	ck_assert(has(&x.e.id));
	end();
}
END_TEST

static void
remove_message(const struct ident *id)
{
	struct queue_change *c = queue_change_new(queue);

	queue_change_remove(c, id);
	commit(c);
}

START_TEST(a_large_body_is_a_file_that_leaves_with_its_message)
{
	size_t size = QUEUE_BODY_INLINE + 1;
	char *body = mem_zeroed(1, size + 1);
	struct example x, y;

	begin();
	memset(body, 'x', size);
	make(&x, "bob@example.net", 5);
	add(&x, body);
	ck_assert_uint_eq(body_files(), 1);
	body[size - 1] = '\0';
	make(&y, "bob@example.net", 5);
	add(&y, body);
	ck_assert_uint_eq(body_files(), 1);
	reopen();
	assert_body(&y.e.id, str(body));
	body[size - 1] = 'x';
	assert_body(&x.e.id, str(body));
	remove_message(&x.e.id);
	ck_assert_uint_eq(body_files(), 0);
	mem_free(body);
	end();
}
END_TEST

START_TEST(head_and_spool_are_one_body)
{
	struct spool *spool = spool_new("/tmp", 1 << 20);
	struct queue_change *c;
	struct example x;
	struct fault f;

	begin();
	ck_assert_int_eq(spool_put(spool, str("there"), &f), 0);
	make(&x, "bob@example.net", 5);
	c = queue_change_new(queue);
	ck_assert_int_eq(
	    queue_change_add(c, &x.e, str("hello "), spool, &f), 0);
	commit(c);
	assert_body(&x.e.id, str("hello there"));
	spool_free(&spool);
	end();
}
END_TEST

START_TEST(a_change_that_is_dropped_leaves_no_file)
{
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	struct queue_change *c;
	struct example x;
	struct fault f;

	begin();
	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	make(&x, "bob@example.net", 5);
	c = queue_change_new(queue);
	ck_assert_int_eq(queue_change_add(c, &x.e, str(body), NULL, &f), 0);
	ck_assert_uint_eq(body_files(), 1);
	queue_change_free(&c);
	ck_assert_uint_eq(body_files(), 0);
	ck_assert(!has(&x.e.id));
	mem_free(body);
	end();
}
END_TEST

static void *
remove_later(void *ctx)
{
	poll(NULL, 0, 50);
	ck_assert_int_eq(unlink(ctx), 0);
	return NULL;
}

/* As a message leaves whose next part is just coming. */
START_TEST(a_body_whose_name_is_still_in_use_waits_for_it)
{
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	char path[200];
	struct example x;
	pthread_t thread;
	int fd;

	begin();
	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	make(&x, "bob@example.net", 5);
	snprintf(path, sizeof path, "%s/body/%s", dir, x.e.id.text);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(pthread_create(&thread, NULL, remove_later, path), 0);
	add(&x, body);
	pthread_join(thread, NULL);
	assert_body(&x.e.id, str(body));
	mem_free(body);
	end();
}
END_TEST

START_TEST(a_repeated_hand_over_is_stored_once)
{
	struct example x;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "first");
	add(&x, "second");
	assert_body(&x.e.id, str("first"));
	assert_lanes("example.com:1@5 example.net:1@5 ");
	assert_count(1, 5);
	end();
}
END_TEST

START_TEST(a_repeated_hand_over_brings_the_recipients_that_are_new)
{
	struct outcome o = {0, ENTRY_DELIVERED, 0};
	struct arena arena = {0};
	struct example x;
	struct entry e;

	begin();
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "x");
	edit(&x.e.id, record, &o);
	add_rcpts(&x, "d@example.org", 6);
	add(&x, "x");
	get(&x.e.id, &arena, &e);
	ck_assert_uint_eq(e.n_rcpts, 3);
	/* Who has it does not get it again. */
	ck_assert_int_eq(e.rcpts[0].state, ENTRY_DELIVERED);
	assert_lanes("example.com:1@5 example.org:1@6 ");
	assert_count(1, 1);
	arena_clear(&arena);
	end();
}
END_TEST

START_TEST(a_message_that_left_is_known_and_only_new_recipients_come)
{
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	struct arena arena = {0};
	struct example x;
	struct entry e;

	begin();
	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	make(&x, "bob@example.net", 5);
	add(&x, "x");
	remove_message(&x.e.id);
	reopen();
	add(&x, body);
	ck_assert(!has(&x.e.id));
	assert_lanes("");
	add_rcpts(&x, "d@example.org", 6);
	add(&x, body);
	get(&x.e.id, &arena, &e);
	ck_assert_uint_eq(e.n_rcpts, 1);
	ck_assert_str_eq(e.rcpts[0].to.forward_path.local, "d");
	assert_body(&x.e.id, str(body));
	ck_assert_uint_eq(body_files(), 1);
	remove_message(&x.e.id);
	add(&x, body);
	ck_assert(!has(&x.e.id));
	ck_assert_uint_eq(body_files(), 0);
	arena_clear(&arena);
	mem_free(body);
	end();
}
END_TEST

START_TEST(what_left_while_more_recipients_came_is_to_be_built_again)
{
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	struct arena arena = {0};
	struct fault f = {0};
	struct queue_change *c;
	struct example x;
	struct entry e;

	begin();
	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	make(&x, "bob@example.net", 5);
	add(&x, body);
	add_rcpts(&x, "d@example.org", 6);
	c = queue_change_new(queue);
	ck_assert_int_eq(queue_change_add(c, &x.e, str(body), NULL, &f), 0);
	/* Now there is no file for the second one. */
	remove_message(&x.e.id);
	ck_assert_int_eq(queue_commit(queue, &c, &f), -1);
	ck_assert(queue_has_left(&f));
	ck_assert(!has(&x.e.id));
	add(&x, body);
	get(&x.e.id, &arena, &e);
	ck_assert_uint_eq(e.n_rcpts, 1);
	ck_assert_str_eq(e.rcpts[0].to.forward_path.local, "d");
	assert_body(&x.e.id, str(body));
	fault_temp(&f, "4.3.1", "the queue's disk is full");
	ck_assert(!queue_has_left(&f));
	arena_clear(&arena);
	mem_free(body);
	end();
}
END_TEST

static void
count_files(void *ctx, int rc, const struct fault *f)
{
	size_t *files = ctx;

	ck_assert_msg(rc == 0, "%s", f->text);
	*files = body_files();
}

START_TEST(no_answer_comes_before_the_files_have_gone)
{
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	struct fault f = {0};
	struct example x;
	size_t removed = 99, known = 99;
	struct queue_change *c;

	begin();
	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	make(&x, "bob@example.net", 5);
	add(&x, body);
	c = queue_change_new(queue);
	queue_change_remove(c, &x.e.id);
	queue_submit(queue, &c, count_files, &removed);
	/* The committer has done what waited. */
	reopen();
	ck_assert_uint_eq(removed, 0);
	c = queue_change_new(queue);
	ck_assert_int_eq(queue_change_add(c, &x.e, str(body), NULL, &f), 0);
	ck_assert_uint_eq(body_files(), 1);
	queue_submit(queue, &c, count_files, &known);
	reopen();
	ck_assert_uint_eq(known, 0);
	mem_free(body);
	end();
}
END_TEST

START_TEST(what_left_long_ago_is_forgotten)
{
	static const struct queue_conf conf = {.done_ms = 1};
	struct example x;

	begin();
	queue_close(&queue);
	open_queue_with(&conf);
	make(&x, "bob@example.net", 5);
	add(&x, "x");
	remove_message(&x.e.id);
	add(&x, "x");
	ck_assert(has(&x.e.id));
	end();
}
END_TEST

static int
keep_id(void *ctx, const struct entry *e)
{
	struct rows *r = ctx;

	r->ids[r->n] = e->id;
	return ++r->n == r->max ? 7 : 0;
}

START_TEST(entries_come_in_order_of_arrival)
{
	struct rows r = {.max = 8};
	struct example x[3];
	struct fault f;

	begin();
	for (size_t i = 0; i < 3; i++)
		make(&x[i], "bob@example.net", 5);
	add(&x[2], "x");
	add(&x[0], "x");
	add(&x[1], "x");
	ck_assert_int_eq(queue_each(queue, NULL, keep_id, &r, &f), 0);
	ck_assert_uint_eq(r.n, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(r.ids[i].text, x[i].e.id.text);
	r = (struct rows){.max = 1};
	ck_assert_int_eq(queue_each(queue, &x[1].e.id, keep_id, &r, &f), 7);
	ck_assert_str_eq(r.ids[0].text, x[1].e.id.text);
	end();
}
END_TEST

struct watched {
	struct buf text;
};

static void
watch(void *ctx, struct str domain, uint64_t owner, int64_t rows,
    int64_t earliest)
{
	struct watched *w = ctx;

	ck_assert_uint_eq(owner, queue_owner_hash(str("ann")));
	buf_putf(&w->text, "%.*s%+lld@%lld ", STR_ARG(domain), (long long)rows,
	    (long long)earliest);
}

START_TEST(who_watches_is_told_of_rows_that_come_and_go)
{
	struct outcome o = {0, ENTRY_WAITING, 50};
	struct watched w;
	struct example x;

	begin();
	buf_init(&w.text, 4096);
	queue_watch(queue, watch, &w);
	make(&x, "bob@example.net c@example.com", 5);
	add(&x, "x");
	ck_assert_str_eq(buf_text(&w.text), "example.com+1@5 example.net+1@5 ");
	buf_reset(&w.text);
	edit(&x.e.id, record, &o);
	ck_assert_str_eq(buf_text(&w.text), "example.net+0@50 ");
	buf_reset(&w.text);
	edit(&x.e.id, record, &o);
	ck_assert_str_eq(buf_text(&w.text), "");
	remove_message(&x.e.id);
	ck_assert_str_eq(buf_text(&w.text), "example.com-1@0 example.net-1@0 ");
	buf_clear(&w.text);
	end();
}
END_TEST

START_TEST(all_of_a_change_happens_or_nothing)
{
	char name[2] = "a";
	struct outcome o = {0, ENTRY_FAILED, 0};
	struct queue_change *c;
	struct example x, y;
	struct fault f = {0};

	begin();
	make(&x, "bob@example.net", 5);
	make(&y, "ann@example.org", 5);
	add(&x, "x");
	c = queue_change_new(queue);
	queue_change_edit(c, &x.e.id, record, &o);
	ck_assert_int_eq(queue_change_add(c, &y.e, str("notice"), NULL, &f), 0);
	queue_change_set(c, str(name), str("b"));
	commit(c);
	ck_assert(!has(&x.e.id));
	ck_assert(has(&y.e.id));
	end();
}
END_TEST

static int
put_setting(void *ctx, struct str name, struct str value)
{
	buf_putf(ctx, "%.*s=%.*s ", STR_ARG(name), STR_ARG(value));
	return 0;
}

START_TEST(settings_outlive_a_restart)
{
	struct queue_change *c;
	struct fault f;
	struct buf b;

	begin();
	buf_init(&b, 4096);
	c = queue_change_new(queue);
	queue_change_set(c, str("pause/b"), str("1"));
	queue_change_set(c, str("pause/a"), str("2"));
	queue_change_set(c, str("x"), str("3"));
	commit(c);
	reopen();
	ck_assert_int_eq(
	    queue_each_setting(queue, str("pause/"), put_setting, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), "pause/a=2 pause/b=1 ");
	c = queue_change_new(queue);
	queue_change_set(c, str("pause/b"), str(""));
	commit(c);
	buf_reset(&b);
	ck_assert_int_eq(
	    queue_each_setting(queue, str(""), put_setting, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), "pause/a=2 x=3 ");
	buf_clear(&b);
	end();
}
END_TEST

START_TEST(too_little_room_refuses_new_messages_only)
{
	static const struct queue_conf full = {.min_free = UINT64_C(1) << 60};
	struct outcome o = {0, ENTRY_DELIVERED, 0};
	struct example x, y;
	struct fault f = {0};

	begin();
	make(&x, "bob@example.net", 5);
	make(&y, "bob@example.net", 5);
	add(&x, "x");
	queue_close(&queue);
	open_queue_with(&full);
	ck_assert_int_lt(try_add(&y, "x", &f), 0);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.1");
	edit(&x.e.id, record, &o);
	ck_assert(!has(&x.e.id));
	end();
}
END_TEST

/* Many threads, each with messages of its own. */
enum { THREADS = 8, EACH = 100 };

static void *
add_many(void *ctx)
{
	struct outcome o = {0, ENTRY_DELIVERED, 0};
	unsigned *ok = ctx;
	struct example x;

	for (unsigned i = 0; i < EACH; i++) {
		make(&x, "bob@example.net c@example.com", 5);
		add(&x, "x");
		if (i % 2 == 0)
			edit(&x.e.id, record, &o);
		else
			remove_message(&x.e.id);
		*ok += has(&x.e.id) == (i % 2 == 0);
	}
	return NULL;
}

START_TEST(many_threads_are_answered_and_readers_do_not_stop_them)
{
	pthread_t threads[THREADS];
	unsigned ok[THREADS] = {0};
	struct fault f;

	begin();
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, add_many, &ok[i]), 0);
	for (int i = 0; i < 20; i++) {
		struct rows r = {.max = 8};
		struct buf b;

		buf_init(&b, 1 << 20);
		ck_assert_int_ge(queue_each(queue, NULL, keep_id, &r, &f), 0);
		ck_assert_int_eq(queue_each_lane(queue, put_lane, &b, &f), 0);
		buf_clear(&b);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(ok[i], EACH);
	}
	assert_count(THREADS * EACH / 2, THREADS * EACH / 2);
	end();
}
END_TEST

/* The other process adds and removes until it is killed, and says what was
 * acknowledged: the pipe holds the ids, the first letter '+' or '-'. */
static void
work_until_killed(int out)
{
	char line[IDENT_SIZE + 1];
	char *body = mem_zeroed(1, QUEUE_BODY_INLINE + 2);
	struct example x;
	struct fault f;

	memset(body, 'x', QUEUE_BODY_INLINE + 1);
	open_queue();
	for (unsigned i = 0;; i++) {
		make(&x, "bob@example.net c@example.com", 5);
		if (try_add(&x, i % 5 == 0 ? body : "x", &f) < 0)
			break;
		memcpy(line + 1, x.e.id.text, IDENT_LEN);
		line[0] = '+';
		line[IDENT_LEN + 1] = '\n';
		if (write(out, line, sizeof line) < 0)
			break;
		if (i % 3 != 0)
			continue;
		/* Before: from then on it may be gone. */
		line[0] = '-';
		if (write(out, line, sizeof line) < 0)
			break;
		remove_message(&x.e.id);
	}
	_exit(1);
}

static pid_t
run_killed(int *in)
{
	int ends[2];
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		work_until_killed(ends[1]);
	close(ends[1]);
	*in = ends[0];
	return pid;
}

struct told {
	struct ident ids[20000];
	bool may_be_gone[20000];
	size_t n;
};

static void
read_told(FILE *in, struct told *told, size_t until)
{
	char line[IDENT_SIZE + 1];

	while (told->n < until && fread(line, sizeof line, 1, in) == 1) {
		if (line[0] == '-') {
			told->may_be_gone[told->n - 1] = true;
			continue;
		}
		ck_assert_uint_lt(told->n, ARRAY_LEN(told->ids));
		memcpy(told->ids[told->n].text, line + 1, IDENT_LEN);
		told->may_be_gone[told->n++] = false;
	}
}

static int
count_entry(void *ctx, const struct entry *e)
{
	(void)e;
	++*(uint64_t *)ctx;
	return 0;
}

START_TEST(what_was_acknowledged_is_there_after_a_kill)
{
	struct told *told = mem_new(struct told);
	uint64_t n, messages, bytes;
	struct fault f;

	begin();
	queue_close(&queue);
	for (size_t round = 0; round < 5; round++) {
		size_t first = told->n;
		int fd;
		pid_t pid = run_killed(&fd);
		FILE *in = fdopen(fd, "r");

		read_told(in, told, first + 20 + round * 37);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		read_told(in, told, SIZE_MAX);
		fclose(in);
		open_queue();
		for (size_t i = 0; i < told->n; i++)
			ck_assert(told->may_be_gone[i] || has(&told->ids[i]));
		n = 0;
		ck_assert_int_eq(
		    queue_each(queue, NULL, count_entry, &n, &f), 0);
		queue_count(queue, &messages, &bytes);
		ck_assert_uint_eq(messages, n);
		queue_close(&queue);
	}
	open_queue();
	mem_free(told);
	end();
}
END_TEST

static void
touch(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/body/%s", dir, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
}

START_TEST(files_that_no_message_names_go_at_start)
{
	struct example x;

	begin();
	make(&x, "bob@example.net", 5);
	queue_close(&queue);
	touch(x.e.id.text);
	/* Somebody else's is left alone. */
	touch("README");
	open_queue();
	ck_assert_uint_eq(body_files(), 1);
	end();
}
END_TEST

static unsigned long long
size_of_tables(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned long long sum = 0;
	struct stat st;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (str_ends(str(e->d_name), STR_LIT(".db")) &&
		    fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			sum += (unsigned long long)st.st_size;
	}
	closedir(d);
	return sum;
}

/* So many messages, in and out. */
static void
pass(unsigned n, const char *body)
{
	struct queue_change *in = queue_change_new(queue);
	struct queue_change *out = queue_change_new(queue);
	struct example x;
	struct fault f;

	for (unsigned i = 0; i < n; i++) {
		make(&x, "bob@example.net c@example.com", i);
		ck_assert_int_eq(
		    queue_change_add(in, &x.e, str(body), NULL, &f), 0);
		queue_change_remove(out, &x.e.id);
	}
	commit(in);
	commit(out);
}

START_TEST(messages_that_left_leave_no_growth_behind)
{
	static const struct queue_conf conf = {.done_ms = 1};
	char body[5000];
	unsigned long long after;

	begin();
	queue_close(&queue);
	open_queue_with(&conf);
	memset(body, 'x', sizeof body - 1);
	body[sizeof body - 1] = '\0';
	for (unsigned i = 0; i < 4; i++)
		pass(300, body);
	/* Closing writes what is in memory only. */
	queue_close(&queue);
	after = size_of_tables();
	open_queue_with(&conf);
	for (unsigned i = 0; i < 16; i++)
		pass(300, body);
	assert_count(0, 0);
	queue_close(&queue);
	ck_assert_uint_le(size_of_tables(), after + after / 10);
	open_queue();
	end();
}
END_TEST

START_TEST(a_second_owner_is_refused)
{
	struct queue_conf conf = {.dir = dir};
	struct fault f;

	begin();
	ck_assert_ptr_null(queue_open(&conf, &f));
	ck_assert_str_eq(f.dsn, "4.3.2");
	end();
}
END_TEST

UNIT_MAIN("queue", a_body_whose_name_is_still_in_use_waits_for_it,
    a_message_comes_back_after_reopening, an_empty_body_is_a_body,
    each_domain_of_a_message_is_a_row_with_its_earliest_time,
    owners_have_lanes_of_their_own, a_lane_gives_its_rows_in_order_of_time,
    a_held_message_has_no_rows, an_edit_moves_rows_and_keeps_what_it_says,
    a_message_leaves_when_nobody_waits_any_more,
    what_came_and_was_changed_at_once_is_read_as_changed,
    an_edit_that_says_no_changes_nothing,
    a_large_body_is_a_file_that_leaves_with_its_message,
    head_and_spool_are_one_body, a_change_that_is_dropped_leaves_no_file,
    a_repeated_hand_over_is_stored_once,
    a_repeated_hand_over_brings_the_recipients_that_are_new,
    a_message_that_left_is_known_and_only_new_recipients_come,
    what_left_while_more_recipients_came_is_to_be_built_again,
    no_answer_comes_before_the_files_have_gone, what_left_long_ago_is_forgotten,
    entries_come_in_order_of_arrival,
    who_watches_is_told_of_rows_that_come_and_go,
    all_of_a_change_happens_or_nothing, settings_outlive_a_restart,
    too_little_room_refuses_new_messages_only,
    many_threads_are_answered_and_readers_do_not_stop_them,
    what_was_acknowledged_is_there_after_a_kill,
    files_that_no_message_names_go_at_start,
    messages_that_left_leave_no_growth_behind, a_second_owner_is_refused)
