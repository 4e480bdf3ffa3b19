/* SPDX-License-Identifier: ISC */
/* From a recipient to mailboxes: users, sub-addresses, aliases, catch-alls. */
#include "config.h"

#include <stdio.h>

#include "auth/directory_driver.h"
#include "auth/name.h"
#include "base/arena.h"
#include "base/mem.h"
#include "proto/address.h"

enum { SEPARATOR = '+' };

/* What a name is, one level deep. */

enum entry_kind { ENTRY_NONE, ENTRY_USER, ENTRY_ALIAS };

struct entry {
	enum entry_kind kind;
	struct directory_user user;
	char alias[NAME_SIZE]; /* the record that says so */
	struct buf targets;    /* split by blanks */
};

/* 1 where key is a user or an alias, 0, -1. */
static int
get_entry(struct directory *d, struct str key, struct entry *e, struct fault *f)
{
	int rc = d->driver->get_user(d->store, key, &e->user, f);

	if (rc > 0)
		e->kind = ENTRY_USER;
	if (rc != 0)
		return rc;
	rc = d->driver->get_alias(d->store, key, &e->targets, f);
	if (rc > 0) {
		e->kind = ENTRY_ALIAS;
		/* A key always fits. */
		(void)!str_copy(key, e->alias, sizeof e->alias);
	}
	return rc;
}

/* The same for the part before the separator, and for the catch-all. */
static int
find_entry(
    struct directory *d, struct str key, struct entry *e, struct fault *f)
{
	struct str user, detail, domain = name_domain(key);
	char other[NAME_SIZE];
	int rc;

	e->kind = ENTRY_NONE;
	rc = get_entry(d, key, e, f);
	if (rc == 0 &&
	    address_split_detail(name_local(key), SEPARATOR, &user, &detail)) {
		snprintf(other, sizeof other, "%.*s@%.*s", STR_ARG(user),
		    STR_ARG(domain));
		rc = get_entry(d, str(other), e, f);
	}
	if (rc == 0) {
		snprintf(other, sizeof other, "@%.*s", STR_ARG(domain));
		rc = get_entry(d, str(other), e, f);
	}
	return rc < 0 ? -1 : 0;
}

/* One level for others: those who expand aliases themselves. */

static int
put_targets(struct str list, struct buf *targets, struct fault *f)
{
	buf_reset(targets);
	while (list.len > 0) {
		buf_put_str(targets, str_cut(&list, ' '));
		if (list.len > 0)
			buf_puts(targets, ", ");
	}
	if (!buf_is_full(targets))
		return 1;
	buf_reset(targets);
	return fault_perm(f, "5.4.6", "too many addresses for one answer");
}

int
directory_alias_get(
    struct directory *d, struct str name, struct buf *targets, struct fault *f)
{
	char key[NAME_SIZE];
	struct buf list;
	int rc;

	buf_reset(targets);
	if (!name_key(name, key))
		return 0;
	buf_init(&list, DIRECTORY_TARGETS_SIZE);
	rc = d->driver->get_alias(d->store, str(key), &list, f);
	if (rc > 0)
		rc = put_targets(buf_str(&list), targets, f);
	buf_clear(&list);
	return rc;
}

int
directory_find_alias(struct directory *d, struct str address,
    struct buf *targets, struct fault *f)
{
	char key[NAME_SIZE];
	struct entry e;
	int rc;

	buf_reset(targets);
	if (!name_key(address, key))
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	rc = find_entry(d, str(key), &e, f);
	if (rc == 0 && e.kind == ENTRY_ALIAS)
		rc = put_targets(buf_str(&e.targets), targets, f);
	buf_clear(&e.targets);
	return rc;
}

int
directory_find_mailbox(struct directory *d, struct str address,
    struct directory_user *user, struct fault *f)
{
	char key[NAME_SIZE];
	struct entry e;
	int rc;

	if (!name_key(address, key))
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	rc = find_entry(d, str(key), &e, f);
	if (rc == 0 && e.kind == ENTRY_USER) {
		*user = e.user;
		rc = 1;
	}
	buf_clear(&e.targets);
	return rc;
}

/*
 * Expansion goes level by level through a list of the names that were seen,
 * each once, so its work is bounded and loops come to nothing by themselves.
 */
struct seen {
	struct str name;
	uint64_t hash;
	unsigned depth;
	bool expanded; /* its alias record's targets are in the list */
	bool given;    /* it is in the result */
	bool skipped;  /* not to be looked at (again) */
};

struct expansion {
	struct directory *directory;
	struct arena arena; /* of the names */
	struct seen *seen;
	size_t n, room;
	bool wants_logins; /* else mailboxes */
	struct buf *result;
	size_t n_results;
	bool disabled, looped, too_many;
};

/* The index of the name, which is put at the list's end where it is new. */
static size_t
see(struct expansion *x, struct str name, unsigned depth)
{
	uint64_t hash = str_hash(name);

	for (size_t i = 0; i < x->n; i++) {
		if (x->seen[i].hash == hash && str_is(x->seen[i].name, name))
			return i;
	}
	if (x->n == x->room) {
		x->room = x->room == 0 ? 4 : 2 * x->room;
		x->seen = mem_resize(x->seen, x->room, sizeof *x->seen);
	}
	x->seen[x->n] = (struct seen){
	    .name = arena_str(&x->arena, name),
	    .hash = hash,
	    .depth = depth,
	};
	if (x->n == DIRECTORY_NAMES_MAX || depth > DIRECTORY_DEPTH_MAX)
		x->too_many = true;
	return x->n++;
}

static void
give(struct expansion *x, size_t i)
{
	if (x->seen[i].given)
		return;
	x->seen[i].given = true;
	x->seen[i].skipped = true;
	if (x->n_results == DIRECTORY_EXPANSION_MAX)
		x->too_many = true;
	if (x->n_results++ > 0)
		buf_putc(x->result, ' ');
	buf_put_str(x->result, x->seen[i].name);
}

static void
expand_alias(struct expansion *x, size_t i, const struct entry *e)
{
	struct str rest = buf_str(&e->targets);
	unsigned depth = x->seen[i].depth;
	size_t record = see(x, str(e->alias), depth);

	x->seen[record].skipped = true;
	if (x->seen[record].expanded) {
		x->looped = true;
		return;
	}
	x->seen[record].expanded = true;
	while (rest.len > 0 && !x->too_many) {
		size_t target = see(x, str_cut(&rest, ' '), depth + 1);

		if (x->seen[target].expanded)
			x->looped = true;
	}
}

/* A target in a domain that is not ours leaves the house; whoever asks for
 * such an address itself asks for nobody of ours. */
static int
take_other(struct expansion *x, size_t i, struct fault *f)
{
	struct directory *d = x->directory;
	struct str domain = name_domain(x->seen[i].name);
	int rc = 0;

	if (x->seen[i].depth == 0 || x->wants_logins)
		return 0;
	rc = d->driver->get_domain(d->store, domain, f);
	if (rc == 0)
		give(x, i);
	return rc < 0 ? -1 : 0;
}

static int
take_entry(
    struct expansion *x, size_t i, const struct entry *e, struct fault *f)
{
	switch (e->kind) {
	case ENTRY_NONE:
		return take_other(x, i, f);
	case ENTRY_USER:
		if (e->user.disabled)
			x->disabled = true;
		else
			give(x, x->wants_logins ? see(x, str(e->user.name),
						      x->seen[i].depth)
						: i);
		break;
	case ENTRY_ALIAS:
		expand_alias(x, i, e);
		break;
	}
	return 0;
}

static int
result_of(const struct expansion *x, struct fault *f)
{
	if (x->too_many || buf_is_full(x->result))
		return fault_perm(
		    f, "5.4.6", "this address leads to too many others");
	if (x->n_results > 0)
		return 1;
	if (x->disabled)
		return fault_perm(f, "5.2.1", "this mailbox is disabled");
	if (x->looped)
		return fault_perm(
		    f, "5.4.6", "this address leads only to itself");
	return 0;
}

static int
expand(struct expansion *x, struct str name, struct fault *f)
{
	char key[NAME_SIZE];
	struct entry e;
	int rc = 0;

	buf_reset(x->result);
	/* Whoever is asked for "@domain" is asked for an address. */
	if (!name_key(name, key) || key[0] == '@')
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	see(x, str(key), 0);
	for (size_t i = 0; i < x->n && rc == 0 && !x->too_many; i++) {
		if (x->seen[i].skipped)
			continue;
		rc = find_entry(x->directory, x->seen[i].name, &e, f);
		if (rc == 0)
			rc = take_entry(x, i, &e, f);
	}
	if (rc == 0)
		rc = result_of(x, f);
	if (rc <= 0)
		buf_reset(x->result);
	buf_clear(&e.targets);
	arena_clear(&x->arena);
	mem_free(x->seen);
	return rc;
}

int
directory_resolve(struct directory *d, struct str recipient,
    struct buf *mailboxes, struct fault *f)
{
	struct expansion x = {.directory = d, .result = mailboxes};

	return expand(&x, recipient, f);
}

int
directory_senders(struct directory *d, struct str address, struct buf *logins,
    struct fault *f)
{
	struct expansion x = {
	    .directory = d, .result = logins, .wants_logins = true};
	int rc = expand(&x, address, f);

	/* Who cannot log in can send as nobody. */
	if (rc < 0 && str_is(str(f->dsn), STR_LIT("5.2.1")))
		return 0;
	return rc;
}
