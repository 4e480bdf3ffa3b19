/* SPDX-License-Identifier: ISC */
/* From a whole message to one answer for each recipient. */
#include "config.h"

#include "mta/smtpd/deliver.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/spool.h"
#include "base/tls.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/repeat.h"
#include "mta/smtpd/session.h"

enum { HEAD_MAX = 8192 };

static void
put_head(struct smtpd_session *s, const struct smtp_state *st, struct buf *head)
{
	const struct tls_info *tls = io_tls(session_io(s->session));
	const struct trace_facts facts = {
	    .dialect = DIALECT_SMTP,
	    .esmtp = st->esmtp,
	    .tls = st->tls,
	    .authenticated = st->user.len > 0,
	    .smtputf8 = st->mail->smtputf8,
	    .helo = st->helo,
	    .client_address = str(session_peer(s->session)->address),
	    .tls_version = tls == NULL ? NULL : tls->version,
	    .tls_cipher = tls == NULL ? NULL : tls->cipher,
	    .hostname = s->smtpd->hostname,
	    .id = s->message->ident.text,
	    /* With more than one, a name here would give a blind copy away. */
	    .rcpt = st->n_rcpts == 1 ? &st->rcpts[0].forward_path : NULL,
	    .when = time(NULL),
	};

	message_put_head(s->message, &facts, st->user.len > 0, head);
}

static void
log_failures(struct smtpd_session *s, const struct smtp_outcome *outcomes)
{
	const struct recipients *r = &s->message->recipients;
	char to[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < r->n; i++) {
		if (outcomes[i].ok)
			continue;
		address_format(&r->mailboxes[i].forward_path, to);
		log_info(&s->log, "not delivered", "to", to, "dsn",
		    outcomes[i].fault.dsn, "reason", outcomes[i].fault.text,
		    NULL);
	}
}

static void
log_message(struct smtpd_session *s, const struct smtp_state *st,
    const struct smtp_outcome *outcomes, int64_t since)
{
	const struct recipients *r = &s->message->recipients;
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	size_t ok = 0;

	for (size_t i = 0; i < r->n; i++)
		ok += outcomes[i].ok;
	address_format(&st->mail->reverse_path, from);
	address_format(&st->rcpts[0].forward_path, to);
	log_info(&s->log, ok == r->n ? "delivered" : "deferred or refused",
	    "from", from, "to", to, "rcpts", LOG_NUM(st->n_rcpts), "mailboxes",
	    LOG_NUM(r->n), "stored", LOG_NUM(ok), "size",
	    LOG_NUM(spool_size(s->message->body)), "ms",
	    LOG_NUM(clock_ms() - since), NULL);
	if (ok < r->n)
		log_failures(s, outcomes);
}

/* Under its first id where the client was told to come again: then true. */
static bool
resume(struct smtpd_session *s, const struct smtp_state *st)
{
	struct ident first;

	if (!repeats_take(s->smtpd->repeats, &st->mail->reverse_path,
		s->message->body, &first))
		return false;
	log_info(&s->log, "message comes again", "first", first.text, NULL);
	s->message->ident = first;
	return true;
}

/* Whether the client will send again what some mailbox has, or may have. What
 * came again may be in one from the first time, whatever this time has shown. */
static bool
will_repeat(bool doubt, const struct smtp_outcome *mailboxes,
    size_t n_mailboxes, const struct smtp_outcome *rcpts, size_t n_rcpts)
{
	bool some_stored = doubt, temporary = false;

	for (size_t i = 0; i < n_mailboxes; i++)
		some_stored = some_stored || mailboxes[i].ok;
	for (size_t i = 0; i < n_rcpts; i++)
		temporary = temporary ||
			    (!rcpts[i].ok && rcpts[i].fault.kind == FAULT_TEMP);
	return some_stored && temporary;
}

/* True where doubt remains whether some mailbox has it. */
static bool
hand_over(struct smtpd_session *s, const struct smtp_state *st, struct str head,
    struct smtp_outcome *mailboxes, struct smtp_outcome *rcpts)
{
	const struct net_peer *peer = session_peer(s->session);
	const struct recipients *r = &s->message->recipients;
	char addr[sizeof peer->address + 8], port[8];
	int64_t now = clock_ms();
	bool doubt;

	/* XFORWARD writes IPv6 addresses with a prefix. */
	snprintf(addr, sizeof addr, "%s%s",
	    strchr(peer->address, ':') == NULL ? "" : "IPV6:", peer->address);
	snprintf(port, sizeof port, "%u", peer->port);

	const struct envelope_xforward xforward = {
	    .addr = peer->is_unix ? (struct str){0} : str(addr),
	    .port = peer->is_unix ? (struct str){0} : str(port),
	    .proto = st->esmtp ? STR_LIT("ESMTP") : STR_LIT("SMTP"),
	    .helo = st->helo,
	    .ident = str(s->message->ident.text),
	    .source = STR_LIT("REMOTE"),
	};
	const struct lmtp_message message = {
	    .mail = st->mail,
	    .rcpts = r->mailboxes,
	    .n_rcpts = r->n,
	    .xforward = &xforward,
	    .head = head,
	    .body = s->message->body,
	};

	doubt = lmtp_pool_send(s->smtpd->lmtp, &message,
	    now + (int64_t)s->smtpd->options->delivery_timeout, mailboxes);
	recipients_fold(r, mailboxes, rcpts);
	log_message(s, st, mailboxes, now);
	return doubt;
}

/* True where all are ok. */
static bool
count(struct smtpd *smtpd, const struct smtp_outcome *rcpts, size_t n)
{
	bool refused = false, deferred = false;

	for (size_t i = 0; i < n; i++) {
		bool temporary = rcpts[i].fault.kind == FAULT_TEMP;

		refused = refused || (!rcpts[i].ok && !temporary);
		deferred = deferred || (!rcpts[i].ok && temporary);
	}
	if (deferred)
		atomic_fetch_add(&smtpd->counters.deferred, 1);
	else if (refused)
		atomic_fetch_add(&smtpd->counters.refused, 1);
	else
		atomic_fetch_add(&smtpd->counters.messages, 1);
	return !refused && !deferred;
}

bool
deliver_message(struct smtpd_session *s, const struct smtp_state *st,
    struct smtp_outcome *outcomes)
{
	struct smtp_outcome *mailboxes =
	    mem_zeroed(s->message->recipients.n, sizeof *mailboxes);
	struct buf head;
	bool ok, doubt;

	buf_init(&head, HEAD_MAX);
	doubt = resume(s, st);
	put_head(s, st, &head);
	doubt = hand_over(s, st, buf_str(&head), mailboxes, outcomes) || doubt;
	if (will_repeat(doubt, mailboxes, s->message->recipients.n, outcomes,
		st->n_rcpts))
		repeats_put(s->smtpd->repeats, &st->mail->reverse_path,
		    s->message->body, &s->message->ident);
	ok = count(s->smtpd, outcomes, st->n_rcpts);
	buf_clear(&head);
	mem_free(mailboxes);
	return ok;
}
