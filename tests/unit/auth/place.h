/* SPDX-License-Identifier: ISC */
/* A private folder, and a directory in it. */
#ifndef TESTS_UNIT_AUTH_PLACE_H
#define TESTS_UNIT_AUTH_PLACE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/directory.h"
#include "auth/directory_copy.h"
#ifdef HAVE_PGSQL
#include "auth/pgsql.h"
#endif
#include "tests/unit/unit.h"

static char place[64];

static inline void
remove_files(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	ck_assert_int_eq(rmdir(path), 0);
}

static inline const char *
directory_path(void)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/directory", place);
	return path;
}

/* The same tests run over the other driver: a variable of the environment
 * names a database, and each test has a schema of its own in it. */
static inline const char *
test_database(void)
{
	return getenv("POSTHOUSE_TEST_DATABASE");
}

static inline struct directory_conf
directory_conf(void)
{
	static char database[512];
	struct directory_conf conf = {
	    .dir = directory_path(), .connections = 4, .timeout_ms = 20000};

	if (test_database() == NULL)
		return conf;
	snprintf(database, sizeof database,
	    "%s options='-c search_path=\"%s\"'", test_database(), place);
	conf.database = database;
	return conf;
}

#ifdef HAVE_PGSQL

static inline void
run_in_database(const char *format)
{
	const struct pgsql_conf conf = {
	    .connection = test_database(), .timeout_ms = 20000};
	struct pgsql *pgsql = pgsql_new(&conf);
	struct pgsql_statement statement;
	struct fault f = {.text = ""};
	char sql[256];
	int rc;

	snprintf(sql, sizeof sql, "%s \"%s\" %s", format, place,
	    format[0] == 'D' ? "CASCADE" : "");
	statement.sql = sql;
	rc = pgsql_query(pgsql, &statement, NULL, 0, NULL, NULL, &f);
	ck_assert_msg(rc == 0, "%s", f.text);
	pgsql_free(&pgsql);
}

static inline void
make_tables(void)
{
	const struct directory_conf conf = directory_conf();
	struct fault f = {.text = ""};
	unsigned from;
	int rc;

	run_in_database("CREATE SCHEMA");
	rc = directory_migrate(&conf, true, &from, &f);
	ck_assert_msg(rc > 0 && from == 0, "%s", f.text);
}

#else

static inline void
run_in_database(const char *format)
{
	(void)format;
}

static inline void
make_tables(void)
{
	ck_abort_msg("built without PostgreSQL");
}

#endif

static inline void
make_place(void)
{
	snprintf(place, sizeof place, "/tmp/check-auth-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(place));
	if (test_database() != NULL)
		make_tables();
}

static inline struct directory *
open_directory(void)
{
	struct fault f = {.text = ""};
	const struct directory_conf conf = directory_conf();
	struct directory *d = directory_open(&conf, &f);

	ck_assert_msg(d != NULL, "%s", f.text);
	return d;
}

static inline struct directory *
new_directory(void)
{
	make_place();
	return open_directory();
}

static inline void
end_directory(struct directory **d)
{
	directory_close(d);
	if (test_database() != NULL)
		run_in_database("DROP SCHEMA");
	else
		remove_files(directory_path());
	remove_files(place);
}

static inline int
put_line(void *ctx, struct str text)
{
	buf_put_str(ctx, text);
	buf_putc(ctx, '\n');
	return 0;
}

/* Ends it, for a new one that has what it exported. */
static inline void
move_directory(struct directory **d)
{
	struct fault f = {.text = ""};
	struct buf text;
	struct str rest;

	buf_init(&text, 1 << 20);
	ck_assert_int_eq(directory_export(*d, put_line, &text, &f), 0);
	end_directory(d);
	*d = new_directory();
	rest = buf_str(&text);
	while (rest.len > 0)
		ck_assert_msg(
		    directory_import(*d, str_cut(&rest, '\n'), &f) == 0, "%s",
		    f.text);
	ck_assert_int_eq(directory_import_flush(*d, &f), 0);
	buf_clear(&text);
}

static inline void
add_domain(struct directory *d, const char *domain)
{
	struct fault f = {.text = ""};
	int rc = directory_domain_add(d, str(domain), &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

/* Only a hash, or nothing. */
static inline void
add_user(struct directory *d, const char *user, const char *hash)
{
	struct directory_password password = {.hash = ""};
	struct fault f = {.text = ""};
	int rc;

	ck_assert(str_copy(str(hash), password.hash, sizeof password.hash));
	rc = directory_user_add(d, str(user), &password, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

/* targets are split by blanks. */
static inline void
add_alias(struct directory *d, const char *alias, const char *targets)
{
	struct str list[8], rest = str(targets);
	struct fault f = {.text = ""};
	size_t n = 0;
	int rc;

	while (rest.len > 0)
		list[n++] = str_cut(&rest, ' ');
	rc = directory_alias_add(d, str(alias), list, n, &f);
	ck_assert_msg(rc == 0, "%s", f.text);
}

#endif
