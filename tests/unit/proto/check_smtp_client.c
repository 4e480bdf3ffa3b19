/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/smtp_client.h"

#include <stdio.h>

#include "proto/reply.h"
#include "tests/unit/unit.h"

#define FULL                                                                  \
	"250-s.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n" \
	"250-CHUNKING\r\n250-BINARYMIME\r\n250-ENHANCEDSTATUSCODES\r\n"       \
	"250 XFORWARD NAME ADDR IDENT\r\n"
#define BATCH "250-s.example\r\n250 PIPELINING\r\n"
#define BARE "250 s.example\r\n"

enum { MAX_RCPTS = 5 };

static struct smtp_client *client;
static struct buf in, out;
static struct fault f;
static struct envelope_mail mail;
static struct envelope_rcpt rcpts[MAX_RCPTS];
/* Each reply comes byte by byte. */
static bool split;

static void
set_up(enum smtp_dialect dialect)
{
	const struct smtp_client_conf conf = {dialect, "c.example"};

	client = smtp_client_new(&conf);
	buf_init(&in, 1 << 16);
	buf_init(&out, 1 << 16);
	memset(&mail, 0, sizeof mail);
	memset(rcpts, 0, sizeof rcpts);
	ck_assert_int_eq(
	    address_parse(str("me@c.example"), &mail.reverse_path, &f), 0);
	for (size_t i = 0; i < MAX_RCPTS; i++) {
		char text[32];

		snprintf(text, sizeof text, "u%zu@s.example", i);
		ck_assert_int_eq(
		    address_parse(str(text), &rcpts[i].forward_path, &f), 0);
	}
}

static void
tear_down(void)
{
	smtp_client_free(&client);
	ck_assert_ptr_null(client);
	buf_clear(&in);
	buf_clear(&out);
}

/* What the client has written since. */
static void
said(const char *text)
{
	ck_assert_str_eq(buf_text(&out), text);
	buf_reset(&out);
}

/* The server's words, and what the client does next. */
static enum client_next
hear(const char *text)
{
	enum client_next next = CLIENT_READ;

	memset(&f, 0, sizeof f);
	if (!split) {
		buf_puts(&in, text);
		return smtp_client_feed(client, &in, &out, &f);
	}
	for (; *text != '\0'; text++) {
		ck_assert_msg(
		    next == CLIENT_READ, "%d before \"%s\"", (int)next, text);
		buf_putc(&in, *text);
		next = smtp_client_feed(client, &in, &out, &f);
	}
	return next;
}

/* Up to where transactions begin. */
static void
begin(enum smtp_dialect dialect, const char *hello)
{
	set_up(dialect);
	ck_assert_int_eq(hear(""), CLIENT_READ);
	ck_assert_int_eq(smtp_client_feed(client, &in, &out, &f), CLIENT_READ);
	ck_assert_int_eq(hear("220 s.example ESMTP\r\n"), CLIENT_SEND);
	said(dialect == DIALECT_LMTP ? "LHLO c.example\r\n"
				     : "EHLO c.example\r\n");
	ck_assert_int_eq(hear(hello), CLIENT_READY);
}

static enum client_next
send_to(size_t n, uint64_t size)
{
	const struct smtp_client_message message = {
	    .mail = &mail, .rcpts = rcpts, .n_rcpts = n, .size = size};

	return smtp_client_send(client, &message, &out);
}

static void
body(const char *text)
{
	smtp_client_body(client, str(text), &out);
	smtp_client_body_end(client, &out);
}

/* "+" for ok, else the dsn, for each recipient in turn. */
static void
fates(size_t n, const char *expected)
{
	const struct smtp_outcome *o = smtp_client_outcomes(client);
	struct buf all;

	buf_init(&all, 1000);
	for (size_t i = 0; i < n; i++)
		buf_putf(&all, "%s%s", i > 0 ? " " : "",
		    o[i].ok ? "+" : o[i].fault.dsn);
	ck_assert_str_eq(buf_text(&all), expected);
	buf_clear(&all);
}

#define BOTH_WAYS(name)                             \
	static void name##_run(void);               \
	START_TEST(name)                            \
	{                                           \
		for (int way = 0; way < 2; way++) { \
			split = way == 1;           \
			name##_run();               \
		}                                   \
	}                                           \
	END_TEST                                    \
	static void name##_run(void)

BOTH_WAYS(data_goes_step_by_step_without_pipelining)
{
	begin(DIALECT_SMTP, BARE);
	ck_assert_int_eq(send_to(2, 100), CLIENT_SEND);
	said("MAIL FROM:<me@c.example>\r\n");
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	said("RCPT TO:<u0@s.example>\r\n");
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	said("RCPT TO:<u1@s.example>\r\n");
	ck_assert_int_eq(hear("251 will forward\r\n"), CLIENT_SEND);
	said("DATA\r\n");
	ck_assert_int_eq(hear("354 go on\r\n"), CLIENT_BODY);
	body("a\r\n.b\r\n");
	said("a\r\n..b\r\n.\r\n");
	ck_assert(smtp_client_is_in_doubt(client));
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_DONE);
	ck_assert(!smtp_client_is_in_doubt(client));
	fates(2, "+ +");
	ck_assert_int_eq(send_to(1, 100), CLIENT_SEND);
	said("MAIL FROM:<me@c.example>\r\n");
	tear_down();
}

BOTH_WAYS(data_is_one_batch_with_pipelining)
{
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(3, 100), CLIENT_SEND);
	said("MAIL FROM:<me@c.example>\r\nRCPT TO:<u0@s.example>\r\n"
	     "RCPT TO:<u1@s.example>\r\nRCPT TO:<u2@s.example>\r\nDATA\r\n");
	ck_assert_int_eq(hear("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n"
			      "354 go on\r\n"),
	    CLIENT_BODY);
	body("x");
	said("x\r\n.\r\n");
	ck_assert_int_eq(hear("452 4.3.1 full\r\n"), CLIENT_DONE);
	fates(3, "4.3.1 5.1.1 4.3.1");
	/* The end of the data has ended the transaction. */
	ck_assert_int_eq(send_to(1, 100), CLIENT_SEND);
	ck_assert(str_starts(buf_str(&out), str("MAIL")));
	tear_down();
}

BOTH_WAYS(chunks_make_the_transaction_one_write)
{
	begin(DIALECT_SMTP, FULL);
	ck_assert_int_eq(send_to(2, 6), CLIENT_BODY);
	smtp_client_body(client, str(".a"), &out);
	body("\r\n\r\n");
	said("MAIL FROM:<me@c.example>\r\nRCPT TO:<u0@s.example>\r\n"
	     "RCPT TO:<u1@s.example>\r\nBDAT 6 LAST\r\n.a\r\n\r\n");
	ck_assert(smtp_client_is_in_doubt(client));
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 2.0.0 done\r\n"),
	    CLIENT_DONE);
	fates(2, "+ 5.1.1");
	/* Nothing is left open. */
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("x");
	said("MAIL FROM:<me@c.example>\r\nRCPT TO:<u0@s.example>\r\n"
	     "BDAT 1 LAST\r\nx");
	tear_down();
}

BOTH_WAYS(lmtp_answers_for_each_recipient)
{
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(4, 1), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(hear("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n"
			      "250 ok\r\n250 2.0.0 ok\r\n452 4.2.2 full\r\n"
			      "552 5.2.2 full\r\n"),
	    CLIENT_DONE);
	fates(4, "+ 5.1.1 4.2.2 5.2.2");
	tear_down();
	begin(DIALECT_LMTP, BATCH);
	ck_assert_int_eq(send_to(2, 1), CLIENT_SEND);
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_READ);
	ck_assert(smtp_client_is_in_doubt(client));
	ck_assert_int_eq(hear("450 no\r\n"), CLIENT_DONE);
	fates(2, "+ 4.0.0");
	tear_down();
}

/* Whatever is refused, the next transaction begins cleanly. */
static const struct {
	const char *what;
	enum smtp_dialect dialect;
	const char *hello;
	const char *replies;
	const char *fates;
	const char *next; /* transaction begins so; NULL: there is none */
} refusals[] = {
    {"MAIL, in a batch", DIALECT_SMTP, BATCH,
	"552 5.3.4 big\r\n503 no\r\n503 no\r\n503 no\r\n", "5.3.4 5.3.4",
	"RSET"},
    {"MAIL, before chunks", DIALECT_LMTP, FULL,
	"451 4.3.0 later\r\n503 5.5.1 no\r\n503 5.5.1 no\r\n503 5.5.1 no\r\n",
	"4.3.0 4.3.0", "RSET"},
    {"MAIL, alone", DIALECT_SMTP, BARE, "451 later\r\n", "4.0.0 4.0.0", "RSET"},
    {"all recipients, in a batch", DIALECT_SMTP, BATCH,
	"250 ok\r\n550 5.1.1 no\r\n450 4.2.0 no\r\n554 5.5.1 none\r\n",
	"5.1.1 4.2.0", "RSET"},
    {"all recipients, before chunks", DIALECT_SMTP, FULL,
	"250 ok\r\n550 5.1.1 no\r\n450 4.2.0 no\r\n503 5.5.1 none\r\n",
	"5.1.1 4.2.0", "RSET"},
    {"all recipients, before chunks, in LMTP", DIALECT_LMTP, FULL,
	"250 ok\r\n550 5.1.1 no\r\n450 4.2.0 no\r\n503 5.5.1 none\r\n",
	"5.1.1 4.2.0", "RSET"},
    {"DATA", DIALECT_SMTP, BATCH,
	"250 ok\r\n550 5.1.1 no\r\n250 ok\r\n451 4.3.2 down\r\n", "5.1.1 4.3.2",
	"RSET"},
    {"DATA, in LMTP", DIALECT_LMTP, BATCH,
	"250 ok\r\n250 ok\r\n250 ok\r\n552 5.3.4 big\r\n", "5.3.4 5.3.4",
	"RSET"},
    {"DATA, wrongly", DIALECT_SMTP, BATCH,
	"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n", "4.5.0 4.5.0", NULL},
    {"MAIL, wrongly", DIALECT_SMTP, BARE, "354 go on\r\n", "4.5.0 4.5.0", NULL},
    {"the chunk, wrongly", DIALECT_SMTP, FULL,
	"250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n", "4.5.0 4.5.0", NULL},
    {"the chunk", DIALECT_SMTP, FULL,
	"250 ok\r\n250 ok\r\n250 ok\r\n554 5.6.0 virus\r\n", "5.6.0 5.6.0",
	"RSET"},
    {"the chunk, for one", DIALECT_LMTP, FULL,
	"250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n452 4.2.2 full\r\n", "+ 4.2.2",
	"RSET"},
    {"nothing", DIALECT_SMTP, FULL, "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n",
	"+ +", "MAIL"},
};

BOTH_WAYS(each_refusal_reaches_whom_it_concerns)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		enum client_next next;

		begin(refusals[i].dialect, refusals[i].hello);
		if (send_to(2, 1) == CLIENT_BODY)
			body("x");
		buf_reset(&out);
		next = hear(refusals[i].replies);
		ck_assert_msg(
		    next == CLIENT_DONE, "%s: %d", refusals[i].what, next);
		ck_assert_msg(
		    !smtp_client_is_in_doubt(client), "%s", refusals[i].what);
		fates(2, refusals[i].fates);
		next = send_to(1, 1);
		if (refusals[i].next == NULL) {
			ck_assert_msg(next == CLIENT_CLOSED, "%s: %d",
			    refusals[i].what, next);
			tear_down();
			continue;
		}
		ck_assert_msg(next == CLIENT_SEND || next == CLIENT_BODY,
		    "%s: %d", refusals[i].what, next);
		ck_assert_msg(str_starts(buf_str(&out), str(refusals[i].next)),
		    "%s: %s", refusals[i].what, buf_text(&out));
		tear_down();
	}
}

BOTH_WAYS(after_rset_the_next_transaction_is_as_usual)
{
	begin(DIALECT_SMTP, FULL);
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(
	    hear("250 ok\r\n550 5.1.1 no\r\n503 none\r\n"), CLIENT_DONE);
	buf_reset(&out);
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("y");
	said("RSET\r\nMAIL FROM:<me@c.example>\r\nRCPT TO:<u0@s.example>\r\n"
	     "BDAT 1 LAST\r\ny");
	ck_assert_int_eq(
	    hear("250 reset\r\n250 ok\r\n250 ok\r\n250 ok\r\n"), CLIENT_DONE);
	fates(1, "+");
	tear_down();
}

BOTH_WAYS(without_pipelining_nothing_is_sent_to_nobody)
{
	begin(DIALECT_SMTP, BARE);
	ck_assert_int_eq(send_to(2, 1), CLIENT_SEND);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("550 5.1.1 no\r\n"), CLIENT_SEND);
	buf_reset(&out);
	ck_assert_int_eq(hear("550 5.1.2 no\r\n"), CLIENT_DONE);
	said("");
	fates(2, "5.1.1 5.1.2");
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	said("RSET\r\n");
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	said("MAIL FROM:<me@c.example>\r\n");
	tear_down();
}

BOTH_WAYS(data_that_is_taken_for_nobody_is_ended_empty)
{
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	buf_reset(&out);
	ck_assert_int_eq(
	    hear("250 ok\r\n550 5.1.1 no\r\n354 go on\r\n"), CLIENT_SEND);
	said(".\r\n");
	ck_assert_int_eq(hear("250 sent to nobody\r\n"), CLIENT_DONE);
	fates(1, "5.1.1");
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	tear_down();
	/* How LMTP would go on nobody knows: that session ends. */
	begin(DIALECT_LMTP, BATCH);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	ck_assert_int_eq(
	    hear("250 ok\r\n550 5.1.1 no\r\n354 go on\r\n"), CLIENT_DONE);
	fates(1, "5.1.1");
	ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
	tear_down();
}

/* 421 after so many of a transaction's replies. */
static const struct {
	enum smtp_dialect dialect;
	const char *hello, *replies;
	enum client_next next;
	const char *fates;
} ends[] = {
    {DIALECT_SMTP, BATCH, "", CLIENT_CLOSED, "4.3.2 4.3.2"},
    {DIALECT_SMTP, BARE, "", CLIENT_CLOSED, "4.3.2 4.3.2"},
    {DIALECT_SMTP, BATCH, "250 a\r\n550 5.1.1 b\r\n", CLIENT_CLOSED,
	"5.1.1 4.3.2"},
    {DIALECT_SMTP, BATCH, "250 a\r\n250 b\r\n250 c\r\n", CLIENT_CLOSED,
	"4.3.2 4.3.2"},
    {DIALECT_LMTP, FULL, "250 a\r\n", CLIENT_CLOSED, "4.3.2 4.3.2"},
    {DIALECT_SMTP, FULL, "250 a\r\n550 5.1.1 b\r\n250 c\r\n", CLIENT_DONE,
	"5.1.1 4.3.2"},
    {DIALECT_LMTP, FULL, "250 a\r\n250 b\r\n250 c\r\n250 d\r\n", CLIENT_DONE,
	"+ 4.3.2"},
    {DIALECT_LMTP, FULL, "250 a\r\n250 b\r\n250 c\r\n", CLIENT_DONE,
	"4.3.2 4.3.2"},
};

BOTH_WAYS(a_server_that_shuts_down_says_so_for_all_that_are_left)
{
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		enum client_next next;
		char text[200];

		begin(ends[i].dialect, ends[i].hello);
		if (send_to(2, 1) == CLIENT_BODY)
			body("x");
		snprintf(text, sizeof text, "%s421 4.3.2 shutting down\r\n",
		    ends[i].replies);
		next = hear(text);
		ck_assert_msg(next == ends[i].next, "%zu: %d", i, next);
		if (next == CLIENT_CLOSED)
			ck_assert_str_eq(f.text, "shutting down");
		/* Where it has said so, nothing is in doubt. */
		ck_assert(!smtp_client_is_in_doubt(client));
		fates(2, ends[i].fates);
		if (next == CLIENT_DONE)
			ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
		tear_down();
	}
}

BOTH_WAYS(doubt_is_where_the_body_went_out_and_no_answer_came)
{
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(2, 1), CLIENT_BODY);
	ck_assert(!smtp_client_is_in_doubt(client));
	smtp_client_body(client, str("x"), &out);
	ck_assert(!smtp_client_is_in_doubt(client));
	smtp_client_body_end(client, &out);
	ck_assert(smtp_client_is_in_doubt(client));
	fates(2, "4.4.2 4.4.2");
	ck_assert_int_eq(
	    hear("250 ok\r\n550 5.1.1 no\r\n250 ok\r\n"), CLIENT_READ);
	ck_assert(smtp_client_is_in_doubt(client));
	ck_assert_int_eq(hear("what?\r\n"), CLIENT_CLOSED);
	ck_assert(smtp_client_is_in_doubt(client));
	fates(2, "5.1.1 4.5.0");
	tear_down();
	/* A message that nobody was to get is in no doubt. */
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(hear("451 4.3.0 no\r\n503 no\r\n"), CLIENT_READ);
	ck_assert(!smtp_client_is_in_doubt(client));
	tear_down();
}

START_TEST(more_answers_than_questions_end_the_session)
{
	split = false;
	begin(DIALECT_SMTP, FULL);
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n250 ok\r\n250 more\r\n"), CLIENT_DONE);
	fates(1, "+");
	ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
	fates(1, "4.4.2");
	ck_assert(!smtp_client_is_in_doubt(client));
	tear_down();
	/* Taken for a recipient, though MAIL was refused. */
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(1, 1), CLIENT_BODY);
	body("x");
	ck_assert_int_eq(
	    hear("451 4.3.0 no\r\n250 ok\r\n250 ok\r\n"), CLIENT_DONE);
	fates(1, "4.3.0");
	ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
	tear_down();
	/* Between transactions. */
	begin(DIALECT_SMTP, FULL);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_CLOSED);
	tear_down();
}
END_TEST

static const struct {
	enum smtp_dialect dialect;
	const char *greeting, *hello; /* NULL: never comes to it */
	enum client_next next;
	const char *dsn;
} openings[] = {
    {DIALECT_SMTP, "220 hi\r\n", BARE, CLIENT_READY, ""},
    {DIALECT_SMTP, "220-hi\r\n220 there\r\n", BARE, CLIENT_READY, ""},
    {DIALECT_SMTP, "554 5.7.1 not you\r\n", NULL, CLIENT_CLOSED, "5.7.1"},
    {DIALECT_SMTP, "421 4.7.0 busy\r\n", NULL, CLIENT_CLOSED, "4.7.0"},
    {DIALECT_SMTP, "354 what\r\n", NULL, CLIENT_CLOSED, "4.5.0"},
    {DIALECT_SMTP, "SSH-2.0-OpenSSH\r\n", NULL, CLIENT_CLOSED, "4.5.0"},
    {DIALECT_SMTP, "+OK POP3\r\n", NULL, CLIENT_CLOSED, "4.5.0"},
    {DIALECT_SMTP, "220 hi\r\n", "421 4.3.2 down\r\n", CLIENT_CLOSED, "4.3.2"},
    {DIALECT_SMTP, "220 hi\r\n", "450 4.7.1 no\r\n", CLIENT_CLOSED, "4.7.1"},
    {DIALECT_LMTP, "220 hi\r\n", "500 5.5.1 what\r\n", CLIENT_CLOSED, "5.5.1"},
    {DIALECT_LMTP, "220 hi\r\n", FULL, CLIENT_READY, ""},
};

BOTH_WAYS(an_opening_ends_ready_or_closed)
{
	for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
		enum client_next next;

		set_up(openings[i].dialect);
		next = hear(openings[i].greeting);
		if (openings[i].hello != NULL) {
			ck_assert_int_eq(next, CLIENT_SEND);
			next = hear(openings[i].hello);
		}
		ck_assert_msg(next == openings[i].next, "%s: %d",
		    openings[i].greeting, next);
		ck_assert_str_eq(f.dsn, openings[i].dsn);
		if (next == CLIENT_CLOSED)
			ck_assert_int_eq(
			    smtp_client_feed(client, &in, &out, &f),
			    CLIENT_CLOSED);
		tear_down();
	}
}

BOTH_WAYS(helo_is_for_servers_that_know_no_ehlo)
{
	set_up(DIALECT_SMTP);
	ck_assert_int_eq(hear("220 old\r\n"), CLIENT_SEND);
	buf_reset(&out);
	ck_assert_int_eq(hear("502 what is EHLO\r\n"), CLIENT_SEND);
	said("HELO c.example\r\n");
	ck_assert_int_eq(hear("250-old\r\n250 PIPELINING\r\n"), CLIENT_READY);
	ck_assert_uint_eq(smtp_client_peer(client)->extensions, 0);
	tear_down();
	set_up(DIALECT_SMTP);
	ck_assert_int_eq(hear("220 old\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("500 what\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("550 not you\r\n"), CLIENT_CLOSED);
	tear_down();
	set_up(DIALECT_SMTP);
	ck_assert_int_eq(hear("220 old\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("554 5.3.2 no mail here\r\n"), CLIENT_CLOSED);
	tear_down();
}

START_TEST(replies_without_end_are_given_up)
{
	size_t n = 0;

	split = false;
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	while (hear("250-and\r\n") == CLIENT_READ)
		ck_assert_uint_lt(++n, REPLY_WIRE_MAX);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.5.0");
	fates(1, "4.5.0");
	tear_down();
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	n = 0;
	while (hear("2") == CLIENT_READ)
		ck_assert_uint_le(++n, REPLY_WIRE_MAX);
	tear_down();
}
END_TEST

BOTH_WAYS(tls_begins_anew)
{
	begin(DIALECT_SMTP, "250-s\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
	smtp_client_starttls(client, &out);
	said("STARTTLS\r\n");
	ck_assert_int_eq(hear("220 go\r\n"), CLIENT_STARTTLS);
	smtp_client_tls_done(client, &out);
	said("EHLO c.example\r\n");
	ck_assert_uint_eq(smtp_client_peer(client)->extensions, 0);
	ck_assert_str_eq(smtp_client_peer(client)->auth, "");
	ck_assert_int_eq(hear("250-s\r\n250 AUTH LOGIN\r\n"), CLIENT_READY);
	ck_assert_str_eq(smtp_client_peer(client)->auth, "LOGIN");
	tear_down();
	begin(DIALECT_SMTP, "250-s\r\n250 STARTTLS\r\n");
	smtp_client_starttls(client, &out);
	ck_assert_int_eq(hear("454 4.7.0 not now\r\n"), CLIENT_READY);
	ck_assert_str_eq(f.dsn, "4.7.0");
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	tear_down();
}

START_TEST(words_behind_starttls_end_the_session)
{
	split = false;
	begin(DIALECT_SMTP, "250-s\r\n250 STARTTLS\r\n");
	smtp_client_starttls(client, &out);
	ck_assert_int_eq(
	    hear("220 go\r\n250-s\r\n250 AUTH PLAIN\r\n"), CLIENT_CLOSED);
	ck_assert_str_eq(f.dsn, "4.7.0");
	tear_down();
	begin(DIALECT_SMTP, "250-s\r\n250 STARTTLS\r\n");
	smtp_client_starttls(client, &out);
	ck_assert_int_eq(hear("220 go\r\n2"), CLIENT_CLOSED);
	tear_down();
}
END_TEST

BOTH_WAYS(auth_plain_is_one_line)
{
	begin(DIALECT_SMTP, "250-s\r\n250 AUTH PLAIN\r\n");
	ck_assert(smtp_client_auth(client, str("ann"), str("secret"), &out));
	said("AUTH PLAIN AGFubgBzZWNyZXQ=\r\n");
	ck_assert_int_eq(hear("235 2.7.0 welcome\r\n"), CLIENT_READY);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	tear_down();
	begin(DIALECT_SMTP, "250-s\r\n250 AUTH PLAIN\r\n");
	ck_assert(smtp_client_auth(client, str("ann"), str("wrong"), &out));
	ck_assert_int_eq(hear("535 5.7.8 no\r\n"), CLIENT_CLOSED);
	ck_assert_str_eq(f.dsn, "5.7.8");
	tear_down();
}

BOTH_WAYS(auth_login_is_a_dialogue)
{
	begin(DIALECT_SMTP, "250-s\r\n250 AUTH NTLM LOGIN\r\n");
	ck_assert(smtp_client_auth(client, str("ann"), str("secret"), &out));
	said("AUTH LOGIN\r\n");
	ck_assert_int_eq(hear("334 VXNlcm5hbWU6\r\n"), CLIENT_SEND);
	said("YW5u\r\n");
	ck_assert_int_eq(hear("334 UGFzc3dvcmQ6\r\n"), CLIENT_SEND);
	said("c2VjcmV0\r\n");
	ck_assert_int_eq(hear("235 2.7.0 welcome\r\n"), CLIENT_READY);
	tear_down();
	/* A server that asks for ever. */
	begin(DIALECT_SMTP, "250-s\r\n250 AUTH LOGIN\r\n");
	ck_assert(smtp_client_auth(client, str("ann"), str("secret"), &out));
	ck_assert_int_eq(hear("334 a\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("334 b\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("334 c\r\n"), CLIENT_CLOSED);
	tear_down();
	begin(DIALECT_SMTP, "250-s\r\n250 AUTH NTLM CRAM-MD5\r\n");
	ck_assert(!smtp_client_auth(client, str("ann"), str("secret"), &out));
	said("");
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	tear_down();
}

BOTH_WAYS(a_body_that_is_cut_gets_the_servers_reason)
{
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(2, 1), CLIENT_SEND);
	ck_assert_int_eq(
	    hear("250 a\r\n250 b\r\n550 5.1.1 c\r\n354 go\r\n"), CLIENT_BODY);
	smtp_client_body(client, str("x"), &out);
	smtp_client_body_cut(client);
	ck_assert(!smtp_client_is_in_doubt(client));
	ck_assert_int_eq(hear("552 5.3.4 too big\r\n"), CLIENT_DONE);
	fates(2, "5.3.4 5.1.1");
	ck_assert(smtp_client_is_dead(client));
	ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
	tear_down();
	/* Before the commands were answered. */
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(1, 9), CLIENT_BODY);
	smtp_client_body(client, str("x"), &out);
	smtp_client_body_cut(client);
	ck_assert_int_eq(
	    hear("250 a\r\n250 b\r\n452 4.3.1 full\r\n"), CLIENT_DONE);
	fates(1, "4.3.1");
	tear_down();
	/* Nobody has got it, whatever it says. */
	begin(DIALECT_SMTP, FULL);
	ck_assert_int_eq(send_to(1, 9), CLIENT_BODY);
	smtp_client_body(client, str("x"), &out);
	smtp_client_body_cut(client);
	ck_assert_int_eq(hear("250 a\r\n250 b\r\n250 ok\r\n"), CLIENT_DONE);
	fates(1, "4.4.2");
	tear_down();
}

static const struct {
	const char *reply, *fate;
} too_many[] = {
    {"452 4.5.3 too many recipients\r\n", "4.5.3"},
    {"552 too many recipients\r\n", "4.5.3"},
    {"552 5.5.3 too many recipients\r\n", "4.5.3"},
    {"552 5.2.2 mailbox full\r\n", "5.2.2"},
    {"452 4.3.1 no space\r\n", "4.3.1"},
    {"550 5.5.3 too many\r\n", "5.5.3"},
};

BOTH_WAYS(a_recipient_that_is_one_too_many_is_for_the_next_time)
{
	for (size_t i = 0; i < ARRAY_LEN(too_many); i++) {
		char expected[32];

		begin(DIALECT_SMTP, BATCH);
		ck_assert_int_eq(send_to(2, 1), CLIENT_SEND);
		ck_assert_int_eq(hear("250 a\r\n250 b\r\n"), CLIENT_READ);
		ck_assert_int_eq(hear(too_many[i].reply), CLIENT_READ);
		ck_assert_int_eq(hear("354 go\r\n"), CLIENT_BODY);
		body("x");
		ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_DONE);
		snprintf(expected, sizeof expected, "+ %s", too_many[i].fate);
		fates(2, expected);
		tear_down();
	}
}

/* RFC 5321 4.5.3.2. */
BOTH_WAYS(each_stage_has_its_own_patience)
{
	enum { MINUTE = 60000 };

	set_up(DIALECT_SMTP);
	ck_assert_int_eq(smtp_client_timeout(client), 5 * MINUTE);
	tear_down();
	begin(DIALECT_SMTP, BARE);
	ck_assert_uint_eq(smtp_client_heard(client), 2);
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	ck_assert_int_eq(smtp_client_timeout(client), 5 * MINUTE);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	ck_assert_int_eq(smtp_client_timeout(client), 5 * MINUTE);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	ck_assert_int_eq(smtp_client_timeout(client), 2 * MINUTE);
	ck_assert_int_eq(hear("354 ok\r\n"), CLIENT_BODY);
	ck_assert_int_eq(smtp_client_timeout(client), 3 * MINUTE);
	body("x");
	ck_assert_int_eq(smtp_client_timeout(client), 10 * MINUTE);
	ck_assert_uint_eq(smtp_client_heard(client), 5);
	tear_down();
}

static const struct {
	enum smtp_dialect dialect;
	const char *hello;
	struct envelope_mail mail;
	const char *rcpt;
	uint64_t size;
	const char *fate; /* NULL: it is sent */
} needs[] = {
    {DIALECT_SMTP, BARE, {.smtputf8 = true}, NULL, 1, "5.6.7"},
    {DIALECT_LMTP, BARE, {.smtputf8 = true}, NULL, 1, "5.6.7"},
    {DIALECT_SMTP, FULL, {.smtputf8 = true}, NULL, 1, NULL},
    {DIALECT_SMTP, BARE, {.size = 0}, "k\xc3\xb6ln@s.example", 1, "5.6.7"},
    {DIALECT_SMTP, FULL, {.size = 0}, "k\xc3\xb6ln@s.example", 1, NULL},
    {DIALECT_SMTP, BARE, {.body = BODY_8BITMIME}, NULL, 1, "5.6.1"},
    {DIALECT_LMTP, BARE, {.body = BODY_8BITMIME}, NULL, 1, NULL},
    {DIALECT_SMTP, FULL, {.body = BODY_8BITMIME}, NULL, 1, NULL},
    {DIALECT_LMTP, BATCH, {.body = BODY_BINARYMIME}, NULL, 1, "5.6.1"},
    {DIALECT_LMTP, "250-s\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
	{.body = BODY_BINARYMIME}, NULL, 0, "5.6.1"},
    {DIALECT_LMTP, "250-s\r\n250-CHUNKING\r\n250 BINARYMIME\r\n",
	{.body = BODY_BINARYMIME}, NULL, 1, NULL},
    {DIALECT_SMTP, FULL, {.requiretls = true}, NULL, 1, "5.7.30"},
    {DIALECT_LMTP, FULL, {.requiretls = true}, NULL, 1, NULL},
    {DIALECT_SMTP, "250-s\r\n250 REQUIRETLS\r\n", {.requiretls = true}, NULL, 1,
	"5.7.30"},
    {DIALECT_SMTP, "250-s\r\n250 SIZE 1000\r\n", {.size = 0}, NULL, 1000, NULL},
    {DIALECT_SMTP, "250-s\r\n250 SIZE 1000\r\n", {.size = 0}, NULL, 1001,
	"5.3.4"},
    {DIALECT_SMTP, "250-s\r\n250 SIZE 1000\r\n", {.size = 1001}, NULL, 0,
	"5.3.4"},
    {DIALECT_SMTP, "250-s\r\n250 SIZE 0\r\n", {.size = 0}, NULL, 1001, NULL},
    {DIALECT_SMTP, "250-s\r\n250 SIZE\r\n", {.size = 0}, NULL, 1001, NULL},
};

START_TEST(what_the_server_cannot_take_is_not_sent)
{
	split = false;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		struct address from;
		enum client_next next;

		begin(needs[i].dialect, needs[i].hello);
		from = mail.reverse_path;
		mail = needs[i].mail;
		mail.reverse_path = from;
		if (needs[i].rcpt != NULL)
			ck_assert_int_eq(address_parse(str(needs[i].rcpt),
					     &rcpts[0].forward_path, &f),
			    0);
		next = send_to(1, needs[i].size);
		if (needs[i].fate == NULL) {
			ck_assert_msg(
			    next == CLIENT_SEND || next == CLIENT_BODY,
			    "%zu: %d", i, next);
		} else {
			ck_assert_msg(next == CLIENT_DONE, "%zu: %d", i, next);
			fates(1, needs[i].fate);
			said("");
			mail.smtputf8 = false;
		}
		tear_down();
	}
}
END_TEST

BOTH_WAYS(binary_messages_of_unknown_size_go_in_chunks)
{
	begin(DIALECT_SMTP, FULL);
	mail.body = BODY_BINARYMIME;
	ck_assert_int_eq(send_to(1, 0), CLIENT_BODY);
	said("MAIL FROM:<me@c.example> BODY=BINARYMIME\r\n"
	     "RCPT TO:<u0@s.example>\r\n");
	smtp_client_body(client, str_n("\0.\n", 3), &out);
	ck_assert(str_is(buf_str(&out), str_n("BDAT 3\r\n\0.\n", 11)));
	buf_reset(&out);
	body("xy");
	said("BDAT 2\r\nxyBDAT 0 LAST\r\n");
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n250 3\r\n250 2\r\n250 done\r\n"),
	    CLIENT_DONE);
	fates(1, "+");
	ck_assert_int_eq(send_to(1, 0), CLIENT_BODY);
	body("xy");
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n452 4.3.1 full\r\n503 no\r\n"),
	    CLIENT_DONE);
	fates(1, "4.3.1");
	tear_down();
	begin(DIALECT_LMTP, FULL);
	mail.body = BODY_BINARYMIME;
	ck_assert_int_eq(send_to(2, 0), CLIENT_BODY);
	body("xy");
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n250 ok\r\n452 4.3.1 full\r\n"),
	    CLIENT_DONE);
	fates(2, "4.3.1 4.3.1");
	tear_down();
}

BOTH_WAYS(chunks_without_pipelining_wait_for_the_recipients)
{
	begin(DIALECT_SMTP, "250-s\r\n250-CHUNKING\r\n250 BINARYMIME\r\n");
	mail.body = BODY_BINARYMIME;
	ck_assert_int_eq(send_to(2, 3), CLIENT_SEND);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_SEND);
	ck_assert_int_eq(hear("550 5.1.1 no\r\n"), CLIENT_SEND);
	buf_reset(&out);
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_BODY);
	body("abc");
	said("BDAT 3 LAST\r\nabc");
	ck_assert_int_eq(hear("250 ok\r\n"), CLIENT_DONE);
	fates(2, "5.1.1 +");
	tear_down();
}

BOTH_WAYS(xforward_goes_before_mail)
{
	const struct envelope_xforward facts = {
	    .name = str("a b"), .ident = str("id-1"), .helo = str("h")};
	const struct smtp_client_message message = {.mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = 1,
	    .xforward = &facts,
	    .size = 1};

	begin(DIALECT_LMTP, FULL);
	ck_assert_str_eq(smtp_client_peer(client)->xforward, "NAME ADDR IDENT");
	ck_assert_int_eq(smtp_client_send(client, &message, &out), CLIENT_BODY);
	body("x");
	said("XFORWARD NAME=a+20b IDENT=id-1\r\n"
	     "MAIL FROM:<me@c.example>\r\nRCPT TO:<u0@s.example>\r\n"
	     "BDAT 1 LAST\r\nx");
	/* Who refuses it gets the message, but is not thought to know ids. */
	ck_assert_int_eq(
	    hear("550 5.7.0 not you\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
	    CLIENT_DONE);
	fates(1, "+");
	ck_assert_str_eq(smtp_client_peer(client)->xforward, "");
	ck_assert_int_eq(smtp_client_send(client, &message, &out), CLIENT_BODY);
	ck_assert(str_starts(buf_str(&out), str("MAIL")));
	tear_down();
}

START_TEST(a_transaction_for_nobody_is_done)
{
	split = false;
	begin(DIALECT_LMTP, FULL);
	ck_assert_int_eq(send_to(0, 1), CLIENT_DONE);
	said("");
	smtp_client_quit(client, &out);
	said("QUIT\r\n");
	tear_down();
}
END_TEST

START_TEST(ehlo_says_what_the_server_can)
{
	const struct smtp_peer *peer;
	char text[3000];
	size_t used;

	split = false;
	begin(DIALECT_SMTP,
	    "250-PIPELINING\r\n250-size 12345\r\n250-8bitmime\r\n"
	    "250-X-UNKNOWN a b\r\n250-AUTH PLAIN LOGIN\r\n250-DSN\r\n"
	    "250-AUTH=OLD\r\n250-LIMITS RCPTMAX=50 x=y MAILMAX=7\r\n"
	    "250-REQUIRETLS \r\n250 LIMITSX\r\n");
	peer = smtp_client_peer(client);
	/* The first line is only a name. */
	ck_assert_uint_eq(peer->extensions, EXT_SIZE | EXT_8BITMIME | EXT_AUTH |
						EXT_DSN | EXT_LIMITS |
						EXT_REQUIRETLS);
	ck_assert_uint_eq(peer->max_size, 12345);
	ck_assert_uint_eq(peer->rcpt_max, 50);
	ck_assert_uint_eq(peer->mail_max, 7);
	ck_assert_str_eq(peer->auth, "PLAIN LOGIN");
	tear_down();
	used = (size_t)snprintf(text, sizeof text, "250-s\r\n250 AUTH");
	for (int i = 0; i < 100; i++)
		used += (size_t)snprintf(
		    text + used, sizeof text - used, " MECH-%d", i);
	snprintf(text + used, sizeof text - used, "\r\n");
	begin(DIALECT_SMTP, text);
	peer = smtp_client_peer(client);
	ck_assert_uint_lt(strlen(peer->auth), sizeof peer->auth);
	/* Whole names only. */
	ck_assert(str_ends(str(peer->auth), str(" MECH-16")));
	tear_down();
	begin(DIALECT_SMTP, "250-s\r\n250-SIZE -1\r\n250 LIMITS RCPTMAX=0 "
			    "MAILMAX=99999999999999999999\r\n");
	peer = smtp_client_peer(client);
	ck_assert_uint_eq(peer->max_size, 0);
	ck_assert_uint_eq(peer->rcpt_max, 0);
	ck_assert_uint_eq(peer->mail_max, 0);
	tear_down();
}
END_TEST

BOTH_WAYS(a_body_whose_end_is_lost_is_in_no_doubt)
{
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(1, 100), CLIENT_SEND);
	ck_assert_int_eq(
	    hear("250 ok\r\n250 ok\r\n354 go on\r\n"), CLIENT_BODY);
	ck_assert(smtp_client_body_is_silent(client));
	body("x");
	ck_assert(smtp_client_is_in_doubt(client));
	smtp_client_body_cut(client);
	ck_assert(!smtp_client_is_in_doubt(client));
	ck_assert_int_eq(hear("250 2.0.0 taken\r\n"), CLIENT_DONE);
	fates(1, "4.4.2");
	ck_assert_int_eq(send_to(1, 1), CLIENT_CLOSED);
	tear_down();
}

START_TEST(the_reply_that_has_decided_is_kept)
{
	begin(DIALECT_SMTP, BATCH);
	ck_assert_int_eq(send_to(2, 100), CLIENT_SEND);
	ck_assert_int_eq(hear("250 ok\r\n250 ok\r\n550-5.1.1 no\r\n"
			      "550 5.1.1 body\r\n354 go on\r\n"),
	    CLIENT_BODY);
	body("x");
	ck_assert(!smtp_client_is_answered(client, 0));
	ck_assert(smtp_client_is_answered(client, 1));
	ck_assert_int_eq(hear("250 2.0.0 as 4711\r\n"), CLIENT_DONE);
	ck_assert(smtp_client_is_answered(client, 0));
	ck_assert_view_eq(smtp_client_said(client, 0), "250 2.0.0 as 4711");
	ck_assert_view_eq(smtp_client_said(client, 1), "550 5.1.1 no body");
	ck_assert_view_eq(smtp_client_last_words(client), "");
	/* A session's end is no answer, but has words. */
	buf_reset(&out);
	ck_assert_int_eq(send_to(2, 100), CLIENT_SEND);
	ck_assert_int_eq(hear("250 ok\r\n550 5.1.1 no\r\n421 4.3.2 down\r\n"),
	    CLIENT_CLOSED);
	fates(2, "5.1.1 4.3.2");
	ck_assert(smtp_client_is_answered(client, 0));
	ck_assert(!smtp_client_is_answered(client, 1));
	ck_assert(!smtp_client_is_in_doubt(client));
	ck_assert_view_eq(smtp_client_said(client, 1), "421 4.3.2 down");
	ck_assert_view_eq(smtp_client_last_words(client), "421 4.3.2 down");
	tear_down();
	/* What we say ourselves is no reply. */
	begin(DIALECT_SMTP, BARE);
	mail.body = BODY_8BITMIME;
	ck_assert_int_eq(send_to(1, 100), CLIENT_DONE);
	ck_assert(smtp_client_is_answered(client, 0));
	ck_assert_view_eq(smtp_client_said(client, 0), "");
	tear_down();
}
END_TEST

BOTH_WAYS(etrn_is_asked_between_messages)
{
	begin(DIALECT_LMTP, "250-s\r\n250 ETRN\r\n");
	ck_assert_uint_eq(smtp_client_peer(client)->extensions, EXT_ETRN);
	smtp_client_etrn(client, str("@far.example"), &out);
	said("ETRN @far.example\r\n");
	ck_assert_int_eq(hear("253 2.0.0 5 pending\r\n"), CLIENT_READY);
	ck_assert_view_eq(
	    smtp_client_last_words(client), "253 2.0.0 5 pending");
	smtp_client_etrn(client, str("far.example"), &out);
	said("ETRN far.example\r\n");
	ck_assert_int_eq(hear("459 5.7.1 not yours\r\n"), CLIENT_READY);
	ck_assert_view_eq(
	    smtp_client_last_words(client), "459 5.7.1 not yours");
	ck_assert_int_eq(send_to(1, 1), CLIENT_SEND);
	tear_down();
}

UNIT_MAIN("smtp_client", etrn_is_asked_between_messages,
    data_goes_step_by_step_without_pipelining,
    data_is_one_batch_with_pipelining, chunks_make_the_transaction_one_write,
    lmtp_answers_for_each_recipient, each_refusal_reaches_whom_it_concerns,
    after_rset_the_next_transaction_is_as_usual,
    without_pipelining_nothing_is_sent_to_nobody,
    data_that_is_taken_for_nobody_is_ended_empty,
    a_server_that_shuts_down_says_so_for_all_that_are_left,
    doubt_is_where_the_body_went_out_and_no_answer_came,
    more_answers_than_questions_end_the_session,
    an_opening_ends_ready_or_closed, helo_is_for_servers_that_know_no_ehlo,
    replies_without_end_are_given_up, tls_begins_anew,
    words_behind_starttls_end_the_session, auth_plain_is_one_line,
    a_body_that_is_cut_gets_the_servers_reason, auth_login_is_a_dialogue,
    a_recipient_that_is_one_too_many_is_for_the_next_time,
    each_stage_has_its_own_patience, what_the_server_cannot_take_is_not_sent,
    binary_messages_of_unknown_size_go_in_chunks,
    chunks_without_pipelining_wait_for_the_recipients,
    xforward_goes_before_mail, a_transaction_for_nobody_is_done,
    ehlo_says_what_the_server_can, the_reply_that_has_decided_is_kept,
    a_body_whose_end_is_lost_is_in_no_doubt)
