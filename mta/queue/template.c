/* SPDX-License-Identifier: ISC */
/*
 * Templates: read and checked once, filled in often. A filled text is as safe
 * as its fields are: who fills them in gives one line each.
 */
#include "config.h"

#include "mta/queue/template.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/utf8.h"

enum {
	KINDS = REPORT_HELD + 1,
	FILE_MAX = 64 << 10,
	INDENT = 4,
	WIDTH = 72,
};

struct template
{
	struct buf bytes; /* of the file; nothing for what is built in */
	struct str subject, language, text;
};

struct templates {
	struct template kinds[KINDS];
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

static const struct placeholder {
	const char *name;
	size_t offset;
} placeholders[] = {
    {"hostname", offsetof(struct template_fields, hostname)},
    {"postmaster", offsetof(struct template_fields, postmaster)},
    {"sender", offsetof(struct template_fields, sender)},
    {"id", offsetof(struct template_fields, id)},
    {"arrival", offsetof(struct template_fields, arrival)},
    {"recipients", offsetof(struct template_fields, recipients)},
    {"reason", offsetof(struct template_fields, reason)},
    {"until", offsetof(struct template_fields, until)},
};

static const struct placeholder *
find_placeholder(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(placeholders); i++) {
		if (str_is(name, str(placeholders[i].name)))
			return &placeholders[i];
	}
	return NULL;
}

/*
 * The text up to the next placeholder, which is cut off *text with it. "{{"
 * gives what is before it with the first brace. *p is NULL at the end, and
 * where *bad says what is wrong.
 */
static struct str
next_part(struct str *text, const struct placeholder **p, struct str *bad)
{
	struct str part = str_head(*text, str_find(*text, '{')), name;

	*p = NULL;
	*bad = (struct str){0};
	*text = str_from(*text, part.len);
	if (text->len == 0)
		return part;
	if (str_starts(*text, STR_LIT("{{"))) {
		part.len++;
		*text = str_from(*text, 2);
		return part;
	}
	name = str_from(str_head(*text, str_find(*text, '}')), 1);
	*p = find_placeholder(name);
	if (*p == NULL)
		*bad = str_head(*text, name.len + 2);
	else
		*text = str_from(*text, name.len + 2);
	return part;
}

static void
fill(struct buf *b, struct str text, const struct template_fields *fields)
{
	while (text.len > 0) {
		const struct placeholder *p;
		struct str bad;

		buf_put_str(b, next_part(&text, &p, &bad));
		if (p != NULL)
			buf_put_str(b,
			    *(const struct str *)(const void *)((const char *)
								    fields +
								p->offset));
	}
}

/* Where in a file something is. */
struct place {
	const char *path;
	unsigned line;
};

static int
bad_place(const struct place *at, struct fault *f, const char *what,
    struct str detail)
{
	return fault_perm(f, "5.3.5", "%s:%u: %s%.*s", at->path, at->line, what,
	    STR_ARG(str_head(detail, 60)));
}

static unsigned
count_lines(struct str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.at[i] == '\n';
	return n;
}

static int
check_text(struct str text, struct place *at, struct fault *f)
{
	while (text.len > 0) {
		const struct placeholder *p;
		struct str bad, part = next_part(&text, &p, &bad);

		if (!utf8_is_valid(part)) {
			size_t good = 0, n;

			while ((n = utf8_get(str_from(part, good), NULL)) > 0)
				good += n;
			at->line += count_lines(str_head(part, good));
			return bad_place(at, f, "this is no UTF-8", str(""));
		}
		at->line += count_lines(part);
		if (bad.len > 0)
			return bad_place(at, f, "no placeholder: ",
			    str_head(bad, str_find(bad, '\n')));
	}
	return 0;
}

static int
take_field(struct template *t, struct str line, const struct place *at,
    struct fault *f)
{
	struct str value = line, name = str_cut(&value, ':');

	value = str_trim(value);
	if (value.len == 0)
		return bad_place(at, f, "no \"Field: value\": ", line);
	if (str_is_nocase(name, STR_LIT("Subject")))
		t->subject = value;
	else if (str_is_nocase(name, STR_LIT("Language")))
		t->language = value;
	else
		return bad_place(at, f, "not Subject or Language: ", name);
	return check_text(value, &(struct place){at->path, at->line}, f);
}

static bool
is_language(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return s.len <= 35; /* RFC 5646 4.4.1 */
}

/* The fields, an empty line, the text. */
static int
parse(struct template *t, const char *path, struct fault *f)
{
	struct place at = {path, 0};
	struct str line;

	if (memchr(t->bytes.bytes, '\0', buf_len(&t->bytes)) != NULL)
		return fault_perm(f, "5.3.5", "%s: this is no text", path);
	while (buf_take_line(&t->bytes, &line) && line.len > 0) {
		at.line++;
		if (take_field(t, line, &at, f) < 0)
			return -1;
		if (!is_language(t->language))
			return bad_place(&at, f, "no language: ", t->language);
	}
	at.line += 2;
	t->text = buf_str(&t->bytes);
	if (str_trim(t->text).len == 0)
		return fault_perm(f, "5.3.5",
		    "%s: there is no text behind an empty line", path);
	return check_text(t->text, &at, f);
}

static int
read_file(FILE *file, const char *path, struct buf *b, struct fault *f)
{
	size_t room;
	char *space;

	while ((space = buf_space(b, 4096, &room)) != NULL) {
		size_t got = fread(space, 1, 4096, file);

		buf_added(b, got);
		if (got == 0)
			break;
	}
	if (ferror(file))
		return fault_errno(f, "cannot read %s", path);
	if (space == NULL)
		return fault_perm(
		    f, "5.3.5", "%s: longer than %d bytes", path, FILE_MAX);
	return 0;
}

static int
load(struct template *t, const char *dir, enum report_action kind,
    struct fault *f)
{
	char path[4096];
	FILE *file;
	int rc = -1;

	if ((size_t)snprintf(path, sizeof path, "%s/%s.txt", dir,
		report_action_name(kind)) >= sizeof path)
		return fault_perm(f, "5.3.5", "%s: too long a path", dir);
	file = fopen(path, "re");
	if (file == NULL)
		return errno == ENOENT ? 0
				       : fault_errno(f, "cannot open %s", path);
	if (read_file(file, path, &t->bytes, f) < 0)
		goto out;
	t->language = STR_LIT("");
	rc = parse(t, path, f);
out:
	fclose(file);
	return rc;
}

struct templates *
templates_new(const char *dir, struct fault *f)
{
	struct templates *all = mem_new(struct templates);
	struct stat st;

	for (int kind = 0; kind < KINDS; kind++) {
		struct template *t = &all->kinds[kind];

		buf_init(&t->bytes, FILE_MAX + 4096);
		t->subject = str(built_in[kind].subject);
		t->text = str(built_in[kind].text);
		t->language = STR_LIT("en");
	}
	if (dir == NULL)
		return all;
	if (stat(dir, &st) < 0) {
		fault_errno(f, "cannot open %s", dir);
		goto failed;
	}
	for (int kind = 0; kind < KINDS; kind++) {
		if (load(&all->kinds[kind], dir, kind, f) < 0)
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
		buf_clear(&(*templates)->kinds[kind].bytes);
	mem_free(*templates);
	*templates = NULL;
}

void
template_put_subject(const struct templates *templates, enum report_action kind,
    const struct template_fields *fields, struct buf *b)
{
	fill(b, templates->kinds[kind].subject, fields);
}

void
template_put_text(const struct templates *templates, enum report_action kind,
    const struct template_fields *fields, struct buf *b)
{
	fill(b, templates->kinds[kind].text, fields);
}

struct str
template_language(const struct templates *templates, enum report_action kind)
{
	return templates->kinds[kind].language;
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
