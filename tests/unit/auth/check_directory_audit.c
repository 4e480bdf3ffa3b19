/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_audit.h"

#include <pwd.h>

#include "auth/directory_app.h"
#include "auth/directory_driver.h"
#include "auth/directory_group.h"
#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")

static struct directory *d;
static struct fault f;

static int
put_entry(void *ctx, const struct directory_audit *a)
{
	buf_putf(ctx, "%s %s %s\n", a->what, a->name, a->detail);
	return 0;
}

static void
assert_entries(uint64_t after, const char *want)
{
	struct buf b;

	buf_init(&b, 10000);
	ck_assert_int_eq(directory_each_audit(d, after, put_entry, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

static int
take_last(void *ctx, const struct directory_audit *a)
{
	*(struct directory_audit *)ctx = *a;
	return 0;
}

static struct directory_audit
last_entry(void)
{
	struct directory_audit a = {.id = 0};

	ck_assert_int_eq(directory_each_audit(d, 0, take_last, &a, &f), 0);
	return a;
}

START_TEST(each_change_has_an_entry)
{
	const struct directory_password password = {.hash = "$y$secret"};
	struct directory_app app = {.name = "phone", .services = "imap"};
	struct str target = STR_LIT("bob@x.example");

	d = new_directory();
	add_domain(d, "Example.org");
	add_user(d, "ann@example.org", NULL);
	ck_assert_int_eq(directory_user_set_password(d, ANN, &password, &f), 0);
	ck_assert_int_eq(
	    directory_user_switch(d, ANN, DIRECTORY_NO_SEND, 0, &f), 0);
	app_password_make((char[APP_PASSWORD_SIZE]){0}, app.digest);
	ck_assert_int_eq(directory_app_add(d, ANN, &app, &f), 0);
	ck_assert_int_eq(directory_app_revoke(d, ANN, STR_LIT("phone"), &f), 0);
	ck_assert_int_eq(
	    directory_sender_add(d, ANN, STR_LIT("@x.example"), &f), 0);
	ck_assert_int_eq(
	    directory_sender_del(d, ANN, STR_LIT("@x.example"), &f), 0);
	ck_assert_int_eq(
	    directory_alias_add(d, STR_LIT("b@example.org"), &target, 1, &f),
	    0);
	ck_assert_int_eq(
	    directory_alias_del(d, STR_LIT("B@example.org"), &f), 0);
	ck_assert_int_eq(directory_user_del(d, ANN, &f), 0);
	ck_assert_int_eq(
	    directory_domain_del(d, STR_LIT("example.org"), &f), 0);
	assert_entries(0,
	    "domain.add example.org \n"
	    "user.add ann@example.org without a password\n"
	    "user.passwd ann@example.org \n"
	    "user.set ann@example.org disabled=no main_password=on "
	    "send=off receive=on\n"
	    "app_password.add ann@example.org phone: imap\n"
	    "app_password.revoke ann@example.org phone\n"
	    "sender.add ann@example.org @x.example\n"
	    "sender.del ann@example.org @x.example\n"
	    "alias.add b@example.org bob@x.example\n"
	    "alias.del b@example.org \n"
	    "user.del ann@example.org \n"
	    "domain.del example.org \n");
	end_directory(&d);
}
END_TEST

START_TEST(groups_have_entries_too)
{
	struct directory_group *g = calloc(1, sizeof *g);
	struct str members[] = {STR_LIT("ann@example.org"), STR_LIT("b@x.y")};

	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", NULL);
	snprintf(g->name, sizeof g->name, "team@example.org");
	snprintf(g->owners, sizeof g->owners, "ann@example.org");
	ck_assert_int_eq(directory_group_add(d, g, &f), 0);
	ck_assert_int_eq(directory_group_add_members(
			     d, STR_LIT("team@example.org"), members, 2, &f),
	    0);
	ck_assert_int_eq(directory_group_del_members(d,
			     STR_LIT("team@example.org"), members + 1, 1, &f),
	    0);
	ck_assert_str_eq(last_entry().what, "member.del");
	ck_assert_str_eq(last_entry().detail, "b@x.y");
	ck_assert_int_eq(
	    directory_group_del(d, STR_LIT("team@example.org"), &f), 0);
	ck_assert_str_eq(last_entry().what, "group.del");
	free(g);
	end_directory(&d);
}
END_TEST

START_TEST(what_has_failed_or_changed_nothing_has_none)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", "$y$hash");
	ck_assert_int_eq(directory_user_add(d, ANN, NULL, &f), -1);
	ck_assert_int_eq(
	    directory_alias_del(d, STR_LIT("b@example.org"), &f), -1);
	ck_assert_int_eq(
	    directory_user_switch(d, ANN, 0, DIRECTORY_NO_SEND, &f), 0);
	assert_entries(
	    0, "domain.add example.org \nuser.add ann@example.org \n");
	end_directory(&d);
}
END_TEST

START_TEST(entries_say_who_and_when)
{
	const struct passwd *me = getpwuid(getuid());
	int64_t begun = (int64_t)time(NULL);
	struct directory_audit a;

	d = new_directory();
	add_domain(d, "example.org");
	a = last_entry();
	ck_assert_str_eq(a.who, me->pw_name);
	ck_assert_int_ge(a.time, begun);
	directory_set_caller(d, 4000000000U);
	add_domain(d, "example.com");
	ck_assert_str_eq(last_entry().who, "uid-4000000000");
	end_directory(&d);
}
END_TEST

START_TEST(entries_survive_and_their_ids_go_on)
{
	uint64_t id;

	d = new_directory();
	add_domain(d, "example.org");
	id = last_entry().id;
	directory_close(&d);
	d = open_directory();
	add_domain(d, "example.com");
	ck_assert_uint_gt(last_entry().id, id);
	assert_entries(id, "domain.add example.com \n");
	end_directory(&d);
}
END_TEST

static void
change(int times)
{
	for (int i = 0; i < times; i++)
		ck_assert_int_eq(directory_user_switch(d, ANN,
				     i % 2 == 0 ? DIRECTORY_NO_SEND : 0,
				     i % 2 == 0 ? 0 : DIRECTORY_NO_SEND, &f),
		    0);
}

static int
count(void *ctx, const struct directory_audit *a)
{
	(void)a;
	++*(int *)ctx;
	return 0;
}

static int
n_entries(void)
{
	int n = 0;

	ck_assert_int_eq(directory_each_audit(d, 0, count, &n, &f), 0);
	return n;
}

START_TEST(only_so_many_entries_are_kept)
{
	uint64_t last;

	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", NULL);
	d->audit_bounds.entries = 10;
	change(8);
	ck_assert_int_eq(n_entries(), 10);
	last = last_entry().id;
	change(20);
	ck_assert_int_eq(n_entries(), 10);
	ck_assert_uint_eq(last_entry().id, last + 20);
	/* Fewer from now on. */
	d->audit_bounds.entries = 3;
	change(2);
	ck_assert_int_eq(n_entries(), 3);
	end_directory(&d);
}
END_TEST

START_TEST(entries_go_when_they_are_old)
{
	struct directory_audit a = {.time = 1000, .who = "w", .what = "x.y"};
	int rc;

	d = new_directory();
	directory_begin_change(d);
	rc = d->driver->put_audit(d->store, &a, &d->audit_bounds, &f);
	rc = directory_end_change(d, rc, &f);
	ck_assert_int_eq(rc, 0);
	add_domain(d, "example.org");
	ck_assert_int_eq(n_entries(), 2);
	d->audit_bounds.age = 86400;
	add_domain(d, "example.com");
	assert_entries(0, "domain.add example.org \ndomain.add example.com \n");
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_audit", each_change_has_an_entry, groups_have_entries_too,
    what_has_failed_or_changed_nothing_has_none, entries_say_who_and_when,
    entries_survive_and_their_ids_go_on, only_so_many_entries_are_kept,
    entries_go_when_they_are_old)
