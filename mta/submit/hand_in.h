/* SPDX-License-Identifier: ISC */
/*
 * Handing a message in at the unix socket of posthouse-smtpd, where the kernel
 * says who we are.
 */
#ifndef MTA_SUBMIT_HAND_IN_H
#define MTA_SUBMIT_HAND_IN_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/smtp_server.h"

struct spool;

/* All is borrowed. */
struct hand_in {
	const char *address; /* "unix:/run/posthouse/submit.sock" */
	const char *hostname;
	int64_t wait_ms; /* for a server that is being started */
	const struct envelope_mail *mail;
	const struct envelope_rcpt *rcpts;
	size_t n_rcpts;
	struct str head;
	struct spool *body;
};

/* A connected non-blocking socket; a temporary fault, 4.4.1, where nobody has
 * listened for so long. */
int hand_in_connect(
    const char *address, int64_t wait_ms, struct fault *f) MUST_USE;

/* Fills one outcome for each recipient. Where the server takes fewer in one
 * transaction, there are several. */
void hand_in_message(const struct hand_in *h, struct smtp_outcome *outcomes);

/* What sysexits.h says of the outcomes: EX_OK where all are ok; else what the
 * first one says that will not change by itself, else EX_TEMPFAIL. */
int hand_in_status(const struct smtp_outcome *outcomes, size_t n);
int hand_in_status_of(const struct fault *f);

/*
 * Carries bytes between standard input and output and the server until it
 * closes: sendmail -bs. Returns an exit status.
 */
int hand_in_relay(int fd);

#endif
