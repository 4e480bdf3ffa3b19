/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/pgsql.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"

enum {
	PREPARED_MAX = 64, /* statements of one connection */
	PARAMS_MAX = 16,
	COLUMNS_MAX = 16,
	NAME_LEN = 8,
	LEAVE_ALONE_MS = 1000,
};

struct connection {
	PGconn *pg;
	bool used; /* for an earlier call */
	const struct pgsql_statement *prepared[PREPARED_MAX];
	unsigned n_prepared;
	int64_t deadline; /* of the call under way, clock_ms() */
};

struct pgsql {
	struct pgsql_conf conf;
	char *connection;      /* conf's */
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t given_back;
	struct connection **idle; /* newest last */
	unsigned n_idle, n_open;
	bool away, trying;
	int64_t try_at; /* clock_ms(): not before, where it is away */
};

struct pgsql_txn {
	struct pgsql *pgsql;
	struct connection *connection;
	bool broken;
};

static const struct pgsql_statement begin = {"BEGIN"};
static const struct pgsql_statement commit = {"COMMIT"};

struct pgsql *
pgsql_new(const struct pgsql_conf *conf)
{
	struct pgsql *p = mem_new(struct pgsql);
	pthread_condattr_t attr;

	p->conf = *conf;
	if (p->conf.max == 0)
		p->conf.max = 1;
	p->connection = mem_dup(conf->connection);
	p->idle = mem_zeroed(p->conf.max, sizeof *p->idle);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->given_back, &attr);
	pthread_condattr_destroy(&attr);
	return p;
}

static void
connection_free(struct connection *c)
{
	PQfinish(c->pg);
	mem_free(c);
}

void
pgsql_free(struct pgsql **pgsql)
{
	struct pgsql *p = *pgsql;

	if (p == NULL)
		return;
	while (p->n_idle > 0)
		connection_free(p->idle[--p->n_idle]);
	pthread_cond_destroy(&p->given_back);
	pthread_mutex_destroy(&p->mutex);
	mem_free(p->idle);
	mem_wipe(p->connection, strlen(p->connection));
	mem_free(p->connection);
	mem_free(p);
	*pgsql = NULL;
}

bool
pgsql_is_away(struct pgsql *p)
{
	bool away;

	pthread_mutex_lock(&p->mutex);
	away = p->away;
	pthread_mutex_unlock(&p->mutex);
	return away;
}

/* What libpq says ends in a line feed, and may have more lines. */
static int
unreachable(PGconn *pg, struct fault *f)
{
	struct str text = str(pg == NULL ? "" : PQerrorMessage(pg));

	return fault_temp(f, "4.3.0",
	    "the directory's database cannot be reached: %.*s",
	    STR_ARG(str_head(str_cut(&text, '\n'), 180)));
}

static int
too_slow(struct fault *f)
{
	return fault_temp(
	    f, "4.3.0", "the directory's database does not answer in time");
}

/* Waiting. */

static int
wait_for(struct connection *c, short events, struct fault *f)
{
	struct pollfd p = {.fd = PQsocket(c->pg), .events = events};

	for (;;) {
		int64_t left = c->deadline - clock_ms();
		int rc;

		if (left <= 0)
			return too_slow(f);
		rc = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (rc > 0)
			return 0;
		if (rc < 0 && errno != EINTR)
			return fault_errno(f, "cannot wait for the database");
	}
}

/* What the server remarks besides would go to standard error. */
static void
drop_notice(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static int
connect_now(struct connection *c, struct fault *f)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;

	if (c->pg == NULL || PQstatus(c->pg) == CONNECTION_BAD)
		return unreachable(c->pg, f);
	PQsetNoticeProcessor(c->pg, drop_notice, NULL);
	while (want != PGRES_POLLING_OK) {
		short events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (wait_for(c, events, f) < 0)
			return -1;
		want = PQconnectPoll(c->pg);
		if (want == PGRES_POLLING_FAILED)
			return unreachable(c->pg, f);
	}
	if (PQsetnonblocking(c->pg, 1) != 0)
		return unreachable(c->pg, f);
	return 0;
}

/* Sends what libpq has, then waits until a result is whole. */
static int
await_result(struct connection *c, struct fault *f)
{
	int unsent;

	while ((unsent = PQflush(c->pg)) > 0) {
		if (wait_for(c, POLLIN | POLLOUT, f) < 0)
			return -1;
		if (!PQconsumeInput(c->pg))
			return unreachable(c->pg, f);
	}
	if (unsent < 0)
		return unreachable(c->pg, f);
	while (PQisBusy(c->pg)) {
		if (wait_for(c, POLLIN, f) < 0)
			return -1;
		if (!PQconsumeInput(c->pg))
			return unreachable(c->pg, f);
	}
	return 0;
}

/* The only result of what was sent; NULL with a fault where there is none. */
static PGresult *
take_result(struct connection *c, struct fault *f)
{
	PGresult *result = NULL, *next;

	for (;;) {
		if (await_result(c, f) < 0) {
			PQclear(result);
			return NULL;
		}
		next = PQgetResult(c->pg);
		if (next == NULL)
			break;
		PQclear(result);
		result = next;
	}
	if (result == NULL)
		unreachable(c->pg, f);
	return result;
}

/* The server's word on a statement. */
static int
check_result(struct connection *c, const PGresult *result, struct fault *f)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return 0;
	if (state == NULL || PQstatus(c->pg) == CONNECTION_BAD)
		return unreachable(c->pg, f);
	if (words == NULL)
		words = "";
	if (strncmp(state, "23", 2) == 0)
		return fault_perm(f, "5.1.0",
		    "the directory's database refuses this: %.150s", words);
	/* Unknown tables and columns, no rights, a bad statement. */
	if (strncmp(state, "42", 2) == 0)
		return fault_temp(f, "4.3.5",
		    "the directory's database is not as expected: %.150s",
		    words);
	return fault_temp(
	    f, "4.3.0", "the directory's database fails: %.150s", words);
}

/* Statements. */

static int
prepare(struct connection *c, const struct pgsql_statement *statement,
    char name[NAME_LEN], struct fault *f)
{
	PGresult *result;
	unsigned i = 0;
	int rc;

	while (i < c->n_prepared && c->prepared[i] != statement)
		i++;
	if (i == PREPARED_MAX)
		die_bug("more than %d statements", PREPARED_MAX);
	snprintf(name, NAME_LEN, "p%u", i);
	if (i < c->n_prepared)
		return 0;
	if (!PQsendPrepare(c->pg, name, statement->sql, 0, NULL))
		return unreachable(c->pg, f);
	result = take_result(c, f);
	if (result == NULL)
		return -1;
	rc = check_result(c, result, f);
	PQclear(result);
	if (rc == 0)
		c->prepared[c->n_prepared++] = statement;
	return rc;
}

static PGresult *
execute(struct connection *c, const struct pgsql_statement *statement,
    const struct str *params, size_t n, struct fault *f)
{
	const char *values[PARAMS_MAX];
	PGresult *result = NULL;
	char name[NAME_LEN];

	if (n > PARAMS_MAX)
		die_bug("a statement with %zu parameters", n);
	if (prepare(c, statement, name, f) < 0)
		return NULL;
	/* libpq wants texts that end in NUL. */
	for (size_t i = 0; i < n; i++)
		values[i] = mem_dup_n(
		    params[i].len > 0 ? params[i].at : "", params[i].len);
	if (PQsendQueryPrepared(c->pg, name, (int)n, values, NULL, NULL, 0))
		result = take_result(c, f);
	else
		unreachable(c->pg, f);
	for (size_t i = 0; i < n; i++)
		mem_free((void *)(uintptr_t)values[i]);
	return result;
}

/* NULL with a fault where the server has not done it. */
static PGresult *
run(struct connection *c, const struct pgsql_statement *statement,
    const struct str *params, size_t n, struct fault *f)
{
	PGresult *result;

	loop_blocking_begin();
	result = execute(c, statement, params, n, f);
	loop_blocking_end();
	if (result != NULL && check_result(c, result, f) < 0) {
		PQclear(result);
		result = NULL;
	}
	return result;
}

/* Takes the result, which may be NULL: then -1. The connection is not needed
 * for it, so row() may ask something else. */
static int
give_rows(PGresult *result, pgsql_row *row, void *ctx)
{
	struct str columns[COLUMNS_MAX];
	int n = PQnfields(result), rc = 0;

	if (result == NULL)
		return -1;
	if (n > COLUMNS_MAX)
		n = COLUMNS_MAX;
	for (int r = 0; row != NULL && rc == 0 && r < PQntuples(result); r++) {
		for (int i = 0; i < n; i++) {
			columns[i] = str_n(PQgetvalue(result, r, i),
			    (size_t)PQgetlength(result, r, i));
			if (PQgetisnull(result, r, i))
				columns[i] = (struct str){0};
		}
		rc = row(ctx, columns, (size_t)n);
	}
	PQclear(result);
	return rc;
}

/* The pool. */

/* Whether the caller may try the server now. Under the mutex. */
static bool
may_try(struct pgsql *p)
{
	return !p->away || (!p->trying && clock_ms() >= p->try_at);
}

/* An idle connection, or NULL where the caller may open one. */
static int
claim(struct pgsql *p, int64_t deadline, struct connection **c, struct fault *f)
{
	const struct timespec until = {
	    .tv_sec = deadline / 1000, .tv_nsec = deadline % 1000 * 1000000};
	int rc = 0;

	*c = NULL;
	pthread_mutex_lock(&p->mutex);
	while (
	    rc == 0 && may_try(p) && p->n_idle == 0 && p->n_open == p->conf.max)
		rc = pthread_cond_timedwait(&p->given_back, &p->mutex, &until);
	if (!may_try(p)) {
		rc = fault_temp(
		    f, "4.3.0", "the directory's database is not there");
	} else if (p->n_idle > 0) {
		*c = p->idle[--p->n_idle];
		rc = 0;
	} else if (p->n_open < p->conf.max) {
		p->n_open++;
		rc = 0;
	} else {
		rc = fault_temp(
		    f, "4.3.0", "the directory's database has too much to do");
	}
	if (rc == 0 && p->away)
		p->trying = true;
	pthread_mutex_unlock(&p->mutex);
	return rc;
}

/* The server has answered, or has not. */
static void
note(struct pgsql *p, bool there, const struct fault *f)
{
	bool changed;

	pthread_mutex_lock(&p->mutex);
	changed = p->away == there;
	p->away = !there;
	p->trying = false;
	p->try_at = clock_ms() + LEAVE_ALONE_MS;
	pthread_cond_broadcast(&p->given_back);
	pthread_mutex_unlock(&p->mutex);
	if (changed && there)
		log_info(NULL, "directory's database is back", NULL);
	else if (changed)
		log_error(NULL, "directory's database is away", "reason",
		    f->text, NULL);
}

static void
drop(struct pgsql *p, struct connection *c)
{
	if (c != NULL)
		connection_free(c);
	pthread_mutex_lock(&p->mutex);
	p->n_open--;
	pthread_cond_signal(&p->given_back);
	pthread_mutex_unlock(&p->mutex);
}

static void
give_back(struct pgsql *p, struct connection *c)
{
	c->used = true;
	pthread_mutex_lock(&p->mutex);
	p->idle[p->n_idle++] = c;
	pthread_cond_signal(&p->given_back);
	pthread_mutex_unlock(&p->mutex);
}

static struct connection *
open_connection(struct pgsql *p, int64_t deadline, struct fault *f)
{
	struct connection *c = mem_new(struct connection);
	int rc;

	c->deadline = deadline;
	loop_blocking_begin();
	c->pg = PQconnectStart(p->connection);
	rc = connect_now(c, f);
	loop_blocking_end();
	if (rc == 0) {
		note(p, true, f);
		return c;
	}
	drop(p, c);
	note(p, false, f);
	return NULL;
}

static struct connection *
take(struct pgsql *p, int64_t deadline, struct fault *f)
{
	struct connection *c;
	int rc;

	loop_blocking_begin();
	rc = claim(p, deadline, &c, f);
	loop_blocking_end();
	if (rc < 0)
		return NULL;
	if (c == NULL)
		return open_connection(p, deadline, f);
	c->deadline = deadline;
	return c;
}

/* Whether a failed call leaves a connection that is good for others. */
static bool
is_good(const struct connection *c)
{
	return PQstatus(c->pg) == CONNECTION_OK &&
	       PQtransactionStatus(c->pg) == PQTRANS_IDLE;
}

/* All idle connections are as old as the one that was found dead. */
static void
drop_idle(struct pgsql *p)
{
	for (;;) {
		struct connection *c = NULL;

		pthread_mutex_lock(&p->mutex);
		if (p->n_idle > 0)
			c = p->idle[--p->n_idle];
		pthread_mutex_unlock(&p->mutex);
		if (c == NULL)
			return;
		drop(p, c);
	}
}

/* After a call that went well, or did not. True where another try makes sense: a
 * kept connection has died, which a restarted server explains. */
static bool
settle(struct pgsql *p, struct connection *c, bool ok, const struct fault *f)
{
	bool again;

	if (ok || is_good(c)) {
		give_back(p, c);
		return false;
	}
	again = c->used && PQstatus(c->pg) == CONNECTION_BAD;
	drop(p, c);
	drop_idle(p);
	if (!again)
		note(p, false, f);
	return again;
}

int
pgsql_query(struct pgsql *p, const struct pgsql_statement *statement,
    const struct str *params, size_t n, pgsql_row *row, void *ctx,
    struct fault *f)
{
	int64_t deadline = clock_ms() + p->conf.timeout_ms;

	for (;;) {
		struct connection *c = take(p, deadline, f);
		PGresult *result;

		if (c == NULL)
			return -1;
		result = run(c, statement, params, n, f);
		if (!settle(p, c, result != NULL, f))
			return give_rows(result, row, ctx);
	}
}

/* Transactions. */

struct pgsql_txn *
pgsql_begin(struct pgsql *p, struct fault *f)
{
	int64_t deadline = clock_ms() + p->conf.timeout_ms;

	for (;;) {
		struct connection *c = take(p, deadline, f);
		struct pgsql_txn *txn;
		PGresult *result;

		if (c == NULL)
			return NULL;
		result = run(c, &begin, NULL, 0, f);
		PQclear(result);
		if (result == NULL) {
			if (!settle(p, c, false, f))
				return NULL;
			continue;
		}
		txn = mem_new(struct pgsql_txn);
		txn->pgsql = p;
		txn->connection = c;
		return txn;
	}
}

int
pgsql_do(struct pgsql_txn *txn, const struct pgsql_statement *statement,
    const struct str *params, size_t n, pgsql_row *row, void *ctx,
    struct fault *f)
{
	PGresult *result = run(txn->connection, statement, params, n, f);

	txn->broken = txn->broken || result == NULL;
	return give_rows(result, row, ctx);
}

int
pgsql_commit(struct pgsql_txn **txn, struct fault *f)
{
	struct pgsql_txn *t = *txn;
	PGresult *result;

	if (t->broken)
		die_bug("a transaction that failed is to be committed");
	result = run(t->connection, &commit, NULL, 0, f);
	(void)settle(t->pgsql, t->connection, result != NULL, f);
	mem_free(t);
	*txn = NULL;
	return give_rows(result, NULL, NULL);
}

/* Closing the connection is the end of it, whatever state it is in. */
void
pgsql_abort(struct pgsql_txn **txn)
{
	struct pgsql_txn *t = *txn;

	if (t == NULL)
		return;
	drop(t->pgsql, t->connection);
	mem_free(t);
	*txn = NULL;
}
