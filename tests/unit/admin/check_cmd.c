/* SPDX-License-Identifier: ISC */
/* Command lines: what is understood, and what is said about the rest. */
#include "config.h"

#include "admin/cmd.h"

#include <stdlib.h>
#include <sysexits.h>

#include "tests/unit/unit.h"

enum { WORDS_MAX = 12 };

/* Splits a command line by blanks and parses it. */
struct parsed {
	char text[256];
	char *argv[WORDS_MAX + 2];
	int argc;
	struct cmd_line line;
	struct fault f;
	int rc;
};

static void
parse(struct parsed *p, const char *text)
{
	char *save = NULL;

	*p = (struct parsed){0};
	ck_assert(str_copy(str(text), p->text, sizeof p->text));
	p->argv[p->argc++] = (char *)(uintptr_t) "posthouse";
	for (char *w = strtok_r(p->text, " ", &save);
	     w != NULL && p->argc <= WORDS_MAX; w = strtok_r(NULL, " ", &save))
		p->argv[p->argc++] = w;
	p->rc = cmd_parse(p->argc, p->argv, &p->line, &p->f);
}

START_TEST(cmd_parse_finds_the_command_and_its_arguments)
{
	static const struct {
		const char *text, *noun, *verb;
		size_t n_args;
		const char *last;
		bool json;
	} cases[] = {
	    {"run", "run", NULL, 0, NULL, false},
	    {"status --json", "status", NULL, 0, NULL, true},
	    {"--json status", "status", NULL, 0, NULL, true},
	    {"domain add example.org", "domain", "add", 1, "example.org",
		false},
	    {"user list", "user", "list", 0, NULL, false},
	    {"user list --json example.org", "user", "list", 1, "example.org",
		true},
	    {"alias add a@x b@x c@x", "alias", "add", 3, "c@x", false},
	    {"alias add -- -a@x b@x", "alias", "add", 2, "b@x", false},
	    {"group add a@x b@x --verp yes", "group", "add", 2, "b@x", false},
	    {"group member add a@x b@x c@x", "group", "member add", 3, "c@x",
		false},
	    {"group member list a@x --json", "group", "member list", 1, "a@x",
		true},
	    {"mailbox verify", "mailbox", "verify", 0, NULL, false},
	    {"-V", "version", NULL, 0, NULL, false},
	    {"--version --json", "version", NULL, 0, NULL, true},
	    {"help user add", "help", NULL, 2, "add", false},
	};
	struct parsed p;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		parse(&p, cases[i].text);
		ck_assert_msg(p.rc == 0, "%s: %s", cases[i].text, p.f.text);
		ck_assert_str_eq(p.line.cmd->noun, cases[i].noun);
		ck_assert_pstr_eq(p.line.cmd->verb, cases[i].verb);
		ck_assert_uint_eq(p.line.n_args, cases[i].n_args);
		if (cases[i].n_args > 0)
			ck_assert_str_eq(
			    p.line.args[p.line.n_args - 1], cases[i].last);
		ck_assert(p.line.json == cases[i].json);
	}
}
END_TEST

START_TEST(cmd_parse_takes_the_configuration_before_and_behind)
{
	static const char *const forms[] = {"-c /x/y.conf status",
	    "status -c /x/y.conf", "status --config=/x/y.conf",
	    "-c/x/y.conf status"};
	struct parsed p;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		parse(&p, forms[i]);
		ck_assert_msg(p.rc == 0, "%s: %s", forms[i], p.f.text);
		ck_assert_str_eq(p.line.file, "/x/y.conf");
	}
	parse(&p, "status");
	ck_assert_str_eq(p.line.file, SYSCONFDIR "/posthouse/posthouse.conf");
}
END_TEST

START_TEST(cmd_parse_says_what_is_wrong)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
	    {"", "which command?"},
	    {"statsu", "did you mean \"status\"?"},
	    {"users list", "did you mean \"user\"?"},
	    {"usr list", "did you mean \"user\"?"},
	    {"user ad x@y", "did you mean \"user add\"?"},
	    {"user create x@y", "did you mean \"user add\"?"},
	    {"alias remove x@y", "did you mean \"alias del\"?"},
	    {"user frobnicate", "but: add, del, list, passwd"},
	    {"frobnicate", "\"posthouse help\" shows all"},
	    {"user", "user what? One of: add"},
	    {"mailbox search a b", "search [NAME | @DOMAIN] [SELECTION] ["},
	    {"mailbox search --raw", "--raw has no meaning here"},
	    {"mailbox list --count", "--count has no meaning here"},
	    {"user add", "usage: posthouse user add NAME"},
	    {"group member", "did you mean \"group member add\"?"},
	    {"group member add a@x", "usage: posthouse group member add NAME"},
	    {"group add a@x", "usage: posthouse group add NAME OWNER..."},
	    {"group set", "[--unsubscribe URI]"},
	    {"alias add a@x", "usage: posthouse alias add NAME TARGET..."},
	    {"domain list x y", "that is too much"},
	    {"domain add a --json", "--json has no meaning here"},
	    {"run --jsno", "there is no option \"--jsno\""},
	    {"status -x", "there is no option"},
	    {"status -c", "-c needs a value"},
	    {"status --config", "--config needs a value"},
	};
	struct parsed p;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		parse(&p, cases[i].text);
		ck_assert_msg(p.rc < 0, "%s was taken", cases[i].text);
		ck_assert_msg(strstr(p.f.text, cases[i].said) != NULL,
		    "%s: \"%s\" does not say: %s", cases[i].text, p.f.text,
		    cases[i].said);
	}
}
END_TEST

START_TEST(cmd_parse_refuses_bytes_that_are_no_text)
{
	struct parsed p;

	parse(&p, "domain add ex\xe4mple.org");
	ck_assert_int_lt(p.rc, 0);
	ck_assert_ptr_nonnull(strstr(p.f.text, "UTF-8"));
	parse(&p, "domain add ex\xc3\xa4mple.org");
	ck_assert_int_eq(p.rc, 0);
}
END_TEST

START_TEST(cmd_suggest_does_not_guess_wildly)
{
	ck_assert_ptr_null(cmd_suggest(NULL, "x"));
	ck_assert_ptr_null(cmd_suggest(NULL, "kubernetes"));
	ck_assert_ptr_null(cmd_suggest("user", "telephone"));
	ck_assert_ptr_null(cmd_suggest("run", "fast"));
	ck_assert_ptr_null(
	    cmd_suggest(NULL, "averyveryveryveryveryveryveryverylongword"));
	ck_assert_str_eq(cmd_suggest(NULL, "dmoain"), "domain");
	ck_assert_str_eq(cmd_suggest(NULL, "mail"), "mailbox");
	ck_assert_str_eq(cmd_suggest("mailbox", "rebild"), "rebuild");
}
END_TEST

START_TEST(cmd_help_on_shows_what_was_asked_for)
{
	char *user[] = {(char *)(uintptr_t) "user", (char *)(uintptr_t) "add"};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct fault f;

	ck_assert_int_eq(cmd_help_on(out, user, 1, &f), 0);
	fflush(out);
	ck_assert_ptr_nonnull(strstr(text, "user passwd NAME"));
	ck_assert_ptr_null(strstr(text, "alias"));
	rewind(out);
	ck_assert_int_eq(cmd_help_on(out, NULL, 0, &f), 0);
	fclose(out);
	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++)
		for (const struct cmd *c = *t; c->noun != NULL; c++)
			ck_assert_ptr_nonnull(strstr(text, c->help));
	ck_assert_ptr_nonnull(strstr(text, "NAME [SELECTION]"));
	ck_assert_ptr_nonnull(strstr(text, "\nSELECTION, all of which"));
	ck_assert_ptr_nonnull(strstr(text, "[--digest SHA256] [--body HEX]\n"));
	free(text);
}
END_TEST

START_TEST(cmd_help_on_unknown_words_is_a_fault_with_a_suggestion)
{
	char *words[] = {(char *)(uintptr_t) "user", (char *)(uintptr_t) "lst"};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct fault f;

	ck_assert_int_lt(cmd_help_on(out, words, 2, &f), 0);
	ck_assert_ptr_nonnull(strstr(f.text, "\"user list\""));
	fclose(out);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(cmd_status_of_follows_from_the_fault)
{
	static const struct {
		enum fault_kind kind;
		const char *dsn;
		int status;
	} cases[] = {
	    {FAULT_PERM, "4.7.0", EX_NOPERM},
	    {FAULT_PERM, "5.1.0", EX_DATAERR},
	    {FAULT_PERM, "5.1.1", EX_NOUSER},
	    {FAULT_PERM, "5.1.3", EX_DATAERR},
	    {FAULT_PERM, "5.3.5", EX_CONFIG},
	    {FAULT_PERM, "5.5.1", EX_UNAVAILABLE},
	    {FAULT_TEMP, "4.3.2", EX_TEMPFAIL},
	    {FAULT_TEMP, "4.4.1", EX_TEMPFAIL},
	    {FAULT_TEMP, "4.3.1", EX_TEMPFAIL},
	    {FAULT_PERM, "5.9.9", EX_UNAVAILABLE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fault f = {.kind = cases[i].kind};

		ck_assert(str_copy(str(cases[i].dsn), f.dsn, sizeof f.dsn));
		ck_assert_int_eq(cmd_status_of(&f), cases[i].status);
	}
}
END_TEST

START_TEST(options_with_values_belong_to_their_commands)
{
	struct parsed p;

	parse(&p, "trace --since 2h --since=3h word --id x --json");
	ck_assert_int_eq(p.rc, 0);
	ck_assert_str_eq(cmd_option(&p.line, "since"), "3h");
	ck_assert_str_eq(cmd_option(&p.line, "id"), "x");
	ck_assert_ptr_null(cmd_option(&p.line, "until"));
	ck_assert_uint_eq(p.line.n_args, 1);
	ck_assert(p.line.json);
	parse(&p, "user list --since 2h");
	ck_assert_int_eq(p.rc, -1);
	ck_assert(str_starts(
	    str(p.f.text), STR_LIT("--since has no meaning here; usage:")));
	parse(&p, "trace --id");
	ck_assert_int_eq(p.rc, -1);
	parse(&p, "trace --id \xff");
	ck_assert_int_eq(p.rc, -1);
}
END_TEST

UNIT_MAIN("cmd", options_with_values_belong_to_their_commands,
    cmd_parse_finds_the_command_and_its_arguments,
    cmd_parse_takes_the_configuration_before_and_behind,
    cmd_parse_says_what_is_wrong, cmd_parse_refuses_bytes_that_are_no_text,
    cmd_suggest_does_not_guess_wildly, cmd_help_on_shows_what_was_asked_for,
    cmd_help_on_unknown_words_is_a_fault_with_a_suggestion,
    cmd_status_of_follows_from_the_fault)
