/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/repeat.h"

#include <string.h>

#include "base/mem.h"
#include "base/spool.h"
#include "tests/unit/unit.h"

static struct spool *
body_of(const char *text, size_t times, size_t piece)
{
	struct spool *spool = spool_new("/tmp", 1000);
	struct str rest = str(text);
	struct fault f;

	for (size_t i = 0; i < times; i++)
		for (rest = str(text); rest.len > 0;
		     rest = str_from(rest, piece))
			ck_assert_int_eq(
			    spool_put(spool, str_head(rest, piece), &f), 0);
	return spool;
}

static struct address
address_of(const char *text)
{
	struct address a;
	struct fault f;

	ck_assert_int_eq(address_parse(str(text), &a, &f), 0);
	return a;
}

START_TEST(repeats_knows_a_message_that_comes_again_once)
{
	struct repeats *r = repeats_new(4, 60000);
	struct address from = address_of("a@example.org");
	struct spool *body = body_of("Subject: x\r\n\r\nhello\r\n", 1, 100);
	struct ident first, id;

	ident_make(&first);
	ck_assert(!repeats_take(r, &from, body, &id));
	repeats_put(r, &from, body, &first);
	ck_assert(repeats_take(r, &from, body, &id));
	ck_assert_str_eq(id.text, first.text);
	ck_assert(!repeats_take(r, &from, body, &id));
	spool_free(&body);
	repeats_free(&r);
}
END_TEST

START_TEST(repeats_tells_senders_and_bodies_apart)
{
	struct repeats *r = repeats_new(4, 60000);
	struct address a = address_of("a@example.org");
	struct address b = address_of("b@example.org");
	struct spool *one = body_of("one\r\n", 1, 100);
	struct spool *two = body_of("two\r\n", 1, 100);
	struct ident first, id;

	ident_make(&first);
	repeats_put(r, &a, one, &first);
	ck_assert(!repeats_take(r, &b, one, &id));
	ck_assert(!repeats_take(r, &a, two, &id));
	ck_assert(repeats_take(r, &a, one, &id));
	spool_free(&one);
	spool_free(&two);
	repeats_free(&r);
}
END_TEST

START_TEST(repeats_knows_a_large_body_whatever_pieces_it_came_in)
{
	static const char text[] = "0123456789012345678901234567890123456\r\n";
	struct repeats *r = repeats_new(4, 60000);
	struct address from = address_of("a@example.org");
	struct spool *one = body_of(text, 3000, 100);
	struct spool *two = body_of(text, 3000, 7);
	struct spool *longer = body_of(text, 3001, 100);
	struct ident first, id;

	ident_make(&first);
	repeats_put(r, &from, one, &first);
	ck_assert(!repeats_take(r, &from, longer, &id));
	ck_assert(repeats_take(r, &from, two, &id));
	spool_free(&one);
	spool_free(&two);
	spool_free(&longer);
	repeats_free(&r);
}
END_TEST

START_TEST(repeats_forgets_the_oldest_when_it_is_full)
{
	static const char *const texts[] = {"1\r\n", "2\r\n", "3\r\n"};
	struct repeats *r = repeats_new(2, 60000);
	struct address from = address_of("a@example.org");
	struct spool *bodies[3];
	struct ident first, id;

	ident_make(&first);
	for (size_t i = 0; i < 3; i++) {
		bodies[i] = body_of(texts[i], 1, 100);
		repeats_put(r, &from, bodies[i], &first);
	}
	ck_assert(!repeats_take(r, &from, bodies[0], &id));
	ck_assert(repeats_take(r, &from, bodies[1], &id));
	ck_assert(repeats_take(r, &from, bodies[2], &id));
	for (size_t i = 0; i < 3; i++)
		spool_free(&bodies[i]);
	repeats_free(&r);
}
END_TEST

START_TEST(repeats_forgets_what_is_too_old)
{
	struct repeats *r = repeats_new(2, 0);
	struct address from = address_of("a@example.org");
	struct spool *body = body_of("x\r\n", 1, 100);
	struct ident first, id;

	ident_make(&first);
	repeats_put(r, &from, body, &first);
	ck_assert(!repeats_take(r, &from, body, &id));
	spool_free(&body);
	repeats_free(&r);
}
END_TEST

UNIT_MAIN("repeat", repeats_knows_a_message_that_comes_again_once,
    repeats_tells_senders_and_bodies_apart,
    repeats_knows_a_large_body_whatever_pieces_it_came_in,
    repeats_forgets_the_oldest_when_it_is_full, repeats_forgets_what_is_too_old)
