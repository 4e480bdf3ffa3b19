/* SPDX-License-Identifier: ISC */
/*
 * A part of a message's mailboxes: those that get it in one transaction, with
 * the same sender and the same fields before it.
 */
#ifndef MTA_SMTPD_PART_H
#define MTA_SMTPD_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"
#include "proto/envelope.h"
#include "proto/smtp_server.h"

struct lmtp_message;
struct lmtp_pool;
struct parcel;
struct recipients;
struct smtpd_session;

enum { PART_HEAD_MAX = 8192 };

struct part {
	struct lmtp_pool *pool;
	const struct envelope_mail *mail;
	const char *ident;
	struct str head;
	const bool *picked; /* of each mailbox */
	size_t n;           /* that are */
};

/* Hands the message over, and fills the outcomes of those that are picked. True
 * where doubt remains whether some mailbox has it. */
bool part_send(struct smtpd_session *s, const struct smtp_state *st,
    const struct part *part, struct smtp_outcome *mailboxes);
/*
 * The same without a thread that waits for the answer. Returns NULL where all is
 * done, with *doubt set; else the session is resumed when part_finish() has
 * something to fill. Until then the part and what it borrows stay as they are.
 */
struct parcel *part_begin(struct smtpd_session *s, const struct smtp_state *st,
    const struct part *part, struct smtp_outcome *mailboxes,
    bool *doubt) MUST_USE;
/* Returns what part_send() does. */
bool part_finish(const struct recipients *r, struct parcel **parcel,
    struct smtp_outcome *mailboxes);
/* Instead, where the session ends before. */
void part_drop(struct parcel **parcel);

/* For what goes to the queue otherwise than the mailboxes do: fills in whom it
 * is from and how it may last, and sends it. One outcome for each of its
 * recipients; returns what part_send() does. */
bool part_queue(struct smtpd_session *s, const struct smtp_state *st,
    struct lmtp_message *message, const char *ident,
    struct smtp_outcome *outcomes);

/* Instead of sending it: the same fault for all. */
void part_fail(const struct recipients *r, const struct part *part,
    const struct fault *f, struct smtp_outcome *mailboxes);
/* After the queue has got it: logs what was taken, and turns trouble with the
 * queue into what the client may know. */
void part_note_queued(struct smtpd_session *s, const struct part *part,
    struct smtp_outcome *mailboxes);

/* Turns trouble with the queue into what the client may know, and logs it. */
void part_hide_trouble(struct smtpd_session *s, struct smtp_outcome *o);

/* The MAIL of the session as the queue is told it: with the login, whose turn
 * it is. */
struct envelope_mail part_mail(
    const struct smtpd_session *s, const struct smtp_state *st);

#endif
