/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods for what is kept of mail, and for what was done to it.
 *
 *   mailbox.hold   mailbox on why?          {changed, messages}
 *   audit.add      what name? detail?       {}
 *   audit.list     name? since? after? limit?
 *                  {entries: [{time, who, what, name, detail}], next?}
 *
 * audit.add is how a command that works on Maildirs by itself says so, before
 * it does; who it was, the kernel says.
 */
#include "config.h"

#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/user.h"
#include "store/audit.h"
#include "store/box.h"
#include "store/hold.h"
#include "store/keeper.h"
#include "store/store_private.h"

enum { AUDIT_LIMIT = 1000 };

/* The audit. */

static void
caller_name(const struct store *store, char who[USER_NAME_SIZE])
{
	uid_t uid = control_caller();

	user_format(uid != (uid_t)-1 ? uid : store->caller, who);
}

/* Cuts what does not fit. */
static void
put_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}

static int
add(struct store *store, struct audit_entry *e, struct fault *f)
{
	int rc;

	e->time = (int64_t)time(NULL);
	caller_name(store, e->who);
	loop_blocking_begin();
	rc = audit_add(store->root, e, f);
	loop_blocking_end();
	return rc;
}

json_t *
store_method_audit_add(void *ctx, const json_t *params, struct fault *f)
{
	const char *what = json_get_text(params, "what");
	struct audit_entry e;

	memset(&e, 0, sizeof e);
	if (what == NULL || !str_starts(str(what), STR_LIT("mailbox.")) ||
	    strlen(what) >= sizeof e.what) {
		fault_perm(f, "5.5.4", "what was done?");
		return NULL;
	}
	put_text(e.what, sizeof e.what, what);
	put_text(e.name, sizeof e.name, json_get_text(params, "name"));
	put_text(e.detail, sizeof e.detail, json_get_text(params, "detail"));
	return add(ctx, &e, f) < 0 ? NULL : json_new_object();
}

struct listing {
	const char *name; /* NULL: all */
	int64_t since;
	size_t limit;
	json_t *items;
	uint64_t place; /* of the last that was given */
};

static int
list_entry(void *ctx, uint64_t place, const struct audit_entry *e)
{
	struct listing *l = ctx;
	json_t *item;

	if (e->time < l->since ||
	    (l->name != NULL && strcmp(l->name, e->name) != 0))
		return 0;
	if (json_len(l->items) == l->limit)
		return 1;
	l->place = place;
	item = json_new_object();
	json_put_int(item, "time", e->time);
	json_put_text(item, "who", e->who);
	json_put_text(item, "what", e->what);
	json_put_text(item, "name", e->name);
	json_put_text(item, "detail", e->detail);
	json_add(l->items, item);
	return 0;
}

json_t *
store_method_audit_list(void *ctx, const json_t *params, struct fault *f)
{
	const struct store *store = ctx;
	const char *text = json_get_text(params, "after");
	int64_t limit = json_get_int(params, "limit", AUDIT_LIMIT);
	struct listing l = {
	    .name = json_get_text(params, "name"),
	    .since = json_get_int(params, "since", 0),
	};
	json_t *result;
	uint64_t after = 0;
	char next[24];
	int rc;

	if (limit < 1 || limit > AUDIT_LIMIT) {
		fault_perm(f, "5.5.4", "limit: from 1 to %d", AUDIT_LIMIT);
		return NULL;
	}
	if (text != NULL && !str_to_u64(str(text), 0, INT64_MAX, &after)) {
		fault_perm(f, "5.5.4", "after: this is none of our places");
		return NULL;
	}
	l.limit = (size_t)limit;
	l.items = json_new_array();
	result = json_new_object();
	json_put(result, "entries", l.items);
	loop_blocking_begin();
	rc = audit_each(store->root, after, list_entry, &l, f);
	loop_blocking_end();
	if (rc < 0) {
		json_free(&result);
		return NULL;
	}
	if (rc > 0) {
		snprintf(next, sizeof next, "%" PRIu64, l.place);
		json_put_text(result, "next", next);
	}
	return result;
}

/* Legal hold. */

/* All that is delivered from now on is held, so that nothing is missed between
 * this and the links to what is there. */
static int
begin_hold(struct store *store, const struct mailbox_name *mailbox,
    const struct hold *hold, uint64_t *n, struct fault *f)
{
	if (hold_set(store->root, mailbox, hold, f) < 0)
		return -1;
	boxes_set_held(store->boxes, mailbox, true);
	if (store->keeper != NULL)
		keeper_look(store->keeper, mailbox);
	return hold_catch(store->root, mailbox, n, f);
}

static int
end_hold(
    struct store *store, const struct mailbox_name *mailbox, struct fault *f)
{
	if (hold_end(store->root, mailbox, (int64_t)time(NULL), f) < 0)
		return -1;
	boxes_set_held(store->boxes, mailbox, false);
	if (store->keeper != NULL)
		keeper_look(store->keeper, mailbox);
	return 0;
}

static int
note_hold(struct store *store, const struct mailbox_name *mailbox, bool is_on,
    const char *why, struct fault *f)
{
	struct audit_entry e;

	memset(&e, 0, sizeof e);
	put_text(
	    e.what, sizeof e.what, is_on ? "mailbox.hold" : "mailbox.release");
	put_text(e.name, sizeof e.name, mailbox->text);
	put_text(e.detail, sizeof e.detail, why);
	return add(store, &e, f);
}

static int
change_hold(struct store *store, const struct mailbox_name *mailbox, bool is_on,
    const char *why, uint64_t *n, struct fault *f)
{
	struct hold hold = {.since = (int64_t)time(NULL)};

	if (note_hold(store, mailbox, is_on, why, f) < 0)
		return -1;
	if (!is_on)
		return end_hold(store, mailbox, f);
	caller_name(store, hold.who);
	put_text(hold.why, sizeof hold.why, why);
	return begin_hold(store, mailbox, &hold, n, f);
}

json_t *
store_method_hold(void *ctx, const json_t *params, struct fault *f)
{
	struct store *store = ctx;
	bool is_on = json_get_bool(params, "on", true);
	struct mailbox_name mailbox;
	const struct mailbox_folder top = {.dir = ""};
	uint64_t n = 0;
	json_t *result;
	bool changes;
	int box, rc;

	if (store_read_mailbox(params, true, &mailbox, f) < 0)
		return NULL;
	rc = maildir_open(store->root, &mailbox, &top, &box, f);
	if (rc == 0)
		fault_perm(f, "5.1.1", "there is no mailbox %s", mailbox.text);
	if (rc <= 0)
		return NULL;
	close(box);
	changes = hold_is_on(store->root, &mailbox) != is_on;
	loop_blocking_begin();
	rc = 0;
	if (changes)
		rc = change_hold(store, &mailbox, is_on,
		    json_get_text(params, "why"), &n, f);
	else if (is_on)
		rc = hold_catch(store->root, &mailbox, &n, f);
	loop_blocking_end();
	if (rc < 0)
		return NULL;
	result = json_new_object();
	json_put_bool(result, "changed", changes);
	json_put_int(result, "messages", (int64_t)n);
	return result;
}
