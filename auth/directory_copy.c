/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_copy.h"

#include <stdio.h>
#include <string.h>

#include "auth/directory_driver.h"
#include "auth/directory_node.h"
#include "auth/directory_quota.h"
#include "base/json.h"
#include "base/mem.h"

enum {
	LINE_MAX_BYTES = 1 << 20,
	SETTING_MAX = 4096,
};

/* Out. */

struct export
{
	struct directory *directory;
	int (*line)(void *ctx, struct str text);
	void *ctx;
	struct str group; /* whose members are listed */
	struct str user;  /* whose credentials are */
	struct fault *f;
};

/* Takes the object. */
static int
give(struct export *e, json_t *object)
{
	struct buf text;
	int rc;

	buf_init_secret(&text, LINE_MAX_BYTES);
	json_format(&text, object);
	if (buf_is_full(&text))
		rc = fault_perm(e->f, "5.6.0", "a record is too long");
	else
		rc = e->line(e->ctx, buf_str(&text));
	buf_clear(&text);
	json_free(&object);
	return rc;
}

static int
give_domain(void *ctx, const struct directory_domain *domain)
{
	json_t *object = json_new_object();

	json_put_text(object, "domain", domain->name);
	directory_quota_put(object, "", &domain->total);
	directory_quota_put(object, "user_", &domain->user);
	return give(ctx, object);
}

static int
give_credential(void *ctx, struct str kind, struct str value)
{
	struct export *e = ctx;
	json_t *object = json_new_object();

	json_put_str(object, "credential", e->user);
	json_put_str(object, "kind", kind);
	json_put_str(object, "value", value);
	return give(e, object);
}

static int
give_user(void *ctx, const struct directory_user *user)
{
	struct export *e = ctx;
	const struct directory *d = e->directory;
	json_t *object = json_new_object();
	int rc;

	json_put_text(object, "user", user->name);
	json_put_text(object, "hash", user->hash);
	json_put_bool(object, "disabled", user->disabled);
	json_put_int(
	    object, "switches", (int64_t)directory_user_switches(user));
	json_put_int(object, "created", user->created);
	json_put_int(object, "changed", user->changed);
	directory_quota_put(object, "", &user->quota);
	if (user->node[0] != '\0')
		json_put_text(object, "node", user->node);
	rc = give(e, object);
	if (rc != 0)
		return rc;
	e->user = str(user->name);
	return d->driver->each_credential(
	    d->store, e->user, give_credential, e, e->f);
}

static void
put_names(json_t *object, const char *member, struct str names)
{
	json_t *list = json_new_array();
	char name[NAME_SIZE];

	json_put(object, member, list);
	while (names.len > 0)
		if (str_copy(str_cut(&names, ' '), name, sizeof name))
			json_add_text(list, name);
}

static int
give_alias(void *ctx, struct str name, struct str targets)
{
	json_t *object = json_new_object();

	json_put_str(object, "alias", name);
	put_names(object, "targets", targets);
	return give(ctx, object);
}

static int
give_senders(void *ctx, struct str address, struct str users)
{
	json_t *object = json_new_object();

	json_put_str(object, "sender", address);
	put_names(object, "users", users);
	return give(ctx, object);
}

static int
give_member(void *ctx, struct str member)
{
	struct export *e = ctx;
	json_t *object = json_new_object();

	json_put_str(object, "member", member);
	json_put_str(object, "group", e->group);
	return give(e, object);
}

static int
give_group(void *ctx, const struct directory_group *g)
{
	struct export *e = ctx;
	const struct directory *d = e->directory;
	json_t *object = json_new_object();
	struct buf record;
	int rc;

	buf_init(&record, DIRECTORY_GROUP_RECORD_MAX);
	directory_group_format(g, &record);
	json_put_text(object, "group", g->name);
	json_put_str(object, "record", buf_str(&record));
	buf_clear(&record);
	rc = give(e, object);
	if (rc != 0)
		return rc;
	e->group = str(g->name);
	return d->driver->each_member(
	    d->store, e->group, (struct str){0}, give_member, e, e->f);
}

static int
give_setting(void *ctx, struct str name, struct str value)
{
	json_t *object = json_new_object();
	struct buf hex;

	buf_init_secret(&hex, 2 * SETTING_MAX);
	buf_put_hex(&hex, value);
	json_put_str(object, "setting", name);
	json_put_str(object, "value", buf_str(&hex));
	buf_clear(&hex);
	return give(ctx, object);
}

int
directory_export(struct directory *d, int (*line)(void *ctx, struct str text),
    void *ctx, struct fault *f)
{
	const struct directory_driver *driver = d->driver;
	struct export e = {.directory = d, .line = line, .ctx = ctx, .f = f};
	const struct str all = {0};
	int rc = driver->each_domain(d->store, all, give_domain, &e, f);

	if (rc == 0)
		rc = driver->each_user(d->store, all, all, give_user, &e, f);
	if (rc == 0)
		rc = driver->each_alias(d->store, all, all, give_alias, &e, f);
	if (rc == 0)
		rc = driver->each_group(d->store, all, all, give_group, &e, f);
	if (rc == 0)
		rc = driver->each_sender(d->store, all, give_senders, &e, f);
	if (rc == 0)
		rc = driver->each_setting(d->store, give_setting, &e, f);
	return rc;
}

/* In. */

static int
bad(const char *what, struct fault *f)
{
	return fault_perm(f, "5.6.0", "this is no %s", what);
}

/* The name as a key; NULL where the object has no such member. */
static const char *
take_key(const json_t *object, const char *member, char key[NAME_SIZE])
{
	const char *text = json_get_text(object, member);

	if (text == NULL)
		return NULL;
	return name_key(str(text), key) || name_domain_key(str(text), key)
		   ? key
		   : NULL;
}

static int
import_user(struct directory *d, const json_t *object, struct fault *f)
{
	const char *hash = json_get_text(object, "hash");
	const char *node = json_get_text(object, "node");
	struct directory_user user = {0};

	if (take_key(object, "user", user.name) == NULL ||
	    name_local(str(user.name)).len == 0 || hash == NULL ||
	    !str_copy(str(hash), user.hash, sizeof user.hash))
		return bad("user", f);
	directory_user_set_switches(&user,
	    (unsigned)json_get_int(object, "switches",
		json_get_bool(object, "disabled", false) ? DIRECTORY_DISABLED
							 : 0));
	user.created = json_get_int(object, "created", 0);
	user.changed = json_get_int(object, "changed", 0);
	if (directory_quota_take(
		object, "", DIRECTORY_QUOTA_UNSET, &user.quota, f) < 0 ||
	    directory_quota_check(&user.quota, true, f) < 0)
		return -1;
	if (node != NULL &&
	    (!directory_node_is_name(str(node)) ||
		!str_copy(str(node), user.node, sizeof user.node)))
		return bad("node", f);
	d->driver->put_user(d->store, &user);
	return 0;
}

static int
import_credential(struct directory *d, const json_t *object, struct fault *f)
{
	const char *kind = json_get_text(object, "kind");
	const char *value = json_get_text(object, "value");
	char user[NAME_SIZE];

	if (take_key(object, "credential", user) == NULL || kind == NULL ||
	    strlen(kind) > DIRECTORY_KIND_MAX || value == NULL ||
	    strlen(value) > DIRECTORY_CREDENTIAL_MAX)
		return bad("credential", f);
	d->driver->put_credential(d->store, str(user), str(kind), str(value));
	return 0;
}

/* An array of names, as a record has them. */
static bool
take_names(const json_t *list, struct buf *names)
{
	char key[NAME_SIZE];

	for (size_t i = 0; i < json_len(list); i++) {
		const char *text = json_text(json_at(list, i));

		if (text == NULL || !name_key(str(text), key))
			return false;
		buf_putf(names, "%s%s", i > 0 ? " " : "", key);
	}
	return buf_len(names) > 0 && !buf_is_full(names);
}

static int
import_alias(struct directory *d, const json_t *object, struct fault *f)
{
	char name[NAME_SIZE];
	struct buf targets;
	int rc = 0;

	buf_init(&targets, DIRECTORY_TARGETS_SIZE);
	if (take_key(object, "alias", name) != NULL &&
	    take_names(json_get(object, "targets"), &targets))
		d->driver->put_alias(d->store, str(name), buf_str(&targets));
	else
		rc = bad("alias", f);
	buf_clear(&targets);
	return rc;
}

static int
import_senders(struct directory *d, const json_t *object, struct fault *f)
{
	char address[NAME_SIZE];
	struct buf users;
	int rc = 0;

	buf_init(&users, DIRECTORY_TARGETS_SIZE);
	if (take_key(object, "sender", address) != NULL &&
	    take_names(json_get(object, "users"), &users))
		d->driver->put_senders(d->store, str(address), buf_str(&users));
	else
		rc = bad("sender", f);
	buf_clear(&users);
	return rc;
}

static int
import_group(struct directory *d, const json_t *object, struct fault *f)
{
	const char *record = json_get_text(object, "record");
	struct directory_group *g = mem_new(struct directory_group);
	char name[NAME_SIZE];
	int rc = 0;

	if (take_key(object, "group", name) == NULL || record == NULL ||
	    !directory_group_parse(str(name), str(record), g))
		rc = bad("group", f);
	else
		d->driver->put_group(d->store, g);
	mem_free(g);
	return rc;
}

static int
import_member(struct directory *d, const json_t *object, struct fault *f)
{
	char group[NAME_SIZE], member[NAME_SIZE];

	if (take_key(object, "group", group) == NULL ||
	    take_key(object, "member", member) == NULL)
		return bad("member", f);
	d->driver->put_member(d->store, str(group), str(member));
	return 0;
}

static int
import_setting(struct directory *d, const json_t *object, struct fault *f)
{
	const char *hex = json_get_text(object, "value");
	struct buf value;
	int rc = 0;

	buf_init_secret(&value, SETTING_MAX);
	if (hex == NULL || !buf_put_unhex(&value, str(hex)))
		rc = bad("setting", f);
	else
		d->driver->put_setting(d->store,
		    json_get_text(object, "setting"), buf_str(&value));
	buf_clear(&value);
	return rc;
}

static int
import_domain(struct directory *d, const json_t *object, struct fault *f)
{
	const char *text = json_get_text(object, "domain");
	struct directory_domain domain;

	if (text == NULL || !name_domain_key(str(text), domain.name))
		return bad("domain", f);
	if (directory_quota_take(
		object, "", DIRECTORY_QUOTA_UNSET, &domain.total, f) < 0 ||
	    directory_quota_take(
		object, "user_", DIRECTORY_QUOTA_UNSET, &domain.user, f) < 0 ||
	    directory_quota_check(&domain.total, false, f) < 0 ||
	    directory_quota_check(&domain.user, false, f) < 0)
		return -1;
	d->driver->put_domain(d->store, &domain);
	return 0;
}

int
directory_import(struct directory *d, struct str line, struct fault *f)
{
	static const struct {
		const char *member;
		int (*import)(
		    struct directory *d, const json_t *object, struct fault *f);
	} kinds[] = {
	    {"domain", import_domain},
	    {"user", import_user},
	    {"credential", import_credential},
	    {"alias", import_alias},
	    {"member", import_member},
	    {"group", import_group},
	    {"sender", import_senders},
	    {"setting", import_setting},
	};
	json_t *object = json_parse(line, f);
	int rc = 1;

	if (object == NULL)
		return -1;
	for (size_t i = 0; rc > 0 && i < ARRAY_LEN(kinds); i++)
		if (json_get_text(object, kinds[i].member) != NULL)
			rc = kinds[i].import(d, object, f);
	json_free(&object);
	return rc > 0 ? bad("record of a directory", f) : rc;
}

int
directory_import_flush(struct directory *d, struct fault *f)
{
	directory_audit(d, "directory.import", "", "%s", "");
	if (directory_audit_flush(d, f) < 0) {
		d->driver->discard(d->store);
		return -1;
	}
	return d->driver->commit(d->store, f);
}
