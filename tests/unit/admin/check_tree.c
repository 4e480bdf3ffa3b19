/* SPDX-License-Identifier: ISC */
/* admin/tree.h: copies that say what they have, and links that lead nowhere. */
#include "config.h"

#include "admin/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static int at;
static struct tree *tree;

static void
begin(void)
{
	place_make(dir, "tree");
	at = place_open(dir);
	tree = tree_new();
}

static void
end(void)
{
	struct fault f = {0};

	tree_free(&tree);
	close(at);
	ck_assert_int_eq(tree_remove(AT_FDCWD, dir, &f), 0);
	ck_assert_int_eq(access(dir, F_OK), -1);
}

static void
put(const char *path, size_t len)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(write(fd, &"abcdefg"[i % 7], 1), 1);
	close(fd);
}

START_TEST(a_copy_has_the_bytes_the_time_and_the_digest)
{
	static const size_t sizes[] = {0, 1, 5000, 300000};
	struct timespec times[2] = {{1000000000, 5}, {1000000000, 123456789}};
	struct tree_file made, read;
	struct fault f = {0};
	struct stat st;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		put("from", sizes[i]);
		ck_assert_int_eq(utimensat(at, "from", times, 0), 0);
		ck_assert_int_eq(
		    tree_copy(tree, at, "from", at, "to", &made, &f), 1);
		ck_assert_int_eq(tree_read(tree, at, "to", &read, &f), 1);
		ck_assert_uint_eq(made.size, sizes[i]);
		ck_assert_int_eq(made.mtime, 1000000000123456789);
		ck_assert_mem_eq(&made, &read, sizeof made);
		ck_assert_int_eq(fstatat(at, "to", &st, 0), 0);
		ck_assert_int_eq(st.st_mode & 0777, 0600);
		ck_assert_int_eq(unlinkat(at, "to", 0), 0);
	}
	end();
}
END_TEST

START_TEST(what_is_no_file_is_none)
{
	struct tree_file file;
	struct fault f = {0};

	begin();
	ck_assert_int_eq(symlinkat("/etc/passwd", at, "link"), 0);
	ck_assert_int_eq(mkfifoat(at, "fifo", 0600), 0);
	ck_assert_int_eq(mkdirat(at, "folder", 0700), 0);
	ck_assert_int_eq(tree_read(tree, at, "link", &file, &f), 0);
	ck_assert_int_eq(tree_read(tree, at, "fifo", &file, &f), 0);
	ck_assert_int_eq(tree_read(tree, at, "folder", &file, &f), 0);
	ck_assert_int_eq(tree_read(tree, at, "nothing", &file, &f), 0);
	end();
}
END_TEST

START_TEST(nothing_is_written_over)
{
	struct tree_file file;
	struct fault f = {0};
	struct stat st;

	begin();
	put("from", 10);
	put("to", 3);
	ck_assert_int_eq(tree_copy(tree, at, "from", at, "to", &file, &f), -1);
	ck_assert_int_eq(fstatat(at, "to", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 3);
	end();
}
END_TEST

START_TEST(a_removed_tree_takes_along_what_it_has_and_not_what_it_names)
{
	struct fault f = {0};

	begin();
	ck_assert_int_eq(tree_make(at, "a/b/c", &f), 0);
	ck_assert_int_eq(tree_make(at, "kept", &f), 0);
	put("kept/file", 1);
	put("a/b/file", 1);
	ck_assert_int_eq(symlinkat("../../kept", at, "a/b/link"), 0);
	ck_assert_int_eq(tree_remove(at, "a", &f), 0);
	ck_assert_int_eq(faccessat(at, "a", F_OK, 0), -1);
	ck_assert_int_eq(faccessat(at, "kept/file", F_OK, 0), 0);
	ck_assert_int_eq(tree_remove(at, "a", &f), 0);
	end();
}
END_TEST

static int
count_file(void *ctx, int fd, const char *path, struct fault *f)
{
	unsigned *n = ctx;

	(void)f;
	ck_assert_int_eq(faccessat(fd, path, F_OK, AT_SYMLINK_NOFOLLOW), 0);
	++*n;
	return 0;
}

START_TEST(each_file_is_found_once_and_no_link_is_followed)
{
	struct fault f = {0};
	unsigned n = 0;

	begin();
	ck_assert_int_eq(tree_make(at, "a/b/c", &f), 0);
	put("a/1", 1);
	put("a/b/2", 1);
	put("a/b/c/3", 1);
	ck_assert_int_eq(symlinkat("..", at, "a/b/up"), 0);
	ck_assert_int_eq(tree_each_file(at, "a", count_file, &n, &f), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_int_eq(tree_each_file(at, "none", count_file, &n, &f), 0);
	ck_assert_uint_eq(n, 4);
	end();
}
END_TEST

UNIT_MAIN("tree", a_copy_has_the_bytes_the_time_and_the_digest,
    what_is_no_file_is_none, nothing_is_written_over,
    a_removed_tree_takes_along_what_it_has_and_not_what_it_names,
    each_file_is_found_once_and_no_link_is_followed)
