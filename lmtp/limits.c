/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "lmtp/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/quota_value.h"
#include "proto/socketmap.h"

enum {
	KEPT_MAX = 100000, /* of what the directory said */
	VALUE_MAX = 4096,
	SKIP_MS = 60000,
};

/* Only of those that have limits. */
struct kept {
	struct map_node node;
	char *address;
	struct mailbox_name mailbox;
	struct quota_limits limits;
};

struct limits {
	struct socketmap_client *directory;
	/* What each recipient looks at, without the mutex. */
	atomic_bool has_kept; /* anything */
	atomic_bool is_away;  /* and the log says so */
	/* A directory of others', which has no such map, is not asked for each
	 * message. */
	atomic_bool was_told;
	atomic_int_fast64_t skip_until; /* clock_ms() */

	pthread_mutex_t mutex;
	struct map kept;
};

struct limits *
limits_new(struct socketmap_client *directory)
{
	struct limits *l = mem_new(struct limits);

	l->directory = directory;
	pthread_mutex_init(&l->mutex, NULL);
	return l;
}

static void
forget(void *ctx, struct map_node *node)
{
	struct kept *k = (struct kept *)node;

	map_remove(ctx, node);
	mem_free(k->address);
	mem_free(k);
}

void
limits_free(struct limits **limits)
{
	struct limits *l = *limits;

	if (l == NULL)
		return;
	map_each(&l->kept, forget, &l->kept);
	map_clear(&l->kept);
	pthread_mutex_destroy(&l->mutex);
	mem_free(l);
	*limits = NULL;
}

bool
limits_parse(
    struct str value, struct mailbox_name *mailbox, struct quota_limits *found)
{
	struct quota_value v;
	struct fault f;

	memset(found, 0, sizeof *found);
	if (!quota_value_parse(value, &v) ||
	    mailbox_name_parse(v.user, mailbox, &f) < 0)
		return false;
	found->user = (struct maildirsize_limits){v.bytes, v.messages};
	found->domain =
	    (struct maildirsize_limits){v.domain_bytes, v.domain_messages};
	return true;
}

/* What was said. */

struct key {
	struct str address;
};

static bool
is_kept(const struct map_node *node, const void *key)
{
	const struct key *k = key;

	return str_is(str(((const struct kept *)node)->address), k->address);
}

static struct kept *
find(struct limits *l, struct str address)
{
	const struct key key = {address};

	return (struct kept *)map_find(
	    &l->kept, str_hash(address), is_kept, &key);
}

static bool
has_any(const struct quota_limits *q)
{
	return q->user.bytes > 0 || q->user.messages > 0 ||
	       q->domain.bytes > 0 || q->domain.messages > 0;
}

/* With the mutex. */
static struct kept *
make(struct limits *l, struct str address)
{
	struct kept *k = mem_new(struct kept);

	/* More is not to be had: then all may be said anew. */
	if (l->kept.n >= KEPT_MAX)
		map_each(&l->kept, forget, &l->kept);
	k->address = str_dup(address);
	map_add(&l->kept, &k->node, str_hash(address));
	return k;
}

static void
keep(struct limits *l, struct str address, const struct mailbox_name *mailbox,
    const struct quota_limits *limits)
{
	struct kept *k;

	atomic_store(&l->was_told, true);
	atomic_store(&l->is_away, false);
	if (!has_any(limits) && !atomic_load(&l->has_kept))
		return;
	pthread_mutex_lock(&l->mutex);
	k = find(l, address);
	if (!has_any(limits)) {
		if (k != NULL)
			forget(&l->kept, &k->node);
	} else {
		if (k == NULL)
			k = make(l, address);
		k->mailbox = *mailbox;
		k->limits = *limits;
	}
	atomic_store(&l->has_kept, l->kept.n > 0);
	pthread_mutex_unlock(&l->mutex);
}

static bool
recall(struct limits *l, struct str address, const struct fault *why,
    struct mailbox_name *mailbox, struct quota_limits *limits)
{
	const struct kept *k;
	bool was_away = atomic_exchange(&l->is_away, true), is_found;

	if (why->kind == FAULT_PERM && !atomic_load(&l->was_told))
		atomic_store(&l->skip_until, clock_ms() + SKIP_MS);
	pthread_mutex_lock(&l->mutex);
	k = find(l, address);
	is_found = k != NULL;
	if (is_found) {
		*mailbox = k->mailbox;
		*limits = k->limits;
	}
	pthread_mutex_unlock(&l->mutex);
	if (!was_away)
		log_warn(NULL, "quotas not known", "reason", why->text, NULL);
	return is_found;
}

bool
limits_get(struct limits *l, struct str address, struct mailbox_name *mailbox,
    struct quota_limits *found)
{
	struct buf value;
	struct fault f;
	int rc;

	memset(found, 0, sizeof *found);
	if (l == NULL || clock_ms() < atomic_load(&l->skip_until))
		return false;
	buf_init(&value, VALUE_MAX);
	rc = socketmap_look_up(l->directory, "quota", address, &value, &f);
	if (rc > 0 && !limits_parse(buf_str(&value), mailbox, found))
		rc = 0;
	buf_clear(&value);
	if (rc < 0)
		return recall(l, address, &f, mailbox, found);
	if (rc > 0)
		keep(l, address, mailbox, found);
	return rc > 0;
}
