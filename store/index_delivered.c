/* SPDX-License-Identifier: ISC */
/*
 * The memory of which deliveries were made: for ten days, by id and folder.
 */
#include "config.h"

#include <time.h>

#include "store/index_private.h"

#include "base/clock.h"

enum {
	PURGE_KEYS = 20000, /* at once */
	CLOCK_SLACK_S = 3600,
};

void
index_delivery_key(struct buf *b, struct str ident,
    const struct mailbox_name *mailbox, const struct mailbox_folder *folder)
{
	buf_put_str(b, ident);
	buf_putc(b, '\0');
	buf_puts(b, mailbox->path);
	buf_putc(b, '\0');
	buf_puts(b, folder->dir);
}

bool
index_name_counts(const struct maildir_name *name)
{
	return name->is_ours && name->ident.len > 0 &&
	       name->ident.len <= MAILDIR_IDENT_MAX &&
	       name->time >= time(NULL) - INDEX_IDENT_DAYS * 86400;
}

int
index_learn_name(struct index_folder *folder, const struct maildir_name *name,
    struct fault *f)
{
	struct buf key;
	int rc;

	if (!index_name_counts(name))
		return 0;
	buf_init(&key, INDEX_KEY_MAX);
	buf_put_str(&key, name->ident);
	buf_putc(&key, '\0');
	buf_puts(&key, folder->path);
	buf_putc(&key, '\0');
	buf_puts(&key, folder->dir);
	rc =
	    index_db_put_delivered(folder->index, buf_str(&key), name->time, f);
	buf_clear(&key);
	return rc;
}
int64_t
index_newest_ident(const struct index *index)
{
	return index->newest_ident;
}

struct lookup {
	struct str key;
	bool was;
};

static int
look_up(struct index *index, void *ctx, struct fault *f)
{
	struct lookup *l = ctx;
	struct buf value;
	int rc;

	buf_init(&value, 64);
	rc = db_get(index->delivered, NULL, l->key, &value, f);
	l->was = rc > 0 && buf_len(&value) == 8 &&
		 (int64_t)index_get_number(buf_text(&value)) >=
		     time(NULL) - INDEX_IDENT_DAYS * 86400;
	buf_clear(&value);
	return rc < 0 ? -1 : 0;
}

bool
index_was_delivered(struct index *index, struct str key)
{
	struct lookup l = {.key = key};
	struct fault f = {.kind = FAULT_TEMP};
	int rc = -1;

	pthread_rwlock_rdlock(&index->opening);
	if (index->env != NULL)
		rc = look_up(index, &l, &f);
	pthread_rwlock_unlock(&index->opening);
	/* Behind a job that failed for good the index is mended. */
	for (int i = 0; i < 3 && rc < 0 && db_is_damage(&f); i++)
		rc = index_run(index, look_up, &l, &f);
	return l.was;
}

struct purge {
	int64_t before;
	struct buf keys;
	size_t n;
};

static int
gather_old(void *ctx, struct str key, struct str value)
{
	struct purge *p = ctx;

	/* No delivery: the index' own. */
	if (str_starts(key, STR_LIT("\0")))
		return 0;
	if (value.len == 8 && (int64_t)index_get_number(value.at) >= p->before)
		return 0;
	buf_put_str(&p->keys, key);
	buf_putc(&p->keys, '\n');
	return ++p->n == PURGE_KEYS ? 1 : 0;
}

/* Whether the system's clock went on as ours did since the last purge: one that
 * has jumped may jump back. */
static bool
is_clock_steady(struct index *index, int64_t now)
{
	int64_t ours = (clock_ms() - index->purged) / 1000;
	int64_t systems = now - index->purged_time;

	return systems - ours < CLOCK_SLACK_S;
}

void
index_purge_delivered(struct index *index)
{
	int64_t now = time(NULL);
	bool steady = index->purged == 0 || is_clock_steady(index, now);
	struct purge p = {.before = now - INDEX_IDENT_DAYS * 86400};
	struct str keys;
	struct fault f;
	int rc;

	index->purged_time = now;
	index->purged = clock_ms();
	if (!steady)
		return;

	buf_init(&p.keys, (size_t)PURGE_KEYS * (INDEX_KEY_MAX + 1));
	rc = db_scan(index->delivered, str(""), str(""), gather_old, &p, &f);
	keys = buf_str(&p.keys);
	while (rc >= 0 && keys.len > 0)
		rc = index_db_del_delivered(index, str_cut(&keys, '\n'), &f);
	if (rc >= 0)
		rc = index_db_flush(index, &f);
	if (rc < 0)
		index_complain(index, &f);
	buf_clear(&p.keys);
	/* At once again where there may be more. */
	if (p.n == PURGE_KEYS && rc >= 0)
		index->purged = 0;
}
