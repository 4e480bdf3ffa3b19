/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "tests/unit/mta/sender.h"

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
    sender_blames_no_hop_for_our_disk,
    sender_sends_to_the_surplus_by_further_transactions,
    sender_converts_what_the_server_cannot_take,
    sender_hears_why_a_server_hangs_up_on_a_message)
