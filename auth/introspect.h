/* SPDX-License-Identifier: ISC */
/*
 * Access tokens of any kind, by asking who has issued them (RFC 7662): over
 * HTTPS, as a client that he knows. A good answer is remembered for seconds, so
 * that a program that logs in again and again does not ask each time.
 */
#ifndef AUTH_INTROSPECT_H
#define AUTH_INTROSPECT_H

#include <stdint.h>

#include "auth/jwt.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum { INTROSPECT_CACHE = 1024 }; /* tokens */

struct introspect;

struct introspect_conf {
	const char *url;         /* "https://…" */
	const char *client;      /* our name there */
	const char *secret_file; /* our password, on one line */
	const char *ca_file;     /* whom to trust; NULL: the system's */
	int64_t timeout_ms;      /* for one question */
	int64_t cache_ms;        /* so long an answer holds; 0: not at all */
	unsigned at_once; /* questions; what comes beyond fails for now */
	/* What must hold for the answer; its keys do not count. */
	struct jwt_rules claims;
};

/* Borrows the texts. The fault names the file that cannot be read. */
struct introspect *introspect_new(
    const struct introspect_conf *conf, struct fault *f) MUST_USE;
/* Makes the thread for HTTPS. */
int introspect_start(struct introspect *i, struct fault *f) MUST_USE;
/* Reads the secret again. */
int introspect_reload(struct introspect *i, struct fault *f) MUST_USE;
void introspect_free(struct introspect **introspect);

/* As token_check(). */
int introspect_check(struct introspect *i, struct str token, int64_t now,
    struct buf *user, struct fault *f) MUST_USE;

#endif
