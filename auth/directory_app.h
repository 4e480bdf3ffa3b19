/* SPDX-License-Identifier: ISC */
/* The users' app passwords (app_password.h) in the directory. */
#ifndef AUTH_DIRECTORY_APP_H
#define AUTH_DIRECTORY_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/app_password.h"
#include "auth/directory.h"
#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	DIRECTORY_APPS_MAX = 50, /* of one user */
	DIRECTORY_APP_NAME_SIZE = 41,
	DIRECTORY_APP_SERVICES_SIZE = 200,
	DIRECTORY_APP_USE_STEP = 3600, /* s: how exactly `used` is kept */
};

/* Times are seconds since 1970. */
struct directory_app {
	char name[DIRECTORY_APP_NAME_SIZE]; /* a user's own, each once */
	/* Keys of service.h, split by blanks; empty: all. */
	char services[DIRECTORY_APP_SERVICES_SIZE];
	int64_t created, expires, used; /* the latter two may be 0: never */
	char digest[APP_PASSWORD_DIGEST_SIZE];
};

/*
 * Permanent: a name that is not made of 1 to 40 ASCII letters, digits, dots,
 * hyphens and underscores (5.5.4), one that there is (5.1.0), one more than
 * DIRECTORY_APPS_MAX (5.3.4), no such user (5.1.1).
 */
int directory_app_add(struct directory *d, struct str user,
    const struct directory_app *app, struct fault *f) MUST_USE;
/* Permanent 5.1.1 where there is none of that name. */
int directory_app_revoke(struct directory *d, struct str user, struct str name,
    struct fault *f) MUST_USE;

/* In order of name, as the lists of directory.h. 5.1.1: no such user. */
typedef int directory_each_app_call(void *ctx, const struct directory_app *app);
int directory_each_app(struct directory *d, struct str user,
    directory_each_app_call *each, void *ctx, struct fault *f) MUST_USE;

/* 1 with the user's app password that was typed, good or not; 0 where it is
 * none. */
int directory_app_find(struct directory *d, struct str user, struct str typed,
    struct directory_app *app, struct fault *f) MUST_USE;
bool directory_app_is_for(const struct directory_app *app, const char *service);
bool directory_app_is_expired(const struct directory_app *app, int64_t now);
/* It was used now; written only where the last time was long before. */
int directory_app_note_use(struct directory *d, struct str user,
    const struct directory_app *app, int64_t now, struct fault *f) MUST_USE;

#endif
