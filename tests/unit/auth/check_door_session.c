/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/door_session.h"

#include "auth/sasl.h"
#include "auth/directory_quota.h"
#include "tests/unit/auth/served.h"

static struct buf in, out;

static void
begin(const struct session_ops *ops)
{
	static const char *const plain[] = {"PLAIN"};
	struct fault f = {.text = ""};

	authd.homes = (struct homes){.root = "/mail", .uid = 7, .gid = 8};
	serve(ops);
	ck_assert_msg(sasl_open(plain, 1, NULL, &f) == 0, "%s", f.text);
	buf_init(&in, 1 << 16);
	buf_init(&out, 1 << 16);
}

static void
end(void)
{
	buf_clear(&in);
	buf_clear(&out);
	end_serving();
	sasl_close();
}

/* One request on a connection of its own; all that comes to its end. */
static struct str
ask(void)
{
	int fd = dial();

	say(fd, buf_str(&out));
	buf_reset(&out);
	hear(fd, NULL, &in);
	close(fd);
	return buf_str(&in);
}

static void
put_string(struct str s)
{
	buf_putc(&out, (char)(s.len >> 8));
	buf_putc(&out, (char)(s.len & 0xff));
	buf_put_str(&out, s);
}

static void
put_request(const char *user, struct str password, const char *realm)
{
	put_string(str(user));
	put_string(password);
	put_string(STR_LIT("imap"));
	put_string(str(realm));
}

static const struct {
	const char *user;
	struct str password;
	const char *realm, *answer;
} logins[] = {
    {"Ann@Example.org", {"correct horse", 13}, "", "\0\2OK"},
    {"ann", {"correct horse", 13}, "example.org", "\0\2OK"},
    /* A whole name needs no realm. */
    {"ann@example.org", {"correct horse", 13}, "elsewhere", "\0\2OK"},
    {"ann", {"correct horse", 13}, "", "\0\2NO"},
    {"ann", {"correct horse", 13}, "elsewhere", "\0\2NO"},
    {"ann@example.org", {"wrong horse", 11}, "", "\0\2NO"},
    {"ann@example.org", {"correct horse\0", 14}, "", "\0\2NO"},
    {"ann@example.org", {"", 0}, "", "\0\2NO"},
    {"bob@example.org", {"correct horse", 13}, "", "\0\2NO"},
    {"eve@example.org", {"correct horse", 13}, "", "\0\2NO"},
    {"", {"", 0}, "", "\0\2NO"},
};

START_TEST(saslauthd_says_ok_or_no)
{
	begin(&saslauthd_session_ops);
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		put_request(
		    logins[i].user, logins[i].password, logins[i].realm);
		ck_assert_msg(str_is(ask(), str_n(logins[i].answer, 4)),
		    "%s at %s", logins[i].user, logins[i].realm);
	}
	ck_assert_uint_eq(atomic_load(&authd.counters.logins), 3);
	ck_assert_uint_eq(atomic_load(&authd.counters.logins_refused), 8);
	end();
}
END_TEST

START_TEST(saslauthd_takes_the_address_of_newer_clients)
{
	guard_conf =
	    (struct guard_conf){.lock_failures = 1, .lock_ms = 3600000};
	begin(&saslauthd_session_ops);
	put_request("eve@example.org", STR_LIT("guess"), "");
	put_string(STR_LIT("192.0.2.1"));
	ck_assert(str_is(ask(), STR_LIT("\0\2NO")));
	/* Its network is locked, and no other. */
	put_request("ann@example.org", STR_LIT("correct horse"), "");
	put_string(STR_LIT("192.0.2.2"));
	ck_assert(str_is(ask(), STR_LIT("\0\2NO")));
	put_request("ann@example.org", STR_LIT("correct horse"), "");
	put_string(STR_LIT("192.0.3.1"));
	ck_assert(str_is(ask(), STR_LIT("\0\2OK")));
	end();
}
END_TEST

START_TEST(a_length_without_bound_is_refused_at_once)
{
	begin(&saslauthd_session_ops);
	buf_puts(&out, "\xff\xff");
	ck_assert(str_is(ask(), STR_LIT("\0\2NO")));
	end();
}
END_TEST

START_TEST(a_refusal_comes_late_and_is_the_last)
{
	guard_conf = (struct guard_conf){.lock_ms = 3600000, .delay_ms = 50};
	begin(&saslauthd_session_ops);
	for (unsigned i = 0; i < 3; i++) {
		char guess[16];

		snprintf(guess, sizeof guess, "guess %u", i);
		put_request("eve@example.org", str(guess), "");
		ck_assert(str_is(ask(), STR_LIT("\0\2NO")));
	}
	end();
}
END_TEST

START_TEST(who_leaves_before_a_late_refusal_gives_its_place_back)
{
	struct pollfd p = {.events = POLLIN};

	guard_conf = (struct guard_conf){
	    .lock_ms = 3600000, .delay_ms = 60000, .delays = 1};
	begin(&saslauthd_session_ops);
	put_request("eve@example.org", STR_LIT("first guess"), "");
	ck_assert(str_is(ask(), STR_LIT("\0\2NO")));
	put_request("eve@example.org", STR_LIT("second guess"), "");
	p.fd = dial();
	say(p.fd, buf_str(&out));
	buf_reset(&out);
	while (atomic_load(&authd.counters.logins_refused) < 2)
		usleep(1000);
	/* Whatever else it says is not heard. */
	say(p.fd, STR_LIT("more"));
	ck_assert_int_eq(poll(&p, 1, 20), 0);
	close(p.fd);
	while (!guard_begin_delay(authd.guard))
		usleep(1000);
	guard_end_delay(authd.guard);
	end();
}
END_TEST

static const struct {
	const char *request, *answer;
} daemon_asks[] = {
    {"AUTH 41\nimap\nlogin\nAnn@Example.org\ncorrect horse\n",
	"UID=7\nGID=8\nHOME=/mail/example.org/ann\nADDRESS=ann@example.org\n"
	"MAILDIR=/mail/example.org/ann\n.\n"},
    {"AUTH 39\nimap\nlogin\nann@example.org\nwrong horse\n", "FAIL\n"},
    {"AUTH 41\nimap\nlogin\nbob@example.org\ncorrect horse\n", "FAIL\n"},
    {"PRE . imap ann@example.org\n",
	"UID=7\nGID=8\nHOME=/mail/example.org/ann\nADDRESS=ann@example.org\n"
	"MAILDIR=/mail/example.org/ann\n.\n"},
    {"PRE . imap bob@example.org\n", "FAIL\n"},
    {"PRE . imap eve@example.org\n", "FAIL\n"},
    {"PRE . imap ../../etc\n", "FAIL\n"},
    {"PASSWD imap\tann\told\tnew\n", "FAIL\n"},
    {"AUTH 100000\n", "FAIL\n"},
};

START_TEST(authdaemon_gives_attributes_or_fails)
{
	begin(&authdaemon_session_ops);
	for (size_t i = 0; i < ARRAY_LEN(daemon_asks); i++) {
		buf_puts(&out, daemon_asks[i].request);
		ask();
		ck_assert_str_eq(buf_text(&in), daemon_asks[i].answer);
	}
	end();
}
END_TEST

START_TEST(authdaemon_tells_a_quota)
{
	const struct directory_quota quota = {1000, 10};
	struct fault f;

	begin(&authdaemon_session_ops);
	ck_assert_int_eq(directory_user_set_quota(authd.directory,
			     str("ann@example.org"), &quota, &f),
	    0);
	buf_puts(&out, "PRE . imap ann@example.org\n");
	ask();
	ck_assert_str_eq(buf_text(&in),
	    "UID=7\nGID=8\nHOME=/mail/example.org/ann\n"
	    "ADDRESS=ann@example.org\nMAILDIR=/mail/example.org/ann\n"
	    "QUOTA=1000S,10C\n.\n");
	end();
}
END_TEST

UNIT_MAIN("door_session", saslauthd_says_ok_or_no,
    saslauthd_takes_the_address_of_newer_clients,
    a_length_without_bound_is_refused_at_once,
    a_refusal_comes_late_and_is_the_last,
    who_leaves_before_a_late_refusal_gives_its_place_back,
    authdaemon_gives_attributes_or_fails, authdaemon_tells_a_quota)
