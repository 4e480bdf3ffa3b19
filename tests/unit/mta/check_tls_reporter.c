/* SPDX-License-Identifier: ISC */
/* mta/queue/tls_reporter.h with a queue, a clock of the test's own, and a DNS
 * and an HTTPS that answer as they are told. */
#include "config.h"

#include "mta/queue/tls_reporter.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "mta/queue/queue.h"
#include "mta/send/dns.h"
#include "base/https.h"
#include "mta/send/tls_stats.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

enum { DAY_S = 86400, HOUR_MS = 3600000 };
#define DAY_MS (DAY_S * INT64_C(1000))
/* Midnight, at the end of the day that is counted. */
#define MIDNIGHT (20001 * DAY_MS)

static char dir[PLACE_SIZE];
static struct queue *queue;
static struct tls_reporter *reporter;

/* What the record says; NULL: there is none. */
static struct {
	const char *record;
	bool fails;
} txt;

int
dns_txt(struct dns *dns, const char *name, int64_t deadline,
    struct dns_answer *a, char (*texts)[DNS_TXT_SIZE], struct fault *f)
{
	(void)dns;
	(void)deadline;
	ck_assert_str_eq(name, "_smtp._tls.d.example");
	*a = (struct dns_answer){.exists = true};
	if (txt.fails)
		return fault_temp(f, "4.4.3", "no answer");
	if (txt.record != NULL)
		ck_assert(
		    str_copy(str(txt.record), texts[a->n++], DNS_TXT_SIZE));
	return 0;
}

int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	(void)dns;
	(void)host;
	(void)deadline;
	(void)a;
	(void)addresses;
	(void)canonical;
	return fault_temp(f, "4.4.3", "not asked in this test");
}

static struct {
	bool fails;
	unsigned posted;
} web;

int
https_begin(struct https *https, const struct https_request *r, struct fault *f)
{
	struct https_answer a = {.result = HTTPS_OK, .fault = f};

	(void)https;
	ck_assert_str_eq(r->url, "https://c.example/in");
	ck_assert_str_eq(r->type, "application/tlsrpt+gzip");
	ck_assert(str_starts(r->post, str("\x1f\x8b")));
	web.posted++;
	fault_temp(f, "4.4.1", "the test says so");
	if (web.fails)
		a.result = HTTPS_FAILED;
	r->done(r->ctx, &a);
	return 0;
}

static void
open_reporter(void)
{
	char from[] = "tls@us.example", hostname[] = "mail.us.example";
	const struct tls_reporter_conf conf = {
	    .queue = queue,
	    .hostname = hostname,
	    .from = from,
	};
	struct queue_change *change = queue_change_new(queue);
	struct fault f;

	/* What was put before is durable now. */
	queue_change_set(change, str("test"), str("x"));
	ck_assert_int_eq(queue_commit(queue, &change, &f), 0);
	reporter = tls_reporter_new(&conf, &f);
	ck_assert_ptr_nonnull(reporter);
	/* They do not last. */
	memset(from, 'x', sizeof from - 1);
	memset(hostname, 'x', sizeof hostname - 1);
}

static void
open_queue(void)
{
	const struct queue_conf conf = {.dir = dir, .cache = 4 << 20};
	struct fault f;

	queue = queue_open(&conf, &f);
	ck_assert_msg(queue != NULL, "%s", f.text);
}

static void
set_up(const char *record)
{
	memset(&txt, 0, sizeof txt);
	memset(&web, 0, sizeof web);
	txt.record = record;
	place_make(dir, "reporter");
	open_queue();
	open_reporter();
}

static void
tear_down(void)
{
	tls_reporter_free(&reporter);
	queue_close(&queue);
	place_remove(dir);
}

static void
count(void)
{
	const struct tls_policy policy = {.rule = "route"};
	const struct tls_session s = {.domain = "d.example",
	    .policy = &policy,
	    .host = "mx",
	    .from = "",
	    .to = ""};

	tls_stats_count(tls_reporter_stats(reporter), MIDNIGHT / 1000 - 1, &s);
}

/* Whether there is something left to report. */
static bool
is_counted(void)
{
	json_t *list = tls_reporter_counts(reporter, "d.example");
	bool any = json_len(list) > 0;

	json_free(&list);
	return any;
}

static uint64_t
mails(void)
{
	uint64_t messages, bytes;

	queue_count(queue, &messages, &bytes);
	return messages;
}

/* Each quarter of an hour from midnight on; when something was done about it,
 * in quarters, or 0 where nothing was until then. */
static int
work_until(int quarters, bool (*is_done)(void))
{
	for (int i = 0; i <= quarters; i++) {
		tls_reporter_work(reporter, MIDNIGHT + i * HOUR_MS / 4);
		if (is_done())
			return i > 0 ? i : 1;
	}
	return 0;
}

static bool
was_mailed(void)
{
	return mails() > 0;
}

static bool
was_posted(void)
{
	return web.posted > 0;
}

static bool
is_over(void)
{
	return !is_counted();
}

static int
check_mail(void *ctx, const struct entry *e)
{
	char address[ADDRESS_TEXT_SIZE];

	(void)ctx;
	address_format(&e->mail.reverse_path, address);
	ck_assert_str_eq(address, "tls@us.example");
	ck_assert_uint_eq(e->n_rcpts, 1);
	address_format(&e->rcpts[0].to.forward_path, address);
	ck_assert_str_eq(address, "r@d.example");
	ck_assert_uint_eq(e->rcpts[0].to.notify, NOTIFY_NEVER);
	ck_assert(e->tls_optional);
	ck_assert_int_eq(e->expires - e->arrived, DAY_MS);
	return 0;
}

START_TEST(reporter_reports_some_hours_after_midnight)
{
	struct fault f;

	set_up("v=TLSRPTv1; rua=mailto:r@d.example");
	count();
	/* Not before the day is over. */
	tls_reporter_work(reporter, MIDNIGHT - 1);
	tls_reporter_work(reporter, MIDNIGHT - 1);
	ck_assert_uint_eq(mails(), 0);
	ck_assert_int_gt(work_until(17, was_mailed), 0);
	ck_assert_uint_eq(mails(), 1);
	ck_assert_int_eq(queue_each(queue, NULL, check_mail, NULL, &f), 0);
	ck_assert(!is_counted());
	/* And once. */
	work_until(40, was_posted);
	ck_assert_uint_eq(mails(), 1);
	tear_down();
}
END_TEST

START_TEST(reporter_does_not_report_all_at_once)
{
	bool early = false, late = false;

	/* One in 2^20 that all are on one side. */
	for (int i = 0; i < 20; i++) {
		int at;

		set_up("v=TLSRPTv1; rua=mailto:r@d.example");
		count();
		at = work_until(17, was_mailed);
		ck_assert_int_gt(at, 0);
		early = early || at <= 8;
		late = late || at > 8;
		tear_down();
	}
	ck_assert(early && late);
}
END_TEST

START_TEST(reporter_forgets_what_nobody_wants)
{
	set_up(NULL);
	count();
	tls_reporter_work(reporter, MIDNIGHT - 1);
	ck_assert(!is_counted());
	tls_reporter_work(reporter, MIDNIGHT);
	work_until(40, was_mailed);
	ck_assert_uint_eq(mails(), 0);
	tear_down();
}
END_TEST

START_TEST(reporter_keeps_what_a_crash_must_not_take)
{
	struct tls_reporter *crashed;

	set_up("v=TLSRPTv1; rua=mailto:r@d.example");
	count();
	tls_reporter_work(reporter, MIDNIGHT - 1);
	/* What another finds in the queue is all that there is after a crash. */
	crashed = reporter;
	open_reporter();
	ck_assert(is_counted());
	ck_assert_int_gt(work_until(17, was_mailed), 0);
	tls_reporter_free(&crashed);
	tear_down();
	/* Nothing is left behind a report. */
	set_up("v=TLSRPTv1; rua=mailto:r@d.example");
	count();
	ck_assert_uint_eq(tls_reporter_run(reporter, "d.example"), 1);
	tls_reporter_free(&reporter);
	open_reporter();
	ck_assert(!is_counted());
	tear_down();
}
END_TEST

START_TEST(reporter_tries_a_collector_again_and_mails_once)
{
	set_up("v=TLSRPTv1; rua=mailto:r@d.example,https://c.example/in");
	web.fails = true;
	count();
	ck_assert_int_gt(work_until(17, was_posted), 0);
	ck_assert_uint_eq(mails(), 1);
	ck_assert(is_counted());
	/* Also where it was ended in between. */
	tls_reporter_free(&reporter);
	open_reporter();
	web.posted = 0;
	web.fails = false;
	ck_assert_int_gt(work_until(17, was_posted), 0);
	ck_assert_uint_eq(mails(), 1);
	ck_assert(!is_counted());
	tear_down();
}
END_TEST

START_TEST(reporter_gives_up_after_a_day)
{
	set_up("v=TLSRPTv1; rua=https://c.example/in");
	web.fails = true;
	count();
	ck_assert_int_gt(work_until(4 * 30, is_over), 4 * 20);
	ck_assert_uint_eq(web.posted, 24);
	tls_reporter_free(&reporter);
	open_reporter();
	ck_assert(!is_counted());
	tear_down();
}
END_TEST

START_TEST(reporter_waits_for_dns)
{
	set_up("v=TLSRPTv1; rua=mailto:r@d.example");
	txt.fails = true;
	count();
	tls_reporter_work(reporter, MIDNIGHT - 1);
	work_until(17, was_mailed);
	ck_assert(is_counted());
	txt.fails = false;
	ck_assert_int_gt(work_until(40, was_mailed), 0);
	tear_down();
}
END_TEST

START_TEST(reporter_reports_at_once_where_it_is_told_to)
{
	set_up("v=TLSRPTv1; rua=mailto:r@d.example");
	ck_assert_uint_eq(tls_reporter_run(reporter, ""), 0);
	count();
	ck_assert_uint_eq(tls_reporter_run(reporter, "e.example"), 0);
	ck_assert_uint_eq(tls_reporter_run(reporter, ""), 1);
	ck_assert_uint_eq(mails(), 1);
	ck_assert(!is_counted());
	tear_down();
}
END_TEST

UNIT_MAIN("tls_reporter", reporter_reports_some_hours_after_midnight,
    reporter_does_not_report_all_at_once, reporter_forgets_what_nobody_wants,
    reporter_keeps_what_a_crash_must_not_take,
    reporter_tries_a_collector_again_and_mails_once,
    reporter_gives_up_after_a_day, reporter_waits_for_dns,
    reporter_reports_at_once_where_it_is_told_to)
