/* SPDX-License-Identifier: ISC */
/*
 * base/conf.h, with a table that has every type. What is read, written and read
 * again must be the same.
 *
 * The input is the file "main.conf", and behind each line "%%" the next of
 * "a.conf" and "b.conf", for @include. They live in a directory of our own: a
 * slash, or a backslash that may spell one, is replaced unless it belongs to a
 * comment, and the environment is empty, so that no name leads out of it.
 */
#include "config.h"

#include "base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

enum { FILES = 3, FILE_MAX = 65536 };
static const char *const names[FILES] = {"main.conf", "a.conf", "b.conf"};
static char dir[] = "/tmp/fuzz_conf.XXXXXX";
static int dir_fd = -1;

struct inner {
	const char *title;
	int choice;
	struct conf_list list;
};

struct outer {
	bool flag;
	uint64_t number, size, time;
	const char *text, *path;
	int choice;
	struct conf_list list;
	struct conf_sections inner;
};

struct top {
	const char *hostname;
	uint64_t number;
};

static const char *const choices[] = {"one", "two", "three-3", NULL};

static const struct conf_option inner_options[] = {
    {.name = "choice",
	.type = CONF_CHOICE,
	.offset = offsetof(struct inner, choice),
	.fallback = "two",
	.choices = choices,
	.help = "one of three"},
    {.name = "list",
	.type = CONF_LIST,
	.offset = offsetof(struct inner, list),
	.help = "texts"},
    {.name = NULL},
};
static const struct conf_table inner_table = {
    .section = "inner", .options = inner_options, .size = sizeof(struct inner)};

static const struct conf_option outer_options[] = {
    {.name = "flag",
	.type = CONF_BOOL,
	.offset = offsetof(struct outer, flag),
	.fallback = "on",
	.help = "on or off"},
    {.name = "number",
	.type = CONF_NUMBER,
	.offset = offsetof(struct outer, number),
	.fallback = "7",
	.min = 1,
	.max = 1000,
	.help = "a number"},
    {.name = "size",
	.type = CONF_SIZE,
	.offset = offsetof(struct outer, size),
	.fallback = "10M",
	.help = "bytes"},
    {.name = "time",
	.type = CONF_TIME,
	.offset = offsetof(struct outer, time),
	.fallback = "5m",
	.min = 1,
	.max = UINT64_MAX,
	.help = "a time"},
    {.name = "text",
	.type = CONF_TEXT,
	.offset = offsetof(struct outer, text),
	.help = "a text"},
    {.name = "path",
	.type = CONF_PATH,
	.offset = offsetof(struct outer, path),
	.fallback = "x",
	.help = "a path"},
    {.name = "choice",
	.type = CONF_CHOICE,
	.offset = offsetof(struct outer, choice),
	.fallback = "one",
	.choices = choices,
	.help = "one of three"},
    {.name = "list",
	.type = CONF_LIST,
	.offset = offsetof(struct outer, list),
	.fallback = "a b",
	.help = "texts"},
    {.name = "inner",
	.type = CONF_SECTION,
	.offset = offsetof(struct outer, inner),
	.sub = &inner_table,
	.help = "sections with a title"},
    {.name = NULL},
};
static const struct conf_table outer_table = {
    .section = "outer", .options = outer_options, .size = sizeof(struct outer)};

static const struct conf_option top_options[] = {
    {.name = "hostname",
	.type = CONF_TEXT,
	.offset = offsetof(struct top, hostname),
	.help = "a name"},
    {.name = "number",
	.type = CONF_NUMBER,
	.offset = offsetof(struct top, number),
	.fallback = "0",
	.help = "a number"},
    {.name = NULL},
};
static const struct conf_table top_table = {
    .options = top_options, .size = sizeof(struct top)};

static const struct conf_table *const tables[] = {&top_table, &outer_table};

static void
leave(void)
{
	for (size_t i = 0; i < FILES; i++)
		unlinkat(dir_fd, names[i], 0);
	rmdir(dir);
}

static void
enter(void)
{
	if (mkdtemp(dir) == NULL ||
	    (dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		die(EX_CANTCREAT, "%s: %s", dir, strerror(errno));
	atexit(leave);
	clearenv();
}

static void
write_file(const char *name, struct str text)
{
	int fd;

	/* Some file systems write at once what replaces a file's content. */
	unlinkat(dir_fd, name, 0);
	fd =
	    openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text.at, text.len) != (ssize_t)text.len)
		die(EX_IOERR, "%s/%s: %s", dir, name, strerror(errno));
	close(fd);
}

static bool
is_comment(struct str text, size_t at)
{
	bool opens = at + 1 < text.len && text.at[at + 1] == '*';
	bool closes = at > 0 && text.at[at - 1] == '*';

	return opens || closes;
}

/* No name in the text leads out of the directory. */
static void
tame(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char next = i + 1 < len ? at[i + 1] : '\0';

		if (at[i] == '/' && !is_comment(str_n(at, len), i))
			at[i] = '_';
		if (at[i] == '\\' &&
		    (next == 'x' || (next >= '0' && next <= '9')))
			at[i] = '_';
	}
}

static void
write_files(struct str in)
{
	for (size_t i = 0; i < FILES; i++) {
		const char *split =
		    in.len == 0 ? NULL : memmem(in.at, in.len, "\n%%\n", 4);
		size_t len = split == NULL ? in.len : (size_t)(split - in.at);

		write_file(names[i], str_head(in, len));
		in = str_from(in, len + 4);
	}
}

static struct conf *
read_file(const char *name, bool strict)
{
	char path[100];
	struct conf *conf;
	struct fault f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	conf = conf_read(path, tables, ARRAY_LEN(tables), strict, &f);
	if (conf != NULL)
		return conf;
	FUZZ_CHECK(f.kind == FAULT_PERM && f.text[0] != '\0');
	FUZZ_CHECK(str_starts(str(f.text), str(dir)));
	return NULL;
}

static void
check_values(const struct conf *conf)
{
	const struct outer *o = conf_get(conf, &outer_table);

	FUZZ_CHECK(o->number >= 1 && o->number <= 1000);
	FUZZ_CHECK(o->choice >= 0 && o->choice <= 2);
	FUZZ_CHECK(o->path != NULL && o->path[0] == '/');
	for (size_t i = 0; i < o->list.n; i++)
		FUZZ_CHECK(o->list.items[i] != NULL);
	for (size_t i = 0; i < o->inner.n; i++) {
		const struct inner *in =
		    (const void *)((const char *)o->inner.bytes +
				   i * sizeof *in);

		FUZZ_CHECK(in->title != NULL);
		FUZZ_CHECK(in->choice >= 0 && in->choice <= 2);
	}
}

static void
check_round(const struct conf *conf, bool sample)
{
	struct buf text, again;
	struct conf *copy;

	buf_init(&text, 1 << 20);
	buf_init(&again, 1 << 20);
	conf_format(conf, sample, &text);
	write_file(names[0], buf_str(&text));
	copy = read_file(names[0], true);
	if (copy == NULL)
		die_bug(
		    "what was written cannot be read:\n%s", buf_text(&text));
	conf_format(copy, sample, &again);
	if (!str_is(buf_str(&text), buf_str(&again)))
		die_bug("was written as:\n%s\nand then:\n%s", buf_text(&text),
		    buf_text(&again));
	conf_free(&copy);
	buf_clear(&text);
	buf_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	bool strict = fuzz_take_byte(&in) % 2 == 1;
	struct conf *conf;
	json_t *json;
	char *text;

	if (dir_fd < 0)
		enter();
	in = str_head(in, FILE_MAX);
	text = fuzz_copy(in);
	tame(text, in.len);
	write_files(str_n(text, in.len));
	mem_free(text);
	conf = read_file(names[0], strict);
	if (conf == NULL)
		return 0;
	check_values(conf);
	json = conf_to_json(conf);
	json_free(&json);
	check_round(conf, false);
	check_round(conf, true);
	conf_free(&conf);
	return 0;
}
