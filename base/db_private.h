/* SPDX-License-Identifier: ISC */
/* What the two files that have Berkeley DB share. Private to them. */
#ifndef BASE_DB_PRIVATE_H
#define BASE_DB_PRIVATE_H

#include <db.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/db.h"

enum { DB_LOG_FILE_SIZE = 16 << 20 };

struct db_env {
	DB_ENV *env;
	char *dir;
	int lock_fd;
	bool unclean;
	bool fatal; /* from when it is open */
	bool tended;
	atomic_bool failed; /* nothing can be done with it any more */
	struct db *dbs;     /* under mutex: those that are open */
	enum db_durability durability;

	pthread_t checkpointer;
	bool has_checkpointer;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stopping;  /* under mutex */
	bool is_copied; /* under mutex: no log may go */
};

struct db {
	DB *db;
	struct db_env *env;
	char *name;
	bool loose;
	ino_t ino; /* of its file */
	struct db *next;
};

enum { DB_FILE_SIZE = 64 };
#define DB_FILE_FORMAT "%s.db"

/* db_whole.c */
/* Temporary 4.3.5 where there are databases, but no log. Before it is opened:
 * the library would begin a new one and take old pages for whole. */
int db_check_logs(const struct db_env *env, struct fault *f) MUST_USE;
/* -1 where there is no such file. */
int db_note_file(struct db *db, const char *file) MUST_USE;
void db_forget_file(struct db *db);

/* For the library, to say what is wrong. */
void db_remember(const DB_ENV *env, const char *prefix, const char *text);
/* Before anything that may fail: what the library said last is of the past. */
void db_forget_words(void);
/* -1, with what the library's code means for this environment. */
int db_fail(
    struct fault *f, const struct db_env *env, int code, const char *what);
int db_configure(DB_ENV *e, const struct db_env_options *o) MUST_USE;

#endif
