/* SPDX-License-Identifier: ISC */
/*
 * Comparing a folder's records with its files, and mending the records.
 *
 * new/ is read before cur/: an IMAP server moves messages only that way, so
 * one that is moved meanwhile is seen twice rather than not at all. The
 * directories' times are taken before both, so that what changes meanwhile is
 * found the next time. That is soon where one could not be read for it.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/mem.h"
#include "store/follow.h"

enum {
	STALE_MAX = 16 << 20,
	PREFETCH = 1000, /* files */
};

/* A message's file. */
struct file {
	struct file *next_in_bucket;
	enum record_place place;
	bool has_record;
	bool is_changed;
	uint64_t inode;
	size_t base_len, len;
	char name[];
};

struct scan {
	struct index_folder *folder;
	struct index_difference *difference;
	struct file **buckets;
	size_t n_buckets, n_files;
	bool has_missed; /* a file was moved before it was read */
	/* What the records add up to, should their folder say otherwise. */
	struct index_known counted;
	struct buf stale; /* base names, each with a "/" behind it */
	int dir;          /* the Maildir */
};

static int64_t
time_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static int64_t
dir_time(const struct index_folder *folder, const char *part)
{
	char path[MAILDIR_PATH_SIZE + 16];
	struct stat st;

	snprintf(
	    path, sizeof path, "%s/%s/%s", folder->path, folder->dir, part);
	return fstatat(folder->index->root, path, &st, 0) == 0 ? time_ns(&st)
							       : 0;
}

bool
index_folder_times(
    const struct index_folder *folder, int64_t *new_time, int64_t *cur_time)
{
	*new_time = dir_time(folder, "new");
	*cur_time = dir_time(folder, "cur");
	return *new_time != 0 || *cur_time != 0;
}

bool
index_is_too_new(int64_t directory_time)
{
	int64_t age = clock_unix_us() - directory_time / 1000;

	/* Of a time that is still to come no change will make the same. */
	return age > -INDEX_SAME_TIME_US && age < INDEX_SAME_TIME_US;
}

static struct file **
find(struct scan *s, struct str base)
{
	struct file **at = &s->buckets[str_hash(base) % s->n_buckets];

	while (
	    *at != NULL && !str_is(str_n((*at)->name, (*at)->base_len), base))
		at = &(*at)->next_in_bucket;
	return at;
}

static struct file *
file_new(struct str name)
{
	struct file *file = mem_zeroed(1, sizeof *file + name.len + 1);

	memcpy(file->name, name.at, name.len);
	file->len = name.len;
	return file;
}

static struct file *
add_file(
    struct scan *s, struct str name, struct str base, enum record_place place)
{
	struct file **at = find(s, base), *file = *at;

	if (file == NULL || file->len != name.len) {
		struct file *next = file != NULL ? file->next_in_bucket : NULL;

		s->n_files += file == NULL;
		mem_free(file);
		file = file_new(name);
		file->next_in_bucket = next;
		*at = file;
	}
	memcpy(file->name, name.at, name.len);
	file->base_len = base.len;
	file->place = place;
	return file;
}

static void
grow(struct scan *s)
{
	size_t n = s->n_buckets * 8;
	struct file **buckets = mem_zeroed(n, sizeof *buckets);

	for (size_t i = 0; i < s->n_buckets; i++) {
		struct file *file = s->buckets[i], *next;

		for (; file != NULL; file = next) {
			struct str base = str_n(file->name, file->base_len);
			struct file **at = &buckets[str_hash(base) % n];

			next = file->next_in_bucket;
			file->next_in_bucket = *at;
			*at = file;
		}
	}
	mem_free(s->buckets);
	s->buckets = buckets;
	s->n_buckets = n;
}

/* A part that is missing is empty. */
static int
read_part(
    struct scan *s, const char *part, enum record_place place, struct fault *f)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(s->dir, part, flags);
	struct maildir_name name;
	struct dirent *e;
	DIR *d;

	if (fd < 0 && errno == ENOENT)
		return 0;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		fault_errno(f, "cannot read %s/%s/%s", s->folder->path,
		    s->folder->dir, part);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (errno = 0, (e = readdir(d)) != NULL) {
		if (!maildir_name_parse(str(e->d_name), &name))
			continue;
		if (s->n_files > s->n_buckets * 2)
			grow(s);
		add_file(s, str(e->d_name), name.base, place)->inode = e->d_ino;
	}
	if (errno != 0) {
		fault_errno(f, "cannot read %s/%s/%s", s->folder->path,
		    s->folder->dir, part);
		closedir(d);
		return -1;
	}
	closedir(d);
	return 0;
}

static int
compare_record(void *ctx, struct str key, struct str value)
{
	struct scan *s = ctx;
	struct str base = str_from(key, 8);
	struct file *file = *find(s, base);
	struct record r;

	if (record_parse(value, &r))
		index_db_count(&s->counted, base, &r);
	if (file == NULL) {
		s->difference->stale++;
		buf_put_str(&s->stale, base);
		buf_putc(&s->stale, '/');
		return buf_is_full(&s->stale) ? 1 : 0;
	}
	if (!record_parse(value, &r))
		return 0;
	file->has_record = true;
	file->is_changed =
	    r.place != file->place ||
	    !str_is(
		r.info, str_from(str_n(file->name, file->len), file->base_len));
	s->difference->changed += file->is_changed;
	return 0;
}

static int
compare_inodes(const void *a, const void *b)
{
	uint64_t x = (*(struct file *const *)a)->inode;
	uint64_t y = (*(struct file *const *)b)->inode;

	return (x > y) - (x < y);
}

static int
compare_bases(const void *a, const void *b)
{
	const struct file *x = *(struct file *const *)a;
	const struct file *y = *(struct file *const *)b;

	return str_compare(
	    str_n(x->name, x->base_len), str_n(y->name, y->base_len));
}

/* The files to be written, in the order of the records: pages that are filled
 * in any other way stay half empty. */
static struct file **
list_files(const struct scan *s, bool all, size_t *n_files)
{
	struct file **list = mem_zeroed(s->n_files + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < s->n_buckets; i++) {
		struct file *file = s->buckets[i];

		for (; file != NULL; file = file->next_in_bucket) {
			if (all || !file->has_record || file->is_changed)
				list[n++] = file;
		}
	}
	qsort(list, n, sizeof(*list), compare_bases);
	*n_files = n;
	return list;
}

/* Has the disk read what will be read next, in the order in which it has the
 * files, as far as inodes tell: many times faster than any other. */
static void
prefetch(const struct scan *s, struct file **list, size_t n, bool all)
{
	qsort(list, n, sizeof(*list), compare_inodes);
	for (size_t i = 0; i < n; i++) {
		if (all || !list[i]->has_record)
			index_prefetch_file(s->dir, list[i]->place,
			    str_n(list[i]->name, list[i]->len));
	}
	qsort(list, n, sizeof(*list), compare_bases);
}

static int
write_files(struct scan *s, bool all, struct fault *f)
{
	size_t n;
	struct file **list = list_files(s, all, &n);
	struct index_maker m;
	int rc = 0;

	index_maker_init(&m, s->folder, s->dir);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i % PREFETCH == 0)
			prefetch(s, list + i,
			    n - i < PREFETCH ? n - i : PREFETCH, all);
		rc = index_make_record(&m, list[i]->place,
		    str_n(list[i]->name, list[i]->len),
		    list[i]->has_record && !all ? INDEX_MAKE_RENAMED
						: INDEX_MAKE_FOUND,
		    f);
	}
	mem_free(list);
	s->difference->damaged += m.damaged;
	s->has_missed = s->has_missed || m.has_missed;
	index_maker_clear(&m);
	return rc;
}

static int
delete_stale(struct scan *s, struct fault *f)
{
	struct str rest = buf_str(&s->stale);

	while (rest.len > 0) {
		struct str base = str_cut(&rest, '/');

		if (index_db_del_message(s->folder, base, f) < 0)
			return -1;
	}
	return 0;
}

static bool
is_compressed(const struct scan *s, const char *path)
{
	int fd = openat(
	    s->dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char head[16];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

	if (fd >= 0)
		close(fd);
	return n > 0 && maildir_is_compressed(str_n(head, (size_t)n));
}

static bool
is_damaged(const struct scan *s, const struct file *file)
{
	char path[MAILDIR_NAME_SIZE + 8];
	struct maildir_name name;
	struct stat st;

	snprintf(path, sizeof path, "%s/%s",
	    file->place == RECORD_NEW ? "new" : "cur", file->name);
	return maildir_name_parse(str(file->name), &name) && name.has_size &&
	       fstatat(s->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (uint64_t)st.st_size != name.size && !is_compressed(s, path);
}

/* Sizes are looked at only where nothing is written: it costs a look at each
 * file. */
static void
check_sizes(struct scan *s)
{
	for (size_t i = 0; i < s->n_buckets; i++) {
		const struct file *file = s->buckets[i];

		for (; file != NULL; file = file->next_in_bucket) {
			s->difference->missing += !file->has_record;
			s->difference->damaged += is_damaged(s, file);
		}
	}
}

static int
compare_records(struct scan *s, struct fault *f)
{
	struct index *index = s->folder->index;
	char prefix[8];

	if (index_db_flush(index, f) < 0 || index_db_load(s->folder, f) < 0)
		return -1;
	index_db_message_prefix(s->folder, prefix);
	if (db_scan(index->messages, str_n(prefix, sizeof prefix), str(""),
		compare_record, s, f) < 0)
		return -1;
	return 0;
}

static int
compare(struct scan *s, struct fault *f)
{
	if (read_part(s, "new", RECORD_NEW, f) < 0 ||
	    read_part(s, "cur", RECORD_CUR, f) < 0)
		return -1;
	s->difference->messages = s->n_files;
	return compare_records(s, f);
}

/* Also what an earlier fault may have left wrong. */
static void
count_fresh(struct scan *s)
{
	struct index_known *known = &s->folder->known;

	known->fresh = known->fresh_sum = 0;
	for (size_t i = 0; i < s->n_buckets; i++) {
		const struct file *file = s->buckets[i];

		for (; file != NULL; file = file->next_in_bucket) {
			if (file->place != RECORD_NEW)
				continue;
			known->fresh++;
			known->fresh_sum +=
			    str_hash(str_n(file->name, file->base_len));
		}
	}
}

/*
 * Writes what differs. What cur/ was is known then; what new/ was only where
 * no delivery was under way, and else settles later.
 */
static int
mend(struct scan *s, bool all, int64_t new_time, int64_t cur_time,
    struct fault *f)
{
	struct index_folder *folder = s->folder;

	if (!buf_is_full(&s->stale)) {
		folder->known.messages = s->counted.messages;
		folder->known.unseen = s->counted.unseen;
		folder->known.bytes = s->counted.bytes;
	}

	/* A record may be there before its delivery is learnt of. */
	folder->careful = true;
	if (delete_stale(s, f) < 0 || write_files(s, all, f) < 0 ||
	    index_db_change(folder, f) < 0)
		return -1;
	if (atomic_load(&folder->unindexed) > 0 || index_is_too_new(new_time))
		new_time = 0;
	if (index_is_too_new(cur_time) || buf_is_full(&s->stale))
		cur_time = 0;
	folder->known.new_time = new_time;
	folder->known.cur_time = cur_time;
	count_fresh(s);
	if (s->has_missed)
		atomic_store(&folder->lost, true);
	else
		follow_set_sure(folder);
	if (new_time == 0 || cur_time == 0 || s->has_missed)
		index_wait(folder);
	return index_db_flush(folder->index, f);
}

static void
scan_clear(struct scan *s)
{
	for (size_t i = 0; i < s->n_buckets; i++) {
		struct file *file = s->buckets[i], *next;

		for (; file != NULL; file = next) {
			next = file->next_in_bucket;
			mem_free(file);
		}
	}
	mem_free(s->buckets);
	buf_clear(&s->stale);
	if (s->dir >= 0)
		close(s->dir);
}

/* No file is left, nor the folder. */
static int
forget(struct scan *s, struct fault *f)
{
	bool more;

	do {
		buf_reset(&s->stale);
		if (compare_records(s, f) < 0)
			return -1;
		more = buf_is_full(&s->stale);
		if (delete_stale(s, f) < 0)
			return -1;
	} while (more);
	return index_db_del_folder(s->folder, f);
}

static void
scan_init(struct scan *s, struct index_folder *folder,
    struct index_difference *difference)
{
	memset(difference, 0, sizeof *difference);
	memset(s, 0, sizeof *s);
	s->folder = folder;
	s->difference = difference;
	s->n_buckets = 64;
	s->buckets = mem_zeroed(s->n_buckets, sizeof *s->buckets);
	s->dir = -1;
	buf_init(&s->stale, STALE_MAX);
}

int
index_reconcile_folder(struct index_folder *folder, enum index_check_how how,
    struct index_difference *difference, struct fault *f)
{
	bool quiet = atomic_load(&folder->unindexed) == 0;
	bool mend_it = how != INDEX_COMPARE;
	int64_t new_time, cur_time;
	char path[MAILDIR_PATH_SIZE];
	struct scan s;
	int rc = -1;

	scan_init(&s, folder, difference);
	if (mend_it) {
		atomic_store(&folder->lost, false);
		/* What was told since the last reading is told later. */
		follow_forget_changes(folder);
	}
	snprintf(path, sizeof path, "%s/%s", folder->path, folder->dir);
	s.dir = openat(
	    folder->index->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s.dir < 0 && errno != ENOENT) {
		fault_errno(f, "cannot open %s", path);
		goto out;
	}
	if (s.dir < 0 || !index_folder_times(folder, &new_time, &cur_time)) {
		rc = mend_it ? forget(&s, f) : compare_records(&s, f);
		goto out;
	}
	if (compare(&s, f) < 0)
		goto out;
	if (mend_it) {
		rc = mend(
		    &s, how == INDEX_REMAKE, quiet ? new_time : 0, cur_time, f);
	} else {
		check_sizes(&s);
		rc = 0;
	}
out:
	scan_clear(&s);
	if (rc < 0 && mend_it) {
		atomic_store(&folder->lost, true);
		index_wait(folder);
	}
	return rc;
}
