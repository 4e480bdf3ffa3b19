/* SPDX-License-Identifier: ISC */
/*
 * A delivery status notification (RFC 3464) as bytes: multipart/report with a
 * text for people, a part for programs, and the original or its header
 * section. Where the original came with SMTPUTF8, the types of RFC 6533.
 *
 * No policy: who gets one, and for what, is the caller's business. A
 * notification is sent with the null reverse-path, and none is ever made
 * about a message that came with it (RFC 5321 4.5.5): its `to` would be
 * empty. Here that is a bug of the caller.
 */
#ifndef PROTO_REPORT_H
#define PROTO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"

struct report;

enum report_action {
	REPORT_FAILED,
	REPORT_DELAYED,
	REPORT_DELIVERED,
	REPORT_RELAYED,
	REPORT_EXPANDED,
	REPORT_HELD, /* "delayed", for a reason of ours */
};
/* The word of RFC 3464 2.3.3, "failed"…, but for REPORT_HELD: "held". */
const char *report_action_name(enum report_action action);

/* Facts about one recipient. What is empty, NULL or 0 is left out, but for
 * final and status, which must be there. */
struct report_rcpt {
	enum report_action action;
	struct str final;      /* "user@example.org", UTF-8 allowed */
	struct str orcpt_type; /* as in struct envelope_rcpt: decoded */
	struct str orcpt;
	struct str status; /* "5.1.1" */
	/* Any bytes; may have lines. What the next server said, "550 5.1.1 no
	 * such user": type "smtp"; or words of our own: "x-posthouse", shown
	 * where there is no reply. */
	struct str reply;
	struct str diagnostic;
	struct str remote_mta; /* who said it: "mx.example.org" */
	time_t last_attempt;
	time_t retry_until; /* shown where the action is delayed */
};

struct report_facts {
	const char *hostname; /* Reporting-MTA */
	struct str from;      /* the field's value, ASCII; empty: "Mail
			       * Delivery System <postmaster@hostname>" */
	struct str to;        /* the original reverse-path, no brackets */
	/* Of the notification, "id@host" without brackets. The same facts and
	 * original give the same bytes. */
	struct str message_id;
	time_t date;

	/* Of the original. */
	struct str id;    /* ours */
	struct str envid; /* as in struct envelope_mail: decoded */
	time_t arrival;
	bool smtputf8; /* it came with SMTPUTF8 */
	enum envelope_ret ret;
	uint64_t full_max; /* a larger original is never returned whole */

	/* The text for people, UTF-8, lines end in LF or CR LF. */
	struct str subject;
	struct str language; /* RFC 5646: "en"; empty: not said */
	struct str text;

	const struct report_rcpt *rcpts;
	size_t n_rcpts;
};

/* Takes a message piece by piece, as spool_each() has it. */
typedef int report_piece(void *ctx, struct str bytes, struct fault *f);

/* Where the original is to be had, from its header section on, more than once
 * and always the same. each() gives all to piece until that returns -1, which
 * is then returned. */
struct report_original {
	int (*each)(
	    void *source, report_piece *piece, void *ctx, struct fault *f);
	void *source;
};

/*
 * Looks through the original once and makes all but it. Borrows the facts for
 * the call; the original (a value, but its source is borrowed) as long as the
 * report lives.
 *
 * The original is returned whole where a recipient has failed, RET=HDRS was not
 * said, it is not over full_max, and is not binary; else its header section
 * (RFC 3461 4.3).
 *
 * NULL with the fault of each(), or 5.3.4 where the recipients make it bigger
 * than 16 MiB.
 */
struct report *report_new(const struct report_facts *facts,
    const struct report_original *original, struct fault *f) MUST_USE;
void report_free(struct report **report);

/* What its envelope must say. */
uint64_t report_size(const struct report *report);
bool report_is_8bit(const struct report *report); /* BODY=8BITMIME */
bool report_needs_smtputf8(const struct report *report);

/* The whole message by pieces, with CR LF. May be called again. The original
 * passes through without being kept. */
int report_each(const struct report *report, report_piece *piece, void *ctx,
    struct fault *f) MUST_USE;

#endif
