/* SPDX-License-Identifier: ISC */
/*
 * What was known of a message that moves from one folder of a mailbox to
 * another one and keeps its base name, as Courier moves it, or a shell.
 *
 * Where the folder that it left is compared first its record is gone when it is
 * found again: so what was known of the last ones that went is kept for a while.
 * Where it is compared last, its record is there still, in a folder whose
 * directories have changed since they were compared.
 */
#include "config.h"

#include <time.h>

#include "store/index_private.h"

#include "base/map.h"
#include "base/mem.h"

enum {
	KEPT_MAX = 20000,
	/* What others have delivered just now can hardly have moved yet, and
	 * need not be looked for; of what we have, the index was told. */
	SETTLED_S = 5,
};

struct gone {
	struct map_node node;
	struct gone *next; /* that went after it */
	size_t value_len, key_len;
	char bytes[]; /* a record of what is carried over; "path NUL base" */
};

struct index_moved {
	struct map map;
	struct gone *first, **last;
};

static struct str
key_of(const struct gone *gone)
{
	return str_n(gone->bytes + gone->value_len, gone->key_len);
}

static bool
is_key(const struct map_node *node, const void *key)
{
	return str_is(
	    key_of((const struct gone *)node), *(const struct str *)key);
}

static void
put_key(struct buf *b, const struct index_folder *folder, struct str base)
{
	buf_puts(b, folder->path);
	buf_putc(b, '\0');
	buf_put_str(b, base);
}

static void
drop_first(struct index_moved *moved)
{
	struct gone *gone = moved->first;

	moved->first = gone->next;
	if (moved->first == NULL)
		moved->last = &moved->first;
	map_remove(&moved->map, &gone->node);
	mem_free(gone);
}

void
index_moved_free(struct index_moved **moved)
{
	if (*moved == NULL)
		return;
	while ((*moved)->first != NULL)
		drop_first(*moved);
	map_clear(&(*moved)->map);
	mem_free(*moved);
	*moved = NULL;
}

static void
keep(struct index_moved *moved, struct str key, struct str value)
{
	struct gone *gone =
	    mem_resize(NULL, 1, sizeof *gone + value.len + key.len);

	gone->next = NULL;
	gone->value_len = value.len;
	gone->key_len = key.len;
	memcpy(gone->bytes, value.at, value.len);
	memcpy(gone->bytes + value.len, key.at, key.len);
	if (moved->map.n == KEPT_MAX)
		drop_first(moved);
	map_add(&moved->map, &gone->node, str_hash(key));
	*moved->last = gone;
	moved->last = &gone->next;
}

void
index_moved_note(
    struct index_folder *folder, struct str base, const struct record *r)
{
	const struct record carried = {
	    .digest = r->digest,
	    .has_own_digest = r->has_own_digest,
	    .has_attachments = r->has_attachments,
	    .attachments = r->attachments,
	};
	struct index *index = folder->index;
	struct buf key, value;
	struct str k;

	if (r->digest.len == 0)
		return;
	if (index->moved == NULL) {
		index->moved = mem_new(struct index_moved);
		index->moved->last = &index->moved->first;
	}
	buf_init(&key, INDEX_KEY_MAX);
	buf_init(&value, RECORD_SIZE_MAX);
	put_key(&key, folder, base);
	record_format(&carried, &value);
	k = buf_str(&key);
	/* One that goes again and again is the same each time. */
	if (map_find(&index->moved->map, str_hash(k), is_key, &k) == NULL)
		keep(index->moved, k, buf_str(&value));
	buf_clear(&key);
	buf_clear(&value);
}

static bool
find_gone(struct index_folder *folder, struct str base, struct buf *value,
    struct record *r)
{
	const struct index_moved *moved = folder->index->moved;
	const struct gone *gone;
	struct buf key;
	struct str k;

	if (moved == NULL)
		return false;
	buf_init(&key, INDEX_KEY_MAX);
	put_key(&key, folder, base);
	k = buf_str(&key);
	gone =
	    (const struct gone *)map_find(&moved->map, str_hash(k), is_key, &k);
	buf_clear(&key);
	if (gone == NULL)
		return false;
	buf_reset(value);
	buf_put(value, gone->bytes, gone->value_len);
	return record_parse(buf_str(value), r);
}

static int
add_other(void *ctx, struct str key, struct str value)
{
	struct index_maker *m = ctx;
	char path[MAILDIR_PATH_SIZE], dir[MAILDIR_PATH_SIZE];
	struct str path_view, dir_view;
	int64_t new_time = 0, cur_time = 0;
	struct index_folder *other;
	struct index_known known;

	if (!index_db_parse_folder(key, value, &path_view, &dir_view, &known) ||
	    known.messages == 0 || !str_copy(path_view, path, sizeof path) ||
	    !str_copy(dir_view, dir, sizeof dir))
		return 0;
	other = index_find_folder(m->folder->index, path, dir);
	(void)index_folder_times(other, &new_time, &cur_time);
	if (other == m->folder ||
	    (known.new_time == new_time && known.cur_time == cur_time &&
		new_time != 0 && cur_time != 0)) {
		index_folder_release(&other);
		return 0;
	}
	m->others[m->n_others++] = other;
	return m->n_others == ARRAY_LEN(m->others) ? 1 : 0;
}

/* Once for all files of a folder. The folders' records are written with the end
 * of a transaction only, so that reading them waits for nothing. */
static int
find_others(struct index_maker *m, struct fault *f)
{
	struct buf prefix;
	int rc;

	if (m->has_others)
		return 0;
	m->has_others = true;
	buf_init(&prefix, INDEX_KEY_MAX);
	buf_puts(&prefix, m->folder->path);
	buf_putc(&prefix, '\0');
	rc = db_scan(m->folder->index->folders, buf_str(&prefix), str(""),
	    add_other, m, f);
	buf_clear(&prefix);
	return rc < 0 ? -1 : 0;
}

int
index_moved_find(struct index_maker *m, const struct maildir_name *name,
    struct record *r, struct fault *f)
{
	int64_t now = time(NULL);

	if (find_gone(m->folder, name->base, &m->old, r))
		return 1;
	if (!name->is_ours && name->time <= now && name->time > now - SETTLED_S)
		return 0;
	if (find_others(m, f) < 0)
		return -1;
	for (size_t i = 0; i < m->n_others; i++) {
		int rc = index_db_get_message(
		    m->others[i], name->base, &m->old, r, f);

		if (rc < 0)
			return -1;
		if (rc > 0 && r->digest.len > 0)
			return 1;
	}
	return 0;
}
