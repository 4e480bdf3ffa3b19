/* SPDX-License-Identifier: ISC */
/* lmtp/options.h: what is taken, what is refused, and with which reason. */
#include "config.h"

#include "lmtp/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "store/store.h"
#include "tests/unit/unit.h"

static struct conf *conf;

/* Reads a file with this section; the options, or NULL with the fault. */
static const struct lmtpd_options *
options_of(const char *text, struct fault *f)
{
	const struct conf_table *const known[] = {&common_table, &lmtpd_table};
	char path[] = "/tmp/check-options-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	conf_free(&conf);
	conf = conf_read(path, known, ARRAY_LEN(known), true, f);
	unlink(path);
	return conf == NULL ? NULL : conf_get(conf, &lmtpd_table);
}

START_TEST(options_have_sane_defaults)
{
	struct fault f;
	const struct lmtpd_options *o = options_of("lmtpd { }\n", &f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->listen.n, 0);
	ck_assert_str_eq(o->socket_mode, "0660");
	ck_assert_int_eq(o->commit, STORE_COMMIT_GROUP);
	ck_assert_int_eq(o->directory, LMTPD_SOCKETMAP);
	ck_assert_str_eq(o->separator, "+");
	/* All mail stays. */
	ck_assert_uint_eq(o->expire.n, 0);
	ck_assert_str_eq(o->expire_at, "03:30");
	ck_assert_uint_eq(o->keep_removed, UINT64_C(14) * 86400000);
	/* Nobody is trusted that is not named. */
	ck_assert_uint_eq(o->trusted.n, 0);
	ck_assert_uint_eq(o->command_timeout, 300000);
	ck_assert_uint_eq(o->data_timeout, 180000);
	conf_free(&conf);
}
END_TEST

START_TEST(options_are_taken_as_they_are_written)
{
	struct fault f;
	const struct lmtpd_options *o = options_of(
	    "lmtpd {\n"
	    "listen = {\"unix:/x.sock\", \"[::1]:24\"}\n"
	    "commit = each\n"
	    "separator = \"\"\n"
	    "expire = {\"Trash 30d\", \"Deleted Items 7d @example.org\"}\n"
	    "directory = none\n"
	    "domains = {\"example.org\", \"b\\xc3\\xbccher.example\"}\n"
	    "trusted = {\"192.0.2.0/24\", \"postfix\"}\n"
	    "}\n",
	    &f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->listen.n, 2);
	ck_assert_str_eq(o->listen.items[1], "[::1]:24");
	ck_assert_int_eq(o->commit, STORE_COMMIT_EACH);
	ck_assert_str_eq(o->separator, "");
	ck_assert_uint_eq(o->expire.n, 2);
	ck_assert_int_eq(o->directory, LMTPD_NONE);
	ck_assert_uint_eq(o->domains.n, 2);
	ck_assert_uint_eq(o->trusted.n, 2);
	conf_free(&conf);
}
END_TEST

START_TEST(options_that_make_no_sense_are_refused_with_their_name)
{
	static const char *const cases[][2] = {
	    {"lmtpd { listen = {\"nowhere\"} }\n", "listen"},
	    {"lmtpd { socketmap = \"x:y\" }\n", "socketmap"},
	    {"lmtpd { socket_mode = \"rw\" }\n", "socket_mode"},
	    {"lmtpd { separator = \"+-\" }\n", "separator"},
	    {"lmtpd { directory = none }\n", "domains"},
	    {"lmtpd { domains = {\"example.org\"} }\n", "domains"},
	    {"lmtpd { directory = none domains = {\"..\"} }\n", "domains"},
	    {"lmtpd { expire = {\"Trash\"} }\n", "expire"},
	    {"lmtpd { expire_at = \"25:00\" }\n", "expire_at"},
	    {"lmtpd { keep_removed = 0 }\n", "keep_removed"},
	    {"lmtpd { commit = never }\n", "commit"},
	    {"lmtpd { threads = 1 }\n", "threads"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fault f = {.text = ""};

		ck_assert_ptr_null(options_of(cases[i][0], &f));
		ck_assert_msg(strstr(f.text, cases[i][1]) != NULL, "%s: %s",
		    cases[i][0], f.text);
	}
}
END_TEST

UNIT_MAIN("options", options_have_sane_defaults,
    options_are_taken_as_they_are_written,
    options_that_make_no_sense_are_refused_with_their_name)
