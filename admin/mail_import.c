/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "admin/mail_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/list.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { BEGIN_SIZE = 64 };

static const char again[] = "give the same command again to go on";

static const struct table_column columns[] = {
    {"MAILBOX", "mailbox", TABLE_TEXT},
    {"IMPORTED", "messages", TABLE_NUMBER},
    {"SIZE", "bytes", TABLE_SIZE},
    {"THERE ALREADY", "known", TABLE_NUMBER},
    {"TOO LARGE", "refused", TABLE_NUMBER},
    {0},
};

/* The input. */

static int
copy_stdin(int to, struct fault *f)
{
	char bytes[1 << 16];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0)
		if (file_write(to, str_n(bytes, (size_t)n)) < 0)
			return fault_errno(f, "cannot keep the standard input");
	return n < 0 ? fault_errno(f, "cannot read the standard input") : 0;
}

/* It has to be read from more than one place. */
static int
keep_stdin(struct fault *f)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir != NULL ? dir : "/var/tmp",
	    O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd < 0)
		return fault_errno(f, "cannot keep the standard input");
	if (copy_stdin(fd, f) == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
look_at(struct mail_input *in, struct fault *f)
{
	char begin[BEGIN_SIZE];
	struct stat st;
	ssize_t n;

	if (fstat(in->fd, &st) < 0)
		return fault_errno(f, "cannot look at %s", in->name);
	in->is_dir = S_ISDIR(st.st_mode);
	if (in->is_dir)
		return 0;
	if (!S_ISREG(st.st_mode))
		return fault_perm(
		    f, "5.6.0", "%s is no file and no directory", in->name);
	n = pread(in->fd, begin, sizeof begin, 0);
	if (n < 0)
		return fault_errno(f, "cannot read %s", in->name);
	if (n == 0)
		return fault_perm(f, "5.6.0", "%s is empty", in->name);
	in->is_mbox = mbox_is_start(str_n(begin, (size_t)n));
	return 0;
}

int
mail_input_open(struct mail_input *in, const char *name, struct fault *f)
{
	*in = (struct mail_input){.name = name, .fd = -1};
	if (strcmp(name, "-") == 0) {
		in->path = mem_dup("-");
		in->fd = keep_stdin(f);
	} else {
		in->path = realpath(name, NULL);
		in->fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (in->path == NULL || in->fd < 0)
			return fault_perm(f, "5.6.0", "cannot open %s: %s",
			    name, strerror(errno));
	}
	return in->fd < 0 ? -1 : look_at(in, f);
}

void
mail_input_close(struct mail_input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	/* realpath()'s, like ours. */
	mem_free(in->path);
}

/* One mailbox. */

static int
step(void *ctx, struct fault *f)
{
	struct mail_import *w = ctx;

	(void)f;
	progress_step(&w->progress, 1);
	return progress_is_interrupted() ? 1 : 0;
}

static int
count(void *ctx, struct fault *f)
{
	struct mail_import *w = ctx;

	(void)f;
	w->progress.total++;
	return progress_is_interrupted() ? 1 : 0;
}

static int
bring(struct mail_import *w, struct import *import, const struct mail_input *in,
    struct fault *f)
{
	struct import_source source = {
	    .prefix = str(w->below.text),
	    .format = w->format,
	    .step = count,
	    .ctx = w,
	};
	int rc = in->is_dir ? import_directory(&source, in->fd, f) : 0;

	source.import = import;
	source.step = step;
	if (rc != 0)
		return rc;
	if (in->is_dir)
		return import_directory(&source, in->fd, f);
	if (in->is_mbox)
		return import_mbox(&source, in->fd, f);
	return import_archive(&source, in->fd, f);
}

static void
tell(struct mail_import *w, const struct mailbox_name *mailbox,
    const struct import_sum *sum)
{
	json_t *row = json_new_object();

	json_put_text(row, "mailbox", mailbox->text);
	json_put_int(row, "messages", (int64_t)sum->messages);
	json_put_int(row, "bytes", (int64_t)sum->bytes);
	json_put_int(row, "known", (int64_t)sum->known);
	json_put_int(row, "refused", (int64_t)sum->refused);
	if (sum->refused > 0)
		w->line->status = EX_DATAERR;
	if (w->line->json) {
		fputs(w->any ? ",\n  " : "\n  ", w->line->out);
		list_print_line(w->line, row);
	} else {
		table_add(&w->table, row);
	}
	w->any = true;
	json_free(&row);
}

/* The same for the same mailbox, folder and source. */
struct import *
mail_import_open(struct mail_import *w, const struct mailbox_name *mailbox,
    const struct mail_input *in, struct fault *f)
{
	struct import *import;
	struct buf source;

	buf_init(&source, strlen(in->path) + sizeof w->below.text + 1);
	buf_putf(&source, "%s\n%s", in->path, w->below.text);
	import = import_new(w->mail.client, mailbox, buf_str(&source), f);
	buf_clear(&source);
	return import;
}

/* What came before a fault stays. */
int
mail_import_one(struct mail_import *w, const struct mailbox_name *mailbox,
    const struct mail_input *in, bool forget, struct fault *f)
{
	struct import *import = mail_import_open(w, mailbox, in, f);
	struct fault other;
	int rc;

	if (import == NULL)
		return -1;
	progress_enter(&w->progress, mailbox->text);
	rc = bring(w, import, in, f);
	if (import_flush(import, rc < 0 ? &other : f) < 0)
		rc = -1;
	if (rc > 0)
		rc = progress_stop(&w->progress, again, f);
	if (rc == 0 && forget && import_sum(import)->folders == 0)
		rc = fault_perm(f, "5.6.0",
		    "%s has no mail in a form that is known", in->name);
	if (rc == 0 && forget)
		rc = import_forget(import, f);
	tell(w, mailbox, import_sum(import));
	import_free(&import);
	return rc;
}

/* The options, and the list of what was done. */

static int
read_format(const char *name, enum mbox_format *format, struct fault *f)
{
	static const char *const names[] = {
	    [MBOX_RD] = "mboxrd", [MBOX_O] = "mboxo", [MBOX_CL2] = "mboxcl2"};

	*format = MBOX_RD;
	if (name == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*format = (enum mbox_format)i;
			return 0;
		}
	}
	return fault_perm(f, "5.5.4",
	    "the format \"%.40s\" is not known; there are mboxrd, mboxo and "
	    "mboxcl2, and others are recognized",
	    name);
}

int
mail_import_init(struct mail_import *w, struct cmd_line *line, struct fault *f)
{
	*w = (struct mail_import){.line = line};
	if (mail_client_folder(line, &w->below, f) < 0)
		return -1;
	return read_format(cmd_option(line, "format"), &w->format, f);
}

void
mail_import_begin(struct mail_import *w)
{
	table_init(&w->table, w->line->out, columns);
	if (w->line->json)
		fputs("{\"mailboxes\": [", w->line->out);
	progress_begin(&w->progress, w->line, "messages", 0);
}

void
mail_import_end(struct mail_import *w)
{
	progress_end(&w->progress);
	if (w->line->json)
		fputs(w->any ? "\n]}\n" : "]}\n", w->line->out);
	else
		table_flush(&w->table);
	table_clear(&w->table);
}
