/* SPDX-License-Identifier: ISC */
/*
 * From which addresses somebody has logged in lately, for clients that can read
 * mail with a password but send it only without one (POP before SMTP). In
 * memory, of a bounded size: the address that was used longest ago makes room.
 * Safe from any thread.
 */
#ifndef AUTH_RECENT_H
#define AUTH_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"

struct recent_logins;

struct recent_logins *recent_logins_new(size_t max, int64_t age_ms) MUST_USE;
void recent_logins_free(struct recent_logins **recent);

/* address is text, as the asking server has told it. One that is none, or of
 * this machine, where servers of others log in for everybody, is not kept. */
void recent_logins_put(struct recent_logins *recent, struct str address,
    struct str user, int64_t now);
/* 1 with the user who logged in last from there, not age_ms ago; 0 where
 * nobody has. now is clock_ms(). */
int recent_logins_get(struct recent_logins *recent, struct str address,
    int64_t now, struct buf *user) MUST_USE;

#endif
