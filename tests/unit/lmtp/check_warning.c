/* SPDX-License-Identifier: ISC */
/* lmtp/warning.h: who is told, and how often. */
#include "config.h"

#include "lmtp/warning.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/quota.h"
#include "store/quota_level.h"
#include "store/store.h"
#include "tests/unit/store/named.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

static struct store *store;
static struct warnings *warnings;
static struct quota_account *account;
static struct mailbox_name ann;
static struct fault f;

static const char *items[] = {"95", "50", "80"};
static const struct conf_list levels = {items, 3};

static void
begin(uint64_t messages)
{
	const struct quota_limits limits = {.user.messages = messages};
	const struct warnings_conf conf = {
	    .levels = &levels, .hostname = "mx.example.org"};
	const struct store_conf store_is = opened_conf();

	opened_make("warning");
	store = opened(&store_is);
	warnings = warnings_new(&conf, &f);
	ck_assert_ptr_nonnull(warnings);
	ann = mailbox_named("ann@example.org");
	account = quota_open(store_quotas(store), &ann, &limits);
}

static void
end(void)
{
	quota_close(&account);
	warnings_free(&warnings);
	store_close(&store);
	place_remove(dir);
}

static size_t
told(void)
{
	char path[120];

	snprintf(path, sizeof path, "%s/example.org/ann/new", root);
	return place_list(path, NULL, 0);
}

/* As if a message came when so many are there. */
static void
fill(unsigned messages)
{
	for (unsigned i = 0; i < messages; i++)
		quota_claim(account, 1);
	ck_assert_int_eq(quota_reserve(account, 1, &f), 0);
	for (unsigned i = 0; i <= messages; i++)
		quota_release(account, 1);
	warnings_look(warnings, store, account);
}

START_TEST(each_level_is_told_of_once_until_it_was_below)
{
	begin(100);
	fill(40);
	ck_assert_uint_eq(told(), 0);
	fill(60);
	ck_assert_uint_eq(told(), 1);
	ck_assert_uint_eq(quota_level_get(store_root(store), &ann), 50);
	fill(60);
	fill(70);
	ck_assert_uint_eq(told(), 1);
	/* Past two at once. */
	fill(96);
	ck_assert_uint_eq(told(), 2);
	fill(85);
	ck_assert_uint_eq(told(), 2);
	ck_assert_uint_eq(quota_level_get(store_root(store), &ann), 80);
	fill(10);
	ck_assert_uint_eq(quota_level_get(store_root(store), &ann), 0);
	fill(60);
	ck_assert_uint_eq(told(), 3);
	end();
}
END_TEST

START_TEST(levels_are_numbers_up_to_a_hundred)
{
	static const struct {
		const char *item;
		bool good;
	} cases[] = {{"1", true}, {"100", true}, {"0", false}, {"101", false},
	    {"80%", false}, {"", false}};
	unsigned found[WARNING_LEVELS_MAX];
	const char *many[WARNING_LEVELS_MAX + 1];
	struct conf_list list = {many, WARNING_LEVELS_MAX + 1};
	size_t n;

	ck_assert(warning_levels_parse(&levels, found, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(found[0], 50);
	ck_assert_uint_eq(found[2], 95);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *item = cases[i].item;
		const struct conf_list one = {&item, 1};

		ck_assert_int_eq(
		    warning_levels_parse(&one, found, &n), cases[i].good);
	}
	for (size_t i = 0; i <= WARNING_LEVELS_MAX; i++)
		many[i] = "5";
	ck_assert(!warning_levels_parse(&list, found, &n));
	list.n--;
	ck_assert(warning_levels_parse(&list, found, &n));
}
END_TEST

UNIT_MAIN("warning", each_level_is_told_of_once_until_it_was_below,
    levels_are_numbers_up_to_a_hundred)
