/* SPDX-License-Identifier: ISC */
/* proto/smtp_server.h: dialogues, memory to memory. */
#include "config.h"

#include "proto/smtp_server.h"

#include "base/mem.h"
#include "tests/unit/unit.h"

enum {
	OUT_MAX = 4 << 20,
	IN_MAX = 128 << 10,
	EVENTS_MAX = 64 << 10,
};

/* The client waits for answers here. */
#define WAIT "\x16"

#define GREETING "220 mx.example ESMTP Posthouse\r\n"
#define HELLO "EHLO a.example\r\n"
#define HELLO_OK                                                      \
	"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n"       \
	"250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250-DSN\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"               \
	"250 LIMITS RCPTMAX=3\r\n"
#define MAIL "MAIL FROM:<x@y.example>\r\n"
#define MAIL_OK "250 2.1.0 sender ok\r\n"
#define RCPT "RCPT TO:<ann@a.example>\r\n"
#define RCPT_OK "250 2.1.5 recipient ok\r\n"
#define BEGIN HELLO MAIL RCPT
#define BEGIN_OK HELLO_OK MAIL_OK RCPT_OK
#define DATA_OK "354 end data with <CR><LF>.<CR><LF>\r\n"
#define OK "250 2.0.0 ok\r\n"
#define TAKEN "250 2.0.0 taken\r\n"
#define QUIT "QUIT\r\n"
#define BYE "221 2.0.0 mx.example closing connection\r\n"
#define BAD_LINE \
	"500 5.5.2 lines must end in CR LF and have no other CR, LF or NUL\r\n"
#define BARE \
	"554 5.6.0 message has a bare CR or LF: lines must end in CR LF\r\n"
#define TOO_BIG "552 5.3.4 message too big: the limit is 1000 bytes\r\n"

struct fixture {
	struct smtp_server *server;
	struct smtp_server_conf conf;
	bool has_auth;
	struct buf events; /* what the policy was told */
	struct buf out;
	enum smtp_next next;
	unsigned auth_steps;

	/* Outcomes come later, by finish(). */
	bool is_slow;
	struct smtp_outcome *outcomes; /* the engine waits for these */
	struct buf *words;
	/* So do those of AUTH. */
	bool is_proving;
	enum auth_result proven;
	struct buf challenge, user;
};

static void
put_address(struct buf *b, const char *what, const struct address *a)
{
	buf_puts(b, what);
	address_put(b, a, true);
}

static int
on_hello(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct fixture *t = ctx;

	buf_putf(&t->events, "hello %.*s|", STR_ARG(st->helo));
	if (str_is(st->helo, STR_LIT("no.example")))
		return fault_perm(f, "5.7.1", "go away");
	return 0;
}

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct fixture *t = ctx;

	ck_assert_ptr_null(st->mail);
	if (str_is(str(mail->reverse_path.local), STR_LIT("boss")))
		return fault_perm(f, "5.7.1", "not you");
	if (str_is(str(mail->reverse_path.local), STR_LIT("later")))
		return fault_temp(f, "4.3.0", "no directory");
	put_address(&t->events, "mail ", &mail->reverse_path);
	if (mail->size != 0)
		buf_putf(
		    &t->events, " size=%llu", (unsigned long long)mail->size);
	if (mail->body != BODY_7BIT)
		buf_putf(&t->events, " body=%d", mail->body);
	if (mail->smtputf8)
		buf_puts(&t->events, " utf8");
	if (mail->requiretls)
		buf_puts(&t->events, " requiretls");
	if (mail->verp)
		buf_puts(&t->events, " verp");
	if (mail->ret != RET_UNSET)
		buf_putf(&t->events, " ret=%d", mail->ret);
	if (mail->envid.len > 0)
		buf_putf(&t->events, " envid=%.*s", STR_ARG(mail->envid));
	if (st->xforward.ident.len > 0)
		buf_putf(&t->events, " for %.*s %.*s %.*s",
		    STR_ARG(st->xforward.ident), STR_ARG(st->xforward.addr),
		    STR_ARG(st->xforward.helo));
	if (mail->has_auth)
		buf_putf(&t->events, " auth=%.*s", STR_ARG(mail->auth));
	buf_putc(&t->events, '|');
	return 0;
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *f)
{
	struct fixture *t = ctx;
	struct str name = str(rcpt->forward_path.local);

	ck_assert_ptr_nonnull(st->mail);
	if (str_is(name, STR_LIT("no")))
		return fault_perm(f, "5.1.1", "no such user");
	if (str_is(name, STR_LIT("later")))
		return fault_temp(f, "4.3.0", "no directory");
	put_address(&t->events, "rcpt ", &rcpt->forward_path);
	if (rcpt->notify != NOTIFY_UNSET)
		buf_putf(&t->events, " notify=%u", rcpt->notify);
	if (rcpt->orcpt_type.len > 0)
		buf_putf(&t->events, " orcpt=%.*s;%.*s",
		    STR_ARG(rcpt->orcpt_type), STR_ARG(rcpt->orcpt));
	buf_putc(&t->events, '|');
	return 0;
}

static int
on_body_open(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct fixture *t = ctx;

	buf_puts(&t->events, "open ");
	if (str_is(str(st->mail->reverse_path.local), STR_LIT("closed")))
		return fault_temp(f, "4.3.1", "no room");
	return 0;
}

static int
on_body_write(
    void *ctx, const struct smtp_state *st, struct str bytes, struct fault *f)
{
	struct fixture *t = ctx;

	buf_put_str(&t->events, bytes);
	if (str_is(str(st->mail->reverse_path.local), STR_LIT("full")))
		return fault_temp(f, "4.3.1", "disk full");
	return 0;
}

static void
fill(struct fixture *t, const struct smtp_state *st)
{
	for (size_t i = 0; i < st->n_rcpts; i++) {
		struct str name = str(st->rcpts[i].forward_path.local);
		struct smtp_outcome *o = &t->outcomes[i];

		o->ok = false;
		if (str_is(name, STR_LIT("full")))
			fault_temp(&o->fault, "4.2.2", "mailbox full");
		else if (str_is(name, STR_LIT("gone")))
			fault_perm(&o->fault, "5.2.1", "closed");
		else
			o->ok = true;
	}
	buf_puts(t->words, "taken");
	t->outcomes = NULL;
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *f)
{
	struct fixture *t = ctx;

	buf_puts(&t->events, "|close|");
	if (str_is(str(st->mail->reverse_path.local), STR_LIT("never")))
		return fault_perm(f, "5.6.0", "refused by a filter");
	t->outcomes = outcomes;
	t->words = words;
	if (t->is_slow)
		return 1;
	fill(t, st);
	return 0;
}

static void
on_reset(void *ctx)
{
	struct fixture *t = ctx;

	buf_puts(&t->events, "reset|");
}

static void
on_refused(void *ctx, const struct smtp_state *st, const char *verb,
    const struct smtp_reply *r)
{
	struct fixture *t = ctx;

	(void)st;
	buf_putf(
	    &t->events, "refused %s %d|", verb == NULL ? "-" : verb, r->code);
}

static const char *
on_auth_mechanisms(void *ctx, const struct smtp_state *st)
{
	struct fixture *t = ctx;

	ck_assert_uint_eq(st->user.len, 0);
	return t->has_auth ? "PLAIN LOGIN" : NULL;
}

/* PLAIN takes "\0u\0p"; LOGIN asks twice, for u and p. */
static enum auth_result
prove(struct fixture *t, const char *mechanism, struct str response,
    bool has_response, struct buf *challenge, struct buf *user)
{
	bool is_plain = mechanism != NULL && *mechanism == 'P';

	buf_putf(&t->events, "step %s %d %zu|",
	    mechanism == NULL ? "-" : mechanism, has_response, response.len);
	if (mechanism != NULL)
		t->auth_steps = is_plain ? 0 : 1;
	if (!has_response || (t->auth_steps == 1 && mechanism != NULL)) {
		if (t->auth_steps > 0)
			buf_puts(challenge, "Username:");
		return AUTH_CONTINUE;
	}
	if (t->auth_steps == 1) {
		t->auth_steps = 2;
		buf_puts(challenge, "Password:");
		return str_is(response, STR_LIT("u")) ? AUTH_CONTINUE
						      : AUTH_FAILED;
	}
	buf_putc(user, 'u');
	if (str_is(response, STR_LIT("down")))
		return AUTH_TEMP;
	return str_is(response, STR_LIT("p")) ||
		       str_is(response, str_n("\0u\0p", 4))
		   ? AUTH_OK
		   : AUTH_FAILED;
}

static enum auth_result
on_auth_step(void *ctx, const struct smtp_state *st, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user)
{
	struct fixture *t = ctx;

	(void)st;
	if (!t->is_slow)
		return prove(
		    t, mechanism, response, has_response, challenge, user);
	buf_reset(&t->challenge);
	buf_reset(&t->user);
	t->proven = prove(
	    t, mechanism, response, has_response, &t->challenge, &t->user);
	t->is_proving = true;
	return AUTH_WAIT;
}

static enum auth_result
on_auth_finish(void *ctx, struct buf *challenge, struct buf *user)
{
	struct fixture *t = ctx;

	ck_assert(t->is_proving);
	t->is_proving = false;
	buf_put_str(challenge, buf_str(&t->challenge));
	buf_put_str(user, buf_str(&t->user));
	return t->proven;
}

static void
on_auth_abort(void *ctx)
{
	struct fixture *t = ctx;

	t->is_proving = false;
	buf_puts(&t->events, "abort|");
}

static int
on_etrn(void *ctx, const struct smtp_state *st, struct str node,
    int64_t *started, struct fault *f)
{
	struct fixture *t = ctx;

	ck_assert_ptr_null(st->mail);
	buf_putf(&t->events, "etrn %.*s|", STR_ARG(node));
	if (str_is(node, STR_LIT("busy.example")))
		return fault_temp(f, "4.3.0", "no queue");
	if (str_is(node, STR_LIT("other.example")))
		return fault_perm(f, "5.7.1", "not yours");
	if (str_is(node, STR_LIT("-")))
		return fault_perm(f, "5.5.4", "that is no domain");
	*started = str_is(node, STR_LIT("five.example"))    ? 5
		   : str_is(node, STR_LIT("@some.example")) ? -1
							    : 0;
	return 0;
}

static const struct smtp_policy policy = {
    .etrn = on_etrn,
    .hello = on_hello,
    .auth_mechanisms = on_auth_mechanisms,
    .auth_step = on_auth_step,
    .auth_finish = on_auth_finish,
    .auth_abort = on_auth_abort,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .body_open = on_body_open,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
    .refused = on_refused,
};

/* Bits of what a dialogue is led with. */
enum {
	LMTP = 1 << 0,
	TLS = 1 << 1, /* from the first byte */
	AUTH = 1 << 2,
	STARTTLS = 1 << 3,
	NEEDS_TLS = 1 << 4,
	NEEDS_AUTH = 1 << 5,
	XFORWARD = 1 << 6,
	REQUIRETLS = 1 << 7,
	PLAIN_OK = 1 << 8,
	LIMITS = 1 << 9, /* of errors, commands, hops and header */
	SLOW = 1 << 10,  /* outcomes come later */
	VERP = 1 << 11,
	ETRN = 1 << 12,
};

static void
set_up(struct fixture *t, unsigned how)
{
	*t = (struct fixture){.has_auth = (how & AUTH) != 0,
	    .is_slow = (how & SLOW) != 0,
	    .conf = {
		.dialect = how & LMTP ? DIALECT_LMTP : DIALECT_SMTP,
		.hostname = "mx.example",
		.max_size = 1000,
		.max_rcpts = 3,
		.max_errors = how & LIMITS ? 3 : 1000,
		.max_commands = how & LIMITS ? 9 : 0,
		.max_header_size = how & LIMITS ? 100 : 0,
		.max_hops = how & LIMITS ? 2 : 0,
		.starttls = (how & STARTTLS) != 0,
		.tls_required = (how & NEEDS_TLS) != 0,
		.auth_required = (how & NEEDS_AUTH) != 0,
		.auth_plain_ok = (how & PLAIN_OK) != 0,
		.xforward = (how & XFORWARD) != 0,
		.etrn = (how & ETRN) != 0,
		.requiretls = (how & REQUIRETLS) != 0,
		.verp = (how & VERP) != 0,
	    }};
	buf_init(&t->events, EVENTS_MAX);
	buf_init(&t->out, OUT_MAX);
	buf_init(&t->challenge, 100);
	buf_init(&t->user, 100);
	t->server = smtp_server_new(&t->conf, &policy, t, how & TLS);
}

static void
tear_down(struct fixture *t)
{
	smtp_server_free(&t->server);
	buf_clear(&t->events);
	buf_clear(&t->out);
	buf_clear(&t->challenge);
	buf_clear(&t->user);
}

/* While it waits the engine takes and says nothing. */
static void
finish(struct fixture *t, struct buf *in)
{
	size_t had = buf_len(in), said = buf_len(&t->out);

	ck_assert(t->outcomes != NULL || t->is_proving);
	ck_assert_int_eq(
	    smtp_server_feed(t->server, in, &t->out), SMTP_NEXT_WAIT);
	ck_assert_uint_eq(buf_len(in), had);
	ck_assert_uint_eq(buf_len(&t->out), said);
	if (t->is_proving) {
		smtp_server_finish(t->server, &t->out);
		ck_assert(!t->is_proving);
		ck_assert_uint_gt(buf_len(&t->out), said);
		return;
	}
	ck_assert_int_eq(smtp_server_awaits(t->server), AWAITS_COMMAND);
	fill(t, smtp_server_state(t->server));
	smtp_server_finish(t->server, &t->out);
	ck_assert_uint_gt(buf_len(&t->out), said);
}

/* Feeds as a session does, until the engine takes no more. */
static void
feed(struct fixture *t, struct buf *in)
{
	size_t before;

	do {
		before = buf_len(in);
		t->next = smtp_server_feed(t->server, in, &t->out);
		if (t->next == SMTP_NEXT_STARTTLS) {
			ck_assert_uint_eq(buf_len(in), 0);
			smtp_server_tls_done(t->server);
		} else if (t->next == SMTP_NEXT_WAIT) {
			finish(t, in);
		}
	} while (t->next == SMTP_NEXT_WAIT ||
		 (t->next != SMTP_NEXT_CLOSE && buf_len(in) > 0 &&
		     buf_len(in) < before));
}

/* Gives text to the engine, at most `size` bytes at once, the first time
 * `first`. What stands before WAIT is never given with what follows. */
static void
talk(struct fixture *t, struct str text, size_t first, size_t size)
{
	struct buf in;

	buf_init(&in, IN_MAX);
	while (text.len > 0 && t->next != SMTP_NEXT_CLOSE) {
		struct str batch = str_cut(&text, WAIT[0]);

		while (batch.len > 0 && t->next != SMTP_NEXT_CLOSE) {
			buf_put_str(&in, str_head(batch, first));
			batch = str_from(batch, first);
			first = size;
			feed(t, &in);
		}
	}
	buf_clear(&in);
}

struct dialogue {
	unsigned how;
	const char *in, *out;
	const char *events; /* NULL: whatever */
	size_t in_len;      /* 0: up to the NUL */
};

static void
lead_once(const struct dialogue *d, unsigned slow, size_t first, size_t size)
{
	size_t len = d->in_len == 0 ? strlen(d->in) : d->in_len;
	struct fixture t;

	set_up(&t, d->how | slow);
	talk(&t, str_n(d->in, len), first, size);
	ck_assert_msg(strcmp(buf_text(&t.out), d->out) == 0,
	    "in pieces of %zu, %zu: %s\ngave\n%s\nnot\n%s", first, size, d->in,
	    buf_text(&t.out), d->out);
	smtp_server_free(&t.server);
	if (d->events != NULL)
		ck_assert_msg(strcmp(buf_text(&t.events), d->events) == 0,
		    "in pieces of %zu, %zu: %s\ndid\n%s\nnot\n%s", first, size,
		    d->in, buf_text(&t.events), d->events);
	tear_down(&t);
}

/* When the outcomes come makes no difference. */
static void
lead(const struct dialogue *d, size_t first, size_t size)
{
	lead_once(d, 0, first, size);
	lead_once(d, SLOW, first, size);
}

/* Whole, in pieces of every size, and cut at every place. */
static void
lead_all(const struct dialogue *d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = d[i].in_len == 0 ? strlen(d[i].in) : d[i].in_len;

		for (size_t size = 1; size <= len && size <= 300; size++) {
			lead(&d[i], size, size);
			lead(&d[i], size, len);
		}
		lead(&d[i], len, len);
	}
}

#define LEAD_ALL(table) lead_all(table, ARRAY_LEN(table))

/* clang-format off */
static const struct dialogue transactions[] = {
	{ 0, HELLO QUIT, HELLO_OK BYE, "hello a.example|", 0 },
	{ 0, "helo a.example\r\n" MAIL RCPT "data\r\nx\r\n.\r\n" QUIT,
	  "250 mx.example\r\n" MAIL_OK RCPT_OK DATA_OK TAKEN BYE,
	  "hello a.example|mail <x@y.example>|rcpt <ann@a.example>|"
	  "open x\r\n|close|reset|", 0 },
	/* Pipelined. */
	{ 0, BEGIN "DATA\r\nx\r\n.\r\n" MAIL RCPT "DATA\r\n.\r\n" QUIT "NOOP\r\n",
	  BEGIN_OK DATA_OK TAKEN MAIL_OK RCPT_OK DATA_OK TAKEN BYE, NULL, 0 },
	/* Stuffed dots, and commands that are none. */
	{ 0, BEGIN "DATA\r\n..\r\n...x\r\n.y\r\nQUIT\r\n\r\n.\r\n" QUIT,
	  BEGIN_OK DATA_OK TAKEN BYE,
	  "hello a.example|mail <x@y.example>|rcpt <ann@a.example>|"
	  "open .\r\n..x\r\ny\r\nQUIT\r\n\r\n|close|reset|", 0 },
	/* Some recipients are refused, then all. */
	{ 0, HELLO MAIL "RCPT TO:<no@a.example>\r\n" RCPT
	  "RCPT TO:<later@a.example>\r\nDATA\r\nx\r\n.\r\n",
	  HELLO_OK MAIL_OK "550 5.1.1 no such user\r\n" RCPT_OK
	  "451 4.3.0 no directory\r\n" DATA_OK TAKEN, NULL, 0 },
	{ 0, HELLO MAIL "RCPT TO:<no@a.example>\r\nDATA\r\nRSET\r\nDATA\r\n",
	  HELLO_OK MAIL_OK "550 5.1.1 no such user\r\n"
	  "554 5.5.1 no valid recipients\r\n" OK
	  "503 5.5.1 send MAIL first\r\n",
	  "hello a.example|mail <x@y.example>|refused RCPT 550|"
	  "refused DATA 554|reset|refused DATA 503|", 0 },
	{ 0, HELLO MAIL "DATA\r\n" RCPT MAIL, HELLO_OK MAIL_OK
	  "503 5.5.1 send RCPT first\r\n" RCPT_OK
	  "503 5.5.1 not within a transaction\r\n", NULL, 0 },
	/* The sender is refused; then another one may send. */
	{ 0, HELLO "MAIL FROM:<boss@y.example>\r\n"
	  "MAIL FROM:<later@y.example>\r\n" MAIL,
	  HELLO_OK "553 5.7.1 not you\r\n451 4.3.0 no directory\r\n" MAIL_OK,
	  "hello a.example|refused MAIL 553|refused MAIL 451|"
	  "mail <x@y.example>|reset|", 0 },
	/* EHLO is RSET too; a bad one is nothing. */
	{ 0, BEGIN "EHLO\r\n" HELLO "DATA\r\n",
	  BEGIN_OK "501 5.5.4 syntax: EHLO hostname\r\n" HELLO_OK
	  "503 5.5.1 send MAIL first\r\n", NULL, 0 },
	{ 0, "EHLO no.example\r\n" MAIL HELLO,
	  "550 5.7.1 go away\r\n503 5.5.1 send EHLO first\r\n" HELLO_OK,
	  NULL, 0 },
	{ 0, "EHLO  a b\tc\xc3\xbc \r\n", HELLO_OK, "hello a?b?c??|", 0 },
	/* The policy refuses the body at its begin, in its middle, at its end. */
	{ 0, HELLO "MAIL FROM:<closed@y>\r\n" RCPT "DATA\r\n" MAIL,
	  HELLO_OK MAIL_OK RCPT_OK "452 4.3.1 no room\r\n" MAIL_OK,
	  "hello a.example|mail <closed@y>|rcpt <ann@a.example>|open "
	  "refused DATA 452|reset|mail <x@y.example>|reset|", 0 },
	{ 0, HELLO "MAIL FROM:<never@y>\r\n" RCPT "DATA\r\nx\r\n.\r\n",
	  HELLO_OK MAIL_OK RCPT_OK DATA_OK "554 5.6.0 refused by a filter\r\n",
	  "hello a.example|mail <never@y>|rcpt <ann@a.example>|open x\r\n"
	  "|close|reset|", 0 },
	{ 0, HELLO "MAIL FROM:<full@y>\r\n" RCPT "DATA\r\nx\r\ny\r\n.\r\n" MAIL,
	  HELLO_OK MAIL_OK RCPT_OK DATA_OK "452 4.3.1 disk full\r\n" MAIL_OK,
	  NULL, 0 },
	/* One answer for many: the first that is temporary, or the first. */
	{ 0, HELLO MAIL RCPT "RCPT TO:<gone@a>\r\nRCPT TO:<full@a>\r\n"
	  "DATA\r\n.\r\n" MAIL RCPT "RCPT TO:<gone@a>\r\nDATA\r\n.\r\n",
	  HELLO_OK MAIL_OK RCPT_OK RCPT_OK RCPT_OK DATA_OK
	  "452 4.2.2 mailbox full\r\n" MAIL_OK RCPT_OK RCPT_OK DATA_OK
	  "550 5.2.1 closed\r\n", NULL, 0 },
	/* Recipients are bounded, and the client may go on. */
	{ 0, HELLO MAIL RCPT RCPT RCPT RCPT "DATA\r\n.\r\n",
	  HELLO_OK MAIL_OK RCPT_OK RCPT_OK RCPT_OK
	  "452 4.5.3 too many recipients\r\n" DATA_OK TAKEN, NULL, 0 },
	/* The session ends within a transaction. */
	{ 0, BEGIN QUIT, BEGIN_OK BYE,
	  "hello a.example|mail <x@y.example>|rcpt <ann@a.example>|reset|", 0 },
	{ 0, BEGIN "DATA\r\nx", BEGIN_OK DATA_OK, NULL, 0 },
	{ 0, "VRFY\r\nVRFY ann\r\nEXPN all\r\nTURN\r\nNOOP x\r\nWHAT\r\n \r\n"
	  "\r\nLHLO a.example\r\n",
	  "501 5.5.4 syntax: VRFY address\r\n"
	  "252 2.0.0 cannot verify, but will take mail for users that exist\r\n"
	  "502 5.5.1 EXPN is not offered\r\n502 5.5.1 TURN is not offered\r\n"
	  OK "500 5.5.2 unknown command\r\n500 5.5.2 unknown command\r\n"
	  "500 5.5.2 unknown command\r\n500 5.5.2 unknown command\r\n", NULL, 0 },
	{ 0, "HELP\r\n", "214-2.0.0 EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT "
	  "RSET NOOP VRFY HELP QUIT\r\n214 2.0.0 for more see RFC 5321\r\n",
	  NULL, 0 },
	{ 0, HELLO "STARTTLS\r\nAUTH PLAIN AAAA\r\nXFORWARD ADDR=1.2.3.4\r\n",
	  HELLO_OK "502 5.5.1 STARTTLS is not offered\r\n"
	  "502 5.5.1 AUTH is not offered\r\n"
	  "502 5.5.1 XFORWARD is not offered\r\n", NULL, 0 },
	{ 0, "POST / HTTP/1.1\r\n" HELLO, "500 5.5.1 this is no HTTP server\r\n",
	  "refused POST 500|", 0 },
};

static const struct dialogue lines[] = {
	{ 0, "NOOP\n" "NOOP\r\n", BAD_LINE OK, "refused - 500|", 0 },
	{ 0, "NOOP\r\r\n" "NO\rOP\r\n" "NOOP\n\r\n" "NOOP\r\n",
	  BAD_LINE BAD_LINE BAD_LINE "500 5.5.2 unknown command\r\n" OK, NULL, 0 },
	{ 0, "NO\0OP\r\nNOOP\0\r\nNOOP\r\n", BAD_LINE BAD_LINE OK, NULL, 20 },
	{ 0, BEGIN "DATA\nx\r\n.\r\n" QUIT,
	  BEGIN_OK BAD_LINE "500 5.5.2 unknown command\r\n"
	  "500 5.5.2 unknown command\r\n" BYE, NULL, 0 },
	{ 0, "NOOP \t \r\n noop\r\n", OK "500 5.5.2 unknown command\r\n",
	  NULL, 0 },
	{ 0, HELLO "RSET x\r\nQUIT x\r\nDATA x\r\n", HELLO_OK
	  "501 5.5.4 RSET takes no arguments\r\n"
	  "501 5.5.4 QUIT takes no arguments\r\n"
	  "501 5.5.4 DATA takes no arguments\r\n", NULL, 0 },
};

#define MAIL_IN(rest) "MAIL FROM:<x@y.example>" rest "\r\n"
#define BAD(name) "501 5.5.4 bad value of the parameter " name "\r\n"

static const struct dialogue parameters[] = {
	{ 0, HELLO "MAIL FROM: <x@y> SIZE=1000  body=8bitmime RET=hdrs "
	  "ENVID=a+2Bb AUTH=e+3Dm@z\r\nRCPT TO:  <ann@a> NOTIFY=SUCCESS,DELAY "
	  "ORCPT=rfc822;Bob+40b\r\n", HELLO_OK MAIL_OK RCPT_OK,
	  "hello a.example|mail <x@y> size=1000 body=1 ret=2 envid=a+b "
	  "auth=e=m@z|rcpt <ann@a> notify=10 orcpt=rfc822;Bob@b|reset|", 0 },
	{ 0, HELLO MAIL_IN(" AUTH=<>") "RCPT TO:<Postmaster> NOTIFY=NEVER\r\n",
	  HELLO_OK MAIL_OK RCPT_OK, "hello a.example|mail <x@y.example> auth=|"
	  "rcpt <postmaster> notify=1|reset|", 0 },
	{ 0, HELLO "MAIL FROM:<\xc3\xbc@y>\r\nMAIL FROM:<\xc3\xbc@y> SMTPUTF8\r\n"
	  "RCPT TO:<\xc3\xa4@a> ORCPT=utf-8;\xc3\xa4@a\r\n"
	  "RCPT TO:<ann@a> ORCPT=rfc822;\xc3\xa4@a\r\n",
	  HELLO_OK "553 5.6.7 address needs SMTPUTF8\r\n" MAIL_OK RCPT_OK
	  BAD("ORCPT"),
	  "hello a.example|refused MAIL 553|mail <\xc3\xbc@y> utf8|"
	  "rcpt <\xc3\xa4@a> orcpt=utf-8;\xc3\xa4@a|refused RCPT 501|reset|", 0 },
	{ 0, HELLO MAIL "RCPT TO:<\xc3\xa4@a>\r\nRCPT TO:<ann@a> "
	  "ORCPT=utf-8;\xc3\xa4@a\r\n", HELLO_OK MAIL_OK
	  "553 5.6.7 address needs SMTPUTF8\r\n" BAD("ORCPT"), NULL, 0 },
	{ 0, HELLO MAIL_IN(" SIZE=1001") MAIL_IN(" SIZE=99999999999999999999")
	  MAIL_IN(" SIZE=100000000000000000000") MAIL_IN(" SIZE=") 
	  MAIL_IN(" SIZE") MAIL_IN(" SIZE=-1") MAIL_IN(" SIZE=1x"),
	  HELLO_OK TOO_BIG TOO_BIG BAD("SIZE") BAD("SIZE") BAD("SIZE")
	  BAD("SIZE") BAD("SIZE"), NULL, 0 },
	{ 0, HELLO MAIL_IN(" BODY=9BIT") MAIL_IN(" RET=ALL") MAIL_IN(" ENVID=")
	  MAIL_IN(" ENVID=a=b") MAIL_IN(" ENVID=+0A") MAIL_IN(" ENVID=+4")
	  MAIL_IN(" AUTH=") MAIL_IN(" SMTPUTF8=1") MAIL_IN(" AUTH=+0D"),
	  HELLO_OK BAD("BODY") BAD("RET") BAD("ENVID") BAD("ENVID") BAD("ENVID")
	  BAD("ENVID") BAD("AUTH") BAD("SMTPUTF8") BAD("AUTH"), NULL, 0 },
	{ 0, HELLO MAIL "RCPT TO:<a@a> NOTIFY=NEVER,DELAY\r\n"
	  "RCPT TO:<a@a> NOTIFY=\r\nRCPT TO:<a@a> NOTIFY=DELAY,\r\n"
	  "RCPT TO:<a@a> ORCPT=x\r\nRCPT TO:<a@a> ORCPT=;x\r\n"
	  "RCPT TO:<a@a> ORCPT=x;\r\nRCPT TO:<a@a> ORCPT=x;+0a\r\n"
	  "RCPT TO:<a@a> SIZE=1\r\n",
	  HELLO_OK MAIL_OK BAD("NOTIFY") BAD("NOTIFY") BAD("NOTIFY")
	  BAD("ORCPT") BAD("ORCPT") BAD("ORCPT") BAD("ORCPT")
	  "555 5.5.4 unknown parameter SIZE\r\n", NULL, 0 },
	{ 0, HELLO MAIL_IN(" RET=FULL RET=FULL") MAIL_IN(" FOO=1")
	  MAIL_IN(" REQUIRETLS") MAIL_IN("SIZE=1") "MAIL x@y\r\n"
	  "MAIL FROM:x@y\r\nMAIL\r\n",
	  HELLO_OK "501 5.5.4 repeated parameter RET\r\n"
	  "555 5.5.4 unknown parameter FOO\r\n"
	  "555 5.5.4 REQUIRETLS is not offered\r\n"
	  "501 5.1.7 bad address: text after \">\"\r\n"
	  "501 5.5.4 syntax: MAIL FROM:<address>\r\n"
	  "501 5.1.7 bad address: no \"<\"\r\n"
	  "501 5.5.4 syntax: MAIL FROM:<address>\r\n", NULL, 0 },
	{ 0, HELLO MAIL "RCPT ann@a\r\nRCPT TO:<>\r\nRCPT TO:<a@a>x\r\n",
	  HELLO_OK MAIL_OK "501 5.5.4 syntax: RCPT TO:<address>\r\n"
	  "501 5.1.3 bad address: bad local part\r\n"
	  "501 5.1.3 bad address: text after \">\"\r\n", NULL, 0 },
};

static const struct dialogue chunks[] = {
	{ 0, BEGIN "BDAT 3\r\nA: BDAT 5\r\nb\r\n\r\nBDAT 3 LAST\r\n.\r\n" QUIT,
	  BEGIN_OK "250 2.0.0 3 bytes so far\r\n250 2.0.0 8 bytes so far\r\n"
	  TAKEN BYE, "hello a.example|mail <x@y.example>|rcpt <ann@a.example>|"
	  "open A: b\r\n\r\n.\r\n|close|reset|", 0 },
	{ 0, BEGIN "BDAT 2\r\nx\rBDAT 1 last\r\n\n" BEGIN "BDAT 0 LAST\r\n" QUIT,
	  BEGIN_OK "250 2.0.0 2 bytes so far\r\n" TAKEN BEGIN_OK TAKEN BYE,
	  NULL, 0 },
	{ 0, BEGIN "BDAT 0\r\nBDAT 0 LAST\r\n" QUIT,
	  BEGIN_OK "250 2.0.0 0 bytes so far\r\n" TAKEN BYE, NULL, 0 },
	/* Only BINARYMIME has other line ends. */
	{ 0, BEGIN "BDAT 3 LAST\r\na\nb" MAIL RCPT "BDAT 2\r\na\rBDAT 1 LAST\r\nb"
	  MAIL RCPT "BDAT 2 LAST\r\na\r" QUIT,
	  BEGIN_OK BARE MAIL_OK RCPT_OK "250 2.0.0 2 bytes so far\r\n" BARE
	  MAIL_OK RCPT_OK BARE BYE, NULL, 0 },
	{ 0, HELLO "MAIL FROM:<x@y> BODY=BINARYMIME\r\n" RCPT
	  "BDAT 4 LAST\r\n\n\0\r." QUIT,
	  HELLO_OK MAIL_OK RCPT_OK TAKEN BYE, NULL,
	  sizeof(HELLO "MAIL FROM:<x@y> BODY=BINARYMIME\r\n" RCPT
	  "BDAT 4 LAST\r\n\n\0\r." QUIT) - 1 },
	{ 0, HELLO "MAIL FROM:<x@y> BODY=BINARYMIME\r\n" RCPT "DATA\r\n",
	  HELLO_OK MAIL_OK RCPT_OK "503 5.5.1 BINARYMIME needs BDAT\r\n",
	  NULL, 0 },
	/* What belongs to a chunk is never a command, whatever was wrong. */
	{ 0, "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" HELLO
	  "BDAT 6 LAST\r\nQUIT\r\n" MAIL "BDAT 6 LAST\r\nQUIT\r\n"
	  "RCPT TO:<no@a.example>\r\nBDAT 6 LAST\r\nQUIT\r\n" RCPT
	  "BDAT 1 LAST\r\nx",
	  "503 5.5.1 send EHLO first\r\n503 5.5.1 send EHLO first\r\n" HELLO_OK
	  "503 5.5.1 send MAIL first\r\n" MAIL_OK
	  "503 5.5.1 send RCPT first\r\n550 5.1.1 no such user\r\n"
	  "554 5.5.1 no valid recipients\r\n" RCPT_OK TAKEN, NULL, 0 },
	{ 0, HELLO "MAIL FROM:<full@y>\r\n" RCPT "BDAT 6\r\nQUIT\r\n"
	  "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" MAIL,
	  HELLO_OK MAIL_OK RCPT_OK "452 4.3.1 disk full\r\n"
	  "503 5.5.1 send MAIL first\r\n503 5.5.1 send MAIL first\r\n" MAIL_OK,
	  NULL, 0 },
	{ 0, HELLO "MAIL FROM:<closed@y>\r\n" RCPT "BDAT 6 LAST\r\nQUIT\r\n" MAIL,
	  HELLO_OK MAIL_OK RCPT_OK "452 4.3.1 no room\r\n" MAIL_OK, NULL, 0 },
	/* DATA and BDAT do not mix; RSET ends a message that has begun. */
	{ 0, BEGIN "BDAT 1\r\nxDATA\r\n" RCPT MAIL "NOOP\r\nRSET\r\n" MAIL,
	  BEGIN_OK "250 2.0.0 1 bytes so far\r\n"
	  "503 5.5.1 the message has begun: BDAT or RSET\r\n"
	  "503 5.5.1 the message has begun: BDAT or RSET\r\n"
	  "503 5.5.1 the message has begun: BDAT or RSET\r\n" OK OK MAIL_OK,
	  NULL, 0 },
	/* Where a chunk ends cannot be known. */
	{ 0, BEGIN "BDAT\r\n" QUIT, BEGIN_OK
	  "501 5.5.4 syntax: BDAT size [LAST]\r\n", NULL, 0 },
	{ 0, BEGIN "BDAT -1 LAST\r\n" QUIT, BEGIN_OK
	  "501 5.5.4 syntax: BDAT size [LAST]\r\n", NULL, 0 },
	{ 0, BEGIN "BDAT 18446744073709551616\r\n" QUIT, BEGIN_OK
	  "501 5.5.4 syntax: BDAT size [LAST]\r\n", NULL, 0 },
	{ 0, BEGIN "BDAT 1 FIRST\r\n" QUIT, BEGIN_OK
	  "501 5.5.4 syntax: BDAT size [LAST]\r\n", NULL, 0 },
};

#define LHLO "LHLO a.example\r\n"
#define LMTP_BEGIN LHLO MAIL RCPT "RCPT TO:<full@a>\r\nRCPT TO:<gone@a>\r\n"
#define LMTP_BEGIN_OK HELLO_OK MAIL_OK RCPT_OK RCPT_OK RCPT_OK
#define LMTP_OUTCOMES TAKEN "452 4.2.2 mailbox full\r\n550 5.2.1 closed\r\n"

static const struct dialogue lmtp[] = {
	{ LMTP, LMTP_BEGIN "DATA\r\nx\r\n.\r\n" QUIT,
	  LMTP_BEGIN_OK DATA_OK LMTP_OUTCOMES BYE, NULL, 0 },
	{ LMTP, LMTP_BEGIN "BDAT 1\r\nxBDAT 2 LAST\r\n\r\n" QUIT,
	  LMTP_BEGIN_OK "250 2.0.0 1 bytes so far\r\n" LMTP_OUTCOMES BYE,
	  NULL, 0 },
	{ LMTP, LMTP_BEGIN "DATA\r\nx\n.\r\n\r\n.\r\n" QUIT,
	  LMTP_BEGIN_OK DATA_OK BARE BARE BARE BYE, NULL, 0 },
	{ LMTP, LHLO "MAIL FROM:<never@y>\r\n" RCPT RCPT "BDAT 1 LAST\r\nx",
	  HELLO_OK MAIL_OK RCPT_OK RCPT_OK "554 5.6.0 refused by a filter\r\n"
	  "554 5.6.0 refused by a filter\r\n", NULL, 0 },
	{ LMTP, LHLO "MAIL FROM:<full@y>\r\n" RCPT RCPT "BDAT 1\r\nx"
	  "BDAT 1 LAST\r\ny", HELLO_OK MAIL_OK RCPT_OK RCPT_OK
	  "452 4.3.1 disk full\r\n503 5.5.1 send MAIL first\r\n", NULL, 0 },
	{ LMTP, LHLO "MAIL FROM:<closed@y>\r\n" RCPT RCPT "DATA\r\n",
	  HELLO_OK MAIL_OK RCPT_OK RCPT_OK "452 4.3.1 no room\r\n", NULL, 0 },
	{ LMTP, LHLO MAIL "DATA\r\nRCPT TO:<no@a>\r\nDATA\r\nBDAT 1 LAST\r\nx",
	  HELLO_OK MAIL_OK "503 5.5.1 send RCPT first\r\n"
	  "550 5.1.1 no such user\r\n503 5.5.1 no valid recipients\r\n"
	  "503 5.5.1 no valid recipients\r\n", NULL, 0 },
	{ LMTP, HELLO "HELO a.example\r\n" MAIL, "500 5.5.2 unknown command\r\n"
	  "500 5.5.2 unknown command\r\n503 5.5.1 send LHLO first\r\n", NULL, 0 },
};

#define TLS_HELLO_OK                                                           \
	"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n"                \
	"250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"          \
	"250-DSN\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
#define LIMITS_OK "250 LIMITS RCPTMAX=3\r\n"
#define READY_FOR_TLS "220 2.0.0 ready to start TLS\r\n"
#define NEED_TLS "530 5.7.0 send STARTTLS first\r\n"
#define NEED_AUTH "530 5.7.0 authentication is required\r\n"

static const struct dialogue tls[] = {
	{ STARTTLS, HELLO "STARTTLS\r\n" WAIT MAIL HELLO "STARTTLS\r\n",
	  TLS_HELLO_OK "250-STARTTLS\r\n" LIMITS_OK READY_FOR_TLS
	  "503 5.5.1 send EHLO first\r\n" HELLO_OK
	  "503 5.5.1 TLS is active already\r\n", NULL, 0 },
	{ STARTTLS, HELLO "STARTTLS x\r\n" MAIL "STARTTLS\r\n",
	  TLS_HELLO_OK "250-STARTTLS\r\n" LIMITS_OK
	  "501 5.5.4 STARTTLS takes no arguments\r\n" MAIL_OK
	  "503 5.5.1 not within a transaction\r\n", NULL, 0 },
	{ STARTTLS, "STARTTLS\r\n", "503 5.5.1 send EHLO first\r\n", NULL, 0 },
	{ STARTTLS | NEEDS_TLS, HELLO MAIL "VRFY a\r\nNOOP\r\nRSET\r\n"
	  "BDAT 6\r\nQUIT\r\nSTARTTLS\r\n" WAIT HELLO MAIL,
	  TLS_HELLO_OK "250-STARTTLS\r\n" LIMITS_OK NEED_TLS NEED_TLS OK OK
	  "503 5.5.1 send MAIL first\r\n" READY_FOR_TLS HELLO_OK MAIL_OK,
	  NULL, 0 },
	/* What was said before, and who was it, is forgotten. */
	{ STARTTLS | AUTH | PLAIN_OK | NEEDS_AUTH,
	  HELLO "AUTH PLAIN AHUAcA==\r\nSTARTTLS\r\n" WAIT HELLO MAIL,
	  TLS_HELLO_OK "250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n" LIMITS_OK
	  "235 2.7.0 authentication succeeded\r\n" READY_FOR_TLS TLS_HELLO_OK
	  "250-AUTH PLAIN LOGIN\r\n" LIMITS_OK NEED_AUTH, NULL, 0 },
	{ TLS | REQUIRETLS, HELLO MAIL_IN(" REQUIRETLS"),
	  TLS_HELLO_OK "250-LIMITS RCPTMAX=3\r\n250 REQUIRETLS\r\n" MAIL_OK,
	  "hello a.example|mail <x@y.example> requiretls|reset|", 0 },
	{ REQUIRETLS, HELLO MAIL_IN(" REQUIRETLS"), HELLO_OK
	  "555 5.5.4 REQUIRETLS is not offered\r\n", NULL, 0 },
	{ TLS | VERP, HELLO MAIL_IN(" XVERP"),
	  TLS_HELLO_OK "250-LIMITS RCPTMAX=3\r\n250 XVERP\r\n" MAIL_OK,
	  "hello a.example|mail <x@y.example> verp|reset|", 0 },
	{ TLS | VERP, HELLO MAIL_IN(" XVERP=+="),
	  TLS_HELLO_OK "250-LIMITS RCPTMAX=3\r\n250 XVERP\r\n"
	  "501 5.5.4 bad value of the parameter XVERP\r\n", NULL, 0 },
	{ REQUIRETLS, HELLO MAIL_IN(" XVERP"), HELLO_OK
	  "555 5.5.4 XVERP is not offered\r\n", NULL, 0 },
};

/* RFC 1985 5.2. */
static const struct dialogue etrn[] = {
	{ ETRN, HELLO "ETRN five.example\r\nETRN none.example\r\n"
	  "etrn @some.example\r\n",
	  TLS_HELLO_OK "250-LIMITS RCPTMAX=3\r\n250 ETRN\r\n"
	  "253 2.0.0 5 pending messages for node five.example started\r\n"
	  "251 2.0.0 no messages waiting for node none.example\r\n"
	  "250 2.0.0 queuing for node @some.example started\r\n",
	  "hello a.example|etrn five.example|etrn none.example|"
	  "etrn @some.example|", 0 },
	{ ETRN, HELLO "ETRN busy.example\r\nETRN other.example\r\nETRN -\r\n"
	  "ETRN\r\nETRN a b\r\n" MAIL "ETRN five.example\r\n",
	  TLS_HELLO_OK "250-LIMITS RCPTMAX=3\r\n250 ETRN\r\n"
	  "458 4.3.0 unable to queue messages for node busy.example: "
	  "no queue\r\n"
	  "459 5.7.1 node other.example not allowed: not yours\r\n"
	  "501 5.5.4 ETRN -: that is no domain\r\n"
	  "501 5.5.4 syntax: ETRN node\r\n501 5.5.4 syntax: ETRN node\r\n"
	  MAIL_OK "503 5.5.1 not within a transaction\r\n", NULL, 0 },
	{ 0, HELLO "ETRN five.example\r\n",
	  HELLO_OK "502 5.5.1 ETRN is not offered\r\n",
	  "hello a.example|refused ETRN 502|", 0 },
	{ ETRN | NEEDS_AUTH | AUTH | PLAIN_OK, HELLO "ETRN five.example\r\n",
	  TLS_HELLO_OK "250-AUTH PLAIN LOGIN\r\n250-LIMITS RCPTMAX=3\r\n"
	  "250 ETRN\r\n530 5.7.0 authentication is required\r\n",
	  "hello a.example|refused ETRN 530|", 0 },
};

#define AUTH_HELLO_OK TLS_HELLO_OK "250-AUTH PLAIN LOGIN\r\n" LIMITS_OK
#define WELCOME "235 2.7.0 authentication succeeded\r\n"
#define WRONG "535 5.7.8 authentication failed: wrong user name or password\r\n"

static const struct dialogue auth[] = {
	{ AUTH | TLS | NEEDS_AUTH, HELLO MAIL "auth plain AHUAcA==\r\n" MAIL,
	  AUTH_HELLO_OK NEED_AUTH WELCOME MAIL_OK, NULL, 0 },
	{ AUTH | TLS, HELLO "AUTH PLAIN\r\nAHUAcA==\r\nAUTH PLAIN AHUAcA==\r\n"
	  HELLO, AUTH_HELLO_OK "334 \r\n" WELCOME
	  "503 5.5.1 already authenticated\r\n" HELLO_OK,
	  "hello a.example|step PLAIN 0 0|step - 1 4|refused AUTH 503|"
	  "hello a.example|", 0 },
	{ AUTH | TLS, HELLO "AUTH LOGIN\r\ndQ==\r\ncA==\r\n",
	  AUTH_HELLO_OK "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n" WELCOME,
	  NULL, 0 },
	{ AUTH | TLS, HELLO "AUTH PLAIN =\r\nAUTH PLAIN AHUAeA==\r\n"
	  "AUTH LOGIN\r\ndQ==\r\nZG93bg==\r\n",
	  AUTH_HELLO_OK WRONG WRONG "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n"
	  "454 4.7.0 authentication is not possible now, try later\r\n",
	  "hello a.example|step PLAIN 1 0|refused AUTH 535|step PLAIN 1 4|"
	  "refused AUTH 535|step LOGIN 0 0|step - 1 1|step - 1 4|"
	  "refused AUTH 454|", 0 },
	{ AUTH | TLS, HELLO "AUTH LOGIN\r\n*\r\nAUTH LOGIN\r\nd\r\n"
	  "AUTH PLAIN AHU\r\nAUTH PLAIN\r\nNOOP\r\nNOOP\r\n",
	  AUTH_HELLO_OK "334 VXNlcm5hbWU6\r\n501 5.7.0 authentication cancelled"
	  "\r\n334 VXNlcm5hbWU6\r\n501 5.5.2 bad base64\r\n501 5.5.2 bad base64"
	  "\r\n334 \r\n" WRONG OK,
	  "hello a.example|step LOGIN 0 0|abort|refused AUTH 501|"
	  "step LOGIN 0 0|abort|refused AUTH 501|refused AUTH 501|"
	  "step PLAIN 0 0|step - 1 3|refused AUTH 535|", 0 },
	{ AUTH | TLS, HELLO "AUTH PLAIN\r\nAHUAcA==\nNOOP\r\n",
	  AUTH_HELLO_OK "334 \r\n" BAD_LINE OK, NULL, 0 },
	{ AUTH | TLS, HELLO "AUTH\r\nAUTH CRAM-MD5\r\nAUTH PLAIN a b\r\nAUTH PLA\r\n"
	  "AUTH PLAINER\r\n",
	  AUTH_HELLO_OK "501 5.5.4 syntax: AUTH mechanism [response]\r\n"
	  "504 5.5.4 mechanism is not offered\r\n"
	  "501 5.5.4 syntax: AUTH mechanism [response]\r\n"
	  "504 5.5.4 mechanism is not offered\r\n"
	  "504 5.5.4 mechanism is not offered\r\n", NULL, 0 },
	{ AUTH | TLS, "AUTH PLAIN AHUAcA==\r\n" HELLO MAIL "AUTH PLAIN AHUAcA==\r\n",
	  "503 5.5.1 send EHLO first\r\n" AUTH_HELLO_OK MAIL_OK
	  "503 5.5.1 not within a transaction\r\n", NULL, 0 },
	/* Never in the clear. */
	{ AUTH | STARTTLS, HELLO "AUTH PLAIN AHUAcA==\r\n",
	  TLS_HELLO_OK "250-STARTTLS\r\n" LIMITS_OK
	  "538 5.7.11 encryption is needed to authenticate: STARTTLS first\r\n",
	  NULL, 0 },
	{ AUTH, HELLO "AUTH PLAIN AHUAcA==\r\n", HELLO_OK
	  "502 5.5.1 AUTH is not offered\r\n", NULL, 0 },
	{ AUTH | PLAIN_OK, HELLO "AUTH PLAIN AHUAcA==\r\n", AUTH_HELLO_OK WELCOME,
	  NULL, 0 },
	{ AUTH | STARTTLS | NEEDS_TLS | NEEDS_AUTH,
	  HELLO "AUTH PLAIN AHUAcA==\r\n" MAIL,
	  TLS_HELLO_OK "250-STARTTLS\r\n" LIMITS_OK NEED_TLS NEED_TLS, NULL, 0 },
};

static const struct dialogue limits[] = {
	{ LIMITS, "X\r\nX\r\nX\r\nNOOP\r\n", "500 5.5.2 unknown command\r\n"
	  "500 5.5.2 unknown command\r\n500 5.5.2 unknown command\r\n"
	  "421 4.7.0 mx.example too many errors, closing\r\n",
	  "refused - 500|refused - 500|refused - 500|refused - 421|", 0 },
	/* A message that is taken shows good will. */
	{ LIMITS, HELLO "X\r\nX\r\n" MAIL RCPT "BDAT 0 LAST\r\nX\r\nX\r\n",
	  HELLO_OK "500 5.5.2 unknown command\r\n500 5.5.2 unknown command\r\n"
	  MAIL_OK RCPT_OK TAKEN "500 5.5.2 unknown command\r\n"
	  "500 5.5.2 unknown command\r\n", NULL, 0 },
	/* Too many recipients are no error. */
	{ LIMITS, BEGIN RCPT RCPT RCPT RCPT RCPT "DATA\r\n.\r\n",
	  BEGIN_OK RCPT_OK RCPT_OK "452 4.5.3 too many recipients\r\n"
	  "452 4.5.3 too many recipients\r\n452 4.5.3 too many recipients\r\n"
	  DATA_OK TAKEN, NULL, 0 },
	{ LIMITS, BEGIN "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n"
	  "NOOP\r\nNOOP\r\n", BEGIN_OK OK OK OK OK OK OK
	  "421 4.7.0 mx.example too many commands, closing\r\n", NULL, 0 },
	{ LIMITS, BEGIN "DATA\r\nReceived: a\r\nReceived: b\r\n\r\nReceived: c\r\n"
	  ".\r\n" MAIL RCPT "DATA\r\nReceived: a\r\nReceived: b\r\n"
	  "Received: c\r\n\r\n.\r\n",
	  BEGIN_OK DATA_OK TAKEN MAIL_OK RCPT_OK DATA_OK
	  "554 5.4.6 too many Received fields: the message is in a loop\r\n",
	  NULL, 0 },
	{ LIMITS, BEGIN "DATA\r\n"
	  "A: 4567890123456789012345678901234567890123456789\r\n"
	  "A: 4567890123456789012345678901234567890123456789\r\n"
	  "A: x\r\n\r\n.\r\n" QUIT, BEGIN_OK DATA_OK
	  "552 5.3.4 header section too big: the limit is 100 bytes\r\n" BYE,
	  NULL, 0 },
};

static const struct dialogue xforward[] = {
	{ XFORWARD, HELLO "XFORWARD NAME=a.b ADDR=IPV6:2001:db8::1 PORT=25\r\n"
	  "XFORWARD ident=ab+2Bc HELO=[UNAVAILABLE]\r\nXFORWARD IDENT=d\r\n"
	  "XFORWARD\r\nXFORWARD FOO=1\r\nXFORWARD ADDR\r\nXFORWARD ADDR=\r\n"
	  "XFORWARD ADDR=+4\r\n" MAIL "XFORWARD ADDR=1\r\n",
	  TLS_HELLO_OK
	  "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n" LIMITS_OK
	  OK OK OK "501 5.5.4 bad attribute \r\n501 5.5.4 bad attribute FOO=1\r\n"
	  "501 5.5.4 bad attribute ADDR\r\n501 5.5.4 bad attribute ADDR=\r\n"
	  "501 5.5.4 bad attribute ADDR=+4\r\n" MAIL_OK
	  "503 5.5.1 not within a transaction\r\n", NULL, 0 },
	/* It holds for one transaction. */
	{ XFORWARD, HELLO "XFORWARD IDENT=a+20+0Ab ADDR=1.2.3.4 HELO=h\r\n" MAIL
	  "RSET\r\n" MAIL,
	  TLS_HELLO_OK
	  "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n" LIMITS_OK
	  OK MAIL_OK OK MAIL_OK,
	  "hello a.example|mail <x@y.example> for a ?b 1.2.3.4 h|reset|"
	  "mail <x@y.example>|reset|", 0 },
	{ XFORWARD, HELLO "XFORWARD IDENT=a\r\nRSET\r\n" MAIL,
	  TLS_HELLO_OK
	  "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n" LIMITS_OK
	  OK OK MAIL_OK, "hello a.example|mail <x@y.example>|reset|", 0 },
};
/* clang-format on */

START_TEST(a_dialogue_does_not_depend_on_how_it_is_cut)
{
	LEAD_ALL(transactions);
	LEAD_ALL(lines);
	LEAD_ALL(limits);
	LEAD_ALL(xforward);
}
END_TEST

START_TEST(parameters_are_taken_strictly)
{
	LEAD_ALL(parameters);
}
END_TEST

START_TEST(a_chunk_is_never_a_command)
{
	LEAD_ALL(chunks);
}
END_TEST

START_TEST(lmtp_answers_for_each_recipient)
{
	LEAD_ALL(lmtp);
}
END_TEST

START_TEST(tls_begins_a_new_session)
{
	LEAD_ALL(tls);
}
END_TEST

START_TEST(etrn_says_how_much_is_sent_now)
{
	LEAD_ALL(etrn);
}
END_TEST

START_TEST(who_logs_in_is_known_until_the_end)
{
	LEAD_ALL(auth);
}
END_TEST

static const struct {
	const char *command;
	/* Codes in the phases GREETED, READY, MAIL, RCPT, BODY. */
	int codes[5];
} orders[] = {
    {HELLO, {250, 250, 250, 250, 250}},
    {"HELO a.example\r\n", {250, 250, 250, 250, 250}},
    {"STARTTLS\r\n", {503, 220, 503, 503, 503}},
    {"AUTH PLAIN AHUAcA==\r\n", {503, 235, 503, 503, 503}},
    {"XFORWARD IDENT=x\r\n", {503, 250, 503, 503, 503}},
    {MAIL, {503, 250, 503, 503, 503}},
    {RCPT, {503, 503, 250, 250, 503}},
    {"DATA\r\n", {503, 503, 503, 354, 503}},
    {"BDAT 1\r\nx", {503, 503, 503, 250, 250}},
    {"BDAT 1 LAST\r\nx", {503, 503, 503, 250, 250}},
    {"RSET\r\n", {250, 250, 250, 250, 250}},
    {"NOOP\r\n", {250, 250, 250, 250, 250}},
    {QUIT, {221, 221, 221, 221, 221}},
    {"HELP\r\n", {214, 214, 214, 214, 214}},
    {"VRFY x\r\n", {252, 252, 252, 252, 252}},
    {"EXPN x\r\n", {502, 502, 502, 502, 502}},
    {"ETRN x\r\n", {503, 251, 503, 503, 503}},
    {"TURN\r\n", {502, 502, 502, 502, 502}},
    {"LHLO x\r\n", {500, 500, 500, 500, 500}},
};

START_TEST(each_verb_has_its_place)
{
	static const char *const ways[] = {
	    "", HELLO, HELLO MAIL, BEGIN, BEGIN "BDAT 1\r\nx"};
	struct fixture t;
	char code[4];

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		for (size_t phase = 0; phase < ARRAY_LEN(ways); phase++) {
			set_up(
			    &t, AUTH | PLAIN_OK | STARTTLS | XFORWARD | ETRN);
			talk(&t, str(ways[phase]), IN_MAX, IN_MAX);
			buf_reset(&t.out);
			talk(&t, str(orders[i].command), IN_MAX, IN_MAX);
			ck_assert(str_copy(
			    str_head(buf_str(&t.out), 3), code, sizeof code));
			ck_assert_msg(atoi(code) == orders[i].codes[phase],
			    "%sin phase %zu gave %s", orders[i].command, phase,
			    buf_text(&t.out));
			tear_down(&t);
		}
	}
}
END_TEST

/* What a client says in one packet with STARTTLS was not said under TLS. */
START_TEST(input_behind_starttls_ends_the_session)
{
	struct fixture t;

	set_up(&t, STARTTLS);
	talk(&t, str(HELLO), IN_MAX, IN_MAX);
	buf_reset(&t.out);
	talk(&t, str("STARTTLS\r\n" MAIL), IN_MAX, IN_MAX);
	ck_assert_int_eq(t.next, SMTP_NEXT_CLOSE);
	ck_assert_str_eq(
	    buf_text(&t.out), "503 5.5.1 input behind STARTTLS, closing\r\n");
	tear_down(&t);
}
END_TEST

static const char *const ends[] = {
    "\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\0\n", "\0\r\n", "\n\n", "\r\r"};
static const size_t end_lens[] = {2, 1, 1, 3, 2, 3, 3, 2, 2};

static bool
has_bare(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		bool cr = i > 0 && s.at[i - 1] == '\r';
		bool lf = i + 1 < s.len && s.at[i + 1] == '\n';

		if ((s.at[i] == '\n' && !cr) || (s.at[i] == '\r' && !lf))
			return true;
	}
	return false;
}

START_TEST(no_other_end_of_data_smuggles_a_message)
{
	const char *evil = "MAIL FROM:<evil@y>\r\nRCPT TO:<bob@a>\r\nDATA\r\n"
			   "z\r\n.\r\n";
	struct fixture t;
	struct buf text, end;

	for (size_t i = 0; i < ARRAY_LEN(ends) * ARRAY_LEN(ends); i++) {
		size_t a = i / ARRAY_LEN(ends), b = i % ARRAY_LEN(ends);

		buf_init(&end, 100);
		buf_put(&end, ends[a], end_lens[a]);
		buf_putc(&end, '.');
		buf_put(&end, ends[b], end_lens[b]);
		if (i == 0 || !has_bare(buf_str(&end))) {
			buf_clear(&end);
			continue;
		}
		buf_init(&text, 1000);
		buf_puts(&text, BEGIN "DATA\r\nx");
		buf_put_str(&text, buf_str(&end));
		buf_puts(&text, evil);
		for (size_t size = 1; size < 200; size++) {
			set_up(&t, 0);
			talk(&t, buf_str(&text), size, size);
			ck_assert_str_eq(
			    buf_text(&t.out), BEGIN_OK DATA_OK BARE);
			/* CR CR LF is a line end to some: none goes on. */
			ck_assert_int_eq(t.next == SMTP_NEXT_CLOSE,
			    strcmp(ends[a], "\r\r\n") == 0 && b == 0);
			tear_down(&t);
		}
		buf_clear(&text);
		buf_clear(&end);
	}
}
END_TEST

/* n letters, then rest. */
static void
put_long(struct buf *b, const char *begin, size_t n, const char *rest)
{
	buf_puts(b, begin);
	while (n-- > 0)
		buf_putc(b, 'A');
	buf_puts(b, rest);
}

START_TEST(a_line_that_is_too_long_is_dropped_to_its_end)
{
	static const size_t sizes[] = {1, 7, 2047, 2048, 2049, 5000, 100000};
	struct fixture t;
	struct buf text;

	buf_init(&text, 1 << 20);
	put_long(&text, "NOOP ", 2048 - 7, "\r\n");
	put_long(&text, "NOOP ", 2048 - 6, "\r\n");
	put_long(&text, "NOOP ", 100000, "\r\nNOOP\r\n" HELLO);
	put_long(&text, "AUTH PLAIN ", 12288 - 13, "\r\n");
	put_long(&text, "AUTH PLAIN ", 12288 - 12, "\r\nAUTH PLAIN\r\n");
	put_long(&text, "", 12288 - 1, "\r\nNOOP\r\nAUTH PLAIN\r\n");
	put_long(&text, "", 100000, "\r\nNOOP\r\n");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		set_up(&t, AUTH | PLAIN_OK);
		talk(&t, buf_str(&text), sizes[i], sizes[i]);
		ck_assert_str_eq(buf_text(&t.out),
		    OK "500 5.5.2 line is too long\r\n"
		       "500 5.5.2 line is too long\r\n" OK AUTH_HELLO_OK
		       "501 5.5.2 bad base64\r\n500 5.5.2 line is too long\r\n"
		       "334 \r\n500 5.5.6 line is too long\r\n" OK
		       "334 \r\n500 5.5.6 line is too long\r\n" OK);
		tear_down(&t);
	}
	buf_clear(&text);
}
END_TEST

START_TEST(a_message_that_is_too_big_is_refused_at_its_end)
{
	struct fixture t;
	struct buf text;

	buf_init(&text, 1 << 20);
	put_long(&text, BEGIN "DATA\r\n", 998, "\r\n.\r\n" MAIL RCPT);
	put_long(&text, "DATA\r\n", 999, "\r\n.\r\n" MAIL RCPT);
	put_long(&text, "DATA\r\n", 100000, "\r\n.\r\n" MAIL RCPT);
	put_long(&text, "BDAT 600\r\n", 600, "BDAT 600\r\n");
	put_long(&text, "", 600, MAIL RCPT "BDAT 1001 LAST\r\n");
	put_long(&text, "", 1001, QUIT);
	set_up(&t, 0);
	talk(&t, buf_str(&text), 1000, 1000);
	ck_assert_str_eq(buf_text(&t.out),
	    BEGIN_OK DATA_OK TAKEN MAIL_OK RCPT_OK DATA_OK TOO_BIG MAIL_OK
		RCPT_OK DATA_OK TOO_BIG MAIL_OK RCPT_OK
	    "250 2.0.0 600 bytes so far\r\n" TOO_BIG MAIL_OK RCPT_OK TOO_BIG
		BYE);
	/* What is over the limit does not reach the policy. */
	ck_assert_uint_lt(buf_len(&t.events), 6000);
	tear_down(&t);
	buf_clear(&text);
}
END_TEST

START_TEST(answers_are_sent_before_they_are_too_many)
{
	struct fixture t;
	struct buf in;

	set_up(&t, 0);
	buf_init(&in, IN_MAX);
	while (buf_len(&in) < IN_MAX - 20)
		buf_puts(&in, "HELP\r\n");
	while (buf_len(&in) > 0) {
		size_t before = buf_len(&in);

		ck_assert_int_eq(
		    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_INPUT);
		ck_assert_uint_lt(buf_len(&in), before);
		ck_assert_uint_lt(buf_len(&t.out), 64 << 10);
		buf_reset(&t.out);
	}
	buf_clear(&in);
	tear_down(&t);
}
END_TEST

/* Else the client would take the next answer for the one that is missing. */
START_TEST(an_answer_that_does_not_fit_ends_the_session)
{
	struct fixture t;

	set_up(&t, 0);
	t.out.max = 20;
	talk(&t, str(HELLO), IN_MAX, IN_MAX);
	ck_assert_int_eq(t.next, SMTP_NEXT_CLOSE);
	tear_down(&t);
}
END_TEST

START_TEST(sessions_are_greeted_and_said_goodbye)
{
	struct fixture t;
	struct fault f;

	set_up(&t, 0);
	smtp_server_greet(t.server, NULL, &t.out);
	talk(&t, str(BEGIN "DATA\r\nx"), IN_MAX, IN_MAX);
	buf_reset(&t.events);
	smtp_server_timeout(t.server, &t.out);
	smtp_server_timeout(t.server, &t.out);
	ck_assert_str_eq(buf_text(&t.out), GREETING BEGIN_OK DATA_OK
	    "421 4.4.2 mx.example timeout, closing\r\n");
	ck_assert_str_eq(buf_text(&t.events), "refused - 421|reset|");
	talk(&t, str("NOOP\r\n"), IN_MAX, IN_MAX);
	ck_assert_int_eq(t.next, SMTP_NEXT_CLOSE);
	tear_down(&t);

	set_up(&t, LMTP);
	smtp_server_greet(t.server, NULL, &t.out);
	smtp_server_shutdown(t.server, &t.out);
	ck_assert_str_eq(buf_text(&t.out),
	    "220 mx.example LMTP Posthouse\r\n"
	    "421 4.3.2 mx.example is shutting down\r\n");
	tear_down(&t);

	set_up(&t, 0);
	fault_perm(&f, "5.7.1", "you are not welcome");
	smtp_server_greet(t.server, &f, &t.out);
	talk(&t, str(HELLO), IN_MAX, IN_MAX);
	ck_assert_int_eq(t.next, SMTP_NEXT_CLOSE);
	ck_assert_str_eq(
	    buf_text(&t.out), "554 5.7.1 mx.example you are not welcome\r\n");
	tear_down(&t);
}
END_TEST

#define HALF BEGIN "DATA\r\nx\r\n.\r\n" MAIL
#define HALF_OK BEGIN_OK DATA_OK

/* HALF with an answer that is awaited. */
static void
begin_to_wait(struct fixture *t, struct buf *in)
{
	set_up(t, SLOW);
	buf_init(in, IN_MAX);
	buf_puts(in, HALF);
	ck_assert_int_eq(
	    smtp_server_feed(t->server, in, &t->out), SMTP_NEXT_WAIT);
	ck_assert_str_eq(buf_text(in), MAIL);
	buf_reset(&t->events);
}

START_TEST(who_waits_too_long_for_an_answer_gets_421_instead)
{
	struct fixture t;
	struct buf in;

	for (int shutdown = 0; shutdown < 2; shutdown++) {
		begin_to_wait(&t, &in);
		if (shutdown)
			smtp_server_shutdown(t.server, &t.out);
		else
			smtp_server_timeout(t.server, &t.out);
		ck_assert_str_eq(buf_text(&t.out),
		    shutdown
			? HALF_OK "421 4.3.2 mx.example is shutting down\r\n"
			: HALF_OK "421 4.4.2 mx.example timeout, closing\r\n");
		ck_assert_str_eq(buf_text(&t.events), "refused - 421|reset|");
		ck_assert_int_eq(
		    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_CLOSE);
		buf_clear(&in);
		tear_down(&t);
	}
}
END_TEST

START_TEST(an_engine_that_waits_may_be_freed)
{
	struct fixture t;
	struct buf in;

	begin_to_wait(&t, &in);
	smtp_server_free(&t.server);
	ck_assert_str_eq(buf_text(&t.events), "reset|");
	buf_clear(&in);
	tear_down(&t);
}
END_TEST

START_TEST(a_late_answer_that_does_not_fit_ends_the_session)
{
	struct fixture t;
	struct buf in;

	begin_to_wait(&t, &in);
	t.out.max = buf_len(&t.out) + 5;
	fill(&t, smtp_server_state(t.server));
	smtp_server_finish(t.server, &t.out);
	/* Also where the session has sent meanwhile what there was. */
	buf_reset(&t.out);
	ck_assert_int_eq(
	    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_CLOSE);
	buf_clear(&in);
	tear_down(&t);
}
END_TEST

START_TEST(outcomes_that_nobody_fills_are_failures)
{
	struct fixture t;
	struct buf in;

	begin_to_wait(&t, &in);
	smtp_server_finish(t.server, &t.out);
	ck_assert_int_eq(
	    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_INPUT);
	ck_assert_str_eq(
	    buf_text(&t.out), HALF_OK "451 4.3.0 not delivered\r\n" MAIL_OK);
	buf_clear(&in);
	tear_down(&t);
}
END_TEST

START_TEST(what_is_awaited_is_known)
{
	static const struct {
		const char *in;
		enum smtp_awaits awaits;
	} steps[] = {
	    {"", AWAITS_COMMAND},
	    {HELLO "AUTH PLAIN\r\n", AWAITS_AUTH},
	    {"*\r\n", AWAITS_COMMAND},
	    {MAIL RCPT "DATA\r\n", AWAITS_BODY},
	    {"x\r\n.\r\n", AWAITS_COMMAND},
	    {MAIL RCPT "BDAT 2\r\nx", AWAITS_BODY},
	    {"x", AWAITS_COMMAND},
	};
	const struct smtp_state *st;
	struct fixture t;

	set_up(&t, AUTH | PLAIN_OK);
	st = smtp_server_state(t.server);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		talk(&t, str(steps[i].in), IN_MAX, IN_MAX);
		ck_assert_int_eq(smtp_server_awaits(t.server), steps[i].awaits);
		ck_assert_uint_eq(st->n_rcpts, i == 3 || i >= 5);
		ck_assert_int_eq(st->mail != NULL, i == 3 || i >= 5);
	}
	tear_down(&t);
}
END_TEST

/* An engine whose policy says nothing takes all, and offers no AUTH. */
START_TEST(a_policy_may_be_empty)
{
	static const struct smtp_policy none = {.hello = NULL};
	struct fixture t;
	struct buf in;

	set_up(&t, 0);
	smtp_server_free(&t.server);
	t.server = smtp_server_new(&t.conf, &none, NULL, true);
	buf_init(&in, IN_MAX);
	buf_puts(&in, BEGIN "DATA\r\nx\r\n.\r\n" QUIT);
	ck_assert_int_eq(
	    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_CLOSE);
	ck_assert_str_eq(
	    buf_text(&t.out), BEGIN_OK DATA_OK "250 2.0.0 delivered\r\n" BYE);
	buf_clear(&in);
	tear_down(&t);
}
END_TEST

START_TEST(a_session_may_end_while_a_log_in_is_awaited)
{
	for (int how = 0; how < 3; how++) {
		struct fixture t;
		struct buf in;

		set_up(&t, AUTH | TLS | SLOW);
		smtp_server_greet(t.server, NULL, &t.out);
		buf_init(&in, IN_MAX);
		buf_puts(&in, HELLO "AUTH PLAIN AHUAcA==\r\nNOOP\r\n");
		ck_assert_int_eq(
		    smtp_server_feed(t.server, &in, &t.out), SMTP_NEXT_WAIT);
		ck_assert_str_eq(buf_text(&in), "NOOP\r\n");
		buf_reset(&t.events);
		buf_reset(&t.out);
		if (how == 0)
			smtp_server_timeout(t.server, &t.out);
		else if (how == 1)
			smtp_server_shutdown(t.server, &t.out);
		if (how < 2) {
			ck_assert(str_starts(buf_str(&t.out), str("421 4.")));
			ck_assert_str_eq(
			    buf_text(&t.events), "refused - 421|abort|");
			ck_assert_int_eq(
			    smtp_server_feed(t.server, &in, &t.out),
			    SMTP_NEXT_CLOSE);
		}
		buf_clear(&in);
		tear_down(&t);
	}
}
END_TEST

UNIT_MAIN("smtp_server", a_session_may_end_while_a_log_in_is_awaited,
    a_dialogue_does_not_depend_on_how_it_is_cut, parameters_are_taken_strictly,
    a_chunk_is_never_a_command, lmtp_answers_for_each_recipient,
    tls_begins_a_new_session, etrn_says_how_much_is_sent_now,
    who_logs_in_is_known_until_the_end, each_verb_has_its_place,
    input_behind_starttls_ends_the_session,
    no_other_end_of_data_smuggles_a_message,
    a_line_that_is_too_long_is_dropped_to_its_end,
    a_message_that_is_too_big_is_refused_at_its_end,
    answers_are_sent_before_they_are_too_many,
    an_answer_that_does_not_fit_ends_the_session,
    who_waits_too_long_for_an_answer_gets_421_instead,
    an_engine_that_waits_may_be_freed,
    a_late_answer_that_does_not_fit_ends_the_session,
    outcomes_that_nobody_fills_are_failures,
    sessions_are_greeted_and_said_goodbye, what_is_awaited_is_known,
    a_policy_may_be_empty)
