/* SPDX-License-Identifier: ISC */
/*
 * Berkeley DB 5.3 behind base/db.h; db_backup.c is the other file that has it.
 *
 * The environment is DB_PRIVATE: its regions are in this process' memory and
 * die with it, so a killed process leaves nothing that could stall another. For
 * the same reason each open runs recovery, which reads what the log holds since
 * the last checkpoint. The library does not gather commits of several threads
 * into one flush; whoever wants that puts them into one transaction.
 */
#include "config.h"

#include "base/db_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
	LOG_BUFFER_SIZE = 2 << 20,
	MAX_LOCKS = 50000, /* one transaction may hold one a record */
	MAX_LOCKERS = 2000,
	LOCK_WAIT_MS = 3000,
	LOCK_POLL_MS = 10,
	CHECKPOINT_KBYTES = 32 << 10,
	CHECKPOINT_POLL_MS = 5000,
	CHECKPOINT_POLLS = 6, /* at least one checkpoint in so many polls */
	PAGE_SIZE = 8192,
	SCAN_CHUNK_MIN = 8 << 10,
	SCAN_CHUNK_MAX = 1 << 20,
	RETRIES = 50, /* of one read that lost against a writer */
	VALUE_GUESS = 512,
};

struct db_txn {
	DB_TXN *txn;
	struct db_env *env;
};

/* What the library said last in this thread: more exact than its code. */
static _Thread_local char last_words[160];

/* That it panics says less than what was said before, which is why. */
void
db_remember(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	if (last_words[0] == '\0' || strstr(text, "PANIC") == NULL)
		snprintf(last_words, sizeof last_words, "%s", text);
}

void
db_forget_words(void)
{
	last_words[0] = '\0';
}

static const char *
reason(int code)
{
	return last_words[0] != '\0' ? last_words : db_strerror(code);
}

/* The library calls this in the thread that met the trouble, which may hold
 * any of its locks: nothing of it may be called from here. */
static void
on_event(DB_ENV *e, uint32_t event, void *info)
{
	struct db_env *env = e->app_private;

	if (event != DB_EVENT_PANIC)
		return;
	atomic_store(&env->failed, true);
	if (!env->fatal)
		return;
	log_error(NULL, "database has failed, ending", "dir", env->dir,
	    "reason", reason(info != NULL ? *(const int *)info : 0), NULL);
	_exit(EX_TEMPFAIL);
}

static bool
is_systems_fault(int code)
{
	return code == ENOSPC || code == EDQUOT || code == EACCES ||
	       code == EPERM || code == EIO || code == ENOMEM ||
	       code == EROFS || code == EMFILE || code == ENFILE ||
	       code == EINTR;
}

/* Whatever the system did not cause is the environment's own trouble. That
 * does not go away by itself, but mail must wait for whoever mends it. */
int
db_fail(struct fault *f, const struct db_env *env, int code, const char *what)
{
	const char *why = reason(code);

	if (code == DB_LOCK_DEADLOCK || code == DB_LOCK_NOTGRANTED)
		fault_temp(
		    f, "4.3.0", "%s: %s: met another writer", env->dir, what);
	else if (code == ENOSPC || code == EDQUOT)
		fault_temp(f, "4.3.1", "%s: %s: %s", env->dir, what, why);
	else if (is_systems_fault(code))
		fault_temp(f, "4.3.0", "%s: %s: %s", env->dir, what, why);
	else
		fault_temp(f, "4.3.5", "%s: %s: %s", env->dir, what, why);
	last_words[0] = '\0';
	return -1;
}

bool
db_is_damage(const struct fault *f)
{
	return str_ends(str(f->dsn), STR_LIT(".3.5"));
}

/* Of a fault that opening has met: opening again will not help. */
static void
set_for_good(struct fault *f)
{
	if (!db_is_damage(f))
		return;
	f->kind = FAULT_PERM;
	f->dsn[0] = '5';
}

/*
 * The lock file. Its lock belongs to the open file (not to the process, as
 * with fcntl's older locks), so it can be asked about without being taken.
 * Its content tells the next owner how this one left.
 */

static int
open_lock(const char *dir, int flags)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/lock", dir);

	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int
write_state(int fd, const char *state)
{
	if (pwrite(fd, state, 6, 0) != 6 || fdatasync(fd) < 0)
		return -1;
	return 0;
}

/* An operator's command has it for a moment only, and so has a daemon that
 * ends: the next one need not fail for that. */
static int
wait_for_lock(int fd, struct flock *lock)
{
	static const struct timespec poll = {.tv_nsec = LOCK_POLL_MS * 1000000};

	for (int i = 0; i < LOCK_WAIT_MS / LOCK_POLL_MS; i++) {
		if (fcntl(fd, F_OFD_SETLK, lock) == 0)
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return -1;
		nanosleep(&poll, NULL);
	}
	return fcntl(fd, F_OFD_SETLK, lock);
}

static int
take_lock(struct db_env *env, struct fault *f)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char state[6];
	ssize_t n;

	env->lock_fd = open_lock(env->dir, O_RDWR | O_CREAT);
	if (env->lock_fd < 0)
		return fault_errno(f, "cannot open %s/lock", env->dir);
	if (wait_for_lock(env->lock_fd, &lock) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return fault_errno(f, "cannot lock %s", env->dir);
		return fault_temp(
		    f, "4.3.2", "%s is in use by another process", env->dir);
	}
	n = pread(env->lock_fd, state, sizeof state, 0);
	env->unclean = n == sizeof state && memcmp(state, "open \n", 6) == 0;
	if (n < 0 || write_state(env->lock_fd, "open \n") < 0)
		return fault_errno(f, "cannot write %s/lock", env->dir);
	return 0;
}

bool
db_env_is_owned(const char *dir)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = open_lock(dir, O_RDWR);
	bool owned = false;

	if (fd < 0)
		return false;
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0)
		owned = lock.l_type != F_UNLCK;
	close(fd);
	return owned;
}

static int
make_dir(const char *dir, struct fault *f)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", dir);
	return 0;
}

/* Checkpoints. They bound what the next recovery has to read. */

/* A copy that is being made needs them all. */
static bool
keeps_logs(struct db_env *env)
{
	bool keeps;

	pthread_mutex_lock(&env->mutex);
	keeps = env->is_copied;
	pthread_mutex_unlock(&env->mutex);
	return keeps;
}

static int
checkpoint(struct db_env *env, uint32_t kbytes, struct fault *f)
{
	int rc = env->env->txn_checkpoint(env->env, kbytes, 0, 0);

	if (rc == 0 && kbytes == 0 && !keeps_logs(env))
		rc = env->env->log_archive(env->env, NULL, DB_ARCH_REMOVE);
	return rc == 0 ? 0 : db_fail(f, env, rc, "checkpoint");
}

/* False when it is time to stop. */
static bool
wait_for_poll(struct db_env *env)
{
	int64_t until = clock_ms() + CHECKPOINT_POLL_MS;
	bool go_on;

	pthread_mutex_lock(&env->mutex);
	while (
	    !env->stopping && thread_wait_until(&env->wake, &env->mutex, until))
		;
	go_on = !env->stopping;
	pthread_mutex_unlock(&env->mutex);
	return go_on;
}

static void *
run_checkpoints(void *ctx)
{
	struct db_env *env = ctx;
	bool failing = false;
	unsigned polls = 0;

	while (wait_for_poll(env)) {
		struct fault f;
		bool full = ++polls % CHECKPOINT_POLLS == 0;
		int rc = checkpoint(env, full ? 0 : CHECKPOINT_KBYTES, &f);

		if (rc < 0 && !failing &&
		    !(env->tended && atomic_load(&env->failed)))
			log_error(
			    NULL, "checkpoint failed", "reason", f.text, NULL);
		failing = rc < 0;
	}
	return NULL;
}

static int
start_checkpoints(struct db_env *env, struct fault *f)
{
	if (thread_start(&env->checkpointer, run_checkpoints, env, f) < 0)
		return -1;
	env->has_checkpointer = true;
	return 0;
}

static void
stop_checkpoints(struct db_env *env)
{
	if (!env->has_checkpointer)
		return;
	pthread_mutex_lock(&env->mutex);
	env->stopping = true;
	pthread_cond_signal(&env->wake);
	pthread_mutex_unlock(&env->mutex);
	pthread_join(env->checkpointer, NULL);
	env->has_checkpointer = false;
}

int
db_configure(DB_ENV *e, const struct db_env_options *o)
{
	uint64_t cache = o->cache > 0 ? o->cache : 16 << 20;
	uint32_t gigabytes = (uint32_t)(cache >> 30);
	uint32_t rest = (uint32_t)(cache & ((1U << 30) - 1));
	int rc;

	e->set_errcall(e, db_remember);
	if ((rc = e->set_event_notify(e, on_event)) != 0 ||
	    (rc = e->set_cachesize(e, gigabytes, rest, 1)) != 0 ||
	    (rc = e->set_lg_max(e, DB_LOG_FILE_SIZE)) != 0 ||
	    (rc = e->set_lg_bsize(e, LOG_BUFFER_SIZE)) != 0 ||
	    (rc = e->set_lk_max_locks(e, MAX_LOCKS)) != 0 ||
	    (rc = e->set_lk_max_objects(e, MAX_LOCKS)) != 0 ||
	    (rc = e->set_lk_max_lockers(e, MAX_LOCKERS)) != 0 ||
	    (rc = e->set_lk_detect(e, DB_LOCK_MINWRITE)) != 0 ||
	    (rc = e->log_set_config(e, DB_LOG_AUTO_REMOVE, 1)) != 0 ||
	    (rc = e->log_set_config(e, DB_LOG_ZERO, o->busy)) != 0)
		return rc;
	return 0;
}

static int
open_env(struct db_env *env, const struct db_env_options *o, struct fault *f)
{
	uint32_t flags = DB_CREATE | DB_PRIVATE | DB_THREAD | DB_RECOVER |
			 DB_INIT_MPOOL | DB_INIT_LOCK | DB_INIT_LOG |
			 DB_INIT_TXN;
	int rc;

	db_forget_words();
	rc = db_env_create(&env->env, 0);
	if (rc != 0)
		return db_fail(f, env, rc, "cannot make an environment");
	env->env->app_private = env;
	rc = db_configure(env->env, o);
	if (rc == 0)
		rc = env->env->open(env->env, env->dir, flags, 0600);
	return rc == 0 ? 0 : db_fail(f, env, rc, "cannot recover");
}

/* Frees what there is; true where the environment closed without trouble. */
static bool
release(struct db_env *env)
{
	bool ok = true;

	stop_checkpoints(env);
	if (env->env != NULL)
		ok = env->env->close(env->env, 0) == 0;
	if (env->lock_fd >= 0 && ok && !env->unclean)
		ok = write_state(env->lock_fd, "clean\n") == 0;
	if (env->lock_fd >= 0)
		close(env->lock_fd);
	pthread_cond_destroy(&env->wake);
	pthread_mutex_destroy(&env->mutex);
	mem_free(env->dir);
	mem_free(env);
	return ok;
}

struct db_env *
db_env_open(const char *dir, const struct db_env_options *o, struct fault *f)
{
	struct db_env *env = mem_new(struct db_env);

	env->lock_fd = -1;
	env->dir = mem_dup(dir);
	env->durability = o->durability;
	pthread_mutex_init(&env->mutex, NULL);
	thread_cond_init(&env->wake);
	env->tended = o->tended;
	if (make_dir(dir, f) < 0 || take_lock(env, f) < 0 ||
	    db_check_logs(env, f) < 0 || open_env(env, o, f) < 0 ||
	    checkpoint(env, 0, f) < 0 || start_checkpoints(env, f) < 0) {
		/* Whoever opens it next must know that it was not closed. */
		env->unclean = true;
		set_for_good(f);
		release(env);
		return NULL;
	}
	env->fatal = o->fatal;
	return env;
}

static bool
is_beyond_care(struct db_env *env)
{
	return env->tended &&
	       (atomic_load(&env->failed) || !db_env_is_whole(env));
}

void
db_env_close(struct db_env **env)
{
	struct fault f;

	if (*env == NULL)
		return;
	stop_checkpoints(*env);
	(*env)->unclean = is_beyond_care(*env) || checkpoint(*env, 0, &f) < 0;
	if ((*env)->unclean && !is_beyond_care(*env))
		log_error(
		    NULL, "last checkpoint failed", "reason", f.text, NULL);
	release(*env);
	*env = NULL;
}

bool
db_env_was_unclean(const struct db_env *env)
{
	return env->unclean;
}

const char *
db_env_dir(const struct db_env *env)
{
	return env->dir;
}

static struct db *
open_db(struct db_env *env, const char *name, bool loose, struct fault *f)
{
	uint32_t flags = DB_CREATE | DB_AUTO_COMMIT | DB_THREAD |
			 (loose ? DB_READ_UNCOMMITTED : 0);
	struct db *db = mem_new(struct db);
	char file[DB_FILE_SIZE];
	int rc;

	snprintf(file, sizeof file, DB_FILE_FORMAT, name);
	db->env = env;
	db->name = mem_dup(name);
	db->loose = loose;
	db_forget_words();
	rc = db_create(&db->db, env->env, 0);
	if (rc == 0)
		rc = db->db->set_pagesize(db->db, PAGE_SIZE);
	if (rc == 0)
		rc = db->db->set_flags(db->db, DB_CHKSUM);
	if (rc == 0)
		rc = db->db->open(
		    db->db, NULL, file, NULL, DB_BTREE, flags, 0600);
	if (rc == 0 && db_note_file(db, file) < 0)
		rc = DB_RUNRECOVERY;
	if (rc == 0)
		return db;
	db_fail(f, env, rc, name);
	set_for_good(f);
	db_close(&db);
	return NULL;
}

struct db *
db_open(struct db_env *env, const char *name, struct fault *f)
{
	return open_db(env, name, false, f);
}

struct db *
db_open_loose(struct db_env *env, const char *name, struct fault *f)
{
	return open_db(env, name, true, f);
}

void
db_close(struct db **db)
{
	if (*db == NULL)
		return;
	db_forget_file(*db);
	if ((*db)->db != NULL)
		(*db)->db->close((*db)->db, 0);
	mem_free((*db)->name);
	mem_free(*db);
	*db = NULL;
}

struct db_txn *
db_begin(struct db_env *env, struct fault *f)
{
	struct db_txn *txn;
	DB_TXN *t;
	int rc;

	db_forget_words();
	rc = env->env->txn_begin(env->env, NULL, &t, 0);
	if (rc != 0) {
		db_fail(f, env, rc, "cannot begin a transaction");
		return NULL;
	}
	txn = mem_new(struct db_txn);
	txn->txn = t;
	txn->env = env;
	return txn;
}

int
db_commit(struct db_txn **txn, struct fault *f)
{
	struct db_env *env = (*txn)->env;
	uint32_t flags =
	    env->durability == DB_DURABLE ? DB_TXN_SYNC : DB_TXN_WRITE_NOSYNC;
	int rc;

	db_forget_words();
	rc = (*txn)->txn->commit((*txn)->txn, flags);
	/* The handle is gone whether or not that worked. */
	mem_free(*txn);
	*txn = NULL;
	return rc == 0 ? 0 : db_fail(f, env, rc, "cannot commit");
}

void
db_abort(struct db_txn **txn)
{
	if (*txn == NULL)
		return;
	(*txn)->txn->abort((*txn)->txn);
	mem_free(*txn);
	*txn = NULL;
}

static DBT
dbt(struct str s)
{
	DBT d;

	memset(&d, 0, sizeof d);
	/* The library reads through this pointer only. */
	d.data = (void *)(uintptr_t)s.at;
	d.size = (uint32_t)s.len;
	return d;
}

static int
too_long(struct db *db, struct fault *f)
{
	return fault_perm(f, "5.3.4", "%s: record is too long", db->name);
}

/* One try; grows value until the record fits or value's maximum is reached. */
static int
get(struct db *db, DB_TXN *txn, struct str key, struct buf *value)
{
	DBT k = dbt(key), v = dbt((struct str){0});
	uint32_t want = VALUE_GUESS;
	int rc;

	if (value->max < want)
		want = (uint32_t)value->max;
	for (;;) {
		size_t room;

		buf_reset(value);
		v.data = buf_space(value, want, &room);
		if (v.data == NULL)
			return DB_BUFFER_SMALL;
		v.ulen = (uint32_t)(room < UINT32_MAX ? room : UINT32_MAX);
		v.flags = DB_DBT_USERMEM;
		rc = db->db->get(db->db, txn, &k, &v, 0);
		if (rc != DB_BUFFER_SMALL)
			break;
		want = v.size;
	}
	if (rc == 0)
		buf_added(value, v.size);
	return rc;
}

int
db_get(struct db *db, struct db_txn *txn, struct str key, struct buf *value,
    struct fault *f)
{
	int rc, tries = 0;

	if (key.len > UINT32_MAX)
		return too_long(db, f);
	last_words[0] = '\0';
	/* Outside a transaction nothing is held between two tries. */
	do
		rc = get(db, txn != NULL ? txn->txn : NULL, key, value);
	while (rc == DB_LOCK_DEADLOCK && txn == NULL && ++tries < RETRIES);
	if (rc == 0)
		return 1;
	buf_reset(value);
	if (rc == DB_NOTFOUND || rc == DB_KEYEMPTY)
		return 0;
	return rc == DB_BUFFER_SMALL ? too_long(db, f)
				     : db_fail(f, db->env, rc, db->name);
}

int
db_put(struct db *db, struct db_txn *txn, struct str key, struct str value,
    struct fault *f)
{
	DBT k = dbt(key), v = dbt(value);
	int rc;

	if (key.len > UINT32_MAX || value.len > UINT32_MAX)
		return too_long(db, f);
	db_forget_words();
	rc = db->db->put(db->db, txn->txn, &k, &v, 0);
	return rc == 0 ? 0 : db_fail(f, db->env, rc, db->name);
}

int
db_del(struct db *db, struct db_txn *txn, struct str key, struct fault *f)
{
	DBT k = dbt(key);
	int rc;

	if (key.len > UINT32_MAX)
		return too_long(db, f);
	db_forget_words();
	rc = db->db->del(db->db, txn->txn, &k, 0);
	if (rc == 0)
		return 1;
	if (rc == DB_NOTFOUND || rc == DB_KEYEMPTY)
		return 0;
	return db_fail(f, db->env, rc, db->name);
}

/*
 * A scan reads a chunk of records with a cursor, closes it, and only then
 * calls each(): what each() does takes as long as it likes.
 */
struct chunk {
	char *bytes;
	uint32_t size;
	DBT records; /* as DB_MULTIPLE_KEY leaves them */
};

static int
read_chunk(struct db *db, struct str from, struct chunk *c)
{
	DBT k = dbt(from);
	DBC *cursor;
	uint32_t how = from.len > 0 ? DB_SET_RANGE : DB_FIRST;
	int rc, closed;

	memset(&c->records, 0, sizeof c->records);
	c->records.data = c->bytes;
	c->records.ulen = c->size;
	c->records.flags = DB_DBT_USERMEM;
	k.flags = DB_DBT_MALLOC;
	rc = db->db->cursor(db->db, NULL, &cursor,
	    db->loose ? DB_READ_UNCOMMITTED : DB_READ_COMMITTED);
	if (rc != 0)
		return rc;
	rc = cursor->get(cursor, &k, &c->records, how | DB_MULTIPLE_KEY);
	if (k.data != from.at)
		free(k.data);
	closed = cursor->close(cursor);
	return rc != 0 ? rc : closed;
}

static void
size_chunk(struct chunk *c, uint64_t size)
{
	if (size > UINT32_MAX - 1023)
		die_bug("a database record of %llu bytes",
		    (unsigned long long)size);
	c->size = (uint32_t)(size + 1023) & ~(uint32_t)1023;
	c->bytes = mem_resize(c->bytes, 1, c->size);
}

/* 0 with a chunk, DB_NOTFOUND behind the last record, or an error. */
static int
fill_chunk(struct db *db, struct str from, struct chunk *c)
{
	int rc, tries = 0;

	for (;;) {
		rc = read_chunk(db, from, c);
		if (rc == DB_BUFFER_SMALL)
			size_chunk(c, (uint64_t)c->records.size + PAGE_SIZE);
		else if (rc != DB_LOCK_DEADLOCK || ++tries == RETRIES)
			return rc;
	}
}

/* Gives the chunk's records; *done where the scan is over. next becomes the
 * last key that was seen. */
static int
give_chunk(const struct chunk *c, struct str prefix,
    int (*each)(void *ctx, struct str key, struct str value), void *ctx,
    struct buf *next, bool *done)
{
	struct str key = {0};
	void *at;
	int rc = 0;

	DB_MULTIPLE_INIT(at, &c->records);
	while (rc == 0 && !*done) {
		void *k, *v;
		uint32_t key_len, value_len;

		DB_MULTIPLE_KEY_NEXT(at, &c->records, k, key_len, v, value_len);
		if (at == NULL)
			break;
		key = str_n(k, key_len);
		if (!str_starts(key, prefix))
			*done = true;
		else
			rc = each(ctx, key, str_n(v, value_len));
	}
	buf_reset(next);
	buf_put_str(next, key);
	/* The least key that is greater. */
	buf_putc(next, '\0');
	return rc;
}

int
db_scan(struct db *db, struct str prefix, struct str from,
    int (*each)(void *ctx, struct str key, struct str value), void *ctx,
    struct fault *f)
{
	struct chunk c = {0};
	struct buf next;
	bool done = false;
	int rc = 0;

	last_words[0] = '\0';
	buf_init(&next, UINT32_MAX);
	buf_put_str(&next, str_compare(from, prefix) < 0 ? prefix : from);
	size_chunk(&c, SCAN_CHUNK_MIN);
	while (rc == 0 && !done) {
		int code = fill_chunk(db, buf_str(&next), &c);

		if (code == DB_NOTFOUND)
			break;
		if (code != 0) {
			rc = db_fail(f, db->env, code, db->name);
			break;
		}
		rc = give_chunk(&c, prefix, each, ctx, &next, &done);
		if (c.size < SCAN_CHUNK_MAX)
			size_chunk(&c, (uint64_t)c.size * 2);
	}
	buf_clear(&next);
	mem_free(c.bytes);
	return rc;
}

int
db_count(struct db *db, uint64_t *records, struct fault *f)
{
	DB_BTREE_STAT *stat;
	int rc;

	db_forget_words();
	rc = db->db->stat(db->db, NULL, &stat, 0);
	if (rc != 0)
		return db_fail(f, db->env, rc, db->name);
	*records = stat->bt_nkeys;
	free(stat);
	return 0;
}
