/* SPDX-License-Identifier: ISC */
/* What the files of store/mbox.h share. */
#ifndef STORE_MBOX_PRIVATE_H
#define STORE_MBOX_PRIVATE_H

#include "store/mbox.h"

/* A line that begins with "From ", without its end: true where a date stands in
 * it. */
bool mbox_parse_from(struct str line, int64_t *time);

struct mbox_head {
	struct str fields; /* as they stand in the file */
	bool is_dropped;   /* the message is to be passed over */
	bool has_length;
	uint64_t content_length; /* where it has */
};
/* Puts the fields that are the message's own; the others say what `message`
 * gets. */
void mbox_read_head(
    struct mbox_head *head, struct mbox_message *message, struct buf *own);

#endif
