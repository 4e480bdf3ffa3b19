/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_app.h"

#include "tests/unit/auth/place.h"

#define ANN STR_LIT("ann@example.org")

static struct directory *d;
static struct fault f;
static char password[APP_PASSWORD_SIZE];

static void
begin(void)
{
	d = new_directory();
	add_domain(d, "example.org");
	add_user(d, "ann@example.org", NULL);
	add_user(d, "anna@example.org", NULL);
}

static struct directory_app
new_app(const char *name, const char *services)
{
	struct directory_app app = {.created = 1000};

	ck_assert(str_copy(str(name), app.name, sizeof app.name));
	ck_assert(str_copy(str(services), app.services, sizeof app.services));
	app_password_make(password, app.digest);
	return app;
}

static void
add(const char *name, const char *services)
{
	struct directory_app app = new_app(name, services);
	int rc = directory_app_add(d, ANN, &app, &f);

	ck_assert_msg(rc == 0, "%s", f.text);
}

static int
put_name(void *ctx, const struct directory_app *app)
{
	buf_putf(ctx, "%s ", app->name);
	return 0;
}

static void
assert_names(const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	ck_assert_int_eq(directory_each_app(d, ANN, put_name, &b, &f), 0);
	ck_assert_str_eq(buf_text(&b), want);
	buf_clear(&b);
}

static void
assert_fault(int rc, const char *dsn)
{
	ck_assert_int_eq(rc, -1);
	ck_assert_str_eq(f.dsn, dsn);
	ck_assert_int_eq(f.kind, FAULT_PERM);
}

START_TEST(they_are_kept_until_they_are_revoked)
{
	struct directory_app app;

	begin();
	add("phone", "");
	add("laptop", "imap smtp");
	assert_names("laptop phone ");
	ck_assert_int_eq(
	    directory_app_find(d, ANN, str(password), &app, &f), 1);
	ck_assert_str_eq(app.name, "laptop");
	ck_assert_str_eq(app.services, "imap smtp");
	ck_assert_int_eq(app.created, 1000);
	/* They are nobody else's. */
	ck_assert_int_eq(directory_app_find(d, STR_LIT("anna@example.org"),
			     str(password), &app, &f),
	    0);
	ck_assert_int_eq(
	    directory_app_revoke(d, ANN, STR_LIT("laptop"), &f), 0);
	ck_assert_int_eq(
	    directory_app_find(d, ANN, str(password), &app, &f), 0);
	assert_names("phone ");
	assert_fault(
	    directory_app_revoke(d, ANN, STR_LIT("laptop"), &f), "5.1.1");
	end_directory(&d);
}
END_TEST

START_TEST(they_go_with_the_user_and_not_with_the_password)
{
	begin();
	add("phone", "");
	ck_assert_int_eq(directory_user_set_password(d, ANN, NULL, &f), 0);
	assert_names("phone ");
	ck_assert_int_eq(directory_user_del(d, ANN, &f), 0);
	assert_fault(directory_each_app(d, ANN, put_name, NULL, &f), "5.1.1");
	add_user(d, "ann@example.org", NULL);
	assert_names("");
	end_directory(&d);
}
END_TEST

static const char *const bad_names[] = {"", "a b", "a/b", "\xc3\xa4", "a\n"};

START_TEST(names_and_numbers_are_bounded)
{
	struct directory_app app;
	char name[20];

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
		app = new_app(bad_names[i], "");
		assert_fault(directory_app_add(d, ANN, &app, &f), "5.5.4");
	}
	for (int i = 0; i < DIRECTORY_APPS_MAX; i++) {
		snprintf(name, sizeof name, "app-%d", i);
		add(name, "");
	}
	app = new_app("app-3", "");
	assert_fault(directory_app_add(d, ANN, &app, &f), "5.1.0");
	app = new_app("more", "");
	assert_fault(directory_app_add(d, ANN, &app, &f), "5.3.4");
	assert_fault(directory_app_add(d, STR_LIT("eve@example.org"), &app, &f),
	    "5.1.1");
	end_directory(&d);
}
END_TEST

START_TEST(services_and_time_limit_them)
{
	struct directory_app app = {.services = "imap smtp", .expires = 100};

	ck_assert(directory_app_is_for(&app, "imap"));
	ck_assert(directory_app_is_for(&app, "smtp"));
	ck_assert(!directory_app_is_for(&app, "pop3"));
	ck_assert(!directory_app_is_for(&app, ""));
	ck_assert(!directory_app_is_expired(&app, 99));
	ck_assert(directory_app_is_expired(&app, 100));
	app = (struct directory_app){.name = "all"};
	ck_assert(directory_app_is_for(&app, "pop3"));
	ck_assert(directory_app_is_for(&app, ""));
	ck_assert(!directory_app_is_expired(&app, INT64_MAX));
}
END_TEST

START_TEST(the_last_use_is_kept_roughly)
{
	struct directory_app app;

	begin();
	add("phone", "");
	ck_assert_int_eq(
	    directory_app_find(d, ANN, str(password), &app, &f), 1);
	ck_assert_int_eq(app.used, 0);
	ck_assert_int_eq(directory_app_note_use(d, ANN, &app, 100000, &f), 0);
	ck_assert_int_eq(
	    directory_app_find(d, ANN, str(password), &app, &f), 1);
	ck_assert_int_eq(app.used, 100000);
	ck_assert_int_eq(directory_app_note_use(d, ANN, &app, 100100, &f), 0);
	ck_assert_int_eq(
	    directory_app_find(d, ANN, str(password), &app, &f), 1);
	ck_assert_int_eq(app.used, 100000);
	/* What has been revoked does not come back by being used. */
	ck_assert_int_eq(directory_app_revoke(d, ANN, STR_LIT("phone"), &f), 0);
	ck_assert_int_eq(directory_app_note_use(d, ANN, &app, 900000, &f), 0);
	assert_names("");
	end_directory(&d);
}
END_TEST

UNIT_MAIN("directory_app", they_are_kept_until_they_are_revoked,
    they_go_with_the_user_and_not_with_the_password,
    names_and_numbers_are_bounded, services_and_time_limit_them,
    the_last_use_is_kept_roughly)
