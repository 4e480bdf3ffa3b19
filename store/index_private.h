/* SPDX-License-Identifier: ISC */
/* What the files of the index share. */
#ifndef STORE_INDEX_PRIVATE_H
#define STORE_INDEX_PRIVATE_H

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/crypto.h"
#include "base/db.h"
#include "proto/attachments.h"
#include "store/index.h"
#include "store/maildir.h"

enum {
	INDEX_KEY_MAX = MAILDIR_IDENT_MAX + MAILDIR_PATH_SIZE + 8,
	INDEX_BATCH = 500, /* records a transaction */
	INDEX_BUCKETS = 4096,
	INDEX_IDENT_DAYS = 10,
	/* A change within so many microseconds of an earlier one may leave a
	 * directory's time as it was. */
	INDEX_SAME_TIME_US = 50000,
	INDEX_SETTLE_MS = 200, /* how often folders are settled */
};

/* A folder's record. Times are those of the directories when the records
 * agreed with them (nanoseconds since 1970; 0: never). */
struct index_known {
	uint64_t id; /* 0: none yet */
	int64_t new_time, cur_time;
	uint64_t messages, unseen, bytes;
	/* Of the records that say new/: how many, and the sum of their base
	 * names' hashes, by which new/ is known to be as they say. */
	uint64_t fresh, fresh_sum;
};

struct index_folder {
	struct index *index;
	char *path; /* "domain/user" */
	char *dir;  /* "" or ".Folder" */
	/* Messages that were announced and are not in the index yet. */
	atomic_uint unindexed;
	atomic_bool lost; /* must be reconciled */

	/* Under the index' mutex. */
	unsigned holds;
	struct index_folder *next_in_bucket;
	bool waits; /* in the list of those to be settled; a hold */
	struct index_folder *next_waiting;

	/* The writer's alone. */
	bool loaded;  /* `known` is what the database has */
	bool careful; /* records of announced messages may be there */
	bool changed; /* in the transaction under way */
	struct index_folder *next_changed;
	struct follow_folder *followed; /* NULL: not */
	struct index_known known;
};

struct follow;
struct follow_folder;
struct index_entry;
struct index_job;
struct index_pass;
struct index_moved;

struct index {
	char *dir;
	uint64_t cache;
	int root;

	/* Written by the writer when it opens the environment again; readers
	 * of other threads hold it while they look something up. */
	pthread_rwlock_t opening;
	struct db_env *env; /* NULL: broken */
	struct db *folders, *messages, *delivered;
	atomic_bool was_read_ahead; /* since it was opened */

	/* The writer's alone. */
	uint64_t next_id;
	int64_t swept; /* when the last sweep began, us since 1970 */
	int64_t newest_ident;
	struct index_moved *moved; /* NULL: nothing has */
	int64_t purged;            /* clock_ms() */
	int64_t purged_time;       /* then, seconds since 1970 */
	int64_t settle_at;         /* clock_ms(): not before */
	struct follow *follow;     /* NULL: by times only */
	struct index_pass *pass;   /* NULL: times are looked at only once */
	struct index_folder *changed;
	struct db_txn *txn;
	size_t in_txn;
	uint64_t aborts; /* transactions that were lost */
	bool is_failing; /* and the log says so */
	bool in_doubt;   /* is it fit for use? */
	bool is_damaged; /* damage was met since the last look */
	struct fault damage;
	int64_t mended; /* clock_ms(); 0: never */
	int64_t retry_at, retry_ms;

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	pthread_cond_t job_done;
	bool sleeping, stopping;
	bool rung; /* follow_read() has something to read */
	struct index_entry *first, **last;
	size_t n_entries, entry_bytes;
	struct index_job *jobs, **last_job;
	struct index_folder *waiting;
	size_t n_waiting;
	struct index_folder *buckets[INDEX_BUCKETS];
};

/* The most significant byte first, so that keys sort by number. */
void index_set_number(char *at, uint64_t n);
uint64_t index_get_number(const char *at);

/* Opening and mending. */

enum {
	/* What is of another version is made anew, all of it. */
	INDEX_VERSION = RECORD_VERSION << 4 | 2,
	INDEX_ABOUT_SIZE = 1 + 3 * 8,
};
/* Where the index keeps what is known of itself: sorts before all folders. */
struct str index_about_key(void);
/* 1 where it was made anew, and the log says why. */
int index_db_open(struct index *index, struct fault *f) MUST_USE;
void index_db_close(struct index *index);
/* Closes it, moves it aside where `damaged`, and opens it again: with what the
 * records had, or (1) with none. Waits for readers. */
int index_db_reopen(
    struct index *index, const struct fault *damaged, struct fault *f) MUST_USE;
/* Opens it anew where it is not fit for use any more, and has it compared with
 * all mailboxes. */
void index_mend(struct index *index);

/* index_db.c: the writer's transactions. A failure aborts, and marks each
 * folder that was changed in the transaction as lost. */
void index_db_abort(struct index *index);
int index_db_load(struct index_folder *folder, struct fault *f) MUST_USE;
/* Each may begin a transaction; index_db_flush() ends it. */
int index_db_put_message(struct index_folder *folder, struct str base,
    const struct record *r, struct fault *f) MUST_USE;
int index_db_del_message(
    struct index_folder *folder, struct str base, struct fault *f) MUST_USE;
/* Adds a message to a folder's numbers. */
void index_db_count(
    struct index_known *k, struct str base, const struct record *r);
/* 1 with the record, whose texts are views into value, else 0. */
int index_db_get_message(struct index_folder *folder, struct str base,
    struct buf *value, struct record *r, struct fault *f) MUST_USE;
int index_db_put_delivered(struct index *index, struct str key, int64_t when,
    struct fault *f) MUST_USE;
int index_db_del_delivered(
    struct index *index, struct str key, struct fault *f) MUST_USE;
/* The folder's record will be written with the transaction. */
int index_db_change(struct index_folder *folder, struct fault *f) MUST_USE;
int index_db_del_folder(struct index_folder *folder, struct fault *f) MUST_USE;
int index_db_flush(struct index *index, struct fault *f) MUST_USE;
/* Views into key. */
bool index_db_parse_folder(struct str key, struct str value, struct str *path,
    struct str *dir, struct index_known *known) MUST_USE;
void index_db_message_prefix(const struct index_folder *folder, char prefix[8]);

/* Bytes of cache: room for the whole index and some growth, within reason. */
uint64_t index_cache_size(const char *dir);
/* All of it will be read, the first time: begins to, unless it is huge. Blocks. */
void index_read_ahead(struct index *index);

/* By path and dir; a hold. */
struct index_folder *index_find_folder(
    struct index *index, const char *path, const char *dir) MUST_USE;
/* Has it settled, or reconciled where it is lost, when there is time. */
void index_wait(struct index_folder *folder);
/* The same where the mutex is held. */
void index_wait_locked(struct index_folder *folder);
/* The folders that wait (holds), ended by NULL, to be freed: a list of its own,
 * since the moment they no longer wait they may be made to wait again. Who has
 * waited longest comes first: an index that is made anew grows at its end then,
 * where pages are filled. */
struct index_folder **index_take_waiting(struct index *index) MUST_USE;

/* The writer's chores. */

/* Whether deliveries wait to be written: these come first. */
bool index_has_news(struct index *index);
/* From any thread: follow_read() has something to read. */
void index_ring(struct index *index);
/* Whether it is still fit for use is to be looked at soon, since this has
 * failed (may be NULL). */
void index_doubt(struct index *index, const struct fault *met);
/* Goes through the folders that wait; those that need more wait again. At the
 * end of the process nothing is reconciled any more. */
void index_settle(struct index *index, bool at_end);
/* Forgets deliveries that are too old to come again. */
void index_purge_delivered(struct index *index);
/* Logs that the index could not be written: once, not for each batch, since
 * under load there are hundreds a second. */
void index_complain(struct index *index, const struct fault *f);

/* Times of a folder's new/ and cur/ (0 where it has none); false where the
 * folder is gone. */
bool index_folder_times(
    const struct index_folder *folder, int64_t *new_time, int64_t *cur_time);
/* Whether a directory that has this time now can still change without its
 * time changing. */
bool index_is_too_new(int64_t directory_time);
/* Compares, and writes the records so that they agree, or all of them. */
int index_reconcile_folder(struct index_folder *folder,
    enum index_check_how how, struct index_difference *difference,
    struct fault *f) MUST_USE;

/* Makes records of the files of a folder. */
struct index_maker {
	/* Results: files that have gone before they could be read, and those
	 * whose size is not what their name says. */
	bool has_missed;
	uint64_t damaged;

	/* Private. */
	struct index_folder *folder;
	int dir; /* the Maildir */
	struct buf head, texts, old;
	struct attachments attachments;
	uint8_t digest[DIGEST_LEN];
	/* Folders of the mailbox that wait to be compared; holds. */
	struct index_folder *others[16];
	size_t n_others;
	bool has_others;
};
enum index_make {
	INDEX_MAKE_RENAMED, /* has a record; only place and flags are others */
	INDEX_MAKE_FOUND,   /* there is a file; what was known is kept */
	INDEX_MAKE_WRITTEN, /* somebody has just written to it */
};
/* Embedded. Borrows both. */
void index_maker_init(
    struct index_maker *m, struct index_folder *folder, int dir);
void index_maker_clear(struct index_maker *m);
/* A file that has gone, or is none, makes nothing. */
int index_make_record(struct index_maker *m, enum record_place place,
    struct str file, enum index_make how, struct fault *f) MUST_USE;
/* Soon a record will be made of it: has it read, and waits for nothing. */
void index_prefetch_file(int dir, enum record_place place, struct str file);
/* Of one file that was written: dir is the open Maildir. */
int index_put_file(struct index_folder *folder, int dir,
    enum record_place place, struct str name, struct fault *f) MUST_USE;

/* Remembers, for some time, what was known of a message whose record goes. */
void index_moved_note(
    struct index_folder *folder, struct str base, const struct record *r);
/* 1 where the digest of a message without a record is known, from another folder
 * of its mailbox; the record, of which only what is carried over counts, has
 * views into m->old. Else 0. */
int index_moved_find(struct index_maker *m, const struct maildir_name *name,
    struct record *r, struct fault *f) MUST_USE;
void index_moved_free(struct index_moved **moved);
/* Whether a file's name holds a delivery id that counts still. */
bool index_name_counts(const struct maildir_name *name);
/* Learns the delivery id in a file's name, if there is one that counts. The
 * file must be whole. */
int index_learn_name(struct index_folder *folder,
    const struct maildir_name *name, struct fault *f) MUST_USE;

/* Whether a directory of that name in a mailbox is a folder (Maildir++). */
bool index_is_folder(const char *name);
/*
 * Calls each folder on disk, of one mailbox ("domain/user") or of all (""),
 * until each() returns something else than 0, which is then returned. dir is
 * the open directory; name is "" or ".Folder".
 */
typedef int index_each_on_disk(
    void *ctx, int dir, const char *path, const char *name, struct fault *f);
int index_walk(struct index *index, struct str path, index_each_on_disk *each,
    void *ctx, struct fault *f) MUST_USE;
/* The same for what is a mailbox by its name, unopened. */
typedef int index_each_mailbox(void *ctx, const char *path, struct fault *f);
int index_walk_mailboxes(struct index *index, index_each_mailbox *each,
    void *ctx, struct fault *f) MUST_USE;
/* "domain/user" to "user@domain"; false for what is none. */
bool index_name_from_path(struct str path, struct mailbox_name *name) MUST_USE;
/* NULL where there is no such directory. */
DIR *index_open_dir(int at, const char *path, int flags) MUST_USE;

/* The look at all mailboxes, again and again: begins after the interval. */
struct index_pass *index_pass_new(int64_t interval_ms) MUST_USE;
void index_pass_free(struct index_pass **pass);
/* Goes on with it where it is time. */
void index_pass(struct index *index);
/* When that is (clock_ms()); 0: never. */
int64_t index_pass_next(const struct index *index);

#endif
