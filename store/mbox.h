/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes that are one file, messages in a row with a "From " line before
 * each.
 *
 * We write "mboxrd": a line that is ">"s (or none) and "From " gets one ">"
 * more, so that each message comes back as it was; only a line end that its
 * last line lacks is added. Three fields stand before the message's own:
 *
 *   X-Status: AFDTP   answered, flagged, deleted, draft, passed on
 *   Status: RO        read, old; N: nobody has looked yet
 *   X-Folder: INBOX
 *
 * Three fields in just this order are taken off again when such a file is read. In
 * those of others the fields that their programs keep their own affairs in are
 * taken off wherever they stand.
 */
#ifndef STORE_MBOX_H
#define STORE_MBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/mailbox.h"

enum mbox_format {
	MBOX_RD,  /* as above; what mboxcl files are as well */
	MBOX_O,   /* only "From " became ">From ", ">From " did not */
	MBOX_CL2, /* nothing was changed: Content-Length says where a message
		   * ends. Senders can forge that field in files of the other
		   * kinds, so they are never taken for this */
};

enum {
	MBOX_FLAGS_SIZE = 8,
	MBOX_HEAD_MAX = 256 << 10, /* fields behind that are body */
};

/* What the file says of a message. */
struct mbox_message {
	uint64_t at;  /* of its "From " line, in bytes */
	int64_t time; /* seconds since 1970; 0: it does not say */
	char flags[MBOX_FLAGS_SIZE];      /* of Maildir, sorted */
	bool is_new;                      /* nobody has looked yet */
	char folder[MAILBOX_FOLDER_SIZE]; /* "": it does not say */
};

/* Reading. */

struct mbox;

/* A regular file, borrowed. */
struct mbox *mbox_new(int fd, enum mbox_format format) MUST_USE;
void mbox_free(struct mbox **mbox);

/* The bytes are how such a file begins. */
bool mbox_is_start(struct str bytes);

/*
 * Goes to the next message. 1, 0 at the end, -1: the file cannot be read, or
 * (5.6.0) is no such file. Messages that mail programs have marked as removed,
 * or have put there for themselves, are passed over.
 */
int mbox_next(
    struct mbox *mbox, struct mbox_message *message, struct fault *f) MUST_USE;
/* The message's bytes, in pieces, until one call does not return 0: then that.
 * Once for each message, or not at all. */
int mbox_read(struct mbox *mbox,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f) MUST_USE;
/* Bytes of the file that were gone through. */
uint64_t mbox_position(const struct mbox *mbox);

/* Writing, always MBOX_RD. */

struct mbox_quoting {
	/* Private. */
	char held[8]; /* the beginning of a line that may be "From " */
	size_t n_held;
	size_t n_marks; /* ">"s before it */
	bool in_line;
	char last;
};

/* The "From " line and our fields. sender is empty where there is none. */
void mbox_put_start(
    struct buf *b, const struct mbox_message *message, struct str sender);
void mbox_quoting_init(struct mbox_quoting *q);
/* The next bytes of the message, and what ends it. */
void mbox_quote(struct mbox_quoting *q, struct str bytes, struct buf *b);
void mbox_quote_end(struct mbox_quoting *q, struct buf *b);

#endif
