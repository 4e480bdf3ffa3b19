/* SPDX-License-Identifier: ISC */
/* Strangers first, by the names that are there; then each message. */
#include "config.h"

#include "store/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "proto/attachments.h"

enum { PIECE = 128 << 10, PATH_SIZE = 300 };

const char *
verify_what_name(enum verify_what what)
{
	static const char *const names[] = {
	    [VERIFY_ROTTEN] = "rotten",
	    [VERIFY_SIZE] = "size",
	    [VERIFY_UNREADABLE] = "unreadable",
	    [VERIFY_STRANGER] = "stranger",
	};

	return names[what];
}

/* What is known. */

struct known {
	struct map_node node;
	struct str base;
	bool has_digest;
	uint8_t digest[DIGEST_LEN];
};

void
verify_known_clear(struct verify_known *known)
{
	map_clear(&known->map);
	arena_clear(&known->arena);
}

void
verify_known_add(struct verify_known *known, struct str base, struct str digest)
{
	struct known *k = arena_new(&known->arena, struct known);

	k->base = str(arena_text(&known->arena, base));
	k->has_digest = digest.len == sizeof k->digest;
	if (k->has_digest)
		memcpy(k->digest, digest.at, sizeof k->digest);
	map_add(&known->map, &k->node, str_hash(base));
}

static bool
is_base(const struct map_node *node, const void *base)
{
	return str_is(
	    ((const struct known *)node)->base, *(const struct str *)base);
}

static const struct known *
find_known(const struct verify_known *known, struct str base)
{
	return (const struct known *)map_find(
	    &known->map, str_hash(base), is_base, &base);
}

/* Findings. */

struct reading {
	struct verify *verify;
	const struct client_folder *folder;
	const struct verify_known *known;
	struct client_list list;
	char *piece;
	struct digest *hash;
	struct attachments attachments;
};

static void
find(struct reading *r, const char *part, const char *file,
    enum verify_what what, const char *why)
{
	char path[PATH_SIZE];
	const struct verify_finding finding = {
	    .folder = r->folder,
	    .file = path,
	    .what = what,
	    .why = why,
	};

	snprintf(path, sizeof path, "%s/%s", part, file);
	r->verify->findings++;
	if (r->verify->found != NULL)
		r->verify->found(r->verify->ctx, &finding);
}

static void
find_message(struct reading *r, const struct client_entry *entry,
    enum verify_what what, const char *why)
{
	find(r, entry->is_new ? "new" : "cur", entry->file, what, why);
}

static const char *
describe_kind(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory";
	if (S_ISLNK(mode))
		return "is a symbolic link";
	return S_ISREG(mode) ? "has a name that no message has"
			     : "is no regular file";
}

static bool
is_message_name(const char *file)
{
	struct maildir_name name;

	return maildir_name_parse(str(file), &name) && name.base.len > 0;
}

static void
check_name(struct reading *r, int dir, const char *part, const struct dirent *e)
{
	struct stat st;

	if (str_is(str(e->d_name), STR_LIT(".")) ||
	    str_is(str(e->d_name), STR_LIT("..")))
		return;
	if (e->d_type == DT_REG && is_message_name(e->d_name))
		return;
	if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (!S_ISREG(st.st_mode) || !is_message_name(e->d_name))
		find(r, part, e->d_name, VERIFY_STRANGER,
		    describe_kind(st.st_mode));
}

static int
find_strangers(struct reading *r, const char *part, struct fault *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(r->folder->dir, part, flags);
	struct dirent *e;
	DIR *d;

	if (fd < 0 && errno == ENOENT)
		return 0;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		fault_errno(f, "cannot read %s of a folder of %s", part,
		    r->folder->mailbox.text);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((e = readdir(d)) != NULL)
		check_name(r, dirfd(d), part, e);
	closedir(d);
	return 0;
}

/* Messages. */

/* Reads all of a file: its length, or -1. */
static int64_t
read_all(struct reading *r, int fd, bool *compressed)
{
	int64_t size = 0;

	attachments_init(&r->attachments);
	for (;;) {
		ssize_t n = pread(fd, r->piece, PIECE, size);
		struct str bytes;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : size;
		bytes = str_n(r->piece, (size_t)n);
		if (size == 0)
			*compressed = maildir_is_compressed(bytes);
		digest_add(r->hash, bytes);
		attachments_feed(&r->attachments, bytes);
		size += n;
	}
}

static void
compare_digest(struct reading *r, const struct client_entry *entry,
    struct verify_digest *digest)
{
	const struct known *known = find_known(r->known, digest->base);

	if (known == NULL)
		return;
	if (!known->has_digest) {
		digest->attachments = r->attachments.count;
		if (r->verify->learnt != NULL)
			r->verify->learnt(r->verify->ctx, digest);
		return;
	}
	r->verify->compared++;
	if (memcmp(known->digest, digest->digest, sizeof known->digest) != 0)
		find_message(r, entry, VERIFY_ROTTEN,
		    "holds other bytes than those that came");
}

static void
check_bytes(struct reading *r, const struct client_entry *entry, int fd)
{
	struct verify_digest digest = {.base = entry->name.base};
	bool compressed = false;
	int64_t size = read_all(r, fd, &compressed);
	int error = errno;
	char why[200];

	digest_end(r->hash, digest.digest);
	attachments_end(&r->attachments);
	if (size < 0) {
		snprintf(
		    why, sizeof why, "cannot be read: %s", strerror(error));
		find_message(r, entry, VERIFY_UNREADABLE, why);
		return;
	}
	r->verify->bytes += (uint64_t)size;
	digest.size = (uint64_t)size;
	if (entry->name.has_size && entry->name.size != digest.size &&
	    !compressed) {
		snprintf(why, sizeof why,
		    "is %llu bytes long, and its name says %llu",
		    (unsigned long long)digest.size,
		    (unsigned long long)entry->name.size);
		find_message(r, entry, VERIFY_SIZE, why);
	} else if (size == 0 && !entry->name.has_size) {
		find_message(r, entry, VERIFY_SIZE, "is empty");
	} else {
		compare_digest(r, entry, &digest);
	}
}

static void
check_message(struct reading *r, struct client_entry *entry)
{
	struct fault f;
	int fd, rc = client_open(r->folder, &r->list, entry, &fd, &f);

	if (rc < 0)
		find_message(r, entry, VERIFY_UNREADABLE, f.text);
	if (rc <= 0)
		return;
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	check_bytes(r, entry, fd);
	close(fd);
	r->verify->messages++;
}

static int
check_messages(struct reading *r)
{
	for (size_t i = 0; i < r->list.n; i++) {
		uint64_t before = r->verify->bytes;

		check_message(r, &r->list.entries[i]);
		if (r->verify->go_on != NULL &&
		    !r->verify->go_on(
			r->verify->ctx, r->verify->bytes - before))
			return 0;
	}
	return 1;
}

int
verify_folder(struct verify *verify, const struct client_folder *folder,
    const struct verify_known *known, struct fault *f)
{
	struct reading r = {
	    .verify = verify,
	    .folder = folder,
	    .known = known,
	    .hash = digest_new(),
	    .piece = mem_resize(NULL, PIECE, 1),
	};
	int rc = -1;

	if (find_strangers(&r, "new", f) == 0 &&
	    find_strangers(&r, "cur", f) == 0 &&
	    client_list_read(&r.list, folder, f) == 0)
		rc = check_messages(&r);
	client_list_clear(&r.list);
	digest_free(&r.hash);
	mem_free(r.piece);
	return rc;
}
