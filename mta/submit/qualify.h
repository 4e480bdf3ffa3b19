/* SPDX-License-Identifier: ISC */
/* Names of this machine's users in address lists, made whole addresses. */
#ifndef MTA_SUBMIT_QUALIFY_H
#define MTA_SUBMIT_QUALIFY_H

#include "base/buf.h"
#include "base/str.h"

/*
 * Appends value, an address list as header fields have it, with "@domain"
 * behind each local part that stands alone: "root (Cron)" becomes
 * "root@example.org (Cron)". All else stays byte for byte, also what is not
 * well-formed.
 */
void qualify_addresses(struct buf *out, struct str value, const char *domain);

#endif
