/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/digest.h"

#include <string.h>

#include "tests/unit/unit.h"

static bool
has_same_body(struct str a, struct str b)
{
	uint8_t one[DIGEST_LEN], other[DIGEST_LEN];

	digest_take(a, one);
	digest_take(b, other);
	ck_assert_int_ne(memcmp(one, other, DIGEST_FILE_LEN), 0);
	return memcmp(one + DIGEST_FILE_LEN, other + DIGEST_FILE_LEN,
		   DIGEST_BODY_LEN) == 0;
}

START_TEST(copies_with_other_headers_have_the_same_body)
{
	const struct str a = STR_LIT("To: a\nSubject: x\n\nhello\n\nagain\n");

	ck_assert(has_same_body(
	    a, STR_LIT("Received: y\nSubject: x\n\nhello\n\nagain\n")));
	ck_assert(has_same_body(a, STR_LIT("\nhello\n\nagain\n")));
	ck_assert(!has_same_body(a, STR_LIT("To: a\n\nhello\n\nagain!\n")));
	ck_assert(!has_same_body(a, STR_LIT("To: a\nhello\n\nagain\n")));
	ck_assert(has_same_body(STR_LIT("A: b\r\n\r\nhello\r\n"),
	    STR_LIT("A: c\r\n\r\nhello\r\n")));
	ck_assert(has_same_body(STR_LIT("no body\n"), STR_LIT("nor here")));
}
END_TEST

START_TEST(the_first_part_is_sha256_of_the_file)
{
	const struct str file = STR_LIT("A: b\n\nhello\n");
	uint8_t digest[DIGEST_LEN], whole[CRYPTO_SHA256_LEN];

	digest_take(file, digest);
	crypto_sha256(file, whole);
	ck_assert_mem_eq(digest, whole, DIGEST_FILE_LEN);
	crypto_sha256(STR_LIT("hello\n"), whole);
	ck_assert_mem_eq(digest + DIGEST_FILE_LEN, whole, DIGEST_BODY_LEN);
}
END_TEST

START_TEST(pieces_of_any_size_give_the_same)
{
	const struct str file = STR_LIT("A: b\r\nC: d\r\n\r\nhello\n\n\nx");
	uint8_t whole[DIGEST_LEN], pieces[DIGEST_LEN];
	struct digest *d = digest_new();

	digest_take(file, whole);
	for (size_t size = 1; size <= file.len; size++) {
		for (struct str rest = file; rest.len > 0;
		     rest = str_from(rest, size))
			digest_add(d, str_head(rest, size));
		digest_end(d, pieces);
		ck_assert_mem_eq(whole, pieces, DIGEST_LEN);
	}
	digest_free(&d);
	digest_free(&d);
}
END_TEST

UNIT_MAIN("digest", copies_with_other_headers_have_the_same_body,
    the_first_part_is_sha256_of_the_file, pieces_of_any_size_give_the_same)
