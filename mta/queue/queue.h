/* SPDX-License-Identifier: ISC */
/*
 * Messages that wait, durably. One Berkeley DB environment of which this
 * process is the only owner, and one committer thread: all changes that wait
 * go into ONE transaction with ONE log flush, and then all are answered.
 *
 * Tables:
 *   message  id → entry (entry.h)
 *   body     id → bytes, up to 64 KiB; larger ones are files in body/ID,
 *            synced before the commit
 *   due      domain, owner, time, id → nothing: one row for each domain to
 *            which a recipient of the message still waits
 *   done     id → recipients of messages that left lately, so that one that
 *            is handed over again after a crash is known
 *   setting  name → value: what the operator has set and outlives a restart
 *
 * The domain in `due` is the recipients' (address_key()'s form; an address
 * literal as written); owner is a hash of entry.owner. Rows of one domain and
 * owner (a "lane") are in order of time, and lanes stand beside one another, so
 * that nothing but lanes need be in memory, however many messages wait.
 */
#ifndef MTA_QUEUE_QUEUE_H
#define MTA_QUEUE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "mta/queue/entry.h"

struct arena;
struct queue;
struct spool;

enum { QUEUE_BODY_INLINE = 64 << 10 };

struct queue_conf {
	const char *dir;   /* state_dir/queue */
	uint64_t cache;    /* bytes of Berkeley DB's cache; 0: 32 MiB. A quarter
			    * on top keeps messages that came lately. */
	uint64_t min_free; /* bytes that must stay free on the disk: below it
			    * new messages get 4.3.1 and changes go on */
	int64_t done_ms;   /* how long after its id was made a message may be
			    * handed over again; 0: 7 hours */
};

/* Where the database fails later, the process ends (base/db.h): the next one
 * recovers it. Runs recovery, removes files in body/ that no message names. */
struct queue *queue_open(
    const struct queue_conf *conf, struct fault *f) MUST_USE;
void queue_close(struct queue **queue);

/* Changes. A change is built by one thread, then given to the committer. */

struct queue_change;

struct queue_change *queue_change_new(struct queue *queue) MUST_USE;
/* Undoes what was not submitted (a body's file). Null-safe. */
void queue_change_free(struct queue_change **change);

/*
 * A new message; the body (head, then the spool) is copied now, a large one
 * into its file, synced. Sets e->size and e->body_in_file. Where the id is
 * there already, or was lately, recipients that it does not have yet are added
 * to it, and the rest of the change is as if it had been stored (a repeated
 * hand-over). Fills *f with 4.3.1 where the disk is full. body may be NULL.
 *
 * No second file is written where the id is there. Where all its recipients are
 * settled before the change is, that has a fault of which queue_has_left() is
 * true: build it again.
 */
int queue_change_add(struct queue_change *change, struct entry *e,
    struct str head, struct spool *body, struct fault *f) MUST_USE;
bool queue_has_left(const struct fault *f);
/*
 * Applies edit() to the entry as it is then, inside the transaction: it may be
 * called more than once (a deadlock), on the committer's thread, and must not
 * block nor read the queue. It returns false where nothing is to be changed. Where no recipient
 * waits any more, the message and its body are removed. Strings that edit()
 * puts into the entry come from the arena. ctx must live until the change is
 * done. A message that is not there any more is no error: edit() is not called.
 */
void queue_change_edit(struct queue_change *change, const struct ident *id,
    bool (*edit)(void *ctx, struct entry *e, struct arena *arena), void *ctx);
/* Whatever waits: gone, without a notice. */
void queue_change_remove(struct queue_change *change, const struct ident *id);
/* An empty value removes it. Names begin with who sets them: "pause/…". */
void queue_change_set(
    struct queue_change *change, struct str name, struct str value);

/* Takes the change; done() is called once, on the committer's thread, when
 * all of it is durable (rc 0) or none of it has happened (rc -1). Must not
 * block. May be NULL: then nobody waits, and a failure is logged. */
void queue_submit(struct queue *queue, struct queue_change **change,
    void (*done)(void *ctx, int rc, const struct fault *f), void *ctx);
/* The same, waiting for it. */
int queue_commit(struct queue *queue, struct queue_change **change,
    struct fault *f) MUST_USE;

/* Reading; from any thread. */

/* 1 with the entry (strings in the arena), 0 where it is not there. */
int queue_get(struct queue *queue, const struct ident *id, struct arena *arena,
    struct entry *e, struct fault *f) MUST_USE;
/* Gives the body's bytes in pieces, as spool_each() does. */
int queue_each_piece(struct queue *queue, const struct entry *e,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;
/* All entries with an id >= from (NULL: the first), in order of arrival, until
 * each() returns something else than 0, which is then returned. */
int queue_each(struct queue *queue, const struct ident *from,
    int (*each)(void *ctx, const struct entry *e), void *ctx,
    struct fault *f) MUST_USE;
int queue_each_setting(struct queue *queue, struct str prefix,
    int (*each)(void *ctx, struct str name, struct str value), void *ctx,
    struct fault *f) MUST_USE;
/* Messages and bytes that wait; known without looking. */
void queue_count(struct queue *queue, uint64_t *messages, uint64_t *bytes);

/*
 * Copies the queue into dir (db_env_backup()), bodies in files included, while
 * it is in use. What was acknowledged before the call is in it. One at a time:
 * 4.3.2.
 */
int queue_backup(
    struct queue *queue, const char *dir, struct fault *f) MUST_USE;

/* Lanes; see scheduler.h. */

struct queue_lane {
	struct str domain; /* borrowed for the call */
	uint64_t owner;
	uint64_t waiting; /* rows in it */
	int64_t due;      /* of its first row, ms since 1970 */
};

/* Each lane that there is, once, at start. */
int queue_each_lane(struct queue *queue,
    int (*each)(void *ctx, const struct queue_lane *lane), void *ctx,
    struct fault *f) MUST_USE;
/* The rows of a lane from a time on (0: all), in order of time, until each()
 * returns something else than 0, which is then returned. It waits for no
 * commit: a row that a change is removing may be there or not. */
int queue_each_due(struct queue *queue, struct str domain, uint64_t owner,
    int64_t from, int (*each)(void *ctx, const struct ident *id, int64_t due),
    void *ctx, struct fault *f) MUST_USE;
/* Who is told, on the committer's thread and after each commit, how a lane has
 * changed: rows more or less, and the earliest time among those that came (0
 * where none came). Set once, before the first change. */
void queue_watch(struct queue *queue,
    void (*changed)(void *ctx, struct str domain, uint64_t owner, int64_t rows,
	int64_t earliest),
    void *ctx);

uint64_t queue_owner_hash(struct str owner);
/* The domain of the rows that an address has; in the arena. */
struct str queue_domain(const struct address *a, struct arena *arena) MUST_USE;

#endif
