/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/saslauthd.h"

#include "tests/unit/unit.h"

static struct buf in;

static void
put(struct str s)
{
	buf_putc(&in, (char)(s.len >> 8));
	buf_putc(&in, (char)(s.len & 0xff));
	buf_put_str(&in, s);
}

static void
put_four(void)
{
	buf_init(&in, 10000);
	put(STR_LIT("ann"));
	put(STR_LIT("a\0b"));
	put(STR_LIT("smtp"));
	put(STR_LIT("example.org"));
}

static void
assert_four(const struct saslauthd_request *r)
{
	ck_assert_view_eq(r->user, "ann");
	ck_assert(str_is(r->password, STR_LIT("a\0b")));
	ck_assert_view_eq(r->service, "smtp");
	ck_assert_view_eq(r->realm, "example.org");
}

START_TEST(four_strings_are_a_request)
{
	struct saslauthd_request r;
	size_t used = 0;

	put_four();
	ck_assert_int_eq(saslauthd_take(buf_str(&in), &r, &used), SASLAUTHD_OK);
	ck_assert_uint_eq(used, buf_len(&in));
	assert_four(&r);
	ck_assert_uint_eq(r.client.len, 0);
	for (size_t n = 0; n < buf_len(&in); n++)
		ck_assert_int_eq(
		    saslauthd_take(str_head(buf_str(&in), n), &r, &used),
		    SASLAUTHD_MORE);
	buf_clear(&in);
}
END_TEST

START_TEST(a_fifth_string_is_the_client)
{
	struct saslauthd_request r;
	size_t used = 0, four;

	put_four();
	four = buf_len(&in);
	put(STR_LIT("192.0.2.1"));
	ck_assert_int_eq(saslauthd_take(buf_str(&in), &r, &used), SASLAUTHD_OK);
	ck_assert_uint_eq(used, buf_len(&in));
	assert_four(&r);
	ck_assert_view_eq(r.client, "192.0.2.1");
	for (size_t n = four + 1; n < buf_len(&in); n++)
		ck_assert_int_eq(
		    saslauthd_take(str_head(buf_str(&in), n), &r, &used),
		    SASLAUTHD_MORE);
	buf_clear(&in);
}
END_TEST

START_TEST(empty_strings_are_strings)
{
	struct saslauthd_request r;
	size_t used = 0;

	ck_assert_int_eq(
	    saslauthd_take(STR_LIT("\0\0\0\0\0\0\0\0\0\0"), &r, &used),
	    SASLAUTHD_OK);
	ck_assert_uint_eq(used, 10);
	ck_assert_uint_eq(
	    r.user.len + r.password.len + r.service.len + r.realm.len, 0);
}
END_TEST

START_TEST(a_length_has_a_bound)
{
	static const char longest[SASLAUTHD_FIELD_MAX + 1];
	struct saslauthd_request r;
	size_t used;

	buf_init(&in, 10000);
	put(str_n(longest, SASLAUTHD_FIELD_MAX));
	ck_assert_int_eq(
	    saslauthd_take(buf_str(&in), &r, &used), SASLAUTHD_MORE);
	/* It is refused before it is there. */
	put(str_n(longest, SASLAUTHD_FIELD_MAX + 1));
	buf_truncate(&in, 2 + SASLAUTHD_FIELD_MAX + 2);
	ck_assert_int_eq(
	    saslauthd_take(buf_str(&in), &r, &used), SASLAUTHD_BAD);
	ck_assert_int_eq(
	    saslauthd_take(STR_LIT("\xff\xff"), &r, &used), SASLAUTHD_BAD);
	buf_clear(&in);
}
END_TEST

START_TEST(an_answer_is_a_string)
{
	struct buf out;

	buf_init(&out, 100);
	saslauthd_put_answer(&out, true);
	saslauthd_put_answer(&out, false);
	ck_assert(str_is(buf_str(&out), STR_LIT("\0\2OK\0\2NO")));
	buf_clear(&out);
}
END_TEST

UNIT_MAIN("saslauthd", four_strings_are_a_request, a_fifth_string_is_the_client,
    empty_strings_are_strings, a_length_has_a_bound, an_answer_is_a_string)
