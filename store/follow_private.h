/* SPDX-License-Identifier: ISC */
/* What the files of following share. */
#ifndef STORE_FOLLOW_PRIVATE_H
#define STORE_FOLLOW_PRIVATE_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/map.h"
#include "store/follow.h"
#include "store/record.h"

/* The directories of a folder. The folder's own is watched for good in the
 * inbox, where folders come and go, else only while one of the others is
 * missing: IMAP servers are busy there with files of their own. */
enum follow_part { FOLLOW_NEW, FOLLOW_CUR, FOLLOW_DIR, FOLLOW_PARTS };

struct follow_watch {
	struct map_node node; /* by wd */
	int wd;               /* -1: none */
	enum follow_part part;
	struct follow_folder *folder;
};

/* What was told of a message's file last. */
enum follow_how {
	FOLLOW_GONE,
	FOLLOW_THERE,
	FOLLOW_WRITTEN, /* and its bytes may be others than before */
};

struct follow_change {
	struct map_node node; /* by base name */
	int64_t since;        /* clock_ms() */
	enum follow_how how;
	enum record_place place;
	size_t base_len, len;
	char name[];
};

struct follow_folder {
	struct follow_mailbox *mailbox;
	struct follow_folder *next;
	struct index_folder *folder; /* a hold */
	struct follow_watch watches[FOLLOW_PARTS];
	struct map changes;
	bool is_sure;
	int64_t unsure_since; /* clock_ms() */
};

struct follow_mailbox {
	struct map_node node; /* by path */
	char *path;           /* "domain/user" */
	struct follow_mailbox *older, *newer;
	int64_t used;    /* clock_ms() */
	int64_t checked; /* clock_ms(): it was that directory then */
	dev_t dev;
	ino_t ino;
	size_t n_watches; /* of all its folders */
	/* The inbox is the last one. None: it cannot be followed. */
	struct follow_folder *folders;
};

enum { FOLLOW_SLOTS = 1 << 16 };

struct follow {
	struct index *index;
	const char *index_dir; /* borrowed from the index */
	int index_wd;
	int fd;   /* of inotify */
	int bell; /* an epoll set: fd, and `stop` */
	int stop; /* an eventfd */
	pthread_t thread;
	bool has_thread;

	size_t wanted, max, n_watches, n_changes;
	struct map watches, mailboxes;
	struct follow_mailbox *oldest, *newest;
	bool is_full;    /* the log says that there are no more watches */
	int64_t told_at; /* clock_ms() when the log last said that events
			  * were lost; 0: never */
	/* Hashes of what was written lately, by hash. */
	uint64_t *written;
};

/* follow.c */
struct follow_watch *follow_find_watch(struct follow *follow, int wd);
struct follow_folder *follow_find_folder(
    struct follow_mailbox *mailbox, struct str dir);
/* The watch is gone, whoever removed it. */
void follow_drop_watch(struct follow *follow, struct follow_watch *watch);
void follow_drop_folder(struct follow *follow, struct follow_folder **folder);
void follow_drop_mailbox(struct follow *follow, struct follow_mailbox **m);
/* The same, and all its folders must be compared. */
void follow_lose_mailbox(struct follow *follow, struct follow_mailbox **m);
/* A folder that has come; gives up the mailbox where that cannot be. */
void follow_add_folder(
    struct follow *follow, struct follow_mailbox *mailbox, const char *dir);
/* Watches what there is of new/ and cur/ now. False where the folder is gone,
 * or cannot be followed. */
bool follow_watch_parts(struct follow *follow, struct follow_folder *folder);
void follow_touch(struct follow *follow, struct follow_mailbox *mailbox);
/* What happened is not known to be all in the records and in `changes`. */
void follow_doubt(struct follow_folder *folder);
/* The folder must be compared. */
void follow_lose(struct follow_folder *folder);

/* follow_apply.c */
/* NULL where nothing is to be done about that name. */
struct follow_change *follow_find_change(
    struct follow_folder *folder, struct str base);
/* name is that of the file, base its beginning. */
void follow_note(struct follow_folder *folder, enum follow_how how,
    enum record_place place, struct str name, struct str base);

#endif
