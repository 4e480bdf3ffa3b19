/* SPDX-License-Identifier: ISC */
/*
 * The index of all mailboxes: a cache of what the Maildirs hold, in one
 * Berkeley DB environment, and the memory of which deliveries were made.
 *
 * One thread writes it, fed by a bounded queue: learning of a delivery never
 * blocks and never fails. What does not fit, and whatever else makes the index
 * differ from a Maildir, is found again by reading the Maildir (reconciling).
 *
 *   folders    path NUL dir             -> what is known of the folder
 *   messages   folder's id, base name   -> struct record
 *   delivered  ident NUL path NUL dir   -> when
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/record.h"

struct index;
struct index_folder;

/*
 * Opens the environment in dir and takes its lock. One that recovery can not
 * mend is moved aside with a log line and made anew. root is borrowed. Nothing
 * is written before index_start(). cache is in bytes; 0: as much as the index
 * needs, up to an eighth of the memory.
 */
struct index *index_open(
    const char *dir, uint64_t cache, int root, struct fault *f) MUST_USE;
/*
 * Goes through all mailboxes: removes what a crash left half made, learns the
 * delivery ids in folders that changed while nobody watched, and has those
 * folders reconciled later. Before index_start().
 */
int index_sweep(struct index *index, struct fault *f) MUST_USE;
/* How what other programs do is noticed while it runs. Before index_start();
 * without it nothing is but by index_sweep() and index_check(). */
struct index_attention {
	uint64_t watches;    /* directories that are watched at most */
	int64_t interval_ms; /* in which all mailboxes are looked at */
};
void index_attend(struct index *index, const struct index_attention *attention);
int index_start(struct index *index, struct fault *f) MUST_USE;
/* Writes what was learnt, then closes. */
void index_close(struct index **index);

/* A folder, for learning. Never fails; gives a hold. */
struct index_folder *index_folder_hold(struct index *index,
    const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder) MUST_USE;
void index_folder_release(struct index_folder **folder);

/*
 * A message is about to appear in the folder. Must be called before it does,
 * so that a crash in between is noticed, and be followed by one of the next.
 */
void index_announce(struct index_folder *folder);
void index_withdraw(struct index_folder *folder);

struct index_news {
	struct str name; /* of the file in new/ */
	struct str head; /* of the message: RECORD_HEAD_MAX bytes count */
	uint64_t size, wire_size;
	struct str digest; /* as in struct record, like the next two */
	bool has_attachments;
	uint32_t attachments;
};
/* The message is there, durably. Copies what it needs. */
void index_learn(struct index_folder *folder, const struct index_news *news);

/* The key of a delivery, for index_was_delivered() and for struct recent. */
void index_delivery_key(struct buf *b, struct str ident,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder);
/* Whether it was made in the last ten days. */
bool index_was_delivered(struct index *index, struct str key);
/* The newest id (by when it was made, microseconds since 1970) that the index
 * has learnt when it was opened or swept. */
int64_t index_newest_ident(const struct index *index);

/* What is known of a folder. */
struct index_stat {
	uint64_t messages, unseen, bytes;
};

/*
 * Runs job on the writer's thread, after what was learnt before is written;
 * blocks. In it, and nowhere else, the functions below may be called.
 */
int index_run(struct index *index,
    int (*job)(struct index *index, void *ctx, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;

/* Of the mailboxes, by their paths, which are "domain/user". */
struct index_range {
	struct str path;  /* one mailbox; "domain/": all of these; "": all */
	struct str after; /* begin behind this mailbox, unless empty */
};
/* Each folder in the range that the index knows, in order. */
int index_each_folder(struct index *index, struct index_range range,
    int (*each)(void *ctx, const struct mailbox_name *mailbox,
	const struct mailbox_folder *folder, const struct index_stat *stat),
    void *ctx, struct fault *f) MUST_USE;
/* Each mailbox behind the one of this path ("": all) that is on disk or in the
 * index, in the order of paths. */
int index_each_name(struct index *index, struct str after,
    int (*each)(void *ctx, const struct mailbox_name *mailbox), void *ctx,
    struct fault *f) MUST_USE;
/* Each message behind the one of this base name ("": all), in their order. */
int index_each_message(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct str after,
    int (*each)(void *ctx, struct str base, const struct record *r), void *ctx,
    struct fault *f) MUST_USE;

/*
 * Reading beside the writer, from any other thread, which neither waits for the
 * other: what is read may have been committed or not. Blocks while the
 * environment is opened again.
 */
struct index_scan {
	struct str path; /* as in struct index_range */
	/* Begin with this folder, which may be gone, unless `from` is empty,
	 * and in it behind this message, unless `after` is. */
	struct str from; /* path NUL dir */
	struct str after;
	bool (*want)(void *ctx, const struct mailbox_name *mailbox,
	    const struct mailbox_folder *folder, const struct index_stat *stat);
	/* What is not 0 ends the scan. */
	int (*each)(void *ctx, struct str base, const struct record *r);
	void *ctx;
};
/* What each() returned, or -1 on a fault; each() and want() have none. An
 * environment that has failed is mended soon after. */
int index_scan(struct index *index, const struct index_scan *scan,
    struct fault *f) MUST_USE;

/* How a folder's records and its files differ. */
struct index_difference {
	uint64_t messages; /* files */
	uint64_t missing;  /* files without a record */
	uint64_t stale;    /* records without a file */
	uint64_t changed;  /* moved, or with other flags */
	/* Files whose size is not what their name says, but for those that
	 * Dovecot has compressed. Of all files where they are compared or made
	 * anew, else only of those that were read. */
	uint64_t damaged;
};

enum index_check_how {
	INDEX_COMPARE, /* writes nothing */
	INDEX_MEND,    /* the records then agree with the files */
	/* The same, but folders whose directories have not changed since are
	 * not read. */
	INDEX_CATCH_UP,
	INDEX_REMAKE, /* all records are made anew */
};
/*
 * Each folder of a mailbox ("domain/user"), or of all (""), that is on disk or
 * in the index. Folders that are gone are forgotten unless only compared.
 * `sum` gets what was found in all of them; folders their count.
 */
int index_check(struct index *index, struct str path, enum index_check_how how,
    struct index_difference *sum, uint64_t *folders, struct fault *f) MUST_USE;

/* What was learnt of a message's file by reading it. */
struct index_digest {
	struct str base;
	struct str digest; /* DIGEST_LEN */
	uint64_t size;
	uint32_t attachments;
};
/* 1; 0 where the index has no such message, or has a digest of it, or knows it
 * with another size. */
int index_put_digest(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_digest *digest,
    struct fault *f) MUST_USE;

#endif
