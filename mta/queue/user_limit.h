/* SPDX-License-Identifier: ISC */
/*
 * How much each user may send in a time (option user_rate). Who has sent more,
 * perhaps because somebody else has the password, is not refused: what comes
 * from then on is held, for the operator to look at, and the user is told. In
 * memory, of a bounded size, and gone at the next start. Safe from any thread.
 */
#ifndef MTA_QUEUE_USER_LIMIT_H
#define MTA_QUEUE_USER_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"
#include "mta/queue/pace.h"

struct user_limits;

/* rate and period_ms of the limit count, of recipients; a rate of 0: all may
 * send what they like. */
struct user_limits *user_limits_new(
    const struct pace_limit *limit, size_t max_users) MUST_USE;
void user_limits_free(struct user_limits **limits);

enum user_verdict {
	USER_MAY_SEND,
	USER_IS_HELD,     /* and has been told lately */
	USER_IS_HELD_NEW, /* and is to be told */
};

/* A message of the user's for so many recipients, which are counted where it
 * may be sent: one that begins below the limit may pass it. now is in ms, of
 * any clock. limits may be NULL. */
enum user_verdict user_limits_take(struct user_limits *limits, struct str user,
    size_t n_rcpts, int64_t now) MUST_USE;

#endif
