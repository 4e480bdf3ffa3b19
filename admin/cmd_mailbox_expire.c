/* SPDX-License-Identifier: ISC */
/* The daily round by hand, for a mailbox or for all. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>
#include <sysexits.h>
#include <time.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "store/expire.h"
#include "store/retired.h"

struct expiring {
	struct cmd_line *line;
	struct mail_client mail;
	struct expire_rules rules;
	struct expire expire;
	struct expire_sum sum;
	struct progress progress;
	uint64_t mailboxes, failed;
};

/* clang-format off */
static const struct table_column fields[] = {
	{ "mailboxes", "mailboxes", TABLE_NUMBER },
	{ "failed", "failed", TABLE_NUMBER },
	{ "moved out of folders", "messages", TABLE_NUMBER },
	{ "their size", "bytes", TABLE_SIZE },
	{ "ended for good", "ended", TABLE_NUMBER },
	{ "their size", "ended_bytes", TABLE_SIZE },
	{ 0 },
};
/* clang-format on */

/* One that fails does not keep the others. */
static int
expire_one(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct expiring *e = ctx;

	if (progress_is_interrupted())
		return progress_stop(
		    &e->progress, "the same command again does the rest", f);
	progress_enter(&e->progress, mailbox->text);
	e->mailboxes++;
	if (expire_mailbox(&e->expire, mailbox, &e->sum, f) < 0) {
		if (e->line->n_args > 0)
			return -1;
		fprintf(stderr, "posthouse: %s: %s\n", mailbox->text, f->text);
		e->failed++;
	}
	progress_step(&e->progress, 1);
	return 0;
}

static int
expire_all(struct expiring *e, struct fault *f)
{
	struct attic_sum sum;

	if (client_each_mailbox(e->mail.client, str(""), expire_one, e, f) < 0)
		return -1;
	if (retired_purge(e->mail.client->root, e->expire.now - e->expire.keep,
		e->line->dry_run, &sum, f) < 0)
		return -1;
	e->sum.ended.messages += sum.messages;
	e->sum.ended.bytes += sum.bytes;
	return 0;
}

static void
print(struct expiring *e)
{
	json_t *result = json_new_object();

	json_put_int(result, "mailboxes", (int64_t)e->mailboxes);
	if (e->failed > 0 || e->line->json)
		json_put_int(result, "failed", (int64_t)e->failed);
	json_put_int(result, "messages", (int64_t)e->sum.moved.messages);
	json_put_int(result, "bytes", (int64_t)e->sum.moved.bytes);
	json_put_int(result, "ended", (int64_t)e->sum.ended.messages);
	json_put_int(result, "ended_bytes", (int64_t)e->sum.ended.bytes);
	list_print_object(e->line, fields, result);
	json_free(&result);
	if (e->failed > 0)
		e->line->status = EX_TEMPFAIL;
}

static int
run(struct expiring *e, const struct mailbox_name *mailbox, struct fault *f)
{
	const struct lmtpd_options *o = e->mail.options;
	int rc;

	if (expire_rules_parse(&e->rules, o->expire.items, o->expire.n, f) < 0)
		return -1;
	e->expire = (struct expire){
	    .client = e->mail.client,
	    .rules = &e->rules,
	    .now = (int64_t)time(NULL),
	    .keep = (int64_t)(o->keep_removed / 1000),
	    .dry = e->line->dry_run,
	};
	progress_begin(&e->progress, e->line, "mailboxes", 0);
	rc = mailbox != NULL ? expire_one(e, mailbox, f) : expire_all(e, f);
	progress_end(&e->progress);
	return rc;
}

int
mailbox_expire(struct cmd_line *line, struct fault *f)
{
	struct expiring e = {.line = line};
	struct mailbox_name mailbox;
	bool one = line->n_args > 0;
	int rc = -1;

	if (one && mail_client_name(line->args[0], &mailbox, f) < 0)
		return -1;
	if (mail_client_prepare(&e.mail, line, f) == 0 &&
	    (line->dry_run ||
		mail_client_note(line, "mailbox.expire",
		    one ? mailbox.text : "", "by the rules", f) == 0) &&
	    mail_client_begin(&e.mail, MAIL_CLIENT_CHANGE, f) == 0)
		rc = run(&e, one ? &mailbox : NULL, f);
	if (rc == 0)
		print(&e);
	expire_rules_clear(&e.rules);
	mail_client_close(&e.mail);
	return rc;
}
