/* SPDX-License-Identifier: ISC */
/* First by what the heads say, and only where two are alike there by their
 * bytes. */
#include "config.h"

#include "store/duplicates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "proto/header.h"
#include "store/record.h"

enum { PIECE = 64 << 10, ID_MAX = 1000 };

struct message {
	struct duplicate duplicate; /* what others see */
	struct message *next;       /* in its group */
	int64_t time;
	struct str base, flags;
	bool is_gone;
	uint8_t digest[CRYPTO_SHA256_LEN];
};

/* Messages that may be the same. */
struct group {
	struct map_node node;
	struct str key; /* folder and Message-ID, or folder and size */
	struct str message_id;
	struct message *messages;
	size_t n;
	struct group *next; /* in the order in which they were met */
};

struct duplicates {
	bool across;
	struct map map;
	struct group *first, **last;
	struct arena arena;
};

struct duplicates *
duplicates_new(bool across)
{
	struct duplicates *d = mem_new(struct duplicates);

	d->across = across;
	d->last = &d->first;
	return d;
}

void
duplicates_free(struct duplicates **duplicates)
{
	if (*duplicates == NULL)
		return;
	map_clear(&(*duplicates)->map);
	arena_clear(&(*duplicates)->arena);
	mem_free(*duplicates);
	*duplicates = NULL;
}

/* Reading heads. */

static bool
is_key(const struct map_node *node, const void *key)
{
	return str_is(
	    STRUCT_OF(node, struct group, node)->key, *(const struct str *)key);
}

static struct group *
get_group(struct duplicates *d, struct str key, struct str message_id)
{
	uint64_t hash = str_hash(key);
	struct map_node *node = map_find(&d->map, hash, is_key, &key);
	struct group *g;

	if (node != NULL)
		return STRUCT_OF(node, struct group, node);
	g = arena_new(&d->arena, struct group);
	g->key = arena_str(&d->arena, key);
	g->message_id = arena_str(&d->arena, message_id);
	map_add(&d->map, &g->node, hash);
	*d->last = g;
	d->last = &g->next;
	return g;
}

static void
add_message(struct duplicates *d, const struct mailbox_folder *folder,
    const struct client_entry *e, struct group *g)
{
	struct message *m = arena_new(&d->arena, struct message);
	struct maildir_name name;

	m->duplicate.folder = folder;
	m->duplicate.file = arena_text(&d->arena, str(e->file));
	m->duplicate.is_new = e->is_new;
	if (!maildir_name_parse(str(m->duplicate.file), &name))
		return;
	m->time = name.time;
	m->base = name.base;
	m->flags = name.flags;
	m->next = g->messages;
	g->messages = m;
	g->n++;
}

/* What it may be the same by. */
static int
read_head(struct duplicates *d, const struct client_folder *folder, int fd,
    struct buf *key, struct str *message_id, char head[RECORD_HEAD_MAX],
    struct fault *f)
{
	ssize_t n = pread(fd, head, RECORD_HEAD_MAX, 0);
	struct header_field field;
	struct stat st;

	if (n < 0 || fstat(fd, &st) < 0)
		return fault_errno(
		    f, "cannot read a message of %s", folder->mailbox.text);
	*message_id = STR_LIT("");
	if (header_find(str_n(head, (size_t)n), "Message-ID", &field))
		*message_id = str_head(header_message_id(field.value), ID_MAX);
	if (!d->across)
		buf_puts(key, folder->folder.dir);
	if (message_id->len > 0) {
		buf_putc(key, '<');
		buf_put_str(key, *message_id);
	} else {
		buf_putf(key, "/%llu", (unsigned long long)st.st_size);
	}
	return 0;
}

static int
add_entry(struct duplicates *d, const struct client_folder *folder,
    struct client_list *list, struct client_entry *e,
    const struct mailbox_folder *name, struct fault *f)
{
	char head[RECORD_HEAD_MAX];
	struct str message_id;
	struct buf key;
	int fd, rc = client_open(folder, list, e, &fd, f);

	if (rc <= 0)
		return rc;
	buf_init(&key, ID_MAX + MAILBOX_FOLDER_SIZE + 32);
	rc = read_head(d, folder, fd, &key, &message_id, head, f);
	if (rc == 0)
		add_message(
		    d, name, e, get_group(d, buf_str(&key), message_id));
	buf_clear(&key);
	close(fd);
	return rc;
}

int
duplicates_add(struct duplicates *d, const struct client_folder *folder,
    int (*each)(void *ctx, struct fault *f), void *ctx, struct fault *f)
{
	struct mailbox_folder *name =
	    arena_new(&d->arena, struct mailbox_folder);
	struct client_list list;
	int rc = client_list_read(&list, folder, f);

	*name = folder->folder;
	for (size_t i = 0; rc == 0 && i < list.n; i++) {
		rc = add_entry(d, folder, &list, &list.entries[i], name, f);
		if (rc == 0)
			rc = each(ctx, f);
	}
	client_list_clear(&list);
	return rc;
}

/* Reading bodies. */

/* Where the header section ends. */
static int
find_body(int fd, off_t *at, struct fault *f)
{
	char piece[PIECE];
	struct header_scan scan;
	off_t done = 0;
	ssize_t n = 1;

	header_scan_init(&scan);
	while (n > 0 && !scan.done) {
		n = pread(fd, piece, sizeof piece, done);
		if (n < 0)
			return fault_errno(f, "cannot read a message");
		header_scan_feed(&scan, str_n(piece, (size_t)n));
		done += n;
	}
	*at = scan.done ? (off_t)scan.size : done;
	return 0;
}

static int
take_digest(
    int fd, off_t at, uint8_t digest[CRYPTO_SHA256_LEN], struct fault *f)
{
	struct crypto_sha256 *hash = crypto_sha256_new();
	char piece[PIECE];
	ssize_t n;

	while ((n = pread(fd, piece, sizeof piece, at)) > 0) {
		crypto_sha256_add(hash, str_n(piece, (size_t)n));
		at += n;
	}
	crypto_sha256_end(hash, digest);
	crypto_sha256_free(&hash);
	return n < 0 ? fault_errno(f, "cannot read a message") : 0;
}

static int
read_message(struct client *client, const struct mailbox_name *mailbox,
    const struct group *g, struct message *m, struct fault *f)
{
	struct client_folder folder;
	struct client_entry e = {
	    .file = m->duplicate.file, .is_new = m->duplicate.is_new};
	struct client_list list = {0};
	off_t at = 0;
	int fd, rc = client_folder_open(
		    client, mailbox, m->duplicate.folder, &folder, f);

	m->is_gone = rc == 0;
	if (rc <= 0)
		return rc;
	m->is_gone = !maildir_name_parse(str(e.file), &e.name);
	rc = client_open(&folder, &list, &e, &fd, f);
	m->is_gone = rc == 0;
	if (rc > 0) {
		rc = g->message_id.len > 0 ? find_body(fd, &at, f) : 0;
		if (rc == 0)
			rc = take_digest(fd, at, m->digest, f);
		close(fd);
	}
	client_list_clear(&list);
	client_folder_close(&folder);
	return rc;
}

/* Groups. */

/* By digest, and then the oldest first. */
static int
compare(const void *a, const void *b)
{
	const struct message *x = *(struct message *const *)a;
	const struct message *y = *(struct message *const *)b;
	int rc = memcmp(x->digest, y->digest, sizeof x->digest);

	if (rc != 0)
		return rc;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	rc = str_compare(x->base, y->base);
	return rc != 0
		   ? rc
		   : strcmp(x->duplicate.folder->dir, y->duplicate.folder->dir);
}

static void
join_flags(struct message *const *messages, size_t n,
    char flags[DUPLICATES_FLAGS_SIZE])
{
	static const char letters[] = "DFPRST";
	size_t len = 0;

	for (size_t i = 0; letters[i] != '\0'; i++) {
		bool wants_all = letters[i] == 'D' || letters[i] == 'T';
		size_t have = 0;

		for (size_t k = 0; k < n; k++)
			have += str_has(messages[k]->flags, letters[i]);
		if (wants_all ? have == n : have > 0)
			flags[len++] = letters[i];
	}
	flags[len] = '\0';
}

struct calling {
	int (*each)(
	    void *ctx, const struct duplicate_group *group, struct fault *f);
	void *ctx;
};

/* n messages in a row that are the same. */
static int
give_run(const struct calling *c, const struct group *g,
    struct message *const *messages, size_t n, struct fault *f)
{
	const struct duplicate **view =
	    mem_zeroed(n, sizeof(struct duplicate *));
	struct duplicate_group group = {
	    .message_id = g->message_id, .messages = view, .n = n};
	int rc;

	for (size_t i = 0; i < n; i++)
		view[i] = &messages[i]->duplicate;
	join_flags(messages, n, group.flags);
	rc = c->each(c->ctx, &group, f);
	mem_free(view);
	return rc;
}

static int
give_runs(const struct calling *c, const struct group *g,
    struct message **messages, size_t n, struct fault *f)
{
	int rc = 0;

	qsort(messages, n, sizeof *messages, compare);
	for (size_t i = 0, end; rc == 0 && i < n; i = end) {
		for (end = i + 1; end < n; end++)
			if (memcmp(messages[i]->digest, messages[end]->digest,
				CRYPTO_SHA256_LEN) != 0)
				break;
		if (end - i > 1)
			rc = give_run(c, g, messages + i, end - i, f);
	}
	return rc;
}

int
duplicates_each(struct duplicates *d, struct client *client,
    const struct mailbox_name *mailbox,
    int (*each)(
	void *ctx, const struct duplicate_group *group, struct fault *f),
    void *ctx, struct fault *f)
{
	const struct calling c = {each, ctx};
	int rc = 0;

	for (struct group *g = d->first; rc == 0 && g != NULL; g = g->next) {
		struct message **messages;
		size_t n = 0;

		if (g->n < 2)
			continue;
		messages = mem_zeroed(g->n, sizeof(struct message *));
		for (struct message *m = g->messages; rc == 0 && m != NULL;
		     m = m->next) {
			rc = read_message(client, mailbox, g, m, f);
			if (!m->is_gone)
				messages[n++] = m;
		}
		if (rc == 0 && n > 1)
			rc = give_runs(&c, g, messages, n, f);
		mem_free(messages);
	}
	return rc;
}
