/* SPDX-License-Identifier: ISC */
/* What was removed from mailboxes: to be looked at, and brought back. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "base/mem.h"
#include "store/attic.h"
#include "store/retired.h"

/* clang-format off */
static const struct table_column columns[] = {
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "WHEN", "time", TABLE_DATE },
	{ "BY", "by", TABLE_TEXT },
	{ "FOLDER", "folder", TABLE_TEXT },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ 0 },
};
/* clang-format on */

/* Of one mailbox: what one run took out of one folder. */
struct lot {
	struct attic_batch batch;
	char folder[MAILBOX_FOLDER_SIZE];
	struct attic_sum sum;
};

struct listing {
	struct mail_client mail;
	json_t *items;
	struct lot *lots;
	size_t n, room;
};

static int
gather(void *ctx, const struct attic_entry *entry, struct fault *f)
{
	struct listing *l = ctx;
	struct lot *lot = l->n > 0 ? &l->lots[l->n - 1] : NULL;

	(void)f;
	/* They come folder by folder. */
	if (lot == NULL || lot->batch.time != entry->batch.time ||
	    !str_is(str(lot->batch.word), str(entry->batch.word)) ||
	    !str_is(str(lot->folder), str(entry->folder.text))) {
		if (l->n == l->room) {
			l->room = l->room * 2 + 16;
			l->lots = mem_resize(l->lots, l->room, sizeof *l->lots);
		}
		lot = &l->lots[l->n++];
		*lot = (struct lot){.batch = entry->batch};
		(void)!str_copy(
		    str(entry->folder.text), lot->folder, sizeof lot->folder);
	}
	lot->sum.messages++;
	lot->sum.bytes += entry->size;
	return 0;
}

static int
compare_lots(const void *a, const void *b)
{
	const struct lot *x = a, *y = b;

	if (x->batch.time != y->batch.time)
		return x->batch.time < y->batch.time ? -1 : 1;
	return str_compare(str(x->folder), str(y->folder));
}

static void
add_lots(struct listing *l, const struct mailbox_name *mailbox)
{
	if (l->n > 0)
		qsort(l->lots, l->n, sizeof *l->lots, compare_lots);
	for (size_t i = 0; i < l->n; i++) {
		const struct lot *lot = &l->lots[i];
		json_t *item = json_new_object();

		json_put_text(item, "mailbox", mailbox->text);
		json_put_int(item, "time", lot->batch.time);
		json_put_text(item, "by", lot->batch.word);
		json_put_text(item, "folder",
		    lot->folder[0] != '\0' ? lot->folder : "INBOX");
		json_put_int(item, "messages", (int64_t)lot->sum.messages);
		json_put_int(item, "bytes", (int64_t)lot->sum.bytes);
		json_add(l->items, item);
	}
	l->n = 0;
}

static int
list_one(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct listing *l = ctx;
	struct client *client = l->mail.client;
	struct attic *attic =
	    attic_open(client->root, mailbox, ATTIC_REMOVED, client->host, f);
	int rc;

	if (attic == NULL)
		return -1;
	rc = attic_each(attic, gather, l, f);
	if (attic_close(&attic, f) < 0)
		rc = -1;
	add_lots(l, mailbox);
	return rc;
}

struct retired_listing {
	struct listing *list;
	const struct mailbox_name *only; /* NULL: all */
};

static int
list_retired(void *ctx, int64_t when, const struct mailbox_name *mailbox,
    struct fault *f)
{
	struct retired_listing *r = ctx;
	json_t *item;

	(void)f;
	if (r->only != NULL && !str_is(str(r->only->text), str(mailbox->text)))
		return 0;
	item = json_new_object();
	json_put_text(item, "mailbox", mailbox->text);
	json_put_int(item, "time", when);
	json_put_text(item, "by", "delete");
	json_put_bool(item, "whole", true);
	json_add(r->list->items, item);
	return 0;
}

/* A mailbox that is gone as a whole has nothing of its own any more. */
static int
list_all(struct listing *l, const struct mailbox_name *only, struct fault *f)
{
	struct retired_listing r = {l, only};
	struct client *client = l->mail.client;
	int rc;

	if (retired_each(client->root, list_retired, &r, f) < 0)
		return -1;
	if (only == NULL)
		return client_each_mailbox(client, str(""), list_one, l, f);
	rc = list_one(l, only, f);
	if (rc < 0 && str_is(str(f->dsn), STR_LIT("5.1.1")) &&
	    json_len(l->items) > 0)
		rc = 0;
	return rc;
}

int
mailbox_removed(struct cmd_line *line, struct fault *f)
{
	struct listing l = {.items = json_new_array()};
	bool one = line->n_args > 0;
	struct mailbox_name mailbox;
	int rc = -1;

	if ((!one || mail_client_name(line->args[0], &mailbox, f) == 0) &&
	    mail_client_open(&l.mail, line, MAIL_CLIENT_READ, f) == 0)
		rc = list_all(&l, one ? &mailbox : NULL, f);
	if (rc == 0)
		list_print_items(line, "removed", columns, l.items);
	mem_free(l.lots);
	json_free(&l.items);
	mail_client_close(&l.mail);
	return rc;
}

/* Bringing back. */

struct undeleting {
	struct cmd_line *line;
	struct mail_client mail;
	struct mailbox_name mailbox;
	bool has_folder;
	struct mailbox_folder folder;
	int64_t since, until;
	struct attic *attic;
	struct progress progress;
	struct attic_sum sum;
	int64_t whole; /* when the mailbox was taken away; -1: it was not */
};

static int
bring_back(void *ctx, const struct attic_entry *entry, struct fault *f)
{
	struct undeleting *u = ctx;
	int rc = 1;

	if (progress_is_interrupted())
		return progress_stop(&u->progress,
		    "the same command again brings back the rest", f);
	if (entry->batch.time < u->since || entry->batch.time > u->until ||
	    (u->has_folder &&
		!str_is(str(u->folder.dir), str(entry->folder.dir))))
		return 0;
	if (!u->line->dry_run)
		rc = attic_bring_back(u->attic, entry, f);
	if (rc < 0)
		return -1;
	u->sum.messages += rc == 1;
	u->sum.bytes += rc == 1 ? entry->size : 0;
	progress_step(&u->progress, 1);
	return 0;
}

static int
bring_messages_back(struct undeleting *u, struct fault *f)
{
	struct client *client = u->mail.client;
	int rc;

	u->attic = attic_open(
	    client->root, &u->mailbox, ATTIC_REMOVED, client->host, f);
	if (u->attic == NULL)
		return -1;
	progress_begin(&u->progress, u->line, "messages", 0);
	rc = attic_each(u->attic, bring_back, u, f);
	progress_end(&u->progress);
	return attic_close(&u->attic, f) < 0 ? -1 : rc;
}

/* The last one that was taken away. */
static int
find_whole(void *ctx, int64_t when, const struct mailbox_name *mailbox,
    struct fault *f)
{
	struct undeleting *u = ctx;

	(void)f;
	if (str_is(str(mailbox->text), str(u->mailbox.text)) &&
	    when >= u->since && when <= u->until && when > u->whole)
		u->whole = when;
	return 0;
}

static int
bring_all_back(struct undeleting *u, struct fault *f)
{
	const struct mailbox_folder top = {.dir = ""};
	int root = u->mail.client->root, box, rc;

	u->whole = -1;
	rc = maildir_open(root, &u->mailbox, &top, &box, f);
	if (rc < 0)
		return -1;
	if (rc == 1) {
		close(box);
		return bring_messages_back(u, f);
	}
	if (retired_each(root, find_whole, u, f) < 0)
		return -1;
	if (u->whole < 0)
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", u->mailbox.text);
	if (u->has_folder)
		return fault_perm(f, "5.5.4",
		    "the whole mailbox was deleted: bring it back without "
		    "--folder");
	return u->line->dry_run
		   ? 0
		   : retired_bring_back(root, u->whole, &u->mailbox, f);
}

static void
print(struct undeleting *u)
{
	FILE *out = u->line->out;
	json_t *result;

	if (u->line->json) {
		result = json_new_object();
		json_put_bool(result, "whole", u->whole >= 0);
		json_put_int(result, "messages", (int64_t)u->sum.messages);
		json_put_int(result, "bytes", (int64_t)u->sum.bytes);
		json_put_bool(result, "dry_run", u->line->dry_run);
		list_print_json(u->line, result);
		json_free(&result);
	} else if (u->whole >= 0) {
		fprintf(out, "the mailbox %s %s back\n", u->mailbox.text,
		    u->line->dry_run ? "would be brought" : "is");
	} else {
		fprintf(out, "%" PRIu64 " message%s %sbrought back\n",
		    u->sum.messages, u->sum.messages == 1 ? "" : "s",
		    u->line->dry_run ? "would be " : "");
	}
	if (u->whole < 0 && u->sum.messages == 0)
		u->line->status = EX_NOUSER;
}

static int
read_line(struct undeleting *u, struct fault *f)
{
	int rc;

	if (mail_client_name(u->line->args[0], &u->mailbox, f) < 0)
		return -1;
	rc = mail_client_folder(u->line, &u->folder, f);
	u->has_folder = rc == 1;
	if (rc < 0 || mail_client_time(u->line, "since", 0, &u->since, f) < 0 ||
	    mail_client_time(u->line, "until", INT64_MAX, &u->until, f) < 0)
		return -1;
	return 0;
}

int
mailbox_undelete(struct cmd_line *line, struct fault *f)
{
	struct undeleting u = {.line = line};
	int rc = -1;

	if (read_line(&u, f) < 0)
		return -1;
	if (mail_client_prepare(&u.mail, line, f) == 0 &&
	    (line->dry_run || mail_client_note_options(line, "mailbox.undelete",
				  u.mailbox.text, "", f) == 0) &&
	    mail_client_begin(&u.mail, MAIL_CLIENT_CHANGE, f) == 0)
		rc = bring_all_back(&u, f);
	if (rc == 0)
		print(&u);
	mail_client_close(&u.mail);
	return rc;
}
