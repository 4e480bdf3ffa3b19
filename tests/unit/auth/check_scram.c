/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/scram.h"

#include "base/crypto.h"
#include "tests/unit/unit.h"

static const uint8_t secret[SCRAM_SECRET_LEN] = "a secret", other[32] = "x";

/* Iterations, salt, and how long the keys are. */
static void
assert_form(const char *key, const char *name, size_t digest_len)
{
	struct str rest = str(key);
	struct buf b;

	buf_init(&b, 100);
	ck_assert_view_eq(str_cut(&rest, '$'), name);
	ck_assert_view_eq(str_cut(&rest, ':'), "10000");
	ck_assert(crypto_base64_take(&b, str_cut(&rest, '$')));
	ck_assert_uint_eq(buf_len(&b), 16);
	buf_reset(&b);
	ck_assert(crypto_base64_take(&b, str_cut(&rest, ':')));
	ck_assert_uint_eq(buf_len(&b), digest_len);
	buf_reset(&b);
	ck_assert(crypto_base64_take(&b, rest));
	ck_assert_uint_eq(buf_len(&b), digest_len);
	buf_clear(&b);
}

START_TEST(keys_have_the_form_of_the_standard)
{
	struct scram_keys k;

	ck_assert(scram_make(STR_LIT("correct horse"), &k));
	assert_form(k.sha256, "SCRAM-SHA-256", 32);
	assert_form(k.sha1, "SCRAM-SHA-1", 20);
	scram_make_fake(secret, STR_LIT("eve@example.org"), &k);
	assert_form(k.sha256, "SCRAM-SHA-256", 32);
	assert_form(k.sha1, "SCRAM-SHA-1", 20);
}
END_TEST

START_TEST(no_two_keys_of_a_password_are_the_same)
{
	struct scram_keys a, b;

	ck_assert(scram_make(STR_LIT("correct horse"), &a));
	ck_assert(scram_make(STR_LIT("correct horse"), &b));
	ck_assert_str_ne(a.sha256, b.sha256);
	ck_assert_str_ne(a.sha1, b.sha1);
}
END_TEST

START_TEST(a_password_that_cannot_be_spelled_has_no_keys)
{
	struct scram_keys k;

	ck_assert(!scram_make(STR_LIT("correct \xff horse"), &k));
	ck_assert_str_eq(k.sha256, "");
	ck_assert_str_eq(k.sha1, "");
}
END_TEST

static struct str
salt_of(const char *key)
{
	struct str rest = str(key);

	str_cut(&rest, ':');
	return str_cut(&rest, '$');
}

START_TEST(fakes_keep_their_salt_and_nothing_else)
{
	struct scram_keys a, b;

	scram_make_fake(secret, STR_LIT("eve@example.org"), &a);
	scram_make_fake(secret, STR_LIT("eve@example.org"), &b);
	ck_assert(str_is(salt_of(a.sha256), salt_of(b.sha256)));
	ck_assert(str_is(salt_of(a.sha1), salt_of(b.sha1)));
	ck_assert_str_ne(a.sha256, b.sha256);
	ck_assert(!str_is(salt_of(a.sha256), salt_of(a.sha1)));
	scram_make_fake(secret, STR_LIT("adam@example.org"), &b);
	ck_assert(!str_is(salt_of(a.sha256), salt_of(b.sha256)));
	scram_make_fake(other, STR_LIT("eve@example.org"), &b);
	ck_assert(!str_is(salt_of(a.sha256), salt_of(b.sha256)));
}
END_TEST

UNIT_MAIN("scram", keys_have_the_form_of_the_standard,
    no_two_keys_of_a_password_are_the_same,
    a_password_that_cannot_be_spelled_has_no_keys,
    fakes_keep_their_salt_and_nothing_else)
