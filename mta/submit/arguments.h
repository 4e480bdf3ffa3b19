/* SPDX-License-Identifier: ISC */
/*
 * The command line of sendmail(8), as programs have used it for forty years:
 * what means nothing here is taken and left alone, what would change where mail
 * goes and cannot be done is refused.
 */
#ifndef MTA_SUBMIT_ARGUMENTS_H
#define MTA_SUBMIT_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/fault.h"
#include "proto/envelope.h"

enum submit_mode {
	SUBMIT_MESSAGE, /* -bm: a message on the standard input */
	SUBMIT_SMTP,    /* -bs: SMTP on the standard input and output */
	SUBMIT_LIST,    /* -bp, mailq */
	SUBMIT_FLUSH,   /* -q */
	SUBMIT_ALIASES, /* -bi, newaliases */
};

/* Views into the arguments. */
struct submit_arguments {
	enum submit_mode mode;
	const char *file; /* -C; the configuration */
	bool take_recipients, ignore_dots, quiet, verbose;
	const char *sender;                  /* -f, -r; NULL: the user */
	const char *full_name;               /* -F; NULL: the system's */
	unsigned notify;                     /* -N; NOTIFY_ bits */
	enum envelope_ret ret;               /* -R */
	const char *envid;                   /* -V; NULL: none */
	bool is_8bit;                        /* -B 8BITMIME */
	const char *flush_id, *flush_domain; /* -qI, -qR; NULL: all */
	char **rcpts;
	size_t n_rcpts;
};

/* argv[0] ending in "mailq" or "newaliases" says the mode. May put argv into
 * another order. What is wrong is a fault for EX_USAGE. */
int submit_arguments_read(int argc, char **argv, struct submit_arguments *a,
    struct fault *f) MUST_USE;

#endif
