/* SPDX-License-Identifier: ISC */
/*
 * Who has changed what in the directory, and when: an entry for each change,
 * in the same transaction. What log-ins change by themselves (the last use of
 * an app password, keys for SCRAM) has none, and no secret is in one.
 */
#ifndef AUTH_DIRECTORY_AUDIT_H
#define AUTH_DIRECTORY_AUDIT_H

#include <stdint.h>
#include <sys/types.h>

#include "auth/directory.h"
#include "auth/name.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/user.h"

enum {
	DIRECTORY_AUDIT_WORD_SIZE = USER_NAME_SIZE,
	DIRECTORY_AUDIT_DETAIL_SIZE = 400,
};

struct directory_audit {
	uint64_t id;                          /* grows from one to the next */
	int64_t time;                         /* seconds since 1970 */
	char who[DIRECTORY_AUDIT_WORD_SIZE];  /* a user of this machine */
	char what[DIRECTORY_AUDIT_WORD_SIZE]; /* "user.add" */
	char name[NAME_SIZE];                 /* what was changed; may be "" */
	char detail[DIRECTORY_AUDIT_DETAIL_SIZE]; /* what does not fit is cut */
};

/* Who changes it where no call of a control socket does (base/control.h); the
 * user of this process until it is set. */
void directory_set_caller(struct directory *d, uid_t uid);

/* The oldest first, from the one behind the id `after`; as the lists of
 * directory.h. */
typedef int directory_each_audit_call(
    void *ctx, const struct directory_audit *entry);
int directory_each_audit(struct directory *d, uint64_t after,
    directory_each_audit_call *each, void *ctx, struct fault *f) MUST_USE;

#endif
