/* SPDX-License-Identifier: ISC */
/*
 * mailq(1) and sendmail -q: what waits, in the form that programs have read
 * for forty years, and its being tried at once. Both ask posthouse-queued at
 * its control socket, as posthouse(8) does.
 */
#ifndef MTA_SUBMIT_MAILQ_H
#define MTA_SUBMIT_MAILQ_H

#include <stdio.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"

/* One message of "queue.list". */
void mailq_put(struct buf *b, const json_t *message);
/* All of them. */
int mailq_list(FILE *out, const char *control, struct fault *f) MUST_USE;
/* NULL and NULL: all. */
int mailq_flush(const char *control, const char *id, const char *domain,
    struct fault *f) MUST_USE;

#endif
