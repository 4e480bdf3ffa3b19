/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "tests/unit/unit.h"

static struct conf *conf;

/* Reads a file with this section; the options, or NULL with the fault. */
static const struct authd_options *
options_of(const char *text, struct fault *f)
{
	const struct conf_table *const known[] = {&common_table, &authd_table};
	char path[] = "/tmp/check-options-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	conf_free(&conf);
	conf = conf_read(path, known, ARRAY_LEN(known), true, f);
	unlink(path);
	return conf == NULL ? NULL : conf_get(conf, &authd_table);
}

START_TEST(options_have_sane_defaults)
{
	struct fault f;
	const struct authd_options *o = options_of("authd { }\n", &f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_ptr_null(o->user);
	ck_assert_ptr_null(o->directory);
	ck_assert_uint_eq(o->socketmap.n, 0);
	ck_assert_uint_eq(o->auth.n, 0);
	ck_assert_str_eq(o->socketmap_mode, "0660");
	ck_assert_str_eq(o->auth_mode, "0660");
	ck_assert_ptr_null(o->socketmap_group);
	ck_assert_ptr_null(o->auth_group);
	ck_assert(!o->auth_without_tls);
	ck_assert_uint_eq(o->saslauthd.n, 0);
	ck_assert_uint_eq(o->authdaemon.n, 0);
	ck_assert_ptr_null(o->mail_root);
	ck_assert_uint_eq(o->lock_failures, 20);
	ck_assert_uint_eq(o->lock_time, 600000);
	ck_assert_uint_eq(o->failure_delay, 15000);
	ck_assert_uint_eq(o->guard_exempt.n, 0);
	ck_assert_uint_eq(o->max_sessions, 4096);
	ck_assert_uint_eq(o->idle_timeout, 3600000);
	conf_free(&conf);
}
END_TEST

START_TEST(options_read_listeners)
{
	struct fault f;
	const struct authd_options *o = options_of(
	    "authd {\n"
	    "socketmap = {\"unix:/run/x.sock\", \"127.0.0.1:2345\"}\n"
	    "auth = {\"[::1]:2346\"}\n"
	    "auth_mode = \"0600\"\n"
	    "auth_without_tls = on\n"
	    "}\n",
	    &f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->socketmap.n, 2);
	ck_assert_str_eq(o->socketmap.items[1], "127.0.0.1:2345");
	ck_assert_str_eq(o->auth.items[0], "[::1]:2346");
	ck_assert(o->auth_without_tls);
	conf_free(&conf);
}
END_TEST

static const char *const bad[] = {
    "authd { socketmap = {\"*:2345\"} }",
    "authd { socketmap = {\"192.0.2.1:2345\"} }",
    "authd { auth = {\"127.0.0.1:2345\", \"0.0.0.0:2345\"} }",
    "authd { auth = {\"nonsense\"} }",
    "authd { auth_mode = \"rw\" }",
    "authd { socketmap_mode = \"1777\" }",
    "authd { max_hashes = 65 }",
    "authd { guard_exempt = {\"192.0.2.1\", \"webmail\"} }",
    "authd { lock_time = \"0s\" }",
    "authd { failure_delay = \"2m\" }",
    "authd { saslauthd = {\"192.0.2.1:2345\"} }",
    "authd { saslauthd_mode = \"rw\" }",
    ("authd { saslauthd = {\"unix:/run/x.sock\"} "
     "mechanisms = {\"LOGIN\"} }"),
    "authd { authdaemon = {\"unix:/run/x.sock\"} }",
    "authd { mail_root = \"/mail\" }",
    "authd { threads = 0 }",
    "authd { node \"a b\" { lmtp = \"192.0.2.7:24\" } }",
    "authd { node \"two\" { } }",
    "authd { node \"two\" { lmtp = \"nowhere\" } }",
    "authd { node \"two\" { lmtp = \"192.0.2.7:24\" } "
    "node \"two\" { lmtp = \"192.0.2.8:24\" } }",
    "authd { unknown = 1 }",
};

START_TEST(options_know_nodes_by_name)
{
	struct fault f;
	const struct authd_options *o =
	    options_of("authd { node \"two\" { lmtp = \"192.0.2.7:24\" } "
		       "node \"three\" { lmtp = \"unix:/run/x.sock\" } }\n",
		&f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_str_eq(
	    authd_options_node(o, "three")->lmtp, "unix:/run/x.sock");
	ck_assert_ptr_null(authd_options_node(o, "four"));
	conf_free(&conf);
}
END_TEST

START_TEST(options_refuse_what_makes_no_sense)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct fault f = {.text = ""};

		ck_assert_msg(options_of(bad[i], &f) == NULL, "%s", bad[i]);
		ck_assert_str_ne(f.text, "");
	}
}
END_TEST

UNIT_MAIN("options", options_know_nodes_by_name, options_have_sane_defaults,
    options_read_listeners, options_refuse_what_makes_no_sense)
