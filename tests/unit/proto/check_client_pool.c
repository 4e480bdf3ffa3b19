/* SPDX-License-Identifier: ISC */
/* Connections that rest between two questions; the server is in the same
 * thread, and does what the test says. */
#include "config.h"

#include "proto/client_pool.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

enum {
	IN_MAX = 50000,
	OUT_MAX = 100,
	KEPT_MAX = 64, /* of a pool */
	LONG_ANSWER = 30000,
};

static char dir[64];
static struct net_address address;
static struct client_pool *pool;
static int listener;
static struct fault f;

static void
set_up(void)
{
	char where[96];

	snprintf(dir, sizeof dir, "/tmp/check_client_pool.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(where, sizeof where, "unix:%s/sock", dir);
	ck_assert_int_eq(net_parse(str(where), &address, &f), 0);
	listener = net_listen(&address, 0600, &f);
	ck_assert_int_ge(listener, 0);
	pool = client_pool_new(&address, IN_MAX, OUT_MAX);
}

static void
stop_listening(void)
{
	char path[96];

	snprintf(path, sizeof path, "%s/sock", dir);
	close(listener);
	unlink(path);
}

static void
tear_down(void)
{
	client_pool_free(&pool);
	ck_assert_ptr_null(pool);
	stop_listening();
	rmdir(dir);
}

/* A new connection; *server is its other end. */
static struct client_pool_connection *
connect_both(int *server)
{
	struct client_pool_connection *c = client_pool_connect(pool, 0, &f);
	struct pollfd there = {listener, POLLIN, 0};

	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(poll(&there, 1, -1), 1);
	*server = accept(listener, NULL, NULL);
	ck_assert_int_ge(*server, 0);
	return c;
}

static void
say(int server, const char *bytes, size_t len)
{
	ck_assert_int_eq(write(server, bytes, len), (ssize_t)len);
}

START_TEST(what_rests_is_given_once)
{
	struct client_pool_connection *first, *c;
	int server;

	set_up();
	ck_assert_ptr_null(client_pool_take(pool));
	c = first = connect_both(&server);
	client_pool_put(pool, &c);
	ck_assert_ptr_null(c);
	c = client_pool_take(pool);
	ck_assert_ptr_eq(c, first);
	ck_assert_ptr_null(client_pool_take(pool));
	client_pool_drop(&c);
	ck_assert_ptr_null(c);
	close(server);
	tear_down();
}
END_TEST

START_TEST(an_answer_is_read_as_it_comes)
{
	struct client_pool_connection *c;
	int server;

	set_up();
	c = connect_both(&server);
	say(server, "one ", 4);
	ck_assert_int_eq(client_pool_read(c, &f), 0);
	ck_assert_view_eq(buf_str(&c->in), "one ");
	say(server, "two", 3);
	ck_assert_int_eq(client_pool_read(c, &f), 0);
	ck_assert_view_eq(buf_str(&c->in), "one two");
	close(server);
	ck_assert_int_eq(client_pool_read(c, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.4.2");
	client_pool_drop(&c);
	tear_down();
}
END_TEST

START_TEST(a_server_that_says_nothing_is_waited_for_until_the_deadline)
{
	struct client_pool_connection *c;
	int server;

	set_up();
	c = connect_both(&server);
	io_set_deadline(c->io, clock_ms() + 10);
	ck_assert_int_eq(client_pool_read(c, &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.2");
	client_pool_drop(&c);
	close(server);
	tear_down();
}
END_TEST

START_TEST(what_was_closed_or_has_spoken_unasked_is_not_given)
{
	struct client_pool_connection *good, *closed, *loud, *expected;
	int servers[3];

	set_up();
	good = expected = connect_both(&servers[0]);
	closed = connect_both(&servers[1]);
	loud = connect_both(&servers[2]);
	client_pool_put(pool, &good);
	client_pool_put(pool, &closed);
	client_pool_put(pool, &loud);
	close(servers[1]);
	say(servers[2], "late", 4);
	good = client_pool_take(pool);
	ck_assert_ptr_eq(good, expected);
	ck_assert_ptr_null(client_pool_take(pool));
	/* The client's end of the loud one is closed, too. */
	ck_assert_int_eq(send(servers[2], "more", 4, MSG_NOSIGNAL), -1);
	client_pool_drop(&good);
	close(servers[0]);
	close(servers[2]);
	tear_down();
}
END_TEST

START_TEST(only_so_many_rest)
{
	struct client_pool_connection *c[KEPT_MAX + 2];
	int servers[KEPT_MAX + 2];
	size_t n = 0;

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = connect_both(&servers[i]);
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		client_pool_put(pool, &c[i]);
		ck_assert_ptr_null(c[i]);
	}
	while ((c[n] = client_pool_take(pool)) != NULL)
		n++;
	ck_assert_uint_eq(n, KEPT_MAX);
	/* Some are closed by hand, some with the pool. */
	for (size_t i = 0; i < n; i++)
		if (i % 2 == 0)
			client_pool_drop(&c[i]);
		else
			client_pool_put(pool, &c[i]);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		close(servers[i]);
	tear_down();
}
END_TEST

START_TEST(what_a_long_answer_needed_is_given_back)
{
	static char text[LONG_ANSWER];
	struct client_pool_connection *c;
	int server;

	set_up();
	memset(text, 'x', sizeof text);
	c = connect_both(&server);
	say(server, text, sizeof text);
	while (buf_len(&c->in) < sizeof text)
		ck_assert_int_eq(client_pool_read(c, &f), 0);
	buf_reset(&c->in);
	client_pool_put(pool, &c);
	c = client_pool_take(pool);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_lt(c->in.room, LONG_ANSWER);
	client_pool_drop(&c);
	close(server);
	tear_down();
}
END_TEST

START_TEST(a_server_that_is_not_there_is_a_fault)
{
	set_up();
	stop_listening();
	ck_assert_ptr_null(client_pool_connect(pool, 0, &f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	client_pool_free(&pool);
	rmdir(dir);
}
END_TEST

UNIT_MAIN("client_pool", what_rests_is_given_once,
    an_answer_is_read_as_it_comes,
    a_server_that_says_nothing_is_waited_for_until_the_deadline,
    what_was_closed_or_has_spoken_unasked_is_not_given, only_so_many_rest,
    what_a_long_answer_needed_is_given_back,
    a_server_that_is_not_there_is_a_fault)
