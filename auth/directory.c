/* SPDX-License-Identifier: ISC */
/*
 * The rules of the directory, whatever driver keeps it: which names are good,
 * and what must exist before what. How a recipient becomes mailboxes is in
 * directory_resolve.c.
 *
 * Changes hold a mutex from the first check to the commit, so a check is still
 * true when its record is written. Look-ups take no lock of ours.
 */
#include "config.h"

#include "auth/directory.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "auth/directory_driver.h"
#include "auth/name.h"
#include "base/loop.h"
#include "base/mem.h"

enum {
	SHOWN_MAX = 100, /* of a name that came, in a fault */
	AUDIT_ENTRIES = 10000,
};

struct directory *
directory_new(void)
{
	struct directory *d = mem_new(struct directory);

	d->caller = getuid();
	d->forms = DIRECTORY_FORM_SCRAM;
	pthread_mutex_init(&d->changes, NULL);
	return d;
}

#ifdef HAVE_PGSQL

static const struct directory_driver *
driver_of(const struct directory_conf *conf, struct fault *f)
{
	(void)f;
	return conf->database != NULL ? &directory_pgsql : &directory_bdb;
}

int
directory_migrate(const struct directory_conf *conf, bool anew, unsigned *from,
    struct fault *f)
{
	return directory_pgsql_migrate(conf, anew, from, f);
}

#else

static const struct directory_driver *
driver_of(const struct directory_conf *conf, struct fault *f)
{
	if (conf->database == NULL)
		return &directory_bdb;
	fault_perm(f, "5.3.5", "built without PostgreSQL");
	return NULL;
}

int
directory_migrate(const struct directory_conf *conf, bool anew, unsigned *from,
    struct fault *f)
{
	(void)anew;
	(void)from;
	return driver_of(conf, f) == NULL ? -1 : 0;
}

#endif

int
directory_start(
    struct directory *d, const struct directory_conf *conf, struct fault *f)
{
	d->audit_bounds = (struct directory_audit_bounds){
	    .entries =
		conf->audit_entries > 0 ? conf->audit_entries : AUDIT_ENTRIES,
	    .age = conf->audit_age,
	};
	d->driver = driver_of(conf, f);
	if (d->driver != NULL)
		d->store = d->driver->open(conf, f);
	return d->store == NULL ? -1 : 0;
}

struct directory *
directory_open(const struct directory_conf *conf, struct fault *f)
{
	struct directory *d = directory_new();

	if (directory_start(d, conf, f) < 0)
		directory_close(&d);
	return d;
}

void
directory_close(struct directory **directory)
{
	struct directory *d = *directory;

	if (d == NULL)
		return;
	if (d->store != NULL)
		d->driver->close(&d->store);
	pthread_mutex_destroy(&d->changes);
	mem_free(d);
	*directory = NULL;
}

void
directory_begin_change(struct directory *d)
{
	loop_blocking_begin();
	pthread_mutex_lock(&d->changes);
}

int
directory_end_change(struct directory *d, int rc, struct fault *f)
{
	if (rc >= 0 && directory_audit_flush(d, f) < 0)
		rc = -1;
	d->audit.what[0] = '\0';
	if (rc < 0)
		d->driver->discard(d->store);
	else if (d->driver->commit(d->store, f) < 0)
		rc = -1;
	pthread_mutex_unlock(&d->changes);
	loop_blocking_end();
	return rc;
}

/* Faults in the operator's words. */

static int
exists(struct fault *f, const char *name, const char *what)
{
	return fault_perm(
	    f, "5.1.0", "%s: there is %s of this name already", name, what);
}

static int
missing(struct fault *f, struct str name, const char *what)
{
	return fault_perm(f, "5.1.1", "%.*s: there is no such %s",
	    STR_ARG(str_head(name, SHOWN_MAX)), what);
}

static int
not_ours(struct fault *f, const char *name)
{
	return fault_perm(f, "5.1.2",
	    "%s: this domain is not one of ours; add it first", name);
}

/* Checks; all within a change. 0 or -1. */

static int
need_domain(struct directory *d, const char *key, struct fault *f)
{
	int rc =
	    d->driver->get_domain(d->store, name_domain(str(key)), NULL, f);

	return rc == 0 ? not_ours(f, key) : rc < 0 ? -1 : 0;
}

int
directory_need_free_name(struct directory *d, const char *key, struct fault *f)
{
	const char *what = "a user";
	struct buf targets;
	int rc;

	if (need_domain(d, key, f) < 0)
		return -1;
	rc = d->driver->get_user(d->store, str(key), NULL, f);
	if (rc == 0) {
		what = "an alias";
		buf_init(&targets, DIRECTORY_TARGETS_SIZE);
		rc = d->driver->get_alias(d->store, str(key), &targets, f);
		buf_clear(&targets);
	}
	if (rc == 0) {
		what = "a group";
		rc = d->driver->get_group(d->store, str(key), NULL, f);
	}
	return rc > 0 ? exists(f, key, what) : rc;
}

static int
found_user(void *ctx, const struct directory_user *user)
{
	(void)ctx;
	(void)user;
	return 1;
}

static int
found_alias(void *ctx, struct str name, struct str targets)
{
	(void)ctx;
	(void)name;
	(void)targets;
	return 1;
}

static int
found_group(void *ctx, const struct directory_group *g)
{
	(void)ctx;
	(void)g;
	return 1;
}

static int
need_empty_domain(struct directory *d, struct str key, struct fault *f)
{
	const struct str first = {0};
	const char *what = "users";
	int rc = d->driver->each_user(d->store, key, first, found_user, d, f);

	if (rc == 0) {
		what = "aliases";
		rc = d->driver->each_alias(
		    d->store, key, first, found_alias, d, f);
	}
	if (rc == 0) {
		what = "groups";
		rc = d->driver->each_group(
		    d->store, key, first, found_group, d, f);
	}
	if (rc > 0)
		return fault_perm(f, "5.1.0",
		    "%.*s: the domain still has %s; remove them first",
		    STR_ARG(key), what);
	return rc;
}

/* Domains. */

int
directory_domain_add(struct directory *d, struct str domain, struct fault *f)
{
	struct directory_domain made = {.name = ""};
	char key[NAME_SIZE];
	int rc;

	if (name_check_domain(domain, key, f) < 0)
		return -1;
	directory_begin_change(d);
	rc = d->driver->get_domain(d->store, str(key), NULL, f);
	if (rc > 0)
		rc = exists(f, key, "a domain");
	if (rc == 0) {
		snprintf(made.name, sizeof made.name, "%s", key);
		d->driver->put_domain(d->store, &made);
		directory_audit(d, "domain.add", key, "%s", "");
	}
	return directory_end_change(d, rc, f);
}

int
directory_domain_del(struct directory *d, struct str domain, struct fault *f)
{
	char key[NAME_SIZE];
	int rc;

	if (!name_domain_key(domain, key))
		return missing(f, domain, "domain");
	directory_begin_change(d);
	rc = d->driver->get_domain(d->store, str(key), NULL, f);
	if (rc == 0)
		rc = missing(f, domain, "domain");
	if (rc > 0)
		rc = need_empty_domain(d, str(key), f);
	if (rc == 0) {
		d->driver->del_domain(d->store, str(key));
		directory_audit(d, "domain.del", key, "%s", "");
	}
	return directory_end_change(d, rc, f);
}

int
directory_domain_read(struct directory *d, struct str name,
    struct directory_domain *domain, struct fault *f)
{
	char key[NAME_SIZE];

	if (!name_domain_key(name, key))
		return 0;
	return d->driver->get_domain(d->store, str(key), domain, f);
}

int
directory_domain_get(struct directory *d, struct str domain, struct fault *f)
{
	return directory_domain_read(d, domain, NULL, f);
}

/* Users. */

static void
set_password(struct directory *d, const char *what, struct directory_user *user,
    const struct directory_password *password)
{
	static const struct directory_password none;

	if (password == NULL)
		password = &none;
	user->changed = (int64_t)time(NULL);
	memcpy(user->hash, password->hash, sizeof user->hash);
	d->driver->put_user(d->store, user);
	directory_put_scram(d, str(user->name), &password->scram);
	directory_put_cram(d, str(user->name), &password->cram);
	directory_audit(d, what, user->name, "%s",
	    password->hash[0] == '\0' ? "without a password" : "");
}

int
directory_user_add(struct directory *d, struct str name,
    const struct directory_password *password, struct fault *f)
{
	struct directory_user user = {.created = (int64_t)time(NULL)};
	int rc;

	if (name_check(name, user.name, f) < 0)
		return -1;
	directory_begin_change(d);
	rc = directory_need_free_name(d, user.name, f);
	if (rc == 0)
		set_password(d, "user.add", &user, password);
	return directory_end_change(d, rc, f);
}

int
directory_user_get(struct directory *d, struct str name,
    struct directory_user *user, struct fault *f)
{
	char key[NAME_SIZE];

	if (!name_key(name, key))
		return 0;
	return d->driver->get_user(d->store, str(key), user, f);
}

int
directory_need_user(struct directory *d, struct str name,
    struct directory_user *user, struct fault *f)
{
	int rc = directory_user_get(d, name, user, f);

	return rc == 0 ? missing(f, name, "user") : rc < 0 ? -1 : 0;
}

struct owner {
	struct directory *directory;
	struct str user;
};

static int
del_credential(void *ctx, struct str kind, struct str value)
{
	const struct owner *o = ctx;

	(void)value;
	o->directory->driver->del_credential(
	    o->directory->store, o->user, kind);
	return 0;
}

int
directory_user_del(struct directory *d, struct str name, struct fault *f)
{
	struct directory_user user;
	struct owner owner = {.directory = d};
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	if (rc == 0) {
		owner.user = str(user.name);
		d->driver->del_user(d->store, owner.user);
		directory_audit(d, "user.del", user.name, "%s", "");
		rc = d->driver->each_credential(
		    d->store, owner.user, del_credential, &owner, f);
		if (rc == 0)
			rc = directory_del_senders(d, owner.user, f);
	}
	return directory_end_change(d, rc, f);
}

int
directory_user_set_password(struct directory *d, struct str name,
    const struct directory_password *password, struct fault *f)
{
	struct directory_user user;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	if (rc == 0)
		set_password(d, "user.passwd", &user, password);
	return directory_end_change(d, rc, f);
}

unsigned
directory_user_switches(const struct directory_user *user)
{
	return (user->disabled ? DIRECTORY_DISABLED : 0U) |
	       (user->main_closed ? DIRECTORY_MAIN_CLOSED : 0U) |
	       (user->no_receive ? DIRECTORY_NO_RECEIVE : 0U) |
	       (user->no_send ? DIRECTORY_NO_SEND : 0U) |
	       (user->moving ? DIRECTORY_MOVING : 0U);
}

void
directory_user_set_switches(struct directory_user *user, unsigned switches)
{
	user->disabled = switches & DIRECTORY_DISABLED;
	user->main_closed = switches & DIRECTORY_MAIN_CLOSED;
	user->no_receive = switches & DIRECTORY_NO_RECEIVE;
	user->no_send = switches & DIRECTORY_NO_SEND;
	user->moving = switches & DIRECTORY_MOVING;
}

/* How they stand now. */
static void
audit_switches(struct directory *d, const struct directory_user *user)
{
	directory_audit(d, "user.set", user->name,
	    "disabled=%s main_password=%s send=%s receive=%s",
	    user->disabled ? "yes" : "no", user->main_closed ? "off" : "on",
	    user->no_send ? "off" : "on", user->no_receive ? "off" : "on");
}

int
directory_user_switch(struct directory *d, struct str name, unsigned on,
    unsigned off, struct fault *f)
{
	struct directory_user user;
	unsigned now;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	now = rc == 0 ? (directory_user_switches(&user) | on) & ~off : 0;
	if (rc == 0 && now != directory_user_switches(&user)) {
		directory_user_set_switches(&user, now);
		user.changed = (int64_t)time(NULL);
		d->driver->put_user(d->store, &user);
		audit_switches(d, &user);
	}
	return directory_end_change(d, rc, f);
}

int
directory_user_set_disabled(
    struct directory *d, struct str name, bool disabled, struct fault *f)
{
	return directory_user_switch(d, name, disabled ? DIRECTORY_DISABLED : 0,
	    disabled ? 0 : DIRECTORY_DISABLED, f);
}

/* Aliases. */

/* The targets as a record has them. */
static int
check_targets(const char *alias, const struct str *targets, size_t n,
    struct buf *list, struct fault *f)
{
	char key[NAME_SIZE];

	if (n == 0 || n > DIRECTORY_TARGETS_MAX)
		return fault_perm(f, "5.1.3",
		    "%s: an alias has from 1 to %d targets", alias,
		    DIRECTORY_TARGETS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (name_check(targets[i], key, f) < 0)
			return -1;
		if (str_is(str(key), str(alias)))
			return fault_perm(f, "5.4.6",
			    "%s: an alias cannot lead to itself", alias);
		if (name_list_has(buf_str(list), str(key)))
			continue;
		if (buf_len(list) > 0)
			buf_putc(list, ' ');
		buf_puts(list, key);
	}
	return 0;
}

int
directory_alias_add(struct directory *d, struct str name,
    const struct str *targets, size_t n, struct fault *f)
{
	char key[NAME_SIZE];
	struct buf list;
	int rc;

	if (name_check_alias(name, key, f) < 0)
		return -1;
	buf_init(&list, DIRECTORY_TARGETS_SIZE);
	rc = check_targets(key, targets, n, &list, f);
	if (rc == 0) {
		directory_begin_change(d);
		rc = directory_need_free_name(d, key, f);
		if (rc == 0) {
			d->driver->put_alias(
			    d->store, str(key), buf_str(&list));
			directory_audit(
			    d, "alias.add", key, "%s", buf_text(&list));
		}
		rc = directory_end_change(d, rc, f);
	}
	buf_clear(&list);
	return rc;
}

int
directory_alias_del(struct directory *d, struct str name, struct fault *f)
{
	char key[NAME_SIZE];
	struct buf targets;
	int rc;

	if (!name_key(name, key))
		return missing(f, name, "alias");
	buf_init(&targets, DIRECTORY_TARGETS_SIZE);
	directory_begin_change(d);
	rc = d->driver->get_alias(d->store, str(key), &targets, f);
	if (rc == 0)
		rc = missing(f, name, "alias");
	if (rc > 0) {
		d->driver->del_alias(d->store, str(key));
		directory_audit(d, "alias.del", key, "%s", "");
		rc = 0;
	}
	rc = directory_end_change(d, rc, f);
	buf_clear(&targets);
	return rc;
}

/* Lists. */

/* `after` may be any text that an earlier list has given. */
static int
place(struct str after, char key[NAME_SIZE], struct fault *f)
{
	key[0] = '\0';
	if (after.len > 0 && !name_key(after, key))
		return fault_perm(f, "5.5.4", "after: \"%.*s\" is no name",
		    STR_ARG(str_head(after, SHOWN_MAX)));
	return 0;
}

static int
place_domain(
    const char *what, struct str domain, char key[NAME_SIZE], struct fault *f)
{
	key[0] = '\0';
	if (domain.len > 0 && !name_domain_key(domain, key))
		return fault_perm(f, "5.5.4", "%s: \"%.*s\" is no domain", what,
		    STR_ARG(str_head(domain, SHOWN_MAX)));
	return 0;
}

int
directory_place(struct str domain, struct str after, char key[NAME_SIZE],
    char from[NAME_SIZE], struct fault *f)
{
	if (place_domain("domain", domain, key, f) < 0)
		return -1;
	return place(after, from, f);
}

int
directory_each_domain(struct directory *d, struct str after,
    directory_each_domain_call *each, void *ctx, struct fault *f)
{
	char from[NAME_SIZE];

	if (place_domain("after", after, from, f) < 0)
		return -1;
	return d->driver->each_domain(d->store, str(from), each, ctx, f);
}

int
directory_each_user(struct directory *d, struct str domain, struct str after,
    directory_each_user_call *each, void *ctx, struct fault *f)
{
	char key[NAME_SIZE], from[NAME_SIZE];

	if (directory_place(domain, after, key, from, f) < 0)
		return -1;
	return d->driver->each_user(
	    d->store, str(key), str(from), each, ctx, f);
}

int
directory_each_alias(struct directory *d, struct str domain, struct str after,
    directory_each_alias_call *each, void *ctx, struct fault *f)
{
	char key[NAME_SIZE], from[NAME_SIZE];

	if (directory_place(domain, after, key, from, f) < 0)
		return -1;
	return d->driver->each_alias(
	    d->store, str(key), str(from), each, ctx, f);
}

int
directory_count(
    struct directory *d, struct directory_counts *counts, struct fault *f)
{
	return d->driver->count(d->store, counts, f);
}

int
directory_backup(struct directory *d, struct buf *path, struct fault *f)
{
	buf_reset(path);
	return d->driver->backup(d->store, path, f);
}
