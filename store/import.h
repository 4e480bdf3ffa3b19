/* SPDX-License-Identifier: ISC */
/*
 * Messages from elsewhere into one mailbox, many and fast, durable in batches.
 *
 * It can be killed at any point and done again: no message is lost, and none
 * comes twice, whatever the user has moved or removed meanwhile. What is brought
 * in is remembered until all of the source is there, in
 *
 *   <mailbox>/posthouse/import/<id of the source>
 *
 * Messages wait in tmp/ until their batch is durable, there and in that file:
 * nobody sees half of one, even where the power fails, and a batch that was cut
 * off then is brought to its end.
 */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "store/client.h"
#include "store/mailbox.h"

enum { IMPORT_MESSAGE_MAX = 1 << 30 }; /* bytes */

struct import;

/* What is known of a message before its bytes come. */
struct import_what {
	const struct mailbox_folder *folder;
	struct str name;  /* the file name that a Maildir had for it, flags
			   * do not count; empty: it had none */
	struct str flags; /* Maildir's; others are left out */
	bool is_new;
	int64_t time;  /* of its arrival, seconds since 1970 */
	uint64_t size; /* UINT64_MAX: nobody knows yet */
};

struct import_sum {
	uint64_t messages, bytes; /* brought in */
	uint64_t known;           /* were there from an earlier time */
	uint64_t refused;         /* over IMPORT_MESSAGE_MAX */
	uint64_t folders;         /* that the source has, or has had */
};

/*
 * source names where the messages come from, the same each time that it is
 * done. Makes the mailbox where it is missing. 4.3.2 where another process is
 * bringing in the same. Borrows the client.
 */
struct import *import_new(struct client *client,
    const struct mailbox_name *mailbox, struct str source,
    struct fault *f) MUST_USE;
/* What was not flushed is not there. */
void import_free(struct import **import);

/* Makes a folder, even if nothing comes into it. */
int import_folder(struct import *import, const struct mailbox_folder *folder,
    struct fault *f) MUST_USE;

/*
 * One message: 1 where its bytes are wanted, then import_put() any number of
 * times and import_end(); 0 where it is known. A Maildir's message is known by
 * its name and size, others by their bytes and time, and so at the end only.
 */
int import_begin(struct import *import, const struct import_what *what,
    struct fault *f) MUST_USE;
/* ctx is the import. Never fails for the message. */
int import_put(void *ctx, struct str bytes, struct fault *f) MUST_USE;
int import_end(struct import *import, struct fault *f) MUST_USE;
/* Both, for all of an open file. */
int import_copy(struct import *import, int fd, struct fault *f) MUST_USE;

/* All that came is in its folders, durably. Done by itself now and then. */
int import_flush(struct import *import, struct fault *f) MUST_USE;
/* The source has no more: forgets what was remembered. After a flush. */
int import_forget(struct import *import, struct fault *f) MUST_USE;

const struct import_sum *import_sum(const struct import *import);

#endif
