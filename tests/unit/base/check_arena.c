/* SPDX-License-Identifier: ISC */
/* Arenas: alignment, large pieces, use after clearing. */
#include "config.h"

#include "base/arena.h"

#include <stdint.h>

#include "tests/unit/unit.h"

START_TEST(arena_pieces_are_zeroed_aligned_and_apart)
{
	struct arena a = {0};
	char *last = NULL;

	for (size_t size = 1; size < 3000; size += 7) {
		char *p = arena_take(&a, size);

		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_int_eq(p[i], 0);
		memset(p, 'x', size);
		if (last != NULL)
			ck_assert_int_eq(last[0], 'x');
		last = p;
	}
	arena_clear(&a);
	ck_assert_ptr_null(a.blocks);
}
END_TEST

START_TEST(arena_text_ends_in_nul)
{
	struct arena a;
	struct str s;

	arena_init(&a);
	s = arena_str(&a, str_n("abcdef", 3));
	ck_assert_view_eq(s, "abc");
	ck_assert_int_eq(s.at[3], '\0');
	ck_assert_str_eq(arena_putf(&a, "%s-%d", "x", 5), "x-5");
	ck_assert_str_eq(arena_text(&a, str_n(NULL, 0)), "");
	arena_clear(&a);
}
END_TEST

UNIT_MAIN(
    "arena", arena_pieces_are_zeroed_aligned_and_apart, arena_text_ends_in_nul)
