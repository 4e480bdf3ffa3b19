/* SPDX-License-Identifier: ISC */
/*
 * The only door to libpq: a pool of connections to one PostgreSQL server, with
 * prepared statements and a deadline for all that is asked. Calls block the
 * thread (and say so to the loop).
 *
 * A server that does not answer is left alone for a while: calls fail at once
 * then, but for one at a time that tries it again.
 */
#ifndef AUTH_PGSQL_H
#define AUTH_PGSQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/str.h"

struct pgsql;
struct pgsql_txn;

struct pgsql_conf {
	const char *connection; /* as for PQconnectdb() */
	unsigned max;           /* connections at once, at least 1 */
	int64_t timeout_ms;     /* of each call */
};

/* Must live as long as the pool: it is known by its address. Parameters are
 * $1, $2… and texts. */
struct pgsql_statement {
	const char *sql;
};

/* A row; columns have a NULL `at` where they are null, and live as long as the
 * call. Anything but 0 ends the query, and is its result. */
typedef int pgsql_row(void *ctx, const struct str *columns, size_t n);

/* Copies conf. Connects when first needed. */
struct pgsql *pgsql_new(const struct pgsql_conf *conf) MUST_USE;
/* No call may be under way. */
void pgsql_free(struct pgsql **pgsql);

/* Whether the last try to reach the server was in vain. */
bool pgsql_is_away(struct pgsql *pgsql);

/*
 * Runs one statement and calls row for each row of its result (row may be
 * NULL). 0, or -1 with a fault, or what row has returned. Temporary: 4.3.0
 * where the server cannot be reached, refuses us or is too slow; 4.3.5 where
 * it does not know what the statement names. Permanent: 5.1.0 where a rule of
 * the schema forbids the change.
 */
int pgsql_query(struct pgsql *pgsql, const struct pgsql_statement *statement,
    const struct str *params, size_t n, pgsql_row *row, void *ctx,
    struct fault *f) MUST_USE;

/* Several statements, all of them or none. */
struct pgsql_txn *pgsql_begin(struct pgsql *pgsql, struct fault *f) MUST_USE;
int pgsql_do(struct pgsql_txn *txn, const struct pgsql_statement *statement,
    const struct str *params, size_t n, pgsql_row *row, void *ctx,
    struct fault *f) MUST_USE;
/* Ends the transaction, whatever it returns. */
int pgsql_commit(struct pgsql_txn **txn, struct fault *f) MUST_USE;
void pgsql_abort(struct pgsql_txn **txn);

#endif
