/* SPDX-License-Identifier: ISC */
/*
 * Temporary refusals by which a server asks for a lower rate, told from
 * those that are about the message, the mailbox or an unknown sender
 * (greylisting). There is no code for it: servers use 4.7.x, 4.3.2 and their
 * own words.
 */
#ifndef MTA_SEND_SLOW_DOWN_H
#define MTA_SEND_SLOW_DOWN_H

#include <stdbool.h>

#include "base/fault.h"

bool slow_down_is_meant(const struct fault *f);

#endif
