/* SPDX-License-Identifier: ISC */
/* A message as a server can take it that lacks 8BITMIME or BINARYMIME. */
#ifndef MTA_SEND_CONVERT_H
#define MTA_SEND_CONVERT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/fault.h"
#include "mta/send/sender.h"
#include "proto/downgrade.h"
#include "proto/smtp_peer.h"

struct convert {
	const struct send_message *original;
	struct downgrade *downgrade;
	struct envelope_mail mail; /* of the converted one */
};

bool convert_is_needed(
    const struct envelope_mail *mail, const struct smtp_peer *peer);

/*
 * Reads the message and fills *converted, which borrows c and what the original
 * borrows; its size is not known exactly. A permanent fault where it cannot be
 * converted, a temporary one where it cannot be read. Call convert_clear() in
 * any case.
 */
int convert_begin(struct convert *c, const struct send_message *original,
    const struct smtp_peer *peer, struct send_message *converted,
    struct fault *f) MUST_USE;
void convert_clear(struct convert *c);

#endif
