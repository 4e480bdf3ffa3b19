/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/name.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *text, *key; /* NULL: refused */
} looked_up[] = {
    {"ann@example.org", "ann@example.org"},
    {"Ann@EXAMPLE.org", "ann@example.org"},
    {"ann@m\xc3\xbcnchen.example", "ann@xn--mnchen-3ya.example"},
    {"J\xc3\x96RG@example.org", "j\xc3\x96rg@example.org"},
    {"@Example.org", "@example.org"},
    {"a b@example.org", "a b@example.org"},
    {"a@b@example.org", "a@b@example.org"},
    {"ann+Lists@example.org", "ann+lists@example.org"},
    {"ann", NULL},
    {"", NULL},
    {"@", NULL},
    {"ann@", NULL},
    {"ann@example.org.", NULL},
    {"ann@ex ample.org", NULL},
    {"ann@[192.0.2.1]", NULL},
    {"ann@-a.example", NULL},
};

START_TEST(name_key_folds_case_and_domain)
{
	for (size_t i = 0; i < ARRAY_LEN(looked_up); i++) {
		char key[NAME_SIZE];
		bool ok = name_key(str(looked_up[i].text), key);

		ck_assert_msg(ok == (looked_up[i].key != NULL), "\"%s\": %d",
		    looked_up[i].text, ok);
		if (ok)
			ck_assert_str_eq(key, looked_up[i].key);
		else
			ck_assert_str_eq(key, "");
	}
}
END_TEST

START_TEST(name_key_refuses_nul_and_long_local_parts)
{
	char key[NAME_SIZE], text[128];

	ck_assert(!name_key(STR_LIT("a\0b@example.org"), key));
	ck_assert(!name_key(STR_LIT("ann@example.org\0.evil.example"), key));
	memset(text, 'a', 65);
	memcpy(text + 65, "@b.example", 11);
	ck_assert(!name_key(str(text), key));
	ck_assert(name_key(str(text + 1), key));
}
END_TEST

static const char *const good[] = {
    "ann@example.org",
    "ann.smith@example.org",
    "ann+lists@example.org",
    "o'brien@example.org",
    "a-b_c@sub.example.org",
    "1@localhost",
    "j\xc3\xb6rg@example.org",
    "ann@m\xc3\xbcnchen.example",
};

/* What the store, smtpd, or a list of names could not take. */
static const char *const bad[] = {
    "",
    "ann",
    "@example.org",
    "ann@",
    "../ann@example.org",
    "a/b@example.org",
    "/@example.org",
    ".ann@example.org",
    "ann.@example.org",
    "a..b@example.org",
    "..@example.org",
    "-rf@example.org",
    "+x@example.org",
    "a b@example.org",
    "\"a b\"@example.org",
    "\"ann\"@example.org",
    "\"../ann\"@example.org",
    "a,b@example.org",
    "a;b@example.org",
    "a@b@example.org",
    "a%b@example.org",
    "a!b@example.org",
    "a\tb@example.org",
    "a\nb@example.org",
    "a\177b@example.org",        /* DEL */
    "a\xc2\x85@example.org",     /* NEL */
    "a\xc2\xa0@example.org",     /* a blank that does not break */
    "a\xe2\x80\xae@example.org", /* right to left */
    "a\xe2\x80\x8b@example.org", /* of no width */
    "a\xff@example.org",
    "a\xc0\xaf@example.org", /* overlong "/" */
    "ann@[192.0.2.1]",
    "ann@example..org",
    "ann@.org",
    "ann@../..",
    "ann@example.org/x",
    "ann@example.org ",
    " ann@example.org",
    "<ann@example.org>",
};

START_TEST(name_check_takes_what_can_be_a_mailbox)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct fault f = {.text = ""};
		char key[NAME_SIZE];
		int rc = name_check(str(good[i]), key, &f);

		ck_assert_msg(rc == 0, "%s: %s", good[i], f.text);
	}
}
END_TEST

START_TEST(name_check_refuses_what_could_not_be_a_mailbox)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fault f = {.text = ""};
		char key[NAME_SIZE] = "x";

		ck_assert_msg(name_check(str(bad[i]), key, &f) == -1,
		    "taken: %s", bad[i]);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		ck_assert_str_eq(f.dsn, "5.1.3");
		ck_assert_str_ne(f.text, "");
		ck_assert_str_eq(key, "");
	}
}
END_TEST

START_TEST(name_check_refuses_nul)
{
	struct fault f;
	char key[NAME_SIZE];

	ck_assert_int_eq(name_check(STR_LIT("ann\0@example.org"), key, &f), -1);
	ck_assert_int_eq(name_check(STR_LIT("ann@example.org\0"), key, &f), -1);
}
END_TEST

/* n bytes of "a.a.a…" */
static void
long_domain(char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = i % 2 == 0 ? 'a' : '.';
	text[n] = '\0';
}

START_TEST(name_check_bounds_lengths)
{
	char text[400], key[NAME_SIZE];
	struct fault f;

	memset(text, 'u', 65);
	text[65] = '@';
	long_domain(text + 66, 11);
	ck_assert_int_eq(name_check(str(text), key, &f), -1);
	ck_assert_int_eq(name_check(str(text + 1), key, &f), 0);
	/* The domain is a folder's name. */
	text[1] = '@';
	long_domain(text + 2, 199);
	ck_assert_int_eq(name_check(str(text), key, &f), 0);
	long_domain(text + 2, 201);
	ck_assert_int_eq(name_check(str(text), key, &f), -1);
	ck_assert_int_eq(name_check_domain(str(text + 2), key, &f), -1);
	/* 64 and 189 and the "@" are the 254 of RFC 5321. */
	memset(text, 'u', 64);
	text[64] = '@';
	long_domain(text + 65, 189);
	ck_assert_int_eq(name_check(str(text), key, &f), 0);
	long_domain(text + 65, 191);
	ck_assert_int_eq(name_check(str(text), key, &f), -1);
}
END_TEST

START_TEST(name_check_alias_takes_the_catch_all)
{
	struct fault f;
	char key[NAME_SIZE];

	ck_assert_int_eq(name_check_alias(str("@Example.org"), key, &f), 0);
	ck_assert_str_eq(key, "@example.org");
	ck_assert_int_eq(name_check_alias(str("Ann@Example.org"), key, &f), 0);
	ck_assert_str_eq(key, "ann@example.org");
	ck_assert_int_eq(name_check_alias(str("@"), key, &f), -1);
	ck_assert_int_eq(name_check_alias(str("@a/b"), key, &f), -1);
	ck_assert_int_eq(name_check_alias(str("@@example.org"), key, &f), -1);
}
END_TEST

START_TEST(name_parts_are_those_around_the_last_at)
{
	ck_assert_view_eq(name_local(str("a@b@example.org")), "a@b");
	ck_assert_view_eq(name_domain(str("a@b@example.org")), "example.org");
	ck_assert_view_eq(name_local(str("@example.org")), "");
}
END_TEST

UNIT_MAIN("name", name_key_folds_case_and_domain,
    name_key_refuses_nul_and_long_local_parts,
    name_check_takes_what_can_be_a_mailbox,
    name_check_refuses_what_could_not_be_a_mailbox, name_check_refuses_nul,
    name_check_bounds_lengths, name_check_alias_takes_the_catch_all,
    name_parts_are_those_around_the_last_at)
