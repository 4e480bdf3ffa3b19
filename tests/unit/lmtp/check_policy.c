/* SPDX-License-Identifier: ISC */
/* lmtp/policy.h: who may say for whom it speaks. What the rules do to a message
 * is in check_session.c. */
#include "config.h"

#include "lmtp/policy.h"

#include <unistd.h>

#include "lmtp/session.h"
#include "tests/unit/unit.h"

static struct lmtpd
lmtpd_that_trusts(struct net_network *network, uid_t *user)
{
	struct fault f;

	ck_assert_int_eq(
	    net_parse_network(str("192.0.2.0/24"), network, &f), 0);
	return (struct lmtpd){
	    .trusted = network,
	    .n_trusted = 1,
	    .trusted_users = user,
	    .n_trusted_users = 1,
	};
}

START_TEST(users_behind_a_unix_socket_are_trusted_by_name)
{
	uid_t user = 12345;
	struct net_network network;
	const struct lmtpd lmtpd = lmtpd_that_trusts(&network, &user);
	struct net_peer peer = {.is_unix = true};
	const struct {
		uid_t uid;
		bool trusted;
	} cases[] = {
	    {0, true},
	    {geteuid(), true},
	    {12345, true},
	    {12346, false},
	    {(uid_t)-1, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		peer.uid = cases[i].uid;
		ck_assert_int_eq(
		    lmtp_policy_trusts(&lmtpd, &peer), cases[i].trusted);
	}
}
END_TEST

START_TEST(hosts_are_trusted_by_network_and_not_even_loopback_else)
{
	static const struct {
		const char *address;
		bool trusted;
	} cases[] = {
	    {"192.0.2.1:1", true},
	    {"192.0.3.1:1", false},
	    {"127.0.0.1:1", false},
	    {"[::1]:1", false},
	};
	uid_t user = 12345;
	struct net_network network;
	const struct lmtpd lmtpd = lmtpd_that_trusts(&network, &user);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* The user of a peer that has none means nothing. */
		struct net_peer peer = {.uid = 0};
		struct net_address address;
		struct fault f;

		ck_assert_int_eq(
		    net_parse(str(cases[i].address), &address, &f), 0);
		peer.sa = address.sa;
		ck_assert_msg(
		    lmtp_policy_trusts(&lmtpd, &peer) == cases[i].trusted, "%s",
		    cases[i].address);
	}
}
END_TEST

UNIT_MAIN("policy", users_behind_a_unix_socket_are_trusted_by_name,
    hosts_are_trusted_by_network_and_not_even_loopback_else)
