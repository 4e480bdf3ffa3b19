/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/smtp_command.h"

#include <stdio.h>

#include "proto/smtp_peer.h"
#include "tests/unit/unit.h"

static const struct {
	struct envelope_mail mail;
	bool smtputf8;
	uint64_t size;
	unsigned extensions;
	const char *line;
} mails[] = {
    {{.size = 0}, false, 0, ~0u, ""},
    {{.size = 0}, false, 123, ~0u, " SIZE=123"},
    {{.size = 0}, false, 123, 0, ""},
    {{.body = BODY_8BITMIME}, false, 0, EXT_8BITMIME, " BODY=8BITMIME"},
    {{.body = BODY_BINARYMIME}, false, 0, ~0u, " BODY=BINARYMIME"},
    {{.body = BODY_BINARYMIME}, false, 0, EXT_8BITMIME, ""},
    {{.size = 0}, true, 0, EXT_SMTPUTF8, " SMTPUTF8"},
    {{.ret = RET_FULL, .envid = {"a=b c", 5}}, false, 0, EXT_DSN,
	" RET=FULL ENVID=a+3Db+20c"},
    {{.ret = RET_HDRS}, false, 0, EXT_DSN, " RET=HDRS"},
    {{.ret = RET_HDRS, .envid = {"x", 1}}, false, 0, EXT_SIZE, ""},
    {{.has_auth = true}, false, 0, EXT_AUTH, " AUTH=<>"},
    {{.has_auth = true, .auth = {"a+b@c", 5}}, false, 0, EXT_AUTH,
	" AUTH=a+2Bb@c"},
    {{.has_auth = true}, false, 0, EXT_DSN, ""},
    {{.requiretls = true}, false, 0, EXT_REQUIRETLS, " REQUIRETLS"},
    {{.requiretls = true}, false, 0, EXT_DSN, ""},
    {{.verp = true}, false, 0, EXT_XVERP, " XVERP"},
    {{.verp = true}, false, 0, EXT_REQUIRETLS, ""},
};

START_TEST(mail_has_the_parameters_that_the_peer_knows)
{
	struct buf out;
	char line[200];

	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(mails); i++) {
		struct envelope_mail mail = mails[i].mail;

		mail.reverse_path.host = ADDRESS_NO_HOST;
		buf_reset(&out);
		smtp_command_put_mail(&out, &mail, mails[i].smtputf8,
		    mails[i].size, mails[i].extensions);
		snprintf(
		    line, sizeof line, "MAIL FROM:<>%s\r\n", mails[i].line);
		ck_assert_str_eq(buf_text(&out), line);
	}
	buf_clear(&out);
}
END_TEST

static const struct {
	struct envelope_rcpt rcpt;
	unsigned extensions;
	const char *line;
} rcpts[] = {
    {{.notify = NOTIFY_UNSET}, ~0u, ""},
    {{.notify = NOTIFY_NEVER}, EXT_DSN, " NOTIFY=NEVER"},
    {{.notify = NOTIFY_FAILURE}, EXT_DSN, " NOTIFY=FAILURE"},
    {{.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY}, EXT_DSN,
	" NOTIFY=SUCCESS,FAILURE,DELAY"},
    {{.notify = NOTIFY_FAILURE,
	 .orcpt_type = {"rfc822", 6},
	 .orcpt = {"a+b@c.d", 7}},
	EXT_DSN, " NOTIFY=FAILURE ORCPT=rfc822;a+2Bb@c.d"},
    {{.notify = NOTIFY_FAILURE, .orcpt_type = {"rfc822", 6}, .orcpt = {"a", 1}},
	EXT_SIZE, ""},
};

START_TEST(rcpt_has_the_parameters_that_the_peer_knows)
{
	struct buf out;
	char line[200];
	struct fault f;

	buf_init(&out, 1000);
	for (size_t i = 0; i < ARRAY_LEN(rcpts); i++) {
		struct envelope_rcpt rcpt = rcpts[i].rcpt;

		ck_assert_int_eq(address_parse(str("\"a b\"@c.example"),
				     &rcpt.forward_path, &f),
		    0);
		buf_reset(&out);
		smtp_command_put_rcpt(&out, &rcpt, rcpts[i].extensions);
		snprintf(line, sizeof line, "RCPT TO:<\"a b\"@c.example>%s\r\n",
		    rcpts[i].line);
		ck_assert_str_eq(buf_text(&out), line);
	}
	buf_clear(&out);
}
END_TEST

START_TEST(xforward_says_what_is_known_and_wanted)
{
	const struct envelope_xforward facts = {.name = str("host"),
	    .addr = str("192.0.2.1"),
	    .port = str("25"),
	    .proto = str("ESMTP"),
	    .helo = str("a\r\nb=c+d"),
	    .ident = str("id"),
	    .source = str("REMOTE")};
	struct buf out;

	buf_init(&out, 10000);
	ck_assert_uint_eq(smtp_command_put_xforward(&out, &facts,
			      "NAME ADDR PORT PROTO HELO IDENT SOURCE"),
	    1);
	ck_assert_str_eq(buf_text(&out),
	    "XFORWARD NAME=host ADDR=192.0.2.1 PORT=25 PROTO=ESMTP "
	    "HELO=a+0D+0Ab+3Dc+2Bd IDENT=id SOURCE=REMOTE\r\n");
	buf_reset(&out);
	ck_assert_uint_eq(
	    smtp_command_put_xforward(&out, &facts, "ident nosuch"), 1);
	ck_assert_str_eq(buf_text(&out), "XFORWARD ident=id\r\n");
	buf_reset(&out);
	ck_assert_uint_eq(smtp_command_put_xforward(&out, &facts, ""), 0);
	ck_assert_uint_eq(
	    smtp_command_put_xforward(
		&out, &(struct envelope_xforward){.name = str("")}, "NAME"),
	    0);
	ck_assert_uint_eq(buf_len(&out), 0);
	buf_clear(&out);
}
END_TEST

START_TEST(long_xforward_takes_more_lines)
{
	char name[300], helo[300];
	struct envelope_xforward facts = {.ident = str("id")};
	struct str rest, line;
	struct buf out;
	unsigned lines, n = 0;

	memset(name, 'n', sizeof name);
	memset(helo, 'h', sizeof helo);
	facts.name = str_n(name, sizeof name);
	facts.helo = str_n(helo, sizeof helo);
	buf_init(&out, 10000);
	lines = smtp_command_put_xforward(&out, &facts, "NAME HELO IDENT");
	rest = buf_str(&out);
	while (rest.len > 0) {
		line = str_cut(&rest, '\n');
		ck_assert_uint_le(line.len, 511);
		ck_assert(str_starts(line, str("XFORWARD ")));
		ck_assert(str_ends(line, str("\r")));
		n++;
	}
	ck_assert_uint_eq(lines, 2);
	ck_assert_uint_eq(n, 2);
	ck_assert(str_ends(buf_str(&out), str(" IDENT=id\r\n")));
	buf_clear(&out);
}
END_TEST

UNIT_MAIN("smtp_command", mail_has_the_parameters_that_the_peer_knows,
    rcpt_has_the_parameters_that_the_peer_knows,
    xforward_says_what_is_known_and_wanted, long_xforward_takes_more_lines)
