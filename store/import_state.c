/* SPDX-License-Identifier: ISC */
/* What is remembered of an import that may be cut off. A line that has no end
 * was being written then, and does not count. */
#include "config.h"

#include "store/import_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
	LINE_MAX_LEN = 2 * MAILDIR_NAME_SIZE + MAILBOX_FOLDER_SIZE + 64,
	READ_SIZE = 64 << 10,
	CLEANED_S = 86400, /* Dovecot waits for 36 hours */
};

static const char directory[] = "posthouse/import";

/* What is known. */

static bool
is_key(const struct map_node *node, const void *key)
{
	return str_is(STRUCT_OF(node, struct import_known, node)->key,
	    *(const struct str *)key);
}

struct import_known *
import_find(const struct import *im, struct str key)
{
	struct map_node *node =
	    map_find(&im->known, str_hash(key), is_key, &key);

	return node == NULL ? NULL : STRUCT_OF(node, struct import_known, node);
}

struct import_known *
import_add(struct import *im, struct str key, uint64_t size)
{
	struct import_known *k = arena_new(&im->arena, struct import_known);

	k->key = arena_str(&im->arena, key);
	k->size = size;
	map_add(&im->known, &k->node, str_hash(key));
	return k;
}

static uint64_t
size_of(const struct import_folder *folder, const struct client_entry *e)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct stat st;

	if (e->name.has_size)
		return e->name.size;
	snprintf(
	    path, sizeof path, "%s/%s", e->is_new ? "new" : "cur", e->file);
	if (fstatat(folder->open.dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return UINT64_MAX;
	return (uint64_t)st.st_size;
}

void
import_learn_folder(struct import *im, struct import_folder *folder)
{
	const struct client_list *list = &folder->target.list;
	struct buf key;

	buf_init(&key, 2 * LINE_MAX_LEN);
	for (size_t i = 0; i < list->n; i++) {
		const struct client_entry *e = &list->entries[i];

		buf_reset(&key);
		buf_putf(&key, "%s/", folder->open.folder.dir);
		import_put_plain(&key, e->name.base);
		if (import_find(im, buf_str(&key)) == NULL)
			(void)import_add(im, buf_str(&key), size_of(folder, e));
	}
	buf_clear(&key);
}

/* The file. */

/* "SIZE TAB NUMBER TAB new|cur TAB KEY TAB FILE". The last ones wait in `im`:
 * they may have no name yet. */
static void
read_line(struct import *im, struct str line)
{
	struct str size_text = str_cut(&line, '\t');
	struct str number_text = str_cut(&line, '\t');
	struct str part = str_cut(&line, '\t'), key = str_cut(&line, '\t');
	struct import_waiting *w = &im->waiting[im->n_waiting % IMPORT_BATCH];
	struct import_known *known;
	uint64_t size, number;

	if (!str_to_u64(size_text, 0, INT64_MAX, &size) ||
	    !str_to_u64(number_text, 0, INT64_MAX - 1, &number) ||
	    !str_has(key, '/') || !str_copy(line, w->file, sizeof w->file))
		return;
	known = import_find(im, key);
	w->known = known != NULL ? known : import_add(im, key, size);
	w->number = number;
	w->is_new = str_is(part, STR_LIT("new"));
	w->size = size;
	im->n_waiting++;
	if (im->next <= number)
		im->next = number + 1;
}

static int
read_state(struct import *im, struct fault *f)
{
	struct str line;
	struct buf b;
	ssize_t n = 1;

	buf_init(&b, 2 * READ_SIZE);
	while (n > 0) {
		char piece[READ_SIZE];

		n = read(im->state, piece, sizeof piece);
		if (n > 0)
			buf_put(&b, piece, (size_t)n);
		while (buf_take_line(&b, &line))
			read_line(im, line);
		if (buf_len(&b) > LINE_MAX_LEN)
			buf_reset(&b);
	}
	/* What comes next must not be joined to half a line. */
	if (n == 0 && buf_len(&b) > 0 && write(im->state, "\n", 1) != 1)
		n = -1;
	buf_clear(&b);
	return n < 0 ? fault_errno(f, "cannot read what was imported") : 0;
}

/* IMAP servers remove from tmp/ what has been there for a day or two. */
static bool
may_be_cleaned(const struct import *im)
{
	struct stat st;

	return fstat(im->state, &st) < 0 ||
	       st.st_mtim.tv_sec + CLEANED_S < time(NULL);
}

/* A message that is neither in tmp/ nor in its folder: the user has moved it, or
 * it was never there. If that cannot be told it rather comes twice. */
static void
forget_line(struct import *im, const struct import_waiting *w)
{
	struct import_known *known = import_find(im, w->known->key);
	struct maildir_name name;

	if (known != NULL && may_be_cleaned(im) &&
	    maildir_name_parse(str(w->file), &name) &&
	    client_target_find(&w->folder->target, name.base) == NULL)
		map_remove(&im->known, &known->node);
}

/* One of the last lines: its message is in tmp/, or has left it. */
static int
end_line(struct import *im, struct import_waiting *w, struct fault *f)
{
	struct str key = w->known->key;
	struct str dir = str_head(key, str_find_last(key, '/'));
	char path[IMPORT_TMP_SIZE];
	struct mailbox_folder folder;

	if (mailbox_folder_from_dir(dir, &folder, f) < 0 ||
	    import_get_folder(im, &folder, &w->folder, f) < 0)
		return -1;
	import_tmp_path(im, w->number, path);
	if (faccessat(w->folder->open.dir, path, F_OK, AT_SYMLINK_NOFOLLOW) <
	    0) {
		forget_line(im, w);
		return 0;
	}
	return import_give_name(im, w, f);
}

static int
end_batch(struct import *im, struct fault *f)
{
	size_t n = im->n_waiting < IMPORT_BATCH ? im->n_waiting : IMPORT_BATCH;

	im->n_waiting = 0;
	for (size_t i = 0; i < n; i++)
		if (end_line(im, &im->waiting[i], f) < 0)
			return -1;
	return 0;
}

static int
make_directory(struct import *im)
{
	if ((mkdirat(im->box, "posthouse", 0700) < 0 && errno != EEXIST) ||
	    (mkdirat(im->box, directory, 0700) < 0 && errno != EEXIST))
		return -1;
	return fsync(im->box);
}

int
import_state_open(struct import *im, struct str source, struct fault *f)
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	char path[sizeof directory + IMPORT_ID_SIZE];
	struct buf hex;

	crypto_sha256(source, digest);
	buf_init(&hex, IMPORT_ID_SIZE);
	buf_put_hex(&hex, str_n((const char *)digest, IMPORT_ID_SIZE / 2));
	if (!str_copy(buf_str(&hex), im->id, sizeof im->id))
		die_bug("an id of another length");
	buf_clear(&hex);
	snprintf(path, sizeof path, "%s/%s", directory, im->id);
	im->box = openat(im->client->root, im->mailbox.path,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (im->box < 0 || make_directory(im) < 0)
		return fault_errno(
		    f, "cannot open mailbox %s", im->mailbox.text);
	im->state = openat(im->box, path,
	    O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (im->state < 0)
		return fault_errno(
		    f, "cannot make %s/%s", im->mailbox.path, path);
	if (flock(im->state, LOCK_EX | LOCK_NB) < 0)
		return fault_temp(f, "4.3.2",
		    "another process is importing the same into %s",
		    im->mailbox.text);
	return read_state(im, f) < 0 ? -1 : end_batch(im, f);
}

int
import_state_write(struct import *im, struct fault *f)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, (size_t)IMPORT_BATCH * LINE_MAX_LEN);
	for (size_t i = 0; i < im->n_waiting; i++) {
		const struct import_waiting *w = &im->waiting[i];

		buf_putf(&b, "%llu\t%llu\t%s\t%.*s\t%s\n",
		    (unsigned long long)w->size, (unsigned long long)w->number,
		    w->is_new ? "new" : "cur", STR_ARG(w->known->key), w->file);
	}
	if (write(im->state, buf_text(&b), buf_len(&b)) ==
		(ssize_t)buf_len(&b) &&
	    fdatasync(im->state) == 0)
		rc = 0;
	else
		fault_errno(f, "cannot write down what was imported");
	buf_clear(&b);
	return rc;
}

/* What was in tmp/ without a line when a batch was cut off. */
static void
remove_left_over(struct import *im, const struct import_folder *folder)
{
	int fd = openat(folder->open.dir, "tmp", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	char prefix[IMPORT_TMP_SIZE];
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	snprintf(prefix, sizeof prefix, "import.%s.", im->id);
	while ((e = readdir(d)) != NULL)
		if (str_starts(str(e->d_name), str(prefix)))
			unlinkat(fd, e->d_name, 0);
	closedir(d);
}

void
import_state_remove(struct import *im)
{
	char path[sizeof directory + IMPORT_ID_SIZE];

	for (size_t i = 0; i < im->n_folders; i++)
		remove_left_over(im, im->folders[i]);
	snprintf(path, sizeof path, "%s/%s", directory, im->id);
	unlinkat(im->box, path, 0);
	/* Where it is the last. */
	unlinkat(im->box, directory, AT_REMOVEDIR);
	unlinkat(im->box, "posthouse", AT_REMOVEDIR);
}

void
import_state_close(struct import *im)
{
	if (im->state >= 0)
		close(im->state);
	if (im->box >= 0)
		close(im->box);
	map_clear(&im->known);
	arena_clear(&im->arena);
}
