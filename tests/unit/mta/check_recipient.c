/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/smtpd/recipient.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/domains.h"
#include "mta/smtpd/nodes.h"
#include "mta/smtpd/note.h"
#include "mta/smtpd/quota.h"
#include "tests/unit/mta/maps.h"
#include "tests/unit/mta/quota_status.h"

/* The directory of the tests: a socketmap server with these entries. */
static const struct map_entry entries[] = {
    {"domain", "example.org", SOCKETMAP_OK, "local"},
    {"domain", "xn--bcher-kva.example", SOCKETMAP_OK, "local"},
    {"recipient", "ann@example.org", SOCKETMAP_OK, "ann@example.org"},
    {"recipient", "ann+box@example.org", SOCKETMAP_OK, "ann+box@example.org"},
    {"recipient", "both@example.org", SOCKETMAP_OK,
	"ann@example.org bob@example.org"},
    {"recipient", "postmaster@example.org", SOCKETMAP_OK, "bob@example.org"},
    {"recipient", "gone@example.org", SOCKETMAP_PERM,
	"5.2.1 this mailbox is closed"},
    {"recipient", "ill@example.org", SOCKETMAP_TEMP, "database is ill"},
    {"recipient", "odd@example.org", SOCKETMAP_OK, "no-address"},
    {"recipient", "none@example.org", SOCKETMAP_OK, " "},
    /* A catch-all would answer for any of these. */
    {"recipient", "victim%elsewhere.example@example.org", SOCKETMAP_OK,
	"bob@example.org"},
    {"recipient", "victim@elsewhere.example@example.org", SOCKETMAP_OK,
	"bob@example.org"},
    {"recipient", "elsewhere.example!victim@example.org", SOCKETMAP_OK,
	"bob@example.org"},
    {"recipient", "out@example.org", SOCKETMAP_OK,
	"jane@far.example ann@example.org"},
    {"recipient", "ill@kept.example", SOCKETMAP_TEMP, "database is ill"},
    {"reverse", "SRS0=abcdef=aa=far.example=Jane@example.org", SOCKETMAP_OK,
	"Jane@far.example"},
    {"reverse", "SRS0=forged=aa=far.example=x@example.org", SOCKETMAP_PERM,
	"5.1.1 no forwarded sender has this address"},
    {"recipient", "list@example.org", SOCKETMAP_OK, "group:list@example.org"},
    {"recipient", "all@example.org", SOCKETMAP_OK,
	"group:list@example.org ann@example.org"},
    {"recipient", "lost@example.org", SOCKETMAP_OK, "group:lost@example.org"},
    {"post", "list@example.org - jo@far.example", SOCKETMAP_OK,
	"list@example.org"},
    {"post", "list@example.org - x@far.example", SOCKETMAP_PERM,
	"5.7.2 you may not"},
    {"post", "list@example.org trusted x@far.example", SOCKETMAP_OK,
	"list@example.org"},
    {"post", "list@example.org ann@example.org x@far.example", SOCKETMAP_OK,
	"list@example.org"},
    {"post", "list@example.org - ", SOCKETMAP_TEMP, "the database is ill"},
    {"recipient", "ann+..@example.org", SOCKETMAP_OK, "ann+..@example.org"},
    {"recipient", "ann+a bob@example.org", SOCKETMAP_OK,
	"ann+a bob@example.org"},
    {"recipient", "away@example.org", SOCKETMAP_OK,
	"one@example.org two@example.org three@example.org ann@example.org"},
    {"transport", "one@example.org", SOCKETMAP_OK, "lmtp:inet:127.0.0.1:24"},
    {"transport", "two@example.org", SOCKETMAP_OK, "lmtp:inet:127.0.0.2:24"},
    {"transport", "three@example.org", SOCKETMAP_OK, "lmtp:inet:127.0.0.1:24"},
    {"recipient", "moving@example.org", SOCKETMAP_OK, "moving@example.org"},
    {"transport", "moving@example.org", SOCKETMAP_TEMP, "4.2.0 being moved"},
    {"recipient", "relayed@example.org", SOCKETMAP_OK, "relayed@example.org"},
    {"transport", "relayed@example.org", SOCKETMAP_OK, "smtp:[192.0.2.1]"},
    {"recipient", "full@example.org", SOCKETMAP_OK, "full@example.org"},
    {"recipient", "closed@example.org", SOCKETMAP_OK, "closed@example.org"},
    {"recipient", "mostly@example.org", SOCKETMAP_OK,
	"full@example.org ann@example.org closed@example.org"},
    {"recipient", "none-left@example.org", SOCKETMAP_OK,
	"closed@example.org full@example.org"},
    {"recipient", "abroad@example.org", SOCKETMAP_OK,
	"full@example.org jane@far.example"},
    {"recipient", "node@example.org", SOCKETMAP_OK, "full@two.example"},
    {"domain", "two.example", SOCKETMAP_OK, "local"},
    {"transport", "full@two.example", SOCKETMAP_OK, "lmtp:inet:127.0.0.1:24"},
    {NULL, NULL, SOCKETMAP_OK, NULL},
};

static struct peer directory;
static struct address postmaster, sender;
static struct recipient_rules rules;
static struct recipients r;
static char kept_name[] = "kept.example", kept_below[] = ".below.example";
static char *kept_names[] = {kept_name, kept_below};
static const struct domains kept = {kept_names, 2};

static void
set_up_with(struct socketmap_client_conf conf)
{
	struct fault f;

	peer_start(&directory, serve_maps, (void *)(uintptr_t)entries);
	ck_assert_int_eq(
	    net_parse(str(directory.address), &conf.address, &f), 0);
	ck_assert_int_eq(
	    address_parse(str("postmaster@example.org"), &postmaster, &f), 0);
	rules.directory = socketmap_client_new(&conf);
	rules.postmaster = &postmaster;
	rules.known_client = false;
	rules.login = (struct str){0};
	ck_assert_int_eq(address_parse(str("jo@far.example"), &sender, &f), 0);
	rules.sender = &sender;
	rules.has_queue = true;
	rules.relay_domains = &kept;
	rules.relay_recipients = NULL;
	memset(&r, 0, sizeof r);
}

static void
set_up(void)
{
	set_up_with((struct socketmap_client_conf){.timeout_ms = 10000});
}

static void
tear_down(void)
{
	recipients_clear(&r);
	socketmap_client_free(&rules.directory);
	peer_clear(&directory);
}

/* RCPT TO:path; the enhanced code of the answer. */
static const char *
rcpt(const char *path)
{
	static struct fault f;
	struct envelope_rcpt e = {.notify = 0};
	struct fault why;
	struct str rest;

	if (address_parse_forward(str(path), true, &e.forward_path, &rest, &f) <
	    0)
		return f.dsn;
	return recipient_add(&r, &rules, &e, &why, &f) < 0 ? f.dsn : "ok";
}

START_TEST(recipient_takes_whom_the_directory_knows)
{
	set_up();
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<Ann+Box@Example.ORG>"), "ok");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_uint_eq(r.n_rcpts, 2);
	ck_assert_str_eq(r.mailboxes[0].forward_path.local, "ann");
	ck_assert_str_eq(r.mailboxes[1].forward_path.local, "ann+box");
	tear_down();
}
END_TEST

START_TEST(recipient_takes_postmaster_without_a_domain)
{
	set_up();
	ck_assert_str_eq(rcpt("<Postmaster>"), "ok");
	ck_assert_uint_eq(r.n, 1);
	ck_assert_str_eq(r.mailboxes[0].forward_path.local, "bob");
	tear_down();
}
END_TEST

START_TEST(recipient_counts_each_mailbox_once)
{
	set_up();
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<both@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<both@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_uint_eq(r.n_rcpts, 3);
	tear_down();
}
END_TEST

START_TEST(recipient_refuses_who_is_not_there)
{
	set_up();
	ck_assert_str_eq(rcpt("<nobody@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<gone@example.org>"), "5.2.1");
	ck_assert_str_eq(rcpt("<ill@example.org>"), "4.3.0");
	ck_assert_str_eq(rcpt("<odd@example.org>"), "4.3.0");
	ck_assert_str_eq(rcpt("<none@example.org>"), "4.3.0");
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(r.n_rcpts, 0);
	tear_down();
}
END_TEST

START_TEST(recipient_relays_for_nobody)
{
	set_up();
	ck_assert_str_eq(rcpt("<x@elsewhere.example>"), "5.7.1");
	rules.known_client = true;
	rules.has_queue = false;
	ck_assert_str_eq(rcpt("<x@elsewhere.example>"), "4.3.0");
	ck_assert_str_eq(rcpt("<x@[192.0.2.1]>"), "4.3.0");
	ck_assert_str_eq(rcpt("<out@example.org>"), "4.3.0");
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(r.n_members, 0);
	tear_down();
}
END_TEST

START_TEST(recipient_asks_once_whether_a_domain_is_ours)
{
	set_up_with((struct socketmap_client_conf){
	    .timeout_ms = 10000,
	    .cache_ms = 60000,
	    .cache_entries = 100,
	    .missing_map = "domain",
	    .missing_ms = 60000,
	});
	rules.known_client = true;
	maps_asked = 0;
	ck_assert_str_eq(rcpt("<x@elsewhere.example>"), "ok");
	ck_assert_uint_eq(maps_asked, 2);
	ck_assert_str_eq(rcpt("<x@elsewhere.example>"), "ok");
	ck_assert_str_eq(rcpt("<y@Elsewhere.example>"), "ok");
	ck_assert_uint_eq(maps_asked, 2);
	ck_assert_uint_eq(r.n, 2);
	ck_assert_int_eq(r.ways[1], WAY_QUEUE);
	/* Whom nobody knows has no use of what we remember. */
	rules.known_client = false;
	ck_assert_str_eq(rcpt("<y@elsewhere.example>"), "5.7.1");
	ck_assert_uint_eq(maps_asked, 4);
	tear_down();
}
END_TEST

START_TEST(recipient_relays_for_known_clients_by_the_queue)
{
	set_up();
	rules.known_client = true;
	ck_assert_str_eq(rcpt("<x@elsewhere.example>"), "ok");
	ck_assert_str_eq(rcpt("<x@[192.0.2.1]>"), "ok");
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<nobody@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<a%b@elsewhere.example>"), "ok");
	ck_assert_str_eq(
	    rcpt("<victim%elsewhere.example@example.org>"), "5.1.1");
	ck_assert_uint_eq(r.n, 4);
	ck_assert_int_eq(r.ways[0], WAY_QUEUE);
	ck_assert_int_eq(r.ways[1], WAY_QUEUE);
	ck_assert_int_eq(r.ways[2], WAY_LOCAL);
	tear_down();
}
END_TEST

START_TEST(recipient_of_an_alias_may_be_elsewhere)
{
	set_up();
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<out@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_str_eq(r.mailboxes[1].forward_path.domain, "far.example");
	ck_assert_int_eq(r.ways[0], WAY_LOCAL);
	ck_assert_int_eq(r.ways[1], WAY_FORWARD);
	ck_assert_uint_eq(r.rcpts[1], 1);
	tear_down();
}
END_TEST

START_TEST(recipient_who_was_a_forwarded_sender_gets_what_comes_back)
{
	set_up();
	ck_assert_str_eq(
	    rcpt("<SRS0=abcdef=aa=far.example=Jane@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 1);
	ck_assert_str_eq(r.mailboxes[0].forward_path.local, "Jane");
	ck_assert_str_eq(r.mailboxes[0].forward_path.domain, "far.example");
	ck_assert_int_eq(r.ways[0], WAY_QUEUE);
	ck_assert_str_eq(
	    rcpt("<SRS0=forged=aa=far.example=x@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<SRS0=x@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<SRS0=x@elsewhere.example>"), "5.7.1");
	tear_down();
}
END_TEST

START_TEST(recipient_who_is_to_be_told_of_goes_by_the_queue)
{
	struct envelope_rcpt e = {.notify = NOTIFY_SUCCESS | NOTIFY_DELAY};
	struct fault f, why;

	set_up();
	ck_assert_int_eq(
	    address_parse(str("ann@example.org"), &e.forward_path, &f), 0);
	ck_assert_int_eq(recipient_add(&r, &rules, &e, &why, &f), 0);
	ck_assert_int_eq(r.ways[0], WAY_QUEUE);
	tear_down();
}
END_TEST

START_TEST(recipient_may_be_a_group)
{
	set_up();
	ck_assert_str_eq(rcpt("<list@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<all@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_uint_eq(r.n_groups, 1);
	ck_assert_int_eq(r.ways[0], WAY_GROUP);
	ck_assert_str_eq(r.mailboxes[0].forward_path.local, "list");
	ck_assert_int_eq(r.ways[1], WAY_LOCAL);
	ck_assert_uint_eq(r.n_members, 3);
	tear_down();
}
END_TEST

START_TEST(recipient_asks_who_may_send_to_a_group)
{
	struct fault f;

	set_up();
	ck_assert_int_eq(address_parse(str("x@far.example"), &sender, &f), 0);
	ck_assert_str_eq(rcpt("<list@example.org>"), "5.7.2");
	ck_assert_str_eq(rcpt("<all@example.org>"), "5.7.2");
	ck_assert_uint_eq(r.n + r.n_groups + r.n_members, 0);
	rules.known_client = true;
	ck_assert_str_eq(rcpt("<list@example.org>"), "ok");
	rules.login = str("ann@example.org");
	ck_assert_str_eq(rcpt("<all@example.org>"), "ok");
	rules.login = str("bob@example.org");
	ck_assert_str_eq(rcpt("<list@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<lost@example.org>"), "5.1.1");
	rules.known_client = false;
	rules.login = (struct str){0};
	memset(&sender, 0, sizeof sender);
	sender.host = ADDRESS_NO_HOST;
	ck_assert_str_eq(rcpt("<list@example.org>"), "4.3.0");
	tear_down();
}
END_TEST

START_TEST(recipient_takes_no_group_without_a_queue)
{
	set_up();
	rules.has_queue = false;
	ck_assert_str_eq(rcpt("<list@example.org>"), "4.3.0");
	ck_assert_uint_eq(r.n_groups, 0);
	tear_down();
}
END_TEST

START_TEST(recipient_lets_no_relay_variant_through)
{
	static const char *const paths[] = {
	    "<victim%elsewhere.example@example.org>",
	    "<\"victim@elsewhere.example\"@example.org>",
	    "<\"victim%elsewhere.example\"@example.org>",
	    "<elsewhere.example!victim@example.org>",
	    "<victim@elsewhere.example@example.org>",
	    "<@example.org:victim@elsewhere.example>",
	    "<@example.org,@example.org:victim@elsewhere.example>",
	    "<victim@elsewhere.example.>",
	    "<victim@[192.0.2.1]>",
	    "<victim@[IPv6:::1]>",
	    "<victim@[127.0.0.1]>",
	    "<victim>",
	    "<\"victim@elsewhere.example\">",
	    "<victim@@elsewhere.example>",
	    "<victim@elsewhere.example@>",
	    "<elsewhere.example!victim>",
	    "<victim%elsewhere.example>",
	    "<victim%elsewhere.example@[127.0.0.1]>",
	    "<victim@example.org@elsewhere.example>",
	    "<\"victim\"@elsewhere.example>",
	    "<>",
	};

	set_up();
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const char *dsn = rcpt(paths[i]);

		ck_assert_msg(
		    dsn[0] == '5', "%s is answered %s", paths[i], dsn);
	}
	ck_assert_uint_eq(r.n, 0);
	tear_down();
}
END_TEST

START_TEST(recipient_waits_for_a_directory_that_is_down)
{
	struct fault f, why;
	struct envelope_rcpt e = {.notify = 0};

	set_up();
	peer_stop(&directory);
	ck_assert_int_eq(
	    address_parse(str("ann@example.org"), &e.forward_path, &f), 0);
	ck_assert_int_lt(recipient_add(&r, &rules, &e, &why, &f), 0);
	ck_assert_str_eq(f.dsn, "4.3.0");
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	/* What the client reads has no path of ours in it. */
	ck_assert_ptr_null(strstr(f.text, directory.dir));
	ck_assert_int_ne(why.text[0], '\0');
	peer_listen(&directory);
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	tear_down();
}
END_TEST

START_TEST(recipients_fold_to_the_worst_of_their_mailboxes)
{
	struct smtp_outcome boxes[2] = {{.ok = true}, {.ok = true}};
	struct smtp_outcome rcpts[2];

	set_up();
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<both@example.org>"), "ok");
	recipients_fold(&r, boxes, rcpts);
	ck_assert(rcpts[0].ok && rcpts[1].ok);

	boxes[1].ok = false;
	fault_temp(&boxes[1].fault, "4.2.2", "full");
	recipients_fold(&r, boxes, rcpts);
	ck_assert(rcpts[0].ok && !rcpts[1].ok);
	ck_assert_str_eq(rcpts[1].fault.dsn, "4.2.2");

	boxes[0].ok = false;
	fault_perm(&boxes[0].fault, "5.2.1", "closed");
	recipients_fold(&r, boxes, rcpts);
	ck_assert_str_eq(rcpts[0].fault.dsn, "5.2.1");
	ck_assert_str_eq(rcpts[1].fault.dsn, "4.2.2");
	tear_down();
}
END_TEST

START_TEST(recipient_that_must_be_quoted_is_nobody)
{
	set_up();
	ck_assert_str_eq(rcpt("<\"ann\"@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<\"ann+..\"@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<\"ann+a bob\"@example.org>"), "5.1.1");
	ck_assert_str_eq(rcpt("<\"ann+..\"@elsewhere.example>"), "5.7.1");
	tear_down();
}
END_TEST

START_TEST(recipient_keeps_mail_for_relay_domains)
{
	set_up();
	ck_assert_str_eq(rcpt("<any@kept.example>"), "ok");
	ck_assert_str_eq(rcpt("<any@Kept.Example>"), "ok");
	ck_assert_str_eq(rcpt("<any@a.below.example>"), "ok");
	ck_assert_str_eq(rcpt("<any@below.example>"), "5.7.1");
	ck_assert_str_eq(rcpt("<any@notkept.example>"), "5.7.1");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_int_eq(r.ways[0], WAY_QUEUE);
	/* No way round. */
	ck_assert_str_eq(rcpt("<x%far.example@kept.example>"), "5.7.1");
	ck_assert_str_eq(rcpt("<\"x@far.example\"@kept.example>"), "5.7.1");
	rules.has_queue = false;
	ck_assert_str_eq(rcpt("<any@kept.example>"), "4.3.0");
	tear_down();
}
END_TEST

START_TEST(recipient_of_a_relay_domain_may_have_to_be_known)
{
	set_up();
	/* A recipient that "recipient" of the directory knew would be local:
	 * the map of the test serves both. */
	rules.relay_recipients = rules.directory;
	ck_assert_str_eq(rcpt("<nobody@kept.example>"), "5.1.1");
	rules.known_client = true;
	ck_assert_str_eq(rcpt("<nobody@kept.example>"), "5.1.1");
	ck_assert_str_eq(rcpt("<ill@kept.example>"), "4.3.0");
	ck_assert_str_eq(rcpt("<any@elsewhere.example>"), "ok");
	tear_down();
}
END_TEST

static const char *
noted_rule(const struct notes *notes, size_t i)
{
	return json_get_text(json_at(notes->rules, i), "rule");
}

START_TEST(recipient_tells_which_rules_have_decided)
{
	struct notes notes = {.rules = json_new_array()};

	set_up();
	rules.notes = &notes;
	ck_assert_str_eq(rcpt("<nobody@example.org>"), "5.1.1");
	ck_assert_uint_eq(json_len(notes.rules), 3);
	ck_assert_str_eq(noted_rule(&notes, 0), "map recipient");
	ck_assert_str_eq(json_get_text(json_at(notes.rules, 0), "text"),
	    "nobody@example.org: not found");
	ck_assert_str_eq(noted_rule(&notes, 1), "map domain");
	ck_assert_str_eq(noted_rule(&notes, 2), "local domain");
	ck_assert_str_eq(rcpt("<ann%far.example@example.org>"), "5.1.1");
	ck_assert_str_eq(noted_rule(&notes, 3), "local part");
	ck_assert_str_eq(rcpt("<ill@example.org>"), "4.3.0");
	ck_assert_str_eq(
	    json_get_text(
		json_at(notes.rules, json_len(notes.rules) - 1), "text"),
	    "ill@example.org: database is ill (4.3.0)");
	rules.notes = NULL;
	json_free(&notes.rules);
	tear_down();
}
END_TEST

static void
ask_for_nodes(void)
{
	struct socketmap_client_conf map = {.timeout_ms = 10000};
	const struct lmtp_pool_conf lmtp = {.hostname = "mx.example.org"};
	struct fault f;

	ck_assert_int_eq(
	    net_parse(str(directory.address), &map.address, &f), 0);
	rules.nodes = nodes_new(socketmap_client_new(&map), &lmtp);
}

START_TEST(recipient_may_have_a_mailbox_at_another_node)
{
	set_up();
	ask_for_nodes();
	ck_assert_str_eq(rcpt("<away@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 4);
	for (size_t i = 0; i < r.n; i++)
		ck_assert_int_eq(r.ways[i], WAY_LOCAL);
	ck_assert_ptr_nonnull(r.pools[0]);
	ck_assert_ptr_nonnull(r.pools[1]);
	ck_assert_ptr_ne(r.pools[0], r.pools[1]);
	ck_assert_ptr_eq(r.pools[0], r.pools[2]);
	ck_assert_ptr_null(r.pools[3]);
	nodes_free(&rules.nodes);
	tear_down();
}
END_TEST

START_TEST(recipient_whose_node_is_not_known_goes_by_the_queue)
{
	set_up();
	ask_for_nodes();
	ck_assert_str_eq(rcpt("<moving@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<relayed@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 2);
	ck_assert_int_eq(r.ways[0], WAY_QUEUE);
	ck_assert_int_eq(r.ways[1], WAY_QUEUE);
	rules.has_queue = false;
	ck_assert_str_eq(rcpt("<moving@example.org>"), "4.3.0");
	nodes_free(&rules.nodes);
	tear_down();
}
END_TEST

static struct peer service;

static void
set_up_quota(void)
{
	struct quota_asker_conf conf = {.timeout_ms = 10000};
	struct fault f;

	set_up();
	peer_start(&service, serve_quota, NULL);
	ck_assert_int_eq(net_parse(str(service.address), &conf.address, &f), 0);
	rules.quota = quota_asker_new(&conf);
}

static void
tear_down_quota(void)
{
	quota_asker_free(&rules.quota);
	peer_stop(&service);
	peer_clear(&service);
	tear_down();
}

START_TEST(recipient_refuses_who_has_no_room)
{
	set_up_quota();
	ck_assert_str_eq(rcpt("<ann@example.org>"), "ok");
	ck_assert_str_eq(rcpt("<full@example.org>"), "4.2.2");
	ck_assert_str_eq(rcpt("<closed@example.org>"), "5.2.2");
	ck_assert_uint_eq(r.n_rcpts, 1);
	ck_assert_uint_eq(r.n_members, 1);
	tear_down_quota();
}
END_TEST

START_TEST(recipient_refuses_an_alias_only_where_nobody_has_room)
{
	set_up_quota();
	ck_assert_str_eq(rcpt("<mostly@example.org>"), "ok");
	ck_assert_uint_eq(r.n, 3);
	ck_assert_str_eq(rcpt("<none-left@example.org>"), "4.2.2");
	ck_assert_uint_eq(r.n_rcpts, 1);
	/* Others are not ours to speak of. */
	ck_assert_str_eq(rcpt("<abroad@example.org>"), "ok");
	tear_down_quota();
}
END_TEST

START_TEST(recipient_does_not_ask_of_what_other_nodes_keep)
{
	set_up_quota();
	ask_for_nodes();
	ck_assert_str_eq(rcpt("<node@example.org>"), "ok");
	nodes_free(&rules.nodes);
	tear_down_quota();
}
END_TEST

UNIT_MAIN("recipient", recipient_may_have_a_mailbox_at_another_node,
    recipient_whose_node_is_not_known_goes_by_the_queue,
    recipient_keeps_mail_for_relay_domains,
    recipient_of_a_relay_domain_may_have_to_be_known,
    recipient_tells_which_rules_have_decided,
    recipient_that_must_be_quoted_is_nobody,
    recipient_takes_whom_the_directory_knows,
    recipient_takes_postmaster_without_a_domain,
    recipient_counts_each_mailbox_once, recipient_refuses_who_is_not_there,
    recipient_relays_for_nobody, recipient_asks_once_whether_a_domain_is_ours,
    recipient_relays_for_known_clients_by_the_queue,
    recipient_of_an_alias_may_be_elsewhere,
    recipient_who_was_a_forwarded_sender_gets_what_comes_back,
    recipient_who_is_to_be_told_of_goes_by_the_queue, recipient_may_be_a_group,
    recipient_asks_who_may_send_to_a_group,
    recipient_takes_no_group_without_a_queue,
    recipient_lets_no_relay_variant_through,
    recipient_waits_for_a_directory_that_is_down,
    recipients_fold_to_the_worst_of_their_mailboxes,
    recipient_refuses_who_has_no_room,
    recipient_refuses_an_alias_only_where_nobody_has_room,
    recipient_does_not_ask_of_what_other_nodes_keep)
