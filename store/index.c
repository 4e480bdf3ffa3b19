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
#include "store/follow.h"

enum {
	QUEUE_ENTRIES = 1 << 15,
	QUEUE_BYTES = 64 << 20,
	PURGE_MS = 3600 * 1000,
	YIELD = 10, /* the writer's nice value */
};

struct index_entry {
	struct index_entry *next;
	struct index_folder *folder; /* a hold */
	uint64_t size, wire_size;
	bool has_attachments;
	uint32_t attachments;
	size_t name_len, digest_len, head_len;
	char bytes[]; /* name, digest, head */
};

struct index_job {
	struct index_job *next;
	int (*run)(struct index *index, void *ctx, struct fault *f);
	void *ctx;
	struct fault *fault;
	int rc;
	bool done;
};

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
	size_t bytes = news->name.len + news->digest.len + head.len;
	struct index_entry *e = mem_resize(NULL, 1, sizeof *e + bytes);
	char *at = e->bytes;

	e->next = NULL;
	e->folder = folder;
	e->size = news->size;
	e->wire_size = news->wire_size;
	e->name_len = news->name.len;
	e->has_attachments = news->has_attachments;
	e->attachments = news->attachments;
	e->digest_len = news->digest.len;
	e->head_len = head.len;
	memcpy(at, news->name.at, news->name.len);
	at += news->name.len;
	if (news->digest.len > 0)
		memcpy(at, news->digest.at, news->digest.len);
	at += news->digest.len;
	if (head.len > 0)
		memcpy(at, head.at, head.len);
	return e;
}

static size_t
entry_bytes(const struct index_entry *e)
{
	return sizeof *e + e->name_len + e->digest_len + e->head_len;
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
	index_wait_locked(folder);
	pthread_mutex_unlock(&index->mutex);
	if (wake)
		pthread_cond_signal(&index->work);
	mem_free(e);
}

/* The writer. */

static int
write_entry(struct index_entry *e, struct buf *texts, struct fault *f)
{
	struct str file = str_n(e->bytes, e->name_len);
	struct str head =
	    str_n(e->bytes + e->name_len + e->digest_len, e->head_len);
	struct maildir_name name;
	struct record r = {
	    .place = RECORD_NEW,
	    .size = e->size,
	    .wire_size = e->wire_size,
	    .has_attachments = e->has_attachments,
	    .attachments = e->attachments,
	    .has_own_digest = e->digest_len > 0,
	    .digest = str_n(e->bytes + e->name_len, e->digest_len),
	};

	if (!maildir_name_parse(file, &name))
		return 0;
	r.stored = name.time;
	follow_use(e->folder);
	follow_wrote(e->folder, name.base);
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

void
index_complain(struct index *index, const struct fault *f)
{
	/* Of damage index_mend() will tell. */
	if (db_is_damage(f)) {
		index_doubt(index, f);
		return;
	}
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
			index_complain(index, &f);
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

bool
index_has_news(struct index *index)
{
	bool has;

	pthread_mutex_lock(&index->mutex);
	has = index->first != NULL;
	pthread_mutex_unlock(&index->mutex);
	return has;
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
		if (job->rc < 0)
			index_doubt(index, job->fault);
		pthread_mutex_lock(&index->mutex);
		job->done = true;
		pthread_cond_broadcast(&index->job_done);
		pthread_mutex_unlock(&index->mutex);
	}
}

void
index_ring(struct index *index)
{
	pthread_mutex_lock(&index->mutex);
	index->rung = true;
	pthread_cond_signal(&index->work);
	pthread_mutex_unlock(&index->mutex);
}

/* clock_ms() until when the writer may sleep; 0: as long as nothing comes. The
 * mutex is held. */
static int64_t
sleep_until(const struct index *index)
{
	int64_t pass = index_pass_next(index);
	int64_t soon = clock_ms() + INDEX_SETTLE_MS;

	if (index->waiting == NULL && index->purged != 0)
		return pass;
	return pass != 0 && pass < soon ? pass : soon;
}

/* Waits for something to do; false when it is time to stop. Both lists are
 * taken at one moment: so what was learnt before a job is written before. */
static bool
wait_for_work(
    struct index *index, struct index_entry **entries, struct index_job **jobs)
{
	bool go_on;

	pthread_mutex_lock(&index->mutex);
	index->sleeping = true;
	while (index->first == NULL && index->jobs == NULL && !index->rung &&
	       !index->stopping) {
		int64_t until = sleep_until(index);

		if (until == 0)
			pthread_cond_wait(&index->work, &index->mutex);
		else if (!thread_wait_until(&index->work, &index->mutex, until))
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

static bool
has_rung(struct index *index)
{
	bool rung;

	pthread_mutex_lock(&index->mutex);
	rung = index->rung;
	index->rung = false;
	pthread_mutex_unlock(&index->mutex);
	return rung;
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
		if (has_rung(index))
			follow_read(index->follow);
		if (!index_has_news(index)) {
			index_settle(index, false);
			index_pass(index);
		}
		if (index->env != NULL &&
		    (index->purged == 0 ||
			clock_ms() - index->purged > PURGE_MS))
			index_purge_delivered(index);
		if (index->env == NULL || index->in_doubt ||
		    index->aborts != aborts)
			index_mend(index);
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
	thread_cond_init(&index->work);
	pthread_cond_init(&index->job_done, NULL);
	if (index_db_open(index, f) < 0)
		index_close(&index);
	return index;
}

void
index_attend(struct index *index, const struct index_attention *attention)
{
	index->follow = follow_new(index, index->dir, attention->watches);
	index->pass = index_pass_new(attention->interval_ms);
}

int
index_start(struct index *index, struct fault *f)
{
	index->purged = clock_ms();
	index->purged_time = time(NULL);
	if (index->follow != NULL && follow_start(index->follow, f) < 0)
		return -1;
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
		index_settle(x, true);
	}
	follow_free(&x->follow);
	index_pass_free(&x->pass);
	index_moved_free(&x->moved);
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
