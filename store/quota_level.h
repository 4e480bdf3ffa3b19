/* SPDX-License-Identifier: ISC */
/*
 * Of how full a mailbox its user was told last, in percent: a number in
 * <mailbox>/posthouse/warned, so that nobody is told twice.
 */
#ifndef STORE_QUOTA_LEVEL_H
#define STORE_QUOTA_LEVEL_H

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"

/* 0: of nothing, or that is not known. */
unsigned quota_level_get(int root, const struct mailbox_name *mailbox);
/* 0 forgets. */
int quota_level_put(int root, const struct mailbox_name *mailbox,
    unsigned level, struct fault *f) MUST_USE;

#endif
