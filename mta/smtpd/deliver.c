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
#include "mta/smtpd/list.h"
#include "mta/smtpd/part.h"
#include "mta/smtpd/repeat.h"
#include "mta/smtpd/session.h"
#include "mta/smtpd/success_notice.h"

static void
put_head(struct smtpd_session *s, const struct smtp_state *st, struct buf *head)
{
	const struct tls_info *tls = io_tls(session_io(s->session));
	bool is_user = smtpd_session_user(s, st).len > 0;
	const struct trace_facts facts = {
	    .dialect = DIALECT_SMTP,
	    .esmtp = st->esmtp,
	    .tls = st->tls,
	    .authenticated = is_user,
	    .smtputf8 = st->mail->smtputf8,
	    .helo = st->helo,
	    .client_address = str(s->peer->address),
	    .local_user = s->local == NULL ? NULL : s->local->name,
	    .local_uid = s->local == NULL ? 0 : s->local->uid,
	    .tls_version = tls == NULL ? NULL : tls->version,
	    .tls_cipher = tls == NULL ? NULL : tls->cipher,
	    .hostname = s->smtpd->hostname,
	    .id = s->message->ident.text,
	    /* With more than one, a name here would give a blind copy away. */
	    .rcpt = st->n_rcpts == 1 ? &st->rcpts[0].forward_path : NULL,
	    .when = time(NULL),
	};

	message_put_head(s->message, &facts, is_user, head);
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
	if (!has_id && smtpd_session_user(s, st).len > 0 &&
	    !s->message->scan.has_message_id)
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
	    "client", s->peer->address, "from", from, "to", to, "message_id",
	    has_id ? id : NULL, "rcpts", LOG_NUM(st->n_rcpts), "mailboxes",
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

/* What is to be done, in this order. */
enum step {
	STEP_LOCAL,
	STEP_FORWARD,
	STEP_GROUPS,
	STEP_QUEUE,
	STEP_END,
};

/* From the end of the body to the answer. Lives in the transaction's arena. */
struct delivery {
	struct smtp_outcome *mailboxes, *rcpts;
	struct str head;
	int64_t since;
	bool doubt; /* whether some mailbox has it */
	enum step step;
	/* Of the step that is under way. */
	struct part part;
	struct envelope_mail mail;
	bool *picked;
	struct smtp_outcome *before; /* the step; of each mailbox */
	bool *is_done;               /* of each that is local */
	struct parcel *parcel;       /* NULL: nothing is waited for */
};

/* False where the session is to wait. */
static bool
hand_over(
    struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	bool doubt;

	d->parcel = part_begin(s, st, &d->part, d->mailboxes, &doubt);
	d->doubt = d->doubt || doubt;
	return d->parcel == NULL;
}

/* Local mailboxes that are kept at the same place, those of lmtpd or of another
 * node; again where there are others. */
static bool
deliver_local(
    struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	const struct recipients *r = &s->message->recipients;
	struct lmtp_pool *pool = NULL;

	d->part = (struct part){
	    .mail = st->mail,
	    .ident = s->message->ident.text,
	    .head = d->head,
	    .picked = d->picked,
	};
	for (size_t i = 0; i < r->n; i++) {
		bool waits = r->ways[i] == WAY_LOCAL && !d->is_done[i];

		if (waits && d->part.n == 0)
			pool = r->pools[i];
		d->picked[i] = waits && r->pools[i] == pool;
		d->is_done[i] = d->is_done[i] || d->picked[i];
		d->part.n += d->picked[i];
		if (waits && !d->picked[i])
			d->step = STEP_LOCAL;
	}
	d->part.pool = pool == NULL ? s->smtpd->lmtp : pool;
	return hand_over(s, st, d);
}

/* A full mailbox is the client's to come back to, not the queue's. */
static bool
is_full(const struct smtp_outcome *o)
{
	return str_is(str(o->fault.dsn), STR_LIT("4.2.2"));
}

/*
 * What is for elsewhere, and what lmtpd has not taken: for now, or, where others
 * have the message and the client must not send it again, for ever: the queue
 * tries once more and tells the sender.
 */
static bool
queue_rest(
    struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	const struct recipients *r = &s->message->recipients;
	bool any = false;

	d->mail = part_mail(s, st);
	d->part = (struct part){
	    .pool = s->smtpd->queue,
	    .mail = &d->mail,
	    .ident = s->message->ident.text,
	    .head = d->head,
	    .picked = d->picked,
	};
	for (size_t i = 0; i < r->n; i++)
		any = any || d->mailboxes[i].ok || r->ways[i] == WAY_QUEUE;
	for (size_t i = 0; i < r->n; i++) {
		const struct smtp_outcome *o = &d->mailboxes[i];

		d->picked[i] =
		    r->ways[i] == WAY_QUEUE ||
		    (r->ways[i] == WAY_LOCAL && !o->ok &&
			(any || (o->fault.kind == FAULT_TEMP && !is_full(o))));
		d->part.n += d->picked[i];
	}
	memcpy(d->before, d->mailboxes, r->n * sizeof *d->before);
	return hand_over(s, st, d);
}

/* After queue_rest(). Where the queue has not helped, lmtpd's word counts. */
static void
note_rest(struct smtpd_session *s, struct delivery *d)
{
	const struct recipients *r = &s->message->recipients;

	part_note_queued(s, &d->part, d->mailboxes);
	for (size_t i = 0; i < r->n; i++)
		if (r->ways[i] == WAY_LOCAL && !d->mailboxes[i].ok)
			d->mailboxes[i] = d->before[i];
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

/* An alias of several, whose mailboxes tell nothing: recipient.c. The message is
 * where it belongs, so a notice that cannot be made is not made. */
static void
tell_of_expansion(
    struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	const struct recipients *r = &s->message->recipients;
	uint32_t begin = 0;

	for (size_t i = 0; i < st->n_rcpts && i < r->n_rcpts; i++) {
		uint32_t n = r->ends[i] - begin;
		struct ident ident;
		struct fault f;

		begin = r->ends[i];
		if (n < 2 || !d->rcpts[i].ok ||
		    (st->rcpts[i].notify & NOTIFY_SUCCESS) == 0 ||
		    address_is_null(&st->mail->reverse_path))
			continue;
		ident_make(&ident);
		if (success_notice_send(s, st, &st->rcpts[i], REPORT_EXPANDED,
			ident.text, &f) < 0)
			log_warn(&s->log, "no notice", "reason", f.text, NULL);
	}
}

static void
end(struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	const struct recipients *r = &s->message->recipients;

	recipients_fold(r, d->mailboxes, d->rcpts);
	log_message(s, st, d->mailboxes, d->since);
	if (s->smtpd->queue != NULL)
		tell_of_expansion(s, st, d);
	if (will_repeat(d->doubt, d->mailboxes, r->n, d->rcpts, st->n_rcpts))
		repeats_put(s->smtpd->repeats, &st->mail->reverse_path,
		    s->message->body, &s->message->ident);
	s->messages += count(s->smtpd, d->rcpts, st->n_rcpts);
	s->delivery = NULL;
}

/* One step; false where the session is to wait. */
static bool
step(struct smtpd_session *s, const struct smtp_state *st, struct delivery *d)
{
	bool has_queue = s->smtpd->queue != NULL;

	switch (d->step++) {
	case STEP_LOCAL:
		return deliver_local(s, st, d);
	case STEP_FORWARD:
		if (has_queue && forward_message(s, st, d->head, d->mailboxes))
			d->doubt = true;
		return true;
	case STEP_GROUPS:
		if (has_queue && list_message(s, st, d->head, d->mailboxes))
			d->doubt = true;
		return true;
	case STEP_QUEUE:
		return !has_queue || queue_rest(s, st, d);
	case STEP_END:
		if (has_queue)
			note_rest(s, d);
		end(s, st, d);
		return true;
	}
	return true;
}

bool
deliver_message(struct smtpd_session *s, const struct smtp_state *st)
{
	struct delivery *d = s->delivery;

	if (d->parcel != NULL &&
	    part_finish(&s->message->recipients, &d->parcel, d->mailboxes))
		d->doubt = true;
	while (s->delivery != NULL)
		if (!step(s, st, d))
			return false;
	return true;
}

bool
deliver_begin(struct smtpd_session *s, const struct smtp_state *st,
    struct smtp_outcome *outcomes)
{
	size_t n = s->message->recipients.n;
	struct delivery *d = arena_new(st->arena, struct delivery);
	struct buf head;

	*d = (struct delivery){
	    .rcpts = outcomes,
	    .since = clock_ms(),
	    .mailboxes = arena_take(st->arena, n * sizeof *d->mailboxes),
	    .before = arena_take(st->arena, n * sizeof *d->before),
	    .picked = arena_take(st->arena, n * sizeof *d->picked),
	    .is_done = arena_take(st->arena, n * sizeof *d->is_done),
	};
	memset(d->mailboxes, 0, n * sizeof *d->mailboxes);
	memset(d->is_done, 0, n * sizeof *d->is_done);
	d->doubt = resume(s, st);
	buf_init(&head, PART_HEAD_MAX);
	put_head(s, st, &head);
	d->head = arena_str(st->arena, buf_str(&head));
	buf_clear(&head);
	s->delivery = d;
	return deliver_message(s, st);
}

void
deliver_drop(struct smtpd_session *s)
{
	if (s->delivery != NULL)
		part_drop(&s->delivery->parcel);
	s->delivery = NULL;
}
