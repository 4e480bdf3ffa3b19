/* SPDX-License-Identifier: ISC */
/*
 * The sender rewriting scheme, in the form that all who have it share:
 *
 *   SRS0=hash=time=domain=local@ours      from local@domain
 *   SRS1=hash=domain=…rest@ours           from SRS0…rest@domain
 *
 * A message that is forwarded to another host cannot keep a sender of a third:
 * that one's SPF record does not name us. It gets an address of ours instead,
 * which leads back, so that notifications find their way. The hash shows that
 * we made the address; it does not depend on the case of letters, and with the
 * time it stops strangers from sending through us.
 */
#ifndef AUTH_SRS_H
#define AUTH_SRS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/address.h"

enum {
	SRS_SECRET_LEN = 32,
	SRS_DAYS = 21, /* how long an address leads back */
};

/* Whether a local part looks like one of these. */
bool srs_is_rewritten(struct str local);

/*
 * day counts from 1970. False where the sender cannot be rewritten: the null
 * path, no domain, or what would be longer than 64 bytes (RFC 5321
 * 4.5.3.1.1).
 */
bool srs_forward(const uint8_t secret[SRS_SECRET_LEN],
    const struct address *sender, const char *domain, int64_t day,
    struct address *rewritten) MUST_USE;

/* The address behind a local part. Permanent 5.1.1 where we have not made it,
 * or too long ago. */
int srs_reverse(const uint8_t secret[SRS_SECRET_LEN], struct str local,
    int64_t day, struct address *sender, struct fault *f) MUST_USE;

#endif
