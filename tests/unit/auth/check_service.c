/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/service.h"

#include "tests/unit/unit.h"

static const struct {
	const char *text, *key; /* NULL: it is no name */
	bool is_mail;
} cases[] = {
    {"smtp", "smtp", true},
    {"SMTP", "smtp", true},
    {"submission", "smtp", true},
    {"submissions", "smtp", true},
    {"imap", "imap", true},
    {"imaps", "imap", true},
    {"pop", "pop3", true},
    {"managesieve", "sieve", true},
    {"webmail", "webmail", false},
    {"x-1", "x-1", false},
    {"", NULL, true},
    {"a b", NULL, true},
    {"a,b", NULL, true},
    {"\xc3\xa4", NULL, true},
    {"abcdefghijklmnopqrstuvwx", NULL, true},
};

START_TEST(services_have_one_key_each)
{
	char key[SERVICE_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = service_key(str(cases[i].text), key);

		ck_assert_msg(ok == (cases[i].key != NULL), "%zu", i);
		ck_assert_str_eq(key, ok ? cases[i].key : "");
		ck_assert_msg(
		    service_is_mail(key) == cases[i].is_mail, "%zu", i);
	}
}
END_TEST

UNIT_MAIN("service", services_have_one_key_each)
