/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/expire.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/hold.h"

struct round {
	const struct expire *expire;
	const struct mailbox_name *mailbox;
	struct attic *attic; /* NULL: not needed yet */
	struct expire_sum *sum;
};

static int
move(struct round *r, const struct client_folder *folder,
    const struct client_entry *entry, uint64_t size, struct fault *f)
{
	const struct expire *e = r->expire;
	const struct attic_batch batch = {e->now, "expire"};
	int rc = 1;

	if (!e->dry && r->attic == NULL) {
		r->attic = attic_open(e->client->root, r->mailbox,
		    ATTIC_REMOVED, e->client->host, f);
		if (r->attic == NULL)
			return -1;
	}
	if (!e->dry)
		rc = attic_put(
		    r->attic, &batch, &folder->folder, str(entry->file), f);
	if (rc == 1) {
		r->sum->moved.messages++;
		r->sum->moved.bytes += size;
	}
	return rc < 0 ? -1 : 0;
}

/* No file is older than the delivery that its name tells of. */
static bool
may_be_old(const struct client_entry *entry, int64_t before, int64_t now)
{
	return entry->name.time <= before || entry->name.time > now;
}

static int
expire_entry(struct round *r, const struct client_folder *folder,
    const struct client_entry *entry, int64_t before, struct fault *f)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct stat st;

	if (!may_be_old(entry, before, r->expire->now))
		return 0;
	snprintf(path, sizeof path, "%s/%s", entry->is_new ? "new" : "cur",
	    entry->file);
	/* What has just got other flags is not old. */
	if (fstatat(folder->dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || st.st_ctim.tv_sec > before)
		return 0;
	return move(r, folder, entry, (uint64_t)st.st_size, f);
}

static int
expire_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct round *r = ctx;
	int64_t age =
	    expire_rules_age(r->expire->rules, r->mailbox, &folder->folder);
	struct client_list list;
	int rc;

	if (age == EXPIRE_NEVER)
		return 0;
	rc = client_list_read(&list, folder, f);
	for (size_t i = 0; rc == 0 && i < list.n; i++)
		rc = expire_entry(
		    r, folder, &list.entries[i], r->expire->now - age, f);
	client_list_clear(&list);
	return rc;
}

static void
add_sum(struct attic_sum *to, const struct attic_sum *sum)
{
	to->messages += sum->messages;
	to->bytes += sum->bytes;
}

static int
purge(struct round *r, struct fault *f)
{
	const struct expire *e = r->expire;
	int root = e->client->root;
	struct attic *attic =
	    attic_open(root, r->mailbox, ATTIC_REMOVED, e->client->host, f);
	struct attic_sum sum;
	int rc;

	if (attic == NULL)
		return -1;
	rc = attic_purge(attic, e->now - e->keep, e->dry, &sum, f);
	add_sum(&r->sum->ended, &sum);
	if (attic_close(&attic, f) < 0 || rc < 0)
		return -1;
	rc = hold_purge(root, r->mailbox, e->now - e->keep, e->dry, &sum, f);
	add_sum(&r->sum->ended, &sum);
	return rc;
}

int
expire_mailbox(const struct expire *e, const struct mailbox_name *mailbox,
    struct expire_sum *sum, struct fault *f)
{
	struct round r = {.expire = e, .mailbox = mailbox, .sum = sum};
	bool held = hold_is_on(e->client->root, mailbox);
	uint64_t caught;
	int rc;

	if (held && !e->dry &&
	    hold_catch(e->client->root, mailbox, &caught, f) < 0)
		return -1;
	rc = client_each_folder(e->client, mailbox, expire_folder, &r, f);
	if (attic_close(&r.attic, f) < 0 || rc < 0)
		return -1;
	return held ? 0 : purge(&r, f);
}
