/* SPDX-License-Identifier: ISC */
/* One user out of a copy, and a copy of a directory that is in use. */
#include "config.h"

#include "auth/directory_copy.h"

#include <limits.h>

#include "base/mem.h"
#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")

enum { LINES = 20 };

static struct directory *d;
static struct fault f;
static char *lines[LINES];
static size_t n_lines;

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", "$y$ann");
	add_user(d, "bob@example.org", "$y$bob");
}

static void
end(void)
{
	while (n_lines > 0)
		mem_free(lines[--n_lines]);
	end_directory(&d);
}

static int
keep_line(void *ctx, struct str line)
{
	const struct str *name = ctx;

	if (directory_line_is_of(line, *name)) {
		ck_assert_uint_lt(n_lines, LINES);
		lines[n_lines++] = str_dup(line);
	}
	return 0;
}

static void
keep_lines_of(struct str name)
{
	ck_assert_int_eq(directory_export(d, keep_line, &name, &f), 0);
}

static int
restore(struct str name)
{
	struct str views[LINES];

	for (size_t i = 0; i < n_lines; i++)
		views[i] = str(lines[i]);
	return directory_restore_user(d, name, views, n_lines, &f);
}

START_TEST(a_deleted_user_comes_back_as_it_was)
{
	struct directory_user user;

	begin();
	ck_assert_int_eq(directory_user_set_disabled(d, ANN, true, &f), 0);
	keep_lines_of(ANN);
	ck_assert_uint_ge(n_lines, 1);
	ck_assert_int_eq(directory_user_del(d, ANN, &f), 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 0);
	ck_assert_msg(restore(STR_LIT("Ann@Example.ORG")) == 0, "%s", f.text);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert_str_eq(user.hash, "$y$ann");
	ck_assert(user.disabled);
	end();
}
END_TEST

START_TEST(a_user_that_is_there_stays)
{
	begin();
	keep_lines_of(ANN);
	ck_assert_int_eq(restore(ANN), -1);
	ck_assert_str_eq(f.dsn, "5.1.0");
	end();
}
END_TEST

START_TEST(only_lines_of_that_user_are_taken)
{
	struct directory_user user;

	begin();
	keep_lines_of(STR_LIT("bob@example.org"));
	ck_assert_int_eq(directory_user_del(d, ANN, &f), 0);
	ck_assert_int_eq(restore(ANN), -1);
	ck_assert_str_eq(f.dsn, "5.6.0");
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 0);
	end();
}
END_TEST

START_TEST(a_domain_that_is_not_ours_has_no_users)
{
	begin();
	keep_lines_of(ANN);
	ck_assert_int_eq(directory_user_del(d, ANN, &f), 0);
	ck_assert_int_eq(
	    directory_user_del(d, STR_LIT("bob@example.org"), &f), 0);
	ck_assert_int_eq(
	    directory_domain_del(d, STR_LIT("example.org"), &f), 0);
	ck_assert_int_eq(restore(ANN), -1);
	ck_assert_str_eq(f.dsn, "5.1.2");
	end();
}
END_TEST

START_TEST(whose_a_line_is)
{
	static const struct {
		const char *line;
		bool is;
	} cases[] = {
	    {"{\"user\": \"ann@example.org\"}", true},
	    {"{\"credential\": \"ann@example.org\", \"kind\": \"x\"}", true},
	    {"{\"user\": \"bob@example.org\"}", false},
	    {"{\"alias\": \"ann@example.org\"}", false},
	    {"{\"member\": \"ann@example.org\"}", false},
	    {"{\"user\": 5}", false},
	    {"[]", false},
	    {"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_msg(directory_line_is_of(str(cases[i].line), ANN) ==
				  cases[i].is,
		    "%s", cases[i].line);
}
END_TEST

START_TEST(a_copy_is_a_directory)
{
	struct directory_conf conf = {0};
	struct directory *copy;
	struct directory_user user;
	struct buf path;
	int rc;

	begin();
	buf_init(&path, PATH_MAX);
	rc = directory_backup(d, &path, &f);
	if (test_database() != NULL) {
		ck_assert_int_eq(rc, -1);
		ck_assert_str_eq(f.dsn, "5.5.1");
	} else {
		ck_assert_msg(rc == 0, "%s", f.text);
		conf.dir = buf_text(&path);
		copy = directory_open(&conf, &f);
		ck_assert_msg(copy != NULL, "%s", f.text);
		ck_assert_int_eq(directory_user_get(copy, ANN, &user, &f), 1);
		directory_close(&copy);
		remove_files(buf_text(&path));
	}
	buf_clear(&path);
	end();
}
END_TEST

UNIT_MAIN("directory_restore", a_deleted_user_comes_back_as_it_was,
    a_user_that_is_there_stays, only_lines_of_that_user_are_taken,
    a_domain_that_is_not_ours_has_no_users, whose_a_line_is,
    a_copy_is_a_directory)
