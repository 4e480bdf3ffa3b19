/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods. Parameters, "?" where they may be missing:
 *
 *   domain.add      domain
 *   domain.del      domain
 *   domain.set      domain, quota? quota_messages? user_quota?
 *                   user_quota_messages?: a number; 0: none
 *   domain.get      domain
 *   domain.list     after? limit?
 *   user.add        user, password? or hash? quota? quota_messages?
 *   user.del        user
 *   user.list       domain? after? limit?
 *   user.passwd     user, password or hash
 *   user.disable    user
 *   user.enable     user
 *   user.get        user
 *   user.set        user, main_password? send? receive?: bool; quota?
 *                   quota_messages?: a number; 0: the domain's; -1: none;
 *                   node?: its name, "": none; moving?: bool
 *   quota.get       user; returns what holds: {user, quota?, quota_messages?,
 *                   domain_quota?, domain_quota_messages?}
 *   alias.add       alias, targets: [address…]
 *   alias.del       alias
 *   alias.list      domain? after? limit?
 *   group.add       group, owners, settings
 *   group.set       group, owners?, settings
 *   group.del       group
 *   group.get       group
 *   group.list      domain? after? limit?
 *   member.add      group, members: [address…]
 *   member.del      group, members
 *   member.list     group, after? limit?
 *
 * What changes something returns {domain|user|alias|group: its name in key
 * form}. Lists return {domains|users|aliases|groups|members: [object…]}, and where there may be more
 * also next: what to give as `after` in the following call. Objects:
 *
 *   {domain, and its quotas}   (domain.get returns it too); what is none is
 *                              left out
 *   {user, password: bool, disabled: bool, created, changed (unix times),
 *    main_password: bool, send: bool, receive: bool, quota?,
 *    quota_messages?, node?, moving: bool}
 *   {alias, targets: [address…]}
 *   {group, owners: [address…], and the settings}   (group.get returns it too)
 *   {member}
 *
 * Settings of a group, which may be missing: posters ("members", "anyone",
 * "domain", "named"), named: [address…], from ("keep", "rewrite"), verp: bool,
 * title, list_id, unsubscribe. group.set leaves as it is what is missing.
 *
 * A user without a password cannot log in. hash is a crypt(5) one.
 */
#include "config.h"

#include "auth/directory_methods.h"
#include "auth/directory_node.h"
#include "auth/directory_quota.h"
#include "auth/name.h"
#include "auth/password.h"
#include "base/mem.h"

enum {
	LIMIT = 1000, /* of a list */
	LIMIT_MAX = 10000,
	PAGE_BYTES = 1 << 20, /* of names in a list; then the page ends */
};

const char *
directory_methods_need_text(
    const json_t *params, const char *key, struct fault *f)
{
	const char *text = json_get_text(params, key);

	if (text == NULL)
		fault_perm(f, "5.5.4", "parameter missing: %s", key);
	return text;
}

int
directory_methods_may_text(
    const json_t *params, const char *key, struct str *text, struct fault *f)
{
	const char *value = json_get_text(params, key);

	*text = str(value);
	if (value == NULL && json_get(params, key) != NULL)
		return fault_perm(f, "5.5.4", "parameter is no text: %s", key);
	return 0;
}

json_t *
directory_methods_changed(const char *what, const char *name)
{
	json_t *result = json_new_object();
	char key[NAME_SIZE];

	if (name_key(str(name), key) || name_domain_key(str(name), key))
		json_put_text(result, what, key);
	return result;
}

/* Pages of lists. */

int
directory_methods_begin_page(
    struct directory_page *page, const json_t *params, struct fault *f)
{
	int64_t limit = json_get_int(params, "limit", LIMIT);

	if (limit < 1 || limit > LIMIT_MAX)
		return fault_perm(f, "5.5.4", "limit: from 1 to %d", LIMIT_MAX);
	*page = (struct directory_page){.limit = (size_t)limit};
	page->items = json_new_array();
	return 0;
}

bool
directory_methods_has_room(
    struct directory_page *page, const char *name, size_t bytes)
{
	if (json_len(page->items) == page->limit ||
	    (page->bytes > 0 && page->bytes + bytes > PAGE_BYTES)) {
		page->more = true;
		return false;
	}
	page->bytes += bytes;
	/* A key always fits. */
	(void)!str_copy(str(name), page->next, sizeof page->next);
	return true;
}

json_t *
directory_methods_end_page(
    struct directory_page *page, const char *what, int rc)
{
	json_t *result;

	if (rc < 0) {
		json_free(&page->items);
		return NULL;
	}
	result = json_new_object();
	json_put(result, what, page->items);
	if (page->more)
		json_put_text(result, "next", page->next);
	return result;
}

/* Users. */

/* Nobody needs the clear password any more, though params goes on. */
static void
wipe_password(struct str password)
{
	if (password.len > 0)
		mem_wipe((void *)(uintptr_t)password.at, password.len);
}

/* All that is kept of a clear one; wipes it. */
static int
make_password(struct directory *d, struct str password,
    struct directory_password *made, struct fault *f)
{
	int rc = password_hash(password, made->hash, f);

	if (rc == 0)
		directory_make_forms(d, password, made);
	wipe_password(password);
	return rc < 0 ? -1 : 1;
}

/* The new password: 1; 0 where none was given. */
static int
take_password(struct directory *d, const json_t *params,
    struct directory_password *made, struct fault *f)
{
	struct str password, given;

	*made = (struct directory_password){.hash = ""};
	if (directory_methods_may_text(params, "password", &password, f) < 0 ||
	    directory_methods_may_text(params, "hash", &given, f) < 0)
		return -1;
	if (password.at != NULL && given.at != NULL)
		return fault_perm(
		    f, "5.5.4", "either password or hash, not both");
	if (password.at != NULL)
		return make_password(d, password, made, f);
	if (given.at == NULL)
		return 0;
	if (!str_copy(given, made->hash, sizeof made->hash) ||
	    !password_is_hash(made->hash))
		return fault_perm(f, "5.7.0",
		    "hash: this is none that crypt(3) knows, or a weak one");
	return 1;
}

/* Unless both are as if nothing was given. */
static int
set_quota(struct directory *d, struct str user,
    const struct directory_quota *quota, int64_t missing, struct fault *f)
{
	if (quota->bytes == missing && quota->messages == missing)
		return 0;
	return directory_user_set_quota(d, user, quota, f);
}

/* Names are checked before work is done for them. */
static json_t *
user_add(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	struct directory_password password;
	struct directory_quota quota;
	char key[NAME_SIZE];
	json_t *result = NULL;

	if (user == NULL || name_check(str(user), key, f) < 0 ||
	    directory_quota_take(params, "", DIRECTORY_QUOTA_UNSET, &quota, f) <
		0 ||
	    directory_quota_check(&quota, true, f) < 0 ||
	    take_password(ctx, params, &password, f) < 0)
		return NULL;
	if (directory_user_add(ctx, str(user), &password, f) == 0 &&
	    set_quota(ctx, str(user), &quota, DIRECTORY_QUOTA_UNSET, f) == 0)
		result = directory_methods_changed("user", user);
	mem_wipe(&password, sizeof password);
	return result;
}

static json_t *
user_passwd(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	struct directory_password password;
	json_t *result = NULL;
	int rc;

	if (user == NULL)
		return NULL;
	rc = take_password(ctx, params, &password, f);
	if (rc == 0)
		fault_perm(f, "5.5.4", "parameter missing: password");
	if (rc > 0 &&
	    directory_user_set_password(ctx, str(user), &password, f) == 0)
		result = directory_methods_changed("user", user);
	mem_wipe(&password, sizeof password);
	return result;
}

static json_t *
user_del(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);

	if (user == NULL || directory_user_del(ctx, str(user), f) < 0)
		return NULL;
	return directory_methods_changed("user", user);
}

static json_t *
set_disabled(
    struct directory *d, const json_t *params, bool disabled, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);

	if (user == NULL ||
	    directory_user_set_disabled(d, str(user), disabled, f) < 0)
		return NULL;
	return directory_methods_changed("user", user);
}

static json_t *
user_disable(void *ctx, const json_t *params, struct fault *f)
{
	return set_disabled(ctx, params, true, f);
}

static json_t *
user_enable(void *ctx, const json_t *params, struct fault *f)
{
	return set_disabled(ctx, params, false, f);
}

/* A switch that is given: into on or off. */
static int
take_switch(const json_t *params, const char *key, unsigned which,
    unsigned switches[2], struct fault *f)
{
	const json_t *value = json_get(params, key);

	if (value == NULL)
		return 0;
	/* What is no truth value has the fallback, whatever that is. */
	if (json_get_bool(params, key, true) !=
	    json_get_bool(params, key, false))
		return fault_perm(f, "5.5.4", "%s: true or false", key);
	switches[json_get_bool(params, key, false)] |= which;
	return 0;
}

static int
set_node(struct directory *d, const char *user, const json_t *params,
    struct fault *f)
{
	enum directory_moving moving = DIRECTORY_MOVING_KEEP;
	unsigned switches[2] = {0, 0};

	if (take_switch(params, "moving", DIRECTORY_MOVING, switches, f) < 0)
		return -1;
	if (switches[0] != 0)
		moving = DIRECTORY_MOVING_OFF;
	else if (switches[1] != 0)
		moving = DIRECTORY_MOVING_ON;
	if (moving == DIRECTORY_MOVING_KEEP && json_get(params, "node") == NULL)
		return 0;
	return directory_user_set_node(
	    d, str(user), json_get_text(params, "node"), moving, f);
}

static json_t *
user_set(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	unsigned switches[2] = {0, 0}; /* those to be closed, and opened */
	struct directory_quota quota;

	if (user == NULL ||
	    directory_quota_take(params, "", DIRECTORY_QUOTA_KEEP, &quota, f) <
		0 ||
	    take_switch(params, "main_password", DIRECTORY_MAIN_CLOSED,
		switches, f) < 0 ||
	    take_switch(params, "send", DIRECTORY_NO_SEND, switches, f) < 0 ||
	    take_switch(params, "receive", DIRECTORY_NO_RECEIVE, switches, f) <
		0 ||
	    set_quota(ctx, str(user), &quota, DIRECTORY_QUOTA_KEEP, f) < 0 ||
	    set_node(ctx, user, params, f) < 0 ||
	    directory_user_switch(ctx, str(user), switches[0], switches[1], f) <
		0)
		return NULL;
	return directory_methods_changed("user", user);
}

static json_t *
user_to_json(const struct directory_user *user)
{
	json_t *item = json_new_object();

	json_put_text(item, "user", user->name);
	json_put_bool(item, "password", user->hash[0] != '\0');
	json_put_bool(item, "disabled", user->disabled);
	json_put_int(item, "created", user->created);
	json_put_int(item, "changed", user->changed);
	json_put_bool(item, "main_password", !user->main_closed);
	json_put_bool(item, "send", !user->no_send);
	json_put_bool(item, "receive", !user->no_receive);
	directory_quota_put(item, "", &user->quota);
	if (user->node[0] != '\0')
		json_put_text(item, "node", user->node);
	json_put_bool(item, "moving", user->moving);
	return item;
}

static json_t *
user_get(void *ctx, const json_t *params, struct fault *f)
{
	const char *name = directory_methods_need_text(params, "user", f);
	struct directory_user user;
	json_t *result;
	int rc;

	if (name == NULL)
		return NULL;
	rc = directory_user_get(ctx, str(name), &user, f);
	if (rc == 0)
		fault_perm(f, "5.1.1", "%.100s: there is no such user", name);
	if (rc <= 0)
		return NULL;
	result = user_to_json(&user);
	mem_wipe(user.hash, sizeof user.hash);
	return result;
}

static int
list_user(void *ctx, const struct directory_user *user)
{
	struct directory_page *page = ctx;

	if (!directory_methods_has_room(page, user->name, strlen(user->name)))
		return 1;
	json_add(page->items, user_to_json(user));
	return 0;
}

static json_t *
user_list(void *ctx, const json_t *params, struct fault *f)
{
	struct directory_page page;
	struct str domain, after;

	if (directory_methods_may_text(params, "domain", &domain, f) < 0 ||
	    directory_methods_may_text(params, "after", &after, f) < 0 ||
	    directory_methods_begin_page(&page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&page, "users",
	    directory_each_user(ctx, domain, after, list_user, &page, f));
}

/* Aliases. */

void
directory_methods_put_names(json_t *item, const char *key, struct str list)
{
	json_t *array = json_new_array();

	while (list.len > 0) {
		char name[NAME_SIZE];

		if (str_copy(str_cut(&list, ' '), name, sizeof name))
			json_add_text(array, name);
	}
	json_put(item, key, array);
}

struct str *
directory_methods_take_names(
    const json_t *params, const char *key, size_t *n, struct fault *f)
{
	const json_t *array = json_get(params, key);
	struct str *targets;

	*n = json_len(array);
	if (!json_is_array(array) || *n == 0 || *n > DIRECTORY_TARGETS_MAX) {
		fault_perm(f, "5.5.4", "%s: from 1 to %d addresses", key,
		    DIRECTORY_TARGETS_MAX);
		return NULL;
	}
	targets = mem_zeroed(*n, sizeof *targets);
	for (size_t i = 0; i < *n; i++)
		targets[i] = str(json_text(json_at(array, i)));
	return targets;
}

static json_t *
alias_add(void *ctx, const json_t *params, struct fault *f)
{
	const char *alias = directory_methods_need_text(params, "alias", f);
	json_t *result = NULL;
	struct str *targets;
	size_t n;

	if (alias == NULL)
		return NULL;
	targets = directory_methods_take_names(params, "targets", &n, f);
	if (targets == NULL)
		return NULL;
	if (directory_alias_add(ctx, str(alias), targets, n, f) == 0)
		result = directory_methods_changed("alias", alias);
	mem_free(targets);
	return result;
}

static json_t *
alias_del(void *ctx, const json_t *params, struct fault *f)
{
	const char *alias = directory_methods_need_text(params, "alias", f);

	if (alias == NULL || directory_alias_del(ctx, str(alias), f) < 0)
		return NULL;
	return directory_methods_changed("alias", alias);
}

static int
list_alias(void *ctx, struct str name, struct str targets)
{
	struct directory_page *page = ctx;
	char text[NAME_SIZE];
	json_t *item;

	if (!str_copy(name, text, sizeof text))
		return 0;
	if (!directory_methods_has_room(page, text, name.len + targets.len))
		return 1;
	item = json_new_object();
	json_put_text(item, "alias", text);
	directory_methods_put_names(item, "targets", targets);
	json_add(page->items, item);
	return 0;
}

static json_t *
alias_list(void *ctx, const json_t *params, struct fault *f)
{
	struct directory_page page;
	struct str domain, after;

	if (directory_methods_may_text(params, "domain", &domain, f) < 0 ||
	    directory_methods_may_text(params, "after", &after, f) < 0 ||
	    directory_methods_begin_page(&page, params, f) < 0)
		return NULL;
	return directory_methods_end_page(&page, "aliases",
	    directory_each_alias(ctx, domain, after, list_alias, &page, f));
}

const struct control_method directory_methods[] = {
    {"domain.add", directory_method_domain_add},
    {"domain.del", directory_method_domain_del},
    {"domain.set", directory_method_domain_set},
    {"domain.get", directory_method_domain_get},
    {"domain.list", directory_method_domain_list},
    {"user.add", user_add},
    {"user.del", user_del},
    {"user.list", user_list},
    {"user.passwd", user_passwd},
    {"user.disable", user_disable},
    {"user.enable", user_enable},
    {"user.get", user_get},
    {"user.set", user_set},
    {"quota.get", directory_method_quota_get},
    {"app_password.add", directory_method_app_add},
    {"app_password.list", directory_method_app_list},
    {"app_password.revoke", directory_method_app_revoke},
    {"audit.list", directory_method_audit_list},
    {"directory.backup", directory_method_backup},
    {"user.restore", directory_method_restore_user},
    {"sender.add", directory_method_sender_add},
    {"sender.del", directory_method_sender_del},
    {"sender.list", directory_method_sender_list},
    {"alias.add", alias_add},
    {"alias.del", alias_del},
    {"alias.list", alias_list},
    {"group.add", directory_method_group_add},
    {"group.set", directory_method_group_set},
    {"group.del", directory_method_group_del},
    {"group.get", directory_method_group_get},
    {"group.list", directory_method_group_list},
    {"member.add", directory_method_member_add},
    {"member.del", directory_method_member_del},
    {"member.list", directory_method_member_list},
    {NULL, NULL},
};
