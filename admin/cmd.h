/* SPDX-License-Identifier: ISC */
/*
 * The commands of posthouse: a table for each noun, and how a command line is
 * read by them.
 *
 *   posthouse [-c FILE] NOUN [VERB] [ARGUMENT...] [--json]
 */
#ifndef ADMIN_CMD_H
#define ADMIN_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/fault.h"

struct cmd;

enum { CMD_OPTIONS_MAX = 32 };

/* What was asked for. */
struct cmd_line {
	const char *file;      /* the configuration */
	bool json;             /* for programs, not for people */
	bool dry_run;          /* only count what would be changed */
	bool quiet;            /* show no progress */
	bool help;             /* -h: only tell how */
	const struct cmd *cmd; /* may be NULL with help */
	char **args;           /* behind the command's own words */
	size_t n_args;
	struct {
		const char *name, *value;
	} options[CMD_OPTIONS_MAX];
	size_t n_options;
	FILE *out;
	int out_errno; /* why it could not be written to */
	int status;    /* what to leave with, where nothing failed */
};

enum {
	CMD_JSON = 1, /* knows --json */
	CMD_DRY = 4,  /* knows --dry-run */
	CMD_ANY = 2,  /* any number of arguments from `least` on */
	CMD_LONG = 8, /* shows progress, so knows --quiet */
};

struct cmd {
	const char *noun;
	const char *verb; /* one word or more; NULL: the noun is the command */
	/* As the usage shows them: "NAME TARGET... [--since TIME]". Options
	 * that are not in it are refused. */
	const char *args;
	unsigned least, most;
	unsigned flags;
	const char *help; /* one line */
	int (*run)(struct cmd_line *line, struct fault *f);
};

/* One table a noun, each in its cmd_*.c and ended by a NULL noun. */
extern const struct cmd cmd_alias[];
extern const struct cmd cmd_audit[];
extern const struct cmd cmd_backup[];
extern const struct cmd cmd_config[];
extern const struct cmd cmd_directory[];
extern const struct cmd cmd_domain[];
extern const struct cmd cmd_explain[];
extern const struct cmd cmd_group[];
extern const struct cmd cmd_help[];
extern const struct cmd cmd_lock[];
extern const struct cmd cmd_mailbox[];
extern const struct cmd cmd_queue[];
extern const struct cmd cmd_restore[];
extern const struct cmd cmd_run[];
extern const struct cmd cmd_status[];
extern const struct cmd cmd_tls[];
extern const struct cmd cmd_trace[];
extern const struct cmd cmd_user[];
extern const struct cmd cmd_version[];

/* All of them, ended by NULL, in the order in which help shows them. */
extern const struct cmd *const cmd_tables[];

/*
 * Reads the arguments (argv[0] is the program), which it may put into another
 * order and which line borrows. What is wrong with them is a fault in the
 * operator's words, to leave with EX_USAGE.
 */
int cmd_parse(
    int argc, char **argv, struct cmd_line *line, struct fault *f) MUST_USE;

/* The value of --name, "" for one that takes none; NULL where it was not
 * given. */
const char *cmd_option(const struct cmd_line *line, const char *name);

/* What sysexits.h says of a fault. */
int cmd_status_of(const struct fault *f);

/* The commands that start with these words (none: all), with their help. A
 * fault where there are none. */
int cmd_help_on(
    FILE *out, char *const *words, size_t n, struct fault *f) MUST_USE;

/* The command whose noun, and verb among those of the noun (NULL: a noun is
 * wanted), was most likely meant by word; NULL where nothing comes near. */
const char *cmd_suggest(const char *noun, const char *word);

#endif
