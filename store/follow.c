/* SPDX-License-Identifier: ISC */
/*
 * Which directories are watched: all of a mailbox's or none, and those of the
 * mailboxes that were used last.
 *
 * A directory is watched by its open descriptor's name in /proc, so that no
 * symbolic link below a mailbox leads elsewhere. One that is watched already
 * by another name (mailboxes that are symbolic links) is not watched again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/follow_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/index_private.h"

enum {
	GATHER_MS = 150,
	/* A mailbox is not given up for another so soon after it was used:
	 * with too many in use it is better to follow some than none. */
	RESIDENT_MS = 60000,
	CHECK_MS = 2000,
	WATCHES_MIN = 3, /* of a mailbox */
	SHARE = 4,       /* of all watches, a part for one mailbox */
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	COMES = IN_CREATE | IN_MOVED_TO,
	GOES = IN_DELETE | IN_MOVED_FROM,
	ITSELF = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
};

static const char *const part_names[] = {
    [FOLLOW_NEW] = "new",
    [FOLLOW_CUR] = "cur",
    [FOLLOW_DIR] = ".",
};

/* Finding. */

static bool
is_wd(const struct map_node *node, const void *wd)
{
	return node->hash == *(const uint64_t *)wd;
}

struct follow_watch *
follow_find_watch(struct follow *follow, int wd)
{
	uint64_t key = (uint64_t)wd;

	return (struct follow_watch *)map_find(
	    &follow->watches, key, is_wd, &key);
}

struct follow_folder *
follow_find_folder(struct follow_mailbox *mailbox, struct str dir)
{
	struct follow_folder *folder = mailbox->folders;

	while (folder != NULL && !str_is(str(folder->folder->dir), dir))
		folder = folder->next;
	return folder;
}

static bool
is_path(const struct map_node *node, const void *path)
{
	return strcmp(((const struct follow_mailbox *)node)->path, path) == 0;
}

static struct follow_mailbox *
find_mailbox(struct follow *follow, const char *path)
{
	return (struct follow_mailbox *)map_find(
	    &follow->mailboxes, str_hash(str(path)), is_path, path);
}

/* The order of use. */

static void
leave_order(struct follow *follow, struct follow_mailbox *m)
{
	*(m->older != NULL ? &m->older->newer : &follow->oldest) = m->newer;
	*(m->newer != NULL ? &m->newer->older : &follow->newest) = m->older;
	m->older = m->newer = NULL;
}

static void
enter_order(struct follow *follow, struct follow_mailbox *m)
{
	m->used = clock_ms();
	m->older = follow->newest;
	*(follow->newest != NULL ? &follow->newest->newer : &follow->oldest) =
	    m;
	follow->newest = m;
}

void
follow_touch(struct follow *follow, struct follow_mailbox *mailbox)
{
	if (mailbox == follow->newest) {
		mailbox->used = clock_ms();
		return;
	}
	leave_order(follow, mailbox);
	enter_order(follow, mailbox);
}

/* States of a folder. */

void
follow_doubt(struct follow_folder *folder)
{
	if (folder->is_sure || folder->unsure_since == 0)
		folder->unsure_since = clock_ms();
	folder->is_sure = false;
	index_wait(folder->folder);
}

void
follow_lose(struct follow_folder *folder)
{
	follow_doubt(folder);
	atomic_store(&folder->folder->lost, true);
}

bool
follow_is_on(const struct index_folder *folder)
{
	return folder->followed != NULL;
}

bool
follow_is_sure(const struct index_folder *folder)
{
	return folder->followed != NULL && folder->followed->is_sure;
}

void
follow_set_sure(struct index_folder *folder)
{
	if (folder->followed != NULL)
		folder->followed->is_sure = true;
}

int64_t
follow_unsure_ms(const struct index_folder *folder)
{
	if (folder->followed == NULL || folder->followed->is_sure)
		return 0;
	return clock_ms() - folder->followed->unsure_since;
}

/* Giving up. */

void
follow_drop_watch(struct follow *follow, struct follow_watch *watch)
{
	if (watch->wd < 0)
		return;
	/* Fails where the kernel has removed it by itself. */
	(void)inotify_rm_watch(follow->fd, watch->wd);
	map_remove(&follow->watches, &watch->node);
	watch->wd = -1;
	watch->folder->mailbox->n_watches--;
	follow->n_watches--;
}

void
follow_drop_folder(struct follow *follow, struct follow_folder **folder)
{
	struct follow_folder *gone = *folder;
	struct follow_folder **at = &gone->mailbox->folders;

	for (size_t i = 0; i < FOLLOW_PARTS; i++)
		follow_drop_watch(follow, &gone->watches[i]);
	follow_forget_changes(gone->folder);
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	gone->folder->followed = NULL;
	index_folder_release(&gone->folder);
	mem_free(gone);
	*folder = NULL;
}

static void
drop_folders(struct follow *follow, struct follow_mailbox *m)
{
	while (m->folders != NULL) {
		struct follow_folder *folder = m->folders;

		follow_drop_folder(follow, &folder);
	}
}

void
follow_drop_mailbox(struct follow *follow, struct follow_mailbox **m)
{
	drop_folders(follow, *m);
	leave_order(follow, *m);
	map_remove(&follow->mailboxes, &(*m)->node);
	mem_free((*m)->path);
	mem_free(*m);
	*m = NULL;
}

void
follow_lose_mailbox(struct follow *follow, struct follow_mailbox **m)
{
	for (struct follow_folder *i = (*m)->folders; i != NULL; i = i->next)
		follow_lose(i);
	follow_drop_mailbox(follow, m);
}

/* Makes room for so many watches by giving up what was not used lately, but
 * for `keep`. */
static bool
make_room(struct follow *follow, size_t n, const struct follow_mailbox *keep)
{
	int64_t before = clock_ms() - RESIDENT_MS;

	while (follow->n_watches + n > follow->max) {
		struct follow_mailbox *m = follow->oldest;

		if (m == NULL || m == keep || m->used > before)
			return false;
		follow_drop_mailbox(follow, &m);
	}
	return true;
}

/* Watching. */

/* The user's watches are all in use, by whomever: what we have must do. */
static void
find_limit(struct follow *follow, int error)
{
	follow->max = follow->n_watches;
	if (!follow->is_full)
		log_warn(NULL, "more mailboxes can not be followed", "reason",
		    strerror(error), "directories", LOG_NUM(follow->n_watches),
		    NULL);
	follow->is_full = true;
}

static uint32_t
mask_of(enum follow_part part)
{
	uint32_t mask = COMES | GOES | ITSELF | IN_MASK_CREATE;

	return part == FOLLOW_DIR ? mask : mask | IN_CLOSE_WRITE;
}

/* How many one mailbox may have: with very many folders it would take those of
 * all others. */
static size_t
share(const struct follow *follow)
{
	size_t most = follow->wanted / SHARE;

	return most < WATCHES_MIN ? WATCHES_MIN : most;
}

/* 1 where it is watched now, 0 where there is no such directory, -1 where it
 * cannot be. dir is the open folder. */
static int
watch_part(struct follow *follow, struct follow_folder *folder, int dir,
    enum follow_part part)
{
	struct follow_watch *w = &folder->watches[part];
	char name[40];
	int fd;

	if (w->wd >= 0)
		return 1;
	if (folder->mailbox->n_watches >= share(follow) ||
	    !make_room(follow, 1, folder->mailbox))
		return -1;
	fd = openat(dir, part_names[part], OPEN_DIR);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	w->wd = inotify_add_watch(follow->fd, name, mask_of(part));
	if (w->wd < 0 &&
	    (errno == ENOSPC || errno == ENOMEM || errno == ENOENT))
		find_limit(follow, errno);
	close(fd);
	if (w->wd < 0)
		return -1;
	w->part = part;
	w->folder = folder;
	map_add(&follow->watches, &w->node, (uint64_t)w->wd);
	folder->mailbox->n_watches++;
	follow->n_watches++;
	return 1;
}

static bool
watch_open(struct follow *follow, struct follow_folder *folder, int dir)
{
	bool is_inbox = folder->folder->dir[0] == '\0';
	int new, cur;

	if (is_inbox && watch_part(follow, folder, dir, FOLLOW_DIR) < 0)
		return false;
	new = watch_part(follow, folder, dir, FOLLOW_NEW);
	cur = watch_part(follow, folder, dir, FOLLOW_CUR);
	if (new > 0 && cur > 0) {
		if (!is_inbox)
			follow_drop_watch(follow, &folder->watches[FOLLOW_DIR]);
		return true;
	}
	if (new < 0 || cur < 0 ||
	    watch_part(follow, folder, dir, FOLLOW_DIR) < 0)
		return false;
	/* Both may have come just before that. */
	return watch_part(follow, folder, dir, FOLLOW_NEW) >= 0 &&
	       watch_part(follow, folder, dir, FOLLOW_CUR) >= 0;
}

bool
follow_watch_parts(struct follow *follow, struct follow_folder *folder)
{
	char path[MAILDIR_PATH_SIZE + 2];
	bool is_watched;
	int dir;

	snprintf(path, sizeof path, "%s/%s", folder->folder->path,
	    folder->folder->dir);
	dir = openat(follow->index->root, path, OPEN_DIR);
	if (dir < 0)
		return false;
	is_watched = watch_open(follow, folder, dir);
	close(dir);
	return is_watched;
}

/* True where it is followed now. */
static bool
add_folder(
    struct follow *follow, struct follow_mailbox *mailbox, const char *dir)
{
	struct follow_folder *folder = mem_new(struct follow_folder);

	folder->mailbox = mailbox;
	folder->folder = index_find_folder(follow->index, mailbox->path, dir);
	folder->next = mailbox->folders;
	for (size_t i = 0; i < FOLLOW_PARTS; i++)
		folder->watches[i].wd = -1;
	mailbox->folders = folder;
	folder->folder->followed = folder;
	if (!follow_watch_parts(follow, folder)) {
		follow_drop_folder(follow, &folder);
		return false;
	}
	follow_doubt(folder);
	return true;
}

void
follow_add_folder(
    struct follow *follow, struct follow_mailbox *mailbox, const char *dir)
{
	char path[MAILDIR_PATH_SIZE + 2];
	struct stat st;

	if (add_folder(follow, mailbox, dir))
		return;
	snprintf(path, sizeof path, "%s/%s", mailbox->path, dir);
	if (fstatat(follow->index->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		drop_folders(follow, mailbox);
}

struct adding {
	struct follow *follow;
	struct follow_mailbox *mailbox;
};

static int
add_on_disk(
    void *ctx, int dir, const char *path, const char *name, struct fault *f)
{
	struct adding *a = ctx;

	(void)dir;
	(void)path;
	if (name[0] == '\0' || add_folder(a->follow, a->mailbox, name))
		return 0;
	return fault_temp(f, "4.3.0", "%s can not be followed", path);
}

/* What comes while the folders are listed is told by the inbox' watch. */
static void
add_mailbox(struct follow *follow, const char *path)
{
	struct follow_mailbox *m;
	struct adding a = {.follow = follow};
	struct stat st;
	struct fault f;

	if (fstatat(follow->index->root, path, &st, 0) < 0 ||
	    !make_room(follow, WATCHES_MIN, NULL))
		return;
	a.mailbox = m = mem_new(struct follow_mailbox);
	m->path = mem_dup(path);
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->checked = clock_ms();
	map_add(&follow->mailboxes, &m->node, str_hash(str(path)));
	enter_order(follow, m);
	if (!add_folder(follow, m, "") ||
	    index_walk(follow->index, str(path), add_on_disk, &a, &f) != 0)
		drop_folders(follow, m);
}

/* Whether the name still leads to what is watched: a directory that is open
 * somewhere goes without a word. */
static bool
is_current(struct follow *follow, struct follow_mailbox *m)
{
	int64_t now = clock_ms();
	struct stat st;

	if (now - m->checked < CHECK_MS)
		return true;
	m->checked = now;
	return fstatat(follow->index->root, m->path, &st, 0) == 0 &&
	       st.st_dev == m->dev && st.st_ino == m->ino;
}

void
follow_distrust(struct index_folder *folder)
{
	struct follow_mailbox *m;

	if (folder->followed == NULL)
		return;
	m = folder->followed->mailbox;
	follow_lose_mailbox(folder->index->follow, &m);
}

void
follow_retry(struct follow *follow)
{
	struct follow_mailbox *m, *newer;

	if (follow == NULL)
		return;
	follow->max = follow->wanted;
	for (m = follow->oldest; m != NULL; m = newer) {
		newer = m->newer;
		if (m->folders == NULL)
			follow_drop_mailbox(follow, &m);
	}
}

void
follow_use(struct index_folder *folder)
{
	struct follow *follow = folder->index->follow;
	struct follow_mailbox *m;

	if (follow == NULL)
		return;
	m = folder->followed != NULL ? folder->followed->mailbox
				     : find_mailbox(follow, folder->path);
	if (m != NULL && !is_current(follow, m))
		follow_lose_mailbox(follow, &m);
	if (m != NULL)
		follow_touch(follow, m);
	else
		add_mailbox(follow, folder->path);
}

/* Life. */

static uint64_t
limit(uint64_t wanted)
{
	FILE *file = fopen("/proc/sys/fs/inotify/max_user_watches", "re");
	char text[32] = "";
	uint64_t system = 0;

	if (file == NULL)
		return wanted;
	if (fgets(text, sizeof text, file) == NULL ||
	    !str_to_u64(str_trim(str_head(str(text), strcspn(text, "\n"))), 0,
		UINT64_MAX, &system))
		system = wanted * 2;
	fclose(file);
	return wanted < system / 2 ? wanted : system / 2;
}

static int
open_bell(struct follow *follow)
{
	struct epoll_event told = {.events = EPOLLIN | EPOLLET};
	struct epoll_event stop = {.events = EPOLLIN, .data.u64 = 1};

	follow->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	follow->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	follow->bell = epoll_create1(EPOLL_CLOEXEC);
	if (follow->fd < 0 || follow->stop < 0 || follow->bell < 0 ||
	    epoll_ctl(follow->bell, EPOLL_CTL_ADD, follow->fd, &told) < 0 ||
	    epoll_ctl(follow->bell, EPOLL_CTL_ADD, follow->stop, &stop) < 0)
		return -1;
	return 0;
}

void
follow_index_dir(struct follow *follow)
{
	const uint32_t mask = IN_DELETE | IN_MOVED_FROM | ITSELF;

	if (follow == NULL)
		return;
	if (follow->index_wd > 0)
		(void)inotify_rm_watch(follow->fd, follow->index_wd);
	follow->index_wd =
	    inotify_add_watch(follow->fd, follow->index_dir, mask);
}

struct follow *
follow_new(struct index *index, const char *dir, uint64_t max_watches)
{
	struct follow *follow;

	if (max_watches == 0)
		return NULL;
	follow = mem_new(struct follow);
	follow->index = index;
	follow->index_dir = dir;
	follow->wanted = follow->max = limit(max_watches);
	follow->written = mem_zeroed(FOLLOW_SLOTS, sizeof *follow->written);
	if (open_bell(follow) < 0) {
		log_warn(NULL, "mailboxes can not be followed", "reason",
		    strerror(errno), NULL);
		follow_free(&follow);
		return NULL;
	}
	follow_index_dir(follow);
	return follow;
}

static void *
run(void *ctx)
{
	struct follow *follow = ctx;
	struct epoll_event events[2];

	for (;;) {
		int n = epoll_wait(follow->bell, events, 2, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 == 1)
				return NULL;
		}
		/* What comes meanwhile rings once more. */
		usleep(GATHER_MS * 1000);
		index_ring(follow->index);
	}
}

int
follow_start(struct follow *follow, struct fault *f)
{
	if (thread_start(&follow->thread, run, follow, f) < 0)
		return -1;
	follow->has_thread = true;
	return 0;
}

static void
close_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
follow_free(struct follow **follow)
{
	struct follow *x = *follow;

	if (x == NULL)
		return;
	if (x->has_thread) {
		(void)eventfd_write(x->stop, 1);
		pthread_join(x->thread, NULL);
	}
	while (x->oldest != NULL) {
		struct follow_mailbox *m = x->oldest;

		follow_drop_mailbox(x, &m);
	}
	close_open(x->bell);
	close_open(x->stop);
	close_open(x->fd);
	map_clear(&x->watches);
	map_clear(&x->mailboxes);
	mem_free(x->written);
	mem_free(x);
	*follow = NULL;
}
