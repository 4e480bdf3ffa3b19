/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "tests/unit/unit.h"

static struct conf *conf;

/* Reads a file with this section; the options, or NULL with the fault. */
static const struct smtpd_options *
options_of(const char *text, struct fault *f)
{
	const struct conf_table *const known[] = {&common_table, &smtpd_table};
	char path[] = "/tmp/check-options-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	conf_free(&conf);
	conf = conf_read(path, known, ARRAY_LEN(known), true, f);
	unlink(path);
	return conf == NULL ? NULL : conf_get(conf, &smtpd_table);
}

START_TEST(options_have_sane_defaults)
{
	struct fault f;
	const struct smtpd_options *o =
	    options_of("smtpd { listen \"127.0.0.1:2525\" { } }\n", &f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->listeners.n, 1);
	ck_assert_uint_eq(o->relay_from.n, 0);
	ck_assert(o->sender_check);
	ck_assert(o->from_check);
	ck_assert_uint_eq(o->max_size, 50 << 20);
	ck_assert_uint_eq(o->max_hops, 100);
	ck_assert_uint_eq(o->command_timeout, 300000);
	ck_assert_uint_eq(o->data_timeout, 180000);
	ck_assert_uint_eq(o->delivery_timeout, 30000);
	conf_free(&conf);
}
END_TEST

START_TEST(options_read_listeners_in_order)
{
	struct fault f;
	const struct smtpd_options *o =
	    options_of("smtpd {\n"
		       "listen \"*:25\" { protocol = smtp }\n"
		       "listen \"*:587\" { protocol = submission }\n"
		       "listen \"*:465\" { protocol = submissions }\n"
		       "listen \"[::1]:2587\" { protocol = submission "
		       "auth_without_tls = on }\n"
		       "}\n",
		&f);
	const struct listen_options *l;

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_uint_eq(o->listeners.n, 4);
	l = o->listeners.bytes;
	ck_assert_str_eq(l[0].title, "*:25");
	ck_assert_int_eq(l[0].protocol, SMTPD_SMTP);
	ck_assert_int_eq(l[1].protocol, SMTPD_SUBMISSION);
	ck_assert_int_eq(l[2].protocol, SMTPD_SUBMISSIONS);
	ck_assert(!l[2].auth_without_tls);
	ck_assert(l[3].auth_without_tls);
	conf_free(&conf);
}
END_TEST

START_TEST(options_refuse_what_would_open_a_door)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
	    {"listen \"*:587\" { auth_without_tls = on }", "loopback"},
	    {"listen \"192.0.2.1:587\" { auth_without_tls = on }", "loopback"},
	    {"listen \"0.0.0.0:25\" { auth_without_tls = on }", "loopback"},
	    {"listen \"127.0.0.1:465\" { protocol = submissions "
	     "auth_without_tls = on }",
		"no meaning"},
	    {"relay_from = {\"0.0.0.0/0\"}", "too large"},
	    {"relay_from = {\"192.168.7.0/24\", \"::/0\"}", "too large"},
	    {"relay_from = {\"172.17.0.1\"}", "Docker"},
	    {"relay_from = {\"example.org\"}", ""},
	    {"listen \"nonsense\" { }", ""},
	    {"listen \"*:25\" { protocol = lmtp }", ""},
	    {"lmtp = \"nowhere\"", "lmtp"},
	    {"listen \"127.0.0.1:26\" { protocol = local }", "unix socket"},
	    {"listen \"unix:/x\" { protocol = local "
	     "auth_without_tls = on }",
		"no meaning"},
	    {"relay_domains = {\"far.example\"}\nqueue = \"none\"",
		"need a queue"},
	    {"relay_domains = {\"a b\"}", "relay_domains"},
	    {"etrn_domains = {\"*\"}", "etrn_domains"},
	    {"etrn_from = {\"far.example\"}", "etrn_from"},
	    {"relay_recipients = \"nowhere\"", "relay_recipients"},
	    {"local_domain = \"a b\"", "local_domain"},
	    {"max_errors = 0", ""},
	    {"max_recipients = 8001", "max_recipients"},
	};
	struct fault f;
	char text[300];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof text, "smtpd {\n%s\n}\n", bad[i].text);
		f.text[0] = '\0';
		ck_assert_msg(
		    options_of(text, &f) == NULL, "taken: %s", bad[i].text);
		ck_assert_msg(strstr(f.text, bad[i].word) != NULL,
		    "%s: the fault is: %s", bad[i].text, f.text);
	}
}
END_TEST

START_TEST(options_find_the_socket_for_local_users)
{
	struct fault f;
	const struct smtpd_options *o =
	    options_of("smtpd {\n"
		       "listen \"*:25\" { }\n"
		       "listen \"unix:/run/x.sock\" { protocol = local }\n"
		       "}\n",
		&f);

	ck_assert_msg(o != NULL, "%s", f.text);
	ck_assert_str_eq(smtpd_local_socket(o), "unix:/run/x.sock");
	o = options_of("smtpd { listen \"unix:/run/x.sock\" { } }\n", &f);
	ck_assert_ptr_null(smtpd_local_socket(o));
	conf_free(&conf);
}
END_TEST

UNIT_MAIN("options", options_have_sane_defaults,
    options_read_listeners_in_order, options_refuse_what_would_open_a_door,
    options_find_the_socket_for_local_users)
