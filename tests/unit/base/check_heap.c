/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/heap.h"

#include "tests/unit/unit.h"

START_TEST(a_heap_gives_the_earliest_whatever_was_moved)
{
	struct heap_node nodes[100] = {0};
	struct heap h = {0};
	int64_t before = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 100; i++)
		heap_put(&h, &nodes[i], i * 37 % 101);
	for (unsigned i = 0; i < 100; i += 3)
		heap_put(&h, &nodes[i], i * 53 % 97);
	for (unsigned i = 0; i < 100; i += 5)
		heap_remove(&h, &nodes[i]);
	for (struct heap_node *first; (first = heap_first(&h)) != NULL; n++) {
		ck_assert_int_ge(first->at, before);
		before = first->at;
		heap_remove(&h, first);
	}
	ck_assert_uint_eq(n, 80);
	heap_clear(&h);
}
END_TEST

UNIT_MAIN("heap", a_heap_gives_the_earliest_whatever_was_moved)
