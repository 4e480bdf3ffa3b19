/* SPDX-License-Identifier: ISC */
/*
 * One message: what is known of it, and what is in its file. The index says
 * which file that is; it is read as any Maildir client does.
 */
#include "config.h"

#include "admin/cmd_mailbox.h"

#include <stdio.h>
#include <unistd.h>

#include "admin/list.h"
#include "admin/mail_client.h"
#include "admin/select.h"
#include "admin/shown.h"
#include "base/buf.h"
#include "proto/header.h"
#include "store/client.h"

enum {
	ASK = 4,                /* messages, to tell which there are */
	HEADER_MAX = 256 << 10, /* bytes that are read */
	VALUE_MAX = 64 << 10,   /* of a field that are shown */
	PIECE = 64 << 10,
};

/* clang-format off */
static const struct table_column facts[] = {
	{ "id", "id", TABLE_TEXT },
	{ "mailbox", "mailbox", TABLE_TEXT },
	{ "folder", "folder", TABLE_TEXT },
	{ "file", "file", TABLE_TEXT },
	{ "delivered", "stored", TABLE_DATE },
	{ "size", "size", TABLE_SIZE },
	{ "flags", "flags", TABLE_LIST },
	{ "attachments", "attachments", TABLE_NUMBER },
	{ "spam", "spam", TABLE_TEXT },
	{ "digest", "digest", TABLE_TEXT },
	{ "body", "body", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

struct showing {
	struct cmd_line *line;
	json_t *message; /* as "mailbox.search" has it; NULL: none yet */
	struct buf ids;  /* of all that were found */
	size_t found;
	struct mail_client mail;
	struct client_folder folder;
	struct client_list list;
	int fd; /* of the file; -1 */
};

/* Which one. */

static int
keep(void *ctx, const json_t *message, struct fault *f)
{
	struct showing *s = ctx;
	const char *id = json_get_text(message, "id");

	(void)f;
	buf_putf(
	    &s->ids, "%s%s", s->found++ > 0 ? ", " : "", id != NULL ? id : "");
	/* The page is not ours to change, but is to outlive the call. */
	if (s->message == NULL)
		s->message = json_hold((json_t *)(uintptr_t)message);
	return s->found == ASK ? 1 : 0;
}

static int
choose(struct showing *s, struct fault *f)
{
	const struct cmd_line *line = s->line;
	json_t *params = select_params(line, line->args[0], f);
	struct call *call = NULL;
	int rc = -1;

	if (params == NULL)
		return -1;
	if (line->n_args > 1)
		json_put_text(params, "id", line->args[1]);
	json_put_int(params, "limit", ASK);
	call = call_open(line->file, PLACE_LMTPD, f);
	if (call != NULL)
		rc = select_each(call, params, keep, s, f);
	call_close(&call);
	json_free(&params);
	if (rc < 0)
		return -1;
	if (s->found == 0)
		return fault_perm(
		    f, "5.1.1", "%s has no such message", line->args[0]);
	if (s->found > 1)
		return fault_perm(f, "5.5.4",
		    "that is more than one message; which of these ids? %s%s",
		    buf_text(&s->ids), s->found == ASK ? "..." : "");
	return 0;
}

/* Its file. */

static struct client_entry *
find_entry(struct client_list *list, struct str file)
{
	struct maildir_name name;

	for (size_t i = 0; i < list->n; i++)
		if (maildir_name_parse(file, &name) &&
		    str_is(list->entries[i].name.base, name.base))
			return &list->entries[i];
	return NULL;
}

static int
open_file(struct showing *s, struct fault *f)
{
	const char *file = json_get_text(s->message, "file");
	const char *name = file != NULL ? strchr(file, '/') : NULL;
	struct mailbox_folder folder;
	struct mailbox_name mailbox;
	struct client_entry *entry = NULL;
	int rc;

	if (name == NULL ||
	    mail_client_name(
		json_get_text(s->message, "mailbox"), &mailbox, f) < 0 ||
	    mailbox_folder_parse(
		str(json_get_text(s->message, "folder")), &folder, f) < 0)
		return -1;
	rc = client_folder_open(
	    s->mail.client, &mailbox, &folder, &s->folder, f);
	if (rc == 1 && client_list_read(&s->list, &s->folder, f) < 0)
		rc = -1;
	if (rc == 1)
		entry = find_entry(&s->list, str(name + 1));
	if (entry != NULL)
		rc = client_open(&s->folder, &s->list, entry, &s->fd, f);
	if (rc < 0)
		return -1;
	if (s->fd < 0)
		return fault_perm(f, "5.1.1", "the message has gone meanwhile");
	return 0;
}

/* Its bytes. */

static int
read_piece(struct showing *s, struct buf *b, struct fault *f)
{
	size_t room;
	char *at = buf_space(b, 1, &room);
	ssize_t n;

	if (at == NULL)
		return 0;
	n = read(s->fd, at, room < PIECE ? room : PIECE);
	if (n < 0)
		return fault_errno(f, "cannot read the message");
	buf_added(b, (size_t)n);
	return n > 0 ? 1 : 0;
}

/* As it is; but a terminal gets nothing that it would obey. */
static int
print_raw(struct showing *s, struct fault *f)
{
	FILE *out = s->line->out;
	bool clean = isatty(fileno(out)) == 1;
	struct buf bytes, shown;
	int more = 1;

	buf_init(&bytes, 2 * PIECE);
	buf_init(&shown, 8 * PIECE);
	while (more == 1 && !ferror(out)) {
		more = read_piece(s, &bytes, f);
		if (more < 0)
			break;
		if (clean) {
			buf_consume(&bytes,
			    shown_put(&shown, buf_str(&bytes), more == 0));
			fwrite(buf_text(&shown), 1, buf_len(&shown), out);
			buf_reset(&shown);
		} else {
			fwrite(buf_text(&bytes), 1, buf_len(&bytes), out);
			buf_reset(&bytes);
		}
	}
	buf_clear(&bytes);
	buf_clear(&shown);
	return more;
}

/* Each field of the header section, decoded. */
static int
each_field(struct showing *s,
    void (*each)(void *ctx, struct str name, struct str value), void *ctx,
    struct fault *f)
{
	struct header_field field;
	struct buf head, value;
	struct str rest;
	int more = 1;

	buf_init(&head, HEADER_MAX);
	buf_init(&value, VALUE_MAX);
	while (more == 1 &&
	       memmem(buf_text(&head), buf_len(&head), "\n\n", 2) == NULL)
		more = read_piece(s, &head, f);
	rest = buf_str(&head);
	if (more >= 0 && maildir_is_compressed(rest))
		more = fault_perm(f, "5.6.0",
		    "the file is compressed; --raw gives it as it is");
	while (more >= 0 && header_next(&rest, &field)) {
		buf_reset(&value);
		header_decode(&value, field.value);
		each(ctx, field.name, buf_str(&value));
	}
	buf_clear(&head);
	buf_clear(&value);
	return more < 0 ? -1 : 0;
}

static void
print_field(void *ctx, struct str name, struct str value)
{
	FILE *out = ctx;
	struct buf b;

	buf_init(&b, 2 * VALUE_MAX);
	if (shown_put(&b, name, true) == name.len)
		buf_puts(&b, ": ");
	if (shown_put(&b, value, true) == value.len)
		buf_putc(&b, '\n');
	fwrite(buf_text(&b), 1, buf_len(&b), out);
	buf_clear(&b);
}

static void
add_field(void *ctx, struct str name, struct str value)
{
	json_t *field = json_new_object();

	json_put_str(field, "name", name);
	json_put_str(field, "value", value);
	json_add(ctx, field);
}

static int
print_message(struct showing *s, struct fault *f)
{
	json_t *header;
	int rc;

	if (cmd_option(s->line, "raw") != NULL)
		return print_raw(s, f);
	if (!s->line->json) {
		table_print_fields(s->line->out, facts, s->message);
		putc('\n', s->line->out);
		return each_field(s, print_field, s->line->out, f);
	}
	header = json_new_array();
	rc = each_field(s, add_field, header, f);
	json_put(s->message, "header", header);
	if (rc == 0)
		list_print_json(s->line, s->message);
	return rc;
}

int
mailbox_show(struct cmd_line *line, struct fault *f)
{
	struct showing s = {.line = line, .fd = -1, .folder.dir = -1};
	int rc = -1;

	if (line->json && cmd_option(line, "raw") != NULL)
		return fault_perm(f, "5.5.4", "--raw or --json, not both");
	if (line->n_args < 2 && !select_is_given(line))
		return fault_perm(f, "5.5.4",
		    "which message? An id of \"posthouse mailbox search\", or "
		    "--message-id");
	buf_init(&s.ids, 200);
	if (mail_client_prepare(&s.mail, line, f) == 0 && choose(&s, f) == 0 &&
	    mail_client_begin(&s.mail, MAIL_CLIENT_CHANGE, f) == 0 &&
	    open_file(&s, f) == 0)
		rc = print_message(&s, f);
	if (s.fd >= 0)
		close(s.fd);
	client_list_clear(&s.list);
	if (s.folder.dir >= 0)
		client_folder_close(&s.folder);
	mail_client_close(&s.mail);
	json_free(&s.message);
	buf_clear(&s.ids);
	return rc;
}
