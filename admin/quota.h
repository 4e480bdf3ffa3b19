/* SPDX-License-Identifier: ISC */
/* Quotas on the command line: --quota 2G --quota-messages 100000. */
#ifndef ADMIN_QUOTA_H
#define ADMIN_QUOTA_H

#include "admin/cmd.h"
#include "base/attr.h"
#include "base/json.h"

/* Of a user, for the usage. */
#define QUOTA_OPTIONS "[--quota SIZE] [--quota-messages N]"

enum quota_whose {
	QUOTA_OF_USER,         /* --quota… */
	QUOTA_OF_DOMAIN,       /* --quota… */
	QUOTA_OF_DOMAIN_USERS, /* --user-quota… */
};

/*
 * Puts those that were given into params, as user.set and domain.set take them:
 * a limit, "none", or for a user "default": the domain's. How many there were;
 * -1 and the fault where one is nothing of that.
 */
int quota_take_options(const struct cmd_line *line, enum quota_whose whose,
    json_t *params, struct fault *f) MUST_USE;

#endif
