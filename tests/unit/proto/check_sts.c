/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/sts.h"

#include <stdio.h>

#include "tests/unit/unit.h"

/* What a record says; NULL: it is ill-formed. */
static const struct {
	const char *text, *id;
} records[] = {
    {"v=STSv1; id=20160831085700Z;", "20160831085700Z"},
    {"v=STSv1;id=1", "1"},
    {"v=STSv1 ; id=1 ;", "1"},
    {"v=STSv1; future=x-1; id=1", "1"},
    {"v=STSv1; id=abcdefghijabcdefghijabcdefghij12",
	"abcdefghijabcdefghijabcdefghij12"},
    {"v=STSv1; id=abcdefghijabcdefghijabcdefghij123", NULL},
    {"v=STSv1;", NULL},
    {"v=STSv1; id=", NULL},
    {"v=STSv1; id=1-2", NULL},
    {"v=STSv1; ; id=1", NULL},
    {"v=STSv1; id=1; id=2", NULL},
    {"v=STSv1; ID=1", NULL},
    {"v=STSv1; id=1; nonsense", NULL},
    {"v=STSv1; id=1; a=\x01", NULL},
    {"v=STSv2; id=1", NULL},
    {"v=STSv1", NULL},
    {"", NULL},
};

START_TEST(sts_reads_records)
{
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct str id;
		bool ok = sts_parse_record(str(records[i].text), &id);

		ck_assert_msg(
		    ok == (records[i].id != NULL), "%s", records[i].text);
		if (ok)
			ck_assert_view_eq(id, records[i].id);
	}
}
END_TEST

START_TEST(sts_knows_what_is_meant_to_be_a_record)
{
	ck_assert(sts_is_record(str("v=STSv1; nonsense")));
	ck_assert(sts_is_record(str("v=STSv1 ;id=1")));
	ck_assert(!sts_is_record(str("v=STSv1")));
	ck_assert(!sts_is_record(str("v=STSv10; id=1")));
	ck_assert(!sts_is_record(str("v=spf1; -all")));
}
END_TEST

static int
parse(const char *text, struct sts_policy *policy)
{
	struct fault f = {.kind = FAULT_PERM};
	int rc = sts_parse_policy(str(text), policy, &f);

	if (rc < 0) {
		ck_assert_str_eq(f.dsn, "5.7.0");
		ck_assert(f.text[0] != '\0');
	}
	return rc;
}

START_TEST(sts_reads_a_policy)
{
	struct sts_policy p;

	ck_assert_int_eq(parse("version: STSv1\r\nmode: enforce\r\n"
			       "mx: mail.example.com\r\nmx: *.example.net\r\n"
			       "mx: backupmx.example.com\r\n"
			       "max_age: 604800\r\n",
			     &p),
	    0);
	ck_assert_int_eq(p.mode, STS_ENFORCE);
	ck_assert_uint_eq(p.max_age, 604800);
	ck_assert_uint_eq(p.n_mx, 3);
	ck_assert_view_eq(p.mx[0], "mail.example.com");
	ck_assert_view_eq(p.mx[1], "*.example.net");
}
END_TEST

/* What is no mistake, or one that hurts nobody. */
static const struct {
	const char *text;
	enum sts_mode mode;
	uint32_t max_age;
	size_t n_mx;
} good[] = {
    {"version: STSv1\nmode: none\nmax_age: 0", STS_NONE, 0, 0},
    {"max_age:86400\nmx:mx.a.example\nmode:testing\nversion:STSv1", STS_TESTING,
	86400, 1},
    {"version: STSv1  \n\n\nmode: testing\t\nmx: MX.A.example.\nmax_age: 1\n",
	STS_TESTING, 1, 1},
    {"version: STSv1\nfuture: \x80 x: y\nmode: enforce\nmode: none\n"
     "mx: a.example\nmax_age: 5\nmax_age: 6\n",
	STS_ENFORCE, 5, 1},
    {"version: STSv1\nmode: none\nmax_age: 9999999999\n", STS_NONE, STS_AGE_MAX,
	0},
};

START_TEST(sts_is_tolerant_where_nothing_is_lost)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct sts_policy p;

		ck_assert_msg(parse(good[i].text, &p) == 0, "%s", good[i].text);
		ck_assert_int_eq(p.mode, good[i].mode);
		ck_assert_uint_eq(p.max_age, good[i].max_age);
		ck_assert_uint_eq(p.n_mx, good[i].n_mx);
	}
}
END_TEST

static const char *const bad[] = {
    "",
    "<html>not found</html>",
    "version: STSv1",
    "mode: enforce\nmx: a.example\nmax_age: 1",
    "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1",
    "version: STSv1\nmx: a.example\nmax_age: 1",
    "version: STSv1\nmode: enforced\nmx: a.example\nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: a.example",
    "version: STSv1\nmode: enforce\nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1",
    "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 10000000000",
    "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d",
    "version: STSv1\nmode: enforce\nmx: \nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1",
    "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\nnonsense",
};

START_TEST(sts_refuses_what_is_no_policy)
{
	struct sts_policy p;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(parse(bad[i], &p) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(sts_bounds_a_policy)
{
	struct sts_policy p;
	struct buf b;

	buf_init(&b, STS_TEXT_MAX + 1000);
	buf_puts(&b, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (int i = 0; i < STS_MX_MAX; i++)
		buf_putf(&b, "mx: m%d.example\n", i);
	ck_assert_int_eq(parse(buf_text(&b), &p), 0);
	ck_assert_uint_eq(p.n_mx, STS_MX_MAX);
	buf_puts(&b, "mx: more.example\n");
	ck_assert_int_lt(parse(buf_text(&b), &p), 0);
	buf_reset(&b);
	buf_puts(&b, "version: STSv1\nmode: none\nmax_age: 1\n");
	while (buf_len(&b) <= STS_TEXT_MAX)
		buf_puts(&b, "\n");
	ck_assert_int_lt(parse(buf_text(&b), &p), 0);
	buf_clear(&b);
}
END_TEST

START_TEST(sts_puts_what_it_reads)
{
	const char *text = "version: STSv1\nmode: testing\nmx: a.example\n"
			   "mx: *.b.example\nmax_age: 86400\n";
	struct sts_policy p;
	struct buf b;

	buf_init(&b, STS_TEXT_MAX);
	ck_assert_int_eq(parse(text, &p), 0);
	sts_put_policy(&b, &p);
	ck_assert_str_eq(buf_text(&b), text);
	buf_clear(&b);
}
END_TEST

static const struct {
	const char *host;
	bool is_one;
} hosts[] = {
    {"mx.example.org", true},
    {"MX.Example.ORG", true},
    {"a.example.net", true},
    {"mx.a.example.net", false},
    {"example.net", false},
    {".example.net", false},
    {"aexample.net", false},
    {"a.mx.example.org", false},
    {"mx.example.or", false},
    {"", false},
    {"[192.0.2.1]", false},
};

START_TEST(sts_compares_hosts_with_patterns)
{
	struct sts_policy p;

	ck_assert_int_eq(parse("version: STSv1\nmode: enforce\nmax_age: 1\n"
			       "mx: mx.example.org\nmx: *.Example.net",
			     &p),
	    0);
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		ck_assert_msg(
		    sts_has_mx(&p, str(hosts[i].host)) == hosts[i].is_one, "%s",
		    hosts[i].host);
}
END_TEST

UNIT_MAIN("sts", sts_reads_records, sts_knows_what_is_meant_to_be_a_record,
    sts_reads_a_policy, sts_is_tolerant_where_nothing_is_lost,
    sts_refuses_what_is_no_policy, sts_bounds_a_policy, sts_puts_what_it_reads,
    sts_compares_hosts_with_patterns)
