/* SPDX-License-Identifier: ISC */
/* App passwords: a credential of the kind "app NAME" each. */
#include "config.h"

#include "auth/directory_app.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/directory_driver.h"
#include "base/crypto.h"
#include "base/mem.h"

static const char prefix[] = "app ";

/* Records: "1 CREATED EXPIRES USED DIGEST SERVICE SERVICE…". */

static void
put_app(struct directory *d, struct str user, const struct directory_app *app)
{
	char kind[DIRECTORY_KIND_MAX];
	struct buf value;

	snprintf(kind, sizeof kind, "%s%s", prefix, app->name);
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	buf_putf(&value, "1 %" PRId64 " %" PRId64 " %" PRId64 " %s %s",
	    app->created, app->expires, app->used, app->digest, app->services);
	d->driver->put_credential(d->store, user, str(kind), buf_str(&value));
	buf_clear(&value);
}

static bool
take_time(struct str *rest, int64_t *time)
{
	uint64_t n;

	if (!str_to_u64(str_cut(rest, ' '), 0, INT64_MAX, &n))
		return false;
	*time = (int64_t)n;
	return true;
}

static bool
parse_app(struct str kind, struct str value, struct directory_app *app)
{
	struct str name = str_from(kind, sizeof prefix - 1);
	struct str version = str_cut(&value, ' ');

	memset(app, 0, sizeof *app);
	return str_is(version, STR_LIT("1")) &&
	       str_copy(name, app->name, sizeof app->name) &&
	       take_time(&value, &app->created) &&
	       take_time(&value, &app->expires) &&
	       take_time(&value, &app->used) &&
	       str_copy(
		   str_cut(&value, ' '), app->digest, sizeof app->digest) &&
	       str_copy(value, app->services, sizeof app->services);
}

struct scan {
	directory_each_app_call *each;
	void *ctx;
	struct fault *f;
};

static int
give(void *ctx, struct str kind, struct str value)
{
	const struct scan *scan = ctx;
	struct directory_app app;
	int rc;

	if (!str_starts(kind, str(prefix)))
		return 0;
	if (!parse_app(kind, value, &app))
		return fault_temp(scan->f, "4.3.5",
		    "the directory's app password \"%.*s\" is damaged",
		    STR_ARG(kind));
	rc = scan->each(scan->ctx, &app);
	mem_wipe(&app, sizeof app);
	return rc;
}

/* user is a key. */
static int
scan_apps(struct directory *d, struct str user, directory_each_app_call *each,
    void *ctx, struct fault *f)
{
	struct scan scan = {each, ctx, f};

	return d->driver->each_credential(d->store, user, give, &scan, f);
}

int
directory_each_app(struct directory *d, struct str name,
    directory_each_app_call *each, void *ctx, struct fault *f)
{
	struct directory_user user;

	if (directory_need_user(d, name, &user, f) < 0)
		return -1;
	return scan_apps(d, str(user.name), each, ctx, f);
}

/* Changes. */

static int
check_name(const char *name, struct fault *f)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";

	if (name[0] == '\0' || strspn(name, good) != strlen(name))
		return fault_perm(f, "5.5.4",
		    "an app password's name is made of 1 to %d letters, "
		    "digits, dots, hyphens and underscores",
		    DIRECTORY_APP_NAME_SIZE - 1);
	return 0;
}

struct search {
	const char *name;
	size_t n;
	bool found;
};

static int
count_and_find(void *ctx, const struct directory_app *app)
{
	struct search *s = ctx;

	s->n++;
	s->found = s->found || strcmp(s->name, app->name) == 0;
	return 0;
}

/* Within a change. */
static int
need_room(struct directory *d, const struct directory_user *user,
    const struct directory_app *app, struct fault *f)
{
	struct search s = {.name = app->name};

	if (scan_apps(d, str(user->name), count_and_find, &s, f) < 0)
		return -1;
	if (s.found)
		return fault_perm(f, "5.1.0",
		    "%s: there is an app password \"%s\" already", user->name,
		    app->name);
	if (s.n >= DIRECTORY_APPS_MAX)
		return fault_perm(f, "5.3.4",
		    "%s: a user has at most %d app passwords; revoke some",
		    user->name, DIRECTORY_APPS_MAX);
	return 0;
}

int
directory_app_add(struct directory *d, struct str name,
    const struct directory_app *app, struct fault *f)
{
	struct directory_user user;
	int rc;

	if (check_name(app->name, f) < 0)
		return -1;
	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	if (rc == 0)
		rc = need_room(d, &user, app, f);
	if (rc == 0) {
		put_app(d, str(user.name), app);
		directory_audit(d, "app_password.add", user.name, "%s: %s",
		    app->name,
		    app->services[0] == '\0' ? "all services" : app->services);
	}
	return directory_end_change(d, rc, f);
}

int
directory_app_revoke(
    struct directory *d, struct str name, struct str app, struct fault *f)
{
	char kind[DIRECTORY_KIND_MAX];
	struct directory_user user;
	struct buf value;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	buf_init_secret(&value, DIRECTORY_CREDENTIAL_MAX);
	if (rc == 0 && app.len < DIRECTORY_APP_NAME_SIZE) {
		snprintf(kind, sizeof kind, "%s%.*s", prefix, STR_ARG(app));
		rc = d->driver->get_credential(
		    d->store, str(user.name), str(kind), &value, f);
	}
	if (rc == 0)
		rc = fault_perm(f, "5.1.1",
		    "%s: there is no such app password: \"%.*s\"", user.name,
		    STR_ARG(str_head(app, DIRECTORY_APP_NAME_SIZE)));
	if (rc > 0) {
		d->driver->del_credential(d->store, str(user.name), str(kind));
		directory_audit(
		    d, "app_password.revoke", user.name, "%.*s", STR_ARG(app));
	}
	buf_clear(&value);
	rc = directory_end_change(d, rc, f);
	return rc < 0 ? -1 : 0;
}

/* Log-ins. */

struct typed {
	char digest[APP_PASSWORD_DIGEST_SIZE];
	struct directory_app *app;
};

static int
compare(void *ctx, const struct directory_app *app)
{
	struct typed *t = ctx;

	if (!crypto_is_equal(str(t->digest), str(app->digest)))
		return 0;
	*t->app = *app;
	return 1;
}

int
directory_app_find(struct directory *d, struct str user, struct str typed,
    struct directory_app *app, struct fault *f)
{
	struct typed t = {.app = app};
	char key[NAME_SIZE];
	int rc;

	if (!name_key(user, key) || !app_password_digest(typed, t.digest))
		return 0;
	rc = scan_apps(d, str(key), compare, &t, f);
	mem_wipe(&t, sizeof t);
	return rc;
}

bool
directory_app_is_for(const struct directory_app *app, const char *service)
{
	struct str rest = str(app->services);

	while (rest.len > 0) {
		if (str_is(str_cut(&rest, ' '), str(service)))
			return true;
	}
	return app->services[0] == '\0';
}

bool
directory_app_is_expired(const struct directory_app *app, int64_t now)
{
	return app->expires > 0 && app->expires <= now;
}

int
directory_app_note_use(struct directory *d, struct str user,
    const struct directory_app *app, int64_t now, struct fault *f)
{
	struct directory_app current = {.name = ""};
	struct typed t = {.app = &current};
	int rc;

	if (now - app->used < DIRECTORY_APP_USE_STEP)
		return 0;
	memcpy(t.digest, app->digest, sizeof t.digest);
	directory_begin_change(d);
	/* It may have been revoked meanwhile. */
	rc = scan_apps(d, user, compare, &t, f);
	if (rc > 0) {
		current.used = now;
		put_app(d, user, &current);
	}
	rc = directory_end_change(d, rc, f);
	mem_wipe(&current, sizeof current);
	mem_wipe(&t, sizeof t);
	return rc < 0 ? -1 : 0;
}
