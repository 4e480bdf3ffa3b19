/* SPDX-License-Identifier: ISC */
/*
 * What the index knows of folders and messages, for a job to read.
 */
#include "config.h"

#include <stdio.h>

#include "store/index_private.h"

struct each_folder {
	int (*each)(void *ctx, const struct mailbox_name *mailbox,
	    const struct mailbox_folder *folder, const struct index_stat *stat);
	void *ctx;
};

/* "domain/user" to "user@domain". */
static bool
name_from_path(struct str path, struct mailbox_name *name)
{
	char text[MAILBOX_NAME_SIZE];
	struct str user = path, domain = str_cut(&user, '/');
	struct fault f;

	if (user.at == NULL || path.len >= sizeof text)
		return false;
	snprintf(
	    text, sizeof text, "%.*s@%.*s", STR_ARG(user), STR_ARG(domain));
	return mailbox_name_parse(str(text), name, &f) == 0;
}

static int
give_folder(void *ctx, struct str key, struct str value)
{
	struct each_folder *e = ctx;
	struct mailbox_folder folder;
	struct mailbox_name mailbox;
	struct index_known known;
	struct index_stat stat = {0};
	struct str path, dir;
	struct fault f;

	if (!index_db_parse_folder(key, value, &path, &dir, &known) ||
	    !name_from_path(path, &mailbox))
		return 0;
	/* A folder whose name is not in our spelling is shown as it stands. */
	if (mailbox_folder_from_dir(dir, &folder, &f) < 0 &&
	    (!str_copy(dir, folder.dir, sizeof folder.dir) ||
		!str_copy(dir, folder.text, sizeof folder.text)))
		return 0;
	stat.messages = known.messages;
	stat.unseen = known.unseen;
	stat.bytes = known.bytes;
	return e->each(e->ctx, &mailbox, &folder, &stat);
}

int
index_each_folder(struct index *index, struct index_range range,
    int (*each)(void *ctx, const struct mailbox_name *mailbox,
	const struct mailbox_folder *folder, const struct index_stat *stat),
    void *ctx, struct fault *f)
{
	struct each_folder e = {.each = each, .ctx = ctx};
	struct buf prefix, from;
	int rc = -1;

	buf_init(&prefix, INDEX_KEY_MAX);
	buf_init(&from, INDEX_KEY_MAX);
	buf_put_str(&prefix, range.path);
	if (range.path.len > 0 && !str_ends(range.path, STR_LIT("/")))
		buf_putc(&prefix, '\0');
	buf_put_str(&from, range.after);
	/* The least that no key of this mailbox begins with. */
	if (range.after.len > 0)
		buf_putc(&from, '\1');
	if (index_db_flush(index, f) == 0)
		rc = db_scan(index->folders, buf_str(&prefix), buf_str(&from),
		    give_folder, &e, f);
	buf_clear(&prefix);
	buf_clear(&from);
	return rc;
}

struct each_message {
	int (*each)(void *ctx, struct str base, const struct record *r);
	void *ctx;
};

static int
give_message(void *ctx, struct str key, struct str value)
{
	struct each_message *e = ctx;
	struct record r;

	if (!record_parse(value, &r))
		return 0;
	return e->each(e->ctx, str_from(key, 8), &r);
}

int
index_each_message(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder,
    int (*each)(void *ctx, struct str base, const struct record *r), void *ctx,
    struct fault *f)
{
	struct each_message e = {.each = each, .ctx = ctx};
	struct index_folder *known =
	    index_find_folder(index, mailbox->path, folder->dir);
	char prefix[8];
	int rc = -1;

	if (index_db_flush(index, f) == 0 && index_db_load(known, f) == 0) {
		index_db_message_prefix(known, prefix);
		rc = db_scan(index->messages, str_n(prefix, sizeof prefix),
		    str(""), give_message, &e, f);
	}
	index_folder_release(&known);
	return rc;
}
