/* SPDX-License-Identifier: ISC */
/*
 * Maildirs on disk: what makes a directory one, and the names of messages.
 *
 * A message that we deliver is called
 *
 *   <secs>.M<usec>P<pid>Q<seq>I<ident>.<host>,S=<bytes>,W=<bytes with CRLF>
 *
 * with the "I" part only where there is a delivery id, and ":2,<flags>" behind
 * it once an IMAP server has seen it. "W" is left out where it is not known.
 */
#ifndef STORE_MAILDIR_H
#define STORE_MAILDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"

enum {
	MAILDIR_NAME_SIZE = 256,
	MAILDIR_PATH_SIZE = MAILBOX_NAME_SIZE + MAILBOX_FOLDER_SIZE,
	MAILDIR_IDENT_MAX = 64,
};

/* What a message's file name says. Views into it. */
struct maildir_name {
	struct str base;  /* up to the flags: what stays when they change */
	struct str flags; /* "RS"; empty */
	struct str ident; /* empty: none, or not our name */
	bool is_ours;     /* has the form above */
	int64_t time;     /* seconds since 1970; 0: it does not say */
	bool has_size;
	uint64_t size;      /* S= */
	uint64_t wire_size; /* W=; 0: it does not say */
};

/* What goes into a new name. */
struct maildir_facts {
	int64_t time_us; /* since 1970 */
	pid_t pid;
	uint64_t seq; /* not twice in this process and microsecond */
	struct str ident;
	const char *host; /* by maildir_host() */
	uint64_t size;
	uint64_t wire_size; /* 0 with a size: not known */
};

/* False for what is no message's name (a leading dot, too long). */
bool maildir_name_parse(struct str file, struct maildir_name *name);
/* Whether a file that begins so is one that Dovecot has compressed: then its
 * name says another size. */
bool maildir_is_compressed(struct str head);
void maildir_name_format(
    const struct maildir_facts *facts, char name[MAILDIR_NAME_SIZE]);
/* A host name without what has a meaning in file names, 64 bytes at most. */
enum { MAILDIR_HOST_SIZE = 65 };
void maildir_host(const char *hostname, char host[MAILDIR_HOST_SIZE]);

/*
 * Opens a mailbox's directory, or a folder's. 1 with *fd, 0 where there is
 * none, -1 on a fault. No symbolic link is followed below the mailbox.
 */
int maildir_open(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, int *fd, struct fault *f) MUST_USE;
/* Makes the mailbox (not a folder) and what it lacks, durably. */
int maildir_make(
    int root, const struct mailbox_name *mailbox, struct fault *f) MUST_USE;
/* tmp, new and cur in an open directory, where they are missing. */
int maildir_make_parts(int dir, struct fault *f) MUST_USE;
/* Makes a folder of an open mailbox and what it lacks, durably. */
int maildir_make_folder(
    int box, const struct mailbox_folder *folder, struct fault *f) MUST_USE;

/*
 * The folder that a sub-address means: of that name, or of one that differs
 * in the case of ASCII letters. False where the mailbox has none.
 */
bool maildir_find_folder(int root, const struct mailbox_name *mailbox,
    struct str detail, struct mailbox_folder *folder) MUST_USE;

#endif
