/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/map.h"

#include "tests/unit/unit.h"

struct item {
	struct map_node node;
	unsigned number;
};

static bool
is_item(const struct map_node *node, const void *key)
{
	return ((const struct item *)node)->number == *(const unsigned *)key;
}

START_TEST(a_map_finds_what_was_added_and_not_removed)
{
	static struct item items[1000];
	struct map m = {0};

	for (unsigned i = 0; i < 1000; i++) {
		items[i].number = i;
		/* Many share a hash. */
		map_add(&m, &items[i].node, i / 10);
	}
	for (unsigned i = 0; i < 1000; i += 2)
		map_remove(&m, &items[i].node);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert_ptr_eq(map_find(&m, i / 10, is_item, &i),
		    i % 2 == 0 ? NULL : &items[i].node);
	map_clear(&m);
}
END_TEST

UNIT_MAIN("map", a_map_finds_what_was_added_and_not_removed)
