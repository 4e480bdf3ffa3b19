/* SPDX-License-Identifier: ISC */
/*
 * Includes are expanded here and not by libconfuse, whose own way keeps state
 * between two readings and knows only one name a section; and comments are
 * blanked, because it counts a line too many for some of them.
 */
#include "config.h"

#include "base/conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	TEXT_MAX = 2 << 20, /* of all files together */
	DEPTH_MAX = 10,
};

void
conf_text_init(struct conf_text *t, const char *dir, struct arena *arena)
{
	*t = (struct conf_text){.dir = dir, .arena = arena};
	buf_init(&t->bytes, TEXT_MAX);
}

void
conf_text_clear(struct conf_text *t)
{
	buf_clear(&t->bytes);
	mem_free(t->lines);
	t->lines = NULL;
	t->n = t->room = 0;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '@';
}

static void
blank(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != '\n')
			at[i] = ' ';
}

static unsigned
count_lines(struct str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.at[i] == '\n';
	return n;
}

/* The length of the comment at the front of s, 0 if none; s.len + 1 where it
 * does not end. */
static size_t
comment_len(struct str s)
{
	if (s.at[0] == '#' || str_starts(s, STR_LIT("//")))
		return str_find(s, '\n');
	if (!str_starts(s, STR_LIT("/*")))
		return 0;
	for (size_t i = 3; i < s.len; i++)
		if (s.at[i] == '/' && s.at[i - 1] == '*')
			return i + 1;
	return s.len + 1;
}

/* The same for a text in quotes. */
static size_t
quoted_len(struct str s)
{
	size_t i;

	if (s.at[0] != '"' && s.at[0] != '\'')
		return 0;
	for (i = 1; i < s.len && s.at[i] != s.at[0]; i++)
		if (s.at[i] == '\\')
			i++;
	return i < s.len ? i + 1 : s.len + 1;
}

/* Blanks the comments of one file; a quote or comment without an end is a
 * fault, for what follows it would be read as something else. */
static int
blank_comments(const char *path, char *text, size_t len, struct fault *f)
{
	size_t i = 0;

	while (i < len) {
		struct str rest = str_n(text + i, len - i);
		size_t comment = comment_len(rest);
		size_t skip = comment > 0 ? comment : quoted_len(rest);

		if (skip > rest.len)
			return fault_perm(f, "5.3.5",
			    "%s:%u: a %s begins here and does not end", path,
			    count_lines(str_n(text, i)) + 1,
			    comment > 0 ? "comment" : "text in quotes");
		if (comment > 0)
			blank(text + i, comment);
		i += skip > 0 ? skip : 1;
	}
	return 0;
}

static int
read_all(const char *path, struct buf *b, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return fault_perm(f, "5.3.5", "%s: %s", path, strerror(errno));
	while (n > 0) {
		size_t room;
		char *at = buf_space(b, 4096, &room);

		if (at == NULL)
			break;
		n = read(fd, at, room);
		if (n > 0)
			buf_added(b, (size_t)n);
	}
	if (n < 0)
		fault_perm(f, "5.3.5", "%s: %s", path, strerror(errno));
	close(fd);
	if (n < 0)
		return -1;
	if (buf_is_full(b))
		return fault_perm(f, "5.3.5", "%s: longer than %d bytes", path,
		    TEXT_MAX - 4096);
	if (str_has(buf_str(b), '\0'))
		return fault_perm(f, "5.3.5", "%s: has a NUL byte", path);
	return 0;
}

static void
put_line(struct conf_text *t, struct conf_line place, struct str line)
{
	if (t->n == t->room) {
		t->room = t->room * 2 + 64;
		t->lines = mem_resize(t->lines, t->room, sizeof *t->lines);
	}
	t->lines[t->n++] = place;
	buf_put_str(&t->bytes, line);
	buf_putc(&t->bytes, '\n');
}

static bool
is_include(struct str line)
{
	line = str_trim(line);
	return str_starts(line, STR_LIT("@include")) &&
	       (line.len == 8 || !is_word(line.at[8]));
}

/* What stands behind @include: one name, in quotes or not. NULL: it does not. */
static const char *
include_path(const struct conf_text *t, struct str line)
{
	struct str name = str_trim(str_from(str_trim(line), 8));

	if (name.len > 0 && quoted_len(name) == name.len)
		name = str_n(name.at + 1, name.len - 2);
	if (name.len == 0 || str_has(name, ' ') || str_has(name, '\t') ||
	    str_has(name, '"') || str_has(name, '\\'))
		return NULL;
	if (name.at[0] == '/')
		return arena_text(t->arena, name);
	return arena_putf(t->arena, "%s/%.*s", t->dir, STR_ARG(name));
}

static int add_file(
    struct conf_text *t, const char *path, unsigned depth, struct fault *f);

static int
include(struct conf_text *t, struct conf_line place, struct str line,
    unsigned depth, struct fault *f)
{
	const char *path = include_path(t, line);
	struct fault why;

	if (path == NULL)
		return fault_perm(f, "5.3.5",
		    "%s:%u: @include needs one file name, and a line of its own",
		    place.path, place.number);
	if (depth >= DEPTH_MAX || ++t->includes > CONF_TEXT_INCLUDES)
		return fault_perm(f, "5.3.5",
		    "%s:%u: too many files are included (a circle?)",
		    place.path, place.number);
	if (access(path, R_OK) < 0)
		return fault_perm(f, "5.3.5", "%s:%u: cannot include %s: %s",
		    place.path, place.number, path, strerror(errno));
	if (add_file(t, path, depth + 1, &why) < 0) {
		*f = why;
		return -1;
	}
	return 0;
}

/* Text in quotes may go on over line ends: nothing in it is an @include. */
static int
add_lines(struct conf_text *t, const char *path, struct str text,
    unsigned depth, struct fault *f)
{
	struct conf_line place = {path, 0};

	while (text.len > 0) {
		struct str line = str_head(text, str_find(text, '\n'));
		size_t i = 0;

		place.number++;
		if (is_include(line)) {
			if (include(t, place, line, depth, f) < 0)
				return -1;
			text = str_from(text, line.len + 1);
			continue;
		}
		while (i < text.len && text.at[i] != '\n') {
			size_t skip = quoted_len(str_from(text, i));

			i += skip > 0 ? skip : 1;
		}
		for (line = str_head(text, i); str_has(line, '\n');
		     place.number++)
			put_line(t, place, str_cut(&line, '\n'));
		put_line(t, place, line);
		text = str_from(text, i + 1);
	}
	return 0;
}

static int
add_file(struct conf_text *t, const char *path, unsigned depth, struct fault *f)
{
	struct buf raw;
	int rc;

	t->files[t->n_files++] = path;
	buf_init(&raw, TEXT_MAX);
	rc = read_all(path, &raw, f);
	if (rc == 0 && buf_len(&raw) > 0)
		rc = blank_comments(
		    path, raw.bytes + raw.start, buf_len(&raw), f);
	if (rc == 0)
		rc = add_lines(t, path, buf_str(&raw), depth, f);
	if (rc == 0 && buf_is_full(&t->bytes))
		rc = fault_perm(f, "5.3.5",
		    "%s: the files together are longer "
		    "than %d bytes",
		    path, TEXT_MAX);
	buf_clear(&raw);
	return rc;
}

int
conf_text_read(struct conf_text *t, const char *path, struct fault *f)
{
	return add_file(t, path, 0, f);
}

struct conf_line
conf_text_place(const struct conf_text *t, int line)
{
	static const struct conf_line nowhere = {"configuration", 0};

	if (t->n == 0)
		return nowhere;
	if (line < 1)
		line = 1;
	return t->lines[(size_t)line <= t->n ? (size_t)line - 1 : t->n - 1];
}

static int
fault_at(
    const struct conf_text *t, size_t at, const char *what, struct fault *f)
{
	struct str before = str_head(buf_str(&t->bytes), at);
	struct conf_line place =
	    conf_text_place(t, (int)count_lines(before) + 1);

	return fault_perm(f, "5.3.5", "%s:%u: %s begins here and does not end",
	    place.path, place.number, what);
}

int
conf_text_blank(struct conf_text *t,
    bool (*is_known)(const void *ctx, struct str name), const void *ctx,
    struct fault *f)
{
	char *text = t->bytes.bytes;
	size_t len = buf_len(&t->bytes), i = 0, opened_at = 0;
	struct str word = {0};
	unsigned depth = 0;
	bool foreign = false;

	if (len == 0)
		return 0;
	while (i < len) {
		size_t skip = quoted_len(str_n(text + i, len - i));

		if (skip == 0 && depth == 0 && is_word(text[i])) {
			word = str_n(text + i, 0);
			while (i < len && is_word(text[i])) {
				word.len++;
				i++;
			}
			continue;
		}
		if (text[i] == '=' && depth == 0)
			word.len = 0; /* a list's brace follows, or a value */
		if (text[i] == '{' && depth++ == 0) {
			foreign = word.len > 0 && is_known != NULL &&
				  !is_known(ctx, word);
			opened_at = word.len > 0 ? (size_t)(word.at - text) : i;
		}
		if (text[i] == '}' && depth > 0 && --depth == 0) {
			if (foreign)
				blank(text + opened_at, i + 1 - opened_at);
			foreign = false;
			word.len = 0;
		}
		i += skip > 0 ? skip : 1;
	}
	if (depth > 0)
		return fault_at(t, opened_at, "a section", f);
	return 0;
}

/* A word, or a text in quotes; empty where s begins with something else. */
static struct str
token(struct str s)
{
	size_t n = quoted_len(s);

	if (n > 0)
		return str_head(s, n);
	while (n < s.len && is_word(s.at[n]))
		n++;
	return str_head(s, n);
}

static struct str
unquoted(struct str s)
{
	return quoted_len(s) > 0 ? str_n(s.at + 1, s.len - 2) : s;
}

int
conf_text_find_section(
    const struct conf_text *t, struct str name, struct str title)
{
	struct str all = buf_str(&t->bytes), before = {0}, last = {0};
	size_t i = 0;

	while (i < all.len) {
		struct str word = token(str_from(all, i));

		if (word.len > 0) {
			before = last;
			last = word;
			i += word.len;
			continue;
		}
		if (all.at[i] == '{' && str_is(before, name) &&
		    str_is(unquoted(last), title))
			return (int)count_lines(str_head(
				   all, (size_t)(before.at - all.at))) +
			       1;
		/* Nothing but blanks stands between the three. */
		if (all.at[i] != ' ' && all.at[i] != '\t' &&
		    all.at[i] != '\n' && all.at[i] != '\r')
			before = last = (struct str){0};
		i++;
	}
	return 0;
}
