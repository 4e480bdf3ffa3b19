/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/quota_value.h"

#include "tests/unit/unit.h"

START_TEST(what_is_put_is_parsed_again)
{
	const struct quota_value v = {STR_LIT("ann@example.org"), 1, 2, 3, 4};
	struct quota_value again;
	struct buf b;

	buf_init(&b, 1000);
	quota_value_put(&b, &v);
	ck_assert_str_eq(buf_text(&b),
	    "user=ann@example.org bytes=1 messages=2 domain_bytes=3 "
	    "domain_messages=4");
	ck_assert(quota_value_parse(buf_str(&b), &again));
	ck_assert_view_eq(again.user, "ann@example.org");
	ck_assert_uint_eq(again.bytes, 1);
	ck_assert_uint_eq(again.messages, 2);
	ck_assert_uint_eq(again.domain_bytes, 3);
	ck_assert_uint_eq(again.domain_messages, 4);
	buf_clear(&b);
}
END_TEST

START_TEST(what_is_not_known_is_no_limit)
{
	struct quota_value v;

	ck_assert(quota_value_parse(
	    STR_LIT("later=x bytes=-1 user=a messages=1e9 x"), &v));
	ck_assert_uint_eq(v.bytes, 0);
	ck_assert_uint_eq(v.messages, 0);
	ck_assert(!quota_value_parse(STR_LIT("bytes=5"), &v));
	ck_assert(!quota_value_parse(STR_LIT("user= bytes=5"), &v));
	ck_assert(!quota_value_parse(STR_LIT(""), &v));
}
END_TEST

START_TEST(others_write_it_otherwise)
{
	static const struct {
		uint64_t bytes, messages;
		const char *maildir, *rule;
	} cases[] = {
	    {1000, 10, "1000S,10C", "*:bytes=1000:messages=10"},
	    {1000, 0, "1000S", "*:bytes=1000"},
	    {0, 10, "10C", "*:messages=10"},
	    {0, 0, "", ""},
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct quota_value v = {
		    .bytes = cases[i].bytes, .messages = cases[i].messages};

		buf_reset(&b);
		quota_value_put_maildir(&b, &v);
		ck_assert_str_eq(buf_text(&b), cases[i].maildir);
		buf_reset(&b);
		quota_value_put_rule(&b, &v);
		ck_assert_str_eq(buf_text(&b), cases[i].rule);
	}
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("quota_value", what_is_put_is_parsed_again,
    what_is_not_known_is_no_limit, others_write_it_otherwise)
