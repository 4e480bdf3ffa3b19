/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/domains.h"

#include "tests/unit/unit.h"

static struct domains
read_list(const char *first, const char *second)
{
	const char *items[] = {first, second};
	const struct conf_list list = {items, second == NULL ? 1 : 2};
	struct domains d;
	struct fault f;

	ck_assert_int_eq(domains_init(&d, &list, &f), 0);
	return d;
}

START_TEST(domains_are_compared_whole)
{
	struct domains d = read_list("Example.ORG", ".far.example");

	ck_assert(domains_has(&d, str("example.org")));
	ck_assert(!domains_has(&d, str("a.example.org")));
	ck_assert(!domains_has(&d, str("anexample.org")));
	ck_assert(!domains_has(&d, str("far.example")));
	ck_assert(domains_has(&d, str("a.far.example")));
	ck_assert(domains_has(&d, str("b.a.far.example")));
	ck_assert(!domains_has(&d, str("afar.example")));
	ck_assert(!domains_has(&d, str("")));
	domains_clear(&d);
	ck_assert(!domains_has(&d, str("example.org")));
}
END_TEST

START_TEST(domains_have_their_a_label_form)
{
	struct domains d = read_list("b\xc3\xbc"
				     "cher.example",
	    NULL);

	ck_assert(domains_has(&d, str("xn--bcher-kva.example")));
	domains_clear(&d);
}
END_TEST

START_TEST(domains_refuse_what_is_none)
{
	static const char *const bad[] = {"", ".", "*", "a b", "a..b", "@x"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *items[] = {"good.example", bad[i]};
		const struct conf_list list = {items, 2};
		struct domains d;
		struct fault f;

		ck_assert_msg(domains_init(&d, &list, &f) < 0, "%s", bad[i]);
		ck_assert_str_eq(f.dsn, "5.3.5");
	}
}
END_TEST

UNIT_MAIN("domains", domains_are_compared_whole,
    domains_have_their_a_label_form, domains_refuse_what_is_none)
