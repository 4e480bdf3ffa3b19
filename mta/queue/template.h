/* SPDX-License-Identifier: ISC */
/*
 * The words of notifications. There are English ones built in; the operator
 * may have a folder with files of his own, one a kind: failed.txt,
 * delayed.txt, delivered.txt, relayed.txt, expanded.txt,
 * held.txt.
 *
 * Each is a letter (proto/letter.h) in which {hostname} {postmaster} {sender}
 * {id} {arrival} {recipients} {reason} {until} are filled in.
 */
#ifndef MTA_QUEUE_TEMPLATE_H
#define MTA_QUEUE_TEMPLATE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/report.h"

struct templates;

/*
 * dir may be NULL, and may lack files: then what is built in is used. A folder
 * that is not there is a fault. All is read here; the files are not needed
 * later.
 */
struct templates *templates_new(const char *dir, struct fault *f) MUST_USE;
void templates_free(struct templates **templates);

/* UTF-8 or ASCII without line ends, but recipients. What is not known is
 * empty. */
struct template_fields {
	struct str hostname;
	struct str postmaster; /* "postmaster@example.org" */
	struct str sender;
	struct str id;
	struct str arrival; /* "Mon, 23 Nov 2026 17:05:38 +0000" */
	/* A block of lines, as template_put_recipient() makes it. */
	struct str recipients;
	struct str reason; /* of the first recipient */
	struct str until;  /* delayed: how long we go on trying */
};

/* One recipient, and indented below it what happened. Long texts are broken
 * at blanks; controls and ill-formed bytes become blanks and U+FFFD. */
void template_put_recipient(
    struct buf *b, struct str address, struct str reason);

void template_put_subject(const struct templates *templates,
    enum report_action kind, const struct template_fields *fields,
    struct buf *b);
void template_put_text(const struct templates *templates,
    enum report_action kind, const struct template_fields *fields,
    struct buf *b);
/* "en"; lives as long as the templates. */
struct str template_language(
    const struct templates *templates, enum report_action kind);

#endif
