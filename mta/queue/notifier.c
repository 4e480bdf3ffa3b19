/* SPDX-License-Identifier: ISC */
/* A notice is an entry like others: with the null reverse-path, and rarely more
 * than one recipient. */
#include "config.h"

#include "mta/queue/notifier.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/spool.h"
#include "mta/queue/queue.h"
#include "mta/queue/reader.h"
#include "mta/queue/template.h"
#include "proto/report.h"

enum {
	FULL_MAX = 1 << 20,
	IN_MEMORY = 256 << 10,
	SHOWN_MAX = 60, /* recipients in the text for people */
	TEXT_MAX = 64 << 10,
};

/* Whose turn notices are; those about notices are known by it. */
static const char notices[] = "notices", double_bounces[] = "double bounces";

struct notifier {
	char *hostname;
	struct address postmaster;
	char postmaster_text[ADDRESS_TEXT_SIZE];
	struct templates *templates;
	struct queue *queue;
	uint64_t full_max;
	int64_t max_age_ms;
	const char *spool_dir;
	struct socketmap_client *directory;
};

struct notifier *
notifier_new(
    const struct notifier_conf *conf, struct queue *queue, struct fault *f)
{
	struct notifier *n = mem_new(struct notifier);

	n->hostname = mem_dup(conf->hostname);
	n->queue = queue;
	n->full_max = conf->full_max > 0 ? conf->full_max : FULL_MAX;
	n->max_age_ms = conf->max_age_ms;
	n->spool_dir = conf->spool_dir != NULL ? conf->spool_dir : "/tmp";
	n->directory = conf->directory;
	if (address_parse(str(conf->postmaster), &n->postmaster, f) < 0) {
		notifier_free(&n);
		return NULL;
	}
	address_format(&n->postmaster, n->postmaster_text);
	n->templates = templates_new(conf->templates, f);
	if (n->templates == NULL)
		notifier_free(&n);
	return n;
}

void
notifier_free(struct notifier **notifier)
{
	struct notifier *n = *notifier;

	if (n == NULL)
		return;
	templates_free(&n->templates);
	mem_free(n->hostname);
	mem_free(n);
	*notifier = NULL;
}

/* Who is told. */

static bool
wants(const struct entry_rcpt *to, enum notice notice)
{
	unsigned notify = to->to.notify;

	/* RFC 3461 4.1: without a word about it, failures; of delays that is
	 * our choice. */
	if (notify == NOTIFY_UNSET)
		notify = NOTIFY_FAILURE | NOTIFY_DELAY;
	if (notify & NOTIFY_NEVER)
		return false;
	switch (notice) {
	case NOTICE_FAILED:
		return notify & NOTIFY_FAILURE;
	case NOTICE_DELAYED:
		return notify & NOTIFY_DELAY;
	case NOTICE_HELD:
		return true;
	case NOTICE_DELIVERED:
	case NOTICE_RELAYED:
		return notify & NOTIFY_SUCCESS;
	}
	return false;
}

/* False where nobody is. rcpt is one of those whom it is about: with VERP each
 * has its own. A notice that fails is the postmaster's, but for one
 * to the postmaster. */
static bool
find_reader(const struct notifier *n, const struct entry *e, enum notice notice,
    size_t rcpt, struct address *reader)
{
	if (!address_is_null(&e->mail.reverse_path)) {
		*reader = e->mail.reverse_path;
		if (e->mail.verp)
			(void)address_make_verp(&e->mail.reverse_path,
			    &e->rcpts[rcpt].to.forward_path, reader);
		return true;
	}
	*reader = n->postmaster;
	if (!e->is_notice || notice != NOTICE_FAILED ||
	    str_is(e->owner, str(double_bounces)))
		return false;
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (address_is_same(
			&e->rcpts[i].to.forward_path, &n->postmaster))
			return false;
	return true;
}

/* What it says. */

struct writing {
	struct notifier *notifier;
	struct arena arena;
	const struct entry *e;
	enum report_action action;
	struct address reader;
	struct report_rcpt *rcpts;
	size_t n;
	struct str reason; /* of the first */
	struct buf recipients, subject, text;
	struct report_facts facts;
};

static enum report_action
action_of(enum notice notice)
{
	switch (notice) {
	case NOTICE_FAILED:
		return REPORT_FAILED;
	case NOTICE_DELAYED:
		return REPORT_DELAYED;
	case NOTICE_DELIVERED:
		return REPORT_DELIVERED;
	case NOTICE_HELD:
		return REPORT_HELD;
	case NOTICE_RELAYED:
		break;
	}
	return REPORT_RELAYED;
}

static struct str
date_of(struct arena *arena, int64_t ms)
{
	char date[CLOCK_DATE_SIZE];

	clock_format_date((time_t)(ms / 1000), date);
	return arena_str(arena, str(date));
}

/* What people are told: "mx.example.net said: 550 5.1.1 no such user". */
static struct str
reason_of(struct writing *w, const struct entry_rcpt *to)
{
	struct arena *arena = &w->arena;
	/* Behind a unix socket is nobody that has a name. */
	struct str host = to->host.len > 0 ? to->host : str("the next server");
	char *said;

	if (to->reply.len == 0)
		return str(to->fault.text);
	said = arena_putf(
	    arena, "%.*s said: %.*s", STR_ARG(host), STR_ARG(to->reply));
	/* Ours say more than the last of the server's. */
	if (strcmp(to->fault.dsn, ENTRY_EXPIRED) == 0)
		return str(arena_putf(arena, "%s (%s)", to->fault.text, said));
	return str(said);
}

static void
put_rcpt(struct writing *w, const struct entry_rcpt *to)
{
	struct report_rcpt *r = &w->rcpts[w->n++];
	bool good =
	    w->action == REPORT_DELIVERED || w->action == REPORT_RELAYED;
	char address[ADDRESS_TEXT_SIZE];
	struct str reason = {0};

	address_format(&to->to.forward_path, address);
	*r = (struct report_rcpt){
	    .action = w->action,
	    .final = arena_str(&w->arena, str(address)),
	    .orcpt_type = to->to.orcpt_type,
	    .orcpt = to->to.orcpt,
	    .status = str(good ? "2.0.0" : to->fault.dsn),
	    .reply = to->reply,
	    .last_attempt = (time_t)(to->last / 1000),
	    .retry_until = (time_t)(w->e->expires / 1000),
	};
	/* Who was tried and said nothing has reported nothing. */
	if (to->reply.len > 0)
		r->remote_mta = to->host;
	if (!good) {
		r->diagnostic = str(to->fault.text);
		reason = reason_of(w, to);
	}
	if (r->status.len == 0)
		r->status = str(w->action == REPORT_FAILED ? "5.0.0" : "4.0.0");
	if (w->n <= SHOWN_MAX)
		template_put_recipient(&w->recipients, r->final, reason);
	if (w->n == 1)
		w->reason = reason;
	else if (w->n == SHOWN_MAX + 1)
		buf_puts(&w->recipients, "...\n");
}

static void
write_texts(struct writing *w)
{
	struct notifier *n = w->notifier;
	char sender[ADDRESS_TEXT_SIZE];
	struct template_fields fields = {
	    .hostname = str(n->hostname),
	    .postmaster = str(n->postmaster_text),
	    .id = str(w->e->id.text),
	    .arrival = date_of(&w->arena, w->e->arrived),
	    .recipients = buf_str(&w->recipients),
	    .reason = w->reason,
	    .until = date_of(&w->arena, w->e->expires),
	};

	address_format(&w->e->mail.reverse_path, sender);
	fields.sender = str(sender);
	template_put_subject(n->templates, w->action, &fields, &w->subject);
	template_put_text(n->templates, w->action, &fields, &w->text);
}

static void
state_facts(struct writing *w, const struct entry *notice)
{
	struct notifier *n = w->notifier;
	char reader[ADDRESS_TEXT_SIZE];

	address_format(&w->reader, reader);
	w->facts = (struct report_facts){
	    .hostname = n->hostname,
	    .to = arena_str(&w->arena, str(reader)),
	    .message_id = str(
		arena_putf(&w->arena, "%s@%s", notice->id.text, n->hostname)),
	    .date = (time_t)(notice->arrived / 1000),
	    .id = str(w->e->id.text),
	    .envid = w->e->mail.envid,
	    .arrival = (time_t)(w->e->arrived / 1000),
	    .smtputf8 = w->e->mail.smtputf8,
	    .ret = w->e->mail.ret,
	    .full_max = n->full_max,
	    .subject = buf_str(&w->subject),
	    .language = template_language(n->templates, w->action),
	    .text = buf_str(&w->text),
	    .rcpts = w->rcpts,
	    .n_rcpts = w->n,
	};
}

/* Into the queue. */

static int
each_of_original(void *source, report_piece *piece, void *ctx, struct fault *f)
{
	const struct writing *w = source;

	return queue_each_piece(w->notifier->queue, w->e, piece, ctx, f);
}

static int
put_piece(void *ctx, struct str bytes, struct fault *f)
{
	return spool_put(ctx, bytes, f);
}

static int
make_entry(struct writing *w, struct entry *notice, struct fault *f)
{
	struct address *readers;
	size_t n;

	/* Of success we tell now or never: then the address as it stands. */
	if (reader_find(w->notifier->directory, &w->reader, &w->arena, &readers,
		&n, f) < 0 &&
	    w->action != REPORT_DELIVERED && w->action != REPORT_RELAYED)
		return -1;
	*notice = (struct entry){
	    .arrived = clock_unix_us() / 1000,
	    .is_notice = true,
	    .owner = str(w->e->is_notice ? double_bounces : notices),
	    .n_rcpts = n,
	    .rcpts = arena_take(&w->arena, n * sizeof *notice->rcpts),
	};
	ident_make(&notice->id);
	notice->expires = notice->arrived + w->notifier->max_age_ms;
	notice->mail.reverse_path.host = ADDRESS_NO_HOST;
	for (size_t i = 0; i < n; i++)
		notice->rcpts[i] = (struct entry_rcpt){
		    .to = {.forward_path = readers[i], .notify = NOTIFY_NEVER},
		    .due = notice->arrived,
		};
	return 0;
}

static int
add_notice(struct writing *w, struct queue_change *change, struct fault *f)
{
	const struct report_original original = {each_of_original, w};
	struct spool *spool = spool_new(w->notifier->spool_dir, IN_MEMORY);
	struct log_ctx log = {.message = w->e->id.text};
	struct report *report = NULL;
	struct entry notice;
	int rc = -1;

	if (make_entry(w, &notice, f) < 0)
		goto out;
	state_facts(w, &notice);
	report = report_new(&w->facts, &original, f);
	if (report == NULL)
		goto out;
	notice.mail.body = report_is_8bit(report) ? BODY_8BITMIME : BODY_7BIT;
	notice.mail.smtputf8 = report_needs_smtputf8(report);
	if (report_each(report, put_piece, spool, f) < 0)
		goto out;
	if (queue_change_add(change, &notice, str(""), spool, f) < 0)
		goto out;
	log_info(&log, "notice", "kind", report_action_name(w->action),
	    "notice", notice.id.text, "to", w->facts.to.at, "rcpts",
	    LOG_NUM(w->n), NULL);
	rc = 0;
out:
	report_free(&report);
	spool_free(&spool);
	return rc;
}

/* One notice. */
static int
tell(struct notifier *notifier, struct queue_change *change, enum notice notice,
    const struct entry *e, const size_t *rcpts, size_t n, struct fault *f)
{
	struct writing w = {
	    .notifier = notifier,
	    .e = e,
	    .action = action_of(notice),
	};
	int rc = 0;

	if (!find_reader(notifier, e, notice, rcpts[0], &w.reader))
		return 0;
	buf_init(&w.recipients, TEXT_MAX);
	buf_init(&w.subject, TEXT_MAX);
	buf_init(&w.text, 2 * TEXT_MAX);
	w.rcpts = arena_take(&w.arena, n * sizeof *w.rcpts);
	for (size_t i = 0; i < n; i++)
		if (e->is_notice || wants(&e->rcpts[rcpts[i]], notice))
			put_rcpt(&w, &e->rcpts[rcpts[i]]);
	if (w.n > 0) {
		write_texts(&w);
		rc = add_notice(&w, change, f);
	}
	buf_clear(&w.recipients);
	buf_clear(&w.subject);
	buf_clear(&w.text);
	arena_clear(&w.arena);
	return rc;
}

int
notifier_tell(struct notifier *notifier, struct queue_change *change,
    enum notice notice, const struct entry *e, const size_t *rcpts, size_t n,
    struct fault *f)
{
	size_t step = e->mail.verp ? 1 : n;

	for (size_t i = 0; i < n; i += step)
		if (tell(notifier, change, notice, e, &rcpts[i], step, f) < 0)
			return -1;
	return 0;
}
