/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/target.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

/*
 * The DNS of these tests. MX hosts are written "10 mx.example"; addresses as
 * net_parse() takes them. A name that is missing does not exist.
 */
struct zone {
	const char *name;
	const char *mx[4];
	const char *addresses[2];
	const char *canonical;
	bool secure, fails, malformed;
};

static const struct zone zones[] = {
    {"one.example", {"10 mx.one.example"}, {0}, NULL, true, false, false},
    {"mx.one.example", {0}, {"192.0.2.1:0"}, NULL, true, false, false},
    {"bare.example", {0}, {"[2001:db8::1]:0"}, NULL, true, false, false},
    {"empty.example", {0}, {0}, NULL, false, false, false},
    {"null.example", {"0 ."}, {"192.0.2.1:0"}, NULL, false, false, false},
    {"odd.example", {"0 .", "5 mx.one.example"}, {0}, NULL, false, false,
	false},
    {"only-odd.example", {"0 .", "5 ."}, {0}, NULL, false, false, false},
    {"bad.example", {0}, {"192.0.2.1:0"}, NULL, false, false, true},
    {"half-bad.example", {"5 mx.one.example"}, {0}, NULL, false, false, true},
    {"three.example", {"30 c.example", "10 a.example", "20 b.example"}, {0},
	NULL, false, false, false},
    {"twice.example",
	{"30 a.example", "10 a.example", "20 b.example", "20 a.example"}, {0},
	NULL, false, false, false},
    {"backup.example",
	{"20 us.example", "10 a.example", "20 b.example", "30 c.example"}, {0},
	NULL, false, false, false},
    {"ours.example", {"20 a.example", "10 US.example"}, {0}, NULL, false, false,
	false},
    {"alias-of-us.example", {"10 a.example", "20 other.example"}, {0}, NULL,
	false, false, false},
    {"other.example", {0}, {"192.0.2.9:0", "198.51.100.7:0"}, NULL, false,
	false, false},
    {"at-us.example", {0}, {"198.51.100.7:0"}, NULL, false, false, false},
    {"mapped-us.example", {0}, {"[::ffff:198.51.100.7]:0"}, NULL, false, false,
	false},
    {"cname-to-us.example", {0}, {"192.0.2.77:0"}, "us.example", false, false,
	false},
    {"broken.example", {0}, {0}, NULL, false, true, false},
    {"xn--bcher-kva.example", {"10 mx.one.example"}, {0}, NULL, false, false,
	false},
};

static const struct zone *
find_zone(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(zones); i++)
		if (strcmp(zones[i].name, name) == 0)
			return &zones[i];
	return NULL;
}

int
dns_mx(struct dns *dns, const char *domain, int64_t deadline,
    struct dns_answer *a, struct dns_mx *mx, struct fault *f)
{
	const struct zone *zone = find_zone(domain);

	(void)dns;
	(void)deadline;
	memset(a, 0, sizeof *a);
	if (zone == NULL)
		return 0;
	if (zone->fails)
		return fault_temp(f, "4.4.3", "no answer");
	a->exists = true;
	a->secure = zone->secure;
	a->ttl = 300;
	a->malformed = zone->malformed;
	for (size_t i = 0; i < ARRAY_LEN(zone->mx) && zone->mx[i]; i++) {
		unsigned preference = 0;
		char host[DNS_NAME_SIZE] = "";

		ck_assert_int_eq(
		    sscanf(zone->mx[i], "%u %200s", &preference, host), 2);
		mx[a->n].preference = (uint16_t)preference;
		ck_assert(str_copy(strcmp(host, ".") == 0 ? str("") : str(host),
		    mx[a->n++].host, DNS_NAME_SIZE));
	}
	return 0;
}

int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	const struct zone *zone = find_zone(host);

	(void)dns;
	(void)deadline;
	memset(a, 0, sizeof *a);
	if (zone == NULL)
		return 0;
	if (zone->fails)
		return fault_temp(f, "4.4.3", "no answer");
	a->exists = true;
	a->ttl = 300;
	if (canonical != NULL)
		ck_assert(str_copy(
		    str(zone->canonical != NULL ? zone->canonical : host),
		    canonical, DNS_NAME_SIZE));
	for (size_t i = 0; i < 2 && zone->addresses[i] != NULL; i++)
		ck_assert_int_eq(
		    net_parse(str(zone->addresses[i]), &addresses[a->n++], f),
		    0);
	return 0;
}

static struct net_address own[1];
static const struct target_conf conf = {
    .hostname = "us.example", .own = own, .n_own = 1};

static void
set_up(void)
{
	struct fault f;

	ck_assert_int_eq(net_parse(str("198.51.100.7:25"), own, &f), 0);
}

static struct target target;

static int
resolve_mx(const char *host, struct fault *f)
{
	struct route route = {.kind = ROUTE_MX, .tls = ROUTE_TLS_MAY};

	set_up();
	ck_assert(str_copy(str(host), route.host, sizeof route.host));
	return target_resolve(&conf, NULL, &route, str(host), &target, f);
}

START_TEST(a_domain_leads_to_hosts_in_order)
{
	static const struct {
		const char *domain;
		const char *hosts; /* "a b", or NULL */
		const char *dsn;   /* where there are none */
	} cases[] = {
	    {"one.example", "mx.one.example", ""},
	    {"b\303\274cher.example", "mx.one.example", ""},
	    {"bare.example", "bare.example", ""},
	    {"three.example", "a.example b.example c.example", ""},
	    {"twice.example", "a.example b.example", ""},
	    {"odd.example", "mx.one.example", ""},
	    {"half-bad.example", "mx.one.example", ""},
	    {"nowhere.example", NULL, "5.1.2"},
	    {"empty.example", NULL, "5.1.2"},
	    {"null.example", NULL, "5.1.10"},
	    {"only-odd.example", NULL, "5.4.4"},
	    {"bad.example", NULL, "5.4.4"},
	    {"broken.example", NULL, "4.4.3"},
	    /* Ourselves. */
	    {"backup.example", "a.example", ""},
	    {"ours.example", NULL, "5.4.6"},
	    {"alias-of-us.example", "a.example", ""},
	    {"at-us.example", NULL, "5.4.6"},
	    {"mapped-us.example", NULL, "5.4.6"},
	    {"cname-to-us.example", NULL, "5.4.6"},
	    {"[192.0.2.1]", "[192.0.2.1]", ""},
	    {"[IPv6:2001:db8::2]", "[IPv6:2001:db8::2]", ""},
	    {"[198.51.100.7]", NULL, "5.4.6"},
	    {"[IPv6:::ffff:198.51.100.7]", NULL, "5.4.6"},
	    {"[x:y]", NULL, "5.1.2"},
	};
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char hosts[1000] = "";
		int rc = resolve_mx(cases[i].domain, &f);

		ck_assert_msg((rc == 0) == (cases[i].hosts != NULL), "%s: %s",
		    cases[i].domain, rc < 0 ? f.text : "no fault");
		if (rc < 0) {
			ck_assert_str_eq(f.dsn, cases[i].dsn);
			ck_assert_int_eq(
			    f.kind, f.dsn[0] == '4' ? FAULT_TEMP : FAULT_PERM);
			continue;
		}
		for (size_t k = 0; k < target.n_hosts; k++) {
			size_t len = strlen(hosts);

			snprintf(hosts + len, sizeof hosts - len, "%s%s",
			    k > 0 ? " " : "", target.hosts[k].name);
		}
		ck_assert_str_eq(hosts, cases[i].hosts);
		ck_assert_int_gt(target.until, clock_ms());
		ck_assert_int_le(target.until, clock_ms() + 3600000);
	}
}
END_TEST

START_TEST(hosts_are_secure_as_their_mx_is)
{
	struct fault f;

	ck_assert_int_eq(resolve_mx("one.example", &f), 0);
	ck_assert(target.hosts[0].secure);
	ck_assert_int_eq(resolve_mx("bare.example", &f), 0);
	ck_assert(target.hosts[0].secure);
	ck_assert_int_eq(resolve_mx("three.example", &f), 0);
	ck_assert(!target.hosts[0].secure);
}
END_TEST

static void
decide_equals(const char *const *names, size_t n)
{
	struct dns_mx mx[DNS_RECORDS_MAX] = {0};
	bool own_mx[DNS_RECORDS_MAX] = {false};
	struct target_facts facts = {
	    .domain = "equal.example",
	    .mx_answer = {.exists = true, .n = n},
	    .mx = mx,
	    .own_mx = own_mx,
	};
	struct fault f;

	for (size_t i = 0; i < n; i++) {
		ck_assert(str_copy(str(names[i]), mx[i].host, DNS_NAME_SIZE));
		mx[i].preference = 10;
	}
	memset(&target, 0, sizeof target);
	target.route.tls = ROUTE_TLS_MAY;
	ck_assert_int_eq(target_decide(&facts, &target, &f), 0);
	ck_assert_uint_eq(
	    target.n_hosts, n < TARGET_HOSTS_MAX ? n : TARGET_HOSTS_MAX);
}

START_TEST(equals_are_shuffled_and_keep_their_key)
{
	static const char *const names[] = {"a.example", "b.example"};
	char key[TARGET_KEY_SIZE] = "";
	unsigned first[2] = {0, 0};

	for (int i = 0; i < 200; i++) {
		decide_equals(names, 2);
		first[target.hosts[0].name[0] - 'a']++;
		if (i == 0)
			memcpy(key, target.key, sizeof key);
		ck_assert_str_eq(target.key, key);
		ck_assert_str_eq(target.provider, "a.example");
	}
	/* One in 10^30 fails by chance. */
	ck_assert_uint_gt(first[0], 20);
	ck_assert_uint_gt(first[1], 20);
}
END_TEST

START_TEST(no_more_hosts_than_there_is_room_for)
{
	const char *names[DNS_RECORDS_MAX];
	static char text[DNS_RECORDS_MAX][20];

	for (size_t i = 0; i < DNS_RECORDS_MAX; i++) {
		snprintf(text[i], sizeof text[i], "mx%zu.example", i);
		names[i] = text[i];
	}
	decide_equals(names, DNS_RECORDS_MAX);
}
END_TEST

/* Each pair has one key, or two. */
START_TEST(a_key_stands_for_hosts_and_rules)
{
	static const struct route may = {.kind = ROUTE_HOST,
	    .host = "hub.example.co.uk",
	    .tls = ROUTE_TLS_MAY};
	struct route routes[] = {may, may, may, may, may, may, may};
	char keys[ARRAY_LEN(routes)][TARGET_KEY_SIZE];
	struct fault f;

	routes[1].port = 587;
	routes[2].tls = ROUTE_TLS_VERIFY;
	routes[3].implicit_tls = true;
	routes[4].user = "ann";
	routes[5].user = "bob";
	ck_assert(str_copy(str("b.example"), routes[6].host, 100));
	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		ck_assert_int_eq(target_resolve(&conf, NULL, &routes[i],
				     str("x.example"), &target, &f),
		    0);
		ck_assert_uint_eq(target.n_hosts, 1);
		ck_assert_str_eq(target.domain, "x.example");
		memcpy(keys[i], target.key, sizeof keys[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(keys[i], keys[k]);
		if (i < 6)
			ck_assert_str_eq(target.provider, "example.co.uk");
	}
	ck_assert_str_eq(keys[0], "smtp:hub.example.co.uk");
	ck_assert_str_eq(keys[1], "smtp:hub.example.co.uk:587");
	ck_assert_str_eq(keys[2], "smtp:hub.example.co.uk,verify");
}
END_TEST

START_TEST(keys_that_are_long_differ_still)
{
	char user[2][400], key[TARGET_KEY_SIZE];
	struct route route = {.kind = ROUTE_HOST, .host = "hub.example"};
	struct fault f;

	memset(user, 'u', sizeof user);
	user[0][399] = user[1][399] = '\0';
	user[1][398] = 'v';
	route.user = user[0];
	ck_assert_int_eq(
	    target_resolve(&conf, NULL, &route, str("x.example"), &target, &f),
	    0);
	memcpy(key, target.key, sizeof key);
	route.user = user[1];
	ck_assert_int_eq(
	    target_resolve(&conf, NULL, &route, str("x.example"), &target, &f),
	    0);
	ck_assert_str_ne(target.key, key);
}
END_TEST

START_TEST(routes_without_dns_are_targets_too)
{
	struct route route = {.kind = ROUTE_LMTP};
	struct fault f;

	ck_assert_int_eq(
	    net_parse(str("unix:/run/x.sock"), &route.lmtp, &f), 0);
	ck_assert_int_eq(target_resolve(&conf, NULL, &route, str("[192.0.2.1]"),
			     &target, &f),
	    0);
	ck_assert_str_eq(target.key, "lmtp:unix:/run/x.sock");
	ck_assert_str_eq(target.hosts[0].name, "");
	ck_assert_str_eq(target.domain, "[192.0.2.1]");
	ck_assert_uint_eq(target.n_hosts, 1);
	ck_assert_int_eq(net_parse(str("127.0.0.1:24"), &route.lmtp, &f), 0);
	ck_assert_int_eq(
	    target_resolve(&conf, NULL, &route, str("x.example"), &target, &f),
	    0);
	ck_assert_str_eq(target.key, "lmtp:127.0.0.1:24");
	ck_assert_str_eq(target.hosts[0].name, "[127.0.0.1]");
	route.kind = ROUTE_DISCARD;
	ck_assert_int_eq(
	    target_resolve(&conf, NULL, &route, str("x.example"), &target, &f),
	    0);
	ck_assert_str_eq(target.key, "discard");
	ck_assert_uint_eq(target.n_hosts, 0);
}
END_TEST

START_TEST(our_own_addresses_are_found)
{
	struct net_address found[100];
	size_t with = target_find_own(found, ARRAY_LEN(found), true);
	bool has_loopback = false;

	for (size_t i = 0; i < with; i++)
		has_loopback = has_loopback || net_is_loopback(&found[i]);
	ck_assert(has_loopback);
	with = target_find_own(found, ARRAY_LEN(found), false);
	for (size_t i = 0; i < with; i++)
		ck_assert(!net_is_loopback(&found[i]));
	ck_assert_uint_le(target_find_own(found, 1, true), 1);
}
END_TEST

UNIT_MAIN("target", a_domain_leads_to_hosts_in_order,
    hosts_are_secure_as_their_mx_is, equals_are_shuffled_and_keep_their_key,
    no_more_hosts_than_there_is_room_for, a_key_stands_for_hosts_and_rules,
    keys_that_are_long_differ_still, routes_without_dns_are_targets_too,
    our_own_addresses_are_found)
