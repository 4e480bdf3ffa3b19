/* SPDX-License-Identifier: ISC */
/*
 * The words of a letter that we write: built in, or a file of the operator's.
 *
 *   Subject: Your mailbox is {percent} % full
 *   Language: en
 *
 *   This is the mail system at {hostname}. ...
 *
 * Words in braces are filled in, in the subject too; "{{" is a brace. Files are
 * UTF-8; what is not known or not well-formed is a fault "FILE:LINE: ...".
 */
#ifndef PROTO_LETTER_H
#define PROTO_LETTER_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct letter;

/* What is built in. names are the words that are filled in, ended by NULL; all
 * is borrowed for as long as the letter lives. */
struct letter *letter_new(
    const char *subject, const char *text, const char *const *names) MUST_USE;
void letter_free(struct letter **letter);

/* The file "<dir>/<name>.txt" takes the place of what is built in, if there is
 * one. All is read here; the file is not needed later. */
int letter_load(struct letter *letter, const char *dir, const char *name,
    struct fault *f) MUST_USE;

/* values are those of names: UTF-8 or ASCII, and in the subject without line
 * ends. A value is not filled in again. */
void letter_put_subject(
    const struct letter *letter, const struct str *values, struct buf *b);
void letter_put_text(
    const struct letter *letter, const struct str *values, struct buf *b);
/* "en"; empty where the file says none. Lives as long as the letter. */
struct str letter_language(const struct letter *letter);

#endif
