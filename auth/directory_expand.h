/* SPDX-License-Identifier: ISC */
/*
 * From a name to what it leads to in the end. Private to directory*.c.
 *
 * Expansion goes level by level through a list of the names that were seen,
 * each once, so its work is bounded and loops come to nothing by themselves.
 */
#ifndef AUTH_DIRECTORY_EXPAND_H
#define AUTH_DIRECTORY_EXPAND_H

#include "auth/directory_driver.h"
#include "auth/name.h"
#include "base/arena.h"

enum entry_kind { ENTRY_NONE, ENTRY_USER, ENTRY_ALIAS, ENTRY_GROUP };

/* What a name is, one level deep. */
struct directory_entry {
	enum entry_kind kind;
	struct directory_user user;
	char record[NAME_SIZE]; /* the alias or group that it is */
	struct buf targets;     /* of an alias, or the owners of a group whose
				 * owners' address it is; split by blanks */
};

/* The record of the name itself, else of the group whose owners' address it
 * is, else of the part before "+", else the catch-all. key is a key; targets is
 * an initialised buffer of DIRECTORY_TARGETS_SIZE. */
int directory_entry_find(struct directory *d, struct str key,
    struct directory_entry *e, struct fault *f) MUST_USE;

enum expansion_wants {
	WANTS_RECIPIENTS, /* mailboxes, and groups as they are */
	WANTS_LOGINS,     /* who may send as the name */
	WANTS_MAILBOXES,  /* groups expanded too */
};

struct seen {
	struct str name;
	uint64_t hash;
	unsigned depth;
	bool expanded; /* its record's targets are in the list */
	bool given;    /* it is a result */
	bool skipped;  /* not to be looked at (again) */
};

struct seen_domain {
	struct str name;
	uint64_t hash;
	bool ours;
};

struct expansion {
	struct directory *directory;
	enum expansion_wants wants;
	size_t names_max;   /* that are looked at */
	size_t results_max; /* that are given */
	/* Where not NULL: replaced by the results, split by blanks. */
	struct buf *result;
	/* Besides the name, as if it led to them: keys. */
	const struct str *more;
	size_t n_more;

	/* Private, but that seen may be read. */
	struct arena arena; /* of the names */
	struct seen *seen;
	size_t n, room;
	uint32_t *slots; /* of the table: index in seen + 1; 0: free */
	size_t n_slots;
	struct seen_domain *domains;
	size_t n_domains, domains_room;
	size_t n_results;
	bool disabled, looped, too_many;
};

/* 1 with what the name leads to, 0 where that is nothing, -1. Permanent: 5.2.1
 * where only disabled users are left, 5.4.6 where there is only a loop, or too
 * much of it all. */
int directory_expand(
    struct expansion *x, struct str name, struct fault *f) MUST_USE;
void directory_expand_clear(struct expansion *x);

/* Whether name (a key) was met on the way, the beginning left out. */
bool directory_expand_has(const struct expansion *x, struct str name);

#endif
