/* SPDX-License-Identifier: ISC */
/*
 * The rules of lmtpd: a recipient is a mailbox that the directory knows, with
 * or without a sub-address. The message goes to the store as it comes, with our
 * trace fields on top.
 */
#include "config.h"

#include "lmtp/policy.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "lmtp/node.h"
#include "lmtp/limits.h"
#include "lmtp/session.h"
#include "lmtp/warning.h"
#include "proto/socketmap.h"
#include "proto/trace.h"
#include "store/delivery.h"

enum { TRACE_MAX = 16 << 10 };

bool
lmtp_policy_trusts(const struct lmtpd *lmtpd, const struct net_peer *peer)
{
	if (peer->is_unix) {
		if (peer->uid == 0 || peer->uid == geteuid())
			return true;
		for (size_t i = 0; i < lmtpd->n_trusted_users; i++) {
			if (lmtpd->trusted_users[i] == peer->uid)
				return true;
		}
		return false;
	}
	for (size_t i = 0; i < lmtpd->n_trusted; i++) {
		if (net_network_has(&lmtpd->trusted[i], &peer->sa))
			return true;
	}
	return false;
}

static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct lmtp_session *s = ctx;
	struct ident made;

	(void)mail;
	(void)f;
	/* An id that came may be logged whatever it is; whether it makes a
	 * repeat known is for the store to say. */
	if (st->xforward.ident.len == 0 ||
	    !str_copy(
		st->xforward.ident, s->message_id, sizeof s->message_id)) {
		ident_make(&made);
		snprintf(s->message_id, sizeof s->message_id, "%s", made.text);
	}
	s->log.message = s->message_id;
	return 0;
}

/* Where the directory is the sender's business. */
static int
is_in_domains(const struct lmtpd *lmtpd, struct str key)
{
	struct str domain = str_from(key, str_find_last(key, '@') + 1);

	for (size_t i = 0; i < lmtpd->n_domains; i++) {
		if (str_is(domain, str(lmtpd->domains[i])))
			return 1;
	}
	return 0;
}

/* 1 with the mailbox, 0 where there is none of this name. */
static int
look_up(struct lmtp_session *s, const struct address *a,
    struct mailbox_name *mailbox, struct fault *f)
{
	char key[ADDRESS_TEXT_SIZE];
	struct buf value;
	int found;

	if (!address_key(a, key))
		return 0;
	if (s->lmtpd->options->directory == LMTPD_NONE) {
		found = is_in_domains(s->lmtpd, str(key));
		return found > 0 && mailbox_name_parse(str(key), mailbox, f) < 0
			   ? -1
			   : found;
	}
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    s->lmtpd->directory, "mailbox", str(key), &value, f);
	if (found > 0 && mailbox_name_parse(buf_str(&value), mailbox, f) < 0)
		found = -1;
	buf_clear(&value);
	return found;
}

/* The address without its sub-address; false where it has none. */
static bool
cut_detail(const struct lmtpd *lmtpd, const struct address *a,
    struct address *user, struct str *detail)
{
	char separator = lmtpd->options->separator[0];
	struct str name;

	if (separator == '\0' ||
	    !address_split_detail(str(a->local), separator, &name, detail))
		return false;
	*user = *a;
	return str_copy(name, user->local, sizeof user->local);
}

/* What the client may know of a directory that failed; the log has the rest. */
static int
directory_fault(struct lmtp_session *s, struct fault *f)
{
	if (f->kind == FAULT_PERM) {
		fault_take_code(f);
		return -1;
	}
	log_warn(&s->log, "no directory", "reason", f->text, NULL);
	return fault_temp(
	    f, "4.3.0", "the directory is not available, try later");
}

static bool
is_mailbox_of(const struct address *user, const struct mailbox_name *mailbox)
{
	char key[ADDRESS_TEXT_SIZE];

	return address_key(user, key) && str_is(str(key), str(mailbox->text));
}

/* A directory that knows sub-addresses names the mailbox without it; one that
 * does not is asked again. */
static int
find_mailbox(struct lmtp_session *s, const struct address *a,
    struct mailbox_name *mailbox, struct str *detail, struct fault *f)
{
	struct address user, postmaster;
	char text[ADDRESS_TEXT_SIZE];
	int found;

	if (a->host == ADDRESS_NO_HOST) {
		postmaster = *a;
		postmaster.host = ADDRESS_DOMAIN;
		snprintf(postmaster.domain, sizeof postmaster.domain, "%s",
		    s->lmtpd->hostname);
		a = &postmaster;
	}
	*detail = (struct str){0};
	/* Without a directory nobody could have a "+" in the name. */
	found = s->lmtpd->options->directory == LMTPD_NONE &&
			cut_detail(s->lmtpd, a, &user, detail)
		    ? 0
		    : look_up(s, a, mailbox, f);
	if (found == 0 && cut_detail(s->lmtpd, a, &user, detail))
		found = look_up(s, &user, mailbox, f);
	else if (found > 0 && !(cut_detail(s->lmtpd, a, &user, detail) &&
				  is_mailbox_of(&user, mailbox)))
		*detail = (struct str){0};
	if (found < 0)
		return directory_fault(s, f);
	if (found > 0)
		return 0;
	address_format(a, text);
	return fault_perm(f, "5.1.1", "<%s>: no such mailbox", text);
}

/* Room is looked for now, too, unless the message may be a repeat: one that is
 * in the mailbox already must not come back because of what it takes there. */
static int
find_account(struct lmtp_session *s, const struct smtp_state *st,
    const struct mailbox_name *mailbox, struct quota_account **account,
    struct fault *f)
{
	struct mailbox_name named;
	struct quota_limits limits;

	*account = NULL;
	if (!limits_get(s->lmtpd->limits, str(mailbox->text), &named, &limits))
		return 0;
	*account = quota_open(store_quotas(s->lmtpd->store), mailbox, &limits);
	if (*account == NULL || st->xforward.ident.len > 0 ||
	    quota_check(*account, st->mail->size, f) == 0)
		return 0;
	quota_close(account);
	return -1;
}

static int
on_rcpt(void *ctx, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, struct fault *f)
{
	struct lmtp_session *s = ctx;
	const struct address *a = &rcpt->forward_path;
	struct mailbox_name mailbox;
	struct address kept = *a;
	struct quota_account *account;
	struct str detail;
	size_t slot;

	if (find_mailbox(s, &kept, &mailbox, &detail, f) < 0 ||
	    node_check(s, &mailbox, f) < 0 ||
	    find_account(s, st, &mailbox, &account, f) < 0)
		return -1;
	if (s->delivery == NULL)
		s->delivery = delivery_new(s->lmtpd->store, str(s->message_id),
		    st->mail->body == BODY_BINARYMIME);
	if (delivery_add(s->delivery, &mailbox, detail, &slot, f) < 0) {
		quota_close(&account);
		return -1;
	}
	delivery_limit(s->delivery, slot, account);
	return 0;
}

/* Return-Path, Delivered-To and Received. The second names the recipient, and
 * can do so only where the file is nobody else's. */
static int
on_body_open(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct lmtp_session *s = ctx;
	const struct address *only =
	    st->n_rcpts == 1 ? &st->rcpts[0].forward_path : NULL;
	const struct trace_facts facts = {
	    .dialect = DIALECT_LMTP,
	    .esmtp = true,
	    .smtputf8 = st->mail->smtputf8,
	    .helo = st->helo,
	    .client_address = str(session_peer(s->stream.session)->address),
	    .hostname = s->lmtpd->hostname,
	    .id = s->message_id,
	    .rcpt = only,
	    .when = time(NULL),
	};
	char text[ADDRESS_TEXT_SIZE];
	struct buf trace;
	int rc;

	buf_init(&trace, TRACE_MAX);
	trace_put_return_path(&trace, &st->mail->reverse_path);
	if (only != NULL) {
		address_format(only, text);
		buf_putf(&trace, "Delivered-To: %s\r\n", text);
	}
	trace_put_received(&trace, &facts);
	rc = delivery_write(s->delivery, buf_str(&trace), f);
	buf_clear(&trace);
	s->body_begun = false;
	return rc;
}

static int
on_body_write(
    void *ctx, const struct smtp_state *st, struct str bytes, struct fault *f)
{
	struct lmtp_session *s = ctx;

	(void)st;
	if (!s->body_begun && bytes.len > 0) {
		s->body_begun = true;
		/* A message that begins with a blank has no header section:
		 * its first line must not become a part of ours. */
		if ((bytes.at[0] == ' ' || bytes.at[0] == '\t') &&
		    delivery_write(s->delivery, STR_LIT("\r\n"), f) < 0)
			return -1;
	}
	return delivery_write(s->delivery, bytes, f);
}

static const char *const results[] = {
    [DELIVERY_FAILED] = "not delivered",
    [DELIVERY_STORED] = "delivered",
    [DELIVERY_REPEATED] = "delivered before",
};

static void
count(struct lmtpd_counters *c, enum delivery_result result)
{
	atomic_fetch_add(result == DELIVERY_STORED     ? &c->stored
			 : result == DELIVERY_REPEATED ? &c->repeated
						       : &c->failed,
	    1);
}

static void
note(struct lmtp_session *s, const struct smtp_state *st, size_t i,
    const struct delivery_outcome *o)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	bool failed = o->result == DELIVERY_FAILED;

	count(&s->lmtpd->counters, o->result);
	address_format(&st->mail->reverse_path, from);
	address_format(&st->rcpts[i].forward_path, to);
	if (failed)
		log_warn(&s->log, results[o->result], "from", from, "to", to,
		    "dsn", o->fault.dsn, "reason", o->fault.text, NULL);
	else
		log_info(&s->log, results[o->result], "from", from, "to", to,
		    "folder", o->folder.text[0] != '\0' ? o->folder.text : NULL,
		    NULL);
}

static void
warn(struct lmtp_session *s, size_t i)
{
	struct quota_account *account = delivery_account(s->delivery, i);

	if (account != NULL && s->lmtpd->warnings != NULL)
		warnings_look(s->lmtpd->warnings, s->lmtpd->store, account);
}

void
lmtp_policy_finish(struct lmtp_session *s)
{
	const struct smtp_state *st = smtp_server_state(s->stream.engine);
	struct delivery_outcome *found =
	    arena_take(st->arena, st->n_rcpts * sizeof *found);
	bool any = false;

	delivery_finish(s->delivery, found);
	for (size_t i = 0; i < st->n_rcpts; i++) {
		s->outcomes[i].ok = found[i].result != DELIVERY_FAILED;
		s->outcomes[i].fault = found[i].fault;
		any = any || s->outcomes[i].ok;
		note(s, st, i, &found[i]);
		if (found[i].result == DELIVERY_STORED)
			warn(s, i);
	}
	if (any)
		atomic_fetch_add(&s->lmtpd->counters.messages, 1);
	s->messages += any;
	buf_putf(s->words, "%s delivered", s->message_id);
	s->outcomes = NULL;
	s->words = NULL;
}

static void
resume(void *ctx)
{
	session_resume(ctx);
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *f)
{
	struct lmtp_session *s = ctx;

	(void)st;
	(void)f;
	s->outcomes = outcomes;
	s->words = words;
	if (!delivery_commit(s->delivery, resume, s->stream.session))
		return 1;
	lmtp_policy_finish(s);
	return 0;
}

static void
on_reset(void *ctx)
{
	struct lmtp_session *s = ctx;

	delivery_free(&s->delivery);
	s->outcomes = NULL;
	s->words = NULL;
	s->log.message = NULL;
}

static void
on_refused(void *ctx, const struct smtp_state *st, const char *verb,
    const struct smtp_reply *r)
{
	struct lmtp_session *s = ctx;

	(void)st;
	log_info(&s->log, "refused", "client",
	    session_peer(s->stream.session)->address, "verb", verb, "code",
	    LOG_NUM(r->code), "dsn", r->dsn, "reason", buf_text(&r->text),
	    NULL);
}

const struct smtp_policy lmtp_policy = {
    .mail = on_mail,
    .rcpt = on_rcpt,
    .body_open = on_body_open,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
    .refused = on_refused,
};
