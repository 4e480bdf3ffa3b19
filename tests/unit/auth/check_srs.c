/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/srs.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define ck_assert_fault(call, code)                                 \
	do {                                                        \
		ck_assert_msg((call) == -1, "%s went well", #call); \
		ck_assert_str_eq(f.dsn, code);                      \
		ck_assert_int_eq(f.kind, FAULT_PERM);               \
	} while (0)

enum { TODAY = 20000 };

static const uint8_t secret[SRS_SECRET_LEN] = "a secret of thirty-two bytes...";
static const uint8_t other[SRS_SECRET_LEN] = "one more, of the same length....";

static struct address
parse(const char *text)
{
	struct fault f = {.text = ""};
	struct address a;
	int rc = address_parse(str(text), &a, &f);

	ck_assert_msg(rc == 0, "%s: %s", text, f.text);
	return a;
}

static struct address
forward(const char *sender)
{
	struct address from = parse(sender), to;

	ck_assert(srs_forward(secret, &from, "fwd.example", TODAY, &to));
	ck_assert_str_eq(to.domain, "fwd.example");
	return to;
}

static void
assert_back(const struct address *rewritten, int64_t day, const char *want)
{
	struct fault f = {.text = ""};
	char text[ADDRESS_TEXT_SIZE];
	struct address sender;
	int rc = srs_reverse(secret, str(rewritten->local), day, &sender, &f);

	if (want == NULL) {
		ck_assert_fault(rc, "5.1.1");
		return;
	}
	ck_assert_msg(rc == 0, "%s", f.text);
	address_format(&sender, text);
	ck_assert_str_eq(text, want);
}

static const char *const senders[] = {
    "jane@elsewhere.example",
    "Jane.Doe+lists@elsewhere.example",
    "\"jane doe\"@elsewhere.example",
    "a=b=c@x.example",
    "srs0@x.example",
};

START_TEST(a_sender_goes_there_and_back)
{
	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		struct address to = forward(senders[i]);

		ck_assert(srs_is_rewritten(str(to.local)));
		assert_back(&to, TODAY, senders[i]);
		assert_back(&to, TODAY + SRS_DAYS, senders[i]);
	}
}
END_TEST

START_TEST(the_case_of_letters_may_be_lost_on_the_way)
{
	struct address to = forward("Jane@elsewhere.example");

	for (char *c = to.local; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	assert_back(&to, TODAY, "jane@elsewhere.example");
	for (char *c = to.local; *c != '\0'; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
	assert_back(&to, TODAY, "JANE@elsewhere.example");
}
END_TEST

START_TEST(what_was_rewritten_by_others_leads_back_to_them)
{
	/* As the first host wrote it, and what comes back to that one. */
	static const char *const firsts[] = {
	    "SRS0=abcd=xy=far.example=jane@first.example",
	    "SRS0+abcd=xy=far.example=jane@first.example",
	    "SRS0-abcd=xy=far.example=j@first.example",
	};

	for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
		struct address to = forward(firsts[i]);

		ck_assert_int_eq(strncmp(to.local, "SRS1=", 5), 0);
		assert_back(&to, TODAY, firsts[i]);
	}
}
END_TEST

START_TEST(a_third_host_keeps_the_way_to_the_first)
{
	struct address first =
	    forward("SRS1=zzzz=one.example==abcd=xy=far.example=j@two.example");

	ck_assert_int_eq(strncmp(first.local, "SRS1=", 5), 0);
	assert_back(&first, TODAY, "SRS0=abcd=xy=far.example=j@one.example");
}
END_TEST

START_TEST(nobody_else_can_make_one)
{
	struct address from = parse("jane@elsewhere.example"), to, back;
	struct fault f;

	ck_assert(srs_forward(other, &from, "fwd.example", TODAY, &to));
	assert_back(&to, TODAY, NULL);
	to = forward("jane@elsewhere.example");
	/* Each byte counts, but for those that are cut off. */
	for (size_t i = 5; to.local[i] != '\0'; i++) {
		struct address bad = to;

		bad.local[i] = bad.local[i] == 'x' ? 'y' : 'x';
		assert_back(&bad, TODAY, NULL);
	}
	ck_assert_fault(
	    srs_reverse(secret, str("SRS0="), TODAY, &back, &f), "5.1.1");
	ck_assert_fault(
	    srs_reverse(secret, str("jane"), TODAY, &back, &f), "5.1.1");
	ck_assert_fault(
	    srs_reverse(secret, str("SRS0=======x"), TODAY, &back, &f),
	    "5.1.1");
	ck_assert_fault(
	    srs_reverse(secret, str("SRS1=abcdef=="), TODAY, &back, &f),
	    "5.1.1");
}
END_TEST

START_TEST(an_old_one_leads_nowhere)
{
	struct address to = forward("jane@elsewhere.example");

	assert_back(&to, TODAY + SRS_DAYS + 1, NULL);
	assert_back(&to, TODAY - 2, NULL);
	/* The count of days begins anew, after three years. */
	assert_back(&to, TODAY + 1024, "jane@elsewhere.example");
}
END_TEST

START_TEST(what_would_be_too_long_stays)
{
	struct address from = {.host = ADDRESS_NO_HOST}, to;
	char text[128];

	ck_assert(!srs_forward(secret, &from, "fwd.example", TODAY, &to));
	/* "SRS0=hhhhhh=tt=x.example=" has 25 bytes. */
	snprintf(text, sizeof text, "%.39s@x.example",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	from = parse(text);
	ck_assert(srs_forward(secret, &from, "fwd.example", TODAY, &to));
	ck_assert_uint_eq(strlen(to.local), 64);
	assert_back(&to, TODAY, text);
	snprintf(text, sizeof text, "%.40s@x.example",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	from = parse(text);
	ck_assert(!srs_forward(secret, &from, "fwd.example", TODAY, &to));
	from = parse("jane@[192.0.2.1]");
	ck_assert(!srs_forward(secret, &from, "fwd.example", TODAY, &to));
}
END_TEST

UNIT_MAIN("srs", a_sender_goes_there_and_back,
    the_case_of_letters_may_be_lost_on_the_way,
    what_was_rewritten_by_others_leads_back_to_them,
    a_third_host_keeps_the_way_to_the_first, nobody_else_can_make_one,
    an_old_one_leads_nowhere, what_would_be_too_long_stays)
