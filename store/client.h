/* SPDX-License-Identifier: ISC */
/*
 * The mailboxes as any other Maildir client sees them, an IMAP server for one:
 * without the index, whether lmtpd runs or not, while others deliver, flag,
 * move and delete. The index learns of what is done here from the Maildirs.
 *
 * Who calls this is the user that the files belong to, or only reads. What
 * changes names here is atomic, and durable after client_sync(). Below a
 * mailbox no symbolic link is followed, and only regular files are messages.
 */
#ifndef STORE_CLIENT_H
#define STORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/map.h"
#include "store/mailbox.h"
#include "store/maildir.h"

struct client {
	int root;
	char host[MAILDIR_HOST_SIZE]; /* in names that are made */
	uint64_t seq;
};

/* A folder that is open. */
struct client_folder {
	struct client *client; /* borrowed */
	struct mailbox_name mailbox;
	struct mailbox_folder folder;
	int dir;
};

/* A message: of a list, whose arena has its name. */
struct client_entry {
	const char *file; /* with the flags, as it was seen last */
	bool is_new;
	struct maildir_name name; /* views into file */
	size_t seen;              /* private: the later, the higher */
};

/* What a folder held, by time of delivery and then by name. */
struct client_list {
	struct client_entry *entries;
	size_t n;
	/* Private. */
	size_t room;
	struct arena arena;
};

/* Opens the root, which is not made: 4.2.0 where there is none. */
struct client *client_new(
    const char *root, const char *hostname, struct fault *f) MUST_USE;
void client_free(struct client **client);

/*
 * Each mailbox in the order of names: of a domain, or of all (domain ""). Stops
 * where each() returns other than 0, and returns that. What is no mailbox's name
 * is left out.
 */
int client_each_mailbox(struct client *client, struct str domain,
    int (*each)(void *ctx, const struct mailbox_name *mailbox, struct fault *f),
    void *ctx, struct fault *f);

/* 1; 0: there is no such mailbox or folder; -1. */
int client_folder_open(struct client *client,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder,
    struct client_folder *open, struct fault *f) MUST_USE;
/*
 * The same, but makes what is missing, durably: the mailbox, and the folder
 * with Maildir++'s mark, subscribed to as IMAP servers know it.
 */
int client_folder_make(struct client *client,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder,
    struct client_folder *open, struct fault *f) MUST_USE;
void client_folder_close(struct client_folder *folder);

/*
 * Each folder of a mailbox, open until each() returns: the inbox, then the
 * others by their names. Directories with names that are none of ours are left
 * out. Ends as client_each_mailbox() does; 5.1.1 where there is no mailbox.
 */
int client_each_folder(struct client *client,
    const struct mailbox_name *mailbox,
    int (*each)(void *ctx, struct client_folder *folder, struct fault *f),
    void *ctx, struct fault *f);

/*
 * Embedded: every message that was there from the beginning to the end of the
 * reading is in the list, once, however it was flagged meanwhile. client_list_clear()
 * in any case; one of zeroes is empty.
 */
int client_list_read(struct client_list *list,
    const struct client_folder *folder, struct fault *f) MUST_USE;
void client_list_clear(struct client_list *list);

/*
 * Opens a message's file for reading and brings the entry up to date, should
 * its flags have changed: 1, 0 where it is gone (or no file), -1. The list must
 * be the entry's.
 */
int client_open(const struct client_folder *folder, struct client_list *list,
    struct client_entry *entry, int *fd, struct fault *f) MUST_USE;

/* "BASE", with ":2,FLAGS" in cur/. False where that is too long. */
bool client_file_name(struct str base, struct str flags, bool is_new,
    char file[MAILDIR_NAME_SIZE]) MUST_USE;

/*
 * Gives a whole mailbox another name, durably: 1; 0 where one of that name is
 * there; 5.1.1 where there is none of the old one.
 */
int client_rename_mailbox(struct client *client,
    const struct mailbox_name *from, const struct mailbox_name *to,
    struct fault *f) MUST_USE;

/* A folder that messages are brought into, and which it had when this was
 * filled, or got through it since. */
struct client_target {
	struct client_folder *folder; /* borrowed */
	/* Private. */
	struct map map;
	struct client_list list;
};
/* Embedded, as struct client_list. */
int client_target_read(struct client_target *target,
    struct client_folder *folder, struct fault *f) MUST_USE;
void client_target_clear(struct client_target *target);
/* NULL: it has none of this base name. May be updated as any entry. */
struct client_entry *client_target_find(
    const struct client_target *target, struct str base);
/* It has this file now. */
void client_target_add(
    struct client_target *target, const char *file, bool is_new);

enum client_how {
	CLIENT_MOVE, /* out of the one folder, into the other */
	CLIENT_COPY, /* a hard link where there can be one */
};
enum client_moved {
	CLIENT_DONE,
	CLIENT_GONE,  /* it was not there any more */
	CLIENT_THERE, /* the target had it already, byte for byte: a copy is
		       * left at that, a move has removed the original */
};
/*
 * Brings a message with its name, flags and time from its folder (list and
 * entry) into another folder. It is always whole in one of both. Where another
 * message has the name there it gets a new one. Durable after client_sync() of
 * the target's folder, and for a move of its own.
 */
int client_transfer(struct client_folder *from, struct client_list *list,
    struct client_entry *entry, struct client_target *to, enum client_how how,
    enum client_moved *moved, struct fault *f) MUST_USE;

/* Gives a message these flags (sorted letters), in cur/. 1, 0: it is gone. */
int client_set_flags(const struct client_folder *folder,
    struct client_list *list, struct client_entry *entry, struct str flags,
    struct fault *f) MUST_USE;

/* What was done in the folder, and in others of its file system before, is
 * durable. */
int client_sync(const struct client_folder *folder, struct fault *f) MUST_USE;

#endif
