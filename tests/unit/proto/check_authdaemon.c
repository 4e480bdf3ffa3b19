/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "proto/authdaemon.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static const struct {
	const char *in;
	enum authdaemon_verb verb;
	const char *service, *user, *password, *client;
} good[] = {
    {"AUTH 26\nimap\nlogin\nann@x.y\nsecret\n", AUTHDAEMON_AUTH, "imap",
	"ann@x.y", "secret", ""},
    /* The last line end may be missing, or not be counted. */
    {"AUTH 25\nimap\nlogin\nann@x.y\nsecret", AUTHDAEMON_AUTH, "imap",
	"ann@x.y", "secret", ""},
    {"TCPREMOTEIP=192.0.2.1\nX=\nAUTH 15\np\nlogin\nu\npass\n", AUTHDAEMON_AUTH,
	"p", "u", "pass", "192.0.2.1"},
    {"PRE . imap ann@x.y\n", AUTHDAEMON_PRE, "imap", "ann@x.y", "", ""},
    {"PRE . imap a b\n", AUTHDAEMON_PRE, "imap", "a b", "", ""},
    {"AUTH 30\nimap\ncram-md5\nchallenge\nanswer", AUTHDAEMON_OTHER, NULL, NULL,
	NULL, ""},
    {"AUTH 13\nimap\nlogin\nan", AUTHDAEMON_OTHER, NULL, NULL, NULL, ""},
    {"AUTH 0\n", AUTHDAEMON_OTHER, NULL, NULL, NULL, ""},
    {"PASSWD x\n", AUTHDAEMON_OTHER, NULL, NULL, NULL, ""},
    {"ENUMERATE\n", AUTHDAEMON_ENUMERATE, NULL, NULL, NULL, ""},
    {"ENUMERATE x\n", AUTHDAEMON_OTHER, NULL, NULL, NULL, ""},
    {"\n", AUTHDAEMON_OTHER, NULL, NULL, NULL, ""},
};

START_TEST(requests_are_read_when_they_are_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct authdaemon_request r;
		struct str in = str(good[i].in);
		size_t used = 0;

		ck_assert_msg(authdaemon_take(in, &r, &used) == AUTHDAEMON_OK,
		    "%s", good[i].in);
		ck_assert_uint_eq(used, in.len);
		ck_assert_int_eq(r.verb, good[i].verb);
		ck_assert_view_eq(r.client, good[i].client);
		if (good[i].user != NULL) {
			ck_assert_view_eq(r.service, good[i].service);
			ck_assert_view_eq(r.user, good[i].user);
			ck_assert_view_eq(r.password, good[i].password);
		}
		for (size_t n = 0; n < in.len; n++)
			ck_assert_int_eq(
			    authdaemon_take(str_head(in, n), &r, &used),
			    AUTHDAEMON_MORE);
	}
}
END_TEST

static const char *const bad[] = {
    "AUTH\n",
    "AUTH -1\n",
    "AUTH 4097\n",
    "AUTH 99999999999999999999\n",
    "AUTH x\n",
    "PRE\n",
    "PRE . imap\n",
    "PRE . imap \n",
    "PRE x imap ann\n",
};

START_TEST(nonsense_is_refused)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct authdaemon_request r;
		size_t used;

		ck_assert_msg(
		    authdaemon_take(str(bad[i]), &r, &used) == AUTHDAEMON_BAD,
		    "%s", bad[i]);
	}
}
END_TEST

START_TEST(a_request_has_a_bound)
{
	static char in[AUTHDAEMON_REQUEST_MAX];
	struct authdaemon_request r;
	size_t used;

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = i % 64 == 1 ? '=' : i % 64 == 63 ? '\n' : 'x';
	ck_assert_int_eq(authdaemon_take(str_n(in, sizeof in - 1), &r, &used),
	    AUTHDAEMON_MORE);
	ck_assert_int_eq(
	    authdaemon_take(str_n(in, sizeof in), &r, &used), AUTHDAEMON_BAD);
}
END_TEST

START_TEST(answers_are_lines)
{
	struct buf out;

	buf_init(&out, 100);
	authdaemon_put(&out, "HOME", str("/x"));
	authdaemon_put_end(&out);
	authdaemon_put_fail(&out);
	ck_assert_str_eq(buf_text(&out), "HOME=/x\n.\nFAIL\n");
	buf_clear(&out);
}
END_TEST

UNIT_MAIN("authdaemon", requests_are_read_when_they_are_whole,
    nonsense_is_refused, a_request_has_a_bound, answers_are_lines)
