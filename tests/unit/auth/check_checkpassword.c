/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/checkpassword.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define BYTES(lit)                   \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const struct {
	struct str in;
	const char *user; /* NULL: refused */
	const char *password;
} inputs[] = {
    {BYTES("ann@x.y\0secret\0Y123\0"), "ann@x.y", "secret"},
    {BYTES("ann\0secret\0\0"), "ann", "secret"},
    {BYTES("ann\0\0\0"), "ann", ""},
    {BYTES("ann\0secret\0Y123\0more\0"), "ann", "secret"},
    {BYTES("ann\0secret\0Y123"), NULL, NULL},
    {BYTES("ann\0secret\0"), NULL, NULL},
    {BYTES("ann\0secret"), NULL, NULL},
    {BYTES("ann"), NULL, NULL},
    {BYTES("\0secret\0Y123\0"), NULL, NULL},
    {BYTES(""), NULL, NULL},
};

START_TEST(name_password_and_timestamp_each_end_in_nul)
{
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		struct str user, password;
		bool ok = checkpassword_parse(inputs[i].in, &user, &password);

		ck_assert_msg(ok == (inputs[i].user != NULL), "%zu", i);
		if (ok) {
			ck_assert_view_eq(user, inputs[i].user);
			ck_assert_view_eq(password, inputs[i].password);
		}
	}
}
END_TEST

START_TEST(the_next_program_learns_who_and_where)
{
	const struct home home = {
	    .path = "/mail/example.org/ann", .uid = 7, .gid = 8};

	unsetenv("EXTRA");
	unsetenv("AUTHORIZED");
	checkpassword_set_environment("ann@example.org", &home, "");
	ck_assert_str_eq(getenv("USER"), "ann@example.org");
	ck_assert_str_eq(getenv("HOME"), "/mail/example.org/ann");
	ck_assert_str_eq(getenv("userdb_uid"), "7");
	ck_assert_str_eq(getenv("userdb_gid"), "8");
	ck_assert_str_eq(getenv("EXTRA"), "userdb_uid userdb_gid");
	ck_assert_ptr_null(getenv("AUTHORIZED"));
	setenv("EXTRA", "x", 1);
	setenv("AUTHORIZED", "1", 1);
	ck_assert(checkpassword_is_lookup());
	checkpassword_set_environment("ann@example.org", &home, "*:bytes=1000");
	ck_assert_str_eq(
	    getenv("EXTRA"), "x userdb_uid userdb_gid userdb_quota_rule");
	ck_assert_str_eq(getenv("userdb_quota_rule"), "*:bytes=1000");
	ck_assert_str_eq(getenv("AUTHORIZED"), "2");
	ck_assert(!checkpassword_is_lookup());
}
END_TEST

START_TEST(it_goes_home_where_there_is_one)
{
	struct home home = {.uid = getuid(), .gid = getgid()};
	char here[sizeof home.path];
	struct fault f;

	ck_assert(str_copy(
	    str("/tmp/check-home-XXXXXX"), home.path, sizeof home.path));
	ck_assert_ptr_nonnull(mkdtemp(home.path));
	ck_assert_int_eq(checkpassword_become(&home, &f), 0);
	ck_assert_str_eq(getcwd(here, sizeof here), home.path);
	ck_assert_int_eq(rmdir(home.path), 0);
	ck_assert_int_eq(checkpassword_become(&home, &f), 0);
	ck_assert_str_eq(getcwd(here, sizeof here), "/");
	ck_assert(str_copy(str("/dev/null/x"), home.path, sizeof home.path));
	ck_assert_int_eq(checkpassword_become(&home, &f), -1);
}
END_TEST

UNIT_MAIN("checkpassword", name_password_and_timestamp_each_end_in_nul,
    the_next_program_learns_who_and_where, it_goes_home_where_there_is_one)
