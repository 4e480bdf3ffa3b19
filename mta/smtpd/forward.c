/* SPDX-License-Identifier: ISC */
/* What an alias sends elsewhere. */
#include "config.h"

#include "mta/smtpd/forward.h"

#include "base/spool.h"
#include "mta/smtpd/note.h"
#include "mta/smtpd/part.h"
#include "mta/smtpd/session.h"
#include "proto/header.h"
#include "proto/socketmap.h"

int
forward_set_sender(
    struct smtpd_session *s, struct envelope_mail *mail, struct fault *f)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address sender;
	struct buf value;
	int found;

	if (address_is_null(&mail->reverse_path))
		return 0;
	address_format(&mail->reverse_path, text);
	buf_init(&value, ADDRESS_TEXT_SIZE);
	found = socketmap_look_up(
	    s->smtpd->directory, "forward", str(text), &value, f);
	note_look_up(s->notes, "forward", str(text), found, buf_str(&value), f);
	if (found > 0 && address_parse(buf_str(&value), &sender, f) == 0)
		mail->reverse_path = sender;
	else if (found > 0)
		found = fault_temp(
		    f, "4.3.0", "the directory's answer is no address");
	buf_clear(&value);
	if (found < 0)
		f->kind = FAULT_TEMP;
	return found < 0 ? -1 : 0;
}

/* Whether it has been forwarded by this alias before. */
struct loop_search {
	const char *alias;
	bool found;
};

static int
search_piece(void *ctx, struct str bytes, struct fault *f)
{
	struct loop_search *l = ctx;
	struct header_field field;

	while (!l->found && header_next(&bytes, &field)) {
		struct buf text;

		if (!str_is_nocase(field.name, STR_LIT("Delivered-To")))
			continue;
		buf_init(&text, ADDRESS_TEXT_SIZE);
		header_unfold(&text, field.value);
		l->found = str_is_nocase(buf_str(&text), str(l->alias));
		buf_clear(&text);
	}
	/* The header section is in the first piece. */
	(void)f;
	return -1;
}

static bool
is_looping(struct smtpd_session *s, const char *alias)
{
	struct loop_search l = {.alias = alias};
	struct fault ignored;

	(void)!spool_each(s->message->body, search_piece, &l, &ignored);
	return l.found;
}

static bool
forward_part(struct smtpd_session *s, const struct smtp_state *st,
    struct part *part, const char *alias, struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	struct envelope_mail mail = part_mail(s, st);
	struct buf head;
	struct fault f;
	bool doubt;

	part->mail = &mail;
	if (is_looping(s, alias)) {
		fault_perm(&f, "5.4.6",
		    "<%s>: this mail is forwarded in a "
		    "loop",
		    alias);
		part_fail(r, part, &f, mailboxes);
		return false;
	}
	if (forward_set_sender(s, &mail, &f) < 0) {
		part_fail(r, part, &f, mailboxes);
		return false;
	}
	buf_init(&head, PART_HEAD_MAX);
	buf_putf(&head, "Delivered-To: %s\r\n", alias);
	buf_put_str(&head, part->head);
	part->head = buf_str(&head);
	doubt = part_send(s, st, part, mailboxes);
	part_note_queued(s, part, mailboxes);
	buf_clear(&head);
	return doubt;
}

bool
forward_message(struct smtpd_session *s, const struct smtp_state *st,
    struct str head, struct smtp_outcome *mailboxes)
{
	const struct recipients *r = &s->message->recipients;
	bool *picked = arena_take(st->arena, r->n * sizeof *picked);
	char alias[ADDRESS_TEXT_SIZE];
	bool doubt = false;

	for (uint32_t rcpt = 0; rcpt < r->n_rcpts; rcpt++) {
		struct ident ident;
		struct part part = {
		    .pool = s->smtpd->queue, .head = head, .picked = picked};

		for (size_t i = 0; i < r->n; i++) {
			picked[i] =
			    r->ways[i] == WAY_FORWARD && r->rcpts[i] == rcpt;
			part.n += picked[i];
		}
		if (part.n == 0)
			continue;
		ident_sibling(&s->message->ident, rcpt + 1, &ident);
		part.ident = ident.text;
		address_format(&st->rcpts[rcpt].forward_path, alias);
		doubt = forward_part(s, st, &part, alias, mailboxes) || doubt;
	}
	return doubt;
}
