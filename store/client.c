/* SPDX-License-Identifier: ISC */
/* The root, mailboxes and folders. Names are gathered before anything is done:
 * directories may change under a walk. */
#include "config.h"

#include "store/client_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/subscription.h"

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

struct client *
client_new(const char *root, const char *hostname, struct fault *f)
{
	struct client *c = mem_new(struct client);

	maildir_host(hostname, c->host);
	c->root = open(root, OPEN_DIR);
	if (c->root >= 0)
		return c;
	if (errno == ENOENT)
		fault_temp(
		    f, "4.2.0", "there are no mailboxes yet: no %s", root);
	else if (errno == EACCES)
		fault_temp(f, "4.7.0",
		    "we have no right to %s: run this as root, or as the user "
		    "that it belongs to",
		    root);
	else
		fault_errno(f, "cannot open %s", root);
	client_free(&c);
	return NULL;
}

void
client_free(struct client **client)
{
	if (*client == NULL)
		return;
	if ((*client)->root >= 0)
		close((*client)->root);
	mem_free(*client);
	*client = NULL;
}

/* Names of a directory, sorted. */

struct names {
	char **at;
	size_t n, room;
	struct arena arena;
};

static void
names_clear(struct names *names)
{
	arena_clear(&names->arena);
	mem_free(names->at);
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return str_compare(str(*x), str(*y));
}

static void
add_name(struct names *names, const char *name)
{
	if (names->n == names->room) {
		names->room = names->room * 2 + 16;
		names->at = mem_resize(names->at, names->room, sizeof(char *));
	}
	names->at[names->n++] = arena_text(&names->arena, str(name));
}

/* What begins with a dot, or what does not. 0 where there is no such directory. */
static int
read_names(struct names *names, int at, const char *path, bool dots)
{
	int fd = openat(at, path, OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	*names = (struct names){0};
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return fd < 0 && (errno == ENOENT || errno == ENOTDIR) ? 0 : -1;
	}
	while ((e = readdir(d)) != NULL)
		if ((e->d_name[0] == '.') == dots)
			add_name(names, e->d_name);
	closedir(d);
	if (names->n > 0)
		qsort(names->at, names->n, sizeof(char *), compare_names);
	return 1;
}

/* Mailboxes. */

static int
each_in_domain(struct client *c, const char *domain,
    int (*each)(void *ctx, const struct mailbox_name *mailbox, struct fault *f),
    void *ctx, struct fault *f)
{
	struct names users;
	int rc = 0;

	if (read_names(&users, c->root, domain, false) < 0)
		return fault_errno(
		    f, "cannot read the mailboxes of %s", domain);
	for (size_t i = 0; rc == 0 && i < users.n; i++) {
		char text[MAILBOX_NAME_SIZE + 2];
		struct mailbox_name mailbox;
		struct fault odd;
		struct stat st;

		snprintf(
		    text, sizeof text, "%.255s@%.255s", users.at[i], domain);
		if (mailbox_name_parse(str(text), &mailbox, &odd) == 0 &&
		    fstatat(c->root, mailbox.path, &st, 0) == 0 &&
		    S_ISDIR(st.st_mode))
			rc = each(ctx, &mailbox, f);
	}
	names_clear(&users);
	return rc;
}

int
client_each_mailbox(struct client *c, struct str domain,
    int (*each)(void *ctx, const struct mailbox_name *mailbox, struct fault *f),
    void *ctx, struct fault *f)
{
	char one[MAILBOX_NAME_SIZE];
	struct names domains;
	int rc = 0;

	if (domain.len > 0) {
		if (!str_copy(domain, one, sizeof one) ||
		    str_has(domain, '/') || one[0] == '.')
			return 0;
		return each_in_domain(c, one, each, ctx, f);
	}
	if (read_names(&domains, c->root, ".", false) < 0)
		return fault_errno(f, "cannot read the mail store's root");
	for (size_t i = 0; rc == 0 && i < domains.n; i++)
		rc = each_in_domain(c, domains.at[i], each, ctx, f);
	names_clear(&domains);
	return rc;
}

/* The directory that a mailbox is in. */
static void
domain_of(const struct mailbox_name *mailbox, char domain[MAILBOX_NAME_SIZE])
{
	struct str path = str(mailbox->path);

	if (!str_copy(str_cut(&path, '/'), domain, MAILBOX_NAME_SIZE))
		die_bug("a mailbox name without a domain");
}

static int
sync_dir(int at, const char *path)
{
	int fd = openat(at, path, OPEN_DIR), rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
client_rename_mailbox(struct client *c, const struct mailbox_name *from,
    const struct mailbox_name *to, struct fault *f)
{
	char old[MAILBOX_NAME_SIZE], new[MAILBOX_NAME_SIZE];

	domain_of(from, old);
	domain_of(to, new);
	if (mkdirat(c->root, new, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make mailbox %s", to->text);
	if (file_rename(c->root, from->path, c->root, to->path) < 0) {
		if (errno == EEXIST || errno == ENOTEMPTY)
			return 0;
		if (errno == ENOENT)
			return fault_perm(
			    f, "5.1.1", "there is no mailbox %s", from->text);
		return fault_errno(f, "cannot rename mailbox %s", from->text);
	}
	if (fsync(c->root) < 0 || sync_dir(c->root, old) < 0 ||
	    sync_dir(c->root, new) < 0)
		return fault_errno(f, "cannot sync mailbox %s", to->text);
	return 1;
}

/* Folders. */

int
client_folder_open(struct client *c, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct client_folder *open,
    struct fault *f)
{
	open->client = c;
	open->mailbox = *mailbox;
	open->folder = *folder;
	return maildir_open(c->root, mailbox, folder, &open->dir, f);
}

void
client_folder_close(struct client_folder *folder)
{
	if (folder->dir >= 0)
		close(folder->dir);
	folder->dir = -1;
}

static int
make_folder(struct client *c, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct fault *f)
{
	int box = openat(c->root, mailbox->path, OPEN_DIR);
	int rc;

	if (box < 0)
		return fault_errno(f, "cannot open mailbox %s", mailbox->text);
	rc = maildir_make_folder(box, folder, f);
	if (rc == 0)
		rc = subscription_add(box, folder, f);
	close(box);
	return rc;
}

int
client_folder_make(struct client *c, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, struct client_folder *open,
    struct fault *f)
{
	int rc = client_folder_open(c, mailbox, folder, open, f);

	if (rc != 0)
		return rc < 0 ? -1 : maildir_make_parts(open->dir, f);
	if (maildir_make(c->root, mailbox, f) < 0)
		return -1;
	if (folder->dir[0] != '\0' && make_folder(c, mailbox, folder, f) < 0)
		return -1;
	rc = client_folder_open(c, mailbox, folder, open, f);
	if (rc == 0)
		return fault_temp(f, "4.2.0",
		    "mailbox %s was removed meanwhile", mailbox->text);
	return rc < 0 ? -1 : 0;
}

static bool
has_cur(const struct client_folder *folder)
{
	struct stat st;

	return fstatat(folder->dir, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* 0 too where it has gone, or is something else that begins with a dot. */
static int
visit(struct client_folder *folder,
    int (*each)(void *ctx, struct client_folder *folder, struct fault *f),
    void *ctx, struct fault *f)
{
	struct client_folder open;
	int rc = client_folder_open(
	    folder->client, &folder->mailbox, &folder->folder, &open, f);

	if (rc <= 0)
		return rc;
	rc = has_cur(&open) ? each(ctx, &open, f) : 0;
	client_folder_close(&open);
	return rc;
}

static int
each_by_name(struct client_folder *top, const struct names *names,
    int (*each)(void *ctx, struct client_folder *folder, struct fault *f),
    void *ctx, struct fault *f)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		struct client_folder folder = *top;
		struct fault odd;

		if (mailbox_folder_from_dir(
			str(names->at[i]), &folder.folder, &odd) == 0 &&
		    file_is_dir(top->dir, names->at[i]))
			rc = visit(&folder, each, ctx, f);
	}
	return rc;
}

int
client_each_folder(struct client *c, const struct mailbox_name *mailbox,
    int (*each)(void *ctx, struct client_folder *folder, struct fault *f),
    void *ctx, struct fault *f)
{
	const struct mailbox_folder inbox = {.dir = ""};
	struct client_folder top;
	struct names names;
	int rc = client_folder_open(c, mailbox, &inbox, &top, f);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", mailbox->text);
	rc = visit(&top, each, ctx, f);
	if (rc == 0) {
		if (read_names(&names, top.dir, ".", true) < 0)
			rc = fault_errno(
			    f, "cannot read mailbox %s", mailbox->text);
		else
			rc = each_by_name(&top, &names, each, ctx, f);
		names_clear(&names);
	}
	client_folder_close(&top);
	return rc;
}

int
client_sync(const struct client_folder *folder, struct fault *f)
{
	int rc = -1, new_dir = openat(folder->dir, "new", OPEN_DIR);
	int cur_dir = openat(folder->dir, "cur", OPEN_DIR);

	/* Without a journal syncfs() alone may leave the last changes in the
	 * disk's cache; the syncs of directories flush it. */
	if (new_dir >= 0 && cur_dir >= 0 && syncfs(folder->dir) == 0 &&
	    fsync(new_dir) == 0 && fsync(cur_dir) == 0)
		rc = 0;
	else
		fault_errno(f, "cannot sync mailbox %s", folder->mailbox.text);
	if (new_dir >= 0)
		close(new_dir);
	if (cur_dir >= 0)
		close(cur_dir);
	return rc;
}
