/* SPDX-License-Identifier: ISC */
/* base/db.h: records, transactions, scans, the lock, and a killed writer. */
#include "config.h"

#include "base/db.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* The library frees nothing of an environment that did not open. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
	return "leak:libdb";
}

static char dir[64];
static const struct db_env_options written = {.durability = DB_WRITTEN};
static const struct db_env_options durable = {.durability = DB_DURABLE};

static void
make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_db.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
}

static struct db_env *
open_env(const struct db_env_options *o)
{
	struct fault f = {0};
	struct db_env *env = db_env_open(dir, o, &f);

	ck_assert_msg(env != NULL, "%s", f.text);
	return env;
}

static struct db *
open_db(struct db_env *env)
{
	struct fault f = {0};
	struct db *db = db_open(env, "things", &f);

	ck_assert_msg(db != NULL, "%s", f.text);
	return db;
}

static void
put(struct db_env *env, struct db *db, const char *key, const char *value)
{
	struct fault f = {0};
	struct db_txn *txn = db_begin(env, &f);

	ck_assert_ptr_nonnull(txn);
	ck_assert_int_eq(db_put(db, txn, str(key), str(value), &f), 0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
	ck_assert_ptr_null(txn);
}

static void
assert_value(struct db *db, const char *key, const char *value)
{
	struct fault f = {0};
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	rc = db_get(db, NULL, str(key), &b, &f);
	ck_assert_int_eq(rc, value != NULL);
	if (value != NULL)
		ck_assert_view_eq(buf_str(&b), value);
	buf_clear(&b);
}

START_TEST(what_is_committed_is_read)
{
	struct db_env *env;
	struct db *db;

	make_dir();
	env = open_env(&durable);
	db = open_db(env);
	put(env, db, "a", "1");
	put(env, db, "b", "");
	put(env, db, "a", "2");
	assert_value(db, "a", "2");
	assert_value(db, "b", "");
	assert_value(db, "c", NULL);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(what_is_aborted_never_was)
{
	struct fault f = {0};
	struct db_env *env;
	struct db_txn *txn;
	struct db *db;

	make_dir();
	env = open_env(&durable);
	db = open_db(env);
	put(env, db, "a", "1");
	txn = db_begin(env, &f);
	ck_assert_ptr_nonnull(txn);
	ck_assert_int_eq(db_put(db, txn, str("a"), str("2"), &f), 0);
	ck_assert_int_eq(db_put(db, txn, str("b"), str("2"), &f), 0);
	db_abort(&txn);
	db_abort(&txn);
	assert_value(db, "a", "1");
	assert_value(db, "b", NULL);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_transaction_reads_what_it_wrote)
{
	struct fault f = {0};
	struct db_env *env;
	struct db_txn *txn;
	struct db *db;
	struct buf b;

	make_dir();
	env = open_env(&durable);
	db = open_db(env);
	put(env, db, "a", "1");
	buf_init(&b, 100);
	txn = db_begin(env, &f);
	ck_assert_int_eq(db_put(db, txn, str("b"), str("2"), &f), 0);
	ck_assert_int_eq(db_get(db, txn, str("b"), &b, &f), 1);
	ck_assert_view_eq(buf_str(&b), "2");
	ck_assert_int_eq(db_del(db, txn, str("a"), &f), 1);
	ck_assert_int_eq(db_del(db, txn, str("a"), &f), 0);
	ck_assert_int_eq(db_get(db, txn, str("a"), &b, &f), 0);
	ck_assert_uint_eq(buf_len(&b), 0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
	assert_value(db, "a", NULL);
	buf_clear(&b);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_value_longer_than_the_buffer_is_a_permanent_fault)
{
	struct fault f = {0};
	struct db_env *env;
	struct db *db;
	struct buf b;
	char big[5000];

	make_dir();
	env = open_env(&written);
	db = open_db(env);
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	put(env, db, "big", big);
	buf_init(&b, sizeof big - 2);
	ck_assert_int_eq(db_get(db, NULL, str("big"), &b, &f), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.3.4");
	buf_clear(&b);
	assert_value(db, "big", big);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

struct seen {
	struct buf keys;
	size_t n, stop_at;
	struct db_env *env;
	struct db *db;
};

static int
see(void *ctx, struct str key, struct str value)
{
	struct seen *s = ctx;

	(void)value;
	buf_put_str(&s->keys, key);
	buf_putc(&s->keys, ' ');
	return ++s->n == s->stop_at ? 7 : 0;
}

static void
assert_scan(
    struct db *db, const char *prefix, const char *from, const char *keys)
{
	struct seen s = {0};
	struct fault f = {0};

	buf_init(&s.keys, 1000);
	ck_assert_int_eq(db_scan(db, str(prefix), str(from), see, &s, &f), 0);
	ck_assert_view_eq(buf_str(&s.keys), keys);
	buf_clear(&s.keys);
}

START_TEST(a_scan_keeps_to_its_prefix_and_order)
{
	static const char *const keys[] = {
	    "b/2", "a", "b/1", "c", "b/10", "b0", "b"};
	struct seen s = {.stop_at = 2};
	struct fault f = {0};
	struct db_env *env;
	struct db *db;

	make_dir();
	env = open_env(&written);
	db = open_db(env);
	assert_scan(db, "", "", "");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		put(env, db, keys[i], "v");
	assert_scan(db, "", "", "a b b/1 b/10 b/2 b0 c ");
	assert_scan(db, "b/", "", "b/1 b/10 b/2 ");
	assert_scan(db, "b/", "b/10", "b/10 b/2 ");
	assert_scan(db, "b/", "a", "b/1 b/10 b/2 ");
	assert_scan(db, "b/", "c", "");
	assert_scan(db, "d", "", "");
	assert_scan(db, "", "b/11", "b/2 b0 c ");
	buf_init(&s.keys, 100);
	ck_assert_int_eq(db_scan(db, str(""), str(""), see, &s, &f), 7);
	ck_assert_view_eq(buf_str(&s.keys), "a b ");
	buf_clear(&s.keys);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

static int
write_meanwhile(void *ctx, struct str key, struct str value)
{
	struct seen *s = ctx;

	(void)key;
	(void)value;
	/* Would stand still for ever if the scan held its page. */
	if (s->n++ == 0)
		put(s->env, s->db, "0000", "new");
	return 0;
}

START_TEST(a_scan_holds_no_lock_between_calls)
{
	struct seen s = {0};
	struct fault f = {0};

	make_dir();
	s.env = open_env(&written);
	s.db = open_db(s.env);
	put(s.env, s.db, "0000", "old");
	put(s.env, s.db, "0001", "old");
	ck_assert_int_eq(
	    db_scan(s.db, str(""), str(""), write_meanwhile, &s, &f), 0);
	ck_assert_uint_eq(s.n, 2);
	assert_value(s.db, "0000", "new");
	db_close(&s.db);
	db_env_close(&s.env);
	remove_dir();
}
END_TEST

static void
put_many(struct db_env *env, struct db *db, unsigned n, size_t size)
{
	struct fault f = {0};
	struct db_txn *txn = db_begin(env, &f);
	char *value = malloc(size);

	ck_assert_ptr_nonnull(value);
	memset(value, 'v', size);
	for (unsigned i = 0; i < n; i++) {
		char key[16];

		snprintf(key, sizeof key, "%08u", i);
		ck_assert_int_eq(
		    db_put(db, txn, str(key), str_n(value, size), &f), 0);
	}
	ck_assert_int_eq(db_commit(&txn, &f), 0);
	free(value);
}

static int
count_sizes(void *ctx, struct str key, struct str value)
{
	struct seen *s = ctx;
	char want[16];

	snprintf(want, sizeof want, "%08zu", s->n++);
	ck_assert_view_eq(key, want);
	ck_assert_uint_eq(value.len, s->stop_at);
	return 0;
}

static int
count_record(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned
count_records(struct db *db)
{
	struct fault f = {0};
	unsigned n = 0;

	ck_assert_int_eq(
	    db_scan(db, str(""), str(""), count_record, &n, &f), 0);
	return n;
}

static int64_t
log_bytes(void)
{
	char path[100];
	struct stat st;

	snprintf(path, sizeof path, "%s/log.0000000001", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	return (int64_t)st.st_blocks * 512;
}

START_TEST(where_much_is_committed_no_commit_makes_the_log_longer)
{
	static const struct db_env_options busy = {
	    .durability = DB_DURABLE, .busy = true};
	struct db_env *env;
	struct db *db;
	int64_t before;

	make_dir();
	env = open_env(&busy);
	db = open_db(env);
	put(env, db, "a", "1");
	before = log_bytes();
	for (int i = 0; i < 1000; i++)
		put(env, db, "b", "a value that is not that short");
	ck_assert_int_eq(log_bytes(), before);
	db_close(&db);
	db_env_close(&env);
	env = open_env(&busy);
	db = open_db(env);
	assert_value(db, "a", "1");
	assert_value(db, "b", "a value that is not that short");
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_loose_scan_waits_for_no_transaction)
{
	struct fault f = {0};
	struct db_env *env;
	struct db_txn *txn;
	struct db *db;

	make_dir();
	env = open_env(&durable);
	db = db_open_loose(env, "things", &f);
	ck_assert_ptr_nonnull(db);
	put(env, db, "a", "1");
	txn = db_begin(env, &f);
	ck_assert_ptr_nonnull(txn);
	ck_assert_int_eq(db_put(db, txn, str("b"), str("2"), &f), 0);
	ck_assert_int_eq(db_put(db, txn, str("c"), str("3"), &f), 0);
	/* Any other kind would wait for ever here. */
	ck_assert_uint_eq(count_records(db), 3);
	db_abort(&txn);
	ck_assert_uint_eq(count_records(db), 1);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_scan_gives_each_record_once_over_many_chunks)
{
	struct seen s = {.stop_at = 300};
	struct fault f = {0};
	struct db_env *env;
	struct db *db;
	uint64_t records;

	make_dir();
	env = open_env(&written);
	db = open_db(env);
	put_many(env, db, 9000, 300);
	ck_assert_int_eq(db_scan(db, str(""), str(""), count_sizes, &s, &f), 0);
	ck_assert_uint_eq(s.n, 9000);
	ck_assert_int_eq(db_count(db, &records, &f), 0);
	ck_assert_uint_eq(records, 9000);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_scan_gives_records_longer_than_its_chunk)
{
	struct seen s = {.stop_at = 700000};
	struct fault f = {0};
	struct db_env *env;
	struct db *db;

	make_dir();
	env = open_env(&written);
	db = open_db(env);
	put_many(env, db, 4, 700000);
	ck_assert_int_eq(db_scan(db, str(""), str(""), count_sizes, &s, &f), 0);
	ck_assert_uint_eq(s.n, 4);
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(an_environment_has_one_owner)
{
	struct fault f = {0};
	struct db_env *env;

	make_dir();
	ck_assert(!db_env_is_owned(dir));
	env = open_env(&durable);
	ck_assert(db_env_is_owned(dir));
	ck_assert_ptr_null(db_env_open(dir, &durable, &f));
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.2");
	ck_assert(db_env_is_owned(dir));
	db_env_close(&env);
	ck_assert(!db_env_is_owned(dir));
	env = open_env(&durable);
	ck_assert(!db_env_was_unclean(env));
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(a_child_process_does_not_inherit_ownership_by_exec)
{
	struct db_env *env;
	int ready[2];
	pid_t child;
	char c;

	make_dir();
	env = open_env(&durable);
	ck_assert_int_eq(pipe(ready), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		dup2(ready[1], 1);
		execlp("sh", "sh", "-c", "echo; exec sleep 60", (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	db_env_close(&env);
	ck_assert(!db_env_is_owned(dir));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	remove_dir();
}
END_TEST

START_TEST(a_damaged_environment_is_a_permanent_fault)
{
	struct fault f = {0};
	struct db_env *env;
	struct db *db;
	char path[128];
	int fd;

	make_dir();
	env = open_env(&durable);
	db = open_db(env);
	put_many(env, db, 100, 100);
	db_close(&db);
	db_env_close(&env);
	snprintf(path, sizeof path, "%s/log.0000000001", dir);
	fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 0; at < 200; at += 8)
		ck_assert_int_eq(pwrite(fd, "nonsense", 8, at), 8);
	close(fd);
	ck_assert_ptr_null(db_env_open(dir, &durable, &f));
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.3.5");
	ck_assert(!db_env_is_owned(dir));
	remove_dir();
}
END_TEST

/* Turns a byte of each page but the first over, or back again. */
static void
turn_bytes(void)
{
	char path[128], byte;
	int fd;

	snprintf(path, sizeof path, "%s/things.db", dir);
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 8192 + 100; pread(fd, &byte, 1, at) == 1; at += 8192) {
		byte = (char)~byte;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}

static void
make_damaged(void)
{
	struct db_env *env;
	struct db *db;

	make_dir();
	env = open_env(&durable);
	db = open_db(env);
	put(env, db, "a", "1");
	db_close(&db);
	db_env_close(&env);
	turn_bytes();
}

START_TEST(an_environment_that_fails_in_operation_gives_temporary_faults)
{
	struct fault f = {0};
	struct db_env *env;
	struct db_txn *txn;
	struct db *db;
	struct buf b;

	make_damaged();
	env = open_env(&durable);
	db = open_db(env);
	buf_init(&b, 100);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(db_get(db, NULL, str("a"), &b, &f), -1);
		ck_assert_int_eq(f.kind, FAULT_TEMP);
		ck_assert_str_eq(f.dsn, "4.3.5");
		ck_assert(db_is_damage(&f));
	}
	buf_clear(&b);
	f = (struct fault){0};
	txn = db_begin(env, &f);
	ck_assert_ptr_null(txn);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert(db_is_damage(&f));
	db_close(&db);
	db_env_close(&env);
	turn_bytes();
	env = open_env(&durable);
	ck_assert(db_env_was_unclean(env));
	db = open_db(env);
	assert_value(db, "a", "1");
	put(env, db, "b", "goes on");
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}
END_TEST

START_TEST(where_it_is_fatal_the_process_ends_to_be_started_again)
{
	static const struct db_env_options fatal = {.fatal = true};
	struct fault f = {0};
	char said[1000];
	int out[2], how;
	ssize_t n;
	pid_t child;

	make_damaged();
	ck_assert_int_eq(pipe(out), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct db_env *env = db_env_open(dir, &fatal, &f);
		struct db *db = env == NULL ? NULL : db_open(env, "things", &f);
		struct buf b;

		buf_init(&b, 100);
		if (db == NULL || dup2(out[1], STDERR_FILENO) < 0)
			_exit(1);
		(void)!db_get(db, NULL, str("a"), &b, &f);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(child, &how, 0), child);
	ck_assert(WIFEXITED(how));
	ck_assert_int_eq(WEXITSTATUS(how), EX_TEMPFAIL);
	n = read(out[0], said, sizeof said - 1);
	ck_assert_int_gt(n, 0);
	said[n] = '\0';
	ck_assert_msg(
	    strstr(said, "error database has failed, ending dir=") != NULL &&
		strstr(said, "PANIC") == NULL && strstr(said, dir) != NULL,
	    "%s", said);
	close(out[0]);
	close(out[1]);
	remove_dir();
}
END_TEST

/* Commits records, each two of the same number, and says how far it is. */
static void
write_until_killed(int out, const struct db_env_options *o)
{
	struct db_env *env = open_env(o);
	struct db *db = open_db(env);
	struct fault f;

	for (uint32_t i = 0;; i++) {
		struct db_txn *txn = db_begin(env, &f);
		char key[16];

		if (txn == NULL)
			_exit(1);
		for (const char *half = "ab"; *half != '\0'; half++) {
			snprintf(key, sizeof key, "%c%08u", *half, i);
			if (db_put(db, txn, str(key), str("v"), &f) < 0)
				_exit(1);
		}
		if (db_commit(&txn, &f) < 0 || write(out, &i, 4) != 4)
			_exit(1);
	}
}

static int
count(void *ctx, struct str key, struct str value)
{
	(void)key;
	(void)value;
	++*(uint32_t *)ctx;
	return 0;
}

static void
kill_a_writer(const struct db_env_options *o, uint32_t after)
{
	uint32_t said = 0, i, a = 0, b = 0;
	struct fault f = {0};
	struct db_env *env;
	struct db *db;
	int out[2];
	pid_t child;

	make_dir();
	ck_assert_int_eq(pipe(out), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		write_until_killed(out[1], o);
	close(out[1]);
	while (read(out[0], &i, 4) == 4) {
		said++;
		if (i == after)
			kill(child, SIGKILL);
	}
	close(out[0]);
	waitpid(child, NULL, 0);
	ck_assert_uint_gt(said, after);
	env = open_env(o);
	ck_assert(db_env_was_unclean(env));
	db = open_db(env);
	ck_assert_int_eq(db_scan(db, str("a"), str(""), count, &a, &f), 0);
	ck_assert_int_eq(db_scan(db, str("b"), str(""), count, &b, &f), 0);
	ck_assert_uint_ge(a, said);
	ck_assert_uint_eq(a, b);
	put(env, db, "c", "goes on");
	db_close(&db);
	db_env_close(&env);
	remove_dir();
}

START_TEST(a_killed_writer_loses_no_commit_and_leaves_no_half)
{
	for (uint32_t after = 1; after < 400; after += 133) {
		kill_a_writer(&written, after);
		kill_a_writer(&durable, after);
	}
}
END_TEST

UNIT_MAIN("db", what_is_committed_is_read, what_is_aborted_never_was,
    a_transaction_reads_what_it_wrote,
    a_value_longer_than_the_buffer_is_a_permanent_fault,
    a_scan_keeps_to_its_prefix_and_order, a_scan_holds_no_lock_between_calls,
    a_loose_scan_waits_for_no_transaction,
    where_much_is_committed_no_commit_makes_the_log_longer,
    a_scan_gives_each_record_once_over_many_chunks,
    a_scan_gives_records_longer_than_its_chunk, an_environment_has_one_owner,
    a_child_process_does_not_inherit_ownership_by_exec,
    a_damaged_environment_is_a_permanent_fault,
    an_environment_that_fails_in_operation_gives_temporary_faults,
    where_it_is_fatal_the_process_ends_to_be_started_again,
    a_killed_writer_loses_no_commit_and_leaves_no_half)
