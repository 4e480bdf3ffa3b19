/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/bearer.h"

#include "tests/unit/unit.h"

static struct buf name;
static struct bearer b;

static bool
parse_oauth(const char *text)
{
	bool ok;

	buf_init(&name, 40);
	ok = bearer_parse_oauth(str(text), &b, &name);
	if (!ok)
		buf_clear(&name);
	return ok;
}

START_TEST(oauth_messages_name_user_and_token)
{
	ck_assert(parse_oauth("n,a=ann@example.org,\1host=mail\1port=143\1"
			      "auth=Bearer abc.def==\1\1"));
	ck_assert_view_eq(b.user, "ann@example.org");
	ck_assert_view_eq(b.token, "abc.def==");
	buf_clear(&name);
	ck_assert(parse_oauth("n,,\1auth=bearer x\1\1"));
	ck_assert_view_eq(b.user, "");
	ck_assert_view_eq(b.token, "x");
	buf_clear(&name);
	ck_assert(parse_oauth("y,a=a=2Cb=3Dc@x.example,\1auth=Bearer x\1\1"));
	ck_assert_view_eq(b.user, "a,b=c@x.example");
	buf_clear(&name);
}
END_TEST

START_TEST(what_is_no_oauth_message_is_refused)
{
	static const char *const wrong[] = {
	    "",
	    "n,,",
	    "n,,\1",
	    "n,,\1\1",
	    "n,,\1host=x\1\1",
	    "n,,\1auth=Bearer x\1",
	    "n,,\1auth=Bearer x",
	    "n,,\1auth=Basic x\1\1",
	    "n,,\1auth=Bearer x\1auth=Bearer y\1\1",
	    "n,,\1auth=Bearer x\1\1more",
	    "p=tls-unique,,\1auth=Bearer x\1\1",
	    "n,b=ann,\1auth=Bearer x\1\1",
	    "n,a=ann=2,\1auth=Bearer x\1\1",
	    "n,a=ann=41,\1auth=Bearer x\1\1",
	    "n,a=ann,x\1auth=Bearer x\1\1",
	    "n,a=longer-than-the-forty-bytes@of-it.example,\1auth=Bearer x\1\1",
	};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_assert_msg(!parse_oauth(wrong[i]), "%zu", i);
}
END_TEST

START_TEST(xoauth2_messages_name_user_and_token)
{
	ck_assert(bearer_parse_xoauth2(
	    str("user=ann@example.org\1auth=Bearer abc\1\1"), &b));
	ck_assert_view_eq(b.user, "ann@example.org");
	ck_assert_view_eq(b.token, "abc");
	ck_assert(!bearer_parse_xoauth2(str("user=ann@example.org"), &b));
	ck_assert(!bearer_parse_xoauth2(str("auth=Bearer abc\1\1"), &b));
	ck_assert(!bearer_parse_xoauth2(
	    str("user=ann@example.org\1auth=Bearer abc\1"), &b));
}
END_TEST

UNIT_MAIN("bearer", oauth_messages_name_user_and_token,
    what_is_no_oauth_message_is_refused, xoauth2_messages_name_user_and_token)
