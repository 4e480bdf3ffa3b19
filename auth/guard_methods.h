/* SPDX-License-Identifier: ISC */
/*
 * What the operator may do to the locks of a running authd:
 *
 *   lock.lift   what: a login, or the address of a client
 *
 * returns {kind: "account" or "network", locked: bool, whether it was}.
 */
#ifndef AUTH_GUARD_METHODS_H
#define AUTH_GUARD_METHODS_H

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"

struct guard;

/* The result (new), or NULL: permanent 5.5.4 where `what` is neither. */
json_t *guard_methods_lift(
    struct guard *guard, const json_t *params, struct fault *f) MUST_USE;

#endif
