/* SPDX-License-Identifier: ISC */
/* Opening and closing the queue, and reading what is in it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/queue/queue_private.h"

enum {
	CACHE = 32 << 20,
	FRESH_PART = 4, /* messages that came lately get as much on top */
	DONE_MS = 7 * 60 * 60 * 1000,
};

static int
open_body_dir(struct queue *q, struct fault *f)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s/body", q->dir) >=
	    sizeof path)
		return fault_perm(f, "5.3.5", "%s is too long", q->dir);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", path);
	q->body_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return q->body_dir < 0 ? fault_errno(f, "cannot open %s", path) : 0;
}

static int
open_tables(struct queue *q, struct fault *f)
{
	const struct {
		struct db **db;
		const char *name;
		bool loose;
	} tables[] = {
	    {&q->message, "message", false},
	    {&q->body, "body", false},
	    {&q->due, "due", true},
	    {&q->done, "done", false},
	    {&q->setting, "setting", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		*tables[i].db = tables[i].loose
				    ? db_open_loose(q->env, tables[i].name, f)
				    : db_open(q->env, tables[i].name, f);
		if (*tables[i].db == NULL)
			return -1;
	}
	return 0;
}

static int
read_counters(struct queue *q, struct fault *f)
{
	struct queue_counters c = {0};
	struct buf value;
	int found;

	buf_init(&value, sizeof c);
	found = db_get(q->setting, NULL, QUEUE_COUNTERS, &value, f);
	if (found > 0 && buf_len(&value) == sizeof c)
		memcpy(&c, buf_text(&value), sizeof c);
	buf_clear(&value);
	atomic_init(&q->messages, c.messages);
	atomic_init(&q->bytes, c.bytes);
	atomic_init(&q->used, c.used);
	q->tombstones = c.tombstones;
	return found < 0 ? -1 : 0;
}

struct queue *
queue_open(const struct queue_conf *conf, struct fault *f)
{
	struct queue *q = mem_new(struct queue);
	struct db_env_options o = {
	    .durability = DB_DURABLE, .busy = true, .fatal = true};

	q->conf = *conf;
	q->dir = mem_dup(conf->dir);
	q->body_dir = -1;
	q->copy_dir = -1;
	q->last = &q->first;
	if (q->conf.done_ms == 0)
		q->conf.done_ms = DONE_MS;
	o.cache = conf->cache > 0 ? conf->cache : CACHE;
	q->fresh = queue_fresh_new(o.cache / FRESH_PART);
	pthread_mutex_init(&q->mutex, NULL);
	pthread_mutex_init(&q->copy_mutex, NULL);
	pthread_cond_init(&q->work, NULL);
	q->env = db_env_open(q->dir, &o, f);
	if (q->env == NULL || open_body_dir(q, f) < 0 ||
	    open_tables(q, f) < 0 || read_counters(q, f) < 0 ||
	    queue_body_sweep(q, f) < 0 || queue_committer_start(q, f) < 0)
		queue_close(&q);
	return q;
}

void
queue_close(struct queue **queue)
{
	struct queue *q = *queue;

	if (q == NULL)
		return;
	queue_committer_stop(q);
	db_close(&q->message);
	db_close(&q->body);
	db_close(&q->due);
	db_close(&q->done);
	db_close(&q->setting);
	db_env_close(&q->env);
	queue_fresh_free(&q->fresh);
	if (q->body_dir >= 0)
		close(q->body_dir);
	pthread_cond_destroy(&q->work);
	pthread_mutex_destroy(&q->mutex);
	pthread_mutex_destroy(&q->copy_mutex);
	mem_free(q->dir);
	mem_free(q);
	*queue = NULL;
}

int
queue_get(struct queue *queue, const struct ident *id, struct arena *arena,
    struct entry *e, struct fault *f)
{
	struct buf value;
	int rc;

	if (queue_fresh_get(queue->fresh, id, arena, e))
		return 1;
	buf_init(&value, ENTRY_BYTES_MAX);
	rc = db_get(queue->message, NULL, queue_key(id), &value, f);
	if (rc > 0 && entry_decode(buf_str(&value), arena, e, f) < 0)
		rc = -1;
	buf_clear(&value);
	return rc;
}

int
queue_has(struct queue *queue, const struct ident *id, struct fault *f)
{
	struct buf value;
	int rc;

	buf_init(&value, ENTRY_BYTES_MAX);
	rc = db_get(queue->message, NULL, queue_key(id), &value, f);
	buf_clear(&value);
	return rc;
}

int
queue_each_piece(struct queue *queue, const struct entry *e,
    int (*piece)(void *ctx, struct str bytes, struct fault *f), void *ctx,
    struct fault *f)
{
	struct buf body;
	int rc;

	if (e->body_in_file)
		return queue_body_each_piece(queue, &e->id, piece, ctx, f);
	buf_init(&body, QUEUE_BODY_INLINE);
	rc = queue_fresh_get_body(queue->fresh, &e->id, &body)
		 ? 1
		 : db_get(queue->body, NULL, queue_key(&e->id), &body, f);
	if (rc == 0)
		rc =
		    fault_temp(f, "4.3.0", "%s has left the queue", e->id.text);
	else if (rc > 0)
		rc = buf_len(&body) > 0 ? piece(ctx, buf_str(&body), f) : 0;
	buf_clear(&body);
	return rc;
}

struct entry_scan {
	int (*each)(void *ctx, const struct entry *e);
	void *ctx;
	struct fault *fault;
};

static int
give_entry(void *ctx, struct str key, struct str value)
{
	struct entry_scan *s = ctx;
	struct arena arena = {0};
	struct entry e;
	int rc;

	(void)key;
	rc = entry_decode(value, &arena, &e, s->fault);
	if (rc == 0)
		rc = s->each(s->ctx, &e);
	arena_clear(&arena);
	return rc;
}

int
queue_each(struct queue *queue, const struct ident *from,
    int (*each)(void *ctx, const struct entry *e), void *ctx, struct fault *f)
{
	struct entry_scan s = {each, ctx, f};

	return db_scan(queue->message, str(""),
	    from != NULL ? queue_key(from) : str(""), give_entry, &s, f);
}

struct setting_scan {
	int (*each)(void *ctx, struct str name, struct str value);
	void *ctx;
};

static int
give_setting(void *ctx, struct str key, struct str value)
{
	struct setting_scan *s = ctx;

	return str_is(key, QUEUE_COUNTERS) ? 0 : s->each(s->ctx, key, value);
}

int
queue_each_setting(struct queue *queue, struct str prefix,
    int (*each)(void *ctx, struct str name, struct str value), void *ctx,
    struct fault *f)
{
	struct setting_scan s = {each, ctx};

	return db_scan(queue->setting, prefix, str(""), give_setting, &s, f);
}

void
queue_count(struct queue *queue, uint64_t *messages, uint64_t *bytes)
{
	*messages = atomic_load(&queue->messages);
	*bytes = atomic_load(&queue->bytes);
}

void
queue_watch(struct queue *queue,
    void (*changed)(void *ctx, struct str domain, uint64_t owner, int64_t rows,
	int64_t earliest),
    void *ctx)
{
	queue->changed_ctx = ctx;
	queue->changed = changed;
}
