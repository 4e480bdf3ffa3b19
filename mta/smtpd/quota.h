/* SPDX-License-Identifier: ISC */
/*
 * Whether a mailbox has room, asked at RCPT of whoever keeps it: lmtpd, or
 * Dovecot's quota-status, by Postfix' policy protocol. Only what says that a
 * mailbox is full counts; a service that is away, does not know the mailbox or
 * has another opinion is none. The end of the data decides anyway.
 */
#ifndef MTA_SMTPD_QUOTA_H
#define MTA_SMTPD_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/net.h"
#include "base/str.h"

struct quota_asker;

struct quota_asker_conf {
	struct net_address address;
	int64_t timeout_ms;
	int64_t cache_ms; /* how long it holds that there is room */
	/* Nobody has said that there is such a service: that it is not there is
	 * not worth a line. */
	bool is_default;
};

/* May be used by many threads at once. */
struct quota_asker *quota_asker_new(
    const struct quota_asker_conf *conf) MUST_USE;
void quota_asker_free(struct quota_asker **asker);

/*
 * mailbox is an address as a key, size what MAIL has declared (0: nothing).
 * Blocks. -1 where it is full, or the message is too large for it: 4.2.2,
 * 5.2.2, or what else the service says; else 0.
 */
int quota_ask(struct quota_asker *asker, struct str mailbox, struct str sender,
    uint64_t size, struct fault *f) MUST_USE;

#endif
