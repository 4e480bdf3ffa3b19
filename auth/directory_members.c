/* SPDX-License-Identifier: ISC */
/* Whom a group leads to, and who may send to it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/directory_expand.h"
#include "auth/directory_group.h"
#include "base/mem.h"
#include "proto/address.h"

/* The mailboxes, by pieces. */

static int
by_bytes(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	return str_compare(*x, *y);
}

static size_t
take_given(const struct expansion *x, struct str after, struct str *names)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n; i++)
		if (x->seen[i].given && by_bytes(&x->seen[i].name, &after) > 0)
			names[n++] = x->seen[i].name;
	qsort(names, n, sizeof *names, by_bytes);
	return n;
}

static int
put_piece(const struct expansion *x, struct str after, struct buf *mailboxes)
{
	struct str *names = mem_zeroed(x->n + 1, sizeof *names);
	size_t n = take_given(x, after, names), i = 0;

	while (i < n) {
		size_t before = buf_len(mailboxes);

		if (i > 0)
			buf_putc(mailboxes, ' ');
		buf_put_str(mailboxes, names[i]);
		if (buf_is_full(mailboxes)) {
			buf_truncate(mailboxes, before);
			break;
		}
		i++;
	}
	mem_free(names);
	return i > 0;
}

static void
begin(struct expansion *x, struct directory *d)
{
	*x = (struct expansion){
	    .directory = d,
	    .wants = WANTS_MAILBOXES,
	    .names_max = DIRECTORY_GROUP_NAMES_MAX,
	    .results_max = DIRECTORY_MEMBERS_MAX,
	};
}

int
directory_group_mailboxes(struct directory *d, struct str name,
    struct str after, struct buf *mailboxes, struct fault *f)
{
	struct expansion x;
	int rc = directory_group_get(d, name, NULL, f);

	buf_reset(mailboxes);
	if (rc <= 0)
		return rc;
	begin(&x, d);
	rc = directory_expand(&x, name, f);
	if (rc > 0)
		rc = put_piece(&x, after, mailboxes);
	else if (x.too_many)
		rc = fault_perm(f, "5.2.4",
		    "this list leads to more than %d mailboxes, or over too "
		    "many levels",
		    DIRECTORY_MEMBERS_MAX);
	else if (rc < 0 && f->kind == FAULT_PERM)
		rc = 0; /* nobody but the disabled, or a loop */
	directory_expand_clear(&x);
	return rc;
}

/* Who may send. */

/* The names under which a sender may stand in a list. */
struct identity {
	char names[3][NAME_SIZE]; /* the address, without detail; the login */
	bool local_unproved;      /* an address of ours that is not believed */
};

static void
add_address(struct identity *id, struct str sender)
{
	struct str user, detail, key;

	if (!name_key(sender, id->names[0]))
		return;
	key = str(id->names[0]);
	if (address_split_detail(name_local(key), '+', &user, &detail))
		snprintf(id->names[1], NAME_SIZE, "%.*s@%.*s", STR_ARG(user),
		    STR_ARG(name_domain(key)));
}

static int
identify(struct directory *d, const struct directory_poster *who,
    struct identity *id, struct fault *f)
{
	int rc = 0;

	memset(id, 0, sizeof *id);
	add_address(id, who->sender);
	if (who->login.len > 0 && !name_key(who->login, id->names[2]))
		id->names[2][0] = '\0';
	if (who->trusted || id->names[0][0] == '\0')
		return 0;
	rc = d->driver->get_domain(
	    d->store, name_domain(str(id->names[0])), NULL, f);
	id->local_unproved = rc > 0;
	return rc < 0 ? -1 : 0;
}

/* list has addresses and "@domain"s. */
static bool
is_named(struct str list, const struct identity *id)
{
	while (list.len > 0) {
		struct str name = str_cut(&list, ' ');

		for (size_t i = 0; i < ARRAY_LEN(id->names); i++) {
			struct str mine = str(id->names[i]);

			if (mine.len == 0)
				continue;
			if (str_is(name, mine) ||
			    (name.at[0] == '@' &&
				str_is(str_from(name, 1), name_domain(mine))))
				return true;
		}
	}
	return false;
}

/* By the very name, as most are. */
static int
is_named_member(struct directory *d, const struct directory_group *g,
    const struct identity *id, struct fault *f)
{
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(id->names) && rc == 0; i++)
		if (id->names[i][0] != '\0')
			rc = d->driver->has_member(
			    d->store, str(g->name), str(id->names[i]), f);
	return rc;
}

static int
is_member(struct directory *d, const struct directory_group *g,
    const struct identity *id, struct fault *f)
{
	struct expansion x;
	int rc = is_named_member(d, g, id, f);

	if (rc != 0)
		return rc;
	begin(&x, d);
	rc = directory_expand(&x, str(g->name), f);
	if (rc >= 0 || f->kind == FAULT_PERM) {
		rc = 0;
		for (size_t i = 0; i < ARRAY_LEN(id->names); i++)
			if (id->names[i][0] != '\0' &&
			    directory_expand_has(&x, str(id->names[i])))
				rc = 1;
	}
	directory_expand_clear(&x);
	return rc;
}

static int
may_send(struct directory *d, const struct directory_group *g,
    const struct identity *id, struct fault *f)
{
	char domain[NAME_SIZE + 1];

	switch (g->posters) {
	case POSTERS_ANYONE:
		return 1;
	case POSTERS_MEMBERS:
		return is_member(d, g, id, f);
	case POSTERS_DOMAIN:
		snprintf(domain, sizeof domain, "@%.*s",
		    STR_ARG(name_domain(str(g->name))));
		return is_named(str(domain), id);
	case POSTERS_NAMED:
		break;
	}
	return is_named(str(g->named), id);
}

static int
decide(struct directory *d, const struct directory_group *g,
    const struct directory_poster *who, struct fault *f)
{
	struct identity id;
	int rc;

	if (who->sender.len == 0)
		return fault_perm(f, "5.7.2",
		    "<%s>: no notifications or automatic answers to this list",
		    g->name);
	if (identify(d, who, &id, f) < 0)
		return -1;
	if (g->posters != POSTERS_ANYONE && id.local_unproved)
		return fault_perm(f, "5.7.2",
		    "<%s>: log in to send to this list as <%s>", g->name,
		    id.names[0]);
	if (is_named(str(g->owners), &id))
		return 1;
	rc = may_send(d, g, &id, f);
	if (rc == 0)
		return fault_perm(f, "5.7.2",
		    "<%s>: you are not authorized to send to this list",
		    g->name);
	return rc;
}

int
directory_group_may_post(struct directory *d, struct str name,
    const struct directory_poster *who, struct fault *f)
{
	struct directory_group *g = mem_new(struct directory_group);
	int rc = directory_group_get(d, name, g, f);

	if (rc > 0)
		rc = decide(d, g, who, f);
	mem_free(g);
	return rc;
}
