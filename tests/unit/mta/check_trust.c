/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/trust.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static int
parse(const char *text, const struct trust_facts *facts, struct fault *f)
{
	struct net_network network;

	return trust_parse(str(text), facts, &network, f);
}

START_TEST(trust_takes_a_small_network_of_ones_own)
{
	static const char *const good[] = {"192.168.7.0/24", "10.1.0.0/16",
	    "127.0.0.1", "::1", "fd12:3456::/32", "192.0.2.64/26",
	    "2001:db8:1:2::/64"};
	struct trust_facts facts;
	struct fault f;

	trust_facts_init(&facts);
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		ck_assert_msg(
		    parse(good[i], &facts, &f) == 0, "%s: %s", good[i], f.text);
}
END_TEST

START_TEST(trust_refuses_what_is_larger_than_ones_own_network)
{
	static const char *const bad[] = {"0.0.0.0/0", "::/0", "0.0.0.0/1",
	    "8.0.0.0/8", "198.51.0.0/16", "172.0.0.0/8", "192.0.0.0/8",
	    "2001:db8::/32", "2000::/3", "::ffff:0:0/96", "::ffff:192.0.2.1",
	    "64:ff9b::/96"};
	struct trust_facts facts;
	struct fault f;

	trust_facts_init(&facts);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(
		    parse(bad[i], &facts, &f) < 0, "%s is trusted", bad[i]);
}
END_TEST

START_TEST(trust_refuses_container_bridges_that_are_not_there_yet)
{
	static const char *const bad[] = {"172.17.0.0/16", "172.17.0.1",
	    "172.16.0.0/12", "10.88.0.0/16", "10.0.0.0/8"};
	struct trust_facts facts;
	struct fault f;

	trust_facts_init(&facts);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(
		    parse(bad[i], &facts, &f) < 0, "%s is trusted", bad[i]);
	ck_assert_int_lt(parse("172.17.0.0/16", &facts, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "172.17.0.1, Docker"));
}
END_TEST

START_TEST(trust_refuses_the_default_gateway)
{
	static const char table[] =
	    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
	    "eth0\t00000000\t%s\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	    "eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
	struct trust_facts facts;
	char gateway[9], text[sizeof table + 16];
	struct fault f;
	struct in_addr in;

	/* The kernel prints the number as it stands in memory. */
	ck_assert_int_eq(inet_pton(AF_INET, "192.168.7.1", &in), 1);
	snprintf(gateway, sizeof gateway, "%08X", in.s_addr);
	snprintf(text, sizeof text, table, gateway);
	trust_facts_init(&facts);
	ck_assert_int_eq(parse("192.168.7.0/24", &facts, &f), 0);
	trust_facts_add_routes4(&facts, str(text));
	ck_assert_int_lt(parse("192.168.7.0/24", &facts, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "192.168.7.1"));
	ck_assert_ptr_nonnull(strstr(f.text, "default gateway on eth0"));
	ck_assert_int_eq(parse("192.168.7.128/25", &facts, &f), 0);
}
END_TEST

START_TEST(trust_refuses_the_default_gateway_of_ipv6)
{
	static const char table[] =
	    "00000000000000000000000000000000 00 "
	    "00000000000000000000000000000000 00 "
	    "fd000000000000000000000000000001 00000400 00000001 00000000 "
	    "00000003     eth1\n"
	    "fd000000000000000000000000000000 40 "
	    "00000000000000000000000000000000 00 "
	    "00000000000000000000000000000000 00000100 00000001 00000000 "
	    "00000001     eth1\n";
	struct trust_facts facts;
	struct fault f;

	trust_facts_init(&facts);
	ck_assert_int_eq(parse("fd00::/64", &facts, &f), 0);
	trust_facts_add_routes6(&facts, str(table));
	ck_assert_int_lt(parse("fd00::/64", &facts, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "fd00::1"));
	ck_assert_ptr_nonnull(strstr(f.text, "default gateway on eth1"));
}
END_TEST

START_TEST(trust_survives_tables_that_are_no_tables)
{
	struct trust_facts facts;
	size_t n;

	trust_facts_init(&facts);
	n = facts.n;
	trust_facts_add_routes4(&facts, str("\n\n x y z\neth0 0 1"));
	trust_facts_add_routes6(&facts, str("\n00 00\nxx\n"));
	ck_assert_uint_eq(facts.n, n);
	for (int i = 0; i < 2 * TRUST_POINTS_MAX; i++)
		trust_facts_add_routes4(
		    &facts, str("eth0 00000000 01020304 0003\n"));
	ck_assert_uint_eq(facts.n, TRUST_POINTS_MAX);
}
END_TEST

START_TEST(trust_has_only_clients_within_a_network)
{
	struct trust_facts facts;
	struct net_network network;
	struct net_peer peer = {.is_unix = false};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct fault f;

	trust_facts_init(&facts);
	ck_assert_int_eq(
	    trust_parse(str("192.168.7.0/24"), &facts, &network, &f), 0);
	inet_pton(AF_INET, "192.168.7.9", &in.sin_addr);
	memcpy(&peer.sa, &in, sizeof in);
	ck_assert(trust_has(&network, 1, &peer));
	ck_assert(!trust_has(&network, 0, &peer));
	inet_pton(AF_INET, "192.168.8.9", &in.sin_addr);
	memcpy(&peer.sa, &in, sizeof in);
	ck_assert(!trust_has(&network, 1, &peer));
	peer.is_unix = true;
	ck_assert(!trust_has(&network, 1, &peer));
}
END_TEST

UNIT_MAIN("trust", trust_takes_a_small_network_of_ones_own,
    trust_refuses_what_is_larger_than_ones_own_network,
    trust_refuses_container_bridges_that_are_not_there_yet,
    trust_refuses_the_default_gateway,
    trust_refuses_the_default_gateway_of_ipv6,
    trust_survives_tables_that_are_no_tables,
    trust_has_only_clients_within_a_network)
