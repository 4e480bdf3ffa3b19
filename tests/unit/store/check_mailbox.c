/* SPDX-License-Identifier: ISC */
/* store/mailbox.h: what may be the name of a mailbox, and of a folder. */
#include "config.h"

#include "store/mailbox.h"

#include "tests/unit/unit.h"

START_TEST(a_name_becomes_a_path_by_domain_and_user)
{
	struct mailbox_name name;
	struct fault f;

	ck_assert_int_eq(
	    mailbox_name_parse(str("ann@example.org"), &name, &f), 0);
	ck_assert_str_eq(name.text, "ann@example.org");
	ck_assert_str_eq(name.path, "example.org/ann");
	ck_assert_int_eq(
	    mailbox_name_parse(str("j\xc3\xb6rg.x_y@a.b"), &name, &f), 0);
	ck_assert_str_eq(name.path, "a.b/j\xc3\xb6rg.x_y");
	ck_assert_int_eq(mailbox_name_parse(str("a@b@c"), &name, &f), 0);
	ck_assert_str_eq(name.path, "c/a@b");
}
END_TEST

START_TEST(a_name_that_could_leave_its_place_is_refused)
{
	static const char *const bad[] = {"", "@", "a", "a@", "@b", "../x@b",
	    "..@b", ".@b", ".a@b", "-a@b", "a/b@c", "a@b/c", "a@../b", "a@..",
	    "a@.b", "a@-b", "a..b@c", "a@b..c", "a\nb@c", "a\x7f@c", "a\x01@c",
	    "\xc3@b", "\xc0\xaf@b", "\xed\xa0\x80@b", "\xf4\x90\x80\x80@b",
	    "\xc2\x80@b", "a@b\t"};
	struct mailbox_name name;
	struct fault f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(mailbox_name_parse(str(bad[i]), &name, &f) == -1,
		    "%s", bad[i]);
		ck_assert_int_eq(f.kind, FAULT_PERM);
		ck_assert_str_eq(f.dsn, "5.1.3");
		ck_assert_str_eq(name.path, "");
	}
	ck_assert_int_eq(mailbox_name_parse(str_n("a\0b@c", 5), &name, &f), -1);
}
END_TEST

START_TEST(a_part_has_at_most_two_hundred_bytes)
{
	char text[MAILBOX_NAME_SIZE];
	struct mailbox_name name;
	struct fault f;

	memset(text, 'a', sizeof text);
	text[200] = '@';
	ck_assert_int_eq(mailbox_name_parse(str_n(text, 401), &name, &f), 0);
	ck_assert_uint_eq(strlen(name.text), 401);
	ck_assert_uint_eq(strlen(name.path), 401);
	ck_assert_int_eq(mailbox_name_parse(str_n(text, 402), &name, &f), -1);
	text[200] = 'a';
	text[201] = '@';
	ck_assert_int_eq(mailbox_name_parse(str_n(text, 210), &name, &f), -1);
}
END_TEST

static const struct {
	const char *text, *shown, *dir;
} folders[] = {
    {"", "", ""},
    {"INBOX", "", ""},
    {"Lists", "Lists", ".Lists"},
    {"Lists/posthouse", "Lists/posthouse", ".Lists.posthouse"},
    {"Lists.posthouse", "Lists/posthouse", ".Lists.posthouse"},
    {"a & b", "a & b", ".a &- b"},
    {"Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe", ".Entw&APw-rfe"},
    {"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa"
     "\x9e",
	"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa"
	"\x9e",
	".~peter.mail.&U,BTFw-.&ZeVnLIqe-"},
    {"\xf0\x9f\x93\xac", "\xf0\x9f\x93\xac", ".&2D3c7A-"},
};

START_TEST(a_folder_has_one_directory)
{
	struct mailbox_folder folder, again;
	struct fault f;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		ck_assert_int_eq(
		    mailbox_folder_parse(str(folders[i].text), &folder, &f), 0);
		ck_assert_str_eq(folder.text, folders[i].shown);
		ck_assert_str_eq(folder.dir, folders[i].dir);
		ck_assert_int_eq(
		    mailbox_folder_from_dir(str(folder.dir), &again, &f), 0);
		ck_assert_str_eq(again.text, folder.text);
		ck_assert_str_eq(again.dir, folder.dir);
	}
}
END_TEST

START_TEST(a_folder_that_could_leave_its_mailbox_is_refused)
{
	static const char *const bad[] = {"/", ".", "..", "../x", "a//b",
	    "a..b", "/a", "a/", ".a", "a\nb", "\xff", "a\xc3"};
	struct mailbox_folder folder;
	char text[400];
	struct fault f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(
		    mailbox_folder_parse(str(bad[i]), &folder, &f) == -1, "%s",
		    bad[i]);
		ck_assert_str_eq(f.dsn, "5.2.0");
		ck_assert_str_eq(folder.dir, "");
	}
	ck_assert_int_eq(
	    mailbox_folder_parse(str_n("a\0b", 3), &folder, &f), -1);
	/* 100 letters of two bytes fit, as base64 they do not. */
	for (size_t i = 0; i < 200; i += 2)
		memcpy(text + i, "\xc3\xbc", 2);
	ck_assert_int_eq(
	    mailbox_folder_parse(str_n(text, 200), &folder, &f), -1);
	ck_assert_int_eq(
	    mailbox_folder_parse(str_n(text, 180), &folder, &f), 0);
}
END_TEST

START_TEST(a_directory_in_another_spelling_is_no_folder)
{
	static const char *const bad[] = {"Lists", ".a&", ".&APw", ".&AGE-",
	    ".&2D0-", ".&3OA-", ".&A-", ".INBOX", ".a..b", "..", ".", ".&!!!-",
	    ".\xc3\xbc"};
	struct mailbox_folder folder;
	struct fault f;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(
		    mailbox_folder_from_dir(str(bad[i]), &folder, &f) == -1,
		    "%s", bad[i]);
}
END_TEST

UNIT_MAIN("mailbox", a_name_becomes_a_path_by_domain_and_user,
    a_name_that_could_leave_its_place_is_refused,
    a_part_has_at_most_two_hundred_bytes, a_folder_has_one_directory,
    a_folder_that_could_leave_its_mailbox_is_refused,
    a_directory_in_another_spelling_is_no_folder)
