/* SPDX-License-Identifier: ISC */
/*
 * posthouse mailbox move, copy: messages from folder to folder and from mailbox
 * to mailbox. A message is always whole in one of both places, so whatever
 * interrupts this, the same command goes on.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/chosen.h"
#include "admin/cmd_mailbox.h"
#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "store/hold.h"

enum { BATCH = 500 }; /* messages for one sync */

static const struct table_column fields[] = {
    {"from", "from", TABLE_TEXT},
    {"to", "to", TABLE_TEXT},
    {"messages", "messages", TABLE_NUMBER},
    {"there already", "known", TABLE_NUMBER},
    {0},
};

struct work {
	struct cmd_line *line;
	enum client_how how;
	struct mailbox_name from, to;
	bool has_into;
	struct mailbox_folder into;
	struct chosen chosen;
	struct mail_client mail;
	struct progress progress;
	uint64_t done, known;
};

/* One folder. */

static int
sync_both(struct client_folder *from, struct client_folder *to,
    enum client_how how, struct fault *f)
{
	if (client_sync(to, f) < 0)
		return -1;
	return how == CLIENT_MOVE ? client_sync(from, f) : 0;
}

static int
transfer_one(struct work *w, struct client_folder *from,
    struct client_list *list, struct client_entry *entry,
    struct client_target *to, struct fault *f)
{
	enum client_moved moved;

	if (client_transfer(from, list, entry, to, w->how, &moved, f) < 0)
		return -1;
	w->done += moved == CLIENT_DONE;
	w->known += moved == CLIENT_THERE;
	progress_step(&w->progress, 1);
	return 0;
}

static int
transfer_list(struct work *w, struct client_folder *from,
    struct client_list *list, struct client_target *to, struct fault *f)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct client_entry *e = &list->entries[i];

		if (!chosen_has(&w->chosen, &from->folder, e->name.base))
			continue;
		if (progress_is_interrupted())
			break;
		if (transfer_one(w, from, list, e, to, f) < 0)
			return -1;
		if (++n % BATCH == 0 &&
		    sync_both(from, to->folder, w->how, f) < 0)
			return -1;
	}
	if (sync_both(from, to->folder, w->how, f) < 0)
		return -1;
	if (progress_is_interrupted())
		return progress_stop(
		    &w->progress, "give the same command again to go on", f);
	return 0;
}

static bool
has_any(const struct work *w, const struct client_folder *from,
    const struct client_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (chosen_has(
			&w->chosen, &from->folder, list->entries[i].name.base))
			return true;
	return false;
}

static bool
is_itself(const struct work *w, const struct mailbox_folder *folder,
    const struct mailbox_folder *target)
{
	return str_is(str(w->from.path), str(w->to.path)) &&
	       str_is(str(folder->dir), str(target->dir));
}

static int
transfer_to(struct work *w, struct client_folder *from,
    struct client_list *list, const struct mailbox_folder *target,
    struct fault *f)
{
	struct client_folder open;
	struct client_target to = {.folder = NULL};
	int rc;

	if (client_folder_make(w->mail.client, &w->to, target, &open, f) < 0)
		return -1;
	rc = client_target_read(&to, &open, f);
	if (rc == 0)
		rc = transfer_list(w, from, list, &to, f);
	client_target_clear(&to);
	client_folder_close(&open);
	return rc;
}

static int
transfer_folder(void *ctx, struct client_folder *from, struct fault *f)
{
	struct work *w = ctx;
	const struct mailbox_folder *target =
	    w->has_into ? &w->into : &from->folder;
	struct client_list list;
	int rc;

	if (!chosen_has_folder(&w->chosen, &from->folder) ||
	    is_itself(w, &from->folder, target))
		return 0;
	rc = client_list_read(&list, from, f);
	/* Where all goes, empty folders go too. */
	if (rc == 0 && (has_any(w, from, &list) ||
			   (chosen_is_all(&w->chosen) && !w->has_into)))
		rc = transfer_to(w, from, &list, target, f);
	client_list_clear(&list);
	return rc;
}

static int
count_folder(void *ctx, struct client_folder *from, struct fault *f)
{
	struct work *w = ctx;
	struct client_list list;
	int rc;

	if (!chosen_has_folder(&w->chosen, &from->folder) ||
	    is_itself(w, &from->folder, w->has_into ? &w->into : &from->folder))
		return 0;
	rc = client_list_read(&list, from, f);
	for (size_t i = 0; i < list.n; i++)
		w->progress.total += chosen_has(
		    &w->chosen, &from->folder, list.entries[i].name.base);
	client_list_clear(&list);
	return rc;
}

/* All. */

/* What is moved out of a mailbox under legal hold is held before. */
static int
keep_held(struct work *w, struct fault *f)
{
	int root = w->mail.client->root;
	uint64_t n;

	if (w->how != CLIENT_MOVE || !hold_is_on(root, &w->from))
		return 0;
	return hold_catch(root, &w->from, &n, f);
}

/* A whole mailbox that goes where there is none is one rename: 1. */
static int
rename_whole(struct work *w, struct fault *f)
{
	if (w->how != CLIENT_MOVE || w->has_into || !chosen_is_all(&w->chosen))
		return 0;
	return client_rename_mailbox(w->mail.client, &w->from, &w->to, f);
}

static int
run(struct work *w, struct fault *f)
{
	struct client *client = w->mail.client;
	int rc;

	if (client_each_folder(client, &w->from, count_folder, w, f) < 0)
		return -1;
	if (w->line->dry_run) {
		w->done = w->progress.total;
		return 0;
	}
	rc = rename_whole(w, f);
	if (rc != 0) {
		w->done = w->progress.total;
		return rc < 0 ? -1 : 0;
	}
	if (keep_held(w, f) < 0)
		return -1;
	return client_each_folder(client, &w->from, transfer_folder, w, f);
}

static void
tell(const struct work *w)
{
	json_t *result = json_new_object();

	json_put_text(result, "from", w->from.text);
	json_put_text(result, "to", w->to.text);
	json_put_int(result, "messages", (int64_t)w->done);
	json_put_int(result, "known", (int64_t)w->known);
	list_print_object(w->line, fields, result);
	json_free(&result);
	if (w->done + w->known == 0 && !chosen_is_all(&w->chosen))
		w->line->status = EX_NOUSER;
}

static int
note(const struct work *w, struct fault *f)
{
	char to[MAILBOX_NAME_SIZE + 8];

	if (w->line->dry_run)
		return 0;
	snprintf(to, sizeof to, "to %s", w->to.text);
	return mail_client_note_options(w->line,
	    w->how == CLIENT_MOVE ? "mailbox.move" : "mailbox.copy",
	    w->from.text, to, f);
}

static int
begin(struct work *w, struct cmd_line *line, struct fault *f)
{
	const char *into = cmd_option(line, "into");

	*w = (struct work){.line = line, .has_into = into != NULL};
	w->how =
	    strcmp(line->cmd->verb, "move") == 0 ? CLIENT_MOVE : CLIENT_COPY;
	if (mail_client_name(line->args[0], &w->from, f) < 0 ||
	    mail_client_name(line->args[1], &w->to, f) < 0)
		return -1;
	if (into != NULL && mailbox_folder_parse(str(into), &w->into, f) < 0)
		return -1;
	if (into == NULL && str_is(str(w->from.path), str(w->to.path)))
		return fault_perm(f, "5.5.4",
		    "that is where they are; --into FOLDER says where to");
	return chosen_read(&w->chosen, line, &w->from, f);
}

int
mailbox_move(struct cmd_line *line, struct fault *f)
{
	struct work w;
	int rc = -1;

	if (begin(&w, line, f) == 0 &&
	    mail_client_prepare(&w.mail, line, f) == 0 && note(&w, f) == 0 &&
	    mail_client_begin(&w.mail, MAIL_CLIENT_CHANGE, f) == 0) {
		progress_begin(&w.progress, line, "messages", 0);
		rc = run(&w, f);
		progress_end(&w.progress);
		if (rc == 0)
			tell(&w);
	}
	chosen_clear(&w.chosen);
	mail_client_close(&w.mail);
	return rc;
}
