/* SPDX-License-Identifier: ISC */
/*
 * The operator's methods for app passwords.
 *
 *   app_password.add      user, name, services?: [name…], expires?
 *   app_password.list     user
 *   app_password.revoke   user, name
 *
 * Adding returns {user, name, password}: the only time that it is shown. The
 * list is {app_passwords: [{name, services: […], created, expires, used,
 * expired: bool}]}; without services it is for all; times are unix times, and
 * those that never were or will be are missing.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/directory_app.h"
#include "auth/directory_methods.h"
#include "auth/service.h"
#include "base/mem.h"

static bool
has_service(const struct directory_app *app, const char *key)
{
	return app->services[0] != '\0' && directory_app_is_for(app, key);
}

static int
add_service(struct directory_app *app, struct str name, struct fault *f)
{
	char key[SERVICE_SIZE];
	size_t len = strlen(app->services);

	if (!service_key(name, key))
		return fault_perm(f, "5.5.4",
		    "\"%.*s\" is no service: letters, digits, hyphens",
		    STR_ARG(str_head(name, SERVICE_SIZE)));
	if (has_service(app, key))
		return 0;
	if (len + 1 + strlen(key) >= sizeof app->services)
		return fault_perm(f, "5.3.4", "too many services");
	snprintf(app->services + len, sizeof app->services - len, "%s%s",
	    len > 0 ? " " : "", key);
	return 0;
}

static int
take_services(const json_t *params, struct directory_app *app, struct fault *f)
{
	struct str *names;
	size_t n = 0;
	int rc = 0;

	if (json_get(params, "services") == NULL)
		return 0;
	names = directory_methods_take_names(params, "services", &n, f);
	if (names == NULL)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_service(app, names[i], f);
	mem_free(names);
	return rc;
}

static int
take_expiry(const json_t *params, struct directory_app *app, struct fault *f)
{
	app->expires = json_get_int(params, "expires", 0);
	if (json_get(params, "expires") != NULL && app->expires <= app->created)
		return fault_perm(
		    f, "5.5.4", "expires: this is no time to come");
	return 0;
}

static json_t *
add(struct directory *d, const char *user, struct directory_app *app,
    struct fault *f)
{
	char password[APP_PASSWORD_SIZE];
	json_t *result = NULL;

	app_password_make(password, app->digest);
	if (directory_app_add(d, str(user), app, f) == 0) {
		result = directory_methods_changed("user", user);
		json_put_text(result, "name", app->name);
		json_put_text(result, "password", password);
	}
	mem_wipe(password, sizeof password);
	return result;
}

json_t *
directory_method_app_add(void *ctx, const json_t *params, struct fault *f)
{
	struct directory_app app = {.created = (int64_t)time(NULL)};
	const char *user = directory_methods_need_text(params, "user", f);
	const char *name = directory_methods_need_text(params, "name", f);

	if (user == NULL || name == NULL ||
	    take_services(params, &app, f) < 0 ||
	    take_expiry(params, &app, f) < 0)
		return NULL;
	/* What does not fit is no name either. */
	(void)!str_copy(str(name), app.name, sizeof app.name);
	return add(ctx, user, &app, f);
}

json_t *
directory_method_app_revoke(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	const char *name = directory_methods_need_text(params, "name", f);
	json_t *result;

	if (user == NULL || name == NULL ||
	    directory_app_revoke(ctx, str(user), str(name), f) < 0)
		return NULL;
	result = directory_methods_changed("user", user);
	json_put_text(result, "name", name);
	return result;
}

static int
list_app(void *ctx, const struct directory_app *app)
{
	json_t *item = json_new_object();

	json_put_text(item, "name", app->name);
	directory_methods_put_names(item, "services", str(app->services));
	json_put_int(item, "created", app->created);
	if (app->expires > 0)
		json_put_int(item, "expires", app->expires);
	if (app->used > 0)
		json_put_int(item, "used", app->used);
	json_put_bool(item, "expired",
	    directory_app_is_expired(app, (int64_t)time(NULL)));
	json_add(ctx, item);
	return 0;
}

json_t *
directory_method_app_list(void *ctx, const json_t *params, struct fault *f)
{
	const char *user = directory_methods_need_text(params, "user", f);
	json_t *items, *result;

	if (user == NULL)
		return NULL;
	items = json_new_array();
	if (directory_each_app(ctx, str(user), list_app, items, f) < 0) {
		json_free(&items);
		return NULL;
	}
	result = json_new_object();
	json_put(result, "app_passwords", items);
	return result;
}
