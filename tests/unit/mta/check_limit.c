/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/queue/limit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/queued_options.h"
#include "tests/unit/unit.h"

static struct conf *conf;

/* The section queued with these lines, from the second on; or NULL. */
static const struct queued_options *
options_of(const char *text, struct fault *f)
{
	static const struct conf_table *const known[] = {&queued_table};
	char path[] = "/tmp/check-limit-XXXXXX", whole[1000];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	snprintf(whole, sizeof whole, "queued {\n%s\n}\n", text);
	ck_assert_int_eq(write(fd, whole, strlen(whole)), (int)strlen(whole));
	close(fd);
	conf_free(&conf);
	conf = conf_read(path, known, ARRAY_LEN(known), true, f);
	unlink(path);
	return conf == NULL ? NULL : conf_get(conf, &queued_table);
}

START_TEST(sections_become_limits)
{
	const struct queued_options *o;
	struct board_limit *l;
	struct fault f;

	o = options_of("provider \"Google.com\" { concurrency = 5\n"
		       "rate = \"20/min\" gap = 2s }\n"
		       "provider \"b\xc3\xbc"
		       "cher.example\" { rate = \"1/d\" }\n"
		       "provider \"smtp:[192.0.2.1]:2525\" { }\n"
		       "provider \"*\" { rate = \"1000000 / h\" }\n",
	    &f);
	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->providers.n, 4);
	l = limits_new(&o->providers);
	ck_assert_str_eq(l[0].provider, "google.com");
	ck_assert_uint_eq(l[0].pace.max, 5);
	ck_assert_uint_eq(l[0].pace.rate, 20);
	ck_assert_int_eq(l[0].pace.period_ms, 60000);
	ck_assert_int_eq(l[0].pace.gap_ms, 2000);
	ck_assert_str_eq(l[1].provider, "xn--bcher-kva.example");
	ck_assert_int_eq(l[1].pace.period_ms, 86400000);
	ck_assert_str_eq(l[2].provider, "smtp:[192.0.2.1]:2525");
	ck_assert_uint_eq(l[2].pace.max, 0);
	ck_assert_uint_eq(l[2].pace.rate, 0);
	ck_assert_str_eq(l[3].provider, "*");
	ck_assert_uint_eq(l[3].pace.rate, 1000000);
	limits_free(&l, o->providers.n);
	ck_assert_ptr_null(l);
	conf_free(&conf);
}
END_TEST

START_TEST(what_would_limit_nobody_is_refused)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
	    {"provider \"mx.google.com\" { }", ":2: the provider of "
					       "mx.google.com is google.com"},
	    {"provider \"com\" { }", "no organisation"},
	    {"provider \"a b\" { }", "no organisation"},
	    {"provider \"\" { }", "no organisation"},
	    {"provider \"a.example\" { rate = \"20\" }", "such as 20/min"},
	    {"provider \"a.example\" { rate = \"0/min\" }", "such as"},
	    {"provider \"a.example\" { rate = \"1000001/s\" }", "such as"},
	    {"provider \"a.example\" { rate = \"20/fortnight\" }", "such as"},
	    {"provider \"a.example\" { concurrency = 2001 }", "concurrency"},
	    {"provider \"a.example\" { gap = 2h }", "gap"},
	    {"provider \"a.example\" { }\nprovider \"A.example\" { }", "two"},
	};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f.text[0] = '\0';
		ck_assert_msg(options_of(bad[i].text, &f) == NULL, "taken: %s",
		    bad[i].text);
		ck_assert_msg(strstr(f.text, bad[i].word) != NULL,
		    "%s: the fault is: %s", bad[i].text, f.text);
	}
}
END_TEST

UNIT_MAIN("limit", sections_become_limits, what_would_limit_nobody_is_refused)
