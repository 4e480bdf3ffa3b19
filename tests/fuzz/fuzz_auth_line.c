/* SPDX-License-Identifier: ISC */
/* proto/auth_line.h. The first byte bounds the length of a field. */
#include "config.h"

#include "proto/auth_line.h"

#include "tests/fuzz/fuzz.h"

/* Whatever is taken for fields is written as a line that has the same. */
static void
check_reading(struct str line, size_t max)
{
	struct str rest = line, before;
	struct buf field, again, back;
	size_t n = 0;

	buf_init(&field, max);
	buf_init(&back, max);
	buf_init(&again, 2 * line.len + 2);
	while (before = rest, auth_line_next(&rest, &field)) {
		struct str one;

		FUZZ_CHECK(rest.at == NULL || rest.len < before.len);
		FUZZ_CHECK(buf_len(&field) <= before.len - rest.len);
		n++;
		/* The first field of a line may be empty only by itself. */
		buf_reset(&again);
		buf_puts(&again, "x");
		auth_line_put(&again, buf_str(&field));
		one = str_from(buf_str(&again), 2);
		FUZZ_CHECK(!str_has(one, '\t') && !str_has(one, '\n') &&
			   !str_has(one, '\r') && !str_has(one, '\0'));
		FUZZ_CHECK(auth_line_next(&one, &back) && one.at == NULL);
		FUZZ_CHECK(str_is(buf_str(&back), buf_str(&field)));
	}
	FUZZ_CHECK(rest.at == before.at && rest.len == before.len);
	FUZZ_CHECK(n <= line.len + 1);
	buf_clear(&field);
	buf_clear(&again);
	buf_clear(&back);
}

/* Fields of any bytes, here the input cut at its semicolons, come back. */
static void
check_writing(struct str in)
{
	struct str rest = in, wire;
	struct buf line, field;

	buf_init(&line, 2 * in.len + 10);
	buf_init(&field, in.len);
	auth_line_put(&line, STR_LIT("AUTH"));
	while (rest.len > 0)
		auth_line_put(&line, str_cut(&rest, ';'));
	auth_line_end(&line);
	FUZZ_CHECK(!buf_is_full(&line));
	wire = buf_str(&line);
	FUZZ_CHECK(str_find(wire, '\n') == wire.len - 1);
	wire.len--;
	FUZZ_CHECK(str_is(str_cut(&wire, '\t'), STR_LIT("AUTH")));
	for (rest = in; rest.len > 0;) {
		FUZZ_CHECK(auth_line_next(&wire, &field));
		FUZZ_CHECK(str_is(buf_str(&field), str_cut(&rest, ';')));
	}
	FUZZ_CHECK(!auth_line_next(&wire, &field) && wire.at == NULL);
	buf_clear(&line);
	buf_clear(&field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	size_t max = 1 + fuzz_take_byte(&in);

	check_reading(in, max);
	check_reading(in, AUTH_LINE_MAX);
	check_writing(in);
	return 0;
}
