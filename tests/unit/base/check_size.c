/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/size.h"

#include "tests/unit/unit.h"

START_TEST(a_size_has_the_unit_that_fits)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
	    {0, "0 B"},
	    {1023, "1023 B"},
	    {1024, "1.0 KiB"},
	    {1536, "1.5 KiB"},
	    {1048575, "1.0 MiB"},
	    {UINT64_C(5) << 30, "5.0 GiB"},
	    {UINT64_C(1) << 53, "8192.0 TiB"},
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&b);
		size_put(&b, cases[i].bytes);
		ck_assert_str_eq(buf_text(&b), cases[i].text);
	}
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("size", a_size_has_the_unit_that_fits)
