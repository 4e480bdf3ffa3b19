/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory.h"

#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")
#define BOB STR_LIT("bob@example.org")

static struct directory *d;
static struct fault f;

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", NULL);
	add_user(d, "bob@example.org", NULL);
	add_alias(d, "team@example.org", "ann@example.org bob@example.org");
}

static void
assert_senders(const char *address, const char *want)
{
	struct buf logins;
	int rc;

	buf_init(&logins, 1000);
	rc = directory_senders(d, str(address), &logins, &f);
	ck_assert_msg(rc == (want[0] != '\0'), "%s: %d", address, rc);
	ck_assert_str_eq(buf_text(&logins), want);
	buf_clear(&logins);
}

static void
allow(struct str user, const char *address)
{
	int rc = directory_sender_add(d, user, str(address), &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

static void
assert_fault(int rc, const char *dsn)
{
	ck_assert_int_eq(rc, -1);
	ck_assert_str_eq(f.dsn, dsn);
	ck_assert_int_eq(f.kind, FAULT_PERM);
}

START_TEST(what_is_allowed_comes_behind_the_own_addresses)
{
	begin();
	assert_senders("ann@example.org", "ann@example.org");
	assert_senders("info@other.example", "");
	allow(BOB, "Ann@Example.org");
	allow(ANN, "info@other.example");
	allow(BOB, "info@OTHER.example");
	assert_senders("ann@example.org", "ann@example.org bob@example.org");
	assert_senders("ann+x@example.org", "ann@example.org bob@example.org");
	assert_senders("info@other.example", "ann@example.org bob@example.org");
	assert_senders("more@other.example", "");
	allow(BOB, "@other.example");
	assert_senders("more@other.example", "bob@example.org");
	assert_senders("team@example.org", "ann@example.org bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(what_was_allowed_can_be_taken_back)
{
	begin();
	allow(ANN, "info@other.example");
	allow(BOB, "info@other.example");
	ck_assert_int_eq(
	    directory_sender_del(d, ANN, STR_LIT("info@other.example"), &f), 0);
	assert_senders("info@other.example", "bob@example.org");
	assert_fault(
	    directory_sender_del(d, ANN, STR_LIT("info@other.example"), &f),
	    "5.1.1");
	/* And with the user. */
	ck_assert_int_eq(directory_user_del(d, BOB, &f), 0);
	add_user(d, "bob@example.org", NULL);
	assert_senders("info@other.example", "");
	end_directory(&d);
}
END_TEST

START_TEST(what_cannot_be_allowed_is_refused)
{
	begin();
	allow(ANN, "info@other.example");
	assert_fault(
	    directory_sender_add(d, ANN, STR_LIT("info@other.example"), &f),
	    "5.1.0");
	assert_fault(directory_sender_add(d, STR_LIT("eve@example.org"),
			 STR_LIT("info@other.example"), &f),
	    "5.1.1");
	assert_fault(
	    directory_sender_add(d, ANN, STR_LIT("nonsense"), &f), "5.1.3");
	assert_fault(directory_sender_add(d, ANN, STR_LIT(""), &f), "5.1.3");
	end_directory(&d);
}
END_TEST

static int
put_pair(void *ctx, struct str address, struct str users)
{
	buf_putf(ctx, "%.*s: %.*s\n", STR_ARG(address), STR_ARG(users));
	return 0;
}

START_TEST(lists_are_of_all_or_of_one_user)
{
	struct buf b;

	begin();
	allow(ANN, "z@other.example");
	allow(BOB, "z@other.example");
	allow(BOB, "@a.example");
	buf_init(&b, 1000);
	ck_assert_int_eq(
	    directory_each_sender(d, str(NULL), put_pair, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b),
	    "@a.example: bob@example.org\n"
	    "z@other.example: ann@example.org bob@example.org\n");
	buf_reset(&b);
	ck_assert_int_eq(directory_each_sender(d, ANN, put_pair, &b, &f), 0);
	ck_assert_str_eq(
	    buf_text(&b), "z@other.example: ann@example.org bob@example.org\n");
	assert_fault(directory_each_sender(
			 d, STR_LIT("eve@example.org"), put_pair, &b, &f),
	    "5.1.1");
	buf_clear(&b);
	end_directory(&d);
}
END_TEST

static void
set(struct str user, unsigned on, unsigned off)
{
	ck_assert_int_eq(directory_user_switch(d, user, on, off, &f), 0);
}

static void
assert_resolves(const char *address, int rc, const char *want)
{
	struct buf mailboxes;

	buf_init(&mailboxes, 1000);
	ck_assert_int_eq(
	    directory_resolve(d, str(address), &mailboxes, &f), rc);
	ck_assert_str_eq(buf_text(&mailboxes), want);
	buf_clear(&mailboxes);
}

START_TEST(who_only_receives_sends_as_nobody)
{
	begin();
	allow(ANN, "info@other.example");
	set(ANN, DIRECTORY_NO_SEND, 0);
	assert_senders("ann@example.org", "");
	assert_senders("info@other.example", "");
	assert_senders("team@example.org", "bob@example.org");
	assert_resolves("ann@example.org", 1, "ann@example.org");
	set(ANN, 0, DIRECTORY_NO_SEND);
	assert_senders("ann@example.org", "ann@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(who_only_sends_gets_no_mail)
{
	begin();
	set(ANN, DIRECTORY_NO_RECEIVE, 0);
	assert_senders("ann@example.org", "ann@example.org");
	assert_resolves("ann@example.org", -1, "");
	ck_assert_str_eq(f.dsn, "5.2.1");
	assert_resolves("team@example.org", 1, "bob@example.org");
	end_directory(&d);
}
END_TEST

START_TEST(switches_are_kept_one_by_one)
{
	struct directory_user user;

	begin();
	set(ANN, DIRECTORY_NO_RECEIVE | DIRECTORY_MAIN_CLOSED, 0);
	set(ANN, DIRECTORY_NO_SEND, DIRECTORY_MAIN_CLOSED);
	ck_assert_int_eq(directory_user_set_disabled(d, ANN, true, &f), 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert(user.disabled && user.no_receive && user.no_send);
	ck_assert(!user.main_closed);
	ck_assert_int_eq(directory_user_set_password(d, ANN, NULL, &f), 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert(user.disabled && user.no_receive && user.no_send);
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_sender", what_is_allowed_comes_behind_the_own_addresses,
    what_was_allowed_can_be_taken_back, what_cannot_be_allowed_is_refused,
    lists_are_of_all_or_of_one_user, who_only_receives_sends_as_nobody,
    who_only_sends_gets_no_mail, switches_are_kept_one_by_one)
