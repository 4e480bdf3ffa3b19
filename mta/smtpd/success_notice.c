/* SPDX-License-Identifier: ISC */
/* The message that the notification is, and its way. */
#include "config.h"

#include "mta/smtpd/success_notice.h"

#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/spool.h"
#include "mta/queue/reader.h"
#include "mta/queue/template.h"
#include "mta/send/lmtp_pool.h"
#include "mta/smtpd/part.h"
#include "mta/smtpd/session.h"
#include "proto/report.h"

enum { IN_MEMORY = 64 << 10, TEXT_MAX = 16 << 10 };

/* All that its parts point at. */
struct notice {
	struct smtpd_session *s;
	const struct smtp_state *st;
	const char *ident;
	enum report_action action;
	struct arena arena;
	struct buf recipients, subject, text;
	struct report_rcpt rcpt;
	struct report_facts facts;
};

static void
write_texts(struct notice *n)
{
	const struct smtpd *smtpd = n->s->smtpd;
	char postmaster[ADDRESS_TEXT_SIZE], date[CLOCK_DATE_SIZE];
	struct template_fields fields = {
	    .hostname = str(smtpd->hostname),
	    .sender = n->facts.to,
	    .id = str(n->s->message->ident.text),
	};

	address_format(&smtpd->postmaster, postmaster);
	fields.postmaster = str(postmaster);
	clock_format_date(n->facts.date, date);
	fields.arrival = str(date);
	template_put_recipient(&n->recipients, n->rcpt.final, str(""));
	fields.recipients = buf_str(&n->recipients);
	template_put_subject(smtpd->templates, n->action, &fields, &n->subject);
	template_put_text(smtpd->templates, n->action, &fields, &n->text);
	n->facts.subject = buf_str(&n->subject);
	n->facts.text = buf_str(&n->text);
}

static void
state_facts(struct notice *n, const struct envelope_rcpt *rcpt)
{
	const struct envelope_mail *mail = n->st->mail;
	char to[ADDRESS_TEXT_SIZE], list[ADDRESS_TEXT_SIZE];

	address_format(&mail->reverse_path, to);
	address_format(&rcpt->forward_path, list);
	n->rcpt = (struct report_rcpt){
	    .action = n->action,
	    .final = arena_str(&n->arena, str(list)),
	    .orcpt_type = rcpt->orcpt_type,
	    .orcpt = rcpt->orcpt,
	    .status = STR_LIT("2.0.0"),
	};
	n->facts = (struct report_facts){
	    .hostname = n->s->smtpd->hostname,
	    .to = arena_str(&n->arena, str(to)),
	    .message_id = str(arena_putf(
		&n->arena, "%s@%s", n->ident, n->s->smtpd->hostname)),
	    .date = time(NULL),
	    .id = str(n->s->message->ident.text),
	    .envid = mail->envid,
	    .arrival = time(NULL),
	    .smtputf8 = mail->smtputf8,
	    .ret = mail->ret,
	    .language = template_language(n->s->smtpd->templates, n->action),
	    .rcpts = &n->rcpt,
	    .n_rcpts = 1,
	};
	write_texts(n);
}

static int
each_of_original(void *source, report_piece *piece, void *ctx, struct fault *f)
{
	return spool_each(source, piece, ctx, f);
}

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	return spool_put(ctx, bytes, f);
}

/* To whoever is behind the sender. */
static int
send_report(struct notice *n, const struct report *report, struct spool *body,
    struct fault *f)
{
	struct envelope_mail mail = {
	    .reverse_path = {.host = ADDRESS_NO_HOST},
	    .body = report_is_8bit(report) ? BODY_8BITMIME : BODY_7BIT,
	    .smtputf8 = report_needs_smtputf8(report),
	};
	struct lmtp_message message = {.mail = &mail, .body = body};
	struct envelope_rcpt *rcpts;
	struct smtp_outcome *outcomes;
	struct address *readers;
	size_t n_readers;

	if (reader_find(n->s->smtpd->directory, &n->st->mail->reverse_path,
		&n->arena, &readers, &n_readers, f) < 0)
		return -1;
	rcpts = arena_take(&n->arena, n_readers * sizeof *rcpts);
	outcomes = arena_take(&n->arena, n_readers * sizeof *outcomes);
	for (size_t i = 0; i < n_readers; i++)
		rcpts[i] = (struct envelope_rcpt){
		    .forward_path = readers[i], .notify = NOTIFY_NEVER};
	message.rcpts = rcpts;
	message.n_rcpts = n_readers;
	(void)part_queue(n->s, n->st, &message, n->ident, outcomes);
	for (size_t i = 0; i < n_readers; i++) {
		if (outcomes[i].ok)
			continue;
		part_hide_trouble(n->s, &outcomes[i]);
		*f = outcomes[i].fault;
		return -1;
	}
	log_info(&n->s->log, "notice", "kind", report_action_name(n->action),
	    "notice", n->ident, "to", n->facts.to.at, NULL);
	return 0;
}

int
success_notice_send(struct smtpd_session *s, const struct smtp_state *st,
    const struct envelope_rcpt *rcpt, enum report_action action,
    const char *ident, struct fault *f)
{
	const struct report_original original = {
	    each_of_original, s->message->body};
	struct notice n = {.s = s, .st = st, .ident = ident, .action = action};
	struct spool *body = spool_new(s->smtpd->options->spool_dir, IN_MEMORY);
	struct report *report;
	int rc = -1;

	buf_init(&n.recipients, TEXT_MAX);
	buf_init(&n.subject, TEXT_MAX);
	buf_init(&n.text, TEXT_MAX);
	state_facts(&n, rcpt);
	report = report_new(&n.facts, &original, f);
	if (report != NULL && report_each(report, put_piece, body, f) == 0)
		rc = send_report(&n, report, body, f);
	report_free(&report);
	spool_free(&body);
	buf_clear(&n.recipients);
	buf_clear(&n.subject);
	buf_clear(&n.text);
	arena_clear(&n.arena);
	return rc;
}
