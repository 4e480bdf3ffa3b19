/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_quota.h"

#include "auth/directory_copy.h"
#include "base/db.h"
#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")
#define ORG STR_LIT("example.org")

static struct directory *d;
static struct fault f;
static const struct directory_quota keep = {
    DIRECTORY_QUOTA_KEEP, DIRECTORY_QUOTA_KEEP};

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", "$y$hash");
}

static void
set_user(int64_t bytes, int64_t messages)
{
	const struct directory_quota quota = {bytes, messages};
	int rc = directory_user_set_quota(d, ANN, &quota, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

static void
set_domain(struct directory_quota total, struct directory_quota user)
{
	int rc = directory_domain_set_quota(d, ORG, &total, &user, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

static void
assert_limits(uint64_t bytes, uint64_t messages, uint64_t domain_bytes,
    uint64_t domain_messages)
{
	struct directory_user user;
	struct quota_value l;

	ck_assert_int_eq(directory_quota_get(d, ANN, &user, &l, &f), 1);
	ck_assert_view_eq(l.user, "ann@example.org");
	ck_assert_uint_eq(l.bytes, bytes);
	ck_assert_uint_eq(l.messages, messages);
	ck_assert_uint_eq(l.domain_bytes, domain_bytes);
	ck_assert_uint_eq(l.domain_messages, domain_messages);
}

START_TEST(a_user_without_a_quota_has_the_domains)
{
	begin();
	assert_limits(0, 0, 0, 0);
	set_domain((struct directory_quota){5000, 50},
	    (struct directory_quota){1000, 10});
	assert_limits(1000, 10, 5000, 50);
	set_user(2000, DIRECTORY_QUOTA_UNSET);
	assert_limits(2000, 10, 5000, 50);
	set_user(DIRECTORY_QUOTA_NONE, DIRECTORY_QUOTA_NONE);
	assert_limits(0, 0, 5000, 50);
	set_user(DIRECTORY_QUOTA_UNSET, 7);
	assert_limits(1000, 7, 5000, 50);
	end_directory(&d);
}
END_TEST

START_TEST(what_is_not_given_stays)
{
	begin();
	set_user(1000, 10);
	set_user(DIRECTORY_QUOTA_KEEP, 20);
	assert_limits(1000, 20, 0, 0);
	set_domain((struct directory_quota){5000, 50}, keep);
	set_domain(keep, (struct directory_quota){3, DIRECTORY_QUOTA_KEEP});
	assert_limits(1000, 20, 5000, 50);
	set_user(DIRECTORY_QUOTA_UNSET, DIRECTORY_QUOTA_KEEP);
	assert_limits(3, 20, 5000, 50);
	end_directory(&d);
}
END_TEST

START_TEST(other_changes_leave_a_quota_as_it_is)
{
	const struct directory_password password = {.hash = "$y$other"};
	struct directory_user user;

	begin();
	set_user(1000, 10);
	ck_assert_int_eq(directory_user_set_password(d, ANN, &password, &f), 0);
	ck_assert_int_eq(
	    directory_user_switch(d, ANN, DIRECTORY_NO_SEND, 0, &f), 0);
	assert_limits(1000, 10, 0, 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert_str_eq(user.hash, "$y$other");
	ck_assert(user.no_send);
	directory_close(&d);
	d = open_directory();
	assert_limits(1000, 10, 0, 0);
	end_directory(&d);
}
END_TEST

START_TEST(a_wrong_limit_is_refused_and_changes_nothing)
{
	static const int64_t wrong[] = {-3, INT64_MIN, DIRECTORY_QUOTA_MAX + 1};
	const struct directory_quota none = {
	    DIRECTORY_QUOTA_NONE, DIRECTORY_QUOTA_KEEP};

	begin();
	set_user(1000, 10);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const struct directory_quota bytes = {wrong[i], 5};
		const struct directory_quota messages = {5, wrong[i]};

		ck_assert_int_eq(
		    directory_user_set_quota(d, ANN, &bytes, &f), -1);
		ck_assert_str_eq(f.dsn, "5.5.4");
		ck_assert_int_eq(
		    directory_user_set_quota(d, ANN, &messages, &f), -1);
		ck_assert_int_eq(
		    directory_domain_set_quota(d, ORG, &messages, &keep, &f),
		    -1);
		ck_assert_int_eq(
		    directory_domain_set_quota(d, ORG, &keep, &bytes, &f), -1);
		ck_assert_str_eq(f.dsn, "5.5.4");
	}
	/* What a domain does not say, nobody else does. */
	ck_assert_int_eq(
	    directory_domain_set_quota(d, ORG, &none, &keep, &f), -1);
	assert_limits(1000, 10, 0, 0);
	ck_assert_int_eq(
	    directory_user_set_quota(d, STR_LIT("bob@example.org"), &keep, &f),
	    -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	ck_assert_int_eq(directory_domain_set_quota(
			     d, STR_LIT("b.example"), &keep, &keep, &f),
	    -1);
	ck_assert_str_eq(f.dsn, "5.1.1");
	end_directory(&d);
}
END_TEST

START_TEST(a_quota_is_found_by_what_means_the_mailbox)
{
	struct directory_user user;
	struct quota_value l;

	begin();
	set_user(1000, 0);
	ck_assert_int_eq(directory_quota_get(d,
			     STR_LIT("Ann+lists@EXAMPLE.org"), &user, &l, &f),
	    1);
	ck_assert_view_eq(l.user, "ann@example.org");
	ck_assert_int_eq(
	    directory_quota_get(d, STR_LIT("bob@example.org"), &user, &l, &f),
	    0);
	ck_assert_int_eq(
	    directory_quota_get(d, STR_LIT("?"), &user, &l, &f), 0);
	end_directory(&d);
}
END_TEST

START_TEST(quotas_are_exported_and_imported)
{
	begin();
	set_user(DIRECTORY_QUOTA_NONE, 10);
	set_domain(
	    (struct directory_quota){5000, 0}, (struct directory_quota){0, 20});
	move_directory(&d);
	assert_limits(0, 10, 5000, 0);
	set_user(0, 0);
	assert_limits(0, 20, 5000, 0);
	ck_assert_int_eq(
	    directory_import(
		d, STR_LIT("{\"domain\":\"b.example\",\"quota\":-1}"), &f),
	    -1);
	ck_assert_int_eq(
	    directory_import(d,
		STR_LIT("{\"user\":\"b@example.org\",\"hash\":\"\","
			"\"quota_messages\":\"many\"}"),
		&f),
	    -1);
	end_directory(&d);
}
END_TEST

/* As a program without quotas has written them. */
START_TEST(old_records_are_read)
{
	const struct db_env_options o = {
	    .cache = 1 << 20, .durability = DB_DURABLE};
	struct directory_user user;
	struct db_env *env;
	struct db_txn *txn;
	struct db *domains, *users;

	if (test_database() != NULL)
		return;
	make_place();
	env = db_env_open(directory_path(), &o, &f);
	ck_assert_ptr_nonnull(env);
	domains = db_open(env, "domain", &f);
	users = db_open(env, "user", &f);
	txn = db_begin(env, &f);
	ck_assert_int_eq(db_put(domains, txn, ORG, STR_LIT("1"), &f), 0);
	ck_assert_int_eq(db_put(users, txn, STR_LIT("example.org\0ann"),
			     STR_LIT("1 8 100 200 $y$old"), &f),
	    0);
	ck_assert_int_eq(db_commit(&txn, &f), 0);
	db_close(&domains);
	db_close(&users);
	db_env_close(&env);
	d = open_directory();
	assert_limits(0, 0, 0, 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert_str_eq(user.hash, "$y$old");
	ck_assert(user.no_send);
	ck_assert_int_eq(user.changed, 200);
	set_user(1000, 0);
	assert_limits(1000, 0, 0, 0);
	ck_assert_int_eq(directory_user_get(d, ANN, &user, &f), 1);
	ck_assert_str_eq(user.hash, "$y$old");
	end_directory(&d);
}
END_TEST

START_TEST(limits_are_parsed_as_people_keep_them)
{
	static const struct {
		const char *text;
		bool good;
		int64_t limit;
	} cases[] = {
	    {"", true, DIRECTORY_QUOTA_UNSET},
	    {"0", true, DIRECTORY_QUOTA_UNSET},
	    {"1", true, 1},
	    {"1152921504606846976", true, DIRECTORY_QUOTA_MAX},
	    {"1152921504606846977", false, 0},
	    {"-1", true, DIRECTORY_QUOTA_NONE},
	    {"-5", true, DIRECTORY_QUOTA_NONE},
	    {"-", false, 0},
	    {"10M", false, 0},
	    {"1.5", false, 0},
	};
	int64_t limit;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		limit = 99;
		ck_assert_msg(directory_quota_parse_limit(
				  str(cases[i].text), &limit) == cases[i].good,
		    "%s", cases[i].text);
		if (cases[i].good)
			ck_assert_int_eq(limit, cases[i].limit);
	}
}
END_TEST

UNIT_MAIN("directory_quota", a_user_without_a_quota_has_the_domains,
    what_is_not_given_stays, other_changes_leave_a_quota_as_it_is,
    a_wrong_limit_is_refused_and_changes_nothing,
    a_quota_is_found_by_what_means_the_mailbox,
    quotas_are_exported_and_imported, old_records_are_read,
    limits_are_parsed_as_people_keep_them)
