/* SPDX-License-Identifier: ISC */
/*
 * A transactional store of byte keys and byte values, in key order.
 *
 * The only door to Berkeley DB, and narrow enough that another engine fits
 * behind it: nothing of the engine shows here. One process owns an
 * environment: an exclusive lock on DIR/lock says so. Opening it runs
 * recovery; a thread of its own makes checkpoints and removes old logs.
 *
 * Readers may be many threads; writers should be one thread per environment,
 * with all that waits in one transaction. A transaction that met a deadlock
 * with another thread gives a temporary fault and is to be run again.
 */
#ifndef BASE_DB_H
#define BASE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct db_env;
struct db;
struct db_txn;

enum db_durability {
	DB_DURABLE, /* on disk when db_commit() returns */
	DB_WRITTEN, /* in the kernel: outlives the process, not the power */
};

struct db_env_options {
	uint64_t cache; /* bytes; 0: 16 MiB */
	enum db_durability durability;
	/* Many commits: each log file (16 MiB) is filled with zeroes when it is
	 * made, so that a commit does not make it longer and costs the disk one
	 * flush, not two. */
	bool busy;
	/* Where the environment fails in operation, so that only opening it
	 * again can help: say so in the log and end the process with
	 * EX_TEMPFAIL. Whoever starts it again has it recovered. */
	bool fatal;
	/* The owner looks after an environment that has failed, and says so:
	 * nothing is logged of it here. */
	bool tended;
};

/*
 * Opens or makes the environment in dir (made with mode 0700 where missing).
 * DB_BUSY-like: another process that owns it, and goes on owning it for some
 * seconds, is a temporary fault 4.3.2 whose text says so. What recovery cannot
 * mend is a permanent fault 5.3.5.
 */
struct db_env *db_env_open(
    const char *dir, const struct db_env_options *o, struct fault *f) MUST_USE;
/* Makes a last checkpoint, unless the environment has failed or is not whole.
 * All db and txn must be closed. */
void db_env_close(struct db_env **env);
/* Whether some process (perhaps we) owns the environment in dir. */
bool db_env_is_owned(const char *dir);
/* Whether the files that were opened still have their names: false where
 * somebody has removed or replaced one, or the directory. */
bool db_env_is_whole(struct db_env *env);
/* Whether the last owner left without db_env_close(). */
bool db_env_was_unclean(const struct db_env *env);
/* Lives as long as the environment. */
const char *db_env_dir(const struct db_env *env);

/*
 * Copies the environment, as it is at one moment between the call and its end,
 * into dir, which is made (0700) where it is missing and loses the copy that it
 * has. Readers and writers go on meanwhile. The copy is recovered there, and is
 * then an environment with a short log that db_env_open() opens. A second one at
 * the same time is a temporary fault 4.3.2; 4.3.1 where there is no room for it.
 * May block long.
 */
int db_env_backup(
    struct db_env *env, const char *dir, struct fault *f) MUST_USE;

/*
 * Recovers an environment that no process has, and looks at each page of it.
 * What is wrong is a permanent fault 5.3.5.
 */
int db_env_verify(const char *dir, struct fault *f) MUST_USE;

/*
 * In operation all faults of the engine are temporary: 4.3.1 no room, 4.3.0
 * the system's or another writer's, 4.3.5 the environment's own (it is damaged,
 * or has failed for good). Whether a fault is of the last kind, or was given
 * by opening what recovery cannot mend.
 */
bool db_is_damage(const struct fault *f);

/* Damage that it meets is a permanent fault, as with the environment. */
struct db *db_open(
    struct db_env *env, const char *name, struct fault *f) MUST_USE;
/* The same, but db_scan() neither waits for a transaction of another thread nor
 * makes it wait: it sees what that has done so far, and may yet undo. */
struct db *db_open_loose(
    struct db_env *env, const char *name, struct fault *f) MUST_USE;
void db_close(struct db **db);

/* Spans all databases of the environment. */
struct db_txn *db_begin(struct db_env *env, struct fault *f) MUST_USE;
int db_commit(struct db_txn **txn, struct fault *f) MUST_USE;
/* Null-safe; undoes all. */
void db_abort(struct db_txn **txn);

/* txn may be NULL for reads: then the newest committed value. 1 and *value
 * replaced where the key is there, else 0. */
int db_get(struct db *db, struct db_txn *txn, struct str key, struct buf *value,
    struct fault *f) MUST_USE;
int db_put(struct db *db, struct db_txn *txn, struct str key, struct str value,
    struct fault *f) MUST_USE;
/* 1 where it was there, else 0. */
int db_del(struct db *db, struct db_txn *txn, struct str key,
    struct fault *f) MUST_USE;

/*
 * Calls each record whose key starts with prefix, in key order, beginning at
 * the first key >= from (an empty from: at the prefix), until each() returns
 * something else than 0, which is then returned. The views live for the call;
 * each() must not write to this environment. Holds no lock between calls.
 */
int db_scan(struct db *db, struct str prefix, struct str from,
    int (*each)(void *ctx, struct str key, struct str value), void *ctx,
    struct fault *f) MUST_USE;

/* Records and bytes on disk, for statistics. */
int db_count(struct db *db, uint64_t *records, struct fault *f) MUST_USE;

#endif
