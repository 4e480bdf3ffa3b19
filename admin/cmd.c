/* SPDX-License-Identifier: ISC */
/* Reading the command line. What cannot be read is answered with what can. */
#include "config.h"

#include "admin/cmd.h"

#include <getopt.h>
#include <string.h>
#include <sysexits.h>

#include "admin/select.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/utf8.h"

enum {
	WORD_MAX = 32, /* longer words resemble nothing */
	HELP_COLUMN = 38,
	USAGE_MAX = 400,
};

const struct cmd *const cmd_tables[] = {
    cmd_run,
    cmd_status,
    cmd_config,
    cmd_domain,
    cmd_directory,
    cmd_user,
    cmd_alias,
    cmd_group,
    cmd_lock,
    cmd_audit,
    cmd_mailbox,
    cmd_backup,
    cmd_restore,
    cmd_queue,
    cmd_tls,
    cmd_trace,
    cmd_explain,
    cmd_version,
    cmd_help,
    NULL,
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"dry-run", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"version", no_argument, NULL, 'V'},
    /* What some commands take. */
    {"across", no_argument, NULL, 'o'},
    {"address", required_argument, NULL, 'o'},
    {"attachments", required_argument, NULL, 'o'},
    {"before", required_argument, NULL, 'o'},
    {"client", required_argument, NULL, 'o'},
    {"count", no_argument, NULL, 'o'},
    {"deep", no_argument, NULL, 'o'},
    {"body", required_argument, NULL, 'o'},
    {"digest", required_argument, NULL, 'o'},
    {"domain", required_argument, NULL, 'o'},
    {"expires", required_argument, NULL, 'o'},
    {"files", required_argument, NULL, 'o'},
    {"flags", required_argument, NULL, 'o'},
    {"folder", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, 'o'},
    {"format", required_argument, NULL, 'o'},
    {"from", required_argument, NULL, 'o'},
    {"held", no_argument, NULL, 'o'},
    {"helo", required_argument, NULL, 'o'},
    {"id", required_argument, NULL, 'o'},
    {"keep", required_argument, NULL, 'o'},
    {"into", required_argument, NULL, 'o'},
    {"larger", required_argument, NULL, 'o'},
    {"list-id", required_argument, NULL, 'o'},
    {"listener", required_argument, NULL, 'o'},
    {"login", required_argument, NULL, 'o'},
    {"main-password", required_argument, NULL, 'o'},
    {"message-id", required_argument, NULL, 'o'},
    {"moving", required_argument, NULL, 'o'},
    {"node", required_argument, NULL, 'o'},
    {"output", required_argument, NULL, 'o'},
    {"owners", required_argument, NULL, 'o'},
    {"posters", required_argument, NULL, 'o'},
    {"quota", required_argument, NULL, 'o'},
    {"quota-messages", required_argument, NULL, 'o'},
    {"raw", no_argument, NULL, 'o'},
    {"receive", required_argument, NULL, 'o'},
    {"recount", no_argument, NULL, 'o'},
    {"repair", no_argument, NULL, 'o'},
    {"resume", required_argument, NULL, 'o'},
    {"send", required_argument, NULL, 'o'},
    {"sent-before", required_argument, NULL, 'o'},
    {"sent-since", required_argument, NULL, 'o'},
    {"services", required_argument, NULL, 'o'},
    {"since", required_argument, NULL, 'o'},
    {"size", required_argument, NULL, 'o'},
    {"smaller", required_argument, NULL, 'o'},
    {"snapshot", required_argument, NULL, 'o'},
    {"spam", required_argument, NULL, 'o'},
    {"subject", required_argument, NULL, 'o'},
    {"title", required_argument, NULL, 'o'},
    {"to", required_argument, NULL, 'o'},
    {"unsubscribe", required_argument, NULL, 'o'},
    {"until", required_argument, NULL, 'o'},
    {"user-quota", required_argument, NULL, 'o'},
    {"user-quota-messages", required_argument, NULL, 'o'},
    {"verp", required_argument, NULL, 'o'},
    {"why", required_argument, NULL, 'o'},
    {NULL, 0, NULL, 0},
};

/* Words that other programs have for ours. */
static const struct {
	const char *theirs, *ours;
} synonyms[] = {
    {"create", "add"},
    {"new", "add"},
    {"delete", "del"},
    {"remove", "del"},
    {"rm", "del"},
    {"ls", "list"},
    {"password", "passwd"},
    {"check", "verify"},
    {"fsck", "verify"},
    {"info", "stat"},
    {"mailboxes", "mailbox"},
    {"forward", "alias"},
    {"mailinglist", "group"},
    {"mailq", "queue"},
    {"requeue", "retry"},
    {"thaw", "release"},
    {"freeze", "hold"},
    {"account", "user"},
    {"start", "run"},
};

/* Suggestions. */

/* How many letters have to be changed, added, removed or swapped. */
static size_t
distance(struct str a, struct str b)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= a.len; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= b.len; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		for (size_t j = 1; j <= b.len; j++) {
			size_t best = d[i - 1][j - 1];

			best += a.at[i - 1] != b.at[j - 1];
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] &&
			    a.at[i - 2] == b.at[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[a.len][b.len];
}

/* 0 for the word itself or one that starts with it; the larger, the less it
 * looks like it. */
static size_t
strangeness(const char *word, const char *candidate)
{
	if (strlen(word) > 1 && str_starts(str(candidate), str(word)))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(synonyms); i++)
		if (strcmp(word, synonyms[i].theirs) == 0 &&
		    strcmp(candidate, synonyms[i].ours) == 0)
			return 0;
	return distance(str(word), str(candidate));
}

const char *
cmd_suggest(const char *noun, const char *word)
{
	size_t least = strlen(word) < 4 ? 2 : 3; /* from here on: too far */
	const char *best = NULL;

	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++) {
		for (const struct cmd *c = *t; c->noun != NULL; c++) {
			const char *candidate =
			    noun != NULL ? c->verb : c->noun;
			size_t d;

			if (candidate == NULL ||
			    (noun != NULL && strcmp(noun, c->noun) != 0))
				continue;
			d = strangeness(word, candidate);
			if (d < least) {
				least = d;
				best = candidate;
			}
		}
	}
	return best;
}

/* Help. */

/* True where a selection of messages is in it. */
static bool
put_usage(struct buf *b, const struct cmd *c)
{
	buf_putf(b, "%s%s%s%s", c->noun, c->verb != NULL ? " " : "",
	    c->verb != NULL ? c->verb : "", c->args[0] != '\0' ? " " : "");
	return select_put_usage(b, c->args);
}

static bool
print_one(FILE *out, const struct cmd *c)
{
	struct buf left;
	bool selects;

	buf_init(&left, USAGE_MAX);
	selects = put_usage(&left, c);
	buf_putf(&left, "%s%s%s", c->flags & CMD_DRY ? " [--dry-run]" : "",
	    c->flags & CMD_JSON ? " [--json]" : "",
	    c->flags & CMD_LONG ? " [--quiet]" : "");
	if (buf_len(&left) <= HELP_COLUMN)
		fprintf(
		    out, "  %-*s %s\n", HELP_COLUMN, buf_text(&left), c->help);
	else
		fprintf(out, "  %s\n  %*s %s\n", buf_text(&left), HELP_COLUMN,
		    "", c->help);
	buf_clear(&left);
	return selects;
}

/* Arguments. */

static int
fail_usage(struct fault *f, const char *what, const struct cmd *c)
{
	struct buf usage;

	buf_init(&usage, USAGE_MAX);
	(void)put_usage(&usage, c);
	fault_perm(
	    f, "5.5.4", "%s; usage: posthouse %s", what, buf_text(&usage));
	buf_clear(&usage);
	return -1;
}

/* The noun's verbs: "add, del, list". */
static void
put_verbs(struct buf *b, const char *noun)
{
	const char *between = "";

	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++) {
		for (const struct cmd *c = *t; c->noun != NULL; c++) {
			if (strcmp(c->noun, noun) != 0 || c->verb == NULL)
				continue;
			buf_putf(b, "%s%s", between, c->verb);
			between = ", ";
		}
	}
}

static int
fail_noun(struct fault *f, const char *word)
{
	const char *meant = cmd_suggest(NULL, word);

	/* A verb alone, "posthouse add", says what was wanted. */
	if (meant == NULL)
		return fault_perm(f, "5.5.4",
		    "there is no command \"%.60s\"; \"posthouse help\" shows "
		    "all",
		    word);
	return fault_perm(f, "5.5.4",
	    "there is no command \"%.60s\"; did you mean \"%s\"?", word, meant);
}

static int
fail_verb(struct fault *f, const char *noun, const char *word)
{
	const char *meant = word != NULL ? cmd_suggest(noun, word) : NULL;
	struct buf verbs;

	buf_init(&verbs, 120);
	put_verbs(&verbs, noun);
	if (word == NULL)
		fault_perm(
		    f, "5.5.4", "%s what? One of: %s", noun, buf_text(&verbs));
	else if (meant != NULL)
		fault_perm(f, "5.5.4",
		    "there is no command \"%s %.60s\"; did you mean \"%s "
		    "%s\"?",
		    noun, word, noun, meant);
	else
		fault_perm(f, "5.5.4",
		    "there is no command \"%s %.60s\", but: %s", noun, word,
		    buf_text(&verbs));
	buf_clear(&verbs);
	return -1;
}

static bool
is_noun(const char *word)
{
	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++)
		for (const struct cmd *c = *t; c->noun != NULL; c++)
			if (strcmp(c->noun, word) == 0)
				return true;
	return false;
}

/* How many of the words are the command's own ("group member add"); 0: it is
 * not the one. */
static size_t
count_words(const struct cmd *c, char *const *words, size_t n)
{
	struct str rest = str(c->verb);
	size_t count = 1;

	if (strcmp(c->noun, words[0]) != 0)
		return 0;
	for (; rest.len > 0; count++)
		if (count == n ||
		    !str_is(str_cut(&rest, ' '), str(words[count])))
			return 0;
	return count;
}

/* Takes the command's words off the arguments. */
static int
find(struct cmd_line *line, struct fault *f)
{
	const char *noun = line->args[0];
	const char *verb = line->n_args > 1 ? line->args[1] : NULL;

	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++) {
		for (const struct cmd *c = *t; c->noun != NULL; c++) {
			size_t words = count_words(c, line->args, line->n_args);

			if (words == 0)
				continue;
			line->cmd = c;
			line->args += words;
			line->n_args -= words;
			return 0;
		}
	}
	return is_noun(noun) ? fail_verb(f, noun, verb) : fail_noun(f, noun);
}

/* Odd bytes would be replaced on the way, and name somebody else. */
static int
check_text(const struct cmd_line *line, struct fault *f)
{
	for (size_t i = 0; i < line->n_args; i++)
		if (!utf8_is_valid(str(line->args[i])))
			return fault_perm(f, "5.5.4", "\"%.100s\" is not UTF-8",
			    line->args[i]);
	return 0;
}

static int
check_count(const struct cmd_line *line, struct fault *f)
{
	const struct cmd *c = line->cmd;

	if (line->n_args < c->least)
		return fail_usage(f, "something is missing", c);
	if (line->n_args > c->most && !(c->flags & CMD_ANY))
		return fail_usage(f, "that is too much", c);
	if (line->json && !(c->flags & CMD_JSON))
		return fail_usage(f, "--json has no meaning here", c);
	if (line->dry_run && !(c->flags & CMD_DRY))
		return fail_usage(f, "--dry-run has no meaning here", c);
	if (line->quiet && !(c->flags & CMD_LONG))
		return fail_usage(f, "--quiet has no meaning here", c);
	return 0;
}

static bool
takes_option(const struct cmd *c, const char *name)
{
	char option[40];
	const char *at = c->args;
	size_t len;

	snprintf(option, sizeof option, "--%s", name);
	len = strlen(option);
	while ((at = strstr(at, option)) != NULL) {
		at += len;
		if (*at == ' ' || *at == ']')
			return true;
	}
	return false;
}

static int
check_options(const struct cmd_line *line, struct fault *f)
{
	for (size_t i = 0; i < line->n_options; i++) {
		char what[80];

		if (takes_option(line->cmd, line->options[i].name))
			continue;
		snprintf(what, sizeof what, "--%s has no meaning here",
		    line->options[i].name);
		return fail_usage(f, what, line->cmd);
	}
	return 0;
}

/* The same again replaces what was said before. */
static int
keep_option(
    struct cmd_line *line, const char *name, const char *value, struct fault *f)
{
	size_t i = 0;

	if (!utf8_is_valid(str(value)))
		return fault_perm(
		    f, "5.5.4", "the value of --%s is not UTF-8", name);
	while (i < line->n_options && strcmp(line->options[i].name, name) != 0)
		i++;
	if (i == CMD_OPTIONS_MAX)
		return fault_perm(f, "5.5.4", "too many options");
	line->options[i].name = name;
	line->options[i].value = value;
	if (i == line->n_options)
		line->n_options++;
	return 0;
}

const char *
cmd_option(const struct cmd_line *line, const char *name)
{
	for (size_t i = 0; i < line->n_options; i++) {
		if (strcmp(line->options[i].name, name) == 0)
			return line->options[i].value;
	}
	return NULL;
}

static int
read_options(int argc, char **argv, struct cmd_line *line, struct fault *f)
{
	int c, at;

	opterr = 0;
	optind = 0; /* anew, should this be called twice */
	while ((c = getopt_long(argc, argv, ":c:hV", options, &at)) != -1) {
		switch (c) {
		case 'o':
			if (keep_option(line, options[at].name,
				optarg != NULL ? optarg : "", f) < 0)
				return -1;
			break;
		case 'c':
			line->file = optarg;
			break;
		case 'h':
			line->help = true;
			break;
		case 'd':
			line->dry_run = true;
			break;
		case 'j':
			line->json = true;
			break;
		case 'q':
			line->quiet = true;
			break;
		case 'V':
			line->cmd = &cmd_version[0];
			break;
		case ':':
			return fault_perm(
			    f, "5.5.4", "%s needs a value", argv[optind - 1]);
		default:
			return fault_perm(f, "5.5.4",
			    "there is no option \"%.60s\"; a name that begins "
			    "with - stands behind --",
			    argv[optind - 1]);
		}
	}
	line->args = argv + optind;
	line->n_args = (size_t)(argc - optind);
	return 0;
}

int
cmd_parse(int argc, char **argv, struct cmd_line *line, struct fault *f)
{
	*line = (struct cmd_line){
	    .file = SYSCONFDIR "/posthouse/posthouse.conf", .out = stdout};
	if (read_options(argc, argv, line, f) < 0)
		return -1;
	/* Help needs no whole command, and never fails for what is missing. */
	if (line->help)
		return 0;
	if (line->cmd != NULL)
		return check_options(line, f) < 0 ? -1 : check_count(line, f);
	if (line->n_args == 0)
		return fault_perm(
		    f, "5.5.4", "which command? \"posthouse help\" shows all");
	if (find(line, f) < 0 || check_text(line, f) < 0 ||
	    check_options(line, f) < 0)
		return -1;
	return check_count(line, f);
}

/* The help again. */

static bool
starts_with(const struct cmd *c, char *const *words, size_t n)
{
	struct str rest = str(c->verb);

	if (n > 0 && strcmp(words[0], c->noun) != 0)
		return false;
	for (size_t i = 1; i < n; i++)
		if (rest.len == 0 ||
		    !str_is(str_cut(&rest, ' '), str(words[i])))
			return false;
	return true;
}

static unsigned
print_matches(FILE *out, char *const *words, size_t n)
{
	unsigned found = 0;
	bool selects = false;

	for (const struct cmd *const *t = cmd_tables; *t != NULL; t++) {
		for (const struct cmd *c = *t; c->noun != NULL; c++) {
			if (!starts_with(c, words, n))
				continue;
			if (found++ == 0)
				fputs("usage: posthouse [-c FILE] COMMAND\n",
				    out);
			selects = print_one(out, c) || selects;
		}
	}
	if (selects)
		select_print_help(out);
	return found;
}

int
cmd_help_on(FILE *out, char *const *words, size_t n, struct fault *f)
{
	if (print_matches(out, words, n) > 0)
		return 0;
	if (n > 1 && is_noun(words[0]))
		return fail_verb(f, words[0], words[1]);
	return fail_noun(f, words[0]);
}

/* Faults. */

int
cmd_status_of(const struct fault *f)
{
	static const struct {
		const char *dsn;
		int status;
	} known[] = {
	    {"4.7.0", EX_NOPERM},
	    {"5.7.0", EX_DATAERR},
	    {"5.0.0", EX_SOFTWARE},
	    {"5.1.0", EX_DATAERR},
	    {"5.1.1", EX_NOUSER},
	    {"5.1.2", EX_DATAERR},
	    {"5.1.3", EX_DATAERR},
	    {"5.2.0", EX_DATAERR},
	    {"5.3.5", EX_CONFIG},
	    {"5.4.6", EX_DATAERR},
	    {"5.5.1", EX_UNAVAILABLE},
	    {"5.5.4", EX_DATAERR},
	    {"5.6.0", EX_DATAERR},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(f->dsn, known[i].dsn) == 0)
			return known[i].status;
	return f->kind == FAULT_TEMP ? EX_TEMPFAIL : EX_UNAVAILABLE;
}
