/* SPDX-License-Identifier: ISC */
/* The rules of groups. Who is in one, in the end, is in directory_members.c. */
#include "config.h"

#include "auth/directory_group.h"

#include <stdio.h>

#include "auth/directory_expand.h"
#include "base/mem.h"
#include "base/utf8.h"

_Static_assert(
    (int)DIRECTORY_NAME_ROOM == (int)NAME_SIZE, "names have one size");

static const char *const posters_names[] = {
    [POSTERS_MEMBERS] = "members",
    [POSTERS_ANYONE] = "anyone",
    [POSTERS_DOMAIN] = "domain",
    [POSTERS_NAMED] = "named",
};

const char *
directory_posters_name(enum directory_posters posters)
{
	return posters_names[posters];
}

bool
directory_posters_parse(struct str text, enum directory_posters *posters)
{
	for (size_t i = 0; i < ARRAY_LEN(posters_names); i++) {
		if (str_is(text, str(posters_names[i]))) {
			*posters = (enum directory_posters)i;
			return true;
		}
	}
	return false;
}

/* What a group may be. */

static int
check_name(struct str name, char key[NAME_SIZE], struct fault *f)
{
	struct str local;

	if (name_check(name, key, f) < 0)
		return -1;
	local = name_local(str(key));
	for (size_t i = 0; i < local.len; i++)
		if ((unsigned char)local.at[i] > 127)
			return fault_perm(f, "5.1.3",
			    "%s: a group's name must be ASCII", key);
	if (str_has(local, '+'))
		return fault_perm(f, "5.1.3",
		    "%s: a group's name must not contain \"+\"", key);
	if (name_owned(&local))
		return fault_perm(f, "5.1.3",
		    "%s: this would be the address of a group's owners", key);
	if (local.len > DIRECTORY_GROUP_LOCAL_MAX)
		return fault_perm(f, "5.1.3",
		    "%.100s: a group's name has at most %d characters", key,
		    DIRECTORY_GROUP_LOCAL_MAX);
	return 0;
}

/* The list again with its names as keys, each once. */
static int
normalise(
    char *list, size_t size, size_t max, const char *what, struct fault *f)
{
	struct str rest = str(list);
	size_t n = 0;
	struct buf b;
	int rc = 0;

	buf_init(&b, size - 1);
	while (rest.len > 0 && rc == 0) {
		struct str name = str_cut(&rest, ' ');
		char key[NAME_SIZE];

		if (name.len == 0)
			continue;
		rc = name_check_alias(name, key, f);
		if (rc < 0 || name_list_has(buf_str(&b), str(key)))
			continue;
		if (n++ > 0)
			buf_putc(&b, ' ');
		buf_puts(&b, key);
	}
	if (rc == 0 && (n == 0 || n > max || buf_is_full(&b)))
		rc = fault_perm(
		    f, "5.5.4", "a group has from 1 to %zu %s", max, what);
	if (rc == 0)
		(void)!str_copy(buf_str(&b), list, size);
	buf_clear(&b);
	return rc;
}

/* RFC 2919 3: a dot-atom of at least two labels. */
static bool
is_list_id(struct str id)
{
	static const char others[] = "!#$%&'*+-/=?^_`{|}~";
	bool dot = false, after_dot = true;

	for (size_t i = 0; i < id.len; i++) {
		char c = id.at[i];

		if (c == '.' && after_dot)
			return false;
		dot = dot || c == '.';
		after_dot = c == '.';
		if (c != '.' && !(c >= 'a' && c <= 'z') &&
		    !(c >= '0' && c <= '9') && strchr(others, c) == NULL)
			return false;
	}
	return dot && !after_dot;
}

static int
check_list_id(struct directory_group *g, struct fault *f)
{
	struct str local = name_local(str(g->name));
	struct str domain = name_domain(str(g->name));

	if (g->list_id[0] == '\0')
		snprintf(g->list_id, sizeof g->list_id, "%.*s.%.*s",
		    STR_ARG(local), STR_ARG(domain));
	for (char *c = g->list_id; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	if (!is_list_id(str(g->list_id)))
		return fault_perm(f, "5.5.4",
		    "\"%.100s\" is no list id: like \"%.60s.example.org\"",
		    g->list_id, "team");
	return 0;
}

/* It stands between "<" and ">" in a field, among others split by commas. */
static bool
is_uri(struct str uri)
{
	for (size_t i = 0; i < uri.len; i++)
		if (uri.at[i] <= ' ' || uri.at[i] > '~' ||
		    strchr("<>,\"", uri.at[i]) != NULL)
			return false;
	return str_starts_nocase(uri, STR_LIT("https://")) ||
	       str_starts_nocase(uri, STR_LIT("http://")) ||
	       str_starts_nocase(uri, STR_LIT("mailto:"));
}

static int
check_words(const struct directory_group *g, struct fault *f)
{
	struct str title = str(g->title);

	for (size_t i = 0; i < title.len; i++)
		if ((unsigned char)title.at[i] < ' ' || title.at[i] == 0x7f)
			return fault_perm(
			    f, "5.5.4", "a title is one line of text");
	if (!utf8_is_valid(title))
		return fault_perm(f, "5.5.4", "the title is not UTF-8");
	if (g->unsubscribe[0] != '\0' && !is_uri(str(g->unsubscribe)))
		return fault_perm(f, "5.5.4",
		    "\"%.100s\" is no https:, http: or mailto: URI",
		    g->unsubscribe);
	return 0;
}

/* What needs no look into the directory. */
static int
check_group(const struct directory_group *given, struct directory_group *g,
    struct fault *f)
{
	*g = *given;
	if (check_name(str(given->name), g->name, f) < 0 ||
	    normalise(g->owners, sizeof g->owners, DIRECTORY_OWNERS_MAX,
		"owners", f) < 0 ||
	    check_list_id(g, f) < 0 || check_words(g, f) < 0)
		return -1;
	if (g->posters == POSTERS_NAMED)
		return normalise(g->named, sizeof g->named,
		    DIRECTORY_POSTERS_MAX, "named posters", f);
	g->named[0] = '\0';
	return 0;
}

/* Within a change. What comes back must not go to a group again. */
static int
check_owners(
    struct directory *d, const struct directory_group *g, struct fault *f)
{
	struct str rest = str(g->owners);

	while (rest.len > 0) {
		struct str owner = str_cut(&rest, ' ');
		int rc = 0;

		if (owner.at[0] == '@')
			return fault_perm(f, "5.1.3",
			    "%.*s: an owner is an address", STR_ARG(owner));
		if (!str_is(owner, str(g->name)))
			rc = d->driver->get_group(d->store, owner, NULL, f);
		if (rc < 0)
			return -1;
		if (rc > 0 || str_is(owner, str(g->name)))
			return fault_perm(f, "5.4.6",
			    "%.*s: a group cannot be an owner: mail to owners "
			    "is what came back from members",
			    STR_ARG(owner));
	}
	return 0;
}

static int
missing(struct fault *f, struct str name)
{
	return fault_perm(f, "5.1.1", "%.*s: there is no such group",
	    STR_ARG(str_head(name, 100)));
}

/* Within a change. */
static int
need_group(struct directory *d, const char *key, struct fault *f)
{
	int rc = d->driver->get_group(d->store, str(key), NULL, f);

	return rc == 0 ? missing(f, str(key)) : rc < 0 ? -1 : 0;
}

/* check() says what must be so before. */
static void
audit_group(
    struct directory *d, const char *what, const struct directory_group *g)
{
	directory_audit(d, what, g->name,
	    "owners=%s posters=%s from=%s verp=%s list_id=%s title=%s",
	    g->owners, directory_posters_name(g->posters),
	    g->rewrites_from ? "rewrite" : "keep", g->verp ? "yes" : "no",
	    g->list_id, g->title);
}

static int
put_group(struct directory *d, const struct directory_group *given,
    int (*check)(struct directory *d, const char *key, struct fault *f),
    struct fault *f)
{
	struct directory_group *g = mem_new(struct directory_group);
	int rc = check_group(given, g, f);

	if (rc == 0) {
		directory_begin_change(d);
		rc = check(d, g->name, f);
		if (rc == 0)
			rc = check_owners(d, g, f);
		if (rc == 0) {
			d->driver->put_group(d->store, g);
			audit_group(d,
			    check == need_group ? "group.set" : "group.add", g);
		}
		rc = directory_end_change(d, rc, f);
	}
	mem_free(g);
	return rc;
}

int
directory_group_add(
    struct directory *d, const struct directory_group *given, struct fault *f)
{
	return put_group(d, given, directory_need_free_name, f);
}

int
directory_group_set(
    struct directory *d, const struct directory_group *given, struct fault *f)
{
	return put_group(d, given, need_group, f);
}

int
directory_group_del(struct directory *d, struct str name, struct fault *f)
{
	char key[NAME_SIZE];
	int rc;

	if (!name_key(name, key))
		return missing(f, name);
	directory_begin_change(d);
	rc = need_group(d, key, f);
	if (rc == 0)
		rc = d->driver->del_group(d->store, str(key), f);
	if (rc == 0)
		directory_audit(d, "group.del", key, "%s", "");
	return directory_end_change(d, rc, f);
}

int
directory_group_get(struct directory *d, struct str name,
    struct directory_group *g, struct fault *f)
{
	char key[NAME_SIZE];

	if (!name_key(name, key))
		return 0;
	return d->driver->get_group(d->store, str(key), g, f);
}

/* Members. */

static void
audit_members(struct directory *d, const char *what, const char *group,
    const struct str *members, size_t n)
{
	struct buf list;

	/* No more of them is kept than has room. */
	buf_init(&list, DIRECTORY_AUDIT_DETAIL_SIZE);
	for (size_t i = 0; i < n && !buf_is_full(&list); i++) {
		if (i > 0)
			buf_putc(&list, ' ');
		buf_put_str(&list, members[i]);
	}
	directory_audit(d, what, group, "%s", buf_text(&list));
	buf_clear(&list);
}

static int
check_member(struct directory *d, const char *group, struct str member,
    char key[NAME_SIZE], struct fault *f)
{
	int rc;

	if (name_check_alias(member, key, f) < 0)
		return -1;
	if (str_is(str(key), str(group)))
		return fault_perm(f, "5.4.6",
		    "%s: a group cannot be a member of itself", group);
	if (key[0] != '@')
		return 0;
	rc = d->driver->get_domain(d->store, str(key + 1), NULL, f);
	if (rc == 0)
		return fault_perm(f, "5.1.2",
		    "%s: this domain is not one of ours, so its users are not "
		    "known",
		    key);
	return rc < 0 ? -1 : 0;
}

/* A member of the name's, counted. */
static int
count_member(void *ctx, struct str member)
{
	size_t *n = ctx;

	(void)member;
	++*n;
	return 0;
}

/* Whether the group, with the keys, is not too big. */
static int
check_size(struct directory *d, const char *group, const struct str *keys,
    size_t n, struct fault *f)
{
	struct expansion x = {
	    .directory = d,
	    .wants = WANTS_MAILBOXES,
	    .names_max = DIRECTORY_GROUP_NAMES_MAX,
	    .results_max = DIRECTORY_MEMBERS_MAX,
	    .more = keys,
	    .n_more = n,
	};
	size_t members = 0;
	int rc;

	if (d->driver->each_member(d->store, str(group), (struct str){0},
		count_member, &members, f) < 0)
		return -1;
	rc = directory_expand(&x, str(group), f);
	if (members + n > DIRECTORY_MEMBERS_MAX || x.too_many)
		rc = fault_perm(f, "5.1.3",
		    "%s: with this it would lead to more than %d mailboxes, or "
		    "over too many levels",
		    group, DIRECTORY_MEMBERS_MAX);
	else if (rc > 0 || (rc < 0 && f->kind == FAULT_PERM))
		rc =
		    0; /* who is disabled or a loop today may not be for ever */
	directory_expand_clear(&x);
	return rc;
}

/* Returns new: the members' keys, which live in the arena. NULL with a fault. */
static struct str *
member_keys(struct directory *d, const char *group, const struct str *members,
    size_t n, struct arena *arena, struct fault *f)
{
	struct str *keys = mem_zeroed(n, sizeof *keys);

	for (size_t i = 0; i < n; i++) {
		char key[NAME_SIZE];

		if (check_member(d, group, members[i], key, f) < 0) {
			mem_free(keys);
			return NULL;
		}
		keys[i] = arena_str(arena, str(key));
	}
	return keys;
}

static int
put_members(struct directory *d, const char *group, const struct str *keys,
    size_t n, struct fault *f)
{
	if (need_group(d, group, f) < 0 || check_size(d, group, keys, n, f) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		d->driver->put_member(d->store, str(group), keys[i]);
	return 0;
}

int
directory_group_add_members(struct directory *d, struct str name,
    const struct str *members, size_t n, struct fault *f)
{
	struct arena arena = {0};
	char group[NAME_SIZE];
	struct str *keys;
	int rc = -1;

	if (!name_key(name, group))
		return missing(f, name);
	keys = member_keys(d, group, members, n, &arena, f);
	if (keys != NULL) {
		directory_begin_change(d);
		rc = put_members(d, group, keys, n, f);
		if (rc == 0)
			audit_members(d, "member.add", group, keys, n);
		rc = directory_end_change(d, rc, f);
	}
	mem_free(keys);
	arena_clear(&arena);
	return rc;
}

static int
del_member(
    struct directory *d, const char *group, struct str member, struct fault *f)
{
	char key[NAME_SIZE];
	int rc = 0;

	if (name_key(member, key))
		rc = d->driver->has_member(d->store, str(group), str(key), f);
	if (rc == 0)
		return fault_perm(f, "5.1.1", "%.*s: this is no member of %s",
		    STR_ARG(str_head(member, 100)), group);
	if (rc > 0)
		d->driver->del_member(d->store, str(group), str(key));
	return rc < 0 ? -1 : 0;
}

int
directory_group_del_members(struct directory *d, struct str name,
    const struct str *members, size_t n, struct fault *f)
{
	char group[NAME_SIZE];
	int rc;

	if (!name_key(name, group))
		return missing(f, name);
	directory_begin_change(d);
	rc = need_group(d, group, f);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = del_member(d, group, members[i], f);
	if (rc == 0)
		audit_members(d, "member.del", group, members, n);
	return directory_end_change(d, rc, f);
}

/* Lists. */

int
directory_each_group(struct directory *d, struct str domain, struct str after,
    directory_each_group_call *each, void *ctx, struct fault *f)
{
	char key[NAME_SIZE], from[NAME_SIZE];

	if (directory_place(domain, after, key, from, f) < 0)
		return -1;
	return d->driver->each_group(
	    d->store, str(key), str(from), each, ctx, f);
}

int
directory_each_member(struct directory *d, struct str name, struct str after,
    directory_each_member_call *each, void *ctx, struct fault *f)
{
	char group[NAME_SIZE], none[NAME_SIZE], from[NAME_SIZE];

	if (!name_key(name, group))
		return missing(f, name);
	if (directory_place((struct str){0}, after, none, from, f) < 0 ||
	    need_group(d, group, f) < 0)
		return -1;
	return d->driver->each_member(
	    d->store, str(group), str(from), each, ctx, f);
}
