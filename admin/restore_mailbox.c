/* SPDX-License-Identifier: ISC */
/*
 * A mailbox, a folder or a message into a system that runs. What the mailbox
 * has, in whatever folder it is by now, is left where it is: base names are
 * never used twice, so calling this again brings nothing twice.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/place.h"
#include "admin/restore.h"
#include "base/mem.h"
#include "base/options.h"
#include "store/client.h"
#include "store/record.h"

/* A base name that the mailbox has. */
struct known {
	struct map_node node;
	char base[];
};

struct bringing {
	struct restore *r;
	const struct restore_choice *choice;
	struct mailbox_name mailbox;
	struct mailbox_folder folder;
	struct place place;
	struct conf *conf;
	struct client *from, *to;
	struct manifest manifest; /* of the mailbox in the snapshot */
	struct arena arena;
	struct map known;
	int root;
	uint64_t matches;
};

static bool
is_known(const struct map_node *node, const void *key)
{
	return str_is(
	    str(((const struct known *)node)->base), *(const struct str *)key);
}

static bool
has(const struct bringing *b, struct str base)
{
	return map_find(&b->known, str_hash(base), is_known, &base) != NULL;
}

static void
learn(struct bringing *b, struct str base)
{
	struct known *k;

	if (has(b, base))
		return;
	k = arena_take(&b->arena, sizeof *k + base.len + 1);
	memcpy(k->base, base.at, base.len);
	map_add(&b->known, &k->node, str_hash(base));
}

static int
learn_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct bringing *b = ctx;
	struct client_list list = {0};
	int rc = client_list_read(&list, folder, f);

	for (size_t i = 0; rc == 0 && i < list.n; i++)
		learn(b, list.entries[i].name.base);
	client_list_clear(&list);
	return rc;
}

/* One message. */

static struct str
without_brackets(struct str id)
{
	if (str_starts(id, STR_LIT("<")) && str_ends(id, STR_LIT(">")))
		return str_n(id.at + 1, id.len - 2);
	return id;
}

static bool
is_wanted(const struct bringing *b, int fd)
{
	const char *want = b->choice->message_id;
	struct record record = {0};
	struct buf texts;
	char *head;
	ssize_t n;
	bool same;

	if (want == NULL)
		return true;
	head = mem_zeroed(1, RECORD_HEAD_MAX);
	n = pread(fd, head, RECORD_HEAD_MAX, 0);
	buf_init(&texts, RECORD_SIZE_MAX);
	record_read_head(&record, str_n(head, n > 0 ? (size_t)n : 0), &texts);
	same = str_is(
	    without_brackets(record.message_id), without_brackets(str(want)));
	buf_clear(&texts);
	mem_free(head);
	return same;
}

/* As the manifest has it, from the top of the mailbox in the snapshot. */
static void
prove(struct bringing *b, const struct client_folder *folder,
    const struct client_entry *entry)
{
	char own[TREE_PATH_SIZE], path[TREE_PATH_SIZE];
	const struct manifest_entry *e;
	struct tree_file file;
	struct fault why;

	snprintf(own, sizeof own, "%s%s%s/%s", folder->folder.dir,
	    folder->folder.dir[0] != '\0' ? "/" : "",
	    entry->is_new ? "new" : "cur", entry->file);
	e = manifest_find(&b->manifest, own);
	if (!tree_join(path, b->mailbox.path, own) || e == NULL ||
	    tree_read(b->r->tree, b->from->root, path, &file, &why) <= 0 ||
	    memcmp(file.digest, e->file.digest, sizeof file.digest) != 0)
		restore_tell_damage(b->r, path);
}

static int
bring(struct bringing *b, struct client_folder *folder,
    struct client_list *list, struct client_entry *entry,
    struct client_target *to, struct fault *f)
{
	enum client_moved moved;
	struct stat st;
	bool wanted;
	int fd, rc = client_open(folder, list, entry, &fd, f);

	if (rc <= 0)
		return rc;
	wanted = is_wanted(b, fd) && fstat(fd, &st) == 0;
	close(fd);
	if (!wanted)
		return 0;
	b->matches++;
	progress_step(&b->r->progress, 1);
	if (has(b, entry->name.base)) {
		b->r->there++;
		return 0;
	}
	prove(b, folder, entry);
	if (client_transfer(folder, list, entry, to, CLIENT_COPY, &moved, f) <
	    0)
		return -1;
	learn(b, entry->name.base);
	b->r->files += moved == CLIENT_DONE;
	b->r->bytes += moved == CLIENT_DONE ? (uint64_t)st.st_size : 0;
	return 0;
}

/* One folder. */

static int
bring_all(struct bringing *b, struct client_folder *folder,
    struct client_list *list, struct client_target *to, struct fault *f)
{
	for (size_t i = 0; i < list->n; i++) {
		if (progress_is_interrupted())
			return progress_stop(&b->r->progress,
			    "the same command again goes on where it was", f);
		if (bring(b, folder, list, &list->entries[i], to, f) < 0)
			return -1;
	}
	return client_sync(to->folder, f);
}

static bool
is_chosen(const struct bringing *b, const struct client_folder *folder)
{
	return b->choice->folder == NULL ||
	       strcmp(folder->folder.dir, b->folder.dir) == 0;
}

/* A folder of which nothing is wanted is not made. */
static bool
has_wanted(const struct bringing *b, struct client_folder *folder,
    struct client_list *list)
{
	struct fault why;
	bool wanted = b->choice->message_id == NULL;

	for (size_t i = 0; !wanted && i < list->n; i++) {
		int fd;

		if (client_open(folder, list, &list->entries[i], &fd, &why) <=
		    0)
			continue;
		wanted = is_wanted(b, fd);
		close(fd);
	}
	return wanted;
}

static int
bring_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct bringing *b = ctx;
	struct client_folder live;
	struct client_list list = {0};
	struct client_target to = {0};
	int rc;

	if (!is_chosen(b, folder))
		return 0;
	rc = client_list_read(&list, folder, f);
	if (rc == 0 && has_wanted(b, folder, &list)) {
		rc = client_folder_make(
		    b->to, &b->mailbox, &folder->folder, &live, f);
		if (rc >= 0) {
			rc = client_target_read(&to, &live, f);
			if (rc == 0)
				rc = bring_all(b, folder, &list, &to, f);
			client_target_clear(&to);
			client_folder_close(&live);
		}
	}
	client_list_clear(&list);
	return rc < 0 ? -1 : 0;
}

/* All of it. */

static int
bring_into(struct bringing *b, struct fault *f)
{
	int rc;

	if (client_each_folder(b->to, &b->mailbox, learn_folder, b, f) < 0)
		return -1;
	rc = client_each_folder(b->from, &b->mailbox, bring_folder, b, f);
	if (rc == 0 && b->matches == 0 &&
	    (b->choice->message_id != NULL || b->choice->folder != NULL))
		return fault_perm(f, "5.1.0",
		    "the snapshot has nothing like that of %s",
		    b->mailbox.text);
	return rc;
}

/* As it was, with the UIDs that IMAP servers have given: nobody uses it yet. It
 * gets its name when it is whole. */
static int
bring_whole(struct bringing *b, struct fault *f)
{
	char path[TREE_PATH_SIZE], fresh[TREE_PATH_SIZE];
	struct str domain = str(b->mailbox.path);
	int rc;

	domain = str_head(domain, str_find(domain, '/'));
	if (!tree_join(path, "mail", b->mailbox.path))
		return fault_perm(f, "5.3.0", "a path is too long");
	snprintf(fresh, sizeof fresh, "%.*s/.restored-%s", STR_ARG(domain),
	    b->mailbox.path + domain.len + 1);
	rc = restore_tree(b->r, path, b->root, fresh, &b->manifest, f);
	if (rc < 0)
		return -1;
	if (syncfs(b->root) < 0 ||
	    renameat(b->root, fresh, b->root, b->mailbox.path) < 0)
		return fault_errno(f, "cannot name %s", b->mailbox.text);
	return 0;
}

static bool
is_there(const struct bringing *b)
{
	return faccessat(b->root, b->mailbox.path, F_OK, 0) == 0;
}

static int
open_live(struct bringing *b, struct fault *f)
{
	const struct common_options *common = conf_get(b->conf, &common_table);

	if (place_prepare(b->conf, &b->place, f) < 0 ||
	    place_become_user(&b->place, f) < 0)
		return -1;
	b->root = open(b->place.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->root < 0)
		return fault_errno(f, "cannot open %s", b->place.root);
	b->to = client_new(b->place.root,
	    common->hostname != NULL ? common->hostname : "localhost", f);
	return b->to == NULL ? -1 : 0;
}

/* As whoever may read the snapshot; what is in mail/ belongs to the user that we
 * become. */
static int
open_snapshot(struct bringing *b, struct fault *f)
{
	char path[TREE_PATH_SIZE], root[64];
	int fd, rc;

	if (!tree_join(path, "manifests", b->mailbox.path))
		return fault_perm(f, "5.3.0", "a path is too long");
	rc = manifest_read(&b->manifest, b->r->snapshot, path, false, f);
	if (rc == 0)
		return fault_perm(f, "5.1.1", "the snapshot has no mailbox %s",
		    b->mailbox.text);
	fd = rc < 0 ? -1 : tree_open(b->r->snapshot, "mail", f);
	if (fd < 0)
		return -1;
	snprintf(root, sizeof root, "/proc/self/fd/%d", fd);
	b->from = client_new(root, "localhost", f);
	close(fd);
	return b->from == NULL ? -1 : 0;
}

static int
read_choice(struct bringing *b, struct fault *f)
{
	const char *folder = b->choice->folder;

	if (mailbox_name_parse(str(b->choice->mailbox), &b->mailbox, f) < 0)
		return -1;
	if (folder == NULL || str_is_nocase(str(folder), STR_LIT("INBOX")))
		return 0;
	return mailbox_folder_parse(str(folder), &b->folder, f);
}

static int
run(struct bringing *b, struct fault *f)
{
	bool whole;

	b->conf = place_read_conf(b->r->line->file, false, f);
	if (b->conf == NULL ||
	    place_of(b->conf, PLACE_LMTPD, &b->place, f) < 0 ||
	    read_choice(b, f) < 0 || open_snapshot(b, f) < 0 ||
	    open_live(b, f) < 0)
		return -1;
	progress_enter(&b->r->progress, b->mailbox.text);
	whole = b->choice->folder == NULL && b->choice->message_id == NULL;
	b->r->mailboxes = 1;
	if (!is_there(b) && whole)
		return bring_whole(b, f);
	return bring_into(b, f);
}

int
restore_mailbox(
    struct restore *r, const struct restore_choice *choice, struct fault *f)
{
	struct bringing b = {.r = r, .choice = choice, .root = -1};
	int rc;

	manifest_init(&b.manifest, MANIFEST_BY_PLACE);
	rc = run(&b, f);
	manifest_clear(&b.manifest);
	map_clear(&b.known);
	arena_clear(&b.arena);
	client_free(&b.from);
	client_free(&b.to);
	if (b.conf != NULL)
		conf_free(&b.conf);
	if (b.root >= 0)
		close(b.root);
	return rc;
}
