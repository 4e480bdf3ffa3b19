/* SPDX-License-Identifier: ISC */
/*
 * How much a mailbox holds, by Maildir++'s file "maildirsize", which Courier,
 * Dovecot, Exim and others keep together with us:
 *
 *   1000000S,1000C           the limits; "0S": none
 *        34000           12  bytes and messages that were counted
 *         2900            1  and what has changed since, a line each
 *        -1500           -1
 *
 * Whoever brings or removes messages appends a line, and whoever finds the file
 * longer than MAILDIRSIZE_MAX, or does not believe it, counts all messages and
 * writes it anew. Others' limits are overwritten: ours come from the directory.
 *
 * The sizes are those in the files' names. What stands below "posthouse" does
 * not count.
 */
#ifndef STORE_MAILDIRSIZE_H
#define STORE_MAILDIRSIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"
#include "store/maildir.h"

enum {
	MAILDIRSIZE_MAX = 5120, /* bytes; others read no more */
	MAILDIRSIZE_OLD = 900,  /* s; then a full mailbox is counted again */
};

/* 0: no limit. */
struct maildirsize_limits {
	uint64_t bytes, messages;
};

struct maildirsize {
	struct maildirsize_limits limits; /* of the first line */
	uint64_t bytes, messages;
	unsigned lines;  /* behind the first: 1 where all was just counted */
	int64_t changed; /* seconds since 1970 */
};

/*
 * Whether what is in the folder Trash, or has the flag T (marked as deleted),
 * counts too: it does, as with Dovecot, unless this says otherwise, as Courier
 * is built by Debian. Before anything else.
 */
void maildirsize_set_trash(bool counts);
/* folder is "" or ".Folder"; flags are those of the file's name. */
bool maildirsize_counts(struct str folder, struct str flags);

/* False where the text is not to be believed. changed is not touched. */
bool maildirsize_parse(struct str text, struct maildirsize *size) MUST_USE;
/* box is the open directory of the mailbox. 1; 0 where there is no file, or
 * one that is not to be believed; -1. */
int maildirsize_read(
    int box, struct maildirsize *size, struct fault *f) MUST_USE;

/*
 * Messages have come (or gone: below zero) that count. Nothing is done where
 * there is no file: nobody asks then. A line that cannot be written is missed
 * only until the messages are counted again.
 */
void maildirsize_add(int box, int64_t bytes, int64_t messages);
/* The same for one message of a folder ("", ".Folder"), where it counts: sign is
 * 1 or -1, and size is for files whose names do not say it. */
void maildirsize_add_file(
    int box, struct str folder, struct str file, uint64_t size, int sign);

/* Counts the messages of all folders, without limits. */
int maildirsize_count(
    int box, struct maildirsize *size, struct fault *f) MUST_USE;
/*
 * Counts the messages of all folders and writes the file anew, with these
 * limits; once more where a directory changed meanwhile. *size gets what was
 * counted.
 */
int maildirsize_recount(int box, const struct maildirsize_limits *limits,
    struct maildirsize *size, struct fault *f) MUST_USE;

#endif
