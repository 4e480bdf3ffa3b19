/* SPDX-License-Identifier: ISC */
/* The switch, which is a file, and what becomes of what was held behind it. */
#include "config.h"

#include "store/hold_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"

enum { SWITCH_MAX = 4096 };

#define SWITCH "posthouse/hold"
#define RELEASED "posthouse/released,"

int
hold_fail(const struct mailbox_name *mailbox, struct fault *f)
{
	return fault_errno(f, "legal hold of mailbox %s", mailbox->text);
}

int
hold_open_box(int root, const struct mailbox_name *mailbox, struct fault *f)
{
	const struct mailbox_folder top = {.dir = ""};
	int box, rc = maildir_open(root, mailbox, &top, &box, f);

	if (rc == 0)
		fault_perm(f, "5.1.1", "there is no mailbox %s", mailbox->text);
	return rc == 1 ? box : -1;
}

int
hold_make_dir(int at, const char *name)
{
	if (mkdirat(at, name, 0700) == 0) {
		if (fsync(at) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return -1;
	}
	return openat(at, name, HOLD_OPEN_DIR);
}

int
hold_each_entry(int at, const char *path,
    int (*each)(void *ctx, int dir, const struct dirent *e), void *ctx)
{
	int fd = openat(at, path, HOLD_OPEN_DIR), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		rc = errno == ENOENT || errno == ENOTDIR ? 0 : -1;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
		rc = each(ctx, dirfd(d), e);
	if (rc == 0 && errno != 0)
		rc = -1;
	closedir(d);
	return rc;
}

/* The switch. */

bool
hold_is_on(int root, const struct mailbox_name *mailbox)
{
	char path[MAILDIR_PATH_SIZE + 32];

	snprintf(path, sizeof path, "%s/" SWITCH, mailbox->path);
	return faccessat(root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       (errno != ENOENT && errno != ENOTDIR);
}

static void
take_text(const json_t *o, const char *key, char *text, size_t size)
{
	const char *value = json_get_text(o, key);

	if (value == NULL || !str_copy(str(value), text, size))
		text[0] = '\0';
}

static void
parse_switch(struct str text, struct hold *hold)
{
	struct fault f;
	json_t *o = json_parse(text, &f);

	if (o == NULL)
		return;
	hold->since = json_get_int(o, "since", 0);
	take_text(o, "who", hold->who, sizeof hold->who);
	take_text(o, "why", hold->why, sizeof hold->why);
	json_free(&o);
}

int
hold_get(int root, const struct mailbox_name *mailbox, struct hold *hold,
    struct fault *f)
{
	char path[MAILDIR_PATH_SIZE + 32], text[SWITCH_MAX];
	ssize_t n;
	int fd;

	*hold = (struct hold){0};
	snprintf(path, sizeof path, "%s/" SWITCH, mailbox->path);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return hold_fail(mailbox, f);
	n = read(fd, text, sizeof text);
	close(fd);
	if (n < 0)
		return hold_fail(mailbox, f);
	parse_switch(str_n(text, (size_t)n), hold);
	return 1;
}

static int
write_switch(int dir, const struct hold *hold)
{
	json_t *o = json_new_object();
	int fd, rc = -1;
	struct buf b;

	json_put_int(o, "since", hold->since);
	json_put_text(o, "who", hold->who);
	json_put_text(o, "why", hold->why);
	buf_init(&b, SWITCH_MAX);
	json_format(&b, o);
	buf_putc(&b, '\n');
	fd = openat(
	    dir, "hold.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 &&
	    write(fd, buf_text(&b), buf_len(&b)) == (ssize_t)buf_len(&b) &&
	    fsync(fd) == 0 && renameat(dir, "hold.new", dir, "hold") == 0 &&
	    fsync(dir) == 0)
		rc = 0;
	if (fd >= 0)
		close(fd);
	buf_clear(&b);
	json_free(&o);
	return rc;
}

int
hold_set(int root, const struct mailbox_name *mailbox, const struct hold *hold,
    struct fault *f)
{
	int box = hold_open_box(root, mailbox, f), dir = -1, rc = -1;
	struct hold old;

	if (box < 0)
		return -1;
	rc = hold_get(root, mailbox, &old, f);
	if (rc != 0)
		goto out;
	dir = hold_make_dir(box, "posthouse");
	rc = dir >= 0 && write_switch(dir, hold) == 0 ? 0
						      : hold_fail(mailbox, f);
out:
	if (dir >= 0)
		close(dir);
	close(box);
	return rc < 0 ? -1 : 0;
}

static int
release(int box, int64_t now)
{
	char name[64];

	snprintf(name, sizeof name, RELEASED "%lld", (long long)now);
	if (renameat(box, HOLD_HELD, box, name) == 0 || errno == ENOENT)
		return 0;
	return -1;
}

int
hold_end(
    int root, const struct mailbox_name *mailbox, int64_t now, struct fault *f)
{
	int box = hold_open_box(root, mailbox, f), dir, rc = 0;

	if (box < 0)
		return -1;
	dir = openat(box, "posthouse", HOLD_OPEN_DIR);
	if (dir < 0 && errno == ENOENT) {
		close(box);
		return 0;
	}
	if (dir < 0 || release(box, now) < 0 || fsync(dir) < 0 ||
	    (unlinkat(dir, "hold", 0) < 0 && errno != ENOENT) || fsync(dir) < 0)
		rc = hold_fail(mailbox, f);
	if (dir >= 0)
		close(dir);
	close(box);
	return rc;
}

int
hold_as_mailbox(
    int root, const struct mailbox_name *mailbox, struct mailbox_name *held)
{
	struct stat st;
	int n;

	*held = *mailbox;
	n = snprintf(held->path, sizeof held->path, "%.*s/" HOLD_HELD,
	    (int)(sizeof held->path - sizeof HOLD_HELD - 2), mailbox->path);
	return n < (int)sizeof held->path &&
	       fstatat(root, held->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* What is released. */

struct ending {
	int64_t before;
	bool dry;
	struct attic_sum *sum;
};

/* Whatever it is; directories with all that is in them. */
static int
end_one(void *ctx, int dir, const struct dirent *e)
{
	struct ending *end = ctx;
	struct stat st;

	if (str_is(str(e->d_name), STR_LIT(".")) ||
	    str_is(str(e->d_name), STR_LIT("..")))
		return 0;
	if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (S_ISDIR(st.st_mode)) {
		if (hold_each_entry(dir, e->d_name, end_one, ctx) < 0)
			return -1;
		return end->dry || unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0
			   ? 0
			   : -1;
	}
	end->sum->messages++;
	end->sum->bytes += (uint64_t)st.st_size;
	return end->dry || unlinkat(dir, e->d_name, 0) == 0 ? 0 : -1;
}

static int
end_released(void *ctx, int dir, const struct dirent *e)
{
	const struct ending *end = ctx;
	struct str name = str(e->d_name), prefix = STR_LIT("released,");
	uint64_t when;

	if (!str_starts(name, prefix) ||
	    !str_to_u64(str_from(name, prefix.len), 0, INT64_MAX, &when) ||
	    (int64_t)when >= end->before)
		return 0;
	if (hold_each_entry(dir, e->d_name, end_one, ctx) < 0)
		return -1;
	return end->dry || unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0 ? 0 : -1;
}

int
hold_purge(int root, const struct mailbox_name *mailbox, int64_t before,
    bool dry, struct attic_sum *sum, struct fault *f)
{
	struct ending end = {.before = before, .dry = dry, .sum = sum};
	int box, rc;

	*sum = (struct attic_sum){0};
	if (hold_is_on(root, mailbox))
		return 0;
	box = hold_open_box(root, mailbox, f);
	if (box < 0)
		return -1;
	/* A delivery that was under way when the hold ended. */
	rc = dry ? 0 : release(box, (int64_t)time(NULL));
	if (rc == 0)
		rc = hold_each_entry(box, "posthouse", end_released, &end);
	if (rc < 0)
		hold_fail(mailbox, f);
	close(box);
	return rc;
}
