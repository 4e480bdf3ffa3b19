/* SPDX-License-Identifier: ISC */
/* Counted message by message, beside the index' writer. */
#include "config.h"

#include "store/stat.h"

#include <time.h>

#include "base/db.h"
#include "base/loop.h"
#include "store/index.h"
#include "store/store_private.h"

enum { WEEK = 7 * 86400, MONTH = 30 * 86400, TRIES = 3 };

struct counts {
	uint64_t messages, unseen, bytes;
	int64_t oldest, newest;
	uint64_t messages_7d, bytes_7d, messages_30d, bytes_30d;
};

struct counting {
	const struct mailbox_name *mailbox;
	int64_t now;
	struct counts all, here;
	struct mailbox_folder folder; /* that is being counted */
	bool has_folder;
	json_t *folders;
};

static void
count(struct counts *c, const struct record *r, int64_t now)
{
	c->messages++;
	c->bytes += r->size;
	c->unseen += !record_is_seen(r);
	if (r->stored == 0)
		return;
	if (c->oldest == 0 || r->stored < c->oldest)
		c->oldest = r->stored;
	if (r->stored > c->newest)
		c->newest = r->stored;
	if (r->stored > now - MONTH) {
		c->messages_30d++;
		c->bytes_30d += r->size;
	}
	if (r->stored > now - WEEK) {
		c->messages_7d++;
		c->bytes_7d += r->size;
	}
}

static void
put_counts(json_t *object, const struct counts *c)
{
	json_put_int(object, "messages", (int64_t)c->messages);
	json_put_int(object, "unseen", (int64_t)c->unseen);
	json_put_int(object, "bytes", (int64_t)c->bytes);
	if (c->newest != 0) {
		json_put_int(object, "oldest", c->oldest);
		json_put_int(object, "newest", c->newest);
	}
	json_put_int(object, "messages_7d", (int64_t)c->messages_7d);
	json_put_int(object, "bytes_7d", (int64_t)c->bytes_7d);
	json_put_int(object, "messages_30d", (int64_t)c->messages_30d);
	json_put_int(object, "bytes_30d", (int64_t)c->bytes_30d);
}

static void
end_folder(struct counting *c)
{
	json_t *item;

	if (!c->has_folder)
		return;
	item = json_new_object();
	json_put_text(item, "folder", mailbox_folder_shown(&c->folder));
	put_counts(item, &c->here);
	json_add(c->folders, item);
	c->here = (struct counts){0};
}

/* Empty ones are shown too. */
static bool
begin_folder(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct counting *c = ctx;

	(void)mailbox;
	end_folder(c);
	c->folder = *folder;
	c->has_folder = true;
	return stat->messages > 0;
}

static int
count_message(void *ctx, struct str base, const struct record *r)
{
	struct counting *c = ctx;

	(void)base;
	count(&c->here, r, c->now);
	count(&c->all, r, c->now);
	return 0;
}

static int
read_all(struct store *store, struct counting *c, struct fault *f)
{
	const struct index_scan scan = {
	    .path = str(c->mailbox->path),
	    .want = begin_folder,
	    .each = count_message,
	    .ctx = c,
	};
	int rc;

	if (store_catch_up(store, c->mailbox, f) < 0)
		return -1;
	loop_blocking_begin();
	rc = index_scan(store->index, &scan, f);
	loop_blocking_end();
	return rc;
}

static json_t *
answer(struct store *store, const struct mailbox_name *mailbox, struct fault *f)
{
	struct counting c = {.mailbox = mailbox, .now = (int64_t)time(NULL)};
	json_t *result = NULL;

	c.folders = json_new_array();
	if (read_all(store, &c, f) < 0) {
		json_free(&c.folders);
		return NULL;
	}
	end_folder(&c);
	result = json_new_object();
	json_put_text(result, "mailbox", mailbox->text);
	put_counts(result, &c.all);
	json_put(result, "folders", c.folders);
	return result;
}

json_t *
stat_mailbox(struct store *store, const json_t *params, struct fault *f)
{
	struct mailbox_name mailbox;
	json_t *result = NULL;

	if (store_read_mailbox(params, true, &mailbox, f) < 0)
		return NULL;
	/* Behind what has failed for good the index is mended. */
	for (int tries = 0; tries < TRIES; tries++) {
		result = answer(store, &mailbox, f);
		if (result != NULL || !db_is_damage(f))
			break;
	}
	return result;
}
