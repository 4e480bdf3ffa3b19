/* SPDX-License-Identifier: ISC */
/* JSON values: built, read, written, and hostile text. */
#include "config.h"

#include "base/json.h"

#include "tests/unit/unit.h"

static void
check_written(const json_t *value, const char *want)
{
	struct buf b;

	buf_init(&b, 10000);
	json_format(&b, value);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

START_TEST(what_is_built_is_written_in_order_and_read_back)
{
	json_t *object = json_new_object(), *array = json_new_array(), *back;
	struct fault f;
	struct buf b;

	json_put_text(object, "z", "text");
	json_put_int(object, "a", -7);
	json_put_bool(object, "yes", true);
	json_put_bool(object, "no", false);
	json_put(object, "null", json_new_null());
	json_add_text(array, "one");
	json_add(array, json_new_object());
	json_put(object, "list", array);
	check_written(object,
	    "{\"z\":\"text\",\"a\":-7,\"yes\":true,\"no\":false,"
	    "\"null\":null,\"list\":[\"one\",{}]}");
	buf_init(&b, 1000);
	json_format(&b, object);
	back = json_parse(buf_str(&b), &f);
	ck_assert_ptr_nonnull(back);
	ck_assert_str_eq(json_get_text(back, "z"), "text");
	ck_assert_int_eq(json_get_int(back, "a", 0), -7);
	ck_assert(json_get_bool(back, "yes", false));
	ck_assert(!json_get_bool(back, "no", true));
	array = json_get(back, "list");
	ck_assert(json_is_array(array));
	ck_assert_uint_eq(json_len(array), 2);
	ck_assert_str_eq(json_text(json_at(array, 0)), "one");
	ck_assert(json_is_object(json_at(array, 1)));
	ck_assert_ptr_null(json_at(array, 2));
	buf_clear(&b);
	json_free(&back);
	json_free(&object);
	ck_assert_ptr_null(object);
}
END_TEST

START_TEST(a_missing_key_or_another_type_gives_the_fallback)
{
	struct fault f;
	json_t *o = json_parse(STR_LIT("{\"n\":1,\"s\":\"x\",\"r\":1.5}"), &f);

	ck_assert_ptr_nonnull(o);
	ck_assert_ptr_null(json_get_text(o, "n"));
	ck_assert_ptr_null(json_get_text(o, "none"));
	ck_assert_int_eq(json_get_int(o, "s", 9), 9);
	ck_assert_int_eq(json_get_int(o, "r", 9), 9);
	ck_assert(json_get_bool(o, "n", true));
	/* Nor does asking a value that is no object. */
	ck_assert_ptr_null(json_get_text(json_get(o, "s"), "x"));
	ck_assert_ptr_null(json_get(NULL, "x"));
	ck_assert(!json_is_object(NULL));
	ck_assert(!json_is_array(json_get(o, "s")));
	ck_assert_uint_eq(json_len(o), 0);
	json_free(&o);
}
END_TEST

START_TEST(text_that_is_not_utf8_is_mended)
{
	json_t *o = json_new_object();

	json_put_text(o, "latin", "gr\xfc\xdf");
	json_put_str(o, "nul", STR_LIT("a\0b"));
	json_put_text(o, "good", "gr\xc3\xbc\xc3\x9f");
	json_put_text(o, "overlong", "\xc0\xaf");
	json_put_text(o, "none", NULL);
	json_put_text(o, "k\xff", "key");
	check_written(o,
	    "{\"latin\":\"gr\xef\xbf\xbd\xef\xbf\xbd\",\"nul\":\"a\xef\xbf\xbd"
	    "b\",\"good\":\"gr\xc3\xbc\xc3\x9f\",\"overlong\":\"\xef\xbf\xbd"
	    "\xef\xbf\xbd\",\"none\":\"\",\"k\xef\xbf\xbd\":\"key\"}");
	json_free(&o);
}
END_TEST

START_TEST(line_ends_in_text_never_make_a_second_line)
{
	json_t *o = json_new_object();

	json_put_text(o, "x", "a\r\nb\"c\\");
	check_written(o, "{\"x\":\"a\\r\\nb\\\"c\\\\\"}");
	json_free(&o);
}
END_TEST

START_TEST(what_is_no_json_is_a_permanent_fault)
{
	static const char *const bad[] = {"", " ", "{", "{\"a\":1,\"a\":2}",
	    "{\"a\":\"\\u0000\"}", "{\"a\":1} x", "[1,]", "nul", "\"\xff\"",
	    "{'a':1}"};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(
		    json_parse(str(bad[i]), &f) == NULL, "%s", bad[i]);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		ck_assert_str_eq(f.dsn, "5.5.2");
	}
	ck_assert_ptr_null(json_parse((struct str){0}, &f));
}
END_TEST

START_TEST(depth_is_bounded)
{
	struct buf b;
	struct fault f;
	json_t *value;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buf_putc(&b, '[');
	ck_assert_ptr_null(json_parse(buf_str(&b), &f));
	buf_reset(&b);
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, '[');
	for (int i = 0; i < 1000; i++)
		buf_putc(&b, ']');
	value = json_parse(buf_str(&b), &f);
	ck_assert_ptr_nonnull(value);
	json_free(&value);
	buf_clear(&b);
}
END_TEST

START_TEST(pretty_is_for_people)
{
	json_t *o = json_new_object();
	struct buf b;

	json_put_int(o, "a", 1);
	buf_init(&b, 100);
	json_format_pretty(&b, o);
	ck_assert_str_eq(buf_text(&b), "{\n  \"a\": 1\n}");
	buf_clear(&b);
	json_free(&o);
}
END_TEST

UNIT_MAIN("json", what_is_built_is_written_in_order_and_read_back,
    a_missing_key_or_another_type_gives_the_fallback,
    text_that_is_not_utf8_is_mended, line_ends_in_text_never_make_a_second_line,
    what_is_no_json_is_a_permanent_fault, depth_is_bounded,
    pretty_is_for_people)
