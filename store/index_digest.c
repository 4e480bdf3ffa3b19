/* SPDX-License-Identifier: ISC */
/* Digests that are learnt when a file is read, long after it was delivered. */
#include "config.h"

#include "store/index_private.h"

static int
put_digest(
    struct index_folder *folder, const struct index_digest *d, struct fault *f)
{
	struct buf value;
	struct record r;
	int rc;

	buf_init(&value, RECORD_SIZE_MAX);
	rc = index_db_get_message(folder, d->base, &value, &r, f);
	/* What has come to be known meanwhile counts more; and of a file of
	 * another size somebody else was told. */
	if (rc > 0 && (r.digest.len > 0 || r.size != d->size))
		rc = 0;
	if (rc > 0) {
		bool was_careful = folder->careful;

		r.digest = d->digest;
		r.has_own_digest = false;
		r.has_attachments = true;
		r.attachments = d->attachments;
		folder->careful = true;
		if (index_db_put_message(folder, d->base, &r, f) < 0)
			rc = -1;
		folder->careful = was_careful;
	}
	buf_clear(&value);
	return rc;
}

int
index_put_digest(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_digest *d,
    struct fault *f)
{
	struct index_folder *known =
	    index_find_folder(index, mailbox->path, folder->dir);
	int rc = put_digest(known, d, f);

	index_folder_release(&known);
	return rc;
}
