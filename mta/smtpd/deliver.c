/* SPDX-License-Identifier: ISC */
/*
 * From a whole message to one answer for each recipient. Local mailboxes get it
 * now, by LMTP; what is for elsewhere, or cannot be delivered at once, is
 * handed over to the queue by the same protocol.
 */
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
#include "mta/smtpd/forward.h"
#include "mta/smtpd/part.h"
#include "mta/smtpd/repeat.h"
#include "mta/smtpd/session.h"

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

/* Each RCPT by the name that the client used, where the one in the line about
 * the message does not say it. */
static void
log_rcpts(struct smtpd_session *s, const struct smtp_state *st)
{
	const struct recipients *r = &s->message->recipients;
	char to[ADDRESS_TEXT_SIZE];
	uint32_t begin = 0;

	if (st->n_rcpts < 2)
		return;
	for (size_t i = 0; i < st->n_rcpts && i < r->n_rcpts; i++) {
		address_format(&st->rcpts[i].forward_path, to);
		log_info(&s->log, "recipient", "to", to, "mailboxes",
		    LOG_NUM(r->ends[i] - begin), NULL);
		begin = r->ends[i];
	}
}

static void
log_message(struct smtpd_session *s, const struct smtp_state *st,
    const struct smtp_outcome *outcomes, int64_t since)
{
	const struct recipients *r = &s->message->recipients;
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	char id[MESSAGE_ID_SIZE];
	bool has_id = message_get_id(s->message, id);
	size_t ok = 0;

	/* The one that message_put_head() made. */
	if (!has_id && st->user.len > 0 && !s->message->scan.has_message_id)
		has_id = snprintf(id, sizeof id, "%s@%s",
			     s->message->ident.text, s->smtpd->hostname) > 0;
	for (size_t i = 0; i < r->n; i++)
		ok += outcomes[i].ok;
	address_format(&st->mail->reverse_path, from);
	address_format(&st->rcpts[0].forward_path, to);
	log_rcpts(s, st);
	log_info(&s->log,
	    ok < r->n                ? "deferred or refused"
	    : s->message->was_queued ? "taken"
				     : "delivered",
	    "client", session_peer(s->session)->address, "from", from, "to", to,
	    "message_id", has_id ? id : NULL, "rcpts", LOG_NUM(st->n_rcpts),
	    "mailboxes", LOG_NUM(r->n), "stored", LOG_NUM(ok), "size",
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

/* The local mailboxes, now. */
static bool
deliver_local(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	bool *picked = arena_take(st->arena, r->n * sizeof *picked);
	struct part part = {
	    .pool = s->smtpd->lmtp,
	    .mail = st->mail,
	    .ident = s->message->ident.text,
	    .head = head,
	    .picked = picked,
	};

	for (size_t i = 0; i < r->n; i++) {
		picked[i] = r->ways[i] == WAY_LOCAL;
		part.n += picked[i];
	}
	return part_send(s, st, &part, mailboxes);
}

/*
 * What is for elsewhere, and what lmtpd has not taken: for now, or, where others
 * have the message and the client must not send it again, for ever: the queue
 * tries once more and tells the sender.
 */
static bool
queue_rest(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	const struct envelope_mail mail = part_mail(st);
	bool *picked = arena_take(st->arena, r->n * sizeof *picked);
	struct smtp_outcome *before;
	bool any = false, doubt;
	struct part part = {
	    .pool = s->smtpd->queue,
	    .mail = &mail,
	    .ident = s->message->ident.text,
	    .head = head,
	    .picked = picked,
	};

	for (size_t i = 0; i < r->n; i++)
		any = any || mailboxes[i].ok || r->ways[i] == WAY_QUEUE;
	for (size_t i = 0; i < r->n; i++) {
		const struct smtp_outcome *o = &mailboxes[i];

		picked[i] = r->ways[i] == WAY_QUEUE ||
			    (r->ways[i] == WAY_LOCAL && !o->ok &&
				(any || o->fault.kind == FAULT_TEMP));
		part.n += picked[i];
	}
	before = arena_take(st->arena, r->n * sizeof *before);
	memcpy(before, mailboxes, r->n * sizeof *before);
	doubt = part_send(s, st, &part, mailboxes);
	part_note_queued(s, &part, mailboxes);
	/* Where the queue has not helped, lmtpd's word counts. */
	for (size_t i = 0; i < r->n; i++)
		if (r->ways[i] == WAY_LOCAL && !mailboxes[i].ok)
			mailboxes[i] = before[i];
	return doubt;
}

/* True where doubt remains whether some mailbox has it. */
static bool
hand_over(struct smtpd_session *s, const struct smtp_state *st, struct str head,
    struct smtp_outcome *mailboxes, struct smtp_outcome *rcpts)
{
	int64_t now = clock_ms();
	bool doubt = deliver_local(s, st, head, mailboxes);

	if (s->smtpd->queue != NULL) {
		doubt = forward_message(s, st, head, mailboxes) || doubt;
		doubt = queue_rest(s, st, head, mailboxes) || doubt;
	}
	recipients_fold(&s->message->recipients, mailboxes, rcpts);
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

	buf_init(&head, PART_HEAD_MAX);
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
