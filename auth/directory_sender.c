/* SPDX-License-Identifier: ISC */
/* Who may send as which address. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "auth/directory_expand.h"
#include "base/mem.h"
#include "proto/address.h"

enum { SENDERS_SIZE = DIRECTORY_SENDERS_MAX * NAME_SIZE };

static bool
has_name(struct str names, struct str name)
{
	while (names.len > 0) {
		if (str_is(str_cut(&names, ' '), name))
			return true;
	}
	return false;
}

static void
put_name(struct buf *names, struct str name)
{
	if (buf_len(names) > 0)
		buf_putc(names, ' ');
	buf_put_str(names, name);
}

static size_t
count_names(struct str names)
{
	size_t n = 0;

	for (; names.len > 0; n++)
		(void)str_cut(&names, ' ');
	return n;
}

/* Changes. */

/* Within a change: the user's name and the address as keys, and who may send
 * as it. 1 where the user does, 0, -1. */
static int
find_pair(struct directory *d, struct directory_user *user, const char *address,
    struct buf *users, struct fault *f)
{
	char name[NAME_SIZE];

	memcpy(name, user->name, sizeof name);
	if (directory_need_user(d, str(name), user, f) < 0 ||
	    d->driver->get_senders(d->store, str(address), users, f) < 0)
		return -1;
	return has_name(buf_str(users), str(user->name));
}

static int
add_user(struct directory *d, const char *user, const char *address,
    struct buf *users, struct fault *f)
{
	if (count_names(buf_str(users)) >= DIRECTORY_SENDERS_MAX)
		return fault_perm(f, "5.3.4",
		    "not more than %d users may send as %s",
		    DIRECTORY_SENDERS_MAX, address);
	put_name(users, str(user));
	d->driver->put_senders(d->store, str(address), buf_str(users));
	directory_audit(d, "sender.add", user, "%s", address);
	return 0;
}

int
directory_sender_add(
    struct directory *d, struct str name, struct str address, struct fault *f)
{
	struct directory_user user;
	char key[NAME_SIZE];
	struct buf users;
	int rc;

	if (name_check(name, user.name, f) < 0 ||
	    name_check_alias(address, key, f) < 0)
		return -1;
	buf_init(&users, SENDERS_SIZE);
	directory_begin_change(d);
	rc = find_pair(d, &user, key, &users, f);
	if (rc > 0)
		rc = fault_perm(
		    f, "5.1.0", "%s may send as %s already", user.name, key);
	if (rc == 0)
		rc = add_user(d, user.name, key, &users, f);
	rc = directory_end_change(d, rc, f);
	buf_clear(&users);
	return rc;
}

/* Within a change. */
static void
put_without(
    struct directory *d, struct str user, struct str address, struct str users)
{
	struct buf rest;

	buf_init(&rest, SENDERS_SIZE);
	while (users.len > 0) {
		struct str one = str_cut(&users, ' ');

		if (!str_is(one, user))
			put_name(&rest, one);
	}
	if (buf_len(&rest) > 0)
		d->driver->put_senders(d->store, address, buf_str(&rest));
	else
		d->driver->del_senders(d->store, address);
	buf_clear(&rest);
}

int
directory_sender_del(
    struct directory *d, struct str name, struct str address, struct fault *f)
{
	struct directory_user user;
	char key[NAME_SIZE];
	struct buf users;
	int rc;

	if (name_check(name, user.name, f) < 0 ||
	    name_check_alias(address, key, f) < 0)
		return -1;
	buf_init(&users, SENDERS_SIZE);
	directory_begin_change(d);
	rc = find_pair(d, &user, key, &users, f);
	if (rc == 0)
		rc = fault_perm(f, "5.1.1", "%s was not allowed to send as %s",
		    user.name, key);
	if (rc > 0) {
		put_without(d, str(user.name), str(key), buf_str(&users));
		directory_audit(d, "sender.del", user.name, "%s", key);
	}
	rc = directory_end_change(d, rc, f);
	buf_clear(&users);
	return rc < 0 ? -1 : 0;
}

struct listing {
	struct directory *directory;
	struct str user; /* empty: all */
	directory_each_sender_call *each;
	void *ctx;
};

static int
give_own(void *ctx, struct str address, struct str users)
{
	const struct listing *l = ctx;

	return l->user.len == 0 || has_name(users, l->user)
		   ? l->each(l->ctx, address, users)
		   : 0;
}

static int
end_one(void *ctx, struct str address, struct str users)
{
	const struct listing *l = ctx;

	put_without(l->directory, l->user, address, users);
	return 0;
}

int
directory_del_senders(struct directory *d, struct str user, struct fault *f)
{
	struct listing l = {d, user, end_one, &l};

	return d->driver->each_sender(
	    d->store, (struct str){0}, give_own, &l, f);
}

int
directory_each_sender(struct directory *d, struct str name,
    directory_each_sender_call *each, void *ctx, struct fault *f)
{
	struct listing l = {d, {0}, each, ctx};
	struct directory_user user;

	if (name.len > 0) {
		if (directory_need_user(d, name, &user, f) < 0)
			return -1;
		l.user = str(user.name);
	}
	return d->driver->each_sender(
	    d->store, (struct str){0}, give_own, &l, f);
}

/* Look-ups. */

/* Whoever may send at all. */
static int
add_login(
    struct directory *d, struct str name, struct buf *logins, struct fault *f)
{
	struct directory_user user;
	int rc;

	if (has_name(buf_str(logins), name))
		return 0;
	rc = directory_user_get(d, name, &user, f);
	if (rc > 0 && !user.disabled && !user.no_send)
		put_name(logins, name);
	return rc < 0 ? -1 : 0;
}

static int
add_logins_of(struct directory *d, const char *address, struct buf *logins,
    struct fault *f)
{
	struct buf users;
	struct str rest;
	int rc;

	buf_init(&users, SENDERS_SIZE);
	rc = d->driver->get_senders(d->store, str(address), &users, f);
	rest = buf_str(&users);
	while (rc >= 0 && rest.len > 0)
		rc = add_login(d, str_cut(&rest, ' '), logins, f);
	buf_clear(&users);
	return rc < 0 ? -1 : 0;
}

/* Those who were allowed the address, the part before "+", or all of the
 * domain. */
static int
add_allowed(
    struct directory *d, const char *key, struct buf *logins, struct fault *f)
{
	struct str user, detail, domain = name_domain(str(key));
	char other[NAME_SIZE];

	if (add_logins_of(d, key, logins, f) < 0)
		return -1;
	if (address_split_detail(name_local(str(key)), '+', &user, &detail)) {
		snprintf(other, sizeof other, "%.*s@%.*s", STR_ARG(user),
		    STR_ARG(domain));
		if (add_logins_of(d, other, logins, f) < 0)
			return -1;
	}
	snprintf(other, sizeof other, "@%.*s", STR_ARG(domain));
	return add_logins_of(d, other, logins, f);
}

/* Those whom the name leads to. Who cannot log in can send as nobody. */
static int
add_own(struct directory *d, struct str address, struct buf *logins,
    struct fault *f)
{
	struct expansion x = {
	    .directory = d,
	    .wants = WANTS_LOGINS,
	    .names_max = DIRECTORY_NAMES_MAX,
	    .results_max = DIRECTORY_EXPANSION_MAX,
	    .result = logins,
	};
	int rc = directory_expand(&x, address, f);

	directory_expand_clear(&x);
	return rc < 0 && str_is(str(f->dsn), STR_LIT("5.2.1")) ? 0 : rc;
}

int
directory_senders(struct directory *d, struct str address, struct buf *logins,
    struct fault *f)
{
	char key[NAME_SIZE];
	int rc;

	buf_reset(logins);
	if (!name_key(address, key))
		return 0;
	rc = add_own(d, address, logins, f);
	if (rc >= 0)
		rc = add_allowed(d, key, logins, f);
	if (rc >= 0 && buf_is_full(logins))
		rc = fault_perm(
		    f, "5.4.6", "this address is that of too many users");
	if (rc < 0)
		buf_reset(logins);
	return rc < 0 ? -1 : buf_len(logins) > 0;
}
