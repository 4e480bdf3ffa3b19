/* SPDX-License-Identifier: ISC */
/*
 * posthouse audit: who has changed what in the directory, and done what to
 * mailboxes, and when. authd keeps the one, lmtpd the other; whichever is down
 * left it on disk.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "admin/mail_client.h"
#include "base/control.h"
#include "store/audit.h"

static int audit(struct cmd_line *line, struct fault *f);

/* clang-format off */
const struct cmd cmd_audit[] = {
	{ "audit", NULL, "[NAME] [--since TIME]", 0, 1, CMD_JSON,
	  "who has changed what in the directory and in mailboxes", audit },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "WHEN", "time", TABLE_DATE },
	{ "WHO", "who", TABLE_TEXT },
	{ "WHAT", "what", TABLE_TEXT },
	{ "NAME", "name", TABLE_TEXT },
	{ "DETAIL", "detail", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

enum { ANSWER_MS = 10000 };

/* Moves the entries of a page; params then ask for the next: 1, or 0 where it
 * was the last. Frees the page. */
static int
take_page(json_t *page, json_t *entries, json_t *params)
{
	const json_t *items = json_get(page, "entries");
	const char *next = json_get_text(page, "next");

	for (size_t i = 0; i < json_len(items); i++)
		json_add(entries, json_hold(json_at(items, i)));
	if (next != NULL)
		json_put_text(params, "after", next);
	json_free(&page);
	return next != NULL;
}

static json_t *
make_params(const char *name, int64_t since)
{
	json_t *params = json_new_object();

	if (name != NULL)
		json_put_text(params, "name", name);
	if (since > 0)
		json_put_int(params, "since", since);
	return params;
}

/* Those of the directory. */
static int
ask_authd(
    struct cmd_line *line, json_t *params, json_t *entries, struct fault *f)
{
	struct call *call = call_open(line->file, PLACE_AUTHD, f);
	int more = call != NULL;

	while (more == 1) {
		json_t *page = call_method(call, "audit.list", params, f);

		more = page != NULL ? take_page(page, entries, params) : -1;
	}
	if (call == NULL)
		more = -1;
	call_close(&call);
	return more;
}

/* Those of mailboxes. */

struct reading {
	const char *name; /* NULL: all */
	int64_t since;
	json_t *entries;
};

static int
read_entry(void *ctx, uint64_t place, const struct audit_entry *e)
{
	struct reading *r = ctx;
	json_t *item;

	(void)place;
	if (e->time < r->since ||
	    (r->name != NULL && strcmp(r->name, e->name) != 0))
		return 0;
	item = json_new_object();
	json_put_int(item, "time", e->time);
	json_put_text(item, "who", e->who);
	json_put_text(item, "what", e->what);
	json_put_text(item, "name", e->name);
	json_put_text(item, "detail", e->detail);
	json_add(r->entries, item);
	return 0;
}

static int
read_file(const struct place *place, struct reading *r, struct fault *f)
{
	int root = open(place->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (root < 0 && errno == ENOENT)
		return 0;
	if (root < 0)
		return fault_errno(f, "cannot open %s", place->root);
	rc = audit_each(root, 0, read_entry, r, f);
	close(root);
	return rc;
}

static int
ask_lmtpd(const struct place *place, const struct reading *r, struct fault *f)
{
	json_t *params = make_params(r->name, r->since);
	int more = 1;

	while (more == 1) {
		json_t *page = control_request_within(
		    place->control, "audit.list", params, ANSWER_MS, f);

		more = page != NULL ? take_page(page, r->entries, params) : -1;
	}
	json_free(&params);
	return more;
}

static int
read_mailboxes(struct cmd_line *line, struct reading *r, struct fault *f)
{
	struct conf *conf = place_read_conf(line->file, false, f);
	struct place place;
	int rc = -1;

	if (conf != NULL && place_of(conf, PLACE_LMTPD, &place, f) == 0) {
		rc = ask_lmtpd(&place, r, f);
		if (rc < 0 && strcmp(f->dsn, "4.4.1") == 0)
			rc = read_file(&place, r, f);
	}
	if (conf != NULL)
		conf_free(&conf);
	return rc;
}

/* Both are in the order of time. */
static void
print_merged(
    struct cmd_line *line, const json_t *directory, const json_t *mailboxes)
{
	json_t *all = json_new_array();
	size_t a = 0, b = 0;

	while (a < json_len(directory) || b < json_len(mailboxes)) {
		json_t *x = json_at(directory, a), *y = json_at(mailboxes, b);
		bool first =
		    y == NULL || (x != NULL && json_get_int(x, "time", 0) <=
						   json_get_int(y, "time", 0));

		json_add(all, json_hold(first ? x : y));
		*(first ? &a : &b) += 1;
	}
	list_print_items(line, "entries", columns, all);
	json_free(&all);
}

/* The file may be open only to who we are before authd's place is taken. */
static int
audit(struct cmd_line *line, struct fault *f)
{
	json_t *directory = json_new_array(), *mailboxes = json_new_array();
	struct reading r = {.entries = mailboxes};
	const char *name = line->n_args > 0 ? line->args[0] : NULL;
	struct mailbox_name mailbox;
	json_t *params = NULL;
	int rc = -1;

	if (mail_client_time(line, "since", 0, &r.since, f) < 0)
		goto out;
	r.name = name != NULL && mail_client_name(name, &mailbox, f) == 0
		     ? mailbox.text
		     : name;
	if (read_mailboxes(line, &r, f) < 0)
		goto out;
	params = make_params(name, r.since);
	rc = ask_authd(line, params, directory, f);
	if (rc == 0)
		print_merged(line, directory, mailboxes);
out:
	json_free(&params);
	json_free(&directory);
	json_free(&mailboxes);
	return rc;
}
