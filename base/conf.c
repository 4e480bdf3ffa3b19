/* SPDX-License-Identifier: ISC */
/*
 * Reading the configuration file with libconfuse; no other file includes it.
 *
 * To libconfuse every option is a text, which a callback checks while the line
 * is known; what is filled afterwards cannot fail. Includes are expanded, and
 * sections that belong to other programs blanked, before it sees the text:
 * see conf_text.h.
 */
#include "config.h"

#include "base/conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf_text.h"
#include "base/conf_value.h"
#include "base/mem.h"

/* Where an option was set. */
struct place {
	const struct place *next;
	const struct conf_option *option;
	const char *where;
};

struct conf {
	const char *path;
	const char *dir;
	const struct conf_table *const *tables;
	void **filled; /* one struct a table */
	size_t n;
	struct arena arena;
	const struct place *places; /* the last one first */
	const char **files;         /* that were read, absolute */
	size_t n_files;
};

/* One reading; libconfuse's callbacks have no argument for it. */
struct reading {
	struct conf *conf;
	struct conf_text text;
	bool failed;
	struct fault *f;
};
static _Thread_local struct reading *reading;

static void on_complaint(cfg_t *cfg, const char *fmt, va_list ap) FORMAT(2, 0);

/* Only the first complaint counts: the rest follow from it. */
static void
on_complaint(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct conf_line place = conf_text_place(&reading->text, cfg->line);
	char text[200];

	if (reading->failed)
		return;
	reading->failed = true;
	vsnprintf(text, sizeof text, fmt, ap);
	fault_perm(
	    reading->f, "5.3.5", "%s:%u: %s", place.path, place.number, text);
}

static bool
is_known_section(const void *ctx, struct str word)
{
	const struct conf *conf = ctx;

	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_table *t = conf->tables[i];
		const struct conf_option *o = t->options;

		if (t->section != NULL && str_is(word, str(t->section)))
			return true;
		for (; t->section == NULL && o->name != NULL; o++)
			if (str_is(word, str(o->name)))
				return true;
	}
	return false;
}

/* Tables, as libconfuse wants them. */

static const struct conf_table *
find_sub(const struct conf_option *o, const char *section)
{
	for (; o->name != NULL; o++) {
		const struct conf_table *t;

		if (o->type != CONF_SECTION)
			continue;
		if (strcmp(o->name, section) == 0)
			return o->sub;
		t = find_sub(o->sub->options, section);
		if (t != NULL)
			return t;
	}
	return NULL;
}

static const struct conf_option *
find_option(cfg_t *cfg, const char *name)
{
	const struct conf *conf = reading->conf;
	const struct conf_option *o;

	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_table *t = conf->tables[i];
		const char *own = t->section != NULL ? t->section : "root";

		if (strcmp(own, cfg->name) != 0)
			t = find_sub(t->options, cfg->name);
		for (o = t != NULL ? t->options : NULL;
		     o != NULL && o->name != NULL; o++)
			if (strcmp(o->name, name) == 0)
				return o;
	}
	return NULL;
}

static void
keep_place(const struct conf_option *o, int line)
{
	struct conf *conf = reading->conf;
	struct conf_line at = conf_text_place(&reading->text, line);
	struct place *p = arena_new(&conf->arena, struct place);

	p->option = o;
	p->where = arena_putf(&conf->arena, "%s:%u", at.path, at.number);
	p->next = conf->places;
	conf->places = p;
}

static const struct place *
find_place(const struct conf *conf, const struct conf_option *o)
{
	const struct place *p = conf->places;

	while (p != NULL && p->option != o)
		p = p->next;
	return p;
}

static int
on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct conf_option *o = find_option(cfg, opt->name);
	struct fault f;

	if (o == NULL)
		die_bug("configuration: option %s is in no table", opt->name);
	if (o->type != CONF_LIST && conf_value_check(o, value, &f) < 0) {
		cfg_error(cfg, "%s", f.text);
		return -1;
	}
	*(const char **)result = value;
	if (o->type != CONF_LIST || find_place(reading->conf, o) == NULL)
		keep_place(o, cfg->line);
	return 0;
}

/* libconfuse tells a callback the name of the section alone: two kinds of
 * section may not share one. */
static void
check_sub_name(const struct conf_option *o)
{
	const struct conf *conf = reading->conf;

	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_table *t =
		    find_sub(conf->tables[i]->options, o->name);

		if (t != NULL && t != o->sub)
			die_bug("configuration: two kinds of section \"%s\"",
			    o->name);
	}
}

static cfg_opt_t *
take_opts(size_t n)
{
	return arena_take(&reading->conf->arena, (n + 1) * sizeof(cfg_opt_t));
}

static cfg_opt_t *build(const struct conf_option *options);

static cfg_opt_t
as_opt(const struct conf_option *o)
{
	/* libconfuse only reads through these. */
	char *name = (char *)(uintptr_t)o->name;
	cfg_opt_t section = CFG_SEC(name, build(o->sub->options),
	    CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);

	check_sub_name(o);
	return section;
}

static cfg_opt_t
as_value(const struct conf_option *o)
{
	char *name = (char *)(uintptr_t)o->name;
	cfg_opt_t one = CFG_STR_CB(name, NULL, CFGF_NODEFAULT, on_value);
	cfg_opt_t list = CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, on_value);

	return o->type == CONF_LIST ? list : one;
}

static size_t
put_opts(const struct conf_option *o, cfg_opt_t *opts)
{
	size_t n = 0;

	for (; o->name != NULL; o++, n++)
		opts[n] = o->type == CONF_SECTION ? as_opt(o) : as_value(o);
	return n;
}

static size_t
count_options(const struct conf_option *o)
{
	size_t n = 0;

	while (o[n].name != NULL)
		n++;
	return n;
}

static void
put_end(cfg_opt_t *opts)
{
	cfg_opt_t end = CFG_END();

	opts[0] = end;
}

static cfg_opt_t *
build(const struct conf_option *options)
{
	cfg_opt_t *opts = take_opts(count_options(options));

	put_end(opts + put_opts(options, opts));
	return opts;
}

static cfg_opt_t *
build_root(void)
{
	const struct conf *conf = reading->conf;
	size_t n = conf->n;
	cfg_opt_t *opts;

	for (size_t i = 0; i < conf->n; i++)
		n += count_options(conf->tables[i]->options);
	opts = take_opts(n);
	n = 0;
	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_table *t = conf->tables[i];

		if (t->section == NULL) {
			n += put_opts(t->options, opts + n);
		} else {
			cfg_opt_t section =
			    CFG_SEC((char *)(uintptr_t)t->section,
				build(t->options), CFGF_NONE);

			opts[n++] = section;
		}
	}
	put_end(opts + n);
	return opts;
}

/* Filling. */

static int fill(
    cfg_t *sec, const struct conf_table *t, const char *title, void *base);

/* The fallback's items, split by blanks. */
static void
put_fallback_list(const struct conf_option *o, struct conf_list *list)
{
	struct arena *arena = &reading->conf->arena;
	struct str rest = str(o->fallback);

	list->items =
	    arena_take(arena, (rest.len / 2 + 1) * sizeof *list->items);
	while (rest.len > 0) {
		struct str item = str_cut(&rest, ' ');

		if (item.len > 0)
			list->items[list->n++] = arena_text(arena, item);
	}
}

static void
fill_list(const struct conf_option *o, cfg_opt_t *opt, void *base)
{
	struct conf_list *list = (void *)((char *)base + o->offset);
	struct arena *arena = &reading->conf->arena;
	unsigned n = cfg_opt_size(opt);

	if ((opt->flags & CFGF_MODIFIED) == 0 && n == 0) {
		put_fallback_list(o, list);
		return;
	}
	list->items = arena_take(arena, (n + 1) * sizeof *list->items);
	for (; list->n < n; list->n++)
		list->items[list->n] = arena_text(
		    arena, str(cfg_opt_getnstr(opt, (unsigned)list->n)));
}

/* Faults of the section's check name this place too: libconfuse itself knows
 * only where a section ends. */
static void
put_place(const struct conf_option *o, cfg_t *sec, void *at)
{
	int line = conf_text_find_section(
	    &reading->text, str(o->name), str(cfg_title(sec)));
	struct conf_line place;

	if (line > 0)
		sec->line = line;
	place = conf_text_place(&reading->text, sec->line);
	if (o->sub->where != 0)
		*(const char **)((char *)at + o->sub->where) = arena_putf(
		    &reading->conf->arena, "%s:%u", place.path, place.number);
}

static int
fill_sections(const struct conf_option *o, cfg_opt_t *opt, void *base)
{
	struct conf_sections *sections = (void *)((char *)base + o->offset);
	unsigned n = cfg_opt_size(opt);

	sections->bytes =
	    arena_take(&reading->conf->arena, (n + 1) * o->sub->size);
	for (; sections->n < n; sections->n++) {
		cfg_t *sec = cfg_opt_getnsec(opt, (unsigned)sections->n);
		void *at = (char *)sections->bytes + sections->n * o->sub->size;

		put_place(o, sec, at);
		if (fill(sec, o->sub, cfg_title(sec), at) < 0)
			return -1;
	}
	return 0;
}

static int
fill(cfg_t *sec, const struct conf_table *t, const char *title, void *base)
{
	struct conf *conf = reading->conf;
	const struct conf_option *o;
	struct fault f;

	if (title != NULL)
		*(const char **)base = arena_text(&conf->arena, str(title));
	for (o = t->options; o->name != NULL; o++) {
		cfg_opt_t *opt = cfg_getopt(sec, o->name);
		const char *text = o->fallback;

		if (o->type == CONF_LIST) {
			fill_list(o, opt, base);
		} else if (o->type == CONF_SECTION) {
			if (fill_sections(o, opt, base) < 0)
				return -1;
		} else {
			if (cfg_opt_size(opt) > 0 &&
			    cfg_opt_getnstr(opt, 0) != NULL)
				text = cfg_opt_getnstr(opt, 0);
			conf_value_put(o, text, base, conf->dir, &conf->arena);
		}
	}
	if (t->check == NULL || t->check(base, &f) == 0)
		return 0;
	cfg_error(sec, "%s", f.text);
	return -1;
}

static int
fill_all(cfg_t *cfg)
{
	struct conf *conf = reading->conf;

	for (size_t i = 0; i < conf->n; i++) {
		const struct conf_table *t = conf->tables[i];
		cfg_t *sec =
		    t->section != NULL ? cfg_getsec(cfg, t->section) : cfg;

		if (fill(sec, t, NULL, conf->filled[i]) < 0)
			return -1;
	}
	return 0;
}

/* An include has a whole path; the first file's is made of its folder's. */
static void
note_files(struct conf *conf, const struct conf_text *t)
{
	const char *name = strrchr(conf->path, '/');

	conf->files = arena_take(&conf->arena, t->n_files * sizeof *t->files);
	memcpy(conf->files, t->files, t->n_files * sizeof *t->files);
	conf->n_files = t->n_files;
	conf->files[0] = arena_putf(&conf->arena, "%s/%s", conf->dir,
	    name != NULL ? name + 1 : conf->path);
}

static int
parse(struct str text)
{
	cfg_t *cfg = cfg_init(build_root(), CFGF_NONE);
	FILE *file;
	int rc = -1;

	if (cfg == NULL)
		die_bug("libconfuse: no memory");
	cfg_set_error_function(cfg, on_complaint);
	/* An empty stream is an error to fmemopen(). */
	file = fmemopen((char *)(uintptr_t)(text.len > 0 ? text.at : "\n"),
	    text.len > 0 ? text.len : 1, "r");
	if (file == NULL)
		die_bug("fmemopen: %s", strerror(errno));
	if (cfg_parse_fp(cfg, file) == CFG_SUCCESS && !reading->failed)
		rc = fill_all(cfg);
	fclose(file);
	cfg_free(cfg);
	return rc;
}

/* Sockets need whole paths, and a daemon may leave the folder it started in. */
static const char *
absolute(struct arena *arena, struct str dir)
{
	char *here;
	const char *whole;

	if (str_starts(dir, STR_LIT("/")))
		return arena_text(arena, dir);
	here = getcwd(NULL, 0);
	if (here == NULL)
		return arena_text(arena, dir);
	whole = str_is(dir, STR_LIT("."))
		    ? arena_text(arena, str(here))
		    : arena_putf(arena, "%s/%.*s", here, STR_ARG(dir));
	free(here);
	return whole;
}

static struct conf *
conf_new(const char *path, const struct conf_table *const *known, size_t n)
{
	struct conf *conf = mem_new(struct conf);
	struct str dir = str_head(str(path), str_find_last(str(path), '/'));
	const struct conf_table **tables;

	if (!str_has(str(path), '/'))
		dir = STR_LIT(".");
	if (dir.len == 0)
		dir = STR_LIT("/");
	conf->path = arena_text(&conf->arena, str(path));
	conf->dir = absolute(&conf->arena, dir);
	conf->n = n;
	tables = arena_take(&conf->arena, n * sizeof(struct conf_table *));
	conf->filled = arena_take(&conf->arena, n * sizeof(void *));
	for (size_t i = 0; i < n; i++) {
		tables[i] = known[i];
		conf->filled[i] = arena_take(&conf->arena, known[i]->size);
	}
	conf->tables = tables;
	return conf;
}

struct conf *
conf_read(const char *path, const struct conf_table *const *known, size_t n,
    bool strict, struct fault *f)
{
	struct conf *conf = conf_new(path, known, n);
	struct reading now = {.conf = conf, .f = f};
	int rc;

	reading = &now;
	conf_text_init(&now.text, conf->dir, &conf->arena);
	rc = conf_text_read(&now.text, conf->path, f);
	if (rc == 0)
		rc = conf_text_blank(
		    &now.text, strict ? NULL : is_known_section, conf, f);
	if (rc == 0) {
		rc = parse(buf_str(&now.text.bytes));
		if (rc < 0 && !now.failed)
			fault_perm(f, "5.3.5", "%s: cannot be read", path);
	}
	if (rc == 0)
		note_files(conf, &now.text);
	conf_text_clear(&now.text);
	reading = NULL;
	if (rc < 0)
		conf_free(&conf);
	return conf;
}

void
conf_free(struct conf **conf)
{
	if (*conf == NULL)
		return;
	arena_clear(&(*conf)->arena);
	mem_free(*conf);
	*conf = NULL;
}

const void *
conf_get(const struct conf *conf, const struct conf_table *table)
{
	for (size_t i = 0; i < conf->n; i++)
		if (conf->tables[i] == table)
			return conf->filled[i];
	die_bug("conf_get: a table that was not read");
}

const char *
conf_where(
    const struct conf *conf, const struct conf_table *table, const char *option)
{
	const struct conf_option *o = table->options;
	const struct place *p;

	while (o->name != NULL && strcmp(o->name, option) != 0)
		o++;
	p = find_place(conf, o);
	return p != NULL ? p->where : "";
}

const char *
conf_path(const struct conf *conf)
{
	return conf->path;
}

/* Who is given the paths. */
struct path_user {
	int (*each)(void *ctx, const char *path);
	void *ctx;
};

static int each_option(
    const struct conf_table *t, const char *base, const struct path_user *user);

static int
each_section(const struct conf_table *t, const void *sections,
    const struct path_user *user)
{
	const struct conf_sections *s = sections;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++)
		rc = each_option(t, (const char *)s->bytes + i * t->size, user);
	return rc;
}

static int
each_option(
    const struct conf_table *t, const char *base, const struct path_user *user)
{
	const struct conf_option *o = t->options;
	int rc = 0;

	for (; rc == 0 && o->name != NULL; o++) {
		const void *at = base + o->offset;

		if (o->type == CONF_SECTION)
			rc = each_section(o->sub, at, user);
		else if (o->type == CONF_PATH &&
			 *(const char *const *)at != NULL)
			rc = user->each(user->ctx, *(const char *const *)at);
	}
	return rc;
}

int
conf_each_path(const struct conf *conf,
    int (*each)(void *ctx, const char *path), void *ctx)
{
	const struct path_user user = {each, ctx};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < conf->n_files; i++)
		rc = each(ctx, conf->files[i]);
	for (size_t i = 0; rc == 0 && i < conf->n; i++)
		rc = each_option(conf->tables[i], conf->filled[i], &user);
	return rc;
}

size_t
conf_tables(const struct conf *conf, const struct conf_table *const **tables)
{
	*tables = conf->tables;
	return conf->n;
}
