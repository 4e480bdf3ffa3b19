/* SPDX-License-Identifier: ISC */
/*
 * One watch for each new/, cur/ and what these are in.
 *
 * An event names a file, which by then may have another name: whatever cannot
 * be linked by it puts the mailbox in doubt.
 */
#include "config.h"

#include "store/hold_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/hold.h"

enum {
	DOUBT_MS = 2000,
	ALL_MS = 600 * 1000,
	EVENTS_SIZE = 1 << 16,
};

struct held {
	struct held *next;
	struct mailbox_name mailbox;
	int64_t catch_at; /* clock_ms() */
};

struct watch {
	struct map_node node;
	int wd;
	struct held *held;
	struct mailbox_folder folder;
	const char *part; /* "new", "cur"; NULL: the folder itself */
};

struct hold_watch {
	struct client *client;
	const char *root;
	int fd;
	bool is_short; /* of watches, and the log says so */
	struct held *held;
	struct map watches; /* of struct watch, by wd */
};

struct hold_watch *
hold_watch_new(struct client *client, const char *root)
{
	struct hold_watch *w = mem_new(struct hold_watch);

	w->client = client;
	w->root = root;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		log_warn(NULL, "held mailboxes are not watched", "reason",
		    strerror(errno), NULL);
	return w;
}

/* Watches. */

static struct watch *
watch_of(struct map_node *node)
{
	return STRUCT_OF(node, struct watch, node);
}

static bool
is_wd(const struct map_node *node, const void *key)
{
	const struct watch *x = STRUCT_OF(node, const struct watch, node);

	return x->wd == *(const int *)key;
}

static struct watch *
find_watch(const struct hold_watch *w, int wd)
{
	struct map_node *node = map_find(&w->watches, (uint64_t)wd, is_wd, &wd);

	return node != NULL ? watch_of(node) : NULL;
}

static void
add_watch(struct hold_watch *w, struct held *held,
    const struct mailbox_folder *folder, const char *part)
{
	char path[PATH_MAX];
	struct watch *x;
	int wd, n;

	n = snprintf(path, sizeof path, "%s/%s/%s/%s", w->root,
	    held->mailbox.path, folder->dir, part != NULL ? part : "");
	if (w->fd < 0 || n < 0 || n >= (int)sizeof path)
		return;
	wd = inotify_add_watch(
	    w->fd, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW);
	if (wd < 0 && errno != ENOENT && !w->is_short) {
		log_warn(NULL, "a held mailbox is not watched", "mailbox",
		    held->mailbox.text, "reason", strerror(errno), NULL);
		w->is_short = true;
	}
	if (wd < 0 || find_watch(w, wd) != NULL)
		return;
	x = mem_new(struct watch);
	x->wd = wd;
	x->held = held;
	x->folder = *folder;
	x->part = part;
	map_add(&w->watches, &x->node, (uint64_t)wd);
}

static void
drop_watch(struct hold_watch *w, struct watch *x)
{
	map_remove(&w->watches, &x->node);
	mem_free(x);
}

struct adding {
	struct hold_watch *watch;
	struct held *held;
};

static int
watch_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct adding *a = ctx;

	(void)f;
	add_watch(a->watch, a->held, &folder->folder, NULL);
	add_watch(a->watch, a->held, &folder->folder, "new");
	add_watch(a->watch, a->held, &folder->folder, "cur");
	return 0;
}

static void
watch_mailbox(struct hold_watch *w, struct held *held)
{
	struct adding a = {w, held};
	struct fault f;

	if (client_each_folder(
		w->client, &held->mailbox, watch_folder, &a, &f) < 0)
		log_warn(NULL, "a held mailbox is not watched", "mailbox",
		    held->mailbox.text, "reason", f.text, NULL);
}

/* Mailboxes. */

static struct held **
find_held(struct hold_watch *w, const struct mailbox_name *mailbox)
{
	struct held **at = &w->held;

	while (*at != NULL &&
	       !str_is(str((*at)->mailbox.path), str(mailbox->path)))
		at = &(*at)->next;
	return at;
}

struct dropping {
	struct hold_watch *watch;
	const struct held *held;
};

static void
drop_if_of(void *ctx, struct map_node *node)
{
	struct dropping *d = ctx;
	struct watch *x = watch_of(node);

	if (x->held != d->held)
		return;
	(void)inotify_rm_watch(d->watch->fd, x->wd);
	drop_watch(d->watch, x);
}

static void
drop_held(struct hold_watch *w, struct held **at)
{
	struct held *gone = *at;
	struct dropping d = {w, gone};

	*at = gone->next;
	map_each(&w->watches, drop_if_of, &d);
	mem_free(gone);
}

void
hold_watch_look(struct hold_watch *w, const struct mailbox_name *mailbox)
{
	struct held **at = find_held(w, mailbox), *held = *at;

	if (!hold_is_on(w->client->root, mailbox)) {
		if (held != NULL)
			drop_held(w, at);
		return;
	}
	if (held == NULL) {
		held = mem_new(struct held);
		held->mailbox = *mailbox;
		held->next = w->held;
		w->held = held;
	}
	watch_mailbox(w, held);
	held->catch_at = clock_ms();
}

void
hold_watch_free(struct hold_watch **watch)
{
	struct hold_watch *w = *watch;

	if (w == NULL)
		return;
	while (w->held != NULL)
		drop_held(w, &w->held);
	map_clear(&w->watches);
	if (w->fd >= 0)
		close(w->fd);
	mem_free(w);
	*watch = NULL;
}

int
hold_watch_fd(const struct hold_watch *w)
{
	return w->fd;
}

/* What happens. */

static void
doubt(struct held *held)
{
	int64_t soon = clock_ms() + DOUBT_MS;

	if (held->catch_at > soon)
		held->catch_at = soon;
}

/*
 * A file that has other names may be held already under one that it had, and
 * is looked for among all. One that has none is not held for certain.
 */
static void
take_file(struct hold_watch *w, const struct watch *x, const char *name)
{
	const struct mailbox_name *mailbox = &x->held->mailbox;
	char path[PATH_MAX];
	struct fault f;
	struct stat st;
	int n;

	n = snprintf(path, sizeof path, "%s/%s/%s/%s", mailbox->path,
	    x->folder.dir, x->part, name);
	if (n < 0 || n >= (int)sizeof path ||
	    fstatat(w->client->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		doubt(x->held);
		return;
	}
	if (!S_ISREG(st.st_mode) ||
	    hold_has(w->client->root, mailbox, &x->folder, path, name))
		return;
	if (st.st_nlink > 1 || hold_link(w->client->root, mailbox, &x->folder,
				   w->client->root, path, name, &f) != 1)
		doubt(x->held);
}

/* A folder, or a part of one that is being made. */
static bool
is_folder_part(const char *name)
{
	return name[0] == '.' || str_is(str(name), STR_LIT("new")) ||
	       str_is(str(name), STR_LIT("cur"));
}

static void
take_event(struct hold_watch *w, const struct inotify_event *e)
{
	struct watch *x = find_watch(w, e->wd);

	if (e->mask & IN_Q_OVERFLOW) {
		for (struct held *h = w->held; h != NULL; h = h->next)
			doubt(h);
		return;
	}
	if (x == NULL)
		return;
	if (e->mask & IN_IGNORED) {
		doubt(x->held);
		drop_watch(w, x);
	} else if (x->part != NULL && e->len > 0) {
		take_file(w, x, e->name);
	} else if (e->len > 0 && is_folder_part(e->name)) {
		/* What is in a new folder before it is watched is found by
		 * going through it. */
		watch_mailbox(w, x->held);
		doubt(x->held);
	}
}

static void
read_events(struct hold_watch *w)
{
	_Alignas(struct inotify_event) char bytes[EVENTS_SIZE];
	ssize_t n;

	while (w->fd >= 0 && (n = read(w->fd, bytes, sizeof bytes)) > 0) {
		for (char *at = bytes; at < bytes + n;) {
			const struct inotify_event *e = (void *)at;

			take_event(w, e);
			at += sizeof *e + e->len;
		}
	}
}

static void
catch_mailbox(struct hold_watch *w, struct held *held)
{
	struct fault f;
	uint64_t n;

	watch_mailbox(w, held);
	if (hold_catch(w->client->root, &held->mailbox, &n, &f) < 0)
		log_error(NULL, "mail is not held", "mailbox",
		    held->mailbox.text, "reason", f.text, NULL);
	held->catch_at = clock_ms() + ALL_MS;
}

int64_t
hold_watch_work(struct hold_watch *w)
{
	int64_t next = INT64_MAX, now;
	struct held **at = &w->held;

	read_events(w);
	now = clock_ms();
	while (*at != NULL) {
		struct held *held = *at;

		if (held->catch_at <= now &&
		    !hold_is_on(w->client->root, &held->mailbox)) {
			drop_held(w, at);
			continue;
		}
		if (held->catch_at <= now)
			catch_mailbox(w, held);
		if (held->catch_at < next)
			next = held->catch_at;
		at = &held->next;
	}
	return next;
}
