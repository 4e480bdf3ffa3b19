/* SPDX-License-Identifier: ISC */
/* What the files of the attic share. */
#ifndef STORE_ATTIC_PRIVATE_H
#define STORE_ATTIC_PRIVATE_H

#include <fcntl.h>

#include "store/attic.h"

enum {
	ATTIC_OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	ATTIC_BATCH_SIZE = ATTIC_WORD_SIZE + 24,
	ATTIC_PLACE_SIZE = ATTIC_BATCH_SIZE + MAILBOX_FOLDER_SIZE + 2,
};

/* The folder's name in the attic that has none. */
#define ATTIC_INBOX "INBOX"

struct attic {
	struct mailbox_name mailbox;
	enum attic_room room;
	char host[MAILDIR_HOST_SIZE];
	uint64_t seq;
	int box;
	int dir; /* of the room; -1: there is none yet */

	/* What the last message was moved between. */
	char source[MAILBOX_FOLDER_SIZE]; /* folder; valid with from >= 0 */
	int from;
	char place
	    [ATTIC_PLACE_SIZE]; /* "<batch>/<folder>"; valid with to >= 0 */
	int to;

	bool has_made; /* the folder that something came back to last */
	char made[MAILBOX_FOLDER_SIZE];
	bool is_lower; /* something came back that is not synced */
};

/* -1, with errno's text. */
int attic_fail(const struct attic *a, struct fault *f);
/* "<seconds>,<word>" */
void attic_format_batch(
    const struct attic_batch *batch, char name[ATTIC_BATCH_SIZE]);

#endif
