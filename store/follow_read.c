/* SPDX-License-Identifier: ISC */
/*
 * What the kernel has told: sorted by folders, and by the messages that it is
 * about. The records are left alone here.
 *
 * One inotify instance keeps one order for all directories, so what was told
 * of a name last is how it is, or was before what is still to be read.
 */
#include "config.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "store/follow_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/index_private.h"

enum {
	READ_SIZE = 64 << 10,
	TELL_AGAIN_MS = 600 * 1000,
	COMES = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE,
	ITSELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED,
};

static uint64_t *
slot(const struct follow *follow, const struct index_folder *folder,
    struct str base, uint64_t *hash)
{
	*hash = str_hash(base) * 31 + (uintptr_t)folder;
	return &follow->written[(*hash ^ *hash >> 32) % FOLLOW_SLOTS];
}

void
follow_wrote(struct index_folder *folder, struct str base)
{
	uint64_t hash, *at;

	if (folder->followed == NULL)
		return;
	at = slot(folder->index->follow, folder, base, &hash);
	*at = hash;
}

/* Whether a file in new/ is that of a delivery whose record was written, and
 * that nothing was told of since. */
static bool
is_written(struct follow *follow, struct follow_folder *folder, struct str base)
{
	uint64_t hash;

	return *slot(follow, folder->folder, base, &hash) == hash &&
	       follow_find_change(folder, base) == NULL;
}

static void
forget_written(
    struct follow *follow, struct follow_folder *folder, struct str base)
{
	uint64_t hash, *at = slot(follow, folder->folder, base, &hash);

	if (*at == hash)
		*at = 0;
}

static void
on_message(struct follow *follow, struct follow_watch *w, uint32_t mask,
    const char *at)
{
	bool is_new = w->part == FOLLOW_NEW;
	struct maildir_name name;
	enum follow_how how;

	if (mask & IN_ISDIR || !maildir_name_parse(str(at), &name))
		return;
	if (is_new && mask & COMES && is_written(follow, w->folder, name.base))
		return;
	/* What has a name of our form was whole before it got that. */
	if (mask & COMES)
		how = mask & IN_CLOSE_WRITE && !name.is_ours ? FOLLOW_WRITTEN
							     : FOLLOW_THERE;
	else
		how = FOLLOW_GONE;
	if (how == FOLLOW_GONE)
		forget_written(follow, w->folder, name.base);
	follow_note(w->folder, how, is_new ? RECORD_NEW : RECORD_CUR, str(at),
	    name.base);
}

/* A folder of the mailbox has come or gone. */
static void
on_folder(struct follow *follow, struct follow_mailbox *mailbox, bool comes,
    const char *dir)
{
	struct follow_folder *folder = follow_find_folder(mailbox, str(dir));
	struct index_folder *known;

	known = index_find_folder(follow->index, mailbox->path, dir);
	if (folder != NULL)
		follow_drop_folder(follow, &folder);
	if (comes)
		follow_add_folder(follow, mailbox, dir);
	atomic_store(&known->lost, true);
	index_wait(known);
	index_folder_release(&known);
}

/* new/ or cur/ of the folder has come or gone, or the folder itself. */
static void
on_part(struct follow *follow, struct follow_folder *folder)
{
	struct follow_mailbox *mailbox = folder->mailbox;

	follow_lose(folder);
	if (follow_watch_parts(follow, folder))
		return;
	if (folder->folder->dir[0] != '\0')
		follow_drop_folder(follow, &folder);
	else
		follow_lose_mailbox(follow, &mailbox);
}

static bool
is_part(const char *name)
{
	return str_is(str(name), str("new")) || str_is(str(name), str("cur"));
}

static void
on_dir(struct follow *follow, struct follow_watch *w, uint32_t mask,
    const char *at)
{
	struct follow_folder *folder = w->folder;
	bool comes = (mask & COMES) != 0;

	if (!(mask & IN_ISDIR))
		return;
	if (is_part(at)) {
		enum follow_part part = at[0] == 'n' ? FOLLOW_NEW : FOLLOW_CUR;

		if (!comes)
			follow_drop_watch(follow, &folder->watches[part]);
		on_part(follow, folder);
	} else if (folder->folder->dir[0] == '\0' && index_is_folder(at)) {
		on_folder(follow, folder->mailbox, comes, at);
	}
}

/* A watched directory is no longer where it was. */
static void
on_itself(struct follow *follow, struct follow_watch *w)
{
	struct follow_folder *folder = w->folder;
	struct follow_mailbox *mailbox = folder->mailbox;
	bool is_mailbox =
	    w->part == FOLLOW_DIR && folder->folder->dir[0] == '\0';

	follow_drop_watch(follow, w);
	if (is_mailbox)
		follow_lose_mailbox(follow, &mailbox);
	else
		on_part(follow, folder);
}

/* What was told is not all. */
static void
on_overflow(struct follow *follow)
{
	int64_t now = clock_ms();

	for (struct follow_mailbox *m = follow->oldest; m != NULL; m = m->newer)
		for (struct follow_folder *i = m->folders; i != NULL;
		     i = i->next)
			follow_doubt(i);
	if (follow->told_at == 0 || now - follow->told_at > TELL_AGAIN_MS)
		log_warn(NULL,
		    "too many changes at once, mailboxes are compared", NULL);
	follow->told_at = now;
}

static void
on_event(struct follow *follow, const struct inotify_event *e)
{
	struct follow_watch *w;

	if (e->mask & IN_Q_OVERFLOW) {
		on_overflow(follow);
		return;
	}
	if (e->wd == follow->index_wd) {
		index_doubt(follow->index, NULL);
		return;
	}
	/* NULL: it was watched a moment ago. */
	w = follow_find_watch(follow, e->wd);
	if (w == NULL)
		return;
	if (e->mask & ITSELF)
		on_itself(follow, w);
	else if (e->len == 0)
		return;
	else if (w->part == FOLLOW_DIR)
		on_dir(follow, w, e->mask, e->name);
	else
		on_message(follow, w, e->mask, e->name);
}

void
follow_read(struct follow *follow)
{
	_Alignas(struct inotify_event) char bytes[READ_SIZE];
	ssize_t n;

	if (follow == NULL)
		return;
	while ((n = read(follow->fd, bytes, sizeof bytes)) > 0) {
		const char *at = bytes;

		while (at < bytes + n) {
			const struct inotify_event *e = (const void *)at;

			on_event(follow, e);
			at += sizeof *e + e->len;
		}
	}
}
