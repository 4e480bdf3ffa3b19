/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/saslprep.h"

#include "tests/unit/unit.h"

static const struct {
	const char *text, *prepared; /* NULL: it has none */
} cases[] = {
    /* RFC 4013 3. */
    {"I\xc2\xadX", "IX"},
    {"user", "user"},
    {"USER", "USER"},
    {"\xc2\xaa", "a"},
    {"\xe2\x85\xa8", "IX"},
    {"\x07", NULL},
    /* One letter, in one piece and in two. */
    {"p\xc3\xa4ss", "p\xc3\xa4ss"},
    {"pa\xcc\x88ss", "p\xc3\xa4ss"},
    /* Blanks of other widths, and one without. */
    {"a\xc2\xa0"
     "b\xe3\x80\x80"
     "c",
	"a b c"},
    {"a\xe2\x80\x8b"
     "b",
	"ab"},
    {" a  b ", " a  b "},
    {"\xf0\x9f\x90\xb4", "\xf0\x9f\x90\xb4"},
    /* Nothing is left; private use; a change of direction; no UTF-8. */
    {"", NULL},
    {"\xc2\xad", NULL},
    {"a\xee\x80\x80", NULL},
    {"a\xe2\x80\xae"
     "b",
	NULL},
    {"a\xff", NULL},
    {"a\xc3", NULL},
    {"\xed\xa0\x80", NULL},
};

START_TEST(each_text_has_one_spelling_or_none)
{
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = saslprep(str(cases[i].text), &b);

		ck_assert_msg(ok == (cases[i].prepared != NULL), "%zu", i);
		if (ok)
			ck_assert_str_eq(buf_text(&b), cases[i].prepared);
	}
	buf_clear(&b);
}
END_TEST

START_TEST(what_does_not_fit_has_none)
{
	struct buf b;

	/* One character of three bytes that becomes eighteen. */
	buf_init(&b, 30);
	ck_assert(!saslprep(STR_LIT("\xef\xb7\xba"), &b));
	buf_clear(&b);
	buf_init(&b, 40);
	ck_assert(saslprep(STR_LIT("\xef\xb7\xba"), &b));
	buf_clear(&b);
}
END_TEST

UNIT_MAIN(
    "saslprep", each_text_has_one_spelling_or_none, what_does_not_fit_has_none)
