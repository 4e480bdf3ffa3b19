/* SPDX-License-Identifier: ISC */
/* base/db.h: copies of an environment in use, and whether one is sound. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/db.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

enum { KEYS = 400, VALUE = 900 };

static char dir[64], copy[80];
/* Each log file is filled with zeroes, as the queue has it. */
static const struct db_env_options busy = {
    .durability = DB_WRITTEN, .busy = true};

static void
make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_db_backup.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(copy, sizeof copy, "%s/copy", dir);
}

static void
empty_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	ck_assert_int_eq(rmdir(path), 0);
}

static void
remove_dir(void)
{
	empty_dir(copy);
	empty_dir(dir);
}

struct pair {
	struct db_env *env;
	struct db *left, *right;
};

static struct pair
open_pair(const char *path, const struct db_env_options *o)
{
	struct fault f = {0};
	struct pair p;

	p.env = db_env_open(path, o, &f);
	ck_assert_msg(p.env != NULL, "%s", f.text);
	p.left = db_open(p.env, "left", &f);
	p.right = db_open(p.env, "right", &f);
	ck_assert_ptr_nonnull(p.left);
	ck_assert_ptr_nonnull(p.right);
	return p;
}

static void
close_pair(struct pair *p)
{
	db_close(&p->left);
	db_close(&p->right);
	db_env_close(&p->env);
}

/* Both tables get the same number under the key, in one transaction. */
static void
put_pair(const struct pair *p, unsigned key, unsigned number)
{
	struct fault f = {0};
	struct db_txn *txn = db_begin(p->env, &f);
	char name[16], value[VALUE + 1];

	ck_assert_ptr_nonnull(txn);
	snprintf(name, sizeof name, "%06u", key);
	snprintf(value, sizeof value, "%0*u", VALUE, number);
	ck_assert_int_eq(db_put(p->left, txn, str(name), str(value), &f), 0);
	ck_assert_int_eq(db_put(p->right, txn, str(name), str(value), &f), 0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
}

static uint64_t
get_number(struct db *db, unsigned key)
{
	struct fault f = {0};
	char name[16];
	struct buf value;
	uint64_t number = 0;

	buf_init(&value, VALUE);
	snprintf(name, sizeof name, "%06u", key);
	ck_assert_int_eq(db_get(db, NULL, str(name), &value, &f), 1);
	ck_assert(str_to_u64(
	    str_from(buf_str(&value), VALUE - 12), 0, UINT64_MAX, &number));
	buf_clear(&value);
	return number;
}

struct writer {
	struct pair *pair;
	atomic_uint number;
	atomic_bool stop;
};

static void *
write_on(void *ctx)
{
	struct writer *w = ctx;

	while (!atomic_load(&w->stop)) {
		unsigned n = atomic_load(&w->number) + 1;

		put_pair(w->pair, n * 7919 % KEYS, n);
		atomic_store(&w->number, n);
	}
	return NULL;
}

/* What was committed before the call is there, and each transaction is there
 * as a whole or not at all. */
static void
check_copy(unsigned before)
{
	struct pair p = open_pair(copy, &busy);
	uint64_t newest = 0;

	for (unsigned key = 0; key < KEYS; key++) {
		uint64_t number = get_number(p.left, key);

		ck_assert_uint_eq(number, get_number(p.right, key));
		if (number > newest)
			newest = number;
	}
	ck_assert_uint_ge(newest, before);
	for (uint64_t n = newest; n > 0 && n > newest - KEYS; n--)
		ck_assert_uint_eq(
		    get_number(p.left, (unsigned)(n * 7919 % KEYS)), n);
	close_pair(&p);
}

START_TEST(a_copy_made_while_others_write_is_of_one_moment)
{
	struct pair p;
	struct writer w = {.pair = &p};
	struct fault f = {0};
	pthread_t thread;

	make_dir();
	p = open_pair(dir, &busy);
	for (unsigned n = 1; n <= KEYS; n++)
		put_pair(&p, n * 7919 % KEYS, n);
	atomic_store(&w.number, KEYS);
	ck_assert_int_eq(pthread_create(&thread, NULL, write_on, &w), 0);
	for (int i = 0; i < 4; i++) {
		unsigned before = atomic_load(&w.number);

		ck_assert_msg(
		    db_env_backup(p.env, copy, &f) == 0, "%s", f.text);
		ck_assert_msg(db_env_verify(copy, &f) == 0, "%s", f.text);
		check_copy(before);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	close_pair(&p);
	remove_dir();
}
END_TEST

/* The copy goes on as an environment. */
START_TEST(a_copy_is_small_and_can_be_written_to)
{
	struct fault f = {0};
	struct pair p;
	char path[120];
	struct stat st;

	make_dir();
	p = open_pair(dir, &busy);
	put_pair(&p, 1, 1);
	ck_assert_int_eq(db_env_backup(p.env, copy, &f), 0);
	close_pair(&p);
	snprintf(path, sizeof path, "%s/log.0000000001", copy);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 1 << 20);
	p = open_pair(copy, &busy);
	for (unsigned n = 1; n <= 20000; n++)
		put_pair(&p, n % KEYS, n);
	close_pair(&p);
	p = open_pair(copy, &busy);
	ck_assert_uint_eq(get_number(p.right, 1), 19601);
	close_pair(&p);
	ck_assert_int_eq(db_env_verify(copy, &f), 0);
	remove_dir();
}
END_TEST

static unsigned
count_logs(void)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "log.", 4) == 0;
	closedir(d);
	return n;
}

START_TEST(logs_go_again_when_the_copy_is_made)
{
	struct fault f = {0};
	struct pair p;

	make_dir();
	p = open_pair(dir, &busy);
	put_pair(&p, 1, 1);
	ck_assert_int_eq(db_env_backup(p.env, copy, &f), 0);
	for (unsigned n = 1; n <= 40000; n++)
		put_pair(&p, n % KEYS, n);
	close_pair(&p);
	ck_assert_uint_le(count_logs(), 2);
	remove_dir();
}
END_TEST

static void
flip(const char *name, off_t at)
{
	char path[120], c;
	int fd;

	snprintf(path, sizeof path, "%s/%s", copy, name);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &c, 1, at), 1);
	c ^= 4;
	ck_assert_int_eq(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

START_TEST(a_flipped_bit_in_a_copy_is_found)
{
	struct fault f = {0};
	struct pair p;

	make_dir();
	p = open_pair(dir, &busy);
	for (unsigned n = 0; n < KEYS; n++)
		put_pair(&p, n, n);
	ck_assert_int_eq(db_env_backup(p.env, copy, &f), 0);
	close_pair(&p);
	ck_assert_int_eq(db_env_verify(copy, &f), 0);
	flip("right.db", 5 * 8192 + 4000);
	ck_assert_int_eq(db_env_verify(copy, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.3.5");
	remove_dir();
}
END_TEST

START_TEST(a_copy_into_what_is_no_directory_is_a_fault_and_the_next_one_works)
{
	struct fault f = {0};
	struct pair p;
	char path[120];

	make_dir();
	p = open_pair(dir, &busy);
	put_pair(&p, 1, 1);
	snprintf(path, sizeof path, "%s/lock", dir);
	ck_assert_int_eq(db_env_backup(p.env, path, &f), -1);
	ck_assert_int_eq(db_env_backup(p.env, copy, &f), 0);
	close_pair(&p);
	remove_dir();
}
END_TEST

UNIT_MAIN("db_backup", a_copy_made_while_others_write_is_of_one_moment,
    a_copy_is_small_and_can_be_written_to, logs_go_again_when_the_copy_is_made,
    a_flipped_bit_in_a_copy_is_found,
    a_copy_into_what_is_no_directory_is_a_fault_and_the_next_one_works)
