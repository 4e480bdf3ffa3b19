/* SPDX-License-Identifier: ISC */
/* What "posthouse trace" takes for a match, and for a time. */
#include "config.h"

#include "admin/trace_filter.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

static const int64_t now = INT64_C(1795453538) * 1000000;

static const char *const lines[] = {
    "s=aaaa q=- connected client=192.0.2.1 port=1",
    "s=aaaa q=0123 delivered client=192.0.2.1 from=ann@example.org "
    "to=\"\\\"a b\\\"@example.net\" message_id=\"<x=y>@client\"",
    "s=bbbb q=0456 refused client=2001:db8::1 from=\"\" to=Bob@example.org "
    "reason=\"<carl@example.org>: no\"",
    "s=cccc q=- authenticated client=192.0.2.2 user=ann@example.org",
    "started version=0123",
};

/* Which lines match, a bit each. */
static unsigned
matches(struct trace_wanted wanted)
{
	struct trace_filter filter;
	unsigned found = 0;
	struct fault f;

	ck_assert_msg(
	    trace_filter_init(&filter, &wanted, now, &f) == 0, "%s", f.text);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct str needle = buf_str(&filter.needle);
		struct journal_event e;
		char line[400];

		snprintf(line, sizeof line,
		    "2026-11-23T17:05:38.000001Z info %s", lines[i]);
		ck_assert(journal_parse_line(str(line), &e));
		if (!trace_filter_matches(&filter, &e))
			continue;
		found |= 1u << i;
		/* What is searched for first loses nothing. */
		ck_assert_ptr_nonnull(
		    memmem(line, strlen(line), needle.at, needle.len));
	}
	trace_filter_clear(&filter);
	return found;
}

START_TEST(a_word_is_an_id_an_address_a_message_id_or_a_client)
{
	static const struct {
		const char *word;
		unsigned found;
	} words[] = {
	    {"aaaa", 3},
	    {"0123", 2},
	    {"012", 0},
	    {"ann@example.org", 10},
	    {"ANN@Example.org", 10},
	    {"<bob@example.org>", 4},
	    {"@example.org", 14},
	    {"\"a b\"@example.net", 2},
	    {"<x=y>@client", 2},
	    {"192.0.2.1", 3},
	    {"2001:db8::1", 4},
	    {"192.0.2", 0},
	    {"example.org", 0},
	    {"carl@example.org", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		unsigned found =
		    matches((struct trace_wanted){.word = words[i].word});

		ck_assert_msg(found == words[i].found, "%s: %x not %x",
		    words[i].word, found, words[i].found);
	}
}
END_TEST

START_TEST(options_look_at_their_own_fields_and_all_must_hold)
{
	ck_assert_uint_eq(matches((struct trace_wanted){.id = "0123"}), 2);
	ck_assert_uint_eq(matches((struct trace_wanted){.id = "bbbb"}), 4);
	ck_assert_uint_eq(
	    matches((struct trace_wanted){.message_id = "<x=y>@client"}), 2);
	ck_assert_uint_eq(
	    matches((struct trace_wanted){.address = "ann@example.ORG"}), 10);
	ck_assert_uint_eq(
	    matches((struct trace_wanted){.address = "192.0.2.1"}), 0);
	ck_assert_uint_eq(
	    matches((struct trace_wanted){.client = "2001:DB8:0::1"}), 4);
	ck_assert_uint_eq(
	    matches((struct trace_wanted){
		.address = "ann@example.org", .client = "192.0.2.2"}),
	    8);
	ck_assert_uint_eq(matches((struct trace_wanted){
			      .id = "aaaa", .address = "bob@example.org"}),
	    0);
}
END_TEST

START_TEST(a_value_that_was_cut_is_known_by_its_beginning)
{
	struct trace_filter filter;
	char id[900], line[900];
	struct journal_event e;
	struct fault f;

	memset(id, 'x', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	snprintf(line, sizeof line,
	    "2026-11-23T17:05:38.000001Z info s=a q=b delivered "
	    "message_id=%.512s...",
	    id);
	ck_assert_int_eq(trace_filter_init(&filter,
			     &(struct trace_wanted){.message_id = id}, now, &f),
	    0);
	ck_assert(journal_parse_line(str(line), &e));
	ck_assert(trace_filter_matches(&filter, &e));
	ck_assert(buf_len(&filter.needle) < 512);
	trace_filter_clear(&filter);
}
END_TEST

static const struct {
	const char *text;
	bool last;
	int64_t seconds, micro; /* since 1970 */
} times[] = {
    {"2026-11-23", false, 1795392000, 0},
    {"2026-11-23", true, 1795478399, 999999},
    {"2026-11-23 17:05", false, 1795453500, 0},
    {"2026-11-23 17:05", true, 1795453559, 999999},
    {"2026-11-23T17:05:38", false, 1795453538, 0},
    {"2026-11-23 17:05:38", true, 1795453538, 999999},
    {"2026-11-23T17:05:38Z", false, 1795453538, 0},
    {"2026-11-23T17:05:38.123456Z", true, 1795453538, 123456},
    {"2026-11-23 17:05:38.5", false, 1795453538, 500000},
    {"0s", false, 1795453538, 0},
    {"90s", true, 1795453448, 0},
    {"2h", false, 1795446338, 0},
    {"3d", false, 1795194338, 0},
};

START_TEST(times_are_taken_as_people_write_them)
{
	static const char *const bad[] = {"", "noon", "2h30", "h", "2026-13-01",
	    "2026-11-23 17", "2026-11-23x", "2026-11-23 17:05:38.1x", "-1h"};
	int64_t us;

	setenv("TZ", "UTC0", 1);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		ck_assert_msg(trace_parse_when(
				  str(times[i].text), now, times[i].last, &us),
		    "%s", times[i].text);
		ck_assert_int_eq(
		    us, times[i].seconds * 1000000 + times[i].micro);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!trace_parse_when(str(bad[i]), now, false, &us),
		    "%s", bad[i]);
}
END_TEST

START_TEST(nothing_or_nonsense_is_refused)
{
	static const struct trace_wanted bad[] = {{.word = NULL}, {.word = ""},
	    {.id = "x", .since = "noon"}, {.until = ""}};
	struct trace_filter filter;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_int_eq(
		    trace_filter_init(&filter, &bad[i], now, &f), -1);
		ck_assert_str_eq(f.dsn, "5.5.4");
		trace_filter_clear(&filter);
	}
}
END_TEST

START_TEST(values_are_unescaped_as_they_were_escaped)
{
	static const char odd[] = "a\"b\\c\x01\xff d";
	struct buf written, read;

	buf_init(&written, 100);
	buf_init(&read, 100);
	trace_escape(&written, str(odd));
	ck_assert_str_eq(buf_text(&written), "a\\\"b\\\\c\\x01\\xff d");
	trace_unescape(&read, buf_str(&written));
	ck_assert_str_eq(buf_text(&read), odd);
	buf_reset(&read);
	trace_unescape(&read, STR_LIT("a\\x0\\"));
	ck_assert_str_eq(buf_text(&read), "ax0\\");
	buf_clear(&written);
	buf_clear(&read);
}
END_TEST

UNIT_MAIN("trace_filter", a_word_is_an_id_an_address_a_message_id_or_a_client,
    options_look_at_their_own_fields_and_all_must_hold,
    a_value_that_was_cut_is_known_by_its_beginning,
    times_are_taken_as_people_write_them, nothing_or_nonsense_is_refused,
    values_are_unescaped_as_they_were_escaped)
