/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "auth/directory_quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "auth/directory_driver.h"

enum { SHOWN_MAX = 100, KEY_SIZE = 40 };

/* Records. */

void
directory_quota_format(struct buf *b, const struct directory_quota *quota)
{
	buf_putf(b, "%" PRId64 " %" PRId64, quota->bytes, quota->messages);
}

bool
directory_quota_parse_limit(struct str text, int64_t *limit)
{
	uint64_t n = 0;

	if (text.len > 0 && text.at[0] == '-') {
		*limit = DIRECTORY_QUOTA_NONE;
		return str_to_u64(str_from(text, 1), 0, INT64_MAX, &n);
	}
	if (text.len > 0 && !str_to_u64(text, 0, DIRECTORY_QUOTA_MAX, &n))
		return false;
	*limit = (int64_t)n;
	return true;
}

bool
directory_quota_parse(struct str *rest, struct directory_quota *quota)
{
	return directory_quota_parse_limit(str_cut(rest, ' '), &quota->bytes) &&
	       directory_quota_parse_limit(
		   str_cut(rest, ' '), &quota->messages);
}

/* JSON. */

static void
put_limit(json_t *object, const char *before, const char *name, int64_t limit)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof key, "%s%s", before, name);
	if (limit != DIRECTORY_QUOTA_UNSET)
		json_put_int(object, key, limit);
}

void
directory_quota_put(
    json_t *object, const char *before, const struct directory_quota *quota)
{
	put_limit(object, before, "quota", quota->bytes);
	put_limit(object, before, "quota_messages", quota->messages);
}

static int
take_limit(const json_t *object, const char *before, const char *name,
    int64_t *limit, struct fault *f)
{
	char key[KEY_SIZE];

	snprintf(key, sizeof key, "%s%s", before, name);
	if (json_get(object, key) == NULL)
		return 0;
	*limit = json_get_int(object, key, INT64_MIN);
	if (*limit == INT64_MIN)
		return fault_perm(f, "5.5.4", "%s: a number", key);
	/* Only we may say that something is to stay as it is. */
	if (*limit == DIRECTORY_QUOTA_KEEP)
		*limit = INT64_MIN;
	return 0;
}

int
directory_quota_take(const json_t *object, const char *before, int64_t missing,
    struct directory_quota *quota, struct fault *f)
{
	quota->bytes = quota->messages = missing;
	if (take_limit(object, before, "quota", &quota->bytes, f) < 0)
		return -1;
	return take_limit(
	    object, before, "quota_messages", &quota->messages, f);
}

/* Changes. */

static bool
is_limit(int64_t limit, bool is_user)
{
	return (limit >= DIRECTORY_QUOTA_UNSET &&
		   limit <= DIRECTORY_QUOTA_MAX) ||
	       (is_user && limit == DIRECTORY_QUOTA_NONE);
}

int
directory_quota_check(
    const struct directory_quota *quota, bool is_user, struct fault *f)
{
	if (is_limit(quota->bytes, is_user) &&
	    is_limit(quota->messages, is_user))
		return 0;
	return fault_perm(f, "5.5.4",
	    "a quota is a number from 1 to %lld, or 0 for %s%s",
	    (long long)DIRECTORY_QUOTA_MAX, is_user ? "the domain's" : "none",
	    is_user ? ", or -1 for none" : "");
}

static void
take(int64_t *limit, int64_t given)
{
	if (given != DIRECTORY_QUOTA_KEEP)
		*limit = given;
}

static struct directory_quota
changed(struct directory_quota old, const struct directory_quota *given)
{
	take(&old.bytes, given->bytes);
	take(&old.messages, given->messages);
	return old;
}

int
directory_user_set_quota(struct directory *d, struct str name,
    const struct directory_quota *quota, struct fault *f)
{
	struct directory_user user;
	int rc;

	directory_begin_change(d);
	rc = directory_need_user(d, name, &user, f);
	if (rc == 0) {
		user.quota = changed(user.quota, quota);
		rc = directory_quota_check(&user.quota, true, f);
	}
	if (rc == 0) {
		user.changed = (int64_t)time(NULL);
		d->driver->put_user(d->store, &user);
		directory_audit(d, "user.set", user.name,
		    "quota=%" PRId64 " quota_messages=%" PRId64,
		    user.quota.bytes, user.quota.messages);
	}
	return directory_end_change(d, rc, f);
}

static int
need_domain(struct directory *d, struct str name,
    struct directory_domain *domain, struct fault *f)
{
	int rc = directory_domain_read(d, name, domain, f);

	if (rc == 0)
		return fault_perm(f, "5.1.1", "%.*s: there is no such domain",
		    STR_ARG(str_head(name, SHOWN_MAX)));
	return rc < 0 ? -1 : 0;
}

int
directory_domain_set_quota(struct directory *d, struct str name,
    const struct directory_quota *total, const struct directory_quota *user,
    struct fault *f)
{
	struct directory_domain domain;
	int rc;

	directory_begin_change(d);
	rc = need_domain(d, name, &domain, f);
	if (rc == 0) {
		domain.total = changed(domain.total, total);
		domain.user = changed(domain.user, user);
		rc = directory_quota_check(&domain.total, false, f);
	}
	if (rc == 0)
		rc = directory_quota_check(&domain.user, false, f);
	if (rc == 0) {
		d->driver->put_domain(d->store, &domain);
		directory_audit(d, "domain.set", domain.name,
		    "quota=%" PRId64 " quota_messages=%" PRId64
		    " user_quota=%" PRId64 " user_quota_messages=%" PRId64,
		    domain.total.bytes, domain.total.messages,
		    domain.user.bytes, domain.user.messages);
	}
	return directory_end_change(d, rc, f);
}

/* Look-ups. */

static uint64_t
holds(int64_t own, int64_t fallback)
{
	int64_t limit = own == DIRECTORY_QUOTA_UNSET ? fallback : own;

	return limit > 0 ? (uint64_t)limit : 0;
}

int
directory_quota_of_user(struct directory *d, const struct directory_user *user,
    struct quota_value *value, struct fault *f)
{
	struct directory_domain domain = {.name = ""};

	/* Others' tables may have users in a domain that they do not name. */
	if (d->driver->get_domain(
		d->store, name_domain(str(user->name)), &domain, f) < 0)
		return -1;
	*value = (struct quota_value){
	    .user = str(user->name),
	    .bytes = holds(user->quota.bytes, domain.user.bytes),
	    .messages = holds(user->quota.messages, domain.user.messages),
	    .domain_bytes = holds(domain.total.bytes, 0),
	    .domain_messages = holds(domain.total.messages, 0),
	};
	return 0;
}

int
directory_quota_get(struct directory *d, struct str address,
    struct directory_user *user, struct quota_value *value, struct fault *f)
{
	int rc = directory_find_mailbox(d, address, user, f);

	if (rc <= 0)
		return rc;
	return directory_quota_of_user(d, user, value, f) < 0 ? -1 : 1;
}
