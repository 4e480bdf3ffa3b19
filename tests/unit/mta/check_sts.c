/* SPDX-License-Identifier: ISC */
/* mta/send/sts.h with a DNS, an HTTPS and a store of the test's own: it decides
 * when an answer comes. */
#include "config.h"

#include "mta/send/sts.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/https.h"
#include "tests/unit/unit.h"

#define POLICY(mode, age) \
	"version: STSv1\nmode: " mode "\nmx: a.example\nmax_age: " age "\n"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* DNS. */

static struct {
	const char *texts[3];
	bool fails;
	unsigned asked;
} txt;

int
dns_txt(struct dns *dns, const char *name, int64_t deadline,
    struct dns_answer *a, char (*texts)[DNS_TXT_SIZE], struct fault *f)
{
	(void)dns;
	(void)deadline;
	ck_assert_str_eq(name, "_mta-sts.d.example");
	pthread_mutex_lock(&mutex);
	txt.asked++;
	pthread_cond_broadcast(&changed);
	*a = (struct dns_answer){.exists = true};
	for (size_t i = 0; i < ARRAY_LEN(txt.texts); i++)
		if (txt.texts[i] != NULL)
			ck_assert(str_copy(
			    str(txt.texts[i]), texts[a->n++], DNS_TXT_SIZE));
	pthread_mutex_unlock(&mutex);
	return txt.fails ? fault_temp(f, "4.4.3", "no answer") : 0;
}

/* HTTPS. */

static struct {
	/* What comes at once; NULL: nothing, until web_answer(). */
	const char *body;
	const char *type;
	enum https_result result;
	unsigned asked;
	void (*done)(void *ctx, const struct https_answer *answer);
	void *ctx;
} web;

static void
web_answer(void)
{
	void (*done)(void *ctx, const struct https_answer *answer);
	struct https_answer a;
	struct fault f;
	void *ctx;

	fault_temp(&f, "4.4.1", "the test says so");
	pthread_mutex_lock(&mutex);
	a = (struct https_answer){.result = web.result,
	    .type = str(web.type),
	    .body = str(web.body),
	    .fault = &f};
	done = web.done;
	ctx = web.ctx;
	pthread_mutex_unlock(&mutex);
	done(ctx, &a);
}

/* What DNS and the web say from now on. */
static void
publish(const char *record, const char *body)
{
	pthread_mutex_lock(&mutex);
	txt.texts[0] = record;
	web.body = body;
	pthread_mutex_unlock(&mutex);
}

static unsigned
get(const unsigned *count)
{
	unsigned n;

	pthread_mutex_lock(&mutex);
	n = *count;
	pthread_mutex_unlock(&mutex);
	return n;
}

int
https_begin(struct https *https, const struct https_request *r, struct fault *f)
{
	bool at_once;

	(void)https;
	(void)f;
	ck_assert_str_eq(
	    r->url, "https://mta-sts.d.example/.well-known/mta-sts.txt");
	ck_assert_int_gt(r->deadline, 0);
	pthread_mutex_lock(&mutex);
	web.asked++;
	web.done = r->done;
	web.ctx = r->ctx;
	at_once = web.body != NULL || web.result != HTTPS_OK;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
	if (at_once)
		web_answer();
	return 0;
}

/* The store: one value. */

static struct {
	char domain[DNS_NAME_SIZE], value[1000];
	unsigned puts;
} kept;

static void
put(void *ctx, struct str domain, struct str value)
{
	(void)ctx;
	kept.puts++;
	ck_assert(str_copy(domain, kept.domain, sizeof kept.domain));
	ck_assert(str_copy(value, kept.value, sizeof kept.value));
}

static int
each(void *ctx, int (*give)(void *to, struct str domain, struct str value),
    void *to, struct fault *f)
{
	(void)ctx;
	(void)f;
	return kept.value[0] == '\0'
		   ? 0
		   : give(to, str(kept.domain), str(kept.value));
}

static struct sts *
begin(int64_t wait_ms)
{
	const struct sts_conf conf = {
	    .wait_ms = wait_ms,
	    .store = {put, each, NULL},
	};
	struct fault f;
	struct sts *s = sts_new(&conf, &f);

	ck_assert_ptr_nonnull(s);
	return s;
}

static struct sts *
set_up(const char *record, const char *body)
{
	memset(&txt, 0, sizeof txt);
	memset(&web, 0, sizeof web);
	memset(&kept, 0, sizeof kept);
	txt.texts[0] = record;
	web.body = body;
	return begin(0);
}

static enum sts_mode
mode_of(struct sts *s)
{
	struct sts_found found;

	sts_find(s, "d.example", &found);
	ck_assert_str_eq(found.domain, "d.example");
	ck_assert((found.text != NULL) == (found.policy.n_mx > 0));
	sts_found_clear(&found);
	return found.policy.mode;
}

static void
wait_for(const unsigned *count, unsigned n)
{
	pthread_mutex_lock(&mutex);
	while (*count < n)
		pthread_cond_wait(&changed, &mutex);
	pthread_mutex_unlock(&mutex);
}

START_TEST(sts_fetches_the_policy_that_dns_tells_of)
{
	struct sts *s = set_up("v=STSv1; id=1;", POLICY("enforce", "86400"));
	struct sts_found found;

	for (int i = 0; i < 3; i++) {
		sts_find(s, "d.example", &found);
		ck_assert_ptr_nonnull(found.text);
		ck_assert_int_eq(found.policy.mode, STS_ENFORCE);
		ck_assert_view_eq(found.policy.mx[0], "a.example");
		ck_assert_str_eq(found.id, "1");
		ck_assert_int_eq(found.expires - found.fetched, 86400000);
		ck_assert_int_eq(found.trouble, STS_TROUBLE_NONE);
		sts_found_clear(&found);
	}
	ck_assert_uint_eq(txt.asked, 1);
	ck_assert_uint_eq(web.asked, 1);
	sts_free(&s);
}
END_TEST

/* What DNS says where there is no policy. */
static const char *const none[][3] = {
    {NULL},
    {"v=spf1 -all"},
    {"v=STSv1; id="},
    {"v=STSv1; id=1", "v=STSv1; id=2"},
    {"v=STSv1; id=1", NULL, "v=STSv1; nonsense"},
};

START_TEST(sts_fetches_nothing_without_one_good_record)
{
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		struct sts *s = set_up(NULL, POLICY("enforce", "86400"));

		memcpy(txt.texts, none[i], sizeof txt.texts);
		ck_assert_int_eq(mode_of(s), STS_NONE);
		ck_assert_int_eq(mode_of(s), STS_NONE);
		ck_assert_uint_eq(txt.asked, 1);
		ck_assert_uint_eq(web.asked, 0);
		sts_free(&s);
	}
}
END_TEST

START_TEST(sts_skips_records_that_are_none)
{
	struct sts *s = set_up("v=STSv1; id=1", POLICY("testing", "86400"));

	txt.texts[1] = "another's";
	ck_assert_int_eq(mode_of(s), STS_TESTING);
	sts_free(&s);
}
END_TEST

/* Whatever comes instead of a policy. */
static const struct {
	const char *body, *type;
	enum https_result result;
	enum sts_trouble trouble;
} troubles[] = {
    {"", "text/plain", HTTPS_FAILED, STS_TROUBLE_FETCH},
    {"", "text/plain", HTTPS_UNTRUSTED, STS_TROUBLE_WEBPKI},
    {"<html>", "text/plain", HTTPS_OK, STS_TROUBLE_INVALID},
    {POLICY("enforce", "86400"), "text/html", HTTPS_OK, STS_TROUBLE_INVALID},
    {POLICY("enforce", "86400"), "Text/Plain; charset=utf-8", HTTPS_OK,
	STS_TROUBLE_NONE},
    {POLICY("enforce", "86400"), NULL, HTTPS_OK, STS_TROUBLE_NONE},
};

START_TEST(sts_tells_why_there_is_no_policy)
{
	for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
		bool ok = troubles[i].trouble == STS_TROUBLE_NONE;
		struct sts *s = set_up("v=STSv1; id=1", troubles[i].body);
		struct sts_found found;

		web.type = troubles[i].type;
		web.result = troubles[i].result;
		for (int k = 0; k < 2; k++) {
			sts_find(s, "d.example", &found);
			ck_assert_msg((found.text != NULL) == ok, "%zu", i);
			ck_assert_int_eq(found.trouble, troubles[i].trouble);
			ck_assert((found.reason[0] != '\0') == !ok);
			sts_found_clear(&found);
		}
		/* Once in a while is enough. */
		ck_assert_uint_eq(web.asked, 1);
		sts_free(&s);
	}
}
END_TEST

START_TEST(sts_holds_nobody_for_long_and_fetches_on)
{
	struct sts *s = set_up("v=STSv1; id=1", NULL);

	sts_free(&s);
	s = begin(1);
	/* Nothing has come: as without one. */
	ck_assert_int_eq(mode_of(s), STS_NONE);
	ck_assert_int_eq(mode_of(s), STS_NONE);
	ck_assert_uint_eq(web.asked, 1);
	publish("v=STSv1; id=1", POLICY("enforce", "86400"));
	web_answer();
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	sts_free(&s);
}
END_TEST

static void *
ask(void *ctx)
{
	ck_assert_int_eq(mode_of(ctx), STS_ENFORCE);
	return NULL;
}

START_TEST(sts_fetches_once_for_all_who_ask)
{
	struct sts *s = set_up("v=STSv1; id=1", NULL);
	pthread_t threads[8];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, s), 0);
	wait_for(&web.asked, 1);
	publish("v=STSv1; id=1", POLICY("enforce", "86400"));
	web_answer();
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(web.asked, 1);
	ck_assert_uint_eq(txt.asked, 1);
	sts_free(&s);
}
END_TEST

START_TEST(sts_keeps_a_policy_over_a_restart)
{
	struct sts *s = set_up("v=STSv1; id=1", POLICY("enforce", "86400"));

	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	ck_assert_uint_eq(kept.puts, 1);
	sts_free(&s);
	/* Neither DNS nor HTTPS says anything now. */
	txt.fails = true;
	web.result = HTTPS_FAILED;
	s = begin(0);
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	ck_assert_uint_eq(web.asked, 1);
	sts_free(&s);
}
END_TEST

START_TEST(sts_keeps_a_policy_whose_record_is_gone)
{
	struct sts *s = set_up("v=STSv1; id=1", POLICY("enforce", "86400"));

	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	publish(NULL, NULL);
	sts_doubt(s, "d.example");
	wait_for(&txt.asked, 2);
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	sts_free(&s);
}
END_TEST

START_TEST(sts_takes_a_new_policy_and_no_worse_one)
{
	struct sts *s = set_up("v=STSv1; id=1", POLICY("enforce", "86400"));

	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	/* The same id: nothing new. */
	publish("v=STSv1; id=1", POLICY("testing", "86400"));
	sts_doubt(s, "d.example");
	wait_for(&txt.asked, 2);
	ck_assert_uint_eq(get(&web.asked), 1);
	/* Another, which cannot be read. */
	publish("v=STSv1; id=2", "nonsense");
	while (get(&web.asked) < 2)
		sts_doubt(s, "d.example");
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	/* And one that can. */
	publish("v=STSv1; id=3", POLICY("testing", "86400"));
	while (mode_of(s) != STS_TESTING)
		sts_doubt(s, "d.example");
	sts_free(&s);
}
END_TEST

START_TEST(sts_lets_go_what_has_expired)
{
	struct sts *s = set_up(NULL, NULL);

	sts_free(&s);
	txt.fails = true;
	snprintf(kept.domain, sizeof kept.domain, "d.example");
	snprintf(kept.value, sizeof kept.value, "1 1000 2000\n%s",
	    POLICY("enforce", "1"));
	s = begin(0);
	ck_assert_int_eq(mode_of(s), STS_NONE);
	sts_free(&s);
	/* What is damaged is as if it were not there. */
	snprintf(kept.value, sizeof kept.value, "1 1000 2000\nnonsense");
	s = begin(0);
	ck_assert_int_eq(mode_of(s), STS_NONE);
	sts_free(&s);
}
END_TEST

START_TEST(sts_reads_anew_what_is_used_and_half_as_old_as_it_gets)
{
	struct sts *s = set_up("v=STSv1; id=1", NULL);
	int64_t now = clock_unix_us() / 1000;

	sts_free(&s);
	web.body = POLICY("testing", "86400");
	snprintf(kept.domain, sizeof kept.domain, "d.example");
	snprintf(kept.value, sizeof kept.value, "1 %lld %lld\n%s",
	    (long long)now - 50000000, (long long)now + 36400000,
	    POLICY("enforce", "86400"));
	s = begin(0);
	/* The old one meanwhile. */
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	while (mode_of(s) != STS_TESTING)
		continue;
	ck_assert_uint_eq(web.asked, 1);
	sts_free(&s);
}
END_TEST

static void
count(void *ctx, const struct sts_entry *e)
{
	ck_assert_str_eq(e->domain, "d.example");
	++*(unsigned *)ctx;
}

START_TEST(sts_forgets_what_the_operator_wants_forgotten)
{
	struct sts *s = set_up("v=STSv1; id=1", POLICY("enforce", "86400"));
	unsigned n = 0;

	sts_each(s, count, &n);
	ck_assert(!sts_forget(s, "d.example"));
	ck_assert_int_eq(mode_of(s), STS_ENFORCE);
	sts_each(s, count, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert(sts_forget(s, "d.example"));
	ck_assert_str_eq(kept.value, "");
	sts_each(s, count, &n);
	ck_assert_uint_eq(n, 1);
	/* It is asked for anew. */
	web.body = POLICY("testing", "86400");
	ck_assert_int_eq(mode_of(s), STS_TESTING);
	sts_free(&s);
}
END_TEST

UNIT_MAIN("sts", sts_fetches_the_policy_that_dns_tells_of,
    sts_fetches_nothing_without_one_good_record,
    sts_skips_records_that_are_none, sts_tells_why_there_is_no_policy,
    sts_holds_nobody_for_long_and_fetches_on, sts_fetches_once_for_all_who_ask,
    sts_keeps_a_policy_over_a_restart, sts_keeps_a_policy_whose_record_is_gone,
    sts_takes_a_new_policy_and_no_worse_one, sts_lets_go_what_has_expired,
    sts_reads_anew_what_is_used_and_half_as_old_as_it_gets,
    sts_forgets_what_the_operator_wants_forgotten)
