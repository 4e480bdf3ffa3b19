/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a message on their way into mailboxes: into one file in the tmp/
 * of a box, and from there into the new/ of that box and of others.
 *
 * Small messages stay in memory until incoming_write(): one open, one write,
 * one rename. Of larger ones the caller spills what has come, piece by piece.
 * What the index wants to know of the bytes is gathered as they go by.
 */
#ifndef STORE_INCOMING_H
#define STORE_INCOMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/attachments.h"
#include "store/digest.h"
#include "store/maildir.h"

struct box;
struct digest;
struct index_news;
struct store;

enum {
	INCOMING_PIECE_MAX = 128 << 10,
	INCOMING_PATH_SIZE = MAILDIR_NAME_SIZE + 8,
};

struct incoming {
	/* Results, valid at any time. */
	uint64_t size;                /* stored so far */
	char name[MAILDIR_NAME_SIZE]; /* the file's, once it is written */
	int fd;                       /* -1: there is no file yet */
	struct box *home;             /* whose tmp/ has it; borrowed */

	/* Private. */
	struct store *store;
	const char *ident;
	bool binary;
	bool has_cr;      /* the last byte that came was a CR, held back */
	char last;        /* the last byte that was stored */
	uint64_t extra;   /* CRs that are missing on disk */
	struct buf bytes; /* what is not in the file yet */
	/* Once bytes have left for the file: the first of them, and their
	 * digest so far. */
	struct buf head;
	struct digest *hash;
	struct attachments attachments;
	uint8_t digest[DIGEST_LEN];   /* of all, by incoming_tell() */
	char tmp[INCOMING_PATH_SIZE]; /* in the home box; "": not there */
};

/* Embedded. Borrows the store and the delivery id, which may be "". binary: as
 * in delivery_new(). */
void incoming_init(
    struct incoming *m, struct store *store, const char *ident, bool binary);
/* Removes a file that is still in tmp/. */
void incoming_clear(struct incoming *m);

/* INCOMING_PIECE_MAX bytes at most; where it is full then, it must be spilt. */
void incoming_put(struct incoming *m, struct str piece);
bool incoming_is_full(const struct incoming *m);
/* No more will come. */
void incoming_end(struct incoming *m);
/* Nothing has come so far. */
bool incoming_is_empty(const struct incoming *m);

/* Makes the file in tmp/ of a box: 0, or 1 where that directory has gone. */
int incoming_open(
    struct incoming *m, struct box *box, struct fault *f) MUST_USE;
/* Writes what has come to the file, which is open, and forgets it. */
int incoming_spill(struct incoming *m, struct fault *f) MUST_USE;
/* Writes the rest to the file, which is open, and gives that its last name.
 * The rest stays, so that another file can be tried. */
int incoming_write(struct incoming *m, struct fault *f) MUST_USE;
/* Closes the file, and removes it where it is still in tmp/. */
void incoming_drop(struct incoming *m);

/*
 * Puts the message into new/ of a box. Into the home box comes the file itself,
 * and so comes last; others get a link to it, or where there can be none a copy,
 * which is durable where `sync` says so.
 */
int incoming_place(
    struct incoming *m, struct box *box, bool sync, struct fault *f) MUST_USE;

/* What the index is to learn. Its views live as long as m does. */
void incoming_tell(struct incoming *m, struct index_news *news);

#endif
