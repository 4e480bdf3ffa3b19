/* SPDX-License-Identifier: ISC */
/*
 * Quotas: how much mail a user and all mailboxes of a domain may hold. The
 * directory only says so; who keeps the mail counts it.
 */
#ifndef AUTH_DIRECTORY_QUOTA_H
#define AUTH_DIRECTORY_QUOTA_H

#include <stdint.h>

#include "auth/directory.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"
#include "proto/quota_value.h"

/* For the next two: that limit stays as it is. */
enum { DIRECTORY_QUOTA_KEEP = -2 };

/* Permanent: 5.1.1 where there is no such name, 5.5.4 where a limit is none
 * (a domain has no DIRECTORY_QUOTA_NONE: there UNSET says it). */
int directory_user_set_quota(struct directory *d, struct str name,
    const struct directory_quota *quota, struct fault *f) MUST_USE;
int directory_domain_set_quota(struct directory *d, struct str name,
    const struct directory_quota *total, const struct directory_quota *user,
    struct fault *f) MUST_USE;

/* Whether each of the two is a limit, UNSET, or for a user NONE. */
int directory_quota_check(const struct directory_quota *quota, bool is_user,
    struct fault *f) MUST_USE;

/* What holds for the mailbox that the address means, as
 * directory_find_mailbox(): 1, 0 or -1. value->user is a view into user. */
int directory_quota_get(struct directory *d, struct str address,
    struct directory_user *user, struct quota_value *value,
    struct fault *f) MUST_USE;
/* The same of a user that was read: 0 or -1. */
int directory_quota_of_user(struct directory *d,
    const struct directory_user *user, struct quota_value *value,
    struct fault *f) MUST_USE;

/* As drivers keep it: "BYTES MESSAGES". */
void directory_quota_format(struct buf *b, const struct directory_quota *quota);
/* Takes the two off *rest. */
bool directory_quota_parse(
    struct str *rest, struct directory_quota *quota) MUST_USE;
/* One limit; nothing is UNSET, and whatever is below zero is NONE. */
bool directory_quota_parse_limit(struct str text, int64_t *limit) MUST_USE;

/*
 * As JSON has it: the numbers "quota" and "quota_messages", with what stands
 * before them ("user_" for the quota of a domain's users). What is UNSET is
 * left out...
 */
void directory_quota_put(
    json_t *object, const char *before, const struct directory_quota *quota);
/* ...and what is left out becomes `missing`. Permanent 5.5.4 where one is no
 * number; whether it is a limit is not looked at. */
int directory_quota_take(const json_t *object, const char *before,
    int64_t missing, struct directory_quota *quota, struct fault *f) MUST_USE;

#endif
