/* SPDX-License-Identifier: ISC */
/* Messages, or a whole mailbox, out of sight; for some time they can come back. */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/picked.h"
#include "admin/select.h"
#include "base/control.h"
#include "store/hold.h"
#include "store/retired.h"

enum { ANSWER_MS = 10000, TEXT_SIZE = 300 };

static void
print(struct cmd_line *line, const struct attic_sum *sum)
{
	json_t *result;

	if (!line->json) {
		fprintf(line->out, "%" PRIu64 " message%s %sdeleted\n",
		    sum->messages, sum->messages == 1 ? "" : "s",
		    line->dry_run ? "would be " : "");
	} else {
		result = json_new_object();
		json_put_int(result, "messages", (int64_t)sum->messages);
		json_put_int(result, "bytes", (int64_t)sum->bytes);
		json_put_bool(result, "dry_run", line->dry_run);
		list_print_json(line, result);
		json_free(&result);
	}
	if (sum->messages == 0)
		line->status = EX_NOUSER;
}

/* Takes params, and finds what they mean. */
static int
find(struct cmd_line *line, struct picked *found, json_t *params,
    struct fault *f)
{
	struct call *call = call_open(line->file, PLACE_LMTPD, f);
	int rc = call == NULL ? -1 : picked_gather(found, call, params, f);

	call_close(&call);
	json_free(&params);
	return rc;
}

static int
put_away(struct cmd_line *line, struct mail_client *mail,
    const struct picked *found, struct attic_sum *sum, struct fault *f)
{
	struct progress progress;
	const struct picked_way way = {
	    .client = mail->client,
	    .room = ATTIC_REMOVED,
	    .batch = {.time = (int64_t)time(NULL), .word = "delete"},
	    .progress = &progress,
	    .again = "the same command again deletes the rest",
	};
	int rc;

	progress_begin(&progress, line, "messages", found->n);
	rc = picked_put_away(found, &way, sum, f);
	progress_end(&progress);
	return rc;
}

/* 1 where it is to be done, and was written down; 0 where it is not. */
static int
is_meant(struct cmd_line *line, const struct picked *found, struct fault *f)
{
	const char *many = found->n == 1 ? "" : "s";
	char text[TEXT_SIZE];

	if (line->dry_run || found->n == 0)
		return 0;
	snprintf(text, sizeof text, "Delete %zu message%s of %.200s?", found->n,
	    many, found->picks[0].mailbox);
	if (!mail_client_confirm(line, text))
		return fault_perm(f, "5.5.1", "nothing was deleted");
	snprintf(text, sizeof text, "%zu message%s", found->n, many);
	return mail_client_note_options(
		   line, "mailbox.delete", found->picks[0].mailbox, text, f) < 0
		   ? -1
		   : 1;
}

static int
delete_messages(struct cmd_line *line, struct fault *f)
{
	struct mail_client mail = {0};
	struct picked found = {0};
	struct mailbox_name mailbox;
	struct attic_sum sum;
	json_t *params;
	int rc = -1;

	if (mail_client_name(line->args[0], &mailbox, f) < 0 ||
	    mail_client_prepare(&mail, line, f) < 0)
		goto out;
	params = select_params(line, mailbox.text, f);
	if (params == NULL || find(line, &found, params, f) < 0)
		goto out;
	sum = (struct attic_sum){found.n, found.bytes};
	rc = is_meant(line, &found, f);
	if (rc == 1)
		rc = mail_client_begin(&mail, MAIL_CLIENT_CHANGE, f) < 0
			 ? -1
			 : put_away(line, &mail, &found, &sum, f);
	if (rc == 0)
		print(line, &sum);
out:
	picked_clear(&found);
	mail_client_close(&mail);
	return rc;
}

/* The whole mailbox. */

/* Whether it is still a user's. The directory may be elsewhere, or be none. */
static int
is_nobodys(const struct mail_client *mail, const struct mailbox_name *mailbox,
    struct fault *f)
{
	json_t *params = json_new_object(), *user;
	struct place place;
	int rc = 0;

	if (place_of(mail->conf, PLACE_AUTHD, &place, f) < 0)
		return -1;
	json_put_text(params, "user", mailbox->text);
	user = control_request_within(
	    place.control, "user.get", params, ANSWER_MS, f);
	if (user != NULL)
		rc = fault_perm(f, "5.5.1",
		    "%s is still a user: delete that first (posthouse user "
		    "del), or say which messages, or --force",
		    mailbox->text);
	else if (strcmp(f->dsn, "5.1.1") != 0 && strcmp(f->dsn, "5.1.2") != 0)
		rc = fault_temp(f, "4.3.0",
		    "whether %.100s is still a user is not known (%.80s); "
		    "--force deletes the mailbox all the same",
		    mailbox->text, f->text);
	json_free(&user);
	json_free(&params);
	return rc;
}

static bool
is_there(int root, const struct mailbox_name *mailbox, struct fault *f)
{
	const struct mailbox_folder top = {.dir = ""};
	int box, rc = maildir_open(root, mailbox, &top, &box, f);

	if (rc == 1)
		close(box);
	if (rc == 0)
		fault_perm(f, "5.1.1", "there is no mailbox %s", mailbox->text);
	return rc == 1;
}

static int
retire(struct cmd_line *line, struct mail_client *mail,
    const struct mailbox_name *mailbox, struct fault *f)
{
	int root = mail->client->root;

	if (!is_there(root, mailbox, f))
		return -1;
	if (line->dry_run && !hold_is_on(root, mailbox))
		return 0;
	return retired_put(root, mailbox, (int64_t)time(NULL), f);
}

static void
print_whole(struct cmd_line *line, const struct mailbox_name *mailbox)
{
	json_t *result;

	if (!line->json) {
		fprintf(line->out, "the mailbox %s %s deleted\n", mailbox->text,
		    line->dry_run ? "would be" : "is");
		return;
	}
	result = json_new_object();
	json_put_text(result, "mailbox", mailbox->text);
	json_put_bool(result, "dry_run", line->dry_run);
	list_print_json(line, result);
	json_free(&result);
}

static int
is_whole_meant(struct cmd_line *line, const struct mail_client *mail,
    const struct mailbox_name *mailbox, struct fault *f)
{
	char text[TEXT_SIZE];

	if (mail->options->directory != LMTPD_NONE &&
	    cmd_option(line, "force") == NULL &&
	    is_nobodys(mail, mailbox, f) < 0)
		return -1;
	if (line->dry_run)
		return 0;
	snprintf(text, sizeof text, "Delete the whole mailbox %.200s?",
	    mailbox->text);
	if (!mail_client_confirm(line, text))
		return fault_perm(f, "5.5.1", "nothing was deleted");
	return mail_client_note(
	    line, "mailbox.delete", mailbox->text, "the whole mailbox", f);
}

static int
delete_mailbox(struct cmd_line *line, struct fault *f)
{
	struct mail_client mail = {0};
	struct mailbox_name mailbox;
	int rc = -1;

	if (mail_client_name(line->args[0], &mailbox, f) == 0 &&
	    mail_client_prepare(&mail, line, f) == 0 &&
	    is_whole_meant(line, &mail, &mailbox, f) == 0 &&
	    mail_client_begin(&mail, MAIL_CLIENT_CHANGE, f) == 0)
		rc = retire(line, &mail, &mailbox, f);
	if (rc == 0)
		print_whole(line, &mailbox);
	mail_client_close(&mail);
	return rc;
}

int
mailbox_delete(struct cmd_line *line, struct fault *f)
{
	return select_is_given(line) ? delete_messages(line, f)
				     : delete_mailbox(line, f);
}
