/* SPDX-License-Identifier: ISC */
/*
 * Bringing mail from elsewhere into mailboxes, for the commands that do so. What
 * it comes from is opened by whoever gives the command, before the process
 * becomes the mailboxes' user.
 */
#ifndef ADMIN_MAIL_IMPORT_H
#define ADMIN_MAIL_IMPORT_H

#include <stdbool.h>

#include "admin/cmd.h"
#include "admin/mail_client.h"
#include "admin/progress.h"
#include "admin/table.h"
#include "base/attr.h"
#include "base/fault.h"
#include "store/import_source.h"

/* What is read: a file or a directory. */
struct mail_input {
	const char *name; /* as the operator wrote it; borrowed */
	char *path;       /* whole */
	int fd;
	bool is_dir, is_mbox;
};

/* "-" is the standard input, which is kept in a file without a name. Embedded;
 * mail_input_close() in any case. */
int mail_input_open(
    struct mail_input *in, const char *name, struct fault *f) MUST_USE;
void mail_input_close(struct mail_input *in);

struct mail_import {
	struct cmd_line *line;
	struct mail_client mail;
	struct mailbox_folder below; /* --folder */
	struct progress progress;

	/* Private. */
	enum mbox_format format;
	struct table table;
	bool any; /* a row was printed */
};

/* Reads --folder and --format. `mail` is the caller's to open and to close. */
int mail_import_init(
    struct mail_import *w, struct cmd_line *line, struct fault *f) MUST_USE;

/* The list of mailboxes that is printed, and the progress. */
void mail_import_begin(struct mail_import *w);
void mail_import_end(struct mail_import *w);

/*
 * One mailbox, and its row. What came before a fault stays. forget: nothing
 * needs to be remembered of it, once it is whole; and that the input has no mail
 * is a fault.
 */
int mail_import_one(struct mail_import *w, const struct mailbox_name *mailbox,
    const struct mail_input *in, bool forget, struct fault *f) MUST_USE;
/* What is remembered of it. */
struct import *mail_import_open(struct mail_import *w,
    const struct mailbox_name *mailbox, const struct mail_input *in,
    struct fault *f) MUST_USE;

#endif
