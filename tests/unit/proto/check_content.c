/* SPDX-License-Identifier: ISC */
/* proto/content.h: kinds and parameters. */
#include "config.h"

#include "proto/content.h"

#include "tests/unit/unit.h"

START_TEST(a_kind_stands_before_the_parameters)
{
	static const struct {
		const char *value, *type, *subtype;
	} cases[] = {
	    {"", "", ""},
	    {"text/plain", "text", "plain"},
	    {" text / plain ; charset=x", "text", "plain"},
	    {"text/plain (a comment)", "text", "plain"},
	    {"attachment;filename=x", "attachment", ""},
	    {"text", "text", ""},
	    {";x=y", "", ""},
	    {"\"a;b\"/c; d", "\"a;b\"", "c"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct content_kind kind = content_kind(str(cases[i].value));

		ck_assert_view_eq(kind.type, cases[i].type);
		ck_assert_view_eq(kind.subtype, cases[i].subtype);
	}
}
END_TEST

START_TEST(a_parameter_is_found_and_unquoted)
{
	static const struct {
		const char *value, *want; /* NULL: none */
	} cases[] = {
	    {"x/y; name=z", "z"},
	    {"x/y; NAME = z ; a=b", "z"},
	    {"x/y; a=\"; name=no\"; name=yes", "yes"},
	    {"x/y; name=\"a \\\"b\\\\\"", "a \"b\\"},
	    {"x/y; name=a(comment)", "a"},
	    {"x/y; name=\"unended", "unended"},
	    {"x/y; name=", NULL},
	    {"x/y; name", NULL},
	    {"name=z", NULL},
	    {"x/y; name=; name=second", "second"},
	    {"x/y; name=0123456789012345", NULL},
	    {"x/y; name=012345678901234", "012345678901234"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char got[16];
		bool found =
		    content_param(str(cases[i].value), "name", got, sizeof got);

		ck_assert_msg(
		    found == (cases[i].want != NULL), "%s", cases[i].value);
		if (found)
			ck_assert_str_eq(got, cases[i].want);
	}
}
END_TEST

START_TEST(a_parameter_in_pieces_is_there)
{
	ck_assert(content_has_param(str("x; name=y"), "name"));
	ck_assert(content_has_param(str("x; name*=utf-8''y"), "name"));
	ck_assert(content_has_param(str("x; a=b; NAME*0*=y"), "name"));
	ck_assert(content_has_param(str("x; name*0=y; name*1=z"), "name"));
	ck_assert(!content_has_param(str("x; filename=y"), "name"));
	ck_assert(!content_has_param(str("x; name"), "name"));
	ck_assert(!content_has_param(str("name=y"), "name"));
	ck_assert(!content_has_param(str(""), "name"));
}
END_TEST

UNIT_MAIN("content", a_kind_stands_before_the_parameters,
    a_parameter_is_found_and_unquoted, a_parameter_in_pieces_is_there)
