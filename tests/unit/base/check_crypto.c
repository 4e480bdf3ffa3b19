/* SPDX-License-Identifier: ISC */
/* Hashes, random bytes, and base64 in its one strict form. */
#include "config.h"

#include "base/crypto.h"

#include <stdio.h>

#include "tests/unit/unit.h"

START_TEST(sha256_gives_the_published_digests)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
	    /* FIPS 180-2, appendix B. */
	    {"", "e3b0c44298fc1c149afbf4c8996fb924"
		 "27ae41e4649b934ca495991b7852b855"},
	    {"abc", "ba7816bf8f01cfea414140de5dae2223"
		    "b00361a396177a9cb410ff61f20015ad"},
	};
	uint8_t digest[CRYPTO_SHA256_LEN];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char hex[2 * sizeof digest + 1];

		crypto_sha256(str(cases[i].text), digest);
		for (size_t n = 0; n < sizeof digest; n++)
			snprintf(hex + 2 * n, 3, "%02x", digest[n]);
		ck_assert_str_eq(hex, cases[i].hex);
	}
}
END_TEST

START_TEST(sha256_of_pieces_is_that_of_the_whole)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	uint8_t whole[CRYPTO_SHA256_LEN], pieces[CRYPTO_SHA256_LEN];
	struct crypto_sha256 *hash = crypto_sha256_new();

	crypto_sha256(str(text), whole);
	for (size_t cut = 0; cut <= strlen(text); cut++) {
		crypto_sha256_add(hash, str_head(str(text), cut));
		crypto_sha256_add(hash, str_from(str(text), cut));
		crypto_sha256_end(hash, pieces);
		ck_assert_mem_eq(pieces, whole, sizeof whole);
	}
	crypto_sha256_end(hash, pieces);
	crypto_sha256(str(""), whole);
	ck_assert_mem_eq(pieces, whole, sizeof whole);
	crypto_sha256_free(&hash);
	ck_assert_ptr_null(hash);
}
END_TEST

START_TEST(hmac_is_that_of_the_standard)
{
	/* RFC 4231 4.3. */
	static const char want[] = "5bdcc146bf60754e6a042426089575c7"
				   "5a003f089d2739839dec58b964ec3843";
	uint8_t mac[CRYPTO_SHA256_LEN];
	char hex[2 * sizeof mac + 1];

	crypto_hmac_sha256(
	    STR_LIT("Jefe"), STR_LIT("what do ya want for nothing?"), mac);
	for (size_t n = 0; n < sizeof mac; n++)
		snprintf(hex + 2 * n, 3, "%02x", mac[n]);
	ck_assert_str_eq(hex, want);
}
END_TEST

static void
assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
	char hex[2 * CRYPTO_DIGEST_MAX + 1];

	for (size_t n = 0; n < len; n++)
		snprintf(hex + 2 * n, 3, "%02x", bytes[n]);
	ck_assert_str_eq(hex, want);
}

START_TEST(keys_of_passwords_are_those_of_the_standards)
{
	uint8_t key[CRYPTO_DIGEST_MAX];

	/* RFC 6070 2. */
	crypto_pbkdf2(
	    CRYPTO_SHA1, STR_LIT("password"), STR_LIT("salt"), 4096, key);
	assert_hex(key, crypto_digest_len(CRYPTO_SHA1),
	    "4b007901b765489abead49d926f721d065a429c1");
	/* RFC 7914 11. */
	crypto_pbkdf2(
	    CRYPTO_SHA256, STR_LIT("Password"), STR_LIT("NaCl"), 80000, key);
	assert_hex(key, crypto_digest_len(CRYPTO_SHA256),
	    "4ddcd8f60b98be21830cee5ef22701f9"
	    "641a4418d04c0414aeff08876b34ab56");
	/* RFC 2202 3 and FIPS 180-1. */
	crypto_digest_hmac(CRYPTO_SHA1, STR_LIT("Jefe"),
	    STR_LIT("what do ya want for nothing?"), key);
	assert_hex(key, 20, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	crypto_digest(CRYPTO_SHA1, STR_LIT("abc"), key);
	assert_hex(key, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
}
END_TEST

START_TEST(states_of_hmac_md5_are_those_that_others_keep)
{
	/* As `doveadm pw -s CRAM-MD5` has them. */
	static const char inner[] = "3855c471c0f25506b3c535ac298d5259";
	static const char outer[] = "d17fb5386cb4c4a05fa04a81dd8e3120";
	uint8_t a[CRYPTO_MD5_STATE_LEN], b[CRYPTO_MD5_STATE_LEN];
	uint8_t c[CRYPTO_MD5_STATE_LEN];
	char longer[65] = "", digest[16];

	crypto_hmac_md5_states(STR_LIT("correct horse"), a, b);
	assert_hex(a, sizeof a, inner);
	assert_hex(b, sizeof b, outer);
	/* What is longer than a block counts by its digest. */
	memset(longer, 'x', sizeof longer);
	memcpy(digest,
	    "\x1b\xc9\x32\x05\x23\x02\xd0\x74\xbd\xec\x39\x79\x5f\xe0\x0c\xf6",
	    sizeof digest);
	crypto_hmac_md5_states(str_n(longer, sizeof longer), a, b);
	crypto_hmac_md5_states(str_n(digest, sizeof digest), c, b);
	ck_assert_mem_eq(a, c, sizeof a);
}
END_TEST

START_TEST(random_bytes_fill_all_and_differ)
{
	unsigned char a[4096], b[4096];
	size_t zeros = 0;

	memset(a, 0, sizeof a);
	crypto_random(a, sizeof a);
	crypto_random(b, sizeof b);
	ck_assert_int_ne(memcmp(a, b, sizeof a), 0);
	for (size_t i = 0; i < sizeof a; i++)
		zeros += a[i] == 0;
	ck_assert_uint_lt(zeros, 100);
	ck_assert(a[4095] != 0 || a[4094] != 0 || a[4093] != 0);
	crypto_random(a, 0);
}
END_TEST

START_TEST(equal_is_only_what_has_all_bytes_in_common)
{
	ck_assert(crypto_is_equal(STR_LIT("secret"), STR_LIT("secret")));
	ck_assert(!crypto_is_equal(STR_LIT("secret"), STR_LIT("secreT")));
	ck_assert(!crypto_is_equal(STR_LIT("secret"), STR_LIT("secre")));
	ck_assert(crypto_is_equal((struct str){0}, STR_LIT("")));
	ck_assert(!crypto_is_equal(STR_LIT("a\0b"), STR_LIT("a\0c")));
}
END_TEST

static void
check_both_ways(const char *text, const char *base64)
{
	struct buf b;

	buf_init(&b, 1000);
	crypto_base64_put(&b, str(text));
	ck_assert_str_eq(buf_text(&b), base64);
	buf_reset(&b);
	ck_assert(crypto_base64_take(&b, str(base64)));
	ck_assert_str_eq(buf_text(&b), text);
	buf_clear(&b);
}

START_TEST(base64_goes_both_ways)
{
	/* RFC 4648 10. */
	check_both_ways("", "");
	check_both_ways("f", "Zg==");
	check_both_ways("fo", "Zm8=");
	check_both_ways("foo", "Zm9v");
	check_both_ways("foob", "Zm9vYg==");
	check_both_ways("fooba", "Zm9vYmE=");
	check_both_ways("foobar", "Zm9vYmFy");
	check_both_ways("\xfb\xff\xbf", "+/+/");
}
END_TEST

START_TEST(base64_of_each_length_comes_back)
{
	unsigned char bytes[200];
	struct buf text, back;

	buf_init(&text, 1000);
	buf_init(&back, 1000);
	crypto_random(bytes, sizeof bytes);
	for (size_t n = 0; n <= sizeof bytes; n++) {
		buf_reset(&text);
		buf_reset(&back);
		crypto_base64_put(&text, str_n((char *)bytes, n));
		ck_assert_uint_eq(buf_len(&text), (n + 2) / 3 * 4);
		ck_assert(crypto_base64_take(&back, buf_str(&text)));
		ck_assert_uint_eq(buf_len(&back), n);
		ck_assert(n == 0 || memcmp(buf_text(&back), bytes, n) == 0);
	}
	buf_clear(&text);
	buf_clear(&back);
}
END_TEST

START_TEST(base64_has_one_form_only)
{
	static const char *const bad[] = {"Z", "Zg",
	    "Zg=", "Zg===", "====", "=",
	    "Z===", "Zh==", "Zm9=", "Zm8=Zm8=", "Zg==Zg==", "Zm 8", "Zm8=\n",
	    " Zg==", "Zm-_", "Zm8\xc0", "Zg=v", "*"};
	struct buf b;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&b, 100);
		ck_assert_msg(
		    !crypto_base64_take(&b, str(bad[i])), "\"%s\"", bad[i]);
		buf_clear(&b);
	}
}
END_TEST

START_TEST(base64_that_does_not_fit_is_refused)
{
	struct buf b;

	buf_init(&b, 5);
	ck_assert(!crypto_base64_take(&b, STR_LIT("Zm9vYmFy")));
	buf_clear(&b);
}
END_TEST

UNIT_MAIN("crypto", sha256_gives_the_published_digests,
    sha256_of_pieces_is_that_of_the_whole, hmac_is_that_of_the_standard,
    keys_of_passwords_are_those_of_the_standards,
    states_of_hmac_md5_are_those_that_others_keep,
    random_bytes_fill_all_and_differ,
    equal_is_only_what_has_all_bytes_in_common, base64_goes_both_ways,
    base64_of_each_length_comes_back, base64_has_one_form_only,
    base64_that_does_not_fit_is_refused)
