/* SPDX-License-Identifier: ISC */
/*
 * What the commands that work on mail itself have in common: they are one more
 * client of the Maildirs, whether lmtpd runs or not, as the user that these
 * belong to; and who has changed something, of what, is written down before.
 */
#ifndef ADMIN_MAIL_CLIENT_H
#define ADMIN_MAIL_CLIENT_H

#include "admin/cmd.h"
#include "admin/place.h"
#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"
#include "lmtp/options.h"
#include "store/client.h"
#include "store/mailbox.h"

/* Embedded; close it in any case, also where it is of zeroes. */
struct mail_client {
	struct conf *conf;
	struct place place;
	const struct lmtpd_options *options;
	struct client *client;
};

enum mail_client_right {
	MAIL_CLIENT_READ, /* as whoever we are */
	/* Root becomes the mailboxes' user, for good; anybody else has what
	 * rights there are. */
	MAIL_CLIENT_CHANGE,
	/* The same, but files of others stay as open as they were to root; and
	 * where there are no mailboxes yet, there will be. */
	MAIL_CLIENT_BRING,
};

int mail_client_open(struct mail_client *m, const struct cmd_line *line,
    enum mail_client_right right, struct fault *f) MUST_USE;
void mail_client_close(struct mail_client *m);

/* The same in two steps. The first only reads the configuration, and is a fault
 * (4.7.0) where there is no right to change anything. */
int mail_client_prepare(struct mail_client *m, const struct cmd_line *line,
    struct fault *f) MUST_USE;
int mail_client_begin(struct mail_client *m, enum mail_client_right right,
    struct fault *f) MUST_USE;

/* A name as the operator wrote it, in the directory's form. */
int mail_client_name(
    const char *text, struct mailbox_name *mailbox, struct fault *f) MUST_USE;
/* The folder of --folder: 1, or 0 where the option is missing. */
int mail_client_folder(const struct cmd_line *line,
    struct mailbox_folder *folder, struct fault *f) MUST_USE;
/* The time of --since or --until (`name`), in seconds since 1970; `missing`
 * where it was not given. */
int mail_client_time(const struct cmd_line *line, const char *name,
    int64_t missing, int64_t *when, struct fault *f) MUST_USE;

/* Writes down what is going to be done: "mailbox.delete", the mailbox' name or
 * "", and what else there is to say. Between mail_client_prepare(), so that nothing
 * is written that cannot be done, and mail_client_begin(), so that it is seen who
 * does it. */
int mail_client_note(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f) MUST_USE;
/* The same, with the options that were given behind the detail. */
int mail_client_note_options(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f) MUST_USE;

/* The same from another process, so that this one stays who it is. */
int mail_client_note_apart(const struct cmd_line *line, const char *what,
    const char *name, const char *detail, struct fault *f) MUST_USE;

/* Asks on a terminal; elsewhere, and with --json, nobody is there to ask. False:
 * it is not to be done. */
bool mail_client_confirm(const struct cmd_line *line, const char *question);

#endif
