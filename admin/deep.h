/* SPDX-License-Identifier: ISC */
/*
 * Reading all files of mailboxes, as the user that they belong to, and comparing
 * them with the digests that the index has: store/verify.h. What the index does
 * not know of them yet it is told.
 */
#ifndef ADMIN_DEEP_H
#define ADMIN_DEEP_H

#include <stdbool.h>

#include "admin/call.h"
#include "admin/progress.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

enum { DEEP_FINDINGS_MAX = 10000 }; /* that are listed */

struct deep;

/* This process is the mailboxes' user from here on. Borrows both. */
struct deep *deep_open(const struct cmd_line *line, struct call *call,
    struct progress *progress, struct fault *f) MUST_USE;
void deep_close(struct deep **deep);

/* 1, 0: the operator has interrupted it, -1. */
int deep_mailbox(
    struct deep *deep, const char *mailbox, struct fault *f) MUST_USE;

/* Whether nothing was found until now. */
bool deep_is_ok(const struct deep *deep);
/* Into the result: read, bytes, compared, learnt, found, and findings, an array
 * of {mailbox, folder, file, what, why}. */
void deep_put(const struct deep *deep, json_t *result);

#endif
