/* SPDX-License-Identifier: ISC */
/*
 * The verbs and what they do. A handler says what its command comes to; that
 * it may run has been seen to.
 */
#include "config.h"

#include <inttypes.h>

#include "base/mem.h"
#include "proto/smtp_params.h"
#include "proto/smtp_server_private.h"

enum { HELO_MAX = 255 };

static bool
offers_starttls(const struct smtp_server *s)
{
	return s->conf->starttls && !s->st.tls;
}

static bool
offers_requiretls(const struct smtp_server *s)
{
	/* Between parts that trust each other no wire needs protection. */
	return s->conf->requiretls && (s->st.tls || s->conf->xforward);
}

static void
put_extensions(const struct smtp_server *s, struct buf *b)
{
	const struct smtp_server_conf *c = s->conf;
	const char *mechanisms = smtp_server_auth_mechanisms(s);

	buf_puts(b, "\nPIPELINING\nSIZE");
	if (c->max_size != 0)
		buf_putf(b, " %" PRIu64, c->max_size);
	buf_puts(b, "\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nDSN"
		    "\nCHUNKING\nBINARYMIME");
	if (offers_starttls(s))
		buf_puts(b, "\nSTARTTLS");
	if (mechanisms != NULL)
		buf_putf(b, "\nAUTH %s", mechanisms);
	if (c->xforward)
		buf_puts(b, "\nXFORWARD NAME ADDR PORT PROTO HELO IDENT "
			    "SOURCE");
	if (c->max_rcpts != 0)
		buf_putf(b, "\nLIMITS RCPTMAX=%u", c->max_rcpts);
	if (c->etrn)
		buf_puts(b, "\nETRN");
	if (offers_requiretls(s))
		buf_puts(b, "\nREQUIRETLS");
	if (c->verp)
		buf_puts(b, "\nXVERP");
}

/* What clients call themselves is often no name at all, and never proof of
 * anything: it is kept for the trace, made harmless. */
static bool
set_helo(struct smtp_server *s, struct str name)
{
	if (name.len == 0 || name.len > HELO_MAX)
		return false;
	mem_free(s->helo);
	s->helo = str_dup(name);
	for (size_t i = 0; i < name.len; i++) {
		if (s->helo[i] <= ' ' || s->helo[i] > '~')
			s->helo[i] = '?';
	}
	s->st.helo = str_n(s->helo, name.len);
	return true;
}

/* What HELO, EHLO and LHLO have in common. */
static bool
say_hello(
    struct smtp_server *s, struct str args, bool esmtp, struct smtp_reply *r)
{
	struct fault f;

	if (!set_helo(s, args)) {
		reply_set(r, 501, "5.5.4", "syntax: %s hostname", s->verb);
		return false;
	}
	smtp_server_end_transaction(s);
	smtp_server_enter(s, PHASE_GREETED);
	s->st.esmtp = esmtp;
	if (s->policy->hello != NULL &&
	    s->policy->hello(s->ctx, &s->st, &f) < 0) {
		reply_set_fault(r, &f);
		return false;
	}
	smtp_server_enter(s, PHASE_READY);
	return true;
}

static void
on_helo(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	if (say_hello(s, args, false, r))
		reply_set(r, 250, NULL, "%s", s->conf->hostname);
}

static void
on_ehlo(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	struct buf b;

	if (!say_hello(s, args, true, r))
		return;
	buf_init(&b, REPLY_TEXT_MAX);
	buf_puts(&b, s->conf->hostname);
	put_extensions(s, &b);
	reply_set(r, 250, NULL, "%s", buf_text(&b));
	buf_clear(&b);
}

static void
on_starttls(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	if (s->st.tls) {
		reply_set(r, 503, "5.5.1", "TLS is active already");
	} else if (!s->conf->starttls) {
		reply_set(r, 502, "5.5.1", "STARTTLS is not offered");
	} else {
		reply_set(r, 220, "2.0.0", "ready to start TLS");
		smtp_server_enter(s, PHASE_TLS);
	}
}

static void
on_xforward(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	if (!s->conf->xforward) {
		reply_set(r, 502, "5.5.1", "XFORWARD is not offered");
		return;
	}
	if (s->xforward == NULL)
		s->xforward = arena_new(&s->arena, struct smtp_xforward_texts);
	if (smtp_params_xforward(args, s->xforward, &s->st.xforward, r) == 0)
		reply_set(r, 250, "2.0.0", "ok");
}

/* RFC 5321 4.3.2 has 553 for a sender who is not allowed. */
static void
set_mail_fault(struct smtp_reply *r, const struct fault *f)
{
	reply_set_fault(r, f);
	if (r->code == 550 && str_is(str(r->dsn), STR_LIT("5.7.1")))
		r->code = 553;
}

static bool
take_mail(struct smtp_server *s, struct str args, struct envelope_mail *mail,
    struct smtp_reply *r)
{
	uint64_t max = s->conf->max_size;
	struct fault f;

	if (smtp_params_mail(args, &s->arena, mail, r) < 0)
		return false;
	if (mail->requiretls && !offers_requiretls(s)) {
		reply_set(r, 555, "5.5.4", "REQUIRETLS is not offered");
		return false;
	}
	if (mail->verp && !s->conf->verp) {
		reply_set(r, 555, "5.5.4", "XVERP is not offered");
		return false;
	}
	if (max != 0 && mail->size > max) {
		reply_set(r, 552, "5.3.4",
		    "message too big: the limit is %" PRIu64 " bytes", max);
		return false;
	}
	if (s->policy->mail != NULL &&
	    s->policy->mail(s->ctx, &s->st, mail, &f) < 0) {
		set_mail_fault(r, &f);
		return false;
	}
	return true;
}

static void
on_mail(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	struct envelope_mail *mail = arena_new(&s->arena, struct envelope_mail);

	if (!take_mail(s, args, mail, r)) {
		smtp_server_end_transaction(s);
		return;
	}
	s->st.mail = mail;
	smtp_server_enter(s, PHASE_MAIL);
	reply_set(r, 250, "2.1.0", "sender ok");
}

static void
add_rcpt(struct smtp_server *s, const struct envelope_rcpt *rcpt)
{
	if (s->st.n_rcpts == s->rcpts_room) {
		s->rcpts_room = s->rcpts_room == 0 ? 1 : 2 * s->rcpts_room;
		s->rcpts =
		    mem_resize(s->rcpts, s->rcpts_room, sizeof *s->rcpts);
	}
	s->rcpts[s->st.n_rcpts++] = *rcpt;
	s->st.rcpts = s->rcpts;
	smtp_server_enter(s, PHASE_RCPT);
}

static bool
take_rcpt(struct smtp_server *s, struct str args, struct envelope_rcpt *rcpt,
    struct smtp_reply *r)
{
	unsigned max = s->conf->max_rcpts;
	struct fault f;

	if (max != 0 && s->st.n_rcpts >= max) {
		/* RFC 5321 4.5.3.1.10: the client sends the message to those
		 * that were accepted, and comes again for the others. */
		s->forgiven = true;
		reply_set(r, 452, "4.5.3", "too many recipients");
		return false;
	}
	if (smtp_params_rcpt(args, s->st.mail->smtputf8, &s->arena, rcpt, r) <
	    0)
		return false;
	if (s->policy->rcpt != NULL &&
	    s->policy->rcpt(s->ctx, &s->st, rcpt, &f) < 0) {
		reply_set_fault(r, &f);
		return false;
	}
	return true;
}

static void
on_rcpt(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	struct envelope_rcpt rcpt = {0};

	if (!take_rcpt(s, args, &rcpt, r)) {
		s->rcpt_refused = true;
		return;
	}
	add_rcpt(s, &rcpt);
	reply_set(r, 250, "2.1.5", "recipient ok");
}

static void
on_rset(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	smtp_server_end_transaction(s);
	reply_set(r, 250, "2.0.0", "ok");
}

static void
on_noop(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)s;
	(void)args;
	reply_set(r, 250, "2.0.0", "ok");
}

static void
on_quit(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	reply_set(r, 221, "2.0.0", "%s closing connection", s->conf->hostname);
	r->hang_up = true;
}

static void
on_vrfy(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)s;
	if (args.len == 0)
		reply_set(r, 501, "5.5.4", "syntax: VRFY address");
	else
		reply_set(r, 252, "2.0.0",
		    "cannot verify, but will take mail for users that exist");
}

static void
on_off(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)args;
	reply_set(r, 502, "5.5.1", "%s is not offered", s->verb);
}

static void
set_etrn_fault(struct smtp_reply *r, struct str node, const struct fault *f)
{
	if (f->kind == FAULT_TEMP)
		reply_set(r, 458, f->dsn,
		    "unable to queue messages for node %.*s: %s", STR_ARG(node),
		    f->text);
	else if (strcmp(f->dsn, "5.5.4") == 0)
		reply_set(
		    r, 501, f->dsn, "ETRN %.*s: %s", STR_ARG(node), f->text);
	else
		reply_set(r, 459, f->dsn, "node %.*s not allowed: %s",
		    STR_ARG(node), f->text);
}

static void
on_etrn(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	int64_t started = -1;
	struct fault f;

	if (!s->conf->etrn)
		on_off(s, args, r);
	else if (args.len == 0 || str_has(args, ' '))
		reply_set(r, 501, "5.5.4", "syntax: ETRN node");
	else if (s->policy->etrn(s->ctx, &s->st, args, &started, &f) < 0)
		set_etrn_fault(r, args, &f);
	else if (started < 0)
		reply_set(r, 250, "2.0.0", "queuing for node %.*s started",
		    STR_ARG(args));
	else if (started == 0)
		reply_set(r, 251, "2.0.0", "no messages waiting for node %.*s",
		    STR_ARG(args));
	else
		reply_set(r, 253, "2.0.0",
		    "%" PRId64 " pending messages for node %.*s started",
		    started, STR_ARG(args));
}

/* A browser that was made to speak to a mail server. What follows are lines
 * that somebody else has chosen. */
static void
on_http(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	(void)s;
	(void)args;
	reply_set(r, 500, "5.5.1", "this is no HTTP server");
	r->hang_up = true;
}

static void
on_help(struct smtp_server *s, struct str args, struct smtp_reply *r)
{
	const char *hello =
	    s->conf->dialect == DIALECT_LMTP ? "LHLO" : "EHLO HELO";

	(void)args;
	reply_set(r, 214, "2.0.0",
	    "%s STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\n"
	    "for more see RFC 5321",
	    hello);
}

#define IN(phase) (1u << PHASE_##phase)
#define IN_ANY (IN(GREETED) | IN(READY) | IN(MAIL) | IN(RCPT) | IN(BODY))

enum {
	SMTP = 1 << DIALECT_SMTP,
	LMTP = 1 << DIALECT_LMTP,
	BOTH = SMTP | LMTP,
	EVER = VERB_PRE_TLS | VERB_PRE_AUTH,
	ARGS = VERB_TAKES_ARGS,
};

/*
 * The whole rule of order.
 *
 *            EHLO          MAIL         RCPT         DATA, BDAT
 *   GREETED ──────▶ READY ──────▶ MAIL ──────▶ RCPT ──────▶ BODY
 *      ▲             │ ▲           │            │            │
 *      └─────────────┘ └───────────┴────────────┴────────────┘
 *         STARTTLS          EHLO, RSET, the message's end, a failure
 */
/* clang-format off */
static const struct smtp_verb verbs[] = {
	{ "EHLO",     SMTP, IN_ANY,              EVER | ARGS,               on_ehlo },
	{ "HELO",     SMTP, IN_ANY,              EVER | ARGS,               on_helo },
	{ "LHLO",     LMTP, IN_ANY,              EVER | ARGS,               on_ehlo },
	{ "STARTTLS", BOTH, IN(READY),           EVER | VERB_ENDS_BATCH,    on_starttls },
	{ "AUTH",     BOTH, IN(READY),           VERB_PRE_AUTH | ARGS,      smtp_server_auth_begin },
	{ "XFORWARD", BOTH, IN(READY),           ARGS,                      on_xforward },
	{ "MAIL",     BOTH, IN(READY),           ARGS,                      on_mail },
	{ "RCPT",     BOTH, IN(MAIL) | IN(RCPT), ARGS,                      on_rcpt },
	{ "DATA",     BOTH, IN(RCPT),            0,                         smtp_server_body_data },
	{ "BDAT",     BOTH, IN(RCPT) | IN(BODY), ARGS | VERB_HAS_CHUNK,     smtp_server_body_chunk },
	{ "RSET",     BOTH, IN_ANY,              EVER,                      on_rset },
	{ "NOOP",     BOTH, IN_ANY,              EVER | ARGS,               on_noop },
	{ "QUIT",     BOTH, IN_ANY,              EVER,                      on_quit },
	{ "HELP",     BOTH, IN_ANY,              EVER | ARGS,               on_help },
	{ "VRFY",     BOTH, IN_ANY,              ARGS,                      on_vrfy },
	{ "EXPN",     BOTH, IN_ANY,              ARGS,                      on_off },
	{ "ETRN",     BOTH, IN(READY),           ARGS,                      on_etrn },
	{ "TURN",     BOTH, IN_ANY,              ARGS,                      on_off },
	{ "GET",      BOTH, IN_ANY,              EVER | ARGS,               on_http },
	{ "POST",     BOTH, IN_ANY,              EVER | ARGS,               on_http },
	{ "PUT",      BOTH, IN_ANY,              EVER | ARGS,               on_http },
	{ "CONNECT",  BOTH, IN_ANY,              EVER | ARGS,               on_http },
};
/* clang-format on */

const struct smtp_verb *
smtp_server_find_verb(const struct smtp_server *s, struct str name)
{
	unsigned dialect = 1u << s->conf->dialect;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if ((verbs[i].dialects & dialect) != 0 &&
		    str_is_nocase(name, str(verbs[i].name)))
			return &verbs[i];
	}
	return NULL;
}
