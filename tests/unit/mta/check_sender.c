/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/sender.h"

#include <netinet/in.h>
#include <string.h>

#include "base/mem.h"
#include "mta/send/sts.h"
#include "tests/unit/base/certificate.h"
#include "tests/unit/mta/sink.h"
#include "tests/unit/unit.h"

enum { RCPTS = 5 };

static struct peer servers[2];
static struct sink sinks[2];
static struct sender *sender;
static struct sender_conf conf;
static struct target target;
static struct envelope_mail mail;
static struct envelope_rcpt rcpts[RCPTS];
static struct send_outcome outcomes[RCPTS];
static struct arena arena;
static struct send_report report;
static const char *text = "Subject: x\r\n\r\n.dot\r\n";

/* Names of the tests: "a" and "b" are the servers, all else does not exist.
 * Ports are those of the servers: MX hosts of one port would not do. */
int
dns_addresses(struct dns *dns, const char *host, int64_t deadline,
    struct dns_answer *a, struct net_address *addresses, char *canonical,
    struct fault *f)
{
	(void)dns;
	(void)deadline;
	*a = (struct dns_answer){.exists = true, .secure = true};
	if (strcmp(host, "fails.example") == 0)
		return fault_temp(f, "4.4.3", "no answer");
	if (strcmp(host, "none.example") == 0 || host[0] == '[')
		return 0;
	if (canonical != NULL)
		snprintf(canonical, DNS_NAME_SIZE, "%s", host);
	a->n = 1;
	if (strcmp(host, "dead.example") == 0)
		return net_parse(str("127.0.0.99:1"), &addresses[0], f);
	if (strcmp(host, "both.example") == 0) {
		a->n = 2;
		ck_assert_int_eq(
		    net_parse(str("[::1]:1"), &addresses[0], f), 0);
		return net_parse(str("127.0.0.1:1"), &addresses[1], f);
	}
	return net_parse(str("127.0.0.1:1"), &addresses[0], f);
}

/* What the fake DNS says of TLSA records. */
static struct {
	bool fails;
	struct dns_answer answer;
	struct dns_tlsa record;
	unsigned asked;
} tlsa;

int
dns_tlsa(struct dns *dns, const char *host, uint16_t port, int64_t deadline,
    struct dns_answer *a, struct dns_tlsa *records, struct fault *f)
{
	(void)dns;
	(void)deadline;
	ck_assert_str_eq(host, target.hosts[0].name);
	ck_assert_uint_eq(port, target.route.port);
	tlsa.asked++;
	if (tlsa.fails)
		return fault_temp(f, "4.4.3", "bogus");
	*a = tlsa.answer;
	records[0] = tlsa.record;
	return 0;
}

/* What the fake of sts.c knows; NULL: no policy. */
static struct {
	const char *policy;
	char domain[DNS_NAME_SIZE];
	unsigned asked, doubted;
} sts;

void
sts_find(struct sts *unused, const char *domain, struct sts_found *found)
{
	struct fault f;

	(void)unused;
	memset(found, 0, sizeof *found);
	sts.asked++;
	snprintf(sts.domain, sizeof sts.domain, "%s", domain);
	snprintf(found->domain, sizeof found->domain, "%s", domain);
	if (sts.policy == NULL)
		return;
	found->text = mem_dup(sts.policy);
	ck_assert_int_eq(
	    sts_parse_policy(str(found->text), &found->policy, &f), 0);
}

void
sts_found_clear(struct sts_found *found)
{
	mem_free(found->text);
	found->text = NULL;
}

void
sts_doubt(struct sts *unused, const char *domain)
{
	(void)unused;
	ck_assert_str_eq(domain, sts.domain);
	sts.doubted++;
}

static void
set_up(void)
{
	struct net_address address;
	struct fault f;

	memset(sinks, 0, sizeof sinks);
	memset(&tlsa, 0, sizeof tlsa);
	memset(&sts, 0, sizeof sts);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		peer_start_tcp(&servers[i], sink_serve, &sinks[i]);
	conf = (struct sender_conf){.hostname = "c.example"};
	memset(&target, 0, sizeof target);
	target.route.kind = ROUTE_HOST;
	target.route.tls = ROUTE_TLS_MAY;
	ck_assert_int_eq(net_parse(str(servers[0].address), &address, &f), 0);
	target.route.port = net_port(&address);
	snprintf(target.key, sizeof target.key, "a");
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "a.example");
	target.n_hosts = 1;
	memset(&mail, 0, sizeof mail);
	memset(rcpts, 0, sizeof rcpts);
	ck_assert_int_eq(
	    address_parse(str("me@c.example"), &mail.reverse_path, &f), 0);
	for (size_t i = 0; i < RCPTS; i++) {
		char name[32];

		snprintf(name, sizeof name, "u%zu@s.example", i);
		ck_assert_int_eq(
		    address_parse(str(name), &rcpts[i].forward_path, &f), 0);
	}
}

static void
tear_down(void)
{
	sender_free(&sender);
	arena_clear(&arena);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		peer_clear(&servers[i]);
}

static int
give(void *ctx, int (*piece)(void *to, struct str bytes, struct fault *f),
    void *to, struct fault *f)
{
	struct str bytes = str(ctx);

	/* In two pieces, whatever they are. */
	if (piece(to, str_head(bytes, 5), f) < 0)
		return -1;
	return piece(to, str_from(bytes, 5), f);
}

static int
fail_to_give(void *ctx,
    int (*piece)(void *to, struct str bytes, struct fault *f), void *to,
    struct fault *f)
{
	if (piece(to, str_head(str(ctx), 5), f) < 0)
		return -1;
	return fault_temp(f, "4.3.0", "the disk is gone");
}

static void
send_as(size_t n, int (*each)(void *ctx,
		      int (*piece)(void *to, struct str bytes, struct fault *f),
		      void *to, struct fault *f))
{
	struct send_message message = {
	    .mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = n,
	    .head = str("Received: here\r\n"),
	    .size = strlen(text),
	    .each = each,
	    .ctx = (void *)(uintptr_t)text,
	    .arena = &arena,
	};
	struct fault f;

	if (sender == NULL)
		sender = sender_new(&conf, &f);
	ck_assert_ptr_nonnull(sender);
	memset(outcomes, 0xff, sizeof outcomes);
	sender_send(sender, &target, &message, outcomes, &report);
}

static void
send_to(size_t n)
{
	send_as(n, give);
}

START_TEST(sender_hands_over_and_keeps_the_wire)
{
	set_up();
	for (int i = 0; i < 3; i++) {
		send_to(2);
		ck_assert_int_eq(report.reach, SEND_ANSWERED);
		ck_assert(outcomes[0].ok && outcomes[1].ok);
		ck_assert(report.was_kept == (i > 0));
		ck_assert_str_eq(report.host, "a.example");
		ck_assert_str_eq(report.address, servers[0].address);
	}
	ck_assert_uint_eq(peer_connections(&servers[0]), 1);
	ck_assert_uint_eq(sender_idle(sender), 1);
	ck_assert_str_eq(
	    sinks[0].body, "Received: here\r\nSubject: x\r\n\r\n..dot\r\n");
	ck_assert_uint_eq(sinks[0].messages, 3);
	tear_down();
}
END_TEST

START_TEST(sender_keeps_wires_of_different_targets_apart)
{
	set_up();
	send_to(1);
	snprintf(target.key, sizeof target.key, "b");
	send_to(1);
	ck_assert(!report.was_kept);
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	tear_down();
}
END_TEST

START_TEST(sender_replaces_a_wire_that_has_died)
{
	set_up();
	sinks[0].hang_up_after = true;
	for (int i = 0; i < 3; i++) {
		send_to(1);
		ck_assert_int_eq(report.reach, SEND_ANSWERED);
		ck_assert(outcomes[0].ok);
	}
	ck_assert_uint_eq(sinks[0].messages, 3);
	tear_down();
}
END_TEST

START_TEST(sender_replaces_a_wire_that_says_421)
{
	set_up();
	send_to(1);
	sinks[0].says[SINK_MAIL] = "421 4.4.2 you were idle";
	sinks[0].once = true;
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert(outcomes[0].ok && !report.was_kept);
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	tear_down();
}
END_TEST

START_TEST(sender_ends_a_wire_that_has_carried_enough)
{
	set_up();
	conf.max_messages = 2;
	for (int i = 0; i < 4; i++)
		send_to(1);
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	ck_assert_uint_eq(sinks[0].messages, 4);
	tear_down();
}
END_TEST

START_TEST(sender_closes_wires_that_wait_for_long)
{
	set_up();
	conf.idle_ms = 1;
	send_to(1);
	while (sender_idle(sender) > 0)
		sender_tidy(sender);
	send_to(1);
	ck_assert(!report.was_kept);
	tear_down();
}
END_TEST

/* What goes wrong, where, and what it means for two recipients. */
static const struct {
	enum sink_stage stage;
	const char *says;
	enum send_reach reach;
	const char *dsn;
} misdeeds[] = {
    {SINK_GREETING, SINK_DROP, SEND_UNREACHED, "4.4.2"},
    {SINK_GREETING, SINK_STALL, SEND_UNREACHED, "4.4.2"},
    {SINK_GREETING, SINK_ENDLESS, SEND_UNREACHED, "4.5.0"},
    {SINK_GREETING, "hello", SEND_UNREACHED, "4.5.0"},
    {SINK_GREETING, "421 4.3.2 later", SEND_UNREACHED, "4.3.2"},
    {SINK_GREETING, "554 5.7.1 never", SEND_UNREACHED, "4.7.1"},
    {SINK_EHLO, SINK_DROP, SEND_UNREACHED, "4.4.2"},
    {SINK_EHLO, SINK_STALL, SEND_UNREACHED, "4.4.2"},
    {SINK_EHLO, SINK_ENDLESS, SEND_UNREACHED, "4.5.0"},
    {SINK_EHLO, "421 4.7.0 busy", SEND_UNREACHED, "4.7.0"},
    {SINK_MAIL, SINK_DROP, SEND_BROKEN, "4.4.2"},
    {SINK_MAIL, SINK_STALL, SEND_BROKEN, "4.4.2"},
    {SINK_MAIL, SINK_ENDLESS, SEND_BROKEN, "4.5.0"},
    {SINK_MAIL, "nonsense", SEND_BROKEN, "4.5.0"},
    {SINK_MAIL, "421 4.7.0 too many connections", SEND_BROKEN, "4.7.0"},
    {SINK_MAIL, "451 4.7.1 greylisted", SEND_ANSWERED, "4.7.1"},
    {SINK_MAIL, "550 5.7.1 not you", SEND_ANSWERED, "5.7.1"},
    {SINK_RCPT, SINK_DROP, SEND_BROKEN, "4.4.2"},
    {SINK_RCPT, SINK_STALL, SEND_BROKEN, "4.4.2"},
    {SINK_RCPT, "450 4.2.1 not now", SEND_ANSWERED, "4.2.1"},
    {SINK_RCPT, "550 5.1.1 nobody", SEND_ANSWERED, "5.1.1"},
    {SINK_DATA, SINK_DROP, SEND_BROKEN, "4.4.2"},
    {SINK_DATA, SINK_STALL, SEND_BROKEN, "4.4.2"},
    {SINK_DATA, "451 4.3.0 no", SEND_ANSWERED, "4.3.0"},
    {SINK_DATA, "554 5.6.0 no", SEND_ANSWERED, "5.6.0"},
    {SINK_DOT, SINK_DROP, SEND_DOUBTFUL, "4.4.2"},
    {SINK_DOT, SINK_STALL, SEND_DOUBTFUL, "4.4.2"},
    {SINK_DOT, SINK_ENDLESS, SEND_DOUBTFUL, "4.5.0"},
    {SINK_DOT, "nonsense", SEND_DOUBTFUL, "4.5.0"},
    {SINK_DOT, "451 4.3.0 no", SEND_ANSWERED, "4.3.0"},
    {SINK_DOT, "554 5.7.1 spam", SEND_ANSWERED, "5.7.1"},
    {SINK_DOT, "421 4.3.2 down", SEND_ANSWERED, "4.3.2"},
};

START_TEST(sender_ends_rightly_whatever_the_server_does)
{
	for (size_t i = 0; i < ARRAY_LEN(misdeeds); i++) {
		set_up();
		sinks[0].says[misdeeds[i].stage] = misdeeds[i].says;
		/* What does not stall takes the time that it takes. */
		if (strcmp(misdeeds[i].says, SINK_STALL) == 0)
			conf.reply_ms = 500;
		send_to(2);
		ck_assert_msg(report.reach == misdeeds[i].reach,
		    "%zu: %s: reach %d", i, misdeeds[i].says, report.reach);
		for (size_t k = 0; k < 2; k++) {
			ck_assert(!outcomes[k].ok);
			ck_assert_msg(
			    strcmp(outcomes[k].fault.dsn, misdeeds[i].dsn) == 0,
			    "%zu: %s: %s %s", i, misdeeds[i].says,
			    outcomes[k].fault.dsn, outcomes[k].fault.text);
			ck_assert(outcomes[k].fault.dsn[0] - '0' ==
				  (int)outcomes[k].fault.kind);
		}
		tear_down();
	}
}
END_TEST

START_TEST(sender_tells_the_fate_of_each_recipient)
{
	set_up();
	sinks[0].refuse = "u1@";
	send_to(3);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert(outcomes[0].ok && outcomes[2].ok);
	ck_assert_str_eq(outcomes[1].fault.dsn, "5.1.1");
	tear_down();
}
END_TEST

static void
name_hosts(const char *first, const char *second)
{
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "%s", first);
	snprintf(target.hosts[1].name, DNS_NAME_SIZE, "%s", second);
	target.n_hosts = 2;
}

START_TEST(sender_keeps_what_was_said_by_whom)
{
	set_up();
	sinks[0].refuse = "u1@";
	send_to(3);
	ck_assert_view_eq(outcomes[0].reply, "250 2.0.0 taken");
	ck_assert_view_eq(outcomes[1].reply, "550 5.1.1 nobody");
	for (size_t i = 0; i < 3; i++) {
		ck_assert(outcomes[i].is_answer);
		ck_assert_view_eq(outcomes[i].host, "a.example");
		ck_assert_view_eq(outcomes[i].address, servers[0].address);
	}
	tear_down();
	/* In the opening, too; lines are joined. */
	set_up();
	sinks[0].says[SINK_GREETING] = "554-5.7.1 go\r\n554 5.7.1 away ";
	send_to(2);
	ck_assert_str_eq(outcomes[1].fault.dsn, "4.7.1");
	ck_assert_view_eq(outcomes[1].reply, "554 5.7.1 go away");
	ck_assert_view_eq(outcomes[1].host, "a.example");
	ck_assert(!outcomes[1].is_answer);
	/* The next host has said nothing, and has the last word. */
	name_hosts("a.example", "dead.example");
	send_to(1);
	ck_assert_view_eq(outcomes[0].reply, "");
	ck_assert_view_eq(outcomes[0].host, "dead.example");
	tear_down();
}
END_TEST

START_TEST(sender_keeps_the_answers_before_a_session_breaks)
{
	static const struct {
		enum sink_stage stage;
		const char *says;
		enum send_reach reach;
	} ends[] = {
	    {SINK_DATA, SINK_DROP, SEND_BROKEN},
	    {SINK_DATA, "421 4.3.2 down", SEND_BROKEN},
	    {SINK_DOT, SINK_DROP, SEND_DOUBTFUL},
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		set_up();
		sinks[0].refuse = "u1@";
		sinks[0].says[ends[i].stage] = ends[i].says;
		send_to(3);
		ck_assert_int_eq(report.reach, ends[i].reach);
		ck_assert_int_eq(outcomes[0].fault.kind, FAULT_TEMP);
		ck_assert(!outcomes[0].is_answer);
		ck_assert(outcomes[1].is_answer);
		ck_assert_str_eq(outcomes[1].fault.dsn, "5.1.1");
		ck_assert_view_eq(outcomes[1].reply, "550 5.1.1 nobody");
		ck_assert_int_eq(outcomes[2].fault.kind, FAULT_TEMP);
		tear_down();
	}
	/* All is said when it hangs up. */
	set_up();
	sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 PIPELINING";
	sinks[0].says[SINK_MAIL] = "550 5.7.1 not you";
	sinks[0].says[SINK_RCPT] = SINK_DROP;
	send_to(2);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert_str_eq(outcomes[1].fault.dsn, "5.7.1");
	ck_assert_uint_eq(sender_idle(sender), 0);
	tear_down();
}
END_TEST

START_TEST(sender_says_when_a_server_wants_less)
{
	set_up();
	sinks[0].says[SINK_RCPT] = "450 4.7.1 rate limit exceeded";
	send_to(1);
	ck_assert(report.slow_down);
	sinks[0].says[SINK_RCPT] = "450 4.7.1 greylisted";
	send_to(1);
	ck_assert(!report.slow_down);
	tear_down();
	set_up();
	sinks[0].says[SINK_GREETING] = "421 4.7.0 too many connections";
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert(report.slow_down);
	tear_down();
}
END_TEST

START_TEST(sender_goes_on_to_the_next_host)
{
	static const char *const bad[] = {
	    "dead.example", "none.example", "fails.example", "[192.0.2.x]"};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		set_up();
		name_hosts(bad[i], "a.example");
		send_to(1);
		ck_assert_msg(
		    outcomes[0].ok, "%s: %s", bad[i], report.fault.text);
		ck_assert_str_eq(report.host, "a.example");
		tear_down();
	}
	/* One whose first session is refused. */
	set_up();
	name_hosts("b.example", "a.example");
	sinks[0].says[SINK_GREETING] = "421 4.3.2 not now";
	sinks[0].once = true;
	send_to(1);
	ck_assert(outcomes[0].ok);
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	tear_down();
}
END_TEST

START_TEST(sender_tries_so_many_hosts_and_no_more)
{
	set_up();
	conf.max_hosts = 2;
	sinks[0].says[SINK_GREETING] = "421 4.3.2 not now";
	for (int i = 0; i < 5; i++)
		snprintf(target.hosts[i].name, DNS_NAME_SIZE, "a.example");
	target.n_hosts = 5;
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	tear_down();
}
END_TEST

START_TEST(sender_says_that_nobody_was_reached)
{
	set_up();
	target.n_hosts = 0;
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.4.4");
	name_hosts("dead.example", "none.example");
	target.n_hosts = 1;
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.4.1");
	tear_down();
}
END_TEST

START_TEST(sender_takes_the_family_that_answers)
{
	set_up();
	/* The server listens on IPv4 only. */
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "both.example");
	send_to(1);
	ck_assert(outcomes[0].ok);
	ck_assert_str_eq(report.address, servers[0].address);
	snprintf(target.hosts[0].name, DNS_NAME_SIZE, "[127.0.0.1]");
	snprintf(target.key, sizeof target.key, "literal");
	send_to(1);
	ck_assert(outcomes[0].ok && !report.was_kept);
	tear_down();
}
END_TEST

START_TEST(sender_sends_on_in_the_clear_where_tls_fails)
{
	set_up();
	sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 STARTTLS";
	/* What follows is no handshake: the reply to the hello is "500". */
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", report.fault.text);
	ck_assert_str_eq(report.tls_version, "");
	ck_assert_uint_eq(peer_connections(&servers[0]), 2);
	/* And that is remembered. */
	snprintf(target.key, sizeof target.key, "other");
	send_to(1);
	ck_assert(outcomes[0].ok && !report.was_kept);
	ck_assert_uint_eq(peer_connections(&servers[0]), 3);
	ck_assert_uint_eq(sinks[0].seen[SINK_STARTTLS], 1);
	tear_down();
	/* Refused politely: the session goes on. */
	set_up();
	sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 STARTTLS";
	sinks[0].says[SINK_STARTTLS] = "454 4.7.0 not now";
	send_to(1);
	ck_assert(outcomes[0].ok);
	ck_assert_uint_eq(peer_connections(&servers[0]), 1);
	tear_down();
}
END_TEST

START_TEST(sender_keeps_mail_that_needs_tls)
{
	static const enum route_tls levels[] = {
	    ROUTE_TLS_ENCRYPT, ROUTE_TLS_VERIFY};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		set_up();
		target.route.tls = levels[i];
		send_to(1);
		ck_assert_int_eq(report.reach, SEND_UNREACHED);
		ck_assert_str_eq(outcomes[0].fault.dsn, "4.7.10");
		sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 STARTTLS";
		send_to(1);
		ck_assert_int_eq(report.reach, SEND_UNREACHED);
		ck_assert_uint_eq(sinks[0].messages, 0);
		tear_down();
	}
}
END_TEST

START_TEST(sender_shows_no_password_in_the_clear)
{
	set_up();
	sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 AUTH PLAIN";
	target.route.tls = ROUTE_TLS_NONE;
	target.route.user = "ann";
	target.route.password = "secret";
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_UNREACHED);
	ck_assert_uint_eq(sinks[0].seen[SINK_AUTH], 0);
	ck_assert_uint_eq(sinks[0].messages, 0);
	tear_down();
}
END_TEST

START_TEST(sender_sends_to_the_surplus_by_further_transactions)
{
	/* Said before, or when it is too late. */
	for (int i = 0; i < 2; i++) {
		set_up();
		if (i == 0)
			sinks[0].says[SINK_EHLO] =
			    "250-sink.example\r\n250 LIMITS RCPTMAX=2";
		else
			sinks[0].max_rcpts = 2;
		sinks[0].refuse = "u3@";
		send_to(5);
		ck_assert_int_eq(report.reach, SEND_ANSWERED);
		for (size_t k = 0; k < 5; k++)
			ck_assert_msg(outcomes[k].ok == (k != 3), "%zu: %s", k,
			    outcomes[k].fault.text);
		ck_assert_str_eq(outcomes[3].fault.dsn, "5.1.1");
		ck_assert_uint_ge(sinks[0].messages, 2);
		ck_assert_uint_eq(peer_connections(&servers[0]), 1);
		tear_down();
	}
	/* A server that takes nobody is not asked for ever. */
	set_up();
	sinks[0].says[SINK_RCPT] = "452 4.5.3 too many";
	send_to(5);
	ck_assert_str_eq(outcomes[4].fault.dsn, "4.5.3");
	ck_assert_uint_eq(sinks[0].seen[SINK_RCPT], 5);
	tear_down();
}
END_TEST

START_TEST(sender_hears_why_a_server_hangs_up_on_a_message)
{
	enum { BIG = 8 << 20 };
	const char *whole = text;
	char *big = mem_zeroed(BIG + 1, 1);

	set_up();
	for (size_t i = 0; i < BIG; i++)
		big[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
	text = big;
	sinks[0].early = "552 5.3.4 that is enough";
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.3.4");
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_PERM);
	ck_assert_uint_eq(sender_idle(sender), 0);
	text = whole;
	tear_down();
	mem_free(big);
}
END_TEST

#define EIGHT "Content-Transfer-Encoding: 8bit\r\n\r\ncaf\xc3\xa9\r\n"

START_TEST(sender_converts_what_the_server_cannot_take)
{
	const char *whole = text;

	set_up();
	mail.body = BODY_8BITMIME;
	text = EIGHT;
	send_to(1);
	ck_assert_msg(outcomes[0].ok, "%s", outcomes[0].fault.text);
	ck_assert_str_eq(sinks[0].mail, "MAIL FROM:<me@c.example>");
	ck_assert_ptr_nonnull(strstr(sinks[0].body, "\r\n\r\ncaf=C3=A9\r\n"));
	ck_assert_ptr_nonnull(strstr(sinks[0].body, "quoted-printable\r\n"));
	/* A header cannot be converted: that is for the sender to know. */
	text = "Subject: caf\xc3\xa9\r\n\r\nx\r\n";
	send_to(1);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "5.6.3");
	ck_assert_int_eq(outcomes[0].fault.kind, FAULT_PERM);
	ck_assert_uint_eq(sinks[0].messages, 1);
	tear_down();
	/* One that takes it gets it as it is. */
	set_up();
	mail.body = BODY_8BITMIME;
	sinks[0].says[SINK_EHLO] = "250-sink.example\r\n250 8BITMIME";
	text = EIGHT;
	send_to(1);
	ck_assert(outcomes[0].ok);
	ck_assert_ptr_nonnull(strstr(sinks[0].mail, " BODY=8BITMIME"));
	ck_assert_ptr_nonnull(strstr(sinks[0].body, EIGHT));
	text = whole;
	tear_down();
}
END_TEST

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

START_TEST(sender_blames_no_hop_for_our_disk)
{
	set_up();
	send_as(1, fail_to_give);
	ck_assert_int_eq(report.reach, SEND_ANSWERED);
	ck_assert_str_eq(outcomes[0].fault.dsn, "4.3.0");
	ck_assert_uint_eq(sinks[0].messages, 0);
	tear_down();
}
END_TEST

UNIT_MAIN("sender", sender_hands_over_and_keeps_the_wire,
    sender_keeps_wires_of_different_targets_apart,
    sender_replaces_a_wire_that_has_died, sender_replaces_a_wire_that_says_421,
    sender_ends_a_wire_that_has_carried_enough,
    sender_closes_wires_that_wait_for_long,
    sender_ends_rightly_whatever_the_server_does,
    sender_tells_the_fate_of_each_recipient, sender_keeps_what_was_said_by_whom,
    sender_keeps_the_answers_before_a_session_breaks,
    sender_says_when_a_server_wants_less, sender_goes_on_to_the_next_host,
    sender_tries_so_many_hosts_and_no_more, sender_says_that_nobody_was_reached,
    sender_takes_the_family_that_answers,
    sender_sends_on_in_the_clear_where_tls_fails,
    sender_keeps_mail_that_needs_tls, sender_shows_no_password_in_the_clear,
    sender_blames_no_hop_for_our_disk, sender_encrypts_where_it_can,
    sender_verifies_the_name_where_it_is_told_to,
    sender_shows_its_password_under_tls, sender_obeys_tlsa_records,
    sender_honours_requiretls, sender_obeys_policies_of_mta_sts,
    sender_keeps_wires_of_different_policies_apart,
    sender_goes_on_to_a_host_that_meets_the_policy,
    sender_asks_for_no_policy_where_there_can_be_none,
    sender_takes_a_policy_for_a_proof_of_the_name,
    sender_sends_to_the_surplus_by_further_transactions,
    sender_converts_what_the_server_cannot_take,
    sender_hears_why_a_server_hangs_up_on_a_message)
