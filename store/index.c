/* SPDX-License-Identifier: ISC */
/*
 * The index as the rest of the store sees it: what is learnt goes into a
 * bounded queue, and one thread, which yields to all others, writes it.
 *
 * What makes it safe to lose the queue: a folder's directory times are recorded
 * only when nothing announced in it is still to be written. So after a crash
 * the times differ wherever a record may be missing.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "store/index_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
	QUEUE_ENTRIES = 1 << 15,
	QUEUE_BYTES = 64 << 20,
	SETTLE_MS = 200,
	RETRY_MS = 10000,
	AGAIN_MS = 600 * 1000,
	PURGE_MS = 3600 * 1000,
	PURGE_KEYS = 20000,
	YIELD = 10, /* the writer's nice value */
};

struct index_entry {
	struct index_entry *next;
	struct index_folder *folder; /* a hold */
	uint64_t size, wire_size;
	size_t name_len, ident_len, head_len;
	char bytes[]; /* name, ident, head */
};

struct index_job {
	struct index_job *next;
	int (*run)(struct index *index, void *ctx, struct fault *f);
	void *ctx;
	struct fault *fault;
	int rc;
	bool done;
};

/* Folders. */

static struct index_folder **
bucket(struct index *index, const char *path, const char *dir)
{
	uint64_t h = str_hash(str(path)) * 31 + str_hash(str(dir));

	return &index->buckets[(h ^ h >> 32) % INDEX_BUCKETS];
}

struct index_folder *
index_find_folder(struct index *index, const char *path, const char *dir)
{
	struct index_folder **at = bucket(index, path, dir), *folder;

	pthread_mutex_lock(&index->mutex);
	folder = *at;
	while (folder != NULL && (strcmp(folder->path, path) != 0 ||
				     strcmp(folder->dir, dir) != 0))
		folder = folder->next_in_bucket;
	if (folder == NULL) {
		folder = mem_new(struct index_folder);
		folder->index = index;
		folder->path = mem_dup(path);
		folder->dir = mem_dup(dir);
		folder->next_in_bucket = *at;
		*at = folder;
	}
	folder->holds++;
	pthread_mutex_unlock(&index->mutex);
	return folder;
}

struct index_folder *
index_folder_hold(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder)
{
	return index_find_folder(index, mailbox->path, folder->dir);
}

void
index_folder_release(struct index_folder **folder)
{
	struct index_folder *gone = *folder;
	struct index *index = gone->index;
	struct index_folder **at = bucket(index, gone->path, gone->dir);

	*folder = NULL;
	pthread_mutex_lock(&index->mutex);
	if (--gone->holds > 0) {
		gone = NULL;
	} else {
		while (*at != gone)
			at = &(*at)->next_in_bucket;
		*at = gone->next_in_bucket;
	}
	pthread_mutex_unlock(&index->mutex);
	if (gone == NULL)
		return;
	mem_free(gone->path);
	mem_free(gone->dir);
	mem_free(gone);
}

/* The mutex is held. */
static void
wait_locked(struct index_folder *folder)
{
	struct index *index = folder->index;

	if (folder->waits)
		return;
	folder->waits = true;
	folder->holds++;
	folder->next_waiting = index->waiting;
	index->waiting = folder;
	index->n_waiting++;
}

void
index_wait(struct index_folder *folder)
{
	pthread_mutex_lock(&folder->index->mutex);
	wait_locked(folder);
	pthread_mutex_unlock(&folder->index->mutex);
}

/* Learning. */

void
index_announce(struct index_folder *folder)
{
	atomic_fetch_add(&folder->unindexed, 1);
}

void
index_withdraw(struct index_folder *folder)
{
	atomic_fetch_sub(&folder->unindexed, 1);
	/* The directory's times have changed all the same. */
	index_wait(folder);
}

/* The header section; what is not one is cut anyway. */
static struct str
cut_head(struct str message)
{
	struct str head = str_head(message, RECORD_HEAD_MAX);
	const char *end =
	    head.len > 0 ? memmem(head.at, head.len, "\n\n", 2) : NULL;

	return end == NULL ? head : str_head(head, (size_t)(end - head.at) + 1);
}

static struct index_entry *
entry_new(struct index_folder *folder, const struct index_news *news)
{
	struct str head = cut_head(news->head);
	size_t bytes = news->name.len + news->ident.len + head.len;
	struct index_entry *e = mem_resize(NULL, 1, sizeof *e + bytes);
	char *at = e->bytes;

	e->next = NULL;
	e->folder = folder;
	e->size = news->size;
	e->wire_size = news->wire_size;
	e->name_len = news->name.len;
	e->ident_len = news->ident.len;
	e->head_len = head.len;
	memcpy(at, news->name.at, news->name.len);
	at += news->name.len;
	if (news->ident.len > 0)
		memcpy(at, news->ident.at, news->ident.len);
	at += news->ident.len;
	if (head.len > 0)
		memcpy(at, head.at, head.len);
	return e;
}

static size_t
entry_bytes(const struct index_entry *e)
{
	return sizeof *e + e->name_len + e->ident_len + e->head_len;
}

void
index_learn(struct index_folder *folder, const struct index_news *news)
{
	struct index *index = folder->index;
	struct index_entry *e = entry_new(folder, news);
	bool wake = false;

	pthread_mutex_lock(&index->mutex);
	if (index->n_entries >= QUEUE_ENTRIES ||
	    index->entry_bytes >= QUEUE_BYTES) {
		atomic_store(&folder->lost, true);
		atomic_fetch_sub(&folder->unindexed, 1);
	} else {
		folder->holds++;
		*index->last = e;
		index->last = &e->next;
		index->n_entries++;
		index->entry_bytes += entry_bytes(e);
		e = NULL;
		wake = index->sleeping;
		index->sleeping = false;
	}
	wait_locked(folder);
	pthread_mutex_unlock(&index->mutex);
	if (wake)
		pthread_cond_signal(&index->work);
	mem_free(e);
}

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

static uint64_t
get_number(const char *at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < 8; i++)
		n = n << 8 | (unsigned char)at[i];
	return n;
}

int64_t
index_newest_ident(const struct index *index)
{
	return index->newest_ident;
}

/* The writer. */

static int
write_entry(struct index_entry *e, struct buf *texts, struct fault *f)
{
	struct str file = str_n(e->bytes, e->name_len);
	struct str head =
	    str_n(e->bytes + e->name_len + e->ident_len, e->head_len);
	struct maildir_name name;
	struct record r = {
	    .place = RECORD_NEW,
	    .size = e->size,
	    .wire_size = e->wire_size,
	    .ident = str_n(e->bytes + e->name_len, e->ident_len),
	};

	if (!maildir_name_parse(file, &name))
		return 0;
	r.stored = name.time;
	record_read_head(&r, head, texts);
	if (index_db_put_message(e->folder, name.base, &r, f) < 0)
		return -1;
	return index_learn_name(e->folder, &name, f);
}

static void
entry_free(struct index_entry *e)
{
	atomic_fetch_sub(&e->folder->unindexed, 1);
	index_folder_release(&e->folder);
	mem_free(e);
}

/* Once, not for each batch: under load there are hundreds a second. */
static void
complain(struct index *index, const struct fault *f)
{
	if (!index->is_failing)
		log_warn(NULL, "index could not be written", "reason", f->text,
		    NULL);
	index->is_failing = true;
}

/* A message is no longer to be written only when its transaction has ended,
 * so entries are freed behind the flush. */
static void
write_entries(struct index *index, struct index_entry *first)
{
	struct fault f = {0};
	struct buf texts;

	buf_init(&texts, 4 * RECORD_HEAD_MAX);
	while (first != NULL) {
		struct index_entry *e = first, *end;
		uint64_t aborts = index->aborts;
		size_t n = 0;

		for (; e != NULL && n < INDEX_BATCH / 2; e = e->next, n++) {
			if (write_entry(e, &texts, &f) < 0)
				atomic_store(&e->folder->lost, true);
		}
		end = e;
		if (index_db_flush(index, &f) < 0 || index->aborts != aborts)
			complain(index, &f);
		else
			index->is_failing = false;
		while (first != end) {
			e = first->next;
			entry_free(first);
			first = e;
		}
	}
	buf_clear(&texts);
}

/* Records the times of a folder in which nothing is under way. */
static int
settle(struct index_folder *folder, struct fault *f)
{
	int64_t new_time, cur_time;

	if (!index_folder_times(folder, &new_time, &cur_time))
		return 1;
	if (index_is_too_new(new_time))
		return 0;
	/* What was announced since is not in these times for certain. */
	if (atomic_load(&folder->unindexed) > 0)
		return 0;
	if (index_db_load(folder, f) < 0)
		return -1;
	folder->careful = false;
	if (folder->known.new_time == new_time)
		return 1;
	if (index_db_change(folder, f) < 0)
		return -1;
	folder->known.new_time = new_time;
	return 1;
}

/* 1 when the folder needs no more, 0 when it must wait, -1 on a fault. At the
 * end nothing is reconciled any more: the times will tell the next sweep. */
static int
settle_or_reconcile(struct index_folder *folder, bool at_end, struct fault *f)
{
	struct index_difference difference;

	if (at_end && atomic_load(&folder->lost))
		return 0;
	if (!atomic_load(&folder->lost))
		return atomic_load(&folder->unindexed) > 0 ? 0
							   : settle(folder, f);
	if (index_reconcile_folder(folder, true, &difference, f) < 0)
		return -1;
	return atomic_load(&folder->unindexed) > 0 ? 0 : 1;
}

static bool
has_entries(struct index *index)
{
	bool has;

	pthread_mutex_lock(&index->mutex);
	has = index->first != NULL;
	pthread_mutex_unlock(&index->mutex);
	return has;
}

/* The folders that wait, ended by NULL: a list of its own, since the moment
 * they no longer wait they may be made to wait again. */
static struct index_folder **
take_waiting(struct index *index)
{
	struct index_folder **list;
	size_t n = 0;

	pthread_mutex_lock(&index->mutex);
	list = mem_zeroed(index->n_waiting + 1, sizeof(*list));
	for (struct index_folder *i = index->waiting; i != NULL;
	     i = i->next_waiting) {
		list[n++] = i;
		i->waits = false;
	}
	index->waiting = NULL;
	index->n_waiting = 0;
	pthread_mutex_unlock(&index->mutex);
	return list;
}

/* Goes through the folders that wait; those that need more wait again. */
static void
settle_waiting(struct index *index, bool at_end)
{
	struct index_folder **list;
	struct fault f = {0};
	bool failed = false;

	if (clock_ms() < index->settle_at && !at_end)
		return;
	list = take_waiting(index);
	for (size_t i = 0; list[i] != NULL; i++) {
		int rc = 0;

		if (!failed && !has_entries(index))
			rc = settle_or_reconcile(list[i], at_end, &f);
		failed = failed || rc < 0;
		if (rc <= 0)
			index_wait(list[i]);
		index_folder_release(&list[i]);
	}
	mem_free(list);
	if (!failed && index_db_flush(index, &f) < 0)
		failed = true;
	index->settle_at = clock_ms() + (failed ? RETRY_MS : SETTLE_MS);
	if (failed)
		complain(index, &f);
}

/* Forgetting deliveries that are too old to come again. */
struct purge {
	int64_t before;
	struct buf keys;
	size_t n;
};

static int
gather_old(void *ctx, struct str key, struct str value)
{
	struct purge *p = ctx;

	if (value.len == 8 && (int64_t)get_number(value.at) >= p->before)
		return 0;
	buf_put_str(&p->keys, key);
	buf_putc(&p->keys, '\n');
	return ++p->n == PURGE_KEYS ? 1 : 0;
}

static void
purge(struct index *index)
{
	struct purge p = {
	    .before = time(NULL) - INDEX_IDENT_DAYS * 86400,
	};
	struct str keys;
	struct fault f;
	int rc;

	buf_init(&p.keys, (size_t)PURGE_KEYS * (INDEX_KEY_MAX + 1));
	rc = db_scan(index->delivered, str(""), str(""), gather_old, &p, &f);
	keys = buf_str(&p.keys);
	while (rc >= 0 && keys.len > 0)
		rc = index_db_del_delivered(index, str_cut(&keys, '\n'), &f);
	if (rc >= 0)
		rc = index_db_flush(index, &f);
	if (rc < 0)
		complain(index, &f);
	buf_clear(&p.keys);
	/* At once again where there may be more. */
	index->purged = p.n == PURGE_KEYS && rc >= 0 ? 0 : clock_ms();
}

static int
is_usable(void *ctx, struct str key, struct str value)
{
	(void)ctx;
	(void)key;
	(void)value;
	return 1;
}

static bool
is_fit(struct index *index, struct fault *f)
{
	return index->env != NULL && (db_scan(index->folders, str(""), str(""),
					  is_usable, NULL, f) >= 0 ||
					 !db_is_damage(f));
}

/*
 * An environment that has failed for good answers nothing any more: it is
 * closed, recovered, and compared with all mailboxes. One that fails again soon
 * is damaged where recovery does not look, and is made anew.
 */
static void
mend(struct index *index)
{
	struct fault f = {0};
	int64_t now = clock_ms();
	bool again = index->mended != 0 && now - index->mended < AGAIN_MS;

	index->in_doubt = false;
	if (now < index->retry_at || is_fit(index, &f))
		return;
	log_error(NULL, "index has failed and is opened again", "reason",
	    f.text, NULL);
	index->mended = now;
	again = again && index->env != NULL;
	if (index_db_reopen(index, again ? &f : NULL, &f) == 0 &&
	    index_sweep(index, &f) == 0) {
		index->retry_ms = 0;
		return;
	}
	log_error(NULL, "index is out of use", "reason", f.text, NULL);
	/* Less and less often: each try may cost memory, since the library
	 * frees nothing of an environment that has panicked. */
	index->retry_ms = index->retry_ms == 0         ? RETRY_MS
			  : index->retry_ms < AGAIN_MS ? index->retry_ms * 2
						       : AGAIN_MS;
	index->retry_at = now + index->retry_ms;
}

static void
run_jobs(struct index *index, struct index_job *job)
{
	struct index_job *next;

	for (; job != NULL; job = next) {
		next = job->next;
		if (index->env == NULL)
			job->rc = fault_temp(
			    job->fault, "4.3.0", "the index is not available");
		else
			job->rc = job->run(index, job->ctx, job->fault);
		if (job->rc >= 0 && index_db_flush(index, job->fault) < 0)
			job->rc = -1;
		index->in_doubt = index->in_doubt || job->rc < 0;
		pthread_mutex_lock(&index->mutex);
		job->done = true;
		pthread_cond_broadcast(&index->job_done);
		pthread_mutex_unlock(&index->mutex);
	}
}

/* Waits for something to do; false when it is time to stop. Both lists are
 * taken at one moment: so what was learnt before a job is written before. */
static bool
wait_for_work(
    struct index *index, struct index_entry **entries, struct index_job **jobs)
{
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SETTLE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&index->mutex);
	index->sleeping = true;
	while (
	    index->first == NULL && index->jobs == NULL && !index->stopping) {
		if (index->waiting == NULL && index->purged != 0)
			pthread_cond_wait(&index->work, &index->mutex);
		else if (pthread_cond_timedwait(
			     &index->work, &index->mutex, &until) == ETIMEDOUT)
			break;
	}
	index->sleeping = false;
	*entries = index->first;
	index->first = NULL;
	index->last = &index->first;
	index->n_entries = 0;
	index->entry_bytes = 0;
	*jobs = index->jobs;
	index->jobs = NULL;
	index->last_job = &index->jobs;
	go_on = !index->stopping || *entries != NULL || *jobs != NULL;
	pthread_mutex_unlock(&index->mutex);
	return go_on;
}

static void *
run(void *ctx)
{
	struct index *index = ctx;
	struct index_entry *entries;
	struct index_job *jobs;

	/* Deliveries come first: the index may fall behind. Linux keeps this
	 * value for each thread. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), YIELD);
	while (wait_for_work(index, &entries, &jobs)) {
		uint64_t aborts = index->aborts;

		write_entries(index, entries);
		run_jobs(index, jobs);
		if (!has_entries(index))
			settle_waiting(index, false);
		if (index->env != NULL &&
		    (index->purged == 0 ||
			clock_ms() - index->purged > PURGE_MS))
			purge(index);
		if (index->env == NULL || index->in_doubt ||
		    index->aborts != aborts)
			mend(index);
	}
	return NULL;
}

int
index_run(struct index *index,
    int (*run_job)(struct index *index, void *ctx, struct fault *f), void *ctx,
    struct fault *f)
{
	struct index_job job = {.run = run_job, .ctx = ctx, .fault = f};

	loop_blocking_begin();
	pthread_mutex_lock(&index->mutex);
	*index->last_job = &job;
	index->last_job = &job.next;
	pthread_cond_signal(&index->work);
	while (!job.done)
		pthread_cond_wait(&index->job_done, &index->mutex);
	pthread_mutex_unlock(&index->mutex);
	loop_blocking_end();
	return job.rc;
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
		 (int64_t)get_number(buf_text(&value)) >=
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

/* Reading, in a job. */

struct each_folder {
	int (*each)(void *ctx, const struct mailbox_name *mailbox,
	    const struct mailbox_folder *folder, const struct index_stat *stat);
	void *ctx;
};

/* "domain/user" to "user@domain". */
static bool
name_from_path(struct str path, struct mailbox_name *name)
{
	char text[MAILBOX_NAME_SIZE];
	struct str user = path, domain = str_cut(&user, '/');
	struct fault f;

	if (user.at == NULL || path.len >= sizeof text)
		return false;
	snprintf(
	    text, sizeof text, "%.*s@%.*s", STR_ARG(user), STR_ARG(domain));
	return mailbox_name_parse(str(text), name, &f) == 0;
}

static int
give_folder(void *ctx, struct str key, struct str value)
{
	struct each_folder *e = ctx;
	struct mailbox_folder folder;
	struct mailbox_name mailbox;
	struct index_known known;
	struct index_stat stat = {0};
	struct str path, dir;
	struct fault f;

	if (!index_db_parse_folder(key, value, &path, &dir, &known) ||
	    !name_from_path(path, &mailbox))
		return 0;
	/* A folder whose name is not in our spelling is shown as it stands. */
	if (mailbox_folder_from_dir(dir, &folder, &f) < 0 &&
	    (!str_copy(dir, folder.dir, sizeof folder.dir) ||
		!str_copy(dir, folder.text, sizeof folder.text)))
		return 0;
	stat.messages = known.messages;
	stat.unseen = known.unseen;
	stat.bytes = known.bytes;
	return e->each(e->ctx, &mailbox, &folder, &stat);
}

int
index_each_folder(struct index *index, struct index_range range,
    int (*each)(void *ctx, const struct mailbox_name *mailbox,
	const struct mailbox_folder *folder, const struct index_stat *stat),
    void *ctx, struct fault *f)
{
	struct each_folder e = {.each = each, .ctx = ctx};
	struct buf prefix, from;
	int rc = -1;

	buf_init(&prefix, INDEX_KEY_MAX);
	buf_init(&from, INDEX_KEY_MAX);
	buf_put_str(&prefix, range.path);
	if (range.path.len > 0 && !str_ends(range.path, STR_LIT("/")))
		buf_putc(&prefix, '\0');
	buf_put_str(&from, range.after);
	/* The least that no key of this mailbox begins with. */
	if (range.after.len > 0)
		buf_putc(&from, '\1');
	if (index_db_flush(index, f) == 0)
		rc = db_scan(index->folders, buf_str(&prefix), buf_str(&from),
		    give_folder, &e, f);
	buf_clear(&prefix);
	buf_clear(&from);
	return rc;
}

struct each_message {
	int (*each)(void *ctx, struct str base, const struct record *r);
	void *ctx;
};

static int
give_message(void *ctx, struct str key, struct str value)
{
	struct each_message *e = ctx;
	struct record r;

	if (!record_parse(value, &r))
		return 0;
	return e->each(e->ctx, str_from(key, 8), &r);
}

int
index_each_message(struct index *index, const struct mailbox_name *mailbox,
    const struct mailbox_folder *folder,
    int (*each)(void *ctx, struct str base, const struct record *r), void *ctx,
    struct fault *f)
{
	struct each_message e = {.each = each, .ctx = ctx};
	struct index_folder *known =
	    index_find_folder(index, mailbox->path, folder->dir);
	char prefix[8];
	int rc = -1;

	if (index_db_flush(index, f) == 0 && index_db_load(known, f) == 0) {
		index_db_message_prefix(known, prefix);
		rc = db_scan(index->messages, str_n(prefix, sizeof prefix),
		    str(""), give_message, &e, f);
	}
	index_folder_release(&known);
	return rc;
}

/* Life. */

struct index *
index_open(const char *dir, uint64_t cache, int root, struct fault *f)
{
	struct index *index = mem_new(struct index);

	index->dir = mem_dup(dir);
	index->cache = cache;
	index->root = root;
	index->last = &index->first;
	index->last_job = &index->jobs;
	pthread_rwlock_init(&index->opening, NULL);
	pthread_mutex_init(&index->mutex, NULL);
	pthread_cond_init(&index->work, NULL);
	pthread_cond_init(&index->job_done, NULL);
	if (index_db_open(index, f) < 0)
		index_close(&index);
	return index;
}

int
index_start(struct index *index, struct fault *f)
{
	if (thread_start(&index->thread, run, index, f) < 0)
		return -1;
	index->has_thread = true;
	return 0;
}

void
index_close(struct index **index)
{
	struct index *x = *index;

	if (x == NULL)
		return;
	if (x->has_thread) {
		pthread_mutex_lock(&x->mutex);
		x->stopping = true;
		pthread_cond_signal(&x->work);
		pthread_mutex_unlock(&x->mutex);
		pthread_join(x->thread, NULL);
	}
	if (x->env != NULL && x->waiting != NULL) {
		/* Only then can the times be told apart from later ones. */
		usleep(INDEX_SAME_TIME_US);
		settle_waiting(x, true);
	}
	index_db_close(x);
	while (x->waiting != NULL) {
		struct index_folder *folder = x->waiting;

		x->waiting = folder->next_waiting;
		index_folder_release(&folder);
	}
	pthread_cond_destroy(&x->job_done);
	pthread_cond_destroy(&x->work);
	pthread_mutex_destroy(&x->mutex);
	pthread_rwlock_destroy(&x->opening);
	mem_free(x->dir);
	mem_free(x);
	*index = NULL;
}
