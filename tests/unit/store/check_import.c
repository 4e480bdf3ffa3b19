/* SPDX-License-Identifier: ISC */
/* store/import.h: what is brought in, once, and what others call it. */
#include "config.h"

#include "store/import.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/import_source.h"
#include "store/maildirsize.h"
#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];
static struct client *client;
static struct mailbox_name ann;
static const struct mailbox_folder inbox = {.dir = ""};

static void
begin(void)
{
	struct fault f;

	place_make(dir, "import");
	client = client_new(dir, "mx.b", &f);
	ck_assert_ptr_nonnull(client);
	ann = mailbox_named("ann@b");
}

static void
end(void)
{
	client_free(&client);
	place_remove(dir);
}

static struct import *
open_import(const char *source)
{
	struct fault f = {0};
	struct import *im = import_new(client, &ann, str(source), &f);

	ck_assert_msg(im != NULL, "%s", f.text);
	return im;
}

/* Whether it was wanted. */
static bool
bring(struct import *im, const char *name, const char *text)
{
	const struct import_what what = {
	    .folder = &inbox,
	    .name = str(name),
	    .flags = str("SaF"),
	    .time = 1600000000,
	    .size = name[0] != '\0' ? strlen(text) : UINT64_MAX,
	};
	struct fault f = {0};
	int rc = import_begin(im, &what, &f);

	ck_assert_msg(rc >= 0, "%s", f.text);
	if (rc == 0)
		return false;
	for (struct str rest = str(text); rest.len > 0;
	     rest = str_from(rest, 3))
		ck_assert_int_eq(import_put(im, str_head(rest, 3), &f), 0);
	ck_assert_msg(import_end(im, &f) == 0, "%s", f.text);
	return true;
}

static void
finish(struct import **im, bool forget)
{
	struct fault f = {0};

	ck_assert_msg(import_flush(*im, &f) == 0, "%s", f.text);
	if (forget)
		ck_assert_int_eq(import_forget(*im, &f), 0);
	import_free(im);
}

/* The files in a directory of the mailbox. */
static size_t
count(const char *part)
{
	char path[128];

	snprintf(path, sizeof path, "%s/b/ann/%s", dir, part);
	return place_list(path, NULL, 0);
}

static bool
has(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/b/ann/%s", dir, name);
	return access(path, F_OK) == 0;
}

START_TEST(a_maildirs_message_keeps_its_name_and_gets_sizes)
{
	struct import *im;
	struct stat st;
	char path[256];

	begin();
	im = open_import("x");
	ck_assert(bring(im, "1.a.h:2,R", "one\ntwo\r\n"));
	ck_assert(bring(im, "2.a.h,S=999,W=5,U=7:2,", "x"));
	ck_assert(!bring(im, "1.a.h", "one\ntwo\r\n"));
	finish(&im, true);
	ck_assert(has("cur/1.a.h,S=9,W=10:2,FS"));
	ck_assert(has("cur/2.a.h,U=7,S=1,W=1:2,FS"));
	ck_assert_uint_eq(count("cur"), 2);
	ck_assert_uint_eq(count("tmp"), 0);
	snprintf(path, sizeof path, "%s/b/ann/cur/1.a.h,S=9,W=10:2,FS", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mtim.tv_sec, 1600000000);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	end();
}
END_TEST

START_TEST(another_message_of_the_same_name_comes_too)
{
	struct import *im;

	begin();
	im = open_import("x");
	ck_assert(bring(im, "1.a.h", "one"));
	ck_assert(bring(im, "1.a.h", "another"));
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 2);
	im = open_import("x");
	ck_assert(!bring(im, "1.a.h", "one"));
	ck_assert(bring(im, "1.a.h", "another"));
	ck_assert_uint_eq(import_sum(im)->known, 2);
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 2);
	end();
}
END_TEST

START_TEST(what_has_no_name_is_known_by_its_bytes)
{
	struct import *im;

	begin();
	for (int i = 0; i < 2; i++) {
		im = open_import("x");
		ck_assert(bring(im, "", "same"));
		ck_assert(bring(im, "", "other"));
		ck_assert(bring(im, "", "same"));
		ck_assert(bring(im, ".odd", "odd"));
		finish(&im, i == 1);
		ck_assert_uint_eq(count("cur"), 4);
	}
	end();
}
END_TEST

static void
remove_all(void)
{
	char path[128];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/b/ann/cur", dir);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
}

START_TEST(what_was_removed_meanwhile_does_not_come_back_before_the_end)
{
	struct import *im;

	begin();
	im = open_import("x");
	ck_assert(bring(im, "1.a.h", "one"));
	ck_assert(bring(im, "", "two"));
	finish(&im, false);
	remove_all();
	im = open_import("x");
	ck_assert(!bring(im, "1.a.h", "one"));
	ck_assert(bring(im, "", "two"));
	ck_assert_uint_eq(import_sum(im)->known, 2);
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 0);
	/* From the beginning again, or from elsewhere. */
	im = open_import("y");
	ck_assert(bring(im, "1.a.h", "one"));
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 1);
	ck_assert(!has("posthouse"));
	end();
}
END_TEST

/* What is remembered of the import "x". */
static void
state_path(char path[512])
{
	struct import *im = open_import("x");
	char id[256] = "";

	snprintf(path, 512, "%s/b/ann/posthouse/import", dir);
	ck_assert_uint_ge(place_list(path, id, sizeof id), 1);
	import_free(&im);
	snprintf(path, 512, "%s/b/ann/posthouse/import/%.16s", dir, id);
}

START_TEST(a_batch_that_was_written_down_gets_its_names_later)
{
	struct import *im;
	char state[512], tmp[1100];

	begin();
	state_path(state);
	place_write(AT_FDCWD, state,
	    "3\t0\tcur\t/1.a.h\t1.a.h,S=3,W=3:2,S\n"
	    "3\t1\tnew\t/2.a.h\t2.a.h,S=3,W=3\n"
	    "3\t2\tcur\t/half");
	snprintf(tmp, sizeof tmp, "%s/b/ann/tmp/import.%s.1", dir,
	    strrchr(state, '/') + 1);
	place_write(AT_FDCWD, tmp, "two");
	im = open_import("x");
	ck_assert(has("new/2.a.h,S=3,W=3"));
	ck_assert(!bring(im, "1.a.h", "one"));
	ck_assert(!bring(im, "2.a.h", "two"));
	ck_assert(bring(im, "3.a.h", "six"));
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 1);
	ck_assert_uint_eq(count("new"), 1);
	end();
}
END_TEST

START_TEST(what_others_have_cleaned_out_of_tmp_is_not_lost)
{
	const struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
	struct import *im;
	char state[512];

	begin();
	state_path(state);
	place_write(AT_FDCWD, state, "3\t0\tcur\t/1.a.h\t1.a.h,S=3,W=3:2,S\n");
	ck_assert_int_eq(utimensat(AT_FDCWD, state, old, 0), 0);
	im = open_import("x");
	ck_assert(bring(im, "1.a.h", "one"));
	finish(&im, true);
	ck_assert_uint_eq(count("cur"), 1);
	end();
}
END_TEST

START_TEST(what_comes_is_counted_for_the_quota)
{
	struct maildirsize size;
	struct import *im;
	struct fault f;
	char path[128];
	int box;

	begin();
	im = open_import("x");
	snprintf(path, sizeof path, "%s/b/ann", dir);
	box = place_open(path);
	place_put(box, "maildirsize", "1000S\n100 1\n");
	ck_assert(bring(im, "1.a.h", "one"));
	ck_assert(bring(im, "", "four"));
	finish(&im, true);
	ck_assert_int_eq(maildirsize_read(box, &size, &f), 1);
	ck_assert_uint_eq(size.bytes, 107);
	ck_assert_uint_eq(size.messages, 3);
	close(box);
	end();
}
END_TEST

START_TEST(the_same_is_not_imported_twice_at_once)
{
	struct import *first, *second;
	struct fault f;

	begin();
	first = open_import("x");
	ck_assert_ptr_null(import_new(client, &ann, str("x"), &f));
	ck_assert_str_eq(f.dsn, "4.3.2");
	second = open_import("y");
	import_free(&second);
	import_free(&first);
	end();
}
END_TEST

START_TEST(every_folder_of_others_has_a_name_here)
{
	static const struct {
		const char *prefix, *name, *wanted;
	} cases[] = {
	    {"", "INBOX", ""},
	    {"", "", ""},
	    {"", "A//B/", "A/B"},
	    {"", "v1.2/x", "v1_2/x"},
	    {"Old", "inbox", "Old"},
	    {"Old/ann", "Sent", "Old/ann/Sent"},
	    {"", "a\nb\xff", "a_b_"},
	    {"", "..", "__"},
	};
	struct mailbox_folder folder;
	char longest[300];
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert_int_eq(import_map_folder(str(cases[i].prefix),
				     str(cases[i].name), &folder, &f),
		    0);
		ck_assert_str_eq(folder.text, cases[i].wanted);
	}
	ck_assert_int_eq(
	    import_map_dir(str(""), str(".B&APw-cher.x"), &folder, &f), 0);
	ck_assert_str_eq(folder.dir, ".B&APw-cher.x");
	ck_assert_int_eq(
	    import_map_dir(str("O"), str(".B\xc3\xbc.&bad"), &folder, &f), 0);
	ck_assert_str_eq(folder.text, "O/B\xc3\xbc/&bad");
	memset(longest, 'x', sizeof longest);
	ck_assert_int_eq(import_map_folder(str(""),
			     str_n(longest, sizeof longest), &folder, &f),
	    -1);
	ck_assert_str_eq(f.dsn, "5.2.0");
}
END_TEST

UNIT_MAIN("import", a_maildirs_message_keeps_its_name_and_gets_sizes,
    another_message_of_the_same_name_comes_too,
    what_has_no_name_is_known_by_its_bytes,
    what_was_removed_meanwhile_does_not_come_back_before_the_end,
    a_batch_that_was_written_down_gets_its_names_later,
    what_others_have_cleaned_out_of_tmp_is_not_lost,
    what_comes_is_counted_for_the_quota, the_same_is_not_imported_twice_at_once,
    every_folder_of_others_has_a_name_here)
