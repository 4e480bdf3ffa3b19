/* SPDX-License-Identifier: ISC */
/* A folder of the test's own, and the files in it. What fails here fails the
 * test. A path begins at the directory `at`. */
#ifndef TESTS_UNIT_PLACE_H
#define TESTS_UNIT_PLACE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum { PLACE_SIZE = 64 };

/* Makes a new folder, and says in dir which; name is the test's, and short. */
static inline void
place_make(char dir[PLACE_SIZE], const char *name)
{
	snprintf(dir, PLACE_SIZE, "/tmp/check_%s.XXXXXX", name);
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

/* The directory, open; the caller closes it. */
static inline int
place_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s", path);
	return fd;
}

static inline int
place_remove_one(
    const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* The folder and all in it; links are not followed. */
static inline void
place_remove(const char *path)
{
	ck_assert_int_eq(
	    nftw(path, place_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void
place_fill(int at, const char *path, int how, const char *text)
{
	int fd = openat(at, path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);

	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* A file with this text that was not there. */
static inline void
place_put(int at, const char *path, const char *text)
{
	place_fill(at, path, O_EXCL, text);
}

/* The same, and if it was there it has only this text now. */
static inline void
place_write(int at, const char *path, const char *text)
{
	place_fill(at, path, O_TRUNC, text);
}

/* Whatever it is, a link that leads nowhere too. */
static inline bool
place_has(int at, const char *path)
{
	return faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How many names without a leading dot a directory has, 0 for one that is not
 * there. name may be NULL, else it gets the first that was read. */
static inline size_t
place_list(const char *path, char *name, size_t size)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	size_t n = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' && n++ == 0 && name != NULL)
			snprintf(name, size, "%s", e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return n;
}

static size_t place_files;

static inline int
place_count_one(
    const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	place_files += flag == FTW_F;
	return 0;
}

/* The files in a folder and all below it; 0 if it is not there. */
static inline size_t
place_count_all(const char *path)
{
	place_files = 0;
	(void)nftw(path, place_count_one, 16, FTW_PHYS);
	return place_files;
}

#endif
