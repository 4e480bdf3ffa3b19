/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/local.h"

#include "tests/unit/unit.h"

enum { NOBODY_HAS_IT = 3999999 };

static bool
may_send(const struct local_user *u, const char *text)
{
	struct address a;
	struct fault f;

	ck_assert_int_eq(address_parse(str(text), &a, &f), 0);
	return local_user_is_sender(u, &a);
}

START_TEST(local_user_may_send_as_itself)
{
	const struct local_rules rules = {.domain = "Mail.example.org"};
	struct local_user *u = local_user_new(&rules, NOBODY_HAS_IT);

	ck_assert_str_eq(u->name, "uid-3999999");
	ck_assert_str_eq(u->login, "uid-3999999@Mail.example.org");
	ck_assert(may_send(u, "uid-3999999@mail.example.org"));
	ck_assert(may_send(u, "UID-3999999+lists@MAIL.example.org"));
	ck_assert(!may_send(u, "uid-399999@mail.example.org"));
	ck_assert(!may_send(u, "+uid-3999999@mail.example.org"));
	ck_assert(!may_send(u, "uid-3999999@example.org"));
	ck_assert(!may_send(u, "root@mail.example.org"));
	local_user_free(&u);
	ck_assert_ptr_null(u);
}
END_TEST

START_TEST(local_user_may_send_as_anybody_where_it_is_root_or_trusted)
{
	uid_t trusted[] = {5, NOBODY_HAS_IT};
	const struct local_rules rules = {
	    .domain = "example.org",
	    .anyone = trusted,
	    .n_anyone = 2,
	};
	struct local_user *u = local_user_new(&rules, 0);

	ck_assert_str_eq(u->name, "root");
	ck_assert(may_send(u, "any@far.example"));
	local_user_free(&u);
	u = local_user_new(&rules, NOBODY_HAS_IT);
	ck_assert(may_send(u, "any@far.example"));
	local_user_free(&u);
	u = local_user_new(&rules, NOBODY_HAS_IT - 1);
	ck_assert(!may_send(u, "any@far.example"));
	local_user_free(&u);
}
END_TEST

UNIT_MAIN("local", local_user_may_send_as_itself,
    local_user_may_send_as_anybody_where_it_is_root_or_trusted)
