/* SPDX-License-Identifier: ISC */
/* mta/send/tls_stats.h and tls_verdict.h. */
#include "config.h"

#include "mta/send/tls_stats.h"

#include <stdio.h>

#include "base/mem.h"
#include "mta/send/tls_verdict.h"
#include "tests/unit/unit.h"

enum { DAY_S = 86400, NOW = 20000 * DAY_S + 5 };

static struct tls_stats *stats;

static void
count_at(int64_t now, const char *domain, const char *failure, const char *host)
{
	const struct tls_policy policy = {.rule = "route"};
	const struct tls_session s = {
	    .domain = domain,
	    .policy = &policy,
	    .failure = failure,
	    .host = host,
	    .from = "192.0.2.1",
	    .to = "192.0.2.2",
	};

	tls_stats_count(stats, now, &s);
}

static struct tls_day
day_of(const char *domain, int64_t day)
{
	struct tls_day *days, found = {.day = -1};
	size_t n = tls_stats_list(stats, &days);

	for (size_t i = 0; i < n; i++)
		if (days[i].day == day && strcmp(days[i].domain, domain) == 0)
			found = days[i];
	mem_free(days);
	return found;
}

static void
check_policies(const struct tls_day *day, const char *want)
{
	json_t *policies = tls_stats_policies(stats, day, false);
	struct buf b;

	buf_init(&b, TLS_STATS_BYTES_MAX);
	if (policies != NULL)
		json_format(&b, policies);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
	json_free(&policies);
}

#define NO_POLICY(domain)                                    \
	"[{\"policy\":{\"policy-type\":\"no-policy-found\"," \
	"\"policy-domain\":\"" domain "\"},"

START_TEST(tls_stats_counts_for_each_domain_and_day)
{
	struct tls_day day;

	stats = tls_stats_new();
	count_at(NOW, "a", NULL, "mx");
	count_at(NOW, "a", NULL, "mx");
	count_at(NOW, "a", "certificate-expired", "mx");
	count_at(NOW, "a", "certificate-expired", "mx");
	count_at(NOW, "a", "certificate-expired", "other");
	count_at(NOW, "b", NULL, "mx");
	count_at(NOW + DAY_S, "a", NULL, "mx");
	day = day_of("a", 20000);
	ck_assert(day.is_dirty);
	check_policies(&day,
	    NO_POLICY("a") "\"summary\":{"
			   "\"total-successful-session-count\":2,"
			   "\"total-failure-session-count\":3},"
			   "\"failure-details\":["
			   "{\"result-type\":\"certificate-expired\","
			   "\"sending-mta-ip\":\"192.0.2.1\","
			   "\"receiving-mx-hostname\":\"mx\","
			   "\"receiving-ip\":\"192.0.2.2\","
			   "\"failed-session-count\":2},"
			   "{\"result-type\":\"certificate-expired\","
			   "\"sending-mta-ip\":\"192.0.2.1\","
			   "\"receiving-mx-hostname\":\"other\","
			   "\"receiving-ip\":\"192.0.2.2\","
			   "\"failed-session-count\":1}]}]");
	day = day_of("a", 20001);
	check_policies(&day,
	    NO_POLICY("a") "\"summary\":{"
			   "\"total-successful-session-count\":1,"
			   "\"total-failure-session-count\":0}}]");
	ck_assert_int_eq(day_of("b", 20000).day, 20000);
	ck_assert_int_eq(day_of("b", 20001).day, -1);
	tls_stats_drop(stats, &day);
	ck_assert_int_eq(day_of("a", 20001).day, -1);
	tls_stats_free(&stats);
}
END_TEST

START_TEST(tls_stats_tells_policies_apart)
{
	const struct tls_tlsa record = {3, 1, 1, STR_LIT("\x0a\xff")};
	const struct tls_policy plain = {.rule = "route"};
	const struct tls_policy dane = {
	    .is_dane = true, .demand = {.tlsa = &record, .n_tlsa = 1}};
	char text[] = "version: STSv1\nmode: testing\nmx: mx\nmax_age: 9\n";
	const struct sts_found sts = {.text = text,
	    .policy = {.mode = STS_TESTING, .mx = {STR_LIT("mx")}, .n_mx = 1}};
	const struct sts_found trouble = {.trouble = STS_TROUBLE_FETCH};
	struct tls_session s = {
	    .domain = "a", .host = "mx", .from = "", .to = ""};
	struct tls_day day;

	stats = tls_stats_new();
	s.policy = &dane;
	s.sts = &sts;
	tls_stats_count(stats, NOW, &s);
	s.policy = &plain;
	tls_stats_count(stats, NOW, &s);
	s.sts = &trouble;
	s.failure = "sts-policy-fetch-error";
	s.reason = "x";
	tls_stats_count(stats, NOW, &s);
	day = day_of("a", 20000);
#define SUMMARY(good, bad)                              \
	"\"summary\":{"                                 \
	"\"total-successful-session-count\":" #good "," \
	"\"total-failure-session-count\":" #bad "}"
	check_policies(&day,
	    "[{\"policy\":{\"policy-type\":\"tlsa\","
	    "\"policy-string\":[\"3 1 1 0aff\"],\"mx-host\":[\"mx\"],"
	    "\"policy-domain\":\"a\"}," SUMMARY(1,
		0) "},"
		   "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":["
		   "\"version: STSv1\",\"mode: testing\",\"mx: mx\","
		   "\"max_age: 9\"],\"mx-host\":[\"mx\"],"
		   "\"policy-domain\":\"a\"}," SUMMARY(1,
		       0) "},"
			  "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"a\"}," SUMMARY(
			      0,
			      1) ",\"failure-details\":["
				 "{\"result-type\":\"sts-policy-fetch-error\","
				 "\"receiving-mx-hostname\":\"mx\","
				 "\"failure-reason-code\":\"x\",\"failed-session-count\":1}]}]");
	tls_stats_free(&stats);
}
END_TEST

START_TEST(tls_stats_are_bounded)
{
	struct tls_day *days, day;
	json_t *policies;
	char text[40];
	size_t n;

	stats = tls_stats_new();
	for (int i = 0; i < TLS_STATS_DAYS_MAX + 10; i++) {
		snprintf(text, sizeof text, "d%d", i);
		count_at(NOW, text, NULL, "mx");
	}
	n = tls_stats_list(stats, &days);
	ck_assert_uint_eq(n, TLS_STATS_DAYS_MAX);
	mem_free(days);
	/* So many bytes in all. */
	for (int i = 0; i < 2 * TLS_STATS_WEIGHT_MAX / 100; i++)
		for (int k = 0; k < 100; k++) {
			char host[20];

			snprintf(text, sizeof text, "d%d", i);
			snprintf(host, sizeof host, "mx%d", k);
			count_at(NOW, text, "certificate-expired", host);
		}
	day = day_of("d999", 20000);
	policies = tls_stats_policies(stats, &day, false);
	ck_assert_ptr_null(json_get(json_at(policies, 0), "failure-details"));
	json_free(&policies);
	/* What goes makes room. */
	for (int i = 1; i < 1000; i++) {
		snprintf(text, sizeof text, "d%d", i);
		day = day_of(text, 20000);
		tls_stats_drop(stats, &day);
	}
	count_at(NOW, "d1", "certificate-expired", "mx");
	day = day_of("d1", 20000);
	policies = tls_stats_policies(stats, &day, false);
	ck_assert_ptr_nonnull(
	    json_get(json_at(policies, 0), "failure-details"));
	json_free(&policies);
	/* Those that are known go on. */
	for (int i = 0; i < TLS_STATS_ROWS_MAX + 10; i++) {
		snprintf(text, sizeof text, "mx%d", i);
		count_at(NOW, "d0", "certificate-expired", text);
	}
	day = day_of("d0", 20000);
	policies = tls_stats_policies(stats, &day, false);
	ck_assert_uint_eq(json_len(policies), 1);
	ck_assert_uint_eq(
	    json_len(json_get(json_at(policies, 0), "failure-details")),
	    TLS_STATS_ROWS_MAX);
	ck_assert_int_eq(json_get_int(json_get(json_at(policies, 0), "summary"),
			     "total-failure-session-count", 0),
	    TLS_STATS_ROWS_MAX + 110);
	json_free(&policies);
	tls_stats_free(&stats);
}
END_TEST

START_TEST(tls_stats_counts_nothing_that_nobody_wants)
{
	struct tls_day day;

	stats = tls_stats_new();
	count_at(NOW, "a", NULL, "mx");
	day = day_of("a", 20000);
	day.wanted = TLS_WANTED_NO;
	tls_stats_set(stats, &day);
	count_at(NOW, "a", NULL, "mx");
	check_policies(&day, "");
	tls_stats_free(&stats);
}
END_TEST

START_TEST(tls_stats_are_loaded_as_they_were_kept)
{
	struct buf name, value, again;
	struct tls_day day;
	json_t *policies;

	stats = tls_stats_new();
	count_at(NOW, "a", NULL, "mx");
	count_at(NOW, "a", "certificate-expired", "mx");
	day = day_of("a", 20000);
	day.was_mailed = true;
	policies = tls_stats_policies(stats, &day, true);
	ck_assert(!day_of("a", 20000).is_dirty);
	buf_init(&name, 1000);
	buf_init(&value, TLS_STATS_BYTES_MAX);
	buf_init(&again, TLS_STATS_BYTES_MAX);
	tls_day_put_name(&name, &day);
	tls_day_put_value(&value, &day, policies);
	json_format(&again, policies);
	ck_assert_str_eq(buf_text(&name), "20000/a");
	tls_stats_free(&stats);
	json_free(&policies);

	stats = tls_stats_new();
	tls_stats_load(stats, str("x/a"), buf_str(&value));
	tls_stats_load(stats, str("20000/b"), str("nonsense"));
	tls_stats_load(stats, str("20000/c"), str("{\"policies\":1}"));
	ck_assert_int_eq(day_of("b", 20000).day, -1);
	ck_assert_int_eq(day_of("c", 20000).day, -1);
	tls_stats_load(stats, buf_str(&name), buf_str(&value));
	day = day_of("a", 20000);
	ck_assert_int_eq(day.wanted, TLS_WANTED_YES);
	ck_assert(day.was_mailed && !day.is_dirty);
	check_policies(&day, buf_text(&again));
	/* And goes on where it was. */
	count_at(NOW, "a", "certificate-expired", "mx");
	policies = tls_stats_policies(stats, &day, false);
	ck_assert_uint_eq(json_len(policies), 1);
	ck_assert_int_eq(
	    json_get_int(
		json_at(json_get(json_at(policies, 0), "failure-details"), 0),
		"failed-session-count", 0),
	    2);
	json_free(&policies);
	buf_clear(&name);
	buf_clear(&value);
	buf_clear(&again);
	tls_stats_free(&stats);
}
END_TEST

/* Verdicts. */

static char sts_text[] = "policy";
static const struct sts_found found = {.text = sts_text};
static const struct sts_found fetch = {.trouble = STS_TROUBLE_FETCH};
static const struct sts_found invalid = {.trouble = STS_TROUBLE_INVALID};
static const struct sts_found webpki = {.trouble = STS_TROUBLE_WEBPKI};
static const struct sts_found none = {.text = NULL};

static const struct {
	struct tls_policy policy;
	const struct sts_found *sts;
	struct opening_tls tls;
	const char *failure, *reason;
} verdicts[] = {
    {{.rule = ""}, NULL, {true, false, false, TLS_FLAW_NONE}, NULL, NULL},
    {{.rule = ""}, &none, {true, true, false, TLS_FLAW_NONE},
	"starttls-not-supported", NULL},
    {{.rule = ""}, &none, {true, false, true, TLS_FLAW_NONE},
	"validation-failure", "handshake"},
    /* Nobody asked for a proof. */
    {{.rule = ""}, &none, {true, false, false, TLS_FLAW_UNTRUSTED}, NULL, NULL},
    {{.sts = &found, .demand = {.proof = TLS_PROOF_NAME}}, &found,
	{true, false, true, TLS_FLAW_EXPIRED}, "certificate-expired", NULL},
    {{.sts = &found, .demand = {.proof = TLS_PROOF_NAME}}, &found,
	{true, false, false, TLS_FLAW_NAME}, "certificate-host-mismatch", NULL},
    {{.sts = &found, .demand = {.proof = TLS_PROOF_NAME}}, &found,
	{true, false, false, TLS_FLAW_UNTRUSTED}, "certificate-not-trusted",
	NULL},
    {{.sts = &found, .demand = {.proof = TLS_PROOF_NAME}}, &found,
	{true, false, false, TLS_FLAW_NONE}, NULL, NULL},
    {{.sts = &found, .is_foreign = true}, &found,
	{true, false, false, TLS_FLAW_NONE}, "validation-failure",
	"mx-mismatch"},
    {{.is_dane = true, .demand = {.n_tlsa = 1, .proof = TLS_PROOF_TLSA}},
	&fetch, {true, false, true, TLS_FLAW_TLSA}, "validation-failure",
	"tlsa-no-match"},
    {{.is_dane = true}, &none, {true, false, false, TLS_FLAW_NONE},
	"tlsa-invalid", NULL},
    {{.is_bogus = true}, &none, {true, false, false, TLS_FLAW_NONE},
	"dnssec-invalid", NULL},
    {{.rule = ""}, &fetch, {true, false, false, TLS_FLAW_NONE},
	"sts-policy-fetch-error", NULL},
    {{.rule = ""}, &invalid, {true, false, false, TLS_FLAW_NONE},
	"sts-policy-invalid", NULL},
    {{.rule = ""}, &webpki, {true, false, false, TLS_FLAW_NONE},
	"sts-webpki-invalid", NULL},
};

START_TEST(tls_verdicts_have_the_words_of_the_rfc)
{
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		struct tls_verdict v = tls_verdict_of(
		    &verdicts[i].policy, verdicts[i].sts, &verdicts[i].tls);

		ck_assert_msg(str_is(str(v.failure), str(verdicts[i].failure)),
		    "%zu: %s", i, v.failure);
		ck_assert_msg(str_is(str(v.reason), str(verdicts[i].reason)),
		    "%zu: %s", i, v.reason);
	}
}
END_TEST

UNIT_MAIN("tls_stats", tls_stats_counts_for_each_domain_and_day,
    tls_stats_tells_policies_apart, tls_stats_are_bounded,
    tls_stats_counts_nothing_that_nobody_wants,
    tls_stats_are_loaded_as_they_were_kept,
    tls_verdicts_have_the_words_of_the_rfc)
