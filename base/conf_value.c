/* SPDX-License-Identifier: ISC */
/* Values of the configuration. Units are tables; all bounds are the option's. */
#include "config.h"

#include "base/conf_value.h"

#include <stdio.h>

#include "base/mem.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {{"", 1}, {"K", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40}, {NULL, 0}};
static const struct unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000},
    {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static const struct unit *
units_of(enum conf_type type)
{
	return type == CONF_SIZE ? sizes : type == CONF_TIME ? times : plain;
}

static bool
is_number(enum conf_type type)
{
	return type == CONF_NUMBER || type == CONF_SIZE || type == CONF_TIME;
}

/* Zero needs no unit. */
static bool
parse_number(enum conf_type type, struct str s, uint64_t *value)
{
	struct str digits;
	size_t n = 0;

	while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
		n++;
	digits = str_head(s, n);
	s = str_from(s, n);
	if (!str_to_u64(digits, 0, UINT64_MAX, value))
		return false;
	if (*value == 0 && s.len == 0)
		return true;
	for (const struct unit *u = units_of(type); u->name != NULL; u++) {
		if (!str_is_nocase(s, str(u->name)))
			continue;
		if (*value > UINT64_MAX / u->factor)
			return false;
		*value *= u->factor;
		return true;
	}
	return false;
}

bool
conf_parse_time(struct str text, uint64_t *ms)
{
	return parse_number(CONF_TIME, text, ms);
}

bool
conf_parse_size(struct str text, uint64_t *bytes)
{
	return parse_number(CONF_SIZE, text, bytes);
}

static void
put_number(enum conf_type type, uint64_t value, struct buf *b)
{
	const struct unit *best = units_of(type);

	for (const struct unit *u = best; u->name != NULL; u++)
		if (value != 0 && value % u->factor == 0)
			best = u;
	buf_putf(b, "%llu%s", (unsigned long long)(value / best->factor),
	    value == 0 ? "" : best->name);
}

static int
check_number(const struct conf_option *o, const char *text, struct fault *f)
{
	static const char *const forms[] = {[CONF_NUMBER] = "a number",
	    [CONF_SIZE] = "a size like 512K, 50M or 1G",
	    [CONF_TIME] = "a time like 30s, 5m, 2h or 1d"};
	uint64_t value, max = o->max != 0 ? o->max : UINT64_MAX;
	struct buf range;

	if (!parse_number(o->type, str(text), &value))
		return fault_perm(f, "5.3.5", "%s: \"%s\" is not %s", o->name,
		    text, forms[o->type]);
	if (value >= o->min && value <= max)
		return 0;
	buf_init(&range, 100);
	put_number(o->type, o->min, &range);
	buf_puts(&range, " to ");
	put_number(o->type, max, &range);
	fault_perm(f, "5.3.5", "%s: %s is not in the range %s", o->name, text,
	    buf_text(&range));
	buf_clear(&range);
	return -1;
}

static int
find_choice(const struct conf_option *o, const char *text)
{
	for (int i = 0; o->choices[i] != NULL; i++)
		if (strcmp(o->choices[i], text) == 0)
			return i;
	return -1;
}

static int
check_choice(const struct conf_option *o, const char *text, struct fault *f)
{
	struct buf all;

	if (find_choice(o, text) >= 0)
		return 0;
	buf_init(&all, 160);
	for (int i = 0; o->choices[i] != NULL; i++)
		buf_putf(&all, "%s%s", i > 0 ? ", " : "", o->choices[i]);
	fault_perm(f, "5.3.5", "%s: \"%s\" is none of %s", o->name, text,
	    buf_text(&all));
	buf_clear(&all);
	return -1;
}

/* 1, 0, or -1 for what is no truth value. */
static int
parse_bool(const char *text)
{
	static const struct {
		const char *name;
		int value;
	} words[] = {{"on", 1}, {"yes", 1}, {"true", 1}, {"off", 0}, {"no", 0},
	    {"false", 0}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].name, text) == 0)
			return words[i].value;
	return -1;
}

int
conf_value_check(const struct conf_option *o, const char *text, struct fault *f)
{
	if (is_number(o->type))
		return check_number(o, text, f);
	if (o->type == CONF_CHOICE)
		return check_choice(o, text, f);
	if (o->type == CONF_BOOL && parse_bool(text) < 0)
		return fault_perm(f, "5.3.5",
		    "%s: \"%s\" is neither on nor off", o->name, text);
	if (o->type == CONF_PATH && text[0] == '\0')
		return fault_perm(f, "5.3.5", "%s: the path is empty", o->name);
	return 0;
}

static const char *
absolute(const char *path, const char *dir, struct arena *arena)
{
	struct buf b;
	const char *copy;

	if (path[0] == '/')
		return arena_text(arena, str(path));
	buf_init(&b, 8192);
	buf_putf(&b, "%s/%s", dir, path);
	copy = arena_text(arena, buf_str(&b));
	buf_clear(&b);
	return copy;
}

void
conf_value_put(const struct conf_option *o, const char *text, void *base,
    const char *dir, struct arena *arena)
{
	void *at = (char *)base + o->offset;

	if (text == NULL)
		return;
	switch (o->type) {
	case CONF_BOOL:
		*(bool *)at = parse_bool(text) == 1;
		return;
	case CONF_NUMBER:
	case CONF_SIZE:
	case CONF_TIME:
		if (!parse_number(o->type, str(text), at))
			die_bug("option %s: bad default", o->name);
		return;
	case CONF_CHOICE:
		*(int *)at = find_choice(o, text);
		return;
	case CONF_TEXT:
		*(const char **)at = arena_text(arena, str(text));
		return;
	case CONF_PATH:
		*(const char **)at = absolute(text, dir, arena);
		return;
	case CONF_LIST:
	case CONF_SECTION:
		break;
	}
	die_bug("option %s is no single value", o->name);
}

void
conf_value_format(const struct conf_option *o, const void *base, struct buf *b)
{
	const void *at = (const char *)base + o->offset;

	switch (o->type) {
	case CONF_BOOL:
		buf_puts(b, *(const bool *)at ? "on" : "off");
		return;
	case CONF_NUMBER:
	case CONF_SIZE:
	case CONF_TIME:
		put_number(o->type, *(const uint64_t *)at, b);
		return;
	case CONF_CHOICE:
		buf_puts(b, o->choices[*(const int *)at]);
		return;
	case CONF_TEXT:
	case CONF_PATH:
		if (conf_value_is_set(o, base))
			buf_puts(b, *(const char *const *)at);
		return;
	case CONF_LIST:
	case CONF_SECTION:
		break;
	}
	die_bug("option %s is no single value", o->name);
}

bool
conf_value_is_set(const struct conf_option *o, const void *base)
{
	const void *at = (const char *)base + o->offset;

	if (o->type != CONF_TEXT && o->type != CONF_PATH)
		return true;
	return *(const char *const *)at != NULL;
}
