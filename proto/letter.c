/* SPDX-License-Identifier: ISC */
/*
 * Letters: read and checked once, filled in often. A filled text is as safe as
 * its values are.
 */
#include "config.h"

#include "proto/letter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { FILE_MAX = 64 << 10 };

struct letter {
	const char *const *names;
	struct buf bytes; /* of the file; nothing for what is built in */
	struct str subject, language, text;
};

struct letter *
letter_new(const char *subject, const char *text, const char *const *names)
{
	struct letter *l = mem_new(struct letter);

	buf_init(&l->bytes, FILE_MAX + 4096);
	l->names = names;
	l->subject = str(subject);
	l->text = str(text);
	l->language = STR_LIT("en");
	return l;
}

void
letter_free(struct letter **letter)
{
	if (*letter == NULL)
		return;
	buf_clear(&(*letter)->bytes);
	mem_free(*letter);
	*letter = NULL;
}

static int
find_name(const struct letter *l, struct str name)
{
	for (int i = 0; l->names[i] != NULL; i++) {
		if (str_is(name, str(l->names[i])))
			return i;
	}
	return -1;
}

/*
 * The text up to the next placeholder, which is cut off *text with it. "{{"
 * gives what is before it with the first brace. *p is -1 at the end, and
 * where *bad says what is wrong.
 */
static struct str
next_part(const struct letter *l, struct str *text, int *p, struct str *bad)
{
	struct str part = str_head(*text, str_find(*text, '{')), name;

	*p = -1;
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
	*p = find_name(l, name);
	if (*p < 0)
		*bad = str_head(*text, name.len + 2);
	else
		*text = str_from(*text, name.len + 2);
	return part;
}

static void
fill(const struct letter *l, struct str text, const struct str *values,
    struct buf *b)
{
	while (text.len > 0) {
		struct str bad;
		int p;

		buf_put_str(b, next_part(l, &text, &p, &bad));
		if (p >= 0)
			buf_put_str(b, values[p]);
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
check_text(
    const struct letter *l, struct str text, struct place *at, struct fault *f)
{
	while (text.len > 0) {
		int p;
		struct str bad, part = next_part(l, &text, &p, &bad);

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
take_field(
    struct letter *l, struct str line, const struct place *at, struct fault *f)
{
	struct str value = line, name = str_cut(&value, ':');

	value = str_trim(value);
	if (value.len == 0)
		return bad_place(at, f, "no \"Field: value\": ", line);
	if (str_is_nocase(name, STR_LIT("Subject")))
		l->subject = value;
	else if (str_is_nocase(name, STR_LIT("Language")))
		l->language = value;
	else
		return bad_place(at, f, "not Subject or Language: ", name);
	return check_text(l, value, &(struct place){at->path, at->line}, f);
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
parse(struct letter *l, const char *path, struct fault *f)
{
	struct place at = {path, 0};
	struct str line;

	if (memchr(l->bytes.bytes, '\0', buf_len(&l->bytes)) != NULL)
		return fault_perm(f, "5.3.5", "%s: this is no text", path);
	while (buf_take_line(&l->bytes, &line) && line.len > 0) {
		at.line++;
		if (take_field(l, line, &at, f) < 0)
			return -1;
		if (!is_language(l->language))
			return bad_place(&at, f, "no language: ", l->language);
	}
	at.line += 2;
	l->text = buf_str(&l->bytes);
	if (str_trim(l->text).len == 0)
		return fault_perm(f, "5.3.5",
		    "%s: there is no text behind an empty line", path);
	return check_text(l, l->text, &at, f);
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

int
letter_load(
    struct letter *l, const char *dir, const char *name, struct fault *f)
{
	char path[4096];
	FILE *file;
	int rc = -1;

	if ((size_t)snprintf(path, sizeof path, "%s/%s.txt", dir, name) >=
	    sizeof path)
		return fault_perm(f, "5.3.5", "%s: too long a path", dir);
	file = fopen(path, "re");
	if (file == NULL)
		return errno == ENOENT ? 0
				       : fault_errno(f, "cannot open %s", path);
	if (read_file(file, path, &l->bytes, f) < 0)
		goto out;
	l->language = STR_LIT("");
	rc = parse(l, path, f);
out:
	fclose(file);
	return rc;
}

void
letter_put_subject(
    const struct letter *l, const struct str *values, struct buf *b)
{
	fill(l, l->subject, values, b);
}

void
letter_put_text(const struct letter *l, const struct str *values, struct buf *b)
{
	fill(l, l->text, values, b);
}

struct str
letter_language(const struct letter *l)
{
	return l->language;
}
