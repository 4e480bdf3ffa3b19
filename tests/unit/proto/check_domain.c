/* SPDX-License-Identifier: ISC */
/* proto/domain.h: what is a domain name, and its one form. */
#include "config.h"

#include "proto/domain.h"

#include "tests/unit/unit.h"

#define L63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123"

static const struct {
	const char *text, *ascii;
} good[] = {
    {"example.org", "example.org"},
    {"EXAMPLE.Org", "example.org"},
    {"localhost", "localhost"},
    {"a", "a"},
    {"1.2", "1.2"},
    {"a-b.c--d", "a-b.c--d"},
    {"r3---sn.example", "r3---sn.example"},
    {"xn--mnchen-3ya.de", "xn--mnchen-3ya.de"},
    {"m\xc3\xbcnchen.de", "xn--mnchen-3ya.de"},
    {"M\xc3\x9cNCHEN.DE", "xn--mnchen-3ya.de"},
    /* A decomposed umlaut is the same name. */
    {"mu\xcc\x88nchen.de", "xn--mnchen-3ya.de"},
    /* Non-transitional: the sharp s stays itself. */
    {"fa\xc3\x9f.de", "xn--fa-hia.de"},
    {"\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp"},
    {L63 ".org", L63 ".org"},
};

static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-",
    "a.-b", "a.b-", "a_b.org", "a b", "a@b", "a/b", "a\\b", "[1.2.3.4]", "a\n",
    L63 "4.org", "\xff.org", "\xc3.org", "m\xc3\xbcnchen.de.",
    "m\xc3\xbcnchen..de", "m\xc3\xbcnchen.de\xe3\x80\x82",
    "a\xef\xbc\xa0"
    "b.org",
    "\xe2\x80\x8f.org",
    "a\xef\xbc\x8f"
    "b.org",
    "\xc3\xbc_b.org", "a*.org", "a:b"};

START_TEST(a_name_has_one_ascii_form)
{
	char domain[DOMAIN_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		ck_assert_msg(domain_to_ascii(str(good[i].text), domain), "%s",
		    good[i].text);
		ck_assert_str_eq(domain, good[i].ascii);
		ck_assert(domain_is_ascii_name(str(domain)));
	}
}
END_TEST

START_TEST(what_is_no_domain_name_is_refused)
{
	char domain[DOMAIN_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(
		    !domain_to_ascii(str(bad[i]), domain), "%s", bad[i]);
		ck_assert_str_eq(domain, "");
		ck_assert_msg(!domain_is_ascii_name(str(bad[i])), "%s", bad[i]);
	}
	ck_assert(!domain_to_ascii(str_n("a\0b", 3), domain));
	ck_assert(!domain_is_ascii_name(str_n("a\0b", 3)));
	ck_assert(!domain_is_ascii_name(str_n(NULL, 0)));
	ck_assert(!domain_is_ascii_name(str("m\xc3\xbcnchen.de")));
}
END_TEST

START_TEST(a_name_has_at_most_255_bytes)
{
	char text[300], domain[DOMAIN_SIZE];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 ? '.' : 'a';
	ck_assert(domain_to_ascii(str_n(text, 255), domain));
	ck_assert(!domain_to_ascii(str_n(text, 257), domain));
	/* What fits as it is written may be too long as A-labels. */
	for (size_t i = 0; i + 1 < sizeof text; i += 3)
		memcpy(text + i, "\xc3\xbc.", 3);
	ck_assert(!domain_to_ascii(str_n(text, 254), domain));
}
END_TEST

START_TEST(an_organisation_is_one_label_below_a_suffix)
{
	static const struct {
		const char *text, *domain; /* NULL: none */
	} cases[] = {
	    {"mx.example.org", "example.org"},
	    {"example.org", "example.org"},
	    {"aspmx.l.google.com", "google.com"},
	    {"a.b.example.co.uk", "example.co.uk"},
	    {"mx.host.invented-tld", "host.invented-tld"},
	    {"co.uk", NULL},
	    {"org", NULL},
	    {"", NULL},
	};
	char domain[DOMAIN_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = domain_organisation(str(cases[i].text), domain);

		ck_assert_msg(ok == (cases[i].domain != NULL), "\"%s\": %s",
		    cases[i].text, domain);
		ck_assert_str_eq(domain, ok ? cases[i].domain : "");
	}
}
END_TEST

UNIT_MAIN("domain", an_organisation_is_one_label_below_a_suffix,
    a_name_has_one_ascii_form, what_is_no_domain_name_is_refused,
    a_name_has_at_most_255_bytes)
