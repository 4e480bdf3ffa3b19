/* SPDX-License-Identifier: ISC */
/*
 * Which folders of a mailbox mail programs show: the lists that Dovecot
 * ("subscriptions") and Courier ("courierimapsubscribed") keep in it, a folder
 * a line.
 */
#ifndef STORE_SUBSCRIPTION_H
#define STORE_SUBSCRIPTION_H

#include "base/attr.h"
#include "base/fault.h"
#include "store/mailbox.h"

/*
 * Adds a folder (not the inbox) to each of the lists that the mailbox has; where
 * it has none, to Dovecot's, which is made. box is the mailbox's open directory.
 * One that others hold locked for ten seconds is a temporary fault. A folder
 * that is in the list already is left so.
 */
int subscription_add(
    int box, const struct mailbox_folder *folder, struct fault *f) MUST_USE;

#endif
