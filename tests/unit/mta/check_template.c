/* SPDX-License-Identifier: ISC */
/* mta/queue/template.h: what is built in, files of the operator's, and what
 * errors say. */
#include "config.h"

#include "mta/queue/template.h"

#include <stdio.h>
#include <unistd.h>

#include "base/utf8.h"
#include "tests/unit/place.h"
#include "tests/unit/unit.h"

static char dir[PLACE_SIZE];

static void
make_dir(void)
{
	place_make(dir, "template");
}

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void
write_file(const char *name, struct str text)
{
	FILE *file = fopen(path_of(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text.at, 1, text.len, file), text.len);
	fclose(file);
}

static void
remove_dir(void)
{
	unlink(path_of("failed.txt"));
	unlink(path_of("delayed.txt"));
	ck_assert_int_eq(rmdir(dir), 0);
}

static const struct template_fields fields = {
    .hostname = STR_LIT("mail.example.org"),
    .postmaster = STR_LIT("postmaster@example.org"),
    .sender = STR_LIT("ann@example.org"),
    .id = STR_LIT("06b0v8z3k9m2q4tx"),
    .arrival = STR_LIT("Mon"),
    .recipients = STR_LIT("<bob@example.net>\n    gone\n"),
    .reason = STR_LIT("gone {id}"),
    .until = STR_LIT("Tue"),
};

static struct str
text_of(const struct templates *t, enum report_action kind, struct buf *b)
{
	buf_reset(b);
	template_put_text(t, kind, &fields, b);
	return buf_str(b);
}

static bool
has(struct str text, const char *part)
{
	for (; text.len > 0; text = str_from(text, 1)) {
		if (str_starts(text, str(part)))
			return true;
	}
	return false;
}

START_TEST(what_is_built_in_names_the_recipients_and_has_no_braces_left)
{
	struct fault f;
	struct templates *t = templates_new(NULL, &f);
	struct buf b;

	buf_init(&b, 10000);
	for (int kind = REPORT_FAILED; kind <= REPORT_EXPANDED; kind++) {
		struct str text = text_of(t, kind, &b), line;

		ck_assert(has(text, "<bob@example.net>\n    gone\n"));
		ck_assert(has(text, "mail.example.org"));
		ck_assert(!str_has(text, '{') && !str_has(text, '}'));
		while (buf_take_line(&b, &line))
			ck_assert_uint_le(line.len, 78);
		ck_assert_uint_eq(buf_len(&b), 0);
		template_put_subject(t, kind, &fields, &b);
		ck_assert_uint_gt(buf_len(&b), 0);
		ck_assert_view_eq(template_language(t, kind), "en");
	}
	ck_assert(has(text_of(t, REPORT_DELAYED, &b), "until Tue"));
	templates_free(&t);
	buf_clear(&b);
}
END_TEST

START_TEST(a_file_takes_the_place_of_what_is_built_in)
{
	struct templates *t;
	struct fault f;
	struct buf b;

	make_dir();
	write_file("failed.txt",
	    STR_LIT("Subject: {reason} f\xc3\xbcr {sender}\r\n"
		    "language: de-AT\r\n\r\n"
		    "{{x} {hostname}{postmaster}\r\n{id} {arrival} {until}}\n"
		    "\n{recipients}{reason}"));
	t = templates_new(dir, &f);
	ck_assert_msg(t != NULL, "%s", f.text);
	buf_init(&b, 10000);
	/* A field's value is not filled in again. */
	ck_assert_view_eq(text_of(t, REPORT_FAILED, &b),
	    "{x} mail.example.orgpostmaster@example.org\r\n"
	    "06b0v8z3k9m2q4tx Mon Tue}\n\n"
	    "<bob@example.net>\n    gone\ngone {id}");
	buf_reset(&b);
	template_put_subject(t, REPORT_FAILED, &fields, &b);
	ck_assert_str_eq(buf_text(&b), "gone {id} f\xc3\xbcr ann@example.org");
	ck_assert_view_eq(template_language(t, REPORT_FAILED), "de-AT");
	ck_assert_view_eq(template_language(t, REPORT_DELAYED), "en");
	templates_free(&t);
	ck_assert_ptr_null(t);
	buf_clear(&b);
	remove_dir();
}
END_TEST

START_TEST(a_file_without_a_language_says_none)
{
	struct templates *t;
	struct fault f;

	make_dir();
	write_file("delayed.txt", STR_LIT("Subject: x\n\ny\n"));
	t = templates_new(dir, &f);
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(template_language(t, REPORT_DELAYED).len, 0);
	templates_free(&t);
	remove_dir();
}
END_TEST

static const struct {
	struct str text;
	const char *error; /* behind the path */
} bad[] = {
    {STR_LIT("Subject: {nobody}\n\nx\n"), ":1: no placeholder: {nobody}"},
    {STR_LIT("Subject: x\n\na\n\n{reason} {oops}\n"),
	":5: no placeholder: {oops}"},
    {STR_LIT("Subject: x\n\na {\nb\n"), ":3: no placeholder: {"},
    {STR_LIT("Subject: x\n\na\n\xff\n"), ":4: this is no UTF-8"},
    {STR_LIT("Subject: \xff\n\na\n"), ":1: this is no UTF-8"},
    {STR_LIT("Subject: x\nBcc: y\n\na\n"), ":2: not Subject or Language: Bcc"},
    {STR_LIT("Subject: x\nLanguage: d e\n\na\n"), ":2: no language: d e"},
    {STR_LIT("Subject:\n\na\n"), ":1: no \"Field: value\": Subject:"},
    {STR_LIT("Hello\n\na\n"), ":1: no \"Field: value\": Hello"},
    {STR_LIT("Subject: x\n"), ": there is no text behind an empty line"},
    {STR_LIT("Subject: x\n\n"), ": there is no text behind an empty line"},
    {STR_LIT(""), ": there is no text behind an empty line"},
    {STR_LIT("Subject: x\n\na\0b\n"), ": this is no text"},
};

START_TEST(an_error_names_the_file_and_the_line)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[300];
		struct fault f;

		make_dir();
		write_file("failed.txt", bad[i].text);
		ck_assert_ptr_null(templates_new(dir, &f));
		snprintf(
		    text, sizeof text, "%s/failed.txt%s", dir, bad[i].error);
		ck_assert_str_eq(f.text, text);
		remove_dir();
	}
}
END_TEST

START_TEST(a_folder_that_is_missing_or_a_file_too_long_is_a_fault)
{
	static char text[70000];
	struct fault f;

	ck_assert_ptr_null(templates_new("/nonexistent", &f));
	make_dir();
	memset(text, 'x', sizeof text);
	write_file("failed.txt", str_n(text, sizeof text));
	ck_assert_ptr_null(templates_new(dir, &f));
	remove_dir();
}
END_TEST

static const struct {
	const char *address, *reason, *text;
} recipients[] = {
    {"a@b", "gone", "<a@b>\n    gone\n"},
    {"a@b", "", "<a@b>\n"},
    {"a\nb", "x\r\n\r\nSubject: y", "<a b>\n    x Subject: y\n"},
    {"a\xff", "\x80", "<a\xef\xbf\xbd>\n    \xef\xbf\xbd\n"},
    {"a@b",
	"550 5.7.1 a text that is so long that it does not fit on a line of "
	"the usual width",
	"<a@b>\n    550 5.7.1 a text that is so long that it does not fit on a"
	" line of\n    the usual width\n"},
};

START_TEST(a_recipient_is_a_block_of_short_lines)
{
	for (size_t i = 0; i < ARRAY_LEN(recipients); i++) {
		struct buf b;

		buf_init(&b, 1000);
		template_put_recipient(
		    &b, str(recipients[i].address), str(recipients[i].reason));
		ck_assert_str_eq(buf_text(&b), recipients[i].text);
		buf_clear(&b);
	}
}
END_TEST

UNIT_MAIN("template",
    what_is_built_in_names_the_recipients_and_has_no_braces_left,
    a_file_takes_the_place_of_what_is_built_in,
    a_file_without_a_language_says_none, an_error_names_the_file_and_the_line,
    a_folder_that_is_missing_or_a_file_too_long_is_a_fault,
    a_recipient_is_a_block_of_short_lines)
