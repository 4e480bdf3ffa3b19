/* SPDX-License-Identifier: ISC */
/* posthouse mailbox import, import-tree: mail from elsewhere. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/mail_import.h"
#include "base/file.h"
#include "base/mem.h"

int
mailbox_import(struct cmd_line *line, struct fault *f)
{
	struct mailbox_name mailbox;
	struct mail_input in;
	struct mail_import w;
	int rc = -1;

	if (mail_import_init(&w, line, f) < 0 ||
	    mail_client_name(line->args[0], &mailbox, f) < 0)
		return -1;
	if (mail_input_open(&in, line->args[1], f) == 0 &&
	    mail_client_note_apart(
		line, "mailbox.import", mailbox.text, in.path, f) == 0 &&
	    mail_client_open(&w.mail, line, MAIL_CLIENT_BRING, f) == 0) {
		mail_import_begin(&w);
		rc = mail_import_one(&w, &mailbox, &in, true, f);
		mail_import_end(&w);
	}
	mail_client_close(&w.mail);
	mail_input_close(&in);
	return rc;
}

/* A tree of another server. */

struct tree {
	struct mail_import *work;
	struct mail_input top;
	const char *domain; /* of those whose names have none; or NULL */
	/* The mailboxes that are done; once all are, what was remembered of
	 * them goes. */
	struct {
		struct mailbox_name mailbox;
		char *path;
	} * done;
	size_t n_done;
};

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
	struct mail_input in = {.name = name, .is_dir = true};
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
	if (file_is_dir(in.fd, "Maildir")) {
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
	rc = mail_import_one(t->work, &mailbox, &in, false, f);
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
		    file_is_dir(at, names[i]->d_name))
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
		const struct mail_input in = {.path = t->done[i].path};
		struct import *import =
		    mail_import_open(t->work, &t->done[i].mailbox, &in, f);

		rc = import == NULL ? -1 : import_forget(import, f);
		import_free(&import);
	}
	return rc;
}

static int
import_all(struct tree *t, struct fault *f)
{
	int rc;

	mail_import_begin(t->work);
	rc = each_dir(t, t->top.fd, import_top, NULL, f);
	if (rc == 0)
		rc = forget_all(t, f);
	mail_import_end(t->work);
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
	struct mail_import w;
	struct tree t = {.work = &w, .domain = cmd_option(line, "domain")};
	int rc = -1;

	if (mail_import_init(&w, line, f) < 0)
		return -1;
	if (mail_input_open(&t.top, line->args[0], f) == 0) {
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
	mail_input_close(&t.top);
	return rc;
}
