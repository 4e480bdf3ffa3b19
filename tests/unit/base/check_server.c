/* SPDX-License-Identifier: ISC */
/* Listeners and sessions: limits, parking, deadlines, draining. */
#include "config.h"

#include "base/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/loop.h"
#include "base/mem.h"
#include "tests/unit/base/certificate.h"

enum { PATIENCE_MS = 20000 };

/* A service that repeats what it hears; "quit" ends a session, "wait" blocks
 * until the test lets it go. "early", "late", "last" and "never" wait to be
 * resumed: that comes before they wait, from another thread, the same, which
 * ends the session, and not at all. "soon" asks for a timer, and says no more. */
static struct {
	struct loop *loop;
	struct server *server;
	pthread_t thread;
	struct net_address address;
	struct tls_server *tls;
	int64_t idle;
	atomic_uint opened, closed, deadlines, drained;
	atomic_bool let_go;

	/* Sessions that wait are resumed by a thread of its own. */
	pthread_t resumer;
	pthread_mutex_t mutex;
	pthread_cond_t more;
	struct session *waiting[100];
	unsigned n_waiting;
	bool is_held, is_over;
} echo = {.mutex = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

struct talk {
	struct session *session;
	struct buf in;
	bool shaken;
	bool is_last;
};

static void *
on_open(void *service, struct session *s)
{
	struct talk *t = mem_new(struct talk);
	struct fault f;

	(void)service;
	t->session = s;
	buf_init(&t->in, 1000);
	session_set_idle(s, echo.idle);
	atomic_fetch_add(&echo.opened, 1);
	if (echo.tls == NULL)
		(void)!io_write(session_io(s), STR_LIT("hello\n"), &f);
	return t;
}

static void *
resume(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&echo.mutex);
	while (!echo.is_over) {
		if (echo.n_waiting == 0 || echo.is_held)
			pthread_cond_wait(&echo.more, &echo.mutex);
		else
			session_resume(echo.waiting[--echo.n_waiting]);
	}
	pthread_mutex_unlock(&echo.mutex);
	return NULL;
}

static void
hold(bool held)
{
	pthread_mutex_lock(&echo.mutex);
	echo.is_held = held;
	pthread_cond_signal(&echo.more);
	pthread_mutex_unlock(&echo.mutex);
}

static void
await_resume(struct talk *t)
{
	pthread_mutex_lock(&echo.mutex);
	echo.waiting[echo.n_waiting++] = t->session;
	pthread_cond_signal(&echo.more);
	pthread_mutex_unlock(&echo.mutex);
}

static enum session_next
answer(struct talk *t, struct str line)
{
	struct io *io = session_io(t->session);
	struct buf out;
	struct fault f;
	int rc;

	if (str_is(line, STR_LIT("quit")))
		return SESSION_CLOSE;
	t->is_last = str_is(line, STR_LIT("last"));
	if (str_is(line, STR_LIT("soon"))) {
		session_set_timer(t->session, clock_ms() + 30);
		return SESSION_PARK;
	}
	if (str_is(line, STR_LIT("early")))
		session_resume(t->session);
	if (str_is(line, STR_LIT("late")) || t->is_last)
		await_resume(t);
	if (str_is(line, STR_LIT("early")) || str_is(line, STR_LIT("late")) ||
	    str_is(line, STR_LIT("never")) || t->is_last)
		return SESSION_WAIT;
	while (str_is(line, STR_LIT("wait")) && !atomic_load(&echo.let_go)) {
		loop_blocking_begin();
		usleep(1000);
		loop_blocking_end();
	}
	buf_init(&out, 1000);
	buf_putf(&out, "%.*s%s\n", STR_ARG(line),
	    session_is_draining(t->session) ? " (draining)" : "");
	rc = io_flush(io, &out, &f);
	buf_clear(&out);
	return rc < 0 ? SESSION_CLOSE : SESSION_PARK;
}

static enum session_next
answer_all(struct talk *t)
{
	enum session_next next = SESSION_PARK;
	struct str line;

	while (next == SESSION_PARK && buf_take_line(&t->in, &line))
		next = answer(t, line);
	return next;
}

static enum session_next
on_input(void *state)
{
	struct talk *t = state;
	struct io *io = session_io(t->session);
	struct fault f;
	bool again;
	int rc;

	if (echo.tls != NULL && !t->shaken) {
		rc = io_start_tls_server_now(io, echo.tls, &f);
		t->shaken = rc == 1;
		return rc < 0 ? SESSION_CLOSE : SESSION_PARK;
	}
	/* Little at a time: what TLS has decrypted must not be forgotten. */
	rc = io_read_now(io, &t->in, 10, &again, &f);
	if (rc < 0 || (rc == 0 && !again))
		return SESSION_CLOSE;
	return answer_all(t);
}

static enum session_next
on_resume(void *state)
{
	struct talk *t = state;
	struct fault f;

	if (io_write(session_io(t->session), STR_LIT("resumed\n"), &f) < 0 ||
	    t->is_last)
		return SESSION_CLOSE;
	return answer_all(t);
}

static enum session_next
on_timer(void *state)
{
	struct talk *t = state;
	struct fault f;

	return io_write(session_io(t->session), STR_LIT("it is time\n"), &f) < 0
		   ? SESSION_CLOSE
		   : SESSION_PARK;
}

static void
on_deadline(void *state)
{
	struct talk *t = state;
	struct fault f;

	atomic_fetch_add(&echo.deadlines, 1);
	(void)!io_write(session_io(t->session), STR_LIT("too late\n"), &f);
}

static void
on_drain(void *state)
{
	struct talk *t = state;
	struct fault f;

	atomic_fetch_add(&echo.drained, 1);
	(void)!io_write(session_io(t->session), STR_LIT("bye\n"), &f);
}

static void
on_close(void *state)
{
	struct talk *t = state;

	atomic_fetch_add(&echo.closed, 1);
	buf_clear(&t->in);
	mem_free(t);
}

static const struct session_ops ops = {
    .open = on_open,
    .on_input = on_input,
    .on_resume = on_resume,
    .on_timer = on_timer,
    .on_deadline = on_deadline,
    .on_drain = on_drain,
    .close = on_close,
    .over_limit = "full\n",
};

static void *
run(void *ctx)
{
	(void)ctx;
	loop_run(echo.loop);
	return NULL;
}

static void
start(const char *address, struct server_limits limits)
{
	static const struct loop_limits threads = {.busy = 2, .max = 50};
	struct fault f;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(net_parse(str(address), &echo.address, &f), 0);
	fd = net_listen(&echo.address, 0600, &f);
	ck_assert_msg(fd >= 0, "%s", f.text);
	ck_assert_int_eq(net_local(fd, &echo.address, &f), 0);
	echo.loop = loop_new(&threads, &f);
	echo.server = server_new(echo.loop, &limits);
	server_listen(echo.server, fd, &ops, NULL);
	ck_assert_int_eq(pthread_create(&echo.thread, NULL, run, NULL), 0);
	ck_assert_int_eq(pthread_create(&echo.resumer, NULL, resume, NULL), 0);
}

static void
start_plain(void)
{
	start("127.0.0.1:0", (struct server_limits){0});
}

/* Waits for the loop to end; each session that was opened was closed. */
static void
finish(void)
{
	ck_assert_int_eq(pthread_join(echo.thread, NULL), 0);
	pthread_mutex_lock(&echo.mutex);
	echo.is_over = true;
	pthread_cond_signal(&echo.more);
	pthread_mutex_unlock(&echo.mutex);
	ck_assert_int_eq(pthread_join(echo.resumer, NULL), 0);
	server_free(&echo.server);
	ck_assert_ptr_null(echo.server);
	loop_free(&echo.loop);
	ck_assert_uint_eq(atomic_load(&echo.opened), atomic_load(&echo.closed));
}

static void
stop(void)
{
	server_drain(echo.server, clock_ms() + PATIENCE_MS);
	finish();
}

struct client {
	struct io *io;
	struct buf in;
};

static struct client
dial(void)
{
	struct client c;
	struct fault f;
	int fd = net_connect(&echo.address, clock_ms() + PATIENCE_MS, &f);

	ck_assert_msg(fd >= 0, "%s", f.text);
	c.io = io_new(fd);
	io_set_deadline(c.io, clock_ms() + PATIENCE_MS);
	buf_init(&c.in, 10000);
	return c;
}

/* The next line; NULL at the end. */
static const char *
hear(struct client *c)
{
	static _Thread_local char text[1000];
	struct str line;
	struct fault f;
	int rc;

	while (!buf_take_line(&c->in, &line)) {
		rc = io_read(c->io, &c->in, 1000, &f);
		ck_assert_msg(rc >= 0, "%s", f.text);
		if (rc == 0)
			return NULL;
	}
	ck_assert(str_copy(line, text, sizeof text));
	return text;
}

static void
say(struct client *c, const char *text)
{
	struct fault f;

	ck_assert_msg(io_write(c->io, str(text), &f) == 0, "%s", f.text);
}

static void
hang_up(struct client *c)
{
	io_free(&c->io);
	buf_clear(&c->in);
}

static void
await_sessions(unsigned n)
{
	int64_t due = clock_ms() + PATIENCE_MS;

	while (server_sessions(echo.server) != n && clock_ms() < due)
		usleep(500);
	ck_assert_uint_eq(server_sessions(echo.server), n);
}

START_TEST(sessions_are_opened_served_and_closed)
{
	struct client a, b;

	start_plain();
	a = dial();
	b = dial();
	ck_assert_str_eq(hear(&a), "hello");
	ck_assert_str_eq(hear(&b), "hello");
	say(&b, "one\ntwo\nth");
	ck_assert_str_eq(hear(&b), "one");
	ck_assert_str_eq(hear(&b), "two");
	say(&a, "a much longer line than what is read at once\n");
	ck_assert_str_eq(
	    hear(&a), "a much longer line than what is read at once");
	say(&b, "ree\n");
	ck_assert_str_eq(hear(&b), "three");
	ck_assert_uint_eq(server_sessions(echo.server), 2);
	say(&b, "quit\n");
	ck_assert_ptr_null(hear(&b));
	await_sessions(1);
	hang_up(&a);
	await_sessions(0);
	hang_up(&b);
	stop();
	ck_assert_uint_eq(atomic_load(&echo.opened), 2);
	ck_assert_uint_eq(atomic_load(&echo.drained), 0);
}
END_TEST

START_TEST(what_tls_has_decrypted_is_not_forgotten)
{
	struct certificate pair;
	struct tls_certificate files;
	const struct tls_demand anyone = {.proof = TLS_PROOF_NONE};
	struct tls_client *tls;
	char dir[] = "/tmp/check_server.XXXXXX";
	struct client c;
	struct fault f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	certificate_make(&pair, dir, "a", "DNS:a.example", NULL, 86400);
	files = (struct tls_certificate){pair.chain, pair.key};
	echo.tls = tls_server_new(&files, 1, &f);
	tls = tls_client_new(NULL, &f);
	start_plain();
	c = dial();
	ck_assert_msg(
	    io_start_tls_client(c.io, tls, &anyone, &f) == 0, "%s", f.text);
	/* One record, many readings. */
	say(&c, "one\ntwo\nlate\nfour\nearly\nsix\nseven\neight\nnine\n");
	ck_assert_str_eq(hear(&c), "one");
	for (int i = 0; i < 7; i++)
		ck_assert_ptr_nonnull(hear(&c));
	ck_assert_str_eq(hear(&c), "nine");
	hang_up(&c);
	stop();
	tls_client_free(&tls);
	tls_server_free(&echo.tls);
	certificate_remove(&pair);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(an_idle_session_is_told_and_closed_at_its_deadline)
{
	struct client c;
	int64_t since = clock_ms();

	echo.idle = 100;
	start_plain();
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	for (int i = 0; i < 4; i++) {
		usleep(40000);
		say(&c, "x\n");
		ck_assert_str_eq(hear(&c), "x");
	}
	ck_assert_str_eq(hear(&c), "too late");
	ck_assert_ptr_null(hear(&c));
	/* 160 ms of talk and 100 of silence. */
	ck_assert_int_ge(clock_ms() - since, 250);
	ck_assert_uint_eq(atomic_load(&echo.deadlines), 1);
	hang_up(&c);
	await_sessions(0);
	stop();
}
END_TEST

START_TEST(sessions_over_the_limit_get_one_line)
{
	struct client c[3], more;

	start("127.0.0.1:0", (struct server_limits){.sessions = 3});
	for (int i = 0; i < 3; i++) {
		c[i] = dial();
		ck_assert_str_eq(hear(&c[i]), "hello");
	}
	more = dial();
	ck_assert_str_eq(hear(&more), "full");
	ck_assert_ptr_null(hear(&more));
	hang_up(&more);
	/* One goes, one comes. */
	hang_up(&c[1]);
	await_sessions(2);
	more = dial();
	ck_assert_str_eq(hear(&more), "hello");
	hang_up(&more);
	hang_up(&c[0]);
	hang_up(&c[2]);
	stop();
}
END_TEST

START_TEST(loopback_has_no_limit_of_its_own)
{
	struct client c[3];

	start("127.0.0.1:0", (struct server_limits){.per_client = 1});
	for (int i = 0; i < 3; i++) {
		c[i] = dial();
		ck_assert_str_eq(hear(&c[i]), "hello");
	}
	for (int i = 0; i < 3; i++)
		hang_up(&c[i]);
	stop();
}
END_TEST

START_TEST(draining_says_goodbye_and_lets_the_busy_finish)
{
	struct client idle, busy;
	struct fault f;

	start_plain();
	idle = dial();
	busy = dial();
	ck_assert_str_eq(hear(&idle), "hello");
	ck_assert_str_eq(hear(&busy), "hello");
	say(&busy, "wait\n");
	/* The worker is inside when the draining begins. */
	usleep(20000);
	server_drain(echo.server, clock_ms() + PATIENCE_MS);
	ck_assert_str_eq(hear(&idle), "bye");
	ck_assert_ptr_null(hear(&idle));
	await_sessions(1);
	ck_assert_int_eq(net_connect(&echo.address, clock_ms() + 1000, &f), -1);
	atomic_store(&echo.let_go, true);
	ck_assert_str_eq(hear(&busy), "wait (draining)");
	ck_assert_str_eq(hear(&busy), "bye");
	ck_assert_ptr_null(hear(&busy));
	finish();
	ck_assert_uint_eq(atomic_load(&echo.drained), 2);
	hang_up(&idle);
	hang_up(&busy);
}
END_TEST

static void *
let_go_later(void *ctx)
{
	(void)ctx;
	usleep(200000);
	atomic_store(&echo.let_go, true);
	return NULL;
}

START_TEST(draining_ends_at_its_deadline)
{
	pthread_t thread;
	struct client busy, idle;

	start_plain();
	busy = dial();
	ck_assert_str_eq(hear(&busy), "hello");
	say(&busy, "wait\n");
	usleep(20000);
	idle = dial();
	ck_assert_str_eq(hear(&idle), "hello");
	pthread_create(&thread, NULL, let_go_later, NULL);
	server_drain(echo.server, clock_ms() + 50);
	finish();
	ck_assert_uint_eq(atomic_load(&echo.closed), 2);
	pthread_join(thread, NULL);
	hang_up(&busy);
	hang_up(&idle);
}
END_TEST

START_TEST(a_session_that_waits_goes_on_when_it_is_resumed)
{
	struct client c;

	start_plain();
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	say(&c, "one\nlate\ntwo\nearly\n");
	ck_assert_str_eq(hear(&c), "one");
	ck_assert_str_eq(hear(&c), "resumed");
	ck_assert_str_eq(hear(&c), "two");
	ck_assert_str_eq(hear(&c), "resumed");
	say(&c, "three\nlate\nlate\nlast\nfour\n");
	ck_assert_str_eq(hear(&c), "three");
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(hear(&c), "resumed");
	ck_assert_ptr_null(hear(&c));
	hang_up(&c);
	await_sessions(0);
	stop();
}
END_TEST

START_TEST(a_session_that_waits_reads_nothing_and_has_no_deadline)
{
	struct client c, other;

	echo.idle = 50;
	start_plain();
	hold(true);
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	say(&c, "late\n");
	/* Another has its deadline meanwhile. */
	other = dial();
	ck_assert_str_eq(hear(&other), "hello");
	say(&c, "one\n");
	ck_assert_str_eq(hear(&other), "too late");
	await_sessions(1);
	hold(false);
	ck_assert_str_eq(hear(&c), "resumed");
	ck_assert_str_eq(hear(&c), "one");
	ck_assert_str_eq(hear(&c), "too late");
	hang_up(&c);
	hang_up(&other);
	stop();
}
END_TEST

START_TEST(draining_lets_a_session_that_waits_go_on)
{
	struct client idle, waiting;

	start_plain();
	hold(true);
	waiting = dial();
	ck_assert_str_eq(hear(&waiting), "hello");
	/* Read at once: what is left in the socket may lose to the farewell. */
	say(&waiting, "a\nlate\nb\n");
	ck_assert_str_eq(hear(&waiting), "a");
	idle = dial();
	ck_assert_str_eq(hear(&idle), "hello");
	server_drain(echo.server, clock_ms() + PATIENCE_MS);
	ck_assert_str_eq(hear(&idle), "bye");
	await_sessions(1);
	hold(false);
	ck_assert_str_eq(hear(&waiting), "resumed");
	ck_assert_str_eq(hear(&waiting), "b (draining)");
	ck_assert_str_eq(hear(&waiting), "bye");
	finish();
	hang_up(&idle);
	hang_up(&waiting);
}
END_TEST

START_TEST(draining_ends_at_its_deadline_though_a_session_waits)
{
	struct client c;

	start_plain();
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	say(&c, "one\nnever\n");
	ck_assert_str_eq(hear(&c), "one");
	server_drain(echo.server, clock_ms() + 50);
	finish();
	ck_assert_uint_eq(atomic_load(&echo.closed), 1);
	ck_assert_uint_eq(atomic_load(&echo.drained), 0);
	ck_assert_ptr_null(hear(&c));
	hang_up(&c);
}
END_TEST

/* Resumed, but the loop has ended before a worker came to it. */
START_TEST(a_session_that_is_resumed_too_late_is_closed_all_the_same)
{
	struct client c[20];

	start_plain();
	hold(true);
	for (int i = 0; i < 20; i++) {
		c[i] = dial();
		ck_assert_str_eq(hear(&c[i]), "hello");
		say(&c[i], "one\nlate\n");
		ck_assert_str_eq(hear(&c[i]), "one");
	}
	loop_stop(echo.loop);
	hold(false);
	finish();
	ck_assert_uint_eq(atomic_load(&echo.closed), 20);
	for (int i = 0; i < 20; i++)
		hang_up(&c[i]);
}
END_TEST

static void *
wait_often(void *ctx)
{
	struct client c = dial();

	(void)ctx;
	ck_assert_str_eq(hear(&c), "hello");
	for (int i = 0; i < 300; i++) {
		say(&c, "late\nearly\nx\n");
		ck_assert_str_eq(hear(&c), "resumed");
		ck_assert_str_eq(hear(&c), "resumed");
		ck_assert_str_eq(hear(&c), "x");
	}
	say(&c, "last\n");
	hang_up(&c);
	return NULL;
}

START_TEST(many_that_wait_and_are_resumed_at_once_all_go_on)
{
	enum { N = 16 };
	pthread_t threads[N];

	start_plain();
	for (int i = 0; i < N; i++)
		pthread_create(&threads[i], NULL, wait_often, NULL);
	for (int i = 0; i < N; i++)
		pthread_join(threads[i], NULL);
	await_sessions(0);
	stop();
	ck_assert_uint_eq(atomic_load(&echo.opened), N);
}
END_TEST

/* Clients that come, talk and go, all at once. */
static void *
visit(void *ctx)
{
	uintptr_t seed = (uintptr_t)ctx;

	for (int i = 0; i < 150; i++) {
		struct client c = dial();
		struct fault f;

		/* It may have been turned away, or too slow. */
		if ((i + seed) % 4 != 0 &&
		    io_write(c.io, STR_LIT("text\n"), &f) == 0)
			(void)hear(&c);
		if ((i + seed) % 3 == 0)
			(void)!io_write(c.io, STR_LIT("quit\n"), &f);
		hang_up(&c);
	}
	return NULL;
}

START_TEST(many_who_come_and_go_leave_nothing_behind)
{
	pthread_t threads[4];

	echo.idle = 5;
	start("127.0.0.1:0", (struct server_limits){.sessions = 3});
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, visit, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	await_sessions(0);
	stop();
	ck_assert_uint_ge(atomic_load(&echo.opened), 1);
}
END_TEST

/* It minds the limit itself: what the kernel has accepted beyond, it closes. */
static bool
is_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

START_TEST(a_process_without_descriptors_goes_on_when_it_has_some)
{
	struct rlimit limit, few;
	struct client c;

	start_plain();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	hang_up(&c);
	await_sessions(0);
	c = dial();
	(void)hear(&c);
	few = limit;
	few.rlim_cur = (rlim_t)io_fd(c.io) + 2;
	hang_up(&c);
	await_sessions(0);
	/* The client takes the last but one, so accepting fails. */
	few.rlim_cur = (rlim_t)dup(0) + 1;
	close((int)few.rlim_cur - 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	c = dial();
	usleep(50000);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (!is_valgrind())
		ck_assert_str_eq(hear(&c), "hello");
	hang_up(&c);
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	hang_up(&c);
	stop();
}
END_TEST

START_TEST(a_timer_runs_once_and_closes_nothing)
{
	struct client c;

	/* Without a deadline, which a busy machine could meet first. */
	echo.idle = 0;
	start_plain();
	c = dial();
	ck_assert_str_eq(hear(&c), "hello");
	say(&c, "soon\n");
	ck_assert_str_eq(hear(&c), "it is time");
	say(&c, "still here\n");
	ck_assert_str_eq(hear(&c), "still here");
	ck_assert_uint_eq(atomic_load(&echo.deadlines), 0);
	hang_up(&c);
	stop();
}
END_TEST

UNIT_MAIN("server", sessions_are_opened_served_and_closed,
    what_tls_has_decrypted_is_not_forgotten,
    an_idle_session_is_told_and_closed_at_its_deadline,
    a_timer_runs_once_and_closes_nothing, sessions_over_the_limit_get_one_line,
    loopback_has_no_limit_of_its_own,
    draining_says_goodbye_and_lets_the_busy_finish,
    draining_ends_at_its_deadline,
    a_session_that_waits_goes_on_when_it_is_resumed,
    a_session_that_waits_reads_nothing_and_has_no_deadline,
    draining_lets_a_session_that_waits_go_on,
    draining_ends_at_its_deadline_though_a_session_waits,
    a_session_that_is_resumed_too_late_is_closed_all_the_same,
    many_that_wait_and_are_resumed_at_once_all_go_on,
    many_who_come_and_go_leave_nothing_behind,
    a_process_without_descriptors_goes_on_when_it_has_some)
