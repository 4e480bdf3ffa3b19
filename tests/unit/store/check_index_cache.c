/* SPDX-License-Identifier: ISC */
/* store/index_cache.c: how much memory an index gets. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/index_private.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];

/* A table of so many bytes, which take no room. */
static void
make_table(const char *name, off_t size)
{
	char path[100];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, size), 0);
	close(fd);
}

static void
remove_table(const char *name)
{
	char path[100];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(an_index_has_room_and_some_to_grow_within_reason)
{
	uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) *
			(uint64_t)sysconf(_SC_PAGESIZE) / 8;

	place_make(dir, "index_cache");
	ck_assert_uint_eq(index_cache_size(dir), 32 << 20);
	make_table("messages.db", 30 << 20);
	make_table("folders.db", 10 << 20);
	make_table("log.0000000001", 500 << 20);
	ck_assert_uint_eq(index_cache_size(dir),
	    most < 50 << 20 ? (most < 32 << 20 ? 32 << 20 : most) : 50 << 20);
	make_table("messages.db", (off_t)1 << 41);
	ck_assert_uint_eq(
	    index_cache_size(dir), most < 32 << 20 ? 32 << 20 : most);
	remove_table("messages.db");
	remove_table("folders.db");
	remove_table("log.0000000001");
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_uint_eq(index_cache_size(dir), 32 << 20);
}
END_TEST

UNIT_MAIN("index_cache", an_index_has_room_and_some_to_grow_within_reason)
