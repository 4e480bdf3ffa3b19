/* SPDX-License-Identifier: ISC */
/* Log lines: their form, and that no value can forge a field or a line. */
#include "config.h"

#include "base/log.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char text[8192];
static int into, kept;

/* What is logged goes to a file. */
static void
begin(enum log_level level)
{
	FILE *file = tmpfile();

	ck_assert_ptr_nonnull(file);
	into = fileno(file);
	kept = dup(STDERR_FILENO);
	ck_assert_int_ge(dup2(into, STDERR_FILENO), 0);
	log_open("posthouse-test", LOG_TARGET_STDERR, level);
}

/* What was logged, without time, program and pid. */
static const char *
end(void)
{
	ssize_t n = pread(into, text, sizeof text - 1, 0);
	char *at;

	ck_assert_int_ge(dup2(kept, STDERR_FILENO), 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	at = strstr(text, "] ");
	return at == NULL ? text : at + 2;
}

START_TEST(a_line_has_time_program_level_ids_event_and_fields)
{
	const struct log_ctx ctx = {.session = "4f2a"};
	int year, n = 0, pid;

	begin(LOG_LEVEL_INFO);
	log_info(&ctx, "rcpt refused", "to", "x@y", "dsn", "5.1.1", "size",
	    LOG_NUM(-42), "gone", NULL, "last", "", NULL);
	ck_assert_str_eq(end(),
	    "info s=4f2a q=- rcpt refused to=x@y dsn=5.1.1 size=-42 "
	    "last=\"\"\n");
	ck_assert_int_eq(sscanf(text,
			     "%4d-%*2d-%*2dT%*2d:%*2d:%*d.%*3dZ "
			     "posthouse-test[%d]%n",
			     &year, &pid, &n),
	    2);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(pid, getpid());
}
END_TEST

START_TEST(a_line_without_ids_has_none)
{
	begin(LOG_LEVEL_INFO);
	log_warn(NULL, "odd", NULL);
	ck_assert_str_eq(end(), "warn odd\n");
}
END_TEST

START_TEST(lines_below_the_level_are_not_written)
{
	begin(LOG_LEVEL_WARN);
	ck_assert(log_is_on(LOG_LEVEL_ERROR));
	ck_assert(log_is_on(LOG_LEVEL_WARN));
	ck_assert(!log_is_on(LOG_LEVEL_INFO));
	log_debug(NULL, "a", NULL);
	log_info(NULL, "b", NULL);
	log_error(NULL, "c", NULL);
	ck_assert_str_eq(end(), "error c\n");
}
END_TEST

START_TEST(values_are_quoted_and_escaped)
{
	static const struct {
		const char *value, *written;
	} cases[] = {
	    {"plain._-:/@+09AZ", "plain._-:/@+09AZ"},
	    {"a b", "\"a b\""},
	    {"a=b", "\"a=b\""},
	    {"<a@b>", "\"<a@b>\""},
	    {"say \"hi\"", "\"say \\\"hi\\\"\""},
	    {"back\\slash", "\"back\\\\slash\""},
	    {"x\" dsn=2.0.0", "\"x\\\" dsn=2.0.0\""},
	    {"a\r\nb\tc", "\"a\\x0d\\x0ab\\x09c\""},
	    {"\x1b[31m\x7f", "\"\\x1b[31m\\x7f\""},
	    {"gr\xc3\xbc\xc3\x9f", "\"gr\\xc3\\xbc\\xc3\\x9f\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[200];

		begin(LOG_LEVEL_INFO);
		log_info(NULL, "x", "v", cases[i].value, NULL);
		snprintf(want, sizeof want, "info x v=%s\n", cases[i].written);
		ck_assert_str_eq(end(), want);
	}
}
END_TEST

START_TEST(a_long_value_cannot_push_out_the_fields_behind_it)
{
	char value[5000];
	const char *line;

	memset(value, '\x01', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	begin(LOG_LEVEL_INFO);
	log_info(NULL, "x", "helo", value, "from", value, "to", value, "client",
	    "192.0.2.1", NULL);
	line = end();
	ck_assert_ptr_nonnull(strstr(line, "\\x01...\" from=\"\\x01"));
	ck_assert(
	    str_ends(str(line), STR_LIT("\\x01...\" client=192.0.2.1\n")));
}
END_TEST

START_TEST(a_line_that_is_too_long_loses_whole_fields_and_says_so)
{
	char value[600];
	const char *line;

	memset(value, 'v', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	begin(LOG_LEVEL_INFO);
	log_info(NULL, "x", "a", value, "b", value, "c", value, "d", value, "e",
	    value, "f", value, "g", value, "h", value, "i", value, "j", "short",
	    NULL);
	line = end();
	ck_assert_uint_le(strlen(text), 4096);
	ck_assert(str_ends(str(line), STR_LIT(" cut=yes\n")));
	ck_assert_ptr_null(strstr(line, " i="));
	ck_assert_ptr_nonnull(strstr(line, "vvv... "));
}
END_TEST

START_TEST(under_systemd_the_journal_gets_priorities)
{
	struct stat st;
	char stream[64];

	begin(LOG_LEVEL_INFO);
	ck_assert_int_eq(fstat(into, &st), 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("posthouse-test", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
	log_error(NULL, "x", NULL);
	log_info(NULL, "y", "k", "v", NULL);
	ck_assert_str_eq(end(), "<3>x\n<6>y k=v\n");
	/* Another stream than ours. */
	setenv("JOURNAL_STREAM", "1:2", 1);
	begin(LOG_LEVEL_INFO);
	log_error(NULL, "x", NULL);
	ck_assert_str_eq(end(), "error x\n");
}
END_TEST

UNIT_MAIN("log", a_line_has_time_program_level_ids_event_and_fields,
    a_line_without_ids_has_none, lines_below_the_level_are_not_written,
    values_are_quoted_and_escaped,
    a_long_value_cannot_push_out_the_fields_behind_it,
    a_line_that_is_too_long_loses_whole_fields_and_says_so,
    under_systemd_the_journal_gets_priorities)
