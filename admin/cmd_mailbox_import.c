/* SPDX-License-Identifier: ISC */
/*
 * posthouse mailbox import, import-tree: mail from elsewhere. What it comes from
 * is opened by whoever calls this, before the process becomes the mailboxes'
 * user.
 */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "base/mem.h"
#include "store/import_source.h"

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

/* What is read. */
struct input {
	const char *name; /* as the operator wrote it */
	char *path;       /* whole; ours */
	int fd;
	bool is_dir, is_mbox;
};

struct work {
	struct cmd_line *line;
	struct mail_client mail;
	struct progress progress;
	struct str prefix;
	enum mbox_format format;
	bool any; /* a row was printed */
	struct table table;
};

/* The input. */

static int
copy_stdin(int to, struct fault *f)
{
	char bytes[1 << 16];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
		ssize_t done = 0;

		while (done < n) {
			ssize_t w = write(to, bytes + done, (size_t)(n - done));

			if (w < 0)
				return fault_errno(
				    f, "cannot keep the standard input");
			done += w;
		}
	}
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
look_at(struct input *in, struct fault *f)
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

static int
input_open(struct input *in, const char *name, struct fault *f)
{
	*in = (struct input){.name = name, .fd = -1};
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

static void
input_close(struct input *in)
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
	struct work *w = ctx;

	(void)f;
	progress_step(&w->progress, 1);
	return progress_is_interrupted() ? 1 : 0;
}

static int
count(void *ctx, struct fault *f)
{
	struct work *w = ctx;

	(void)f;
	w->progress.total++;
	return progress_is_interrupted() ? 1 : 0;
}

static int
bring(struct work *w, struct import *import, const struct input *in,
    struct fault *f)
{
	struct import_source source = {
	    .prefix = w->prefix,
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
tell(struct work *w, const struct mailbox_name *mailbox,
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
static struct import *
open_import(struct work *w, const struct mailbox_name *mailbox,
    const struct input *in, struct fault *f)
{
	char *source = mem_zeroed(strlen(in->path) + w->prefix.len + 2, 1);
	struct import *import;

	snprintf(source, strlen(in->path) + w->prefix.len + 2, "%s\n%.*s",
	    in->path, STR_ARG(w->prefix));
	import = import_new(w->mail.client, mailbox, str(source), f);
	mem_free(source);
	return import;
}

/* What came before a fault stays. */
static int
import_one(struct work *w, const struct mailbox_name *mailbox,
    const struct input *in, bool forget, struct fault *f)
{
	struct import *import = open_import(w, mailbox, in, f);
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

/* The commands. */

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

static int
begin(struct work *w, struct cmd_line *line, struct mailbox_folder *folder,
    struct fault *f)
{
	const char *name = cmd_option(line, "folder");

	*w = (struct work){.line = line};
	memset(folder, 0, sizeof *folder);
	if (name != NULL && mailbox_folder_parse(str(name), folder, f) < 0)
		return -1;
	w->prefix = str(folder->text);
	return read_format(cmd_option(line, "format"), &w->format, f);
}

static void
begin_list(struct work *w)
{
	table_init(&w->table, w->line->out, columns);
	if (w->line->json)
		fputs("{\"mailboxes\": [", w->line->out);
	progress_begin(&w->progress, w->line, "messages", 0);
}

static void
end_list(struct work *w)
{
	progress_end(&w->progress);
	if (w->line->json)
		fputs(w->any ? "\n]}\n" : "]}\n", w->line->out);
	else
		table_flush(&w->table);
	table_clear(&w->table);
}

int
mailbox_import(struct cmd_line *line, struct fault *f)
{
	struct mailbox_folder folder;
	struct mailbox_name mailbox;
	struct input in;
	struct work w;
	int rc = -1;

	if (begin(&w, line, &folder, f) < 0 ||
	    mail_client_name(line->args[0], &mailbox, f) < 0)
		return -1;
	if (input_open(&in, line->args[1], f) == 0 &&
	    mail_client_note_apart(
		line, "mailbox.import", mailbox.text, in.path, f) == 0 &&
	    mail_client_open(&w.mail, line, MAIL_CLIENT_BRING, f) == 0) {
		begin_list(&w);
		rc = import_one(&w, &mailbox, &in, true, f);
		end_list(&w);
	}
	mail_client_close(&w.mail);
	input_close(&in);
	return rc;
}

/* A tree of another server. */

struct tree {
	struct work *work;
	struct input top;
	const char *domain; /* of those whose names have none; or NULL */
	/* The mailboxes that are done; once all are, what was remembered of
	 * them goes. */
	struct {
		struct mailbox_name mailbox;
		char *path;
	} * done;
	size_t n_done;
};

static bool
has_dir(int at, const char *name)
{
	struct stat st;

	return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int
open_dir(int at, const char *name, struct fault *f)
{
	int fd =
	    openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? fault_errno(f, "cannot open %s", name) : fd;
}

static void
remember(struct tree *t, const struct mailbox_name *mailbox, const char *path)
{
	t->done = mem_resize(t->done, t->n_done + 1, sizeof *t->done);
	t->done[t->n_done].mailbox = *mailbox;
	t->done[t->n_done++].path = mem_dup(path);
}

/* The name cannot be that of a mailbox: it is told and left. */
static int
leave_out(const struct tree *t, const char *path, const struct fault *why)
{
	fprintf(stderr, "posthouse: %s/%s is left out: %s\n", t->top.name, path,
	    why->text);
	t->work->line->status = EX_DATAERR;
	return 0;
}

/* A mailbox, which may be in "Maildir" below its directory. */
static int
import_user(struct tree *t, int at, const char *dir, const char *name,
    const char *path, struct fault *f)
{
	struct input in = {.name = name, .is_dir = true};
	struct mailbox_name mailbox;
	struct fault why;
	char *whole;
	size_t len;
	int rc;

	if (mail_client_name(name, &mailbox, &why) < 0)
		return leave_out(t, path, &why);
	in.fd = open_dir(at, dir, f);
	if (in.fd < 0)
		return -1;
	if (has_dir(in.fd, "Maildir")) {
		int below = open_dir(in.fd, "Maildir", f);

		close(in.fd);
		in.fd = below;
		if (below < 0)
			return -1;
	}
	len = strlen(t->top.path) + strlen(path) + 2;
	whole = mem_zeroed(len, 1);
	snprintf(whole, len, "%s/%s", t->top.path, path);
	in.path = whole;
	rc = import_one(t->work, &mailbox, &in, false, f);
	if (rc == 0)
		remember(t, &mailbox, whole);
	mem_free(whole);
	close(in.fd);
	return rc;
}

static int
each_dir(struct tree *t, int at,
    int (*each)(struct tree *t, int at, const char *name, const char *above,
	struct fault *f),
    const char *above, struct fault *f)
{
	struct dirent **names;
	int n = scandirat(at, ".", &names, NULL, alphasort), rc = 0;

	if (n < 0)
		return fault_errno(f, "cannot read %s", t->top.name);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && names[i]->d_name[0] != '.' &&
		    has_dir(at, names[i]->d_name))
			rc = each(t, at, names[i]->d_name, above, f);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
import_below_domain(struct tree *t, int at, const char *name,
    const char *domain, struct fault *f)
{
	char path[600], text[600];

	snprintf(path, sizeof path, "%.255s/%.255s", domain, name);
	snprintf(text, sizeof text, "%.255s@%.255s", name, domain);
	return import_user(t, at, name, text, path, f);
}

/* "user@domain", a user of --domain, or a domain with users below. */
static int
import_top(struct tree *t, int at, const char *name, const char *above,
    struct fault *f)
{
	char text[600];
	int fd, rc;

	(void)above;
	if (strchr(name, '@') != NULL)
		return import_user(t, at, name, name, name, f);
	if (t->domain != NULL) {
		snprintf(text, sizeof text, "%.255s@%.255s", name, t->domain);
		return import_user(t, at, name, text, name, f);
	}
	fd = open_dir(at, name, f);
	if (fd < 0)
		return -1;
	rc = each_dir(t, fd, import_below_domain, name, f);
	close(fd);
	return rc;
}

static int
forget_all(struct tree *t, struct fault *f)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < t->n_done; i++) {
		const struct input in = {.path = t->done[i].path};
		struct import *import =
		    open_import(t->work, &t->done[i].mailbox, &in, f);

		rc = import == NULL ? -1 : import_forget(import, f);
		import_free(&import);
	}
	return rc;
}

static int
import_all(struct tree *t, struct fault *f)
{
	int rc;

	begin_list(t->work);
	rc = each_dir(t, t->top.fd, import_top, NULL, f);
	if (rc == 0)
		rc = forget_all(t, f);
	end_list(t->work);
	if (rc == 0 && t->n_done == 0)
		rc = fault_perm(f, "5.6.0",
		    "%s has no mailboxes: they are called user@domain or "
		    "domain/user, or --domain says theirs",
		    t->top.name);
	for (size_t i = 0; i < t->n_done; i++)
		mem_free(t->done[i].path);
	mem_free(t->done);
	return rc;
}

int
mailbox_import_tree(struct cmd_line *line, struct fault *f)
{
	struct mailbox_folder folder;
	struct work w;
	struct tree t = {.work = &w, .domain = cmd_option(line, "domain")};
	int rc = -1;

	if (begin(&w, line, &folder, f) < 0)
		return -1;
	if (input_open(&t.top, line->args[0], f) == 0) {
		if (!t.top.is_dir)
			fault_perm(
			    f, "5.6.0", "%s is no directory", t.top.name);
		else if (mail_client_note_apart(line, "mailbox.import-tree", "",
			     t.top.path, f) == 0 &&
			 mail_client_open(
			     &w.mail, line, MAIL_CLIENT_BRING, f) == 0)
			rc = import_all(&t, f);
	}
	mail_client_close(&w.mail);
	input_close(&t.top);
	return rc;
}
