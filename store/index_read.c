/* SPDX-License-Identifier: ISC */
/*
 * What the index knows of folders and messages: for a job to read, and beside
 * the writer.
 */
#include "config.h"

#include <stdio.h>

#include "store/index_private.h"

struct each_folder {
	int (*each)(void *ctx, const struct mailbox_name *mailbox,
	    const struct mailbox_folder *folder, const struct index_stat *stat);
	void *ctx;
};

bool
index_name_from_path(struct str path, struct mailbox_name *name)
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

/* A folder's record, as others see it. */
struct seen_folder {
	struct mailbox_name mailbox;
	struct mailbox_folder folder;
	struct index_stat stat;
	uint64_t id;
};

static bool
see_folder(struct str key, struct str value, struct seen_folder *seen)
{
	struct index_known known;
	struct str path, dir;
	struct fault f;

	if (!index_db_parse_folder(key, value, &path, &dir, &known) ||
	    !index_name_from_path(path, &seen->mailbox))
		return false;
	/* A folder whose name is not in our spelling is shown as it stands. */
	if (mailbox_folder_from_dir(dir, &seen->folder, &f) < 0 &&
	    (!str_copy(dir, seen->folder.dir, sizeof seen->folder.dir) ||
		!str_copy(dir, seen->folder.text, sizeof seen->folder.text)))
		return false;
	seen->stat = (struct index_stat){
	    .messages = known.messages,
	    .unseen = known.unseen,
	    .bytes = known.bytes,
	};
	seen->id = known.id;
	return true;
}

static int
give_folder(void *ctx, struct str key, struct str value)
{
	struct each_folder *e = ctx;
	struct seen_folder seen;

	if (!see_folder(key, value, &seen))
		return 0;
	return e->each(e->ctx, &seen.mailbox, &seen.folder, &seen.stat);
}

/* What the keys of the folders in a range begin with. */
static void
put_prefix(struct buf *b, struct str path)
{
	buf_put_str(b, path);
	if (path.len > 0 && !str_ends(path, STR_LIT("/")))
		buf_putc(b, '\0');
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
	put_prefix(&prefix, range.path);
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
    const struct mailbox_folder *folder, struct str after,
    int (*each)(void *ctx, struct str base, const struct record *r), void *ctx,
    struct fault *f)
{
	struct each_message e = {.each = each, .ctx = ctx};
	struct index_folder *known =
	    index_find_folder(index, mailbox->path, folder->dir);
	char prefix[8];
	struct buf from;
	int rc = -1;

	buf_init(&from, INDEX_KEY_MAX);
	if (index_db_flush(index, f) == 0 && index_db_load(known, f) == 0) {
		index_db_message_prefix(known, prefix);
		buf_put(&from, prefix, sizeof prefix);
		buf_put_str(&from, after);
		/* The least key that is greater. */
		if (after.len > 0)
			buf_putc(&from, '\0');
		rc = db_scan(index->messages, str_n(prefix, sizeof prefix),
		    buf_str(&from), give_message, &e, f);
	}
	buf_clear(&from);
	index_folder_release(&known);
	return rc;
}

/* Beside the writer. */

struct scanning {
	struct index *index;
	const struct index_scan *scan;
	struct fault *f;
};

static int
scan_message(void *ctx, struct str key, struct str value)
{
	const struct scanning *s = ctx;
	struct record r;

	if (!record_parse(value, &r))
		return 0;
	return s->scan->each(s->scan->ctx, str_from(key, 8), &r);
}

static int
scan_folder(void *ctx, struct str key, struct str value)
{
	struct scanning *s = ctx;
	const struct index_scan *scan = s->scan;
	struct seen_folder seen;
	char prefix[8];
	struct buf from;
	int rc;

	if (!see_folder(key, value, &seen))
		return 0;
	if (!scan->want(scan->ctx, &seen.mailbox, &seen.folder, &seen.stat))
		return 0;
	index_set_number(prefix, seen.id);
	buf_init(&from, INDEX_KEY_MAX);
	if (scan->after.len > 0 && str_is(key, scan->from)) {
		buf_put(&from, prefix, sizeof prefix);
		buf_put_str(&from, scan->after);
		/* The least key that is greater. */
		buf_putc(&from, '\0');
	}
	rc = db_scan(s->index->messages, str_n(prefix, sizeof prefix),
	    buf_str(&from), scan_message, s, s->f);
	buf_clear(&from);
	return rc;
}

/* The writer mends an environment behind a job that met damage. */
static int
meet_again(struct index *index, void *ctx, struct fault *f)
{
	(void)index;
	*f = *(const struct fault *)ctx;
	return -1;
}

int
index_scan(struct index *index, const struct index_scan *scan, struct fault *f)
{
	struct scanning s = {.index = index, .scan = scan, .f = f};
	struct buf prefix;
	int rc;

	buf_init(&prefix, INDEX_KEY_MAX);
	put_prefix(&prefix, scan->path);
	if (scan->path.len == 0 && scan->from.len == 0)
		index_read_ahead(index);
	pthread_rwlock_rdlock(&index->opening);
	if (index->env == NULL)
		rc = fault_temp(f, "4.3.0", "the index is not available");
	else
		rc = db_scan(index->folders, buf_str(&prefix), scan->from,
		    scan_folder, &s, f);
	pthread_rwlock_unlock(&index->opening);
	buf_clear(&prefix);
	if (rc < 0 && db_is_damage(f)) {
		struct fault met = *f;

		rc = index_run(index, meet_again, &met, f);
	}
	return rc;
}
