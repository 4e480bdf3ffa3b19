/* SPDX-License-Identifier: ISC */
/* What went wrong with TLS, in the words of a report (RFC 8460 4.3). */
#ifndef MTA_SEND_TLS_VERDICT_H
#define MTA_SEND_TLS_VERDICT_H

#include <stdbool.h>

#include "mta/send/opening.h"
#include "mta/send/tls_policy.h"

struct tls_verdict {
	const char *failure; /* a result-type; NULL: all was well */
	const char *reason;  /* failure-reason-code; NULL: none */
};

/* sts: of the domain; NULL: none. tls: NULL where no session was begun, since
 * the policy forbids it. */
struct tls_verdict tls_verdict_of(const struct tls_policy *policy,
    const struct sts_found *sts, const struct opening_tls *tls);

#endif
