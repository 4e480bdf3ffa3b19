/* SPDX-License-Identifier: ISC */
/*
 * What the queue takes, and as what. Whoever may hand over is believed: who
 * may send to whom was decided before, and where a recipient's mail goes is
 * decided at each attempt.
 */
#include "config.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/db.h"
#include "base/spool.h"
#include "mta/queue/queue.h"
#include "mta/queue/notifier.h"
#include "mta/queue/receive_private.h"
#include "mta/queue/scheduler.h"
#include "mta/queue/user_limit.h"
#include "proto/domain.h"
#include "proto/trace.h"

enum {
	HEAD_MAX = 16 << 10,
	IN_MEMORY = 256 << 10, /* of a body */
	AGAIN_MAX = 10,
};

/* An id of ours goes on, so that a hand-over that is repeated is known. */
static int
on_mail(void *ctx, const struct smtp_state *st,
    const struct envelope_mail *mail, struct fault *f)
{
	struct receive_session *s = ctx;
	struct str ident = st->xforward.ident;

	(void)mail;
	(void)f;
	if (ident_is_ours(ident))
		(void)!str_copy(ident, s->message.text, sizeof s->message.text);
	else
		ident_make(&s->message);
	s->log.message = s->message.text;
	return 0;
}

/* A part that speaks for a host which was away. Who may ask was decided there. */
static int
on_etrn(void *ctx, const struct smtp_state *st, struct str node,
    int64_t *started, struct fault *f)
{
	struct receive_session *s = ctx;
	bool below = str_starts(node, STR_LIT("@"));
	char domain[DOMAIN_SIZE], all[DOMAIN_SIZE + 1];
	uint64_t rows, more = 0, n;

	(void)st;
	if (!domain_to_ascii(str_from(node, below), domain))
		return fault_perm(f, "5.5.4", "that is no domain");
	n = scheduler_flush(s->receiver->scheduler, str(domain), &rows);
	snprintf(all, sizeof all, ".%s", domain);
	if (below)
		n += scheduler_flush(s->receiver->scheduler, str(all), &more);
	*started = n > 0 ? (int64_t)n : rows + more > 0 ? -1 : 0;
	log_info(&s->log, "queue flushed", "domain", below ? all : domain,
	    "messages", LOG_NUM(n), NULL);
	return 0;
}

static int
on_body_open(void *ctx, const struct smtp_state *st, struct fault *f)
{
	struct receive_session *s = ctx;
	const struct trace_facts facts = {
	    .dialect = DIALECT_LMTP,
	    .esmtp = true,
	    .smtputf8 = st->mail->smtputf8,
	    .helo = st->helo,
	    .client_address = str(session_peer(s->stream.session)->address),
	    .hostname = s->receiver->hostname,
	    .id = s->message.text,
	    .rcpt = st->n_rcpts == 1 ? &st->rcpts[0].forward_path : NULL,
	    .when = time(NULL),
	};

	(void)f;
	buf_init(&s->head, HEAD_MAX);
	trace_put_received(&s->head, &facts);
	s->body = spool_new(s->receiver->spool_dir, IN_MEMORY);
	return 0;
}

static int
on_body_write(
    void *ctx, const struct smtp_state *st, struct str bytes, struct fault *f)
{
	struct receive_session *s = ctx;

	(void)st;
	/* A message that begins with a blank has no header section: its first
	 * line must not become a part of ours. */
	if (bytes.len > 0 && spool_size(s->body) == 0 &&
	    (bytes.at[0] == ' ' || bytes.at[0] == '\t'))
		buf_puts(&s->head, "\r\n");
	return spool_put(s->body, bytes, f);
}

/* The login, which the part that saw it says by AUTH= (RFC 4954 5), else the
 * sender's domain, else the null path itself. */
static struct str
owner_of(const struct envelope_mail *mail)
{
	if (mail->has_auth && mail->auth.len > 0)
		return mail->auth;
	if (mail->reverse_path.domain[0] != '\0')
		return str(mail->reverse_path.domain);
	return STR_LIT("<>");
}

static void
fill_rcpt(struct entry_rcpt *r, const struct envelope_rcpt *to,
    const char *hostname, int64_t now)
{
	struct address *a = &r->to.forward_path;

	r->to = *to;
	r->due = now;
	/* <postmaster> is this host's (RFC 5321 4.5.1). */
	if (a->host == ADDRESS_NO_HOST &&
	    str_copy(str(hostname), a->domain, sizeof a->domain))
		a->host = ADDRESS_DOMAIN;
}

static void
fill_entry(struct entry *e, const struct receive_session *s,
    const struct smtp_state *st)
{
	int64_t now = clock_unix_us() / 1000;

	*e = (struct entry){
	    .id = s->message,
	    .arrived = now,
	    .expires = now + s->receiver->max_age_ms,
	    .mail = *st->mail,
	    .client = st->xforward,
	    .owner = owner_of(st->mail),
	    .n_rcpts = st->n_rcpts,
	    .rcpts = arena_take(st->arena, st->n_rcpts * sizeof *e->rcpts),
	};
	for (size_t i = 0; i < st->n_rcpts; i++)
		fill_rcpt(
		    &e->rcpts[i], &st->rcpts[i], s->receiver->hostname, now);
}

/* On the committer's thread. From the resuming on the session may be gone. */
static void
on_done(void *ctx, int rc, const struct fault *f)
{
	struct receive_session *s = ctx;
	struct receiver *r = s->receiver;

	pthread_mutex_lock(&r->mutex);
	s->rc = rc;
	if (rc < 0)
		s->fault = *f;
	s->pending = false;
	session_resume(s->stream.session);
	pthread_cond_broadcast(&r->settled);
	pthread_mutex_unlock(&r->mutex);
}

void
receive_policy_wait(struct receive_session *s)
{
	struct receiver *r = s->receiver;

	pthread_mutex_lock(&r->mutex);
	while (s->pending)
		pthread_cond_wait(&r->settled, &r->mutex);
	pthread_mutex_unlock(&r->mutex);
}

/* A line a recipient: what is asked of a log is where somebody's mail is. */
static void
note(struct receive_session *s, const struct entry *e, const struct fault *f)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE];
	char *owner = NULL;
	struct arena arena = {0};

	owner = arena_text(&arena, e->owner);
	address_format(&e->mail.reverse_path, from);
	for (size_t i = 0; i < e->n_rcpts; i++) {
		address_format(&e->rcpts[i].to.forward_path, to);
		if (f == NULL)
			log_info(&s->log, "queued", "from", from, "to", to,
			    "size", LOG_NUM(e->size), "owner", owner, NULL);
		else
			log_warn(&s->log, "not queued", "from", from, "to", to,
			    "dsn", f->dsn, "reason", f->text, NULL);
	}
	arena_clear(&arena);
}

static void
count(struct receive_session *s, bool taken)
{
	struct receive_counters *c = &s->receiver->counters;

	atomic_fetch_add(taken ? &c->messages : &c->failed, 1);
	s->messages += taken;
}

static int
submit(struct receive_session *s, struct fault *f)
{
	struct queue *queue = s->receiver->queue;
	struct queue_change *change = queue_change_new(queue);

	if (queue_change_add(change, s->entry, buf_str(&s->head), s->body, f) <
	    0) {
		queue_change_free(&change);
		return -1;
	}
	s->pending = true;
	queue_submit(queue, &change, on_done, s);
	return 0;
}

/* A user who has sent too much. */
static void
apply_limit(struct receive_session *s)
{
	struct entry *e = s->entry;
	enum user_verdict verdict;

	s->tell = false;
	if (!e->mail.has_auth || e->mail.auth.len == 0)
		return;
	verdict = user_limits_take(
	    s->receiver->user_limits, e->owner, e->n_rcpts, clock_ms());
	if (verdict == USER_MAY_SEND)
		return;
	e->is_held = true;
	s->tell = verdict == USER_IS_HELD_NEW;
	for (size_t i = 0; i < e->n_rcpts; i++)
		fault_temp(&e->rcpts[i].fault, "4.7.28",
		    "held: the sender has passed the limit of %s",
		    s->receiver->user_rate);
}

/* It is durable; the user is told by a message of its own. */
static void
note_hold(struct receive_session *s)
{
	const struct entry *e = s->entry;
	struct arena arena = {0};
	size_t *rcpts = arena_take(&arena, e->n_rcpts * sizeof *rcpts);
	struct queue_change *change;
	struct fault f;

	atomic_fetch_add(&s->receiver->counters.held, 1);
	log_warn(&s->log, "held", "owner", arena_text(&arena, e->owner),
	    "rcpts", LOG_NUM(e->n_rcpts), "reason", e->rcpts[0].fault.text,
	    NULL);
	for (size_t i = 0; i < e->n_rcpts; i++)
		rcpts[i] = i;
	if (s->tell) {
		change = queue_change_new(s->receiver->queue);
		if (notifier_tell(s->receiver->notifier, change, NOTICE_HELD, e,
			rcpts, e->n_rcpts, &f) < 0) {
			log_warn(&s->log, "cannot tell the user", "reason",
			    f.text, NULL);
			queue_change_free(&change);
		} else {
			queue_submit(s->receiver->queue, &change, NULL, NULL);
		}
	}
	arena_clear(&arena);
}

static int
on_body_close(void *ctx, const struct smtp_state *st,
    struct smtp_outcome *outcomes, struct buf *words, struct fault *f)
{
	struct receive_session *s = ctx;

	s->entry = arena_new(st->arena, struct entry);
	s->outcomes = outcomes;
	s->words = words;
	s->again = 0;
	fill_entry(s->entry, s, st);
	apply_limit(s);
	if (submit(s, f) == 0)
		return 1;
	note(s, s->entry, f);
	count(s, false);
	return -1;
}

/* A message for many comes in several transactions; those of before may have
 * left while this one was on its way. */
static bool
submit_again(struct receive_session *s)
{
	return s->rc < 0 && queue_has_left(&s->fault) &&
	       s->again++ < AGAIN_MAX && submit(s, &s->fault) == 0;
}

bool
receive_policy_finish(struct receive_session *s)
{
	bool ok = s->rc == 0;

	if (submit_again(s))
		return false;
	for (size_t i = 0; i < s->entry->n_rcpts; i++) {
		s->outcomes[i].ok = ok;
		if (!ok)
			s->outcomes[i].fault = s->fault;
	}
	note(s, s->entry, ok ? NULL : &s->fault);
	count(s, ok);
	if (ok && s->entry->is_held)
		note_hold(s);
	if (ok)
		buf_putf(s->words, "%s queued", s->message.text);
	return true;
}

static void
on_reset(void *ctx)
{
	struct receive_session *s = ctx;

	spool_free(&s->body);
	buf_clear(&s->head);
	s->log.message = NULL;
}

static void
on_refused(void *ctx, const struct smtp_state *st, const char *verb,
    const struct smtp_reply *r)
{
	struct receive_session *s = ctx;

	(void)st;
	log_info(&s->log, "refused", "client",
	    session_peer(s->stream.session)->address, "verb", verb, "code",
	    LOG_NUM(r->code), "dsn", r->dsn, "reason", buf_text(&r->text),
	    NULL);
}

const struct smtp_policy receive_policy = {
    .mail = on_mail,
    .etrn = on_etrn,
    .body_open = on_body_open,
    .body_write = on_body_write,
    .body_close = on_body_close,
    .reset = on_reset,
    .refused = on_refused,
};
