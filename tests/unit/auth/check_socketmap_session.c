/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/socketmap_session.h"

#include <sys/wait.h>

#include "base/netstring.h"
#include "proto/socketmap.h"
#include "tests/unit/auth/served.h"

static struct buf in, out;

static void
begin(void)
{
	serve(&socketmap_session_ops);
	buf_init(&in, 16 << 20);
	buf_init(&out, 16 << 20);
}

static void
end(void)
{
	buf_clear(&in);
	buf_clear(&out);
	end_serving();
}

static const struct {
	const char *query, *answer;
} answers[] = {
    {"domain example.org", "OK example.org"},
    {"domain EXAMPLE.ORG", "OK example.org"},
    {"domain example.com", "NOTFOUND "},
    {"domain ", "NOTFOUND "},
    {"recipient ann@example.org", "OK ann@example.org"},
    {"recipient ANN+Lists@example.org", "OK ann+lists@example.org"},
    {"recipient team@example.org", "OK ann@example.org carl@catch.example"},
    {"recipient x@catch.example", "OK ann+catch@example.org"},
    {"recipient a b@catch.example", "OK ann+catch@example.org"},
    {"recipient nobody@example.org", "NOTFOUND "},
    {"recipient ann@example.com", "NOTFOUND "},
    {"recipient nonsense", "NOTFOUND "},
    {"recipient ", "NOTFOUND "},
    {"recipient bob@example.org", "PERM 5.2.1 this mailbox is disabled"},
    {"sender ann@example.org", "OK ann@example.org"},
    {"sender team@example.org", "OK ann@example.org carl@catch.example"},
    {"sender nobody@example.org", "NOTFOUND "},
    {"sender bob@example.org", "NOTFOUND "},
    {"mailbox Ann@example.org", "OK ann@example.org"},
    {"mailbox ann+x@example.org", "OK ann@example.org"},
    {"mailbox team@example.org", "NOTFOUND "},
    {"mailbox x@catch.example", "NOTFOUND "},
    {"mailbox bob@example.org", "PERM 5.2.1 this mailbox is disabled"},
    {"alias team@example.org", "OK ann@example.org, carl@catch.example"},
    {"alias @catch.example", "OK ann+catch@example.org"},
    {"alias @example.org", "NOTFOUND "},
    {"alias ann@example.org", "NOTFOUND "},
    {"alias carl@catch.example", "NOTFOUND "},
    {"alias carl+x@catch.example", "NOTFOUND "},
    {"alias team+x@example.org", "OK ann@example.org, carl@catch.example"},
    {"alias x@catch.example", "OK ann+catch@example.org"},
    {"alias nonsense", "NOTFOUND "},
    {"nomap ann@example.org", "PERM 5.5.4 there is no map \"nomap\""},
    {"Recipient ann@example.org", "PERM 5.5.4 there is no map \"Recipient\""},
    {"recipient", "PERM 5.5.2 a query is a map and a key"},
    {" x", "PERM 5.5.2 a query is a map and a key"},
    {"", "PERM 5.5.2 a query is a map and a key"},
};

START_TEST(each_map_answers_what_its_callers_expect)
{
	struct buf want;
	int fd;

	begin();
	fd = dial();
	buf_init(&want, 4096);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		buf_reset(&out);
		netstring_put(&out, str(answers[i].query));
		say(fd, buf_str(&out));
		hear(fd, ",", &in);
		/* A comma may be in the value too. */
		buf_reset(&want);
		netstring_put(&want, str(answers[i].answer));
		if (buf_len(&in) < buf_len(&want)) {
			struct buf rest;

			buf_init(&rest, 4096);
			hear(fd, ",", &rest);
			buf_put_str(&in, buf_str(&rest));
			buf_clear(&rest);
		}
		ck_assert_msg(str_is(buf_str(&in), buf_str(&want)),
		    "%s: %s, not %s", answers[i].query, buf_text(&in),
		    buf_text(&want));
	}
	close(fd);
	buf_clear(&want);
	end();
}
END_TEST

START_TEST(pipelined_queries_are_answered_in_order)
{
	enum { N = 3 };
	struct buf want;
	pid_t pid;
	int fd;

	begin();
	buf_init(&want, 16 << 20);
	for (int i = 0; i < 20000; i++) {
		static const char *const q[N] = {"recipient ann@example.org",
		    "recipient nobody@example.org", "nomap x"};
		static const char *const a[N] = {"OK ann@example.org",
		    "NOTFOUND ", "PERM 5.5.4 there is no map \"nomap\""};

		netstring_put(&out, str(q[i % N]));
		netstring_put(&want, str(a[i % N]));
	}
	netstring_put(&out, STR_LIT("domain example.org"));
	netstring_put(&want, STR_LIT("OK example.org"));
	fd = dial();
	/* More than sockets hold: somebody must read meanwhile. */
	pid = fork();
	if (pid == 0) {
		say(fd, buf_str(&out));
		_exit(0);
	}
	hear(fd, "14:OK example.org,", &in);
	ck_assert(str_is(buf_str(&in), buf_str(&want)));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	close(fd);
	buf_clear(&want);
	end();
}
END_TEST

START_TEST(queries_may_come_byte_by_byte)
{
	static const char text[] =
	    "25:recipient ann@example.org,18:domain example.org,";
	int fd;

	begin();
	fd = dial();
	for (size_t i = 0; i < sizeof text - 1; i++)
		say(fd, str_n(text + i, 1));
	hear(fd, "14:OK example.org,", &in);
	ck_assert_str_eq(
	    buf_text(&in), "18:OK ann@example.org,14:OK example.org,");
	close(fd);
	end();
}
END_TEST

static const char *const malformed[] = {
    "GET / HTTP/1.0\r\n\r\n",
    "recipient ann@example.org\n",
    "x",
    ":,",
    "-1:x,",
    "05:abcde,",
    "3:abcd,",
    "10001:",
    "999999999:",
    "99999999999999999999",
};

START_TEST(malformed_input_ends_the_connection_behind_the_answers)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		int fd = dial();

		buf_reset(&out);
		netstring_put(&out, STR_LIT("domain example.org"));
		buf_puts(&out, malformed[i]);
		say(fd, buf_str(&out));
		hear(fd, NULL, &in);
		ck_assert_msg(
		    str_is(buf_str(&in), STR_LIT("14:OK example.org,")),
		    "%s: %s", malformed[i], buf_text(&in));
		close(fd);
	}
	end();
}
END_TEST

START_TEST(long_keys_are_looked_up_in_vain)
{
	static char key[SOCKETMAP_QUERY_MAX - 10];
	int fd;

	begin();
	memset(key, 'x', sizeof key);
	buf_puts(&out, "10000:recipient ");
	buf_put(&out, key, sizeof key);
	buf_putc(&out, ',');
	fd = dial();
	say(fd, buf_str(&out));
	hear(fd, ",", &in);
	ck_assert_str_eq(buf_text(&in), "9:NOTFOUND ,");
	close(fd);
	end();
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_refused)
{
	enum { N = 1000, SIZE = 160 };
	static char text[N][SIZE];
	struct str targets[N];
	struct fault f = {.text = ""};
	char domain[96];
	int fd;

	begin();
	memset(domain, 'd', sizeof domain);
	memset(domain + 60, '\0', sizeof domain - 60);
	memcpy(domain + 60, ".example", 9);
	add_domain(authd.directory, domain);
	for (int i = 0; i < N; i++) {
		int len = snprintf(text[i], SIZE, "%064d@%s", i, domain);

		targets[i] = str_n(text[i], (size_t)len);
	}
	ck_assert_int_eq(directory_alias_add(authd.directory,
			     str("all@example.org"), targets, N, &f),
	    0);
	fd = dial();
	say(fd, STR_LIT("21:alias all@example.org,18:domain example.org,"));
	hear(fd, "14:OK example.org,", &in);
	ck_assert_str_eq(buf_text(&in),
	    "44:PERM 5.4.6 too many addresses for one answer,"
	    "14:OK example.org,");
	close(fd);
	end();
}
END_TEST

START_TEST(counters_tell_what_was_found)
{
	int fd;

	begin();
	fd = dial();
	say(fd, STR_LIT("18:domain example.org,18:domain example.com,"
			"7:nomap x,"));
	hear(fd, "nomap\",", &in);
	ck_assert_uint_eq(atomic_load(&authd.counters.lookups), 3);
	ck_assert_uint_eq(atomic_load(&authd.counters.lookups_found), 1);
	ck_assert_uint_eq(atomic_load(&authd.counters.lookups_failed), 1);
	ck_assert_uint_eq(atomic_load(&authd.counters.connections), 1);
	close(fd);
	end();
}
END_TEST

START_TEST(an_idle_client_is_let_go)
{
	int64_t then;
	int fd;

	options.idle_timeout = 100;
	begin();
	fd = dial();
	then = clock_ms();
	hear(fd, NULL, &in);
	ck_assert_uint_eq(buf_len(&in), 0);
	ck_assert_int_ge(clock_ms() - then, 90);
	close(fd);
	end();
}
END_TEST

UNIT_MAIN("socketmap_session", each_map_answers_what_its_callers_expect,
    pipelined_queries_are_answered_in_order, queries_may_come_byte_by_byte,
    malformed_input_ends_the_connection_behind_the_answers,
    long_keys_are_looked_up_in_vain, an_answer_that_is_too_long_is_refused,
    counters_tell_what_was_found, an_idle_client_is_let_go)
