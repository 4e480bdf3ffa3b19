/* SPDX-License-Identifier: ISC */
/* One transaction with lmtpd or the queue. */
#include "config.h"

#include "mta/smtpd/part.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/session.h"

/* What XFORWARD says, and the texts in it. */
struct client_facts {
	char addr[sizeof((struct net_peer *)0)->address + 8], port[8];
	struct envelope_xforward xforward;
};

static void
set_client(const struct smtpd_session *s, const struct smtp_state *st,
    const char *ident, struct client_facts *c)
{
	const struct net_peer *peer = s->peer;

	/* XFORWARD writes IPv6 addresses with a prefix. */
	snprintf(c->addr, sizeof c->addr, "%s%s",
	    strchr(peer->address, ':') == NULL ? "" : "IPV6:", peer->address);
	snprintf(c->port, sizeof c->port, "%u", peer->port);
	c->xforward = (struct envelope_xforward){
	    .addr = peer->is_unix ? (struct str){0} : str(c->addr),
	    .port = peer->is_unix ? (struct str){0} : str(c->port),
	    .proto = st->esmtp ? STR_LIT("ESMTP") : STR_LIT("SMTP"),
	    .helo = st->helo,
	    .ident = str(ident),
	    .source = STR_LIT("REMOTE"),
	};
}

static void
gather(const struct recipients *r, const struct part *part,
    struct envelope_rcpt *rcpts)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (part->picked[i])
			rcpts[n++] = r->mailboxes[i];
}

static void
scatter(const struct recipients *r, const struct part *part,
    const struct smtp_outcome *outcomes, struct smtp_outcome *mailboxes)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (part->picked[i])
			mailboxes[i] = outcomes[n++];
}

/* A part as it goes to the pool. Lives in the transaction's arena. */
struct parcel {
	const struct part *part;
	struct client_facts client;
	struct lmtp_message message;
	struct smtp_outcome *outcomes;
	int64_t deadline;
	struct lmtp_wait *wait;
};

static struct parcel *
pack(struct smtpd_session *s, const struct smtp_state *st,
    const struct part *part)
{
	struct envelope_rcpt *rcpts =
	    arena_take(st->arena, part->n * sizeof *rcpts);
	struct parcel *p = arena_new(st->arena, struct parcel);

	gather(&s->message->recipients, part, rcpts);
	set_client(s, st, part->ident, &p->client);
	p->part = part;
	p->outcomes = arena_take(st->arena, part->n * sizeof *p->outcomes);
	p->deadline = clock_ms() + (int64_t)s->smtpd->options->delivery_timeout;
	p->wait = NULL;
	p->message = (struct lmtp_message){
	    .mail = part->mail,
	    .rcpts = rcpts,
	    .n_rcpts = part->n,
	    .xforward = &p->client.xforward,
	    .head = part->head,
	    .body = s->message->body,
	};
	return p;
}

static bool
send_parcel(const struct recipients *r, struct parcel *p,
    struct smtp_outcome *mailboxes)
{
	bool doubt = lmtp_pool_send(
	    p->part->pool, &p->message, p->deadline, p->outcomes);

	scatter(r, p->part, p->outcomes, mailboxes);
	return doubt;
}

bool
part_send(struct smtpd_session *s, const struct smtp_state *st,
    const struct part *part, struct smtp_outcome *mailboxes)
{
	if (part->n == 0)
		return false;
	return send_parcel(
	    &s->message->recipients, pack(s, st, part), mailboxes);
}

bool
part_queue(struct smtpd_session *s, const struct smtp_state *st,
    struct lmtp_message *message, const char *ident,
    struct smtp_outcome *outcomes)
{
	struct client_facts client;

	set_client(s, st, ident, &client);
	message->xforward = &client.xforward;
	return lmtp_pool_send(s->smtpd->queue, message,
	    clock_ms() + (int64_t)s->smtpd->options->delivery_timeout,
	    outcomes);
}

static void
resume(void *ctx)
{
	session_resume(ctx);
}

struct parcel *
part_begin(struct smtpd_session *s, const struct smtp_state *st,
    const struct part *part, struct smtp_outcome *mailboxes, bool *doubt)
{
	const struct recipients *r = &s->message->recipients;
	struct parcel *p;

	*doubt = false;
	if (part->n == 0)
		return NULL;
	p = pack(s, st, part);
	p->wait = lmtp_pool_begin(
	    part->pool, &p->message, p->deadline, resume, s->session);
	if (p->wait == NULL)
		*doubt = send_parcel(r, p, mailboxes);
	else if (lmtp_wait_is_over(p->wait))
		*doubt = part_finish(r, &p, mailboxes);
	else
		return p;
	return NULL;
}

bool
part_finish(const struct recipients *r, struct parcel **parcel,
    struct smtp_outcome *mailboxes)
{
	struct parcel *p = *parcel;
	bool doubt = lmtp_wait_finish(&p->wait, p->outcomes);

	scatter(r, p->part, p->outcomes, mailboxes);
	*parcel = NULL;
	return doubt;
}

void
part_drop(struct parcel **parcel)
{
	if (*parcel != NULL)
		lmtp_wait_drop(&(*parcel)->wait);
	*parcel = NULL;
}

void
part_fail(const struct recipients *r, const struct part *part,
    const struct fault *f, struct smtp_outcome *mailboxes)
{
	for (size_t i = 0; i < r->n; i++)
		if (part->picked[i])
			mailboxes[i] = (struct smtp_outcome){.fault = *f};
}

/* What the log has, and what the client may know. */
void
part_hide_trouble(struct smtpd_session *s, struct smtp_outcome *o)
{
	if (o->ok || strncmp(o->fault.dsn, "4.4.", 4) != 0)
		return;
	log_warn(&s->log, "no queue", "reason", o->fault.text, NULL);
	fault_temp(&o->fault, "4.3.0", "the queue is not available, try later");
}

void
part_note_queued(struct smtpd_session *s, const struct part *part,
    struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];

	address_format(&part->mail->reverse_path, from);
	for (size_t i = 0; i < r->n; i++) {
		if (!part->picked[i])
			continue;
		part_hide_trouble(s, &mailboxes[i]);
		if (!mailboxes[i].ok)
			continue;
		s->message->was_queued = true;
		address_format(&r->mailboxes[i].forward_path, to);
		log_info(&s->log, "queued", "as", part->ident, "from", from,
		    "to", to, NULL);
	}
}

struct envelope_mail
part_mail(const struct smtpd_session *s, const struct smtp_state *st)
{
	struct envelope_mail mail = *st->mail;
	struct str user = smtpd_session_user(s, st);

	if (user.len > 0) {
		mail.has_auth = true;
		mail.auth = user;
	}
	return mail;
}
