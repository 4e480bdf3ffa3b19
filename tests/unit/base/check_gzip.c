/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "base/gzip.h"

#include <zlib.h>

#include "base/mem.h"
#include "tests/unit/unit.h"

/* What a reader of gzip files makes of it. */
static void
check_again(struct str bytes, struct str gzip)
{
	z_stream z = {.avail_in = (uInt)gzip.len};
	unsigned char *out = mem_zeroed(bytes.len + 2, 1);

	z.next_in = (unsigned char *)(uintptr_t)gzip.at;
	z.next_out = out;
	z.avail_out = (uInt)bytes.len + 1;
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.total_out, bytes.len);
	ck_assert_uint_eq(z.avail_in, 0);
	ck_assert(bytes.len == 0 || memcmp(out, bytes.at, bytes.len) == 0);
	inflateEnd(&z);
	mem_free(out);
}

START_TEST(gzip_puts_what_can_be_read_again)
{
	static const size_t sizes[] = {0, 1, 100, 16384, 100000};

	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i / 2];
		char *bytes = mem_zeroed(n + 1, 1);
		struct buf b;

		/* Of one kind, and such as does not get any shorter. */
		srand(1);
		for (size_t k = 0; k < n; k++)
			bytes[k] = (char)(i % 2 == 0 ? 'x' : rand());
		buf_init(&b, 200000);
		gzip_put(&b, str_n(bytes, n));
		ck_assert(!buf_is_full(&b));
		check_again(str_n(bytes, n), buf_str(&b));
		if (i % 2 == 0 && n > 1000)
			ck_assert_uint_lt(buf_len(&b), n / 10);
		buf_clear(&b);
		mem_free(bytes);
	}
}
END_TEST

START_TEST(gzip_keeps_to_the_room_there_is)
{
	struct buf b;

	buf_init(&b, 10);
	gzip_put(&b, str("a text that needs more than that"));
	ck_assert(buf_is_full(&b));
	ck_assert_uint_le(buf_len(&b), 10);
	buf_clear(&b);
}
END_TEST

UNIT_MAIN(
    "gzip", gzip_puts_what_can_be_read_again, gzip_keeps_to_the_room_there_is)
