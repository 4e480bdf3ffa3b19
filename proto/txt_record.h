/* SPDX-License-Identifier: ISC */
/*
 * TXT records of the form "v=NAME; key=value; …" as MTA-STS (RFC 8461 3.1) and
 * TLS reports (RFC 8460 3) have them.
 */
#ifndef PROTO_TXT_RECORD_H
#define PROTO_TXT_RECORD_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/str.h"

/* Whether a record is meant to be one of the version, "v=STSv1": others are as
 * if they were not there, and of these there must be exactly one. */
bool txt_record_is(struct str text, const char *version);
/*
 * The value of the field with the key, a view: printable, not empty, without
 * blanks and semicolons at its ends and inside. False where the record is of
 * another version, has no such field or two, or is ill-formed otherwise.
 */
bool txt_record_take(struct str text, const char *version, const char *key,
    struct str *value) MUST_USE;

#endif
