/* SPDX-License-Identifier: ISC */
/* What the sender does about TLS: routes, DANE, MTA-STS, REQUIRETLS, reports. */
#include "config.h"

#include "tests/unit/mta/sender.h"

static char dir[] = "/tmp/check_sender.XXXXXX";
static struct certificate pair;

#define WITH_TLS                                       \
	"250-sink.example\r\n250-AUTH LOGIN PLAIN\r\n" \
	"250-REQUIRETLS\r\n250 STARTTLS"

/* The server's certificate is for a.example; conf trusts it. */
static void
set_up_tls(void)
{
	struct tls_certificate files;
	struct fault f;

	set_up();
	memcpy(strchr(dir, '.'), ".XXXXXX", 8);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	certificate_make(&pair, dir, "a", "DNS:a.example", NULL, 86400);
	files = (struct tls_certificate){pair.chain, pair.key};
	sinks[0].tls = tls_server_new(&files, 1, &f);
	ck_assert_ptr_nonnull(sinks[0].tls);
	sinks[0].says[SINK_EHLO] = WITH_TLS;
	conf.ca_file = pair.chain;
}

static void
tear_down_tls(void)
{
	tear_down();
	tls_server_free(&sinks[0].tls);
	certificate_remove(&pair);
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(sender_encrypts_where_it_can)
{
	set_up_tls();
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
	ck_assert_str_eq(report.tls_version, "TLSv1.3");
	ck_assert(!report.is_tls_verified);
	send_to(1);
	ck_assert(report.was_kept);
	ck_assert_str_eq(report.tls_version, "TLSv1.3");
	tear_down_tls();
}
END_TEST

START_TEST(sender_verifies_the_name_where_it_is_told_to)
{
	set_up_tls();
	target.route.tls = ROUTE_TLS_VERIFY;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
	ck_assert(report.is_tls_verified);
	snprintf(target.key, sizeof target.key, "b");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.7.5");
	ck_assert_uint_eq(sinks[0].messages, 1);
	tear_down_tls();
}
END_TEST

START_TEST(sender_shows_its_password_under_tls)
{
	set_up_tls();
	target.route.user = "ann";
	target.route.password = "secret";
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
	ck_assert_uint_eq(sinks[0].seen[SINK_AUTH], 1);
	tear_down_tls();
	/* What is refused waits for the operator. */
	set_up_tls();
	target.route.user = "ann";
	target.route.password = "secret";
	sinks[0].says[SINK_AUTH] = "535 5.7.8 no";
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.7.8");
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
	tear_down_tls();
}
END_TEST

/* TLSA 3 1 1 of the server's certificate. */
static void
make_tlsa(void)
{
	FILE *file = fopen(pair.chain, "r");
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	uint8_t *key = NULL;
	unsigned len;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &key);

	fclose(file);
	ck_assert_int_eq(EVP_Digest(key, (size_t)n, tlsa.record.data, &len,
			     EVP_sha256(), NULL),
	    1);
	OPENSSL_free(key);
	X509_free(x);
	tlsa.record.usage = 3;
	tlsa.record.selector = tlsa.record.matching = 1;
	tlsa.record.len = len;
	tlsa.answer =
	    (struct dns_answer){.exists = true, .secure = true, .n = 1};
	target.hosts[0].secure = true;
}

enum dane_twist {
	DANE_RIGHT,
	DANE_WRONG,    /* another key */
	DANE_UNUSABLE, /* usage 1 */
	DANE_INSECURE, /* the records are */
	DANE_MX,       /* the MX record is insecure */
	DANE_BOGUS,    /* no telling */
	DANE_NO_TLS,   /* the server offers none */
	DANE_UNUSABLE_NO_TLS,
	DANE_FAILS, /* no handshake comes about */
};

static const struct {
	enum dane_twist twist;
	bool ok, verified;
	const char *dsn;
} danes[] = {
    {DANE_RIGHT, true, true, ""},
    {DANE_WRONG, false, false, "4.7.5"},
    {DANE_UNUSABLE, true, false, ""},
    {DANE_INSECURE, true, false, ""},
    {DANE_MX, true, false, ""},
    {DANE_BOGUS, false, false, "4.4.3"},
    {DANE_NO_TLS, false, false, "4.7.10"},
    {DANE_UNUSABLE_NO_TLS, false, false, "4.7.10"},
    {DANE_FAILS, false, false, "4.7.5"},
};

START_TEST(sender_obeys_tlsa_records)
{
	for (size_t i = 0; i < ARRAY_LEN(danes); i++) {
		enum dane_twist twist = danes[i].twist;

		set_up_tls();
		make_tlsa();
		tlsa.fails = twist == DANE_BOGUS;
		tlsa.answer.secure = twist != DANE_INSECURE;
		target.hosts[0].secure = twist != DANE_MX;
		if (twist == DANE_WRONG)
			tlsa.record.data[0] ^= 1;
		if (twist == DANE_UNUSABLE || twist == DANE_UNUSABLE_NO_TLS)
			tlsa.record.usage = 1;
		if (twist == DANE_NO_TLS || twist == DANE_UNUSABLE_NO_TLS)
			sinks[0].says[SINK_EHLO] = NULL;
		if (twist == DANE_FAILS)
			tls_server_free(&sinks[0].tls);
		send_to(1);
		ck_assert_msg(outcomes[0].ok == danes[i].ok, "%zu: %s", i,
		    report.fault.text);
		ck_assert(report.is_tls_verified == danes[i].verified);
		if (!danes[i].ok)
			ck_assert_str_eq(outcomes[0].fault.dsn, danes[i].dsn);
		ck_assert_uint_eq(tlsa.asked, twist == DANE_MX ? 0 : 1);
		tear_down_tls();
	}
}
END_TEST

START_TEST(sender_honours_requiretls)
{
	/* Proven by DANE. */
	set_up_tls();
	make_tlsa();
	mail.requiretls = true;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	ck_assert_ptr_nonnull(strstr(sinks[0].mail, " REQUIRETLS"));
	tear_down_tls();
	/* Proven by the CA. */
	set_up_tls();
	mail.requiretls = true;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	/* A server that cannot prove its name. */
	snprintf(target.key, sizeof target.key, "b");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.7.30");
	ck_assert_uint_eq(sinks[0].messages, 1);
	/* One that is not asked for its proof, its MX record being anyone's. */
	target.route.kind = ROUTE_MX;
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "a.example");
	send_to(1);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.7.30");
	tear_down_tls();
	/* One without TLS. */
	set_up();
	mail.requiretls = true;
	send_to(1);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.7.30");
	tear_down();
}
END_TEST

#define POLICY(mode, mx) \
	"version: STSv1\nmode: " mode "\nmx: " mx "\nmax_age: 86400\n"

enum sts_twist {
	STS_RIGHT,
	STS_NAME,    /* the certificate is for another name */
	STS_NO_TLS,  /* the server offers none */
	STS_FAILS,   /* no handshake comes about */
	STS_DANE,    /* there is a right TLSA record */
	STS_NO_DANE, /* there is a wrong one */
};

/* How a host fares under a policy. The plain one is that of ROUTE_TLS_MAY. */
static const struct {
	const char *policy;
	enum sts_twist twist;
	bool ok, verified, encrypted;
	const char *dsn;
} policies[] = {
    {POLICY("enforce", "a.example"), STS_RIGHT, true, true, true, ""},
    {POLICY("enforce", "*.example"), STS_RIGHT, true, true, true, ""},
    {POLICY("enforce", "b.example"), STS_RIGHT, false, false, false, "4.7.5"},
    {POLICY("enforce", "b.example"), STS_NAME, false, false, false, "4.7.5"},
    {POLICY("enforce", "a.example"), STS_NO_TLS, false, false, false, "4.7.10"},
    {POLICY("enforce", "a.example"), STS_FAILS, false, false, false, "4.7.5"},
    {POLICY("enforce", "b.example"), STS_DANE, true, true, true, ""},
    {POLICY("enforce", "a.example"), STS_NO_DANE, false, false, false, "4.7.5"},
    {POLICY("testing", "a.example"), STS_RIGHT, true, false, true, ""},
    {POLICY("testing", "b.example"), STS_RIGHT, true, false, true, ""},
    {POLICY("testing", "b.example"), STS_NAME, true, false, true, ""},
    {POLICY("testing", "a.example"), STS_NO_TLS, true, false, false, ""},
    {POLICY("testing", "a.example"), STS_FAILS, true, false, false, ""},
    {POLICY("testing", "a.example"), STS_NO_DANE, false, false, false, "4.7.5"},
    {POLICY("none", "b.example"), STS_NAME, true, false, true, ""},
    {NULL, STS_NAME, true, false, true, ""},
};

static void
twist_sts(enum sts_twist twist)
{
	if (twist == STS_DANE || twist == STS_NO_DANE)
		make_tlsa();
	if (twist == STS_NO_DANE)
		tlsa.record.data[0] ^= 1;
	if (twist == STS_NO_TLS)
		sinks[0].says[SINK_EHLO] = NULL;
	if (twist == STS_FAILS)
		tls_server_free(&sinks[0].tls);
	if (twist == STS_NAME)
		snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
}

START_TEST(sender_obeys_policies_of_mta_sts)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		bool own;

		set_up_tls();
		conf.sts = (struct sts *)(void *)&sts;
		sts.policy = policies[i].policy;
		target.route.kind = ROUTE_MX;
		snprintf(target.route.host, sizeof target.route.host,
		    "B\xc3\xbc"
		    "cher.example");
		twist_sts(policies[i].twist);
		send_to(1);
		ck_assert_str_eq(sts.domain, "xn--bcher-kva.example");
		ck_assert_msg(outcomes[0].ok == policies[i].ok, "%zu: %s", i,
		    report.fault.text);
		ck_assert(report.is_tls_verified == policies[i].verified);
		ck_assert_msg(
		    (report.tls_version[0] != '\0') == policies[i].encrypted,
		    "%zu: %s", i, report.tls_version);
		own = !policies[i].ok && policies[i].twist != STS_NO_DANE;
		ck_assert_uint_eq(sts.doubted, own ? 1 : 0);
		if (!policies[i].ok)
			ck_assert_str_eq(
			    outcomes[0].fault.dsn, policies[i].dsn);
		if (own)
			ck_assert_ptr_nonnull(strstr(
			    outcomes[0].fault.text, "xn--bcher-kva.example"));
		tear_down_tls();
	}
}
END_TEST

START_TEST(sender_keeps_wires_of_different_policies_apart)
{
	static const char *const order[] = {NULL,
	    POLICY("enforce", "a.example"), POLICY("enforce", "*.example"),
	    POLICY("testing", "a.example")};

	set_up_tls();
	conf.sts = (struct sts *)(void *)&sts;
	snprintf(target.route.host, sizeof target.route.host, "a.example");
	for (size_t i = 0; i < 2 * ARRAY_LEN(order); i++) {
		sts.policy = order[i / 2];
		send_to(1);
		ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
		ck_assert(report.was_kept == (i % 2 == 1));
	}
	tear_down_tls();
}
END_TEST

START_TEST(sender_goes_on_to_a_host_that_meets_the_policy)
{
	set_up_tls();
	conf.sts = (struct sts *)(void *)&sts;
	sts.policy = POLICY("enforce", "a.example");
	snprintf(target.route.host, sizeof target.route.host, "a.example");
	target.hosts[1] = target.hosts[0];
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	target.n_hosts = 2;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
	ck_assert_str_eq(report.host, "a.example");
	tear_down_tls();
}
END_TEST

/* Routes whose next hop can have no policy, or where the operator wants none. */
START_TEST(sender_asks_for_no_policy_where_there_can_be_none)
{
	static const struct {
		const char *host;
		enum route_tls tls;
	} routes[] = {
	    {"[127.0.0.1]", ROUTE_TLS_MAY},
	    {"localhost", ROUTE_TLS_MAY},
	    {"a.example", ROUTE_TLS_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		set_up();
		conf.sts = (struct sts *)(void *)&sts;
		target.route.tls = routes[i].tls;
		snprintf(target.route.host, sizeof target.route.host, "%s",
		    routes[i].host);
		send_to(1);
		ck_assert(outcomes[0].ok);
		ck_assert_uint_eq(sts.asked, 0);
		tear_down();
	}
}
END_TEST

START_TEST(sender_takes_a_policy_for_a_proof_of_the_name)
{
	/* The MX record is anyone's, but the policy says who it may be. */
	set_up_tls();
	conf.sts = (struct sts *)(void *)&sts;
	mail.requiretls = true;
	target.route.kind = ROUTE_MX;
	snprintf(target.route.host, sizeof target.route.host, "a.example");
	sts.policy = POLICY("testing", "a.example");
	send_to(1);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.7.30");
	sts.policy = POLICY("enforce", "a.example");
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	ck_assert_ptr_nonnull(strstr(sinks[0].mail, " REQUIRETLS"));
	tear_down_tls();
}
END_TEST

/* The sessions that were counted for a domain: all was well, or not. */
static void
check_counted(
    struct tls_stats *stats, const char *domain, int64_t good, int64_t bad)
{
	struct tls_day *days;
	size_t n = tls_stats_list(stats, &days);
	const json_t *sums;
	json_t *counted;

	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(days[0].domain, domain);
	counted = tls_stats_policies(stats, &days[0], false);
	sums = json_get(json_at(counted, 0), "summary");
	ck_assert_int_eq(
	    json_get_int(sums, "total-successful-session-count", -1), good);
	ck_assert_int_eq(
	    json_get_int(sums, "total-failure-session-count", -1), bad);
	json_free(&counted);
	mem_free(days);
}

START_TEST(sender_counts_sessions_with_the_mail_servers_of_domains)
{
	struct tls_day *none;

	set_up_tls();
	conf.sts = (struct sts *)(void *)&sts;
	conf.stats = tls_stats_new();
	sts.policy = POLICY("enforce", "a.example");
	snprintf(target.route.host, sizeof target.route.host, "d.example");
	/* A host that the operator names is nobody's mail server. */
	send_to(1);
	ck_assert_uint_eq(tls_stats_list(conf.stats, &none), 0);
	mem_free(none);
	target.route.kind = ROUTE_MX;
	snprintf(target.key, sizeof target.key, "mx");
	send_to(1);
	check_counted(conf.stats, "d.example", 1, 0);
	/* Kept. */
	send_to(1);
	check_counted(conf.stats, "d.example", 1, 0);
	snprintf(target.key, sizeof target.key, "b");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	send_to(1);
	check_counted(conf.stats, "d.example", 1, 1);
	tls_stats_free(&conf.stats);
	tear_down_tls();
}
END_TEST

/* A policy in testing looks at what it does not insist on. */
START_TEST(sender_counts_what_would_be_refused)
{
	set_up_tls();
	conf.sts = (struct sts *)(void *)&sts;
	conf.stats = tls_stats_new();
	sts.policy = POLICY("testing", "b.example");
	target.route.kind = ROUTE_MX;
	snprintf(target.route.host, sizeof target.route.host, "d.example");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	check_counted(conf.stats, "d.example", 0, 1);
	tls_stats_free(&conf.stats);
	tear_down_tls();
}
END_TEST

START_TEST(sender_counts_nothing_that_has_not_come_to_tls)
{
	struct tls_day *none;

	set_up_tls();
	conf.stats = tls_stats_new();
	sinks[0].says[SINK_GREETING] = "554 5.7.1 never";
	target.route.kind = ROUTE_MX;
	snprintf(target.route.host, sizeof target.route.host, "d.example");
	send_to(1);
	ck_assert(!outcomes[0].ok);
	ck_assert_uint_eq(tls_stats_list(conf.stats, &none), 0);
	mem_free(none);
	tls_stats_free(&conf.stats);
	tear_down_tls();
}
END_TEST

START_TEST(sender_sends_what_needs_no_tls_in_any_case)
{
	struct tls_day *none;

	set_up_tls();
	make_tlsa();
	tlsa.record.data[0] ^= 1;
	conf.sts = (struct sts *)(void *)&sts;
	conf.stats = tls_stats_new();
	sts.policy = POLICY("enforce", "b.example");
	target.route.kind = ROUTE_MX;
	snprintf(target.route.host, sizeof target.route.host, "d.example");
	tls_optional = true;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	ck_assert_uint_eq(sts.asked, 0);
	ck_assert_uint_eq(tls_stats_list(conf.stats, &none), 0);
	mem_free(none);
	/* The operator's word holds all the same, and so does the policy for
	 * what comes next over the same hop. */
	tls_optional = false;
	send_to(1);
	ck_assert(!outcomes[0].ok);
	tls_optional = true;
	target.route.tls = ROUTE_TLS_VERIFY;
	snprintf(target.key, sizeof target.key, "b");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "b.example");
	send_to(1);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.7.5");
	tls_optional = false;
	tls_stats_free(&conf.stats);
	tear_down_tls();
}
END_TEST

UNIT_MAIN("sender_tls", sender_encrypts_where_it_can,
    sender_verifies_the_name_where_it_is_told_to,
    sender_shows_its_password_under_tls, sender_obeys_tlsa_records,
    sender_honours_requiretls, sender_obeys_policies_of_mta_sts,
    sender_keeps_wires_of_different_policies_apart,
    sender_goes_on_to_a_host_that_meets_the_policy,
    sender_asks_for_no_policy_where_there_can_be_none,
    sender_takes_a_policy_for_a_proof_of_the_name,
    sender_counts_sessions_with_the_mail_servers_of_domains,
    sender_counts_what_would_be_refused,
    sender_counts_nothing_that_has_not_come_to_tls,
    sender_sends_what_needs_no_tls_in_any_case)
