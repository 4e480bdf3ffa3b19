/* SPDX-License-Identifier: ISC */
/*
 * The writer's side of the index' database. Records gather in one transaction
 * of bounded size; folders whose numbers changed are written with it, so that
 * what is committed always adds up.
 */
#include "config.h"

#include "store/index_private.h"

#include <string.h>

#include "proto/ident.h"

enum { KNOWN_SIZE = 1 + 8 * 8 };

void
index_set_number(char *at, uint64_t n)
{
	for (size_t i = 0; i < 8; i++)
		at[i] = (char)(n >> (56 - 8 * i) & 0xff);
}

uint64_t
index_get_number(const char *at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

static void
lose(struct index_folder *folder)
{
	atomic_store(&folder->lost, true);
	folder->loaded = false;
	index_wait(folder);
}

/* What it had changed is read again from disk. */
void
index_db_abort(struct index *index)
{
	struct index_folder *folder = index->changed;

	db_abort(&index->txn);
	index->in_txn = 0;
	index->aborts++;
	index->changed = NULL;
	while (folder != NULL) {
		struct index_folder *next = folder->next_changed;

		folder->changed = false;
		lose(folder);
		index_folder_release(&folder);
		folder = next;
	}
}

static int
begin(struct index *index, struct fault *f)
{
	if (index->env == NULL)
		return fault_temp(f, "4.3.0", "the index is not available");
	if (index->txn != NULL && index->in_txn >= INDEX_BATCH &&
	    index_db_flush(index, f) < 0)
		return -1;
	if (index->txn == NULL)
		index->txn = db_begin(index->env, f);
	if (index->txn == NULL)
		return -1;
	index->in_txn++;
	return 0;
}

static int
put(struct index *index, struct db *db, struct str key, struct str value,
    struct fault *f)
{
	if (db_put(db, index->txn, key, value, f) == 0)
		return 0;
	index_db_abort(index);
	return -1;
}

static int
del(struct index *index, struct db *db, struct str key, struct fault *f)
{
	int rc = db_del(db, index->txn, key, f);

	if (rc < 0)
		index_db_abort(index);
	return rc;
}

static void
folder_key(struct buf *b, const struct index_folder *folder)
{
	buf_puts(b, folder->path);
	buf_putc(b, '\0');
	buf_puts(b, folder->dir);
}

static int
put_folder(struct index_folder *folder, struct fault *f)
{
	const struct index_known *k = &folder->known;
	char value[KNOWN_SIZE];
	struct buf key;
	int rc;

	value[0] = INDEX_VERSION;
	index_set_number(value + 1, k->id);
	index_set_number(value + 9, (uint64_t)k->new_time);
	index_set_number(value + 17, (uint64_t)k->cur_time);
	index_set_number(value + 25, k->messages);
	index_set_number(value + 33, k->unseen);
	index_set_number(value + 41, k->bytes);
	index_set_number(value + 49, k->fresh);
	index_set_number(value + 57, k->fresh_sum);
	buf_init(&key, INDEX_KEY_MAX);
	folder_key(&key, folder);
	rc = db_put(folder->index->folders, folder->index->txn, buf_str(&key),
	    str_n(value, sizeof value), f);
	buf_clear(&key);
	return rc;
}

static int
put_about(struct index *index, struct fault *f)
{
	char value[INDEX_ABOUT_SIZE];

	value[0] = INDEX_VERSION;
	index_set_number(value + 1, index->next_id);
	index_set_number(value + 9, (uint64_t)index->swept);
	index_set_number(value + 17, (uint64_t)index->newest_ident);
	return db_put(index->folders, index->txn, index_about_key(),
	    str_n(value, sizeof value), f);
}

int
index_db_flush(struct index *index, struct fault *f)
{
	struct index_folder *folder = index->changed;

	if (index->txn == NULL)
		return 0;
	for (; folder != NULL; folder = folder->next_changed) {
		if (put_folder(folder, f) < 0)
			goto fail;
	}
	if (put_about(index, f) < 0 || db_commit(&index->txn, f) < 0)
		goto fail;
	index->in_txn = 0;
	while ((folder = index->changed) != NULL) {
		index->changed = folder->next_changed;
		folder->changed = false;
		index_folder_release(&folder);
	}
	return 0;
fail:
	index_db_abort(index);
	return -1;
}

bool
index_db_parse_folder(struct str key, struct str value, struct str *path,
    struct str *dir, struct index_known *known)
{
	if (value.len != KNOWN_SIZE || value.at[0] != INDEX_VERSION ||
	    !str_has(key, '\0') || key.at[0] == '\0')
		return false;
	*dir = key;
	*path = str_cut(dir, '\0');
	known->id = index_get_number(value.at + 1);
	known->new_time = (int64_t)index_get_number(value.at + 9);
	known->cur_time = (int64_t)index_get_number(value.at + 17);
	known->messages = index_get_number(value.at + 25);
	known->unseen = index_get_number(value.at + 33);
	known->bytes = index_get_number(value.at + 41);
	known->fresh = index_get_number(value.at + 49);
	known->fresh_sum = index_get_number(value.at + 57);
	return true;
}

int
index_db_load(struct index_folder *folder, struct fault *f)
{
	struct index *index = folder->index;
	struct buf key, value;
	struct str path, dir;
	int rc;

	if (folder->loaded)
		return 0;
	if (index->env == NULL)
		return fault_temp(f, "4.3.0", "the index is not available");
	buf_init(&key, INDEX_KEY_MAX);
	buf_init(&value, KNOWN_SIZE * 2);
	folder_key(&key, folder);
	rc = db_get(index->folders, index->txn, buf_str(&key), &value, f);
	memset(&folder->known, 0, sizeof folder->known);
	if (rc == 0 ||
	    (rc > 0 && !index_db_parse_folder(buf_str(&key), buf_str(&value),
			   &path, &dir, &folder->known)))
		folder->known.id = index->next_id++;
	folder->loaded = rc >= 0;
	buf_clear(&key);
	buf_clear(&value);
	return rc < 0 ? -1 : 0;
}

int
index_db_change(struct index_folder *folder, struct fault *f)
{
	struct index *index = folder->index;

	if (index_db_load(folder, f) < 0 || begin(index, f) < 0)
		return -1;
	if (!folder->changed) {
		folder->changed = true;
		folder->next_changed = index->changed;
		index->changed =
		    index_find_folder(index, folder->path, folder->dir);
	}
	return 0;
}

void
index_db_message_prefix(const struct index_folder *folder, char prefix[8])
{
	index_set_number(prefix, folder->known.id);
}

static void
message_key(struct buf *b, const struct index_folder *folder, struct str base)
{
	char prefix[8];

	index_db_message_prefix(folder, prefix);
	buf_put(b, prefix, sizeof prefix);
	buf_put_str(b, base);
}

static void
count(struct index_known *k, struct str base, const struct record *r, bool add)
{
	uint64_t sign = add ? 1 : (uint64_t)-1;

	k->messages += sign;
	k->bytes += sign * r->size;
	if (!record_is_seen(r))
		k->unseen += sign;
	if (r->place == RECORD_NEW) {
		k->fresh += sign;
		k->fresh_sum += sign * str_hash(base);
	}
}

void
index_db_count(struct index_known *k, struct str base, const struct record *r)
{
	count(k, base, r, true);
}

/* Takes what the old record had added off the folder's numbers. 1 where there
 * was one. goes: it is going to be deleted. */
static int
discount(
    struct index_folder *folder, struct str key, bool goes, struct fault *f)
{
	struct record old;
	struct buf value;
	int rc;

	buf_init(&value, RECORD_SIZE_MAX);
	rc =
	    db_get(folder->index->messages, folder->index->txn, key, &value, f);
	if (rc > 0 && record_parse(buf_str(&value), &old)) {
		count(&folder->known, str_from(key, 8), &old, false);
		if (goes)
			index_moved_note(folder, str_from(key, 8), &old);
	}
	buf_clear(&value);
	if (rc < 0)
		index_db_abort(folder->index);
	return rc;
}

int
index_db_put_message(struct index_folder *folder, struct str base,
    const struct record *r, struct fault *f)
{
	struct buf key, value;
	int rc = -1;

	if (index_db_change(folder, f) < 0)
		return -1;
	buf_init(&key, INDEX_KEY_MAX);
	buf_init(&value, RECORD_SIZE_MAX);
	message_key(&key, folder, base);
	record_format(r, &value);
	if ((folder->careful &&
		discount(folder, buf_str(&key), false, f) < 0) ||
	    put(folder->index, folder->index->messages, buf_str(&key),
		buf_str(&value), f) < 0)
		goto out;
	count(&folder->known, base, r, true);
	rc = 0;
out:
	buf_clear(&key);
	buf_clear(&value);
	return rc;
}

int
index_db_del_message(
    struct index_folder *folder, struct str base, struct fault *f)
{
	struct buf key;
	int rc = -1;

	if (index_db_change(folder, f) < 0)
		return -1;
	buf_init(&key, INDEX_KEY_MAX);
	message_key(&key, folder, base);
	if (discount(folder, buf_str(&key), true, f) < 0)
		goto out;
	rc = del(folder->index, folder->index->messages, buf_str(&key), f);
out:
	buf_clear(&key);
	return rc < 0 ? -1 : 0;
}

int
index_db_get_message(struct index_folder *folder, struct str base,
    struct buf *value, struct record *r, struct fault *f)
{
	struct index *index = folder->index;
	struct buf key;
	int rc;

	if (index_db_load(folder, f) < 0)
		return -1;
	buf_init(&key, INDEX_KEY_MAX);
	message_key(&key, folder, base);
	rc = db_get(index->messages, index->txn, buf_str(&key), value, f);
	buf_clear(&key);
	return rc > 0 && !record_parse(buf_str(value), r) ? 0 : rc;
}

int
index_db_put_delivered(
    struct index *index, struct str key, int64_t when, struct fault *f)
{
	struct str rest = key, ident = str_cut(&rest, '\0');
	char value[8];

	if (begin(index, f) < 0)
		return -1;
	if (ident_is_ours(ident) && ident_time_us(ident) > index->newest_ident)
		index->newest_ident = ident_time_us(ident);
	index_set_number(value, (uint64_t)when);
	return put(index, index->delivered, key, str_n(value, sizeof value), f);
}

int
index_db_del_delivered(struct index *index, struct str key, struct fault *f)
{
	if (begin(index, f) < 0)
		return -1;
	return del(index, index->delivered, key, f) < 0 ? -1 : 0;
}

int
index_db_del_folder(struct index_folder *folder, struct fault *f)
{
	struct index *index = folder->index;
	struct buf key;
	int rc;

	/* Its record must not come back with the transaction under way. */
	if (index_db_flush(index, f) < 0 || begin(index, f) < 0)
		return -1;
	buf_init(&key, INDEX_KEY_MAX);
	folder_key(&key, folder);
	rc = del(index, index->folders, buf_str(&key), f);
	buf_clear(&key);
	folder->loaded = false;
	return rc < 0 ? -1 : index_db_flush(index, f);
}
