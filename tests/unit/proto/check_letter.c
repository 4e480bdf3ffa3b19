/* SPDX-License-Identifier: ISC */
/* proto/letter.h; more of files and their faults is in mta's check_template. */
#include "config.h"

#include "proto/letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const char *const names[] = {"who", "what", NULL};
static const struct str values[] = {STR_LIT("Ann"), STR_LIT("{who}")};

static void
assert_letter(const struct letter *l, const char *subject, const char *text,
    const char *language)
{
	struct buf b;

	buf_init(&b, 1000);
	letter_put_subject(l, values, &b);
	ck_assert_str_eq(buf_text(&b), subject);
	buf_reset(&b);
	letter_put_text(l, values, &b);
	ck_assert_str_eq(buf_text(&b), text);
	ck_assert_view_eq(letter_language(l), language);
	buf_clear(&b);
}

START_TEST(words_are_filled_in_once)
{
	struct letter *l = letter_new("To {who}", "{{{what}{who}\n", names);

	assert_letter(l, "To Ann", "{{who}Ann\n", "en");
	letter_free(&l);
	ck_assert_ptr_null(l);
}
END_TEST

START_TEST(a_file_takes_the_place)
{
	char dir[] = "/tmp/check_letter.XXXXXX", path[64];
	struct letter *l = letter_new("x", "y", names);
	struct fault f;
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(letter_load(l, dir, "note", &f), 0);
	assert_letter(l, "x", "y", "en");
	snprintf(path, sizeof path, "%s/note.txt", dir);
	file = fopen(path, "w");
	fputs("Subject: {what}\nLanguage: de\n\nHallo {who}\n", file);
	fclose(file);
	ck_assert_int_eq(letter_load(l, dir, "note", &f), 0);
	assert_letter(l, "{who}", "Hallo Ann\n", "de");
	file = fopen(path, "w");
	fputs("Subject: x\n\nHallo {whom}\n", file);
	fclose(file);
	letter_free(&l);
	l = letter_new("x", "y", names);
	ck_assert_int_eq(letter_load(l, dir, "note", &f), -1);
	ck_assert_ptr_nonnull(strstr(f.text, "note.txt:3: no placeholder"));
	letter_free(&l);
	unlink(path);
	rmdir(dir);
}
END_TEST

UNIT_MAIN("letter", words_are_filled_in_once, a_file_takes_the_place)
