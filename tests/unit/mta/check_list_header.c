/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/list_header.h"

#include "proto/header.h"
#include "tests/unit/unit.h"

static struct list_facts facts = {
    .address = {"team@example.org", 16},
    .owner = {"owner-team@example.org", 22},
    .id = {"team.example.org", 16},
};

static void
assert_own(const char *title, const char *unsubscribe, const char *first,
    const char *last)
{
	struct list_facts l = facts;
	struct buf b;

	l.title = str(title);
	l.unsubscribe = str(unsubscribe);
	buf_init(&b, 10000);
	list_header_put_own(&b, &l);
	ck_assert_msg(str_starts(buf_str(&b), str(first)), "%s", buf_text(&b));
	ck_assert_msg(str_ends(buf_str(&b), str(last)), "%s", buf_text(&b));
	buf_clear(&b);
}

START_TEST(own_fields_name_the_list)
{
	assert_own("", "",
	    "List-Id: <team.example.org>\r\n"
	    "List-Post: <mailto:team@example.org>\r\n"
	    "List-Help: <mailto:owner-team@example.org?subject=help>\r\n"
	    "List-Owner: <mailto:owner-team@example.org>\r\n"
	    "List-Unsubscribe: "
	    "<mailto:owner-team@example.org?subject=unsubscribe>\r\n",
	    "Precedence: list\r\n");
	assert_own("The \"Team\" \\o/", "https://x.example/?a=b",
	    "List-Id: \"The \\\"Team\\\" \\\\o/\" <team.example.org>\r\n",
	    "List-Unsubscribe: <https://x.example/?a=b>,\r\n "
	    "<mailto:owner-team@example.org?subject=unsubscribe>\r\n"
	    "Precedence: list\r\n");
	assert_own("Caf\xc3\xa9", "",
	    "List-Id: =?utf-8?q?Caf=C3=A9?= <team.example.org>\r\n",
	    "Precedence: list\r\n");
}
END_TEST

START_TEST(own_addresses_are_encoded_in_their_uris)
{
	struct list_facts l = facts;
	struct buf b;

	l.address = str("a&b?c=d@example.org");
	buf_init(&b, 10000);
	list_header_put_own(&b, &l);
	ck_assert_ptr_nonnull(strstr(
	    buf_text(&b), "List-Post: <mailto:a%26b%3Fc%3Dd@example.org>\r\n"));
	buf_clear(&b);
}
END_TEST

/* want NULL: as it was. */
static void
assert_rest(bool rewrites, const char *header, const char *want)
{
	struct list_facts l = facts;
	struct buf b;

	l.rewrites_from = rewrites;
	buf_init(&b, 10000);
	ck_assert(list_header_put_rest(&b, str(header), &l) == (want != NULL));
	ck_assert_str_eq(buf_text(&b), want != NULL ? want : header);
	buf_clear(&b);
}

START_TEST(rest_is_what_it_was_without_other_lists)
{
	assert_rest(false, "", NULL);
	assert_rest(false, "\r\n", NULL);
	assert_rest(false, "From: x@y.example\r\nA: b\r\n c\r\n\r\n", NULL);
	assert_rest(false, "A: b\r\nno field", NULL);
	assert_rest(false, "A: b", NULL);
	assert_rest(true, "From: ann@Example.ORG\r\n\r\n", NULL);
	assert_rest(true, "From: undisclosed\r\n\r\n", NULL);
	assert_rest(true, "Sender: x@y.example\r\n\r\n", NULL);
}
END_TEST

START_TEST(rest_has_no_fields_of_other_lists)
{
	assert_rest(false,
	    "A: b\r\nList-Id:\r\n <x.y>\r\nLIST-Archive: z\r\n"
	    "Precedence: bulk\r\nListing: stays\r\nC: d\r\n\r\n",
	    "A: b\r\nListing: stays\r\nC: d\r\n\r\n");
	assert_rest(false, "List-Id: x", "");
}
END_TEST

START_TEST(rest_has_an_author_of_ours)
{
	assert_rest(true, "A: b\r\nFrom: Jane <jane@far.example>\r\n\r\n",
	    "A: b\r\nFrom: \"Jane via team\" <team@example.org>\r\n"
	    "Reply-To: Jane <jane@far.example>\r\n"
	    "X-Original-From: Jane <jane@far.example>\r\n\r\n");
	assert_rest(true,
	    "from: jane@far.example\r\nReply-To: z@far.example\r\n\r\n",
	    "From: \"jane via team\" <team@example.org>\r\n"
	    "X-Original-From: jane@far.example\r\n"
	    "Reply-To: z@far.example\r\n\r\n");
	/* One of two is enough, and nobody has a second From. */
	assert_rest(true,
	    "From: ann@example.org,\r\n \"J. D.\" <jane@far.example>\r\n\r\n",
	    "From: \"ann@example.org, J. D. via team\" <team@example.org>\r\n"
	    "Reply-To: ann@example.org,\r\n \"J. D.\" <jane@far.example>\r\n"
	    "X-Original-From: ann@example.org,\r\n \"J. D.\" "
	    "<jane@far.example>\r\n\r\n");
	assert_rest(true, "From: =?utf-8?q?J=C3=A4ne?= <j@far.example>",
	    "From: =?utf-8?q?J=C3=A4ne_via_team?= <team@example.org>\r\n"
	    "Reply-To: =?utf-8?q?J=C3=A4ne?= <j@far.example>\r\n"
	    "X-Original-From: =?utf-8?q?J=C3=A4ne?= <j@far.example>\r\n");
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters)
{
	struct list_facts l = facts;
	struct header_field field;
	struct buf header, text, b;

	buf_init(&text, 10000);
	l.rewrites_from = true;
	buf_init(&header, 10000);
	buf_init(&b, 20000);
	buf_puts(&header, "From: ");
	for (int i = 0; i < 301; i++)
		buf_puts(&header, i == 0 ? "x" : "\xc3\xa9");
	buf_puts(&header, " <j@far.example>\r\n");
	ck_assert(list_header_put_rest(&b, buf_str(&header), &l));
	ck_assert(header_find(buf_str(&b), "From", &field));
	header_decode(&text, field.value);
	/* 200 bytes would be a half. */
	ck_assert_ptr_nonnull(
	    strstr(buf_text(&text), "\xc3\xa9 via team <team@example.org>"));
	ck_assert_uint_eq(
	    buf_len(&text), 199 + strlen(" via team <team@example.org>"));
	buf_clear(&header);
	buf_clear(&text);
	buf_clear(&b);
}
END_TEST

START_TEST(a_message_is_known_by_its_list_id_and_by_the_trace)
{
	static const struct {
		const char *header;
		bool loops;
	} cases[] = {
	    {"List-Id: <team.example.org>\r\n", true},
	    {"A: b\r\nlist-id: \"x <y>\"\r\n <TEAM.example.org>\r\n", true},
	    {"List-Id: team.example.org\r\n", false},
	    {"List-Id: <a-team.example.org>\r\n", false},
	    {"List-Id: <team.example.org> (no)\r\n", false},
	    {"Delivered-To: Team@example.org\r\n", true},
	    {"Delivered-To: xteam@example.org\r\n", false},
	    {"Delivered-To: team@example.org.example\r\n", false},
	    {"To: team@example.org\r\n", false},
	    {"A: b\r\n\r\nDelivered-To: team@example.org\r\n", false},
	    {"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_msg(list_header_is_looping(str(cases[i].header),
				  &facts) == cases[i].loops,
		    "%s", cases[i].header);
}
END_TEST

UNIT_MAIN("list_header", own_fields_name_the_list,
    own_addresses_are_encoded_in_their_uris,
    rest_is_what_it_was_without_other_lists, rest_has_no_fields_of_other_lists,
    rest_has_an_author_of_ours, a_long_name_is_cut_between_characters,
    a_message_is_known_by_its_list_id_and_by_the_trace)
