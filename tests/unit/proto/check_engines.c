/* SPDX-License-Identifier: ISC */
/*
 * Both engines back to back, memory to memory: what one says the other must
 * understand, in both dialects, with each set of extensions, on any split.
 */
#include "config.h"

#include <stdio.h>

#include "proto/smtp_client.h"
#include "proto/smtp_server.h"
#include "tests/unit/unit.h"

enum { RCPTS = 4, ROOM = 1 << 20 };

/* What may be taken out of the server's answer to EHLO. */
static const char *const extensions[] = {"PIPELINING", "CHUNKING", "BINARYMIME",
    "8BITMIME", "SIZE", "DSN", "SMTPUTF8", "XFORWARD"};
enum { ALL = (1 << ARRAY_LEN(extensions)) - 1 };

/* How the server's side is told to behave, and what reached it. */
struct far {
	bool refuse_mail, refuse_body;
	unsigned refuse_rcpts, fail_rcpts; /* bits: at RCPT, after the body */
	struct envelope_mail mail;
	char envid[64], ident[64];
	struct envelope_rcpt rcpts[RCPTS];
	size_t n_rcpts;
	struct buf body;
	unsigned messages, resets;
};

static struct far far;
static struct smtp_server_conf server_conf;
static struct smtp_server *server;
static struct smtp_client *client;
static struct buf to_server, from_server, in, out;
static struct fault f;
static enum smtp_next server_next;
static size_t piece;      /* bytes that are passed on at once */
static unsigned left_out; /* bits of extensions */

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *fault)
{
	(void)ctx;
	if (far.refuse_mail)
		return fault_temp(fault, "4.7.1", "not now");
	far.mail = *mail;
	far.n_rcpts = 0;
	buf_reset(&far.body);
	ck_assert(str_copy(mail->envid, far.envid, sizeof far.envid));
	ck_assert(str_copy(st->xforward.ident, far.ident, sizeof far.ident));
	return 0;
}

/* The number in "u1@s.example". */
static unsigned
number_of(const struct envelope_rcpt *rcpt)
{
	ck_assert_int_eq(rcpt->forward_path.local[0], 'u');
	return (unsigned)(rcpt->forward_path.local[1] - '0');
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *fault)
{
	(void)ctx;
	(void)st;
	if ((far.refuse_rcpts & 1u << number_of(rcpt)) != 0)
		return fault_perm(fault, "5.1.1", "no such user");
	ck_assert_uint_lt(far.n_rcpts, RCPTS);
	far.rcpts[far.n_rcpts++] = *rcpt;
	return 0;
}

static int
on_body_write(void *ctx, const struct smtp_state *st, struct str bytes,
    struct fault *fault)
{
	(void)ctx;
	(void)st;
	if (far.refuse_body)
		return fault_perm(fault, "5.6.0", "not this");
	buf_put_str(&far.body, bytes);
	return 0;
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *fault)
{
	(void)ctx;
	(void)fault;
	(void)words;
	for (size_t i = 0; i < st->n_rcpts; i++) {
		outcomes[i].ok = true;
		if ((far.fail_rcpts & 1u << number_of(&st->rcpts[i])) == 0)
			continue;
		outcomes[i].ok = false;
		fault_temp(&outcomes[i].fault, "4.2.2", "full");
	}
	far.messages++;
	return 0;
}

static void
on_reset(void *ctx)
{
	(void)ctx;
	far.resets++;
}

static const char *
on_mechanisms(void *ctx, const struct smtp_state *st)
{
	(void)ctx;
	return st->tls ? "PLAIN" : NULL;
}

static enum auth_result
on_auth(void *ctx, const struct smtp_state *st, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user)
{
	(void)ctx;
	(void)st;
	(void)challenge;
	ck_assert_str_eq(mechanism, "PLAIN");
	ck_assert(has_response);
	if (!str_is(response, str_n("\0ann\0secret", 11)))
		return AUTH_FAILED;
	buf_puts(user, "ann");
	return AUTH_OK;
}

static const struct smtp_policy policy = {
    .auth_mechanisms = on_mechanisms,
    .auth_step = on_auth,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
};

static bool
is_left_out(struct str line)
{
	struct str name;

	if (line.len < 4)
		return false;
	name = str_head(str_from(line, 4), strcspn(line.at + 4, " \r\n"));
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (str_is(name, str(extensions[i])))
			return (left_out & 1u << i) != 0;
	return false;
}

/* Takes those lines out of EHLO's reply. ENHANCEDSTATUSCODES may be last. */
static void
thin_out(struct buf *reply)
{
	struct str rest = buf_str(reply);
	struct buf kept;
	size_t last = 0;

	buf_init(&kept, ROOM);
	while (rest.len > 0) {
		struct str line = str_head(rest, str_find(rest, '\n') + 1);

		if (!is_left_out(line)) {
			last = buf_len(&kept);
			buf_put_str(&kept, line);
		}
		rest = str_from(rest, line.len);
	}
	kept.bytes[last + 3] = ' ';
	buf_clear(reply);
	*reply = kept;
}

/* Moves what the client has written to the server. */
static void
to_far_side(void)
{
	while (buf_len(&out) > 0) {
		struct str part = str_head(buf_str(&out), piece);
		bool hello = str_starts(part, str("EHLO")) ||
			     str_starts(part, str("LHLO"));

		buf_put_str(&to_server, part);
		buf_consume(&out, part.len);
		server_next =
		    smtp_server_feed(server, &to_server, &from_server);
		if (hello)
			thin_out(&from_server);
	}
}

/* Moves what the server has written to the client, until that wants more than
 * to read. */
static enum client_next
to_near_side(void)
{
	enum client_next next = CLIENT_READ;

	while (next == CLIENT_READ && buf_len(&from_server) > 0) {
		struct str part = str_head(buf_str(&from_server), piece);

		buf_put_str(&in, part);
		buf_consume(&from_server, part.len);
		next = smtp_client_feed(client, &in, &out, &f);
	}
	ck_assert_msg(next != CLIENT_CLOSED, "%s", f.text);
	return next;
}

/* As a driver with a socket does. */
static enum client_next
drive(enum client_next next)
{
	while (next == CLIENT_SEND || next == CLIENT_READ) {
		to_far_side();
		ck_assert_msg(buf_len(&from_server) > 0,
		    "both wait for the other to speak");
		next = to_near_side();
	}
	return next;
}

static void
connect_engines(enum smtp_dialect dialect)
{
	const struct smtp_client_conf conf = {dialect, "c.example"};
	size_t at_once = piece;

	memset(&far, 0, sizeof far);
	server_conf.dialect = dialect;
	server_conf.hostname = "s.example";
	server_conf.max_rcpts = 100;
	server_conf.max_size = 10000;
	server_conf.xforward = true;
	server = smtp_server_new(&server_conf, &policy, NULL, false);
	client = smtp_client_new(&conf);
	buf_init(&far.body, ROOM);
	buf_init(&to_server, ROOM);
	buf_init(&from_server, ROOM);
	buf_init(&in, ROOM);
	buf_init(&out, ROOM);
	smtp_server_greet(server, NULL, &from_server);
	/* EHLO's answer must come whole to be thinned out. */
	piece = ROOM;
	ck_assert_int_eq(drive(to_near_side()), CLIENT_READY);
	piece = at_once;
}

static void
disconnect(void)
{
	smtp_client_free(&client);
	smtp_server_free(&server);
	buf_clear(&far.body);
	buf_clear(&to_server);
	buf_clear(&from_server);
	buf_clear(&in);
	buf_clear(&out);
	memset(&server_conf, 0, sizeof server_conf);
}

static struct envelope_mail mail;
static struct envelope_rcpt rcpts[RCPTS];
static const struct envelope_xforward xforward = {.ident = {"id 1", 4}};

static void
make_envelope(void)
{
	mail = (struct envelope_mail){
	    .ret = RET_HDRS, .envid = {"a=b", 3}, .has_auth = true};
	ck_assert_int_eq(address_parse_reverse(str("<\"a b\"@c.example>"),
			     false, &mail.reverse_path, &(struct str){0}, &f),
	    0);
	for (unsigned i = 0; i < RCPTS; i++) {
		char text[32];

		snprintf(text, sizeof text, "u%u@s.example", i);
		rcpts[i] = (struct envelope_rcpt){.notify = NOTIFY_FAILURE,
		    .orcpt_type = {"rfc822", 6},
		    .orcpt = {"x+y@z", 5}};
		ck_assert_int_eq(
		    address_parse(str(text), &rcpts[i].forward_path, &f), 0);
	}
}

static void
send_message(struct str body, bool size_known)
{
	const struct smtp_client_message message = {
	    .mail = &mail,
	    .rcpts = rcpts,
	    .n_rcpts = RCPTS,
	    .xforward = &xforward,
	    .size = size_known ? body.len : 0,
	};
	enum client_next next = drive(smtp_client_send(client, &message, &out));

	if (next == CLIENT_BODY) {
		while (body.len > 0) {
			struct str part = str_head(body, piece);

			smtp_client_body(client, part, &out);
			to_far_side();
			body = str_from(body, part.len);
		}
		smtp_client_body_end(client, &out);
		ck_assert(smtp_client_is_in_doubt(client));
		next = drive(CLIENT_READ);
	}
	ck_assert_int_eq(next, CLIENT_DONE);
	ck_assert_uint_eq(buf_len(&from_server), 0);
	ck_assert_uint_eq(buf_len(&in), 0);
	ck_assert_int_eq(server_next, SMTP_NEXT_INPUT);
}

/* "+" for ok, else the dsn, for each recipient in turn. */
static void
fates(const char *expected)
{
	const struct smtp_outcome *o = smtp_client_outcomes(client);
	char all[100] = "";
	size_t used = 0;

	for (size_t i = 0; i < RCPTS; i++)
		used += (size_t)snprintf(all + used, sizeof all - used, "%s%s",
		    i > 0 ? " " : "", o[i].ok ? "+" : o[i].fault.dsn);
	ck_assert_str_eq(all, expected);
}

static bool
offered(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
		if (strcmp(extensions[i], name) == 0)
			return (left_out & 1u << i) == 0;
	return false;
}

static void
check_arrival(struct str body)
{
	bool dsn = offered("DSN");

	ck_assert(str_is(buf_str(&far.body), body));
	ck_assert(address_is_same(&far.mail.reverse_path, &mail.reverse_path));
	ck_assert_str_eq(far.envid, dsn ? "a=b" : "");
	ck_assert_int_eq(far.mail.ret, dsn ? RET_HDRS : RET_UNSET);
	ck_assert_str_eq(far.ident, offered("XFORWARD") ? "id 1" : "");
	ck_assert_uint_eq(
	    far.rcpts[0].notify, dsn ? NOTIFY_FAILURE : NOTIFY_UNSET);
	ck_assert_int_eq(far.mail.body,
	    (mail.body == BODY_8BITMIME && !offered("8BITMIME")) ? BODY_7BIT
								 : mail.body);
}

static const struct {
	const char *what;
	unsigned refuse_rcpts, fail_rcpts;
	bool refuse_mail, refuse_body;
	const char *smtp, *lmtp; /* fates */
} cases[] = {
    {"all is well", 0, 0, false, false, "+ + + +", "+ + + +"},
    {"some are unknown", 5, 0, false, false, "5.1.1 + 5.1.1 +",
	"5.1.1 + 5.1.1 +"},
    {"all are unknown", 15, 0, false, false, "5.1.1 5.1.1 5.1.1 5.1.1",
	"5.1.1 5.1.1 5.1.1 5.1.1"},
    {"some are full", 1, 4, false, false, "5.1.1 4.2.2 4.2.2 4.2.2",
	"5.1.1 + 4.2.2 +"},
    {"not from this sender", 0, 0, true, false, "4.7.1 4.7.1 4.7.1 4.7.1",
	"4.7.1 4.7.1 4.7.1 4.7.1"},
    {"not this message", 2, 0, false, true, "5.6.0 5.1.1 5.6.0 5.6.0",
	"5.6.0 5.1.1 5.6.0 5.6.0"},
};

static const char text[] = ".a\r\n..\r\n.\r\nSubject: x\r\n\r\nbody\r\n.\r\n";

/* One message of each case, all on one connection. */
static void
send_each_case(enum smtp_dialect dialect)
{
	unsigned sent = 0;

	connect_engines(dialect);
	make_envelope();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool smtp = dialect == DIALECT_SMTP;

		far.refuse_rcpts = cases[i].refuse_rcpts;
		far.fail_rcpts = cases[i].fail_rcpts;
		far.refuse_mail = cases[i].refuse_mail;
		far.refuse_body = cases[i].refuse_body;
		send_message(str(text), i % 2 == 0);
		fates(smtp ? cases[i].smtp : cases[i].lmtp);
		if (far.messages == sent)
			continue;
		sent = far.messages;
		check_arrival(str(text));
	}
	ck_assert_uint_eq(sent, 3);
	disconnect();
}

START_TEST(each_set_of_extensions_brings_the_message_over)
{
	piece = ROOM;
	for (left_out = 0; left_out <= ALL; left_out++) {
		send_each_case(DIALECT_SMTP);
		send_each_case(DIALECT_LMTP);
	}
}
END_TEST

START_TEST(any_split_brings_the_message_over)
{
	for (piece = 1; piece < 20; piece++) {
		/* All, no chunks, and neither these nor pipelining. */
		static const unsigned some[] = {0, 2, 3};

		for (size_t i = 0; i < ARRAY_LEN(some); i++) {
			left_out = some[i];
			send_each_case(DIALECT_SMTP);
			send_each_case(DIALECT_LMTP);
		}
	}
}
END_TEST

START_TEST(eight_bits_need_the_extension_but_in_lmtp)
{
	static const char eight[] = "\r\nK\xf6ln\r\n";

	piece = ROOM;
	for (left_out = 0; left_out <= ALL; left_out++) {
		connect_engines(DIALECT_SMTP);
		make_envelope();
		mail.body = BODY_8BITMIME;
		send_message(str(eight), true);
		if (offered("8BITMIME"))
			check_arrival(str(eight));
		else
			fates("5.6.1 5.6.1 5.6.1 5.6.1");
		ck_assert_uint_eq(far.messages, offered("8BITMIME"));
		disconnect();
		connect_engines(DIALECT_LMTP);
		make_envelope();
		mail.body = BODY_8BITMIME;
		send_message(str(eight), true);
		fates("+ + + +");
		check_arrival(str(eight));
		disconnect();
	}
}
END_TEST

START_TEST(binary_messages_come_over_as_they_are)
{
	static const char bytes[] = "\0.\r\n.\r\n\n\r\r\n.";
	const struct str binary = {bytes, sizeof bytes - 1};

	for (unsigned i = 0; i < 8 * (ALL + 1); i++) {
		bool known = i % 2 == 0;
		bool possible;

		piece = i / 2 % 2 == 0 ? ROOM : 3;
		left_out = i / 8;
		connect_engines(i / 4 % 2 == 0 ? DIALECT_SMTP : DIALECT_LMTP);
		make_envelope();
		mail.body = BODY_BINARYMIME;
		send_message(binary, known);
		possible = offered("BINARYMIME") && offered("CHUNKING") &&
			   (known || offered("PIPELINING"));
		ck_assert_uint_eq(far.messages, possible);
		fates(possible ? "+ + + +" : "5.6.1 5.6.1 5.6.1 5.6.1");
		if (possible)
			check_arrival(binary);
		disconnect();
	}
}
END_TEST

START_TEST(utf8_addresses_need_the_extension)
{
	piece = ROOM;
	for (left_out = 0; left_out <= ALL; left_out++) {
		connect_engines(DIALECT_SMTP);
		make_envelope();
		ck_assert_int_eq(address_parse(str("\xc3\xa4@c.example"),
				     &mail.reverse_path, &f),
		    0);
		send_message(str(text), true);
		if (offered("SMTPUTF8"))
			check_arrival(str(text));
		else
			fates("5.6.7 5.6.7 5.6.7 5.6.7");
		ck_assert_uint_eq(far.messages, offered("SMTPUTF8"));
		disconnect();
	}
}
END_TEST

START_TEST(what_is_too_big_is_refused_by_whoever_knows_first)
{
	static char big[20000];

	memset(big, 'x', sizeof big - 1);
	piece = ROOM;
	for (unsigned i = 0; i < 2 * (ALL + 1); i++) {
		left_out = i / 2;
		connect_engines(i % 2 == 0 ? DIALECT_SMTP : DIALECT_LMTP);
		make_envelope();
		send_message(str(big), true);
		fates("5.3.4 5.3.4 5.3.4 5.3.4");
		send_message(str(text), true);
		fates("+ + + +");
		check_arrival(str(text));
		disconnect();
	}
}
END_TEST

START_TEST(tls_and_a_login_come_before_the_message)
{
	piece = ROOM;
	left_out = 0;
	server_conf.starttls = true;
	server_conf.tls_required = true;
	server_conf.auth_required = true;
	connect_engines(DIALECT_SMTP);
	make_envelope();
	ck_assert((smtp_client_peer(client)->extensions & EXT_STARTTLS) != 0);
	ck_assert_str_eq(smtp_client_peer(client)->auth, "");
	send_message(str(text), true);
	fates("5.7.0 5.7.0 5.7.0 5.7.0");
	smtp_client_starttls(client, &out);
	ck_assert_int_eq(drive(CLIENT_SEND), CLIENT_STARTTLS);
	ck_assert_int_eq(server_next, SMTP_NEXT_STARTTLS);
	smtp_server_tls_done(server);
	smtp_client_tls_done(client, &out);
	ck_assert_int_eq(drive(CLIENT_SEND), CLIENT_READY);
	ck_assert_uint_eq(
	    smtp_client_peer(client)->extensions & EXT_STARTTLS, 0);
	ck_assert_str_eq(smtp_client_peer(client)->auth, "PLAIN");
	ck_assert(smtp_client_auth(client, str("ann"), str("secret"), &out));
	ck_assert_int_eq(drive(CLIENT_SEND), CLIENT_READY);
	ck_assert_view_eq(smtp_server_state(server)->user, "ann");
	send_message(str(text), true);
	fates("+ + + +");
	check_arrival(str(text));
	smtp_client_quit(client, &out);
	to_far_side();
	ck_assert_int_eq(server_next, SMTP_NEXT_CLOSE);
	disconnect();
}
END_TEST

START_TEST(a_server_that_shuts_down_is_understood)
{
	piece = ROOM;
	left_out = 0;
	connect_engines(DIALECT_LMTP);
	make_envelope();
	smtp_server_shutdown(server, &from_server);
	buf_put_str(&in, buf_str(&from_server));
	ck_assert_int_eq(
	    smtp_client_feed(client, &in, &out, &f), CLIENT_CLOSED);
	ck_assert_int_eq(f.kind, FAULT_TEMP);
	ck_assert_str_eq(f.dsn, "4.3.2");
	disconnect();
}
END_TEST

UNIT_MAIN("engines", each_set_of_extensions_brings_the_message_over,
    any_split_brings_the_message_over,
    eight_bits_need_the_extension_but_in_lmtp,
    binary_messages_come_over_as_they_are, utf8_addresses_need_the_extension,
    what_is_too_big_is_refused_by_whoever_knows_first,
    tls_and_a_login_come_before_the_message,
    a_server_that_shuts_down_is_understood)
