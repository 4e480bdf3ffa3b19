/* SPDX-License-Identifier: ISC */
/* proto/trace.h: the fields word by word. */
#include "config.h"

#include "proto/trace.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

static const struct {
	enum smtp_dialect dialect;
	bool esmtp, tls, authenticated, smtputf8;
	const char *name;
} protocols[] = {
    {DIALECT_SMTP, false, false, false, false, "SMTP"},
    {DIALECT_SMTP, false, true, true, false, "SMTP"},
    {DIALECT_SMTP, true, false, false, false, "ESMTP"},
    {DIALECT_SMTP, true, false, true, false, "ESMTPA"},
    {DIALECT_SMTP, true, true, false, false, "ESMTPS"},
    {DIALECT_SMTP, true, true, true, false, "ESMTPSA"},
    {DIALECT_SMTP, true, false, false, true, "UTF8SMTP"},
    {DIALECT_SMTP, true, false, true, true, "UTF8SMTPA"},
    {DIALECT_SMTP, true, true, false, true, "UTF8SMTPS"},
    {DIALECT_SMTP, true, true, true, true, "UTF8SMTPSA"},
    {DIALECT_LMTP, true, false, false, false, "LMTP"},
    {DIALECT_LMTP, true, true, true, false, "LMTPSA"},
    {DIALECT_LMTP, true, false, false, true, "UTF8LMTP"},
    {DIALECT_LMTP, true, true, true, true, "UTF8LMTPSA"},
};

START_TEST(trace_has_the_registered_keywords)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		struct trace_facts facts = {
		    .dialect = protocols[i].dialect,
		    .esmtp = protocols[i].esmtp,
		    .tls = protocols[i].tls,
		    .authenticated = protocols[i].authenticated,
		    .smtputf8 = protocols[i].smtputf8,
		};

		ck_assert_str_eq(trace_protocol(&facts), protocols[i].name);
	}
}
END_TEST

static struct trace_facts
plain_facts(void)
{
	return (struct trace_facts){
	    .dialect = DIALECT_SMTP,
	    .esmtp = true,
	    .helo = STR_LIT("client.example"),
	    .client_address = STR_LIT("192.0.2.7"),
	    .hostname = "mail.example.org",
	    .id = "0123456789abcdef",
	    .when = 1795453538,
	};
}

static void
assert_received(const struct trace_facts *facts, const char *text)
{
	struct buf b;

	buf_init(&b, 8192);
	trace_put_received(&b, facts);
	ck_assert_str_eq(buf_text(&b), text);
	buf_clear(&b);
}

START_TEST(received_says_what_is_known)
{
	struct trace_facts facts = plain_facts();
	struct address rcpt;
	struct fault f;

	assert_received(&facts,
	    "Received: from client.example ([192.0.2.7])\r\n"
	    "\tby mail.example.org with ESMTP id 0123456789abcdef;\r\n"
	    "\tMon, 23 Nov 2026 17:05:38 +0000\r\n");
	ck_assert_int_eq(
	    address_parse(STR_LIT("\"a b\"@example.org"), &rcpt, &f), 0);
	facts.rcpt = &rcpt;
	facts.tls = facts.authenticated = true;
	facts.tls_version = "TLSv1.3";
	facts.tls_cipher = "TLS_AES_256_GCM_SHA384";
	assert_received(&facts,
	    "Received: from client.example ([192.0.2.7])\r\n"
	    "\tby mail.example.org with ESMTPSA id 0123456789abcdef\r\n"
	    "\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
	    "\tfor <\"a b\"@example.org>; Mon, 23 Nov 2026 17:05:38 +0000\r\n");
}
END_TEST

static const struct {
	const char *address, *text;
} clients[] = {
    {"192.0.2.7", "Received: from client.example ([192.0.2.7])\r\n"},
    {"2001:db8::7", "Received: from client.example ([IPv6:2001:db8::7])\r\n"},
    {"::ffff:192.0.2.7",
	"Received: from client.example ([IPv6:::ffff:192.0.2.7])\r\n"},
    {"unix", "Received: from client.example (unix)\r\n"},
    {"", "Received: from client.example\r\n"},
};

static void
assert_first_line(const struct trace_facts *facts, const char *text)
{
	struct buf b;

	buf_init(&b, 8192);
	trace_put_received(&b, facts);
	ck_assert_msg(str_starts(buf_str(&b), str(text)), "%s is not %s",
	    buf_text(&b), text);
	buf_clear(&b);
}

START_TEST(received_names_the_client_as_its_family_is_written)
{
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		struct trace_facts facts = plain_facts();

		facts.client_address = str(clients[i].address);
		assert_first_line(&facts, clients[i].text);
	}
}
END_TEST

START_TEST(received_names_the_user_of_this_machine)
{
	struct trace_facts facts = plain_facts();

	facts.client_address = str("unix");
	facts.local_user = "ann";
	facts.local_uid = 1000;
	assert_first_line(
	    &facts, "Received: from client.example (user ann, uid 1000)\r\n");
}
END_TEST

static const struct {
	struct str helo;
	const char *text;
} names[] = {
    {STR_LIT(""), "unknown"},
    {STR_LIT("[192.0.2.1]"), "[192.0.2.1]"},
    {STR_LIT("[IPv6:::1]"), "[IPv6:::1]"},
    {STR_LIT("a) by b (c"), "a??by?b??c"},
    {STR_LIT("a\\"), "a?"},
    {STR_LIT("a\r\nBcc: x"), "a??Bcc:?x"},
    {STR_LIT("a;b\"c<d>,e"), "a?b?c?d??e"},
    {STR_LIT("a\0b\tc\x7f"), "a?b?c?"},
    {STR_LIT("\xc3\xbc"), "??"},
};

START_TEST(what_the_client_said_is_harmless)
{
	char text[300];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct trace_facts facts = plain_facts();

		facts.helo = names[i].helo;
		snprintf(text, sizeof text,
		    "Received: from %s ([192.0.2.7])\r\n\tby ", names[i].text);
		assert_first_line(&facts, text);
	}
}
END_TEST

START_TEST(lines_of_trace_fields_are_bounded)
{
	struct trace_facts facts = plain_facts();
	char name[2000];
	struct buf b;
	struct str line;

	memset(name, 'x', sizeof name);
	facts.helo = str_n(name, sizeof name);
	buf_init(&b, 8192);
	trace_put_received(&b, &facts);
	while (buf_take_line(&b, &line))
		ck_assert_uint_le(line.len, 998);
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_clear(&b);
}
END_TEST

START_TEST(return_path_has_the_senders_path)
{
	struct address a;
	struct str rest;
	struct fault f;
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(
	    address_parse_reverse(STR_LIT("<>"), false, &a, &rest, &f), 0);
	trace_put_return_path(&b, &a);
	ck_assert_int_eq(address_parse(STR_LIT("ann@example.org"), &a, &f), 0);
	trace_put_return_path(&b, &a);
	ck_assert_str_eq(buf_text(&b),
	    "Return-Path: <>\r\nReturn-Path: <ann@example.org>\r\n");
	buf_clear(&b);
}
END_TEST

/* Dates are in the local zone: the tests fix it. */
static void set_zone(void) __attribute__((constructor));
static void
set_zone(void)
{
	setenv("TZ", "UTC0", 1);
}

UNIT_MAIN("trace", trace_has_the_registered_keywords,
    received_says_what_is_known,
    received_names_the_client_as_its_family_is_written,
    received_names_the_user_of_this_machine, what_the_client_said_is_harmless,
    lines_of_trace_fields_are_bounded, return_path_has_the_senders_path)
