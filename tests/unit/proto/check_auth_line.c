/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/auth_line.h"

#include "tests/unit/unit.h"

#define BYTES(lit)                   \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const struct {
	struct str raw, wire;
} fields[] = {
    {BYTES(""), BYTES("")},
    {BYTES("AUTH"), BYTES("AUTH")},
    {BYTES("a b=c"), BYTES("a b=c")},
    {BYTES("\t"), BYTES("\001t")},
    {BYTES("\r\n"), BYTES("\001r\001n")},
    {BYTES("a\0b\001c"), BYTES("a\0010b\0011c")},
    {BYTES("\001t"), BYTES("\0011t")},
    {BYTES("\xff\xc3\xa9"), BYTES("\xff\xc3\xa9")},
};

START_TEST(a_field_is_escaped_and_back)
{
	struct buf line, field;
	struct str rest;

	buf_init(&line, AUTH_LINE_MAX);
	buf_init(&field, AUTH_LINE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		buf_reset(&line);
		auth_line_put(&line, str("X"));
		auth_line_put(&line, fields[i].raw);
		rest = buf_str(&line);
		ck_assert(str_is(str_from(rest, 2), fields[i].wire));
		ck_assert(auth_line_next(&rest, &field));
		ck_assert_view_eq(buf_str(&field), "X");
		ck_assert(auth_line_next(&rest, &field));
		ck_assert(str_is(buf_str(&field), fields[i].raw));
		ck_assert(!auth_line_next(&rest, &field));
		ck_assert_ptr_null(rest.at);
	}
	buf_clear(&line);
	buf_clear(&field);
}
END_TEST

START_TEST(a_field_from_outside_cannot_forge_another)
{
	struct buf line;

	buf_init(&line, AUTH_LINE_MAX);
	auth_line_put(&line, str("AUTH"));
	auth_line_putf(&line, "%u", 7u);
	auth_line_putf(&line, "session=%s", "x\tnologin\nAUTH\t8");
	auth_line_end(&line);
	auth_line_put(&line, str("CONT"));
	auth_line_end(&line);
	ck_assert_str_eq(buf_text(&line),
	    "AUTH\t7\tsession=x\001tnologin\001nAUTH\001t8\nCONT\n");
	buf_clear(&line);
}
END_TEST

START_TEST(a_bad_escape_is_no_field)
{
	static const struct str lines[] = {
	    BYTES("\001"), BYTES("a\001"), BYTES("a\001x"), BYTES("\001\tb")};
	struct buf field;

	buf_init(&field, AUTH_LINE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct str rest = lines[i];

		ck_assert(!auth_line_next(&rest, &field));
		ck_assert_ptr_eq(rest.at, lines[i].at);
	}
	buf_clear(&field);
}
END_TEST

START_TEST(empty_fields_count)
{
	struct str rest = str("a\t\tb\t");
	static const char *const expected[] = {"a", "", "b", ""};
	struct buf field;

	buf_init(&field, AUTH_LINE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		ck_assert(auth_line_next(&rest, &field));
		ck_assert_view_eq(buf_str(&field), expected[i]);
	}
	ck_assert(!auth_line_next(&rest, &field));
	buf_clear(&field);
}
END_TEST

START_TEST(what_is_too_long_is_said)
{
	struct buf line, field;
	struct str rest = str("abcdef");

	buf_init(&field, 5);
	ck_assert(!auth_line_next(&rest, &field));
	ck_assert_view_eq(rest, "abcdef");
	buf_init_secret(&line, 10);
	auth_line_putf(&line, "%s", "12345678901");
	ck_assert(buf_is_full(&line));
	buf_clear(&line);
	buf_init(&line, 2 * AUTH_LINE_MAX);
	auth_line_putf(&line, "%*s", AUTH_LINE_MAX + 1, "");
	ck_assert(buf_is_full(&line));
	buf_clear(&line);
	buf_clear(&field);
}
END_TEST

UNIT_MAIN("auth_line", a_field_is_escaped_and_back,
    a_field_from_outside_cannot_forge_another, a_bad_escape_is_no_field,
    empty_fields_count, what_is_too_long_is_said)
