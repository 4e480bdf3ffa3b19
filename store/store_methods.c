/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods on mailboxes. Each but those that have headers of
 * their own is one job of the index' writer, so what it answers is not overtaken
 * by what it reads. Parameters, "?" where they may be missing:
 *
 *   mailbox.list     domain? after? limit?
 *   mailbox.stat     store/stat.h
 *   mailbox.settle   mailbox
 *   mailbox.quota    store_methods_quota.c
 *   mailbox.search   store/search.h
 *
 * and those of store_methods_check.c and store_methods_retention.c.
 *
 * Where the list has more, it has next: what to give as `after`.
 */
#include "config.h"

#include "store/store.h"

#include <stdio.h>

#include "base/db.h"
#include "proto/address.h"
#include "store/box.h"
#include "store/index.h"
#include "store/search.h"
#include "store/stat.h"
#include "store/store_private.h"

enum {
	LIST_LIMIT = 5000, /* mailboxes at once */
	SETTLE_MS = 60000,
};

struct call {
	struct str domain; /* "": all */
	json_t *result;
	json_t *items; /* in the result */
	/* mailbox.list */
	struct mailbox_name after; /* text "": from the first on */
	size_t limit;
	bool more;
	struct mailbox_name current; /* the item that grows */
	struct index_stat sum;
	uint64_t folders;
};

int
store_read_mailbox(const json_t *params, bool needed,
    struct mailbox_name *mailbox, struct fault *f)
{
	const char *text = json_get_text(params, "mailbox");
	char key[ADDRESS_TEXT_SIZE];
	struct address a;

	memset(mailbox, 0, sizeof *mailbox);
	if (text == NULL && !needed)
		return 0;
	if (text == NULL)
		return fault_perm(f, "5.5.4", "which mailbox?");
	if (address_parse(str(text), &a, f) < 0)
		return -1;
	if (!address_key(&a, key))
		return fault_perm(f, "5.1.3", "%s is no mailbox", text);
	return mailbox_name_parse(str(key), mailbox, f);
}

struct catching_up {
	const struct mailbox_name *mailbox;
};

static int
catch_up(struct index *index, void *ctx, struct fault *f)
{
	const struct catching_up *c = ctx;
	struct index_difference difference;
	uint64_t folders;

	if (c->mailbox->text[0] == '\0')
		return 0;
	if (index_check(index, str(c->mailbox->path), INDEX_CATCH_UP,
		&difference, &folders, f) < 0)
		return -1;
	if (folders == 0)
		return fault_perm(
		    f, "5.1.1", "there is no mailbox %s", c->mailbox->text);
	return 0;
}

int
store_catch_up(
    struct store *store, const struct mailbox_name *mailbox, struct fault *f)
{
	struct catching_up c = {mailbox};

	return index_run(store->index, catch_up, &c, f);
}

json_t *
store_answer(struct store *store,
    int (*job)(struct index *index, void *ctx, struct fault *f), void *ctx,
    json_t **result, struct fault *f)
{
	for (int tries = 0; tries < 3; tries++) {
		*result = json_new_object();
		if (index_run(store->index, job, ctx, f) == 0)
			return *result;
		json_free(result);
		if (!db_is_damage(f))
			break;
	}
	return NULL;
}

static void
put_stat(json_t *object, const struct index_stat *stat)
{
	json_put_int(object, "messages", (int64_t)stat->messages);
	json_put_int(object, "unseen", (int64_t)stat->unseen);
	json_put_int(object, "bytes", (int64_t)stat->bytes);
}

static void
add_stat(struct index_stat *sum, const struct index_stat *stat)
{
	sum->messages += stat->messages;
	sum->unseen += stat->unseen;
	sum->bytes += stat->bytes;
}

/* mailbox.list */

static void
end_mailbox(struct call *c)
{
	json_t *item;

	if (c->folders == 0)
		return;
	item = json_new_object();
	json_put_text(item, "mailbox", c->current.text);
	json_put_int(item, "folders", (int64_t)c->folders);
	put_stat(item, &c->sum);
	json_add(c->items, item);
	memset(&c->sum, 0, sizeof c->sum);
	c->folders = 0;
}

/* The folders of a mailbox come in a row, in the order of paths. Stops before
 * the mailbox that finds the page full. */
static int
list_folder(void *ctx, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder, const struct index_stat *stat)
{
	struct call *c = ctx;

	(void)folder;
	if (!str_is(str(mailbox->path), str(c->current.path)))
		end_mailbox(c);
	if (json_len(c->items) == c->limit) {
		c->more = true;
		return 1;
	}
	c->current = *mailbox;
	c->folders++;
	add_stat(&c->sum, stat);
	return 0;
}

static int
list(struct index *index, void *ctx, struct fault *f)
{
	struct call *c = ctx;
	struct index_range range = {.after = str(c->after.path)};
	char domain[MAILBOX_NAME_SIZE];

	c->more = false;
	c->folders = 0;
	memset(&c->sum, 0, sizeof c->sum);
	c->items = json_new_array();
	json_put(c->result, "mailboxes", c->items);
	/* No mailbox has a longer one. */
	if (c->domain.len > sizeof domain - 2)
		return 0;
	if (c->domain.len > 0) {
		snprintf(domain, sizeof domain, "%.*s/", STR_ARG(c->domain));
		range.path = str(domain);
	}
	if (index_each_folder(index, range, list_folder, c, f) < 0)
		return -1;
	if (c->more)
		json_put_text(c->result, "next", c->current.text);
	else
		end_mailbox(c);
	return 0;
}

static json_t *
on_list(void *ctx, const json_t *params, struct fault *f)
{
	struct call c = {0};
	const char *after = json_get_text(params, "after");
	int64_t limit = json_get_int(params, "limit", LIST_LIMIT);

	if (limit < 1 || limit > LIST_LIMIT) {
		fault_perm(f, "5.5.4", "limit: from 1 to %d", LIST_LIMIT);
		return NULL;
	}
	if (after != NULL && mailbox_name_parse(str(after), &c.after, f) < 0)
		return NULL;
	c.limit = (size_t)limit;
	c.domain = str(json_get_text(params, "domain"));
	return store_answer(ctx, list, &c, &c.result, f);
}

/* What stands in files of its own. */

static json_t *
on_stat(void *ctx, const json_t *params, struct fault *f)
{
	return stat_mailbox(ctx, params, f);
}

static json_t *
on_search(void *ctx, const json_t *params, struct fault *f)
{
	return search_messages(ctx, params, f);
}

/* mailbox.settle: whoever takes a mailbox elsewhere waits for deliveries that
 * have begun. It is no question to the index. */
static json_t *
on_settle(void *ctx, const json_t *params, struct fault *f)
{
	const struct store *store = ctx;
	struct mailbox_name mailbox;

	if (store_read_mailbox(params, true, &mailbox, f) < 0 ||
	    boxes_settle(store->boxes, &mailbox, SETTLE_MS, f) < 0)
		return NULL;
	return json_new_object();
}

const struct control_method store_methods[] = {
    {"mailbox.list", on_list},
    {"mailbox.stat", on_stat},
    {"mailbox.search", on_search},
    {"mailbox.names", store_method_names},
    {"mailbox.verify", store_method_verify},
    {"mailbox.rebuild", store_method_rebuild},
    {"mailbox.digests", store_method_digests},
    {"mailbox.learn", store_method_learn},
    {"mailbox.hold", store_method_hold},
    {"audit.add", store_method_audit_add},
    {"audit.list", store_method_audit_list},
    {"mailbox.settle", on_settle},
    {"mailbox.quota", store_method_quota},
    {NULL, NULL},
};
