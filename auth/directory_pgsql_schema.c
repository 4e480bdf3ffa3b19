/* SPDX-License-Identifier: ISC */
/*
 * The tables of the directory in PostgreSQL. Each entry of `steps` is a version,
 * made from the one before by its statements; what has been released is never
 * changed, only followed by another step.
 *
 * Names are in key form: lower case, domains as A-labels. Whoever writes into
 * the tables by other means must keep to that.
 */
#include "config.h"

#include <stdio.h>

#include "auth/directory_pgsql.h"

enum { STATEMENTS_MAX = 12 };

/* So that two who begin at once do it one after the other. */
static const struct pgsql_statement lock = {
    "SELECT pg_advisory_xact_lock(7036874417766)"};
static const struct pgsql_statement has_version = {
    "SELECT (to_regclass('mail_schema') IS NOT NULL)::int::text"};
static const struct pgsql_statement get_version = {
    "SELECT coalesce(max(version), 0)::text FROM mail_schema"};
static const struct pgsql_statement set_version = {
    "INSERT INTO mail_schema (version) VALUES ($1::int)"};

static const struct pgsql_statement steps[][STATEMENTS_MAX] = {
    {
	{"CREATE TABLE mail_schema (version int PRIMARY KEY, "
	 "since timestamptz NOT NULL DEFAULT now())"},
	{"CREATE TABLE mail_domain (domain text COLLATE \"C\" PRIMARY KEY)"},
	{"CREATE TABLE mail_user ("
	 "domain text COLLATE \"C\" NOT NULL REFERENCES mail_domain, "
	 "local text COLLATE \"C\" NOT NULL CHECK (local <> ''), "
	 "hash text NOT NULL DEFAULT '', "
	 "disabled bool NOT NULL DEFAULT false, "
	 "main_closed bool NOT NULL DEFAULT false, "
	 "no_receive bool NOT NULL DEFAULT false, "
	 "no_send bool NOT NULL DEFAULT false, "
	 "created bigint NOT NULL DEFAULT extract(epoch FROM now()), "
	 "changed bigint NOT NULL DEFAULT extract(epoch FROM now()), "
	 "PRIMARY KEY (domain, local))"},
	{"CREATE TABLE mail_credential ("
	 "domain text COLLATE \"C\" NOT NULL, "
	 "local text COLLATE \"C\" NOT NULL, "
	 "kind text COLLATE \"C\" NOT NULL, value text NOT NULL, "
	 "PRIMARY KEY (domain, local, kind), "
	 "FOREIGN KEY (domain, local) REFERENCES mail_user "
	 "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED)"},
	{"CREATE TABLE mail_alias ("
	 "domain text COLLATE \"C\" NOT NULL REFERENCES mail_domain, "
	 "local text COLLATE \"C\" NOT NULL, "
	 "targets text[] NOT NULL, PRIMARY KEY (domain, local))"},
	{"CREATE TABLE mail_group ("
	 "domain text COLLATE \"C\" NOT NULL REFERENCES mail_domain, "
	 "local text COLLATE \"C\" NOT NULL CHECK (local <> ''), "
	 "record text NOT NULL, PRIMARY KEY (domain, local))"},
	{"CREATE TABLE mail_member ("
	 "domain text COLLATE \"C\" NOT NULL, "
	 "local text COLLATE \"C\" NOT NULL, "
	 "member text COLLATE \"C\" NOT NULL, "
	 "PRIMARY KEY (domain, local, member), "
	 "FOREIGN KEY (domain, local) REFERENCES mail_group "
	 "ON DELETE CASCADE)"},
	{"CREATE TABLE mail_sender ("
	 "domain text COLLATE \"C\" NOT NULL, "
	 "local text COLLATE \"C\" NOT NULL, "
	 "users text[] NOT NULL, PRIMARY KEY (domain, local))"},
	{"CREATE TABLE mail_audit (id bigserial PRIMARY KEY, "
	 "time bigint NOT NULL, who text NOT NULL, what text NOT NULL, "
	 "name text NOT NULL, detail text NOT NULL)"},
	{"CREATE TABLE mail_setting (name text PRIMARY KEY, "
	 "value bytea NOT NULL)"},
    },
    {
	{"ALTER TABLE mail_domain "
	 "ADD quota bigint NOT NULL DEFAULT 0, "
	 "ADD quota_messages bigint NOT NULL DEFAULT 0, "
	 "ADD user_quota bigint NOT NULL DEFAULT 0, "
	 "ADD user_quota_messages bigint NOT NULL DEFAULT 0"},
	{"ALTER TABLE mail_user "
	 "ADD quota bigint NOT NULL DEFAULT 0, "
	 "ADD quota_messages bigint NOT NULL DEFAULT 0"},
    },
    {
	{"ALTER TABLE mail_user "
	 "ADD node text NOT NULL DEFAULT '', "
	 "ADD moving boolean NOT NULL DEFAULT false"},
    },
};

enum { NEWEST = ARRAY_LEN(steps) };

static int
take_number(void *ctx, const struct str *columns, size_t n)
{
	uint64_t *number = ctx;

	if (n < 1 || !str_to_u64(columns[0], 0, INT32_MAX, number))
		*number = 0;
	return 0;
}

/* 0: no tables yet. */
static int
read_version(struct pgsql_txn *txn, uint64_t *version, struct fault *f)
{
	int rc = pgsql_do(txn, &has_version, NULL, 0, take_number, version, f);

	if (rc < 0 || *version == 0)
		return rc;
	return pgsql_do(txn, &get_version, NULL, 0, take_number, version, f);
}

static int
take_step(struct pgsql_txn *txn, unsigned from, struct fault *f)
{
	char number[16];
	struct str version;

	for (size_t i = 0; i < STATEMENTS_MAX && steps[from][i].sql != NULL;
	     i++)
		if (pgsql_do(txn, &steps[from][i], NULL, 0, NULL, NULL, f) < 0)
			return -1;
	snprintf(number, sizeof number, "%u", from + 1);
	version = str(number);
	return pgsql_do(txn, &set_version, &version, 1, NULL, NULL, f);
}

static int
too_new(uint64_t version, struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "the database's tables are of version %llu, and this program "
	    "knows %d: it is too old for them",
	    (unsigned long long)version, NEWEST);
}

static int
no_tables(struct fault *f)
{
	return fault_perm(f, "5.3.5",
	    "the database has no tables of ours yet: run \"posthouse "
	    "directory init\"");
}

static int
migrate(struct pgsql_txn *txn, bool anew, unsigned *from, struct fault *f)
{
	uint64_t version;

	if (pgsql_do(txn, &lock, NULL, 0, NULL, NULL, f) < 0 ||
	    read_version(txn, &version, f) < 0)
		return -1;
	if (version > NEWEST)
		return too_new(version, f);
	if (version == 0 && !anew)
		return no_tables(f);
	*from = (unsigned)version;
	for (unsigned i = *from; i < NEWEST; i++)
		if (take_step(txn, i, f) < 0)
			return -1;
	return 0;
}

int
directory_pgsql_migrate(const struct directory_conf *conf, bool anew,
    unsigned *from, struct fault *f)
{
	const struct pgsql_conf pgsql = {
	    .connection = conf->database,
	    .timeout_ms = conf->timeout_ms,
	};
	struct pgsql *p = pgsql_new(&pgsql);
	struct pgsql_txn *txn = pgsql_begin(p, f);
	int rc = txn == NULL ? -1 : migrate(txn, anew, from, f);

	if (rc == 0)
		rc = pgsql_commit(&txn, f);
	pgsql_abort(&txn);
	pgsql_free(&p);
	return rc < 0 ? -1 : NEWEST;
}

int
directory_pgsql_check(struct pgsql *pgsql, struct fault *f)
{
	uint64_t version = 0;
	int rc =
	    pgsql_query(pgsql, &has_version, NULL, 0, take_number, &version, f);

	if (rc == 0 && version > 0)
		rc = pgsql_query(
		    pgsql, &get_version, NULL, 0, take_number, &version, f);
	if (rc < 0)
		return -1;
	if (version > NEWEST)
		return too_new(version, f);
	if (version == 0)
		return no_tables(f);
	if (version < NEWEST)
		return fault_perm(f, "5.3.5",
		    "the database's tables are of version %llu, and this "
		    "program wants %d: run \"posthouse directory migrate\"",
		    (unsigned long long)version, NEWEST);
	return 0;
}
