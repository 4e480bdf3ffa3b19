/* SPDX-License-Identifier: ISC */
/* proto/address.h: the grammar by examples, good and bad. */
#include "config.h"

#include "proto/address.h"

#include "tests/unit/unit.h"

#define L10 "abcdefghij"
#define L50 L10 L10 L10 L10 L10
#define L60 L50 L10
#define L63 L60 "abc"
#define L64 L60 "abcd"
/* 189 bytes, which with a local part of 64 make 254. */
#define D189 L60 "." L60 "." L60 ".abcdef"

static const struct {
	const char *path, *local, *domain;
	enum address_host host;
	const char *text; /* how it is written again, NULL: the same */
} good[] = {
    {"<ann@example.org>", "ann", "example.org", ADDRESS_DOMAIN, NULL},
    {"<Ann@Example.ORG>", "Ann", "example.org", ADDRESS_DOMAIN,
	"Ann@example.org"},
    {"<a.b.c@d>", "a.b.c", "d", ADDRESS_DOMAIN, NULL},
    {"<a@1.2>", "a", "1.2", ADDRESS_DOMAIN, NULL},
    {"<a@x--y.z-1.org>", "a", "x--y.z-1.org", ADDRESS_DOMAIN, NULL},
    {"<!#$%&'*+-/=?^_`{|}~@x.y>", "!#$%&'*+-/=?^_`{|}~", "x.y", ADDRESS_DOMAIN,
	NULL},
    {"<-a@x.y>", "-a", "x.y", ADDRESS_DOMAIN, NULL},
    {"<user+detail@x.y>", "user+detail", "x.y", ADDRESS_DOMAIN, NULL},
    /* What looks like a route is text to the grammar; policy refuses it. */
    {"<u%other.example@x.y>", "u%other.example", "x.y", ADDRESS_DOMAIN, NULL},
    {"<other.example!u@x.y>", "other.example!u", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\"u@other.example\"@x.y>", "u@other.example", "x.y", ADDRESS_DOMAIN,
	NULL},
    {"<\"\"@x.y>", "", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\"a b\"@x.y>", "a b", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\"ab\"@x.y>", "ab", "x.y", ADDRESS_DOMAIN, "ab@x.y"},
    {"<\"a\\b\"@x.y>", "ab", "x.y", ADDRESS_DOMAIN, "ab@x.y"},
    {"<\"a\\\"\\\\b\"@x.y>", "a\"\\b", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\"a..b\"@x.y>", "a..b", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\".\"@x.y>", ".", "x.y", ADDRESS_DOMAIN, NULL},
    {"<\"../../etc/passwd\"@x.y>", "../../etc/passwd", "x.y", ADDRESS_DOMAIN,
	NULL},
    {"<\"<>\"@x.y>", "<>", "x.y", ADDRESS_DOMAIN, NULL},
    {"<@relay.example:a@x.y>", "a", "x.y", ADDRESS_DOMAIN, "a@x.y"},
    {"<@r1,@r2.example,@[192.0.2.1]:a@x.y>", "a", "x.y", ADDRESS_DOMAIN,
	"a@x.y"},
    {"<a@[192.0.2.1]>", "a", "[192.0.2.1]", ADDRESS_IPV4, NULL},
    {"<a@[IPv6:2001:DB8::1]>", "a", "[ipv6:2001:db8::1]", ADDRESS_IPV6,
	"a@[ipv6:2001:db8::1]"},
    {"<a@[ipv6:::ffff:192.0.2.1]>", "a", "[ipv6:::ffff:192.0.2.1]",
	ADDRESS_IPV6, NULL},
    {"<a@[x-400:c=de;a=x]>", "a", "[x-400:c=de;a=x]", ADDRESS_GENERAL, NULL},
    {"<" L64 "@x.y>", L64, "x.y", ADDRESS_DOMAIN, NULL},
    {"<a@" L63 ".org>", "a", L63 ".org", ADDRESS_DOMAIN, NULL},
    {"<" L64 "@" D189 ">", L64, D189, ADDRESS_DOMAIN, NULL},
};

START_TEST(address_parses_what_the_grammar_has)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a, again;
	struct str rest;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct str inside = str_from(str(good[i].path), 1);

		inside.len--;
		ck_assert_msg(address_parse_forward(
				  str(good[i].path), false, &a, &rest, &f) == 0,
		    "%s: %s", good[i].path, f.text);
		ck_assert_str_eq(a.local, good[i].local);
		ck_assert_str_eq(a.domain, good[i].domain);
		ck_assert_int_eq(a.host, good[i].host);
		ck_assert(!a.is_utf8);
		ck_assert_uint_eq(rest.len, 0);
		ck_assert(!address_is_null(&a));
		address_format(&a, text);
		if (good[i].text != NULL)
			ck_assert_str_eq(text, good[i].text);
		else
			ck_assert_view_eq(inside, text);
		ck_assert_int_eq(address_parse(str(text), &again, &f), 0);
		ck_assert(address_is_same(&a, &again));
		ck_assert_int_eq(address_parse_reverse(str(good[i].path), true,
				     &again, &rest, &f),
		    0);
		ck_assert(address_is_same(&a, &again));
	}
}
END_TEST

static const char *const bad[] = {"", "<", ">", "a@b", "a@b>", "<a@b", " <a@b>",
    "<a>", "<@>", "<a@>", "<@b>", "<a@b@c>", "<a@@b>", "<@@b>", "<a@b.>",
    "<a@.b>", "<a@b..c>", "<a@->", "<a@-b>", "<a@b->", "<a@b-.c>", "<a@b_c>",
    "<a@b/c>", "<a@b c>", "<a b@c>", "<a.@b>", "<.a@b>", "<a..b@c>", "<a,b@c>",
    "<a:b@c>", "<a;b@c>", "<a(b)@c>", "<a[b@c>", "<a\\b@c>", "<a\"b\"@c>",
    "<\"a\"b@c>", "<\"a\".b@c>", "<a.\"b\"@c>", "<\"a@c>", "<\"a\\\"@c>",
    "<\"a\tb\"@c>", "<\"a\\\tb\"@c>", "<\"a\nb\"@c>", "<\"a\r\nb\"@c>",
    "<\"\x7f\"@c>", "<\"\x01\"@c>", "<a\x01@c>", "<a@b\r\n>", "<a@b>c",
    "<a@b>>", "<<a@b>>", "<a@b>\t", "<\"postmaster\">", "<postmaster@>",
    "<@a@b>", "<@a,b:c@d>", "<@a:>", "<@a:@b:c@d>", "<@a,:c@d>", "<@a b:c@d>",
    "<@:c@d>", "<@a.:c@d>", "<a@[]>", "<a@[192.0.2]>", "<a@[192.0.2.256]>",
    "<a@[192.0.2.1.5]>", "<a@[192.0.2.1>", "<a@[ 192.0.2.1]>",
    "<a@[192.0.2.1].b>", "<a@192.0.2.1]>", "<a@[2001:db8::1]x>", "<a@[IPv6:]>",
    "<a@[IPv6:192.0.2.1]>", "<a@[IPv6:::1::]>", "<a@[IPv6:fe80::1%eth0]>",
    "<a@[x:]>", "<a@[:x]>", "<a@[x-:y]>", "<a@[x:y z]>", "<a@[x:[y]>",
    "<a@[x:y\\]>", "<a@b,c>", "<a@b:c>", "<" L64 "x@y>", "<\"" L63 "\"@y>",
    "<a@" L64 ".org>", "<" L64 "@" D189 "x>", "<@r:" L63 "@" D189 ">",
    "<a@b%c>", "<a@b!c>"};

static void
assert_bad(struct str path)
{
	static const struct address none;
	struct address a;
	struct str rest;
	struct fault f = {0};

	ck_assert_msg(address_parse_forward(path, true, &a, &rest, &f) == -1,
	    "%.*s", STR_ARG(path));
	ck_assert_str_eq(f.dsn, "5.1.3");
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert(!memcmp(&a, &none, sizeof a));
	ck_assert_msg(address_parse_reverse(path, true, &a, &rest, &f) == -1,
	    "%.*s", STR_ARG(path));
	ck_assert_str_eq(f.dsn, "5.1.7");
	ck_assert(!memcmp(&a, &none, sizeof a));
}

START_TEST(address_refuses_what_the_grammar_has_not)
{
	struct address a;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct str inside = str(bad[i]);

		assert_bad(inside);
		if (!str_starts(inside, STR_LIT("<")) ||
		    !str_ends(inside, STR_LIT(">")))
			continue;
		inside =
		    str_n(inside.at + 1, inside.len < 2 ? 0 : inside.len - 2);
		ck_assert_msg(address_parse(inside, &a, &f) == -1, "%.*s",
		    STR_ARG(inside));
	}
}
END_TEST

START_TEST(address_refuses_nul_wherever_it_stands)
{
	char path[] = "<\"ann\"@example.org>";
	size_t len = sizeof path - 1;

	for (size_t i = 0; i < len; i++) {
		char saved = path[i];

		path[i] = '\0';
		assert_bad(str_n(path, len));
		path[i] = saved;
	}
}
END_TEST

START_TEST(the_null_path_is_only_for_senders)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a;
	struct str rest;
	struct fault f;
	struct buf b;

	ck_assert_int_eq(
	    address_parse_reverse(STR_LIT("<> SIZE=5"), false, &a, &rest, &f),
	    0);
	ck_assert(address_is_null(&a));
	ck_assert_view_eq(rest, " SIZE=5");
	address_format(&a, text);
	ck_assert_str_eq(text, "");
	buf_init(&b, 100);
	address_put(&b, &a, true);
	ck_assert_str_eq(buf_text(&b), "<>");
	buf_clear(&b);
	ck_assert_int_eq(
	    address_parse_forward(STR_LIT("<>"), false, &a, &rest, &f), -1);
	ck_assert(!address_is_null(&a));
}
END_TEST

START_TEST(postmaster_needs_no_domain_as_a_recipient)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a;
	struct str rest;
	struct fault f;

	ck_assert_int_eq(address_parse_forward(
			     STR_LIT("<PostMaster> X"), false, &a, &rest, &f),
	    0);
	ck_assert_int_eq(a.host, ADDRESS_NO_HOST);
	ck_assert(!address_is_null(&a));
	ck_assert_view_eq(rest, " X");
	address_format(&a, text);
	ck_assert_str_eq(text, "postmaster");
	ck_assert(!address_key(&a, text));
	ck_assert_int_eq(address_parse_reverse(
			     STR_LIT("<postmaster>"), false, &a, &rest, &f),
	    -1);
	ck_assert_int_eq(address_parse_forward(
			     STR_LIT("<postmasters>"), false, &a, &rest, &f),
	    -1);
	ck_assert_int_eq(address_parse(STR_LIT("postmaster"), &a, &f), -1);
}
END_TEST

static const char *const international[] = {
    "<j\xc3\xb6rg@example.org>",
    "<ann@m\xc3\xbcnchen.de>",
    "<\"j\xc3\xb6rg x\"@example.org>",
    "<\xe7\x94\xa8\xe6\x88\xb7@\xe4\xbe\x8b\xe3\x81\x88.jp>",
    "<\xf0\x9f\x93\xac@example.org>",
};

START_TEST(utf8_is_for_those_who_asked_for_it)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address a, again;
	struct str rest;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(international); i++) {
		struct str path = str(international[i]);

		ck_assert_int_eq(
		    address_parse_forward(path, false, &a, &rest, &f), -1);
		ck_assert_str_eq(f.dsn, "5.6.7");
		ck_assert_int_eq(
		    address_parse_reverse(path, false, &a, &rest, &f), -1);
		ck_assert_str_eq(f.dsn, "5.6.7");
		ck_assert_int_eq(
		    address_parse_forward(path, true, &a, &rest, &f), 0);
		ck_assert(a.is_utf8);
		address_format(&a, text);
		ck_assert_int_eq(address_parse(str(text), &again, &f), 0);
		ck_assert(address_is_same(&a, &again));
		ck_assert(again.is_utf8);
	}
}
END_TEST

START_TEST(ill_formed_utf8_is_refused)
{
	static const char *const paths[] = {"<\xff@x.y>", "<\xc3@x.y>",
	    "<\xc0\xaf@x.y>", "<\xed\xa0\x80@x.y>", "<\"\xc3\"@x.y>",
	    "<\"\\\xc3\xb6\"@x.y>", "<a@\xff.y>", "<a@\xc3.y>",
	    "<a@m\xc3\xbcnchen.de.>", "<a@m\xc3\xbcnchen..de>",
	    "<a@m\xc3\xbcnchen.de\xe3\x80\x82>", "<a@\xe2\x80\x8f.org>"};

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_bad(str(paths[i]));
}
END_TEST

static const struct {
	const char *address, *key;
} keys[] = {
    {"Ann.B@Example.ORG", "ann.b@example.org"},
    {"ann@M\xc3\xbcnchen.de", "ann@xn--mnchen-3ya.de"},
    {"ann@XN--MNCHEN-3YA.de", "ann@xn--mnchen-3ya.de"},
    {"J\xc3\x96rg@x.y", "j\xc3\x96rg@x.y"},
    {"\"A B\"@x.y", "a b@x.y"},
    {"a@[192.0.2.1]", NULL},
    {"a@[IPv6:::1]", NULL},
};

START_TEST(a_key_is_lower_case_with_a_labels)
{
	char key[ADDRESS_TEXT_SIZE];
	struct address a;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		ck_assert_int_eq(
		    address_parse(str(keys[i].address), &a, &f), 0);
		if (keys[i].key == NULL) {
			ck_assert(!address_key(&a, key));
			ck_assert_str_eq(key, "");
		} else {
			ck_assert(address_key(&a, key));
			ck_assert_str_eq(key, keys[i].key);
		}
	}
}
END_TEST

START_TEST(local_parts_compare_byte_for_byte)
{
	struct address a, b;
	struct fault f;

	ck_assert_int_eq(address_parse(STR_LIT("ann@X.y"), &a, &f), 0);
	ck_assert_int_eq(address_parse(STR_LIT("ann@x.Y"), &b, &f), 0);
	ck_assert(address_is_same(&a, &b));
	ck_assert_int_eq(address_parse(STR_LIT("Ann@x.y"), &b, &f), 0);
	ck_assert(!address_is_same(&a, &b));
	ck_assert_int_eq(address_parse(STR_LIT("\"ann\"@x.y"), &b, &f), 0);
	ck_assert(address_is_same(&a, &b));
	ck_assert_int_eq(address_parse(STR_LIT("ann@x.yy"), &b, &f), 0);
	ck_assert(!address_is_same(&a, &b));
}
END_TEST

START_TEST(a_domain_stands_alone_as_in_ehlo)
{
	static const char *const wrong[] = {
	    "", "a b", "a.", "a_b", "[1.2.3]", "a@b", "-", "[192.0.2.1]x"};
	char domain[ADDRESS_DOMAIN_MAX + 1], small[8];
	struct fault f;

	ck_assert_int_eq(address_parse_domain(STR_LIT("Mail.Example.org"),
			     false, domain, sizeof domain, &f),
	    0);
	ck_assert_str_eq(domain, "mail.example.org");
	ck_assert_int_eq(address_parse_domain(STR_LIT("[192.0.2.1]"), false,
			     domain, sizeof domain, &f),
	    0);
	ck_assert_str_eq(domain, "[192.0.2.1]");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		ck_assert_msg(address_parse_domain(str(wrong[i]), true, domain,
				  sizeof domain, &f) == -1,
		    "%s", wrong[i]);
		ck_assert_str_eq(f.dsn, "5.5.4");
		ck_assert_str_eq(domain, "");
	}
	ck_assert_int_eq(address_parse_domain(STR_LIT("m\xc3\xbcnchen.de"),
			     false, domain, sizeof domain, &f),
	    -1);
	ck_assert_str_eq(f.dsn, "5.6.7");
	ck_assert_int_eq(address_parse_domain(STR_LIT("12345678"), false, small,
			     sizeof small, &f),
	    -1);
}
END_TEST

START_TEST(detail_is_cut_at_the_first_separator)
{
	struct str user, detail;

	ck_assert(address_split_detail(STR_LIT("a+b+c"), '+', &user, &detail));
	ck_assert_view_eq(user, "a");
	ck_assert_view_eq(detail, "b+c");
	ck_assert(address_split_detail(STR_LIT("a+"), '+', &user, &detail));
	ck_assert_view_eq(user, "a");
	ck_assert_view_eq(detail, "");
	ck_assert(!address_split_detail(STR_LIT("+b"), '+', &user, &detail));
	ck_assert_view_eq(user, "+b");
	ck_assert(!address_split_detail(STR_LIT("a-b"), '+', &user, &detail));
	ck_assert_view_eq(user, "a-b");
	ck_assert(!address_split_detail(STR_LIT("a"), '\0', &user, &detail));
	ck_assert(!address_split_detail(STR_LIT(""), '+', &user, &detail));
}
END_TEST

START_TEST(verp_names_the_recipient_where_it_can)
{
	static const struct {
		const char *from, *to, *verp; /* NULL: none */
	} cases[] = {
	    {"owner-list@example.org", "jane@far.example",
		"owner-list+jane=far.example@example.org"},
	    {"o@example.org", "J+x@Far.example",
		"o+J+x=far.example@example.org"},
	    {"o@example.org", "caf\xc3\xa9@x.example",
		"o+caf\xc3\xa9=x.example@example.org"},
	    {"o@example.org", "\"a b\"@x.example", NULL},
	    {"o@example.org", "a@[192.0.2.1]", NULL},
	    /* 64 bytes, and 65. */
	    {"o@example.org",
		"a@b1234567890123456789012345678901234567890123456789.example",
		"o+a=b1234567890123456789012345678901234567890123456789.example"
		"@example.org"},
	    {"owner@example.org",
		"a@b1234567890123456789012345678901234567890123456789.example",
		NULL},
	};
	struct address from, to, verp;
	char text[ADDRESS_TEXT_SIZE];
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *want = cases[i].verp;

		ck_assert_int_eq(
		    address_parse(str(cases[i].from), &from, &f), 0);
		ck_assert_int_eq(address_parse(str(cases[i].to), &to, &f), 0);
		ck_assert(
		    address_make_verp(&from, &to, &verp) == (want != NULL));
		address_format(&verp, text);
		ck_assert_str_eq(text, want != NULL ? want : cases[i].from);
		ck_assert(verp.is_utf8 == (to.is_utf8 && want != NULL));
	}
	memset(&from, 0, sizeof from);
	from.host = ADDRESS_NO_HOST;
	ck_assert(!address_make_verp(&from, &to, &verp));
	ck_assert(address_is_null(&verp));
}
END_TEST

START_TEST(xtext_goes_out_and_in_again)
{
	char all[256];
	struct buf wire, again;

	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	buf_init(&wire, 1000);
	buf_init(&again, 1000);
	xtext_put(&wire, str_n(all, sizeof all));
	for (size_t i = 0; i < buf_len(&wire); i++)
		ck_assert(buf_text(&wire)[i] > ' ' &&
			  buf_text(&wire)[i] <= '~' &&
			  buf_text(&wire)[i] != '=');
	ck_assert(xtext_take(&again, buf_str(&wire)));
	ck_assert(str_is(buf_str(&again), str_n(all, sizeof all)));
	buf_reset(&again);
	ck_assert(xtext_take(&again, STR_LIT("a+2Bb+3D")));
	ck_assert_str_eq(buf_text(&again), "a+b=");
	buf_clear(&wire);
	buf_clear(&again);
}
END_TEST

START_TEST(what_is_not_xtext_is_refused)
{
	static const char *const wrong[] = {"a b", "a=b", "+", "a+2", "+2b",
	    "+2G", "++", "\x01", "\x7f", "\xc3\xbc", "a\n"};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		ck_assert_msg(!xtext_take(&b, str(wrong[i])), "%s", wrong[i]);
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("address", address_parses_what_the_grammar_has,
    address_refuses_what_the_grammar_has_not,
    address_refuses_nul_wherever_it_stands, the_null_path_is_only_for_senders,
    postmaster_needs_no_domain_as_a_recipient,
    utf8_is_for_those_who_asked_for_it, ill_formed_utf8_is_refused,
    a_key_is_lower_case_with_a_labels, local_parts_compare_byte_for_byte,
    a_domain_stands_alone_as_in_ehlo, detail_is_cut_at_the_first_separator,
    verp_names_the_recipient_where_it_can, xtext_goes_out_and_in_again,
    what_is_not_xtext_is_refused)
