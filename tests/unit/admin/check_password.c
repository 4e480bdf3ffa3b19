/* SPDX-License-Identifier: ISC */
/* Passwords from standard input; the prompt is for a system test. */
#include "config.h"

#include "admin/password.h"

#include <unistd.h>

#include "tests/unit/unit.h"

/* Standard input becomes these bytes. */
static int
read_from(const void *bytes, size_t len, struct buf *password, struct fault *f)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], bytes, len), (ssize_t)len);
	close(fds[1]);
	ck_assert_int_eq(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
	close(fds[0]);
	return password_read("ann@example.org", password, f);
}

START_TEST(password_is_the_first_line_of_standard_input)
{
	static const struct {
		const char *input, *wanted;
	} cases[] = {
	    {"correct horse\n", "correct horse"},
	    {"correct horse", "correct horse"},
	    {" a b \nsecond line\n", " a b "},
	    {"gr\xc3\xbc\xc3\x9f\n", "gr\xc3\xbc\xc3\x9f"},
	};
	struct buf password;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init_secret(&password, PASSWORD_MAX);
		ck_assert_int_eq(read_from(cases[i].input,
				     strlen(cases[i].input), &password, &f),
		    0);
		ck_assert_str_eq(buf_text(&password), cases[i].wanted);
		buf_clear(&password);
	}
}
END_TEST

START_TEST(password_leaves_the_following_lines_alone)
{
	struct buf password;
	struct fault f;
	char rest[16] = "";

	buf_init_secret(&password, PASSWORD_MAX);
	ck_assert_int_eq(read_from("one\ntwo\n", 8, &password, &f), 0);
	ck_assert_int_eq(read(STDIN_FILENO, rest, sizeof rest - 1), 4);
	ck_assert_str_eq(rest, "two\n");
	buf_clear(&password);
}
END_TEST

START_TEST(password_refuses_what_could_never_be_typed_in_again)
{
	static const struct {
		const char *input;
		size_t len;
		const char *said;
	} cases[] = {
	    {"", 0, "no password"},
	    {"\n", 1, "empty"},
	    {"a\0b\n", 4, "control"},
	    {"a\tb\n", 4, "control"},
	    {"crlf\r\n", 6, "control"},
	    {"\xff\xfe\n", 3, "UTF-8"},
	};
	struct buf password;
	struct fault f;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init_secret(&password, PASSWORD_MAX);
		ck_assert_int_lt(
		    read_from(cases[i].input, cases[i].len, &password, &f), 0);
		ck_assert_msg(
		    strstr(f.text, cases[i].said) != NULL, "%s", f.text);
		buf_clear(&password);
	}
}
END_TEST

START_TEST(password_has_a_longest_length)
{
	char bytes[PASSWORD_MAX + 2];
	struct buf password;
	struct fault f;

	memset(bytes, 'x', sizeof bytes);
	bytes[PASSWORD_MAX] = '\n';
	buf_init_secret(&password, PASSWORD_MAX);
	ck_assert_int_eq(read_from(bytes, PASSWORD_MAX + 1, &password, &f), 0);
	ck_assert_uint_eq(buf_len(&password), PASSWORD_MAX);
	buf_reset(&password);
	bytes[PASSWORD_MAX] = 'x';
	ck_assert_int_lt(read_from(bytes, sizeof bytes, &password, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "longer than 500 bytes"));
	buf_clear(&password);
}
END_TEST

UNIT_MAIN("password", password_is_the_first_line_of_standard_input,
    password_leaves_the_following_lines_alone,
    password_refuses_what_could_never_be_typed_in_again,
    password_has_a_longest_length)
