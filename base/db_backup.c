/* SPDX-License-Identifier: ISC */
/*
 * Copies of an environment that is in use, and whether one is sound.
 *
 * The tables are read through the library's cache, page by page, while others
 * write to them: each page is whole, but no two are of the same moment. The
 * log, which is copied after them, has all that was changed since the first
 * page was read, so recovery brings all of them to the log's end. For that no log
 * file may go meanwhile, recovery must begin with the first of them (not at the
 * last checkpoint, which may be younger than the pages), and the log must have
 * reached the disk as far as the pages have been changed.
 */
#include "config.h"

#include "base/db_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
	PATH_SIZE = 4096,
	PIECE = 256 << 10,
	/* Between so many pages others have the disk to themselves. */
	READ_PAGES = 256,
	READ_SLEEP_US = 2000,
	ROOM_LOGS = 4, /* files more than there are */
	SHORT_LOG = 256 << 10,
	SHORT_LOG_BUFFER = 32 << 10,
};

static int
begin_copy(struct db_env *env, struct fault *f)
{
	bool busy;
	int rc;

	pthread_mutex_lock(&env->mutex);
	busy = env->is_copied;
	env->is_copied = true;
	pthread_mutex_unlock(&env->mutex);
	if (busy)
		return fault_temp(
		    f, "4.3.2", "%s is being copied already", env->dir);
	db_forget_words();
	rc = env->env->log_set_config(env->env, DB_LOG_AUTO_REMOVE, 0);
	return rc == 0 ? 0 : db_fail(f, env, rc, "cannot keep the logs");
}

static void
end_copy(struct db_env *env)
{
	(void)env->env->log_set_config(env->env, DB_LOG_AUTO_REMOVE, 1);
	pthread_mutex_lock(&env->mutex);
	env->is_copied = false;
	pthread_mutex_unlock(&env->mutex);
}

static bool
is_log(const char *name)
{
	return str_starts(str(name), STR_LIT("log."));
}

static bool
is_table(const char *name)
{
	return str_ends(str(name), STR_LIT(".db"));
}

/* Calls each table and log; the views of names live for the call. */
static int
each_file(const char *dir,
    int (*each)(void *ctx, int at, const char *name, struct fault *f),
    void *ctx, struct fault *f)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int rc = 0;

	if (d == NULL)
		return fault_errno(f, "cannot read %s", dir);
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (is_log(e->d_name) || is_table(e->d_name))
			rc = each(ctx, dirfd(d), e->d_name, f);
	}
	closedir(d);
	return rc;
}

static int
add_size(void *ctx, int at, const char *name, struct fault *f)
{
	uint64_t *sum = ctx;
	struct stat st;

	(void)f;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		*sum += (uint64_t)st.st_size;
	return 0;
}

/* An environment that meets a full disk in operation is worse than no copy. */
static int
check_room(const struct db_env *env, const char *dir, struct fault *f)
{
	uint64_t need = (uint64_t)ROOM_LOGS * DB_LOG_FILE_SIZE;
	struct statvfs vfs;

	if (each_file(env->dir, add_size, &need, f) < 0)
		return -1;
	if (statvfs(dir, &vfs) < 0)
		return fault_errno(f, "cannot look at %s", dir);
	if ((uint64_t)vfs.f_bavail * vfs.f_frsize < need)
		return fault_temp(f, "4.3.1",
		    "a copy of %s needs %llu MiB free in %s", env->dir,
		    (unsigned long long)(need >> 20), dir);
	return 0;
}

static int
remove_file(void *ctx, int at, const char *name, struct fault *f)
{
	(void)ctx;
	if (unlinkat(at, name, 0) < 0)
		return fault_errno(f, "cannot remove %s", name);
	return 0;
}

static int
prepare_dir(const struct db_env *env, const char *dir, struct fault *f)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", dir);
	if (each_file(dir, remove_file, NULL, f) < 0)
		return -1;
	return check_room(env, dir, f);
}

struct table_copy {
	struct db_env *env;
	const char *dir;
};

static int
copy_table(void *ctx, int at, const char *name, struct fault *f)
{
	const struct table_copy *c = ctx;
	DB_ENV *e = c->env->env;
	int rc;

	(void)at;
	if (!is_table(name))
		return 0;
	rc = e->dbbackup(e, name, c->dir, 0);
	return rc == 0 ? 0 : db_fail(f, c->env, rc, "cannot copy a table");
}

static int
copy_tables(struct db_env *env, const char *dir, struct fault *f)
{
	struct table_copy c = {env, dir};
	DB_ENV *e = env->env;
	int rc;

	db_forget_words();
	rc = e->set_backup_config(e, DB_BACKUP_READ_COUNT, READ_PAGES);
	if (rc == 0)
		rc = e->set_backup_config(
		    e, DB_BACKUP_READ_SLEEP, READ_SLEEP_US);
	if (rc != 0)
		return db_fail(f, env, rc, "cannot copy the tables");
	return each_file(env->dir, copy_table, &c, f);
}

static int
copy_bytes(int in, int out)
{
	char *bytes = mem_zeroed(1, PIECE);
	ssize_t n;

	while ((n = read(in, bytes, PIECE)) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && file_write(out, str_n(bytes, (size_t)n)) < 0)
			break;
	}
	mem_free(bytes);
	return n == 0 ? 0 : -1;
}

static int
copy_log(const char *from, const char *dir, struct fault *f)
{
	const char *name = strrchr(from, '/');
	char to[PATH_SIZE];
	int in, out, rc = -1;

	if (name == NULL ||
	    (size_t)snprintf(to, sizeof to, "%s%s", dir, name) >= sizeof to)
		return fault_perm(f, "5.3.5", "%s is too long", dir);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in >= 0 && out >= 0)
		rc = copy_bytes(in, out);
	if (rc < 0)
		fault_errno(f, "cannot copy %s", from);
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

/* In the order of their numbers: the last is the one that grows. */
static int
copy_logs(struct db_env *env, const char *dir, struct fault *f)
{
	char **names = NULL;
	int rc;

	db_forget_words();
	rc = env->env->log_flush(env->env, NULL);
	if (rc == 0)
		rc = env->env->log_archive(
		    env->env, &names, DB_ARCH_LOG | DB_ARCH_ABS);
	if (rc != 0)
		return db_fail(f, env, rc, "cannot find the logs");
	for (char **name = names; rc == 0 && name != NULL && *name != NULL;
	     name++)
		rc = copy_log(*name, dir, f);
	free(names);
	return rc;
}

/* For what nobody has in use. */
static int
open_copy(struct db_env *env, uint32_t how)
{
	static const struct db_env_options plain = {0};
	uint32_t flags = DB_CREATE | DB_PRIVATE | DB_THREAD | how |
			 DB_INIT_MPOOL | DB_INIT_LOCK | DB_INIT_LOG |
			 DB_INIT_TXN;
	int rc;

	db_forget_words();
	rc = db_env_create(&env->env, 0);
	if (rc != 0)
		return rc;
	env->env->app_private = env;
	rc = db_configure(env->env, &plain);
	/* The library makes a log file as long as it may become. */
	if (rc == 0 && how != DB_RECOVER_FATAL)
		rc = env->env->set_lg_bsize(env->env, SHORT_LOG_BUFFER);
	if (rc == 0 && how != DB_RECOVER_FATAL)
		rc = env->env->set_lg_max(env->env, SHORT_LOG);
	if (rc == 0)
		rc = env->env->open(env->env, env->dir, flags, 0600);
	if (rc == 0)
		rc = env->env->txn_checkpoint(env->env, 0, 0, DB_FORCE);
	return rc;
}

static int
close_copy(struct db_env *env, int rc)
{
	int closed = 0;

	if (env->env != NULL)
		closed = env->env->close(env->env, 0);
	return rc != 0 ? rc : closed;
}

/* Its pages name no place in a log any more. */
static int
reset_table(void *ctx, int at, const char *name, struct fault *f)
{
	struct db_env *env = ctx;
	int rc;

	(void)at;
	if (!is_table(name))
		return 0;
	rc = env->env->lsn_reset(env->env, name, 0);
	return rc == 0 ? 0 : db_fail(f, env, rc, "cannot reset a table");
}

static int
remove_log(void *ctx, int at, const char *name, struct fault *f)
{
	return is_log(name) ? remove_file(ctx, at, name, f) : 0;
}

static int
recover(const char *dir, uint32_t how, bool reset, struct fault *f)
{
	struct db_env env = {.dir = mem_dup(dir)};
	int rc = open_copy(&env, how), failed = 0;

	if (rc == 0 && reset)
		failed = each_file(dir, reset_table, &env, f);
	rc = close_copy(&env, rc);
	if (rc != 0)
		failed = db_fail(f, &env, rc, "cannot recover");
	mem_free(env.dir);
	return failed < 0 ? -1 : 0;
}

/* What is left are the tables and the begin of a log, as small as they can
 * be. */
static int
settle_copy(const char *dir, struct fault *f)
{
	if (recover(dir, DB_RECOVER_FATAL, true, f) < 0 ||
	    each_file(dir, remove_log, NULL, f) < 0)
		return -1;
	return recover(dir, DB_RECOVER, false, f);
}

int
db_env_backup(struct db_env *env, const char *dir, struct fault *f)
{
	int rc = begin_copy(env, f);

	if (rc < 0)
		return -1;
	rc = prepare_dir(env, dir, f);
	if (rc == 0)
		rc = copy_tables(env, dir, f);
	if (rc == 0)
		rc = copy_logs(env, dir, f);
	end_copy(env);
	return rc == 0 ? settle_copy(dir, f) : rc;
}

static int
verify_table(void *ctx, int at, const char *name, struct fault *f)
{
	struct db_env env = {.dir = ctx};
	char path[PATH_SIZE];
	DB *db;
	int rc;

	(void)at;
	if (!is_table(name))
		return 0;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", env.dir, name) >=
	    sizeof path)
		return fault_perm(f, "5.3.5", "%s is too long", env.dir);
	db_forget_words();
	rc = db_create(&db, NULL, 0);
	if (rc == 0) {
		db->set_errcall(db, db_remember);
		/* The handle is gone whatever comes of it. */
		rc = db->verify(db, path, NULL, NULL, 0);
	}
	return rc == 0 ? 0 : db_fail(f, &env, rc, name);
}

int
db_env_verify(const char *dir, struct fault *f)
{
	char *borrowed = mem_dup(dir);
	int rc = recover(dir, DB_RECOVER, false, f);

	if (rc == 0)
		rc = each_file(dir, verify_table, borrowed, f);
	mem_free(borrowed);
	if (rc < 0 && db_is_damage(f)) {
		f->kind = FAULT_PERM;
		f->dsn[0] = '5';
	}
	return rc;
}
