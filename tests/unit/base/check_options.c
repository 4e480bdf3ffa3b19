/* SPDX-License-Identifier: ISC */
/* The options that all programs share. */
#include "config.h"

#include "base/options.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const struct conf_table *const tables[] = {&common_table, &tls_table};
static struct fault f;

static struct conf *
read_text(const char *text)
{
	char path[] = "/tmp/check_options.XXXXXX";
	int fd = mkstemp(path);
	struct conf *conf;

	ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	conf = conf_read(path, tables, 2, true, &f);
	ck_assert_int_eq(unlink(path), 0);
	return conf;
}

START_TEST(defaults_are_those_of_the_system)
{
	struct conf *conf = read_text("");
	const struct common_options *o;
	const struct tls_options *tls;

	ck_assert_msg(conf != NULL, "%s", f.text);
	o = conf_get(conf, &common_table);
	tls = conf_get(conf, &tls_table);
	ck_assert_ptr_null(o->hostname);
	ck_assert_str_eq(o->state_dir, LOCALSTATEDIR "/lib/posthouse");
	ck_assert_str_eq(o->run_dir, RUNSTATEDIR "/posthouse");
	ck_assert_ptr_null(o->admin_group);
	ck_assert_int_eq(o->log_target, LOG_TARGET_STDERR);
	ck_assert_int_eq(o->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(tls->certificates.n, 0);
	conf_free(&conf);
}
END_TEST

START_TEST(certificates_come_in_the_order_of_the_file)
{
	struct conf *conf =
	    read_text("hostname = mail.example.org\n"
		      "tls {\n"
		      " certificate \"two\" { chain = /c2 key = /k2 }\n"
		      " certificate \"one\" { chain = c1 key = /k1 }\n"
		      "}\n"
		      "log_target = syslog log_level = debug\n");
	const struct certificate_options *c;
	const struct tls_options *tls;

	ck_assert_msg(conf != NULL, "%s", f.text);
	tls = conf_get(conf, &tls_table);
	ck_assert_uint_eq(tls->certificates.n, 2);
	c = tls->certificates.bytes;
	ck_assert_str_eq(c[0].title, "two");
	ck_assert_str_eq(c[0].chain, "/c2");
	ck_assert_str_eq(c[0].key, "/k2");
	ck_assert_str_eq(c[1].chain, "/tmp/c1");
	conf_free(&conf);
}
END_TEST

START_TEST(half_a_certificate_is_a_fault)
{
	ck_assert_ptr_null(
	    read_text("tls {\n certificate \"x\" { chain = /c }\n}"));
	ck_assert_ptr_nonnull(
	    strstr(f.text, ":2: certificate \"x\" needs both chain and key"));
	ck_assert_ptr_null(
	    read_text("tls {\n certificate \"x\" { key = /c }\n}"));
}
END_TEST

START_TEST(a_hostname_is_one_word_that_can_stand_in_a_greeting)
{
	static const char *const bad[] = {"\"\"", "\"a b\"", "\"a\nb\"",
	    "\"a\\r\\nb\"", "\"m\xc3\xbcller.example\"", "\"a<b\""};
	char text[100];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(text, sizeof text, "hostname = %s\n", bad[i]);
		ck_assert_msg(read_text(text) == NULL, "%s", text);
		ck_assert_ptr_nonnull(strstr(f.text, "hostname"));
	}
}
END_TEST

UNIT_MAIN("options", defaults_are_those_of_the_system,
    certificates_come_in_the_order_of_the_file, half_a_certificate_is_a_fault,
    a_hostname_is_one_word_that_can_stand_in_a_greeting)
