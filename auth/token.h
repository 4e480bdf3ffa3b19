/* SPDX-License-Identifier: ISC */
/*
 * Which access tokens are good, and whose they are: JSON Web Tokens by the keys
 * of who issues them (jwt.h), or any by asking him (introspect.h).
 */
#ifndef AUTH_TOKEN_H
#define AUTH_TOKEN_H

#include <stdint.h>

#include "auth/options.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

struct token_rules;

/* Reads the files that the options name; a fault names the one. Borrows the
 * options. */
struct token_rules *token_rules_new(
    const struct authd_options *o, struct fault *f) MUST_USE;
/* Where its issuer is asked: makes the thread for that. Before a check. */
int token_rules_start(struct token_rules *rules, struct fault *f) MUST_USE;
/* Reads the files again; on a fault what there was holds on. Safe while others
 * check. */
int token_rules_reload(struct token_rules *rules, struct fault *f) MUST_USE;
void token_rules_free(struct token_rules **rules);

/* The user of a token that is good at `now` (seconds since 1970): 0; user is
 * replaced. Else -1 and a fault for our log: permanent where it is no good,
 * temporary where its issuer cannot be asked. May block. */
int token_check(struct token_rules *rules, struct str token, int64_t now,
    struct buf *user, struct fault *f) MUST_USE;

#endif
