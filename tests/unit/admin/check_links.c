/* SPDX-License-Identifier: ISC */
/* admin/links.h: what is one file is known again, and nothing else is. */
#include "config.h"

#include "admin/links.h"

#include "tests/unit/unit.h"

static struct stat
make_stat(dev_t dev, ino_t ino, nlink_t names)
{
	struct stat st = {.st_dev = dev, .st_ino = ino, .st_nlink = names};

	st.st_size = 7;
	st.st_mtim.tv_sec = 5;
	return st;
}

START_TEST(a_file_with_several_names_is_known)
{
	struct links *links = links_new();
	struct tree_file file = {.size = 7, .mtime = 5000000000}, found;
	struct stat st = make_stat(1, 2, 2), other;

	ck_assert_ptr_null(links_find(links, &st, &found));
	file.digest[3] = 9;
	links_put(links, &st, "a/b", &file);
	ck_assert_str_eq(links_find(links, &st, &found), "a/b");
	ck_assert_int_eq(found.digest[3], 9);
	links_put(links, &st, "a/c", &file);
	ck_assert_str_eq(links_find(links, &st, &found), "a/c");
	other = make_stat(1, 3, 2);
	ck_assert_ptr_null(links_find(links, &other, &found));
	other = make_stat(2, 2, 2);
	ck_assert_ptr_null(links_find(links, &other, &found));
	/* The number is another file's now. */
	st.st_size = 8;
	ck_assert_ptr_null(links_find(links, &st, &found));
	links_free(&links);
	ck_assert_ptr_null(links);
}
END_TEST

START_TEST(a_file_with_one_name_is_not_kept)
{
	struct links *links = links_new();
	struct tree_file file = {.size = 7, .mtime = 5000000000}, found;
	struct stat st = make_stat(1, 2, 1);

	links_put(links, &st, "a", &file);
	st.st_nlink = 2;
	ck_assert_ptr_null(links_find(links, &st, &found));
	links_free(&links);
}
END_TEST

UNIT_MAIN("links", a_file_with_several_names_is_known,
    a_file_with_one_name_is_not_kept)
