/* SPDX-License-Identifier: ISC */
/*
 * The layout of a Maildir++ and the form of file names.
 *
 * Directories that are made are synced with their parents at once: a sync of
 * messages later must not have to know which directories are new.
 */
#include "config.h"

#include "store/maildir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

static const char *const parts[] = {"tmp", "new", "cur"};

/* A run of digits at the front of *s, after the letter. */
static bool
take_number(struct str *s, char letter, uint64_t *n)
{
	size_t digits;

	if (s->len == 0 || s->at[0] != letter)
		return false;
	*s = str_from(*s, 1);
	for (digits = 0; digits < s->len; digits++) {
		if (s->at[digits] < '0' || s->at[digits] > '9')
			break;
	}
	if (!str_to_u64(str_head(*s, digits), 0, INT64_MAX, n))
		return false;
	*s = str_from(*s, digits);
	return true;
}

/* ",S=<n>" or ",W=<n>" anywhere in fields. */
static bool
find_size(struct str fields, char letter, uint64_t *size)
{
	while (fields.at != NULL) {
		struct str field = str_cut(&fields, ',');

		if (field.len > 2 && field.at[0] == letter &&
		    field.at[1] == '=' &&
		    str_to_u64(str_from(field, 2), 0, INT64_MAX, size))
			return true;
	}
	return false;
}

/* "M<usec>P<pid>Q<seq>" and perhaps "I<ident>". */
static void
parse_middle(struct str middle, struct maildir_name *name)
{
	uint64_t n;

	if (!take_number(&middle, 'M', &n) || !take_number(&middle, 'P', &n) ||
	    !take_number(&middle, 'Q', &n))
		return;
	name->is_ours = middle.len == 0 || middle.at[0] == 'I';
	if (name->is_ours)
		name->ident = str_from(middle, 1);
}

bool
maildir_name_parse(struct str file, struct maildir_name *name)
{
	struct str rest = file, fields;
	uint64_t n;

	memset(name, 0, sizeof *name);
	if (file.len == 0 || file.len >= MAILDIR_NAME_SIZE || file.at[0] == '.')
		return false;
	name->base = str_cut(&rest, ':');
	if (str_starts(rest, STR_LIT("2,")))
		name->flags = str_from(rest, 2);
	fields = name->base;
	rest = str_cut(&fields, ',');
	name->has_size = find_size(fields, 'S', &name->size);
	if (!find_size(fields, 'W', &name->wire_size))
		name->wire_size = 0;
	if (str_to_u64(str_cut(&rest, '.'), 1, INT64_MAX / 1000000, &n)) {
		name->time = (int64_t)n;
		parse_middle(str_cut(&rest, '.'), name);
	}
	return true;
}

/* gzip, bzip2, zstd, and Dovecot's own form of lz4. */
bool
maildir_is_compressed(struct str head)
{
	return str_starts(head, STR_LIT("\x1f\x8b")) ||
	       str_starts(head, STR_LIT("BZh")) ||
	       str_starts(head, STR_LIT("\x28\xb5\x2f\xfd")) ||
	       str_starts(head, STR_LIT("Dovecot-LZ4"));
}

void
maildir_name_format(
    const struct maildir_facts *facts, char name[MAILDIR_NAME_SIZE])
{
	char wire[32] = "";

	if (facts->wire_size >= facts->size)
		snprintf(wire, sizeof wire, ",W=%llu",
		    (unsigned long long)facts->wire_size);
	snprintf(name, MAILDIR_NAME_SIZE,
	    "%lld.M%06lldP%ldQ%llu%s%.*s.%s,S=%llu%s",
	    (long long)(facts->time_us / 1000000),
	    (long long)(facts->time_us % 1000000), (long)facts->pid,
	    (unsigned long long)facts->seq, facts->ident.len > 0 ? "I" : "",
	    STR_ARG(facts->ident), facts->host, (unsigned long long)facts->size,
	    wire);
}

void
maildir_host(const char *hostname, char host[MAILDIR_HOST_SIZE])
{
	size_t n = 0;

	for (; hostname[n] != '\0' && n < MAILDIR_HOST_SIZE - 1; n++) {
		char c = hostname[n];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '.';

		host[n] = plain ? c : '_';
	}
	host[n] = '\0';
	if (n == 0)
		snprintf(host, MAILDIR_HOST_SIZE, "localhost");
}

int
maildir_open(int root, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, int *fd, struct fault *f)
{
	int box = openat(root, mailbox->path, OPEN_DIR);

	*fd = box;
	if (box >= 0 && folder->dir[0] != '\0') {
		*fd = openat(box, folder->dir, OPEN_DIR | O_NOFOLLOW);
		close(box);
	}
	if (*fd >= 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return fault_errno(f, "cannot open mailbox %s", mailbox->text);
}

/* 1 where it was made, 0 where it was there. */
static int
make_dir(int at, const char *path)
{
	if (mkdirat(at, path, 0700) == 0)
		return 1;
	return errno == EEXIST ? 0 : -1;
}

static int
sync_dir(int at, const char *path)
{
	int fd = openat(at, path, OPEN_DIR);
	int rc;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int
make_parts(int dir)
{
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (make_dir(dir, parts[i]) < 0)
			return -1;
	}
	return fsync(dir);
}

int
maildir_make_parts(int dir, struct fault *f)
{
	if (make_parts(dir) < 0)
		return fault_errno(f, "cannot make tmp, new and cur");
	return 0;
}

static int
make_parts_in(int root, const char *path)
{
	int dir = openat(root, path, OPEN_DIR);
	int rc;

	if (dir < 0)
		return -1;
	rc = make_parts(dir);
	close(dir);
	return rc;
}

int
maildir_make(int root, const struct mailbox_name *mailbox, struct fault *f)
{
	char domain[MAILBOX_NAME_SIZE];
	struct str path = str(mailbox->path);
	int made;

	if (!str_copy(str_cut(&path, '/'), domain, sizeof domain))
		die_bug("a mailbox name without a domain");
	made = make_dir(root, domain);
	if (made < 0 || (made > 0 && fsync(root) < 0) ||
	    make_dir(root, mailbox->path) < 0 || sync_dir(root, domain) < 0 ||
	    make_parts_in(root, mailbox->path) < 0)
		return fault_errno(f, "cannot make mailbox %s", mailbox->text);
	return 0;
}

/* The empty file by which Courier's deliveries know a folder. */
static int
mark_folder(int dir)
{
	int fd =
	    openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int
maildir_make_folder(
    int box, const struct mailbox_folder *folder, struct fault *f)
{
	int made = make_dir(box, folder->dir), dir = -1, rc = -1;

	if (made >= 0)
		dir = openat(box, folder->dir, OPEN_DIR | O_NOFOLLOW);
	if (dir >= 0 && mark_folder(dir) == 0 && make_parts(dir) == 0 &&
	    fsync(box) == 0)
		rc = 0;
	else
		fault_errno(f, "cannot make the folder %s", folder->text);
	if (dir >= 0)
		close(dir);
	return rc;
}

/* What has no cur/ is something else that begins with a dot, like ".ssh". */
static bool
is_folder(int box, const char *dir)
{
	char cur[MAILBOX_FOLDER_SIZE + 8];
	struct stat st;

	snprintf(cur, sizeof cur, "%.255s/cur", dir);
	return fstatat(box, dir, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode) &&
	       fstatat(box, cur, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* A folder whose name differs only in case: mail systems on the way may have
 * made the sub-address lower case. */
static bool
find_nocase(int box, struct mailbox_folder *folder)
{
	struct str want = str(folder->dir);
	DIR *d = fdopendir(fcntl(box, F_DUPFD_CLOEXEC, 0));
	struct dirent *e;
	struct fault f;
	bool found = false;

	if (d == NULL)
		return false;
	rewinddir(d);
	while (!found && (e = readdir(d)) != NULL) {
		found =
		    str_is_nocase(str(e->d_name), want) &&
		    is_folder(box, e->d_name) &&
		    mailbox_folder_from_dir(str(e->d_name), folder, &f) == 0;
	}
	closedir(d);
	return found;
}

bool
maildir_find_folder(int root, const struct mailbox_name *mailbox,
    struct str detail, struct mailbox_folder *folder)
{
	struct fault f;
	bool found;
	int box;

	if (detail.len == 0 || mailbox_folder_parse(detail, folder, &f) < 0 ||
	    folder->dir[0] == '\0')
		return false;
	box = openat(root, mailbox->path, OPEN_DIR);
	if (box < 0)
		return false;
	found = is_folder(box, folder->dir) || find_nocase(box, folder);
	close(box);
	return found;
}
