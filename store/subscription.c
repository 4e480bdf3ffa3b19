/* SPDX-License-Identifier: ISC */
/*
 * Both servers write these files anew and rename them. Dovecot holds
 * "subscriptions.lock" meanwhile, which is the new file as well; whoever makes
 * it first has the lock.
 */
#include "config.h"

#include "store/subscription.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

enum {
	LIST_MAX = 4 << 20,
	POLL_MS = 50,
	WAIT_MS = 10000,
	STALE_S = 120, /* as long as Dovecot takes a lock for held */
};

enum format { DOVECOT, COURIER };

static const struct list_file {
	enum format format;
	const char *name, *lock;
} files[] = {
    {DOVECOT, "subscriptions", "subscriptions.lock"},
    {COURIER, "courierimapsubscribed", "courierimapsubscribed.lock"},
};

/* 1; 0: there is none. */
static int
read_list(int box, const char *name, struct buf *b)
{
	int fd = openat(box, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = 1;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	while (n > 0) {
		char piece[4096];

		n = read(fd, piece, sizeof piece);
		if (n > 0)
			buf_put(b, piece, (size_t)n);
	}
	close(fd);
	if (n == 0 && !buf_is_full(b))
		return 1;
	if (n == 0)
		errno = EFBIG;
	return -1;
}

/* Dovecot's second form: levels in a row with tabs between. Its first line is
 * followed by an empty one. */
static bool
is_second_form(struct str list)
{
	return str_starts(list, STR_LIT("V\t2\n"));
}

/* How the list names the folder. */
static void
put_line(struct buf *b, const struct list_file *file, struct str list,
    const struct mailbox_folder *folder)
{
	if (file->format == COURIER)
		buf_puts(b, "INBOX");
	else if (!is_second_form(list)) {
		buf_puts(b, folder->dir + 1);
		return;
	}
	for (const char *c = folder->dir + (file->format == DOVECOT);
	     *c != '\0'; c++)
		buf_putc(b, *c == '.' && file->format == DOVECOT ? '\t' : *c);
}

static bool
has_line(struct str list, struct str line)
{
	while (list.len > 0)
		if (str_is(str_cut(&list, '\n'), line))
			return true;
	return false;
}

/* Makes the lock, waiting for others. */
static int
take_lock(int box, const char *lock)
{
	static const struct timespec poll = {.tv_nsec = POLL_MS * 1000000L};
	int64_t deadline = clock_ms() + WAIT_MS;
	int fd;

	while ((fd = openat(box, lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600)) < 0) {
		struct stat st;

		if (errno != EEXIST)
			return -1;
		if (fstatat(box, lock, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtim.tv_sec + STALE_S < time(NULL))
			unlinkat(box, lock, 0);
		else if (clock_ms() > deadline)
			return -1;
		else
			nanosleep(&poll, NULL);
	}
	return fd;
}

static int
write_list(int fd, struct str text)
{
	return file_write(fd, text) < 0 ? -1 : fsync(fd);
}

/* The list with the folder in b: 1, or 0 where it is there already. */
static int
compose(int box, const struct list_file *file,
    const struct mailbox_folder *folder, struct buf *b)
{
	struct buf line;
	struct str list;
	int rc = read_list(box, file->name, b);

	if (rc < 0)
		return -1;
	buf_init(&line, 2 * MAILBOX_FOLDER_SIZE);
	list = buf_str(b);
	put_line(&line, file, list, folder);
	rc = !has_line(list, buf_str(&line));
	if (rc > 0) {
		if (list.len > 0 && list.at[list.len - 1] != '\n')
			buf_putc(b, '\n');
		buf_put_str(b, buf_str(&line));
		buf_putc(b, '\n');
	}
	buf_clear(&line);
	return rc;
}

static int
add_to(
    int box, const struct list_file *file, const struct mailbox_folder *folder)
{
	int fd = take_lock(box, file->lock);
	struct buf list;
	int rc;

	if (fd < 0)
		return -1;
	buf_init(&list, LIST_MAX);
	rc = compose(box, file, folder, &list);
	if (rc > 0 && buf_is_full(&list)) {
		errno = EFBIG;
		rc = -1;
	}
	if (rc > 0 && (write_list(fd, buf_str(&list)) < 0 ||
			  renameat(box, file->lock, box, file->name) < 0))
		rc = -1;
	if (rc <= 0) {
		int error = errno;

		unlinkat(box, file->lock, 0);
		errno = error;
	}
	close(fd);
	buf_clear(&list);
	return rc < 0 ? -1 : 0;
}

static bool
exists(int box, const char *name)
{
	return faccessat(box, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
subscription_add(int box, const struct mailbox_folder *folder, struct fault *f)
{
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		any = any || exists(box, files[i].name);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!exists(box, files[i].name) &&
		    (any || files[i].format != DOVECOT))
			continue;
		if (add_to(box, &files[i], folder) < 0)
			return fault_errno(
			    f, "cannot subscribe to %s", folder->text);
	}
	return 0;
}
