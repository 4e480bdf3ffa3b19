/* SPDX-License-Identifier: ISC */
/* A filled text is as safe as its fields are: who fills them in gives one line
 * each. */
#include "config.h"

#include "mta/queue/template.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/letter.h"

enum {
	KINDS = REPORT_HELD + 1,
	INDENT = 4,
	WIDTH = 72,
};

struct templates {
	struct letter *kinds[KINDS];
};

static const struct {
	const char *subject, *text;
} built_in[KINDS] = {
    [REPORT_FAILED] = {"Your message could not be delivered",
	"This is the mail system at {hostname}.\n"
	"\n"
	"Your message could not be delivered to the recipients below. Nothing\n"
	"more will be tried; please send it again once the cause is mended.\n"
	"\n"
	"{recipients}"
	"\n"
	"If you need help, write to {postmaster}\n"
	"and give the id {id}.\n"},
    [REPORT_DELAYED] = {"Your message is delayed",
	"This is the mail system at {hostname}.\n"
	"\n"
	"Your message could not be delivered to the recipients below yet. YOU\n"
	"NEED NOT SEND IT AGAIN: we go on trying until {until}.\n"
	"\n"
	"{recipients}"
	"\n"
	"If you need help, write to {postmaster}\n"
	"and give the id {id}.\n"},
    [REPORT_DELIVERED] = {"Your message was delivered",
	"This is the mail system at {hostname}.\n"
	"\n"
	"As you asked to be told: your message was delivered to the mailboxes\n"
	"of these recipients.\n"
	"\n"
	"{recipients}"},
    [REPORT_RELAYED] = {"Your message was passed on",
	"This is the mail system at {hostname}.\n"
	"\n"
	"As you asked to be told: your message was passed on to systems that\n"
	"do not report delivery. You will hear no more about these recipients,\n"
	"unless delivery fails.\n"
	"\n"
	"{recipients}"},
    [REPORT_EXPANDED] = {"Your message was passed on to a list",
	"This is the mail system at {hostname}.\n"
	"\n"
	"As you asked to be told: your message was passed on to the members of\n"
	"these lists. You will hear no more about these recipients.\n"
	"\n"
	"{recipients}"},
    [REPORT_HELD] = {"Your message is held",
	"This is the mail system at {hostname}.\n"
	"\n"
	"You have sent to more recipients than you may in a time, so your\n"
	"message to those below, and what you send now, is held until the\n"
	"postmaster lets it go. YOU NEED NOT SEND IT AGAIN. You will hear no\n"
	"more about further messages for a while.\n"
	"\n"
	"{recipients}"
	"\n"
	"If it was not you who sent it, somebody else has your password: change\n"
	"it now, and write to {postmaster}\n"
	"in any case, giving the id {id}.\n"},
};

/* As struct template_fields has them. */
static const char *const names[] = {"hostname", "postmaster", "sender", "id",
    "arrival", "recipients", "reason", "until", NULL};

static void
list_values(
    const struct template_fields *f, struct str values[ARRAY_LEN(names)])
{
	const struct str all[] = {f->hostname, f->postmaster, f->sender, f->id,
	    f->arrival, f->recipients, f->reason, f->until};

	memcpy(values, all, sizeof all);
}

struct templates *
templates_new(const char *dir, struct fault *f)
{
	struct templates *all = mem_new(struct templates);
	struct stat st;

	for (int kind = 0; kind < KINDS; kind++)
		all->kinds[kind] = letter_new(
		    built_in[kind].subject, built_in[kind].text, names);
	if (dir == NULL)
		return all;
	if (stat(dir, &st) < 0) {
		fault_errno(f, "cannot open %s", dir);
		goto failed;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		if (letter_load(
			all->kinds[kind], dir, report_action_name(kind), f) < 0)
			goto failed;
	}
	return all;
failed:
	templates_free(&all);
	return NULL;
}

void
templates_free(struct templates **templates)
{
	if (*templates == NULL)
		return;
	for (int kind = 0; kind < KINDS; kind++)
		letter_free(&(*templates)->kinds[kind]);
	mem_free(*templates);
	*templates = NULL;
}

void
template_put_subject(const struct templates *templates, enum report_action kind,
    const struct template_fields *fields, struct buf *b)
{
	struct str values[ARRAY_LEN(names)];

	list_values(fields, values);
	letter_put_subject(templates->kinds[kind], values, b);
}

void
template_put_text(const struct templates *templates, enum report_action kind,
    const struct template_fields *fields, struct buf *b)
{
	struct str values[ARRAY_LEN(names)];

	list_values(fields, values);
	letter_put_text(templates->kinds[kind], values, b);
}

struct str
template_language(const struct templates *templates, enum report_action kind)
{
	return letter_language(templates->kinds[kind]);
}

/* The next character, harmless. */
static void
put_character(struct buf *b, struct str *text)
{
	uint32_t c = 0xfffd;
	size_t len = utf8_get(*text, &c);

	utf8_put(b, c < ' ' || (c >= 0x7f && c < 0xa0) ? ' ' : c);
	*text = str_from(*text, len > 0 ? len : 1);
}

static void
put_wrapped(struct buf *b, struct str text)
{
	size_t width = 0;

	while ((text = str_trim(text)).len > 0) {
		struct str word = str_head(text, str_find(text, ' '));

		text = str_from(text, word.len);
		if (width > 0 && width + 1 + word.len > WIDTH) {
			buf_puts(b, "\n");
			width = 0;
		}
		if (width == 0)
			width = INDENT;
		buf_puts(b, width == INDENT ? "    " : " ");
		buf_put_str(b, word);
		width += word.len + 1;
	}
	if (width > 0)
		buf_puts(b, "\n");
}

void
template_put_recipient(struct buf *b, struct str address, struct str reason)
{
	struct buf clean;

	buf_puts(b, "<");
	while (address.len > 0)
		put_character(b, &address);
	buf_puts(b, ">\n");
	buf_init(&clean, 3 * (reason.len + 1));
	while (reason.len > 0)
		put_character(&clean, &reason);
	put_wrapped(b, buf_str(&clean));
	buf_clear(&clean);
}
