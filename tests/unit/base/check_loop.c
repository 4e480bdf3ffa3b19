/* SPDX-License-Identifier: ISC */
/* The loop: input, deadlines, forgetting, draining, posting, and the pool of
 * threads. */
#include "config.h"

#include "base/loop.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

enum { PATIENCE_MS = 30000 };

/* A task, what it saw, and the far end of its socket. */
struct probe {
	struct loop_task task; /* first */
	int far;
	int64_t due;
	atomic_uint inside, ready, deadline, drain, posted;
	void (*then)(struct probe *p, enum loop_why why);
	void *ctx;
};

static struct loop *loop;
static struct loop_task watchdog;
static atomic_bool too_late;
static atomic_bool two_inside;

static void
on_watchdog(struct loop_task *task, enum loop_why why)
{
	(void)why;
	atomic_store(&too_late, true);
	loop_stop(task->loop);
}

static void
set_up(unsigned busy, unsigned max)
{
	const struct loop_limits limits = {.busy = busy, .max = max};
	struct fault f;

	loop = loop_new(&limits, &f);
	ck_assert_ptr_nonnull(loop);
	watchdog = (struct loop_task){.fd = -1, .run = on_watchdog};
	atomic_store(&too_late, false);
	atomic_store(&two_inside, false);
	loop_park_always(loop, &watchdog, clock_ms() + PATIENCE_MS);
}

static void
run(void)
{
	loop_run(loop);
	loop_free(&loop);
	ck_assert_ptr_null(loop);
	ck_assert(!atomic_load(&too_late));
	ck_assert(!atomic_load(&two_inside));
}

static void
on_probe(struct loop_task *task, enum loop_why why)
{
	struct probe *p = (struct probe *)task;

	if (atomic_fetch_add(&p->inside, 1) != 0)
		atomic_store(&two_inside, true);
	if (why == LOOP_READY)
		atomic_fetch_add(&p->ready, 1);
	else if (why == LOOP_DEADLINE)
		atomic_fetch_add(&p->deadline, 1);
	else if (why == LOOP_DRAIN)
		atomic_fetch_add(&p->drain, 1);
	else
		atomic_fetch_add(&p->posted, 1);
	atomic_fetch_sub(&p->inside, 1);
	p->then(p, why);
}

static void
probe_open(struct probe *p, void (*then)(struct probe *p, enum loop_why why))
{
	int pair[2];

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	memset(p, 0, sizeof *p);
	p->task.fd = pair[0];
	p->task.run = on_probe;
	p->far = pair[1];
	p->then = then;
}

static void
probe_timer(struct probe *p, void (*then)(struct probe *p, enum loop_why why))
{
	memset(p, 0, sizeof *p);
	p->task.fd = p->far = -1;
	p->task.run = on_probe;
	p->then = then;
}

static void
probe_close(struct probe *p)
{
	close(p->task.fd);
	close(p->far);
}

static void
say(struct probe *p)
{
	ck_assert_int_eq(write(p->far, "x", 1), 1);
}

static bool
hear(struct probe *p)
{
	char c;

	return read(p->task.fd, &c, 1) == 1;
}

static void
then_stop(struct probe *p, enum loop_why why)
{
	(void)why;
	loop_stop(p->task.loop);
}

static unsigned
count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

START_TEST(a_task_runs_when_its_descriptor_has_input)
{
	struct probe p;

	set_up(0, 0);
	probe_open(&p, then_stop);
	loop_park(loop, &p.task, clock_ms() + PATIENCE_MS);
	say(&p);
	run();
	ck_assert_uint_eq(p.ready, 1);
	ck_assert_uint_eq(p.deadline, 0);
	probe_close(&p);
}
END_TEST

START_TEST(a_task_runs_when_the_peer_hangs_up)
{
	struct probe p;

	set_up(0, 0);
	probe_open(&p, then_stop);
	loop_park(loop, &p.task, 0);
	close(p.far);
	run();
	ck_assert_uint_eq(p.ready, 1);
	close(p.task.fd);
}
END_TEST

START_TEST(a_deadline_comes_when_it_is_due)
{
	struct probe p;
	int64_t due;

	set_up(0, 0);
	probe_open(&p, then_stop);
	due = clock_ms() + 60;
	loop_park(loop, &p.task, due);
	run();
	ck_assert_int_ge(clock_ms(), due);
	ck_assert_uint_eq(p.deadline, 1);
	ck_assert_uint_eq(p.ready, 0);
	probe_close(&p);
}
END_TEST

/* First 40 ms; each time that there is input, 40 ms more: three times. */
static void
postpone(struct probe *p, enum loop_why why)
{
	if (why == LOOP_DEADLINE) {
		loop_stop(p->task.loop);
		return;
	}
	(void)hear(p);
	p->due = clock_ms() + 40;
	loop_park(p->task.loop, &p->task, p->due);
	if (p->ready < 3)
		(void)!write(p->far, "x", 1);
}

START_TEST(a_later_deadline_replaces_an_earlier_one)
{
	struct probe p;

	set_up(0, 0);
	probe_open(&p, postpone);
	loop_park(loop, &p.task, clock_ms() + 40);
	say(&p);
	run();
	ck_assert_int_ge(clock_ms(), p.due);
	ck_assert_uint_eq(p.ready, 3);
	ck_assert_uint_eq(p.deadline, 1);
	probe_close(&p);
}
END_TEST

static void
hurry(struct probe *p, enum loop_why why)
{
	if (why == LOOP_DEADLINE) {
		loop_stop(p->task.loop);
		return;
	}
	(void)hear(p);
	loop_park(p->task.loop, &p->task, clock_ms() + 20);
}

START_TEST(an_earlier_deadline_replaces_a_later_one)
{
	struct probe p;

	set_up(0, 0);
	probe_open(&p, hurry);
	loop_park(loop, &p.task, clock_ms() + 10 * PATIENCE_MS);
	say(&p);
	run();
	ck_assert_uint_eq(p.deadline, 1);
	probe_close(&p);
}
END_TEST

static void
then_park_without(struct probe *p, enum loop_why why)
{
	(void)why;
	(void)hear(p);
	loop_park(p->task.loop, &p->task, 0);
}

START_TEST(a_deadline_that_was_taken_back_does_not_come)
{
	struct probe p, end;

	set_up(0, 0);
	probe_open(&p, then_park_without);
	probe_timer(&end, then_stop);
	loop_park(loop, &p.task, clock_ms() + 400);
	say(&p);
	loop_park(loop, &end.task, clock_ms() + 500);
	run();
	ck_assert_uint_eq(p.ready, 1);
	ck_assert_uint_eq(p.deadline, 0);
	probe_close(&p);
}
END_TEST

START_TEST(what_the_kernel_cannot_watch_runs_at_once)
{
	struct probe p;

	set_up(0, 0);
	probe_timer(&p, then_stop);
	/* epoll refuses a directory. */
	p.task.fd = open("/", O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(p.task.fd, 0);
	loop_park(loop, &p.task, 0);
	run();
	ck_assert_uint_eq(p.deadline, 1);
	close(p.task.fd);
}
END_TEST

/* Forgets the other, whose memory and number are then used for other things. */
static void
then_forget(struct probe *p, enum loop_why why)
{
	struct probe *other = p->ctx, *next = other->ctx;
	int fd = other->task.fd;

	(void)why;
	loop_forget(p->task.loop, &other->task);
	memset(&other->task, 0xff, sizeof other->task);
	if (dup2(next->task.fd, fd) < 0)
		atomic_store(&two_inside, true);
	close(next->task.fd);
	next->task.fd = fd;
	loop_park(p->task.loop, &next->task, 0);
	(void)!write(next->far, "x", 1);
}

/* Input has come, now deadlines: the last of them ends the test. */
static void
then_rest(struct probe *p, enum loop_why why)
{
	struct probe *end = p->ctx;

	(void)why;
	loop_forget(p->task.loop, &p->task);
	loop_park(p->task.loop, &end->task, 3);
}

/*
 * One thread runs what is due in the order of the deadlines, so that the old
 * task's turn lies between the other two, however busy the machine is.
 */
START_TEST(a_forgotten_task_never_runs_though_its_number_is_used_again)
{
	struct probe forgetter, old, new, end;

	set_up(1, 1);
	probe_timer(&forgetter, then_forget);
	probe_open(&old, then_stop);
	probe_open(&new, then_rest);
	probe_timer(&end, then_stop);
	forgetter.ctx = &old;
	old.ctx = &new;
	new.ctx = &end;
	loop_park(loop, &forgetter.task, 1);
	loop_park(loop, &old.task, 2);
	run();
	ck_assert_uint_eq(old.ready + old.deadline, 0);
	ck_assert_uint_eq(new.ready, 1);
	ck_assert_uint_eq(end.deadline, 1);
	close(old.far);
	probe_close(&new);
}
END_TEST

/* Draining. */

static atomic_uint left;

static void
then_count_down(struct probe *p, enum loop_why why)
{
	(void)why;
	loop_forget(p->task.loop, &p->task);
	if (atomic_fetch_sub(&left, 1) == 1)
		loop_stop(p->task.loop);
}

static void
then_drain(struct probe *p, enum loop_why why)
{
	loop_drain(p->task.loop);
	/* Parked while the loop drains: must be told too. */
	if (why == LOOP_READY)
		loop_park(p->task.loop, &p->task, 0);
	else
		then_count_down(p, why);
}

START_TEST(draining_tells_each_task_but_those_that_are_always_there)
{
	enum { N = 20 };
	struct probe p[N], always, drainer;

	set_up(0, 0);
	atomic_store(&left, N + 1);
	for (int i = 0; i < N; i++) {
		probe_open(&p[i], then_count_down);
		loop_park(loop, &p[i].task, i % 2 ? 0 : clock_ms() + 60000);
	}
	probe_open(&always, then_stop);
	loop_park_always(loop, &always.task, 0);
	probe_open(&drainer, then_drain);
	loop_park(loop, &drainer.task, 0);
	say(&drainer);
	run();
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(p[i].drain, 1);
		ck_assert_uint_eq(p[i].ready + p[i].deadline, 0);
		probe_close(&p[i]);
	}
	ck_assert_uint_eq(drainer.drain, 1);
	ck_assert_uint_eq(always.drain + always.ready, 0);
	probe_close(&always);
	probe_close(&drainer);
}
END_TEST

/* Posting. */

START_TEST(what_was_posted_before_the_loop_runs_is_not_forgotten)
{
	unsigned before = count_threads();
	struct probe p;

	set_up(0, 0);
	probe_timer(&p, then_stop);
	loop_post(loop, &p.task);
	ck_assert_uint_eq(count_threads(), before);
	run();
	ck_assert_uint_eq(p.posted, 1);
	ck_assert_uint_eq(p.ready + p.deadline + p.drain, 0);
}
END_TEST

START_TEST(a_posted_task_that_was_forgotten_does_not_run)
{
	struct probe p[3];

	set_up(1, 1);
	for (int i = 0; i < 3; i++) {
		probe_timer(&p[i], then_stop);
		loop_post(loop, &p[i].task);
	}
	loop_forget(loop, &p[1].task);
	loop_forget(loop, &p[0].task);
	loop_forget(loop, &p[0].task);
	run();
	ck_assert_uint_eq(p[0].posted + p[1].posted, 0);
	ck_assert_uint_eq(p[2].posted, 1);
}
END_TEST

static unsigned turns;

static void
then_note_turn(struct probe *p, enum loop_why why)
{
	(void)why;
	p->due = turns++;
	if (p->ctx != NULL)
		loop_stop(p->task.loop);
}

START_TEST(posted_tasks_run_in_order)
{
	enum { N = 100 };
	static struct probe p[N];

	set_up(1, 1);
	turns = 0;
	for (int i = 0; i < N; i++) {
		probe_timer(&p[i], then_note_turn);
		loop_post(loop, &p[i].task);
	}
	p[N - 1].ctx = &turns;
	run();
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(p[i].due, i);
}
END_TEST

/* Posts the other and blocks until it has run. */
static void
then_post_and_wait(struct probe *p, enum loop_why why)
{
	struct probe *other = p->ctx;

	(void)why;
	loop_post(p->task.loop, &other->task);
	loop_blocking_begin();
	while (atomic_load(&other->posted) == 0 && !atomic_load(&too_late))
		usleep(500);
	loop_blocking_end();
	loop_stop(p->task.loop);
}

static void
then_nothing(struct probe *p, enum loop_why why)
{
	(void)p;
	(void)why;
}

START_TEST(what_a_handler_posts_runs_while_the_handler_blocks)
{
	for (unsigned busy = 1; busy <= 3; busy++) {
		struct probe poster, posted;

		set_up(busy, 8);
		probe_open(&poster, then_post_and_wait);
		probe_timer(&posted, then_nothing);
		poster.ctx = &posted;
		loop_park(loop, &poster.task, 0);
		say(&poster);
		run();
		ck_assert_uint_eq(posted.posted, 1);
		probe_close(&poster);
	}
}
END_TEST

static void
then_post_itself(struct probe *p, enum loop_why why)
{
	(void)why;
	loop_post(p->task.loop, &p->task);
}

START_TEST(input_has_its_turn_however_much_is_posted)
{
	struct probe posted, input;

	set_up(1, 1);
	probe_timer(&posted, then_post_itself);
	probe_open(&input, then_stop);
	loop_post(loop, &posted.task);
	loop_park(loop, &input.task, 0);
	say(&input);
	run();
	ck_assert_uint_eq(input.ready, 1);
	ck_assert_uint_ge(posted.posted, 1);
	probe_close(&input);
}
END_TEST

/* The pool. */

static struct {
	pthread_mutex_t mutex;
	pthread_cond_t all_in;
	unsigned in, wanted, most, now;
} room = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0};

static void
then_be_counted(struct probe *p, enum loop_why why)
{
	bool blocks = p->ctx != NULL;

	if (blocks)
		loop_blocking_begin();
	pthread_mutex_lock(&room.mutex);
	if (++room.now > room.most)
		room.most = room.now;
	pthread_mutex_unlock(&room.mutex);
	usleep(2000);
	pthread_mutex_lock(&room.mutex);
	room.now--;
	pthread_mutex_unlock(&room.mutex);
	if (blocks)
		loop_blocking_end();
	then_count_down(p, why);
}

static unsigned
most_at_once(unsigned busy, unsigned max, bool blocks)
{
	enum { N = 60 };
	static struct probe p[N];

	set_up(busy, max);
	atomic_store(&left, N);
	room.most = room.now = 0;
	for (int i = 0; i < N; i++) {
		probe_open(&p[i], then_be_counted);
		p[i].ctx = blocks ? &room : NULL;
		loop_park(loop, &p[i].task, 0);
		say(&p[i]);
	}
	run();
	for (int i = 0; i < N; i++)
		probe_close(&p[i]);
	return room.most;
}

/* Blocks until as many handlers as wanted are in here. */
static void
then_meet(struct probe *p, enum loop_why why)
{
	loop_blocking_begin();
	loop_blocking_begin(); /* may be nested */
	pthread_mutex_lock(&room.mutex);
	if (++room.in >= room.wanted)
		pthread_cond_broadcast(&room.all_in);
	while (room.in < room.wanted)
		pthread_cond_wait(&room.all_in, &room.mutex);
	pthread_mutex_unlock(&room.mutex);
	loop_blocking_end();
	loop_blocking_end();
	then_count_down(p, why);
}

START_TEST(the_pool_grows_while_handlers_block)
{
	enum { N = 40 };
	static struct probe p[N];
	unsigned before = most_at_once(2, 8, true) > 0 ? count_threads() : 0;

	set_up(2, N);
	atomic_store(&left, N);
	room.in = 0;
	room.wanted = N;
	for (int i = 0; i < N; i++) {
		probe_open(&p[i], then_meet);
		loop_park(loop, &p[i].task, 0);
		say(&p[i]);
	}
	run();
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(p[i].ready, 1);
		probe_close(&p[i]);
	}
	/* Joined, not only told to end. */
	ck_assert_uint_eq(count_threads(), before);
}
END_TEST

START_TEST(no_more_threads_run_than_asked_for)
{
	ck_assert_uint_eq(most_at_once(3, 50, false), 3);
}
END_TEST

START_TEST(no_more_threads_block_than_the_maximum)
{
	ck_assert_uint_eq(most_at_once(2, 7, true), 7);
}
END_TEST

/* Many. */

enum { MANY = 2000, ROUNDS = 10 };

static struct probe many[MANY];

static void
open_many(void (*then)(struct probe *p, enum loop_why why))
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_ge(limit.rlim_cur, 2 * MANY + 100);
	for (int i = 0; i < MANY; i++)
		probe_open(&many[i], then);
}

/* The byte goes on to the next probe; some handlers block on the way. */
static void
then_pass_on(struct probe *p, enum loop_why why)
{
	size_t i = (size_t)(p - many);
	struct probe *next = &many[(i + 7) % MANY];

	if (why != LOOP_READY || !hear(p))
		return;
	if (i % 5 == 0) {
		loop_blocking_begin();
		usleep(50);
		loop_blocking_end();
	}
	loop_park(p->task.loop, &p->task, clock_ms() + PATIENCE_MS);
	if (atomic_fetch_sub(&left, 1) > 100)
		(void)!write(next->far, "x", 1);
	else if (atomic_load(&left) == 0)
		loop_stop(p->task.loop);
}

START_TEST(thousands_of_parked_tasks_are_served_one_thread_at_a_time)
{
	unsigned total = 0;

	set_up(4, 32);
	open_many(then_pass_on);
	atomic_store(&left, MANY * ROUNDS);
	for (int i = 0; i < MANY; i++)
		loop_park(loop, &many[i].task, clock_ms() + PATIENCE_MS);
	/* A hundred bytes go round. */
	for (int i = 0; i < 100; i++)
		say(&many[i * 20]);
	run();
	for (int i = 0; i < MANY; i++) {
		total += many[i].ready;
		ck_assert_uint_eq(many[i].deadline, 0);
		probe_close(&many[i]);
	}
	ck_assert_uint_ge(total, MANY * ROUNDS);
}
END_TEST

static void
then_check_time(struct probe *p, enum loop_why why)
{
	if (why != LOOP_DEADLINE || clock_ms() < p->due)
		atomic_store(&two_inside, true);
	then_count_down(p, why);
}

START_TEST(each_of_thousands_of_deadlines_comes_once)
{
	int64_t now;

	set_up(4, 32);
	open_many(then_check_time);
	atomic_store(&left, MANY);
	now = clock_ms();
	for (int i = 0; i < MANY; i++) {
		many[i].due = now + i * 7919 % 300;
		loop_park(loop, &many[i].task, many[i].due);
	}
	run();
	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(many[i].deadline, 1);
		probe_close(&many[i]);
	}
}
END_TEST

/* Input and deadlines race for the same tasks, which end and begin again. */
static void
then_end_or_go_on(struct probe *p, enum loop_why why)
{
	struct loop *l = p->task.loop;
	unsigned turn = atomic_fetch_sub(&left, 1);

	if (turn == 1)
		loop_stop(l);
	if (turn <= 1 || turn > 1U << 30)
		return;
	(void)why;
	while (hear(p))
		;
	if (turn % 3 == 0) {
		loop_forget(l, &p->task);
		p->task.fd = dup2(p->task.fd, p->task.fd);
	}
	(void)!write(many[turn % MANY].far, "x", 1);
	loop_park(l, &p->task, clock_ms() + turn % 3);
}

START_TEST(input_and_deadlines_that_race_run_a_task_once)
{
	set_up(4, 32);
	open_many(then_end_or_go_on);
	atomic_store(&left, MANY * ROUNDS);
	for (int i = 0; i < MANY; i++) {
		loop_park(loop, &many[i].task, clock_ms() + i % 4);
		say(&many[i]);
	}
	run();
	for (int i = 0; i < MANY; i++)
		probe_close(&many[i]);
}
END_TEST

/* Threads that are no workers post tasks; a handler that has blocked, or not,
 * lets its own thread go on. */
enum { POSTERS = 4, POSTED = 50, TURNS = 4000 };

struct poster {
	pthread_t thread;
	struct probe p[POSTED];
	pthread_mutex_t mutex;
	pthread_cond_t free;
	unsigned n_free;
	struct probe *stack[POSTED];
};

static struct poster posters[POSTERS];

static void
then_be_free(struct probe *p, enum loop_why why)
{
	struct poster *poster = p->ctx;
	struct loop *l = p->task.loop;

	if (why == LOOP_POSTED && p->posted % 50 == 0) {
		loop_blocking_begin();
		usleep(100);
		loop_blocking_end();
	}
	/* Now and then it was parked in between. */
	if (why == LOOP_POSTED && p->posted % 7 == 0) {
		loop_park(l, &p->task, 1);
		return;
	}
	pthread_mutex_lock(&poster->mutex);
	poster->stack[poster->n_free++] = p;
	pthread_cond_signal(&poster->free);
	pthread_mutex_unlock(&poster->mutex);
	if (atomic_fetch_sub(&left, 1) == 1)
		loop_stop(l);
}

static void *
post(void *ctx)
{
	struct poster *poster = ctx;

	for (int i = 0; i < TURNS; i++) {
		struct probe *p;

		pthread_mutex_lock(&poster->mutex);
		while (poster->n_free == 0)
			pthread_cond_wait(&poster->free, &poster->mutex);
		p = poster->stack[--poster->n_free];
		pthread_mutex_unlock(&poster->mutex);
		loop_post(loop, &p->task);
	}
	return NULL;
}

START_TEST(nothing_that_is_posted_is_lost)
{
	unsigned total = 0;

	set_up(2, 16);
	atomic_store(&left, POSTERS * TURNS);
	for (int i = 0; i < POSTERS; i++) {
		struct poster *poster = &posters[i];

		pthread_mutex_init(&poster->mutex, NULL);
		pthread_cond_init(&poster->free, NULL);
		poster->n_free = POSTED;
		for (int j = 0; j < POSTED; j++) {
			poster->stack[j] = &poster->p[j];
			probe_timer(&poster->p[j], then_be_free);
			poster->p[j].ctx = poster;
		}
		pthread_create(&poster->thread, NULL, post, poster);
	}
	run();
	for (int i = 0; i < POSTERS; i++) {
		pthread_join(posters[i].thread, NULL);
		for (int j = 0; j < POSTED; j++)
			total += posters[i].p[j].posted;
	}
	ck_assert_uint_eq(total, POSTERS * TURNS);
}
END_TEST

UNIT_MAIN("loop", a_task_runs_when_its_descriptor_has_input,
    a_task_runs_when_the_peer_hangs_up, a_deadline_comes_when_it_is_due,
    a_later_deadline_replaces_an_earlier_one,
    an_earlier_deadline_replaces_a_later_one,
    a_deadline_that_was_taken_back_does_not_come,
    what_the_kernel_cannot_watch_runs_at_once,
    a_forgotten_task_never_runs_though_its_number_is_used_again,
    draining_tells_each_task_but_those_that_are_always_there,
    what_was_posted_before_the_loop_runs_is_not_forgotten,
    a_posted_task_that_was_forgotten_does_not_run, posted_tasks_run_in_order,
    what_a_handler_posts_runs_while_the_handler_blocks,
    input_has_its_turn_however_much_is_posted,
    the_pool_grows_while_handlers_block, no_more_threads_run_than_asked_for,
    no_more_threads_block_than_the_maximum,
    thousands_of_parked_tasks_are_served_one_thread_at_a_time,
    each_of_thousands_of_deadlines_comes_once,
    input_and_deadlines_that_race_run_a_task_once,
    nothing_that_is_posted_is_lost)
