/* SPDX-License-Identifier: ISC */
/*
 * posthouse mailbox dedupe, savings: messages that are there more than once, and
 * those that are there once for many.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/cmd_mailbox.h"
#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "store/attic.h"
#include "store/duplicates.h"
#include "store/savings.h"

/* clang-format off */
static const struct table_column group_columns[] = {
	{ "MESSAGE-ID", "message_id", TABLE_TEXT },
	{ "KEPT IN", "folder", TABLE_TEXT },
	{ "REMOVED FROM", "removed_from", TABLE_LIST },
	{ 0 },
};

static const struct table_column class_columns[] = {
	{ "NAMES", "names", TABLE_TEXT },
	{ "MESSAGES", "messages", TABLE_NUMBER },
	{ "SIZE", "bytes", TABLE_SIZE },
	{ "ON DISK", "real", TABLE_SIZE },
	{ 0 },
};

static const struct table_column savings_fields[] = {
	{ "messages", "messages", TABLE_NUMBER },
	{ "files", "files", TABLE_NUMBER },
	{ "size", "bytes", TABLE_SIZE },
	{ "on disk", "real", TABLE_SIZE },
	{ "saved", "saved", TABLE_SIZE },
	{ 0 },
};
/* clang-format on */

struct work {
	struct cmd_line *line;
	struct mailbox_name mailbox;
	bool has_folder;
	struct mailbox_folder folder;
	struct mail_client mail;
	struct progress progress;
	struct duplicates *duplicates;
	struct attic *attic; /* NULL: only shown */
	struct attic_batch batch;
	struct table table;
	uint64_t groups, removed;
};

/* dedupe */

static int
step(void *ctx, struct fault *f)
{
	struct work *w = ctx;

	progress_step(&w->progress, 1);
	if (progress_is_interrupted())
		return progress_stop(&w->progress, "nothing was changed", f);
	return 0;
}

static int
read_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct work *w = ctx;

	if (w->has_folder &&
	    !str_is(str(folder->folder.dir), str(w->folder.dir)))
		return 0;
	return duplicates_add(w->duplicates, folder, step, w, f);
}

/* The one that stays gets the flags of all. 1; 0: it has gone. */
static int
keep(const struct work *w, const struct duplicate *kept, const char *flags,
    struct fault *f)
{
	struct client_entry e = {.file = kept->file, .is_new = kept->is_new};
	struct client_list list = {0};
	struct client_folder folder;
	int fd, rc;

	if (!maildir_name_parse(str(e.file), &e.name))
		return 0;
	rc = client_folder_open(
	    w->mail.client, &w->mailbox, kept->folder, &folder, f);
	if (rc <= 0)
		return rc;
	rc = client_open(&folder, &list, &e, &fd, f);
	if (rc > 0) {
		close(fd);
		/* Nobody has looked at any of them. */
		if (!(e.is_new && flags[0] == '\0') &&
		    !str_is(e.name.flags, str(flags)))
			rc =
			    client_set_flags(&folder, &list, &e, str(flags), f);
	}
	client_list_clear(&list);
	client_folder_close(&folder);
	return rc;
}

static void
show(struct work *w, const struct duplicate_group *group)
{
	json_t *row = json_new_object(), *from = json_new_array();

	json_put_str(row, "message_id", group->message_id);
	json_put_text(
	    row, "folder", mailbox_folder_shown(group->messages[0]->folder));
	for (size_t i = 1; i < group->n; i++)
		json_add_text(
		    from, mailbox_folder_shown(group->messages[i]->folder));
	json_put(row, "removed_from", from);
	if (w->line->json) {
		fputs(w->groups > 0 ? ",\n  " : "\n  ", w->line->out);
		list_print_line(w->line, row);
	} else if (w->line->dry_run) {
		table_add(&w->table, row);
	}
	json_free(&row);
}

static int
settle(void *ctx, const struct duplicate_group *group, struct fault *f)
{
	struct work *w = ctx;
	int rc;

	if (progress_is_interrupted())
		return progress_stop(
		    &w->progress, "give the same command again to go on", f);
	if (w->attic != NULL) {
		rc = keep(w, group->messages[0], group->flags, f);
		if (rc <= 0)
			return rc;
	}
	show(w, group);
	w->groups++;
	for (size_t i = 1; i < group->n; i++) {
		const struct duplicate *d = group->messages[i];

		rc = w->attic == NULL ? 1
				      : attic_put(w->attic, &w->batch,
					    d->folder, str(d->file), f);
		if (rc < 0)
			return -1;
		w->removed += (uint64_t)rc;
	}
	return 0;
}

static int
find_and_settle(struct work *w, struct fault *f)
{
	struct client *client = w->mail.client;

	if (client_each_folder(client, &w->mailbox, read_folder, w, f) < 0)
		return -1;
	if (!w->line->dry_run) {
		w->attic = attic_open(
		    client->root, &w->mailbox, ATTIC_REMOVED, client->host, f);
		if (w->attic == NULL)
			return -1;
	}
	return duplicates_each(
	    w->duplicates, client, &w->mailbox, settle, w, f);
}

static void
end_dedupe(struct work *w)
{
	FILE *out = w->line->out;

	if (w->line->json) {
		fprintf(out, "%s], \"messages\": %llu}\n",
		    w->groups > 0 ? "\n" : "", (unsigned long long)w->removed);
		return;
	}
	table_flush(&w->table);
	fprintf(out, "%llu %s, of %llu that are there more than once.\n",
	    (unsigned long long)w->removed,
	    w->line->dry_run ? "would be removed" : "removed",
	    (unsigned long long)w->groups);
}

static int
run(struct work *w, struct fault *f)
{
	struct fault other;
	int rc;

	w->duplicates = duplicates_new(cmd_option(w->line, "across") != NULL);
	w->batch =
	    (struct attic_batch){.time = (int64_t)time(NULL), .word = "dedupe"};
	table_init(&w->table, w->line->out, group_columns);
	if (w->line->json)
		fputs("{\"duplicates\": [", w->line->out);
	progress_begin(&w->progress, w->line, "messages", 0);
	rc = find_and_settle(w, f);
	if (attic_close(&w->attic, rc < 0 ? &other : f) < 0)
		rc = -1;
	progress_end(&w->progress);
	end_dedupe(w);
	table_clear(&w->table);
	duplicates_free(&w->duplicates);
	return rc;
}

int
mailbox_dedupe(struct cmd_line *line, struct fault *f)
{
	struct work w = {.line = line};
	int rc = mail_client_folder(line, &w.folder, f);

	w.has_folder = rc > 0;
	if (rc >= 0)
		rc = mail_client_name(line->args[0], &w.mailbox, f);
	if (rc == 0)
		rc = mail_client_prepare(&w.mail, line, f);
	if (rc == 0 && !line->dry_run)
		rc = mail_client_note_options(
		    line, "mailbox.dedupe", w.mailbox.text, "", f);
	if (rc == 0)
		rc = mail_client_begin(&w.mail, MAIL_CLIENT_CHANGE, f);
	if (rc == 0)
		rc = run(&w, f);
	mail_client_close(&w.mail);
	return rc;
}

/* savings */

struct tally {
	struct client *client;
	struct savings *savings;
	struct progress progress;
};

static int
add_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct tally *t = ctx;

	return savings_add(t->savings, folder, f);
}

static int
add_mailbox(void *ctx, const struct mailbox_name *mailbox, struct fault *f)
{
	struct tally *t = ctx;

	progress_enter(&t->progress, mailbox->text);
	if (client_each_folder(t->client, mailbox, add_folder, t, f) < 0)
		return -1;
	progress_step(&t->progress, 1);
	if (progress_is_interrupted())
		return progress_stop(
		    &t->progress, "the sums would not be whole", f);
	return 0;
}

static void
put_sum(json_t *object, const struct savings_sum *sum)
{
	json_put_int(object, "messages", (int64_t)sum->messages);
	json_put_int(object, "files", (int64_t)sum->files);
	json_put_int(object, "bytes", (int64_t)sum->bytes);
	json_put_int(object, "real", (int64_t)sum->real);
}

static void
tell(struct cmd_line *line, const struct savings *savings)
{
	const struct savings_sum *total = savings_total(savings);
	json_t *result = json_new_object(), *classes = json_new_array();
	struct table table;

	table_init(&table, line->out, class_columns);
	for (unsigned i = 0; i < SAVINGS_CLASSES; i++) {
		json_t *row = json_new_object();

		json_put_text(row, "names", savings_class_name(i));
		put_sum(row, savings_class(savings, i));
		table_add(&table, row);
		json_add(classes, row);
	}
	put_sum(result, total);
	json_put_int(result, "saved", (int64_t)(total->bytes - total->real));
	json_put(result, "by_names", classes);
	list_print_object(line, savings_fields, result);
	if (!line->json) {
		putc('\n', line->out);
		table_flush(&table);
	}
	table_clear(&table);
	json_free(&result);
}

static int
add_all(struct tally *t, const char *which, struct fault *f)
{
	struct mailbox_name mailbox;
	struct str domain = str("");

	if (which != NULL && which[0] != '@') {
		if (mail_client_name(which, &mailbox, f) < 0)
			return -1;
		return add_mailbox(t, &mailbox, f);
	}
	if (which != NULL)
		domain = str(which + 1);
	return client_each_mailbox(t->client, domain, add_mailbox, t, f);
}

int
mailbox_savings(struct cmd_line *line, struct fault *f)
{
	const char *which = line->n_args > 0 ? line->args[0] : NULL;
	struct tally t = {.savings = savings_new()};
	struct mail_client mail;
	int rc = mail_client_open(&mail, line, MAIL_CLIENT_READ, f);

	if (rc == 0) {
		t.client = mail.client;
		progress_begin(&t.progress, line, "mailboxes", 0);
		rc = add_all(&t, which, f);
		progress_end(&t.progress);
		if (rc == 0)
			tell(line, t.savings);
	}
	savings_free(&t.savings);
	mail_client_close(&mail);
	return rc;
}
