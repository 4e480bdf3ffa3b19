/* SPDX-License-Identifier: ISC */
/* Work in a process of its own, which may become another user for good while
 * this one stays who it is. */
#ifndef ADMIN_APART_H
#define ADMIN_APART_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"

/*
 * Runs work() there, which gives an answer (as long as answer's maximum allows).
 * Returns what it has returned, with its fault; -1 and 4.3.0 where the process
 * has ended without an answer. This process has no other thread.
 */
int apart_run(int (*work)(void *ctx, struct buf *answer, struct fault *f),
    void *ctx, struct buf *answer, struct fault *f) MUST_USE;

#endif
