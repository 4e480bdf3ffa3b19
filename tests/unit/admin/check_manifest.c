/* SPDX-License-Identifier: ISC */
/* admin/manifest.h: lines, keys, and what no line may say. */
#include "config.h"

#include "admin/manifest.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

#define HEX "00112233445566778899aabbccddeeff"

static struct tree_file
make_file(uint64_t size)
{
	struct tree_file file = {.size = size, .mtime = 1234567890123456789};

	memset(file.digest, (int)size, sizeof file.digest);
	return file;
}

START_TEST(a_line_says_the_same_when_it_is_read)
{
	static const char *const paths[] = {"cur/1.a.host,S=3:2,S",
	    ".A b/new/x", "a%41b", "tab\tlf\nend", "\xc3\xa4\x01", "..a/b..",
	    "-"};
	static const int64_t times[] = {0, -1, INT64_MAX, -INT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(paths) * ARRAY_LEN(times); i++) {
		struct tree_file file = make_file(i), read;
		const char *path = paths[i / ARRAY_LEN(times)];
		char found[TREE_PATH_SIZE];
		struct str line;
		struct buf b;

		file.mtime = times[i % ARRAY_LEN(times)];
		buf_init(&b, 1000);
		manifest_format(&b, path, &file);
		ck_assert(buf_take_line(&b, &line));
		ck_assert_uint_eq(buf_len(&b), 0);
		ck_assert(manifest_parse(line, found, &read));
		ck_assert_str_eq(found, path);
		ck_assert_uint_eq(read.size, file.size);
		ck_assert_int_eq(read.mtime, file.mtime);
		ck_assert_mem_eq(read.digest, file.digest, sizeof file.digest);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_path_that_leads_elsewhere_is_none)
{
	static const char *const bad[] = {"", "/etc/passwd", "..", "../a",
	    "a/../b", "a/..", "./a", "a//b", "a/", "%2e%2e/a", "a/%2e%2e",
	    "%2fetc", "a%00b", "a%4", "a%zz", "%"};
	char path[TREE_PATH_SIZE];
	struct tree_file file;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b;

		buf_init(&b, 1000);
		buf_putf(&b, HEX HEX " 1 2 %s", bad[i]);
		ck_assert_msg(!manifest_parse(buf_str(&b), path, &file),
		    "\"%s\"", bad[i]);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(a_line_of_another_form_is_none)
{
	static const char *const bad[] = {"", "x", HEX " 1 2 a",
	    HEX HEX " -1 2 a", HEX HEX " 1 x a", HEX HEX " 1 2",
	    HEX HEX "00 1 2 a", HEX HEX " 99999999999999999999 2 a",
	    HEX HEX "  1 2 a", HEX HEX " 1 --2 a"};
	char path[TREE_PATH_SIZE];
	struct tree_file file;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!manifest_parse(str(bad[i]), path, &file),
		    "\"%s\"", bad[i]);
}
END_TEST

START_TEST(a_message_is_found_by_its_place_whatever_its_flags)
{
	struct manifest m;
	struct tree_file file = make_file(1);
	struct manifest_entry *e;

	manifest_init(&m, MANIFEST_BY_PLACE);
	e = manifest_put(&m, "new/1.a", &file);
	ck_assert_ptr_eq(manifest_find(&m, "cur/1.a:2,RS"), e);
	ck_assert_ptr_null(manifest_find(&m, ".Sent/cur/1.a:2,S"));
	ck_assert_ptr_null(manifest_find(&m, "1.a"));
	ck_assert_ptr_null(manifest_find(&m, "cur/1.b"));
	manifest_put(&m, "dovecot-uidlist", &file);
	ck_assert_ptr_null(manifest_find(&m, ".Sent/dovecot-uidlist"));
	manifest_rename(&m, e, "cur/1.a:2,S");
	ck_assert_ptr_eq(manifest_find(&m, "new/1.a"), e);
	manifest_remove(&m, e);
	ck_assert_ptr_null(manifest_find(&m, "new/1.a"));
	ck_assert_ptr_nonnull(manifest_find(&m, "dovecot-uidlist"));
	manifest_clear(&m);
}
END_TEST

START_TEST(a_message_is_found_by_its_name_in_whatever_folder)
{
	struct manifest m;
	struct tree_file file = make_file(1);
	struct manifest_entry *e;

	manifest_init(&m, MANIFEST_BY_NAME);
	e = manifest_put(&m, "new/1.a", &file);
	ck_assert_ptr_eq(manifest_find(&m, ".Sent/cur/1.a:2,S"), e);
	ck_assert_ptr_eq(
	    manifest_find(&m, "posthouse/removed/9,expire/INBOX/1.a:2,S"), e);
	manifest_put(&m, "dovecot-uidlist", &file);
	ck_assert_ptr_null(manifest_find(&m, ".Sent/dovecot-uidlist"));
	manifest_clear(&m);
}
END_TEST

static char dir[PLACE_SIZE];

static int
open_dir(void)
{
	place_make(dir, "manifest");
	return place_open(dir);
}

START_TEST(a_manifest_is_written_as_a_whole_and_read_again)
{
	struct manifest m, again;
	struct fault f = {0};
	int at = open_dir();

	manifest_init(&m, MANIFEST_BY_PLACE);
	manifest_init(&again, MANIFEST_BY_PLACE);
	for (unsigned i = 0; i < 1000; i++) {
		struct tree_file file = make_file(i);
		char path[40];

		snprintf(path, sizeof path, "cur/%u.x:2,S", i);
		manifest_put(&m, path, &file);
	}
	manifest_remove(&m, manifest_find(&m, "new/77.x"));
	ck_assert_int_eq(manifest_write(&m, at, "a/b/c", &f), 0);
	ck_assert_int_eq(manifest_read(&again, at, "a/b/c", false, &f), 1);
	ck_assert_uint_eq(again.n, 999);
	ck_assert_ptr_null(manifest_find(&again, "new/77.x"));
	ck_assert_uint_eq(manifest_find(&again, "new/78.x")->file.size, 78);
	ck_assert_int_eq(manifest_read(&again, at, "a/b/d", false, &f), 0);
	manifest_clear(&m);
	manifest_clear(&again);
	ck_assert_int_eq(tree_remove(AT_FDCWD, dir, &f), 0);
	close(at);
}
END_TEST

START_TEST(a_torn_end_is_left_out_only_where_it_may_be)
{
	static const char text[] = HEX HEX " 1 2 a\n" HEX HEX " 1 2 b";
	struct manifest m;
	struct fault f = {0};
	int at = open_dir();

	place_write(at, "m", text);
	manifest_init(&m, MANIFEST_BY_PLACE);
	ck_assert_int_eq(manifest_read(&m, at, "m", true, &f), 1);
	ck_assert_uint_eq(m.n, 1);
	manifest_clear(&m);
	ck_assert_int_eq(manifest_read(&m, at, "m", false, &f), -1);
	ck_assert_str_eq(f.dsn, "5.6.0");
	manifest_clear(&m);
	ck_assert_int_eq(tree_remove(AT_FDCWD, dir, &f), 0);
	close(at);
}
END_TEST

UNIT_MAIN("manifest", a_line_says_the_same_when_it_is_read,
    a_path_that_leads_elsewhere_is_none, a_line_of_another_form_is_none,
    a_message_is_found_by_its_place_whatever_its_flags,
    a_message_is_found_by_its_name_in_whatever_folder,
    a_manifest_is_written_as_a_whole_and_read_again,
    a_torn_end_is_left_out_only_where_it_may_be)
