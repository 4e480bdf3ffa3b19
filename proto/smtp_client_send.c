/* SPDX-License-Identifier: ISC */
/*
 * The client engine's transactions.
 *
 * A transaction is a row of steps, RSET XFORWARD MAIL RCPT… DATA, each with a
 * command and one reply. Two cursors go along it: what was said, and what was
 * answered. With PIPELINING all is said before anything is answered, without
 * it one step at a time; the replies are taken by the same code.
 *
 *   COMMANDS ──354──▶ BODY ──end──▶ FINAL ──▶ READY               DATA
 *   BODY ──end──▶ COMMANDS ──all answered──▶ FINAL ──▶ READY      BDAT
 *
 * Each recipient is open, then accepted, then settled; only what is settled by
 * a reply to the body itself is ever ok.
 */
#include "config.h"

#include "base/mem.h"
#include "proto/smtp_client_private.h"
#include "proto/smtp_command.h"

enum step {
	STEP_RSET,
	STEP_XFORWARD,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CHUNKS, /* BDAT: no reply before the body's own */
};

static bool
has(const struct smtp_client *c, unsigned extension)
{
	return (c->peer.extensions & extension) != 0;
}

static bool
is_open(const struct smtp_client_transaction *t, size_t i)
{
	return t->fates[i] == FATE_OPEN || t->fates[i] == FATE_ACCEPTED;
}

/* words are the reply that says so; empty: we say so. */
static void
settle(struct smtp_client_transaction *t, size_t i, const struct fault *f,
    struct str words)
{
	t->accepted -= t->fates[i] == FATE_ACCEPTED;
	t->fates[i] = FATE_SETTLED;
	t->lines[i] = words;
	t->outcomes[i].ok = f == NULL;
	if (f != NULL)
		t->outcomes[i].fault = *f;
}

/* All that are not settled yet. */
static void
settle_rest(
    struct smtp_client_transaction *t, const struct fault *f, struct str words)
{
	for (size_t i = 0; i < t->message.n_rcpts; i++)
		if (is_open(t, i))
			settle(t, i, f, words);
}

enum client_next
smtp_client_give_up(
    struct smtp_client *c, bool by_server, const struct fault *f)
{
	struct smtp_client_transaction *t = &c->t;
	struct fault later = *f;

	c->phase = PHASE_CLOSED;
	if (later.kind == FAULT_PERM)
		fault_temp(&later, "4.4.2", "%s", f->text);
	for (size_t i = 0; i < t->message.n_rcpts; i++) {
		if (!is_open(t, i))
			continue;
		t->outcomes[i].fault = later;
		t->lines[i] = c->words;
		if (by_server)
			t->fates[i] = FATE_CUT_OFF;
	}
	return CLIENT_CLOSED;
}

enum client_next
smtp_client_refused(struct smtp_client *c, struct fault *f)
{
	reply_to_fault(&c->reply, f);
	c->words = smtp_client_keep_words(c);
	return smtp_client_give_up(c, true, f);
}

/* A transaction's steps. */

static size_t
count_steps(const struct smtp_client_transaction *t)
{
	return t->rset + t->n_xforward + 1 + t->message.n_rcpts + !t->chunks;
}

/* What step n is; *rcpt is set for STEP_RCPT. */
static enum step
step_at(const struct smtp_client_transaction *t, size_t n, size_t *rcpt)
{
	if (n < t->rset)
		return STEP_RSET;
	n -= t->rset;
	if (n < t->n_xforward)
		return STEP_XFORWARD;
	n -= t->n_xforward;
	if (n == 0)
		return STEP_MAIL;
	*rcpt = n - 1;
	if (*rcpt < t->message.n_rcpts)
		return STEP_RCPT;
	return t->chunks ? STEP_CHUNKS : STEP_DATA;
}

static uint64_t
size_of(const struct smtp_client_transaction *t)
{
	return t->message.size > 0 ? t->message.size : t->message.mail->size;
}

/* The lines of XFORWARD were made before; each goes out as it stands. */
static void
put_xforward(struct smtp_client_transaction *t, struct buf *out)
{
	struct str line;

	if (!buf_take_line(&t->xforward, &line))
		die_bug("XFORWARD has fewer lines than steps");
	buf_put_str(out, line);
	buf_puts(out, "\r\n");
}

static void
put_step(struct smtp_client *c, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;
	size_t rcpt = 0;

	switch (step_at(t, t->said++, &rcpt)) {
	case STEP_RSET:
		buf_puts(out, "RSET\r\n");
		break;
	case STEP_XFORWARD:
		put_xforward(t, out);
		break;
	case STEP_MAIL:
		/* A server that takes our word for the client takes it for
		 * the login too. */
		smtp_command_put_mail(out, t->message.mail, t->smtputf8,
		    size_of(t),
		    c->peer.extensions | (t->n_xforward > 0 ? EXT_AUTH : 0));
		break;
	case STEP_RCPT:
		smtp_command_put_rcpt(
		    out, &t->message.rcpts[rcpt], c->peer.extensions);
		break;
	case STEP_DATA:
		buf_puts(out, "DATA\r\n");
		break;
	case STEP_CHUNKS:
		die_bug("there is no step behind the last");
	}
}

/* The last recipient was answered, or will be: the body's turn. */
static enum client_next
open_chunks(struct smtp_client *c, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;

	c->phase = PHASE_BODY;
	t->left = t->message.size;
	if (t->left > 0)
		buf_putf(
		    out, "BDAT %llu LAST\r\n", (unsigned long long)t->left);
	return CLIENT_BODY;
}

/* What the message needs and the peer has not. */
static bool
is_beyond(const struct smtp_client *c, struct fault *f)
{
	const struct smtp_client_transaction *t = &c->t;
	const struct envelope_mail *mail = t->message.mail;
	bool smtp = c->conf.dialect == DIALECT_SMTP;

	if (t->smtputf8 && !has(c, EXT_SMTPUTF8))
		return fault_perm(f, "5.6.7",
			   "the next server cannot take UTF-8 addresses") < 0;
	if (mail->body == BODY_BINARYMIME &&
	    (!has(c, EXT_BINARYMIME) || !has(c, EXT_CHUNKING) ||
		(t->message.size == 0 && !has(c, EXT_PIPELINING))))
		return fault_perm(f, "5.6.1",
			   "the next server cannot take binary messages") < 0;
	if (smtp && mail->body == BODY_8BITMIME && !has(c, EXT_8BITMIME))
		return fault_perm(f, "5.6.1",
			   "the next server cannot take 8-bit messages") < 0;
	/* LMTP is the end of the way, where the promise is kept otherwise. */
	if (smtp && mail->requiretls && !has(c, EXT_REQUIRETLS))
		return fault_perm(f, "5.7.30",
			   "the next server has no REQUIRETLS") < 0;
	if (smtp && mail->requiretls && !t->message.is_tls_verified)
		return fault_perm(f, "5.7.30",
			   "the next server cannot prove its name") < 0;
	if (c->peer.max_size > 0 && size_of(t) > c->peer.max_size)
		return fault_perm(f, "5.3.4", "too big for the next server") <
		       0;
	return false;
}

static bool
needs_utf8(const struct smtp_client_message *m)
{
	bool needed = m->mail->smtputf8 || m->mail->reverse_path.is_utf8;

	for (size_t i = 0; !needed && i < m->n_rcpts; i++)
		needed = m->rcpts[i].forward_path.is_utf8;
	return needed;
}

/* Memory for outcomes is kept from message to message. */
static void
start(struct smtp_client *c, const struct smtp_client_message *message)
{
	struct smtp_client_transaction *t = &c->t;
	struct smtp_client_transaction fresh = {
	    .message = *message,
	    .smtputf8 = needs_utf8(message),
	    .rset = c->unclean,
	    .xforward = t->xforward,
	    .chunks = has(c, EXT_CHUNKING) &&
		      ((has(c, EXT_PIPELINING) && message->size > 0) ||
			  message->mail->body == BODY_BINARYMIME),
	    .outcomes = t->outcomes,
	    .lines = t->lines,
	    .fates = t->fates,
	    .room = t->room,
	};
	struct fault none;

	*t = fresh;
	arena_clear(&c->arena);
	c->words = (struct str){0};
	if (message->n_rcpts > t->room) {
		t->room = message->n_rcpts;
		t->outcomes =
		    mem_resize(t->outcomes, t->room, sizeof *t->outcomes);
		t->lines = mem_resize(t->lines, t->room, sizeof *t->lines);
		t->fates = mem_resize(t->fates, t->room, sizeof *t->fates);
	}
	fault_temp(&none, "4.4.2", "the server gave no answer");
	for (size_t i = 0; i < message->n_rcpts; i++) {
		t->fates[i] = FATE_OPEN;
		t->lines[i] = (struct str){0};
		t->outcomes[i] = (struct smtp_outcome){.fault = none};
	}
	dot_init(&t->dot);
	buf_reset(&t->xforward);
	if (message->xforward != NULL)
		t->n_xforward = smtp_command_put_xforward(
		    &t->xforward, message->xforward, c->peer.xforward);
}

enum client_next
smtp_client_send(struct smtp_client *c,
    const struct smtp_client_message *message, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;
	size_t steps;
	struct fault f;

	if (c->phase != PHASE_READY)
		die_bug("a transaction within another, or before EHLO");
	start(c, message);
	if (c->dead) {
		fault_temp(&f, "4.4.2", "the server has ended the session");
		return smtp_client_give_up(c, true, &f);
	}
	if (message->n_rcpts == 0)
		return CLIENT_DONE;
	if (is_beyond(c, &f)) {
		settle_rest(t, &f, (struct str){0});
		return CLIENT_DONE;
	}
	c->phase = PHASE_COMMANDS;
	c->unclean = true;
	steps = has(c, EXT_PIPELINING) ? count_steps(t) : 1;
	while (t->said < steps)
		put_step(c, out);
	return t->chunks && has(c, EXT_PIPELINING) ? open_chunks(c, out)
						   : CLIENT_SEND;
}

void
smtp_client_body(struct smtp_client *c, struct str bytes, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;

	if (c->phase != PHASE_BODY)
		die_bug("a message's body out of turn");
	if (bytes.len == 0)
		return;
	if (!t->chunks) {
		dot_encode(&t->dot, bytes, out);
		return;
	}
	if (t->message.size == 0) {
		buf_putf(out, "BDAT %zu\r\n", bytes.len);
		t->n_chunks++;
	} else if (bytes.len > t->left) {
		/* The server would take the rest for commands. */
		die_bug("a message is longer than was said");
	} else {
		t->left -= bytes.len;
	}
	buf_put_str(out, bytes);
}

void
smtp_client_body_end(struct smtp_client *c, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;

	if (c->phase != PHASE_BODY)
		die_bug("a message's end out of turn");
	if (!t->chunks)
		dot_finish(&t->dot, out);
	else if (t->message.size == 0)
		buf_puts(out, "BDAT 0 LAST\r\n");
	else if (t->left > 0)
		die_bug("a message is shorter than was said");
	t->body_ended = true;
	c->phase = t->answered == count_steps(t) ? PHASE_FINAL : PHASE_COMMANDS;
}

bool
smtp_client_body_is_silent(const struct smtp_client *c)
{
	return !c->t.chunks;
}

void
smtp_client_body_cut(struct smtp_client *c)
{
	struct smtp_client_transaction *t = &c->t;

	if (c->phase != PHASE_BODY && !t->body_ended)
		die_bug("a message is cut out of turn");
	t->cut = true;
	t->body_ended = false;
	c->phase = t->answered == count_steps(t) ? PHASE_FINAL : PHASE_COMMANDS;
}

/* The replies to a transaction. */

static enum client_next
done(struct smtp_client *c, struct buf *in)
{
	/* Nobody has asked for more than was answered. */
	if (buf_len(in) > 0)
		c->dead = true;
	c->phase = PHASE_READY;
	return CLIENT_DONE;
}

/* After this the server will say no more: the last of its replies counts. */
static enum client_next
done_and_dead(struct smtp_client *c, const struct fault *f, struct str words)
{
	settle_rest(&c->t, f, words);
	c->dead = true;
	c->phase = PHASE_READY;
	return CLIENT_DONE;
}

static void
on_mail(struct smtp_client *c)
{
	struct smtp_client_transaction *t = &c->t;

	if (reply_is_ok(&c->reply))
		return;
	reply_to_fault(&c->reply, &t->fault);
	t->words = smtp_client_keep_words(c);
	t->refused = true;
	settle_rest(t, &t->fault, t->words);
}

/* RFC 5321 4.5.3.1.10. 552 5.2.2 is a full mailbox. */
static bool
is_one_too_many(const struct smtp_reply *r)
{
	if (r->code != 452 && r->code != 552)
		return false;
	return str_is(str_from(str(r->dsn), 1), STR_LIT(".5.3")) ||
	       (r->code == 552 && r->dsn[0] == '\0');
}

static void
on_rcpt(struct smtp_client *c, size_t i)
{
	struct smtp_client_transaction *t = &c->t;
	struct fault why;

	if (t->refused) {
		/* Then there is no telling how many replies will come. */
		c->dead = c->dead || reply_is_ok(&c->reply);
		return;
	}
	if (reply_is_ok(&c->reply)) {
		t->fates[i] = FATE_ACCEPTED;
		t->accepted++;
		return;
	}
	reply_to_fault(&c->reply, &why);
	if (is_one_too_many(&c->reply))
		fault_temp(
		    &why, "4.5.3", "%.*s", STR_ARG(buf_str(&c->reply.text)));
	settle(t, i, &why, smtp_client_keep_words(c));
}

static enum client_next
on_data(struct smtp_client *c, struct buf *in, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;
	struct fault why;

	if (c->reply.code != 354) {
		c->dead = c->dead || c->reply.code < 400;
		reply_to_fault(&c->reply, &why);
		settle_rest(t, &why, smtp_client_keep_words(c));
		return done(c, in);
	}
	if (t->accepted > 0) {
		c->phase = PHASE_BODY;
		return CLIENT_BODY;
	}
	/* RFC 2920 3.1: nobody is to get it, but the server waits for it. How
	 * many replies LMTP gives then is anybody's guess. */
	if (c->conf.dialect == DIALECT_LMTP) {
		c->dead = true;
		return done(c, in);
	}
	buf_puts(out, ".\r\n");
	c->phase = PHASE_FINAL;
	return CLIENT_SEND;
}

/* Without PIPELINING each reply calls for the next command, unless nobody is
 * left to send to. */
static enum client_next
go_on(struct smtp_client *c, struct buf *in, struct buf *out)
{
	struct smtp_client_transaction *t = &c->t;
	size_t rcpt;
	enum step next = step_at(t, t->said, &rcpt);
	bool late = next == STEP_DATA || next == STEP_CHUNKS;

	if (t->refused || (late && t->accepted == 0))
		return done(c, in);
	if (next == STEP_CHUNKS)
		return open_chunks(c, out);
	put_step(c, out);
	return CLIENT_SEND;
}

static enum client_next
on_step(struct smtp_client *c, struct buf *in, struct buf *out, struct fault *f)
{
	struct smtp_client_transaction *t = &c->t;
	size_t rcpt = 0;

	switch (step_at(t, t->answered++, &rcpt)) {
	case STEP_RSET:
		if (!reply_is_ok(&c->reply))
			return smtp_client_refused(c, f);
		break;
	case STEP_XFORWARD:
		/* Then the server knows no ids: nobody is to count on it. */
		if (!reply_is_ok(&c->reply))
			c->peer.xforward[0] = '\0';
		break;
	case STEP_MAIL:
		on_mail(c);
		break;
	case STEP_RCPT:
		on_rcpt(c, rcpt);
		break;
	case STEP_DATA:
		return on_data(c, in, out);
	case STEP_CHUNKS:
		die_bug("a reply to no step");
	}
	if (!has(c, EXT_PIPELINING))
		return go_on(c, in, out);
	if (t->answered == count_steps(t))
		c->phase = PHASE_FINAL;
	return CLIENT_READ;
}

/* The body was not sent to its end, and this is why. */
static enum client_next
on_cut(struct smtp_client *c)
{
	struct str words = {0};
	struct fault why;

	if (reply_is_ok(&c->reply)) {
		fault_temp(&why, "4.4.2",
		    "the server has not waited for the message's end");
	} else {
		reply_to_fault(&c->reply, &why);
		words = smtp_client_keep_words(c);
	}
	return done_and_dead(c, &why, words);
}

/* A chunk before the last one, of a message whose size was not known. */
static enum client_next
on_chunk(struct smtp_client *c)
{
	struct smtp_client_transaction *t = &c->t;

	t->n_chunks--;
	if (reply_is_ok(&c->reply) || t->refused)
		return CLIENT_READ;
	reply_to_fault(&c->reply, &t->fault);
	t->words = smtp_client_keep_words(c);
	t->refused = true;
	/* How many replies LMTP gives to the last one then is not said. */
	if (c->conf.dialect == DIALECT_LMTP)
		return done_and_dead(c, &t->fault, t->words);
	return CLIENT_READ;
}

static size_t
first_accepted(const struct smtp_client_transaction *t)
{
	size_t i = 0;

	while (i < t->message.n_rcpts && t->fates[i] != FATE_ACCEPTED)
		i++;
	return i;
}

static enum client_next
on_final(struct smtp_client *c, struct buf *in)
{
	struct smtp_client_transaction *t = &c->t;
	struct str words = t->words;
	struct fault why;
	bool ok = reply_is_ok(&c->reply) && !t->refused;

	if (t->refused)
		why = t->fault;
	else if (!ok)
		reply_to_fault(&c->reply, &why);
	if (!t->refused && t->accepted > 0)
		words = smtp_client_keep_words(c);
	if (c->reply.code == 421)
		return done_and_dead(c, &why, words);
	if (t->accepted > 0 && c->conf.dialect == DIALECT_LMTP)
		settle(t, first_accepted(t), ok ? NULL : &why, words);
	else if (t->accepted > 0)
		settle_rest(t, ok ? NULL : &why, words);
	if (t->accepted > 0)
		return CLIENT_READ;
	/* RFC 5321 3.3: the end of DATA ends the transaction. A refused chunk
	 * does not (RFC 3030 2). */
	c->unclean = t->chunks && !ok;
	return done(c, in);
}

int64_t
smtp_client_transaction_timeout(const struct smtp_client *c)
{
	enum { MINUTE = 60 * 1000 };
	size_t rcpt;

	if (c->phase == PHASE_BODY)
		return 3 * MINUTE;
	if (c->phase == PHASE_FINAL)
		return 10 * MINUTE;
	/* With chunks in the same batch it may be the reply to the body. */
	if (c->t.body_ended)
		return 10 * MINUTE;
	return step_at(&c->t, c->t.answered, &rcpt) == STEP_DATA ? 2 * MINUTE
								 : 5 * MINUTE;
}

enum client_next
smtp_client_on_transaction(
    struct smtp_client *c, struct buf *in, struct buf *out, struct fault *f)
{
	size_t rcpt;

	/* Who says "go on" where there is nothing to go on with is out of
	 * step. */
	if (c->reply.code / 100 == 3 &&
	    (c->phase == PHASE_FINAL ||
		step_at(&c->t, c->t.answered, &rcpt) != STEP_DATA))
		c->dead = true;
	if (c->phase == PHASE_COMMANDS)
		return on_step(c, in, out, f);
	if (c->t.cut)
		return on_cut(c);
	return c->t.n_chunks > 0 ? on_chunk(c) : on_final(c, in);
}

const struct smtp_outcome *
smtp_client_outcomes(const struct smtp_client *c)
{
	return c->t.outcomes;
}

bool
smtp_client_is_answered(const struct smtp_client *c, size_t i)
{
	return c->t.fates[i] == FATE_SETTLED;
}

struct str
smtp_client_said(const struct smtp_client *c, size_t i)
{
	return c->t.lines[i];
}

bool
smtp_client_is_in_doubt(const struct smtp_client *c)
{
	const struct smtp_client_transaction *t = &c->t;

	for (size_t i = 0; t->body_ended && i < t->message.n_rcpts; i++)
		if (is_open(t, i))
			return true;
	return false;
}
