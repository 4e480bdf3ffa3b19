/* SPDX-License-Identifier: ISC */
/*
 * Who may send as whom: users who have logged in, and those of this machine,
 * only as addresses of their own, in the envelope and in what readers see.
 */
#ifndef MTA_SMTPD_SENDER_H
#define MTA_SMTPD_SENDER_H

#include "base/attr.h"
#include "base/fault.h"
#include "mta/smtpd/session.h"

/*
 * The envelope sender (option sender_check): 5.7.1 where it is no address of
 * the user's, temporary where the directory cannot say. The null path may be
 * used by everyone: notifications have it.
 */
int sender_check(struct smtpd_session *s, const struct smtp_state *st,
    const struct address *sender, struct fault *f) MUST_USE;

/*
 * The From and Sender fields of the message that is whole by now (option
 * from_check), of a user who has logged in: each address must be the user's,
 * and there is one such field at most. Faults as before. Of users of this
 * machine nothing is asked: their programs write for others.
 */
int sender_check_authors(struct smtpd_session *s, const struct smtp_state *st,
    struct fault *f) MUST_USE;

#endif
