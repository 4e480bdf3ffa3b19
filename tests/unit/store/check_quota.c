/* SPDX-License-Identifier: ISC */
/* store/quota.h: no limit is passed, and nobody is refused who has room. */
#include "config.h"

#include "store/quota.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "store/maildir.h"
#include "tests/unit/store/committed.h"
#include "tests/unit/store/named.h"
#include "tests/unit/store/opened.h"
#include "tests/unit/unit.h"

/* A message of 100 bytes, as it is on the disk. */
#define LINE "123456789 123456789 123456789 123456789 12345678\r\n"
#define MESSAGE "\r\n" LINE LINE "\r\n"

static struct store *store;
static struct fault f;

static void
begin(const struct quota_conf *quota)
{
	struct store_conf conf = opened_conf();

	if (quota != NULL)
		conf.quota = *quota;
	opened_make("quota");
	store = opened(&conf);
}

static void
end(void)
{
	store_close(&store);
	place_remove(dir);
}

static struct quota_account *
account_of(const char *mailbox, const struct quota_limits *limits)
{
	struct mailbox_name name = mailbox_named(mailbox);

	return quota_open(store_quotas(store), &name, limits);
}

/* f has the fault where it fails. */
static enum delivery_result
deliver(const char *to, const struct quota_limits *limits)
{
	struct delivery *d = delivery_new(store, STR_LIT(""), false);
	struct mailbox_name name = mailbox_named(to);
	struct delivery_outcome outcome = {.fault.text = ""};
	size_t slot;

	ck_assert_int_eq(delivery_add(d, &name, STR_LIT(""), &slot, &f), 0);
	delivery_limit(d, slot, account_of(to, limits));
	ck_assert_int_eq(delivery_write(d, STR_LIT(MESSAGE), &f), 0);
	committed(d, &outcome);
	delivery_free(&d);
	f = outcome.fault;
	return outcome.result;
}

static void
assert_usage(const char *mailbox, const struct quota_limits *limits,
    uint64_t bytes, uint64_t messages)
{
	struct quota_account *a = account_of(mailbox, limits);
	struct quota_usage usage;

	ck_assert_int_eq(quota_usage(a, &usage, &f), 0);
	ck_assert_uint_eq(usage.bytes, bytes);
	ck_assert_uint_eq(usage.messages, messages);
	quota_close(&a);
}

START_TEST(a_mailbox_is_filled_to_the_last_byte_and_not_beyond)
{
	const struct quota_limits limits = {.user.bytes = 300};

	begin(NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    deliver("ann@example.org", &limits), DELIVERY_STORED);
	assert_usage("ann@example.org", &limits, 300, 3);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.2.2");
	assert_usage("ann@example.org", &limits, 300, 3);
	/* Others are not concerned. */
	ck_assert_int_eq(deliver("bob@example.org", &limits), DELIVERY_STORED);
	end();
}
END_TEST

START_TEST(messages_are_limited_too_and_a_refusal_may_be_for_good)
{
	const struct quota_limits limits = {.user.messages = 2};
	const struct quota_conf conf = {.permanent = true};

	begin(&conf);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(
		    deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.2.2");
	end();
}
END_TEST

START_TEST(what_is_larger_than_the_whole_mailbox_is_refused_for_good)
{
	const struct quota_limits limits = {.user.bytes = 99};

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.2.2");
	end();
}
END_TEST

START_TEST(a_mailbox_without_limits_has_no_account_and_no_file)
{
	const struct quota_limits limits = {.user.bytes = 0};

	begin(NULL);
	ck_assert_ptr_null(account_of("ann@example.org", &limits));
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_ne(
	    faccessat(AT_FDCWD, strcat(root, "/example.org/ann/maildirsize"),
		F_OK, 0),
	    0);
	end();
}
END_TEST

static void
in_mailbox(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof path, "%s/example.org/ann/%s", root, name);
	place_write(AT_FDCWD, path, text);
}

START_TEST(a_file_that_others_keep_gets_a_line_without_limits_too)
{
	const struct quota_limits none = {.user.bytes = 0};
	const struct quota_limits limits = {.user.bytes = 1000};

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &none), DELIVERY_STORED);
	in_mailbox("maildirsize", "1000S\n100 1\n");
	ck_assert_int_eq(deliver("ann@example.org", &none), DELIVERY_STORED);
	assert_usage("ann@example.org", &limits, 200, 2);
	end();
}
END_TEST

START_TEST(what_says_that_there_is_no_room_is_not_believed_when_others_removed)
{
	const struct quota_limits limits = {.user.bytes = 250};

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	/* Somebody forgot to tell of what was removed. */
	in_mailbox("maildirsize", "250S\n100 1\n150 1\n");
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	assert_usage("ann@example.org", &limits, 200, 2);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	in_mailbox("maildirsize", "nonsense");
	assert_usage("ann@example.org", &limits, 200, 2);
	end();
}
END_TEST

START_TEST(limits_come_from_the_directory_and_not_from_the_file)
{
	const struct quota_limits limits = {.user = {1000, 20}};
	struct maildirsize size;
	char path[200];
	int box;

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	in_mailbox("maildirsize", "50S\n100 1\n");
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	snprintf(path, sizeof path, "%s/example.org/ann", root);
	box = open(path, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(maildirsize_read(box, &size, &f), 1);
	ck_assert_uint_eq(size.limits.bytes, 1000);
	ck_assert_uint_eq(size.limits.messages, 20);
	ck_assert_uint_eq(size.bytes, 200);
	close(box);
	end();
}
END_TEST

START_TEST(the_last_message_may_pass_the_limit_by_the_grace)
{
	const struct quota_limits limits = {.user.bytes = 250};
	const struct quota_conf conf = {.grace = 60};

	begin(&conf);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	assert_usage("ann@example.org", &limits, 300, 3);
	end();
}
END_TEST

START_TEST(a_domain_has_a_limit_for_all_its_mailboxes)
{
	const struct quota_limits limits = {.domain.bytes = 450};
	struct quota_account *a;

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("bob@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("eve@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("bob@example.org", &limits), DELIVERY_FAILED);
	ck_assert_str_eq(f.dsn, "4.2.2");
	ck_assert_int_eq(deliver("ann@example.com", &limits), DELIVERY_STORED);
	a = account_of("zoe@example.org", &limits);
	ck_assert_int_eq(quota_check(a, 50, &f), 0);
	ck_assert_int_eq(quota_check(a, 51, &f), -1);
	ck_assert_int_eq(quota_check(a, 451, &f), -1);
	ck_assert_str_eq(f.dsn, "5.2.2");
	quota_close(&a);
	end();
}
END_TEST

/* What was there before counts. */
START_TEST(a_domain_is_summed_up_by_the_index)
{
	const struct quota_limits limits = {.domain.messages = 3};
	const struct quota_limits none = {.user.bytes = 0};

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &none), DELIVERY_STORED);
	ck_assert_int_eq(deliver("bob@example.org", &none), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_FAILED);
	end();
}
END_TEST

START_TEST(a_full_mailbox_is_no_reason_to_refuse_another)
{
	const struct quota_limits small = {.user.bytes = 100};
	const struct quota_limits large = {.user.bytes = 1000};
	struct delivery *d;
	struct delivery_outcome outcomes[2];
	struct mailbox_name ann, bob;
	size_t slots[2];

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &small), DELIVERY_STORED);
	ann = mailbox_named("ann@example.org");
	bob = mailbox_named("bob@example.org");
	d = delivery_new(store, STR_LIT(""), false);
	ck_assert_int_eq(delivery_add(d, &ann, STR_LIT(""), &slots[0], &f), 0);
	ck_assert_int_eq(delivery_add(d, &bob, STR_LIT(""), &slots[1], &f), 0);
	delivery_limit(d, slots[0], account_of("ann@example.org", &small));
	delivery_limit(d, slots[1], account_of("bob@example.org", &large));
	ck_assert_int_eq(delivery_write(d, STR_LIT(MESSAGE), &f), 0);
	committed(d, outcomes);
	delivery_free(&d);
	ck_assert_int_eq(outcomes[0].result, DELIVERY_FAILED);
	ck_assert_int_eq(outcomes[1].result, DELIVERY_STORED);
	assert_usage("bob@example.org", &large, 100, 1);
	end();
}
END_TEST

enum { SENDERS = 20, EACH = 10 };

static const struct quota_limits shared = {
    .user.bytes = 5000, .domain.bytes = 7000};
static atomic_uint stored[2];

static void *
send_many(void *arg)
{
	unsigned which = *(unsigned *)arg;
	static const char *const to[] = {"ann@example.org", "bob@example.org"};

	for (int i = 0; i < EACH; i++) {
		struct delivery *d = delivery_new(store, STR_LIT(""), false);
		struct delivery_outcome outcome;
		struct mailbox_name name;
		struct fault g;
		size_t slot;

		if (mailbox_name_parse(str(to[which]), &name, &g) < 0 ||
		    delivery_add(d, &name, STR_LIT(""), &slot, &g) < 0)
			abort();
		delivery_limit(
		    d, slot, quota_open(store_quotas(store), &name, &shared));
		if (delivery_write(d, STR_LIT(MESSAGE), &g) < 0)
			abort();
		committed(d, &outcome);
		stored[which] += outcome.result == DELIVERY_STORED;
		delivery_free(&d);
	}
	return NULL;
}

START_TEST(many_at_once_fill_it_and_never_pass_the_limit)
{
	pthread_t threads[SENDERS];
	unsigned which[SENDERS];

	begin(NULL);
	for (unsigned i = 0; i < SENDERS; i++) {
		which[i] = i % 2;
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, send_many, &which[i]), 0);
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(stored[0], 50);
	ck_assert_uint_le(stored[1], 50);
	ck_assert_uint_le(stored[0] + stored[1], 70);
	/* A sum in between may count some twice until the next. */
	ck_assert_uint_ge(stored[0] + stored[1], 50);
	assert_usage("ann@example.org", &shared, stored[0] * 100, stored[0]);
	assert_usage("bob@example.org", &shared, stored[1] * 100, stored[1]);
	end();
}
END_TEST

START_TEST(the_percentage_is_that_of_the_nearer_limit)
{
	const struct quota_limits limits = {.user = {1000, 4}};
	struct quota_account *a;
	struct quota_usage usage;

	begin(NULL);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	a = account_of("ann@example.org", &limits);
	ck_assert_int_eq(quota_recount(a, &usage, &f), 0);
	ck_assert_uint_eq(usage.percent, 50);
	ck_assert_uint_eq(usage.limits.messages, 4);
	ck_assert_int_eq(quota_reserve(a, 600, &f), 0);
	ck_assert_uint_eq(quota_percent(a), 80);
	quota_release(a, 600);
	quota_close(&a);
	end();
}
END_TEST

START_TEST(what_others_have_counted_wrongly_is_set_right)
{
	const struct quota_limits limits = {.user = {1000, 20}};
	struct mailbox_name ann;

	begin(NULL);
	ann = mailbox_named("ann@example.org");
	/* Nobody counts there. */
	ck_assert_int_eq(quota_mend(store_quotas(store), &ann, &f), 0);
	ck_assert_int_eq(deliver("ann@example.org", &limits), DELIVERY_STORED);
	ck_assert_int_eq(quota_mend(store_quotas(store), &ann, &f), 0);
	in_mailbox("maildirsize", "1000S,20C\n100 1\n100 1\n");
	ck_assert_int_eq(quota_mend(store_quotas(store), &ann, &f), 1);
	ck_assert_int_eq(quota_mend(store_quotas(store), &ann, &f), 0);
	assert_usage("ann@example.org", &limits, 100, 1);
	in_mailbox("maildirsize", "nonsense");
	ck_assert_int_eq(quota_mend(store_quotas(store), &ann, &f), 1);
	end();
}
END_TEST

UNIT_MAIN("quota", a_mailbox_is_filled_to_the_last_byte_and_not_beyond,
    messages_are_limited_too_and_a_refusal_may_be_for_good,
    what_is_larger_than_the_whole_mailbox_is_refused_for_good,
    a_mailbox_without_limits_has_no_account_and_no_file,
    a_file_that_others_keep_gets_a_line_without_limits_too,
    what_says_that_there_is_no_room_is_not_believed_when_others_removed,
    limits_come_from_the_directory_and_not_from_the_file,
    the_last_message_may_pass_the_limit_by_the_grace,
    a_domain_has_a_limit_for_all_its_mailboxes,
    a_domain_is_summed_up_by_the_index,
    a_full_mailbox_is_no_reason_to_refuse_another,
    many_at_once_fill_it_and_never_pass_the_limit,
    the_percentage_is_that_of_the_nearer_limit,
    what_others_have_counted_wrongly_is_set_right)
