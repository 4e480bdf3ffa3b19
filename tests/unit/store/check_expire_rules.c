/* SPDX-License-Identifier: ISC */
/* store/expire_rules.h: what is kept for how long. */
#include "config.h"

#include "store/expire_rules.h"

#include "tests/unit/store/named.h"
#include "tests/unit/unit.h"

static struct expire_rules rules;
static struct fault f;

static int
parse(const char *line)
{
	const char *const lines[] = {line};
	int rc = expire_rules_parse(&rules, lines, 1, &f);

	if (rc < 0)
		expire_rules_clear(&rules);
	return rc;
}

static int64_t
age(const char *mailbox, const char *folder)
{
	struct mailbox_folder where;
	struct mailbox_name name;

	name = mailbox_named(mailbox);
	where = folder_named(folder);
	return expire_rules_age(&rules, &name, &where);
}

START_TEST(a_rule_names_a_folder_and_an_age)
{
	static const struct {
		const char *line, *folder;
		bool below;
		int64_t age;
		const char *whom;
	} good[] = {
	    {"Trash 30d", "Trash", false, 30 * 86400, ""},
	    {"  Deleted Items   2h ", "Deleted Items", false, 7200, ""},
	    {"Trash/* 90s", "Trash", true, 90, ""},
	    {"* 365d", "", true, 365 * 86400, ""},
	    {"INBOX 10d", "", false, 864000, ""},
	    {"Trash never Boss@Example.ORG", "Trash", false, EXPIRE_NEVER,
		"boss@example.org"},
	    {"Lists.posthouse 1d @Example.ORG", "Lists/posthouse", false, 86400,
		"@example.org"},
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_msg(parse(good[i].line) == 0, "%s", f.text);
		ck_assert_uint_eq(rules.n, 1);
		ck_assert_str_eq(rules.rules[0].folder, good[i].folder);
		ck_assert_int_eq(rules.rules[0].below, good[i].below);
		ck_assert_int_eq(rules.rules[0].age, good[i].age);
		ck_assert_str_eq(rules.rules[0].whom, good[i].whom);
		expire_rules_clear(&rules);
	}
}
END_TEST

START_TEST(what_is_no_rule_is_refused_with_a_reason)
{
	static const char *const bad[] = {"", "Trash", "30d", "Trash 30",
	    "Trash 0", "Trash 10ms", "Trash -1d", "Trash 30d @", "Trash 30d x@",
	    "Trash//x 30d", "INBOX/* 30d", "Trash 99999999999999999d"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(parse(bad[i]) < 0, "\"%s\" was taken", bad[i]);
		ck_assert_str_eq(f.dsn, "5.3.5");
	}
}
END_TEST

START_TEST(the_closest_rule_counts)
{
	static const char *const lines[] = {"* 100s", "Trash 30s",
	    "Trash/* 40s", "Trash/Old/* 50s", "Trash 60s @example.org",
	    "Trash never boss@example.org", "Junk 14s", "Junk never @b"};

	ck_assert_int_eq(
	    expire_rules_parse(&rules, lines, ARRAY_LEN(lines), &f), 0);
	ck_assert_int_eq(age("ann@a", "Trash"), 30);
	ck_assert_int_eq(age("ann@a", "Trash/x"), 40);
	ck_assert_int_eq(age("ann@a", "Trash/Old"), 40);
	ck_assert_int_eq(age("ann@a", "Trash/Old/x"), 50);
	ck_assert_int_eq(age("ann@a", "Trashy"), 100);
	ck_assert_int_eq(age("ann@a", "INBOX"), 100);
	ck_assert_int_eq(age("ann@example.org", "Trash"), 60);
	ck_assert_int_eq(age("boss@example.org", "Trash"), EXPIRE_NEVER);
	ck_assert_int_eq(age("ann@a", "Junk"), 14);
	ck_assert_int_eq(age("ann@b", "Junk"), EXPIRE_NEVER);
	ck_assert_int_eq(age("ann@xb", "Junk"), 14);
	expire_rules_clear(&rules);
}
END_TEST

START_TEST(without_rules_all_is_kept)
{
	ck_assert_int_eq(expire_rules_parse(&rules, NULL, 0, &f), 0);
	ck_assert_int_eq(age("ann@a", "Trash"), EXPIRE_NEVER);
	expire_rules_clear(&rules);
}
END_TEST

UNIT_MAIN("expire_rules", a_rule_names_a_folder_and_an_age,
    what_is_no_rule_is_refused_with_a_reason, the_closest_rule_counts,
    without_rules_all_is_kept)
