/* SPDX-License-Identifier: ISC */
/*
 * The operator's method for the audit.
 *
 *   audit.list      name? since? after? limit?
 *
 * The result is {entries: [{time, who, what, name, detail}], next?}, the oldest
 * first: those that changed that name, since then.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/directory_audit.h"
#include "auth/directory_methods.h"

struct listing {
	struct directory_page page;
	char name[NAME_SIZE]; /* empty: all */
	int64_t since;
};

static int
list_entry(void *ctx, const struct directory_audit *a)
{
	struct listing *l = ctx;
	char id[24];
	json_t *item;

	if (a->time < l->since ||
	    (l->name[0] != '\0' && strcmp(l->name, a->name) != 0))
		return 0;
	snprintf(id, sizeof id, "%" PRIu64, a->id);
	if (!directory_methods_has_room(&l->page, id, strlen(a->detail)))
		return 1;
	item = json_new_object();
	json_put_int(item, "time", a->time);
	json_put_text(item, "who", a->who);
	json_put_text(item, "what", a->what);
	json_put_text(item, "name", a->name);
	json_put_text(item, "detail", a->detail);
	json_add(l->page.items, item);
	return 0;
}

/* Of a name that is given; a domain is one too. */
static int
take_name(struct listing *l, struct str name, struct fault *f)
{
	if (name.at == NULL || name_key(name, l->name) ||
	    name_domain_key(name, l->name))
		return 0;
	return fault_perm(
	    f, "5.5.4", "name: \"%.*s\" is none", STR_ARG(str_head(name, 100)));
}

json_t *
directory_method_audit_list(void *ctx, const json_t *params, struct fault *f)
{
	struct listing l = {.since = json_get_int(params, "since", 0)};
	struct str name, after;
	uint64_t id = 0;

	if (directory_methods_may_text(params, "name", &name, f) < 0 ||
	    directory_methods_may_text(params, "after", &after, f) < 0 ||
	    take_name(&l, name, f) < 0)
		return NULL;
	if (after.len > 0 && !str_to_u64(after, 0, INT64_MAX, &id)) {
		fault_perm(f, "5.5.4", "after: this is none of our places");
		return NULL;
	}
	if (directory_methods_begin_page(&l.page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&l.page, "entries",
	    directory_each_audit(ctx, id, list_entry, &l, f));
}
