/* SPDX-License-Identifier: ISC */
/* Field by field. */
#include "config.h"

#include "mta/smtpd/list_header.h"

#include "proto/address.h"
#include "proto/header.h"
#include "proto/mime.h"

enum {
	NAME_MAX_LEN = 200, /* bytes of an author's name that are shown */
	VALUE_MAX = 64 << 10,
};

/* Where it has been. */

/* Whether the value, on one line, is (or ends in) the text. */
static bool
has_value(struct str value, struct str text, bool at_end)
{
	struct buf line;
	struct str all;
	bool found;

	buf_init(&line, VALUE_MAX);
	header_unfold(&line, value);
	all = buf_str(&line);
	if (at_end && all.len > text.len)
		all = str_from(all, all.len - text.len);
	found = str_is_nocase(all, text);
	buf_clear(&line);
	return found;
}

bool
list_header_is_looping(struct str header, const struct list_facts *l)
{
	struct header_field field;
	bool found = false;
	struct buf id;

	buf_init(&id, l->id.len + 2);
	buf_putf(&id, "<%.*s>", STR_ARG(l->id));
	while (!found && header_next(&header, &field)) {
		if (str_is_nocase(field.name, STR_LIT("List-Id")))
			found = has_value(field.value, buf_str(&id), true);
		else if (str_is_nocase(field.name, STR_LIT("Delivered-To")))
			found = has_value(field.value, l->address, false);
	}
	buf_clear(&id);
	return found;
}

/* The list's own. */

/* A display name; a blank stands behind it. */
static void
put_phrase(struct buf *b, struct str text, size_t used)
{
	if (text.len == 0)
		return;
	if (!mime_is_ascii(text)) {
		mime_put_words(b, text, used);
		buf_putc(b, ' ');
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			buf_putc(b, '\\');
		buf_putc(b, text.at[i] < ' ' ? ' ' : text.at[i]);
	}
	buf_puts(b, "\" ");
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || strchr("-._~@", c) != NULL;
}

/* RFC 6068 2 */
static void
put_mailto(struct buf *b, struct str address, const char *subject)
{
	buf_puts(b, "<mailto:");
	for (size_t i = 0; i < address.len; i++) {
		if (is_unreserved(address.at[i]))
			buf_putc(b, address.at[i]);
		else
			buf_putf(b, "%%%02X", (unsigned char)address.at[i]);
	}
	if (subject != NULL)
		buf_putf(b, "?subject=%s", subject);
	buf_putc(b, '>');
}

static void
put_field(
    struct buf *b, const char *name, struct str address, const char *subject)
{
	buf_putf(b, "%s: ", name);
	put_mailto(b, address, subject);
	buf_puts(b, "\r\n");
}

void
list_header_put_own(struct buf *b, const struct list_facts *l)
{
	buf_puts(b, "List-Id: ");
	put_phrase(b, l->title, 9);
	buf_putf(b, "<%.*s>\r\n", STR_ARG(l->id));
	put_field(b, "List-Post", l->address, NULL);
	put_field(b, "List-Help", l->owner, "help");
	put_field(b, "List-Owner", l->owner, NULL);
	buf_puts(b, "List-Unsubscribe: ");
	if (l->unsubscribe.len > 0)
		buf_putf(b, "<%.*s>,\r\n ", STR_ARG(l->unsubscribe));
	put_mailto(b, l->owner, "unsubscribe");
	buf_puts(b, "\r\nPrecedence: list\r\n");
}

/* The author. */

struct author {
	struct str domain; /* the list's */
	struct buf first;  /* the first address */
	bool is_foreign;   /* an address of another domain */
};

static void
see_author(void *ctx, struct str addr_spec)
{
	struct author *a = ctx;
	struct str domain =
	    str_from(addr_spec, str_find_last(addr_spec, '@') + 1);

	if (buf_len(&a->first) == 0)
		buf_put_str(&a->first, addr_spec);
	if (!str_is_nocase(domain, a->domain))
		a->is_foreign = true;
}

static struct str
list_local(const struct list_facts *l)
{
	return str_head(l->address, str_find_last(l->address, '@'));
}

/* The display name of the first author, without quotes; else what stands before
 * the "@". Cut where a character ends. */
static void
put_name(struct buf *b, struct str value, struct str addr_spec)
{
	struct buf text;
	struct str name;

	buf_init(&text, 4 * VALUE_MAX);
	header_decode(&text, value);
	name = buf_str(&text);
	name = str_trim(
	    str_head(name, str_has(name, '<') ? str_find(name, '<') : 0));
	if (name.len == 0)
		name = str_head(addr_spec, str_find_last(addr_spec, '@'));
	if (name.len > NAME_MAX_LEN) {
		size_t n = NAME_MAX_LEN;

		while (n > 0 && ((unsigned char)name.at[n] & 0xc0) == 0x80)
			n--;
		name = str_head(name, n);
	}
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] != '"' && name.at[i] != '\\')
			buf_putc(b, name.at[i]);
	buf_clear(&text);
}

static void
put_via(struct buf *b, const struct header_field *from, struct str addr_spec,
    const struct list_facts *l)
{
	struct buf name;

	buf_init(&name, NAME_MAX_LEN + 200);
	put_name(&name, from->value, addr_spec);
	buf_puts(&name, " via ");
	buf_put_str(&name, l->title.len > 0 ? l->title : list_local(l));
	buf_puts(b, "From: ");
	put_phrase(b, buf_str(&name), 6);
	buf_putf(b, "<%.*s>\r\n", STR_ARG(l->address));
	buf_clear(&name);
}

static void
put_as(struct buf *b, const char *name, const struct header_field *field)
{
	struct str rest = str_from(field->whole, field->name.len);

	buf_puts(b, name);
	buf_put_str(b, rest);
	if (!str_ends(rest, STR_LIT("\n")))
		buf_puts(b, "\r\n");
}

/* False where the author is one of the list's domain, or none. */
static bool
put_from(struct buf *b, const struct header_field *from, bool has_reply_to,
    const struct list_facts *l)
{
	struct author a = {
	    .domain = str_from(l->address, list_local(l).len + 1)};
	bool ok;

	buf_init(&a.first, VALUE_MAX);
	(void)header_each_address(from->value, see_author, &a);
	ok = buf_len(&a.first) > 0 && a.is_foreign;
	if (ok) {
		put_via(b, from, buf_str(&a.first), l);
		if (!has_reply_to)
			put_as(b, "Reply-To", from);
		put_as(b, "X-Original-From", from);
	}
	buf_clear(&a.first);
	return ok;
}

/* Of a list before us: its help, its archive are not ours. */
static bool
is_of_a_list(struct str name)
{
	return str_starts_nocase(name, STR_LIT("List-")) ||
	       str_is_nocase(name, STR_LIT("Precedence"));
}

bool
list_header_put_rest(
    struct buf *b, struct str header, const struct list_facts *l)
{
	struct header_field field;
	struct str rest = header;
	bool has_reply_to = header_find(header, "Reply-To", &field);
	bool changed = false, seen_from = false;

	while (rest.len > 0) {
		struct str end = rest;
		bool is_from;

		if (!header_next(&rest, &field)) {
			buf_put_str(b, end);
			break;
		}
		is_from = l->rewrites_from &&
			  str_is_nocase(field.name, STR_LIT("From"));
		if (is_of_a_list(field.name) ||
		    (is_from && !seen_from &&
			put_from(b, &field, has_reply_to, l)))
			changed = true;
		else
			buf_put_str(b, field.whole);
		seen_from = seen_from || is_from;
	}
	return changed;
}
