/* SPDX-License-Identifier: ISC */
/* base/db.h: files of an environment that somebody removes. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "tests/unit/unit.h"

static char dir[64];
static struct db_env *env;
static struct db *db;

static void
open_all(void)
{
	const struct db_env_options o = {
	    .durability = DB_WRITTEN,
	    .tended = true,
	};
	struct fault f = {0};

	env = db_env_open(dir, &o, &f);
	ck_assert_msg(env != NULL, "%s", f.text);
	db = db_open(env, "things", &f);
	ck_assert_msg(db != NULL, "%s", f.text);
}

static void
close_all(void)
{
	db_close(&db);
	db_env_close(&env);
}

static void
put_one(void)
{
	struct fault f = {0};
	struct db_txn *txn = db_begin(env, &f);

	ck_assert_ptr_nonnull(txn);
	ck_assert_int_eq(db_put(db, txn, str("a"), str("1"), &f), 0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
}

static void
begin(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_db_whole.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	open_all();
	put_one();
}

/* Those whose name begins so. */
static void
remove_files(const char *start)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		if (str_starts(str(e->d_name), str(start)))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

static void
end(void)
{
	close_all();
	remove_files("");
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(an_environment_is_whole_while_its_files_are_there)
{
	begin();
	ck_assert(db_env_is_whole(env));
	close_all();
	open_all();
	ck_assert(db_env_is_whole(env));
	end();
}
END_TEST

START_TEST(it_is_not_where_a_file_was_removed)
{
	static const char *const names[] = {"lock", "log.", "things.db", ""};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		begin();
		remove_files(names[i]);
		ck_assert(!db_env_is_whole(env));
		end();
	}
}
END_TEST

START_TEST(it_is_not_where_a_file_was_replaced)
{
	char path[128];
	int fd;

	begin();
	remove_files("things.db");
	snprintf(path, sizeof path, "%s/things.db", dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(!db_env_is_whole(env));
	end();
}
END_TEST

START_TEST(one_that_is_not_whole_is_not_said_to_be_closed_well)
{
	begin();
	remove_files("things.db");
	ck_assert(!db_env_is_whole(env));
	close_all();
	open_all();
	ck_assert(db_env_was_unclean(env));
	end();
}
END_TEST

START_TEST(databases_without_a_log_are_damage)
{
	const struct db_env_options o = {.durability = DB_WRITTEN};
	struct fault f = {0};

	begin();
	close_all();
	remove_files("log.");
	env = db_env_open(dir, &o, &f);
	ck_assert_ptr_null(env);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.3.5");
	ck_assert(db_is_damage(&f));
	remove_files("");
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("db_whole", an_environment_is_whole_while_its_files_are_there,
    it_is_not_where_a_file_was_removed, it_is_not_where_a_file_was_replaced,
    one_that_is_not_whole_is_not_said_to_be_closed_well,
    databases_without_a_log_are_damage)
