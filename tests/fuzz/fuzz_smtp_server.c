/* SPDX-License-Identifier: ISC */
/*
 * proto/smtp_server.h, with a policy that knows by itself whose turn it is.
 *
 * The first byte chooses the phase in which the input begins and the dialect,
 * the second what is configured, the third how the input is cut. It is given
 * once whole and once cut: but for STARTTLS, which minds what comes behind it,
 * both must be answered alike.
 */
#include "config.h"

#include "proto/smtp_server.h"

#include "base/utf8.h"
#include "proto/reply.h"
#include "tests/fuzz/fuzz.h"

enum {
	MAX_RCPTS = 5,
	MAX_SIZE = 3000,
	MAX_COMMANDS = 200,
	LINE_ROOM = 12288, /* of an AUTH line, the longest */
	PIECES = 100,      /* that are small, for the sake of speed */
	OUT_ROOM = 1 << 20,
	/* Where the engine stops, and one body's answers to all recipients. */
	OUT_ENOUGH = (32 << 10) + MAX_RCPTS * 4096,
};

struct checker {
	struct smtp_server *server;
	const struct smtp_server_conf *conf;
	bool greeted; /* since the last handshake */
	bool in_transaction, in_body, body_failed, in_auth;
	bool is_binary;
	size_t rcpts;
	struct smtp_outcome *outcomes; /* not NULL: the engine waits */
	bool left; /* it waits to the end, and outcomes never come */
	uint64_t written;
	char last; /* byte that was written */
	struct buf in, out;
	struct buf answers; /* the class of each reply */
	bool closed, had_tls;
};

static void
check_state(const struct checker *c, const struct smtp_state *st)
{
	FUZZ_CHECK(st == smtp_server_state(c->server));
	FUZZ_CHECK(!c->closed);
	FUZZ_CHECK(st->n_rcpts == c->rcpts);
	FUZZ_CHECK((st->mail != NULL) == c->in_transaction);
	for (size_t i = 0; i < st->helo.len; i++)
		FUZZ_CHECK(st->helo.at[i] > ' ' && st->helo.at[i] <= '~');
}

/* What a name begins with decides: "t" later, "p" never. */
static int
judge(const char *name, struct fault *f)
{
	if (name[0] == 't')
		return fault_temp(f, "4.2.1", "later: %s", name);
	if (name[0] == 'p')
		return fault_perm(f, "5.2.1", "never: %s", name);
	return 0;
}

static int
on_hello(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(!c->in_transaction && !c->in_auth && st->helo.len > 0);
	c->greeted = judge(st->helo.at, f) == 0;
	return c->greeted ? 0 : -1;
}

static const char *
on_auth_mechanisms(void *ctx, const struct smtp_state *st)
{
	check_state(ctx, st);
	return "PLAIN X-LONG";
}

static enum auth_result
on_auth_step(void *ctx, const struct smtp_state *st, const char *mechanism,
    struct str response, bool has_response, struct buf *challenge,
    struct buf *user)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK((mechanism == NULL) == c->in_auth);
	FUZZ_CHECK(c->greeted && !c->in_transaction && st->user.len == 0);
	FUZZ_CHECK(st->tls || c->conf->auth_plain_ok);
	FUZZ_CHECK(has_response || response.len == 0);
	FUZZ_CHECK(mechanism != NULL || has_response);
	c->in_auth = false;
	if (!has_response || str_starts(response, STR_LIT("c"))) {
		c->in_auth = true;
		for (size_t i = 0; i < 100 * response.len; i++)
			buf_putc(challenge, (char)i);
		return AUTH_CONTINUE;
	}
	if (str_starts(response, STR_LIT("o"))) {
		buf_put_str(user, response);
		return AUTH_OK;
	}
	return str_starts(response, STR_LIT("f")) ? AUTH_FAILED : AUTH_TEMP;
}

static void
on_auth_abort(void *ctx)
{
	struct checker *c = ctx;

	FUZZ_CHECK(c->in_auth);
	c->in_auth = false;
}

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(c->greeted && !c->in_transaction && !c->in_auth);
	FUZZ_CHECK(st->tls || !c->conf->tls_required);
	FUZZ_CHECK(st->user.len > 0 || !c->conf->auth_required);
	FUZZ_CHECK(mail->size <= c->conf->max_size || c->conf->max_size == 0);
	FUZZ_CHECK(!mail->requiretls || (st->tls && c->conf->requiretls));
	FUZZ_CHECK(!mail->reverse_path.is_utf8 || mail->smtputf8);
	if (judge(mail->reverse_path.local, f) < 0)
		return -1;
	c->in_transaction = true;
	c->is_binary = mail->body == BODY_BINARYMIME;
	return 0;
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(c->in_transaction && !c->in_body);
	FUZZ_CHECK(c->rcpts < MAX_RCPTS);
	FUZZ_CHECK(!address_is_null(&rcpt->forward_path));
	if (judge(rcpt->forward_path.local, f) < 0)
		return -1;
	c->rcpts++;
	return 0;
}

static int
on_body_open(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(c->in_transaction && !c->in_body && c->rcpts > 0);
	c->in_body = true;
	c->written = 0;
	c->last = '\0';
	c->body_failed = st->rcpts[0].forward_path.local[0] == 'o';
	return c->body_failed ? fault_temp(f, "4.3.1", "no room") : 0;
}

static int
on_body_write(
    void *ctx, const struct smtp_state *st, struct str bytes, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(c->in_body && !c->body_failed && bytes.len > 0);
	c->written += bytes.len;
	FUZZ_CHECK(c->written <= MAX_SIZE);
	for (size_t i = 0; i < bytes.len && !c->is_binary; i++) {
		FUZZ_CHECK((bytes.at[i] == '\n') == (c->last == '\r'));
		c->last = bytes.at[i];
	}
	c->body_failed = st->rcpts[0].forward_path.local[0] == 'w';
	return c->body_failed ? fault_perm(f, "5.6.0", "not like this") : 0;
}

static void
fill(const struct smtp_state *st, struct smtp_outcome *outcomes)
{
	for (size_t i = 0; i < st->n_rcpts; i++) {
		const char *name = st->rcpts[i].forward_path.local;

		FUZZ_CHECK(!outcomes[i].ok);
		outcomes[i].ok = name[0] != 'd';
		if (!outcomes[i].ok)
			fault_temp(&outcomes[i].fault, "4.2.2", "%s", name);
	}
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *f)
{
	struct checker *c = ctx;

	check_state(c, st);
	FUZZ_CHECK(c->in_body && !c->body_failed);
	FUZZ_CHECK(c->last != '\r');
	c->in_body = false;
	buf_puts(words, "kept\nas it is");
	if (st->mail->reverse_path.local[0] == 's') {
		c->outcomes = outcomes;
		return 1;
	}
	fill(st, outcomes);
	return st->rcpts[0].forward_path.local[0] == 'c'
		   ? fault_perm(f, "5.2.0", "none")
		   : 0;
}

static void
on_reset(void *ctx)
{
	struct checker *c = ctx;

	FUZZ_CHECK(c->in_transaction);
	c->in_transaction = c->in_body = c->is_binary = false;
	c->rcpts = 0;
	c->outcomes = NULL;
}

static void
on_refused(void *ctx, const struct smtp_state *st, const char *verb,
    const struct smtp_reply *r)
{
	(void)ctx;
	(void)st;
	FUZZ_CHECK(verb == NULL || verb[0] != '\0');
	FUZZ_CHECK(r->code >= 400 && r->code <= 599);
}

static const struct smtp_policy policy = {
    .hello = on_hello,
    .auth_mechanisms = on_auth_mechanisms,
    .auth_step = on_auth_step,
    .auth_abort = on_auth_abort,
    .mail = on_mail,
    .rcpt = on_rcpt,
    .body_open = on_body_open,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
    .refused = on_refused,
};

/* What the engine wrote are whole replies, each line as it must be. */
static void
take_replies(struct checker *c)
{
	struct str rest = buf_str(&c->out);
	int code = 0;

	FUZZ_CHECK(!buf_is_full(&c->out) && rest.len <= OUT_ENOUGH);
	while (rest.len > 0) {
		struct str line = str_head(rest, str_find(rest, '\n') + 1);
		uint64_t n;

		rest = str_from(rest, line.len);
		FUZZ_CHECK(str_ends(line, STR_LIT("\r\n")));
		line.len -= 2;
		FUZZ_CHECK(str_to_u64(str_head(line, 3), 200, 599, &n));
		FUZZ_CHECK(
		    line.len >= 4 && (line.at[3] == ' ' || line.at[3] == '-'));
		FUZZ_CHECK(line.len <= 510 || n == 334);
		FUZZ_CHECK(utf8_is_valid(line) && !str_has(line, '\r'));
		FUZZ_CHECK(code == 0 || code == (int)n);
		code = line.at[3] == '-' ? (int)n : 0;
		if (code == 0)
			buf_putc(&c->answers, line.at[0]);
	}
	FUZZ_CHECK(code == 0);
	buf_reset(&c->out);
}

static void
finish_tls(struct checker *c)
{
	const struct smtp_state *st = smtp_server_state(c->server);

	FUZZ_CHECK(buf_len(&c->in) == 0 && !c->in_transaction && !c->in_auth);
	FUZZ_CHECK(!st->tls && c->conf->starttls);
	smtp_server_tls_done(c->server);
	FUZZ_CHECK(st->tls && st->helo.len == 0 && st->user.len == 0);
	c->greeted = false;
	c->had_tls = true;
}

/* The outcomes come; while the engine waits nothing is taken or said. */
static void
finish(struct checker *c)
{
	const struct smtp_state *st = smtp_server_state(c->server);
	size_t had = buf_len(&c->in);

	FUZZ_CHECK(c->in_transaction && c->outcomes != NULL);
	FUZZ_CHECK(
	    smtp_server_feed(c->server, &c->in, &c->out) == SMTP_NEXT_WAIT);
	FUZZ_CHECK(buf_len(&c->in) == had && buf_len(&c->out) == 0);
	fill(st, c->outcomes);
	smtp_server_finish(c->server, &c->out);
	FUZZ_CHECK(!c->in_transaction && buf_len(&c->out) > 0);
	take_replies(c);
}

/* The engine waits; "sx" as the sender's name has it wait for ever. */
static void
wait_or_finish(struct checker *c)
{
	const struct smtp_state *st = smtp_server_state(c->server);

	c->left = st->mail->reverse_path.local[1] == 'x';
	if (!c->left)
		finish(c);
}

/* Feeds until nothing more is taken. */
static void
pump(struct checker *c)
{
	size_t before;
	bool waits;

	do {
		enum smtp_next next;

		before = buf_len(&c->in);
		next = smtp_server_feed(c->server, &c->in, &c->out);
		FUZZ_CHECK(buf_len(&c->in) <= before);
		/* It stops where its answers must be sent, or for more. */
		take_replies(c);
		if (next == SMTP_NEXT_STARTTLS)
			finish_tls(c);
		waits = next == SMTP_NEXT_WAIT;
		FUZZ_CHECK(waits == (c->outcomes != NULL));
		if (waits)
			wait_or_finish(c);
		c->closed = next == SMTP_NEXT_CLOSE;
	} while (!c->closed && !c->left && (waits || buf_len(&c->in) < before));
	if (c->left)
		return;
	FUZZ_CHECK(c->closed || buf_len(&c->in) < LINE_ROOM);
	FUZZ_CHECK(
	    (smtp_server_awaits(c->server) == AWAITS_AUTH) == c->in_auth);
	if (smtp_server_awaits(c->server) == AWAITS_BODY)
		FUZZ_CHECK(buf_len(&c->in) == 0);
}

static void
feed(struct checker *c, struct str input, size_t step)
{
	for (unsigned n = 0; input.len > 0 && !c->closed && !c->left; n++) {
		struct str piece = str_head(input, n < PIECES ? step : 4096);

		buf_put_str(&c->in, piece);
		input = str_from(input, piece.len);
		pump(c);
	}
}

#define HELLO "EHLO c\r\nLHLO c\r\n"
static const char *const preludes[] = {
    "",
    HELLO,
    HELLO "MAIL FROM:<a@b>\r\n",
    HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\n",
    HELLO "MAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
    HELLO "MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<a@b>\r\nBDAT 20\r\n",
    HELLO "AUTH PLAIN\r\n",
    HELLO "STARTTLS\r\n",
};

static void
begin(struct checker *c, const struct smtp_server_conf *conf, bool tls)
{
	*c = (struct checker){.conf = conf};
	buf_init(&c->in, LINE_ROOM + (64 << 10));
	buf_init(&c->out, OUT_ROOM);
	buf_init(&c->answers, OUT_ROOM);
	c->server = smtp_server_new(conf, &policy, c, tls);
	smtp_server_greet(c->server, NULL, &c->out);
	take_replies(c);
}

/* The client hangs up: nothing is said, and whoever fills the outcomes is told
 * that they are gone. */
static void
hang_up(struct checker *c)
{
	smtp_server_free(&c->server);
	FUZZ_CHECK(!c->in_transaction && !c->in_auth && c->outcomes == NULL);
	buf_clear(&c->in);
	buf_clear(&c->out);
}

static void
end(struct checker *c, bool timeout)
{
	/* What is closed stays closed, and says nothing more. */
	if (!c->closed && timeout)
		smtp_server_timeout(c->server, &c->out);
	else
		smtp_server_shutdown(c->server, &c->out);
	FUZZ_CHECK((buf_len(&c->out) == 0) == c->closed);
	take_replies(c);
	FUZZ_CHECK(!c->in_transaction && !c->in_auth && c->outcomes == NULL);
	buf_puts(&c->in, "EHLO c\r\nMAIL FROM:<a@b>\r\n");
	c->closed = true;
	FUZZ_CHECK(
	    smtp_server_feed(c->server, &c->in, &c->out) == SMTP_NEXT_CLOSE);
	FUZZ_CHECK(buf_len(&c->out) == 0);
	smtp_server_free(&c->server);
	FUZZ_CHECK(c->server == NULL);
	buf_clear(&c->in);
	buf_clear(&c->out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = str_n((const char *)data, size);
	unsigned start = fuzz_take_byte(&input);
	unsigned options = fuzz_take_byte(&input);
	size_t step = 1 + fuzz_take_byte(&input);
	const struct smtp_server_conf conf = {
	    .dialect = start & 8 ? DIALECT_LMTP : DIALECT_SMTP,
	    .hostname = "mail.example.org",
	    .max_size = MAX_SIZE,
	    .max_rcpts = MAX_RCPTS,
	    .max_errors = 20,
	    .max_commands = MAX_COMMANDS,
	    .max_header_size = 1000,
	    .max_hops = 5,
	    .starttls = options & 1,
	    .tls_required = options & 2,
	    .auth_required = options & 4,
	    .auth_plain_ok = options & 8,
	    .xforward = options & 16,
	    .requiretls = options & 32,
	};
	struct str prelude = str(preludes[start & 7]);
	struct checker whole, cut;

	begin(&whole, &conf, options & 64);
	begin(&cut, &conf, options & 64);
	/* Line by line: nothing may stand behind STARTTLS. */
	while (prelude.len > 0) {
		struct str line =
		    str_head(prelude, str_find(prelude, '\n') + 1);

		feed(&whole, line, line.len);
		feed(&cut, line, line.len);
		prelude = str_from(prelude, line.len);
	}
	whole.had_tls = cut.had_tls = false;
	feed(&whole, input, 64 << 10);
	feed(&cut, input, step);
	if (!whole.had_tls && !cut.had_tls) {
		FUZZ_CHECK(whole.closed == cut.closed);
		FUZZ_CHECK(whole.left == cut.left);
		FUZZ_CHECK(
		    str_is(buf_str(&whole.answers), buf_str(&cut.answers)));
	}
	end(&whole, options & 128);
	if (start & 16)
		hang_up(&cut);
	else
		end(&cut, options & 128);
	buf_clear(&whole.answers);
	buf_clear(&cut.answers);
	return 0;
}
