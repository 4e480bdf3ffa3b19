/* SPDX-License-Identifier: ISC */
/* The methods for groups and their members: see directory_methods.c. */
#include "config.h"

#include "auth/directory_group.h"
#include "auth/directory_methods.h"
#include "base/mem.h"

/* Settings. What is missing stays. */

static int
take_text(const json_t *params, const char *key, char *to, size_t size,
    struct fault *f)
{
	struct str text;

	if (directory_methods_may_text(params, key, &text, f) < 0)
		return -1;
	if (text.at == NULL || str_copy(text, to, size))
		return 0;
	return fault_perm(f, "5.5.4", "%s: at most %zu bytes", key, size - 1);
}

/* A list of names into one text. */
static int
take_list(const json_t *params, const char *key, char *to, size_t size,
    struct fault *f)
{
	struct str *names;
	struct buf list;
	size_t n;
	int rc = 0;

	if (json_get(params, key) == NULL)
		return 0;
	names = directory_methods_take_names(params, key, &n, f);
	if (names == NULL)
		return -1;
	buf_init(&list, size - 1);
	for (size_t i = 0; i < n; i++) {
		/* It would be two. */
		if (str_has(names[i], ' ') || names[i].len == 0)
			rc =
			    fault_perm(f, "5.1.3", "%s: \"%.*s\" is no address",
				key, STR_ARG(str_head(names[i], 100)));
		if (i > 0)
			buf_putc(&list, ' ');
		buf_put_str(&list, names[i]);
	}
	if (rc == 0 &&
	    (buf_is_full(&list) || !str_copy(buf_str(&list), to, size)))
		rc = fault_perm(f, "5.5.4", "%s: too many addresses", key);
	buf_clear(&list);
	mem_free(names);
	return rc;
}

static int
take_posters(const json_t *params, struct directory_group *g, struct fault *f)
{
	struct str posters;

	if (directory_methods_may_text(params, "posters", &posters, f) < 0)
		return -1;
	if (posters.at != NULL &&
	    !directory_posters_parse(posters, &g->posters))
		return fault_perm(
		    f, "5.5.4", "posters: members, anyone, domain or named");
	return take_list(params, "named", g->named, sizeof g->named, f);
}

static int
take_from(const json_t *params, struct directory_group *g, struct fault *f)
{
	struct str from;

	if (directory_methods_may_text(params, "from", &from, f) < 0)
		return -1;
	if (from.at == NULL)
		return 0;
	g->rewrites_from = str_is(from, STR_LIT("rewrite"));
	if (!g->rewrites_from && !str_is(from, STR_LIT("keep")))
		return fault_perm(f, "5.5.4", "from: keep or rewrite");
	return 0;
}

static int
take_settings(const json_t *params, struct directory_group *g, struct fault *f)
{
	g->verp = json_get_bool(params, "verp", g->verp);
	if (take_list(params, "owners", g->owners, sizeof g->owners, f) < 0 ||
	    take_posters(params, g, f) < 0 || take_from(params, g, f) < 0 ||
	    take_text(params, "title", g->title, sizeof g->title, f) < 0 ||
	    take_text(params, "list_id", g->list_id, sizeof g->list_id, f) < 0)
		return -1;
	return take_text(
	    params, "unsubscribe", g->unsubscribe, sizeof g->unsubscribe, f);
}

/* Groups. */

static int
need_group(struct directory *d, const char *name, struct directory_group *g,
    struct fault *f)
{
	int rc = directory_group_get(d, str(name), g, f);

	if (rc == 0)
		return fault_perm(
		    f, "5.1.1", "%.100s: there is no such group", name);
	return rc < 0 ? -1 : 0;
}

json_t *
directory_method_group_add(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);
	struct directory_group *g;
	json_t *result = NULL;

	if (name == NULL)
		return NULL;
	g = mem_new(struct directory_group);
	if (!str_copy(str(name), g->name, sizeof g->name))
		fault_perm(f, "5.1.3", "%.100s: the name is too long", name);
	else if (take_settings(params, g, f) == 0 &&
		 directory_group_add(ctx, g, f) == 0)
		result = directory_methods_changed("group", name);
	mem_free(g);
	return result;
}

json_t *
directory_method_group_set(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);
	struct directory_group *g;
	json_t *result = NULL;

	if (name == NULL)
		return NULL;
	g = mem_new(struct directory_group);
	if (need_group(ctx, name, g, f) == 0 &&
	    take_settings(params, g, f) == 0 &&
	    directory_group_set(ctx, g, f) == 0)
		result = directory_methods_changed("group", name);
	mem_free(g);
	return result;
}

json_t *
directory_method_group_del(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);

	if (name == NULL || directory_group_del(ctx, str(name), f) < 0)
		return NULL;
	return directory_methods_changed("group", name);
}

static json_t *
make_group(const struct directory_group *g)
{
	json_t *item = json_new_object();

	json_put_text(item, "group", g->name);
	json_put_text(item, "title", g->title);
	directory_methods_put_names(item, "owners", str(g->owners));
	json_put_text(item, "posters", directory_posters_name(g->posters));
	directory_methods_put_names(item, "named", str(g->named));
	json_put_text(item, "from", g->rewrites_from ? "rewrite" : "keep");
	json_put_bool(item, "verp", g->verp);
	json_put_text(item, "list_id", g->list_id);
	json_put_text(item, "unsubscribe", g->unsubscribe);
	return item;
}

json_t *
directory_method_group_get(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);
	struct directory_group *g;
	json_t *result = NULL;

	if (name == NULL)
		return NULL;
	g = mem_new(struct directory_group);
	if (need_group(ctx, name, g, f) == 0)
		result = make_group(g);
	mem_free(g);
	return result;
}

static int
list_group(void *ctx, const struct directory_group *g)
{
	struct directory_page *page = ctx;

	if (!directory_methods_has_room(page, g->name,
		strlen(g->name) + strlen(g->owners) + strlen(g->named) +
		    sizeof g->unsubscribe))
		return 1;
	json_add(page->items, make_group(g));
	return 0;
}

json_t *
directory_method_group_list(void *ctx, const json_t *params, struct fault *f)
{
	struct directory_page page;
	struct str domain, after;

	if (directory_methods_may_text(params, "domain", &domain, f) < 0 ||
	    directory_methods_may_text(params, "after", &after, f) < 0 ||
	    directory_methods_begin_page(&page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&page, "groups",
	    directory_each_group(ctx, domain, after, list_group, &page, f));
}

/* Members. */

typedef int change_members(struct directory *d, struct str name,
    const struct str *members, size_t n, struct fault *f);

static json_t *
change(struct directory *d, const json_t *params, change_members *call,
    struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);
	json_t *result = NULL;
	struct str *members;
	size_t n;

	if (name == NULL)
		return NULL;
	members = directory_methods_take_names(params, "members", &n, f);
	if (members == NULL)
		return NULL;
	if (call(d, str(name), members, n, f) == 0)
		result = directory_methods_changed("group", name);
	mem_free(members);
	return result;
}

json_t *
directory_method_member_add(void *ctx, const json_t *params, struct fault *f)
{
	return change(ctx, params, directory_group_add_members, f);
}

json_t *
directory_method_member_del(void *ctx, const json_t *params, struct fault *f)
{
	return change(ctx, params, directory_group_del_members, f);
}

static int
list_member(void *ctx, struct str member)
{
	struct directory_page *page = ctx;
	char name[NAME_SIZE];
	json_t *item;

	if (!str_copy(member, name, sizeof name))
		return 0;
	if (!directory_methods_has_room(page, name, member.len))
		return 1;
	item = json_new_object();
	json_put_text(item, "member", name);
	json_add(page->items, item);
	return 0;
}

json_t *
directory_method_member_list(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "group", f);
	struct directory_page page;
	struct str after;

	if (name == NULL ||
	    directory_methods_may_text(params, "after", &after, f) < 0 ||
	    directory_methods_begin_page(&page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&page, "members",
	    directory_each_member(
		ctx, str(name), after, list_member, &page, f));
}
