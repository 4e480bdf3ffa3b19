/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/sts_table.h"

#include <stdio.h>

#include "base/mem.h"
#include "tests/unit/unit.h"

#define POLICY "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 9\n"

static struct sts_entry *
add(struct sts_table *t, const char *domain, const char *text)
{
	struct sts_entry *e = sts_table_add(t, domain);

	ck_assert_ptr_nonnull(e);
	if (text != NULL)
		sts_table_set(t, e, text);
	return e;
}

START_TEST(sts_table_finds_what_was_added)
{
	struct sts_table t;
	struct sts_entry *e;
	char name[20], longer[300];

	sts_table_init(&t, 1000);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "d%d.example", i);
		add(&t, name, i % 2 == 0 ? POLICY : NULL);
	}
	ck_assert_uint_eq(t.n_some, 250);
	ck_assert_uint_eq(t.n_none, 250);
	e = sts_table_find(&t, "d7.example");
	ck_assert_str_eq(e->domain, "d7.example");
	ck_assert_ptr_null(e->text);
	ck_assert_str_eq(sts_table_find(&t, "d8.example")->text, POLICY);
	ck_assert_ptr_null(sts_table_find(&t, "d500.example"));
	sts_table_remove(&t, &e);
	ck_assert_ptr_null(sts_table_find(&t, "d7.example"));
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	ck_assert_ptr_null(sts_table_add(&t, longer));
	sts_table_clear(&t);
}
END_TEST

START_TEST(sts_table_lets_those_go_that_nobody_asked_for)
{
	struct sts_table t;
	struct sts_entry *a, *b, *c, *e;

	sts_table_init(&t, 2);
	a = add(&t, "a", NULL);
	b = add(&t, "b", NULL);
	ck_assert_ptr_null(sts_table_surplus(&t));
	c = add(&t, "c", NULL);
	ck_assert_ptr_eq(sts_table_surplus(&t), a);
	sts_table_touch(&t, a);
	ck_assert_ptr_eq(sts_table_surplus(&t), b);
	/* What is being checked stays. */
	b->is_checking = true;
	ck_assert_ptr_eq(sts_table_surplus(&t), c);
	c->is_checking = a->is_checking = true;
	ck_assert_ptr_null(sts_table_surplus(&t));
	/* A policy does not give way to a domain that has none. */
	sts_table_set(&t, c, POLICY);
	add(&t, "d", NULL);
	a->is_checking = false;
	e = sts_table_surplus(&t);
	ck_assert_ptr_eq(e, a);
	sts_table_remove(&t, &e);
	ck_assert_ptr_null(sts_table_surplus(&t));
	sts_table_clear(&t);
}
END_TEST

START_TEST(sts_table_is_bounded_in_bytes)
{
	struct sts_table t;
	char *text = mem_zeroed(STS_TABLE_BYTES_MAX / 2 + 1, 1);
	struct sts_entry *a, *b;

	memset(text, 'x', STS_TABLE_BYTES_MAX / 2);
	sts_table_init(&t, 10);
	a = add(&t, "a", text);
	b = add(&t, "b", text);
	ck_assert_ptr_null(sts_table_surplus(&t));
	add(&t, "c", "x");
	ck_assert_ptr_eq(sts_table_surplus(&t), a);
	sts_table_set(&t, a, NULL);
	ck_assert_ptr_null(sts_table_surplus(&t));
	sts_table_set(&t, b, "shorter");
	sts_table_remove(&t, &b);
	ck_assert_uint_eq(t.bytes, 1);
	sts_table_clear(&t);
	ck_assert_uint_eq(t.bytes, 0);
	mem_free(text);
}
END_TEST

START_TEST(sts_entry_is_read_as_it_was_put)
{
	struct sts_table t;
	struct sts_entry *e, *again;
	struct buf b;

	sts_table_init(&t, 10);
	buf_init(&b, 10000);
	e = add(&t, "a", POLICY);
	memcpy(e->id, "x1", 3);
	e->fetched = 1795453538123;
	e->expires = 1795453547123;
	sts_entry_encode(e, &b);
	again = add(&t, "b", NULL);
	ck_assert(sts_entry_decode(&t, again, buf_str(&b)));
	ck_assert_str_eq(again->text, POLICY);
	ck_assert_str_eq(again->id, "x1");
	ck_assert_int_eq(again->fetched, e->fetched);
	ck_assert_int_eq(again->expires, e->expires);
	ck_assert_uint_eq(t.n_some, 2);
	buf_clear(&b);
	sts_table_clear(&t);
}
END_TEST

START_TEST(sts_entry_does_not_believe_what_is_damaged)
{
	static const char *const values[] = {
	    "",
	    "x 1 2",
	    "x 1 2\nnonsense\n",
	    "x 1\n" POLICY,
	    "x 1 a\n" POLICY,
	    " 1 2\n" POLICY,
	    "123456789012345678901234567890123 1 2\n" POLICY,
	};
	struct sts_table t;
	struct sts_entry *e;

	sts_table_init(&t, 10);
	e = add(&t, "a", NULL);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		ck_assert_msg(
		    !sts_entry_decode(&t, e, str(values[i])), "%s", values[i]);
	ck_assert_ptr_null(e->text);
	sts_table_clear(&t);
}
END_TEST

UNIT_MAIN("sts_table", sts_table_finds_what_was_added,
    sts_table_lets_those_go_that_nobody_asked_for,
    sts_table_is_bounded_in_bytes, sts_entry_is_read_as_it_was_put,
    sts_entry_does_not_believe_what_is_damaged)
