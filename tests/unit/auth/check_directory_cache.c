/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_cache.h"

#include "tests/unit/unit.h"

enum { LONG = 3600000 };

static struct directory_cache *cache;
static struct buf value;

static void
set_up(size_t max)
{
	cache = directory_cache_new(max);
	buf_init(&value, 100);
	buf_puts(&value, "old");
}

static void
tear_down(void)
{
	directory_cache_free(&cache);
	buf_clear(&value);
}

static void
put(const char *question, const char *answer)
{
	directory_cache_put(cache, str(question), answer != NULL, str(answer),
	    directory_cache_epoch(cache));
}

static int
get(const char *question)
{
	return directory_cache_get(cache, str(question), LONG, &value);
}

START_TEST(cache_knows_what_there_is_and_what_there_is_not)
{
	set_up(10);
	ck_assert_int_eq(get("ann"), -1);
	put("ann", "here");
	put("bob", NULL);
	ck_assert_int_eq(get("ann"), 1);
	ck_assert_str_eq(buf_text(&value), "here");
	ck_assert_int_eq(get("bob"), 0);
	ck_assert_str_eq(buf_text(&value), "");
	put("bob", "too");
	ck_assert_int_eq(get("bob"), 1);
	ck_assert_str_eq(buf_text(&value), "too");
	tear_down();
}
END_TEST

START_TEST(cache_gives_nothing_that_is_too_old)
{
	set_up(10);
	put("ann", "here");
	ck_assert_int_eq(directory_cache_get(cache, str("ann"), 0, &value), -1);
	tear_down();
}
END_TEST

START_TEST(cache_drops_what_was_used_longest_ago)
{
	set_up(2);
	put("ann", "1");
	put("bob", "2");
	ck_assert_int_eq(get("ann"), 1);
	put("carl", "3");
	ck_assert_int_eq(get("bob"), -1);
	ck_assert_int_eq(get("ann"), 1);
	ck_assert_int_eq(get("carl"), 1);
	tear_down();
}
END_TEST

START_TEST(cache_keeps_no_answer_from_before_a_change)
{
	uint64_t before;

	set_up(10);
	before = directory_cache_epoch(cache);
	put("ann", "here");
	directory_cache_drop(cache);
	ck_assert_int_eq(get("ann"), -1);
	directory_cache_put(cache, str("ann"), true, str("here"), before);
	ck_assert_int_eq(get("ann"), -1);
	tear_down();
}
END_TEST

UNIT_MAIN("directory_cache", cache_knows_what_there_is_and_what_there_is_not,
    cache_gives_nothing_that_is_too_old, cache_drops_what_was_used_longest_ago,
    cache_keeps_no_answer_from_before_a_change)
