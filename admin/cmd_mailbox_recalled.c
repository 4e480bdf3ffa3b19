/* SPDX-License-Identifier: ISC */
/* What was recalled: to be looked at, brought back, or ended. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>
#include <string.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "base/mem.h"
#include "store/attic.h"
#include "store/hold.h"

/* clang-format off */
static const struct table_column columns[] = {
	{ "RECALL", "recall", TABLE_TEXT },
	{ "WHEN", "time", TABLE_DATE },
	{ "MAILBOXES", "mailboxes", TABLE_NUMBER },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ 0 },
};

static const struct table_column one_columns[] = {
	{ "MAILBOX", "mailbox", TABLE_TEXT },
	{ "FOLDER", "folder", TABLE_TEXT },
	{ "FILE", "file", TABLE_TEXT },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ 0 },
};
/* clang-format on */

/* A recall, as it is found in one mailbox after another. */
struct found_recall {
	struct attic_batch batch;
	struct attic_sum sum;
	uint64_t mailboxes;
	char last[MAILBOX_NAME_SIZE]; /* the mailbox that was counted last */
};

struct looking {
	struct cmd_line *line;
	struct mail_client mail;
	const char *id; /* of the one that is meant; NULL: all */
	const struct mailbox_name *mailbox;
	struct attic *attic;
	/* Listing. */
	struct found_recall *all;
	size_t n, room;
	json_t *items;
	/* Changing: NULL where it is only looked at. */
	int (*change)(struct attic *attic, const struct attic_entry *entry,
	    struct fault *f);
	struct progress progress;
	struct attic_sum sum;
	uint64_t held; /* mailboxes that are, and were left alone */
};

static struct found_recall *
recall_of(struct looking *l, const struct attic_batch *batch)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->all[i].batch.word, batch->word) == 0)
			return &l->all[i];
	if (l->n == l->room) {
		l->room = l->room * 2 + 16;
		l->all = mem_resize(l->all, l->room, sizeof *l->all);
	}
	l->all[l->n] = (struct found_recall){.batch = *batch};
	return &l->all[l->n++];
}

static void
add_item(struct looking *l, const struct attic_entry *entry)
{
	json_t *item = json_new_object();

	json_put_text(item, "mailbox", l->mailbox->text);
	json_put_text(item, "folder", mailbox_folder_shown(&entry->folder));
	json_put_str(item, "file", entry->file);
	json_put_int(item, "bytes", (int64_t)entry->size);
	json_add(l->items, item);
}

static int
change(struct looking *l, const struct attic_entry *entry, struct fault *f)
{
	int rc = l->line->dry_run ? 1 : l->change(l->attic, entry, f);

	l->sum.messages += rc == 1;
	l->sum.bytes += rc == 1 ? entry->size : 0;
	progress_step(&l->progress, 1);
	if (rc >= 0 && progress_is_interrupted())
		return progress_stop(
		    &l->progress, "the same command again does the rest", f);
	return rc < 0 ? -1 : 0;
}

static int
take_entry(void *ctx, const struct attic_entry *entry, struct fault *f)
{
	struct looking *l = ctx;
	struct found_recall *found;

	if (l->id != NULL && strcmp(l->id, entry->batch.word) != 0)
		return 0;
	found = recall_of(l, &entry->batch);
	found->sum.messages++;
	found->sum.bytes += entry->size;
	if (strcmp(found->last, l->mailbox->text) != 0)
		found->mailboxes++;
	snprintf(found->last, sizeof found->last, "%s", l->mailbox->text);
	if (l->change != NULL)
		return change(l, entry, f);
	if (l->id != NULL)
		add_item(l, entry);
	return 0;
}

static int
look_into(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct looking *l = ctx;
	struct client *client = l->mail.client;
	struct fault late;
	int rc;

	if (l->change == attic_end && hold_is_on(client->root, mailbox)) {
		l->held++;
		return 0;
	}
	l->attic =
	    attic_open(client->root, mailbox, ATTIC_RECALLED, client->host, f);
	if (l->attic == NULL)
		return -1;
	l->mailbox = mailbox;
	rc = attic_each(l->attic, take_entry, l, f);
	if (attic_close(&l->attic, rc < 0 ? &late : f) < 0)
		rc = -1;
	return rc;
}

static int
look(struct looking *l, struct fault *f)
{
	return client_each_mailbox(l->mail.client, str(""), look_into, l, f);
}

static void
looking_clear(struct looking *l)
{
	mem_free(l->all);
	json_free(&l->items);
	mail_client_close(&l->mail);
}

static void
put_recalls(struct looking *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct found_recall *r = &l->all[i];
		json_t *item = json_new_object();

		json_put_text(item, "recall", r->batch.word);
		json_put_int(item, "time", r->batch.time);
		json_put_int(item, "mailboxes", (int64_t)r->mailboxes);
		json_put_int(item, "messages", (int64_t)r->sum.messages);
		json_put_int(item, "bytes", (int64_t)r->sum.bytes);
		json_add(l->items, item);
	}
}

static int
no_recall(const char *id, struct fault *f)
{
	return fault_perm(f, "5.1.1", "there is no recall %.60s", id);
}

int
mailbox_recall_list(struct cmd_line *line, struct fault *f)
{
	struct looking l = {.line = line, .items = json_new_array()};
	int rc;

	l.id = line->n_args > 0 ? line->args[0] : NULL;
	rc = mail_client_open(&l.mail, line, MAIL_CLIENT_READ, f);
	if (rc == 0)
		rc = look(&l, f);
	if (rc == 0 && l.id != NULL && l.n == 0)
		rc = no_recall(l.id, f);
	if (rc == 0 && l.id == NULL)
		put_recalls(&l);
	if (rc == 0)
		list_print_items(line, l.id == NULL ? "recalls" : "messages",
		    l.id == NULL ? columns : one_columns, l.items);
	looking_clear(&l);
	return rc;
}

static void
print_change(const struct looking *l, const char *done)
{
	uint64_t mailboxes = l->n > 0 ? l->all[0].mailboxes : 0;
	json_t *result;

	if (l->line->json) {
		result = json_new_object();
		json_put_text(result, "recall", l->id);
		json_put_int(result, "messages", (int64_t)l->sum.messages);
		json_put_int(result, "bytes", (int64_t)l->sum.bytes);
		json_put_int(result, "mailboxes", (int64_t)mailboxes);
		json_put_bool(result, "dry_run", l->line->dry_run);
		list_print_json(l->line, result);
		json_free(&result);
		return;
	}
	fprintf(l->line->out,
	    "%" PRIu64 " message%s of %" PRIu64 " mailbox%s %s%s\n",
	    l->sum.messages, l->sum.messages == 1 ? "" : "s", mailboxes,
	    mailboxes == 1 ? "" : "es", l->line->dry_run ? "would be " : "",
	    done);
}

/* `done` is the verb in the past. */
static int
change_recall(
    struct looking *l, const char *what, const char *done, struct fault *f)
{
	int rc = mail_client_prepare(&l->mail, l->line, f);

	l->id = l->line->args[0];
	if (rc == 0 && !l->line->dry_run)
		rc = mail_client_note(l->line, what, "", l->id, f);
	if (rc == 0)
		rc = mail_client_begin(&l->mail, MAIL_CLIENT_CHANGE, f);
	if (rc == 0) {
		progress_begin(&l->progress, l->line, "messages", 0);
		rc = look(l, f);
		progress_end(&l->progress);
	}
	if (rc == 0 && l->n == 0 && l->held == 0)
		rc = no_recall(l->id, f);
	if (rc == 0)
		print_change(l, done);
	looking_clear(l);
	return rc;
}

int
mailbox_recall_undo(struct cmd_line *line, struct fault *f)
{
	struct looking l = {.line = line, .change = attic_bring_back};

	return change_recall(&l, "mailbox.recall-undo", "brought back", f);
}

int
mailbox_recall_purge(struct cmd_line *line, struct fault *f)
{
	struct looking l = {.line = line, .change = attic_end};

	if (!line->dry_run &&
	    !mail_client_confirm(line, "End these messages for good?"))
		return fault_perm(f, "5.5.1", "nothing was ended");
	return change_recall(&l, "mailbox.recall-purge", "ended for good", f);
}
