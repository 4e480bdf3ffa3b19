/* SPDX-License-Identifier: ISC */
/*
 * Whether the files of an environment are still there, and belong together:
 * the library goes on with what it has open, and makes anew what is missing.
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/db_private.h"

static bool
find_file(const char *dir, const char *name, struct stat *st)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	return n > 0 && (size_t)n < sizeof path && lstat(path, st) == 0;
}

/* Whether there are logs, and databases, in the directory. */
static void
find_kinds(const char *dir, bool *logs, bool *dbs)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	*logs = *dbs = false;
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		struct str name = str(e->d_name);

		*logs = *logs || str_starts(name, STR_LIT("log.0"));
		*dbs = *dbs || str_ends(name, STR_LIT(".db"));
	}
	closedir(d);
}

int
db_check_logs(const struct db_env *env, struct fault *f)
{
	bool logs, dbs;

	find_kinds(env->dir, &logs, &dbs);
	if (dbs && !logs)
		return fault_temp(
		    f, "4.3.5", "%s: its log files are missing", env->dir);
	return 0;
}

int
db_note_file(struct db *db, const char *file)
{
	struct db_env *env = db->env;
	struct stat st;

	if (!find_file(env->dir, file, &st))
		return -1;
	db->ino = st.st_ino;
	pthread_mutex_lock(&env->mutex);
	db->next = env->dbs;
	env->dbs = db;
	pthread_mutex_unlock(&env->mutex);
	return 0;
}

void
db_forget_file(struct db *db)
{
	struct db **at = &db->env->dbs;

	pthread_mutex_lock(&db->env->mutex);
	while (*at != NULL && *at != db)
		at = &(*at)->next;
	if (*at != NULL)
		*at = db->next;
	pthread_mutex_unlock(&db->env->mutex);
}

static bool
has_file(const struct db *db)
{
	char file[DB_FILE_SIZE];
	struct stat st;

	snprintf(file, sizeof file, DB_FILE_FORMAT, db->name);
	return find_file(db->env->dir, file, &st) && st.st_ino == db->ino;
}

static bool
has_files(struct db_env *env)
{
	struct stat ours, named;
	bool logs, dbs, whole;

	if (fstat(env->lock_fd, &ours) < 0 ||
	    !find_file(env->dir, "lock", &named) ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
		return false;
	find_kinds(env->dir, &logs, &dbs);
	whole = logs;
	pthread_mutex_lock(&env->mutex);
	for (const struct db *db = env->dbs; db != NULL; db = db->next)
		whole = whole && has_file(db);
	pthread_mutex_unlock(&env->mutex);
	return whole;
}

bool
db_env_is_whole(struct db_env *env)
{
	if (has_files(env))
		return true;
	atomic_store(&env->failed, true);
	return false;
}
