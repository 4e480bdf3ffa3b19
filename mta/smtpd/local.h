/* SPDX-License-Identifier: ISC */
/*
 * Users of this machine, who hand mail in at a unix socket (protocol = local).
 * The kernel says who they are, so they need no password; they count as
 * logged in.
 */
#ifndef MTA_SMTPD_LOCAL_H
#define MTA_SMTPD_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/str.h"
#include "proto/address.h"

enum { LOCAL_NAME_SIZE = ADDRESS_LOCAL_MAX + 1 };

/* Who may use any sender, besides root. */
struct local_rules {
	const char *domain; /* of a user's own address */
	uid_t *anyone;      /* those who may */
	size_t n_anyone;
};

struct local_user {
	uid_t uid;
	char name[LOCAL_NAME_SIZE];    /* "ann", or "uid-1000" where the system
				     * has no name, or an odd one */
	char login[ADDRESS_TEXT_SIZE]; /* "ann@mail.example.org" */
	bool is_anyone;
};

/* Asks the system's user database, which may block. Returns new. */
struct local_user *local_user_new(
    const struct local_rules *rules, uid_t uid) MUST_USE;
void local_user_free(struct local_user **user);

/* Whether the user may send as this address without the directory saying so:
 * its own one, with a detail ("ann+lists") or without, or any at all. */
bool local_user_is_sender(
    const struct local_user *user, const struct address *sender);

#endif
