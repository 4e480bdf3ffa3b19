/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/quota_level.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/place.h"
#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

START_TEST(a_level_is_kept_until_it_is_another)
{
	char dir[PLACE_SIZE];
	struct mailbox_name ann;
	struct fault f;
	int root, fd;

	place_make(dir, "quota_level");
	root = place_open(dir);
	ann = mailbox_named("ann@b");
	ck_assert_uint_eq(quota_level_get(root, &ann), 0);
	ck_assert_int_eq(quota_level_put(root, &ann, 0, &f), 0);
	/* There is no mailbox. */
	ck_assert_int_eq(quota_level_put(root, &ann, 80, &f), -1);
	ck_assert_int_eq(mkdirat(root, "b", 0700), 0);
	ck_assert_int_eq(mkdirat(root, "b/ann", 0700), 0);
	ck_assert_int_eq(quota_level_put(root, &ann, 80, &f), 0);
	ck_assert_uint_eq(quota_level_get(root, &ann), 80);
	ck_assert_int_eq(quota_level_put(root, &ann, 5, &f), 0);
	ck_assert_uint_eq(quota_level_get(root, &ann), 5);
	fd = openat(root, "b/ann/posthouse/warned", O_WRONLY | O_TRUNC);
	ck_assert_int_eq(write(fd, "9x\n", 3), 3);
	close(fd);
	ck_assert_uint_eq(quota_level_get(root, &ann), 0);
	ck_assert_int_eq(quota_level_put(root, &ann, 0, &f), 0);
	ck_assert_int_eq(unlinkat(root, "b/ann/posthouse", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(root, "b/ann", AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(root, "b", AT_REMOVEDIR), 0);
	close(root);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

UNIT_MAIN("quota_level", a_level_is_kept_until_it_is_another)
