/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/arguments.h"

#include "tests/unit/unit.h"

enum { WORDS_MAX = 16 };

static struct submit_arguments a;
static struct fault f;

/* Splits at blanks. */
static int
read_line(const char *line)
{
	static char copy[400];
	static char *argv[WORDS_MAX + 1];
	struct str rest;
	int argc = 0;

	ck_assert(str_copy(str(line), copy, sizeof copy));
	rest = str(copy);
	while (rest.len > 0 && argc < WORDS_MAX) {
		struct str word = str_cut(&rest, ' ');

		copy[word.at - copy + (ptrdiff_t)word.len] = '\0';
		argv[argc++] = copy + (word.at - copy);
	}
	argv[argc] = NULL;
	return submit_arguments_read(argc, argv, &a, &f);
}

START_TEST(arguments_are_taken_as_programs_give_them)
{
	/* PHP, cron, git send-email, mail(1), mutt. */
	ck_assert_int_eq(read_line("sendmail -t -i"), 0);
	ck_assert(a.take_recipients && a.ignore_dots && a.n_rcpts == 0);
	ck_assert_int_eq(a.mode, SUBMIT_MESSAGE);
	ck_assert_int_eq(
	    read_line("sendmail -FCronDaemon -i -B8BITMIME -oem root"), 0);
	ck_assert_str_eq(a.full_name, "CronDaemon");
	ck_assert(a.is_8bit && !a.quiet);
	ck_assert_uint_eq(a.n_rcpts, 1);
	ck_assert_str_eq(a.rcpts[0], "root");
	ck_assert_int_eq(read_line("sendmail -i a@b.example c@d.example"), 0);
	ck_assert_uint_eq(a.n_rcpts, 2);
	ck_assert_int_eq(read_line("sendmail -oi -f a@b.example -- -x y"), 0);
	ck_assert_str_eq(a.sender, "a@b.example");
	ck_assert(a.ignore_dots && a.n_rcpts == 2);
	ck_assert_str_eq(a.rcpts[0], "-x");
	ck_assert_int_eq(read_line("sendmail -oem -oi -odb -oeq x -t"), 0);
	ck_assert(a.quiet && a.take_recipients && a.n_rcpts == 1);
}
END_TEST

START_TEST(arguments_say_what_notices_are_wanted)
{
	ck_assert_int_eq(
	    read_line("sendmail -N failure,DELAY -Rhdrs -V env-1 x"), 0);
	ck_assert_uint_eq(a.notify, NOTIFY_FAILURE | NOTIFY_DELAY);
	ck_assert_int_eq(a.ret, RET_HDRS);
	ck_assert_str_eq(a.envid, "env-1");
	ck_assert_int_eq(read_line("sendmail -Nnever x"), 0);
	ck_assert_uint_eq(a.notify, NOTIFY_NEVER);
}
END_TEST

START_TEST(arguments_say_the_mode)
{
	static const struct {
		const char *line;
		enum submit_mode mode;
	} modes[] = {
	    {"sendmail -bm x", SUBMIT_MESSAGE},
	    {"sendmail -bs", SUBMIT_SMTP},
	    {"/usr/sbin/sendmail -bp", SUBMIT_LIST},
	    {"/usr/bin/mailq", SUBMIT_LIST},
	    {"newaliases", SUBMIT_ALIASES},
	    {"sendmail -bi", SUBMIT_ALIASES},
	    {"sendmail -q", SUBMIT_FLUSH},
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		ck_assert_int_eq(read_line(modes[i].line), 0);
		ck_assert_int_eq(a.mode, modes[i].mode);
	}
	ck_assert_int_eq(read_line("sendmail -qRfar.example"), 0);
	ck_assert_str_eq(a.flush_domain, "far.example");
	ck_assert_int_eq(read_line("sendmail -qI0123456789abcdef"), 0);
	ck_assert_str_eq(a.flush_id, "0123456789abcdef");
}
END_TEST

START_TEST(arguments_are_refused_that_cannot_be_done)
{
	static const char *const lines[] = {
	    "sendmail -bd",
	    "sendmail -bd -q15m",
	    "sendmail -q15m",
	    "sendmail -bv x",
	    "sendmail -bz",
	    "sendmail -bsx",
	    "sendmail -y x",
	    "sendmail -f",
	    "sendmail -N sometimes x",
	    "sendmail -N never,failure x",
	    "sendmail -R some x",
	    "sendmail -B 9BIT x",
	    "sendmail --help",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		ck_assert_msg(read_line(lines[i]) < 0, "%s", lines[i]);
		ck_assert_str_eq(f.dsn, "5.5.4");
		ck_assert_int_ne(f.text[0], '\0');
	}
}
END_TEST

UNIT_MAIN("arguments", arguments_are_taken_as_programs_give_them,
    arguments_say_what_notices_are_wanted, arguments_say_the_mode,
    arguments_are_refused_that_cannot_be_done)
