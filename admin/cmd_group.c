/* SPDX-License-Identifier: ISC */
/* posthouse group: mailing lists, and who is in them. */
#include "config.h"

#include <string.h>

#include "admin/call.h"
#include "admin/cmd.h"
#include "admin/list.h"
#include "base/arena.h"
#include "base/str.h"

static int add(struct cmd_line *line, struct fault *f);
static int del(struct cmd_line *line, struct fault *f);
static int list(struct cmd_line *line, struct fault *f);
static int set(struct cmd_line *line, struct fault *f);
static int show(struct cmd_line *line, struct fault *f);
static int add_members(struct cmd_line *line, struct fault *f);
static int del_members(struct cmd_line *line, struct fault *f);
static int list_members(struct cmd_line *line, struct fault *f);

#define SETTINGS                                       \
	"[--posters WHO] [--title TEXT] [--from HOW] " \
	"[--verp yes|no] [--list-id ID] [--unsubscribe URI]"

/* clang-format off */
const struct cmd cmd_group[] = {
	{ "group", "add", "NAME OWNER... " SETTINGS, 2, 0, CMD_ANY,
	  "make a mailing list without members", add },
	{ "group", "set", "NAME [--owners LIST] " SETTINGS, 1, 1, 0,
	  "change it", set },
	{ "group", "del", "NAME", 1, 1, 0,
	  "no longer, nor its members", del },
	{ "group", "list", "[DOMAIN]", 0, 1, CMD_JSON,
	  "all groups, or a domain's", list },
	{ "group", "show", "NAME", 1, 1, CMD_JSON,
	  "all about one", show },
	{ "group", "member add", "NAME ADDRESS...", 2, 0, CMD_ANY,
	  "addresses, groups, @DOMAIN: all its users", add_members },
	{ "group", "member del", "NAME ADDRESS...", 2, 0, CMD_ANY,
	  "no longer", del_members },
	{ "group", "member list", "NAME", 1, 1, CMD_JSON,
	  "all members", list_members },
	{ 0 },
};

static const struct table_column columns[] = {
	{ "GROUP", "group", TABLE_TEXT },
	{ "POSTERS", "posters", TABLE_TEXT },
	{ "OWNERS", "owners", TABLE_LIST },
	{ 0 },
};

static const struct table_column member_columns[] = {
	{ "MEMBER", "member", TABLE_TEXT },
	{ 0 },
};

static const struct table_column fields[] = {
	{ "group", "group", TABLE_TEXT },
	{ "title", "title", TABLE_TEXT },
	{ "owners", "owners", TABLE_LIST },
	{ "posters", "posters", TABLE_TEXT },
	{ "named", "named", TABLE_LIST },
	{ "from", "from", TABLE_TEXT },
	{ "verp", "verp", TABLE_BOOL },
	{ "list id", "list_id", TABLE_TEXT },
	{ "unsubscribe", "unsubscribe", TABLE_TEXT },
	{ 0 },
};
/* clang-format on */

/* "a@x,b@x" as an array. */
static json_t *
split(const char *text)
{
	json_t *array = json_new_array();
	struct str rest = str(text);
	struct arena arena = {0};

	while (rest.len > 0) {
		struct str name = str_trim(str_cut(&rest, ','));

		if (name.len > 0)
			json_add_text(array, arena_text(&arena, name));
	}
	arena_clear(&arena);
	return array;
}

static bool
is_rule(const char *posters)
{
	return strcmp(posters, "members") == 0 ||
	       strcmp(posters, "anyone") == 0 || strcmp(posters, "domain") == 0;
}

static void
put_posters(json_t *params, const char *posters)
{
	if (is_rule(posters)) {
		json_put_text(params, "posters", posters);
		return;
	}
	json_put_text(params, "posters", "named");
	json_put(params, "named", split(posters));
}

/* The settings that were given. */
static int
put_settings(const struct cmd_line *line, json_t *params, struct fault *f)
{
	static const struct {
		const char *option, *key;
	} texts[] = {
	    {"title", "title"},
	    {"from", "from"},
	    {"list-id", "list_id"},
	    {"unsubscribe", "unsubscribe"},
	};
	const char *value = cmd_option(line, "posters");
	const char *verp = cmd_option(line, "verp");

	if (value != NULL)
		put_posters(params, value);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		value = cmd_option(line, texts[i].option);
		if (value != NULL)
			json_put_text(params, texts[i].key, value);
	}
	if (verp == NULL)
		return 0;
	if (strcmp(verp, "yes") != 0 && strcmp(verp, "no") != 0)
		return fault_perm(f, "5.5.4", "--verp: yes or no");
	json_put_bool(params, "verp", strcmp(verp, "yes") == 0);
	return 0;
}

/* Takes params. */
static int
change(
    struct cmd_line *line, const char *method, json_t *params, struct fault *f)
{
	json_put_text(params, "group", line->args[0]);
	return call_once(line, PLACE_AUTHD, method, params, NULL, f);
}

/* The arguments behind the group's name. */
static void
put_names(json_t *params, const char *key, const struct cmd_line *line)
{
	json_t *array = json_new_array();

	for (size_t i = 1; i < line->n_args; i++)
		json_add_text(array, line->args[i]);
	json_put(params, key, array);
}

static int
add(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object();

	put_names(params, "owners", line);
	if (put_settings(line, params, f) < 0) {
		json_free(&params);
		return -1;
	}
	return change(line, "group.add", params, f);
}

static int
set(struct cmd_line *line, struct fault *f)
{
	const char *owners = cmd_option(line, "owners");
	json_t *params = json_new_object();

	if (owners != NULL)
		json_put(params, "owners", split(owners));
	if (line->n_options == 0)
		fault_perm(f, "5.5.4", "nothing is to be changed");
	if (line->n_options == 0 || put_settings(line, params, f) < 0) {
		json_free(&params);
		return -1;
	}
	return change(line, "group.set", params, f);
}

static int
del(struct cmd_line *line, struct fault *f)
{
	return change(line, "group.del", json_new_object(), f);
}

static int
list(struct cmd_line *line, struct fault *f)
{
	static const struct list groups = {
	    PLACE_AUTHD, "group.list", "groups", columns};
	json_t *params = json_new_object();

	if (line->n_args > 0)
		json_put_text(params, "domain", line->args[0]);
	return list_print(line, &groups, params, f);
}

static int
show(struct cmd_line *line, struct fault *f)
{
	static const struct list one = {PLACE_AUTHD, "group.get", NULL, fields};
	json_t *params = json_new_object();

	json_put_text(params, "group", line->args[0]);
	return list_print_one(line, &one, params, f);
}

static int
add_members(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object();

	put_names(params, "members", line);
	return change(line, "member.add", params, f);
}

static int
del_members(struct cmd_line *line, struct fault *f)
{
	json_t *params = json_new_object();

	put_names(params, "members", line);
	return change(line, "member.del", params, f);
}

static int
list_members(struct cmd_line *line, struct fault *f)
{
	static const struct list members = {
	    PLACE_AUTHD, "member.list", "members", member_columns};
	json_t *params = json_new_object();

	json_put_text(params, "group", line->args[0]);
	return list_print(line, &members, params, f);
}
