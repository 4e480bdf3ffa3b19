/* SPDX-License-Identifier: ISC */
/* lmtp/limits.h: what the directory says, and said. */
#include "config.h"

#include "lmtp/limits.h"

#include <stdatomic.h>

#include "base/netstring.h"
#include "proto/socketmap.h"
#include "tests/unit/peer.h"
#include "tests/unit/unit.h"

static const char *answer;
static atomic_uint asked;

static void
serve(struct peer *peer, FILE *in, FILE *out)
{
	struct buf wire;
	size_t len;
	char query[1024];

	(void)peer;
	buf_init(&wire, 4096);
	while (fscanf(in, "%zu:", &len) == 1 && len < sizeof query &&
	       fread(query, 1, len + 1, in) == len + 1) {
		atomic_fetch_add(&asked, 1);
		buf_reset(&wire);
		netstring_put(&wire, str(answer));
		fwrite(buf_text(&wire), 1, buf_len(&wire), out);
		fflush(out);
	}
	buf_clear(&wire);
}

START_TEST(an_answer_has_its_numbers_in_any_order)
{
	static const struct {
		const char *text;
		bool good;
		struct quota_limits limits;
	} cases[] = {
	    {"user=a@b.example bytes=1 messages=2 domain_bytes=3 "
	     "domain_messages=4",
		true, {{1, 2}, {3, 4}}},
	    {"messages=2 user=a@b.example", true, {{0, 2}, {0, 0}}},
	    {"user=a@b.example later=x bytes=5", true, {{5, 0}, {0, 0}}},
	    {"user=a@b.example bytes=-1 messages=x", true, {{0, 0}, {0, 0}}},
	    {"bytes=5", false, {{0, 0}, {0, 0}}},
	    {"user=../x bytes=5", false, {{0, 0}, {0, 0}}},
	    {"", false, {{0, 0}, {0, 0}}},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mailbox_name mailbox;
		struct quota_limits l;

		ck_assert_msg(limits_parse(str(cases[i].text), &mailbox, &l) ==
				  cases[i].good,
		    "%s", cases[i].text);
		if (!cases[i].good)
			continue;
		ck_assert_str_eq(mailbox.text, "a@b.example");
		ck_assert_mem_eq(&l, &cases[i].limits, sizeof l);
	}
}
END_TEST

START_TEST(while_the_directory_is_away_what_it_said_last_holds)
{
	struct peer server;
	struct socketmap_client_conf conf = {.timeout_ms = 10000};
	struct socketmap_client *client;
	struct limits *limits;
	struct mailbox_name mailbox;
	struct quota_limits l;
	struct fault f;

	peer_start(&server, serve, NULL);
	ck_assert_int_eq(net_parse(str(server.address), &conf.address, &f), 0);
	client = socketmap_client_new(&conf);
	limits = limits_new(client);
	answer = "OK user=a@b.example bytes=7 messages=0";
	ck_assert(limits_get(limits, str("a+x@b.example"), &mailbox, &l));
	ck_assert_str_eq(mailbox.text, "a@b.example");
	ck_assert_uint_eq(l.user.bytes, 7);
	answer = "NOTFOUND ";
	ck_assert(!limits_get(limits, str("z@b.example"), &mailbox, &l));
	answer = "TEMP later";
	ck_assert(limits_get(limits, str("a+x@b.example"), &mailbox, &l));
	ck_assert_uint_eq(l.user.bytes, 7);
	ck_assert(!limits_get(limits, str("c@b.example"), &mailbox, &l));
	/* None any more. */
	answer = "OK user=a@b.example bytes=0";
	ck_assert(limits_get(limits, str("a+x@b.example"), &mailbox, &l));
	ck_assert_uint_eq(l.user.bytes, 0);
	answer = "TEMP later";
	ck_assert(!limits_get(limits, str("a+x@b.example"), &mailbox, &l));
	/* A directory of others may have no such map. */
	answer = "PERM no such map";
	ck_assert(!limits_get(limits, str("a+x@b.example"), &mailbox, &l));
	ck_assert(!limits_get(NULL, str("a@b.example"), &mailbox, &l));
	limits_free(&limits);
	socketmap_client_free(&client);
	peer_stop(&server);
	peer_clear(&server);
}
END_TEST

START_TEST(a_directory_without_quotas_is_not_asked_each_time)
{
	struct peer server;
	struct socketmap_client_conf conf = {.timeout_ms = 10000};
	struct socketmap_client *client;
	struct limits *limits;
	struct mailbox_name mailbox;
	struct quota_limits l;
	struct fault f;

	peer_start(&server, serve, NULL);
	ck_assert_int_eq(net_parse(str(server.address), &conf.address, &f), 0);
	client = socketmap_client_new(&conf);
	limits = limits_new(client);
	asked = 0;
	answer = "PERM no such map";
	for (int i = 0; i < 5; i++)
		ck_assert(
		    !limits_get(limits, str("a@b.example"), &mailbox, &l));
	ck_assert_uint_eq(asked, 1);
	limits_free(&limits);
	socketmap_client_free(&client);
	peer_stop(&server);
	peer_clear(&server);
}
END_TEST

UNIT_MAIN("limits", an_answer_has_its_numbers_in_any_order,
    while_the_directory_is_away_what_it_said_last_holds,
    a_directory_without_quotas_is_not_asked_each_time)
