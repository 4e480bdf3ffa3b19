/* SPDX-License-Identifier: ISC */
/* JSON as people read it. */
#include "config.h"

#include "admin/table.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/unit.h"

static const struct table_column columns[] = {
    {"NAME", "name", TABLE_TEXT},
    {"SIZE", "bytes", TABLE_SIZE},
    {"TARGETS", "targets", TABLE_LIST},
    {0},
};

static json_t *
parsed(const char *text)
{
	struct fault f;
	json_t *value = json_parse(str(text), &f);

	ck_assert_msg(value != NULL, "%s", f.text);
	return value;
}

static void
assert_cell(enum table_kind kind, const char *json, const char *wanted)
{
	const struct table_column column = {"X", "x", kind};
	json_t *object = parsed(json);
	struct buf b;

	buf_init(&b, 4096);
	table_format(&b, &column, object);
	ck_assert_msg(strcmp(buf_text(&b), wanted) == 0,
	    "%s is \"%s\", not \"%s\"", json, buf_text(&b), wanted);
	buf_clear(&b);
	json_free(&object);
}

START_TEST(table_format_shows_values_as_people_read_them)
{
	static const struct {
		enum table_kind kind;
		const char *json, *wanted;
	} cases[] = {
	    {TABLE_TEXT, "{\"x\": \"ann@example.org\"}", "ann@example.org"},
	    {TABLE_TEXT, "{\"x\": 5}", ""},
	    {TABLE_TEXT, "{}", ""},
	    {TABLE_LIST, "{\"x\": []}", ""},
	    {TABLE_LIST, "{\"x\": [\"a\", \"b\"]}", "a, b"},
	    {TABLE_LIST, "{\"x\": [\"a\", 1]}", "a, ?"},
	    {TABLE_BOOL, "{\"x\": true}", "yes"},
	    {TABLE_BOOL, "{\"x\": false}", ""},
	    {TABLE_NUMBER, "{\"x\": 0}", "0"},
	    {TABLE_NUMBER, "{\"x\": 123456}", "123456"},
	    {TABLE_NUMBER, "{}", ""},
	    {TABLE_SIZE, "{\"x\": 0}", "0 B"},
	    {TABLE_SIZE, "{\"x\": 1023}", "1023 B"},
	    {TABLE_SIZE, "{\"x\": 1024}", "1.0 KiB"},
	    {TABLE_SIZE, "{\"x\": 1536}", "1.5 KiB"},
	    {TABLE_SIZE, "{\"x\": 1048575}", "1.0 MiB"},
	    {TABLE_SIZE, "{\"x\": 5368709120}", "5.0 GiB"},
	    {TABLE_SIZE, "{\"x\": 9007199254740992}", "8192.0 TiB"},
	    {TABLE_SIZE_LIMIT, "{\"x\": 1536}", "1.5 KiB"},
	    {TABLE_SIZE_LIMIT, "{\"x\": -1}", "no limit"},
	    {TABLE_LIMIT, "{\"x\": 12}", "12"},
	    {TABLE_LIMIT, "{\"x\": -1}", "no limit"},
	    {TABLE_DATE, "{\"x\": 0}", "-"},
	    {TABLE_DATE, "{\"x\": 1764000338}", "2025-11-24 16:05"},
	    {TABLE_SPAN, "{\"x\": 0}", "0s"},
	    {TABLE_SPAN, "{\"x\": 61}", "1m 1s"},
	    {TABLE_SPAN, "{\"x\": 7322}", "2h 2m"},
	    {TABLE_SPAN, "{\"x\": 266400}", "3d 2h"},
	};

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_cell(cases[i].kind, cases[i].json, cases[i].wanted);
}
END_TEST

START_TEST(table_format_lets_no_control_reach_the_terminal)
{
	assert_cell(
	    TABLE_TEXT, "{\"x\": \"a\\u001b[31m\\r\\n\\u007f\"}", "a?[31m???");
	assert_cell(TABLE_TEXT, "{\"x\": \"a\\u009b31m\"}", "a?31m");
	assert_cell(TABLE_LIST, "{\"x\": [\"\\u0007\"]}", "?");
	assert_cell(TABLE_TEXT, "{\"x\": \"\\u00a0\\u00e9\"}", "\u00a0\u00e9");
}
END_TEST

/* What the rows look like; the caller frees it. */
static char *
printed(const char *const *rows, size_t n, size_t flush_after)
{
	struct table t;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_init(&t, out, columns);
	for (size_t i = 0; i < n; i++) {
		json_t *row = parsed(rows[i]);

		table_add(&t, row);
		json_free(&row);
		if (i + 1 == flush_after)
			table_flush(&t);
	}
	table_flush(&t);
	table_clear(&t);
	fclose(out);
	return text;
}

START_TEST(table_aligns_columns_and_has_no_blanks_at_the_end)
{
	static const char *const rows[] = {
	    "{\"name\": \"a\", \"bytes\": 5, \"targets\": [\"x\"]}",
	    "{\"name\": \"j\u00f6rg\u00e9\", \"bytes\": 2048}",
	};
	char *text = printed(rows, 2, 0);

	ck_assert_str_eq(text, "NAME      SIZE  TARGETS\n"
			       "a          5 B  x\n"
			       "j\u00f6rg\u00e9  2.0 KiB\n");
	free(text);
}
END_TEST

START_TEST(table_keeps_its_columns_from_page_to_page)
{
	static const char *const rows[] = {
	    "{\"name\": \"long-name\", \"bytes\": 1}",
	    "{\"name\": \"a\", \"bytes\": 1}",
	    "{\"name\": \"longer-than-all\", \"bytes\": 1}",
	};
	char *text = printed(rows, 3, 1);

	ck_assert_str_eq(text, "NAME       SIZE  TARGETS\n"
			       "long-name   1 B\n"
			       "a                 1 B\n"
			       "longer-than-all   1 B\n");
	free(text);
}
END_TEST

START_TEST(table_without_rows_prints_nothing)
{
	char *text = printed(NULL, 0, 0);

	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(table_prints_more_rows_than_it_holds)
{
	enum { ROWS = 2 * TABLE_ROWS_MAX + 3 };
	static const char *rows[ROWS];
	unsigned lines = 0;
	char *text;

	for (size_t i = 0; i < ROWS; i++)
		rows[i] = "{\"name\": \"x\"}";
	text = printed(rows, ROWS, 0);
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	ck_assert_uint_eq(lines, ROWS + 1);
	free(text);
}
END_TEST

START_TEST(table_print_fields_aligns_values_and_leaves_out_what_is_missing)
{
	static const struct table_column fields[] = {
	    {"mailbox", "mailbox", TABLE_TEXT},
	    {"size", "bytes", TABLE_SIZE},
	    {"folders", "folders", TABLE_NUMBER},
	    {0},
	};
	json_t *object = parsed("{\"mailbox\": \"a@b\", \"folders\": 2}");
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	table_print_fields(out, fields, object);
	fclose(out);
	ck_assert_str_eq(text, "mailbox: a@b\nfolders: 2\n");
	free(text);
	json_free(&object);
}
END_TEST

UNIT_MAIN("table", table_format_shows_values_as_people_read_them,
    table_format_lets_no_control_reach_the_terminal,
    table_aligns_columns_and_has_no_blanks_at_the_end,
    table_keeps_its_columns_from_page_to_page,
    table_without_rows_prints_nothing, table_prints_more_rows_than_it_holds,
    table_print_fields_aligns_values_and_leaves_out_what_is_missing)
