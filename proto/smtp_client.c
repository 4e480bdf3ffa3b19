/* SPDX-License-Identifier: ISC */
/*
 * The client engine: from the greeting to where transactions begin. These are
 * in smtp_client_send.c.
 */
#include "config.h"

#include "proto/smtp_client.h"

#include "base/crypto.h"
#include "base/mem.h"
#include "proto/smtp_client_private.h"

struct smtp_client *
smtp_client_new(const struct smtp_client_conf *conf)
{
	struct smtp_client *c = mem_new(struct smtp_client);

	c->conf = *conf;
	reply_init(&c->reply);
	buf_init_secret(&c->login, 8 << 10);
	buf_init(&c->t.xforward, 8 << 10);
	return c;
}

void
smtp_client_free(struct smtp_client **client)
{
	struct smtp_client *c = *client;

	if (c == NULL)
		return;
	reply_clear(&c->reply);
	buf_clear(&c->login);
	buf_clear(&c->t.xforward);
	arena_clear(&c->arena);
	mem_free(c->t.lines);
	mem_free(c->t.outcomes);
	mem_free(c->t.fates);
	mem_free(c);
	*client = NULL;
}

const struct smtp_peer *
smtp_client_peer(const struct smtp_client *c)
{
	return &c->peer;
}

/* Greeting and EHLO. */

static void
put_hello(struct smtp_client *c, struct buf *out)
{
	memset(&c->peer, 0, sizeof c->peer);
	c->phase = PHASE_HELLO;
	buf_putf(out, "%s %s\r\n",
	    c->conf.dialect == DIALECT_LMTP ? "LHLO" : "EHLO",
	    c->conf.hostname);
}

static enum client_next
on_greeting(struct smtp_client *c, struct buf *out, struct fault *f)
{
	if (!reply_is_ok(&c->reply))
		return smtp_client_refused(c, f);
	put_hello(c, out);
	return CLIENT_SEND;
}

static enum client_next
on_hello(struct smtp_client *c, struct buf *out, struct fault *f)
{
	if (reply_is_ok(&c->reply)) {
		smtp_peer_read(&c->peer, buf_str(&c->reply.text));
		c->phase = PHASE_READY;
		return CLIENT_READY;
	}
	/* RFC 5321 3.2: a server that knows no EHLO. 521 and 554 say that no
	 * mail at all is wanted. */
	if (c->conf.dialect == DIALECT_SMTP && c->reply.code >= 500 &&
	    c->reply.code != 521 && c->reply.code != 554) {
		c->phase = PHASE_HELO;
		buf_putf(out, "HELO %s\r\n", c->conf.hostname);
		return CLIENT_SEND;
	}
	return smtp_client_refused(c, f);
}

static enum client_next
on_helo(struct smtp_client *c, struct fault *f)
{
	if (!reply_is_ok(&c->reply))
		return smtp_client_refused(c, f);
	c->phase = PHASE_READY;
	return CLIENT_READY;
}

/* TLS and AUTH. */

void
smtp_client_starttls(struct smtp_client *c, struct buf *out)
{
	c->phase = PHASE_STARTTLS;
	buf_puts(out, "STARTTLS\r\n");
}

static enum client_next
on_starttls(struct smtp_client *c, struct buf *in, struct fault *f)
{
	if (!reply_is_ok(&c->reply)) {
		reply_to_fault(&c->reply, f);
		c->words = smtp_client_keep_words(c);
		c->phase = PHASE_READY;
		return CLIENT_READY;
	}
	/* Said in the clear, and to be believed under TLS: an attack. */
	if (buf_len(in) > 0) {
		fault_temp(
		    f, "4.7.0", "the server spoke before the TLS handshake");
		return smtp_client_give_up(c, false, f);
	}
	c->phase = PHASE_HANDSHAKE;
	return CLIENT_STARTTLS;
}

void
smtp_client_tls_done(struct smtp_client *c, struct buf *out)
{
	put_hello(c, out);
}

static bool
offers(const struct smtp_client *c, struct str mechanism)
{
	struct str names = str(c->peer.auth);

	while (names.len > 0)
		if (str_is_nocase(str_cut(&names, ' '), mechanism))
			return true;
	return false;
}

static void
put_plain(struct str user, struct str password, struct buf *out)
{
	struct buf raw;

	buf_init_secret(&raw, 4096);
	buf_putc(&raw, '\0');
	buf_put_str(&raw, user);
	buf_putc(&raw, '\0');
	buf_put_str(&raw, password);
	buf_puts(out, "AUTH PLAIN ");
	crypto_base64_put(out, buf_str(&raw));
	buf_puts(out, "\r\n");
	buf_clear(&raw);
}

bool
smtp_client_auth(struct smtp_client *c, struct str user, struct str password,
    struct buf *out)
{
	buf_reset(&c->login);
	if (offers(c, STR_LIT("PLAIN"))) {
		put_plain(user, password, out);
	} else if (offers(c, STR_LIT("LOGIN"))) {
		buf_puts(out, "AUTH LOGIN\r\n");
		crypto_base64_put(&c->login, user);
		buf_puts(&c->login, "\r\n");
		crypto_base64_put(&c->login, password);
		buf_puts(&c->login, "\r\n");
	} else {
		return false;
	}
	c->phase = PHASE_AUTH;
	return true;
}

static enum client_next
on_auth(struct smtp_client *c, struct buf *out, struct fault *f)
{
	struct str line;

	/* "Username:", then "Password:", whatever they are called. */
	if (c->reply.code == 334 && buf_take_line(&c->login, &line)) {
		buf_put_str(out, line);
		buf_puts(out, "\r\n");
		return CLIENT_SEND;
	}
	buf_clear(&c->login);
	if (!reply_is_ok(&c->reply))
		return smtp_client_refused(c, f);
	c->phase = PHASE_READY;
	return CLIENT_READY;
}

void
smtp_client_etrn(struct smtp_client *c, struct str node, struct buf *out)
{
	c->phase = PHASE_ETRN;
	buf_puts(out, "ETRN ");
	buf_put_str(out, node);
	buf_puts(out, "\r\n");
}

static enum client_next
on_etrn(struct smtp_client *c, struct fault *f)
{
	if (!reply_is_ok(&c->reply))
		reply_to_fault(&c->reply, f);
	c->words = smtp_client_keep_words(c);
	c->phase = PHASE_READY;
	return CLIENT_READY;
}

static enum client_next
nonsense(struct smtp_client *c, struct fault *f)
{
	fault_temp(f, "4.5.0", "the server's reply makes no sense");
	return smtp_client_give_up(c, false, f);
}

/* One reply, whatever it answers. */
static enum client_next
on_reply(
    struct smtp_client *c, struct buf *in, struct buf *out, struct fault *f)
{
	/* RFC 5321 3.8: the server is about to close, whatever was asked. */
	if (c->reply.code == 421 && c->phase != PHASE_FINAL)
		return smtp_client_refused(c, f);
	switch (c->phase) {
	case PHASE_GREETING:
		return on_greeting(c, out, f);
	case PHASE_HELLO:
		return on_hello(c, out, f);
	case PHASE_HELO:
		return on_helo(c, f);
	case PHASE_STARTTLS:
		return on_starttls(c, in, f);
	case PHASE_AUTH:
		return on_auth(c, out, f);
	case PHASE_ETRN:
		return on_etrn(c, f);
	case PHASE_COMMANDS:
	case PHASE_FINAL:
		return smtp_client_on_transaction(c, in, out, f);
	default:
		return nonsense(c, f);
	}
}

/* What to do where there is no whole reply. */
static enum client_next
idle(const struct smtp_client *c)
{
	switch (c->phase) {
	case PHASE_HANDSHAKE:
		return CLIENT_STARTTLS;
	case PHASE_READY:
		return CLIENT_READY;
	case PHASE_BODY:
		return CLIENT_BODY;
	default:
		return CLIENT_READ;
	}
}

enum client_next
smtp_client_feed(
    struct smtp_client *c, struct buf *in, struct buf *out, struct fault *f)
{
	enum client_next next;

	if (c->phase == PHASE_CLOSED) {
		fault_temp(f, "4.4.2", "the session is over");
		return CLIENT_CLOSED;
	}
	/* What a server says to the body in the middle is read at its end. */
	if (c->phase == PHASE_BODY)
		return CLIENT_BODY;
	do {
		switch (reply_take(in, &c->reply)) {
		case REPLY_OK:
			c->heard++;
			next = on_reply(c, in, out, f);
			/* Nothing was asked that this could answer. */
			if (next == CLIENT_READY && buf_len(in) > 0)
				return nonsense(c, f);
			break;
		case REPLY_MORE:
			return idle(c);
		case REPLY_BAD:
			return nonsense(c, f);
		}
	} while (next == CLIENT_READ);
	return next;
}

int64_t
smtp_client_timeout(const struct smtp_client *c)
{
	/* What RFC 5321 does not name waits as long as most of the rest. */
	return c->phase == PHASE_COMMANDS || c->phase == PHASE_BODY ||
		       c->phase == PHASE_FINAL
		   ? smtp_client_transaction_timeout(c)
		   : 5 * 60 * 1000;
}

uint64_t
smtp_client_heard(const struct smtp_client *c)
{
	return c->heard;
}

struct str
smtp_client_keep_words(struct smtp_client *c)
{
	struct str words;
	struct buf line;

	buf_init(&line, REPLY_LINE_MAX);
	reply_put_joined(&line, &c->reply);
	words = arena_str(&c->arena, buf_str(&line));
	buf_clear(&line);
	return words;
}

struct str
smtp_client_last_words(const struct smtp_client *c)
{
	return c->words;
}

bool
smtp_client_is_dead(const struct smtp_client *c)
{
	return c->dead || c->phase == PHASE_CLOSED;
}

void
smtp_client_quit(struct smtp_client *c, struct buf *out)
{
	c->phase = PHASE_CLOSED;
	buf_puts(out, "QUIT\r\n");
}
