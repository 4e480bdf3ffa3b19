/* SPDX-License-Identifier: ISC */
/*
 * From what a program writes to sendmail's standard input to a message that
 * can be sent: line ends become CRLF, names without a domain get one, a
 * missing From is added, Bcc is removed. Bytes in, no file descriptor inside.
 *
 * Limits: 1 MiB of header section, 10000 recipients, 1000 of them in one field
 * or argument. The body may be of any length.
 */
#ifndef MTA_SUBMIT_COMPOSE_H
#define MTA_SUBMIT_COMPOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"

struct spool;

enum { COMPOSE_RECIPIENTS_MAX = 10000 };

struct compose_conf {
	const char *domain;    /* completes names without one */
	const char *from;      /* the address of a From that is added */
	const char *full_name; /* goes with it; may be empty */
	const char *spool_dir; /* for what does not fit into memory */
	bool take_recipients;  /* To, Cc and Bcc are recipients too */
	bool ignore_dots;      /* else a line with one dot ends the message */
};

struct compose;

/* Borrows conf, which lives as long. */
struct compose *compose_new(const struct compose_conf *conf) MUST_USE;
void compose_free(struct compose **compose);

/* An address list: "root, Ann <ann@example.org>". 5.1.3 where it is none. Each
 * recipient counts once. */
int compose_add_recipients(
    struct compose *c, struct str list, struct fault *f) MUST_USE;

/* 1 where a lone dot has ended the message, else 0. 5.3.4 for too long a
 * header section, 5.1.3 for a recipient in it that is no address. */
int compose_feed(struct compose *c, struct str bytes, struct fault *f) MUST_USE;
/* The end of the input; the message is whole then. */
int compose_end(struct compose *c, struct fault *f) MUST_USE;

/* What has come of it: lives as long as c. */
struct str compose_head(const struct compose *c);
struct spool *compose_body(const struct compose *c);
bool compose_is_8bit(const struct compose *c);
const struct envelope_rcpt *compose_recipients(
    const struct compose *c, size_t *n);

#endif
