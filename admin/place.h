/* SPDX-License-Identifier: ISC */
/* Where the daemons keep what they own, and whom it belongs to. */
#ifndef ADMIN_PLACE_H
#define ADMIN_PLACE_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/conf.h"
#include "base/fault.h"

enum { PLACE_PATH_SIZE = 1024, PLACE_TABLES = 6 };

/* The daemons that own something on disk. */
enum place_owner {
	PLACE_AUTHD,
	PLACE_LMTPD,
	PLACE_QUEUED,
	PLACE_OWNERS, /* how many there are */
};

struct place {
	const char *program;           /* "posthouse-authd" */
	const char *user;              /* configured; or NULL */
	char control[PLACE_PATH_SIZE]; /* its control socket */
	char dir[PLACE_PATH_SIZE];     /* its environment, with the lock */
	char root[PLACE_PATH_SIZE];    /* of the Maildirs; or "" */
};

/* Every table of the configuration file, for conf_read(). */
extern const struct conf_table *const place_tables[PLACE_TABLES];

/* As conf_read() with all tables; says what to do where there is no file, and
 * 4.7.0 where we may not read it. */
struct conf *place_read_conf(
    const char *file, bool strict, struct fault *f) MUST_USE;

/* The strings live as long as conf, which has all the tables. */
int place_of(const struct conf *conf, enum place_owner owner,
    struct place *place, struct fault *f) MUST_USE;

/*
 * As root: makes what is missing of the folders, down to the place's own, and
 * gives those to the user. As anybody else: nothing.
 */
int place_prepare(const struct conf *conf, const struct place *place,
    struct fault *f) MUST_USE;

/*
 * As root: becomes the configured user, or where there is none the one that
 * dir belongs to; for good. Anybody else must be that user already: 4.7.0,
 * saying what to do.
 */
int place_become_user(const struct place *place, struct fault *f) MUST_USE;

/* The same, but what was root may still read what it could: files of others
 * that are to be copied. */
int place_become_reader(const struct place *place, struct fault *f) MUST_USE;

#endif
