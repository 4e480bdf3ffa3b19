/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/submit/mailq.h"

#include <stdlib.h>
#include <time.h>

#include "tests/unit/unit.h"

static const struct {
	const char *message, *text;
} messages[] = {
    {"{\"id\": \"01kb0q8zwx5v7a2c\", \"arrived\": 1700000000123,"
     "\"size\": 1234, \"sender\": \"ann@example.org\", \"total\": 1,"
     "\"recipients\": [{\"recipient\": \"jane@far.example\","
     "\"state\": \"waiting\"}]}",
	"01kb0q8zwx5v7a2c      1234 Tue Nov 14 22:13:20  ann@example.org\n"
	"                                         jane@far.example\n\n"},
    /* One reason for both, and what is done is left out. */
    {"{\"id\": \"01kb0q8zwx5v7a2c\", \"arrived\": 1700000000123,"
     "\"size\": 7, \"sender\": \"\", \"held\": true, \"total\": 5,"
     "\"recipients\": ["
     "{\"recipient\": \"a@far.example\", \"state\": \"waiting\","
     "\"reason\": \"busy\\u001b[2J\"},"
     "{\"recipient\": \"b@far.example\", \"state\": \"waiting\","
     "\"reason\": \"busy\\u001b[2J\"},"
     "{\"recipient\": \"c@far.example\", \"state\": \"delivered\"}]}",
	"01kb0q8zwx5v7a2c!        7 Tue Nov 14 22:13:20  MAILER-DAEMON\n"
	"    (busy?[2J)\n"
	"                                         a@far.example\n"
	"                                         b@far.example\n"
	"                                         (2 more)\n\n"},
};

START_TEST(mailq_shows_messages_as_sendmail_does)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct fault f;
		json_t *m = json_parse(str(messages[i].message), &f);
		struct buf b;

		ck_assert_ptr_nonnull(m);
		buf_init(&b, 4096);
		mailq_put(&b, m);
		ck_assert_str_eq(buf_text(&b), messages[i].text);
		buf_clear(&b);
		json_free(&m);
	}
}
END_TEST

START_TEST(mailq_says_that_nobody_answers)
{
	struct fault f;

	ck_assert_int_eq(
	    mailq_list(stdout, "/nonexistent/posthouse-queued.ctl", &f), -1);
	ck_assert_str_eq(f.dsn, "4.4.1");
	ck_assert_int_eq(
	    mailq_flush("/nonexistent/posthouse-queued.ctl", NULL, NULL, &f),
	    -1);
}
END_TEST

UNIT_MAIN("mailq", mailq_shows_messages_as_sendmail_does,
    mailq_says_that_nobody_answers)
