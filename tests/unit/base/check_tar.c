/* SPDX-License-Identifier: ISC */
/* base/tar.h: what is put in comes out. */
#include "config.h"

#include "base/tar.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/unit/unit.h"

static const struct {
	const char *path, *text;
	int64_t mtime;
} files[] = {
    {"cur/1700000000.a.h,S=5:2,FS", "text\n", 1600000000},
    {".B&APw-cher/new/1.b.h", "", 1},
    {"x/0123456789012345678901234567890123456789012345678901234567890123456"
     "78901234567890123456789012345678901234567890123456789012345678901234"
     "5678901234567890",
	"long", 5000000000},
};

static void
write_all(int fd, bool gzip)
{
	struct fault f = {0};
	struct tar_writer *w = tar_writer_new(fd, gzip, &f);

	ck_assert_ptr_nonnull(w);
	ck_assert_int_eq(
	    tar_begin(w, &(struct tar_file){.path = "cur", .is_dir = true}, &f),
	    0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		const struct tar_file file = {
		    .path = files[i].path,
		    .size = strlen(files[i].text),
		    .mtime = files[i].mtime,
		};

		ck_assert_int_eq(tar_begin(w, &file, &f), 0);
		ck_assert_int_eq(tar_put(w, str(files[i].text), &f), 0);
	}
	ck_assert_int_eq(tar_end(w, &f), 0);
	tar_writer_free(&w);
}

static int
gather(void *ctx, struct str bytes, struct fault *f)
{
	(void)f;
	buf_put_str(ctx, bytes);
	return 0;
}

static void
read_all(int fd)
{
	struct fault f = {0};
	struct tar_reader *r = tar_reader_new(fd, &f);
	struct tar_file file;
	struct buf b;

	ck_assert_ptr_nonnull(r);
	ck_assert_int_eq(tar_next(r, &file, &f), 1);
	ck_assert(file.is_dir && !file.is_regular);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		ck_assert_msg(tar_next(r, &file, &f) == 1, "%s", f.text);
		ck_assert_str_eq(file.path, files[i].path);
		ck_assert(!file.is_dir && file.is_regular);
		ck_assert_int_eq(file.mtime, files[i].mtime);
		ck_assert_uint_eq(file.size, strlen(files[i].text));
		buf_init(&b, 1024);
		ck_assert_int_eq(tar_read(r, gather, &b, &f), 0);
		ck_assert_str_eq(buf_text(&b), files[i].text);
		buf_clear(&b);
	}
	ck_assert_int_eq(tar_next(r, &file, &f), 0);
	tar_reader_free(&r);
}

START_TEST(an_archive_gives_back_what_was_put_into_it)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		int fd = memfd_create("tar", MFD_CLOEXEC);

		ck_assert_int_ge(fd, 0);
		write_all(fd, gzip);
		ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
		read_all(fd);
		close(fd);
	}
}
END_TEST

START_TEST(a_damaged_archive_is_a_permanent_fault)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct tar_reader *r;
	struct tar_file file;
	struct fault f = {0};
	int rc = 1;

	ck_assert_int_ge(fd, 0);
	write_all(fd, true);
	ck_assert_int_eq(ftruncate(fd, lseek(fd, 0, SEEK_END) / 2), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	r = tar_reader_new(fd, &f);
	while (r != NULL && rc > 0)
		rc = tar_next(r, &file, &f);
	if (r == NULL)
		rc = -1;
	ck_assert_int_eq(rc, -1);
	ck_assert_str_eq(f.dsn, "5.6.0");
	tar_reader_free(&r);
	close(fd);
}
END_TEST

START_TEST(what_is_no_archive_is_refused)
{
	int fd = memfd_create("tar", MFD_CLOEXEC);
	struct tar_reader *r;
	struct tar_file file;
	struct fault f = {0};

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "From a@b", 8), 8);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	r = tar_reader_new(fd, &f);
	if (r != NULL)
		ck_assert_int_eq(tar_next(r, &file, &f), -1);
	ck_assert_str_eq(f.dsn, "5.6.0");
	tar_reader_free(&r);
	close(fd);
}
END_TEST

START_TEST(a_full_disk_is_a_temporary_fault)
{
	FILE *full = fopen("/dev/full", "w");
	struct fault f = {0};
	struct tar_writer *w = tar_writer_new(fileno(full), false, &f);
	static char bytes[1 << 20];
	const struct tar_file file = {.path = "x", .size = sizeof bytes};
	int rc = -1;

	ck_assert_ptr_nonnull(w);
	if (tar_begin(w, &file, &f) == 0 &&
	    tar_put(w, str_n(bytes, sizeof bytes), &f) == 0)
		rc = tar_end(w, &f);
	ck_assert_int_eq(rc, -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	tar_writer_free(&w);
	fclose(full);
}
END_TEST

UNIT_MAIN("tar", an_archive_gives_back_what_was_put_into_it,
    a_damaged_archive_is_a_permanent_fault, what_is_no_archive_is_refused,
    a_full_disk_is_a_temporary_fault)
