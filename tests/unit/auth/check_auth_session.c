/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/auth_session.h"

#include "auth/sasl.h"
#include "base/crypto.h"
#include "tests/unit/auth/scram_client.h"
#include "tests/unit/auth/served.h"

static const char *const offered[] = {
    "LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
static struct buf in, out;

static void
begin(void)
{
	struct fault f = {.text = ""};
	int rc;

	serve(&auth_session_ops);
	rc = sasl_open(offered, ARRAY_LEN(offered), NULL, &f);
	ck_assert_msg(rc == 0, "%s", f.text);
	buf_init(&in, 1 << 20);
	buf_init(&out, 1 << 20);
}

static void
end(void)
{
	buf_clear(&in);
	buf_clear(&out);
	end_serving();
	sasl_close();
}

/* A connection behind the greetings. */
static int
greeted(void)
{
	int fd = dial();

	say(fd, STR_LIT("VERSION\t1\t2\nCPID\t1\n"));
	hear(fd, "DONE\n", &in);
	return fd;
}

static void
put_base64(struct str text)
{
	crypto_base64_put(&out, text);
}

#define PLAIN(user, password) STR_LIT("\0" user "\0" password)

/* "AUTH id PLAIN …" with the response. */
static void
put_plain(unsigned id, struct str response)
{
	buf_putf(&out, "AUTH\t%u\tPLAIN\tservice=smtp\tsecured\tresp=", id);
	put_base64(response);
	buf_putc(&out, '\n');
}

static void
assert_answers(int fd, const char *want)
{
	say(fd, buf_str(&out));
	buf_reset(&out);
	hear(fd, "\n", &in);
	ck_assert_str_eq(buf_text(&in), want);
}

START_TEST(a_client_that_waits_for_the_greeting_gets_it)
{
	struct str rest, line;
	int fd;

	begin();
	fd = dial();
	hear(fd, "DONE\n", &in);
	rest = buf_str(&in);
	ck_assert_view_eq(str_cut(&rest, '\n'), "VERSION\t1\t3");
	ck_assert_view_eq(
	    str_cut(&rest, '\n'), "MECH\tSCRAM-SHA-256\tmutual-auth");
	ck_assert_view_eq(str_cut(&rest, '\n'), "MECH\tPLAIN\tplaintext");
	ck_assert_view_eq(str_cut(&rest, '\n'), "MECH\tLOGIN\tplaintext");
	ck_assert(str_starts(str_cut(&rest, '\n'), STR_LIT("SPID\t")));
	ck_assert(str_starts(str_cut(&rest, '\n'), STR_LIT("CUID\t")));
	line = str_cut(&rest, '\n');
	ck_assert(str_starts(line, STR_LIT("COOKIE\t")));
	ck_assert_uint_eq(line.len, 7 + 32);
	ck_assert_view_eq(str_cut(&rest, '\n'), "DONE");
	ck_assert_uint_eq(rest.len, 0);
	close(fd);
	end();
}
END_TEST

static const struct {
	const char *version;
	bool binds;
} versions[] = {
    {"VERSION\t1\t3\n", true},
    {"VERSION\t1\t4\n", true},
    {"VERSION\t1\t2\n", false},
    {"VERSION\t1\n", false},
    {"VERSION\t1\tx\n", false},
};

START_TEST(only_a_client_that_knows_of_it_is_told_of_binding)
{
	static const char line[] =
	    "MECH\tSCRAM-SHA-256-PLUS\tmutual-auth\tchannel-binding\n";

	begin();
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		int fd = dial();

		say(fd, str(versions[i].version));
		hear(fd, "DONE\n", &in);
		ck_assert_int_eq(
		    strstr(buf_text(&in), line) != NULL, versions[i].binds);
		/* Once is enough. */
		say(fd, str(versions[i].version));
		say(fd, STR_LIT("CPID\t1\n"));
		put_plain(1, PLAIN("eve@example.org", "x"));
		assert_answers(fd, "FAIL\t1\tuser=eve@example.org\n");
		close(fd);
	}
	end();
}
END_TEST

/* A SCRAM-SHA-256-PLUS exchange up to its last answer. */
static const char *
scram_plus(int fd, unsigned id, const char *secured, const char *known)
{
	struct scram_client c;
	struct str rest;

	scram_client_bind(
	    &c, true, "ann@example.org", "p=tls-exporter,,", "a\xff z");
	buf_putf(&out,
	    "AUTH\t%u\tSCRAM-SHA-256-PLUS\tservice=smtp%s\tresp=", id, secured);
	put_base64(str(c.first));
	buf_putc(&out, '\n');
	say(fd, buf_str(&out));
	buf_reset(&out);
	hear(fd, "\n", &in);
	rest = buf_str(&in);
	if (!str_is(str_cut(&rest, '\t'), STR_LIT("CONT")))
		return buf_text(&in);
	str_cut(&rest, '\t');
	ck_assert(crypto_base64_take(&out, str_cut(&rest, '\t')));
	ck_assert_view_eq(rest, "channel_binding=tls-exporter\n");
	scram_client_answer(&c, buf_text(&out), "correct horse");
	buf_reset(&out);
	buf_putf(&out, "CONT\t%u\t", id);
	put_base64(str(c.last));
	buf_putf(&out, "%s\n", known);
	say(fd, buf_str(&out));
	buf_reset(&out);
	hear(fd, "\n", &in);
	return buf_text(&in);
}

START_TEST(a_channel_is_asked_for_and_compared)
{
	static const char right[] = "\tchannel_binding=Yf8geg==";
	int fd;

	begin();
	fd = dial();
	say(fd, STR_LIT("VERSION\t1\t3\nCPID\t1\n"));
	hear(fd, "DONE\n", &in);
	/* Whose keys are not there yet has to show the password. */
	put_plain(1, PLAIN("ann@example.org", "correct horse"));
	assert_answers(fd, "OK\t1\tuser=ann@example.org\n");
	ck_assert(str_starts(str(scram_plus(fd, 2, "\tsecured=tls", right)),
	    STR_LIT("CONT\t2")));
	buf_puts(&out, "CONT\t2\t\n");
	assert_answers(fd, "OK\t2\tuser=ann@example.org\n");
	ck_assert_str_eq(scram_plus(fd, 3, "\tsecured=tls", ""),
	    "FAIL\t3\tuser=ann@example.org\n");
	ck_assert_str_eq(
	    scram_plus(fd, 4, "\tsecured=tls", "\tchannel_binding=Yf8gew=="),
	    "FAIL\t4\tuser=ann@example.org\n");
	ck_assert_str_eq(
	    scram_plus(fd, 5, "\tsecured=tls", "\tchannel_binding=Yf8"),
	    "FAIL\t5\treason=Invalid base64 data\n");
	/* Nothing to bind to. */
	ck_assert_str_eq(scram_plus(fd, 6, "\tsecured", right), "FAIL\t6\n");
	ck_assert_str_eq(scram_plus(fd, 7, "", right), "FAIL\t7\n");
	close(fd);
	end();
}
END_TEST

START_TEST(plain_ends_in_ok_or_fail)
{
	int fd;

	begin();
	fd = greeted();
	put_plain(1, PLAIN("Ann@Example.org", "correct horse"));
	assert_answers(fd, "OK\t1\tuser=ann@example.org\n");
	put_plain(2, PLAIN("ann@example.org", "wrong horse"));
	assert_answers(fd, "FAIL\t2\tuser=ann@example.org\n");
	/* The id is free again. */
	put_plain(2, PLAIN("ann@example.org", "correct horse"));
	assert_answers(fd, "OK\t2\tuser=ann@example.org\n");
	put_plain(4294967295U, PLAIN("bob@example.org", "correct horse"));
	assert_answers(fd, "FAIL\t4294967295\tuser=bob@example.org\n");
	put_plain(4, PLAIN("eve@example.org", "correct horse"));
	assert_answers(fd, "FAIL\t4\tuser=eve@example.org\n");
	ck_assert_uint_eq(atomic_load(&authd.counters.logins), 2);
	ck_assert_uint_eq(atomic_load(&authd.counters.logins_refused), 3);
	close(fd);
	end();
}
END_TEST

START_TEST(login_goes_on_by_cont)
{
	int fd;

	begin();
	fd = greeted();
	buf_puts(&out, "AUTH\t7\tLOGIN\tservice=smtp\tnologin\tsecured=tls\n");
	assert_answers(fd, "CONT\t7\tVXNlcm5hbWU6\n");
	buf_puts(&out, "CONT\t7\t");
	put_base64(STR_LIT("ann@example.org"));
	buf_putc(&out, '\n');
	assert_answers(fd, "CONT\t7\tUGFzc3dvcmQ6\n");
	buf_puts(&out, "CONT\t7\t");
	put_base64(STR_LIT("correct horse"));
	buf_putc(&out, '\n');
	assert_answers(fd, "OK\t7\tuser=ann@example.org\n");
	close(fd);
	end();
}
END_TEST

START_TEST(plain_without_a_response_gets_an_empty_challenge)
{
	int fd;

	begin();
	fd = greeted();
	buf_puts(&out, "AUTH\t1\tPLAIN\tsecured\n");
	assert_answers(fd, "CONT\t1\t\n");
	buf_puts(&out, "CONT\t1\t");
	put_base64(PLAIN("ann@example.org", "correct horse"));
	buf_putc(&out, '\n');
	assert_answers(fd, "OK\t1\tuser=ann@example.org\n");
	close(fd);
	end();
}
END_TEST

START_TEST(many_requests_may_be_open_at_once)
{
	int fd;

	begin();
	fd = greeted();
	buf_puts(&out, "AUTH\t1\tLOGIN\tsecured\n");
	assert_answers(fd, "CONT\t1\tVXNlcm5hbWU6\n");
	buf_puts(&out, "AUTH\t2\tPLAIN\tsecured\n");
	assert_answers(fd, "CONT\t2\t\n");
	put_plain(3, PLAIN("ann@example.org", "wrong horse"));
	assert_answers(fd, "FAIL\t3\tuser=ann@example.org\n");
	buf_puts(&out, "CONT\t1\t");
	put_base64(STR_LIT("ann@example.org"));
	buf_putc(&out, '\n');
	assert_answers(fd, "CONT\t1\tUGFzc3dvcmQ6\n");
	buf_puts(&out, "CONT\t2\t");
	put_base64(PLAIN("ann@example.org", "correct horse"));
	buf_putc(&out, '\n');
	assert_answers(fd, "OK\t2\tuser=ann@example.org\n");
	buf_puts(&out, "CANCEL\t1\nCONT\t1\t\n");
	assert_answers(fd, "FAIL\t1\n");
	close(fd);
	end();
}
END_TEST

START_TEST(more_requests_than_there_is_room_for_fail_for_now)
{
	struct buf want;
	int fd;

	begin();
	fd = greeted();
	buf_init(&want, 1 << 16);
	for (unsigned i = 1; i <= 32; i++) {
		buf_putf(&out, "AUTH\t%u\tPLAIN\tsecured\n", i);
		buf_putf(&want, "CONT\t%u\t\n", i);
	}
	buf_puts(&out, "AUTH\t33\tPLAIN\tsecured\n");
	buf_puts(&want, "FAIL\t33\ttemp\tcode=temp_fail\n");
	say(fd, buf_str(&out));
	hear(fd, "temp_fail\n", &in);
	ck_assert_str_eq(buf_text(&in), buf_text(&want));
	buf_clear(&want);
	close(fd);
	end();
}
END_TEST

START_TEST(plain_text_needs_a_secured_client)
{
	int fd;

	begin();
	fd = greeted();
	buf_puts(&out, "AUTH\t1\tPLAIN\tservice=smtp\tresp=");
	put_base64(PLAIN("ann@example.org", "correct horse"));
	/* Behind the response no parameter counts. */
	buf_puts(&out, "\tsecured\n");
	assert_answers(
	    fd, "FAIL\t1\treason=Plaintext authentication needs TLS\n");
	options.auth_without_tls = true;
	buf_puts(&out, "AUTH\t1\tPLAIN\tservice=smtp\tresp=");
	put_base64(PLAIN("ann@example.org", "correct horse"));
	buf_puts(&out, "\n");
	assert_answers(fd, "OK\t1\tuser=ann@example.org\n");
	close(fd);
	end();
}
END_TEST

static const struct {
	const char *line, *answer;
} failing[] = {
    {"AUTH\t1\tCRAM-MD5\tsecured\n",
	"FAIL\t1\treason=Unsupported authentication mechanism\n"},
    {"AUTH\t1\n", "FAIL\t1\treason=Unsupported authentication mechanism\n"},
    {"AUTH\t1\tPLAIN\tsecured\tresp=!!!\n",
	"FAIL\t1\treason=Invalid base64 data\n"},
    {"AUTH\t1\tPLAIN\tsecured\tresp=YQ\n",
	"FAIL\t1\treason=Invalid base64 data\n"},
    {"AUTH\t1\tPLAIN\tsecured\tresp=\n", "FAIL\t1\n"},
    {"AUTH\t1\tPLAIN\tsecured\tresp=YQ==\n", "FAIL\t1\n"},
    {"AUTH\t1\tplain\tsecured\tresp=YQ==\r\n", "FAIL\t1\n"},
    {"CONT\t9\tYQ==\n", "FAIL\t9\n"},
};

START_TEST(bad_requests_fail_by_themselves)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(failing); i++) {
		int fd = greeted();

		say(fd, str(failing[i].line));
		hear(fd, "\n", &in);
		ck_assert_msg(str_is(buf_str(&in), str(failing[i].answer)),
		    "%s: %s", failing[i].line, buf_text(&in));
		/* It goes on. */
		buf_reset(&out);
		put_plain(2, PLAIN("eve@example.org", "x"));
		assert_answers(fd, "FAIL\t2\tuser=eve@example.org\n");
		close(fd);
	}
	end();
}
END_TEST

static const char *const breaking[] = {
    "AUTH\n",
    "AUTH\tx\tPLAIN\n",
    "AUTH\t0\tPLAIN\n",
    "AUTH\t4294967296\tPLAIN\n",
    "AUTH\t-1\tPLAIN\n",
    "AUTH\t1\tPLAIN\tsecured\nAUTH\t1\tPLAIN\tsecured\n",
    "CONT\n",
    "CONT\tx\t\n",
    "CANCEL\tx\n",
    "VERSION\t2\t0\n",
    "VERSION\n",
    "CPID\tx\n",
};

START_TEST(nonsense_ends_the_connection)
{
	begin();
	for (size_t i = 0; i < ARRAY_LEN(breaking); i++) {
		int fd = greeted();

		say(fd, str(breaking[i]));
		hear(fd, NULL, &in);
		close(fd);
	}
	end();
}
END_TEST

START_TEST(requests_before_the_handshake_end_the_connection)
{
	static const char *const said[] = {"", "VERSION\t1\t0\n", "CPID\t1\n"};

	begin();
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		int fd = dial();

		hear(fd, "DONE\n", &in);
		say(fd, str(said[i]));
		say(fd, STR_LIT("AUTH\t1\tPLAIN\tsecured\n"));
		hear(fd, NULL, &in);
		ck_assert_uint_eq(buf_len(&in), 0);
		close(fd);
	}
	end();
}
END_TEST

START_TEST(unknown_words_are_passed_over)
{
	int fd;

	begin();
	fd = greeted();
	buf_puts(&out, "\nPENALTY\tx\nauth\t1\n\t\t\nX\001\n");
	put_plain(1, PLAIN("eve@example.org", "x"));
	assert_answers(fd, "FAIL\t1\tuser=eve@example.org\n");
	close(fd);
	end();
}
END_TEST

START_TEST(a_line_has_a_bound)
{
	static char long_line[20000];
	int fd;

	begin();
	memset(long_line, 'x', sizeof long_line);
	fd = greeted();
	say(fd, str_n(long_line, sizeof long_line));
	hear(fd, NULL, &in);
	ck_assert_uint_eq(buf_len(&in), 0);
	close(fd);
	end();
}
END_TEST

/* The order tells, whatever the time. */
START_TEST(a_failure_that_is_delayed_holds_up_no_other_request)
{
	int fd;

	guard_conf = (struct guard_conf){.lock_ms = 3600000, .delay_ms = 300};
	begin();
	fd = greeted();
	put_plain(1, PLAIN("bob@example.org", "first guess"));
	put_plain(2, PLAIN("bob@example.org", "second guess"));
	put_plain(3, PLAIN("ann@example.org", "correct horse"));
	say(fd, buf_str(&out));
	hear(fd, "FAIL\t2\tuser=bob@example.org\n", &in);
	ck_assert_str_eq(buf_text(&in),
	    "FAIL\t1\tuser=bob@example.org\nOK\t3\tuser=ann@example.org\n"
	    "FAIL\t2\tuser=bob@example.org\n");
	ck_assert(guard_begin_delay(authd.guard));
	close(fd);
	end();
}
END_TEST

START_TEST(a_failure_that_is_delayed_may_be_cancelled)
{
	int fd;

	guard_conf = (struct guard_conf){
	    .lock_ms = 3600000, .delay_ms = 60000, .delays = 1};
	begin();
	fd = greeted();
	put_plain(1, PLAIN("eve@example.org", "first guess"));
	put_plain(2, PLAIN("eve@example.org", "second guess"));
	/* There is no room for a third that is late. */
	put_plain(3, PLAIN("eve@example.org", "third guess"));
	buf_puts(&out, "CANCEL\t2\n");
	put_plain(2, PLAIN("ann@example.org", "correct horse"));
	say(fd, buf_str(&out));
	hear(fd, "OK\t2\tuser=ann@example.org\n", &in);
	ck_assert_str_eq(buf_text(&in),
	    "FAIL\t1\tuser=eve@example.org\n"
	    "FAIL\t3\tuser=eve@example.org\nOK\t2\tuser=ann@example.org\n");
	ck_assert(guard_begin_delay(authd.guard));
	guard_end_delay(authd.guard);
	/* An id that is not answered yet is in use; who goes takes it along. */
	buf_reset(&out);
	put_plain(4, PLAIN("eve@example.org", "fourth guess"));
	put_plain(4, PLAIN("eve@example.org", "fifth guess"));
	say(fd, buf_str(&out));
	hear(fd, NULL, &in);
	ck_assert_uint_eq(buf_len(&in), 0);
	close(fd);
	end();
}
END_TEST

START_TEST(a_lock_says_the_same_as_a_wrong_password)
{
	static const char *const users[] = {
	    "ann@example.org", "bob@example.org", "eve@example.org"};
	int fd;

	guard_conf =
	    (struct guard_conf){.lock_failures = 2, .lock_ms = 3600000};
	begin();
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		char want[64], response[64];

		fd = greeted();
		for (unsigned n = 0; n < 3; n++) {
			int len = snprintf(response, sizeof response,
			    "%c%s%c%s", 0, users[i], 0,
			    n == 0   ? "wrong horse"
			    : n == 1 ? "other horse"
				     : "correct horse");

			put_plain(n + 1, str_n(response, (size_t)len));
			snprintf(want, sizeof want, "FAIL\t%u\tuser=%s\n",
			    n + 1, users[i]);
			assert_answers(fd, want);
		}
		close(fd);
	}
	ck_assert_uint_eq(atomic_load(&authd.counters.logins_locked), 3);
	ck_assert_uint_eq(atomic_load(&authd.counters.logins_refused), 9);
	end();
}
END_TEST

UNIT_MAIN("auth_session", a_client_that_waits_for_the_greeting_gets_it,
    only_a_client_that_knows_of_it_is_told_of_binding,
    a_channel_is_asked_for_and_compared, plain_ends_in_ok_or_fail,
    login_goes_on_by_cont, plain_without_a_response_gets_an_empty_challenge,
    many_requests_may_be_open_at_once,
    more_requests_than_there_is_room_for_fail_for_now,
    plain_text_needs_a_secured_client, bad_requests_fail_by_themselves,
    nonsense_ends_the_connection,
    requests_before_the_handshake_end_the_connection,
    unknown_words_are_passed_over, a_line_has_a_bound,
    a_failure_that_is_delayed_holds_up_no_other_request,
    a_failure_that_is_delayed_may_be_cancelled,
    a_lock_says_the_same_as_a_wrong_password)
