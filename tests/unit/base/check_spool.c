/* SPDX-License-Identifier: ISC */
/* A body in memory, in a file, and in both. */
#include "config.h"

#include "base/spool.h"

#include <dirent.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include <stdio.h>

#include "tests/unit/unit.h"

static char dir[64];

static void
make_dir(void)
{
	snprintf(dir, sizeof dir, "/tmp/check_spool.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

/* A byte that tells its place. */
static char
byte_at(uint64_t i)
{
	return (char)(i * 31 + i / 251);
}

static int
check_piece(void *ctx, struct str bytes, struct fault *f)
{
	uint64_t *at = ctx;

	(void)f;
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.at[i] != byte_at((*at)++))
			return -1;
	return 0;
}

static struct spool *
fill(uint64_t size, size_t in_memory, size_t piece)
{
	struct spool *s = spool_new(dir, in_memory);
	char bytes[100000];
	struct fault f;

	for (uint64_t at = 0; at < size;) {
		size_t n = piece < size - at ? piece : (size_t)(size - at);

		for (size_t i = 0; i < n; i++)
			bytes[i] = byte_at(at + i);
		ck_assert_int_eq(spool_put(s, str_n(bytes, n), &f), 0);
		at += n;
	}
	ck_assert_uint_eq(spool_size(s), size);
	return s;
}

START_TEST(all_comes_back_in_order_as_often_as_asked)
{
	static const struct {
		uint64_t size;
		size_t in_memory, piece;
	} cases[] = {{0, 1000, 1}, {1, 1000, 1}, {65536, 65536, 4096},
	    {65537, 65536, 4096}, {300000, 65536, 777}, {300000, 65536, 100000},
	    {1000000, 262144, 65536}, {70000, 0, 70000}};

	make_dir();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct spool *s =
		    fill(cases[i].size, cases[i].in_memory, cases[i].piece);
		struct fault f;

		for (int again = 0; again < 2; again++) {
			uint64_t at = 0;

			ck_assert_int_eq(
			    spool_each(s, check_piece, &at, &f), 0);
			ck_assert_uint_eq(at, cases[i].size);
		}
		spool_free(&s);
		ck_assert_ptr_null(s);
	}
	/* Nothing is left, whatever was on disk. */
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

static int
refuse_second(void *ctx, struct str bytes, struct fault *f)
{
	int *calls = ctx;

	(void)bytes;
	return ++*calls == 2 ? fault_perm(f, "5.9.9", "enough") : 0;
}

START_TEST(a_piece_that_is_refused_ends_the_reading)
{
	struct spool *s;
	struct fault f;
	int calls = 0;

	make_dir();
	s = fill(400000, 65536, 5000);
	ck_assert_int_eq(spool_each(s, refuse_second, &calls, &f), -1);
	ck_assert_int_eq(calls, 2);
	ck_assert_str_eq(f.dsn, "5.9.9");
	spool_free(&s);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_a_temporary_fault)
{
	static const char bytes[70000];
	struct spool *s = spool_new("/nonexistent/folder", 0);
	struct fault f;

	ck_assert_int_eq(spool_put(s, str_n(bytes, sizeof bytes), &f), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	spool_free(&s);
}
END_TEST

START_TEST(a_disk_that_is_full_is_a_temporary_fault)
{
	const struct rlimit small = {100000, 100000};
	static const char bytes[50000];
	struct spool *s;
	struct fault f;
	int rc = 0;

	make_dir();
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	s = spool_new(dir, 0);
	for (int i = 0; rc == 0 && i < 10; i++)
		rc = spool_put(s, str_n(bytes, sizeof bytes), &f);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	spool_free(&s);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("spool", all_comes_back_in_order_as_often_as_asked,
    a_piece_that_is_refused_ends_the_reading,
    a_folder_that_is_not_there_is_a_temporary_fault,
    a_disk_that_is_full_is_a_temporary_fault)
