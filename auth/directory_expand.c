/* SPDX-License-Identifier: ISC */
/* Users, sub-addresses, aliases, groups, catch-alls. */
#include "config.h"

#include "auth/directory_expand.h"

#include <stdio.h>

#include "base/mem.h"
#include "proto/address.h"

enum { SEPARATOR = '+', SLOTS_MIN = 16 };

/* What a name is. */

/* 1 where key is a user, an alias or a group, 0, -1. */
static int
get_record(struct directory *d, struct str key, struct directory_entry *e,
    struct fault *f)
{
	int rc = d->driver->get_user(d->store, key, &e->user, f);

	e->kind = ENTRY_USER;
	if (rc == 0) {
		e->kind = ENTRY_ALIAS;
		rc = d->driver->get_alias(d->store, key, &e->targets, f);
	}
	if (rc == 0) {
		e->kind = ENTRY_GROUP;
		rc = d->driver->get_group(d->store, key, NULL, f);
	}
	/* A key always fits. */
	if (rc > 0)
		(void)!str_copy(key, e->record, sizeof e->record);
	else
		e->kind = ENTRY_NONE;
	return rc;
}

/* The group whose owners have the address. */
static bool
owned_group(struct str key, char group[NAME_SIZE])
{
	struct str local = name_local(key), domain = name_domain(key);

	if (!name_owned(&local))
		return false;
	snprintf(
	    group, NAME_SIZE, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));
	return true;
}

static int
get_owners(struct directory *d, struct str key, struct directory_entry *e,
    struct fault *f)
{
	struct directory_group *g;
	char name[NAME_SIZE];
	int rc;

	if (!owned_group(key, name))
		return 0;
	g = mem_new(struct directory_group);
	rc = d->driver->get_group(d->store, str(name), g, f);
	if (rc > 0) {
		e->kind = ENTRY_ALIAS;
		(void)!str_copy(key, e->record, sizeof e->record);
		buf_reset(&e->targets);
		buf_puts(&e->targets, g->owners);
	}
	mem_free(g);
	return rc;
}

static int
get_either(struct directory *d, struct str key, struct directory_entry *e,
    struct fault *f)
{
	int rc = get_record(d, key, e, f);

	return rc == 0 ? get_owners(d, key, e, f) : rc;
}

int
directory_entry_find(struct directory *d, struct str key,
    struct directory_entry *e, struct fault *f)
{
	struct str user, detail, domain = name_domain(key);
	char other[NAME_SIZE];
	int rc = get_either(d, key, e, f);

	if (rc == 0 &&
	    address_split_detail(name_local(key), SEPARATOR, &user, &detail)) {
		snprintf(other, sizeof other, "%.*s@%.*s", STR_ARG(user),
		    STR_ARG(domain));
		rc = get_either(d, str(other), e, f);
		/* A group has no sub-addresses. */
		if (rc > 0 && e->kind == ENTRY_GROUP) {
			e->kind = ENTRY_NONE;
			rc = 0;
		}
	}
	if (rc == 0) {
		snprintf(other, sizeof other, "@%.*s", STR_ARG(domain));
		rc = get_record(d, str(other), e, f);
	}
	return rc < 0 ? -1 : 0;
}

/* The names that were seen. */

/* Where the name's index stands, or is to stand. */
static uint32_t *
slot_of(const struct expansion *x, struct str name, uint64_t hash)
{
	size_t i = hash & (x->n_slots - 1);

	while (x->slots[i] != 0) {
		const struct seen *s = &x->seen[x->slots[i] - 1];

		if (s->hash == hash && str_is(s->name, name))
			break;
		i = (i + 1) & (x->n_slots - 1);
	}
	return &x->slots[i];
}

/* At most half of the slots are in use. */
static void
grow(struct expansion *x)
{
	if (x->n == x->room) {
		x->room = x->room == 0 ? SLOTS_MIN / 2 : 2 * x->room;
		x->seen = mem_resize(x->seen, x->room, sizeof *x->seen);
	}
	if (2 * x->room <= x->n_slots)
		return;
	mem_free(x->slots);
	x->n_slots = 2 * x->room;
	x->slots = mem_zeroed(x->n_slots, sizeof *x->slots);
	for (size_t i = 0; i < x->n; i++)
		*slot_of(x, x->seen[i].name, x->seen[i].hash) =
		    (uint32_t)(i + 1);
}

/* The index of the name, which is put at the list's end where it is new. */
static size_t
see(struct expansion *x, struct str name, unsigned depth)
{
	uint64_t hash = str_hash(name);
	uint32_t *slot;

	grow(x);
	slot = slot_of(x, name, hash);
	if (*slot != 0)
		return *slot - 1;
	if (x->n == x->names_max || depth > DIRECTORY_DEPTH_MAX)
		x->too_many = true;
	x->seen[x->n] = (struct seen){
	    .name = arena_str(&x->arena, name),
	    .hash = hash,
	    .depth = depth,
	};
	*slot = (uint32_t)++x->n;
	return x->n - 1;
}

bool
directory_expand_has(const struct expansion *x, struct str name)
{
	uint32_t slot;

	if (x->n_slots == 0)
		return false;
	slot = *slot_of(x, name, str_hash(name));
	return slot > 1;
}

static void
give(struct expansion *x, size_t i)
{
	if (x->seen[i].given)
		return;
	x->seen[i].given = true;
	x->seen[i].skipped = true;
	if (x->n_results == x->results_max)
		x->too_many = true;
	x->n_results++;
	if (x->result == NULL)
		return;
	if (x->n_results > 1)
		buf_putc(x->result, ' ');
	buf_put_str(x->result, x->seen[i].name);
}

/* Expanding. */

/* False where the record was expanded before. */
static bool
begin_record(struct expansion *x, const struct directory_entry *e, size_t i)
{
	size_t record = see(x, str(e->record), x->seen[i].depth);

	x->seen[record].skipped = true;
	if (x->seen[record].expanded) {
		x->looped = true;
		return false;
	}
	x->seen[record].expanded = true;
	return true;
}

static void
lead_to(struct expansion *x, struct str target, unsigned depth)
{
	size_t i = see(x, target, depth);

	if (x->seen[i].expanded)
		x->looped = true;
}

static void
expand_alias(struct expansion *x, size_t i, const struct directory_entry *e)
{
	struct str rest = buf_str(&e->targets);
	unsigned depth = x->seen[i].depth + 1;

	if (!begin_record(x, e, i))
		return;
	while (rest.len > 0 && !x->too_many)
		lead_to(x, str_cut(&rest, ' '), depth);
}

/* What a walk through members or users adds to. */
struct growth {
	struct expansion *x;
	unsigned depth;
};

static int
add_member(void *ctx, struct str member)
{
	struct growth *g = ctx;

	lead_to(g->x, member, g->depth);
	return g->x->too_many ? 1 : 0;
}

/* Whom nothing is to be sent to, or who is to send nothing. */
static bool
is_out(const struct expansion *x, const struct directory_user *user)
{
	return user->disabled ||
	       (x->wants == WANTS_LOGINS ? user->no_send : user->no_receive);
}

static int
add_user(void *ctx, const struct directory_user *user)
{
	struct growth *g = ctx;

	if (is_out(g->x, user))
		g->x->disabled = true;
	else
		give(g->x, see(g->x, str(user->name), g->depth));
	return g->x->too_many ? 1 : 0;
}

static int
expand_members(struct expansion *x, size_t i, const struct directory_entry *e,
    struct fault *f)
{
	struct growth g = {x, x->seen[i].depth + 1};
	struct directory *d = x->directory;

	if (!begin_record(x, e, i))
		return 0;
	return d->driver->each_member(d->store, str(e->record), (struct str){0},
		   add_member, &g, f) < 0
		   ? -1
		   : 0;
}

/* "@domain" as a member: all users. */
static int
expand_domain(struct expansion *x, size_t i, struct fault *f)
{
	struct growth g = {x, x->seen[i].depth + 1};
	struct directory *d = x->directory;

	return d->driver->each_user(d->store, name_domain(x->seen[i].name),
		   (struct str){0}, add_user, &g, f) < 0
		   ? -1
		   : 0;
}

static int
expand_group(
    struct expansion *x, size_t i, struct directory_entry *e, struct fault *f)
{
	char text[NAME_SIZE + sizeof DIRECTORY_GROUP_MARK];
	struct directory_group *g;
	int rc;

	switch (x->wants) {
	case WANTS_MAILBOXES:
		return expand_members(x, i, e, f);
	case WANTS_RECIPIENTS:
		snprintf(
		    text, sizeof text, DIRECTORY_GROUP_MARK "%s", e->record);
		give(x, see(x, str(text), x->seen[i].depth));
		return 0;
	case WANTS_LOGINS:
		break;
	}
	g = mem_new(struct directory_group);
	rc = x->directory->driver->get_group(
	    x->directory->store, str(e->record), g, f);
	buf_reset(&e->targets);
	if (rc > 0)
		buf_puts(&e->targets, g->owners);
	mem_free(g);
	expand_alias(x, i, e);
	return rc < 0 ? -1 : 0;
}

/* Whether the name's domain is ours: 1, 0 or -1. Each domain is asked for
 * once. */
static int
is_ours(struct expansion *x, struct str name, struct fault *f)
{
	struct directory *d = x->directory;
	struct str domain = name_domain(name);
	uint64_t hash = str_hash(domain);
	int rc;

	for (size_t i = 0; i < x->n_domains; i++)
		if (x->domains[i].hash == hash &&
		    str_is(x->domains[i].name, domain))
			return x->domains[i].ours;
	rc = d->driver->get_domain(d->store, domain, NULL, f);
	if (rc < 0)
		return -1;
	if (x->n_domains == x->domains_room) {
		x->domains_room = x->n_domains == 0 ? 4 : 2 * x->n_domains;
		x->domains =
		    mem_resize(x->domains, x->domains_room, sizeof *x->domains);
	}
	/* The view lives as long as the name. */
	x->domains[x->n_domains++] =
	    (struct seen_domain){.name = domain, .hash = hash, .ours = rc > 0};
	return rc;
}

/* A target in a domain that is not ours leaves the house; whoever asks for
 * such an address itself asks for nobody of ours. */
static int
take_other(struct expansion *x, size_t i, struct fault *f)
{
	int rc;

	if (x->seen[i].depth == 0 || x->wants == WANTS_LOGINS)
		return 0;
	rc = is_ours(x, x->seen[i].name, f);
	if (rc == 0)
		give(x, i);
	return rc < 0 ? -1 : 0;
}

static int
take_entry(
    struct expansion *x, size_t i, struct directory_entry *e, struct fault *f)
{
	switch (e->kind) {
	case ENTRY_NONE:
		return take_other(x, i, f);
	case ENTRY_USER:
		if (is_out(x, &e->user))
			x->disabled = true;
		else if (x->wants == WANTS_LOGINS)
			give(x, see(x, str(e->user.name), x->seen[i].depth));
		else
			give(x, i);
		break;
	case ENTRY_ALIAS:
		expand_alias(x, i, e);
		break;
	case ENTRY_GROUP:
		return expand_group(x, i, e, f);
	}
	return 0;
}

static int
take_name(
    struct expansion *x, size_t i, struct directory_entry *e, struct fault *f)
{
	if (x->seen[i].skipped)
		return 0;
	if (x->seen[i].name.at[0] == '@')
		return expand_domain(x, i, f);
	/* Groups have many members elsewhere, where no record can be. */
	if (x->wants == WANTS_MAILBOXES) {
		int rc = is_ours(x, x->seen[i].name, f);

		if (rc <= 0)
			return rc < 0 ? -1 : take_other(x, i, f);
	}
	if (directory_entry_find(x->directory, x->seen[i].name, e, f) < 0)
		return -1;
	return take_entry(x, i, e, f);
}

static int
result_of(const struct expansion *x, struct fault *f)
{
	if (x->too_many || (x->result != NULL && buf_is_full(x->result)))
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

int
directory_expand(struct expansion *x, struct str name, struct fault *f)
{
	struct directory_entry e;
	char key[NAME_SIZE];
	int rc = 0;

	if (x->result != NULL)
		buf_reset(x->result);
	/* Whoever is asked for "@domain" is asked for an address. */
	if (!name_key(name, key) || key[0] == '@')
		return 0;
	buf_init(&e.targets, DIRECTORY_TARGETS_SIZE);
	see(x, str(key), 0);
	for (size_t i = 0; i < x->n_more; i++)
		lead_to(x, x->more[i], 1);
	for (size_t i = 0; i < x->n && rc == 0 && !x->too_many; i++)
		rc = take_name(x, i, &e, f);
	if (rc == 0)
		rc = result_of(x, f);
	if (rc <= 0 && x->result != NULL)
		buf_reset(x->result);
	buf_clear(&e.targets);
	return rc;
}

void
directory_expand_clear(struct expansion *x)
{
	arena_clear(&x->arena);
	mem_free(x->seen);
	mem_free(x->slots);
	mem_free(x->domains);
}
