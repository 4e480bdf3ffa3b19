/* SPDX-License-Identifier: ISC */
/* posthouse mailbox export: a mailbox as a file or files. What is written
 * belongs to whoever calls this. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/chosen.h"
#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "store/export.h"
#include "store/hold.h"

static const struct table_column fields[] = {
    {"mailbox", "mailbox", TABLE_TEXT},
    {"messages", "messages", TABLE_NUMBER},
    {"size", "bytes", TABLE_SIZE},
    {"there already", "known", TABLE_NUMBER},
    {0},
};

static const struct {
	const char *name, *suffix;
	enum export_format format;
} formats[] = {
    {"mbox", ".mbox", EXPORT_MBOX},
    {"tar", ".tar", EXPORT_TAR},
    {"tar.gz", ".tar.gz", EXPORT_TAR_GZIP},
    {"tar.gz", ".tgz", EXPORT_TAR_GZIP},
    {"files", "/", EXPORT_FILES},
};

struct work {
	struct cmd_line *line;
	const char *output; /* NULL: standard output */
	int fd;
	enum export_format format;
	struct mail_client mail;
	struct mailbox_name mailbox;
	struct chosen chosen;
	struct export *export;
	struct progress progress;
};

/* By --format, or else by what the output is called. */
static int
choose_format(struct work *w, struct fault *f)
{
	const char *name = cmd_option(w->line, "format");
	struct stat st;

	w->format = EXPORT_MBOX;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (name != NULL && strcmp(name, formats[i].name) == 0) {
			w->format = formats[i].format;
			return 0;
		}
		if (name == NULL && w->output != NULL &&
		    str_ends(str(w->output), str(formats[i].suffix)))
			w->format = formats[i].format;
	}
	if (name != NULL)
		return fault_perm(f, "5.5.4",
		    "the format \"%.40s\" is not known, but mbox, tar, tar.gz "
		    "and files",
		    name);
	if (w->output != NULL && stat(w->output, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		w->format = EXPORT_FILES;
	return 0;
}

static int
open_directory(struct work *w, struct fault *f)
{
	if (w->output == NULL)
		return fault_perm(
		    f, "5.5.4", "files need a directory: --output DIRECTORY");
	if (mkdir(w->output, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", w->output);
	w->fd = open(w->output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w->fd < 0 ? fault_errno(f, "cannot open %s", w->output) : 0;
}

/* A file that is there is not overwritten: it may be all that is left. */
static int
open_output(struct work *w, struct fault *f)
{
	if (w->format == EXPORT_FILES)
		return open_directory(w, f);
	if (w->output == NULL) {
		if (w->line->json)
			return fault_perm(f, "5.5.4",
			    "--json needs --output: the export itself goes to "
			    "the standard output");
		if (w->format != EXPORT_MBOX && isatty(STDOUT_FILENO))
			return fault_perm(f, "5.5.4",
			    "an archive is nothing for a terminal: --output "
			    "FILE");
		w->fd = dup(STDOUT_FILENO);
		return w->fd < 0 ? fault_errno(f, "standard output") : 0;
	}
	w->fd = open(w->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return w->fd < 0 ? fault_errno(f, "cannot make %s", w->output) : 0;
}

/* Messages. */

static int
count_folder(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct work *w = ctx;
	struct client_list list;
	int rc;

	if (!chosen_has_folder(&w->chosen, &folder->folder))
		return 0;
	rc = client_list_read(&list, folder, f);
	for (size_t i = 0; i < list.n; i++)
		w->progress.total += chosen_has(
		    &w->chosen, &folder->folder, list.entries[i].name.base);
	client_list_clear(&list);
	return rc;
}

static int
export_one(void *ctx, struct client_folder *folder, struct fault *f)
{
	struct work *w = ctx;
	struct client_list list;
	int rc;

	if (!chosen_has_folder(&w->chosen, &folder->folder))
		return 0;
	rc = client_list_read(&list, folder, f);
	/* An empty folder is something only where all are wanted. */
	if (rc == 0 && !w->chosen.is_found)
		rc = export_folder(w->export, folder, f);
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		if (!chosen_has(
			&w->chosen, &folder->folder, list.entries[i].name.base))
			continue;
		rc = export_message(
		    w->export, folder, &list, &list.entries[i], f);
		progress_step(&w->progress, 1);
		if (rc == 0 && progress_is_interrupted())
			rc = progress_stop(&w->progress,
			    w->format == EXPORT_FILES
				? "give the same command again to go on"
				: "what was written is not whole",
			    f);
	}
	client_list_clear(&list);
	return rc;
}

static int
check_folder(struct work *w, struct fault *f)
{
	struct client_folder open;
	int rc;

	if (!w->chosen.is_folder)
		return 0;
	rc = client_folder_open(
	    w->mail.client, &w->mailbox, &w->chosen.folder, &open, f);
	if (rc > 0)
		client_folder_close(&open);
	if (rc == 0)
		return fault_perm(f, "5.1.1", "%s has no folder %s",
		    w->mailbox.text, w->chosen.folder.text);
	return rc < 0 ? -1 : 0;
}

/* What is held is laid out as a mailbox, which the index does not know. */
static int
choose_held(struct work *w, struct fault *f)
{
	const struct mailbox_name mailbox = w->mailbox;

	if (cmd_option(w->line, "held") == NULL)
		return 0;
	if (w->chosen.is_found)
		return fault_perm(f, "5.5.4",
		    "with --held only --folder says which messages");
	if (hold_as_mailbox(w->mail.client->root, &mailbox, &w->mailbox) == 1)
		return 0;
	return fault_perm(f, "5.1.1", "nothing of %s is held", mailbox.text);
}

static int
export_all(struct work *w, struct fault *f)
{
	struct client *client = w->mail.client;

	if (choose_held(w, f) < 0 || check_folder(w, f) < 0 ||
	    client_each_folder(client, &w->mailbox, count_folder, w, f) < 0)
		return -1;
	w->export = export_new(w->format, w->fd, f);
	if (w->export == NULL ||
	    client_each_folder(client, &w->mailbox, export_one, w, f) < 0)
		return -1;
	return export_end(w->export, f);
}

static void
tell(const struct work *w)
{
	const struct export_sum *sum = export_sum(w->export);
	json_t *result;

	/* The mail itself is there. */
	if (w->output == NULL)
		return;
	result = json_new_object();
	json_put_text(result, "mailbox", w->mailbox.text);
	json_put_int(result, "messages", (int64_t)sum->messages);
	json_put_int(result, "bytes", (int64_t)sum->bytes);
	if (w->format == EXPORT_FILES)
		json_put_int(result, "known", (int64_t)sum->known);
	list_print_object(w->line, fields, result);
	json_free(&result);
}

static int
begin(struct work *w, struct cmd_line *line, struct fault *f)
{
	*w = (struct work){
	    .line = line,
	    .output = cmd_option(line, "output"),
	    .fd = -1,
	};
	if (mail_client_name(line->args[0], &w->mailbox, f) < 0)
		return -1;
	if (choose_format(w, f) < 0)
		return -1;
	return chosen_read(&w->chosen, line, &w->mailbox, f);
}

/* The mail of others may go anywhere from here. */
static int
note(const struct work *w, struct fault *f)
{
	return mail_client_note_apart(
	    w->line, "mailbox.export", w->mailbox.text, "", f);
}

int
mailbox_export(struct cmd_line *line, struct fault *f)
{
	struct work w;
	int rc = -1;

	if (begin(&w, line, f) == 0 &&
	    mail_client_open(&w.mail, line, MAIL_CLIENT_READ, f) == 0 &&
	    open_output(&w, f) == 0 && note(&w, f) == 0) {
		progress_begin(&w.progress, line, "messages", 0);
		rc = export_all(&w, f);
		progress_end(&w.progress);
		if (rc == 0)
			tell(&w);
		else if (w.output != NULL && w.format != EXPORT_FILES)
			unlink(w.output);
	}
	export_free(&w.export);
	chosen_clear(&w.chosen);
	mail_client_close(&w.mail);
	if (w.fd >= 0)
		close(w.fd);
	return rc;
}
