/* SPDX-License-Identifier: ISC */
/*
 * proto/smtp_client.h, against a server whose words are the input. The first
 * byte chooses the dialect, the messages and what the driver asks for, the
 * second how the input is cut.
 */
#include "config.h"

#include "proto/smtp_client.h"

#include "proto/dot.h"
#include "proto/reply.h"
#include "tests/fuzz/fuzz.h"

enum {
	IN_ROOM = 2 * REPLY_WIRE_MAX,
	OUT_ROOM = 64 << 10,
	MESSAGES = 3,
	RCPTS = 3,
};

#define BODY "Subject: x\r\n\r\n.hello\r\n..\r\n"

/* What is said of each message, one after the other from the one chosen. */
static const struct kind {
	struct envelope_mail mail;
	size_t n_rcpts;
	bool has_size;
} kinds[] = {
    {.n_rcpts = 1},
    {.n_rcpts = 3, .has_size = true},
    {.mail = {.body = BODY_8BITMIME,
	 .ret = RET_HDRS,
	 .envid = {"a+ b", 4},
	 .has_auth = true},
	.n_rcpts = 2,
	.has_size = true},
    {.mail = {.body = BODY_BINARYMIME}, .n_rcpts = 2, .has_size = true},
    {.mail = {.body = BODY_BINARYMIME}, .n_rcpts = 2},
    {.mail = {.smtputf8 = true,
	 .size = 100,
	 .auth = {"a=b", 3},
	 .has_auth = true},
	.n_rcpts = 1},
    {.mail = {.requiretls = true}, .n_rcpts = 1, .has_size = true},
    {.n_rcpts = 0},
};

struct driver {
	struct smtp_client *client;
	struct buf in, out;
	struct str rest; /* what the server has yet to say */
	size_t step;
	bool lmtp, wants_tls, wants_auth, wants_xforward, cuts;
	unsigned kind, n;
	struct envelope_mail mail;
	struct envelope_rcpt rcpts[RCPTS];
	bool in_transaction, body_given;
};

static const struct envelope_xforward xforward = {
    .name = {"client.example", 14},
    .addr = {"192.0.2.1", 9},
    .helo = {"a b\r\nc", 6},
    .ident = {"0123456789abcdef", 16},
};

static void
make_message(struct driver *d, struct smtp_client_message *m)
{
	static const char *const names[RCPTS] = {"ann@b", "\"b b\"@c", "c@d"};
	const struct kind *kind = &kinds[(d->kind + d->n) % ARRAY_LEN(kinds)];
	struct fault f;

	d->mail = kind->mail;
	if (address_parse(
		STR_LIT("from@example.org"), &d->mail.reverse_path, &f) < 0)
		die_bug("%s", f.text);
	for (size_t i = 0; i < RCPTS; i++) {
		d->rcpts[i] = (struct envelope_rcpt){
		    .notify = i == 1 ? NOTIFY_FAILURE | NOTIFY_DELAY : 0,
		    .orcpt_type = STR_LIT("rfc822"),
		    .orcpt = STR_LIT("x\r\ny")};
		if (address_parse(
			str(names[i]), &d->rcpts[i].forward_path, &f) < 0)
			die_bug("%s", f.text);
	}
	*m = (struct smtp_client_message){
	    .mail = &d->mail,
	    .rcpts = d->rcpts,
	    .n_rcpts = kind->n_rcpts,
	    .xforward = d->wants_xforward ? &xforward : NULL,
	    .size = kind->has_size ? strlen(BODY) : 0,
	};
}

/* Commands are whole lines, and nothing in them forges another. */
static void
take_commands(struct driver *d)
{
	struct str rest = buf_str(&d->out);

	FUZZ_CHECK(!buf_is_full(&d->out));
	while (rest.len > 0) {
		struct str line = str_head(rest, str_find(rest, '\n') + 1);

		rest = str_from(rest, line.len);
		FUZZ_CHECK(str_ends(line, STR_LIT("\r\n")));
		FUZZ_CHECK(line.len <= 2048);
		line.len -= 2;
		for (size_t i = 0; i < line.len; i++)
			FUZZ_CHECK((unsigned char)line.at[i] >= ' ');
	}
	buf_reset(&d->out);
}

/* As the server would take it: by DATA, in one chunk, or in several. */
static void
check_body(const struct driver *d)
{
	struct str wire = buf_str(&d->out), body = STR_LIT(BODY);
	struct buf text;
	struct dot dot;

	if (str_is(wire, body))
		return;
	buf_init(&text, OUT_ROOM);
	if (!str_starts(wire, STR_LIT("BDAT "))) {
		dot_init(&dot);
		FUZZ_CHECK(dot_decode(&dot, &wire, &text) == DOT_END);
	}
	while (wire.len > 0) {
		struct str line = str_cut(&wire, '\n'), size;
		uint64_t n;

		FUZZ_CHECK(str_starts(line, STR_LIT("BDAT ")));
		FUZZ_CHECK(str_ends(line, STR_LIT("\r")));
		line = str_from(line, 5);
		line.len--;
		size = str_cut(&line, ' ');
		FUZZ_CHECK(str_to_u64(size, 0, wire.len, &n));
		buf_put_str(&text, str_head(wire, n));
		wire = str_from(wire, n);
		FUZZ_CHECK(str_is(line, STR_LIT("LAST")) == (wire.len == 0));
	}
	FUZZ_CHECK(str_is(buf_str(&text), body));
	buf_clear(&text);
}

static void
give_body(struct driver *d)
{
	FUZZ_CHECK(d->in_transaction && !d->body_given);
	take_commands(d);
	smtp_client_body(d->client, STR_LIT("Subject: x\r"), &d->out);
	smtp_client_body(d->client, (struct str){0}, &d->out);
	if (d->cuts) {
		d->cuts = false;
		smtp_client_body_cut(d->client);
		buf_reset(&d->out);
		return;
	}
	smtp_client_body(d->client,
	    str_from(STR_LIT(BODY), strlen("Subject: x\r")), &d->out);
	smtp_client_body_end(d->client, &d->out);
	check_body(d);
	if (d->n % 3 == 2) {
		/* All but the end could be written. */
		smtp_client_body_cut(d->client);
		buf_reset(&d->out);
		return;
	}
	buf_reset(&d->out);
	d->body_given = true;
}

static void
check_outcomes(const struct driver *d)
{
	const struct smtp_outcome *o = smtp_client_outcomes(d->client);
	size_t n = kinds[(d->kind + d->n) % ARRAY_LEN(kinds)].n_rcpts;

	FUZZ_CHECK(d->body_given || !smtp_client_is_in_doubt(d->client));
	for (size_t i = 0; i < n; i++) {
		/* What was never handed over was never taken. */
		FUZZ_CHECK(!o[i].ok || d->body_given);
		FUZZ_CHECK(o[i].ok || o[i].fault.kind == FAULT_TEMP ||
			   o[i].fault.kind == FAULT_PERM);
		FUZZ_CHECK(o[i].ok ||
			   o[i].fault.dsn[0] == '0' + (char)o[i].fault.kind);
	}
}

static void
end_transaction(struct driver *d)
{
	FUZZ_CHECK(d->in_transaction);
	check_outcomes(d);
	d->in_transaction = d->body_given = false;
	d->n++;
}

/* At CLIENT_READY. */
static enum client_next
choose(struct driver *d)
{
	unsigned extensions = smtp_client_peer(d->client)->extensions;
	struct smtp_client_message message;

	FUZZ_CHECK(!d->in_transaction);
	if (d->wants_tls && (extensions & EXT_STARTTLS) != 0) {
		d->wants_tls = false;
		smtp_client_starttls(d->client, &d->out);
		return CLIENT_SEND;
	}
	if (d->wants_auth && (extensions & EXT_AUTH) != 0) {
		d->wants_auth = false;
		if (smtp_client_auth(
			d->client, STR_LIT("ann"), STR_LIT("a\nb"), &d->out))
			return CLIENT_SEND;
	}
	if (d->n >= MESSAGES) {
		smtp_client_quit(d->client, &d->out);
		return CLIENT_CLOSED;
	}
	make_message(d, &message);
	d->in_transaction = true;
	return smtp_client_send(d->client, &message, &d->out);
}

/* False where the server says no more. */
static bool
hear(struct driver *d)
{
	struct str piece = str_head(d->rest, d->step);

	buf_put_str(&d->in, piece);
	d->rest = str_from(d->rest, piece.len);
	return piece.len > 0;
}

static void
run(struct driver *d)
{
	enum client_next next = CLIENT_READ;
	size_t turns = 0, max = d->rest.len + 100;
	struct fault f = {0};

	while (next != CLIENT_CLOSED) {
		bool goes_on = true;

		FUZZ_CHECK(turns++ < max);
		take_commands(d);
		next = smtp_client_feed(d->client, &d->in, &d->out, &f);
		FUZZ_CHECK(buf_len(&d->in) <= REPLY_WIRE_MAX ||
			   next == CLIENT_CLOSED || next == CLIENT_BODY ||
			   next == CLIENT_DONE);
		while (next == CLIENT_READY || next == CLIENT_DONE) {
			if (next == CLIENT_DONE)
				end_transaction(d);
			next = choose(d);
		}
		if (next == CLIENT_BODY)
			give_body(d);
		if (next == CLIENT_STARTTLS) {
			FUZZ_CHECK(buf_len(&d->in) == 0);
			take_commands(d);
			smtp_client_tls_done(d->client, &d->out);
		}
		if (next == CLIENT_READ || next == CLIENT_SEND ||
		    next == CLIENT_BODY || next == CLIENT_STARTTLS)
			goes_on = hear(d);
		if (!goes_on)
			break;
	}
	if (d->in_transaction)
		end_transaction(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct driver d = {.rest = str_n((const char *)data, size)};
	unsigned choice = fuzz_take_byte(&d.rest);
	struct smtp_client_conf conf = {.hostname = "mail.example.org"};

	d.step = 1 + 16 * fuzz_take_byte(&d.rest);
	d.kind = choice & 7;
	d.wants_tls = choice & 8;
	d.wants_auth = choice & 16;
	d.wants_xforward = choice & 32;
	d.lmtp = choice & 64;
	d.cuts = choice & 128;
	conf.dialect = d.lmtp ? DIALECT_LMTP : DIALECT_SMTP;
	buf_init(&d.in, IN_ROOM);
	buf_init(&d.out, OUT_ROOM);
	d.client = smtp_client_new(&conf);
	run(&d);
	smtp_client_free(&d.client);
	FUZZ_CHECK(d.client == NULL);
	buf_clear(&d.in);
	buf_clear(&d.out);
	return 0;
}
