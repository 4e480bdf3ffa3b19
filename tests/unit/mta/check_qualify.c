/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/qualify.h"

#include "tests/unit/unit.h"

static const struct {
	const char *from, *to;
} lists[] = {
    {"root", "root@x.example"},
    {" root", " root@x.example"},
    {"root (Cron Daemon)", "root@x.example (Cron Daemon)"},
    {"(a (nested) comment) root ", "(a (nested) comment) root@x.example "},
    {"Ann <ann>", "Ann <ann@x.example>"},
    {"Ann < ann >, bob", "Ann < ann@x.example >, bob@x.example"},
    {"\"Ann, of old\" <ann>", "\"Ann, of old\" <ann@x.example>"},
    {"\"an n\"", "\"an n\"@x.example"},
    {"\"a\\\"@b\"", "\"a\\\"@b\"@x.example"},
    {"a.b", "a.b@x.example"},
    {"ann@far.example", "ann@far.example"},
    {"ann@[192.0.2.1], bob", "ann@[192.0.2.1], bob@x.example"},
    {"Ann <ann@far.example>", "Ann <ann@far.example>"},
    {"team: ann, bob@far.example;", "team: ann@x.example, bob@far.example;"},
    {"undisclosed-recipients:;", "undisclosed-recipients:;"},
    {"a,\r\n b,\r\n\tc", "a@x.example,\r\n b@x.example,\r\n\tc@x.example"},
    {"<@far.example:ann>", "<@far.example:ann@x.example>"},
    /* No address, and none made of it. */
    {"", ""},
    {" ,, ", " ,, "},
    {"<>", "<>"},
    {"John Smith", "John Smith"},
    {"\"never ended", "\"never ended@x.example"},
    {"(never ended", "(never ended"},
    {"a\\", "a\\@x.example"},
};

START_TEST(qualify_completes_what_stands_alone)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct buf b;

		buf_init(&b, 4096);
		qualify_addresses(&b, str(lists[i].from), "x.example");
		ck_assert_view_eq(buf_str(&b), lists[i].to);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(qualify_never_passes_the_maximum)
{
	struct buf b;

	buf_init(&b, 8);
	qualify_addresses(&b, str("a, b, c, d, e"), "x.example");
	ck_assert(buf_is_full(&b));
	ck_assert_uint_le(buf_len(&b), 8);
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("qualify", qualify_completes_what_stands_alone,
    qualify_never_passes_the_maximum)
