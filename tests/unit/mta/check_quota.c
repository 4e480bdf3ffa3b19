/* SPDX-License-Identifier: ISC */
/* mta/smtpd/quota.h: what is asked, what counts, and what is kept. */
#include "config.h"

#include "mta/smtpd/quota.h"

#include "tests/unit/mta/quota_status.h"

static struct peer service;
static struct quota_asker *asker;
static struct fault f;

static void
begin(int64_t cache_ms, bool is_default)
{
	struct quota_asker_conf conf = {
	    .timeout_ms = 10000,
	    .cache_ms = cache_ms,
	    .is_default = is_default,
	};

	quotas_asked = 0;
	peer_start(&service, serve_quota, NULL);
	ck_assert_int_eq(net_parse(str(service.address), &conf.address, &f), 0);
	asker = quota_asker_new(&conf);
}

static void
end(void)
{
	quota_asker_free(&asker);
	peer_stop(&service);
	peer_clear(&service);
}

static int
ask(const char *mailbox, uint64_t size)
{
	return quota_ask(asker, str(mailbox), str("x@far.example"), size, &f);
}

START_TEST(only_what_says_that_a_mailbox_is_full_counts)
{
	begin(0, false);
	ck_assert_int_eq(ask("ann@example.org", 5000), 0);
	ck_assert_int_eq(ask("unknown@example.org", 5000), 0);
	ck_assert_int_eq(ask("full@example.org", 0), -1);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.2.2");
	ck_assert_int_eq(ask("closed@example.org", 0), -1);
	ck_assert_int_eq(f.kind, FAULT_PERM);
	ck_assert_str_eq(f.dsn, "5.2.2");
	ck_assert_str_eq(f.text, "full for good");
	end();
}
END_TEST

START_TEST(that_there_is_room_holds_for_what_is_smaller)
{
	begin(60000, false);
	ck_assert_int_eq(ask("ann@example.org", 10), 0);
	ck_assert_int_eq(ask("ann@example.org", 0), 0);
	ck_assert_int_eq(ask("ann@example.org", 60000), 0);
	ck_assert_uint_eq(quotas_asked, 1);
	ck_assert_int_eq(ask("ann@example.org", 70000), 0);
	ck_assert_int_eq(ask("ann@example.org", 130000), 0);
	ck_assert_uint_eq(quotas_asked, 2);
	ck_assert_int_eq(ask("bob@example.org", 10), 0);
	ck_assert_uint_eq(quotas_asked, 3);
	end();
}
END_TEST

START_TEST(who_is_full_is_asked_each_time_and_exactly)
{
	begin(60000, false);
	ck_assert_int_eq(ask("full@example.org", 10), -1);
	ck_assert_int_eq(ask("full@example.org", 10), -1);
	ck_assert_uint_eq(quotas_asked, 4);
	ck_assert_int_eq(ask("small@example.org", 1000), 0);
	ck_assert_int_eq(ask("small@example.org", 1001), -1);
	ck_assert_str_eq(f.text, "too large");
	end();
}
END_TEST

START_TEST(a_service_that_is_away_has_no_opinion)
{
	begin(0, false);
	peer_stop(&service);
	ck_assert_int_eq(ask("full@example.org", 10), 0);
	/* For a moment it is not even asked. */
	peer_listen(&service);
	ck_assert_int_eq(ask("full@example.org", 10), 0);
	while (ask("full@example.org", 10) == 0)
		usleep(10000);
	ck_assert_str_eq(f.dsn, "4.2.2");
	end();
}
END_TEST

UNIT_MAIN("quota", only_what_says_that_a_mailbox_is_full_counts,
    that_there_is_room_holds_for_what_is_smaller,
    who_is_full_is_asked_each_time_and_exactly,
    a_service_that_is_away_has_no_opinion)
