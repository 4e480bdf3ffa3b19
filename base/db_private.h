/* SPDX-License-Identifier: ISC */
/* What the two files that have Berkeley DB share. Private to them. */
#ifndef BASE_DB_PRIVATE_H
#define BASE_DB_PRIVATE_H

#include <db.h>
#include <pthread.h>

#include "base/db.h"

enum { DB_LOG_FILE_SIZE = 16 << 20 };

struct db_env {
	DB_ENV *env;
	char *dir;
	int lock_fd;
	bool unclean;
	bool fatal; /* from when it is open */
	enum db_durability durability;

	pthread_t checkpointer;
	bool has_checkpointer;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stopping;  /* under mutex */
	bool is_copied; /* under mutex: no log may go */
};

/* For the library, to say what is wrong. */
void db_remember(const DB_ENV *env, const char *prefix, const char *text);
/* Before anything that may fail: what the library said last is of the past. */
void db_forget_words(void);
/* -1, with what the library's code means for this environment. */
int db_fail(
    struct fault *f, const struct db_env *env, int code, const char *what);
int db_configure(DB_ENV *e, const struct db_env_options *o) MUST_USE;

#endif
